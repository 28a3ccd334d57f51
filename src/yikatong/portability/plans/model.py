"""Types of a plan for going away: what is wanted, what it depends on, what is to be done."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final, Literal, get_args

import msgspec

from yikatong.benefits.model import Entitlement
from yikatong.cards.model import Card
from yikatong.core.errors import NotFound, Text, YikatongError
from yikatong.medical.model import Filing
from yikatong.money.contributions.model import Bill
from yikatong.people.model import Enrolment, Person
from yikatong.portability.model import Answer, Reason, Service

Purpose = Literal["care", "live", "pension", "unemployment", "transit", "culture", "cash"]
"""看病, 长住, 领养老金, 领失业金, 乘车, 图书馆博物馆, 存取款."""
PURPOSES: Final[tuple[Purpose, ...]] = get_args(Purpose)
SERVICES_OF: Final[Mapping[Purpose, tuple[Service, ...]]] = {
    "care": ("inpatient", "outpatient"),
    "live": ("inpatient", "outpatient", "chronic", "pharmacy"),
    "pension": ("pension",),
    "unemployment": ("unemployment",),
    "transit": ("transit",),
    "culture": ("culture",),
    "cash": ("cash",),
}
"""What the card must do for a purpose; chronic care is asked about only for whom it is registered."""
AHEAD_DAYS: Final = 366
"""Nobody plans further ahead."""
PLANS_MAX: Final = 20


class NewPlan(msgspec.Struct, frozen=True):
    """A plan somebody wants."""

    region: str
    leaves_on: date
    returns_on: date | None
    """None: to stay."""
    purposes: tuple[Purpose, ...]


class Plan(msgspec.Struct, frozen=True):
    """A plan as it is kept."""

    person_id: int
    plan_id: int
    region: str
    leaves_on: date
    returns_on: date | None
    purposes: tuple[Purpose, ...]
    made_at: datetime

    def is_over(self, day: date) -> bool:
        """Whether the person is back, or has been living there for a month."""
        return day > self.returns_on if self.returns_on else (day - self.leaves_on).days > 30


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a plan's list depends on."""

    day: date
    plan: Plan
    person: Person
    answers: Mapping[Service, Answer]
    """For the first day, by what the card must do."""
    enrolment: Enrolment | None
    """The medical insurance that counts."""
    card: Card | None
    """The live card."""
    entitlements: Sequence[Entitlement] = ()
    filing: Filing | None = None
    """What covers care there on the first day."""
    filing_goes_on: bool = False
    """Whether another one begins where it ends."""
    bills: Sequence[Bill] = ()
    """Contributions the person has to pay."""
    e_cards: int | None = None
    """On how many devices the e-card is; None: it is not the person who asks."""


State = Literal["open", "done", "cannot"]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing of a plan's list."""

    code: str
    """Of a reason of the answers, or one of the plan's own; the pages have its words."""
    state: State
    by: date | None = None
    """Until when it should be done."""
    address: str | None = None
    """The cardholder's page where it is done; None: not online."""
    reason: Reason | None = None
    """Where it comes from an answer: its words, remedy, places."""
    services: tuple[Service, ...] = ()
    """What it is needed for, where it comes from answers."""
    day: date | None = None
    amount: int | None = None
    words: Text | None = None


class Outlook(msgspec.Struct, frozen=True):
    """A plan with its list and what to expect there."""

    plan: Plan
    person: Person
    steps: tuple[Step, ...]
    answers: Mapping[Service, Answer]
    enrolment: Enrolment | None

    def of_state(self, state: State) -> list[Step]:
        """The things to do, done, or that cannot be done."""
        return [one for one in self.steps if one.state == state]


class NoSuchPlan(NotFound):
    """This person has no such plan, or it was deleted."""

    code = "no_such_plan"

    def __init__(self) -> None:
        super().__init__(
            zh="没有这个出行计划，或已删除", en="there is no such plan, or it was deleted",
            field="plan_id",
        )  # fmt: skip


class TooManyPlans(YikatongError):
    """One more than a person may keep."""

    code = "too_many_plans"
    status = 409

    def __init__(self) -> None:
        super().__init__(
            zh=f"最多留 {PLANS_MAX} 个出行计划，请先删掉不用的",
            en=f"at most {PLANS_MAX} plans are kept; delete those you no longer need",
            field="to",
        )
