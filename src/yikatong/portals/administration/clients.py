"""Services that let people sign in with their card, for administrators of the nation."""

from collections.abc import Sequence
from typing import Any, Final, cast

from yikatong.core.errors import InvalidInput, one_of
from yikatong.core.platform import Platform
from yikatong.identity.model import Level
from yikatong.identity.openid import clients as room
from yikatong.identity.openid.clients import NewClient
from yikatong.identity.openid.model import SCOPE_NAMES, Authentication, Client
from yikatong.money.bodies import check_key
from yikatong.portals.administration.programs import (
    Deed,
    Kind,
    Row,
    lines_of,
    no_such_deed,
    routes_of,
)
from yikatong.portals.view import View
from yikatong.trust.audit import Actor

_AUTHENTICATIONS: Final[tuple[Authentication, ...]] = ("secret", "private_key_jwt", "none")
_LEVELS: Final = ("1", "2", "3")
_SCOPES: Final = tuple(one for one in SCOPE_NAMES if one != "openid")


async def _rows(view: View, platform: Platform) -> Sequence[Row]:
    """All of them, those switched off too."""
    return [_row(view, one) for one in await room.every(platform)]


def _row(view: View, one: Client) -> Row:
    off = one.disabled_at is not None
    deeds: list[Deed] = []
    if one.authentication == "secret" and not off:
        deeds.append(Deed("rotate", view.text("clients_rotate"), view.text("clients_rotate_say")))
    deeds.append(
        Deed("enable", view.text("clients_enable"))
        if off
        else Deed(
            "disable", view.text("clients_disable"), view.text("clients_disable_say"), grave=True
        )
    )
    return Row(
        id=one.client_id,
        name=one.name.in_language(view.language),
        beside=" · ".join(
            [one.client_id, *([view.text("clients_sandbox")] if one.sandbox else [])]
        ),
        notices=[("no", view.text("clients_is_off", at=view.day(one.disabled_at)))] if off else [],
        facts=[
            view.text("machines_made", at=view.date(one.made_at)),
            view.text(f"client_by_{one.authentication}"),
            view.text(f"client_level_{one.required_level}"),
        ],
        lines=one.redirect_uris,
        more=(
            view.text("clients_scopes"),
            [SCOPE_NAMES[scope].in_language(view.language) for scope in one.scopes],
        ),
        deeds=deeds,
    )


def _choices(view: View) -> dict[str, Any]:
    return {
        "scopes": [
            (one, text.in_language(view.language))
            for one, text in SCOPE_NAMES.items()
            if one in _SCOPES
        ],
        "ways": [(one, view.text(f"client_by_{one}")) for one in _AUTHENTICATIONS],
        "levels": [(one, view.text(f"client_level_{one}")) for one in _LEVELS],
    }


async def _add(platform: Platform, form: dict[str, str], actor: Actor, key: str) -> str:
    wanted = _wanted(form)
    await room.add(platform, wanted, actor, key=key)
    return "" if wanted.authentication == "secret" else "added"


def _wanted(form: dict[str, str]) -> NewClient:
    if form["level"] not in _LEVELS:
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


async def _carry_out(platform: Platform, deed: str, number: str, actor: Actor, key: str) -> str:
    if deed == "rotate":
        await room.rotate_secret(platform, number, actor, key=check_key(key, number))
        return ""
    if deed not in ("disable", "enable"):
        raise no_such_deed()
    await room.set_disabled(platform, number, actor, disabled=deed == "disable")
    return deed


routes: Final = routes_of(
    Kind(
        name="clients", permission="client.manage", recorded="client.", number="client_id",
        fields=("client_id", "name_zh", "name_en", "redirect_uris", "post_logout_uris",
                "authentication", "level", "sector", "key_set", "native",
                *(f"scope-{one}" for one in _SCOPES)),
        first={"authentication": "secret", "level": "1"},
        done=("disable", "enable", "handed", "added"),
        rows=_rows, choices=_choices, add=_add, carry_out=_carry_out,
    )
)  # fmt: skip
