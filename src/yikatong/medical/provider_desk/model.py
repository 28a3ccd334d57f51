"""Types of the provider's desk: who works there, a visit as it is worked on, what the desk was told."""

from datetime import date, datetime
from typing import Literal

import msgspec

from yikatong.core.errors import Text
from yikatong.core.money import Fen
from yikatong.medical.model import Care, Provider
from yikatong.medical.visits.model import Diagnosis
from yikatong.medical.visits.orders import Certificate
from yikatong.trust.audit import Actor

Answer = Literal["yes", "yes_but", "no"]
"""Whether the card works here for this: of the portability answer."""
DeskState = Literal["open", "settled", "closed"]
"""open: worked on; settled: done for now, may be reversed today; closed: cancelled or reversed."""

CARE_CODES: dict[Care, str] = {
    "outpatient": "11",
    "emergency": "13",
    "chronic": "14",
    "inpatient": "21",
    "pharmacy": "41",
}
"""The med_type (医疗类别) under which the desk registers a kind of care."""


class Clerk(msgspec.Struct, frozen=True):
    """A member of a provider's staff at its desk (医药机构经办)."""

    provider: Provider
    staff_number: str
    name: str
    sandbox: bool
    """Of the demo staff, who see made-up people only."""

    def actor(self, purpose: str) -> Actor:
        """The provider, for a person's audit trail; the settlement names the member."""
        return Actor("provider", self.provider.provider_code, purpose)


class Insured(msgspec.Struct, frozen=True):
    """A current medical enrolment, as the desk shows it."""

    insurance: str
    region: str
    category: str


class Said(msgspec.Struct, frozen=True):
    """A reason of the portability answer, kept as it was shown."""

    weight: str
    zh: str
    en: str
    remedy_zh: str = ""
    remedy_en: str = ""

    @property
    def text(self) -> Text:
        """What holds."""
        return Text(self.zh, self.en)

    @property
    def remedy(self) -> Text:
        """What to do about it."""
        return Text(self.remedy_zh, self.remedy_en)


class DraftLine(msgspec.Struct, frozen=True):
    """A line of a sale that is not sold yet; the price in yuan as written."""

    number: str
    item: str
    quantity: str
    price: str
    total: Fen


class Told(msgspec.Struct, kw_only=True):
    """What the desk knows of a visit; stored sealed."""

    name: str
    id_number: str
    sex: int
    birth_date: date
    certificate: Certificate
    insured: list[Insured]
    balance: Fen
    """Of the medical account, when the person was identified."""
    care: Care
    answer: Answer = "no"
    """The portability answer for this provider and care."""
    said: list[Said] = []
    chronic: list[str] = []
    """The diseases registered as chronic."""
    disease: str | None = None
    diagnoses: list[Diagnosis] = []
    lines: list[DraftLine] = []
    """Of a sale; those of a visit are with the visit."""
    reason: str = ""
    """Why a settlement is reversed."""


class DeskVisit(msgspec.Struct):
    """A visit as it is worked on at the desk (工作台就诊)."""

    provider_code: str
    desk_id: int
    person_id: int
    visit_id: int | None
    state: DeskState
    staff_number: str
    begun_at: datetime
    told: Told
    pending: str | None
    """The message that settles, while its answer is not noted yet."""
    version: int


class Entry(msgspec.Struct, frozen=True):
    """What the desk was told of a settlement or reversal (工作台流水), amounts in fen."""

    provider_code: str
    settlement_id: int
    desk_id: int
    person_id: int
    visit_id: int
    message_id: str
    reverses: int | None
    settled_at: datetime
    total: Fen
    funds: Fen
    account: Fen
    """From the person's and relatives' medical accounts."""
    cash: Fen
    reason: str
    staff_number: str


class BookRow(msgspec.Struct, frozen=True):
    """A settlement or reversal of the provider as the platform holds it, amounts in fen."""

    settlement_id: int
    person_id: int
    visit_id: int
    message_id: str
    reverses: int | None
    settled_at: datetime
    care_code: str
    insurance: str
    insured_region: str
    total: Fen
    pooled: Fen
    funds: Fen
    account: Fen
    family: Fen
    cash: Fen
    operator: str


class Item(msgspec.Struct, frozen=True):
    """An item of the catalog as a search finds it, with its terms here and today."""

    code: str
    name: str
    english: str
    specification: str
    unit: str
    price: Fen
    item_class: Literal["A", "B", "C"]
    first_pay: int | None
    price_limit: Fen | None
