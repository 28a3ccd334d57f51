"""The e-card follows the card (电子社保卡随卡): what the card office tells ends its e-cards."""

from typing import Final

from yikatong.cards.office.model import CardMoved
from yikatong.cards.pins.service import PinMoved
from yikatong.core.database import Connection
from yikatong.core.platform import Platform
from yikatong.identity.ecards import service

_ENDING: Final = frozenset(
    (
        "loss_reported_provisionally", "loss_reported", "locked", "expired", "replaced", "cancelled",
    )
)  # fmt: skip


async def card_moved(platform: Platform, connection: Connection, event: CardMoved) -> None:
    """A card that is lost, dead or run out takes its e-cards with it, offline lists included."""
    if event.card.state in _ENDING and event.before != event.card.state:
        await service.cards_changed(platform, connection, event.person_id, event.card.card_id)


async def pin_moved(platform: Platform, connection: Connection, event: PinMoved) -> None:
    """A card that three wrong PINs locked takes its e-cards with it."""
    if event.what == "locked":
        await service.cards_changed(platform, connection, event.person_id, event.card_id)
