"""JSON routes of staff: sign in for programs, and what administrators do."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from yikatong.core.addresses import address_from
from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import NotFound
from yikatong.core.platform import Platform
from yikatong.identity.signing_in.rules import device_of
from yikatong.identity.staff import listing, rules, service, signing_in
from yikatong.identity.staff.model import Member
from yikatong.money.bodies import PROBLEMS
from yikatong.trust.access import Caller, FourEyes
from yikatong.trust.audit import Actor

_PATH: Final = "/api/v1/staff"
_Number = Annotated[str, msgspec.Meta(min_length=1, max_length=30)]


class SignInBody(msgspec.Struct, forbid_unknown_fields=True):
    """Both factors."""

    number: _Number
    password: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    code: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]


class AddBody(msgspec.Struct, forbid_unknown_fields=True):
    """A new member and the region of the office; roles are granted afterwards. With `provider`, a
    provider's code, one who works there: in its region, and with no role but `provider`."""

    number: _Number
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=50)]
    region: str
    provider: Annotated[str, msgspec.Meta(max_length=12)] | None = None


class GrantBody(msgspec.Struct, forbid_unknown_fields=True):
    """A role and the region it is for; 000000 is the nation."""

    role: str
    region: str


def body(one: Member) -> dict[str, Any]:
    """A member for JSON."""
    return {
        "number": one.staff_number,
        "name": one.name,
        "region": one.region,
        "provider": one.provider,
        "state": one.state,
        "second_factor": one.second_factor,
        "must_change_password": one.must_change_password,
        "grants": [{"role": grant.what, "region": grant.region} for grant in one.grants],
    }


@post(
    f"{_PATH}/sessions",
    status_code=201,
    summary="Sign in as staff, for programs",
    description="The token is shown as `Authorization: Bearer …`. It ends after 15 minutes without a"
    " request, after 10 hours at the latest. The first sign-in is on the page /staff.",
    responses=PROBLEMS,
    tags=["staff"],
)
async def sign_in(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform], data: SignInBody
) -> dict[str, Any]:
    """Number, password and a code of the second factor."""
    address = address_from(request, platform.settings.trusted_proxies)
    device = device_of(request.headers.get("user-agent", ""))
    session, token = await signing_in.sign_in(
        platform, data.number, data.password, data.code, address, device
    )
    return {"token": token, "ends_at": session.ends_at.astimezone(SHANGHAI).isoformat()}


@get(_PATH, summary="Members of staff", responses=PROBLEMS, tags=["staff"], permission="staff.read")
async def every(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    words: Annotated[str, QueryParameter(name="q", max_length=50)] = "",
    after: Annotated[str, QueryParameter(max_length=30)] = "",
) -> list[dict[str, Any]]:
    """Whose office lies in the caller's regions, or who has a role there, also those who left; 500 by
    their numbers, the next behind `after`."""
    wanted = listing.Wanted(words=words, after=after)
    areas = caller.regions("staff.read")
    return [body(one.member) for one in await listing.search(platform, areas, wanted, 500)]


@post(
    _PATH,
    summary="Add a member",
    responses=PROBLEMS,
    tags=["staff"],
    permission="staff.manage",
)
async def add(
    platform: NamedDependency[Platform], caller: NamedDependency[Caller], data: AddBody
) -> dict[str, Any]:
    """`password` is shown this once; the member changes it at the first sign-in."""
    caller.require("staff.manage", data.region)
    if data.provider is not None:
        caller.require("staff.manage", rules.check_provider(data.provider))
    made, password = await service.add(
        platform, data.number, data.name, data.region, [], caller.actor("staff"), data.provider
    )
    return {**body(made), "password": password}


@post(
    _PATH + "/{number:str}/grants",
    status_code=200,
    summary="Grant a role",
    responses=PROBLEMS,
    tags=["staff"],
    permission="staff.grant",
)
async def grant(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    four_eyes: NamedDependency[FourEyes],
    number: FromPath[str],
    data: GrantBody,
    key: NamedDependency[str],
) -> dict[str, Any]:
    """Another administrator approves."""
    wanted = service.read_grant(data.role, data.region)
    caller.require("staff.grant", wanted.region)
    async with platform.database.transaction(readonly=True) as connection:
        member = await service.get(connection, number)
    await four_eyes.need(caller, service.granting(caller, member, wanted), key)
    async with platform.database.transaction(readonly=True) as connection:
        return body(await service.get(connection, number))


@post(
    _PATH + "/{number:str}/revoke",
    status_code=200,
    summary="Take a role back",
    responses=PROBLEMS,
    tags=["staff"],
    permission="staff.manage",
)
async def revoke(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    number: FromPath[str],
    data: GrantBody,
) -> dict[str, Any]:
    """At once."""
    wanted = service.read_grant(data.role, data.region)
    service.require_other(caller, number)
    caller.require("staff.manage", wanted.region)
    return body(await service.revoke(platform, number, wanted, caller.actor("staff")))


_Act = Callable[[Platform, str, Actor], Awaitable[Any]]
ACTS: Final[dict[str, _Act]] = {
    "end-sessions": service.end_sessions,
    "reset-password": service.reset_password,
    "unlock": service.unlock,
    "suspend": service.suspend,
    "resume": service.resume,
    "leave": service.leave,
}


@post(
    _PATH + "/{number:str}/{act:str}",
    status_code=200,
    summary="End sessions, reset the password, unlock, suspend, resume, or record that a member left",
    description=f"`act` is one of {', '.join(ACTS)}.",
    responses=PROBLEMS,
    tags=["staff"],
    permission="staff.manage",
)
async def manage(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    number: FromPath[str],
    act: FromPath[str],
) -> dict[str, Any]:
    """`password` of a reset is shown this once."""
    work = ACTS.get(act)
    if work is None:
        raise NotFound(zh="没有这个地址", en="there is nothing at this address")
    async with platform.database.transaction(readonly=True) as connection:
        service.require_over(caller, "staff.manage", await service.get(connection, number))
    answer = await work(platform, number, caller.actor("staff"))
    async with platform.database.transaction(readonly=True) as connection:
        found = body(await service.get(connection, number))
    return {**found, "password": answer} if act == "reset-password" else found


@post(
    _PATH + "/{number:str}/reset-second-factor",
    status_code=200,
    summary="Let a member enrol a new second factor",
    responses=PROBLEMS,
    tags=["staff"],
    permission="staff.second_factor",
)
async def reset_second_factor(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    four_eyes: NamedDependency[FourEyes],
    number: FromPath[str],
    key: NamedDependency[str],
) -> dict[str, Any]:
    """Another administrator approves: who resets password and second factor alone is two people."""
    async with platform.database.transaction(readonly=True) as connection:
        member = await service.get(connection, number)
    await four_eyes.need(caller, service.resetting(caller, member), key)
    async with platform.database.transaction(readonly=True) as connection:
        return body(await service.get(connection, number))


public: Final = [sign_in]
routes: Final = [every, add, grant, revoke, reset_second_factor, manage]
