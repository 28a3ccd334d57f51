"""The audit trail (审计): who did or saw what of a person, in the same transaction as the act.

The person may read it; so it never holds anybody's personal data in the clear.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

import msgspec

from yikatong.core.database import Connection, Record
from yikatong.core.ids import new_id
from yikatong.core.together import Change, change_together, insertion

_encode = msgspec.json.encode
_COLUMNS: Final = (
    "person_id", "event_id", "at", "actor_kind", "actor", "action", "purpose", "detail",
)  # fmt: skip


class Actor(msgspec.Struct, frozen=True):
    """Who acts, and why."""

    kind: Literal["person", "staff", "provider", "service", "system", "visitor"]
    name: str
    """A stable identifier of the actor, such as a staff number; never an id number."""
    purpose: str
    """Why, in a few words the person will read: "portability check"."""


class AuditEvent(msgspec.Struct, frozen=True):
    """One act on, or look at, a person's file."""

    person_id: int
    event_id: int
    at: datetime
    actor: Actor
    action: str
    detail: dict[str, object]


async def record(
    connection: Connection,
    actor: Actor,
    at: datetime,
    person_id: int,
    action: str,
    detail: dict[str, object] | None = None,
) -> None:
    """Write one audit event inside the caller's transaction."""
    await connection.execute(
        """insert into audit_events
             (person_id, event_id, at, actor_kind, actor, action, purpose, detail)
           values ($1, $2, $3, $4, $5, $6, $7, $8)""",
        person_id,
        new_id(at),
        at,
        actor.kind,
        actor.name,
        action,
        actor.purpose,
        msgspec.json.encode(detail or {}).decode(),
    )


async def of_person(
    connection: Connection, person_id: int, limit: int = 100
) -> Sequence[AuditEvent]:
    """The newest events of a person, newest first."""
    rows = await connection.fetch(
        """select person_id, event_id, at, actor_kind, actor, action, purpose, detail
             from audit_events where person_id = $1 order by event_id desc limit $2""",
        person_id,
        limit,
    )
    return [_event(row) for row in rows]


def _event(row: Record) -> AuditEvent:
    return AuditEvent(
        person_id=row["person_id"],
        event_id=row["event_id"],
        at=row["at"],
        actor=Actor(row["actor_kind"], row["actor"], row["purpose"]),
        action=row["action"],
        detail=msgspec.json.decode(row["detail"], type=dict[str, object]),
    )


async def between(
    connection: Connection,
    first_id: int,
    before_id: int,
    limit: int,
    *,
    person_id: int | None = None,
    actor_kind: str | None = None,
    actor: str | None = None,
    action: str | None = None,
    but: str = "",
) -> Sequence[AuditEvent]:
    """Events in a range of numbers, the newest first: of a person, of a kind of actor, of one of them,
    of an action; all but those of the action `but`.

    Those of a person or of a member of staff are found by an index; else the whole range is read, so
    the caller keeps it short.
    """
    # Said as the index of staff says it.
    kind = {None: "$5::text is null", "staff": "actor_kind = 'staff' and $5::text = 'staff'"}.get(
        actor_kind, "actor_kind = $5"
    )
    who = "actor = $6" if actor is not None else "$6::text is null"
    whom = "person_id = $4" if person_id is not None else "$4::bigint is null"
    rows = await connection.fetch(
        f"""select person_id, event_id, at, actor_kind, actor, action, purpose, detail
             from audit_events
            where event_id >= $1 and event_id < $2 and {whom} and {who}
              and {kind}
              and ($7::text is null or action = $7) and action <> $8
            order by event_id desc limit $3""",  # noqa: S608 - our constants
        first_id,
        before_id,
        limit,
        person_id,
        actor_kind,
        actor,
        action,
        but,
    )
    return [_event(row) for row in rows]


def events(
    actors: Sequence[Actor], at: datetime, seen: Sequence[tuple[int, str, dict[str, object]]]
) -> Change:
    """Many audit events (person_id, action, detail), one per actor, to be written with what they
    tell of."""
    return insertion(
        "audit_events",
        [
            (
                person_id, new_id(at), at, actor.kind, actor.name, action, actor.purpose,
                _encode(detail).decode(),
            )
            for actor, (person_id, action, detail) in zip(actors, seen, strict=True)
        ],
    )  # fmt: skip


async def copy_many(
    connection: Connection,
    actor: Actor,
    at: datetime,
    seen: Sequence[tuple[int, str, dict[str, object]]],
) -> None:
    """Write the audit events of one actor's batch (person_id, action, detail); of thousands, COPY takes
    the client a fourth of what a statement does."""
    rows = [
        (
            person_id, new_id(at), at, actor.kind, actor.name, action, actor.purpose,
            _encode(detail).decode(),
        )
        for person_id, action, detail in seen
    ]  # fmt: skip
    await connection.copy_records_to_table("audit_events", records=rows, columns=_COLUMNS)


async def record_many(
    connection: Connection,
    actors: Sequence[Actor],
    at: datetime,
    seen: Sequence[tuple[int, str, dict[str, object]]],
) -> None:
    """Write many audit events (person_id, action, detail), one per actor, in one statement."""
    await change_together(connection, [events(actors, at, seen)])
