"""SQL of orders to banks and of reconciliation."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any, Final, Literal

import asyncpg
import msgspec

from yikatong.core.database import Connection, Record
from yikatong.core.errors import Text
from yikatong.core.money import Fen
from yikatong.core.together import Conflict
from yikatong.money.outside.interface import Direction, Done, Outcome, Refused, StatementRow

State = Literal["pending", "unknown", "done", "refused"]

ORDER_COLUMNS: Final = """person_id, order_id, key, content_hash, bank, direction, amount, account_id,
    shared, number_sealed, number_tail, name_sealed, memo, state, attempts, next_try_at, created_at,
    first_sent_at, valid_until, finished_at, reference, executed_at, refusal_code, refusal_zh,
    refusal_en, version"""


class BankOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order to a bank as it stands (银行指令)."""

    person_id: int
    order_id: int
    key: str
    content_hash: bytes
    bank: str
    direction: Direction
    amount: Fen
    account_id: int
    """Our side: an account of the person, or a shared one."""
    shared: bool
    number_sealed: bytes
    number_tail: str
    name_sealed: bytes
    memo: str
    state: State
    """unknown: sent, and no outcome heard yet."""
    attempts: int
    next_try_at: datetime | None
    created_at: datetime
    first_sent_at: datetime | None = None
    valid_until: datetime | None = None
    finished_at: datetime | None = None
    reference: str | None = None
    executed_at: datetime | None = None
    refusal_code: str | None = None
    refusal_zh: str | None = None
    refusal_en: str | None = None
    version: int = 1

    @property
    def external_id(self) -> str:
        """The order id the bank is told: ours is unique within one person only."""
        return f"{self.person_id}-{self.order_id}"

    @property
    def open(self) -> bool:
        """Whether the outcome is still to come."""
        return self.state in ("pending", "unknown")


def parse_external_id(text: str) -> tuple[int, int] | None:
    """person_id and order_id of an order id a bank names; None where it cannot be ours."""
    person, _, order = text.partition("-")
    for part in (person, order):
        if not (part.isascii() and part.isdigit() and len(part) <= 19 and int(part) < 2**63):
            return None
    return int(person), int(order)


def _order(row: Record) -> BankOrder:
    return BankOrder(**dict(row))


async def order(connection: Connection, person_id: int, order_id: int) -> BankOrder | None:
    row = await connection.fetchrow(
        f"select {ORDER_COLUMNS} from bank_orders where person_id = $1 and order_id = $2",  # noqa: S608 - our constant
        person_id,
        order_id,
    )
    return None if row is None else _order(row)


async def order_by_key(connection: Connection, person_id: int, key: str) -> BankOrder | None:
    row = await connection.fetchrow(
        f"select {ORDER_COLUMNS} from bank_orders where person_id = $1 and key = $2",  # noqa: S608
        person_id,
        key,
    )
    return None if row is None else _order(row)


async def orders(connection: Connection, ids: Sequence[tuple[int, int]]) -> list[BankOrder]:
    rows = await connection.fetch(
        f"""select {ORDER_COLUMNS} from bank_orders
             join unnest($1::bigint[], $2::bigint[]) as wanted (person_id, order_id)
            using (person_id, order_id)""",  # noqa: S608
        [one[0] for one in ids],
        [one[1] for one in ids],
    )
    return [_order(row) for row in rows]


async def insert(connection: Connection, made: BankOrder) -> None:
    """Add an order; raises Conflict where its key is there already."""
    facts = msgspec.structs.asdict(made)
    names = [name.strip() for name in ORDER_COLUMNS.split(",")]
    places = ", ".join(f"${number}" for number in range(1, len(names) + 1))
    try:
        await connection.execute(
            f"insert into bank_orders ({ORDER_COLUMNS}) values ({places})",  # noqa: S608
            *(facts[name] for name in names),
        )
    except asyncpg.UniqueViolationError as error:
        raise Conflict from error


async def due(connection: Connection, bank: str, now: datetime, limit: int) -> list[BankOrder]:
    rows = await connection.fetch(
        f"""select {ORDER_COLUMNS} from bank_orders
            where bank = $1 and state in ('pending', 'unknown') and next_try_at <= $2
            order by next_try_at limit $3""",  # noqa: S608
        bank,
        now,
        limit,
    )
    return [_order(row) for row in rows]


async def claim(
    connection: Connection, one: BankOrder, now: datetime, valid_until: datetime, back_at: datetime
) -> BankOrder | None:
    """Note that the order is about to be sent; None where somebody else was quicker.

    From here on the outcome is unknown, also where this process dies on the way.
    """
    row = await connection.fetchrow(
        f"""update bank_orders
               set state = 'unknown', attempts = attempts + 1, next_try_at = $4,
                   first_sent_at = coalesce(first_sent_at, $5),
                   valid_until = coalesce(valid_until, $6), version = version + 1
             where person_id = $1 and order_id = $2 and version = $3
               and state in ('pending', 'unknown')
            returning {ORDER_COLUMNS}""",  # noqa: S608
        one.person_id,
        one.order_id,
        one.version,
        back_at,
        now,
        valid_until,
    )
    return None if row is None else _order(row)


