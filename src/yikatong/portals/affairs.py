"""How a person's affairs stand: read in one transaction, for the start page and what needs doing now."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final

import msgspec

from yikatong.benefits import service as benefits
from yikatong.benefits.model import Entitlement
from yikatong.cards import service as cards
from yikatong.cards.counters import service as counters
from yikatong.cards.model import LIVE_STATES, OPEN_STATES, Card, CardApplication
from yikatong.cards.office import rules as office_rules
from yikatong.cards.office import terms as office_terms
from yikatong.cards.pins import service as pins
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import Text
from yikatong.core.money import Fen
from yikatong.core.platform import Platform
from yikatong.identity.authority import service as authority
from yikatong.identity.authority.model import SERVICES, Service
from yikatong.identity.ecards import service as ecards
from yikatong.identity.sessions.model import Session
from yikatong.medical import service as medical
from yikatong.medical.filings import rules as filing_rules
from yikatong.medical.filings import service as filings
from yikatong.medical.model import Filing
from yikatong.money.contributions import service as contributions
from yikatong.money.contributions.model import Bill
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.model import Account
from yikatong.people import service as people
from yikatong.people.changes.rules import contact_fresh
from yikatong.people.model import Person
from yikatong.people.notices import service as notices
from yikatong.portability.plans import service as plans
from yikatong.portability.plans.model import Plan
from yikatong.portals.counter.words import place
from yikatong.trust import audit

_EVERYTHING: Final = frozenset(SERVICES)
PROOF_SOON: Final = timedelta(days=60)
FILING_SOON: Final = timedelta(days=14)


class Affairs(msgspec.Struct, frozen=True, kw_only=True):
    """A person's affairs. What an agent may not see is empty; `services` says what was read."""

    person: Person
    day: date
    now: datetime
    services: frozenset[Service]
    own: bool
    """Whether the reader is the person, and not somebody who acts for them."""
    cards: Sequence[Card] = ()
    applications: Sequence[CardApplication] = ()
    places: Mapping[str, Text] = {}
    """What the counters are called where cards are collected."""
    remind_days: int = 0
    """How long before a card's last day its renewal is due."""
    pin_missing: bool = False
    """Whether the card works and has no PIN yet: activated by a list or on the phone."""
    filings: Sequence[Filing] = ()
    owing: frozenset[int] = frozenset()
    """The filings for which documents are still to be handed in."""
    entitlements: Sequence[Entitlement] = ()
    bills: Sequence[Bill] = ()
    accounts: Sequence[Account] = ()
    plans: Sequence[Plan] = ()
    """Plans for going away that are not over, the next first."""
    e_cards: int = 0
    acts_for: int = 0
    unread: int = 0

    @property
    def card(self) -> Card | None:
        """The card that counts."""
        return office_rules.card_to_replace(self.cards)

    @property
    def under_way(self) -> CardApplication | None:
        """The application for a card that is not done yet."""
        return next((one for one in self.applications if one.state in OPEN_STATES), None)

    @property
    def open_filings(self) -> list[Filing]:
        """Filings that hold or will hold."""
        return [
            one
            for one in self.filings
            if (found := filing_rules.span(one)) is not None and found[1] >= self.day
        ]

    @property
    def drawn(self) -> list[Entitlement]:
        """Benefits that have not ended."""
        return [one for one in self.entitlements if one.status != "ended"]

    @property
    def open_bills(self) -> list[Bill]:
        """Contributions the person is to pay, the first due first."""
        found = [one for one in self.bills if one.state == "open" and one.payer == "self"]
        return sorted(found, key=lambda one: one.due_on)


class Todo(msgspec.Struct, frozen=True):
    """Something to do now, by the code of its texts, and where."""

    code: str
    address: str
    urgent: bool = True
    """Whether something does not work, or stops soon, without it."""
    day: date | datetime | None = None
    amount: Fen | None = None
    words: Text | None = None


async def read(platform: Platform, connection: Connection, session: Session) -> Affairs:
    """Everything the reader may see of whose affairs the session is about; the look is recorded.

    Raises NoAuthority where the authority to act is over.
    """
    services: frozenset[Service] = _EVERYTHING
    person_id, own = session.subject_id, session.acting_for is None
    if not own:
        mandate = await authority.acting_for(platform, connection, session, person_id)
        services = frozenset(mandate.services)
    day, now = today(platform.clock), platform.clock.now()
    person = await people.get(connection, person_id)
    held: Sequence[Card] = ()
    asked: Sequence[CardApplication] = ()
    if "card" in services:
        held = await cards.cards(connection, person_id)
        asked = await cards.applications(connection, person_id)
    mine = await medical.filings(connection, person_id) if "filing" in services else ()
    card = office_rules.card_to_replace(held)
    remind = office_terms.load().find(card.region, day).remind_days if card else 0
    await audit.record(connection, session.actor("my page"), now, person_id, "me.read")
    return Affairs(
        person=person, day=day, now=now, services=services, own=own,
        cards=held, applications=asked, remind_days=remind,
        pin_missing=card is not None
        and card.state == "active"
        and not await pins.chosen(connection, person_id, card.card_id),
        places=await counters.names(connection, [one.pickup_place for one in asked]),
        filings=mine,
        owing=frozenset(
            one.filing_id
            for one in mine
            if one.declared
            and filing_rules.missing(one, filings.rules_of(one.region, day).kinds[one.kind])
        ),
        entitlements=(
            await benefits.entitlements(connection, person_id) if "benefits" in services else ()
        ),
        bills=(
            await contributions.current_bills(connection, person_id)
            if "contributions" in services
            else ()
        ),
        accounts=await ledger.accounts_of(connection, person_id) if "account" in services else (),
        plans=[
            one for one in await plans.of_person(connection, person_id) if not one.is_over(day)
        ]
        if {"card", "filing"} <= services
        else (),
        e_cards=len(await ecards.devices(platform, connection, person_id)) if own else 0,
        acts_for=len(await authority.mandates(platform, connection, person_id)) if own else 0,
        unread=await notices.unread(connection, person_id) if own else 0,
    )  # fmt: skip


