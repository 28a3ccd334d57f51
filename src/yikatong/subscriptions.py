"""Who listens to which event: the one place where a room acts on what a room before it tells."""

from collections.abc import Mapping, Sequence
from functools import cache

from yikatong.core.events import Event, Listener, OfMany


@cache
def listeners() -> Mapping[type[Event], Sequence[Listener | OfMany]]:
    """By event, in the order in which they act. The rooms are loaded at the first event, so that the
    command line starts fast."""
    from yikatong.benefits.runs import returned
    from yikatong.cards.office import following as office
    from yikatong.cards.office.model import ApplicationMoved, CardMoved
    from yikatong.cards.pins.service import PinMoved
    from yikatong.cards.production import blanks, delivery
    from yikatong.identity.ecards import following as ecards

    return {
        ApplicationMoved: (
            OfMany(office.applications_moved),
            blanks.printed,
            OfMany(delivery.moved),
        ),
        CardMoved: (ecards.card_moved, OfMany(returned.cards_moved)),
        PinMoved: (office.pin_moved, ecards.pin_moved),
    }
