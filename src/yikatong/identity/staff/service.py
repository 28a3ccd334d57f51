"""Use cases of staff accounts: add, grant, revoke, reset, and what a member does with their own."""

import secrets
from collections.abc import Sequence
from typing import Any, Final

from yikatong.core import regions
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, NotFound
from yikatong.core.platform import Platform
from yikatong.identity import handing, office
from yikatong.identity.handing import Command
from yikatong.identity.staff import rules, store, workplaces
from yikatong.identity.staff.model import Member, StaffExists, State
from yikatong.trust import guessing, verifiers
from yikatong.trust.access import (
    NATION,
    PERMISSIONS,
    ROLES,
    Caller,
    Content,
    Grant,
    NotAllowed,
    within,
)
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
    *,
    key: str | None = None,
) -> tuple[Member, str]:
    """A new member and the first password, to be changed at the first sign-in; with a provider's code
    one who works there, whose region is the provider's.

    With the number of a form (`key`) it happens once, and the password lies ready in `handing`.
    Raises InvalidInput, StaffExists, KeyUsed, NotFound naming `provider`.
    """
    check_new(number, name)
    if region != NATION:
        regions.get(region, "region")
    check_grants(grants)
    if provider is not None:
        region = rules.check_provider(provider)
    rules.check_grants_of(provider, grants)
    password = new_password()
    verifier = await verifiers.make(platform, PURPOSE, number, password)
    now = platform.clock.now()
    command = _command(actor, key, "staff.added", number, (name.strip(), region, provider or ""))
    async with platform.database.transaction() as connection:
        if command and not await handing.is_new(connection, platform, command):
            return await get(connection, number), ""
        if provider is not None:
            await workplaces.require(connection, provider)
        if not await store.insert(
            connection, number, name.strip(), region, verifier, now, sandbox=False,
            totp_sealed=None, provider=provider,
        ):  # fmt: skip
            raise StaffExists
        if command:
            await handing.keep(connection, platform, command, password)
        await store.grant(connection, number, grants, now, actor.name)
        told: dict[str, object] = {"grants": _told(grants)}
        if provider is not None:
            told["provider"] = provider
        await office.record(connection, actor, now, "staff.added", number, told)
        return await get(connection, number), password


def check_new(number: str, name: str) -> None:
    """Raise InvalidInput for a number or name that no new member can have."""
    rules.check_number(number)
    if not 1 <= len(name.strip()) <= 50 or not name.isprintable():
        raise InvalidInput("name", zh="姓名应为 1 至 50 个字", en="a name of 1 to 50 characters")


async def check_active(platform: Platform, number: str) -> None:
    """Raise InvalidInput where the member is suspended or left: such a one is granted nothing."""
    async with platform.database.transaction(readonly=True) as connection:
        await _active(connection, number)


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
    """The member left for good: no sign-in any more, all sessions end."""
    return await _set_state(platform, number, "left", actor)


async def suspend(platform: Platform, number: str, actor: Actor) -> Member:
    """The member is away: no sign-in until resumed, all sessions end. Raises InvalidInput for one who
    left."""
    return await _set_state(platform, number, "suspended", actor)


async def resume(platform: Platform, number: str, actor: Actor) -> Member:
    """The member is back; roles, password and second factor are as they were. Raises InvalidInput for
    one who left: the number is not given again."""
    return await _set_state(platform, number, "active", actor)


_STATE_EVENTS: Final[dict[State, str]] = {
    "active": "staff.resumed", "suspended": "staff.suspended", "left": "staff.left",
}  # fmt: skip


async def _set_state(platform: Platform, number: str, state: State, actor: Actor) -> Member:
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        member = await get(connection, number)
        if member.state == state:
            return member
        if not await store.set_state(connection, number, state):
            raise _left()
        if state != "active":
            await store.end(connection, number, None, now)
        await office.record(connection, actor, now, _STATE_EVENTS[state], number)
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
        await store.drop_second_factor(connection, number)
        await store.end(connection, number, None, now)
        await office.record(connection, actor, now, "staff.second_factor_reset", number)


