"""What a plan for going away asks for: right plans, and the list from the facts. Pure."""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Final

from yikatong.core import regions
from yikatong.core.errors import InvalidInput
from yikatong.people.changes.rules import contact_fresh
from yikatong.portability.model import CARE_SERVICES, SERVICES, Reason, Service
from yikatong.portability.plans.model import (
    AHEAD_DAYS,
    PURPOSES,
    SERVICES_OF,
    Facts,
    NewPlan,
    Purpose,
    Step,
)

CARD_TAKES: Final = timedelta(days=42)
"""At most 30 working days until a new card is there."""
STAYS: Final = timedelta(days=365)
"""How far ahead is looked for somebody who does not say when they return."""
_AT_PLACE: Final = frozenset(
    (
        "service_not_opened", "outpatient_not_opened", "region_not_answering", "in_waiting_period",
        "cap_used_up", "benefit_not_drawn", "benefit_ended", "wrong_insurance_for_service",
        "chronic_not_registered",
    )
)  # fmt: skip
"""Reasons that nothing done before leaving takes away, or not in time."""
_NEW_CARD: Final = frozenset(
    (
        "card_none", "card_cancelled", "card_expired", "card_loss_reported", "card_not_contactless",
        "first_generation_unreadable", "card_data_outdated", "card_application_under_way",
        "card_not_collected",
    )
)  # fmt: skip
ADDRESSES: Final[Mapping[str, str]] = {
    "card_none": "/card/apply/first",
    "card_cancelled": "/card/apply/first",
    "card_expired": "/card/apply/renew",
    "card_expires_away": "/card/apply/renew",
    "first_generation_unreadable": "/card/apply/renew",
    "card_not_contactless": "/card/apply/renew",
    "card_data_outdated": "/card/apply/renew",
    "card_loss_reported": "/card/apply/replace",
    "loss_report_but_payments_arrive": "/card",
    "card_loss_reported_provisionally": "/card",
    "card_application_under_way": "/card",
    "card_not_collected": "/card",
    "social_security_app_inactive": "/card/do/activate",
    "pin_locked": "/card/do/reset_pin",
    "proof_of_life_due": "/benefits",
    "proof_of_life_overdue": "/benefits",
    "benefit_held": "/benefits",
    "contact_outdated": "/details",
    "contact": "/details",
    "filing_home_after_materials": "/filings",
    "filing_home_transfer_rates": "/filings",
    "e_card": "/e-card",
}
"""Where the cardholder's pages do something about it; what is not here is done elsewhere."""
_OWN: Final = frozenset(("contact_outdated", "proof_of_life_due", "proof_of_life_overdue"))
"""Reasons that the list says in its own words, for the whole time away."""


def check_new(
    region: str, leaves_on: date, returns_on: date | None, purposes: tuple[str, ...], today: date
) -> NewPlan:
    """A plan as it is kept; raises InvalidInput naming to, leaves_on, returns_on, purposes."""
    found = regions.get(region, "to")
    if leaves_on < today:
        raise InvalidInput("leaves_on", zh="不能早于今天", en="not before today")
    if leaves_on > today + timedelta(days=AHEAD_DAYS):
        raise InvalidInput("leaves_on", zh="请填一年以内的日子", en="a day within one year")
    if returns_on is not None and returns_on < leaves_on:
        raise InvalidInput("returns_on", zh="不能早于出发的那天", en="not before the day you leave")
    if returns_on is not None and returns_on > leaves_on + timedelta(days=3 * 366):
        raise InvalidInput(
            "returns_on",
            zh="超过三年就不用填，算长住",
            en="leave it empty for more than three years",
        )
    chosen: tuple[Purpose, ...] = tuple(one for one in PURPOSES if one in purposes)
    if not chosen or len(chosen) != len(set(purposes)):
        raise InvalidInput("purposes", zh="请至少选一件事", en="choose at least one")
    return NewPlan(found.code, leaves_on, returns_on, chosen)


def services_of(purposes: tuple[Purpose, ...], *, chronic: bool) -> tuple[Service, ...]:
    """What the card must do; chronic care only where a disease is registered."""
    wanted = {service for purpose in purposes for service in SERVICES_OF[purpose]}
    return tuple(one for one in SERVICES if one in wanted and (chronic or one != "chronic"))


def steps(facts: Facts) -> tuple[Step, ...]:
    """The whole list: what is to be done by date, then what cannot be done, then what is done."""
    found = [
        *_from_answers(facts), *_card(facts), *_care(facts), *_bills(facts), *_benefits(facts),
        *_reached(facts),
    ]  # fmt: skip
    order = {"open": 0, "cannot": 1, "done": 2}
    return tuple(
        sorted(found, key=lambda one: (order[one.state], one.by or date.max)),
    )


def last_day(facts: Facts) -> date:
    """Until when is looked ahead."""
    return facts.plan.returns_on or facts.plan.leaves_on + STAYS


