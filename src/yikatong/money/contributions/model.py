"""Types of the room: terms of a region, bill, employer, list."""

from datetime import date, datetime
from typing import Final, Literal, get_args

import msgspec

from yikatong.core.errors import Text
from yikatong.core.money import Fen, Ppm

BilledInsurance = Literal["110", "150", "210", "310", "390", "410"]
"""险种 that contributions are paid for; 410 is work injury (工伤), which has no enrolment here."""
INSURANCES: Final[tuple[BilledInsurance, ...]] = get_args(BilledInsurance)
EMPLOYEE_INSURANCES: Final[tuple[BilledInsurance, ...]] = ("110", "310", "210", "410")

INSURANCE_NAMES: Final[dict[str, Text]] = {
    "110": Text("职工养老", "employees' pension"),
    "150": Text("居民养老", "residents' pension"),
    "210": Text("失业", "unemployment"),
    "310": Text("职工医保", "employees' medical"),
    "390": Text("居民医保", "residents' medical"),
    "410": Text("工伤", "work injury"),
}

PayerKind = Literal["employer", "self"]
BillState = Literal["open", "paid", "cancelled", "refunded"]


class Base(msgspec.Struct, frozen=True):
    """缴费基数上下限 of a month, in fen."""

    average: Fen
    floor: Fen
    ceiling: Fen


class Rate(msgspec.Struct, frozen=True):
    """What employer and person pay of the base (ppm), and fixed sums a month (fen)."""

    employer: Ppm
    personal: Ppm
    employer_fixed: Fen = 0
    personal_fixed: Fen = 0
    account: Ppm = 0
    """Of the base, what goes to the person's own account."""
    base: Fen | None = None
    """A base the region fixes; None: the person's own wage or choice."""


class Season(msgspec.Struct, frozen=True):
    """When residents pay for a year, and how much (居民集中缴费期)."""

    year: int
    starts_on: date
    ends_on: date
    late_until: date
    amounts: dict[str, Fen]
    """By category (minor, student, adult, elderly); empty for the pension's grades."""
    grades: tuple[Fen, ...]


class Employer(msgspec.Struct, frozen=True):
    """An employer (用人单位)."""

    employer_code: str
    """统一社会信用代码, 18 characters (GB 32100)."""
    name: str
    region: str
    trade: int
    """行业风险类别 1-8 of work-injury insurance (人社部发〔2015〕71号)."""


class Bill(msgspec.Struct, frozen=True):
    """What one person owes for one insurance and period (缴费核定单)."""

    person_id: int
    bill_id: int
    insurance: BilledInsurance
    region: str
    category: str
    payer: PayerKind
    employer_code: str | None
    list_id: int | None
    period_from: date
    period_until: date
    base: Fen
    employer_part: Fen
    personal_part: Fen
    account_part: Fen
    """Of the whole, what goes to the person's medical account."""
    due_on: date
    state: BillState
    late_fee: Fen
    """What was paid for being late; until then 0."""
    paid_at: datetime | None
    paid_by: int | None
    """The transaction that paid it, under `payer_person_id` of the ledger."""
    paid_about: int | None
    account_id: int | None
    """The person's bank account it was paid from; None: from outside."""
    version: int

    @property
    def total(self) -> Fen:
        return self.employer_part + self.personal_part


class ListState(msgspec.Struct, frozen=True):
    """An employer's list of a month (单位申报清单)."""

    list_id: int
    employer_code: str
    region: str
    period: date
    state: Literal["open", "paid"]
    people: int
    bills: int
    total: Fen
    due_on: date
    uploaded_at: datetime
    paid_at: datetime | None
    late_fee: Fen
    notice: str | None
    version: int


class RowError(msgspec.Struct, frozen=True):
    """What is wrong with one row of a list; rows are counted as the program shows them."""

    row: int
    field: str
    code: str
    zh: str
    en: str
