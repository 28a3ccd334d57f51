"""Credentials of machines for administrators of the nation, and when which signing key is in use."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from litestar import Request, Response, get
from litestar.di import NamedDependency

from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform
from yikatong.identity.keys import service as keys_room
from yikatong.identity.keys.model import Told
from yikatong.identity.machines import service
from yikatong.identity.machines.model import Machine
from yikatong.money.bodies import check_key
from yikatong.portals.administration.frame import respond
from yikatong.portals.administration.programs import (
    Deed,
    Kind,
    Row,
    lines_of,
    no_such_deed,
    routes_of,
)
from yikatong.portals.staff_frame import place_name
from yikatong.portals.staff_sign_in import require_staff
from yikatong.portals.view import View
from yikatong.trust.access import PERMISSIONS, NotAllowed
from yikatong.trust.audit import Actor

KEYS: Final = "/operations/keys"
_ENDS_SOON: Final = timedelta(days=30)


async def _rows(view: View, platform: Platform) -> Sequence[Row]:
    """All of them, the live ones first."""
    now = platform.clock.now()
    found = await service.every(platform)
    return [
        _row(view, one, now)
        for one in sorted(found, key=lambda one: (one.revoked_at is not None, one.machine_id))
    ]


def _row(view: View, one: Machine, now: datetime) -> Row:
    used = max((each.used_at for each in one.secrets if each.used_at), default=None)
    ends = max((each.ends_at for each in one.secrets), default=None)
    facts = [view.text("machines_made", at=view.date(one.made_at))]
    if ends:
        facts.append(view.text("machines_ends", at=view.date(ends)))
    facts.append(
        view.text("machines_used", at=view.day(used)) if used else view.text("machines_unused")
    )
    if len(one.secrets) > 1:
        facts.append(view.text("machines_two"))
    return Row(
        id=one.machine_id,
        name=one.name,
        beside=f"{one.machine_id} · {view.text(f'machine_kind_{one.kind}')}",
        notices=_notices(view, one, ends, now),
        facts=facts,
        lines=[_grant(view, grant.what, grant.region) for grant in one.grants],
        deeds=[]
        if one.revoked_at
        else [
            Deed("rotate", view.text("machines_rotate"), view.text("machines_rotate_say")),
            Deed(
                "revoke", view.text("machines_revoke"), view.text("machines_revoke_say"), grave=True
            ),
        ],
    )


def _notices(
    view: View, one: Machine, ends: datetime | None, now: datetime
) -> list[tuple[Literal["no", "but"], str]]:
    if one.revoked_at:
        return [("no", view.text("machines_is_revoked", at=view.day(one.revoked_at)))]
    if ends is None:
        return [("no", view.text("machines_ended"))]
    if ends - now < _ENDS_SOON:
        return [("but", view.text("machines_ends_soon", at=view.date(ends)))]
    return []


def _grant(view: View, what: str, region: str) -> str:
    text = PERMISSIONS[what].text.in_language(view.language) if what in PERMISSIONS else what
    return f"{text} ({what}@{place_name(view, region)})"


def _choices(view: View) -> dict[str, Any]:
    return {
        "kinds": [(one, view.text(f"machine_kind_{one}")) for one in ("service", "provider")],
        "permissions": [
            (one.name, one.text.in_language(view.language))
            for one in PERMISSIONS.values()
            if one.name != "approval.decide"
        ],
    }


async def _add(platform: Platform, form: dict[str, str], actor: Actor, key: str) -> str:
    await service.add(
        platform, form["id"].strip().lower(), form["name"], form["kind"],
        service.read_grants(lines_of(form["grant"])), actor, lasts=_days(form["days"]), key=key,
    )  # fmt: skip
    return ""


def _days(text: str) -> timedelta:
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise InvalidInput("days", zh="有效期应为 1 至 730 天", en="it lasts 1 to 730 days")
    return timedelta(days=int(text))


async def _carry_out(platform: Platform, deed: str, number: str, actor: Actor, key: str) -> str:
    if deed == "rotate":
        await service.rotate(platform, number, actor, key=check_key(key, number))
        return ""
    if deed != "revoke":
        raise no_such_deed()
    one = next((m for m in await service.every(platform) if m.machine_id == number), None)
    if one is None or one.revoked_at is None:
        await service.revoke(platform, number, actor)
    return "revoked"


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
        "since": view.day(one.signs_from),
        "until": view.day(one.published_until),
    }


routes: Final = [
    *routes_of(
        Kind(
            name="machines", permission="machine.manage", recorded="machine.", number="id",
            fields=("id", "name", "kind", "grant", "days"),
            first={"kind": "service", "days": "365"}, done=("revoked", "handed"),
            rows=_rows, choices=_choices, add=_add, carry_out=_carry_out,
        )
    ),
    keys,
]  # fmt: skip
