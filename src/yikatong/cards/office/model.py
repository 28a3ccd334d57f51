"""Types of the card office: services, who asks, facts, what happened."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final, Literal

import msgspec

from yikatong.cards.counters.model import Counter
from yikatong.cards.model import (
    By,
    Card,
    CardApplication,
    Channel,
    Delivery,
    Kind,
    Why,
)
from yikatong.cards.office.terms import CardRules
from yikatong.core.errors import Text
from yikatong.core.events import Event
from yikatong.core.money import Fen
from yikatong.people.model import Enrolment, Person, Relation

MATTER: Final = "card_application"
"""The kind of matter an application's documents belong to."""
CHANNEL_NAMES: dict[Channel, Text] = {
    "counter": Text("经办窗口", "a counter"),
    "bank": Text("合作银行网点", "a branch of the bank"),
    "online": Text("网上", "online"),
    "phone": Text("12333 电话", "the hotline 12333"),
    "terminal": Text("自助机", "a terminal"),
    "cross_province": Text("跨省通办窗口", "a cross-province counter"),
    "list": Text("单位批量", "a list of an employer or a school"),
    "system": Text("到期自动", "by itself, when due"),
}
BY_NAMES: dict[By, Text] = {
    "self": Text("本人", "the person"),
    "guardian": Text("监护人", "the guardian"),
    "agent": Text("代办人", "an agent"),
    "kin": Text("近亲属", "next of kin"),
    "employer": Text("单位或学校", "the employer or school"),
}
KIND_NAMES: dict[Kind, Text] = {
    "first": Text("申领", "first card"),
    "replace": Text("补卡", "replacement of a lost card"),
    "renew": Text("换卡", "new card for an old one"),
}
WHY_NAMES: dict[Why, Text] = {
    "lost": Text("丢了", "lost"),
    "damaged": Text("坏了", "damaged"),
    "expired": Text("到期", "expired or about to"),
    "old_generation": Text("旧版卡换新版", "an old generation"),
    "data_changed": Text("卡面信息变了", "its data changed"),
}

Material = Literal[
    "identity", "photo", "agent_identity", "guardianship", "household_register",
    "residence_permit", "labour_contract", "study_certificate", "old_card", "death_certificate",
    "kinship", "emigration",
]  # fmt: skip
MATERIAL_NAMES: dict[Material, Text] = {
    "identity": Text("本人有效身份证件", "the person's id document"),
    "photo": Text("证件照片", "a passport photo"),
    "agent_identity": Text("代办人有效身份证件", "the agent's id document"),
    "guardianship": Text(
        "监护关系证明（户口簿、出生证等）",
        "proof of guardianship (household register, birth certificate)",
    ),
    "household_register": Text("户口簿", "the household register"),
    "residence_permit": Text("居住证", "a residence permit"),
    "labour_contract": Text("劳动合同", "a labour contract"),
    "study_certificate": Text("在读证明", "a certificate of study"),
    "old_card": Text("旧卡", "the old card"),
    "death_certificate": Text("死亡证明", "the death certificate"),
    "kinship": Text("亲属关系证明", "proof of kinship"),
    "emigration": Text("出国定居证明", "proof of emigration"),
}


class Doing(msgspec.Struct, frozen=True):
    """How a command reaches the office: on which channel, who asks, and what was shown."""

    channel: Channel
    by: By = "self"
    by_id: int | None = None
    """The guardian or agent, where that person is known here."""
    materials: tuple[Material, ...] = ()
    reason: str = ""
    counter: str | None = None
    """The counter at which it happens; where it keeps a stock of cards, that moves too."""


class NewApplication(msgspec.Struct, frozen=True):
    """What is applied for (申领、补换卡)."""

    kind: Kind
    why: Why | None = None
    """Why a new card in place of the old one; None for the first."""
    region: str | None = None
    """The region that is to issue the card; None: the insured place (参保地)."""
    accepted_in: str | None = None
    """Where it is taken in; None: where the counter stands, else in the issuing region."""
    bank: str | None = None
    """The issuing bank; None: the one of the old card."""
    delivery: Delivery = "pickup"
    pickup_place: str | None = None
    """The counter at which it is collected; None: the one that takes it in."""
    post_to: str | None = None
    """The address of the parcel (邮寄地址)."""
    post_phone: str | None = None


class Mended(msgspec.Struct, frozen=True):
    """What the applicant mends or adds when asked to (补正); what is None stays."""

    materials: tuple[Material, ...] = ()
    bank: str | None = None
    pickup_place: str | None = None
    post_to: str | None = None
    word: str = ""
    """What the applicant says to the reviewer."""


class Facts(msgspec.Struct, frozen=True):
    """What the office decides by, as it was read in the transaction."""

    person: Person
    enrolments: Sequence[Enrolment]
    relations: Sequence[Relation]
    cards: Sequence[Card]
    applications: Sequence[CardApplication]
    now: datetime
    today: date
    doing: Doing
    actor: str
    rules: CardRules
    application: CardApplication | None = None
    """The application the command is about."""
    card: Card | None = None
    """The card the command is about."""
    wanted: NewApplication | None = None
    identity_changed_on: date | None = None
    """When name, id number or the like last changed: cards issued before it say the old."""
    here: Counter | None = None
    """The counter at which it happens."""
    pickup: Counter | None = None
    """The counter wanted for collecting the card."""
    photo_at_hand: bool = True
    """Whether the photo that goes onto the card is there, or is none that has to be handed in."""


class CardEvent(msgspec.Struct, frozen=True):
    """One thing that happened to an application or a card (卡务流水)."""

    person_id: int
    event_id: int
    at: datetime
    application_id: int | None
    card_id: int | None
    event: str
    before: str | None
    after: str
    channel: str
    applicant: str
    actor_kind: str
    actor: str
    reason: str
    detail: dict[str, Any]


class Remaining(msgspec.Struct, frozen=True):
    """What remains to be settled when a card ends with its holder's death (待结清)."""

    accounts: tuple[tuple[int, str, int], ...]
    """Accounts that are not empty: account_id, kind, balance in fen."""
    wealth: Fen = 0
    """In wealth products (理财): it belongs to the estate."""
    contributions: Fen = 0
    """Contributions that the person was billed for and has not paid (应缴未缴)."""


class ApplicationMoved(Event, frozen=True):
    """An application came to stand somewhere else."""

    application: CardApplication
    event: str
    doing: Doing


class CardMoved(Event, frozen=True):
    """A card came to stand somewhere else: handed over, activated, lost, found, locked, expired, replaced,
    cancelled. Of a replaced one `card.replaced_by` is the new card, which is told of next ("issue")."""

    card: Card
    """As it is now."""
    before: str | None
    event: str
