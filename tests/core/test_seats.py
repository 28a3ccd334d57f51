"""Where each processor has a process of ours, each stays on its own."""

import asyncio
import os
import threading

import pytest

from yikatong.core import seats
from yikatong.core.platform import Platform
from yikatong.core.seats import Seat

EVERYWHERE = frozenset({2, 5})


@pytest.mark.parametrize(
    ("processes", "own"),
    [(1, [None]), (2, [2, 5]), (3, [None, None, None]), (4, [2, 5, 2, 5])],
)
def test_there_is_a_seat_where_every_processor_gets_as_many(
    monkeypatch: pytest.MonkeyPatch, processes: int, own: list[int | None]
) -> None:
    monkeypatch.setattr(seats, "_allowed", lambda: EVERYWHERE)
    wanted = [None if one is None else Seat(frozenset({one}), EVERYWHERE) for one in own]
    assert seats.seats(processes) == wanted


def test_a_system_that_knows_no_seats_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    assert seats.seats(2) == [None, None]


def test_a_process_stays_and_its_threads_and_programs_do_not() -> None:
    before = os.sched_getaffinity(0)
    own = frozenset({max(before)})

    async def work() -> tuple[set[int], set[int]]:
        seats.take(Seat(own, frozenset(before)))
        return os.sched_getaffinity(0), await asyncio.to_thread(os.sched_getaffinity, 0)

    found: list[set[int]] = []
    # In a thread of its own: seats are of threads, and this one goes on with other tests.
    thread = threading.Thread(target=lambda: found.extend(asyncio.run(work())))
    thread.start()
    thread.join()
    seats._Taken.seat = None
    assert found == [own, before]
    assert os.sched_getaffinity(0) == before


async def test_the_database_takes_its_turns_on_the_same_processor(platform: Platform) -> None:
    before = frozenset(os.sched_getaffinity(0))
    own = frozenset({max(before)})
    platform.database.seat = Seat(own, before)
    async with platform.database.connection() as connection:
        beside = await connection.fetchval("select pg_backend_pid()")
    async with platform.database.transaction() as connection:
        other = await connection.fetchval("select pg_backend_pid()")
    assert os.sched_getaffinity(beside) == own
    assert os.sched_getaffinity(other) == before


def test_a_process_that_may_not_be_moved_stays_where_it_is() -> None:
    before = frozenset(os.sched_getaffinity(0))
    # No process has this number.
    seats.share(Seat(frozenset({max(before)}), before), 2**22 + 1)
