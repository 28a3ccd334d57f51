"""The pages for people from elsewhere (外省人员跨省通办): compare the document, the card's matters, errands."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import YikatongError
from yikatong.core.platform import Platform
from yikatong.medical.claims.service import ClaimOffice
from yikatong.portals.counter import form as forms
from yikatong.portals.counter import guests, own_counter, receipts, store
from yikatong.portals.counter.desk import FINE, Desk, Wrong, open_desk
from yikatong.portals.counter.errand_pages import (
    Way,
    errand_routes,
    offers,
    read_facts,
    show_receipt,
    whose,
)
from yikatong.portals.counter.facts import Facts
from yikatong.portals.counter.file import Line, card_lines
from yikatong.portals.counter.guests import NoCounter
from yikatong.portals.counter.store import Guest
from yikatong.portals.counter.words import place, words
from yikatong.portals.sign_in import answer_wrong
from yikatong.portals.signed_in import same_site
from yikatong.trust import audit

GUESTS: Final = "/staff/guests"
PERMISSION: Final = own_counter.PERMISSION
_GUEST: Final = f"{GUESTS}/{{person_id:int}}/{{guest_id:int}}"
_FIELDS: Final = ("name", "id_number", "card_number", "seen")
_RECEIPTS: Final = 6


async def _open(desk: Desk, person_id: int, guest_id: int) -> tuple[Guest, Way]:
    async with desk.platform.database.transaction(readonly=True) as connection:
        guest, here = await guests.find(desk.platform, connection, desk.caller, person_id, guest_id)
    way = Way("cross_province", f"{GUESTS}/{person_id}/{guest_id}", here=here)
    return guest, way


@get(GUESTS, include_in_schema=False)
async def start(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Ask for what the document says; who has chosen no counter chooses one first."""
    desk = await open_desk(request, platform, PERMISSION)
    kept = await desk.kept()
    form = {name: forms.plain((kept or {}).get(name))[:60] for name in _FIELDS}
    return await _ask(desk, form)


async def _ask(desk: Desk, form: dict[str, str], wrong: Wrong = FINE) -> Response[Any]:
    async with desk.platform.database.transaction(readonly=True) as connection:
        here = await own_counter.find(desk.platform, connection, desk.caller)
    if here is None:
        return Redirect(f"/staff/counter?next={GUESTS}", status_code=303)
    desk.view.path, desk.view.query = GUESTS, []
    return desk.respond(
        "counter-guests.html", wrong, current="guests", form=form,
        here=here.text.in_language(desk.language),
        done=desk.request.query_params.get("done") == "ended",
    )  # fmt: skip


