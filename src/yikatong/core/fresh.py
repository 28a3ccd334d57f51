"""A value read from the database that may be a little old, so that not every call reads it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar, cast

_T = TypeVar("_T")


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

    async def _read(self) -> _T:
        try:
            self._value = await self._load()
            self._until = time.monotonic() + self._seconds
            return self._value
        finally:
            self._loading = None
