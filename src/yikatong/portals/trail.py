"""The audit trail for auditors (操作记录): searched by person, actor, action, time and region."""

import csv
import io
import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect

from yikatong.core.clock import SHANGHAI, today
from yikatong.core.days import moment_in_words
from yikatong.core.errors import InvalidInput, YikatongError
from yikatong.core.platform import Platform
from yikatong.core.regions import Region
from yikatong.core.sealing import mask_name
from yikatong.identity.trail import service
from yikatong.identity.trail.service import ACTOR_KINDS, Page, Wanted
from yikatong.medical import service as medical
from yikatong.money import verification
from yikatong.people import service as people
from yikatong.people.guard import hiding_who_exists, require_person
from yikatong.portals.check import place_of
from yikatong.portals.kept import plain
from yikatong.portals.looks import action_text, action_texts
from yikatong.portals.sign_in import answer_wrong, read_form
from yikatong.portals.signed_in import same_site
from yikatong.portals.staff_frame import frame_of
from yikatong.portals.staff_sign_in import kept_form, require_staff
from yikatong.portals.view import SECURITY_HEADERS, View
from yikatong.trust import seals
from yikatong.trust.access import Caller
from yikatong.trust.audit import AuditEvent

ADDRESS: Final = "/operations/audit"
_WORDS: Final = ("actor_kind", "actor", "action", "region", "since", "until")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_Wrong = tuple[dict[str, str], int, dict[str, str]]
_RIGHT: Final[_Wrong] = ({}, 200, {})


def _asked(request: Request[Any, Any, Any], platform: Platform) -> tuple[dict[str, str], Wanted]:
    """What the address asks for; raises InvalidInput."""
    words = {name: request.query_params.get(name, "").strip()[:60] for name in _WORDS}
    number = request.query_params.get("person", "")
    before = request.query_params.get("before", "")
    asked = _wanted(
        platform,
        words,
        _number(number, "person") if number else None,
        _number(before, "before") if before else None,
    )
    return {**words, "person": number}, asked


def _wanted(
    platform: Platform, words: dict[str, str], person_id: int | None, before: int | None = None
) -> Wanted:
    return service.wanted(
        today(platform.clock), since=words["since"], until=words["until"], person_id=person_id,
        actor_kind=words["actor_kind"], actor=words["actor"], action=words["action"],
        region=words["region"], before=before,
    )  # fmt: skip


