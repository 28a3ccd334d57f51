"""Use cases of staff accounts: add, grant, revoke, reset, and what a member does with their own."""

import secrets
from collections.abc import Sequence
from typing import Any, Final

from yikatong.core import regions
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, NotFound
from yikatong.core.platform import Platform
from yikatong.identity import office
from yikatong.identity.staff import rules, store, workplaces
from yikatong.identity.staff.model import Member, StaffExists
from yikatong.trust import guessing, verifiers
from yikatong.trust.access import NATION, PERMISSIONS, ROLES, Caller, Grant, within
from yikatong.trust.audit import Actor

PURPOSE: Final = "staff password"
_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without letters and digits that are read for one another."""


async def add(
    platform: Platform,
    number: str,
    name: str,
    region: str,
    grants: Sequence[Grant],
    actor: Actor,
    provider: str | None = None,
) -> tuple[Member, str]:
    """A new member and the first password, to be changed at the first sign-in; with a provider's code
    one who works there, whose region is the provider's.

    Raises InvalidInput, StaffExists, NotFound naming `provider`.
    """
    rules.check_number(number)
    if not 1 <= len(name.strip()) <= 50 or not name.isprintable():
        raise InvalidInput("name", zh="姓名应为 1 至 50 个字", en="a name of 1 to 50 characters")
    if region != NATION:
        regions.get(region, "region")
    check_grants(grants)
    if provider is not None:
        region = rules.check_provider(provider)
    rules.check_grants_of(provider, grants)
    password = new_password()
    verifier = await verifiers.make(platform, PURPOSE, number, password)
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        if provider is not None:
            await workplaces.require(connection, provider)
        if not await store.insert(
            connection, number, name.strip(), region, verifier, now, sandbox=False,
            totp_sealed=None, provider=provider,
        ):  # fmt: skip
            raise StaffExists
        await store.grant(connection, number, grants, now, actor.name)
        told: dict[str, object] = {"grants": _told(grants)}
        if provider is not None:
            told["provider"] = provider
        await office.record(connection, actor, now, "staff.added", number, told)
        return await get(connection, number), password


async def get(connection: Connection, number: str) -> Member:
    """The member; raises NotFound."""
    found = await store.members(connection, number)
    if not found:
        raise NotFound(zh="没有这个工号", en="there is no such staff number", field="number")
    return found[0]


async def every(platform: Platform) -> list[Member]:
    """All members, also those who left."""
    async with platform.database.transaction(readonly=True) as connection:
        return await store.members(connection)


async def grant(platform: Platform, number: str, grants: Sequence[Grant], actor: Actor) -> Member:
    """Give roles; what the member has already is no change. Raises InvalidInput, NotFound."""
    check_grants(grants)
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        member = await _active(connection, number)
        rules.check_grants_of(member.provider, grants)
        if await store.grant(connection, number, grants, now, actor.name):
            await office.record(
                connection, actor, now, "staff.granted", number, {"grants": _told(grants)}
            )
        return await get(connection, number)


async def carry_out_grant(
    platform: Platform, facts: dict[str, Any], who: Actor, key: str
) -> Member:
    """Give the role that a second person approved."""
    del key  # the same grant twice is one grant
    return await grant(platform, facts["number"], [Grant(facts["role"], facts["region"])], who)


async def revoke(platform: Platform, number: str, one: Grant, actor: Actor) -> Member:
    """Take a role back, at once; raises NotFound where the member does not have it."""
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        await get(connection, number)
        if not await store.revoke(connection, number, one):
            raise NotFound(
                zh="此人没有这个岗位", en="the member does not have this role", field="role"
            )
        await office.record(
            connection, actor, now, "staff.revoked", number, {"grants": _told([one])}
        )
        return await get(connection, number)


async def leave(platform: Platform, number: str, actor: Actor) -> Member:
    """The member left: no sign-in any more, all sessions end."""
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        await get(connection, number)
        await store.leave(connection, number)
        await store.end(connection, number, None, now)
        await office.record(connection, actor, now, "staff.left", number)
        return await get(connection, number)


async def end_sessions(platform: Platform, number: str, actor: Actor) -> int:
    """End all of the member's sessions; answers how many were live."""
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        await get(connection, number)
        ended = await store.end(connection, number, None, now)
        await office.record(
            connection, actor, now, "staff.sessions_ended", number, {"sessions": ended}
        )
    return ended


