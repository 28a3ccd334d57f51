"""SQL of the hotline: calls and their notes."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from yikatong.core.database import Connection


class Call(msgspec.Struct, frozen=True):
    """A call after the caller was found; the note is sealed, None until it is kept."""

    person_id: int
    call_id: int
    staff_number: str
    begun_at: datetime
    compared: list[str]
    topic: str
    note_sealed: bytes | None
    noted_at: datetime | None


_CALL = """person_id, call_id, staff_number, begun_at, compared, topic, note_sealed, noted_at"""


async def insert(connection: Connection, one: Call) -> None:
    await connection.execute(
        """insert into call_notes (person_id, call_id, staff_number, begun_at, compared)
           values ($1, $2, $3, $4, $5)""",
        one.person_id, one.call_id, one.staff_number, one.begun_at, one.compared,
    )  # fmt: skip


async def call(connection: Connection, person_id: int, call_id: int) -> Call | None:
    row = await connection.fetchrow(
        f"select {_CALL} from call_notes where person_id = $1 and call_id = $2",  # noqa: S608
        person_id,
        call_id,
    )
    return None if row is None else Call(**dict(row))


async def of_person(connection: Connection, person_id: int, limit: int) -> Sequence[Call]:
    """The newest calls about a person."""
    rows = await connection.fetch(
        f"""select {_CALL} from call_notes
             where person_id = $1 order by call_id desc limit $2""",  # noqa: S608 - our constant
        person_id,
        limit,
    )
    return [Call(**dict(row)) for row in rows]


async def note(
    connection: Connection, person_id: int, call_id: int, topic: str, sealed: bytes, at: datetime
) -> bool:
    """Keep the note of a call that has none; whether it was kept."""
    done = await connection.fetchval(
        """update call_notes set topic = $3, note_sealed = $4, noted_at = $5
            where person_id = $1 and call_id = $2 and noted_at is null returning true""",
        person_id,
        call_id,
        topic,
        sealed,
        at,
    )
    return bool(done)
