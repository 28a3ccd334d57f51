"""Use cases of administrators and auditors who read: members of their regions, and one member's file."""

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec

from yikatong.core.database import Connection
from yikatong.core.platform import Platform
from yikatong.identity import office
from yikatong.identity.office import OfficeEvent
from yikatong.identity.staff import service, signing_in, store
from yikatong.identity.staff.model import Held, Listed, Member, StaffSession
from yikatong.trust import guessing
from yikatong.trust.access import NATION, Caller, not_there, within

_EVENTS_MAX = 30


class Wanted(msgspec.Struct, frozen=True):
    """Whom a list is asked for; empty: all."""

    words: str = ""
    """How a number begins, or a part of a name."""
    place: str = NATION
    role: str = ""
    state: str = ""
    after: str = ""
    """The last number of the page before."""


class File(msgspec.Struct, frozen=True):
    """All that is told of a member of staff."""

    listed: Listed
    held: Sequence[Held]
    sessions: Sequence[StaffSession]
    recovery_codes_left: int
    events: Sequence[OfficeEvent]
    """The newest, newest first."""


async def search(
    platform: Platform, areas: Collection[str], wanted: Wanted, limit: int
) -> list[Listed]:
    """Members of these regions by number: whose office lies there, or who has a role there."""
    async with platform.database.transaction(readonly=True) as connection:
        found = await store.search(
            connection, [_begins(one) for one in areas], _begins(wanted.place),
            wanted.words.replace("\x00", "").strip(), wanted.role, wanted.state,
            wanted.after.replace("\x00", ""), limit,
        )  # fmt: skip
        return await _listed(platform, connection, found)


async def read(platform: Platform, caller: Caller, number: str) -> File:
    """A member's file; raises NotFound, NotAllowed where neither office nor any role lies in the
    caller's regions."""
    async with platform.database.transaction(readonly=True) as connection:
        member = await service.get(connection, number)
        areas = caller.regions("staff.read")
        places = {member.region, *(one.region for one in member.grants)}
        if not any(within(place, area) for place in places for area in areas):
            raise not_there("staff.read")
        (listed,) = await _listed(platform, connection, [member])
        now = platform.clock.now()
        return File(
            listed,
            await store.held(connection, number),
            await store.sessions_of(
                connection, number, now, now - signing_in.IDLE_MAX,
                sandbox=platform.settings.sandbox,
            ),
            await store.recovery_codes_left(connection, number),
            await office.of_subjects(connection, [number], "staff.", _EVENTS_MAX),
        )  # fmt: skip


async def _listed(
    platform: Platform, connection: Connection, found: Sequence[Member]
) -> list[Listed]:
    numbers = [one.staff_number for one in found]
    signed_in = await store.signed_in_at(connection, numbers)
    limits = (signing_in.PASSWORD_LIMITS, signing_in.CODE_LIMITS)
    used_up = await guessing.used_up(
        connection, platform,
        [pair for number in numbers for pair in zip(service.guessed(number), limits, strict=True)],
    )  # fmt: skip

    def locked(number: str) -> datetime | None:
        return max(
            (used_up[one] for one in service.guessed(number) if one in used_up), default=None
        )

    return [Listed(one, signed_in.get(one.staff_number), locked(one.staff_number)) for one in found]


def _begins(area: str) -> str:
    """The digits with which the codes of an area begin; none for the nation."""
    return "" if area == NATION else area.removesuffix("00").removesuffix("00")
