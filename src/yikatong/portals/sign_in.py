"""The sign-in pages: by PIN or password, by a code to the phone; proving more; signing out."""

from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect

from yikatong.core import sending
from yikatong.core.addresses import address_from
from yikatong.core.errors import YikatongError
from yikatong.core.platform import Platform
from yikatong.identity.model import Level
from yikatong.identity.sessions import service as sessions
from yikatong.identity.sessions.model import Session
from yikatong.identity.signing_in import codes, devices, service
from yikatong.identity.signing_in.model import SignedIn, Visitor
from yikatong.identity.signing_in.rules import device_of
from yikatong.population import sandbox_pin
from yikatong.portals.signed_in import (
    SIGN_IN,
    SignInNeeded,
    drop,
    keep,
    require_session,
    safe_next,
    same_site,
    session_of,
)
from yikatong.portals.view import View
from yikatong.trust.guessing import TooManyTries

HOME: Final = "/me"
"""Where whoever signs in and wants nowhere in particular begins."""
DEVICE_COOKIE: Final = "device"
_CODE_COOKIE: Final = "code"
_KNOWN: Final = frozenset(("password", "card_pin"))
_FIELD_MAX: Final = 300


class Way(msgspec.Struct, frozen=True):
    """Where somebody wants to go, and how surely they must be known there."""

    next: str
    level: Level

    def query(self, **more: str) -> list[tuple[str, str]]:
        """For addresses that lead on."""
        asked = {"next": self.next} if self.next != HOME else {}
        if self.level > 1:
            asked["level"] = str(self.level)
        return list((asked | more).items())

    def to(self, path: str, **more: str) -> str:
        """An address that keeps the way in mind."""
        query = self.query(**more)
        return f"{path}?{urlencode(query)}" if query else path


HERE: Final = Way(HOME, 1)
"""No way in particular."""


def way_of(read: Callable[[str], Any]) -> Way:
    """The way of a query or a form."""
    level = str(read("level") or "")
    wanted: Level = 3 if level == "3" else 2 if level == "2" else 1
    return Way(safe_next(str(read("next") or ""), HOME), wanted)


def visitor_of(request: Request[Any, Any, Any], platform: Platform) -> Visitor:
    """Who asks: address, browser, and what its device cookie knows."""
    return Visitor(
        address=address_from(request, platform.settings.trusted_proxies),
        device=device_of(request.headers.get("user-agent", "")[:500]),
        tokens=devices.read_tokens(request.cookies.get(DEVICE_COOKIE)),
    )


async def read_form(request: Request[Any, Any, Any], *names: str) -> dict[str, str]:
    """These fields of a form, each cut to what any of them may hold."""
    sent = await request.form()
    return {name: str(sent.get(name) or "")[:_FIELD_MAX] for name in names}


def go_on(platform: Platform, way: Way, signed_in: SignedIn) -> Redirect:
    """After a proof: where the person wanted to go, or to prove more first; with the new cookies."""
    level = signed_in.session.level_at(platform.clock.now())
    response = Redirect(way.next if level >= way.level else way.to(SIGN_IN), status_code=303)
    secure = platform.settings.secure
    keep(response, signed_in.token, secure=secure)
    response.set_cookie(
        DEVICE_COOKIE, devices.write_tokens(signed_in.device_tokens), httponly=True,
        samesite="lax", secure=secure, path="/", max_age=int(devices.LASTS.total_seconds()),
    )  # fmt: skip
    response.delete_cookie(_CODE_COOKIE, path=SIGN_IN)
    return response


def answer_wrong(
    view: View, error: YikatongError, field: str
) -> tuple[dict[str, str], int, dict[str, str]]:
    """The errors of a form, the status and headers it is answered with."""
    errors = {error.field or field: error.text.in_language(view.language)}
    if isinstance(error, TooManyTries):
        return errors, 429, {"Retry-After": str(error.retry_after)}
    if error.status == 503:
        return errors, 503, {"Retry-After": "2"}
    return errors, 422, {}


