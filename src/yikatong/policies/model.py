"""Types of the room: what is asked, what a policy says for one case, what the answer is."""

from datetime import date
from typing import Literal, get_args

import msgspec

from yikatong.core.errors import Text
from yikatong.core.money import Fen, Ppm

Insurance = Literal["310", "390"]
"""险种: 310 employees' (职工), 390 residents' (城乡居民) basic medical insurance."""
Care = Literal["outpatient", "emergency", "chronic", "inpatient", "pharmacy"]
"""Kind of care (医疗类别): 门诊, 急诊, 门诊慢特病, 住院, 定点药店."""
Level = Literal["community", "primary", "secondary", "tertiary"]
"""Provider level (机构等级): 社区及乡镇, 一级, 二级, 三级."""
Grade = Literal["district", "grade_a", "grade_b"]
"""What splits a level where a region does so (等次): 区属, 甲等, 乙等."""
Filing = Literal["none", "long_term", "transfer", "emergency", "temporary"]
"""How the person left (备案): 未备案, 长期, 转诊, 急诊抢救, 其他临时外出."""
HomeFiling = Literal["long_term", "transfer"]
"""Care at home of somebody who filed for living elsewhere: like anybody's, or like a transfer."""
Place = Literal["home", "province", "elsewhere"]
"""Where the care is: 统筹区内, 省内异地, 跨省."""
Layer = Literal[
    "scope",
    "deductible",
    "pooled",
    "large_amount",
    "serious_illness",
    "civil_servant",
    "assistance",
    "medical_account",
    "family_account",
]
Accumulator = Literal["outpatient_pooled", "chronic_pooled", "pooled"]
"""A sum of the year that caps count against (年度累计): 门诊, 门诊慢特病, 住院或合并."""

INSURANCES: tuple[Insurance, ...] = get_args(Insurance)
CARES: tuple[Care, ...] = get_args(Care)
LEVELS: tuple[Level, ...] = get_args(Level)
GRADES: tuple[Grade, ...] = get_args(Grade)
ACCUMULATORS: tuple[Accumulator, ...] = get_args(Accumulator)
FILINGS: tuple[Filing, ...] = get_args(Filing)
HOME_FILINGS: tuple[HomeFiling, ...] = get_args(HomeFiling)
PLACES: tuple[Place, ...] = get_args(Place)

KNOWN_GROUPS: frozenset[str] = frozenset(
    {
        "student",  # 在校学生
        "minor",  # 未成年人; also everybody under 18
        "low_income",  # 低保、低收入
        "destitute",  # 特困
        "orphan",  # 孤儿
        "disabled",  # 重度残疾
        "veteran",  # 优抚对象
        "civil_servant",  # 公务员补助
        "enterprise_supplement",  # 企业补充
        "tier_one",  # 一档缴费
        "tier_two",  # 二档缴费
        "first_year",  # 参保第一年
    }
)
"""Assisted and special groups (人员身份) every request may name; policy files may add more."""


class PersonFacts(msgspec.Struct, frozen=True):
    """What a policy asks about the person."""

    insurance: Insurance
    region: str
    """The pooling region (统筹区) that insures."""
    retired: bool = False
    age: int | None = None
    """Full years; None: unknown, then no rule by age applies."""
    groups: frozenset[str] = frozenset()
    insured_years: int = 0


class VisitFacts(msgspec.Struct, frozen=True):
    """What a policy asks about the visit."""

    care: Care
    region: str
    level: Level
    on: date
    """The day that chooses the policy; inpatient: of discharge or settlement."""
    filing: Filing = "none"
    days: int = 0
    """Length of an inpatient stay; 0: unknown or short."""
    grade: Grade | None = None
    """Only where the region splits a level; None: the level's ordinary figures."""
    home_filing: HomeFiling = "long_term"
    """What care at home counts as."""


class Bill(msgspec.Struct, frozen=True):
    """A bill split by the catalog of the treatment region, in fen."""

    total: Fen
    self_paid: Fen = 0
    """Wholly self-paid, outside the catalog (全自费)."""
    over_limit: Fen = 0
    """Above a price limit (超限价)."""
    first_pay: Fen = 0
    """First-pay share of class B (乙类先行自付)."""

    @property
    def in_scope(self) -> Fen:
        """政策范围内费用."""
        return self.total - self.self_paid - self.over_limit - self.first_pay


