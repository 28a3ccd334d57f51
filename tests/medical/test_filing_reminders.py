"""People hear in time that their filing ends, once for each last day."""

import asyncio
from datetime import date, datetime, timedelta

import msgspec
import pytest

from tests.people.notices_at_hand import make_person
from yikatong.core.clock import SHANGHAI, FixedClock
from yikatong.core.platform import Platform
from yikatong.medical.filings import reminders, store
from yikatong.medical.model import Filing

FILED = datetime(2025, 10, 1, 9, 0, tzinfo=SHANGHAI)


def filing(filing_id: int, ends_on: date | None, **facts: object) -> Filing:
    made = Filing(
        filing_id, "temporary", "310", "510100", "110000", date(2025, 10, 1), ends_on, None, None,
        "online", FILED,
    )  # fmt: skip
    return msgspec.structs.replace(made, **facts)


async def file(platform: Platform, person_id: int, *filings: Filing) -> None:
    async with platform.database.transaction() as connection:
        for one in filings:
            await store.insert(connection, person_id, one)


async def told(platform: Platform) -> list[tuple[int, str]]:
    async with platform.database.transaction(readonly=True) as connection:
        rows = await connection.fetch(
            """select person_id, facts->>'until' from notices
                where kind = 'filing.ending' order by notice_id"""
        )
    return [(row[0], row[1]) for row in rows]


async def test_who_files_for_long_is_told_two_weeks_before_the_end_and_once(
    platform: Platform, clock: FixedClock
) -> None:
    await make_person(platform)
    await file(platform, 1, filing(1, date(2026, 3, 16)))
    assert await reminders.run(platform) == 0
    clock.advance(timedelta(days=1))
    assert sum(await asyncio.gather(*(reminders.run(platform) for _ in range(3)))) == 1
    for _ in range(20):
        clock.advance(timedelta(days=1))
        assert await reminders.run(platform) == 0
    # Made longer, it ends again.
    clock.advance(timedelta(days=-20))
    async with platform.database.transaction() as connection:
        await connection.execute("update filings set ends_on = '2026-04-10' where filing_id = 1")
    clock.advance(timedelta(days=30))
    assert await reminders.run(platform) == 1
    assert await told(platform) == [(1, "2026-03-16"), (1, "2026-04-10")]


async def test_only_filings_that_still_hold_and_do_not_go_on_are_told(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reminders, "_BATCH", 2)
    soon = date(2026, 3, 10)
    for person_id in range(1, 9):
        await make_person(platform, person_id, died_on=soon if person_id == 8 else None)
    withdrawn = {"ended_by": "withdrawal", "ended_on": date(2026, 2, 1)}
    goes_on = filing(32, date(2026, 9, 10), starts_on=date(2026, 3, 11), destination="510000")
    await file(
        platform, 1, filing(1, soon), filing(2, None, kind="long_term", destination="310000")
    )
    await file(platform, 2, filing(21, soon, **withdrawn))
    await file(platform, 3, filing(31, soon, destination="510100"), goes_on)
    await file(platform, 4, filing(41, soon, kind="emergency"))
    await file(platform, 5, filing(51, date(2026, 2, 28)))
    await file(platform, 6, filing(61, soon), filing(62, date(2026, 3, 1), destination="310000"))
    elsewhere = filing(72, None, kind="long_term", destination="310000")
    await file(platform, 7, filing(71, date(2026, 3, 15)), elsewhere)
    await file(platform, 8, filing(81, soon))
    assert await reminders.run(platform) == 4
    assert sorted(await told(platform)) == [
        (1, "2026-03-10"), (6, "2026-03-01"), (6, "2026-03-10"), (7, "2026-03-15"),
    ]  # fmt: skip
