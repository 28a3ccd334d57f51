"""Going away (出行计划): where, when, for what and who; then one list of all there is to do beforehand,
worked out anew each time from the facts, with a way to do it now that comes back."""

import asyncio
from datetime import date
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from yikatong.core.clock import today
from yikatong.core.errors import InvalidInput, Text, YikatongError
from yikatong.core.ids import new_id
from yikatong.core.money import format_percent, format_yuan_grouped
from yikatong.core.platform import Platform
from yikatong.core.sealing import mask_name
from yikatong.identity.authority import service as authority
from yikatong.identity.authority.model import SERVICES, NoAuthority, Service
from yikatong.identity.sessions.model import Session
from yikatong.people import service as people
from yikatong.policies.requests import parse_day
from yikatong.policies.service import Expected
from yikatong.portability.model import BENEFIT_SERVICES, SERVICE_NAMES
from yikatong.portability.plans import rules, service
from yikatong.portability.plans.model import PURPOSES, SERVICES_OF, Outlook, Plan, Purpose, Step
from yikatong.portals.check import place_of
from yikatong.portals.kept import plain, several
from yikatong.portals.sign_in import answer_wrong
from yikatong.portals.signed_in import kept_form, require_session, safe_next, same_site
from yikatong.portals.view import SECURITY_HEADERS, WAY_BACK, View
from yikatong.trust import audit

PLAN: Final = "/plan"
_PURPOSE: Final = "going away"
_FIELD_MAX: Final = 40
_ASKED: Final = ("to", "leaves_on", "returns_on")
_FIELDS: Final = (*_ASKED, "to_code", "who", "key")
_NEEDS: Final[tuple[Service, ...]] = ("card", "filing")
"""What somebody who plans for another must be let act in; with a benefit in it, in that too."""
_Wrong = tuple[dict[str, str], int, dict[str, str]]
_RIGHT: Final[_Wrong] = ({}, 200, {})


class _Reader(msgspec.Struct, frozen=True):
    """Whose plans a page shows, and how much of the person's affairs the reader may see."""

    session: Session
    person_id: int
    covered: frozenset[Service]

    @property
    def own(self) -> bool:
        return self.session.acting_for is None


async def _reader(
    request: Request[Any, Any, Any], platform: Platform, form_at: str | None = None
) -> _Reader:
    """`form_at` as `require_session` has it. Raises SignInNeeded, and NoAuthority where the authority to
    act does not reach so far."""
    session = await require_session(request, platform, form_at=form_at)
    if session.acting_for is None:
        return _Reader(session, session.person_id, frozenset(SERVICES))
    async with platform.database.transaction(readonly=True) as connection:
        for one in _NEEDS:
            await authority.subject(platform, connection, session, one)
        mandate = await authority.acting_for(platform, connection, session, session.acting_for)
    return _Reader(session, mandate.person_id, frozenset(mandate.services))


def _check_covered(reader: _Reader, purposes: tuple[Purpose, ...]) -> None:
    """Raise NoAuthority where the plan is about a benefit and the authority to act is not."""
    wanted = {service for purpose in purposes for service in SERVICES_OF[purpose]}
    if wanted & BENEFIT_SERVICES and "benefits" not in reader.covered:
        raise NoAuthority("benefits")


# ---- all of them, and a new one ----


