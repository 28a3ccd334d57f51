"""How busy the platform is: counted once, added up over processes and time."""

from datetime import timedelta

import pytest

from yikatong.core import due_work, pulse
from yikatong.core.clock import FixedClock, today
from yikatong.core.errors import Text, Unavailable
from yikatong.core.platform import Platform
from yikatong.core.pulse import Counts, Pulse
from yikatong.core.tally import BOUNDS, Tally


def kind_of(_method: str, path: str) -> str:
    return path.strip("/")


def test_what_was_answered_is_told_from_what_was_refused_and_what_failed() -> None:
    tally = Tally()
    for status, refused in ((200, False), (200, True), (404, False), (500, False), (0, False)):
        tally.note("POST", "/settlement", status, 0.004, refused=refused)
    tally.note("GET", "/", 200, 0.1)
    found = pulse.counted(tally, kind_of)
    assert set(found) == {"settlement"}
    one = found["settlement"]
    assert (one.done, one.refused, one.failed) == (1, 2, 2)
    assert sum(one.buckets) == one.all == 5


def test_times_are_told_by_the_bound_they_lie_within() -> None:
    tally = Tally()
    for seconds in (0.001, 0.004, 0.004, 11.0):
        tally.note("GET", "/page", 200, seconds)
    one = pulse.counted(tally, kind_of)["page"]
    assert one.within(0.25) == 0.001
    assert one.within(0.5) == 0.005
    assert one.within(0.99) == float("inf")
    assert Counts().within(0.5) is None
    assert len(one.buckets) == len(BOUNDS) + 1


async def test_the_counts_of_two_processes_add_up_and_each_is_added_once(
    platform: Platform, clock: FixedClock
) -> None:
    tallies = [Tally(), Tally()]
    pulses = [Pulse(platform, one, kind_of) for one in tallies]
    for tally in tallies:
        tally.note("POST", "/settlement", 200, 0.004)
        for one in pulses:
            await one.turn()
    tallies[0].note("POST", "/settlement", 503, 0.2)
    clock.advance(timedelta(seconds=40))
    await pulses[0].turn()
    async with platform.database.transaction(readonly=True) as connection:
        found = await pulse.overview(connection, clock.now())
    for span in (found.minute, found.hour, found.day):
        assert (span["settlement"].done, span["settlement"].failed) == (2, 1)
        assert sum(span["settlement"].buckets) == 3
    assert sum(counts["settlement"].all for _, counts in found.by_minute if counts) == 3
    assert sum(counts["settlement"].all for _, counts in found.by_hour if counts) == 3


async def test_the_last_minute_passes_while_hour_and_day_remember(
    platform: Platform, clock: FixedClock
) -> None:
    tally = Tally()
    one = Pulse(platform, tally, kind_of)
    tally.note("POST", "/payment", 201, 0.01)
    await one.turn()
    clock.advance(timedelta(minutes=30))
    await pulse.forget_old(platform)
    async with platform.database.transaction(readonly=True) as connection:
        found = await pulse.overview(connection, clock.now())
        assert await pulse.slices(connection, 10, clock.now() - timedelta(hours=1)) == []
    assert found.minute == {}
    assert found.hour["payment"].done == found.day["payment"].done == 1


async def test_a_process_that_stops_leaves_and_one_that_is_killed_is_missed(
    platform: Platform, clock: FixedClock
) -> None:
    tally = Tally()
    tally.queues["settlement"] = lambda: 7
    one = Pulse(platform, tally, kind_of)
    await one.turn()
    async with platform.database.transaction(readonly=True) as connection:
        (seen,) = await pulse.processes(connection)
    assert seen.waiting == {"settlement": 7}
    assert seen.seen_at == clock.now()
    await one.leave()
    async with platform.database.transaction(readonly=True) as connection:
        assert await pulse.processes(connection) == []


async def test_due_work_that_fails_says_since_when_why_and_how_often(
    platform: Platform, clock: FixedClock
) -> None:
    async def fails() -> None:
        raise Unavailable(zh="没有回应", en="no answer")

    async def breaks() -> None:
        raise RuntimeError("a name that nobody may read")

    begun = clock.now()
    for work in (fails, breaks):
        assert not await due_work.carry_out(platform, "texts", work)
        clock.advance(timedelta(minutes=1))
    async with platform.database.transaction(readonly=True) as connection:
        (one,) = await due_work.every(connection)
    assert (one.failed_since, one.failures, one.succeeded_at) == (begun, 2, None)
    assert await due_work.succeeded_on(platform) == {}
    assert "nobody may read" not in one.reason.en

    async def works() -> int:
        return 1

    assert await due_work.carry_out(platform, "texts", works)
    async with platform.database.transaction(readonly=True) as connection:
        (one,) = await due_work.every(connection)
    assert (one.failed_since, one.failures, one.succeeded_at) == (None, 0, one.last_at)
    assert one.reason == Text("", "")
    assert await due_work.succeeded_on(platform) == {"texts": today(clock)}
    # What fails since is to be tried again, whatever day it went well.
    assert not await due_work.carry_out(platform, "texts", fails)
    assert await due_work.succeeded_on(platform) == {}


@pytest.mark.parametrize("span", [10, 60, 600])
async def test_a_slice_begins_at_a_whole_multiple_of_its_length(
    clock: FixedClock, span: int
) -> None:
    start = pulse.slice_of(clock.now(), span)
    assert start.timestamp() % span == 0
    assert start <= clock.now() < start + timedelta(seconds=span)