async def put_off(connection: Connection, one: BankOrder, next_try_at: datetime | None) -> None:
    """Say when to try again, or that only reconciliation helps; unless the order has moved on."""
    await connection.execute(
        """update bank_orders set next_try_at = $4, version = version + 1
            where person_id = $1 and order_id = $2 and version = $3 and state = 'unknown'""",
        one.person_id,
        one.order_id,
        one.version,
        next_try_at,
    )


async def finish(
    connection: Connection, one: BankOrder, outcome: Outcome, now: datetime
) -> BankOrder:
    """Write the outcome; raises Conflict where somebody else changed the order meanwhile."""
    done = outcome if isinstance(outcome, Done) else None
    refused = outcome if isinstance(outcome, Refused) else None
    row = await connection.fetchrow(
        f"""update bank_orders
               set state = $4, finished_at = $5, next_try_at = null, reference = $6,
                   executed_at = $7, refusal_code = $8, refusal_zh = $9, refusal_en = $10,
                   version = version + 1
             where person_id = $1 and order_id = $2 and version = $3
               and state in ('pending', 'unknown')
            returning {ORDER_COLUMNS}""",  # noqa: S608
        one.person_id,
        one.order_id,
        one.version,
        "done" if done else "refused",
        now,
        done and done.reference,
        done and done.at,
        refused and refused.code,
        refused and refused.text.zh,
        refused and refused.text.en,
    )
    if row is None:
        raise Conflict
    return _order(row)


async def executed_between(
    connection: Connection, bank: str, first: datetime, behind: datetime
) -> list[BankOrder]:
    """Orders the bank says it carried out in [first, behind)."""
    rows = await connection.fetch(
        f"""select {ORDER_COLUMNS} from bank_orders
            where bank = $1 and state = 'done' and executed_at >= $2 and executed_at < $3""",  # noqa: S608
        bank,
        first,
        behind,
    )
    return [_order(row) for row in rows]


async def unknown_between(
    connection: Connection, bank: str, first: datetime, behind: datetime
) -> list[BankOrder]:
    """Orders without an outcome that the bank could have carried out in [first, behind)."""
    rows = await connection.fetch(
        f"""select {ORDER_COLUMNS} from bank_orders
            where bank = $1 and state = 'unknown' and first_sent_at < $3 and valid_until >= $2""",  # noqa: S608
        bank,
        first,
        behind,
    )
    return [_order(row) for row in rows]


CHECK_ORDERS: Final = """
    with open_orders as (
        select bank, sum(amount) as total from bank_orders
         where direction = 'credit' and state in ('pending', 'unknown') group by bank),
    in_transit as (
        select s.owner as bank, coalesce(sum(p.amount), 0) as total
          from shared_accounts s
          left join ledger_postings p on p.account_id = s.account_id and p.balance_after is null
         where s.kind = 'bank' and s.purpose = 'in_transit' group by s.owner)
    select bank, coalesce(o.total, 0)::text, coalesce(t.total, 0)::text
      from open_orders o full join in_transit t using (bank)
     where coalesce(o.total, 0) <> coalesce(t.total, 0)
     order by bank"""


async def check_orders(connection: Connection) -> list[tuple[str, str, str]]:
    """Banks whose money in transit is not the sum of their open orders: where, expected, found.

    For the ledger's verification: `found.differ("money in transit ...", await check_orders(c))`.
    """
    return [(row[0], row[1], row[2]) for row in await connection.fetch(CHECK_ORDERS)]


async def add_differences(
    connection: Connection,
    bank: str,
    day: date,
    found: Sequence[tuple[str, str, str, str]],
    now: datetime,
) -> bool:
    """Add differences (order id, kind, ours, theirs) that are not listed; whether any was new."""
    if not found:
        return False
    columns = [list(column) for column in zip(*found, strict=True)]
    done = await connection.execute(
        """insert into bank_differences (bank, day, order_id, kind, ours, theirs, found_at)
           select distinct on (order_id, kind) $1::text, $2::date, order_id, kind, ours, theirs, $3::timestamptz
             from unnest($4::text[], $5::text[], $6::text[], $7::text[])
               as n (order_id, kind, ours, theirs)
           on conflict (bank, day, order_id, kind) do update
              set cleared_at = null, found_at = excluded.found_at, ours = excluded.ours,
                  theirs = excluded.theirs
            where bank_differences.cleared_at is not null""",
        bank,
        day,
        now,
        *columns,
    )
    return not done.endswith(" 0")


