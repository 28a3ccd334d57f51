"""The question of a person at a counter or on the phone: can I use my card there, for this?"""

from typing import Any, Final

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from yikatong.core import regions
from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform
from yikatong.core.sealing import mask_name
from yikatong.people import service as people
from yikatong.people.guard import require_person
from yikatong.policies.requests import parse_day
from yikatong.portability import service as portability
from yikatong.portability.model import SERVICE_NAMES, SERVICES, CheckRequest, Service
from yikatong.portability.rules.insurance import medical_enrolment
from yikatong.portability.shown import ANSWERS
from yikatong.portals.check import Asked, answered, place_of
from yikatong.portals.counter.desk import Desk, open_desk
from yikatong.portals.counter.errand_pages import Way, counter_way

_PERMISSION: Final = "person.read"


async def show(desk: Desk, person_id: int, way: Way) -> Response[Any]:
    """The form; with all answers given, the answer above it, in words to be read out."""
    view, query = desk.view, desk.request.query_params
    form = {
        "to": query.get("to", "").strip()[:40],
        "service": query.get("service", "inpatient"),
        "date": query.get("date", "") or desk.today,
    }
    errors: dict[str, str] = {}
    facts: dict[str, Any] = {
        "way": way, "form": form, "candidates": (), "answer": None,
        "services": [(one, SERVICE_NAMES[one].in_language(desk.language)) for one in SERVICES],
    }  # fmt: skip
    if "to" not in query:
        return desk.respond("counter-check.html", **facts)
    region, candidates = place_of(view, form["to"], query.get("to_code", ""), "to", errors)
    service: Service | None = next((one for one in SERVICES if one == form["service"]), None)
    if service is None:
        errors["service"] = view.text("error_service")
    try:
        day = parse_day(form["date"], "date")
    except InvalidInput:
        errors["date"] = view.text("error_day")
        day = None
    facts["candidates"] = candidates
    if region is None or service is None or day is None:
        return desk.respond("counter-check.html", (errors, 422, {}), **facts)
    person, answer = await portability.check(
        desk.platform, CheckRequest(person_id, region.code, service, day),
        desk.actor("portability check"),
    )  # fmt: skip
    form["to"] = regions.short_name(region.code, desk.language)
    async with desk.platform.database.transaction(readonly=True) as connection:
        enrolment = medical_enrolment(await people.enrolments(connection, person_id))
    insured = enrolment.region if enrolment else person.residence_region
    asked = Asked(
        mask_name(person.name), insured, region.code, SERVICE_NAMES[service], form["date"]
    )
    facts |= {
        **answered(asked, service, answer, person.age_on(day)), "headline": ANSWERS[answer.answer],
    }  # fmt: skip
    return desk.respond("counter-check.html", **facts)


@get("/staff/people/{person_id:int}/check", include_in_schema=False)
async def check(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    person_id: FromPath[int],
) -> Response[Any]:
    """At the counter."""
    desk = await open_desk(request, platform, _PERMISSION)
    async with platform.database.transaction(readonly=True) as connection:
        await require_person(connection, desk.caller, _PERMISSION, person_id)
    return await show(desk, person_id, counter_way(person_id))


routes: Final = [check]
