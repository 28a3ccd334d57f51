"""The home of a member of staff (工作台): what waits for them, approvals, what they may do."""

import re
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from yikatong.core.errors import InvalidInput, YikatongError
from yikatong.core.platform import Platform
from yikatong.identity.approvals.model import Approval
from yikatong.identity.approvals.service import Approvals, shown_facts
from yikatong.identity.staff import service, signing_in
from yikatong.identity.staff.model import StaffSession
from yikatong.medical.claims.service import ClaimOffice
from yikatong.money.contributions.model import INSURANCE_NAMES
from yikatong.portals import kept, staff_waits
from yikatong.portals.counter.desk import Desk
from yikatong.portals.sign_in import answer_wrong, read_form
from yikatong.portals.signed_in import same_site
from yikatong.portals.staff_frame import place_name
from yikatong.portals.staff_sign_in import (
    STAFF,
    enrolment,
    kept_form,
    require_staff,
    respond,
    staff_session,
    way_back,
)  # fmt: skip
from yikatong.portals.view import View, texts
from yikatong.trust.access import PERMISSIONS, ROLES

_DONE: Final = ("password", "session", "others", "approved", "refused")


@get(STAFF, include_in_schema=False)
async def staff(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    approvals: NamedDependency[Approvals],
    claims: NamedDependency[ClaimOffice],
) -> Response[Any]:
    """The step of signing in that comes next; signed in, what waits."""
    session = await staff_session(request, platform)
    way = way_back(request.query_params.get("next"))
    if session is None:
        return respond(request, "staff-sign-in.html", None, number="", way=way)
    if session.stage == "second_factor":
        return respond(request, "staff-code.html", session, way=way)
    if session.stage == "enrolment":
        return await enrolment(request, platform, session, way)
    if session.must_change_password:
        return respond(request, "staff-password.html", session, first=True, way=way)
    typed = await kept_form(request, platform, session.staff_number)
    return await _home(request, platform, session, approvals, claims, sent=typed)


async def _home(
    request: Request[Any, Any, Any],
    platform: Platform,
    session: StaffSession,
    approvals: Approvals,
    claims: ClaimOffice,
    wrong: tuple[dict[str, str], int, dict[str, str]] = ({}, 200, {}),
    sent: dict[str, Any] | None = None,
) -> Response[Any]:
    view, caller = View.of(request), session.caller()
    waiting = await approvals.waiting(caller) if caller.may("approval.decide") else []
    asked = await approvals.asked(caller)
    desk = Desk(request, platform, session, caller, view)
    done = request.query_params.get("done", "")
    return respond(
        request, "staff-home.html", session, wrong,
        waits=await staff_waits.found(desk, claims, approvals),
        first=staff_waits.first_place(desk),
        roles=[
            (text.in_language(view.language), place_name(view, one.region))
            for role, text in ROLES.items()
            for one in session.grants
            if one.what == role
        ],
        may=[
            {
                "text": PERMISSIONS[name].text.in_language(view.language),
                "places": [place_name(view, area) for area in areas],
                "two": PERMISSIONS[name].two_persons,
            }
            for name, areas in service.may(session.grants)
            if name != "approval.decide"
        ],
        several_places=len({one.region for one in session.grants}) > 1,
        decides=caller.may("approval.decide"),
        waiting=[_approval(view, one) for one in waiting],
        asked=[_approval(view, one) for one in asked],
        sessions=[
            {
                "id": one.session_id,
                "device": one.device,
                "begun": view.day(one.begun_at),
                "seen": view.day(one.seen_at),
                "here": one.session_id == session.session_id,
            }
            for one in await signing_in.sessions_of(platform, session.staff_number)
        ],
        typed=kept.plain(sent, "approval", "reason"),
        codes_left=await signing_in.recovery_codes_left(platform, session.staff_number),
        done=done if done in _DONE else "",
    )  # fmt: skip


def _fact(view: View, name: str, value: str) -> tuple[str, str]:
    """A fact of an approval in the reader's words."""
    last = re.sub(r"\[\d+\]", "", name).rpartition(".")[2]
    known = f"fact_{last}" in texts()
    label = view.text(f"fact_{last}") if known else name
    if last == "region":
        value = place_name(view, value)
    elif f"fact_{last}_{value}" in texts():
        value = view.text(f"fact_{last}_{value}")
    elif last == "role":
        value = next(
            (text.in_language(view.language) for role, text in ROLES.items() if role == value),
            value,
        )
    elif last == "insurance" and value in INSURANCE_NAMES:
        value = INSURANCE_NAMES[value].in_language(view.language)
    return label, value


def _approval(view: View, one: Approval) -> dict[str, Any]:
    return {
        "id": str(one.approval_id),
        "what": PERMISSIONS[one.permission].text.in_language(view.language),
        "places": [place_name(view, code) for code in one.regions],
        "facts": [_fact(view, *fact) for fact in shown_facts(one.facts)],
        "by": one.asked_by,
        "at": view.day(one.asked_at),
        "until": view.day(one.until),
        "state": one.state,
        "outcome": one.outcome,
        "decided_by": one.decided_by or "",
    }


@post(f"{STAFF}/approvals/{{approval_id:int}}", include_in_schema=False)
async def decide(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    approvals: NamedDependency[Approvals],
    claims: NamedDependency[ClaimOffice],
    approval_id: FromPath[int],
) -> Response[Any]:
    """Approve and carry out, or refuse for a reason."""
    same_site(request)
    session, caller = await require_staff(request, platform, "approval.decide", form_at=STAFF)
    sent = await read_form(request, "decision", "reason")
    field = f"reason-{approval_id}"
    try:
        if sent["decision"] == "approve":
            await approvals.approve(caller, approval_id)
            return Redirect(f"{STAFF}?done=approved", status_code=303)
        if not 1 <= len(sent["reason"].strip()) <= 200:
            raise InvalidInput(
                field, zh="请写明不同意的原因，申请人会看到", en="say why not; the asker reads it"
            )
        await approvals.refuse(caller, approval_id, sent["reason"])
    except YikatongError as error:
        errors, status, headers = answer_wrong(View.of(request), error, field)
        wrong = ({field: next(iter(errors.values()))}, status, headers)
        typed = {"approval": str(approval_id), "reason": sent["reason"]}
        return await _home(request, platform, session, approvals, claims, wrong, typed)
    return Redirect(f"{STAFF}?done=refused", status_code=303)


routes: Final = [staff, decide]
