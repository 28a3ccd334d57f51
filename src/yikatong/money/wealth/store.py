"""SQL of wealth products."""

from collections.abc import Sequence
from datetime import date

import asyncpg
import msgspec

from yikatong.core.database import Connection
from yikatong.core.together import Conflict
from yikatong.money.ledger import store as ledger_store
from yikatong.money.wealth.model import Holding, Rating

_COLUMNS = ", ".join(Holding.__struct_fields__)
_RATING_COLUMNS = ", ".join(Rating.__struct_fields__)


async def insert_rating(
    connection: Connection, rating: Rating, key: str, content_hash: bytes
) -> None:
    """Raises Conflict where the key was used meanwhile."""
    try:
        await connection.execute(
            f"""insert into risk_ratings ({_RATING_COLUMNS}, key, content_hash)
                values ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",  # noqa: S608 - our constants
            *msgspec.structs.astuple(rating),
            key,
            content_hash,
        )
    except asyncpg.UniqueViolationError as error:
        raise Conflict from error


async def rating_by_key(
    connection: Connection, person_id: int, key: str
) -> tuple[Rating, bytes] | None:
    row = await connection.fetchrow(
        f"""select {_RATING_COLUMNS}, content_hash from risk_ratings
             where person_id = $1 and key = $2""",  # noqa: S608
        person_id,
        key,
    )
    if row is None:
        return None
    facts = dict(row)
    content_hash = facts.pop("content_hash")
    return Rating(**facts), content_hash


async def latest_rating(connection: Connection, person_id: int) -> Rating | None:
    row = await connection.fetchrow(
        f"""select {_RATING_COLUMNS} from risk_ratings where person_id = $1
             order by rating_id desc limit 1""",  # noqa: S608
        person_id,
    )
    return None if row is None else Rating(**dict(row))


async def insert_holding(connection: Connection, holding: Holding) -> None:
    values = msgspec.structs.astuple(holding)
    marks = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    await connection.execute(
        f"insert into wealth_holdings ({_COLUMNS}) values ({marks})",  # noqa: S608
        *values,
    )


async def update_holdings(connection: Connection, changed: Sequence[Holding]) -> None:
    """Write holdings over the versions that were read; raises Conflict where there are others."""
    try:
        done = await connection.execute(
            """update wealth_holdings h
                  set principal = n.principal, accrued = n.accrued,
                      interest_paid = n.interest_paid, accrued_through = n.accrued_through,
                      state = n.state, closed_at = n.closed_at, unpaid = n.unpaid,
                      version = h.version + 1
                 from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],
                             $6::bigint[], $7::date[], $8::text[], $9::timestamptz[], $10::text[])
                   as n (person_id, holding_id, version, principal, accrued, interest_paid,
                         accrued_through, state, closed_at, unpaid)
                where h.person_id = n.person_id and h.holding_id = n.holding_id
                  and h.version = n.version""",
            [one.person_id for one in changed],
            [one.holding_id for one in changed],
            [one.version for one in changed],
            [one.principal for one in changed],
            [one.accrued for one in changed],
            [one.interest_paid for one in changed],
            [one.accrued_through for one in changed],
            [one.state for one in changed],
            [one.closed_at for one in changed],
            [one.unpaid for one in changed],
        )
    except asyncpg.DeadlockDetectedError as error:
        raise Conflict from error
    if done != f"UPDATE {len(changed)}":
        raise Conflict


async def holding(connection: Connection, person_id: int, holding_id: int) -> Holding | None:
    row = await connection.fetchrow(
        f"select {_COLUMNS} from wealth_holdings where person_id = $1 and holding_id = $2",  # noqa: S608
        person_id,
        holding_id,
    )
    return None if row is None else Holding(**dict(row))


async def holdings_of(connection: Connection, person_id: int, *, open_only: bool) -> list[Holding]:
    """Open ones first, the newest first."""
    rows = await connection.fetch(
        f"""select {_COLUMNS} from wealth_holdings
             where person_id = $1 and (state = 'open' or not $2)
             order by state <> 'open', holding_id desc""",  # noqa: S608
        person_id,
        open_only,
    )
    return [Holding(**dict(row)) for row in rows]


async def accruing(
    connection: Connection, day: date, after: tuple[date, int, int], limit: int
) -> list[Holding]:
    """Holdings with interest of days before `day` to come, in order behind `after`."""
    rows = await connection.fetch(
        f"""select {_COLUMNS} from wealth_holdings
             where state = 'open' and accrued_through < $1
               and (matures_on is null or accrued_through < matures_on)
               and (accrued_through, person_id, holding_id) > ($2, $3, $4)
             order by accrued_through, person_id, holding_id limit $5""",  # noqa: S608
        day,
        *after,
        limit,
    )
    return [Holding(**dict(row)) for row in rows]


async def maturing(connection: Connection, day: date, limit: int) -> list[tuple[int, int]]:
    """Holdings to be paid out that were not found impossible to pay."""
    rows = await connection.fetch(
        """select person_id, holding_id from wealth_holdings
            where state = 'open' and matures_on <= $1 and unpaid is null
            order by matures_on, person_id, holding_id limit $2""",
        day,
        limit,
    )
    return [(row[0], row[1]) for row in rows]


async def banks_apart(connection: Connection) -> list[tuple[str, str, str]]:
    """Banks whose wealth account is not the sum of the open holdings: where, expected, found."""
    rows = await connection.fetch(
        """select s.account_id, coalesce(s.owner, h.bank) as bank, coalesce(h.total, 0) as total
             from (select account_id, owner from shared_accounts
                    where kind = 'bank' and purpose = 'wealth') s
             full join (select bank, sum(principal + accrued)::bigint as total from wealth_holdings
                         where state = 'open' group by bank) h on h.bank = s.owner
            order by 2"""
    )
    apart: list[tuple[str, str, str]] = []
    for account_id, bank, total in ((row[0], row[1], row[2]) for row in rows):
        found = 0
        if account_id is not None:
            found, _ = (await ledger_store.shared_balances(connection, [account_id]))[account_id]
        if found != total:
            apart.append((f"bank {bank}", str(total), str(found)))
    return apart


async def holdings_apart(connection: Connection) -> list[tuple[str, str, str]]:
    """Open holdings whose interest is not what their terms give: where, expected, found."""
    rows = await connection.fetch(
        """select person_id || '/' || holding_id, due::text, accrued::text
             from (select person_id, holding_id, accrued,
                          div(2 * principal::numeric * rate * (accrued_through - starts_on)
                              + 365000000, 730000000) as due
                     from wealth_holdings where state = 'open') h
            where due <> accrued"""
    )
    return [(f"holding {row[0]}", row[1], row[2]) for row in rows]
