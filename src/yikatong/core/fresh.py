"""What is read from the database and may be a little old, so that not every call reads it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Generic, TypeVar, cast

_T = TypeVar("_T")
_Row = TypeVar("_Row")
_UNKNOWN_MAX: Final = 10_000


class Fresh(Generic[_T]):
    """Reads at most every so many seconds, once for all who wait; a failure reaches all of them."""

    def __init__(self, load: Callable[[], Awaitable[_T]], seconds: float) -> None:
        self._load = load
        self._seconds = seconds
        self._until = 0.0
        self._value: _T | None = None
        self._loading: asyncio.Task[_T] | None = None

    async def get(self) -> _T:
        """The value, at most so many seconds old; raises what reading raises."""
        if time.monotonic() < self._until:
            return cast("_T", self._value)
        if self._loading is None:
            self._loading = asyncio.get_running_loop().create_task(self._read())
        # Whoever started it may leave; the others wait on.
        return await asyncio.shield(self._loading)

    def at_hand(self) -> _T | None:
        """The value where it need not be read."""
        return self._value if time.monotonic() < self._until else None

    async def _read(self) -> _T:
        try:
            self._value = await self._load()
            self._until = time.monotonic() + self._seconds
            return self._value
        finally:
            self._loading = None

    def forget(self) -> None:
        """Read again at the next call."""
        self._until = 0.0


class Remembered(Generic[_Row, _T]):
    """What stands behind the keys that callers show: remembered where there is something, for a while
    also where there is nothing. One per process; a known key costs no look-up.

    Strangers cannot make it look up more than so many unknown keys a second: `too_many` is raised.
    """

    def __init__(
        self,
        read: Callable[[Sequence[str]], Awaitable[Mapping[str, _Row]]],
        make: Callable[[_Row], _T],
        too_many: Callable[[], Exception],
        *,
        seconds: float,
        known_max: int,
        misses_a_second_max: int,
        refreshed: Callable[[], None] = lambda: None,
    ) -> None:
        """`read` finds rows by their keys and `make` makes of each what is remembered; what is known is
        read again every so many `seconds`, and `refreshed` told of it."""
        self._read = read
        self._make = make
        self._too_many = too_many
        self._seconds = seconds
        self._known_max = known_max
        self._misses_max = misses_a_second_max
        self._refreshed = refreshed
        self._known: dict[str, tuple[_Row, _T]] = {}
        """The row as it was read, and what was made of it."""
        self._unknown: dict[str, float] = {}
        self._fresh = Fresh(self._refresh, seconds)
        self._looking: dict[str, asyncio.Task[_T | None]] = {}
        self._second = 0
        self._misses = 0

    async def find(self, key: str) -> _T | None:
        """What stands behind a key; None where nothing does. Raises what `too_many` makes, and what
        reading raises."""
        known = (await self._fresh.get()).get(key)
        if known is not None:
            return known[1]
        if self._unknown.get(key, 0.0) > time.monotonic():
            return None
        task = self._looking.get(key)
        if task is None:
            self._count_look_up()
            task = asyncio.get_running_loop().create_task(self._look_up(key))
            self._looking[key] = task
        return await asyncio.shield(task)

    def at_hand(self, key: str) -> _T | None:
        """What stands behind a key, where nothing need be read to say it."""
        known = self._fresh.at_hand()
        found = known.get(key) if known is not None else None
        return found[1] if found is not None else None

    def forget(self) -> None:
        """Read what is known again at the next call."""
        self._fresh.forget()

    def _count_look_up(self) -> None:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._misses = second, 0
        if self._misses >= self._misses_max:
            raise self._too_many()
        self._misses += 1

    async def _look_up(self, key: str) -> _T | None:
        try:
            row = (await self._read([key])).get(key)
            if row is None:
                if len(self._unknown) >= _UNKNOWN_MAX:
                    self._unknown.clear()
                self._unknown[key] = time.monotonic() + self._seconds
                return None
            self._misses -= 1
            if len(self._known) >= self._known_max:
                self._known.clear()
            self._known[key] = row, self._make(row)
            return self._known[key][1]
        finally:
            del self._looking[key]

    async def _refresh(self) -> Mapping[str, tuple[_Row, _T]]:
        """Read what is known again: drop what is gone, take over what was changed."""
        if asked := list(self._known):
            found = await self._read(asked)
            for key in asked:
                row, known = found.get(key), self._known.get(key)
                if row is None:
                    self._known.pop(key, None)
                elif known is not None and row != known[0]:
                    self._known[key] = row, self._make(row)
            self._refreshed()
        return self._known
