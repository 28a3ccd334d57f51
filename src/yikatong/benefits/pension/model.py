"""Types of pensions: a career, the rules of a day, the pension with its steps, an application."""

from datetime import date, datetime
from fractions import Fraction
from typing import Any, Final, Literal, get_args

import msgspec

from yikatong.core.errors import Text
from yikatong.core.money import WHOLE, Fen, Ppm

Insurance = Literal["110", "150"]
"""险种: 110 employees' pension (职工), 150 residents' pension (城乡居民)."""
Group = Literal["men", "women_55", "women_50"]
"""Whose retirement age: men, women in posts that ended at 55 (管理技术岗), and at 50 (生产操作岗)."""
Channel = Literal["online", "counter"]
Origin = Literal["published", "estimate", "recalled", "given"]
"""Where a figure comes from: a document named, an approximation, memory, or the asker."""

OptionKind = Literal["early", "statutory", "late", "paid_up"]
"""`paid_up`: who lacks months at the statutory age and pays on until they are paid (延长缴费)."""

INSURANCES: Final[tuple[Insurance, ...]] = get_args(Insurance)
GROUPS: Final[tuple[Group, ...]] = get_args(Group)
CHANNELS: Final[tuple[Channel, ...]] = get_args(Channel)
MONTHS_MAX: Final = 720
"""More months than anybody pays."""

GROUP_NAMES: Final[dict[Group, Text]] = {
    "men": Text("男职工", "men"),
    "women_55": Text("女职工（管理、技术岗位）", "women in managing or technical posts"),
    "women_50": Text("女职工（生产、操作岗位）", "women in other posts"),
}
INSURANCE_NAMES: Final[dict[Insurance, Text]] = {
    "110": Text("职工养老保险", "employees' pension"),
    "150": Text("城乡居民养老保险", "residents' pension"),
}


class Step(msgspec.Struct, frozen=True):
    """One step of a calculation, for people and for programs."""

    rule: str
    """A stable code, such as "basic"."""
    name: Text
    clause: str
    """The document and its number."""
    inputs: dict[str, str]
    working: str
    """The sum as one would write it down; "" where nothing is computed."""
    result: Text


class Figure(msgspec.Struct, frozen=True):
    """A figure of a region, the year or day it is of, and where it comes from."""

    amount: Fen
    region: str
    of: str
    source: str
    origin: Origin = "published"


class AgeRule(msgspec.Struct, frozen=True):
    """How the retirement age of a group rises (渐进式延迟), in months of age."""

    old_age: int
    one_month_every: int
    at_most: int


class Transition(msgspec.Struct, frozen=True):
    """过渡性养老金 of a region: of each year before accounts were kept."""

    a_year: Ppm
    deemed_index: Ppm | None
    """The index of deemed years (视同缴费); None: the person's own."""
    before: date
    source: str
    origin: Origin


class ResidentsBasic(msgspec.Struct, frozen=True):
    """居民基础养老金 of a region, with what length and age add."""

    figure: Figure
    length: tuple[tuple[int, Fen], ...]
    """From how many years on, how much a further year."""
    ages: tuple[tuple[int, Fen], ...]
    """From which age on, how much; the highest reached counts."""


class Survivors(msgspec.Struct, frozen=True):
    """遗属待遇 (人社部发〔2021〕18号)."""

    funeral_months: int
    months_by_years: tuple[tuple[int, int], ...]
    more_from: int
    years_at_most: int
    retired_at_least: int
    source: str


class Nation(msgspec.Struct, frozen=True, kw_only=True):
    """The nationwide rules."""

    delay_from: date
    groups: dict[Group, AgeRule]
    retirement_source: str
    flexible_months: int
    flexible_source: str
    minimum_base: int
    minimum_rises_from: int
    minimum_a_year: int
    minimum_highest: int
    minimum_source: str
    account_months: dict[int, int]
    account_months_source: str
    between_source: str
    a_year: Ppm
    account_rate: Ppm
    lowest_index: Ppm
    highest_index: Ppm
    index_source: str
    employees_source: str
    residents_age: int
    residents_minimum: int
    residents_account_months: int
    residents_source: str
    survivors: Survivors
    proof_every_months: int
    proof_remind_days: tuple[int, ...]
    proof_source: str


