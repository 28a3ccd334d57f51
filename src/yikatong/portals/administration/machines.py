"""Credentials of machines for administrators of the nation, and when which signing key is in use."""

from datetime import datetime, timedelta
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from yikatong.core.errors import InvalidInput, NotFound, YikatongError
from yikatong.core.platform import Platform
from yikatong.identity import office
from yikatong.identity.keys import service as keys_room
from yikatong.identity.keys.model import Told
from yikatong.identity.machines import service
from yikatong.identity.machines.model import Machine
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
from yikatong.portals.sign_in import answer_wrong
from yikatong.portals.signed_in import same_site
from yikatong.portals.staff_frame import place_name
from yikatong.portals.staff_sign_in import require_staff
from yikatong.portals.view import View
from yikatong.trust.access import PERMISSIONS, NotAllowed

MACHINES: Final = "/operations/machines"
NEW: Final = f"{MACHINES}/new"
KEYS: Final = "/operations/keys"
_NEW_FIELDS: Final = ("id", "name", "kind", "grant", "days", "key")
_TEXT_MAX: Final = 4000
EVENTS_MAX: Final = 30
_ENDS_SOON: Final = timedelta(days=30)


async def read_long(request: Request[Any, Any, Any], *names: str) -> dict[str, str]:
    """These fields of a form, some of which have a line each for several values."""
    sent = await request.form()
    return {name: str(sent.get(name) or "")[:_TEXT_MAX].replace("\x00", "") for name in names}


def lines_of(text: str) -> list[str]:
    """What stands in the lines of a field."""
    return [line.strip() for line in text.splitlines() if line.strip()]


