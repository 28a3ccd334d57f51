"""Unemployment benefit as JSON: amounts in yuan, identifiers as texts."""

import msgspec

from yikatong.benefits.runs.shown import TextBody
from yikatong.benefits.unemployment.model import END_NAMES, REASON_NAMES, Claim, Estimate, Told
from yikatong.core import regions
from yikatong.core.errors import Text
from yikatong.core.money import format_yuan


class MissBody(msgspec.Struct):
    """What is not fulfilled, and what to do."""

    code: str
    text: TextBody
    remedy: TextBody


class StepBody(msgspec.Struct):
    """One step of the calculation."""

    rule: TextBody
    clause: str
    result: TextBody


class EstimateBody(msgspec.Struct):
    """Whether, how long, how much, where; `recalled`: figures that are still to be compared."""

    entitled: bool
    misses: list[MissBody]
    months: int
    first_month: str
    last_month: str | None
    monthly: str
    later_monthly: str
    total: str
    region: str
    region_name: TextBody
    steps: list[StepBody]
    documents: list[TextBody]
    recalled: bool


class ClaimBody(msgspec.Struct):
    """A claim and what was granted."""

    person_id: int
    claim_id: str
    insured_region: str
    region: str
    region_name: TextBody
    left_on: str
    reason: str
    reason_name: TextBody
    registered_on: str
    months_paid: int
    months_carried: int
    months_granted: int
    months_extended: int
    """Beyond those granted, until the retirement age."""
    starts_on: str
    ends_on: str
    state: str
    ended_on: str | None
    ended_by: str | None
    ended_by_name: TextBody | None
    months_left: int
    overpaid: str


def text(one: Text) -> TextBody:
    return TextBody(one.zh, one.en)


def _place(code: str) -> TextBody:
    return TextBody(regions.full_name(code), regions.full_name(code, "en"))


def miss(one: Told) -> MissBody:
    return MissBody(one.code, text(one.text), text(one.remedy))


def estimate(one: Estimate) -> EstimateBody:
    return EstimateBody(
        entitled=one.entitled,
        misses=[miss(each) for each in one.misses],
        months=one.months,
        first_month=f"{one.first_month:%Y-%m}",
        last_month=None if one.last_month is None else f"{one.last_month:%Y-%m}",
        monthly=format_yuan(one.monthly),
        later_monthly=format_yuan(one.later_monthly),
        total=format_yuan(one.total),
        region=one.region,
        region_name=_place(one.region),
        steps=[StepBody(text(each.rule), each.clause, text(each.result)) for each in one.steps],
        documents=[text(each) for each in one.documents],
        recalled=one.recalled,
    )


def claim(one: Claim) -> ClaimBody:
    return ClaimBody(
        person_id=one.person_id,
        claim_id=str(one.claim_id),
        insured_region=one.insured_region,
        region=one.region,
        region_name=_place(one.region),
        left_on=one.left_on.isoformat(),
        reason=one.reason,
        reason_name=text(REASON_NAMES[one.reason]),
        registered_on=one.registered_on.isoformat(),
        months_paid=one.months_paid,
        months_carried=one.months_carried,
        months_granted=one.months_granted,
        months_extended=one.months_extended,
        starts_on=one.starts_on.isoformat(),
        ends_on=one.ends_on.isoformat(),
        state=one.state,
        ended_on=None if one.ended_on is None else one.ended_on.isoformat(),
        ended_by=one.ended_by,
        ended_by_name=None if one.ended_by is None else text(END_NAMES[one.ended_by]),
        months_left=one.months_left,
        overpaid=format_yuan(one.overpaid),
    )
