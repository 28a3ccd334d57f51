"""SQL of verifications."""

from collections.abc import Sequence
from datetime import datetime

from yikatong.core.database import Connection
from yikatong.identity.verification.model import Permit


async def permit(connection: Connection, kind: str, name: str) -> Permit | None:
    row = await connection.fetchrow(
        """select kind, name, purposes, per_minute from verification_services
            where kind = $1 and name = $2""",
        kind,
        name,
    )
    return None if row is None else Permit(row[0], row[1], tuple(row[2]), row[3])


async def permits(connection: Connection) -> Sequence[Permit]:
    rows = await connection.fetch(
        "select kind, name, purposes, per_minute from verification_services order by kind, name"
    )
    return [Permit(row[0], row[1], tuple(row[2]), row[3]) for row in rows]


async def write_permit(connection: Connection, one: Permit) -> None:
    await connection.execute(
        """insert into verification_services (kind, name, purposes, per_minute)
           values ($1, $2, $3, $4)
           on conflict (kind, name) do update set purposes = $3, per_minute = $4""",
        one.kind,
        one.name,
        list(one.purposes),
        one.per_minute,
    )


async def note_nobody(
    connection: Connection,
    verification_id: int,
    asked_by: str,
    mode: str,
    purpose: str,
    at: datetime,
) -> None:
    """Write down a check that was about nobody known; it takes as long as an audit event."""
    await connection.execute(
        """insert into verifications_of_nobody (verification_id, asked_by, mode, purpose, at)
           values ($1, $2, $3, $4, $5)""",
        verification_id,
        asked_by,
        mode,
        purpose,
        at,
    )