def show(
    request: Request[Any, Any, Any],
    view: View,
    template: str,
    way: Way,
    wrong: tuple[dict[str, str], int, dict[str, str]] = ({}, 200, {}),
    **facts: Any,
) -> Response[str]:
    """One of these pages, with what is wrong beside its field."""
    errors, status, headers = wrong
    response = view.respond(
        request, template, status=status, errors=errors, way=way, current="sign_in", **facts
    )
    response.headers.update(headers)
    return response


def _stand_at(
    request: Request[Any, Any, Any], view: View, path: str, query: list[tuple[str, str]]
) -> None:
    """After a form that was wrong, language and type size are switched on the form's own page."""
    if request.method == "POST":
        view.path, view.query = path, query


def _page(
    request: Request[Any, Any, Any],
    platform: Platform,
    way: Way,
    by: str,
    number: str = "",
    wrong: tuple[dict[str, str], int, dict[str, str]] = ({}, 200, {}),
) -> Response[str]:
    view = View.of(request)
    _stand_at(request, view, SIGN_IN, way.query(by=by))
    return show(
        request, view, "sign-in.html", way, wrong,
        by=by, number=number, pin=sandbox_pin.of_sandbox(platform),
        can_send=sending.available(platform.settings),
    )  # fmt: skip


@get(SIGN_IN, include_in_schema=False)
async def sign_in(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """The form; for whoever is signed in the next proof, where the level is not enough.

    `fresh=1`: the form all the same; a service asks for a new proof (`prompt=login`, `max_age`).
    """
    query = request.query_params
    way = way_of(query.get)
    session = await session_of(request, platform)
    if session is None or query.get("fresh") == "1":
        return _page(request, platform, way, "code" if query.get("by") == "code" else "secret")
    if session.level_at(platform.clock.now()) >= way.level:
        return Redirect(way.next, status_code=303)
    return await _prove_more(request, platform, way, session)


@post(SIGN_IN, include_in_schema=False)
async def by_secret(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Number and PIN or password."""
    same_site(request)
    sent = await read_form(request, "number", "secret", "next", "level")
    way = way_of(sent.get)
    visitor, before = visitor_of(request, platform), await session_of(request, platform)
    try:
        signed_in = await service.by_secret(
            platform, visitor, sent["number"], sent["secret"], before
        )
    except YikatongError as error:
        wrong = answer_wrong(View.of(request), error, "secret")
        return _page(request, platform, way, "secret", sent["number"], wrong)
    return go_on(platform, way, signed_in)


@post(f"{SIGN_IN}/code/send", include_in_schema=False)
async def send_code(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Ask for a code; the answer is the same whoever the number belongs to."""
    same_site(request)
    sent = await read_form(request, "number", "next", "level")
    way = way_of(sent.get)
    try:
        token = await codes.ask(platform, visitor_of(request, platform), sent["number"])
    except YikatongError as error:
        wrong = answer_wrong(View.of(request), error, "number")
        return _page(request, platform, way, "code", sent["number"], wrong)
    return _to_code(platform, way, "sign_in", token)


def _to_code(platform: Platform, way: Way, purpose: str, token: str) -> Redirect:
    response = Redirect(way.to(f"{SIGN_IN}/code"), status_code=303)
    response.set_cookie(
        _CODE_COOKIE, f"{purpose}.{token}", httponly=True, samesite="lax",
        secure=platform.settings.secure, path=SIGN_IN,
        max_age=int(codes.CODE_LASTS.total_seconds()),
    )  # fmt: skip
    return response


def _asked(request: Request[Any, Any, Any]) -> tuple[str, str]:
    """Purpose and token of the code this browser asked for; empty where it asked for none."""
    purpose, _, token = request.cookies.get(_CODE_COOKIE, "").partition(".")
    return purpose, token[:100]


@get(f"{SIGN_IN}/code", include_in_schema=False)
async def code_form(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Where the code is typed."""
    way = way_of(request.query_params.get)
    purpose, token = _asked(request)
    if not token:
        return Redirect(way.to(SIGN_IN, by="code"), status_code=303)
    return await _code_page(request, platform, way, purpose)


async def _code_page(
    request: Request[Any, Any, Any],
    platform: Platform,
    way: Way,
    purpose: str,
    wrong: tuple[dict[str, str], int, dict[str, str]] = ({}, 200, {}),
) -> Response[Any]:
    session = await session_of(request, platform)
    phone = None
    if purpose == "step_up":
        if session is None:
            raise SignInNeeded(way.level)
        phone = await codes.phone_of(platform, session.person_id)
    view = View.of(request)
    _stand_at(request, view, f"{SIGN_IN}/code", way.query())
    return show(
        request, view, "sign-in-code.html", way, wrong,
        purpose=purpose, phone=phone,
        inbox=platform.settings.sandbox and platform.settings.sender_url is None,
    )  # fmt: skip


@post(f"{SIGN_IN}/code", include_in_schema=False)
async def check_code(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Sign in, or confirm the session, with the code."""
    same_site(request)
    sent = await read_form(request, "code", "next", "level")
    way, visitor = way_of(sent.get), visitor_of(request, platform)
    purpose, token = _asked(request)
    session = await session_of(request, platform)
    if purpose == "step_up" and session is None:
        raise SignInNeeded(way.level)
    try:
        if purpose == "step_up" and session is not None:
            signed_in = await codes.step_up(platform, visitor, session, token, sent["code"])
        else:
            # Also without a token: to what nobody asked for, every code is wrong.
            signed_in = await codes.sign_in(platform, visitor, token, sent["code"], session)
    except YikatongError as error:
        wrong = answer_wrong(View.of(request), error, "code")
        return await _code_page(request, platform, way, purpose, wrong)
    return go_on(platform, way, signed_in)


async def _prove_more(
    request: Request[Any, Any, Any],
    platform: Platform,
    way: Way,
    session: Session,
    wrong: tuple[dict[str, str], int, dict[str, str]] = ({}, 200, {}),
) -> Response[Any]:
    """What a session of too low a level still needs."""
    knows = bool(_KNOWN & set(session.modes_at(platform.clock.now())))
    phone = await codes.phone_of(platform, session.person_id)
    view = View.of(request)
    _stand_at(request, view, SIGN_IN, way.query())
    return show(
        request, view, "sign-in-more.html", way, wrong,
        knows=knows, phone=phone, can_send=sending.available(platform.settings),
    )  # fmt: skip


async def _more(
    request: Request[Any, Any, Any],
    platform: Platform,
    field: str,
    act: Callable[[Session, Visitor, dict[str, str]], Awaitable[Response[Any] | SignedIn]],
) -> Response[Any]:
    same_site(request)
    sent = await read_form(request, "secret", "next", "level")
    way = way_of(sent.get)
    session = await require_session(request, platform)
    try:
        done = await act(session, visitor_of(request, platform), sent)
    except YikatongError as error:
        wrong = answer_wrong(View.of(request), error, field)
        return await _prove_more(request, platform, way, session, wrong)
    return go_on(platform, way, done) if isinstance(done, SignedIn) else done


@post(f"{SIGN_IN}/more/secret", include_in_schema=False)
async def more_by_secret(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Add PIN or password to the session."""

    async def act(session: Session, visitor: Visitor, sent: dict[str, str]) -> SignedIn:
        return await service.step_up_by_secret(platform, visitor, session, sent["secret"])

    return await _more(request, platform, "secret", act)


@post(f"{SIGN_IN}/more/code", include_in_schema=False)
async def more_by_code(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Send a code to confirm the session."""

    async def act(session: Session, visitor: Visitor, sent: dict[str, str]) -> Response[Any]:
        token = await codes.ask_for_session(platform, visitor, session)
        return _to_code(platform, way_of(sent.get), "step_up", token)

    return await _more(request, platform, "send", act)


@post("/sign-out", include_in_schema=False)
async def sign_out(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """End the session; harmless where there is none."""
    same_site(request)
    session = await session_of(request, platform)
    if session is not None:
        async with platform.database.transaction() as connection:
            await sessions.end(
                platform, connection, session.person_id, [session.session_id],
                session.actor("sign out"),
            )  # fmt: skip
    response = Redirect("/", status_code=303)
    drop(response)
    return response


routes = [
    sign_in, by_secret, send_code, code_form, check_code, more_by_secret, more_by_code, sign_out,
]  # fmt: skip
