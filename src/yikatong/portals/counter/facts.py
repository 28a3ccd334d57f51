"""What a counter knows of the person before it, as far as the member may see it: read in one
transaction, for the file and for what can be done."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

import msgspec

from yikatong.benefits import service as benefits
from yikatong.benefits.model import Entitlement
from yikatong.benefits.pension import service as pensions
from yikatong.benefits.pension.model import Application as PensionApplication
from yikatong.cards import service as cards
from yikatong.cards.counters import service as counters
from yikatong.cards.counters.model import Counter
from yikatong.cards.model import LIVE_STATES, OPEN_STATES, Card, CardApplication
from yikatong.cards.office.services import OF_AGE
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import Text
from yikatong.core.platform import Platform
from yikatong.identity.authority import service as authority
from yikatong.identity.authority.model import Authority, Mandate
from yikatong.medical import service as medical
from yikatong.medical.claims.model import Claim
from yikatong.medical.claims.service import ClaimOffice
from yikatong.medical.filings.rules import span
from yikatong.medical.model import Filing
from yikatong.money.contributions import service as contributions
from yikatong.money.contributions.model import Bill
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.model import Account
from yikatong.people import service as people
from yikatong.people.changes import service as changes
from yikatong.people.guard import require_person
from yikatong.people.model import Contact, Enrolment, Person
from yikatong.trust.access import Caller

_CLAIMS: Final = 20


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """A person's affairs. What the member may not see is empty; `sees` says what was read."""

    person: Person
    contact: Contact
    day: date
    sees: frozenset[str]
    """The permissions by which it was read."""
    enrolments: Sequence[Enrolment] = ()
    cards: Sequence[Card] = ()
    applications: Sequence[CardApplication] = ()
    filings: Sequence[Filing] = ()
    entitlements: Sequence[Entitlement] = ()
    pension_applications: Sequence[PensionApplication] = ()
    bills: Sequence[Bill] = ()
    claims: Sequence[Claim] = ()
    agents: Sequence[Mandate] = ()
    """Who may act for the person today; `person_id` is theirs."""
    granted: Sequence[Authority] = ()
    accounts: Sequence[Account] = ()
    counters: Mapping[str, Counter] = {}
    """Where a card can be collected: near where the person lives, then where they are insured."""
    change: int | None = None
    """The change of identity data that is to be reviewed."""
    names: dict[int, str] = {}
    """Of those who may act."""

    @property
    def person_id(self) -> int:
        return self.person.person_id

    @property
    def card(self) -> Card | None:
        """The live card."""
        return next((one for one in self.cards if one.state in LIVE_STATES), None)

    @property
    def open_applications(self) -> list[CardApplication]:
        """Applications under way."""
        return [one for one in self.applications if one.state in OPEN_STATES]

    def place_of(self, one: CardApplication) -> Text | None:
        """What the counter is called at which a card is collected."""
        found = self.counters.get(one.pickup_place or "")
        return found.text if found else None

    @property
    def guarded(self) -> bool:
        """Whether a guardian may act: a minor, or somebody under guardianship."""
        return self.person.under_guardianship or self.person.age_on(self.day) < OF_AGE

    @property
    def open_filings(self) -> list[Filing]:
        """Filings that hold or will hold."""
        return [
            one for one in self.filings if (found := span(one)) is not None and found[1] >= self.day
        ]

    @property
    def medical(self) -> Enrolment | None:
        """The medical insurance in force, employees' before residents'."""
        found = [
            one
            for one in self.enrolments
            if one.insurance in ("310", "390") and one.status != "ended"
        ]
        return min(found, key=lambda one: one.insurance, default=None)

    @property
    def pension_application(self) -> PensionApplication | None:
        """The application for a pension that waits to be decided."""
        return next((one for one in self.pension_applications if one.state == "applied"), None)

    @property
    def pensions(self) -> list[Entitlement]:
        """Pensions that have not ended."""
        return [
            one for one in self.entitlements if one.benefit == "pension" and one.status != "ended"
        ]


async def read(
    platform: Platform,
    connection: Connection,
    caller: Caller,
    permission: str,
    claims: ClaimOffice,
    person_id: int,
) -> Facts:
    """Everything the caller may see; the caller records the look.

    Raises NotAllowed where the person is not of the caller's regions, or does not exist, and NotFound
    to who may look everywhere.
    """
    await require_person(connection, caller, permission, person_id)
    person = await people.get(connection, person_id)
    home = (await people.regions_of(connection, [person_id]))[person_id]
    sees = frozenset(
        name
        for name in (
            "person.read", "cards.read", "filing.read", "settlement.read", "benefit.read",
            "contribution.read", "claim.read", "authority.read", "money.read", "call.read",
            "notices.read",
        )
        if any(caller.may(name, region) for region in home)
    )  # fmt: skip
    agents = await authority.agents(platform, connection, person_id)
    granted = await authority.granted(connection, person_id) if "authority.read" in sees else ()
    known = [one.person_id for one in agents] + [one.agent_id for one in granted]
    return Facts(
        person=person,
        contact=await people.contact(platform, connection, person_id),
        day=today(platform.clock),
        sees=sees,
        enrolments=await people.enrolments(connection, person_id),
        cards=await cards.cards(connection, person_id) if "cards.read" in sees else (),
        applications=(
            await cards.applications(connection, person_id) if "cards.read" in sees else ()
        ),
        filings=await medical.filings(connection, person_id) if "filing.read" in sees else (),
        entitlements=(
            await benefits.entitlements(connection, person_id) if "benefit.read" in sees else ()
        ),
        pension_applications=(
            await pensions.applications(connection, person_id) if "benefit.read" in sees else ()
        ),
        bills=(
            await contributions.current_bills(connection, person_id)
            if "contribution.read" in sees
            else ()
        ),
        claims=(
            await claims.newest(connection, person_id, _CLAIMS) if "claim.read" in sees else ()
        ),
        agents=agents,
        granted=granted,
        accounts=(await ledger.accounts_of(connection, person_id) if "money.read" in sees else ()),
        counters=(
            await _counters(platform, connection, person, home) if "cards.read" in sees else {}
        ),
        change=await changes.under_review(connection, person_id),
        names=await people.names(connection, known) if known else {},
    )


async def _counters(
    platform: Platform, connection: Connection, person: Person, insured: Sequence[str]
) -> dict[str, Counter]:
    found: dict[str, Counter] = {}
    for region in dict.fromkeys((person.residence_region, *insured)):
        for one in await counters.of_region(platform, connection, region, "agency"):
            found.setdefault(one.code, one)
    return found


async def home(connection: Connection, person_id: int) -> tuple[str, ...]:
    """Where the person lives and is insured."""
    return (await people.regions_of(connection, [person_id])).get(person_id, ())
