"""The benefits of the signed-in reader, or of whom they act for: what is drawn, what was paid, proof of
life, what came back, the claim for unemployment benefit. For visitors: where to work out what.
"""

import uuid
from collections.abc import Awaitable, Callable, Sequence
from datetime import date
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect

from yikatong.benefits.model import Benefit, Entitlement
from yikatong.benefits.pension import papers
from yikatong.benefits.pension import service as pensions
from yikatong.benefits.proof_of_life import service as proofs
from yikatong.benefits.runs import returned, service, shown
from yikatong.benefits.runs.model import FUND_NAMES, LINE_STATE_NAMES, Received
from yikatong.benefits.runs.paydays import next_payday
from yikatong.benefits.service import entitlements
from yikatong.benefits.unemployment import service as unemployment
from yikatong.benefits.unemployment.errors import NotDrawing
from yikatong.benefits.unemployment.model import END_NAMES, REASON_NAMES, REASONS, Claim, NewClaim
from yikatong.core import regions
from yikatong.core.clock import today
from yikatong.core.errors import YikatongError, one_of
from yikatong.core.money import Fen, parse_yuan
from yikatong.core.platform import Platform
from yikatong.identity.verification.faces import FaceCheck
from yikatong.money.bodies import check_key, identifier
from yikatong.people import service as people
from yikatong.people.model import Person
from yikatong.policies.requests import parse_day
from yikatong.portability.rules.benefit import HELD_REASONS
from yikatong.portals.faces import PICTURE_BYTES_MAX, read_face
from yikatong.portals.kept import plain
from yikatong.portals.sign_in import answer_wrong, read_form
from yikatong.portals.signed_in import kept_form, require_session, same_site
from yikatong.portals.view import View
from yikatong.portals.whose import Whose, whose
from yikatong.trust import audit
from yikatong.trust.documents import service as documents
from yikatong.trust.documents.model import KINDS, Matter

BENEFITS: Final = "/benefits"
_PURPOSE: Final = "own benefits"
_DONE: Final = ("confirmed", "claimed", "moved", "account", "face", "applied", "withdrawn")
_PLACES: Final = ("insured", "residence")
_POSTS: Final = ("worker", "cadre")
_CLAIM: Final = ("left_on", "registered_on", "reason", "collect_in", "post", "key")
_Wrong = tuple[dict[str, str], int, dict[str, str]]
_RIGHT: Final[_Wrong] = ({}, 200, {})


