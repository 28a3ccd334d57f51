"""Loading reference data once: what was loaded last is remembered by a hash of its content."""

import hashlib

from yikatong.core.database import Connection
from yikatong.core.platform import Platform


async def lock(connection: Connection) -> None:
    """Two processes that start together load one after the other."""
    await connection.execute("select pg_advisory_xact_lock(hashtext('reference data'))")


async def changed(connection: Connection, name: str, content: str) -> bool:
    """Whether the content differs from what was loaded last under this name."""
    before = await connection.fetchval(
        "select content_hash from reference_loads where name = $1", name
    )
    return before != _hash(content)


async def loaded(
    platform: Platform, connection: Connection, name: str, content: str, rows: int
) -> None:
    """Remember what is loaded in this transaction."""
    await connection.execute(
        """insert into reference_loads (name, content_hash, loaded_at, rows) values ($1, $2, $3, $4)
           on conflict (name) do update
              set content_hash = excluded.content_hash, loaded_at = excluded.loaded_at,
                  rows = excluded.rows""",
        name,
        _hash(content),
        platform.clock.now(),
        rows,
    )


def _hash(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()