@post(GUESTS, include_in_schema=False)
async def begin(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Whether the facts belong together; then to the card's matters, or to the file of one's own."""
    same_site(request)
    desk = await open_desk(request, platform, PERMISSION)
    sent = (await forms.read(request)).form
    form = {name: forms.plain(sent.get(name))[:60] for name in _FIELDS}
    try:
        in_hand = guests.read(platform, *(form[name] for name in _FIELDS))
        person_id, guest = await guests.begin(platform, desk.caller, in_hand)
    except NoCounter:
        return Redirect(f"/staff/counter?next={GUESTS}", status_code=303)
    except YikatongError as error:
        return await _ask(desk, form, answer_wrong(desk.view, error, "name"))
    if guest is None:
        return Redirect(f"/staff/people/{person_id}", status_code=303)
    return Redirect(f"{GUESTS}/{person_id}/{guest.guest_id}", status_code=303)


@get(_GUEST, include_in_schema=False)
async def screen(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    claims: NamedDependency[ClaimOffice],
    person_id: FromPath[int],
    guest_id: FromPath[int],
) -> Response[Any]:
    """How card and applications stand, and what can be done here; the look is recorded."""
    desk = await open_desk(request, platform, PERMISSION)
    guest, way = await _open(desk, person_id, guest_id)
    async with platform.database.transaction() as connection:
        facts, home = await read_facts(desk, connection, PERMISSION, claims, person_id, way)
        done = [
            receipts.opened(platform, one)
            for one in await store.receipts_of(connection, person_id, _RECEIPTS)
            if _of_visit(one, guest)
        ]
        await audit.record(
            connection, desk.actor("cross-province counter"), platform.clock.now(), person_id,
            "card.read", {"visit": str(guest_id)},
        )  # fmt: skip
    language, here = desk.language, way.here
    assert here is not None
    can = offers(desk, facts, home, way)
    return desk.respond(
        "counter-guest.html", current="guests",
        way=way, who=whose(facts, way), lines=_lines(desk, facts), can=can,
        numbered={one.name: at for at, one in enumerate((each for each in can if not each.why), 1)},
        compared=[desk.view.text(f"guest_compared_{one}") for one in guest.compared],
        here=here.text.in_language(language), alarms=_alarms(desk, facts),
        done=[(one.title.in_language(language), one.receipt_id, f"{one.at:%H:%M}") for one in done],
        until=f"{(guest.begun_at + guests.LASTS).astimezone(SHANGHAI):%H:%M}",
    )  # fmt: skip


def _of_visit(one: store.Kept | receipts.Receipt, guest: Guest) -> bool:
    return one.staff_number == guest.staff_number and one.at >= guest.begun_at


def _lines(desk: Desk, facts: Facts) -> Sequence[Line]:
    """Cards and applications; of those under way who decides, and what is asked for."""
    found = list(card_lines(facts, desk.language))
    for one in facts.open_applications:
        told = [words("guest_decided", place=place(one.region))]
        if one.asked_for:
            told.append(words("review_asked", what=one.asked_for))
        if one not in facts.continued:
            told.append(words("guest_elsewhere", place=place(one.accepted_in or one.region)))
        found += [Line(text.in_language(desk.language)) for text in told]
    return found


def _alarms(desk: Desk, facts: Facts) -> list[str]:
    person = facts.person
    found = [words("refused_dead", day=f"{person.died_on}")] if person.died_on else []
    if not person.identity_matched:
        found.append(words("guest_mismatch"))
    if person.under_guardianship:
        found.append(words("alarm_guardianship"))
    return [one.in_language(desk.language) for one in found]


@get(f"{_GUEST}/receipts/{{receipt_id:int}}", include_in_schema=False)
async def receipt(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    claims: NamedDependency[ClaimOffice],
    person_id: FromPath[int],
    guest_id: FromPath[int],
    receipt_id: FromPath[int],
) -> Response[Any]:
    """What was done in this visit, to be read, printed, and gone on from."""
    desk = await open_desk(request, platform, PERMISSION)
    guest, way = await _open(desk, person_id, guest_id)
    async with platform.database.transaction(readonly=True) as connection:
        found = await receipts.find(platform, connection, person_id, receipt_id)
    if not _of_visit(found, guest):
        raise receipts.no_such_receipt()
    return await show_receipt(desk, claims, person_id, receipt_id, way)


@post(f"{_GUEST}/end", include_in_schema=False)
async def end(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    person_id: FromPath[int],
    guest_id: FromPath[int],
) -> Response[Any]:
    """The person leaves."""
    same_site(request)
    here = f"{GUESTS}/{person_id}/{guest_id}"
    desk = await open_desk(request, platform, PERMISSION, form_at=here)
    await guests.end(platform, desk.caller, person_id, guest_id)
    return Redirect(f"{GUESTS}?done=ended", status_code=303)


async def _open_way(desk: Desk, numbers: Mapping[str, int]) -> Way:
    return (await _open(desk, numbers["person_id"], numbers["guest_id"]))[1]


routes: Final = [
    start, begin, screen, *errand_routes(_GUEST, "cross_province", _open_way), receipt, end,
]  # fmt: skip
