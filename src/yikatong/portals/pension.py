"""The pension page: "when can I retire, with how much?" with the ways side by side.

Who is signed in finds the form filled in from their own file; visitors choose a demo person.
"""

from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency

from yikatong.benefits.pension import requests, service, terms
from yikatong.benefits.pension.age import age_text, month_text, years_text
from yikatong.benefits.pension.estimating import estimate
from yikatong.benefits.pension.model import (
    GROUP_NAMES,
    GROUPS,
    INSURANCE_NAMES,
    INSURANCES,
    Career,
    Estimate,
    Group,
    Insurance,
    Option,
    Parts,
    Step,
)
from yikatong.benefits.pension.requests import Asked
from yikatong.benefits.pension.service import NewApplication
from yikatong.core import regions
from yikatong.core.clock import today
from yikatong.core.errors import YikatongError
from yikatong.core.money import Fen
from yikatong.core.platform import Platform
from yikatong.people import service as people_room
from yikatong.population import service as population
from yikatong.population.service import DemoPerson
from yikatong.portals.check import grouped, message, place_of
from yikatong.portals.view import View
from yikatong.portals.whose import whose
from yikatong.trust.audit import Actor

_VISITOR: Final = Actor("visitor", "pension page", "pension estimate")
_FIELDS: Final = (
    "person", "insurance", "birth", "group", "region", "years", "months", "index", "wage", "account",
    "deemed_years", "deemed_months", "early_years", "early_months", "average_wage", "yearly",
)  # fmt: skip
_MORE: Final = (
    "deemed_years", "deemed_months", "early_years", "early_months", "average_wage", "yearly",
)  # fmt: skip
APPLY: Final = "/pension/apply"
DECLARED: Final = (
    "insurance", "group", "retires", "years", "months", "index", "wage", "account",
    "deemed_years", "deemed_months", "early_years", "early_months",
)  # fmt: skip
"""What is said on an application."""
FORM_FIELD: Final = {
    "months_paid": "years", "deemed_months": "deemed_years", "early_months": "early_years",
}  # fmt: skip


class Way(msgspec.Struct, frozen=True):
    """One way to retire as the page shows it."""

    option: Option
    name: str
    month: str
    age: str
    paid: str
    parts: list[tuple[str, Fen]]
    steps: tuple[Step, ...]
    why_not: str
    enough_on: str


