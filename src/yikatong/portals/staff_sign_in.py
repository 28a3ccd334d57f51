"""The pages of staff: signing in with two factors, sessions, password.

`require_staff` is how other pages for staff ask who reads them.
"""

from typing import Any, Final
from urllib.parse import urlencode

import segno
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect
from markupsafe import Markup

from yikatong.core.errors import InvalidInput, YikatongError
from yikatong.core.platform import Platform
from yikatong.identity.signing_in.devices import read_tokens, write_tokens
from yikatong.identity.staff import rules, signing_in
from yikatong.identity.staff.model import StaffSession
from yikatong.portals import kept
from yikatong.portals.sign_in import answer_wrong, read_form, visitor_of
from yikatong.portals.signed_in import safe_next, same_site
from yikatong.portals.staff_frame import frame_of
from yikatong.portals.view import View
from yikatong.trust.access import Caller

COOKIE: Final = "staff"
STAFF: Final = "/staff"
_DEVICE_COOKIE: Final = "staff_device"
_CODE_MAX: Final = 40


class StaffSignInNeeded(YikatongError):
    """The page is for staff; pages answer it by going to sign in."""

    code = "staff_sign_in_needed"
    status = 401

    def __init__(self, form_at: str | None = None) -> None:
        self.form_at = form_at
        """The page on which the form stands that was sent."""
        super().__init__(zh="请工作人员先登录", en="members of staff please sign in first")


def to_staff_sign_in(request: Request[Any, Any, Any], form_at: str | None = None) -> Redirect:
    """To the sign-in page of staff and back here afterwards, or to the page of the form that was sent."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    wanted = here if request.method in ("GET", "HEAD") else form_at or request.url.path
    return Redirect(f"{STAFF}?{urlencode({'next': wanted})}", status_code=303)


async def staff_session(request: Request[Any, Any, Any], platform: Platform) -> StaffSession | None:
    """The session of staff behind the cookie, in whatever stage."""
    token = request.cookies.get(COOKIE)
    return None if not token else await signing_in.find(platform, token)


async def require_staff(
    request: Request[Any, Any, Any],
    platform: Platform,
    permission: str | None = None,
    *regions: str,
    form_at: str | None = None,
) -> tuple[StaffSession, Caller]:
    """The signed-in member, who may do this in one of these regions.

    `form_at`: the page of the form that was sent, where it is not the form's own address. Without a
    session it is kept for its sender, and is filled in there again after signing in (`kept_form`).
    Raises StaffSignInNeeded, NotAllowed.
    """
    session = await staff_session(request, platform)
    if session is None or not session.settled:
        if request.method == "POST":
            form_at = form_at or request.url.path
            number = await signing_in.sender_of(platform, request.cookies.get(COOKIE, ""))
            if number is not None:
                form = kept.texts(await request.form())
                await kept.put(platform, kept.by_staff(number), form_at, form)
        raise StaffSignInNeeded(form_at)
    caller = session.caller()
    if permission is not None:
        caller.require(permission, *regions)
    return session, caller


async def kept_form(
    request: Request[Any, Any, Any], platform: Platform, number: str, path: str | None = None
) -> dict[str, Any] | None:
    """What the member had sent from this page, or the one at `path`, when the session was over, once; the
    page says so."""
    found = await kept.take(platform, kept.by_staff(number), path or request.url.path)
    request.state.kept = found is not None
    return found


def _keep(response: Response[Any], platform: Platform, token: str) -> None:
    response.set_cookie(
        COOKIE, token, httponly=True, samesite="strict", secure=platform.settings.secure, path="/"
    )


def _known(request: Request[Any, Any, Any]) -> tuple[str, ...]:
    """What the browser shows of members who signed in with it before."""
    return read_tokens(request.cookies.get(_DEVICE_COOKIE))


async def _remember(
    request: Request[Any, Any, Any],
    response: Response[Any],
    platform: Platform,
    session: StaffSession,
) -> None:
    tokens = await signing_in.remember(platform, session, _known(request))
    response.set_cookie(
        _DEVICE_COOKIE, write_tokens(tokens), httponly=True, samesite="strict",
        secure=platform.settings.secure, path=STAFF,
        max_age=int(signing_in.DEVICE_LASTS.total_seconds()),
    )  # fmt: skip


def respond(
    request: Request[Any, Any, Any],
    template: str,
    session: StaffSession | None,
    wrong: tuple[dict[str, str], int, dict[str, str]] = ({}, 200, {}),
    **facts: Any,
) -> Response[str]:
    """A page of the account, with what is wrong beside its field."""
    errors, status, headers = wrong
    view = View.of(request)
    # After a form that was wrong, language and type size are switched on the page it stands on.
    view.path, view.query = (STAFF, []) if request.method == "POST" else (view.path, view.query)
    response = view.respond(
        request, template, status=status, current="home", member=session, errors=errors,
        frame=frame_of(view, session), **facts,
    )  # fmt: skip
    response.headers.update(headers)
    return response


async def enrolment(
    request: Request[Any, Any, Any],
    platform: Platform,
    session: StaffSession,
    way: str,
    wrong: tuple[dict[str, str], int, dict[str, str]] = ({}, 200, {}),
) -> Response[Any]:
    """The second factor is set up: its picture, and the field that proves it."""
    secret = await signing_in.candidate(platform, session)
    drawn = segno.make(rules.address_of(secret, session.staff_number), error="m", micro=False)
    picture = drawn.svg_inline(scale=6, border=4, dark="#000", light="#fff", omitsize=True)
    key = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    return respond(
        request, "staff-enrol.html", session, wrong,
        picture=Markup(picture), key=key, way=way,  # noqa: S704 - drawn here
    )  # fmt: skip


def way_back(text: str | None) -> str:
    """Where signing in leads to; the home page unless another was asked for."""
    return safe_next(text, STAFF)


@post(f"{STAFF}/sign-in", include_in_schema=False)
async def sign_in(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Number and password."""
    same_site(request)
    sent = await read_form(request, "number", "password", "next")
    visitor, way = visitor_of(request, platform), way_back(sent["next"])
    try:
        session, token = await signing_in.begin(
            platform, sent["number"], sent["password"], visitor.address, visitor.device,
            _known(request),
        )  # fmt: skip
    except YikatongError as error:
        wrong = answer_wrong(View.of(request), error, "number")
        number = sent["number"][:30]
        return respond(request, "staff-sign-in.html", None, wrong, number=number, way=way)
    del session
    response = Redirect(_to_staff(way), status_code=303)
    _keep(response, platform, token)
    return response


