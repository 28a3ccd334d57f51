"""SQL of standing orders."""

from collections.abc import Sequence
from datetime import date

import msgspec

from yikatong.core.database import Connection
from yikatong.core.together import Conflict
from yikatong.money.bank.standing_rules import Run, StandingOrder

_COLUMNS = ", ".join(StandingOrder.__struct_fields__)
_RUN_COLUMNS = ", ".join(Run.__struct_fields__)


async def insert(connection: Connection, order: StandingOrder) -> None:
    values = msgspec.structs.astuple(order)
    marks = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    await connection.execute(
        f"insert into standing_orders ({_COLUMNS}) values ({marks})",  # noqa: S608 - our constants
        *values,
    )


async def update(connection: Connection, order: StandingOrder) -> None:
    """Write the order over the version that was read; raises Conflict where there is another."""
    done = await connection.execute(
        """update standing_orders
              set amount = $4, memo = $5, every = $6, day = $7, starts_on = $8, ends_on = $9,
                  level = $10, state = $11, next_due = $12, try_on = $13, tries = $14,
                  last_due = $15, version = version + 1
            where person_id = $1 and order_id = $2 and version = $3""",
        order.person_id,
        order.order_id,
        order.version,
        order.amount,
        order.memo,
        order.every,
        order.day,
        order.starts_on,
        order.ends_on,
        order.level,
        order.state,
        order.next_due,
        order.try_on,
        order.tries,
        order.last_due,
    )
    if done != "UPDATE 1":
        raise Conflict


async def locked(
    connection: Connection, keys: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], StandingOrder]:
    """The orders, locked until the transaction ends, in one order everywhere."""
    rows = await connection.fetch(
        f"""select {_COLUMNS} from standing_orders
             where (person_id, order_id) in (select * from unnest($1::bigint[], $2::bigint[]))
             order by person_id, order_id for update""",  # noqa: S608
        [key[0] for key in keys],
        [key[1] for key in keys],
    )
    return {(row["person_id"], row["order_id"]): StandingOrder(**dict(row)) for row in rows}


async def order(connection: Connection, person_id: int, order_id: int) -> StandingOrder | None:
    row = await connection.fetchrow(
        f"select {_COLUMNS} from standing_orders where person_id = $1 and order_id = $2",  # noqa: S608
        person_id,
        order_id,
    )
    return None if row is None else StandingOrder(**dict(row))


async def orders_of(connection: Connection, person_id: int) -> list[StandingOrder]:
    """Those that go on first, the newest first."""
    rows = await connection.fetch(
        f"""select {_COLUMNS} from standing_orders where person_id = $1
             order by state = 'ended', order_id desc""",  # noqa: S608
        person_id,
    )
    return [StandingOrder(**dict(row)) for row in rows]


async def due(
    connection: Connection, day: date, kinds: Sequence[str], limit: int
) -> list[StandingOrder]:
    rows = await connection.fetch(
        f"""select {_COLUMNS} from standing_orders
             where state = 'active' and try_on <= $1 and kind = any($2::text[])
             order by try_on, person_id, order_id limit $3""",  # noqa: S608
        day,
        kinds,
        limit,
    )
    return [StandingOrder(**dict(row)) for row in rows]


async def write_run(connection: Connection, run: Run) -> None:
    """What became of a due date; a payment stands above a skip, and neither goes back to a retry."""
    values = msgspec.structs.astuple(run)
    await connection.execute(
        f"""insert into standing_order_runs ({_RUN_COLUMNS})
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
            on conflict (person_id, order_id, due_on) do update
               set outcome = excluded.outcome, amount = excluded.amount, tries = excluded.tries,
                   reason = excluded.reason, reason_zh = excluded.reason_zh,
                   reason_en = excluded.reason_en, transaction_id = excluded.transaction_id,
                   at = excluded.at
             where standing_order_runs.outcome = 'retrying'
                or (standing_order_runs.outcome = 'skipped' and excluded.outcome = 'paid')""",  # noqa: S608
        *values,
    )


async def runs(connection: Connection, person_id: int, order_id: int, limit: int) -> list[Run]:
    """The newest due dates first."""
    rows = await connection.fetch(
        f"""select {_RUN_COLUMNS} from standing_order_runs
             where person_id = $1 and order_id = $2 order by due_on desc limit $3""",  # noqa: S608
        person_id,
        order_id,
        limit,
    )
    return [Run(**dict(row)) for row in rows]