def _number(text: str, field: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 20 and int(text) < 2**63:
        return int(text)
    raise InvalidInput(field, zh="应为编号（数字）", en="must be a number")


@get(ADDRESS, include_in_schema=False)
async def trail(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """The form; and what an address asks for, recorded as a search. Nothing is searched unasked."""
    _, caller = await require_staff(request, platform, "audit.read")
    if request.query_params.get("search") != "1":
        typed = await kept_form(request, platform, caller.name)
        form = _empty(platform) | (plain(typed, *_WORDS, "person") if typed else {})
        return await _show(request, platform, form)
    try:
        form, asked = _asked(request, platform)
        found = await service.search(platform, caller, asked)
    except YikatongError as error:
        form = {name: request.query_params.get(name, "") for name in (*_WORDS, "person")}
        return await _show(request, platform, form, answer_wrong(View.of(request), error, "person"))
    form |= {"since": f"{asked.since}", "until": f"{asked.until}"}
    return await _show(request, platform, form, found=found, asked=asked)


def _empty(platform: Platform) -> dict[str, str]:
    asked = service.wanted(today(platform.clock))
    return {
        **dict.fromkeys((*_WORDS, "person"), ""),
        "since": f"{asked.since}",
        "until": f"{asked.until}",
    }


async def _show(
    request: Request[Any, Any, Any],
    platform: Platform,
    form: dict[str, str],
    wrong: _Wrong = _RIGHT,
    *,
    found: Page | None = None,
    asked: Wanted | None = None,
    candidates: Sequence[Region] = (),
) -> Response[Any]:
    session, caller = await require_staff(request, platform, "audit.read")
    view, (errors, status, headers) = View.of(request), wrong
    if request.method == "POST":
        view.path, view.query = ADDRESS, []
    events: Sequence[AuditEvent] = [] if found is None else found.events
    async with platform.database.transaction(readonly=True) as connection:
        names = await people.names(connection, {one.person_id for one in events})
        providers = await medical.provider_names(
            connection, sorted({one.actor.name for one in events if one.actor.kind == "provider"})
        )
        checks, sealed = await seals.last_proofs(connection)
        checks |= await verification.last_proof(connection)
    words = {name: value for name, value in form.items() if value} | {"search": "1"}
    before = None if found is None else found.before
    region = form["region"]
    response = view.respond(
        request, "trail.html", status=status, member=session, current="audit",
        frame=frame_of(view, session), errors=errors,
        form={**form, "region": view.place(region, short=True) if _is_code(region) else region},
        candidates=candidates, searched=found is not None,
        kinds=[("", view.text("trail_any"))]
        + [(kind, view.text(f"trail_by_{kind}")) for kind in ACTOR_KINDS],
        actions=[("", view.text("trail_any"))]
        + [(name, _of_others(texts[view.language])) for name, texts in action_texts().items() if "." in name],
        rows=[_row(view, one, names, providers) for one in events],
        reached="" if found is None or found.before is None
        else view.day(found.reached),
        more=f"{ADDRESS}?{urlencode({**words, 'before': str(before)})}" if before else "",
        file=f"{ADDRESS}/csv?{urlencode(words)}" if events else "",
        file_max=f"{service.FILE_MAX:,}",
        span=view.day(f"{asked.since} – {asked.until}") if asked else "",
        nation=caller.everywhere("audit.read"),
        checks=[
            {
                "name": view.text(f"trail_check_{name.replace('.', '_')}"),
                "at": view.day(checks[name].last_at) if name in checks else "",
                "well": name in checks and checks[name].failed_since is None,
                "why": checks[name].reason.in_language(view.language) if name in checks else "",
            }
            for name in (seals.WHOLE, seals.LATELY, verification.CHECK)
        ],
        sealed=view.day(sealed),
    )  # fmt: skip
    response.headers.update(headers)
    return response


def _is_code(region: str) -> bool:
    return region.isascii() and region.isdigit() and len(region) == 6


def _of_others(text: str) -> str:
    """Words that speak to the person whose trail it is, as an auditor reads them."""
    text = text.replace("您的", "本人的").replace("您", "本人")
    return re.sub(r"\byour\b", "the person's", re.sub(r"\byou\b", "the person", text))


def _row(
    view: View, one: AuditEvent, names: dict[int, str], providers: dict[str, str]
) -> dict[str, str]:
    text = action_text(one.action)
    return {
        "at": moment_in_words(one.at, view.language, seconds=True),
        "what": _of_others(text[view.language]) if text else one.action,
        "action": one.action,
        "who": view.text(f"trail_by_{one.actor.kind}"),
        "actor": providers.get(one.actor.name, one.actor.name),
        "purpose": one.actor.purpose,
        "person": str(one.person_id),
        "name": mask_name(names.get(one.person_id, "")),
    }


@post(ADDRESS, include_in_schema=False)
async def search(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Find out whom and which place the form means; what was typed does not stand in the address."""
    same_site(request)
    _, caller = await require_staff(request, platform, "audit.read")
    view = View.of(request)
    form = await read_form(request, *_WORDS, "region_code", "person")
    errors: dict[str, str] = {}
    place: Region | None = None
    candidates: Sequence[Region] = ()
    if form["region"]:
        place, candidates = place_of(view, form["region"], form["region_code"], "region", errors)
    try:
        person_id = await _person(platform, caller, form["person"])
        words = {name: form[name].strip() for name in _WORDS}
        words["region"] = place.code if place else ""
        _wanted(platform, words, person_id)
    except YikatongError as error:
        errors |= answer_wrong(view, error, "person")[0]
        words, person_id = {}, None
    if errors:
        return await _show(request, platform, form, (errors, 422, {}), candidates=candidates)
    asked = {name: value for name, value in words.items() if value} | {"search": "1"}
    if person_id is not None:
        asked["person"] = str(person_id)
    return Redirect(f"{ADDRESS}?{urlencode(asked)}", status_code=303)


async def _person(platform: Platform, caller: Caller, text: str) -> int | None:
    number = text.strip().upper()
    if len(number) != 18:
        return _number(number, "person") if number else None
    with hiding_who_exists(caller, "audit.read"):
        async with platform.database.transaction(readonly=True) as connection:
            person_id = await people.find_by_id_number(platform, connection, number, "person")
            await require_person(connection, caller, "audit.read", person_id)
            return person_id


@get(f"{ADDRESS}/csv", include_in_schema=False)
async def as_file(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """What an address asks for as CSV, at most 5 000 events; recorded with each person."""
    _, caller = await require_staff(request, platform, "audit.read")
    _, asked = _asked(request, platform)
    found = await service.search(platform, caller, asked, service.FILE_MAX)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("at", "person_id", "actor_kind", "actor", "action", "purpose", "event_id"))
    for one in found.events:
        writer.writerow(
            (
                one.at.astimezone(SHANGHAI).isoformat(), one.person_id, one.actor.kind,
                _plain(one.actor.name), _plain(one.action), _plain(one.actor.purpose), one.event_id,
            )
        )  # fmt: skip
    headers = {
        **SECURITY_HEADERS,
        "Content-Disposition": f'attachment; filename="audit-{asked.since}-{asked.until}.csv"',
    }
    body = b"\xef\xbb\xbf" + text.getvalue().encode()
    return Response(body, media_type="text/csv; charset=utf-8", headers=headers)


def _plain(text: str) -> str:
    """Text that no office program takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


routes: Final = [trail, search, as_file]
