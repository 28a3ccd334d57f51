"""The e-card page: the code full-screen, set up on this device, and the devices that have it."""

import hashlib
from typing import Any, Final, cast

import segno
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.exceptions import SerializationException
from litestar.params import FromPath
from litestar.response import Redirect
from markupsafe import Markup

from yikatong.core import problems
from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import InvalidInput, YikatongError
from yikatong.core.platform import Platform
from yikatong.core.sealing import mask_name
from yikatong.identity.ecards import service
from yikatong.identity.ecards.api import Published
from yikatong.identity.ecards.codes import from_base64url
from yikatong.identity.ecards.errors import ECardRefused, NoCard, NoSuchDevice
from yikatong.identity.ecards.model import DEVICES_MAX, LIVES, Code, Device
from yikatong.identity.sessions.model import Session
from yikatong.portals.signed_in import SignInNeeded, require_session, same_site, to_sign_in
from yikatong.portals.view import View

_E_CARD: Final = "/e-card"
_PURPOSE: Final = "e-card"
_SECONDS: Final = int(LIVES.total_seconds())


@get(_E_CARD, include_in_schema=False)
async def e_card(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    published: NamedDependency[Published],
) -> Response[Any]:
    """The code where this browser's session holds the e-card, else how to get it here."""
    try:
        session = await require_session(request, platform, 1)
    except SignInNeeded:
        return to_sign_in(request, 1)
    return await _page(request, platform, published, session, {})


async def _page(
    request: Request[Any, Any, Any],
    platform: Platform,
    published: Published,
    session: Session,
    errors: dict[str, str],
) -> Response[Any]:
    view = View.of(request)
    now = platform.clock.now()
    person_id = session.person_id
    async with platform.database.transaction(readonly=True) as connection:
        devices = await service.devices(platform, connection, person_id)
        fault: NoCard | None = None
        name = ""
        try:
            name = mask_name((await service.holder(connection, person_id, now))[0].name)
        except NoCard as error:
            fault = error
    code: Code | None = None
    if fault is None and session.acting_for is None:
        try:
            code = await service.code_for_session(platform, published.codes, session)
        except NoSuchDevice:
            code = None
    return view.respond(
        request,
        "e-card.html",
        current="e_card",
        status=422 if errors else 200,
        errors=errors,
        advice=None if fault is None else fault.text.in_language(view.language),
        for_another=session.acting_for is not None,
        qr=None if code is None else _drawn(view, code),
        name=name,
        seconds=_SECONDS,
        strong=session.level_at(now) >= service.LEVEL,
        devices=[_row(view, session, one) for one in devices],
        devices_max=DEVICES_MAX,
        holder=hashlib.sha256(f"e-card:{person_id}".encode()).hexdigest()[:16],
        keys=" ".join(str(one.device_id) for one in devices if one.kind == "key"),
        now_ms=int(now.timestamp() * 1000),
        issuer=platform.settings.public_url,
    )


def _drawn(view: View, code: Code) -> Markup:
    """The QR code: dark on white, whatever colours the browser prefers."""
    made = segno.make(code.text, error="m", micro=False, boost_error=False)
    drawn = made.svg_inline(
        border=4, dark="#000", light="#fff", omitsize=True, svgclass="code", lineclass=None,
        title=view.text("e_card_qr"),
    )  # fmt: skip
    return Markup(drawn)  # noqa: S704 - drawn by the library from a code of ours


def _row(view: View, session: Session, one: Device) -> dict[str, Any]:
    kinds = {
        "key": view.text("e_card_kind_key"),
        "session": view.text("e_card_kind_session"),
        "sandbox": view.text("e_card_kind_sandbox"),
    }
    return {
        "id": str(one.device_id),
        "name": one.name,
        "kind": kinds[one.kind],
        "since": f"{one.bound_at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}",
        "here": service.is_of_session(one, session),
    }


@post("/e-card/devices", include_in_schema=False)
async def bind(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    published: NamedDependency[Published],
) -> Response[Any]:
    """Set the e-card up here: bound to the key that the page's script made, or to this session."""
    same_site(request)
    wants_json = "application/json" in request.headers.get("accept", "")
    try:
        session = await require_session(request, platform, service.LEVEL)
        if session.acting_for is not None:
            raise _acting()
        text = str((await request.form()).get("public_key") or "")
        device = await _bind(platform, published, session, text)
    except SignInNeeded as error:
        return (
            problems.respond(error) if wants_json else to_sign_in(request, service.LEVEL, _E_CARD)
        )
    except (ECardRefused, InvalidInput) as error:
        if wants_json:
            return problems.respond(error)
        session = await require_session(request, platform, 1)
        told = {"device": error.text.in_language(View.of(request).language)}
        return await _page(request, platform, published, session, told)
    if wants_json:
        return Response({"device": str(device.device_id)}, media_type="application/json")
    return Redirect(_E_CARD, status_code=303)


async def _bind(platform: Platform, published: Published, session: Session, text: str) -> Device:
    binding = service.by_session(session)
    if text:
        binding = service.by_key(from_base64url(text) or b"")
    async with platform.database.transaction() as connection:
        return await service.bind(
            platform, connection, published.codes, session.person_id,
            session.level_at(platform.clock.now()), binding, session.device,
            session.actor(_PURPOSE),
        )  # fmt: skip


@post("/e-card/code", include_in_schema=False)
async def code(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    published: NamedDependency[Published],
) -> Response[Any]:
    """A fresh code for the page's script: {"device", "asked", "signature"} of a key, or {}."""
    view = View.of(request)
    try:
        same_site(request)
        session = await require_session(request, platform, 1)
        if session.acting_for is not None:
            raise _acting()
        asked = await _asked(request)
        if asked:
            made = await service.code_for_key(
                platform, published.codes, session.person_id, _number(asked, "device"),
                _number(asked, "asked"), from_base64url(str(asked.get("signature"))) or b"",
            )  # fmt: skip
        else:
            made = await service.code_for_session(platform, published.codes, session)
    except YikatongError as error:
        return problems.respond(error)
    return Response(
        {"svg": _drawn(view, made), "seconds": _SECONDS},
        status_code=200,
        media_type="application/json",
        headers={"Cache-Control": "no-store"},
    )


async def _asked(request: Request[Any, Any, Any]) -> dict[str, Any]:
    try:
        given: Any = await request.json()
    except SerializationException:
        given = ()
    if given is not None and not isinstance(given, dict):
        raise InvalidInput("body", zh="内容不符合要求", en="this does not have the right form")
    return cast("dict[str, Any]", given or {})


def _number(asked: dict[str, Any], name: str) -> int:
    text = str(asked.get(name, ""))
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise InvalidInput(name, zh="应为数字", en="must be a number")
    return int(text)


@post("/e-card/devices/{device_id:int}/revoke", include_in_schema=False)
async def revoke(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform], device_id: FromPath[int]
) -> Response[Any]:
    """End the e-card on one device."""
    same_site(request)
    try:
        session = await require_session(request, platform, 1)
    except SignInNeeded:
        return to_sign_in(request, 1, _E_CARD)
    async with platform.database.transaction() as connection:
        await service.revoke(
            platform, connection, session.person_id, device_id, session.actor(_PURPOSE)
        )
    return Redirect("/e-card#devices", status_code=303)


def _acting() -> ECardRefused:
    return ECardRefused(
        "您正在为他人办理业务，不能使用电子社保卡；请先返回本人",
        "you are acting for somebody else and cannot use an e-card; first return to your own affairs",
    )


routes: Final = [e_card, bind, code, revoke]