@get(MACHINES, include_in_schema=False)
async def machines(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """All of them, the live ones first."""
    session, _ = await require_staff(request, platform, "machine.manage")
    return await _list(request, platform, session)


async def _list(
    request: Request[Any, Any, Any], platform: Platform, session: Any, wrong: Wrong = RIGHT
) -> Response[Any]:
    view, now = View.of(request), platform.clock.now()
    found = await service.every(platform)
    done = request.query_params.get("done", "")
    async with platform.database.transaction(readonly=True) as connection:
        ids = [one.machine_id for one in found]
        recorded = await office.of_subjects(connection, ids, "machine.", EVENTS_MAX)
    return respond(
        request, view, "machines.html", session, "machines", wrong, MACHINES,
        rows=[
            _row(view, one, now)
            for one in sorted(found, key=lambda one: (one.revoked_at is not None, one.machine_id))
        ],
        key=new_key(), events=events(view, recorded), done=done if done in ("revoked", "handed") else "",
    )  # fmt: skip


def _row(view: View, one: Machine, now: datetime) -> dict[str, Any]:
    used = max((each.used_at for each in one.secrets if each.used_at), default=None)
    ends = max((each.ends_at for each in one.secrets), default=None)
    return {
        "id": one.machine_id,
        "name": one.name,
        "kind": view.text(f"machine_kind_{one.kind}"),
        "grants": [_grant(view, grant.what, grant.region) for grant in one.grants],
        "made": moment(one.made_at)[:10],
        "used": moment(used),
        "ends": moment(ends)[:10],
        "soon": ends is not None and ends - now < _ENDS_SOON,
        "secrets": len(one.secrets),
        "revoked": moment(one.revoked_at),
    }


def _grant(view: View, what: str, region: str) -> str:
    text = PERMISSIONS[what].text.in_language(view.language) if what in PERMISSIONS else what
    return f"{text} ({what}@{place_name(view, region)})"


@get(NEW, include_in_schema=False)
async def new(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """The form for a new machine."""
    session, _ = await require_staff(request, platform, "machine.manage")
    form = dict.fromkeys(_NEW_FIELDS, "") | {"kind": "service", "days": "365", "key": new_key()}
    form |= await kept(request, platform, session.staff_number)
    return _new(request, session, form)


def _new(
    request: Request[Any, Any, Any], session: Any, form: dict[str, Any], wrong: Wrong = RIGHT
) -> Response[Any]:
    view = View.of(request)
    return respond(
        request, view, "machine-new.html", session, "machines", wrong, NEW, form=form,
        kinds=[(one, view.text(f"machine_kind_{one}")) for one in ("service", "provider")],
        permissions=[
            (one.name, one.text.in_language(view.language))
            for one in PERMISSIONS.values()
            if one.name != "approval.decide"
        ],
    )  # fmt: skip


@post(NEW, include_in_schema=False)
async def add(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Add it; its token is on the page that follows."""
    same_site(request)
    session, caller = await require_staff(request, platform, "machine.manage")
    form = await read_long(request, *_NEW_FIELDS)
    try:
        key = check_key(form["key"], "id")
        await service.add(
            platform, form["id"].strip().lower(), form["name"], form["kind"],
            service.read_grants(lines_of(form["grant"])), caller.actor("machines"),
            lasts=_days(form["days"]), key=key,
        )  # fmt: skip
    except YikatongError as error:
        return _new(request, session, form, answer_wrong(View.of(request), error, "id"))
    return Redirect(f"{HANDED}/{key}", status_code=303)


def _days(text: str) -> timedelta:
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise InvalidInput("days", zh="有效期应为 1 至 730 天", en="it lasts 1 to 730 days")
    return timedelta(days=int(text))


@post(f"{MACHINES}/{{machine_id:str}}/{{errand:str}}", include_in_schema=False)
async def carry_out(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    machine_id: FromPath[str],
    errand: FromPath[str],
) -> Response[Any]:
    """A new token, or let in no more; pressed twice it is done once."""
    same_site(request)
    session, caller = await require_staff(request, platform, "machine.manage", form_at=MACHINES)
    sent = await read_long(request, "key")
    try:
        if errand == "rotate":
            key = check_key(sent["key"], machine_id)
            await service.rotate(platform, machine_id, caller.actor("machines"), key=key)
            return Redirect(f"{HANDED}/{key}", status_code=303)
        if errand != "revoke":
            raise NotFound(zh="没有这个地址", en="there is nothing at this address")
        one = next((m for m in await service.every(platform) if m.machine_id == machine_id), None)
        if one is None or one.revoked_at is None:
            await service.revoke(platform, machine_id, caller.actor("machines"))
    except YikatongError as error:
        errors, status, headers = answer_wrong(View.of(request), error, machine_id)
        wrong = ({machine_id[:40]: next(iter(errors.values()))}, status, headers)
        return await _list(request, platform, session, wrong)
    return Redirect(f"{MACHINES}?done=revoked", status_code=303)


@get(KEYS, include_in_schema=False)
async def keys(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """What signs now, since when, and who changes it."""
    session, caller = await require_staff(request, platform)
    manages = caller.everywhere("machine.manage")
    if not (manages or caller.everywhere("keys.rotate")):
        raise NotAllowed(
            zh="您没有这项权限：查看签名密钥", en="you may not do this: see signing keys"
        )
    view, now = View.of(request), platform.clock.now()
    purposes: dict[str, list[dict[str, str]]] = {}
    for one in await keys_room.told(platform):
        purposes.setdefault(view.text(f"key_for_{one.purpose}"), []).append(_key(view, one, now))
    return respond(
        request, view, "keys.html", session, "machines" if manages else "keys",
        purposes=list(purposes.items()), manages=manages,
        rotates=caller.everywhere("keys.rotate"),
    )  # fmt: skip


def _key(view: View, one: Told, now: datetime) -> dict[str, str]:
    if one.signs_from > now:
        state = "announced"
    elif one.signs_until is not None and one.signs_until <= now:
        state = "over"
    else:
        state = "signs"
    return {
        "id": one.key_id,
        "algorithm": one.algorithm,
        "state": view.text(f"key_{state}"),
        "since": moment(one.signs_from),
        "until": moment(one.published_until),
    }


routes: Final = [machines, new, add, carry_out, keys]
