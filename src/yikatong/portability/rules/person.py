"""Reasons that lie in the person's record."""

from collections.abc import Iterator

from yikatong.people.changes.rules import contact_fresh
from yikatong.portability.model import CheckRequest, Found, Situation, fact


def reasons(situation: Situation, request: CheckRequest) -> Iterator[Found]:
    """Death, identity, guardianship, contact data."""
    person = situation.person
    if person.died_on is not None:
        yield Found("recorded_dead", {"date": fact(person.died_on)})
    if not person.identity_matched:
        yield Found("identity_mismatch")
    if person.under_guardianship:
        yield Found("under_guardianship")
    if not contact_fresh(person.contact_confirmed_on, request.on):
        yield Found("contact_outdated")
