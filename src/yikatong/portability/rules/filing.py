"""Reasons that lie in the filing for care elsewhere (异地就医备案)."""

from collections.abc import Iterator
from typing import cast

from yikatong.core.errors import Text
from yikatong.core.regions import short_name
from yikatong.medical.filings import rules
from yikatong.medical.filings.model import KIND_NAMES, AtHome
from yikatong.medical.model import Filing
from yikatong.people.model import Enrolment
from yikatong.policies import service as policies
from yikatong.policies.model import Care, HomeFiling
from yikatong.policies.model import Filing as FilingKind
from yikatong.portability.model import CARE_SERVICES, CheckRequest, Found, Situation, fact


def kind_that_counts(
    situation: Situation, request: CheckRequest, enrolment: Enrolment
) -> FilingKind:
    """The kind of filing an expected rate is computed with."""
    return rules.kind_that_counts(
        situation.filings, enrolment.insurance, request.region, _care(request), request.on,
        insured_region=enrolment.region,
    )  # fmt: skip


def reasons(
    situation: Situation, request: CheckRequest, enrolment: Enrolment | None
) -> Iterator[Found]:
    """Why no filing covers this care, or that none is needed."""
    if request.service not in CARE_SERVICES or enrolment is None:
        return
    if not rules.is_away(enrolment.region, request.region):
        at_home = _at_home(situation, request, enrolment)
        if at_home != "home_rates":
            yield Found(f"filing_home_{at_home}", {"region": _name(enrolment.region)})
        return
    policy = situation.policy
    if policy is not None and policies.counts_as_filed(policy, request.region):
        yield Found("filing_not_needed_exempt", {"region": _name(request.region)})
        return
    filing = rules.covering(
        situation.filings, enrolment.insurance, request.region, _care(request), request.on,
        insured_region=enrolment.region,
    )  # fmt: skip
    if filing is not None:
        yield Found(
            "filing_valid",
            {"kind": KIND_NAMES[filing.kind], "destination": _name(filing.destination)},
        )
        return
    if policy is not None and policy.unfiled == "refused":
        yield Found("filing_refused", {"region": _name(enrolment.region)})
        return
    mine = [
        one
        for one in situation.filings
        if (one.insurance, one.region) == (enrolment.insurance, enrolment.region)
    ]
    yield _why_not(mine, request)


def _at_home(situation: Situation, request: CheckRequest, enrolment: Enrolment) -> AtHome:
    """Who filed for living elsewhere keeps using home, as the region says."""
    if situation.long_term is None:
        return "home_rates"
    return rules.at_home(
        situation.filings, enrolment.insurance, enrolment.region, request.on, situation.long_term
    )


def home_filing(situation: Situation, request: CheckRequest, enrolment: Enrolment) -> HomeFiling:
    """What care at home counts as."""
    return rules.home_filing(_at_home(situation, request, enrolment))


def _why_not(filings: list[Filing], request: CheckRequest) -> Found:
    miss, filing = rules.nearest_miss(filings, request.region, request.on)
    facts: dict[str, Text] = {}
    if filing is not None:
        match miss:
            case "type_not_covering":
                facts = {"kind": KIND_NAMES[filing.kind]}
            case "not_started":
                facts = {"date": fact(filing.starts_on)}
            case "other_destination":
                facts = {
                    "destination": _name(filing.destination),
                    "region": _name(request.region),
                }
            case _:
                facts = {"date": fact(filing.ended_on or filing.ends_on)}
    return Found(f"filing_{miss}", facts)


def _care(request: CheckRequest) -> Care:
    assert request.service in CARE_SERVICES
    return cast("Care", request.service)


def _name(code: str) -> Text:
    return Text(short_name(code), short_name(code, "en"))
