"""The yearly question whether phone and address are still right."""

from datetime import date, timedelta

import pytest

from tests.people.notices_at_hand import make_person, stored
from yikatong.core.clock import FixedClock
from yikatong.core.platform import Platform
from yikatong.people.notices import reminders

TODAY = date(2026, 3, 1)


async def test_who_confirmed_more_than_a_year_ago_is_asked_once_a_year(
    platform: Platform, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Chunks of two: every boundary is walked over.
    monkeypatch.setattr(reminders, "_BATCH", 2)
    for person_id, days in ((1, 365), (2, 364), (3, 365), (4, 365), (5, 900)):
        confirmed = TODAY - timedelta(days=days)
        await make_person(platform, person_id, contact_confirmed_on=confirmed)
    await make_person(platform, 6, died_on=TODAY, contact_confirmed_on=date(2020, 1, 1))
    await make_person(platform, 7)
    async with platform.database.transaction() as connection:
        await connection.execute(
            "update persons set contact_confirmed_on = null where person_id = 7"
        )
    assert await reminders.run(platform) == 5
    assert {one["person_id"] for one in await stored(platform)} == {1, 3, 4, 5, 7}
    assert await reminders.run(platform) == 0
    clock.advance(timedelta(days=1))
    assert await reminders.run(platform) == 1
    clock.advance(timedelta(days=200))
    assert await reminders.run(platform) == 0
    async with platform.database.transaction() as connection:
        await connection.execute(
            "update persons set contact_confirmed_on = '2026-08-01' where person_id in (1, 2)"
        )
    for days, asked in ((163, 0), (1, 4), (1, 0), (152, 2), (212, 4)):
        clock.advance(timedelta(days=days))
        assert await reminders.run(platform) == asked, clock.now()


async def test_of_many_who_wait_a_thirtieth_is_asked_each_day(
    platform: Platform, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reminders, "_BATCH", 2)
    monkeypatch.setattr(reminders, "_AT_LEAST", 1)
    monkeypatch.setattr(reminders, "_SHARE", 3)
    for person_id in range(1, 10):
        confirmed = TODAY - timedelta(days=400 + person_id)
        await make_person(platform, person_id, contact_confirmed_on=confirmed)
    asked: list[int] = []
    for wanted in (3, 2, 2, 1, 1, 0):
        assert await reminders.run(platform) == wanted
        now = {one["person_id"] for one in await stored(platform)}
        # The longest ago first.
        asked += sorted(now - set(asked), reverse=True)
        clock.advance(timedelta(days=1))
    assert asked == list(range(9, 0, -1))