class Career(msgspec.Struct, frozen=True, kw_only=True):
    """What a pension is computed from, as of the month of retirement or of asking.

    Amounts are fen, indexes parts per million; `months_paid` counts months paid for, without the
    deemed ones.
    """

    insurance: Insurance
    birth: date
    """Any day of the month of birth."""
    group: Group
    region: str
    """The pooling region that pays."""
    months_paid: int
    index: Ppm = WHOLE
    """平均缴费指数: the own wages to the average wages, over the months paid."""
    account: Fen = 0
    """个人账户储存额."""
    deemed_months: int = 0
    """视同缴费."""
    early_months: int = 0
    """Of the months paid, those before accounts were kept."""
    average_wage: Fen | None = None
    """A figure of the asker instead of the region's."""

    @property
    def months(self) -> int:
        """缴费年限 in months, deemed ones included."""
        return self.months_paid + self.deemed_months


class Parts(msgspec.Struct, frozen=True):
    """The monthly sum by parts, in fen."""

    basic: Fen
    account: Fen
    transition: Fen = 0
    length: Fen = 0
    """长缴补贴 of residents."""
    age: Fen = 0
    """高龄补贴 of residents."""

    @property
    def total(self) -> Fen:
        return self.basic + self.account + self.transition + self.length + self.age


class Pension(msgspec.Struct, frozen=True):
    """A monthly pension with how it came about."""

    parts: Parts
    steps: tuple[Step, ...]
    notes: tuple[Text, ...]
    """What the reader should know: figures that are estimates, parts left out."""

    @property
    def monthly(self) -> Fen:
        return self.parts.total


class Retirement(msgspec.Struct, frozen=True):
    """When somebody may retire; months are their first days, ages in months."""

    old_age: int
    delay: int
    age: int
    month: date
    earliest: date
    latest: date
    steps: tuple[Step, ...]


class Option(msgspec.Struct, frozen=True):
    """One way to retire, and what it brings."""

    kind: OptionKind
    month: date
    age: int
    months: int
    """Paid until then, deemed ones included."""
    minimum: int
    possible: bool
    why_not: Text | None
    enough_on: date | None
    """The month in which the minimum would be reached; None: it is, or nothing is paid on."""
    pension: Pension | None


class Estimate(msgspec.Struct, frozen=True):
    """ "When can I retire, with how much?\""""

    career: Career
    retirement: Retirement
    options: tuple[Option, ...]
    notes: tuple[Text, ...]

    def option(self, kind: str) -> Option | None:
        """The option of a kind, where there is one."""
        return next((one for one in self.options if one.kind == kind), None)


class Finding(msgspec.Struct, frozen=True):
    """What speaks against an application (`blocks`), or should be known."""

    code: str
    blocks: bool
    text: Text
    remedy: Text
    """What to do about it."""


class Application(msgspec.Struct, frozen=True):
    """An application for a pension (申领)."""

    application_id: int
    state: Literal["applied", "granted", "refused", "withdrawn"]
    insurance: Insurance
    region: str
    channel: Channel
    retires_on: date
    """The first day of the month of retirement; the pension begins the month after."""
    facts: dict[str, Any]
    findings: tuple[dict[str, Any], ...]
    answer: dict[str, Any] | None
    monthly: Fen | None
    starts_on: date | None
    reason: str
    applied_at: datetime
    decided_at: datetime | None
    version: int
    taken_by: str = ""
    """Staff number of who took it at a counter; "" where the person applied."""


def half_up(exact: Fraction) -> Fen:
    """Whole fen of a non-negative exact sum, half up (四舍五入)."""
    assert exact >= 0, exact
    return (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)
