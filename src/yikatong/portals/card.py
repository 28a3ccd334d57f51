"""The cardholder's card: how it stands, what to do next, and every errand that can be done online."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, cast

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from yikatong.cards import service as cards
from yikatong.cards.counters import service as counters
from yikatong.cards.model import (
    LIVE_STATES,
    OPEN_STATES,
    Card,
    CardApplication,
)
from yikatong.cards.office import living, rules, table, terms
from yikatong.cards.office.errors import STATE_NAMES
from yikatong.cards.office.model import CHANNEL_NAMES
from yikatong.cards.office.table import CardEventName
from yikatong.cards.telling import reference
from yikatong.core.clock import SHANGHAI, today
from yikatong.core.days import day_in_words
from yikatong.core.errors import InvalidInput, NotFound, Text, YikatongError
from yikatong.core.platform import Platform
from yikatong.core.sealing import mask_name
from yikatong.identity.verification import faces
from yikatong.money.bank import banks
from yikatong.people import service as people
from yikatong.portals.card_amend import may_withdraw
from yikatong.portals.card_holder import (
    BODY_BYTES_MAX,
    CARD,
    STRONG,
    TEXT_MAX,
    Holder,
    check_face,
    holder_of,
    key_of,
    new_key,
)
from yikatong.portals.kept import plain
from yikatong.portals.sign_in import answer_wrong
from yikatong.portals.signed_in import kept_form, same_site
from yikatong.portals.view import View
from yikatong.trust import audit

_HISTORY_SHOWN: Final = 30


class Errand(msgspec.Struct, frozen=True):
    """What can be done to a card online."""

    name: CardEventName
    strong: bool = True
    """Whether it asks for level 2 or a face, and not for the session alone."""
    pin: bool = False
    grave: bool = False
    """Whether the button warns."""


ERRANDS: Final[dict[CardEventName, Errand]] = {
    one.name: one
    for one in (
        Errand("activate", pin=True),
        Errand("reset_pin", pin=True),
        Errand("unlock"),
        Errand("report_loss_provisionally", strong=False, grave=True),
        Errand("report_loss", grave=True),
        Errand("withdraw_loss"),
    )
}
_STEPS: Final = ("applied", "in_production", "ready", "issued")


# ---- the page ----


@get(CARD, include_in_schema=False)
async def card(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """The card, or how to get one."""
    holder = await holder_of(request, platform)
    kept = plain(await kept_form(request, platform, holder.session), "account", "key")
    return await show_card(request, platform, holder, sent=kept)


async def show_card(
    request: Request[Any, Any, Any],
    platform: Platform,
    holder: Holder,
    wrong: tuple[dict[str, str], int, dict[str, str]] = ({}, 200, {}),
    sent: dict[str, str] | None = None,
) -> Response[Any]:
    view, now = View.of(request), platform.clock.now()
    view.path, view.query = CARD, []
    async with platform.database.transaction() as connection:
        held = await cards.cards(connection, holder.person_id)
        asked = await cards.applications(connection, holder.person_id)
        told = await living.history(connection, holder.person_id, _HISTORY_SHOWN)
        person = await people.get(connection, holder.person_id)
        places = await counters.names(connection, [one.pickup_place for one in asked])
        actor = holder.session.actor("my card")
        await audit.record(connection, actor, now, holder.person_id, "cards.read")
    current = rules.card_to_replace(held)
    under_way = next((one for one in asked if one.state in OPEN_STATES), None)
    may_apply = under_way is None and person.died_on is None
    last = next(iter(asked), None)
    done = request.query_params.get("done", "")
    errors, status, headers = wrong
    response = view.respond(
        request, "card.html", status=status, current="card", errors=errors,
        name=mask_name(person.name),
        card=None if current is None else _card(view, current, now),
        old=[_card(view, one, now) for one in held if current is None or one is not current],
        application=None if under_way is None else _application(view, platform, under_way, places),
        closed=None if under_way or last is None else _closed(view, last, held),
        offers={} if current is None else _offers(view, current, may_apply=may_apply),
        may_apply=may_apply,
        history=[_event(view, one) for one in told],
        key=(sent or {}).get("key") or new_key(platform),
        account=(sent or {}).get("account", ""),
        accounts=_accounts(view, held) if _owes(under_way) else [],
        face=holder.level < STRONG,
        face_available=faces.for_errands(platform).available,
        pretend=not faces.face_check(platform).available,
        done=view.text(f"card_done_{done}") if done in _DONE else "",
    )  # fmt: skip
    response.headers.update(headers)
    return response


_DONE: Final = frozenset((*ERRANDS, "applied", "withdrawn", "paid", "amended", "received"))


def _owes(one: CardApplication | None) -> bool:
    return one is not None and one.fee_state == "due"


def _accounts(view: View, held: Sequence[Card]) -> list[tuple[str, str]]:
    """The bank accounts behind the cards that can pay the fee, also the one stopped for the loss."""
    known = {
        one.account_id: one
        for one in held
        if one.account_id and one.account_frozen_by in (None, "loss_report")
    }
    return [
        (str(account_id), banks.banks()[one.bank].name.in_language(view.language))
        for account_id, one in known.items()
    ]


def _closed(view: View, last: CardApplication, held: Sequence[Card]) -> dict[str, Any] | None:
    """How the newest application ended, where it was refused or nothing was added in time, and there is
    no card since."""
    lapsed = rules.lapsed(last)
    if last.state != "rejected" and not lapsed:
        return None
    if any(one.issued_on >= last.applied_on for one in held):
        return None
    until = day_in_words(last.asked_until, view.language) if last.asked_until else ""
    why = (
        view.text("asked_lapsed_why", until=until, asked=last.asked_for or "")
        if lapsed
        else view.text("asked_refused_why", reason=last.reason or "")
    )
    which = "lapsed" if lapsed else "refused"
    return {
        "title": view.text(f"asked_{which}_title"),
        "why": why,
        "do": view.text(f"asked_{which}_do"),
        "fee_back": last.fee_state == "given_back",
        "again": f"{CARD}/apply/{last.kind}",
    }


def _card(view: View, one: Card, now: datetime) -> dict[str, Any]:
    sides = {
        "social": one.social_security_app, "bank": one.bank_app,
    }  # fmt: skip
    until = one.provisional_until
    return {
        "id": str(one.card_id),
        "number": f"{one.card_number[:2]}•••{one.card_number[-4:]}",
        "tail": one.card_number[-4:],
        "generation": str(one.generation),
        "place": view.place(one.region, short=True),
        "bank": banks.banks()[one.bank].name.in_language(view.language),
        "state": one.state,
        "state_text": STATE_NAMES[one.state].in_language(view.language),
        "live": one.state in LIVE_STATES,
        "sides": [(view.text(f"card_side_{side}"), view.text(f"card_{state}"), state)
                  for side, state in sides.items()],
        "issued": one.issued_on.isoformat(),
        "until": one.valid_until.isoformat(),
        "expires_soon": (one.valid_until - now.astimezone(SHANGHAI).date()).days
        <= terms.load().find(one.region, now.astimezone(SHANGHAI).date()).remind_days,
        "loss_until": "" if until is None else f"{until.astimezone(SHANGHAI):%Y-%m-%d %H:%M}",
    }  # fmt: skip


def _offers(view: View, one: Card, *, may_apply: bool) -> dict[str, list[tuple[str, str]]]:
    """What can be done now, as addresses and words, by what people come for."""
    moves = {move.event for move in table.possible(table.CARD, one.state)}

    def doing(*names: CardEventName) -> list[tuple[str, str]]:
        return [
            (f"{CARD}/do/{name}", view.text(f"card_do_{name}")) for name in names if name in moves
        ]

    def applying(kind: str) -> list[tuple[str, str]]:
        return [(f"{CARD}/apply/{kind}", view.text(f"card_apply_{kind}"))] if may_apply else []

    active = one.state == "active"
    use = doing("activate") + (doing("unlock", "reset_pin") if one.state == "locked" else [])
    use += [("/e-card", view.text("nav_e_card"))] if active else []
    lost = doing("withdraw_loss", "report_loss_provisionally", "report_loss")
    lost += applying("replace") if one.state in LIVE_STATES else []
    more = [("/security/pin", view.text("pin_title")), *doing("reset_pin")] if active else []
    return {"use": use, "lost": lost, "more": more + applying("renew")}


def _application(
    view: View, platform: Platform, one: CardApplication, places: dict[str, Text]
) -> dict[str, Any]:
    reached = _STEPS.index("ready" if one.state == "sent" else one.state)
    region_rules = terms.load().find(one.region, today(platform.clock))
    return {
        "id": str(one.application_id),
        "number": reference(one.application_id),
        "kind": view.text(f"card_kind_{one.kind}"),
        "steps": [
            (view.text(f"card_step_{'sent' if step == 'ready' and one.delivery == 'post' else step}"),
             "done" if at < reached else "now" if at == reached else "")
            for at, step in enumerate(_STEPS)
        ],
        "applied": one.applied_on.isoformat(),
        "expected": one.expected_on.isoformat() if one.expected_on else "",
        "region": view.place(one.region),
        "pickup": places[one.pickup_place].in_language(view.language)
        if one.pickup_place in places
        else "",
        "state": one.state,
        "tracking": one.tracking or "",
        "asked_for": one.asked_for or "",
        "asked_until": day_in_words(one.asked_until, view.language) if one.asked_until else "",
        "fee": one.fee,
        "owes": one.fee_state == "due",
        "may_withdraw": may_withdraw(one),
        "review_days": str(region_rules.review_days),
    }  # fmt: skip


def _event(view: View, one: Any) -> dict[str, str]:
    moves = {move.event: move.text for move in (*table.APPLICATION, *table.CARD)}
    channel = next((text for name, text in CHANNEL_NAMES.items() if name == one.channel), None)
    return {
        "what": moves[one.event].in_language(view.language) if one.event in moves else one.event,
        "at": f"{one.at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}",
        "channel": channel.in_language(view.language) if channel else "",
        "reason": one.reason,
    }


# ---- errands ----


def _errand(name: str) -> Errand:
    found = ERRANDS.get(cast("CardEventName", name))
    if found is None:
        raise NotFound(zh="网上不能办理这项业务", en="this errand cannot be done online")
    return found


async def current_card(platform: Platform, holder: Holder) -> Card | None:
    async with platform.database.transaction(readonly=True) as connection:
        return rules.card_to_replace(await cards.cards(connection, holder.person_id))


@get(f"{CARD}/do/{{name:str}}", include_in_schema=False)
async def errand_form(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform], name: FromPath[str]
) -> Response[Any]:
    """What an errand does and needs."""
    errand, holder = _errand(name), await holder_of(request, platform)
    kept = plain(await kept_form(request, platform, holder.session), "key")
    return await _errand_page(request, platform, holder, errand, key=kept["key"])


async def _errand_page(
    request: Request[Any, Any, Any],
    platform: Platform,
    holder: Holder,
    errand: Errand,
    wrong: tuple[dict[str, str], int, dict[str, str]] = ({}, 200, {}),
    key: str = "",
) -> Response[Any]:
    view = View.of(request)
    current = await current_card(platform, holder)
    moves = {move.event for move in table.possible(table.CARD, current.state)} if current else ()
    if current is None or errand.name not in moves:
        return Redirect(CARD, status_code=303)
    errors, status, headers = wrong
    on = today(platform.clock)
    days = terms.load().find(current.region, on).provisional_days
    response = view.respond(
        request, "card-errand.html", status=status, current="card", errors=errors,
        errand=errand.name, grave=errand.grave, pin=errand.pin,
        face=errand.strong and holder.level < STRONG,
        face_available=faces.for_errands(platform).available,
        pretend=not faces.face_check(platform).available,
        tail=current.card_number[-4:], days=str(days),
        key=key or new_key(platform),
    )  # fmt: skip
    response.headers.update(headers)
    return response


@post(f"{CARD}/do/{{name:str}}", include_in_schema=False, request_max_body_size=BODY_BYTES_MAX)
async def do_errand(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform], name: FromPath[str]
) -> Response[Any]:
    """Do it, once."""
    same_site(request)
    errand, holder = _errand(name), await holder_of(request, platform, f"{CARD}/do/{name}")
    form = await request.form()
    sent = {one: str(form.get(one) or "")[:TEXT_MAX] for one in ("pin", "again", "key")}
    current = await current_card(platform, holder)
    if current is None:
        return Redirect(CARD, status_code=303)
    try:
        key = key_of(sent["key"])
        if errand.pin and sent["pin"] != sent["again"]:
            raise InvalidInput(
                "again",
                zh="两次输入不一致，请再输一次",
                en="the two do not agree; please type it again",
            )
        if errand.strong and holder.level < STRONG:
            await check_face(platform, holder, form.get("face"))
        await _do(platform, holder, errand, current.card_id, sent["pin"], key)
    except YikatongError as error:
        wrong = answer_wrong(View.of(request), error, "pin" if errand.pin else "face")
        return await _errand_page(request, platform, holder, errand, wrong, sent["key"])
    return Redirect(f"{CARD}?done={errand.name}", status_code=303)


async def _do(
    platform: Platform, holder: Holder, errand: Errand, card_id: int, pin: str, key: str
) -> None:
    person_id, doing = holder.person_id, holder.doing()
    actor = holder.session.actor("my card")
    if errand.name == "activate":
        await living.activate(platform, person_id, card_id, pin, doing, actor, key)
    elif errand.name == "reset_pin":
        await living.reset_pin(platform, person_id, card_id, pin, doing, actor, key)
    elif errand.name == "unlock":
        await living.unlock(platform, person_id, card_id, doing, actor, key)
    elif errand.name == "report_loss_provisionally":
        await living.report_loss_provisionally(platform, person_id, card_id, doing, actor, key)
    elif errand.name == "report_loss":
        await living.report_loss(platform, person_id, card_id, doing, actor, key)
    else:
        assert errand.name == "withdraw_loss", errand.name
        await living.withdraw_loss(platform, person_id, card_id, doing, actor, key)


routes = [card, errand_form, do_errand]