def _to_staff(way: str) -> str:
    return STAFF if way == STAFF else f"{STAFF}?{urlencode({'next': way})}"


@post(f"{STAFF}/code", include_in_schema=False)
async def code(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """The code of the second factor, or one for recovery."""
    same_site(request)
    sent = await read_form(request, "code", "next")
    session, way = await staff_session(request, platform), way_back(sent["next"])
    if session is None or session.stage != "second_factor":
        return Redirect(_to_staff(way), status_code=303)
    try:
        opened, token = await signing_in.second_factor(
            platform, session, sent["code"][:_CODE_MAX], session.device, _known(request)
        )
    except YikatongError as error:
        wrong = answer_wrong(View.of(request), error, "code")
        return respond(request, "staff-code.html", session, wrong, way=way)
    response = Redirect(_to_staff(way) if not opened.settled else way, status_code=303)
    _keep(response, platform, token)
    await _remember(request, response, platform, opened)
    return response


@post(f"{STAFF}/enrol", include_in_schema=False)
async def enrol(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """The first code of a new second factor; then the codes for recovery, once."""
    same_site(request)
    sent = await read_form(request, "code", "next")
    session, way = await staff_session(request, platform), way_back(sent["next"])
    if session is None or session.stage != "enrolment":
        return Redirect(_to_staff(way), status_code=303)
    try:
        opened, token, codes = await signing_in.enrol(
            platform, session, sent["code"][:_CODE_MAX], session.device
        )
    except YikatongError as error:
        wrong = answer_wrong(View.of(request), error, "code")
        return await enrolment(request, platform, session, way, wrong)
    response = respond(request, "staff-recovery.html", opened, codes=codes, way=_to_staff(way))
    _keep(response, platform, token)
    await _remember(request, response, platform, opened)
    return response


@get(f"{STAFF}/password", include_in_schema=False)
async def password_form(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Change one's own password."""
    session, _ = await require_staff(request, platform)
    return respond(request, "staff-password.html", session, first=False, way=STAFF)


@post(f"{STAFF}/password", include_in_schema=False)
async def change_password(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """With the current one; all other sessions end."""
    same_site(request)
    session = await staff_session(request, platform)
    if session is None or session.stage != "open":
        raise StaffSignInNeeded
    sent = await read_form(request, "current", "password", "again", "next")
    view, way = View.of(request), way_back(sent["next"])
    try:
        if sent["password"] != sent["again"]:
            raise InvalidInput("again", zh="两次输入的不一样", en="the two are not the same")
        await signing_in.change_password(platform, session, sent["current"], sent["password"])
    except YikatongError as error:
        wrong = answer_wrong(view, error, "current")
        first = session.must_change_password
        return respond(request, "staff-password.html", session, wrong, first=first, way=way)
    return Redirect(f"{STAFF}?done=password" if way == STAFF else way, status_code=303)


@post(f"{STAFF}/sessions", include_in_schema=False)
async def end_sessions(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """End one of one's sessions, or all others."""
    same_site(request)
    session, _ = await require_staff(request, platform, form_at=STAFF)
    sent = await read_form(request, "session", "others")
    if sent["others"]:
        live = await signing_in.sessions_of(platform, session.staff_number)
        ids = [one.session_id for one in live if one.session_id != session.session_id]
    else:
        ids = [_number(sent["session"])]
    await signing_in.end(platform, session, ids)
    done = "others" if sent["others"] else "session"
    return Redirect(f"{STAFF}?done={done}#sessions", status_code=303)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise InvalidInput("session", zh="编号不对", en="this is no id")
    return int(text)


@post(f"{STAFF}/sign-out", include_in_schema=False)
async def sign_out(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Also in the middle of signing in."""
    same_site(request)
    session = await staff_session(request, platform)
    if session is not None:
        await signing_in.end(platform, session, [session.session_id])
    response = Redirect(STAFF, status_code=303)
    response.delete_cookie(COOKIE, path="/")
    return response


routes: Final = [
    sign_in, code, enrol, password_form, change_password, end_sessions, sign_out,
]  # fmt: skip
TEMPLATES: Final = (
    "staff-sign-in.html", "staff-code.html", "staff-enrol.html", "staff-recovery.html",
    "staff-password.html",
)  # fmt: skip
