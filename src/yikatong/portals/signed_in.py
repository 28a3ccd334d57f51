"""Who reads a page: the session behind its cookie, and the guard against forged forms."""

import contextlib
from typing import Any, Final
from urllib.parse import urlencode

from litestar import Request, Response
from litestar.response import Redirect

from yikatong.core.errors import Unavailable, YikatongError
from yikatong.core.platform import Platform
from yikatong.core.sealing import mask_name
from yikatong.identity.model import Level
from yikatong.identity.sessions import service as sessions
from yikatong.identity.sessions.model import Session
from yikatong.people import service as people
from yikatong.people.notices import service as notices
from yikatong.portals import kept

COOKIE: Final = "session"
SIGN_IN: Final = "/sign-in"


class SignInNeeded(YikatongError):
    """The page needs a session, or one with a stronger proof; pages answer it by going to sign in."""

    code = "sign_in_needed"
    status = 401

    def __init__(self, level: Level = 1, form_at: str | None = None) -> None:
        self.level: Level = level
        self.form_at = form_at
        """The page on which the form stands that was sent."""
        super().__init__(zh="请先登录", en="please sign in first")


class ForgedForm(YikatongError):
    """A form that was not sent from a page of ours (CSRF)."""

    code = "forged_form"
    status = 403

    def __init__(self) -> None:
        super().__init__(
            zh="表单不是从本站页面提交的，没有任何改动；请回到本站页面重新提交",
            en="the form was not sent from a page of this site; nothing was changed. Please go back "
            "to the page and send it again",
        )


async def session_of(request: Request[Any, Any, Any], platform: Platform) -> Session | None:
    """The reader's session, if any; looked up once a request."""
    if "session" not in request.state:
        token = request.cookies.get(COOKIE)
        request.state.session = None if not token else await sessions.find(platform, token)
    return request.state.session


async def know_reader(request: Request[Any, Any, Any]) -> None:
    """Before a page: find out who reads it, for the name in its head, and how many notices wait."""
    platform: Platform = request.app.state["platform"]
    # A page that needs nothing of the database is shown without it, too.
    with contextlib.suppress(Unavailable):
        session = await session_of(request, platform)
        if session is not None:
            async with platform.database.transaction(readonly=True) as connection:
                known = [session.person_id, session.subject_id]
                names = await people.names(connection, known)
                if session.acting_for is None:
                    unread = await notices.unread(connection, session.person_id)
                    request.state.unread = unread
            request.state.reader = mask_name(names.get(session.person_id, ""))
            if session.acting_for is not None:
                request.state.acting = mask_name(names.get(session.acting_for, ""))


async def require_session(
    request: Request[Any, Any, Any],
    platform: Platform,
    level: Level = 1,
    *,
    form_at: str | None = None,
) -> Session:
    """The reader's session with at least this level; raises SignInNeeded.

    `form_at`: the page of the form that was sent. Without a session it is kept for its sender, and is
    filled in there again after signing in (`kept_form`).
    """
    session = await session_of(request, platform)
    if session is not None and session.level_at(platform.clock.now()) >= level:
        return session
    if form_at is None or request.method != "POST":
        raise SignInNeeded(level)
    token = request.cookies.get(COOKIE, "")
    sender = session or await sessions.sender_of(platform, token)
    if sender is not None:
        form = kept.texts(await request.form())
        await kept.put(platform, kept.by_person(sender), form_at, form)
    raise SignInNeeded(level, form_at)


async def kept_form(
    request: Request[Any, Any, Any], platform: Platform, session: Session
) -> dict[str, Any] | None:
    """What the reader had sent from this page when the session was over, once; the page says so."""
    found = await kept.take(platform, kept.by_person(session), request.url.path)
    request.state.kept = found is not None
    return found


def to_sign_in(
    request: Request[Any, Any, Any], level: Level, form_at: str | None = None
) -> Redirect:
    """To the sign-in page and back here afterwards, or to the page of the form that was sent."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    asked = {"next": here if request.method in ("GET", "HEAD") else form_at or request.url.path}
    if level > 1:
        asked["level"] = str(level)
    return Redirect(f"{SIGN_IN}?{urlencode(asked)}", status_code=303)


def safe_next(text: str | None, otherwise: str = "/") -> str:
    """Where to go after signing in: a path of this site and nothing else (no open redirect)."""
    if not text or not text.startswith("/") or len(text) > 2000:
        return otherwise
    # "//host", "/\host" and control characters are read as another host by some browsers.
    if text[1:2] in ("/", "\\"):
        return otherwise
    if any(ord(letter) < 33 or letter == "\\" for letter in text):
        return otherwise
    return text


def same_site(request: Request[Any, Any, Any]) -> None:
    """Raise ForgedForm unless a page of ours sent this form.

    Browsers say where a form comes from (Sec-Fetch-Site, else Origin); what says nothing is no
    browser that carries cookies. The cookie is SameSite=Lax besides.
    """
    fetched = request.headers.get("sec-fetch-site")
    if fetched is not None:
        if fetched == "same-origin":
            return
        raise ForgedForm
    _, mark, host = request.headers.get("origin", "").partition("://")
    if not mark or host != request.headers.get("host"):
        raise ForgedForm


def keep(response: Response[Any], token: str, *, secure: bool) -> None:
    """Set the session's cookie; it ends with the browser, the session at the latest after hours."""
    response.set_cookie(COOKIE, token, httponly=True, samesite="lax", secure=secure, path="/")


def drop(response: Response[Any]) -> None:
    """Take the session's cookie back."""
    response.delete_cookie(COOKIE, path="/")
