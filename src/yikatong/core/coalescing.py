"""Coalescing: requests that wait at the same moment are carried out together.

One commit then serves many. An idle desk takes what is there; only behind a batch of several that were
just answered may it wait a moment, while they ask again.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any, Final, Generic, TypeVar

from yikatong.core.errors import Unavailable

_Request = TypeVar("_Request")
_Answer = TypeVar("_Answer")

BATCH_MAX: Final = 256
WAITING_MAX: Final = 4096
_SHARE_MIN: Final = 8
"""Fewer waiting requests than this go together."""
_QUIET_SHARE: Final = 8
"""Of the time a batch took, so much is worth waiting for: on a busy machine all takes longer."""
_QUIET_SECONDS_MAX: Final = 0.010


class Busy(Unavailable):
    """More waits than can be worked off soon; the same request may be sent again."""

    code = "busy"


class Coalescer(Generic[_Request, _Answer]):
    """Runs requests in batches, `in_flight_max` at a time.

    Two requests that share a key are never in different batches at once, so batches do not wait
    for each other in the database; with `apart` they do not share a batch either. `run` answers
    each request of a batch with its answer or its own error; where it raises, the whole batch gets
    that error.

    With `gather` the next batch leaves when as many more have come as were just answered, or none for
    an eighth of the time the last batch took; after half of it at the latest, and 40 ms. Where callers
    send one request after the other, batches are then twice as large.
    """

    def __init__(
        self,
        run: Callable[[list[_Request]], Awaitable[Sequence[_Answer | BaseException]]],
        keys_of: Callable[[_Request], Sequence[Hashable]],
        *,
        batch_max: int = BATCH_MAX,
        in_flight_max: int = 2,
        waiting_max: int = WAITING_MAX,
        apart: bool = False,
        gather: bool = False,
    ) -> None:
        self._run = run
        self._keys_of = keys_of
        self._batch_max = batch_max
        self._in_flight_max = in_flight_max
        self._waiting_max = waiting_max
        self._apart = apart
        self._gather = gather
        self._awaited = 0
        """So many waiting requests are worth waiting for; 0: the next batch leaves at once."""
        self._looking: asyncio.TimerHandle | None = None
        self._waiting: deque[tuple[_Request, Sequence[Hashable], asyncio.Future[_Answer]]] = deque()
        self._busy_keys: set[Hashable] = set()
        self._tasks: set[asyncio.Task[None] | None] = set()
        self._scheduled = False

    def __len__(self) -> int:
        """How many wait at this moment."""
        return len(self._waiting)

    async def submit(self, request: _Request) -> _Answer:
        """Wait for the answer; raises Busy at once where too much waits already."""
        # An impatient caller leaves; the command is carried out all the same and its key tells.
        return await self.put(request)

    def put(self, request: _Request) -> asyncio.Future[_Answer]:
        """The answer that is to come; raises Busy at once where too much waits already."""
        if len(self._waiting) >= self._waiting_max:
            raise Busy(
                zh="现在办理的人太多，没有任何改动，请稍后用同一个幂等键重试",
                en="too many requests wait; nothing was changed, try again with the same key",
            )
        loop = asyncio.get_running_loop()
        future: asyncio.Future[_Answer] = loop.create_future()
        self._waiting.append((request, self._keys_of(request), future))
        if not self._scheduled and len(self._waiting) >= self._awaited:
            # Behind what else is ready now: requests read in the same turn go together.
            self._scheduled = True
            loop.call_soon(self._start)
        return future

    def _start(self) -> None:
        self._scheduled = False
        self._awaited = 0
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        while self._waiting and len(self._tasks) < self._in_flight_max:
            batch = self._take()
            if not batch:
                return
            self._tasks.add(asyncio.get_running_loop().create_task(self._carry_out(batch)))

    def _take(self) -> list[tuple[_Request, Sequence[Hashable], asyncio.Future[_Answer]]]:
        batch: list[Any] = []
        kept: list[Any] = []
        mine: set[Hashable] = set()
        # Keys of requests left waiting: those behind them wait too, so that order is kept.
        passed: set[Hashable] = set()
        # What waits is shared among the idle desks: one decides while the other's batch is written.
        idle = max(1, self._in_flight_max - len(self._tasks))
        size = min(self._batch_max, max(_SHARE_MIN, -(-len(self._waiting) // idle)))
        while self._waiting and len(batch) < size:
            item = self._waiting.popleft()
            keys = item[1]
            if not (
                self._busy_keys.isdisjoint(keys)
                and passed.isdisjoint(keys)
                and (not self._apart or mine.isdisjoint(keys))
            ):
                kept.append(item)
                passed.update(keys)
            else:
                batch.append(item)
                mine.update(keys)
        self._waiting.extendleft(reversed(kept))
        self._busy_keys |= mine
        return batch

    async def _carry_out(self, batch: list[Any]) -> None:
        requests = [item[0] for item in batch]
        loop = asyncio.get_running_loop()
        begun = loop.time()
        try:
            try:
                answers = await self._run(requests)
                assert len(answers) == len(requests)
            except Exception as error:
                answers = [error] * len(requests)
            for (_, _, future), answer in zip(batch, answers, strict=True):
                if future.done():
                    continue
                if isinstance(answer, BaseException):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)
        finally:
            for item in batch:
                self._busy_keys.difference_update(item[1])
            self._tasks.discard(asyncio.current_task())
            if self._gather and len(batch) >= _SHARE_MIN:
                self._await_callers(len(batch), loop.time() - begun)
            else:
                self._start()

    def _await_callers(self, answered: int, took: float) -> None:
        """Let those who were just answered ask again, as long as they come."""
        loop = asyncio.get_running_loop()
        self._awaited = len(self._waiting) + answered
        quiet = min(took / _QUIET_SHARE, _QUIET_SECONDS_MAX)
        until = loop.time() + 4 * quiet

        def wait() -> None:
            seen = len(self._waiting)
            # Twice soon: the loop looks at its timers first, and then reads what came meanwhile.
            self._looking = loop.call_later(
                quiet, lambda: loop.call_soon(lambda: loop.call_soon(look, seen))
            )

        def look(seen: int) -> None:
            if seen < len(self._waiting) < self._awaited and loop.time() < until:
                wait()
            elif self._awaited and not self._scheduled:
                self._start()

        wait()
