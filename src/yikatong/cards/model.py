"""Types of the room: card (社会保障卡) and application (申领)."""

from datetime import date, datetime
from typing import Literal

import msgspec

from yikatong.money.ledger.model import Freeze

CardState = Literal[
    "issued",
    "active",
    "loss_reported_provisionally",
    "loss_reported",
    "locked",
    "expired",
    "replaced",
    "cancelled",
]
LIVE_STATES: frozenset[CardState] = frozenset(
    ("issued", "active", "loss_reported_provisionally", "loss_reported", "locked")
)
AppState = Literal["inactive", "active", "frozen"]
ApplicationState = Literal["applied", "in_production", "ready", "issued", "rejected", "withdrawn"]


class Card(msgspec.Struct, frozen=True):
    """A social-security card with its two applications (社保应用, 金融应用)."""

    person_id: int
    card_id: int
    card_number: str
    """卡号: nine digits or capital letters."""
    card_identifier: str
    """卡识别码: 32 hexadecimal digits."""
    generation: Literal[1, 2, 3]
    region: str
    """The issuing region (发卡地)."""
    state: CardState
    social_security_app: AppState
    bank_app: AppState
    name_on_card: str
    issued_on: date
    valid_until: date
    provisional_until: datetime | None
    """When a provisional loss report (口头挂失) ends by itself."""
    bank: str
    account_id: int | None
    """The bank account bound to the card."""
    account_frozen_by: Freeze | None
    """The gravest reason why no money goes out of that account."""
    replaced_by: int | None


class CardApplication(msgspec.Struct, frozen=True):
    """An application for a card and where it stands."""

    application_id: int
    kind: Literal["first", "replace", "renew"]
    state: ApplicationState
    region: str
    applied_on: date
    expected_on: date | None
    pickup_place: str | None
    reason: str | None
