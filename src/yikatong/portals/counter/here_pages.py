"""The member's own counter (所在网点): choose it, the delivery sheets that come to it, what of them is lost."""

from collections.abc import Sequence
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from yikatong.cards.counters.model import Counter
from yikatong.cards.production import blanks, delivery
from yikatong.cards.production.stock_model import SHELF_NAMES, Sheet
from yikatong.core import regions
from yikatong.core.errors import InvalidInput, YikatongError, one_of
from yikatong.core.platform import Platform
from yikatong.core.sealing import mask_name
from yikatong.portals.check import place_of
from yikatong.portals.counter import form as forms
from yikatong.portals.counter import own_counter
from yikatong.portals.counter.desk import FINE, Desk, Wrong, open_desk
from yikatong.portals.kept import plain
from yikatong.portals.sign_in import answer_wrong
from yikatong.portals.signed_in import same_site
from yikatong.trust.access import NATION, not_there

COUNTER: Final = "/staff/counter"
_SHEET: Final = "/staff/sheets/{sheet_id:int}"
_NEXT: Final = ("/staff/desk", "/staff/guests")
_STOCK: Final = "cards.stock"
_CARDS: Final = 200
"""Cards of a sheet on one page."""


# ---- where the member works ----


@get(COUNTER, include_in_schema=False)
async def choose(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """The counters of the member's regions, or of a place that is asked for first."""
    desk = await open_desk(request, platform, own_counter.PERMISSION)
    query = request.query_params
    sent = plain(await desk.kept(), "place", "next")
    typed = (sent["place"] or query.get("place", "")).strip()[:40]
    after = sent["next"] or query.get("next", "")
    return await _choose(desk, typed, query.get("place_code", ""), after)


async def _choose(
    desk: Desk, typed: str, code: str, after: str, wrong: Wrong = FINE
) -> Response[Any]:
    platform, caller = desk.platform, desk.caller
    errors: dict[str, str] = dict(wrong[0])
    region, candidates = _only_place(desk), ()
    if typed or code:
        found, candidates = place_of(desk.view, typed, code, "place", errors)
        region = found.code if found else None
    counters: Sequence[Counter] = ()
    async with platform.database.transaction(readonly=True) as connection:
        here = await own_counter.find(platform, connection, caller)
        if region is not None:
            try:
                counters = await own_counter.choices(platform, connection, caller, region)
            except InvalidInput as error:
                errors["place"] = error.text.in_language(desk.language)
    if typed and region and not counters and "place" not in errors:
        errors["place"] = desk.view.text("here_none_there")
    language = desk.language
    status = wrong[1] if not errors or wrong[0] else 422
    return desk.respond(
        "counter-here.html", (errors, status, wrong[2]), current="desk",
        here=here, single=_only_place(desk) is not None, typed=typed, candidates=candidates,
        after=after if after in _NEXT else _NEXT[0],
        counters=[
            (one.code, one.text.in_language(language), _where(one, language)) for one in counters
        ],
    )  # fmt: skip


def _only_place(desk: Desk) -> str | None:
    """The one pooling region in which all of the member's regions lie; None: a place is asked for."""
    found = {
        None if area == NATION else regions.get(area).pooled_in or None
        for area in desk.caller.regions(own_counter.PERMISSION)
    }
    return next(iter(found)) if len(found) == 1 else None


def _where(one: Counter, language: str) -> str:
    """Address and hours; addresses are written in Chinese alone."""
    if language == "zh":
        return f"{one.address} · {one.hours}"
    return f"{regions.full_name(one.region, language)} · {one.hours_english}"


@post(COUNTER, include_in_schema=False)
async def chosen(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Keep the counter, and on to where it was asked for."""
    same_site(request)
    desk = await open_desk(request, platform, own_counter.PERMISSION)
    sent = (await forms.read(request)).form
    after = forms.plain(sent.get("next"))
    try:
        await own_counter.choose(platform, desk.caller, forms.plain(sent.get("counter"))[:12])
    except YikatongError as error:
        if error.status == 403 or error.status >= 500:
            raise
        typed = forms.plain(sent.get("place"))[:40]
        return await _choose(desk, typed, "", after, answer_wrong(desk.view, error, "counter"))
    return Redirect(after if after in _NEXT else _NEXT[0], status_code=303)


# ---- delivery sheets ----


async def _open(
    request: Request[Any, Any, Any], platform: Platform, sheet_id: int
) -> tuple[Desk, Sheet]:
    """The sheet of a counter in the member's regions; raises NoSuchSheet, NotAllowed."""
    desk = await open_desk(request, platform, _STOCK)
    found = await delivery.find(platform, sheet_id)
    try:
        region = blanks.region_of(found.counter)
    except InvalidInput:
        region = found.region
    if not desk.caller.may(_STOCK, region):
        raise not_there(_STOCK)
    return desk, found


@get(_SHEET, include_in_schema=False)
async def sheet(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    sheet_id: FromPath[int],
) -> Response[Any]:
    """Its cards, to be compared with what came; each look is recorded with the person."""
    desk, found = await _open(request, platform, sheet_id)
    sent = await desk.kept() or {}
    ticked = _numbers(sent.get("missing", []))
    return await _sheet(desk, found, ticked=ticked, reason=forms.plain(sent.get("reason")).strip())


async def _sheet(
    desk: Desk, found: Sheet, wrong: Wrong = FINE, ticked: Sequence[int] = (), reason: str = ""
) -> Response[Any]:
    platform, query = desk.platform, desk.request.query_params
    after = query.get("after", "")
    cards = await delivery.cards(
        platform, found.sheet_id, desk.actor("delivery of cards"),
        after=int(after) if after.isascii() and after.isdigit() and len(after) < 10 else 0,
        limit=_CARDS,
    )  # fmt: skip
    language = desk.language
    desk.view.path = f"/staff/sheets/{found.sheet_id}"
    return desk.respond(
        "counter-sheet.html", wrong, current="desk",
        sheet=found, sent=desk.view.date(found.sent_at),
        cards=[
            (one.line, mask_name(one.name) if one.name else "—", one.card_number[-4:],
             one.shelf, SHELF_NAMES[one.shelf].in_language(language) if one.shelf else "")
            for one in cards
        ],
        open=any(one.shelf == "on_the_way" for one in cards),
        more=cards[-1].line if len(cards) == _CARDS else 0,
        ticked=ticked, reason=reason,
        done=query.get("done") if query.get("done") in ("receive", "lose") else "",
        count=query.get("cards", "")[:6],
    )  # fmt: skip


@post(_SHEET, include_in_schema=False)
async def confirm(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    sheet_id: FromPath[int],
) -> Response[Any]:
    """Confirm what came, but for what is ticked; or record what is ticked as lost on its way."""
    same_site(request)
    desk, found = await _open(request, platform, sheet_id)
    sent = (await forms.read(request)).form
    ticked, lines = _numbers(sent.get("missing", [])), _numbers(sent.get("line", []))
    reason = forms.plain(sent.get("reason")).strip()
    try:
        go = one_of(forms.plain(sent.get("go")), ("receive", "lose"), "reason")
        actor = desk.actor("delivery of cards")
        if go == "receive":
            count = await delivery.receive(platform, sheet_id, ticked, actor, only=lines)
        else:
            count = await delivery.lose(platform, sheet_id, ticked, reason, actor)
    except YikatongError as error:
        if error.status == 404 or error.status >= 500:
            raise
        wrong = answer_wrong(desk.view, error, "reason")
        return await _sheet(desk, found, wrong, ticked, reason)
    return Redirect(f"/staff/sheets/{sheet_id}?done={go}&cards={count}", status_code=303)


def _numbers(value: str | Sequence[str]) -> list[int]:
    """Lines of a sheet as a form sends them."""
    found = [value] if isinstance(value, str) else value
    return [int(one) for one in found if one.isascii() and one.isdigit() and len(one) < 10]


routes: Final = [choose, chosen, sheet, confirm]
