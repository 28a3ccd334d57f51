"""Types of the room: the question, the facts it depends on, the answer."""

from datetime import date, datetime
from typing import Literal, get_args

import msgspec

from yikatong.benefits.model import Entitlement
from yikatong.cards.model import Card, CardApplication
from yikatong.core.days import day_in_words, moment_in_words
from yikatong.core.errors import Text
from yikatong.medical.filings.model import KindRule
from yikatong.medical.model import ChronicRegistration, Filing, Provider
from yikatong.people.model import Enrolment, Person
from yikatong.policies.model import Filing as FilingKind
from yikatong.policies.model import Policy, YearToDate
from yikatong.policies.service import Expected

Service = Literal[
    "inpatient",
    "outpatient",
    "chronic",
    "pharmacy",
    "identity",
    "pension",
    "unemployment",
    "cash",
    "transit",
    "culture",
]
"""What the card is to be used for: 住院, 门诊, 慢特病, 购药, 身份凭证, 养老金, 失业金, 存取款, 乘车, 文化."""

SERVICES: tuple[Service, ...] = get_args(Service)
CARE_SERVICES: frozenset[Service] = frozenset({"inpatient", "outpatient", "chronic", "pharmacy"})
BENEFIT_SERVICES: frozenset[Service] = frozenset({"pension", "unemployment"})

SERVICE_NAMES: dict[Service, Text] = {
    "inpatient": Text("住院", "hospital stay"),
    "outpatient": Text("看门诊", "outpatient care"),
    "chronic": Text("慢特病门诊", "chronic-disease care"),
    "pharmacy": Text("药店买药", "pharmacy"),
    "identity": Text("证明身份、办社保业务", "proving identity"),
    "pension": Text("领养老金", "pension"),
    "unemployment": Text("领失业金", "unemployment benefit"),
    "cash": Text("存取款", "cash"),
    "transit": Text("乘车", "public transport"),
    "culture": Text("图书馆、博物馆、公园", "library, museum, park"),
}

Weight = Literal["block", "condition", "advice", "info"]


class CheckRequest(msgspec.Struct, frozen=True):
    """The question about one person."""

    person_id: int
    region: str
    """The destination, any code of GB/T 2260."""
    service: Service
    on: date
    provider: str | None = None
    card_id: int | None = None
    """The card that was shown, where the question came with a card number."""


class Situation(msgspec.Struct, frozen=True):
    """Everything the decision depends on; nothing else is asked."""

    now: datetime
    person: Person
    enrolments: tuple[Enrolment, ...] = ()
    cards: tuple[Card, ...] = ()
    applications: tuple[CardApplication, ...] = ()
    pickup: Text | None = None
    """The counter at which a card that lies ready is collected."""
    filings: tuple[Filing, ...] = ()
    entitlements: tuple[Entitlement, ...] = ()
    chronic: tuple[ChronicRegistration, ...] = ()
    selected_providers: tuple[str, ...] = ()
    provider: Provider | None = None
    opened: bool = True
    """Whether the destination offers this service to people from elsewhere on that day."""
    out_since: datetime | None = None
    """Since when the system of the region that decides does not answer."""
    policy: Policy | None = None
    """The policy in force of the medical enrolment; None: none on file."""
    year: YearToDate = YearToDate()
    identity_changed_on: date | None = None
    """When something that stands on cards last changed: older cards are outdated."""
    long_term: KindRule | None = None
    """What the insured region says of long-term filings; None: not asked about care."""


class Place(msgspec.Struct, frozen=True):
    """Where a remedy is to be had."""

    name: Text
    detail: Text


class Reason(msgspec.Struct, frozen=True):
    """One reason, with what to do about it."""

    code: str
    weight: Weight
    text: Text
    remedy: Text
    where: tuple[Place, ...]
    takes: Text

    @property
    def blocks(self) -> bool:
        return self.weight == "block"


class Expects(msgspec.Struct, frozen=True):
    """What care there will cost and pay by the policy of the insured region."""

    policy: Policy
    now: Expected
    """With the filing as it stands."""
    filed: Expected | None
    """With the best filing, where that would change anything."""
    best_filing: FilingKind
    level: str


class Answer(msgspec.Struct, frozen=True):
    """Yes, yes but, or no, with every reason in the order of doing."""

    answer: Literal["yes", "yes_but", "no"]
    reasons: tuple[Reason, ...]
    expects: Expects | None


class Found(msgspec.Struct, frozen=True):
    """A rule's finding: a reason's code and the facts its text names, in both languages."""

    code: str
    facts: dict[str, Text] = {}


def fact(value: object) -> Text:
    """A fact that reads the same in both languages; a day or moment as each writes it."""
    if isinstance(value, datetime):
        return Text(moment_in_words(value, "zh"), moment_in_words(value, "en"))
    if isinstance(value, date):
        return Text(day_in_words(value, "zh"), day_in_words(value, "en"))
    return Text(str(value), str(value))