@get(PLAN, include_in_schema=False)
async def plans(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """The plans, and the form for another."""
    reader, query = await _reader(request, platform), request.query_params
    kept = await kept_form(request, platform, reader.session)
    form: dict[str, Any] = (
        plain(kept, *_FIELDS)
        if kept
        else {name: query.get(name, "").strip()[:_FIELD_MAX] for name in _ASKED}
    )
    named = several(kept, "purposes") if kept else query.getall("purposes", [])
    form["purposes"] = [one for one in named if one in PURPOSES]
    return await _list(request, platform, reader, form)


async def _list(
    request: Request[Any, Any, Any],
    platform: Platform,
    reader: _Reader,
    form: dict[str, Any],
    wrong: _Wrong = _RIGHT,
    candidates: Any = (),
) -> Response[Any]:
    view, (errors, status, headers) = View.of(request), wrong
    if request.method == "POST":
        view.path, view.query = PLAN, []
    day = today(platform.clock)
    async with platform.database.transaction() as connection:
        found = await service.of_person(connection, reader.person_id)
        if not reader.own:
            await audit.record(
                connection, reader.session.actor(_PURPOSE), platform.clock.now(), reader.person_id,
                "plan.read", {"plans": len(found)},
            )  # fmt: skip
        mandates = (
            await authority.mandates(platform, connection, reader.person_id) if reader.own else []
        )
        able = [one for one in mandates if set(_NEEDS) <= set(one.services)]
        names = await people.names(connection, [one.person_id for one in able])
    rows = [_row(view, one, day) for one in found]
    response = view.respond(
        request, "plans.html", status=status, current="plan", errors=errors,
        coming=[row for row in rows if not row["over"]],
        over=[row for row in reversed(rows) if row["over"]],
        who=[(str(one.person_id), mask_name(names.get(one.person_id, ""))) for one in able],
        purposes=[(one, view.text(f"plan_for_{one}"), _ICONS[one]) for one in PURPOSES],
        candidates=candidates, own=reader.own, today=day.isoformat(),
        done="deleted" if request.query_params.get("done") == "deleted" else "",
        form={"who": "", **form, "key": form.get("key") or str(new_id(platform.clock.now()))},
    )  # fmt: skip
    response.headers.update(headers)
    return response


_ICONS: Final[dict[Purpose, str]] = {
    "care": "outpatient", "live": "home", "pension": "pension", "unemployment": "unemployment",
    "transit": "transit", "culture": "culture", "cash": "cash",
}  # fmt: skip


def _row(view: View, one: Plan, day: date) -> dict[str, Any]:
    return {
        "id": str(one.plan_id),
        "place": view.place(one.region, short=True),
        "region": one.region,
        "leaves_on": one.leaves_on,
        "returns_on": one.returns_on,
        "purposes": view.text("me_comma").join(
            view.text(f"plan_for_{each}") for each in one.purposes
        ),
        "over": one.is_over(day),
    }


@post(PLAN, include_in_schema=False)
async def make(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Keep a plan; sent twice, once. For somebody else: from now on the reader acts for them."""
    same_site(request)
    reader, view = await _reader(request, platform, PLAN), View.of(request)
    sent = await request.form()
    form: dict[str, Any] = {
        name: str(sent.get(name) or "").strip()[:_FIELD_MAX] for name in _FIELDS
    }
    form["purposes"] = [str(one)[:_FIELD_MAX] for one in sent.getall("purposes", [])][:20]
    errors: dict[str, str] = {}
    place, candidates = place_of(view, form["to"], form["to_code"], "to", errors)
    if place is None:
        return await _list(request, platform, reader, form, (errors, 422, {}), candidates)
    try:
        leaves_on = parse_day(form["leaves_on"], "leaves_on")
        wanted = rules.check_new(
            place.code, leaves_on,
            parse_day(form["returns_on"], "returns_on") if form["returns_on"] else None,
            tuple(form["purposes"]), today(platform.clock),
        )  # fmt: skip
        if form["who"] and reader.own:
            reader = await _for(platform, reader, form["who"])
        _check_covered(reader, wanted.purposes)
        key = form["key"]
        if not (key.isascii() and key.isdigit()):
            key = str(new_id(platform.clock.now()))
        actor = reader.session.actor(_PURPOSE)
        made = await service.make(platform, reader.person_id, wanted, actor, f"page-{key}")
    except YikatongError as error:
        return await _list(request, platform, reader, form, answer_wrong(view, error, "to"))
    return Redirect(f"{PLAN}/{made.plan_id}", status_code=303)


async def _for(platform: Platform, reader: _Reader, who: str) -> _Reader:
    """From now on for somebody else; raises NoAuthority, InvalidInput."""
    if not (who.isascii() and who.isdigit() and len(who) < 20):
        raise InvalidInput("who", zh="请选为谁计划", en="choose for whom")
    async with platform.database.transaction(readonly=True) as connection:
        mandate = await authority.acting_for(platform, connection, reader.session, int(who))
    for one in _NEEDS:
        if one not in mandate.services:
            raise NoAuthority(one)
    session = await authority.begin(platform, reader.session, int(who))
    return _Reader(session, session.subject_id, frozenset(mandate.services))


# ---- one plan ----


@get(f"{PLAN}/{{plan_id:int}}", include_in_schema=False)
async def plan(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform], plan_id: FromPath[int]
) -> Response[Any]:
    """The list as the facts are now; `format=pdf`: to print or keep."""
    reader, view = await _reader(request, platform), View.of(request)
    await kept_form(request, platform, reader.session)
    found = await _outlook(platform, reader, plan_id)
    day = today(platform.clock)
    facts: dict[str, Any] = {
        "one": _row(view, found.plan, day),
        "name": mask_name(found.person.name),
        "insured": view.place(found.enrolment.region, short=True) if found.enrolment else "",
        "todo": [_step(view, found, one, day) for one in found.of_state("open")],
        "cannot": [_step(view, found, one, day) for one in found.of_state("cannot")],
        "ready": [_step(view, found, one, day) for one in found.of_state("done")],
        "services": _services(view, found),
        "rates": _rates(view, found),
    }
    if request.query_params.get("format") == "pdf":
        return await _pdf(platform, view, facts)
    response = view.respond(
        request, "plan.html", current="plan", way_back="",
        made=request.query_params.get("done") == "made", **facts,
    )  # fmt: skip
    # The way back ends here.
    response.delete_cookie(WAY_BACK, path="/")
    return response


async def _outlook(platform: Platform, reader: _Reader, plan_id: int) -> Outlook:
    async with platform.database.transaction(readonly=True) as connection:
        one = await service.find(connection, reader.person_id, plan_id)
    _check_covered(reader, one.purposes)
    return await service.outlook(
        platform, reader.person_id, plan_id, reader.session.actor(_PURPOSE), reader.covered,
        own=reader.own,
    )  # fmt: skip


def _step(view: View, found: Outlook, one: Step, day: date) -> dict[str, Any]:
    """A step in words: the answer's own where it comes from one."""
    told = {
        "day": view.day(one.day),
        "place": view.place(found.plan.region, short=True),
        "amount": format_yuan_grouped(one.amount or 0),
    }
    reason = one.reason
    if reason is not None:
        title, why = (text.in_language(view.language) for text in (reason.text, reason.remedy))
    else:
        title = view.text(f"plan_{one.state}_{one.code}", **told)
        why = view.text(f"plan_why_{one.code}", **told) if one.state == "open" else ""
    return {
        "code": one.code,
        "title": title,
        "why": why,
        "by": None if one.by is None else one.by,
        "now": one.by is not None and one.by <= day,
        "where": view.text("plan_or").join(
            place.name.in_language(view.language) for place in (reason.where if reason else ())
        ),
        "takes": reason.takes.in_language(view.language) if reason else "",
        "needed": view.text("me_comma").join(
            SERVICE_NAMES[service].in_language(view.language) for service in one.services
        ),
        "address": one.address,
    }


def _services(view: View, found: Outlook) -> list[tuple[str, str, str]]:
    """What works there: the service, the answer, its words."""
    hopeless = {service for one in found.of_state("cannot") for service in one.services}
    return [
        (
            SERVICE_NAMES[name].in_language(view.language),
            answer.answer,
            view.text(
                "plan_answer_cannot"
                if answer.answer == "no" and name in hopeless
                else f"plan_answer_{answer.answer}"
            ),
        )
        for name, answer in found.answers.items()
    ]


def _rates(view: View, found: Outlook) -> list[dict[str, str]]:
    """What the pooled fund pays there, as it is and with the best filing."""
    rows: list[dict[str, str]] = []
    for name, answer in found.answers.items():
        expects = answer.expects
        if expects is None:
            continue
        rows.append(
            {
                "service": SERVICE_NAMES[name].in_language(view.language),
                "now": _share(view, expects.now),
                "filed": _share(view, expects.filed) if expects.filed else "",
                "best": expects.best_filing if expects.filed else "",
                "deductible": format_yuan_grouped(expects.now.deductible),
            }
        )
    return rows


def _share(view: View, one: Expected) -> str:
    """The share the person pays of what is in scope."""
    if not one.covered or not one.rates:
        return view.text("plan_all")
    shares = sorted({1_000_000 - band.rate for band in one.rates})
    return "–".join(f"{format_percent(share)}%" for share in dict.fromkeys((shares[0], shares[-1])))


async def _pdf(platform: Platform, view: View, facts: dict[str, Any]) -> Response[bytes]:
    from yikatong.core import pdf  # noqa: PLC0415 - the typesetter is heavy; few need it

    def rows(steps: list[dict[str, Any]]) -> list[list[str]]:
        return [["□" if one["by"] else "", one["title"], one["why"], view.day(one["by"])]
                for one in steps]  # fmt: skip

    one = facts["one"]
    until = view.day(one["returns_on"]) or view.text("plan_stays")
    sections = [
        pdf.Section(title, (), rows(facts[name]), widths=("auto", "4fr", "5fr", "3fr"))
        for name, title in _SECTIONS
        if facts[name]
    ]
    # Typesetting takes a tenth of a second; others are answered meanwhile.
    content = await asyncio.to_thread(
        pdf.document,
        title=Text("出行计划", "Going away"),
        facts=[
            (Text("谁", "Who"), facts["name"]),
            (Text("去哪里", "Where"), one["place"]),
            (Text("时间", "When"), f"{view.day(one['leaves_on'])} – {until}"),
            (Text("做什么", "For what"), one["purposes"]),
        ],
        sections=sections,
        made_at=platform.clock.now(),
        note=Text(
            "按打印当时的情况列出；出发前请再看一次。社保热线 12333，医保热线 12393。",
            "As things stood when this was made; look again before you leave. Hotlines 12333, 12393.",
        ),
    )
    headers = {**SECURITY_HEADERS, "Content-Disposition": 'attachment; filename="going-away.pdf"'}
    return Response(content, media_type="application/pdf", headers=headers)


_SECTIONS: Final = (
    ("todo", Text("要办的", "To do")),
    ("cannot", Text("办不了的", "What cannot be done")),
    ("ready", Text("已经办好的", "Done")),
)


@get(f"{PLAN}/{{plan_id:int}}/go", include_in_schema=False)
async def go(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform], plan_id: FromPath[int]
) -> Response[Any]:
    """To the page where a step is done, which then leads back to the plan."""
    await require_session(request, platform)
    here = f"{PLAN}/{plan_id}"
    response = Redirect(safe_next(request.query_params.get("to"), here), status_code=303)
    response.set_cookie(
        WAY_BACK, here, httponly=True, samesite="lax", secure=platform.settings.secure, path="/",
        max_age=7200,
    )  # fmt: skip
    return response


@post(f"{PLAN}/{{plan_id:int}}/delete", include_in_schema=False)
async def delete(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform], plan_id: FromPath[int]
) -> Response[Any]:
    """Delete it; sent twice, once."""
    same_site(request)
    reader = await _reader(request, platform, f"{PLAN}/{plan_id}")
    await service.delete(platform, reader.person_id, plan_id, reader.session.actor(_PURPOSE))
    response = Redirect(f"{PLAN}?done=deleted", status_code=303)
    response.delete_cookie(WAY_BACK, path="/")
    return response


routes: Final = [plans, make, plan, go, delete]
