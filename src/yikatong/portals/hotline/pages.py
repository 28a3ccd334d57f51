"""The pages of the hotline: find the caller, the call screen, a bill explained, the note."""

from collections.abc import Mapping
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from yikatong.cards.office import hotline as office
from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import YikatongError
from yikatong.core.ids import new_id
from yikatong.core.money import format_yuan_grouped
from yikatong.core.platform import Platform
from yikatong.core.sealing import mask_name
from yikatong.medical import receipts, receipts_shown
from yikatong.medical.claims.service import ClaimOffice
from yikatong.medical.visits.model import Settlement
from yikatong.people.guard import require_person
from yikatong.policies import shown as policies_shown
from yikatong.portals.counter import checking, table
from yikatong.portals.counter import facts as counter_facts
from yikatong.portals.counter import form as forms
from yikatong.portals.counter.desk import FINE, Desk, Wrong, open_desk
from yikatong.portals.counter.errand_pages import (
    Way,
    errand_routes,
    offers,
    show_receipt,
)
from yikatong.portals.hotline import calls, words
from yikatong.portals.hotline.calls import ANSWER
from yikatong.portals.hotline.store import Call
from yikatong.portals.kept import plain
from yikatong.portals.sign_in import answer_wrong
from yikatong.portals.signed_in import same_site
from yikatong.trust import audit

CALLS: Final = "/staff/calls"
_CALL: Final = f"{CALLS}/{{person_id:int}}/{{call_id:int}}"
_FIELDS: Final = ("name", "number", "third", "value")
_BILLS: Final = 6


def _way(person_id: int, call_id: int) -> Way:
    return Way("phone", f"{CALLS}/{person_id}/{call_id}", "caller, three facts")


async def _open_way(desk: Desk, numbers: Mapping[str, int]) -> Way:
    call = await _open(desk, numbers["person_id"], numbers["call_id"])
    return _way(call.person_id, call.call_id)


async def _open(desk: Desk, person_id: int, call_id: int) -> Call:
    async with desk.platform.database.transaction(readonly=True) as connection:
        return await calls.find(desk.platform, connection, desk.caller, person_id, call_id)


