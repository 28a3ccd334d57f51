"""SQL of plans for going away."""

from collections.abc import Sequence
from datetime import date

import msgspec

from yikatong.core.database import Connection
from yikatong.portability.plans.model import Plan

_COLUMNS = ", ".join(Plan.__struct_fields__)


async def lock(connection: Connection, person_id: int) -> None:
    """One after the other for each person."""
    await connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('going away', $1))", person_id
    )


async def of_person(connection: Connection, person_id: int) -> list[Plan]:
    """The next to leave first."""
    rows = await connection.fetch(
        f"select {_COLUMNS} from going_away where person_id = $1 order by leaves_on, plan_id",  # noqa: S608
        person_id,
    )
    return [msgspec.convert(dict(row), Plan) for row in rows]


async def made_with(connection: Connection, person_id: int, key: str) -> tuple[int, bytes] | None:
    """The plan made with a key, and the digest of what was asked."""
    row = await connection.fetchrow(
        "select plan_id, digest from going_away where person_id = $1 and key = $2", person_id, key
    )
    return None if row is None else (row[0], row[1])


async def insert(connection: Connection, plan: Plan, key: str, digest: bytes) -> None:
    await connection.execute(
        f"""insert into going_away ({_COLUMNS}, key, digest)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",  # noqa: S608 - our constant
        *msgspec.structs.astuple(plan),
        key,
        digest,
    )


async def delete(connection: Connection, person_id: int, plan_id: int) -> bool:
    """Answers whether it was there."""
    done = await connection.execute(
        "delete from going_away where person_id = $1 and plan_id = $2", person_id, plan_id
    )
    return done != "DELETE 0"


async def leaving(
    connection: Connection, since: date, until: date, after: tuple[date, int, int], limit: int
) -> Sequence[Plan]:
    """Plans that begin between two days, in their order, from behind one."""
    rows = await connection.fetch(
        f"""select {_COLUMNS} from going_away
             where leaves_on between $1 and $2 and (leaves_on, person_id, plan_id) > ($3, $4, $5)
             order by leaves_on, person_id, plan_id limit $6""",  # noqa: S608 - our constant
        since,
        until,
        *after,
        limit,
    )
    return [msgspec.convert(dict(row), Plan) for row in rows]


async def forget(connection: Connection, before: date) -> int:
    """Delete plans whose last day was before a day; answers how many."""
    done = await connection.execute(
        "delete from going_away where coalesce(returns_on, leaves_on) < $1", before
    )
    return int(done.rpartition(" ")[2])
