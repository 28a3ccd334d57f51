"""Types of the room: card (社会保障卡) and application (申领)."""

from datetime import date, datetime
from typing import Literal, get_args

import msgspec

from yikatong.core.money import Fen
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
CARD_STATES: tuple[CardState, ...] = get_args(CardState)
LIVE_STATES: frozenset[CardState] = frozenset(
    ("issued", "active", "loss_reported_provisionally", "loss_reported", "locked")
)
AppState = Literal["inactive", "active", "frozen"]
ApplicationState = Literal[
    "applied", "in_production", "ready", "sent", "issued", "rejected", "withdrawn"
]
OPEN_STATES: frozenset[ApplicationState] = frozenset(("applied", "in_production", "ready", "sent"))
"""An application in one of these is under way."""

Channel = Literal[
    "counter", "bank", "online", "phone", "terminal", "cross_province", "list", "system"
]
"""渠道: 经办窗口, 合作银行网点, 网上, 12333 电话, 自助机, 跨省通办窗口, 单位批量, 到期自动."""
By = Literal["self", "guardian", "agent", "kin", "employer"]
"""办理人: 本人, 监护人, 代办人, 近亲属, 单位."""
Kind = Literal["first", "replace", "renew"]
"""申领、补卡（丢了）、换卡（坏了、到期、旧版、信息变了）."""
Why = Literal["lost", "damaged", "expired", "old_generation", "data_changed"]
Delivery = Literal["pickup", "post"]


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
    state_before: CardState | None = None
    """What a loss report interrupted."""
    version: int = 1


class CardApplication(msgspec.Struct, frozen=True):
    """An application for a card (申领、补换卡) and where it stands."""

    application_id: int
    kind: Kind
    state: ApplicationState
    region: str
    """The region that decides and issues."""
    applied_on: date
    expected_on: date | None
    pickup_place: str | None
    """The counter at which it is collected (cards.counters)."""
    reason: str | None
    """Why it was refused, or withdrawn."""
    person_id: int = 0
    channel: Channel = "counter"
    accepted_in: str | None = None
    """受理地: where it was taken in; elsewhere than `region` at a cross-province counter."""
    applicant: By = "self"
    applicant_id: int | None = None
    """The guardian or agent, where that person is known here."""
    accepted_by: str = ""
    """The member of staff who took it in; reviews nothing of their own."""
    accepted_at: str | None = None
    """受理网点: the counter that took it in, where that is known."""
    why: Why | None = None
    replaces_card_id: int | None = None
    materials: tuple[str, ...] = ()
    """What was shown at a counter or uploaded, by kind of document."""
    asked_for: str | None = None
    """What the office asks to be mended or added (补正)."""
    asked_until: date | None = None
    """The last day to add it (补正期限); the application ends by itself after it."""
    bank: str = "ICBC"
    delivery: Delivery = "pickup"
    fee: Fen = 0
    fee_state: Literal["none", "due", "paid", "given_back"] = "none"
    fee_paid_by: Literal["cash", "account"] | None = None
    batch_id: int | None = None
    """The production batch (制卡批次) it is in."""
    card_id: int | None = None
    card_number: str | None = None
    """The number of the card that is made, or was made, for it."""
    personalised_on: date | None = None
    """The day that is written on that card as its day of issue (发卡日期)."""
    name_on_card: str | None = None
    """The name that is written on it; the person's may change before the card is collected."""
    tracking: str | None = None
    """The number of the parcel, where it goes by post."""
    chased: int = 0
    """How often collecting the card was asked for."""
    state_since: datetime | None = None
    version: int = 1