@get(CALLS, include_in_schema=False)
async def start(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Ask for three facts."""
    desk = await open_desk(request, platform, ANSWER)
    form = {"name": "", "number": "", "third": "phone", "value": ""}
    if typed := await desk.kept():
        form |= {name: text[:60] for name, text in plain(typed, *_FIELDS).items()}
    return _ask(desk, form, noted=request.query_params.get("done") == "noted")


def _ask(
    desk: Desk, form: dict[str, str], wrong: Wrong = FINE, *, noted: bool = False
) -> Response[Any]:
    desk.view.path, desk.view.query = CALLS, []
    thirds = [(one, desk.view.text(f"call_third_{one}")) for one in office.THIRDS]
    return desk.respond(
        "hotline-start.html", wrong, current="calls", form=form, thirds=thirds, noted=noted,
    )  # fmt: skip


@post(CALLS, include_in_schema=False)
async def begin(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Whether the three facts agree; then the call screen."""
    same_site(request)
    desk = await open_desk(request, platform, ANSWER)
    sent = (await forms.read(request)).form
    form = {name: forms.plain(sent.get(name))[:60] for name in _FIELDS}
    try:
        told = office.read(form["name"], form["number"], form["third"], form["value"])
        call = await calls.begin(platform, desk.caller, told)
    except YikatongError as error:
        return _ask(desk, form, answer_wrong(desk.view, error, "name"))
    return Redirect(_way(call.person_id, call.call_id).base, status_code=303)


@get(_CALL, include_in_schema=False)
async def screen(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    claims: NamedDependency[ClaimOffice],
    person_id: FromPath[int],
    call_id: FromPath[int],
) -> Response[Any]:
    """How things stand, to be read out; what can be done; the note."""
    desk = await open_desk(request, platform, ANSWER)
    call = await _open(desk, person_id, call_id)
    return await _screen(desk, claims, call)


async def _screen(
    desk: Desk,
    claims: ClaimOffice,
    call: Call,
    wrong: Wrong = FINE,
    note: str = "",
    topic: str = "",
) -> Response[Any]:
    platform, way = desk.platform, _way(call.person_id, call.call_id)
    async with platform.database.transaction() as connection:
        known = await counter_facts.read(
            platform, connection, desk.caller, ANSWER, claims, call.person_id
        )
        home = await counter_facts.home(connection, call.person_id)
        bills: list[tuple[Settlement, str]] = []
        if "settlement.read" in known.sees:
            bills = await receipts.of_person(
                platform, connection, call.person_id, desk.actor("hotline call"), _BILLS
            )
        await audit.record(
            connection, desk.actor("hotline call"), platform.clock.now(), call.person_id,
            "call.state_read", {"call": str(call.call_id)},
        )  # fmt: skip
    kept = await desk.kept(way.base)
    if kept is not None:
        note, topic = forms.plain(kept.get("note")), forms.plain(kept.get("topic"))
    desk.view.path, desk.view.query = way.base, []
    can = offers(desk, known, home, way)
    at_once = {one.name for one in table.ERRANDS if one.at_once}
    return desk.respond(
        "hotline-call.html", wrong, current="calls",
        way=way, name=mask_name(known.person.name),
        spoken=[(about, words.with_days(one)) for about, one in words.spoken(known)],
        compared=[desk.view.text(f"call_compared_{one}") for one in call.compared],
        at_once=[one for one in can if one.name in at_once],
        can=[one for one in can if one.name not in at_once],
        keys={one.name: new_id(platform.clock.now()) for one in can if one.name in at_once},
        bills=[
            {
                "address": f"{way.base}/bills/{one.settlement_id}",
                "day": f"{one.settled_at:%Y-%m-%d}",
                "provider": provider,
                "care": receipts_shown.care_name(one).in_language(desk.language),
                "own": format_yuan_grouped(one.person),
            }
            for one, provider in bills
        ],
        topics=[(one, desk.view.text(f"call_topic_{one}")) for one in calls.TOPICS],
        topic=topic, note=note, note_max=calls.NOTE_MAX,
        until=f"{(call.begun_at + calls.LASTS).astimezone(SHANGHAI):%H:%M}",
    )  # fmt: skip


@get(f"{_CALL}/bills/{{settlement_id:int}}", include_in_schema=False)
async def bill(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    person_id: FromPath[int],
    call_id: FromPath[int],
    settlement_id: FromPath[int],
) -> Response[Any]:
    """Who paid what of a bill and why, without its lines."""
    desk = await open_desk(request, platform, ANSWER)
    call = await _open(desk, person_id, call_id)
    async with platform.database.transaction() as connection:
        await require_person(connection, desk.caller, "settlement.read", person_id)
        found = await receipts.read(
            platform, connection, call.person_id, settlement_id, desk.actor("bill explained")
        )
    one, quote = found.settlement, found.quote
    language = desk.language
    return desk.respond(
        "hotline-bill.html", current="calls",
        way=_way(person_id, call_id), one=one, provider=found.provider_name,
        care=receipts_shown.care_name(one).in_language(language),
        mark=receipts_shown.mark(found),
        pays=[(name.in_language(language), amount) for name, amount in receipts_shown.who_pays(one)],
        parts_of=[
            (name.in_language(language), amount) for name, amount in receipts_shown.bill_parts(one)
        ],
        steps=[policies_shown.step_text(step) for step in (quote.steps if quote else ())],
    )  # fmt: skip


@get(f"{_CALL}/check", include_in_schema=False)
async def check(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    person_id: FromPath[int],
    call_id: FromPath[int],
) -> Response[Any]:
    """Whether the card works there, and why not."""
    desk = await open_desk(request, platform, ANSWER)
    await _open(desk, person_id, call_id)
    return await checking.show(desk, person_id, _way(person_id, call_id))


@get(f"{_CALL}/receipts/{{receipt_id:int}}", include_in_schema=False)
async def receipt(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    claims: NamedDependency[ClaimOffice],
    person_id: FromPath[int],
    call_id: FromPath[int],
    receipt_id: FromPath[int],
) -> Response[Any]:
    """What was done on the phone."""
    desk = await open_desk(request, platform, ANSWER)
    await _open(desk, person_id, call_id)
    return await show_receipt(desk, claims, person_id, receipt_id, _way(person_id, call_id))


@post(f"{_CALL}/note", include_in_schema=False)
async def note(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    claims: NamedDependency[ClaimOffice],
    person_id: FromPath[int],
    call_id: FromPath[int],
) -> Response[Any]:
    """Keep the note and be ready for the next call."""
    same_site(request)
    desk = await open_desk(request, platform, ANSWER, form_at=_way(person_id, call_id).base)
    sent = (await forms.read(request)).form
    topic, text = forms.plain(sent.get("topic")), forms.plain(sent.get("note"))
    try:
        await calls.note(platform, desk.caller, person_id, call_id, topic, text)
    except YikatongError as error:
        if error.field is None:
            raise
        call = await _open(desk, person_id, call_id)
        return await _screen(
            desk, claims, call, answer_wrong(desk.view, error, "note"), text, topic
        )
    return Redirect(f"{CALLS}?done=noted", status_code=303)


routes: Final = [
    start, begin, screen, bill, check, *errand_routes(_CALL, "phone", _open_way), receipt, note,
]  # fmt: skip
