"""SQL of the exceptions that somebody took on."""

from collections.abc import Mapping
from datetime import datetime

from yikatong.core.database import Connection

Key = tuple[str, str, datetime]
"""Kind, subject and since when: the next occurrence is another one."""


async def taken(connection: Connection) -> Mapping[Key, tuple[str, datetime]]:
    """By whom and when each was taken on."""
    rows = await connection.fetch(
        "select kind, subject, since, taken_by, taken_at from exceptions_taken"
    )
    return {(row[0], row[1], row[2]): (row[3], row[4]) for row in rows}


async def take(connection: Connection, key: Key, by: str, at: datetime) -> bool:
    """Note who takes it on; False where somebody did before."""
    done = await connection.execute(
        """insert into exceptions_taken (kind, subject, since, taken_by, taken_at)
           values ($1, $2, $3, $4, $5) on conflict do nothing""",
        *key,
        by,
        at,
    )
    return not done.endswith(" 0")


async def forget(connection: Connection, before: datetime) -> None:
    """Delete what was taken on long ago."""
    await connection.execute("delete from exceptions_taken where taken_at < $1", before)
