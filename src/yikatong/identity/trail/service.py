"""Searching the audit trail (操作记录查询): whose file, by whom, what, when, where.

A person's events and those of a member of staff are found by their index. Everything else is found by
time: from the end backwards in stretches of time, until a page is full or the time for a page is over; the
search then says from where to go on.
"""

import time
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final, Literal, get_args

import msgspec

from yikatong.core import ids, regions
from yikatong.core.clock import SHANGHAI
from yikatong.core.database import Connection
from yikatong.core.days import read_day
from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform
from yikatong.identity import office
from yikatong.people import service as people
from yikatong.trust import audit
from yikatong.trust.access import NATION, Caller, not_there, within
from yikatong.trust.audit import AuditEvent

PAGE: Final = 50
FILE_MAX: Final = 5000
"""Events of one file."""
DAYS_MAX: Final = 366
DAYS: Final = 7
"""Days that are searched where none are named."""
OWN: Final = "audit.read"
"""What searches themselves write to the trail: shown only to who asks for it."""
ActorKind = Literal["person", "staff", "provider", "service", "system", "visitor"]
ACTOR_KINDS: Final[tuple[ActorKind, ...]] = get_args(ActorKind)
_FETCH: Final = 200
_FIRST_STRETCH: Final = timedelta(minutes=10)
_GROWS: Final = 4
_QUICK_SECONDS: Final = 0.01
_PAGE_SECONDS: Final = 0.05
_FILE_SECONDS: Final = 20.0
_WORD_MAX: Final = 60


class Wanted(msgspec.Struct, frozen=True):
    """What is searched for; what is None is not asked about."""

    since: date
    until: date
    person_id: int | None = None
    actor_kind: ActorKind | None = None
    actor: str | None = None
    action: str | None = None
    region: str | None = None
    before: int | None = None
    """Only events with smaller numbers: the next page."""


class Page(msgspec.Struct, frozen=True):
    """What was found, the newest first."""

    events: Sequence[AuditEvent]
    before: int | None
    """From where to go on; None: there is no more in these days."""
    reached: datetime
    """Until when everything was looked through."""


def wanted(
    today: date,
    *,
    since: str = "",
    until: str = "",
    person_id: int | None = None,
    actor_kind: str = "",
    actor: str = "",
    action: str = "",
    region: str = "",
    before: int | None = None,
) -> Wanted:
    """What the words of a form or a query ask for; raises InvalidInput naming the field."""
    last = read_day(until, "until") if until else today
    first = read_day(since, "since") if since else last - timedelta(days=DAYS - 1)
    if last < first:
        raise InvalidInput("until", zh="应不早于起始日", en="must not lie before the first day")
    if (last - first).days >= DAYS_MAX:
        raise InvalidInput("until", zh=f"最多 {DAYS_MAX} 天", en=f"{DAYS_MAX} days at most")
    if actor_kind and actor_kind not in ACTOR_KINDS:
        raise InvalidInput(
            "actor_kind",
            zh="应为 " + "、".join(ACTOR_KINDS),
            en="must be one of " + ", ".join(ACTOR_KINDS),
        )
    if actor and not actor_kind:
        raise InvalidInput(
            "actor_kind",
            zh="请同时选择操作人类别",
            en="choose what kind of actor this is",
        )
    for field, text in (("actor", actor), ("action", action)):
        if len(text) > _WORD_MAX or not text.isprintable():
            raise InvalidInput(
                field, zh=f"最多 {_WORD_MAX} 字", en=f"{_WORD_MAX} characters at most"
            )
    return Wanted(
        first,
        last,
        person_id,
        actor_kind or None,
        actor or None,
        action or None,
        regions.get(region, "region").code if region else None,
        before,
    )


async def search(platform: Platform, caller: Caller, asked: Wanted, limit: int = PAGE) -> Page:
    """A page of events of people whom the caller's regions cover, where they live or are insured.

    The search is recorded, with each person it showed. Raises NotAllowed for a region, or a person,
    that is elsewhere.
    """
    caller.require("audit.read", *([asked.region] if asked.region else []))
    areas = frozenset((asked.region,)) if asked.region else caller.regions("audit.read")
    async with platform.database.transaction() as connection:
        if asked.person_id is not None and NATION not in areas:
            homes = await people.regions_of(connection, [asked.person_id])
            if not _inside(homes.get(asked.person_id, ()), areas):
                raise not_there("audit.read")
        found = await _look(connection, areas, asked, limit)
        await _record(platform, connection, caller, asked, found)
    return found


def _inside(home: Sequence[str], areas: frozenset[str]) -> bool:
    return any(within(place, area) for place in home for area in areas)


async def _look(connection: Connection, areas: frozenset[str], asked: Wanted, limit: int) -> Page:
    first = ids.first_of(_start(asked.since))
    behind = ids.first_of(_start(asked.until + timedelta(days=1)))
    cursor = behind if asked.before is None else min(behind, asked.before)
    # By an index the whole time at once, else in stretches.
    indexed = asked.person_id is not None or (asked.actor_kind == "staff" and bool(asked.actor))
    stretch = timedelta(days=DAYS_MAX) if indexed else _FIRST_STRETCH
    seconds = _PAGE_SECONDS if limit <= PAGE else _FILE_SECONDS
    begun, found = time.monotonic(), list[AuditEvent]()
    while cursor > first and len(found) <= limit and time.monotonic() - begun < seconds:
        low = max(first, ids.first_of(ids.time_of(cursor - 1) - stretch))
        asked_at = time.monotonic()
        page = await _between(connection, low, cursor, asked)
        if len(page) == _FETCH:
            cursor = page[-1].event_id
        else:
            cursor = low
            if time.monotonic() - asked_at < _QUICK_SECONDS:
                stretch *= _GROWS
        found += await _at_home(connection, page, areas)
    if len(found) > limit:
        found = found[:limit]
        cursor = found[-1].event_id
    return Page(
        found,
        cursor if cursor > first else None,
        ids.time_of(max(cursor, first)),
    )


async def _between(
    connection: Connection, low: int, cursor: int, asked: Wanted
) -> Sequence[AuditEvent]:
    return await audit.between(
        connection,
        low,
        cursor,
        _FETCH,
        person_id=asked.person_id,
        actor_kind=asked.actor_kind,
        actor=asked.actor,
        action=asked.action,
        but="" if asked.action == OWN else OWN,
    )


async def _at_home(
    connection: Connection, page: Sequence[AuditEvent], areas: frozenset[str]
) -> Sequence[AuditEvent]:
    if NATION in areas or not page:
        return page
    homes = await people.regions_of(connection, {one.person_id for one in page})
    return [one for one in page if _inside(homes.get(one.person_id, ()), areas)]


def _start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)


async def _record(
    platform: Platform, connection: Connection, caller: Caller, asked: Wanted, found: Page
) -> None:
    now, actor = platform.clock.now(), caller.actor("audit search")
    detail = {
        name: str(value)
        for name in ("since", "until", "person_id", "actor_kind", "actor", "action", "region")
        if (value := getattr(asked, name)) is not None
    }
    await office.record(
        connection, actor, now, "audit.searched", caller.name,
        {**detail, "shown": len(found.events)},
    )  # fmt: skip
    persons = sorted({one.person_id for one in found.events} | {asked.person_id or 0})
    seen: list[tuple[int, str, dict[str, object]]] = [(one, OWN, {}) for one in persons if one]
    if seen:
        await audit.copy_many(connection, actor, now, seen)
