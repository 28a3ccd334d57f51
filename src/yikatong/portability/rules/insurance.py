"""Reasons that lie in the insurance: enrolment, arrears, waiting period, transfer."""

from collections.abc import Iterator, Sequence
from datetime import date

from yikatong.core.errors import Text
from yikatong.core.months import next_month
from yikatong.core.regions import short_name
from yikatong.people.model import INSURANCE_NAMES, MEDICAL, Enrolment
from yikatong.portability.model import CARE_SERVICES, CheckRequest, Found, Situation, fact


def name_of(insurance: str) -> Text:
    """The insurance's name in both languages."""
    return Text(*INSURANCE_NAMES[insurance])


_MEDICAL_NAME = Text("基本医疗保险", "basic medical insurance")
_UNEMPLOYMENT = "210"


def medical_enrolment(enrolments: Sequence[Enrolment]) -> Enrolment | None:
    """The medical enrolment that counts: a current one, employees' before residents'; else the last."""
    medical = [one for one in enrolments if one.insurance in MEDICAL]
    current = [one for one in medical if one.status != "ended"]
    if current:
        return min(current, key=lambda one: one.insurance)
    return max(medical, key=lambda one: one.ends_on or date.min, default=None)


def reasons(situation: Situation, request: CheckRequest) -> Iterator[Found]:
    """What about the insurance stands in the way of this service."""
    if request.service == "unemployment" and not situation.entitlements:
        if not any(one.insurance == _UNEMPLOYMENT for one in situation.enrolments):
            yield Found("not_insured", {"insurance": name_of(_UNEMPLOYMENT)})
        return
    if request.service not in CARE_SERVICES:
        return
    enrolment = medical_enrolment(situation.enrolments)
    if enrolment is None:
        yield Found("not_insured", {"insurance": _MEDICAL_NAME})
        return
    name = name_of(enrolment.insurance)
    if enrolment.status == "ended" or (enrolment.ends_on and enrolment.ends_on < request.on):
        ended = fact(enrolment.ends_on or "—")
        yield Found("benefits_ended", {"insurance": name, "date": ended})
        return
    if enrolment.status == "in_transfer":
        region = Text(short_name(enrolment.region), short_name(enrolment.region, "en"))
        yield Found("insurance_in_transfer", {"insurance": name, "region": region})
    if enrolment.status == "suspended":
        since = fact(enrolment.suspended_on or "—")
        yield Found("insurance_suspended", {"insurance": name, "date": since})
    arrears = enrolment.arrears_since
    if arrears is not None and request.on >= next_month(arrears):
        yield Found("arrears", {"insurance": name, "date": fact(arrears)})
    if enrolment.benefits_from > request.on:
        begins = fact(enrolment.benefits_from)
        yield Found("in_waiting_period", {"insurance": name, "date": begins})
    if enrolment.retired and not enrolment.retirement_confirmed:
        yield Found("retirement_unconfirmed")
    policy = situation.policy
    if policy and request.service in policy.care and policy.care[request.service] is None:
        yield Found("wrong_insurance_for_service", {"insurance": name})
