"""The security page: sessions, known devices, PIN and password."""

from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect

from yikatong.core.errors import InvalidInput, YikatongError
from yikatong.core.platform import Platform
from yikatong.identity.model import MODE_NAMES
from yikatong.identity.sessions import service as sessions
from yikatong.identity.sessions.model import Session
from yikatong.identity.signing_in import codes, devices, passwords, service
from yikatong.identity.signing_in.model import KnownDevice
from yikatong.portals.sign_in import HERE, answer_wrong, read_form, show, visitor_of
from yikatong.portals.signed_in import kept_form, require_session, same_site
from yikatong.portals.view import View

SECURITY: Final = "/security"
_DONE: Final = ("session", "others", "device", "pin", "password", "removed")


@get(SECURITY, include_in_schema=False)
async def security(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Where one is signed in, and how one signs in."""
    session = await require_session(request, platform)
    await kept_form(request, platform, session)
    view = View.of(request)
    person_id = session.person_id
    live = await sessions.of_person(platform, person_id)
    known = await devices.of_person(platform, person_id)
    visitor = visitor_of(request, platform)
    async with platform.database.transaction(readonly=True) as connection:
        here = await devices.find(platform, connection, person_id, visitor)
    done = request.query_params.get("done", "")
    return show(
        request, view, "security.html", HERE,
        sessions=[_session_row(view, one, session) for one in live],
        devices=[_device_row(view, one, here) for one in known],
        phone=await codes.phone_of(platform, person_id),
        has_password=await passwords.is_set(platform, person_id),
        done=done if done in _DONE else "",
    )  # fmt: skip


def _session_row(view: View, one: Session, current: Session) -> dict[str, Any]:
    return {
        "id": one.session_id,
        "device": one.device,
        "begun": view.day(one.begun_at),
        "seen": view.day(one.seen_at),
        "modes": [MODE_NAMES[mode].in_language(view.language) for mode in one.modes],
        "here": one.session_id == current.session_id,
    }


def _device_row(view: View, one: KnownDevice, here: KnownDevice | None) -> dict[str, Any]:
    return {
        "id": one.device_id,
        "device": one.device,
        "first": view.date(one.first_at),
        "last": view.day(one.last_at),
        "here": here is not None and one.device_id == here.device_id,
    }


def _number(text: str, field: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise InvalidInput(field, zh="编号不对", en="this is no id")
    return int(text)


@post(f"{SECURITY}/sessions", include_in_schema=False)
async def end_sessions(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """End one session, or all others."""
    same_site(request)
    session = await require_session(request, platform, form_at=SECURITY)
    sent = await read_form(request, "session", "others")
    actor = session.actor("sign out elsewhere")
    async with platform.database.transaction() as connection:
        if sent["others"]:
            await sessions.end_others(platform, connection, session, actor)
        else:
            one = _number(sent["session"], "session")
            await sessions.end(platform, connection, session.person_id, [one], actor)
    done = "others" if sent["others"] else "session"
    return Redirect(f"{SECURITY}?done={done}", status_code=303)


@post(f"{SECURITY}/devices", include_in_schema=False)
async def forget_device(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Forget a known device."""
    same_site(request)
    session = await require_session(request, platform, form_at=SECURITY)
    sent = await read_form(request, "device")
    device_id = _number(sent["device"], "device")
    await devices.forget(platform, session.person_id, device_id, session.actor("forget a device"))
    return Redirect(f"{SECURITY}?done=device", status_code=303)


@get(f"{SECURITY}/pin", include_in_schema=False)
async def pin_form(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Change the card's PIN."""
    await require_session(request, platform)
    return show(request, View.of(request), "security-pin.html", HERE)


@post(f"{SECURITY}/pin", include_in_schema=False)
async def change_pin(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Change it with the old one."""
    same_site(request)
    session = await require_session(request, platform)
    sent = await read_form(request, "old", "new", "again")
    view = View.of(request)
    try:
        _check_again(view, sent)
        await service.change_pin(
            platform, visitor_of(request, platform), session, sent["old"], sent["new"]
        )
    except YikatongError as error:
        wrong = answer_wrong(view, error, "old")
        return show(request, view, "security-pin.html", HERE, wrong)
    return Redirect(f"{SECURITY}?done=pin", status_code=303)


def _check_again(view: View, sent: dict[str, str]) -> None:
    if sent["new"] != sent["again"]:
        raise InvalidInput(
            "again",
            zh="两次输入不一致，请再输一次",
            en="the two do not agree; please type it again",
        )


@get(f"{SECURITY}/password", include_in_schema=False)
async def password_form(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Choose a password."""
    session = await require_session(request, platform, 2)
    return await _password_page(request, platform, session)


async def _password_page(
    request: Request[Any, Any, Any],
    platform: Platform,
    session: Session,
    wrong: tuple[dict[str, str], int, dict[str, str]] = ({}, 200, {}),
) -> Response[Any]:
    has_password = await passwords.is_set(platform, session.person_id)
    return show(
        request, View.of(request), "security-password.html", HERE, wrong,
        has_password=has_password,
    )  # fmt: skip


@post(f"{SECURITY}/password", include_in_schema=False)
async def put_password(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Choose it, or do without one."""
    same_site(request)
    session = await require_session(request, platform, 2)
    sent = await read_form(request, "new", "again", "remove")
    if sent["remove"]:
        await passwords.remove(platform, session)
        return Redirect(f"{SECURITY}?done=removed", status_code=303)
    view = View.of(request)
    try:
        _check_again(view, sent)
        await passwords.put(platform, session, sent["new"])
    except YikatongError as error:
        wrong = answer_wrong(view, error, "new")
        return await _password_page(request, platform, session, wrong)
    return Redirect(f"{SECURITY}?done=password", status_code=303)


routes = [
    security, end_sessions, forget_device, pin_form, change_pin, password_form, put_password,
]  # fmt: skip
