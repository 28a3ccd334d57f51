"""SQL of contributions."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

import asyncpg
import msgspec

from yikatong.core.clock import SHANGHAI
from yikatong.core.database import Connection, Record
from yikatong.core.money import Fen
from yikatong.core.together import Conflict
from yikatong.money.contributions.model import Bill, Employer, ListState

_BILL = ", ".join(Bill.__struct_fields__)
_LIST = ", ".join(ListState.__struct_fields__)


def _bill(row: Record) -> Bill:
    facts = dict(row)
    if facts["paid_at"]:
        facts["paid_at"] = facts["paid_at"].astimezone(SHANGHAI)
    return Bill(**facts)


async def employer(connection: Connection, employer_code: str) -> Employer | None:
    row = await connection.fetchrow(
        "select employer_code, name, region, trade from employers where employer_code = $1",
        employer_code,
    )
    return None if row is None else Employer(**dict(row))


async def put_employer(connection: Connection, one: Employer, at: datetime) -> None:
    await connection.execute(
        """insert into employers (employer_code, name, region, trade, registered_at)
           values ($1, $2, $3, $4, $5)
           on conflict (employer_code) do update
              set name = excluded.name, region = excluded.region, trade = excluded.trade""",
        one.employer_code,
        one.name,
        one.region,
        one.trade,
        at,
    )


async def bills_of(
    connection: Connection, person_ids: Sequence[int], states: Sequence[str]
) -> list[Bill]:
    rows = await connection.fetch(
        f"""select {_BILL} from contribution_bills
            where person_id = any($1::bigint[]) and state = any($2::text[])
            order by period_from, insurance, bill_id""",  # noqa: S608 - our constant
        person_ids,
        states,
    )
    return [_bill(row) for row in rows]


async def bills(connection: Connection, person_id: int, bill_ids: Sequence[int]) -> list[Bill]:
    rows = await connection.fetch(
        f"""select {_BILL} from contribution_bills
            where person_id = $1 and bill_id = any($2::bigint[])
            order by period_from, insurance, bill_id""",  # noqa: S608
        person_id,
        bill_ids,
    )
    return [_bill(row) for row in rows]


async def bills_of_list(connection: Connection, list_id: int) -> list[Bill]:
    rows = await connection.fetch(
        f"""select {_BILL} from contribution_bills where list_id = $1
            order by person_id, insurance""",  # noqa: S608
        list_id,
    )
    return [_bill(row) for row in rows]


async def insert_bills(connection: Connection, made: Sequence[Bill], at: datetime) -> None:
    """Add bills; raises Conflict where one of the periods is billed already."""
    names = [*Bill.__struct_fields__, "issued_at"]
    columns = [
        list(column) for column in zip(*(msgspec.structs.astuple(one) for one in made), strict=True)
    ]
    try:
        await connection.execute(
            f"""insert into contribution_bills ({", ".join(names)})
               select * from unnest(
                   $1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[],
                   $7::text[], $8::bigint[], $9::date[], $10::date[], $11::bigint[],
                   $12::bigint[], $13::bigint[], $14::bigint[], $15::date[], $16::text[],
                   $17::bigint[], $18::timestamptz[], $19::bigint[], $20::bigint[],
                   $21::bigint[], $22::integer[], $23::timestamptz[])""",  # noqa: S608
            *columns,
            [at] * len(made),
        )
    except asyncpg.UniqueViolationError as error:
        raise Conflict from error


async def update_bills(connection: Connection, changed: Sequence[Bill]) -> None:
    """Write state and payment of bills; raises Conflict where one changed since it was read."""
    done = await connection.execute(
        """update contribution_bills b
              set state = n.state, late_fee = n.late_fee, paid_at = n.paid_at,
                  paid_by = n.paid_by, paid_about = n.paid_about, account_id = n.account_id,
                  version = b.version + 1
             from unnest($1::bigint[], $2::bigint[], $3::integer[], $4::text[], $5::bigint[],
                         $6::timestamptz[], $7::bigint[], $8::bigint[], $9::bigint[])
               as n (person_id, bill_id, version, state, late_fee, paid_at, paid_by, paid_about,
                     account_id)
            where b.person_id = n.person_id and b.bill_id = n.bill_id and b.version = n.version""",
        [one.person_id for one in changed],
        [one.bill_id for one in changed],
        [one.version for one in changed],
        [one.state for one in changed],
        [one.late_fee for one in changed],
        [one.paid_at for one in changed],
        [one.paid_by for one in changed],
        [one.paid_about for one in changed],
        [one.account_id for one in changed],
    )
    if done != f"UPDATE {len(changed)}":
        raise Conflict


async def overdue(
    connection: Connection, before: date, after: tuple[int, int], limit: int
) -> list[Bill]:
    """Open bills whose last day is past, in the order of person and bill, behind `after`."""
    rows = await connection.fetch(
        f"""select {_BILL} from contribution_bills
            where state = 'open' and due_on < $1 and (person_id, bill_id) > ($2, $3)
            order by person_id, bill_id limit $4""",  # noqa: S608
        before,
        after[0],
        after[1],
        limit,
    )
    return [_bill(row) for row in rows]


async def list_by_key(
    connection: Connection, employer_code: str, key: str
) -> tuple[ListState, bytes] | None:
    row = await connection.fetchrow(
        f"select {_LIST}, content_hash from contribution_lists where employer_code = $1 and key = $2",  # noqa: S608
        employer_code,
        key,
    )
    if row is None:
        return None
    facts = dict(row)
    content_hash = facts.pop("content_hash")
    return ListState(**facts), content_hash


async def list_of(connection: Connection, list_id: int) -> ListState | None:
    row = await connection.fetchrow(
        f"select {_LIST} from contribution_lists where list_id = $1",  # noqa: S608
        list_id,
    )
    return None if row is None else ListState(**dict(row))


async def insert_list(connection: Connection, facts: dict[str, Any]) -> int:
    """Add a list; raises Conflict where its key was used meanwhile."""
    try:
        return await connection.fetchval(
            f"""insert into contribution_lists ({", ".join(facts)})
                values ({", ".join(f"${number + 1}" for number in range(len(facts)))})
                returning list_id""",  # noqa: S608
            *facts.values(),
        )
    except asyncpg.UniqueViolationError as error:
        raise Conflict from error


async def pay_list(
    connection: Connection, one: ListState, at: datetime, late_fee: Fen, notice: str
) -> None:
    done = await connection.execute(
        """update contribution_lists
              set state = 'paid', paid_at = $3, late_fee = $4, notice = $5, version = version + 1
            where list_id = $1 and version = $2""",
        one.list_id,
        one.version,
        at,
        late_fee,
        notice,
    )
    if done != "UPDATE 1":
        raise Conflict


async def unpaid_differences(connection: Connection) -> list[tuple[str, str, str]]:
    """Paid bills whose transaction is not there, or did not take what they say: where, said, found."""
    rows: Iterable[Record] = await connection.fetch(
        """with paid as (
               select paid_about, paid_by, sum(employer_part + personal_part + late_fee) as amount
                 from contribution_bills where state in ('paid', 'refunded')
                group by paid_about, paid_by)
           select p.paid_about || '/' || p.paid_by, p.amount::text, coalesce(t.amount::text, 'none')
             from paid p
             left join (select person_id, transaction_id, (select sum(a) from unnest(amounts) a where a > 0) as amount
                          from ledger_transactions where kind = 'contribution') t
                    on t.person_id = p.paid_about and t.transaction_id = p.paid_by
            where t.amount is distinct from p.amount"""
    )
    return [(row[0], row[1], row[2]) for row in rows]