async def clear_differences(
    connection: Connection,
    bank: str,
    day: date,
    found: Sequence[tuple[str, str, str, str]],
    kept: Collection[str],
    now: datetime,
) -> bool:
    """Mark listed differences that were not found again as cleared, but for the kinds `kept`."""
    done = await connection.execute(
        """update bank_differences d set cleared_at = $3
            where bank = $1 and day = $2 and cleared_at is null and kind <> all($4::text[])
              and not exists (select from unnest($5::text[], $6::text[]) as n (order_id, kind)
                               where n.order_id = d.order_id and n.kind = d.kind)""",
        bank,
        day,
        now,
        list(kept),
        [one[0] for one in found],
        [one[1] for one in found],
    )
    return not done.endswith(" 0")


async def differences(
    connection: Connection, bank: str, day: date
) -> list[tuple[str, Any, str, str]]:
    """The differences of a day that stand or were resolved: order id, kind, ours, theirs."""
    rows = await connection.fetch(
        """select order_id, kind, ours, theirs from bank_differences
            where bank = $1 and day = $2 and cleared_at is null order by kind, order_id""",
        bank,
        day,
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


async def open_differences(
    connection: Connection, resolved: Sequence[str], limit: int
) -> list[tuple[str, date, int, datetime]]:
    """Days of banks with differences that stand (kinds that were resolved left out): bank, day, how
    many, since when; the oldest first."""
    rows = await connection.fetch(
        """select bank, day, count(*), min(found_at) from bank_differences
            where cleared_at is null and kind <> all($1::text[])
            group by bank, day order by 4, bank, day limit $2""",
        resolved,
        limit,
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


async def without_outcome(
    connection: Connection, before: datetime
) -> list[tuple[str, int, datetime, bool]]:
    """Orders made before a moment without an outcome: bank, how many, the oldest, and whether one of
    them is not tried any more."""
    rows = await connection.fetch(
        """select bank, count(*), min(created_at), bool_or(next_try_at is null) from bank_orders
            where state in ('pending', 'unknown') and created_at < $1
            group by bank order by 3, bank""",
        before,
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


async def write_reconciliation(
    connection: Connection,
    facts: tuple[str, date, bool, int, int, int],
    now: datetime,
    *,
    changed: bool,
) -> None:
    """Write bank, day, closed, bank_rows, matched, waiting; nothing where all is as before."""
    await connection.execute(
        """insert into bank_reconciliations as r
             (bank, day, closed, bank_rows, matched, waiting, first_at, changed_at)
           values ($1, $2, $3, $4, $5, $6, $7, $7)
           on conflict (bank, day) do update
              set closed = excluded.closed, bank_rows = excluded.bank_rows,
                  matched = excluded.matched, waiting = excluded.waiting,
                  changed_at = excluded.changed_at
            where $8 or (r.closed, r.bank_rows, r.matched, r.waiting) is distinct from
                        (excluded.closed, excluded.bank_rows, excluded.matched, excluded.waiting)""",
        *facts,
        now,
        changed,
    )


async def embedded_outcome(
    connection: Connection, bank: str, order_id: str
) -> tuple[bytes, Outcome] | None:
    """What the embedded bank decided on an order, with the hash of its content."""
    row = await connection.fetchrow(
        """select content_hash, direction, amount, transaction_id, refusal_code, refusal_zh,
                  refusal_en, at
             from embedded_bank_orders where bank = $1 and order_id = $2""",
        bank,
        order_id,
    )
    if row is None:
        return None
    if row["transaction_id"] is None:
        text = Text(row["refusal_zh"], row["refusal_en"])
        return row["content_hash"], Refused(code=row["refusal_code"], text=text)
    return row["content_hash"], Done(
        direction=row["direction"],
        amount=row["amount"],
        reference=str(row["transaction_id"]),
        at=row["at"],
    )


async def insert_embedded(connection: Connection, facts: dict[str, Any]) -> None:
    """Remember an order of the embedded bank; raises Conflict where it is there already."""
    places = ", ".join(f"${number}" for number in range(1, len(facts) + 1))
    try:
        await connection.execute(
            f"insert into embedded_bank_orders ({', '.join(facts)}) values ({places})",  # noqa: S608 - names of ours
            *facts.values(),
        )
    except asyncpg.UniqueViolationError as error:
        raise Conflict from error


async def embedded_rows(
    connection: Connection, bank: str, first: datetime, behind: datetime
) -> list[StatementRow]:
    rows = await connection.fetch(
        """select order_id, direction, amount, number_tail as account_tail, at,
                  transaction_id::text as reference
             from embedded_bank_orders
            where bank = $1 and at >= $2 and at < $3 and transaction_id is not null
            order by at, transaction_id""",
        bank,
        first,
        behind,
    )
    return [StatementRow(**dict(row)) for row in rows]