class YearToDate(msgspec.Struct, frozen=True, omit_defaults=True):
    """What earlier settlements of the same policy year left, in fen (年度累计). Most amounts are zero: they
    are left out where it is stored with each settlement."""

    admissions: int = 0
    outpatient_deductible: Fen = 0
    outpatient_pooled: Fen = 0
    pooled: Fen = 0
    large_amount: Fen = 0
    serious_illness: Fen = 0
    borne_in_scope: Fen = 0
    """In-scope amount the basic layers left to the person, before serious-illness insurance."""
    outpatient_in_scope: Fen = 0
    inpatient_in_scope: Fen = 0
    civil_servant: Fen = 0
    assistance: Fen = 0
    chronic_deductible: Fen = 0
    chronic_pooled: Fen = 0
    chronic_in_scope: Fen = 0
    over_cap: Fen = 0
    """In-scope amount that went over the pooled fund's cap to the large-amount fund."""


class StayToDate(msgspec.Struct, frozen=True, omit_defaults=True):
    """What interim settlements (中途结算) of the same stay and policy year took before, in fen."""

    in_scope: Fen = 0
    deductible: Fen = 0
    counted: bool = False
    """Whether the year's admissions count this stay already."""


class MedicalAccount(msgspec.Struct, frozen=True, omit_defaults=True):
    """The personal medical account (个人账户) and whether it shall pay."""

    balance: Fen = 0
    use: bool = False
    family: Fen = 0
    """What relatives' accounts may pay behind the person's own (家庭共济)."""


class QuoteRequest(msgspec.Struct, frozen=True):
    """Everything a quote depends on; the same request gives the same quote for ever."""

    person: PersonFacts
    visit: VisitFacts
    bill: Bill
    year_to_date: YearToDate = YearToDate()
    medical_account: MedicalAccount = MedicalAccount()
    stay: StayToDate = StayToDate()


class Step(msgspec.Struct, frozen=True):
    """One step of the calculation: this layer took this base at this rate and paid this much."""

    layer: Layer
    clause: str
    """Document and article that say so."""
    base: Fen
    rate: Ppm
    pays: Fen
    note: Text | None = None


class Document(msgspec.Struct, frozen=True):
    """A document the figures come from (依据文件)."""

    key: str
    number: str
    title: str
    effective: date | None = None
    url: str | None = None
    note: str | None = None


class Quote(msgspec.Struct, frozen=True):
    """Who pays which part of the bill, in fen; the parts sum to the total exactly."""

    total: Fen
    in_scope: Fen
    deductible: Fen
    pooled: Fen
    over_cap: Fen
    """In-scope amount behind the pooled fund's cap that the large-amount fund looks at."""
    large_amount: Fen
    serious_illness: Fen
    civil_servant: Fen
    assistance: Fen
    medical_account: Fen
    """The person's own account and behind it relatives' accounts."""
    cash: Fen
    policy: "Policy"
    steps: tuple[Step, ...]
    family_account: Fen = 0
    """Of the medical accounts' part, what relatives' accounts pay (家庭共济)."""

    @property
    def funds(self) -> Fen:
        """What all funds pay together."""
        return (
            self.pooled
            + self.large_amount
            + self.serious_illness
            + self.civil_servant
            + self.assistance
        )

    @property
    def person(self) -> Fen:
        """The person's part: medical account and cash."""
        return self.medical_account + self.cash


# ---- what a policy file says, read and checked ----


class When(msgspec.Struct, frozen=True):
    """A predicate over person and visit; every condition given must hold."""

    retired: bool | None = None
    age_from: int | None = None
    age_under: int | None = None
    groups: frozenset[str] = frozenset()
    """Any of these."""
    insured_years_from: int | None = None
    place: frozenset[str] = frozenset()
    filing: frozenset[str] = frozenset()
    admission_from: int | None = None
    """This is at least the n-th admission of the year."""
    grade: frozenset[str] = frozenset()


