"""Requests that wait at the same moment go together."""

import asyncio
from typing import Any

from yikatong.core.coalescing import Coalescer


class Desk:
    """Answers each request with itself, and notes the batches."""

    def __init__(self, *, gather: bool) -> None:
        self.batches: list[list[int]] = []
        self.free = asyncio.Event()
        self.free.set()
        self.waiting: Coalescer[int, int] = Coalescer(
            self._run, lambda number: [number], in_flight_max=1, gather=gather
        )

    async def _run(self, numbers: list[int]) -> list[int]:
        self.batches.append(numbers)
        await self.free.wait()
        return numbers

    async def ask_on_and_on(self, number: int, times: int) -> None:
        for turn in range(times):
            assert await self.waiting.submit(number + 100 * turn) == number + 100 * turn


async def _two_halves(desk: Desk, *callers: Any) -> None:
    """Callers of whom half ask while the others' batch is under way."""
    half = len(callers) // 2
    desk.free.clear()
    first = [asyncio.ensure_future(one) for one in callers[:half]]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    second = [asyncio.ensure_future(one) for one in callers[half:]]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    desk.free.set()
    await asyncio.gather(*first, *second)


async def test_an_idle_desk_takes_what_is_there_at_once() -> None:
    desk = Desk(gather=True)
    answers = await asyncio.gather(*(desk.waiting.submit(number) for number in range(20)))
    assert answers == list(range(20))
    assert desk.batches == [list(range(20))]


async def test_callers_who_were_just_answered_go_along_with_those_who_waited() -> None:
    desk = Desk(gather=True)
    await _two_halves(desk, *(desk.ask_on_and_on(number, 3) for number in range(20)))
    assert [len(batch) for batch in desk.batches[:3]] == [10, 20, 20]


async def test_without_gathering_halves_stay_halves() -> None:
    desk = Desk(gather=False)
    await _two_halves(desk, *(desk.ask_on_and_on(number, 3) for number in range(20)))
    assert [len(batch) for batch in desk.batches[:3]] == [10, 10, 10]


async def test_those_who_wait_are_taken_soon_where_nobody_asks_again() -> None:
    desk = Desk(gather=True)
    async with asyncio.timeout(5):
        await _two_halves(desk, *(desk.ask_on_and_on(number, 1) for number in range(20)))
    assert [len(batch) for batch in desk.batches] == [10, 10]
