"""The page about unemployment benefit: am I entitled, for how long, how much, where do I collect it?"""

from datetime import date
from typing import Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency

from yikatong.benefits.unemployment import service, terms
from yikatong.benefits.unemployment.model import REASON_NAMES, REASONS, Question
from yikatong.core.clock import today
from yikatong.core.errors import InvalidInput, YikatongError
from yikatong.core.platform import Platform
from yikatong.policies.requests import parse_day
from yikatong.portals.check import message
from yikatong.portals.view import View

_FIELDS: Final = (
    "region",
    "collect_in",
    "months_paid",
    "reason",
    "registered",
    "birth",
    "sex",
    "post",
)
_DEFAULTS: Final = {"region": "510100", "reason": "", "registered": "yes", "post": "worker"}


@get("/unemployment", include_in_schema=False)
async def unemployment(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[str]:
    """The form; with what was said, the answer above it."""
    view = View.of(request)
    query = request.query_params
    asked = bool(query.get("go"))
    form = {name: query.get(name, "").strip()[:20] for name in _FIELDS}
    for name, value in _DEFAULTS.items():
        if not asked:
            form[name] = form[name] or value
    known = [(code, view.place(code, short=True)) for code in terms.load().regions()]
    facts: dict[str, Any] = {
        "current": "benefits",
        "form": form,
        "errors": {},
        "result": None,
        "regions": known,
        "collect": [("", view.text("unemployment_same_place")), *known],
        "reasons": [(one, REASON_NAMES[one].in_language(view.language)) for one in REASONS],
        "sexes": [(name, view.text(f"unemployment_sex_{name}")) for name in ("1", "2")],
        "posts": [(name, view.text(f"unemployment_post_{name}")) for name in ("worker", "cadre")],
    }
    if not asked:
        return view.respond(request, "unemployment.html", **facts)
    errors: dict[str, str] = {}
    question = _question(view, platform, form, errors)
    if question is None:
        facts["errors"] = errors
        return view.respond(request, "unemployment.html", status=422, **facts)
    try:
        found = service.estimate(question)
    except YikatongError as error:
        facts["errors"] = {error.field or "region": message(view, error)}
        return view.respond(request, "unemployment.html", status=422, **facts)
    language = view.language
    facts["result"] = found
    facts["where"] = view.place(found.region, short=True)
    facts["misses"] = [
        (one.text.in_language(language), one.remedy.in_language(language)) for one in found.misses
    ]
    facts["steps"] = [
        (one.rule.in_language(language), one.result.in_language(language), one.clause)
        for one in found.steps
    ]
    between = "；" if language == "zh" else "; "
    facts["documents"] = between.join(one.in_language(language) for one in found.documents)
    facts["period"] = (
        f"{found.first_month:%Y-%m} – {found.last_month:%Y-%m}" if found.last_month else ""
    )
    return view.respond(request, "unemployment.html", **facts)


def _question(
    view: View, platform: Platform, form: dict[str, str], errors: dict[str, str]
) -> Question | None:
    """What was said; None with the errors by field where something is wrong."""
    day = today(platform.clock)
    months = form["months_paid"]
    if not (months.isascii() and months.isdigit() and int(months) <= 1200):
        errors["months_paid"] = view.text("unemployment_error_months")
    if form["reason"] not in REASONS:
        errors["reason"] = view.text("unemployment_error_reason")
    birth = None
    if form["birth"]:
        birth = _birth(form["birth"], day)
        if birth is None:
            errors["birth"] = view.text("unemployment_error_birth")
        if form["sex"] not in ("1", "2"):
            errors["sex"] = view.text("unemployment_error_sex")
    if errors:
        return None
    try:
        return msgspec.convert(
            {
                "region": form["region"],
                "collect_in": form["collect_in"] or None,
                "months_paid": int(months),
                "reason": form["reason"],
                "registered": form["registered"] == "yes",
                "birth": birth,
                "sex": int(form["sex"]) if birth else None,
                "post": form["post"] or "worker",
                "on": day,
            },
            Question,
        )
    except msgspec.ValidationError:
        errors["post"] = view.text("unemployment_error_reason")
        return None


def _birth(text: str, day: date) -> date | None:
    """A date of birth of somebody who may have worked; None for anything else."""
    try:
        birth = parse_day(text, "birth")
    except InvalidInput:
        return None
    return birth if day.year - 120 < birth.year <= day.year - 14 else None
