"""All rules together: findings of every subject, in the order of doing, and what to expect."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Final, cast

import msgspec

from yikatong.core.money import format_yuan_grouped
from yikatong.core.regions import short_name
from yikatong.people.model import Enrolment
from yikatong.policies import service as policies
from yikatong.policies.errors import NoPolicyOnFile
from yikatong.policies.model import Care, Level, PersonFacts, VisitFacts
from yikatong.portability.model import (
    CARE_SERVICES,
    Answer,
    CheckRequest,
    Expects,
    Found,
    Situation,
    Text,
    fact,
)
from yikatong.portability.reasons import catalogue
from yikatong.portability.rules import benefit, card, filing, insurance, person, place

_LEVEL_UNLESS_NAMED: Final[Level] = "tertiary"
"""People who travel for care mostly go to the largest hospitals."""


def decide(situation: Situation, request: CheckRequest) -> Answer:
    """Yes, yes but, or no: any blocking reason is a no, any condition a but."""
    enrolment = insurance.medical_enrolment(situation.enrolments)
    expects = _expects(situation, request, enrolment)
    found = [
        *person.reasons(situation, request),
        *card.reasons(situation, request),
        *insurance.reasons(situation, request),
        *place.reasons(situation, request, enrolment),
        *filing.reasons(situation, request, enrolment),
        *benefit.reasons(situation, request),
        *_about_money(situation, request, enrolment, expects),
    ]
    texts = catalogue()
    reasons = sorted((texts.reason(one) for one in found), key=texts.rank)
    weights = {reason.weight for reason in reasons}
    answer = "no" if "block" in weights else "yes_but" if "condition" in weights else "yes"
    return Answer(answer, tuple(reasons), expects)


def _expects(
    situation: Situation, request: CheckRequest, enrolment: Enrolment | None
) -> Expects | None:
    policy = situation.policy
    if request.service not in CARE_SERVICES or enrolment is None or policy is None:
        return None
    who = person_facts(situation, request, enrolment)
    level = situation.provider.level if situation.provider else _LEVEL_UNLESS_NAMED
    kind = filing.kind_that_counts(situation, request, enrolment)
    visit = VisitFacts(
        cast("Care", request.service),
        request.region,
        level,
        request.on,
        kind,
        home_filing=filing.home_filing(situation, request, enrolment),
    )
    best = policies.best_filing(policy, request.region)
    try:
        now = policies.expected(policy, who, visit, situation.year)
        filed = None
        if best not in ("none", kind):
            better = msgspec.structs.replace(visit, filing=best)
            filed = policies.expected(policy, who, better, situation.year)
    except NoPolicyOnFile:
        return None
    if filed is not None and filed.rates == now.rates and filed.deductible == now.deductible:
        filed = None
    return Expects(policy, now, filed, best, level)


def person_facts(situation: Situation, request: CheckRequest, enrolment: Enrolment) -> PersonFacts:
    """What a policy asks about this person on that day."""
    groups = {"student"} if enrolment.category == "student" else set[str]()
    return PersonFacts(
        insurance="310" if enrolment.insurance == "310" else "390",
        region=enrolment.region,
        retired=enrolment.retired,
        age=situation.person.age_on(request.on),
        groups=frozenset(groups),
    )


def _about_money(
    situation: Situation,
    request: CheckRequest,
    enrolment: Enrolment | None,
    expects: Expects | None,
) -> Iterator[Found]:
    if request.service not in CARE_SERVICES or enrolment is None:
        return
    if expects is None:
        policy = situation.policy
        known_not_paid = policy and request.service in policy.care
        if not known_not_paid:
            name = Text(short_name(enrolment.region), short_name(enrolment.region, "en"))
            yield Found("rates_not_on_file", {"region": name})
        return
    if expects.now.cap_left == 0:
        again = expects.now.year_ends_on + timedelta(days=1)
        yield Found("cap_used_up", {"date": fact(again)})
    if expects.now.covered and expects.now.deductible:
        amount = fact(format_yuan_grouped(expects.now.deductible))
        yield Found("deductible_not_met", {"amount": amount})
