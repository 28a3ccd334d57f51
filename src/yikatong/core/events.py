"""Events: what a room tells of, so that rooms behind it can act in the same transaction.

A card was replaced: its e-cards end with it. The room that tells knows nobody who listens;
who listens to what stands in `yikatong.subscriptions`, and nowhere else.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from yikatong.core.database import Connection
from yikatong.core.platform import Platform


class Event(msgspec.Struct, frozen=True):
    """Something that happened to a person; subclasses are named in the past tense."""

    person_id: int


Listener = Callable[[Platform, Connection, Any], Awaitable[None]]
"""Acts on an event of its kind inside the transaction of what happened."""


class OfMany(msgspec.Struct, frozen=True):
    """A listener that takes many events of its kind at once, so that a batch is no thousand errands."""

    hear: Callable[[Platform, Connection, Sequence[Any]], Awaitable[None]]


Listeners = Callable[[], Mapping[type[Event], Sequence[Listener | OfMany]]]

_listeners: Final[list[Listeners]] = []


def follow(listeners: Listeners) -> None:
    """Who listens to which event, in this order; asked at the first event."""
    _listeners[:] = [listeners]


async def tell(platform: Platform, connection: Connection, event: Event) -> None:
    """Let everybody act on it inside the caller's transaction; what a listener raises undoes all."""
    await tell_all(platform, connection, [event])


async def tell_all(platform: Platform, connection: Connection, events: Sequence[Event]) -> None:
    """The same of several events of one kind, in the order in which they happened."""
    assert _listeners, "an event was told before anybody said who listens"
    if not events:
        return
    kind = type(events[0])
    assert all(type(event) is kind for event in events), "one kind at a time"
    for listener in _listeners[0]().get(kind, ()):
        if isinstance(listener, OfMany):
            await listener.hear(platform, connection, events)
            continue
        for event in events:
            await listener(platform, connection, event)
