"""The check page: who, where to, what for, which day → the answer as a to-do list. For whoever is
signed in about their own card, or that of whom they act for; to visitors it answers for the demo
persons only, and says what the site is for."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency

from yikatong.core import regions
from yikatong.core.errors import InvalidInput, Text, YikatongError
from yikatong.core.platform import Platform
from yikatong.core.regions import Region
from yikatong.identity.authority.model import Service as ActsIn
from yikatong.people import service as people_service
from yikatong.people.model import Person
from yikatong.policies.requests import parse_day
from yikatong.population import service as population
from yikatong.population.service import DemoPerson
from yikatong.portability import service as portability
from yikatong.portability.model import (
    BENEFIT_SERVICES,
    CARE_SERVICES,
    SERVICE_NAMES,
    SERVICES,
    Answer,
    CheckRequest,
    Service,
)
from yikatong.portability.plans.rules import ADDRESSES
from yikatong.portability.rules.insurance import medical_enrolment
from yikatong.portals.view import View
from yikatong.portals.whose import whose
from yikatong.trust.audit import Actor

_VISITOR = Actor("visitor", "check page", "portability check")
_GUIDE: dict[str, str] = {
    "identity": "activate",
    "pension": "pension-unemployment",
    "unemployment": "pension-unemployment",
    "cash": "activate",
    "transit": "what-for",
    "culture": "what-for",
}


class Asked(msgspec.Struct, frozen=True):
    """The question as the answer's banner repeats it."""

    name: str
    insured_region: str
    region: str
    service: Text
    date: str


class _Form(msgspec.Struct):
    """What was typed, kept whatever is wrong with it."""

    person: str
    to: str
    service: str
    date: str


@get("/", include_in_schema=False)
async def check(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[str]:
    """The form; with all four answers given, the answer above it."""
    view = View.of(request)
    query = request.query_params
    service: Service | None = next((one for one in SERVICES if one == query.get("service")), None)
    mine = await whose(request, platform, "card", _VISITOR.purpose, *_acts_in(service))
    people: Sequence[DemoPerson] = ()
    if mine is None:
        async with platform.database.transaction(readonly=True) as connection:
            people = await population.demo_persons(connection)
    form = _Form(
        query.get("person", ""),
        query.get("to", "").strip()[:40],
        query.get("service", ""),
        query.get("date", "") or portability.default_day(platform).isoformat(),
    )
    facts: dict[str, Any] = {
        "current": "check",
        "form": form,
        "people": grouped(people),
        "services": [(code, SERVICE_NAMES[code]) for code in SERVICES],
        "candidates": (),
        "errors": {},
        "answer": None,
        "mine": mine,
        "doing": {},
        "plan_link": "",
    }
    if "person" not in query and (mine is None or "to" not in query):
        return view.respond(request, "check.html", **facts)
    errors: dict[str, str] = {}
    person_id = next((one.person_id for one in people if str(one.person_id) == form.person), None)
    if mine is not None:
        person_id = mine.person_id
    if person_id is None:
        errors["person"] = view.text("error_person")
    region, candidates = place_of(view, form.to, query.get("to_code", ""), "to", errors)
    if service is None:
        errors["service"] = view.text("error_service")
    try:
        day = parse_day(form.date, "date")
    except InvalidInput:
        errors["date"] = view.text("error_day")
        form.date = ""
        day = None
    facts |= {"errors": errors, "candidates": candidates}
    if person_id is None or region is None or service is None or day is None:
        return view.respond(request, "check.html", status=422, **facts)
    question = CheckRequest(person_id, region.code, service, day)
    actor = mine.actor if mine else _VISITOR
    found, answer = await portability.check(platform, question, actor, only_synthetic=mine is None)
    form.to = regions.short_name(region.code, view.language)
    insured = await _insured_region(platform, people, found)
    asked = Asked(found.name, insured, region.code, SERVICE_NAMES[service], form.date)
    facts |= answered(asked, service, answer, found.age_on(day))
    if mine is not None:
        facts["doing"] = _doing(answer, region.code, form.date)
        facts["plan_link"] = f"/plan?{urlencode({'to': form.to, 'leaves_on': form.date})}"
    return view.respond(request, "check.html", **facts)


def _doing(answer: Answer, region: str, day: str) -> dict[str, str]:
    """Where the reader does something about a reason, by its code."""
    found: dict[str, str] = {}
    for reason in answer.reasons:
        if reason.weight == "info":
            continue
        if (address := ADDRESSES.get(reason.code)) is not None:
            found[reason.code] = address
        elif reason.code.startswith("filing_"):
            found[reason.code] = f"/filings/new?{urlencode({'to_code': region, 'starts_on': day})}"
    return found


def _acts_in(service: Service | None) -> tuple[ActsIn, ...]:
    """What somebody who acts for another must be let act in, beside the card, to ask this."""
    if service in CARE_SERVICES:
        return ("filing",)
    return ("benefits",) if service in BENEFIT_SERVICES else ()


async def _insured_region(platform: Platform, people: Sequence[DemoPerson], person: Person) -> str:
    """Where the person is insured; who is not, where they live."""
    for one in people:
        if one.person_id == person.person_id:
            return one.insured_region
    async with platform.database.transaction(readonly=True) as connection:
        found = await people_service.enrolments(connection, person.person_id)
    enrolment = medical_enrolment(found)
    return enrolment.region if enrolment else person.residence_region


def answered(asked: Asked, service: Service, answer: Answer, age: int) -> dict[str, Any]:
    """What the part of a page needs that shows an answer."""
    link = {
        "region": asked.insured_region,
        "at": asked.region,
        "care": service,
        "age": str(age),
        "date": asked.date,
    }
    if answer.expects is not None:
        link["insurance"] = answer.expects.policy.insurance
        link["level"] = answer.expects.level
        link["filing"] = answer.expects.now.filing
    return {
        "answer": answer,
        "asked": asked,
        "calculator_link": f"/calculator?{urlencode(link)}",
        "guide_slug": _guide(service),
    }


def _guide(service: Service) -> str:
    return _GUIDE.get(service, "elsewhere")


def grouped(people: Sequence[DemoPerson]) -> list[tuple[str, list[DemoPerson]]]:
    """The demo persons by what their question is answered with."""
    groups = (
        (kind, [one for one in people if one.expects == kind]) for kind in ("yes", "yes_but", "no")
    )
    return [(kind, members) for kind, members in groups if members]


def place_of(
    view: View, words: str, code: str, field: str, errors: dict[str, str]
) -> tuple[Region | None, Sequence[Region]]:
    """The place meant by words or by a chosen code; else an error and the candidates."""
    chosen = regions.find(code)
    if chosen is not None:
        return chosen, ()
    if not words:
        errors[field] = view.text("error_place_empty")
        return None, ()
    region, candidates = regions.resolve(words)
    if region is None:
        key = "error_place_ambiguous" if candidates else "error_place_unknown"
        errors[field] = view.text(key)
    return region, candidates


def message(view: View, error: YikatongError) -> str:
    """An error's text in the reader's language."""
    return error.text.in_language(view.language)