@get(BENEFITS, include_in_schema=False)
async def benefits(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """One's own, signed in; else where to work out a pension or unemployment benefit."""
    mine = await whose(request, platform, "benefits", _PURPOSE)
    if mine is None:
        return View.of(request).respond(request, "benefits.html", current="benefits")
    session = await require_session(request, platform)
    kept = await kept_form(request, platform, session)
    # Of the forms here one alone has something typed into it: the claim.
    sent = plain(kept, *_CLAIM) if kept and kept.get("left_on") else None
    return await _show(request, platform, mine, sent=sent)


async def _show(
    request: Request[Any, Any, Any],
    platform: Platform,
    mine: Whose,
    wrong: _Wrong = _RIGHT,
    sent: dict[str, str] | None = None,
) -> Response[Any]:
    view, (errors, status, headers) = View.of(request), wrong
    pension = await pensions.of_person(platform, mine.person_id, mine.actor)
    proof = await proofs.of_person(platform, mine.person_id, mine.actor)
    claims = await unemployment.of_person(platform, mine.person_id, mine.actor)
    received, back = await service.received(platform, mine.person_id, mine.actor)
    async with platform.database.transaction(readonly=True) as connection:
        drawn = await entitlements(connection, mine.person_id)
        person = await people.get(connection, mine.person_id)
    claimed = {one.starts_on for one in claims}
    monthly = {one.starts_on: one.monthly for one in drawn if one.benefit == "unemployment"}
    day = today(platform.clock)
    current = next((one for one in claims if one.state != "ended"), None)
    done = request.query_params.get("done", "")
    faces: FaceCheck = request.app.state["face_check"]
    if request.method == "POST":
        # Language and type size are then switched on the page the form stands on.
        view.path, view.query = BENEFITS, []
    response = view.respond(
        request, "my-benefits.html", status=status, current="benefits", mine=mine, errors=errors,
        done=done if done in _DONE else "",
        key=(sent or {}).get("key") or new_key(),
        pensions=[_pension(view, one, pension) for one in pension["pensions"]],
        applications=[
            _application(view, one, await _papers(platform, mine, view, one))
            for one in pension["applications"][:3]
            # What was granted is the pension itself.
            if one["state"] != "granted"
        ],
        may_apply=not any(one["state"] == "applied" for one in pension["applications"])
        and not any(one["status"] != "ended" for one in pension["pensions"]),
        owed=[
            {"kind": one["kind"], "amount": parse_yuan(one["amount"], "amount")}
            for one in pension["dues"]
            if one["state"] == "open"
        ],
        proofs=[_proof(view, one, day) for one in proof["pensions"]],
        shown_proofs=[
            {"name": one["kind_name"][view.language], "day": one["at"][:10]}
            for one in proof["proofs"][:3]
        ],
        by_face=faces.available,
        claims=[_claim(view, one, monthly.get(one.starts_on, 0)) for one in claims]
        + [
            _without_claim(view, one)
            for one in drawn
            if one.benefit == "unemployment" and one.starts_on not in claimed
        ],
        draws=any(one.benefit == "unemployment" and one.status != "ended" for one in drawn),
        pension_next=_next(view, drawn, "pension", day),
        claim_next=_next(view, drawn, "unemployment", day),
        current_claim=None if current is None else _claim(view, current, 0),
        moves=[] if current is None else _moves(view, current, person),
        received=[_received(view, one) for one in received],
        back=[
            {
                "benefit": _fund(view, one.insurance),
                "reason": shown.reason_text(one.reason, view.language) or "",
                "bank": one.bank or "",
            }
            for one in back
        ],
        form=sent or {
            "left_on": "", "registered_on": day.isoformat(), "reason": "",
            "collect_in": "insured", "post": "worker",
        },
        reasons=[("", view.text("unemployment_choose"))]
        + [(one, REASON_NAMES[one].in_language(view.language)) for one in REASONS],
        places=[(one, view.text(f"my_collect_{one}")) for one in _PLACES],
        posts=[(one, view.text(f"unemployment_post_{one}")) for one in _POSTS],
        claim_open=bool(sent),
    )  # fmt: skip
    response.headers.update(headers)
    return response


def new_key() -> str:
    """A key for a form, so that sending it twice does it once."""
    return uuid.uuid4().hex


async def _papers(platform: Platform, mine: Whose, view: View, one: dict[str, Any]) -> str:
    """What was handed in with an application that waits, by kind; the look is recorded."""
    if one["state"] != "applied":
        return ""
    matter = Matter(papers.MATTER, int(one["application_id"]))
    async with platform.database.transaction() as connection:
        kinds = await documents.kinds_of(connection, mine.person_id, matter)
        await audit.record(
            connection, mine.actor, platform.clock.now(), mine.person_id, "document.list_read",
            {"matter": matter.kind, "matter_id": str(matter.matter_id)},
        )  # fmt: skip
    mark = view.text("staff_comma")
    return mark.join(KINDS[kind].in_language(view.language) for kind in KINDS if kind in kinds)


def _application(view: View, one: dict[str, Any], handed_in: str) -> dict[str, Any]:
    """An application for a pension, with what speaks against it and what was handed in."""
    language, refused = view.language, one["state"] == "refused"
    found = [each for each in one["findings"] if each["blocks"] or one["state"] == "applied"]
    by_hand = refused and not any(each["blocks"] for each in found)
    return {
        "number": one["application_id"],
        "state": one["state"],
        "text": view.text(f"my_application_{one['state']}", month=view.day(one["retires_on"])),
        "day": one["applied_at"][:10],
        "reason": one["reason"] if by_hand else "",
        "papers": view.text("my_application_papers", kinds=handed_in) if handed_in else "",
        "findings": [
            {
                "blocks": each["blocks"],
                "text": each["text"][language],
                # What was found before remedies stood by themselves has none.
                "remedy": each.get("remedy", {}).get(language, ""),
            }
            for each in (found if one["state"] in ("applied", "refused") else ())
        ],
    }


def _fund(view: View, insurance: str) -> str:
    return FUND_NAMES[insurance].in_language(view.language)


def _held(view: View, reason: str | None) -> str:
    known = HELD_REASONS.get(reason or "")
    return known.in_language(view.language) if known else ""


def _next(view: View, found: Sequence[Entitlement], benefit: Benefit, day: date) -> str:
    """When the next payment of a benefit is due, or was; nothing of what is not drawn."""
    one = next((one for one in found if (one.benefit, one.status) == (benefit, "drawing")), None)
    if one is None:
        return ""
    due = next_payday(one.region, one.starts_on, one.settled_month, day)
    if due < day:
        return view.text("my_late_payday", day=view.day(due))
    return view.text("my_next_payday", day=view.day(due))


def _pension(view: View, one: dict[str, Any], told: dict[str, Any]) -> dict[str, Any]:
    """A pension with how it was worked out, where that is on file, and its rises since."""
    granted = next(
        (
            each["pension"]
            for each in told["applications"]
            if each["state"] == "granted" and each["starts_on"] == one["starts_on"]
        ),
        None,
    )
    parts: dict[str, str] = one["parts"] or {}
    return {
        **one,
        "monthly": parse_yuan(one["monthly"], "monthly"),
        "name": _fund(view, one["insurance"]),
        "place": view.place(one["region"], short=True),
        "held": _held(view, one["held_reason"]),
        "parts": [
            (view.text(f"pension_part_{name}"), parse_yuan(amount, name))
            for name, amount in parts.items()
            if amount != "0.00"
        ],
        "steps": granted["steps"] if granted else [],
        "rises": [
            {
                "month": each["effective"],
                "before": parse_yuan(each["before"], "before"),
                "after": parse_yuan(each["after"], "after"),
                "steps": each["steps"],
            }
            for each in told["adjustments"]
        ],
    }


def _proof(view: View, one: dict[str, Any], day: date) -> dict[str, Any]:
    due = one["proof_due_on"]
    return {
        "due": due or "",
        "overdue": bool(due) and date.fromisoformat(due) < day,
        "held": one["held_reason"] == "proof_of_life",
        "place": view.place(one["region"], short=True),
    }


def _claim(view: View, one: Claim, monthly: Fen) -> dict[str, Any]:
    return {
        "monthly": monthly,
        "state": view.text(f"my_claim_{one.state}"),
        "held": one.state == "held",
        "ended": one.state == "ended",
        "place": view.place(one.region, short=True),
        "period": f"{one.starts_on:%Y-%m} – {(one.ended_on or one.ends_on):%Y-%m}",
        "granted": one.months_granted,
        "left": one.months_left,
        "why": END_NAMES[one.ended_by].in_language(view.language) if one.ended_by else "",
    }


def _places(one: Claim, person: Person) -> dict[str, str]:
    """The region of each place where the benefit may be collected."""
    return {
        "insured": one.insured_region,
        "residence": regions.pooling_region(person.residence_region).code,
    }


def _moves(view: View, one: Claim, person: Person) -> list[tuple[str, str]]:
    """Where else it may be collected, with what the button says."""
    return [
        (
            where,
            view.text("my_move_to", place=view.place(code), what=view.text(f"my_collect_{where}")),
        )
        for where, code in _places(one, person).items()
        if code != one.region
    ]


def _without_claim(view: View, one: Entitlement) -> dict[str, Any]:
    """What was granted elsewhere, before there were claims here."""
    return {
        "state": view.text(f"my_claim_{one.status}"),
        "held": one.status == "held",
        "ended": one.status == "ended",
        "place": view.place(one.region, short=True),
        "monthly": one.monthly,
        "period": f"{one.starts_on:%Y-%m} – {one.ends_on:%Y-%m}"
        if one.ends_on
        else view.text("my_since", day=view.day(one.starts_on)),
        "granted": 0,
        "left": 0,
        "why": _held(view, one.held_reason),
    }


def _received(view: View, one: Received) -> dict[str, Any]:
    again = one.state == "corrected"
    return {
        "month": f"{one.month:%Y-%m}",
        "name": _fund(view, one.insurance),
        "amount": one.amount,
        "arrears": one.arrears,
        "recovery": one.recovery,
        "state": view.text("my_sent_again")
        if again
        else LINE_STATE_NAMES[one.state].in_language(view.language),
        "reason": shown.reason_text(one.reason, view.language) or "",
        "day": f"{one.at:%Y-%m-%d}" if one.at else "",
    }


async def _carry_out(
    request: Request[Any, Any, Any],
    platform: Platform,
    field: str,
    done: str,
    work: Callable[[Whose], Awaitable[object]],
    sent: dict[str, str] | None = None,
) -> Response[Any]:
    """What a form asks for, as whoever signed in with two proofs; wrong, the page says so."""
    same_site(request)
    await require_session(request, platform, 2, form_at=BENEFITS)
    mine = await whose(request, platform, "benefits", _PURPOSE)
    assert mine is not None, "whoever has a session is somebody"
    try:
        await work(mine)
    except YikatongError as error:
        told, status, headers = answer_wrong(View.of(request), error, field)
        # What no field of the form can show stands beside its button.
        known = {*(sent or {}), "picture"}
        errors = {name if name in known else field: text for name, text in told.items()}
        return await _show(request, platform, mine, (errors, status, headers), sent)
    return Redirect(f"{BENEFITS}?done={done}", status_code=303)


@post(f"{BENEFITS}/account-right", include_in_schema=False)
async def account_right(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """The account was put right at the bank: pay again."""
    sent = await read_form(request, "key")

    async def work(mine: Whose) -> object:
        key = check_key(sent["key"], "key")
        return await returned.account_is_right(platform, mine.person_id, mine.actor, key)

    return await _carry_out(request, platform, "account", "account", work)


@post(f"{BENEFITS}/face", include_in_schema=False, request_max_body_size=PICTURE_BYTES_MAX + 2**16)
async def face(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Proof of life by a picture just taken."""

    async def work(mine: Whose) -> object:
        image = await read_face((await request.form()).get("picture"), "picture")
        check: FaceCheck = request.app.state["face_check"]
        return await proofs.record_face(platform, mine.person_id, image, check, mine.actor)

    return await _carry_out(request, platform, "picture", "face", work)


@post(f"{BENEFITS}/confirm", include_in_schema=False)
async def confirm(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Still looking for work this month."""

    async def work(mine: Whose) -> object:
        return await unemployment.confirm_month(platform, mine.person_id, mine.actor, "online")

    return await _carry_out(request, platform, "confirm", "confirmed", work)


@post(f"{BENEFITS}/move", include_in_schema=False)
async def move(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Collect the rest of the unemployment benefit at the other place, from next month on."""
    sent = await read_form(request, "to", "key")

    async def work(mine: Whose) -> object:
        key = check_key(sent["key"], "key")
        where = one_of(sent["to"], _PLACES, "move")
        async with platform.database.transaction(readonly=True) as connection:
            claims = await unemployment.claims(connection, mine.person_id)
            person = await people.get(connection, mine.person_id)
        if not claims:
            raise NotDrawing
        region = _places(claims[0], person)[where]
        return await unemployment.transfer(platform, mine.person_id, region, mine.actor, key)

    return await _carry_out(request, platform, "move", "moved", work)


@post(f"{BENEFITS}/claim", include_in_schema=False)
async def claim(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Claim unemployment benefit."""
    sent = await read_form(request, *_CLAIM)

    async def work(mine: Whose) -> object:
        key = check_key(sent["key"], "key")
        wanted = NewClaim(
            left_on=parse_day(sent["left_on"], "left_on"),
            registered_on=parse_day(sent["registered_on"], "registered_on"),
            reason=one_of(sent["reason"], REASONS, "reason"),
            collect_in=one_of(sent["collect_in"], _PLACES, "collect_in"),
            post=one_of(sent["post"], _POSTS, "post"),
        )
        return await unemployment.claim(platform, mine.person_id, wanted, mine.actor, key)

    return await _carry_out(request, platform, "claim", "claimed", work, sent)


@post(f"{BENEFITS}/withdraw", include_in_schema=False)
async def withdraw(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Take the open application for a pension back."""
    sent = await read_form(request, "application", "key")

    async def work(mine: Whose) -> object:
        key = check_key(sent["key"], "key")
        number = identifier(sent["application"], "application")
        return await pensions.withdraw(platform, mine.person_id, number, mine.actor, key)

    return await _carry_out(request, platform, "application", "withdrawn", work)


routes: Final = [benefits, account_right, face, confirm, move, claim, withdraw]
