"""JSON routes of clients: list, register, rotate, switch off and on."""

from typing import Annotated, Any, Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from yikatong.core.errors import NotFound
from yikatong.core.platform import Platform
from yikatong.identity import handing
from yikatong.identity.model import Level
from yikatong.identity.openid import clients
from yikatong.identity.openid.clients import NewClient
from yikatong.identity.openid.model import Authentication, Client
from yikatong.money.bodies import PROBLEMS
from yikatong.trust.access import Caller

_PATH: Final = "/api/v1/openid/clients"
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
_Addresses = Annotated[
    list[Annotated[str, msgspec.Meta(max_length=500)]], msgspec.Meta(max_length=10)
]


class AddBody(msgspec.Struct, forbid_unknown_fields=True):
    """A service that lets people sign in."""

    client_id: _Name
    name_zh: _Name
    name_en: _Name
    redirect_uris: _Addresses
    scopes: Annotated[list[str], msgspec.Meta(max_length=10)] = []
    authentication: Authentication = "secret"
    native: bool = False
    post_logout_redirect_uris: _Addresses = []
    level: Level = 1
    sector: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    keys: Annotated[str, msgspec.Meta(max_length=20_000)] | None = None
    """A JWK set as text, for private_key_jwt."""


def body(one: Client) -> dict[str, Any]:
    """A client for JSON, without its secrets."""
    return {
        "client_id": one.client_id,
        "name": one.name.as_dict(),
        "authentication": one.authentication,
        "native": one.native,
        "sector": one.sector,
        "redirect_uris": list(one.redirect_uris),
        "post_logout_redirect_uris": list(one.post_logout_uris),
        "scopes": list(one.scopes),
        "level": one.required_level,
        "sandbox": one.sandbox,
        "disabled": one.disabled_at is not None,
    }


@get(
    _PATH,
    summary="Services that let people sign in",
    responses=PROBLEMS,
    tags=["openid"],
    permission="client.manage",
)
async def every(platform: NamedDependency[Platform]) -> list[dict[str, Any]]:
    """Also those switched off; never a secret."""
    return [body(one) for one in await clients.every(platform)]


@post(
    _PATH,
    summary="Register a service",
    description="`client_secret` is shown to the caller for a quarter of an hour, and null afterwards.",
    responses=PROBLEMS,
    tags=["openid"],
    permission="client.manage",
)
async def add(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    data: AddBody,
    key: NamedDependency[str],
) -> dict[str, Any]:
    """With its secret, where it has one."""
    new = NewClient(
        client_id=data.client_id,
        name_zh=data.name_zh,
        name_en=data.name_en,
        redirect_uris=tuple(data.redirect_uris),
        scopes=tuple(data.scopes),
        authentication=data.authentication,
        native=data.native,
        post_logout_uris=tuple(data.post_logout_redirect_uris),
        required_level=data.level,
        sector=data.sector,
        key_set=data.keys,
    )
    made, _ = await clients.add(platform, new, caller.actor("clients"), key=key)
    return {
        **body(made),
        "client_secret": await handing.still_shown(platform, caller.actor(""), key),
    }


@post(
    _PATH + "/{client_id:str}/rotate-secret",
    status_code=200,
    summary="A new secret of a service",
    description="The old one works for a week more. `client_secret` as when registering.",
    responses=PROBLEMS,
    tags=["openid"],
    permission="client.manage",
)
async def rotate_secret(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    client_id: FromPath[str],
    key: NamedDependency[str],
) -> dict[str, Any]:
    """With the new secret."""
    await clients.rotate_secret(platform, client_id, caller.actor("clients"), key=key)
    return {
        "client_id": client_id,
        "client_secret": await handing.still_shown(platform, caller.actor(""), key),
    }


@post(
    _PATH + "/{client_id:str}/{act:str}",
    status_code=200,
    summary="Switch a service off, or on again",
    description="`act` is `disable` or `enable`.",
    responses=PROBLEMS,
    tags=["openid"],
    permission="client.manage",
)
async def switch(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    client_id: FromPath[str],
    act: FromPath[str],
) -> dict[str, Any]:
    """Its tokens stop at once."""
    if act not in ("disable", "enable"):
        raise NotFound(zh="没有这个地址", en="there is nothing at this address")
    disabled = act == "disable"
    await clients.set_disabled(platform, client_id, caller.actor("clients"), disabled=disabled)
    return {"client_id": client_id, "disabled": disabled}


routes: Final = [every, add, rotate_secret, switch]
