"""Logging in to other services: the request, the consent page, what one let in, logging out.

Every redirect is a 303, so that no browser sends a form on (RFC 9700, 4.12).
"""

from typing import Any, Final
from urllib.parse import urlencode

from litestar import Request, Response, Router, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from yikatong.core.addresses import address_from
from yikatong.core.clock import SHANGHAI
from yikatong.identity.openid import authorizing, claims, ending, redirects, requests
from yikatong.identity.openid.authorizing import Answer, Asked
from yikatong.identity.openid.ending import Logout
from yikatong.identity.openid.errors import OpenidError, RequestOver, Untrusted
from yikatong.identity.openid.model import SCOPE_NAMES
from yikatong.identity.openid.signing import OpenidProvider
from yikatong.identity.sessions import service as sessions
from yikatong.identity.sessions.model import Session
from yikatong.portals.signed_in import (
    SIGN_IN,
    drop,
    kept_form,
    require_session,
    same_site,
    session_of,
)
from yikatong.portals.view import SECURITY_HEADERS, Language, View

AUTHORIZE: Final = "/openid/authorize"
_FORM_BYTES_MAX: Final = 16 * 1024

Ask = Request[Any, Any, Any]


@get(AUTHORIZE, include_in_schema=False)
async def authorize(request: Ask, openid: NamedDependency[OpenidProvider]) -> Response[Any]:
    """A service sends somebody here to log in (Core 1.0, 3.1.2)."""
    session = await session_of(request, openid.platform)
    query: bytes = request.scope["query_string"]
    address = address_from(request, openid.platform.settings.trusted_proxies)
    answer = await authorizing.begin(openid, query, session, address)
    if answer.to == "client":
        return _go(answer.location)
    waiting = _waiting(answer.handle, answer.language)
    if answer.to == "consent":
        return _go(waiting)
    return _go(_sign_in(waiting, answer.level, fresh=answer.fresh, language=answer.language))


@post([AUTHORIZE, "/openid/logout"], include_in_schema=False, request_max_body_size=_FORM_BYTES_MAX)
async def by_form(request: Ask) -> Response[Any]:
    """The same by a form of the service: asked again by GET, for only then does the browser show
    the session's cookie (it is SameSite=Lax)."""
    content = await request.body()
    try:
        form = requests.read_form(content)
        form.once()
    except OpenidError as error:
        raise _unreadable(error) from None
    return _go(f"{request.url.path}?{urlencode(form.values)}")


@get("/openid/authorize/{handle:str}", include_in_schema=False)
async def waiting(
    request: Ask, openid: NamedDependency[OpenidProvider], handle: FromPath[str]
) -> Response[Any]:
    """A request that waits: consent, signing in again, or back to the service."""
    session = await session_of(request, openid.platform)
    found = await authorizing.resume(openid, handle, session)
    if isinstance(found, Answer):
        return _back(request, found.location)
    return await _ask(request, openid, handle, session, found)


@post(
    "/openid/authorize/{handle:str}",
    include_in_schema=False,
    request_max_body_size=_FORM_BYTES_MAX,
)
async def decide(
    request: Ask, openid: NamedDependency[OpenidProvider], handle: FromPath[str]
) -> Response[Any]:
    """The person agrees or refuses."""
    same_site(request)
    form = await _form(request)
    session = await session_of(request, openid.platform)
    if form.get("decision") != "allow":
        answer = await authorizing.refuse(openid, handle, session)
        return _go(answer.location)
    found = await authorizing.allow(openid, handle, session, form.get("token") or "")
    if isinstance(found, Answer):
        return _go(found.location)
    return await _ask(request, openid, handle, session, found, again=True)


async def _ask(
    request: Ask,
    openid: OpenidProvider,
    handle: str,
    session: Session | None,
    asked: Asked,
    *,
    again: bool = False,
) -> Response[Any]:
    view = View.of(request)
    here = f"{AUTHORIZE}/{handle}"
    name = asked.client.name.in_language(view.language)
    facts: dict[str, Any] = {
        "handle": handle,
        "name": name,
        "host": redirects.shown(asked.request.redirect_uri),
        "sign_in": _sign_in(here, asked.request.level, fresh=True, language=None),
    }
    if session is None or asked.step.what == "sign_in":
        stronger = session is not None and not asked.step.fresh
        facts |= {
            "level": asked.step.level if stronger else None,
            "sign_in": _sign_in(here, asked.step.level, fresh=asked.step.fresh, language=None),
        }
        page = view.respond(request, "openid-sign-in.html", **facts)
    else:
        known = await authorizing.preview(openid.platform, session, asked)
        facts |= {
            "again": again,
            "token": authorizing.form_token(openid.platform, handle, session),
            "person": claims.preview("profile", known, view.language).partition(" · ")[0],
            "scopes": [
                (
                    SCOPE_NAMES[one].in_language(view.language),
                    claims.preview(one, known, view.language),
                )
                for one in asked.request.scopes
            ],
        }
        page = view.respond(request, "openid-consent.html", status=403 if again else 200, **facts)
    _open_form_to(page, asked.request.redirect_uri)
    return page


