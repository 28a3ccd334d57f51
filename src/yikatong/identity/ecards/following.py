"""The e-card follows the card (电子社保卡随卡): what the card office tells ends its e-cards."""

from typing import Final

from yikatong.cards.office.model import CardMoved
from yikatong.cards.pins.service import PinMoved
from yikatong.core.database import Connection
from yikatong.core.platform import Platform
from yikatong.identity.ecards import service, store
from yikatong.identity.ecards.codes import listed_card

_ENDING: Final = frozenset(
    (
        "loss_reported_provisionally", "loss_reported", "locked", "expired", "replaced", "cancelled",
    )
)  # fmt: skip


_LISTED: Final = frozenset(
    ("loss_reported_provisionally", "loss_reported", "replaced", "cancelled")
)
"""What a terminal without a network cannot see of a card in its reader; that it ran out, it can."""


async def card_moved(platform: Platform, connection: Connection, event: CardMoved) -> None:
    """A card that is lost, dead or run out takes its e-cards with it, and stands on the list for
    terminals without a network while it must not work."""
    card = event.card
    if card.state in _ENDING and event.before != card.state:
        await service.cards_changed(platform, connection, event.person_id, card.card_id)
    listed = listed_card(card.card_identifier)
    if card.state in _LISTED:
        now = platform.clock.now()
        await store.list_card(connection, listed, card.card_id, now, card.valid_until)
    elif event.before in _LISTED:
        await store.unlist_card(connection, listed, card.card_id)


async def pin_moved(platform: Platform, connection: Connection, event: PinMoved) -> None:
    """A card that three wrong PINs locked takes its e-cards with it."""
    if event.what == "locked":
        await service.cards_changed(platform, connection, event.person_id, event.card_id)
