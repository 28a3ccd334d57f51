"""Signing in by another device: the page with the QR code, and the phone's page that approves it.

The waiting page asks to be loaded again every few seconds, so that it needs no script.
"""

from typing import Any, Final
from urllib.parse import urlencode

import segno
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect
from markupsafe import Markup

from yikatong.core.clock import SHANGHAI
from yikatong.core.platform import Platform
from yikatong.identity.signing_in import scanning
from yikatong.identity.signing_in.model import NoSuchScan
from yikatong.portals.sign_in import HERE, go_on, read_form, show, visitor_of, way_of
from yikatong.portals.signed_in import SIGN_IN, SignInNeeded, require_session, same_site, session_of
from yikatong.portals.view import View

_COOKIE: Final = "scan"
_PATH: Final = f"{SIGN_IN}/scan"
_AGAIN_SECONDS: Final = 4


@get(_PATH, include_in_schema=False)
async def scan(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """The QR code, until the phone has answered; then the session."""
    query = request.query_params
    way, view = way_of(query.get), View.of(request)
    session = await session_of(request, platform)
    code, _, secret = request.cookies.get(_COOKIE, "").partition(".")
    state = await scanning.state(platform, code) if code and "new" not in query else "over"
    if state == "approved":
        try:
            done = await scanning.collect(
                platform, visitor_of(request, platform), code, secret, session
            )
        except NoSuchScan:
            state = "over"
        else:
            response = go_on(platform, way, done)
            response.delete_cookie(_COOKIE, path=_PATH)
            return response
    # One that was shown and ran out waits for a click: nobody may be there any more.
    ended = state in ("over", "refused") and bool(code) and "new" not in query
    begun = None
    if state == "over" and not ended:
        # Whoever is signed in has the session confirmed instead of a new one begun.
        begun = await scanning.begin(platform, visitor_of(request, platform), session)
        code = begun.code
    picture = "" if ended else _picture(f"{platform.settings.public_url}{_APPROVE}?code={code}")
    response = show(
        request, view, "sign-in-scan.html", way,
        state=state if ended else "waiting", picture=picture, signed_in=session is not None,
    )  # fmt: skip
    if begun is not None:
        response.set_cookie(
            _COOKIE, f"{begun.code}.{begun.secret}", httponly=True, samesite="lax",
            secure=platform.settings.secure, path=_PATH,
            max_age=2 * int(scanning.LASTS.total_seconds()),
        )  # fmt: skip
    if ended:
        response.delete_cookie(_COOKIE, path=_PATH)
    else:
        response.headers["Refresh"] = f"{_AGAIN_SECONDS}; url={way.to(_PATH)}"
    return response


def _picture(text: str) -> Markup:
    """A QR code, dark on white."""
    drawn = segno.make(text, error="m", micro=False).svg_inline(
        scale=6, border=4, dark="#000", light="#fff", omitsize=True
    )
    return Markup(drawn)  # noqa: S704 - drawn here


_APPROVE: Final = f"{SIGN_IN}/approve"


@get(_APPROVE, include_in_schema=False)
async def approving(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """What the phone shows: which device wants to be signed in, and from where."""
    session = await require_session(request, platform, 2)
    code = request.query_params.get("code", "")[:100]
    asked = await scanning.look(platform, session, visitor_of(request, platform), code)
    return show(
        request, View.of(request), "sign-in-approve.html", HERE,
        asked=asked, code=code, at=f"{asked.begun_at.astimezone(SHANGHAI):%H:%M:%S}", done="",
    )  # fmt: skip


@post(_APPROVE, include_in_schema=False)
async def approve(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Yes or no."""
    same_site(request)
    sent = await read_form(request, "code", "answer")
    try:
        session = await require_session(request, platform, 2)
    except SignInNeeded as error:
        # Back to the page that shows what is asked; nothing of it is kept.
        raise SignInNeeded(2, f"{_APPROVE}?{urlencode({'code': sent['code'][:100]})}") from error
    if sent["answer"] == "yes":
        await scanning.approve(platform, session, sent["code"])
        return Redirect(f"{_APPROVE}/done?answer=yes", status_code=303)
    await scanning.refuse(platform, session, sent["code"])
    return Redirect(f"{_APPROVE}/done?answer=no", status_code=303)


@get(f"{_APPROVE}/done", include_in_schema=False)
async def approved(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """What came of it."""
    await require_session(request, platform)
    done = "yes" if request.query_params.get("answer") == "yes" else "no"
    return show(
        request, View.of(request), "sign-in-approve.html", HERE,
        asked=None, code="", at="", done=done,
    )  # fmt: skip


routes = [scan, approving, approve, approved]
