"""Reasons that lie in the place: the provider, what the destination offers, its system."""

from collections.abc import Iterator

from yikatong.core.errors import Text
from yikatong.core.regions import short_name
from yikatong.medical.filings.rules import is_away
from yikatong.medical.model import Provider
from yikatong.people.model import Enrolment
from yikatong.portability.model import CARE_SERVICES, CheckRequest, Found, Situation, fact


def reasons(
    situation: Situation, request: CheckRequest, enrolment: Enrolment | None
) -> Iterator[Found]:
    """What about the place stands in the way."""
    region = Text(short_name(request.region), short_name(request.region, "en"))
    if situation.out_since is not None:
        deciding = enrolment.region if enrolment else request.region
        name = Text(short_name(deciding), short_name(deciding, "en"))
        yield Found("region_not_answering", {"region": name, "since": fact(situation.out_since)})
    away = enrolment is None or is_away(enrolment.region, request.region)
    # At home care is always open; the other services are not tied to the insured place.
    if not situation.opened and (away or request.service not in CARE_SERVICES):
        code = "outpatient_not_opened" if request.service == "outpatient" else "service_not_opened"
        yield Found(code, {"region": region})
    if request.service == "chronic" and not _registered(situation, request):
        yield Found("chronic_not_registered")
    if situation.provider is not None and request.service in CARE_SERVICES:
        yield from _provider(situation.provider, situation, request, away=away)


def _registered(situation: Situation, request: CheckRequest) -> list[str]:
    return [
        one.disease
        for one in situation.chronic
        if one.starts_on <= request.on and (one.ends_on is None or request.on <= one.ends_on)
    ]


def _provider(
    provider: Provider, situation: Situation, request: CheckRequest, *, away: bool
) -> Iterator[Found]:
    name = Text(provider.name, provider.english)
    if provider.suspended_on is not None and provider.suspended_on <= request.on:
        since = fact(provider.suspended_on)
        yield Found("provider_suspended", {"provider": name, "date": since})
    if request.service not in provider.cares:
        yield Found("provider_not_designated", {"provider": name})
    elif away and request.service not in provider.cross_region_cares:
        yield Found("provider_not_cross_region", {"provider": name})
    if request.service == "chronic":
        diseases = _registered(situation, request)
        if diseases and not set(diseases) & set(provider.chronic_diseases):
            yield Found(
                "provider_not_for_disease", {"provider": name, "disease": fact(diseases[0])}
            )
    chosen = situation.selected_providers
    must_choose = request.service == "outpatient" and not away and chosen
    if must_choose and provider.provider_code not in chosen:
        yield Found("provider_not_selected", {"provider": name})
