"""Reasons that lie in the filing for care elsewhere (异地就医备案)."""

from collections.abc import Iterator

from yikatong.core import regions
from yikatong.core.errors import Text
from yikatong.core.regions import short_name
from yikatong.medical.model import Filing
from yikatong.people.model import Enrolment
from yikatong.policies import service as policies
from yikatong.policies.model import Filing as FilingKind
from yikatong.portability.model import CARE_SERVICES, CheckRequest, Found, Situation, fact

KIND_NAMES: dict[str, Text] = {
    "long_term": Text("长期居住", "long-term residence"),
    "transfer": Text("转诊转院", "transfer"),
    "emergency": Text("急诊抢救", "emergency"),
    "temporary": Text("临时外出", "temporary stay"),
}

_COVERS: dict[str, frozenset[str]] = {
    "long_term": CARE_SERVICES,
    "transfer": frozenset({"inpatient", "outpatient"}),
    "emergency": frozenset({"inpatient"}),
    "temporary": frozenset({"inpatient", "outpatient"}),
}
"""Which services a filing is for; medicines and chronic care over months ask for the long-term one."""


def is_away(enrolment: Enrolment, region: str) -> bool:
    """Whether care there is outside the insured pooling region."""
    found = regions.find(region)
    return found is None or found.pooled_in != enrolment.region


def valid_filing(situation: Situation, request: CheckRequest, insurance: str) -> Filing | None:
    """The filing that covers this care on that day, the long-term one first."""
    ranked = sorted(situation.filings, key=lambda one: list(KIND_NAMES).index(one.kind))
    for filing in ranked:
        if (
            filing.insurance == insurance
            and _in_time(filing, request)
            and regions.is_within(request.region, filing.destination)
            and request.service in _COVERS[filing.kind]
        ):
            return filing
    return None


def kind_that_counts(
    situation: Situation, request: CheckRequest, enrolment: Enrolment
) -> FilingKind:
    """The kind of filing an expected rate is computed with."""
    filing = valid_filing(situation, request, enrolment.insurance)
    return filing.kind if filing else "none"


def reasons(
    situation: Situation, request: CheckRequest, enrolment: Enrolment | None
) -> Iterator[Found]:
    """Why no filing covers this care, or that none is needed."""
    if request.service not in CARE_SERVICES or enrolment is None:
        return
    if not is_away(enrolment, request.region):
        return
    policy = situation.policy
    if policy is not None and policies.counts_as_filed(policy, request.region):
        yield Found("filing_not_needed_exempt", {"region": _name(request.region)})
        return
    filing = valid_filing(situation, request, enrolment.insurance)
    if filing is not None:
        yield Found(
            "filing_valid",
            {"kind": KIND_NAMES[filing.kind], "destination": _name(filing.destination)},
        )
        return
    if policy is not None and policy.unfiled == "refused":
        yield Found("filing_refused", {"region": _name(enrolment.region)})
        return
    mine = [one for one in situation.filings if one.insurance == enrolment.insurance]
    yield _why_not(mine, request)


def _why_not(filings: list[Filing], request: CheckRequest) -> Found:
    """The nearest miss says most: right place and time first, then time, then place."""
    there = [one for one in filings if regions.is_within(request.region, one.destination)]
    for filing in there:
        if _in_time(filing, request):
            return Found("filing_type_not_covering", {"kind": KIND_NAMES[filing.kind]})
    for filing in there:
        if filing.ended_on is None and filing.starts_on > request.on:
            return Found("filing_not_started", {"date": fact(filing.starts_on)})
    for filing in filings:
        if _in_time(filing, request):
            return Found(
                "filing_other_destination",
                {"destination": _name(filing.destination), "region": _name(request.region)},
            )
    for filing in there:
        if filing.ended_by == "return":
            return Found("filing_ended_by_return", {"date": fact(filing.ended_on)})
        return Found("filing_ended", {"date": fact(filing.ended_on or filing.ends_on)})
    return Found("filing_none")


def _in_time(filing: Filing, request: CheckRequest) -> bool:
    return (
        filing.starts_on <= request.on
        and (filing.ends_on is None or request.on <= filing.ends_on)
        and (filing.ended_on is None or request.on < filing.ended_on)
    )


def _name(code: str) -> Text:
    return Text(short_name(code), short_name(code, "en"))
