"""Decisions of the card office, without I/O: regions, fees, days, the card an application replaces."""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

import msgspec

from yikatong.cards.counters.model import Counter
from yikatong.cards.model import LIVE_STATES, Card, CardApplication
from yikatong.cards.office.model import Facts, NewApplication
from yikatong.cards.office.terms import CardRules
from yikatong.core import regions
from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import InvalidInput
from yikatong.core.money import Fen
from yikatong.people.model import Enrolment, Person

ANY_BANK: Final = "ICBC"
"""The issuing bank of a first card for which none is named."""
GENERATION: Final = 3
"""Cards issued today are of the third generation."""
PHOTOGRAPHED_FROM: Final = 16
"""From this age everybody has an id card, and so a photo in the police's population base."""
_INSURANCES: Final = ("310", "390", "110", "150", "210")
_SATURDAY: Final = 5


def home_region(facts: Facts) -> str:
    """The insured place (参保地), medical insurance first; of who is insured nowhere, the residence."""
    return insured_place(facts.person, facts.enrolments)


def insured_place(person: Person, enrolments: Sequence[Enrolment]) -> str:
    """The same by what it is told by."""
    current = [one for one in enrolments if one.status != "ended"]
    for insurance in _INSURANCES:
        for one in current:
            if one.insurance == insurance:
                return one.region
    return _pooling(person.residence_region)


def _pooling(region: str, field: str = "region") -> str:
    found = regions.get(region, field)
    return found.pooled_in or found.code


def deciding_region(wanted: NewApplication, facts: Facts) -> str:
    """The region that decides and issues; raises InvalidInput for an unknown one."""
    return home_region(facts) if wanted.region is None else _pooling(wanted.region)


def completed(wanted: NewApplication, old: Card | None, here: Counter | None) -> NewApplication:
    """What is wanted, with what goes without saying: the bank of the old card or of the branch, the
    region of the counter, and that the card is collected where it was applied for."""
    bank = wanted.bank or (old.bank if old else here.bank if here else None) or ANY_BANK
    accepted_in, pickup_place = wanted.accepted_in, None
    if here is not None:
        accepted_in = here.region
    if wanted.delivery == "pickup":
        pickup_place = wanted.pickup_place
        if pickup_place is None and here is not None and serves(here, bank):
            pickup_place = here.code
    return msgspec.structs.replace(
        wanted, bank=bank, accepted_in=accepted_in, pickup_place=pickup_place
    )


def serves(counter: Counter, bank: str | None) -> bool:
    """Whether a counter has to do with cards of a bank: the agency's all have, branches their own."""
    return counter.bank in (None, bank)


def pickup_refused(pickup: Counter | None, bank: str | None) -> InvalidInput | None:
    """Why a card is not collected at this counter, or None."""
    if pickup is None or serves(pickup, bank):
        return None
    return InvalidInput(
        "pickup_place",
        zh="这个网点属于另一家银行，请选经办窗口或发卡银行的网点",
        en="this branch is of another bank; choose a counter of the agency or of the issuing bank",
    )


def is_elsewhere(wanted: NewApplication, facts: Facts) -> bool:
    """Whether another region than the insured one is to issue the card."""
    return deciding_region(wanted, facts) != home_region(facts)


def decided_at_once(wanted: NewApplication, facts: Facts) -> bool:
    """Whether no review is needed (即时受理): the person stands at a counter of the insured place with
    the id document in hand, and the registers agree."""
    return (
        facts.doing.channel in ("counter", "bank")
        and facts.doing.by == "self"
        and (facts.here is None or facts.here.pooling_region == home_region(facts))
        and not is_elsewhere(wanted, facts)
        and wanted.why != "data_changed"
        # A photo can be added to an application only when there is one.
        and not photo_needed(facts)
    )


def photo_needed(facts: Facts) -> bool:
    """Whether a photo has to be handed in: where the region takes none from the population base, and of
    a child, who is not in it before there is an id card (居民身份证法 art. 2)."""
    return photo_wanted(facts.person, facts.rules, facts.today)


def photo_wanted(person: Person, terms: CardRules, day: date) -> bool:
    """The same by what it is told by."""
    return terms.photo == "handed_in" or person.age_on(day) < PHOTOGRAPHED_FROM


def fee_of(wanted: NewApplication, terms: CardRules) -> Fen:
    """工本费 in fen: none for the first card and for the reasons that the region lets off."""
    if wanted.kind == "first" or (wanted.why is not None and wanted.why in terms.free):
        return 0
    return terms.fee


def card_to_replace(cards: Sequence[Card]) -> Card | None:
    """The card that a new one would take the place of: the live one, else the newest expired one."""
    live = next((one for one in cards if one.state in LIVE_STATES), None)
    if live is not None:
        return live
    newest = next(iter(cards), None)
    return newest if newest is not None and newest.state == "expired" else None


def due_on(one: CardApplication, terms: CardRules) -> date | None:
    """The last day of the office's own time limit (办理时限): to decide an application of which nothing is
    asked, or to have its card made; None where it waits for the applicant, the maker or the post."""
    if one.state == "applied" and one.asked_for is None:
        since = one.state_since.astimezone(SHANGHAI).date() if one.state_since else one.applied_on
        return working_days_after(since, terms.review_days)
    if one.state == "in_production" and one.batch_id is None:
        return one.expected_on
    return None


def lapsed(one: CardApplication) -> bool:
    """Whether the application ended because what was asked for was not added in time (逾期未补正)."""
    if one.state != "withdrawn" or one.asked_until is None or one.state_since is None:
        return False
    return one.state_since.astimezone(SHANGHAI).date() > one.asked_until


def is_guardian(facts: Facts, person_id: int) -> bool:
    """Whether this person is recorded as guardian, or as parent of a minor."""
    return any(
        one.other_person_id == person_id
        and one.kind in ("ward_of", "child")
        and (one.until is None or one.until >= facts.today)
        for one in facts.relations
    )


@lru_cache(maxsize=4096)
def working_days_after(day: date, count: int) -> date:
    """The day so many working days (Monday to Friday) later; public holidays make it later still."""
    while count > 0:
        day += timedelta(days=1)
        if day.weekday() < _SATURDAY:
            count -= 1
    return day


def years_after(day: date, years: int) -> date:
    """The same day so many years later; 29 February becomes the 28th."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def check_why(wanted: NewApplication) -> None:
    """Raise InvalidInput where the reason does not fit what is applied for."""
    allowed = {
        "first": (None,),
        "replace": ("lost",),
        "renew": ("damaged", "expired", "old_generation", "data_changed"),
    }[wanted.kind]
    if wanted.why not in allowed:
        named = "、".join(str(one) for one in allowed if one)
        raise InvalidInput(
            "why",
            zh="首次申领不填原因" if wanted.kind == "first" else f"原因应为 {named} 之一",
            en="the first card needs no reason"
            if wanted.kind == "first"
            else f"must be one of {named.replace('、', ', ')}",
        )