async def carry_out_second_factor_reset(
    platform: Platform, facts: dict[str, Any], who: Actor, key: str
) -> None:
    """Reset the second factor that a second person approved."""
    del key  # reset twice is reset
    await reset_second_factor(platform, facts["number"], who)


async def reset_password(
    platform: Platform, number: str, actor: Actor, *, key: str | None = None
) -> str:
    """A new first password, to be changed at the next sign-in; all sessions end.

    With the number of a form (`key`) it happens once, and the password lies ready in `handing`.
    Raises NotFound, InvalidInput for one who left, KeyUsed.
    """
    password = new_password()
    verifier = await verifiers.make(platform, PURPOSE, number, password)
    now = platform.clock.now()
    command = _command(actor, key, "staff.password_reset", number)
    async with platform.database.transaction() as connection:
        if (await get(connection, number)).state == "left":
            raise _left()
        if command:
            if not await handing.is_new(connection, platform, command):
                return ""
            await handing.keep(connection, platform, command, password)
        await store.set_password(connection, number, verifier, None)
        await store.end(connection, number, None, now)
        await office.record(connection, actor, now, "staff.password_reset", number)
    return password


async def unlock(platform: Platform, number: str, actor: Actor) -> None:
    """Forget the wrong tries against the member's number."""
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        await get(connection, number)
        for device in (None, *await store.devices(connection, number)):
            for subject in guessed(number, device):
                await guessing.forgive(connection, platform, subject)
        await office.record(connection, actor, now, "staff.unlocked", number)


def guessed(number: str, device: bytes | None = None) -> tuple[str, str]:
    """What tries at a member's password and code are counted against: those of all strangers
    together, or of one browser in which the member signed in before."""
    own = f":{device.hex()}" if device else ""
    return f"staff password:{number}{own}", f"staff code:{number}{own}"


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


def require_other(caller: Caller, number: str) -> None:
    """Raise NotAllowed where an administrator would manage themselves."""
    if caller.kind == "staff" and caller.name == number:
        raise NotAllowed(
            zh="不能管理自己的账号和岗位，请另一位管理员办理",
            en="nobody manages their own account or roles; another administrator does",
        )


def granting(caller: Caller, member: Member, wanted: Grant) -> Content:
    """What a second person approves before a role is granted.

    Raises NotAllowed unless the caller may grant roles in that region, to members of that office, and
    InvalidInput for a role that a member of a provider, or of an agency, cannot have.
    """
    require_other(caller, member.staff_number)
    caller.require("staff.grant", wanted.region)
    caller.require("staff.grant", member.region)
    rules.check_grants_of(member.provider, [wanted])
    facts = {
        "number": member.staff_number, "name": member.name,
        "role": wanted.what, "region": wanted.region,
    }  # fmt: skip
    return Content("staff.grant", (wanted.region,), facts)


def resetting(caller: Caller, member: Member) -> Content:
    """What a second person approves before a second factor is reset; raises NotAllowed."""
    require_over(caller, "staff.second_factor", member)
    facts = {"number": member.staff_number, "name": member.name}
    return Content("staff.second_factor", (area_of(member),), facts)


def require_over(caller: Caller, permission: str, member: Member) -> None:
    """Raise NotAllowed unless the caller is another, and may manage the member's office and all that the
    member has a role in: who rules a city does not reset somebody of the nation."""
    require_other(caller, member.staff_number)
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
    state = member.state
    if state == "left":
        raise _left()
    if state == "suspended":
        raise InvalidInput(
            "number", zh="此人已停用，请先恢复", en="this member is suspended; resume first"
        )
    return member


def _left() -> InvalidInput:
    return InvalidInput("number", zh="此人已离岗", en="this member left")


def _command(
    actor: Actor, key: str | None, action: str, number: str, content: tuple[str, ...] = ()
) -> Command | None:
    return None if key is None else Command(actor, key, action, number, content)


def _told(grants: Sequence[Grant]) -> list[list[str]]:
    return [[one.what, one.region] for one in grants]