@get("/consents", include_in_schema=False)
async def consents(request: Ask, openid: NamedDependency[OpenidProvider]) -> Response[Any]:
    """What the person lets services see."""
    platform = openid.platform
    session = await require_session(request, platform)
    await kept_form(request, platform, session)
    view = View.of(request)
    rows = [
        {
            "client_id": client.client_id,
            "name": client.name.in_language(view.language),
            "host": redirects.shown(client.redirect_uris[0]),
            "scopes": [
                text.in_language(view.language)
                for one, text in SCOPE_NAMES.items()
                if one in consent.scopes
            ],
            "day": f"{consent.changed_at.astimezone(SHANGHAI):%Y-%m-%d}",
        }
        for consent, client in await ending.consents_of(platform, session)
    ]
    gone = request.query_params.get("withdrawn") == "1"
    return view.respond(request, "consents.html", rows=rows, gone=gone)


@post("/consents", include_in_schema=False, request_max_body_size=_FORM_BYTES_MAX)
async def withdraw(request: Ask, openid: NamedDependency[OpenidProvider]) -> Response[Any]:
    """Take a consent back."""
    same_site(request)
    platform = openid.platform
    session = await require_session(request, platform, form_at="/consents")
    form = await _form(request)
    await ending.withdraw(platform, session, form.get("client") or "")
    return _go("/consents?withdrawn=1")


@get("/openid/logout", include_in_schema=False)
async def logout(request: Ask, openid: NamedDependency[OpenidProvider]) -> Response[Any]:
    """A service logs a person out: at once where it proves that they logged in there, else asked."""
    session = await session_of(request, openid.platform)
    try:
        form = requests.read_form(request.scope["query_string"])
    except OpenidError as error:
        raise _unreadable(error) from None
    wanted = await ending.read_logout(openid, form, session)
    if wanted.sure:
        return await _log_out(request, openid, session, wanted, by_form=False)
    view = View.of(request)
    page = view.respond(
        request,
        "openid-logout.html",
        name=wanted.client.name.in_language(view.language) if wanted.client else "",
        fields={
            "client_id": wanted.client.client_id if wanted.client else "",
            "post_logout_redirect_uri": wanted.go_to or "",
            "state": wanted.state or "",
        },
    )
    if wanted.go_to is not None:
        _open_form_to(page, wanted.go_to)
    return page


@post("/openid/logout/confirm", include_in_schema=False, request_max_body_size=_FORM_BYTES_MAX)
async def confirm_logout(request: Ask, openid: NamedDependency[OpenidProvider]) -> Response[Any]:
    """The person agreed to be logged out."""
    same_site(request)
    session = await session_of(request, openid.platform)
    wanted = await ending.read_logout(openid, await _form(request), session)
    return await _log_out(request, openid, session, wanted, by_form=True)


async def _log_out(
    request: Ask, openid: OpenidProvider, session: Session | None, wanted: Logout, *, by_form: bool
) -> Response[Any]:
    platform = openid.platform
    if session is not None:
        purpose = "log out" if by_form else "logged out by a service"
        async with platform.database.transaction() as connection:
            await sessions.end(
                platform, connection, session.person_id, [session.session_id],
                session.actor(purpose),
            )  # fmt: skip
    if wanted.go_to is not None:
        response = _go(redirects.with_answer(wanted.go_to, {"state": wanted.state}))
    else:
        response = View.of(request).respond(request, "openid-logged-out.html")
    drop(response)
    return response


def _back(request: Ask, location: str) -> Response[Any]:
    """Back to the service by a page that moves on at once.

    The way here began with the form of the sign-in page, whose policy lets that form, and the
    redirects after it, lead to this site alone.
    """
    view = View.of(request)
    return view.respond(
        request, "openid-return.html", location=location, host=redirects.shown(location)
    )


def _open_form_to(page: Response[Any], address: str) -> None:
    """Let the form of this one page lead, by redirect, to this one service too."""
    policy = SECURITY_HEADERS["Content-Security-Policy"]
    page.headers["Content-Security-Policy"] = policy.replace(
        "form-action 'self'", f"form-action 'self' {redirects.form_target(address)}"
    )


def _waiting(handle: str, language: Language | None) -> str:
    return f"{AUTHORIZE}/{handle}{f'?lang={language}' if language else ''}"


def _sign_in(back: str, level: int, *, fresh: bool, language: Language | None) -> str:
    """The sign-in page; `fresh`: a new proof is wanted though somebody is signed in."""
    asked = {"next": back}
    if level > 1:
        asked["level"] = str(level)
    if fresh:
        asked["fresh"] = "1"
    if language is not None:
        asked["lang"] = language
    return f"{SIGN_IN}?{urlencode(asked)}"


def _go(location: str) -> Response[Any]:
    headers = {
        "Location": location,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(b"", status_code=303, media_type="text/html", headers=headers)


async def _form(request: Ask) -> requests.Form:
    try:
        return requests.read_form(await request.body())
    except OpenidError as error:
        raise _unreadable(error) from None


def _unreadable(error: OpenidError) -> Untrusted:
    return Untrusted(
        zh="请求无法读取，没有任何改动。请回到上一页重试。",
        en=f"the request cannot be read; nothing was changed ({error.description}). Please go back "
        "and try again.",
    )


def _stopped(request: Ask, error: Untrusted | RequestOver) -> Response[Any]:
    """Nobody is sent anywhere: what is wrong, and what to do."""
    view = View.of(request)
    return view.respond(
        request,
        "error.html",
        status=error.status,
        title=view.text("openid_stopped_title"),
        text=error.text.in_language(view.language),
    )


routes = [
    Router(
        path="/",
        route_handlers=[
            authorize, by_form, waiting, decide, consents, withdraw, logout, confirm_logout,
        ],
        exception_handlers={Untrusted: _stopped, RequestOver: _stopped},
    )
]  # fmt: skip
