"""Reasons that lie in the person's record."""

from collections.abc import Iterator
from datetime import timedelta

from yikatong.portability.model import CheckRequest, Found, Situation, fact

_CONTACT_FRESH = timedelta(days=365)
"""Phone and address are asked again once a year."""


def reasons(situation: Situation, request: CheckRequest) -> Iterator[Found]:
    """Death, identity, guardianship, contact data."""
    person = situation.person
    if person.died_on is not None:
        yield Found("recorded_dead", {"date": fact(person.died_on)})
    if not person.identity_matched:
        yield Found("identity_mismatch")
    if person.under_guardianship:
        yield Found("under_guardianship")
    confirmed = person.contact_confirmed_on
    if confirmed is None or request.on - confirmed > _CONTACT_FRESH:
        yield Found("contact_outdated")