class Case(msgspec.Struct, frozen=True):
    """A value by provider level that holds `when`."""

    when: When
    by_level: tuple[int, int, int, int]
    """For community, primary, secondary, tertiary."""


Figure = tuple[Case, ...]
"""The first case that holds gives the value; the last always holds."""


class Band(msgspec.Struct, frozen=True):
    """A rate up to a border; None: without end."""

    upto: Figure | None
    rate: Figure


class Adjustment(msgspec.Struct, frozen=True):
    """A change of the rates: points added, or the person's share or the rate multiplied."""

    when: When
    points: Ppm = 0
    share: Ppm | None = None
    factor: Ppm | None = None


class Deductible(msgspec.Struct, frozen=True):
    """起付线: per admission, year or visit; later admissions of the year may pay less."""

    per: Literal["admission", "year", "visit"]
    amount: Figure
    later_minus: Fen = 0
    """Each later admission pays this much less …"""
    later_floor: Fen = 0
    """… but not below this."""
    later_factor: Ppm | None = None
    """Each later admission pays this share."""
    again_after_days: int | None = None
    """A stay longer than this pays the deductible again for each further stretch."""
    clause: str = ""


class Cap(msgspec.Struct, frozen=True):
    """封顶线 of a year: of what the fund pays, or of the in-scope amount counted."""

    name: str
    amount: Figure
    counts: Literal["paid", "scope"]
    accumulates: Accumulator
    then: Literal["large_amount"] | None
    clause: str


class CareRule(msgspec.Struct, frozen=True):
    """What the basic pooled fund does for one kind of care."""

    deductible: Deductible | None
    bands: tuple[Band, ...]
    over: Literal["scope", "paid"]
    """Bands count the in-scope amount of this bill, or what the fund paid this year."""
    adjust: tuple[Adjustment, ...]
    caps: tuple[Cap, ...]
    clause: str
    accumulates: Accumulator
    """Where this rule's own payments add up. Another kind of care that takes the rule over
    (`as:`) shares its accumulators, deductible included."""


class LayerRule(msgspec.Struct, frozen=True):
    """A layer behind the pooled fund."""

    when: When
    care: frozenset[str]
    deductible: Figure | None
    bands: tuple[Band, ...]
    bands_from: Literal["zero", "deductible"]
    adjust: tuple[Adjustment, ...]
    cap: Figure | None
    clause: str


class Elsewhere(msgspec.Struct, frozen=True):
    """The cut away from home, by filing: a factor on the rate, or points off."""

    factor: dict[str, Ppm]
    points: dict[str, Ppm]
    province_factor: dict[str, Ppm]
    province_points: dict[str, Ppm]
    clause: str


class Remark(msgspec.Struct, frozen=True):
    """What a reviewer must know of one rule of a file."""

    field: str
    recalled: bool
    """Figures are from memory and need checking first."""
    note: str | None


class Policy(msgspec.Struct, frozen=True, eq=False):
    """The policy (政策) of one pooling region and insurance in one period."""

    region: str
    insurance: Insurance
    starts_on: date
    ends_on: date | None
    review: Literal["unverified", "verified"]
    year_starts: tuple[int, int]
    """Month and day on which the medical year begins."""
    documents: tuple[Document, ...]
    care: dict[str, CareRule | None]
    """None: the pooled fund pays nothing for this care. Missing: the file does not say."""
    none_clauses: dict[str, str]
    large_amount: LayerRule | None
    serious_illness: LayerRule | None
    civil_servant: LayerRule | None
    assistance: LayerRule | None
    elsewhere: Elsewhere
    counts_as_filed: tuple[str, ...]
    """Care in these regions counts as filed (视同备案)."""
    unfiled: Literal["cut", "refused"]
    account_pays: Literal["in_scope", "person"]
    groups: frozenset[str]
    remarks: tuple[Remark, ...]
    source: str
    """The file's name, for messages."""

    def year_start(self, on: date) -> date:
        """The first day of the medical year that a day lies in."""
        month, day = self.year_starts
        start = date(on.year, month, day)
        return start if start <= on else date(on.year - 1, month, day)
