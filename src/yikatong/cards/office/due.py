"""What is due by the clock: provisional reports end, cards expire, uncollected cards are chased, what was
asked for and not added ends, and holders are told beforehand.

May run at any time, twice, or beside another process: each part finds what is due and does it once.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Final, TypeVar

import msgspec
import structlog

from yikatong.cards import telling
from yikatong.cards.model import Card, CardApplication
from yikatong.cards.office import desk as office
from yikatong.cards.office import store, table, terms
from yikatong.cards.office.desk import SYSTEM, Desk
from yikatong.cards.office.errors import CardRefused
from yikatong.cards.office.model import CardEvent, Doing
from yikatong.cards.office.store import Place
from yikatong.cards.office.table import CardEventName
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import Unavailable
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.people import service as people

REPORT_REMINDED: Final = timedelta(days=1)
"""So long before a provisional report ends its holder is told."""
_AT_ONCE: Final = 500
_ITSELF: Final = Doing("system", reason="到期自动办理 · when due")
_Found = TypeVar("_Found")
_log = structlog.stdlib.get_logger("yikatong.cards")


class Done(msgspec.Struct):
    """What a run did, in numbers."""

    reports_ended: int = 0
    expired: int = 0
    chased: int = 0
    destroyed: int = 0
    lapsed: int = 0
    told_of_expiry: int = 0
    told_of_report: int = 0
    failed: int = 0
    """Left for the next run; the log says why."""


Hear = Callable[[Done], None]
"""Is told how far a run is."""


async def run(platform: Platform, hear: Hear = lambda _: None) -> Done:
    """Do all that is due now; `hear` is told of each step. Raises Unavailable where the database goes
    away."""
    done = Done()
    await by_the_moment(platform, done, hear)
    await by_the_day(platform, done, hear)
    return done


async def by_the_moment(
    platform: Platform, done: Done | None = None, hear: Hear = lambda _: None
) -> None:
    """Provisional reports: they end to the second, and the day before their holders are told."""
    now, done = platform.clock.now(), done or Done()

    async def end_report(one: Place) -> None:
        done.reports_ended += await _card(platform, *one, "provisional_report_ends")

    await _each(
        platform, done, lambda c, at: store.provisional_reports_over(c, now, at, _AT_ONCE),
        lambda one: one, end_report, hear,
    )  # fmt: skip
    await _tell_of_reports(platform, done)


async def by_the_day(
    platform: Platform, done: Done | None = None, hear: Hear = lambda _: None
) -> None:
    """What need not be looked for more than once a day: expiry, cards that nobody collects, and what was
    asked for and nobody added."""
    now, day, done = platform.clock.now(), today(platform.clock), done or Done()

    async def expire(one: Place) -> None:
        done.expired += await _card(platform, *one, "expire")

    async def collect(one: CardApplication) -> None:
        await _uncollected(platform, one, done)

    async def lapse(one: CardApplication) -> None:
        done.lapsed += await _application(platform, one, "lapse")

    states = table.card_states("expire")
    await _each(
        platform, done, lambda c, at: store.cards_run_out(c, states, day, at, _AT_ONCE),
        lambda one: one, expire, hear,
    )  # fmt: skip
    await _each(
        platform, done, lambda c, at: store.uncollected(c, now, at, _AT_ONCE),
        lambda one: (one.person_id, one.application_id), collect, hear,
    )  # fmt: skip
    await _each(
        platform, done, lambda c, at: store.unanswered(c, day, at, _AT_ONCE),
        lambda one: (one.person_id, one.application_id), lapse, hear,
    )  # fmt: skip
    await _tell_of_expiry(platform, done)


async def _each(
    platform: Platform,
    done: Done,
    find: Callable[[Connection, Place], Awaitable[Sequence[_Found]]],
    place: Callable[[_Found], Place],
    work: Callable[[_Found], Awaitable[None]],
    hear: Hear,
) -> None:
    """Do it to one after the other; what fails is told and holds nobody else up."""
    after: Place = (0, 0)
    while True:
        async with platform.database.transaction(readonly=True) as connection:
            found = await find(connection, after)
        for one in found:
            try:
                await work(one)
            except Unavailable:
                raise
            except Exception:
                done.failed += 1
                _log.exception("due work on a card failed", place=place(one))
            hear(done)
        if len(found) < _AT_ONCE:
            return
        after = place(found[-1])


def _nothing_new(desk: Desk, application_id: int | None, card_id: int | None) -> bool:
    del desk, application_id, card_id
    return False


async def _card(platform: Platform, person_id: int, card_id: int, event: CardEventName) -> bool:
    async def work(desk: Desk) -> bool:
        try:
            await desk.move_card(desk.card(card_id), event)
        except CardRefused:
            # Somebody was quicker since it was found due.
            return False
        return True

    key = f"due:{event}:{card_id}:{platform.clock.now().isoformat()}"
    mine = office.command(person_id, event, card_id, _ITSELF, SYSTEM, key)
    return await office.carry_out(platform, mine, work, _nothing_new)


async def _uncollected(platform: Platform, one: CardApplication, done: Done) -> None:
    rules = terms.load().find(one.region, today(platform.clock))
    assert one.state_since is not None
    waited = platform.clock.now() - one.state_since
    if waited >= timedelta(days=rules.keep_days):
        done.destroyed += await _application(platform, one, "destroy")
    elif waited >= timedelta(days=rules.collect_days) * (one.chased + 1):
        done.chased += await _application(platform, one, "chase")


async def _application(platform: Platform, one: CardApplication, event: str) -> bool:
    async def work(desk: Desk) -> bool:
        current = desk.application(one.application_id)
        if current.version != one.version:
            return False
        if event == "chase" and desk.facts.person.died_on is not None:
            return False
        if event == "destroy":
            await desk.move_application(current, "destroy", reason="逾期未领 · not collected")
        elif event == "lapse":
            await desk.move_application(
                current, "lapse", reason="逾期未补正 · nothing was added in time"
            )
        else:
            await desk.move_application(current, "chase", chased=current.chased + 1)
        return True

    key = f"due:{event}:{one.application_id}:{one.version}"
    mine = office.command(one.person_id, event, one.application_id, _ITSELF, SYSTEM, key)
    return await office.carry_out(platform, mine, work, _nothing_new)


# ---- reminders: nothing moves, so many at once ----


async def _tell_of_expiry(platform: Platform, done: Done) -> None:
    day, book, after = today(platform.clock), terms.load(), (0, 0)
    last = day + timedelta(days=book.longest("remind_days"))
    states = table.card_states("remind_expiry")
    while True:
        async with platform.database.transaction() as connection:
            found = await store.expiring(connection, states, day, last, after, _AT_ONCE)
            near = [
                one
                for one in found
                if (one.valid_until - day).days <= book.find(one.region, day).remind_days
            ]
            done.told_of_expiry += await _tell(
                platform, connection, "remind_expiry",
                [(one, f"{one.card_id}") for one in near],
            )  # fmt: skip
        if len(found) < _AT_ONCE:
            return
        after = (found[-1].person_id, found[-1].card_id)


async def _tell_of_reports(platform: Platform, done: Done) -> None:
    now, after = platform.clock.now(), (0, 0)
    while True:
        async with platform.database.transaction() as connection:
            found = await store.reports_ending(
                connection, now, now + REPORT_REMINDED, after, _AT_ONCE
            )
            # A card may be reported lost again some day: each report is told of once.
            done.told_of_report += await _tell(
                platform, connection, "remind_report",
                [(one, f"{one.card_id}:{one.provisional_until}") for one in found],
            )  # fmt: skip
        if len(found) < _AT_ONCE:
            return
        after = (found[-1].person_id, found[-1].card_id)


async def _tell(
    platform: Platform,
    connection: Connection,
    event: CardEventName,
    found: Sequence[tuple[Card, str]],
) -> int:
    """Write each reminder once and tell its holder; the dead are told nothing."""
    now = platform.clock.now()
    persons = await people.persons(connection, [card.person_id for card, _ in found])
    lines = {
        new_id(now): (card, once) for card, once in found if persons[card.person_id].died_on is None
    }
    if not lines:
        return 0
    new = await store.insert_events_once(
        connection,
        [
            (
                CardEvent(
                    person_id=card.person_id,
                    event_id=event_id,
                    at=now,
                    application_id=None,
                    card_id=card.card_id,
                    event=event,
                    before=card.state,
                    after=card.state,
                    channel=_ITSELF.channel,
                    applicant=_ITSELF.by,
                    actor_kind=SYSTEM.kind,
                    actor=SYSTEM.name,
                    reason="",
                    detail={},
                ),
                f"due:{event}:{once}",
            )
            for event_id, (card, once) in lines.items()
        ],
    )
    await telling.of_many(platform, connection, [(lines[one][0], event) for one in new])
    return len(new)
