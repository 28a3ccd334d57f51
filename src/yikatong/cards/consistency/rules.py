"""What does not agree in a person's file, without I/O."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from yikatong.cards.consistency.model import Code, File
from yikatong.cards.model import LIVE_STATES
from yikatong.core.errors import InvalidInput
from yikatong.people.changes.rules import contact_fresh
from yikatong.people.rules import parse_id_number

PHONE_SHARED_BY: Final = 5
"""A family may share a phone; more people than this rarely do."""
_OF_AGE: Final = 18
_ENDS_WITHIN: Final = timedelta(days=60)
"""An enrolment is ended some time after the death: its last month is still counted."""


def codes(file: File, day: date) -> Iterator[Code]:
    """Everything that does not agree on a day, the gravest first."""
    yield from _identity(file, day)
    yield from _card(file)
    yield from _after_death(file, day)
    yield from _contact(file, day)


def _identity(file: File, day: date) -> Iterator[Code]:
    person = file.person
    try:
        said = parse_id_number(file.id_number, "id_number", today=day)
    except InvalidInput:
        yield "id_number_invalid"
    else:
        if said.birth_date != person.birth_date:
            yield "birth_date_differs"
        if said.sex != person.sex:
            yield "sex_differs"
    if file.leads_to != person.person_id:
        yield "id_number_not_found"
    if not person.identity_matched:
        yield "identity_unmatched"
    if person.under_guardianship and person.died_on is None and not _has_guardian(file, day):
        yield "guardian_missing"


def _has_guardian(file: File, day: date) -> bool:
    """A guardian on record; of a minor a parent is one by birth (民法典 art. 27)."""
    kinds = {"ward_of", "child"} if file.person.age_on(day) < _OF_AGE else {"ward_of"}
    return any(
        one.kind in kinds and one.since <= day and (one.until is None or day <= one.until)
        for one in file.relations
    )


def _card(file: File) -> Iterator[Code]:
    card = file.card
    if card is None or card.state not in LIVE_STATES:
        return
    if file.person.died_on is not None:
        yield "dead_with_live_card"
    elif card.name_on_card != file.person.name:
        yield "card_name_differs"


def _after_death(file: File, day: date) -> Iterator[Code]:
    died_on = file.person.died_on
    if died_on is None:
        return
    for one in file.enrolments:
        late = one.status == "insured" and day > died_on + _ENDS_WITHIN
        if late or one.starts_on > died_on:
            yield "insured_after_death"
            return


def _contact(file: File, day: date) -> Iterator[Code]:
    person = file.person
    if person.died_on is not None:
        return
    if file.phone_of > PHONE_SHARED_BY:
        yield "phone_shared"
    if file.phone is None:
        yield "phone_missing"
    if not contact_fresh(person.contact_confirmed_on, day):
        yield "contact_stale"