@get("/pension", include_in_schema=False)
async def pension(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[str]:
    """The form; with the questions answered, the ways to retire above it."""
    view = View.of(request)
    query = request.query_params
    mine = await whose(request, platform, "benefits", _VISITOR.purpose)
    people: Sequence[DemoPerson] = ()
    if mine is None:
        async with platform.database.transaction(readonly=True) as connection:
            people = await population.demo_persons(connection)
    form: dict[str, Any] = {name: query.get(name, "").strip()[:40] for name in _FIELDS}
    form["insurance"] = form["insurance"] or "110"
    form["stops"] = bool(query.get("stops"))
    errors: dict[str, str] = {}
    facts: dict[str, Any] = {
        "current": "benefits", "form": form, "errors": errors, "people": grouped(people), "mine": mine,
        "groups": [(one, GROUP_NAMES[one].in_language(view.language)) for one in GROUPS],
        "insurances": [
            (one, INSURANCE_NAMES[one].in_language(view.language)) for one in INSURANCES
        ],
        "candidates": (), "result": None, "apply": "", "more_open": _more(form),
    }  # fmt: skip
    if not query.get("go"):
        if mine is not None:
            # Where the file says nothing of a pension, the form is empty, and nothing is wrong.
            await _fill(view, platform, form, mine.person_id, mine.actor, {})
        return view.respond(request, "pension.html", **facts)
    if form["person"] and mine is None:
        known = {str(one.person_id): one.person_id for one in people}
        if form["person"] in known:
            person_id = known[form["person"]]
            await _fill(view, platform, form, person_id, _VISITOR, errors)
        else:
            errors["person"] = view.text("error_person")
    place, facts["candidates"] = place_of(
        view, form["region"], query.get("region_code", ""), "region", errors
    )
    facts["more_open"] = _more(form)
    if place is not None:
        form["region"] = view.place(place.code, short=True)
    _check(view, form, today(platform.clock), errors)
    group = group_of(form["group"])
    if group is None and form["insurance"] == "110":
        errors["group"] = view.text("error_pension_group")
    if errors or place is None:
        return view.respond(request, "pension.html", status=422, **facts)
    try:
        found = _estimate(form, group or "men", place.code, platform)
    except YikatongError as error:
        field = error.field or "birth"
        errors[FORM_FIELD.get(field, field)] = message(view, error)
        facts["more_open"] = facts["more_open"] or field in _MORE
        return view.respond(request, "pension.html", status=422, **facts)
    chosen = found.option("statutory")
    ways = [_way(view, one, found.retirement.month) for one in found.options]
    facts |= {
        "result": found,
        "career": found.career,
        "chosen": chosen,
        "headline": _headline(view, found),
        "ways": ways,
        "paid_up": next((one for one in ways if one.option.kind == "paid_up"), None),
        "age_steps": found.retirement.steps,
        "pension_notes": _pension_notes(found),
        "apply": _apply(form) if mine is not None else "",
    }
    return view.respond(request, "pension.html", **facts)


def _check(view: View, form: dict[str, Any], day: date, errors: dict[str, str]) -> None:
    """Everything that is wrong by itself, so that it is told at once."""
    for field, key in (("birth", "error_pension_birth"), ("years", "error_pension_years")):
        if not form[field]:
            errors.setdefault(field, view.text(key))
    checks: list[tuple[str, Callable[[], object]]] = [
        ("birth", lambda: requests.parse_birth(form["birth"], "birth", day)),
        ("years", lambda: requests.months_of(form["years"], form["months"], "years")),
        ("index", lambda: requests.parse_index(form["index"], "index")),
    ]
    checks += [
        (field, partial(requests.parse_sum, plain(form[field]), field))
        for field in ("wage", "account", "average_wage", "yearly")
    ]
    for field, check in checks:
        if form[field] and field not in errors:
            try:
                check()
            except YikatongError as error:
                errors[field] = message(view, error)


def _more(form: dict[str, Any]) -> bool:
    return any(form[name] for name in _MORE) or form["stops"]


async def _fill(
    view: View,
    platform: Platform,
    form: dict[str, Any],
    person_id: int,
    actor: Actor,
    errors: dict[str, str],
) -> None:
    """Put a person's file where nothing was typed."""
    # The kind of a woman's post stands in no file: it is asked for, and anything does to read on.
    wanted = NewApplication(group=group_of(form["group"]) or "women_55")
    try:
        career = await service.career_of_person(platform, person_id, actor, wanted)
    except YikatongError as error:
        errors["person"] = message(view, error)
        return
    found = {
        "birth": f"{career.birth:%Y-%m}",
        "region": view.place(career.region, short=True),
        "years": str(career.months_paid // 12),
    }
    if not form["birth"]:
        form["insurance"] = career.insurance
        found["group"] = await _group(platform, person_id, career)
    if not form["years"] and not form["months"]:
        found["months"] = str(career.months_paid % 12)
    for name, value in found.items():
        form[name] = form[name] or value


def group_of(text: str) -> Group | None:
    for one in GROUPS:
        if one == text:
            return one
    return None


async def _group(platform: Platform, person_id: int, career: Career) -> str:
    """Men by the file; of a woman the post stays open."""
    async with platform.database.transaction(readonly=True) as connection:
        person = await people_room.get(connection, person_id)
    return "men" if person.sex == 1 else ("women_55" if career.insurance == "150" else "")


def _estimate(form: dict[str, Any], group: Group, region: str, platform: Platform) -> Estimate:
    day, book = today(platform.clock), terms.load()
    insurance: Insurance = "150" if form["insurance"] == "150" else "110"
    asked = Asked(
        birth=form["birth"],
        group=group,
        insurance=insurance,
        region=regions.pooling_region(region, "region").code,
        months_paid=requests.months_of(form["years"], form["months"], "years"),
        index=form["index"] or None,
        wage=plain(form["wage"]) or None,
        account=plain(form["account"]) or "0",
        deemed_months=requests.months_of(
            form["deemed_years"], form["deemed_months"], "deemed_years"
        ),
        early_months=requests.months_of(form["early_years"], form["early_months"], "early_years"),
        average_wage=plain(form["average_wage"]) or None,
        pays_on=not form["stops"],
    )
    career = requests.career_of(asked, day, book)
    yearly = requests.parse_sum(plain(form["yearly"]) or "0", "yearly")
    return estimate(career, day, book, pays_on=asked.pays_on, yearly=yearly)


def _apply(form: dict[str, Any]) -> str:
    """Where to apply, with what was typed."""
    return f"{APPLY}?{urlencode({name: form[name] for name in DECLARED if form.get(name)})}"


def plain(text: str) -> str:
    """An amount without the commas people write."""
    return text.replace(",", "").replace("，", "")


def _headline(view: View, found: Estimate) -> str:
    chosen = found.option("statutory")
    facts = {
        "month": month_text(found.retirement.month).in_language(view.language),
        "age": age_text(found.retirement.age).in_language(view.language),
    }
    if chosen is None or not chosen.possible:
        return view.text("pension_answer_not", **facts)
    if chosen.month > found.retirement.month:
        return view.text("pension_answer_past", **facts)
    return view.text("pension_answer", **facts)


def _way(view: View, one: Option, statutory: date) -> Way:
    language = view.language
    past = one.kind == "statutory" and one.month > statutory
    return Way(
        option=one,
        name=view.text("pension_now") if past else view.text(f"pension_way_{one.kind}"),
        month=month_text(one.month).in_language(language),
        age=age_text(one.age).in_language(language),
        paid=years_text(one.months).in_language(language),
        parts=[] if one.pension is None else parts_of(view, one.pension.parts),
        steps=() if one.pension is None else one.pension.steps,
        why_not=one.why_not.in_language(language) if one.why_not else "",
        enough_on=month_text(one.enough_on).in_language(language) if one.enough_on else "",
    )


def parts_of(view: View, parts: Parts) -> list[tuple[str, Fen]]:
    named = msgspec.structs.asdict(parts)
    return [
        (view.text(f"pension_part_{name}"), amount)
        for name, amount in named.items()
        if amount or name in ("basic", "account")
    ]


def _pension_notes(found: Estimate) -> list[Any]:
    """What is to be known of the sums, each once, and of the assumptions."""
    notes = {
        note.zh: note for one in found.options if one.pension for note in one.pension.notes
    } | {note.zh: note for note in found.notes}
    return list(notes.values())
