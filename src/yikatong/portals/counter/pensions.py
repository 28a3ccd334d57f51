"""Deciding an application for a pension (养老金核定): what was declared and what is on record, the
calculation by what was verified, and then grant or refuse, by another member than who took it in."""

from collections.abc import Mapping
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from yikatong.benefits.pension import requests, service
from yikatong.benefits.pension.age import age_text, month_text, years_text
from yikatong.benefits.pension.model import GROUP_NAMES, INSURANCE_NAMES, Application
from yikatong.benefits.pension.papers import MATTER
from yikatong.benefits.pension.service import Examined, Verified
from yikatong.core.errors import InvalidInput, YikatongError, one_of
from yikatong.core.ids import new_id
from yikatong.core.money import format_yuan, parse_yuan
from yikatong.core.platform import Platform
from yikatong.core.sealing import mask_name
from yikatong.people import service as people
from yikatong.people.guard import require_person
from yikatong.portals.counter import form as forms
from yikatong.portals.counter.card_errand import joined
from yikatong.portals.counter.desk import FINE, Desk, Wrong, open_desk
from yikatong.portals.counter.errands_pension import months_of
from yikatong.portals.counter.reviews import papers_by_kind
from yikatong.portals.pension import parts_of, plain
from yikatong.portals.pension_apply import account_name, findings
from yikatong.portals.sign_in import answer_wrong
from yikatong.portals.signed_in import same_site
from yikatong.trust import audit
from yikatong.trust.documents import service as documents
from yikatong.trust.documents.model import KINDS, Matter

_PERMISSION: Final = "benefit.decide"
_ADDRESS: Final = "/staff/people/{person_id:int}/pension/{number:int}"
_MONTHS: Final = ("months_paid", "deemed_months", "early_months")
_FIELDS: Final = (
    "months_paid",
    "index",
    "account",
    "deemed_months",
    "early_months",
    "average_wage",
)
_ACTS: Final = ("again", "grant", "refuse")


async def _open(request: Request[Any, Any, Any], platform: Platform, person_id: int) -> Desk:
    desk = await open_desk(request, platform, _PERMISSION)
    async with platform.database.transaction(readonly=True) as connection:
        await require_person(connection, desk.caller, _PERMISSION, person_id)
    return desk


def _text(form: Mapping[str, Any], name: str) -> str:
    return forms.plain(form.get(name)).strip()[:20]


def _verified(form: Mapping[str, Any], one: Application) -> Verified:
    """What was typed and is not as it was declared; raises InvalidInput naming the field."""
    declared = one.facts["declared"]
    found: dict[str, Any] = {}
    for name in _MONTHS:
        if (months := months_of(_text(form, name), name)) != declared[name]:
            found[name] = months
    if (index := _text(form, "index")) and index != declared["index"]:
        requests.parse_index(index, "index")
        found["index"] = index
    for name in ("account", "average_wage"):
        text = plain(_text(form, name))
        if text and text != declared[name]:
            found[name] = format_yuan(parse_yuan(text, name))
    return Verified(**found)


def _declared(one: Application) -> dict[str, str]:
    """What stands in the form at first."""
    declared = one.facts["declared"] | one.facts.get("verified", {})
    return {
        name: "" if declared[name] is None else str(declared[name]).replace(",", "")
        for name in _FIELDS
    }


async def _show(
    desk: Desk,
    person_id: int,
    number: int,
    form: Mapping[str, Any] | None = None,
    wrong: Wrong = FINE,
) -> Response[Any]:
    platform, view = desk.platform, desk.view
    one, found = await service.examine_application(
        platform, person_id, number, Verified(), desk.actor("pension review")
    )
    if form is not None and not wrong[0].keys() & {*_FIELDS}:
        try:
            one, found = await service.examine_application(
                platform, person_id, number, _verified(form, one), desk.actor("pension review")
            )
        except YikatongError as error:
            wrong = answer_wrong(view, error, "months_paid") if not wrong[0] else wrong
    async with platform.database.transaction() as connection:
        name = (await people.names(connection, [person_id])).get(person_id, "")
        enrolments = await people.enrolments(connection, person_id)
        papers = await documents.list_of(platform, connection, person_id, Matter(MATTER, number))
        await audit.record(
            connection, desk.actor("pension review"), platform.clock.now(), person_id,
            "document.list_read", {"matter": MATTER, "matter_id": str(number)},
        )  # fmt: skip
    recorded = sum(each.months_paid for each in enrolments if each.insurance == one.insurance)
    view.path, view.query = f"/staff/people/{person_id}/pension/{number}", []
    mine = one.taken_by == desk.caller.name
    kinds = {each.kind for each in papers}
    lacking = [KINDS[each] for each in found.documents_asked if each not in kinds]
    filled = _declared(one)
    if form is not None:
        filled |= {each: _text(form, each) for each in _FIELDS}
    return desk.respond(
        "counter-pension.html", wrong,
        here=view.path, person_id=person_id, name=mask_name(name), mine=mine, state=one.state,
        state_text=view.text(f"pension_state_{one.state}"), open=one.state == "applied" and not mine,
        facts=_facts(desk, one, found, recorded), found=_found(desk, found),
        papers=papers_by_kind(person_id, papers, view),
        lacking=joined(lacking).in_language(desk.language) if lacking else "",
        form=filled, reason=forms.plain((form or {}).get("reason"))[:service.REASON_MAX],
        refused=one.reason, key=new_id(platform.clock.now()), fields=_FIELDS,
        seen="" if found.pension is None else format_yuan(found.pension.monthly),
    )  # fmt: skip