async def reset_second_factor(platform: Platform, number: str, actor: Actor) -> None:
    """A new second factor is enrolled at the next sign-in; all sessions end."""
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        await get(connection, number)
        await store.set_second_factor(connection, number, None, 0)
        await store.end(connection, number, None, now)
        await office.record(connection, actor, now, "staff.second_factor_reset", number)


async def carry_out_second_factor_reset(
    platform: Platform, facts: dict[str, Any], who: Actor, key: str
) -> None:
    """Reset the second factor that a second person approved."""
    del key  # reset twice is reset
    await reset_second_factor(platform, facts["number"], who)


async def reset_password(platform: Platform, number: str, actor: Actor) -> str:
    """A new first password, to be changed at the next sign-in; all sessions end."""
    password = new_password()
    verifier = await verifiers.make(platform, PURPOSE, number, password)
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        await get(connection, number)
        await store.set_password(connection, number, verifier, None)
        await store.end(connection, number, None, now)
        await office.record(connection, actor, now, "staff.password_reset", number)
    return password


async def unlock(platform: Platform, number: str, actor: Actor) -> None:
    """Forget the wrong tries against the member's number."""
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        await get(connection, number)
        for subject in guessed(number):
            await guessing.forgive(connection, platform, subject)
        await office.record(connection, actor, now, "staff.unlocked", number)


def guessed(number: str) -> tuple[str, str]:
    """What tries at a member's password and code are counted against."""
    return f"staff password:{number}", f"staff code:{number}"


def read_grant(role: str, region: str) -> Grant:
    """A role and where; raises InvalidInput."""
    one = Grant(role, region or NATION)
    check_grants([one])
    return one


def check_grants(grants: Sequence[Grant]) -> None:
    """Raise InvalidInput for an unknown role or region."""
    for one in grants:
        if one.what not in ROLES:
            raise InvalidInput(
                "role",
                zh=f"岗位应为 {'、'.join(ROLES)} 之一",
                en=f"must be one of {', '.join(ROLES)}",
            )
        if one.region != NATION:
            regions.get(one.region, "region")


def require_over(caller: Caller, permission: str, member: Member) -> None:
    """Raise NotAllowed unless the caller may manage the member's office and all that the member has a
    role in: who rules a city does not reset somebody of the nation."""
    caller.require(permission, member.region)
    for one in member.grants:
        caller.require(permission, one.region)


def area_of(member: Member) -> str:
    """The smallest area that holds the member's office and all that the member has a role in."""
    places = {member.region, *(one.region for one in member.grants)}
    return next((one for one in places if all(within(other, one) for other in places)), NATION)


def may(member_grants: Sequence[Grant]) -> list[tuple[str, list[str]]]:
    """What these roles allow: permissions with the regions of each, in the table's order."""
    caller = Caller("staff", "", tuple(member_grants))
    found: list[tuple[str, list[str]]] = []
    for name, permission in PERMISSIONS.items():
        areas = caller.regions(name)
        # What concerns the whole nation, nobody may do for a part of it.
        if areas and (permission.place != "nation" or NATION in areas):
            found.append((name, sorted(areas)))
    return found


def new_password() -> str:
    """A first password: four groups of four, 79 bits."""
    groups = ["".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4)]
    return "-".join(groups)


async def _active(connection: Connection, number: str) -> Member:
    member = await get(connection, number)
    if member.state != "active":
        raise InvalidInput("number", zh="此人已离岗", en="this member left")
    return member


def _told(grants: Sequence[Grant]) -> list[list[str]]:
    return [[one.what, one.region] for one in grants]