def todos(facts: Affairs, pay_at: str) -> list[Todo]:
    """What needs doing now, what cannot wait first; `pay_at` is where contributions are paid. Pure."""
    found = [*_card(facts), *_benefits(facts), *_care(facts), *_money(facts, pay_at), *_own(facts)]
    return sorted(found, key=lambda one: not one.urgent)


def _card(facts: Affairs) -> list[Todo]:
    if "card" not in facts.services or facts.person.died_on is not None:
        return []
    found = _application(facts)
    card, under_way = facts.card, facts.under_way
    if card is None or card.state not in LIVE_STATES:
        if under_way is None:
            code = "card_none" if card is None else "card_over"
            kind = "first" if card is None else "renew"
            found.append(Todo(code, f"/card/apply/{kind}"))
        return found
    state = card.state
    if state == "loss_reported_provisionally":
        found.append(Todo("card_loss_provisional", "/card", day=card.provisional_until))
    elif state == "loss_reported" and under_way is None:
        found.append(Todo("card_lost", "/card/apply/replace"))
    elif state == "locked":
        found.append(Todo("card_locked", "/card/do/reset_pin"))
    elif card.social_security_app == "inactive":
        found.append(Todo("card_inactive", "/card/do/activate"))
    elif facts.pin_missing:
        found.append(Todo("card_pin_missing", "/card/do/reset_pin", urgent=False))
    elif card.bank_app == "inactive":
        found.append(Todo("card_bank_inactive", "/card", urgent=False))
    left = (card.valid_until - facts.day).days
    if left <= facts.remind_days and under_way is None:
        found.append(Todo("card_expires", "/card/apply/renew", left <= 30, card.valid_until))
    return found


def _application(facts: Affairs) -> list[Todo]:
    one = facts.under_way
    if one is None:
        return []
    found: list[Todo] = []
    if one.asked_for:
        found.append(Todo("application_asked", "/card", words=Text(one.asked_for, one.asked_for)))
    if one.fee_state == "due":
        found.append(Todo("application_fee", "/card", amount=one.fee))
    if one.state == "sent":
        found.append(Todo("application_sent", "/card", urgent=False))
    if one.state == "ready" and one.delivery == "pickup":
        place = facts.places.get(one.pickup_place or "")
        found.append(Todo("application_ready", "/card", words=place))
    return found


def _benefits(facts: Affairs) -> list[Todo]:
    found: list[Todo] = []
    for one in facts.drawn:
        if (due := one.proof_due_on) is not None and due - facts.day <= PROOF_SOON:
            over = due < facts.day
            code = "proof_overdue" if over else "proof_due"
            found.append(Todo(code, "/benefits", over or (due - facts.day).days <= 30, due))
        elif one.status == "held" and one.held_reason != "proof_of_life":
            code = "confirm_month" if one.held_reason == "job_seeker_month" else "benefit_held"
            found.append(Todo(code, "/benefits"))
    return found


def _care(facts: Affairs) -> list[Todo]:
    found: list[Todo] = []
    for one in facts.open_filings:
        name = place(one.destination)
        if one.filing_id in facts.owing:
            found.append(Todo("filing_owing", "/filings", urgent=False, words=name))
        ends = one.ends_on
        if (
            ends is not None
            and ends - facts.day <= FILING_SOON
            and not filing_rules.goes_on(one, facts.filings)
        ):
            found.append(Todo("filing_ends", "/filings", urgent=False, day=ends, words=name))
    # The next one alone: the others stand on the page of plans.
    for one in facts.plans[:1]:
        if facts.day <= one.leaves_on <= facts.day + plans.DAYS_BEFORE:
            address, where = f"/plan/{one.plan_id}", place(one.region)
            found.append(Todo("plan", address, urgent=False, day=one.leaves_on, words=where))
    return found


def _money(facts: Affairs, pay_at: str) -> list[Todo]:
    owed = facts.open_bills
    if not owed:
        return []
    over = owed[0].due_on < facts.day
    code = "bills_overdue" if over else "bills"
    return [Todo(code, pay_at, over, owed[0].due_on, sum(one.total for one in owed))]


def _own(facts: Affairs) -> list[Todo]:
    found: list[Todo] = []
    if "details" in facts.services and not contact_fresh(
        facts.person.contact_confirmed_on, facts.day
    ):
        found.append(Todo("contact", "/details", urgent=False))
    return found
