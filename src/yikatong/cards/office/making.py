"""What the desk writes, put together in memory: an application, a card, its number, an event."""

import secrets
from datetime import date, datetime
from functools import lru_cache
from typing import Final

import msgspec

from yikatong.cards.model import Card, CardApplication
from yikatong.cards.office import rules, terms
from yikatong.cards.office.model import CardEvent, Doing, Facts, NewApplication
from yikatong.cards.office.terms import CardRules
from yikatong.cards.service import NUMBER_LENGTH
from yikatong.core.ids import new_id
from yikatong.trust.audit import Actor

_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"
_NUMBERS: Final = len(_LETTERS) ** NUMBER_LENGTH


def application(wanted: NewApplication, facts: Facts, region: str) -> CardApplication:
    """The application that was taken in, `wanted` completed, decided by a region whose rules `facts`
    have."""
    old = rules.card_to_replace(facts.cards)
    fee, doing = rules.fee_of(wanted, facts.rules), facts.doing
    return CardApplication(
        application_id=new_id(facts.now),
        kind=wanted.kind,
        state="applied",
        region=region,
        applied_on=facts.today,
        expected_on=rules.working_days_after(
            facts.today, facts.rules.review_days + facts.rules.production_days
        ),
        pickup_place=wanted.pickup_place,
        reason=None,
        person_id=facts.person.person_id,
        channel=doing.channel,
        accepted_in=wanted.accepted_in or region,
        applicant=doing.by,
        applicant_id=doing.by_id,
        accepted_by=facts.actor,
        accepted_at=doing.counter,
        why=wanted.why,
        replaces_card_id=old.card_id if old else None,
        materials=doing.materials,
        bank=wanted.bank or rules.ANY_BANK,
        delivery=wanted.delivery,
        fee=fee,
        fee_state="due" if fee else "none",
        state_since=facts.now,
    )


def anew(one: CardApplication, found: CardRules, day: date) -> CardApplication:
    """The application of a card that was spoiled or lost on its way, for which another is made: its number
    is dead, and from `day` on it is waited for as for the first."""
    return msgspec.structs.replace(
        one, batch_id=None, card_id=None, card_number=None, personalised_on=None, name_on_card=None,
        tracking=None, chased=0,
        expected_on=rules.working_days_after(day, found.production_days),
    )  # fmt: skip


def number() -> str:
    """A card number that nobody can guess; whether it is free the directory says."""
    drawn, letters = secrets.randbelow(_NUMBERS), ""
    for _ in range(NUMBER_LENGTH):
        drawn, at = divmod(drawn, len(_LETTERS))
        letters += _LETTERS[at]
    return letters


def identifier(region: str, card_id: int) -> str:
    """卡识别码: region (6), generation (2), serial (24 digits)."""
    return f"{region}{rules.GENERATION:02d}{card_id:024d}"


@lru_cache(maxsize=4096)
def valid_until(region: str, personalised_on: date) -> date:
    """Until when a card of a region is valid that was made on a day (有效期)."""
    years = terms.load().find(region, personalised_on).valid_years
    return rules.years_after(personalised_on, years)


def card(one: CardApplication, account_id: int) -> Card:
    """The card that is handed over: with the name and the days that were written on it."""
    assert one.card_id is not None
    assert one.card_number is not None
    assert one.personalised_on is not None
    assert one.name_on_card is not None
    return Card(
        person_id=one.person_id,
        card_id=one.card_id,
        card_number=one.card_number,
        card_identifier=identifier(one.region, one.card_id),
        generation=rules.GENERATION,
        region=one.region,
        state="issued",
        social_security_app="inactive",
        bank_app="inactive",
        name_on_card=one.name_on_card,
        issued_on=one.personalised_on,
        valid_until=valid_until(one.region, one.personalised_on),
        provisional_until=None,
        bank=one.bank,
        account_id=account_id,
        account_frozen_by=None,
        replaced_by=None,
    )


def event(
    doing: Doing,
    actor: Actor,
    now: datetime,
    name: str,
    before: str | None,
    after: str,
    application: CardApplication | None = None,
    card: Card | None = None,
) -> CardEvent:
    """What happened to an application or a card."""
    about = card or application
    assert about is not None
    return CardEvent(
        person_id=about.person_id,
        event_id=new_id(now),
        at=now,
        application_id=application.application_id if application else None,
        card_id=about.card_id,
        event=name,
        before=before,
        after=after,
        channel=doing.channel,
        applicant=doing.by,
        actor_kind=actor.kind,
        actor=actor.name,
        reason=doing.reason,
        detail={"by_id": str(doing.by_id)} if doing.by_id else {},
    )


def trail(happened: CardEvent, of_card: bool) -> tuple[int, str, dict[str, object]]:
    """The same for the person's audit trail: person, action, detail."""
    detail: dict[str, object] = {
        "state": happened.after,
        "channel": happened.channel,
        "by": happened.applicant,
    }
    return (
        happened.person_id,
        f"{'card' if of_card else 'card_application'}.{happened.event}",
        detail,
    )