def _before(facts: Facts, days: timedelta = timedelta(days=1)) -> date:
    """So long before leaving; not in the past."""
    return max(facts.day, facts.plan.leaves_on - days)


def _from_answers(facts: Facts) -> Iterator[Step]:
    """What stands in the way there, each once, with what it is needed for."""
    reasons: dict[str, Reason] = {}
    needed: dict[str, list[Service]] = {}
    for service, answer in facts.answers.items():
        for reason in answer.reasons:
            if reason.weight != "info" and reason.code not in _OWN:
                reasons.setdefault(reason.code, reason)
                needed.setdefault(reason.code, []).append(service)
    for code, reason in reasons.items():
        services = tuple(needed[code])
        if code in _AT_PLACE:
            yield Step(code=code, state="cannot", reason=reason, services=services)
            continue
        takes = CARD_TAKES if code in _NEW_CARD else timedelta(days=1)
        address = ADDRESSES.get(code)
        if address is None and code.startswith("filing_"):
            address = _filing_address(facts)
        yield Step(
            code=code, state="open", by=_before(facts, takes), address=address, reason=reason,
            services=services,
        )  # fmt: skip


def _filing_address(facts: Facts) -> str:
    plan = facts.plan
    address = f"/filings/new?to_code={plan.region}&starts_on={plan.leaves_on}"
    if "live" not in plan.purposes:
        address += "&kind=temporary"
        if plan.returns_on is not None:
            address += f"&ends_on={plan.returns_on}"
    return address


def _codes(facts: Facts) -> set[str]:
    return {reason.code for answer in facts.answers.values() for reason in answer.reasons}


def _card(facts: Facts) -> Iterator[Step]:
    card, codes = facts.card, _codes(facts)
    if card is None or card.state.startswith("loss"):
        return
    if facts.day <= card.valid_until < last_day(facts) and "card_expired" not in codes:
        yield Step(
            code="card_expires_away", state="open", by=_before(facts, CARD_TAKES),
            address=ADDRESSES["card_expires_away"], day=card.valid_until,
        )  # fmt: skip
    if card.state == "active" and not codes & {*_NEW_CARD, "social_security_app_inactive"}:
        yield Step(code="card", state="done", day=card.valid_until)


def _care(facts: Facts) -> Iterator[Step]:
    """The filing and the insurance, where the plan is about care."""
    if not any(service in CARE_SERVICES for service in facts.answers):
        return
    codes = _codes(facts)
    if "filing_not_needed_exempt" in codes:
        yield Step(code="filing_exempt", state="done")
    filing = facts.filing
    if filing is not None and not any(
        code.startswith("filing_") and code not in ("filing_valid", "filing_type_not_covering")
        for code in codes
    ):
        yield Step(code="filing", state="done", day=filing.ends_on)
    if (
        filing is not None
        and filing.ends_on is not None
        and filing.ends_on < last_day(facts)
        and not facts.filing_goes_on
    ):
        yield Step(
            code="filing_ends_away", state="open", by=filing.ends_on, address="/filings",
            day=filing.ends_on,
        )  # fmt: skip
    stopped = {
        "not_insured", "benefits_ended", "insurance_in_transfer", "insurance_suspended", "arrears",
        "in_waiting_period", "retirement_unconfirmed",
    }  # fmt: skip
    if facts.enrolment is not None and not codes & stopped:
        yield Step(code="insured", state="done")


def _bills(facts: Facts) -> Iterator[Step]:
    """What falls due before the way home."""
    due = [one for one in facts.bills if one.state == "open" and one.due_on <= last_day(facts)]
    if due:
        first = min(one.due_on for one in due)
        yield Step(
            code="bills", state="open", by=max(facts.day, first), address="/contributions", day=first,
            amount=sum(one.total for one in due),
        )  # fmt: skip


def _benefits(facts: Facts) -> Iterator[Step]:
    """The proof of life, for the whole time away."""
    for one in facts.entitlements:
        due = one.proof_due_on
        if one.status == "ended" or due is None:
            continue
        if due < facts.day:
            yield Step(
                code="proof_overdue", state="open", by=facts.day, address="/benefits", day=due
            )
        elif due <= last_day(facts):
            code = "proof_before" if due < facts.plan.leaves_on else "proof_away"
            yield Step(code=code, state="open", by=due, address="/benefits", day=due)
        else:
            yield Step(code="proof", state="done", day=due)


def _reached(facts: Facts) -> Iterator[Step]:
    """Whether notices and post reach the person, and the e-card on the phone."""
    confirmed = facts.person.contact_confirmed_on
    if contact_fresh(confirmed, facts.day):
        yield Step(code="contact", state="done", day=confirmed)
    else:
        yield Step(code="contact", state="open", by=_before(facts), address=ADDRESSES["contact"])
    if facts.e_cards is not None and facts.card is not None and facts.card.state == "active":
        state = "done" if facts.e_cards else "open"
        by = None if facts.e_cards else _before(facts)
        yield Step(code="e_card", state=state, by=by, address=ADDRESSES["e_card"])
