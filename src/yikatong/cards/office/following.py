"""What follows by itself: a lock and a change of a PIN stand in the history of the card like every
move, and the documents of an application end with it."""

from collections.abc import Sequence
from typing import Final

from yikatong.cards.model import OPEN_STATES, CardState, Channel
from yikatong.cards.office import store
from yikatong.cards.office.model import MATTER, ApplicationMoved, CardEvent
from yikatong.cards.office.table import CardEventName
from yikatong.cards.pins.service import PinMoved
from yikatong.core.database import Connection
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.trust.documents import service as documents
from yikatong.trust.documents.model import Matter

_MOVES: Final[dict[str, tuple[CardEventName, CardState]]] = {
    "locked": ("lock", "locked"),
    "changed": ("change_pin", "active"),
}
"""A PIN is set and reset by moves of the desk, which write their own line."""


async def applications_moved(
    platform: Platform, connection: Connection, events: Sequence[ApplicationMoved]
) -> None:
    """Documents of applications that have ended are deleted when their time is over."""
    ended = [
        (one.person_id, Matter(MATTER, one.application.application_id))
        for one in events
        if one.application.state not in OPEN_STATES
    ]
    if ended:
        await documents.end_many(platform, connection, ended)


async def pin_moved(platform: Platform, connection: Connection, event: PinMoved) -> None:
    """Write the line of a lock or a change."""
    move = _MOVES.get(event.what)
    if move is None:
        return
    now = platform.clock.now()
    channel: Channel = "online" if event.actor.kind == "person" else "terminal"
    line = CardEvent(
        person_id=event.person_id,
        event_id=new_id(now),
        at=now,
        application_id=None,
        card_id=event.card_id,
        event=move[0],
        before="active",
        after=move[1],
        channel=channel,
        applicant="self",
        actor_kind=event.actor.kind,
        actor=event.actor.name,
        reason="",
        detail={},
    )
    await store.insert_event(connection, line, None, None)
