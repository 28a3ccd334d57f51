"""SQL of sessions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from yikatong.core.database import Connection, Record
from yikatong.identity.model import Level
from yikatong.identity.sessions.model import Session

_SESSION = """person_id, session_id, level, begun_with, modes, proved_at, raised_level, raised_until,
    acting_for, device, begun_at, seen_at, ends_at"""


_FIELDS = Session.__struct_fields__


def _session(row: Record) -> Session:
    facts: dict[str, Any] = {name: row[name] for name in _FIELDS}
    facts["begun_with"], facts["modes"] = tuple(facts["begun_with"]), tuple(facts["modes"])
    return Session(**facts)


async def insert(connection: Connection, session: Session, secret_hash: bytes) -> None:
    await connection.execute(
        f"""insert into sessions ({_SESSION}, secret_hash)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)""",  # noqa: S608
        session.person_id, session.session_id, session.level, list(session.begun_with), list(session.modes),
        session.proved_at, session.raised_level, session.raised_until, session.acting_for,
        session.device, session.begun_at, session.seen_at, session.ends_at, secret_hash,
    )  # fmt: skip


async def live(
    connection: Connection, person_id: int, session_id: int, at: datetime, seen_after: datetime
) -> tuple[Session, bytes] | None:
    """A session that has not ended, with the hash of its secret."""
    row = await connection.fetchrow(
        f"""select {_SESSION}, secret_hash from sessions
             where person_id = $1 and session_id = $2 and ended_at is null
               and ends_at > $3 and seen_at > $4""",  # noqa: S608
        person_id,
        session_id,
        at,
        seen_after,
    )
    return None if row is None else (_session(row), row["secret_hash"])


async def not_ended(
    connection: Connection, person_id: int, session_id: int
) -> tuple[Session, bytes] | None:
    """A session that nobody ended, whether its time is over or not, with the hash of its secret."""
    row = await connection.fetchrow(
        f"""select {_SESSION}, secret_hash from sessions
             where person_id = $1 and session_id = $2 and ended_at is null""",  # noqa: S608
        person_id,
        session_id,
    )
    return None if row is None else (_session(row), row["secret_hash"])


async def of_person(
    connection: Connection, person_id: int, at: datetime, seen_after: datetime
) -> Sequence[Session]:
    rows = await connection.fetch(
        f"""select {_SESSION} from sessions
             where person_id = $1 and ended_at is null and ends_at > $2 and seen_at > $3
             order by seen_at desc""",  # noqa: S608
        person_id,
        at,
        seen_after,
    )
    return [_session(row) for row in rows]


async def seen(connection: Connection, person_id: int, session_id: int, at: datetime) -> None:
    await connection.execute(
        "update sessions set seen_at = $3 where person_id = $1 and session_id = $2 and seen_at < $3",
        person_id,
        session_id,
        at,
    )


async def raise_level(
    connection: Connection,
    person_id: int,
    session_id: int,
    level: Level,
    modes: Sequence[str],
    at: datetime,
    until: datetime,
) -> None:
    await connection.execute(
        """update sessions set raised_level = $3, modes = $4, proved_at = $5, raised_until = $6
            where person_id = $1 and session_id = $2 and ended_at is null""",
        person_id,
        session_id,
        level,
        list(modes),
        at,
        until,
    )


async def set_secret(
    connection: Connection, person_id: int, session_id: int, secret_hash: bytes
) -> None:
    await connection.execute(
        """update sessions set secret_hash = $3
            where person_id = $1 and session_id = $2 and ended_at is null""",
        person_id,
        session_id,
        secret_hash,
    )


async def act_for(
    connection: Connection, person_id: int, session_id: int, other: int | None
) -> None:
    await connection.execute(
        """update sessions set acting_for = $3
            where person_id = $1 and session_id = $2 and ended_at is null""",
        person_id,
        session_id,
        other,
    )


async def end(
    connection: Connection, person_id: int, session_ids: Sequence[int] | None, at: datetime
) -> Sequence[int]:
    """End these sessions, or all of the person; answers those that were live."""
    rows = await connection.fetch(
        """update sessions set ended_at = $3
            where person_id = $1 and ended_at is null
              and ($2::bigint[] is null or session_id = any($2))
        returning session_id""",
        person_id,
        session_ids,
        at,
    )
    return [row[0] for row in rows]


async def forget(connection: Connection, before: datetime, limit: int) -> int:
    """Delete sessions that ended before a moment; answers how many."""
    return await connection.fetchval(
        """with gone as (
             delete from sessions where (person_id, session_id) in (
               select person_id, session_id from sessions
                where coalesce(ended_at, ends_at) < $1 limit $2)
             returning 1)
           select count(*) from gone""",
        before,
        limit,
    )
