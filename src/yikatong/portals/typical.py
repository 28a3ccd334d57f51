"""What a typical hospital bill leaves to a person, by the policy on file: to show what a filing is
worth. Pure."""

from datetime import date
from typing import Final

import msgspec

from yikatong.core.money import Fen
from yikatong.people.model import Enrolment, Person
from yikatong.policies import service as policies
from yikatong.policies.errors import NoPolicyOnFile
from yikatong.policies.model import Bill, Filing, PersonFacts, Policy, QuoteRequest, VisitFacts

BILL: Final = Bill(total=30_000_00, self_paid=1_500_00, first_pay=1_500_00)
"""A stay in a tertiary hospital: 30 000 yuan, of which 3 000 are out of scope. An example, no average."""


class Share(msgspec.Struct, frozen=True):
    """What the person pays of the typical bill with a filing."""

    filing: Filing
    person: Fen


def policy_of(enrolment: Enrolment | None, day: date) -> Policy | None:
    """The policy on file for a medical enrolment on a day."""
    if enrolment is None:
        return None
    try:
        return policies.load().find(enrolment.region, enrolment.insurance, day)
    except NoPolicyOnFile:
        return None


def facts_of(person: Person, enrolment: Enrolment, day: date) -> PersonFacts:
    """What a policy asks of somebody with this enrolment."""
    return PersonFacts(
        insurance="310" if enrolment.insurance == "310" else "390",
        region=enrolment.region,
        retired=enrolment.retired,
        age=person.age_on(day),
        groups=frozenset({"student"} if enrolment.category == "student" else ()),
    )


def shares(person: PersonFacts, region: str, day: date, filings: tuple[Filing, ...]) -> list[Share]:
    """The person's part of the typical bill in a region with each filing; nothing where no policy is on
    file for it. A filing that is refused settlement altogether is left out."""
    found: list[Share] = []
    for filing in filings:
        visit = VisitFacts("inpatient", region, "tertiary", day, filing)
        try:
            quote = policies.quote(QuoteRequest(person, visit, BILL))
        except NoPolicyOnFile:
            return []
        found.append(Share(filing, quote.person))
    return found
