"""The trail of the office (管理日志): what was done with staff and machines, and by whom.

The audit trail of `trust` belongs to persons; this one has no person's data.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from yikatong.core.database import Connection
from yikatong.core.ids import new_id
from yikatong.trust.audit import Actor


class OfficeEvent(msgspec.Struct, frozen=True):
    """One act on a member of staff or a machine."""

    at: datetime
    actor_kind: str
    actor: str
    action: str
    subject: str
    detail: dict[str, object]


async def record(
    connection: Connection,
    actor: Actor,
    at: datetime,
    action: str,
    subject: str,
    detail: dict[str, object] | None = None,
) -> None:
    """Write one event inside the caller's transaction."""
    await connection.execute(
        """insert into office_events (event_id, at, actor_kind, actor, action, subject, detail)
           values ($1, $2, $3, $4, $5, $6, $7)""",
        new_id(at),
        at,
        actor.kind,
        actor.name,
        action,
        subject,
        msgspec.json.encode(detail or {}).decode(),
    )


async def of_subject(
    connection: Connection, subject: str, limit: int = 50
) -> Sequence[OfficeEvent]:
    """The newest events of a member of staff or a machine, newest first."""
    return await of_subjects(connection, [subject], "", limit)


async def of_subjects(
    connection: Connection, subjects: Sequence[str], kind: str, limit: int = 50
) -> Sequence[OfficeEvent]:
    """The newest events of these whose actions begin so ("staff.", "machine."), newest first."""
    rows = await connection.fetch(
        """select at, actor_kind, actor, action, subject, detail from office_events
            where subject = any($1::text[]) and starts_with(action, $2)
            order by event_id desc limit $3""",
        subjects,
        kind,
        limit,
    )
    return [
        OfficeEvent(
            row["at"],
            row["actor_kind"],
            row["actor"],
            row["action"],
            row["subject"],
            msgspec.json.decode(row["detail"], type=dict[str, object]),
        )
        for row in rows
    ]
