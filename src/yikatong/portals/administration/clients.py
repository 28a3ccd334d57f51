"""Services that let people sign in with their card, for administrators of the nation."""

from typing import Any, Final, cast

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from yikatong.core.errors import InvalidInput, NotFound, YikatongError, one_of
from yikatong.core.platform import Platform
from yikatong.identity import office
from yikatong.identity.model import Level
from yikatong.identity.openid import clients as room
from yikatong.identity.openid.clients import NewClient
from yikatong.identity.openid.model import SCOPE_NAMES, Authentication, Client
from yikatong.money.bodies import check_key
from yikatong.portals.administration.frame import (
    RIGHT,
    Wrong,
    events,
    kept,
    moment,
    new_key,
    respond,
)
from yikatong.portals.administration.handed import HANDED
from yikatong.portals.administration.machines import EVENTS_MAX, lines_of, read_long
from yikatong.portals.sign_in import answer_wrong
from yikatong.portals.signed_in import same_site
from yikatong.portals.staff_sign_in import require_staff
from yikatong.portals.view import View

CLIENTS: Final = "/operations/clients"
NEW: Final = f"{CLIENTS}/new"
_AUTHENTICATIONS: Final[tuple[Authentication, ...]] = ("secret", "private_key_jwt", "none")
_SCOPES: Final = tuple(one for one in SCOPE_NAMES if one != "openid")
_NEW_FIELDS: Final = (
    "client_id", "name_zh", "name_en", "redirect_uris", "post_logout_uris", "authentication",
    "level", "sector", "key_set", "key", "native", *(f"scope-{one}" for one in _SCOPES),
)  # fmt: skip


@get(CLIENTS, include_in_schema=False)
async def clients(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """All of them, those switched off too."""
    session, _ = await require_staff(request, platform, "client.manage")
    return await _list(request, platform, session)


async def _list(
    request: Request[Any, Any, Any], platform: Platform, session: Any, wrong: Wrong = RIGHT
) -> Response[Any]:
    view = View.of(request)
    found = await room.every(platform)
    done = request.query_params.get("done", "")
    async with platform.database.transaction(readonly=True) as connection:
        ids = [one.client_id for one in found]
        recorded = await office.of_subjects(connection, ids, "client.", EVENTS_MAX)
    return respond(
        request, view, "clients.html", session, "machines", wrong, CLIENTS,
        rows=[_row(view, one) for one in found], key=new_key(), events=events(view, recorded),
        done=done if done in ("disable", "enable", "handed", "added") else "",
    )  # fmt: skip


def _row(view: View, one: Client) -> dict[str, Any]:
    return {
        "id": one.client_id,
        "name": one.name.in_language(view.language),
        "proves": view.text(f"client_by_{one.authentication}"),
        "addresses": one.redirect_uris,
        "scopes": [SCOPE_NAMES[scope].in_language(view.language) for scope in one.scopes],
        "level": str(one.required_level),
        "made": moment(one.made_at)[:10],
        "off": moment(one.disabled_at),
        "secret": one.authentication == "secret",
        "sandbox": one.sandbox,
    }


@get(NEW, include_in_schema=False)
async def new(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """The form for a new service."""
    session, _ = await require_staff(request, platform, "client.manage")
    form = dict.fromkeys(_NEW_FIELDS, "") | {"authentication": "secret", "level": "1"}
    form |= {"key": new_key()} | await kept(request, platform, session.staff_number)
    return _new(request, session, form)


def _new(
    request: Request[Any, Any, Any], session: Any, form: dict[str, Any], wrong: Wrong = RIGHT
) -> Response[Any]:
    view = View.of(request)
    return respond(
        request, view, "client-new.html", session, "machines", wrong, NEW, form=form,
        scopes=[
            (one, text.in_language(view.language))
            for one, text in SCOPE_NAMES.items()
            if one in _SCOPES
        ],
        ways=[(one, view.text(f"client_by_{one}")) for one in _AUTHENTICATIONS],
        levels=[(one, view.text(f"client_level_{one}")) for one in ("1", "2", "3")],
    )  # fmt: skip


@post(NEW, include_in_schema=False)
async def add(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Register it; its secret, where it has one, is on the page that follows."""
    same_site(request)
    session, caller = await require_staff(request, platform, "client.manage")
    form = await read_long(request, *_NEW_FIELDS)
    try:
        key, wanted = check_key(form["key"], "client_id"), _wanted(form)
        await room.add(platform, wanted, caller.actor("clients"), key=key)
    except YikatongError as error:
        return _new(request, session, form, answer_wrong(View.of(request), error, "client_id"))
    to = f"{HANDED}/{key}" if wanted.authentication == "secret" else f"{CLIENTS}?done=added"
    return Redirect(to, status_code=303)


def _wanted(form: dict[str, str]) -> NewClient:
    if form["level"] not in ("1", "2", "3"):
        raise InvalidInput("level", zh="请选一个等级", en="choose a level")
    return NewClient(
        client_id=form["client_id"].strip().lower(),
        name_zh=form["name_zh"],
        name_en=form["name_en"],
        redirect_uris=tuple(lines_of(form["redirect_uris"])),
        scopes=tuple(one for one in _SCOPES if form[f"scope-{one}"]),
        authentication=one_of(form["authentication"], _AUTHENTICATIONS, "authentication"),
        native=bool(form["native"]),
        post_logout_uris=tuple(lines_of(form["post_logout_uris"])),
        required_level=cast("Level", int(form["level"])),
        sector=form["sector"].strip() or None,
        key_set=form["key_set"].strip() or None,
    )


@post(f"{CLIENTS}/{{client_id:str}}/{{errand:str}}", include_in_schema=False)
async def carry_out(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    client_id: FromPath[str],
    errand: FromPath[str],
) -> Response[Any]:
    """A new secret, off or on again; pressed twice it is done once."""
    same_site(request)
    session, caller = await require_staff(request, platform, "client.manage", form_at=CLIENTS)
    sent, actor = await read_long(request, "key"), caller.actor("clients")
    try:
        if errand == "rotate":
            key = check_key(sent["key"], client_id)
            await room.rotate_secret(platform, client_id, actor, key=key)
            return Redirect(f"{HANDED}/{key}", status_code=303)
        if errand not in ("disable", "enable"):
            raise NotFound(zh="没有这个地址", en="there is nothing at this address")
        await room.set_disabled(platform, client_id, actor, disabled=errand == "disable")
    except YikatongError as error:
        errors, status, headers = answer_wrong(View.of(request), error, client_id)
        wrong = ({client_id[:40]: next(iter(errors.values()))}, status, headers)
        return await _list(request, platform, session, wrong)
    return Redirect(f"{CLIENTS}?done={errand}", status_code=303)


routes: Final = [clients, new, add, carry_out]