def _facts(desk: Desk, one: Application, found: Examined, recorded: int) -> list[tuple[str, str]]:
    view, declared = desk.view, one.facts["declared"]
    language = view.language
    rows = [
        (view.text("told_number"), str(one.application_id)),
        (view.text("review_day"), view.day(one.applied_at)),
        (view.text("review_channel"), view.text(f"pension_channel_{one.channel}")),
        (view.text("told_taken_by"), one.taken_by),
        (view.text("told_pension"), INSURANCE_NAMES[one.insurance].in_language(language)),
        (view.text("told_region"), view.place(one.region)),
        (view.text("told_birth"), f"{found.career.birth:%Y-%m}"),
        (
            view.text("counter_field_pension_post"),
            GROUP_NAMES[found.career.group].in_language(language) if one.insurance == "110" else "",
        ),
        (view.text("told_retires"), month_text(one.retires_on).in_language(language)),
        (
            view.text("told_statutory"),
            f"{month_text(found.retirement.month).in_language(language)} · "
            f"{age_text(found.retirement.age).in_language(language)}",
        ),
        (
            view.text("told_declared_months"),
            years_text(declared["months_paid"]).in_language(language),
        ),
        (view.text("told_recorded_months"), years_text(recorded).in_language(language)),
        (view.text("told_declared_wage"), declared["wage"] or ""),
        (view.text("apply_account"), account_name(view, found.account) if found.account else "—"),
    ]
    return [(label, value) for label, value in rows if value]


def _found(desk: Desk, found: Examined) -> dict[str, Any]:
    pension, language = found.pension, desk.language
    return {
        "blocked": found.blocked,
        "findings": findings(desk.view, found.findings),
        "monthly": None if pension is None else pension.monthly,
        "parts": [] if pension is None else parts_of(desk.view, pension.parts),
        "steps": () if pension is None else pension.steps,
        "notes": [] if pension is None else [one.in_language(language) for one in pension.notes],
        "age_steps": found.retirement.steps,
    }


async def _decide(desk: Desk, person_id: int, number: int) -> Response[Any]:
    form = (await forms.read(desk.request)).form
    try:
        act = one_of(forms.plain(form.get("go")), _ACTS, "reason")
        if act == "again":
            return await _show(desk, person_id, number, form)
        one, _ = await service.examine_application(
            desk.platform, person_id, number, Verified(), desk.actor("pension review")
        )
        verified = _verified(form, one)
        reason = forms.plain(form.get("reason")).strip()
        refuse, seen = (reason or None), None
        if act == "grant":
            refuse, seen = None, parse_yuan(_text(form, "seen"), "reason")
        elif refuse is None:
            _, found = await service.examine_application(
                desk.platform, person_id, number, verified, desk.actor("pension review")
            )
            if not found.blocked:
                raise InvalidInput("reason", zh="请写明不予核定的理由", en="say why it is refused")
        await service.decide(
            desk.platform, person_id, number, verified, desk.actor("pension decision"),
            f"review-{forms.key_of(form, desk.platform)}", refuse=refuse, seen=seen,
        )  # fmt: skip
    except YikatongError as error:
        if error.status == 404 or error.status >= 500:
            raise
        errors, status, headers = answer_wrong(desk.view, error, "reason")
        told = {name if name in _FIELDS else "reason": text for name, text in errors.items()}
        return await _show(desk, person_id, number, form, (told, status, headers))
    return Redirect("/staff/desk", status_code=303)


@get(_ADDRESS, include_in_schema=False)
async def review(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    person_id: FromPath[int],
    number: FromPath[int],
) -> Response[Any]:
    """The application with its calculation."""
    desk = await _open(request, platform, person_id)
    kept = await desk.kept()
    return await _show(desk, person_id, number, kept)


@post(_ADDRESS, include_in_schema=False)
async def decide(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    person_id: FromPath[int],
    number: FromPath[int],
) -> Response[Any]:
    """Work it out again by what was verified, grant it, or refuse it."""
    same_site(request)
    desk = await _open(request, platform, person_id)
    return await _decide(desk, person_id, number)


routes: Final = [review, decide]
