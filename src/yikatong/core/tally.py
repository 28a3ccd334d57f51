"""What this process answered (本进程计数): how often, how it went, how long it took.

Plain integers, counted once per request; Prometheus and the overview of operations read the same ones.
"""

from bisect import bisect_left
from collections.abc import Callable
from typing import Final

import msgspec

BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Upper bounds of the times, in seconds; what took longer is counted behind the last."""


class Route(msgspec.Struct):
    """One method of one address."""

    statuses: dict[int, int]
    """How many by HTTP status; 0: none was sent."""
    refused: int
    """Answered with 200 and a refusal inside, as the hospital interface does."""
    seconds: float
    buckets: list[int]
    """How many took at most each of `BOUNDS`, without those of the bounds before, and the rest."""


class Tally:
    """Counts of one process since it started."""

    def __init__(self) -> None:
        self.routes: dict[tuple[str, str], Route] = {}
        self.queues: dict[str, Callable[[], int]] = {}
        """What tells how many wait at this moment, by kind."""

    def note(
        self, method: str, path: str, status: int, seconds: float, *, refused: bool = False
    ) -> None:
        """One request was answered."""
        one = self.routes.get((method, path))
        if one is None:
            one = self.routes[method, path] = Route({}, 0, 0.0, [0] * (len(BOUNDS) + 1))
        one.statuses[status] = one.statuses.get(status, 0) + 1
        one.seconds += seconds
        one.buckets[bisect_left(BOUNDS, seconds)] += 1
        if refused:
            one.refused += 1
