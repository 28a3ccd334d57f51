"""Types of visits: visit, diagnosis, fee line and its split, settlement."""

from datetime import date, datetime
from typing import Any, Final, Literal

import msgspec

from yikatong.core.money import Fen, Ppm
from yikatong.policies.model import Care, Quote, QuoteRequest

Setting = Literal["outpatient", "inpatient", "pharmacy"]
"""Where the care is given: 门诊, 住院, 药店. The kind of care follows from its `care_code`."""

CARE_OF: Final[dict[str, tuple[Setting, Care]]] = {
    "11": ("outpatient", "outpatient"),
    "12": ("outpatient", "outpatient"),
    "13": ("outpatient", "emergency"),
    "14": ("outpatient", "chronic"),
    "51": ("outpatient", "outpatient"),
    "21": ("inpatient", "inpatient"),
    "22": ("inpatient", "inpatient"),
    "23": ("inpatient", "inpatient"),
    "24": ("inpatient", "inpatient"),
    "28": ("inpatient", "inpatient"),
    "52": ("inpatient", "inpatient"),
    "41": ("pharmacy", "pharmacy"),
}
"""Setting and kind of care of each med_type (医疗类别) of the national code table."""
BEGAN_AS_EMERGENCY: Final = "24"
"""急诊转住院: counts as filed."""


def card_payment_key(settlement_id: int) -> str:
    """The key of the ledger transaction that pays a settlement's cash part from the card's account:
    one per settlement."""
    return f"card-payment:{settlement_id}"


State = Literal["registered", "seen", "admitted", "discharged", "settled", "cancelled"]


class Diagnosis(msgspec.Struct, frozen=True, omit_defaults=True):
    """诊断."""

    kind: str
    """1 western main, 2 Chinese main, … (diag_type)."""
    code: str
    """ICD-10, or the code of traditional medicine."""
    name: str
    order: int = 1
    main: bool = False
    doctor: str = ""
    department: str = ""


class FeeLine(msgspec.Struct, frozen=True):
    """A fee line (费用明细) as the provider sent it. Amounts in fen, the price in 1/10000 yuan."""

    number: str
    """feedetl_sn: unique in the visit."""
    item: str
    """The national catalog's code."""
    total: Fen
    quantity: str
    """As written, such as "1.5"; negative gives back an earlier line."""
    price: str
    """In yuan as written, up to six decimals."""
    at: datetime
    self_pay: bool = False
    """hosp_appr_flag 2: the hospital says that nothing of it is covered."""
    gives_back: str | None = None
    """The number of the line that a negative one gives back (init_feedetl_sn)."""
    details: dict[str, Any] = {}


class Left(msgspec.Struct, frozen=True):
    """What was left of a fee line when part of it was given back. Amounts in fen."""

    quantity: str
    total: Fen
    self_paid: Fen
    over_limit: Fen
    first_pay: Fen

    @property
    def in_scope(self) -> Fen:
        return self.total - self.self_paid - self.over_limit - self.first_pay


class SplitLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """A fee line with its split by the catalog of the treatment region, and the terms that were
    applied. Amounts in fen; total = self_paid + over_limit + first_pay + in_scope."""

    number: str
    item: str
    total: Fen
    quantity: str
    price: str
    at: str
    self_paid: Fen
    over_limit: Fen
    first_pay: Fen
    item_class: Literal["A", "B", "C"]
    first_pay_share: Ppm | None
    """先行自付比例 in parts per million; None for class C."""
    price_limit: Fen | None
    self_pay: bool = False
    gives_back: str | None = None
    name: str = ""
    details: dict[str, Any] = {}
    left: Left | None = None
    """Of a line that gives back: what was left of the other one, which bounds its split."""
    marks: str = ""
    """What the catalog says of the item beside its terms (`catalog_book.MARKS`)."""

    @property
    def in_scope(self) -> Fen:
        return self.total - self.self_paid - self.over_limit - self.first_pay


class FeeBatch(msgspec.Struct, frozen=True):
    """The lines of one upload and their sums; `lines` is the stored document, read when needed."""

    person_id: int
    visit_id: int
    batch_id: int
    batch: str
    settlement_id: int | None
    lines_count: int
    total: Fen
    self_paid: Fen
    over_limit: Fen
    first_pay: Fen
    version: int


class Visit(msgspec.Struct, frozen=True):
    """A visit (就诊)."""

    person_id: int
    visit_id: int
    provider_code: str
    setting: Setting
    care_code: str
    """med_type of the national code table."""
    state: State
    insurance: Literal["310", "390"]
    insured_region: str
    treatment_region: str
    number: str
    begun_at: datetime
    ended_at: datetime | None
    diagnoses: tuple[Diagnosis, ...]
    disease: str | None
    details: dict[str, Any]
    version: int


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """A settlement (结算) with its amounts in fen and what it was computed from.

    total = self_paid + over_limit + first_pay + in_scope = what all funds pay + medical_account +
    family_account + cash. Of a reversal every amount is the reversed one's negated.
    """

    person_id: int
    settlement_id: int
    visit_id: int
    provider_code: str
    message_id: str
    reverses: int | None
    channel: Literal["direct", "claim"]
    interim: bool
    setting: Setting
    care_code: str
    insurance: Literal["310", "390"]
    insured_region: str
    treatment_region: str
    settled_at: datetime
    total: Fen
    self_paid: Fen
    over_limit: Fen
    first_pay: Fen
    deductible: Fen
    pooled: Fen
    large_amount: Fen
    serious_illness: Fen
    civil_servant: Fen
    assistance: Fen
    medical_account: Fen
    family_account: Fen
    cash: Fen
    balance_after: Fen
    """Of the person's own medical account."""
    policy_from: date
    year_starts_on: date
    inputs: QuoteRequest
    added: dict[str, int]
    """What it added to the accumulators of the year, by name."""
    batches: list[int]
    transaction_id: int | None
    invoice: str
    operator: str
    quote: Quote | None = None
    """With its steps, while it is at hand; stored settlements are computed again for it."""

    @property
    def in_scope(self) -> Fen:
        return self.total - self.self_paid - self.over_limit - self.first_pay

    @property
    def funds(self) -> Fen:
        """What all funds pay together."""
        return (
            self.pooled + self.large_amount + self.serious_illness + self.civil_servant
            + self.assistance
        )  # fmt: skip

    @property
    def person(self) -> Fen:
        """The person's part."""
        return self.medical_account + self.family_account + self.cash
