"""How busy the whole platform is (运行脉搏): every process adds what it answered, every ten seconds.

Prometheus reads one process at a time; this table has all of them together. A request writes nothing:
a process adds the difference of its own counts (`core.tally`), a few rows in one statement. What a
process that is killed counted since its last turn is lost, ten seconds at most.
"""

import asyncio
import os
import socket
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Final

import msgspec
import structlog

from yikatong.core.clock import SHANGHAI
from yikatong.core.database import Connection
from yikatong.core.errors import YikatongError
from yikatong.core.platform import Platform
from yikatong.core.tally import BOUNDS, Tally

TURN_SECONDS: Final = 10
SPANS: Final = {
    10: timedelta(minutes=5),
    60: timedelta(minutes=70),
    600: timedelta(hours=26),
}
"""Lengths of the slices in seconds, and how long each is kept."""
QUIET_AFTER: Final = timedelta(seconds=60)
"""A process that gave no sign for so long hangs, or was killed."""
_FORGET_AFTER: Final = timedelta(days=1)
_log = structlog.stdlib.get_logger("yikatong.pulse")

KindOf = Callable[[str, str], str]
"""The kind of work a method and an address are; "" for what is not counted."""


class Counts(msgspec.Struct):
    """What was answered of a kind in some time."""

    done: int = 0
    refused: int = 0
    """Understood and refused: wrong input, no right, no money."""
    failed: int = 0
    """Our fault, or too busy: 5xx, or no answer."""
    buckets: list[int] = msgspec.field(default_factory=lambda: [0] * (len(BOUNDS) + 1))

    @property
    def all(self) -> int:
        return self.done + self.refused + self.failed

    def add(self, other: "Counts") -> None:
        """Add another's counts to these."""
        self.done += other.done
        self.refused += other.refused
        self.failed += other.failed
        self.buckets = [mine + more for mine, more in zip(self.buckets, other.buckets, strict=True)]

    def within(self, share: float) -> float | None:
        """The smallest bound in seconds within which this share was answered: 0.5 the median; inf
        beyond the last bound, None of nothing."""
        wanted = share * sum(self.buckets)
        if not wanted:
            return None
        for bound, reached in zip((*BOUNDS, float("inf")), accumulate(self.buckets), strict=True):
            if reached >= wanted:
                return bound
        raise AssertionError("the last bound takes all")


class Slice(msgspec.Struct, frozen=True):
    """Counts of a kind in one slice of time."""

    since: datetime
    kind: str
    counts: Counts


class Process(msgspec.Struct, frozen=True):
    """A process that serves."""

    name: str
    """Host and process id."""
    started_at: datetime
    seen_at: datetime
    waiting: dict[str, int]
    """How many requests waited when it was last seen, by kind."""


def counted(tally: Tally, kind_of: KindOf) -> dict[str, Counts]:
    """The counts of a process by kind, since it started."""
    found: dict[str, Counts] = {}
    for (method, path), route in tally.routes.items():
        kind = kind_of(method, path)
        if not kind:
            continue
        failed = sum(n for status, n in route.statuses.items() if status >= 500 or not status)
        refused = sum(n for status, n in route.statuses.items() if 400 <= status < 500)
        refused += route.refused
        done = sum(route.statuses.values()) - failed - refused
        found.setdefault(kind, Counts()).add(Counts(done, refused, failed, list(route.buckets)))
    return found


def since_then(now: dict[str, Counts], before: dict[str, Counts]) -> dict[str, Counts]:
    """What was added since; kinds without anything new are left out."""
    found: dict[str, Counts] = {}
    for kind, counts in now.items():
        was = before.get(kind, Counts())
        if counts.all > was.all:
            found[kind] = Counts(
                counts.done - was.done,
                counts.refused - was.refused,
                counts.failed - was.failed,
                [mine - less for mine, less in zip(counts.buckets, was.buckets, strict=True)],
            )
    return found


def slice_of(at: datetime, span: int) -> datetime:
    """The start of the slice of so many seconds in which a moment lies."""
    seconds = int(at.timestamp())
    return datetime.fromtimestamp(seconds - seconds % span, SHANGHAI)


class Pulse:
    """One process's part: call `turn` now and then."""

    def __init__(self, platform: Platform, tally: Tally, kind_of: KindOf) -> None:
        self._platform = platform
        self._tally = tally
        self._kind_of = kind_of
        self._name = f"{socket.gethostname()[:40]}:{os.getpid()}"
        self._started_at = platform.clock.now()
        self._before: dict[str, Counts] = {}

    async def turn(self) -> None:
        """Add what was answered since the last turn, and tell that this process lives."""
        counts = counted(self._tally, self._kind_of)
        new = since_then(counts, self._before)
        now = self._platform.clock.now()
        waiting = {kind: length() for kind, length in self._tally.queues.items()}
        process = Process(self._name, self._started_at, now, waiting)
        async with self._platform.database.transaction() as connection:
            await _see(connection, process)
            if new:
                await _add(connection, now, new)
        # Only now: of a turn that failed nothing is lost.
        self._before = counts

    async def leave(self) -> None:
        """The last turn of a process that stops."""
        await self.turn()
        async with self._platform.database.transaction() as connection:
            await connection.execute("delete from serving_processes where name = $1", self._name)


async def keep(platform: Platform, tally: Tally, kind_of: KindOf) -> None:
    """Take a turn every ten seconds until cancelled, and a last one then."""
    pulse = Pulse(platform, tally, kind_of)
    try:
        while True:
            try:
                await pulse.turn()
            except YikatongError as error:
                # The next turn adds it all.
                _log.warning("counts were not added", reason=error.text.en)
            await asyncio.sleep(TURN_SECONDS)
    finally:
        try:
            await pulse.leave()
        except YikatongError as error:
            _log.warning("counts were not added", reason=error.text.en)


async def _see(connection: Connection, one: Process) -> None:
    await connection.execute(
        """insert into serving_processes (name, started_at, seen_at, waiting)
           values ($1, $2, $3, $4)
           on conflict (name) do update
              set started_at = excluded.started_at, seen_at = excluded.seen_at,
                  waiting = excluded.waiting""",
        one.name,
        one.started_at,
        one.seen_at,
        msgspec.json.encode(one.waiting).decode(),
    )


async def _add(connection: Connection, now: datetime, new: dict[str, Counts]) -> None:
    # Kinds in one order everywhere, so that two processes never wait in a circle.
    rows = [(span, slice_of(now, span), kind, new[kind]) for span in SPANS for kind in sorted(new)]
    await connection.execute(
        """insert into served (span, since, kind, done, refused, failed, buckets)
           select span, since, kind, done, refused, failed, buckets::bigint[]
             from unnest($1::int[], $2::timestamptz[], $3::text[], $4::bigint[], $5::bigint[],
                         $6::bigint[], $7::text[])
               as n (span, since, kind, done, refused, failed, buckets)
           on conflict (span, since, kind) do update
              set done = served.done + excluded.done,
                  refused = served.refused + excluded.refused,
                  failed = served.failed + excluded.failed,
                  buckets = (select array_agg(a + b order by at)
                               from unnest(served.buckets, excluded.buckets)
                                    with ordinality as t (a, b, at))""",
        [row[0] for row in rows],
        [row[1] for row in rows],
        [row[2] for row in rows],
        [row[3].done for row in rows],
        [row[3].refused for row in rows],
        [row[3].failed for row in rows],
        ["{" + ",".join(map(str, row[3].buckets)) + "}" for row in rows],
    )


async def forget_old(platform: Platform) -> None:
    """Delete slices that are kept no longer, and processes that are long gone."""
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        for span, kept in SPANS.items():
            await connection.execute(
                "delete from served where span = $1 and since < $2", span, now - kept
            )
        await connection.execute(
            "delete from serving_processes where seen_at < $1", now - _FORGET_AFTER
        )


async def slices(connection: Connection, span: int, since: datetime) -> Sequence[Slice]:
    """All slices of a length from a moment on, the oldest first."""
    rows = await connection.fetch(
        """select since, kind, done, refused, failed, buckets from served
            where span = $1 and since >= $2 order by since, kind""",
        span,
        since,
    )
    return [
        Slice(
            row["since"],
            row["kind"],
            Counts(row["done"], row["refused"], row["failed"], list(row["buckets"])),
        )
        for row in rows
    ]


async def processes(connection: Connection) -> Sequence[Process]:
    """The processes that serve, or gave no sign and were not stopped, the oldest first."""
    rows = await connection.fetch(
        "select name, started_at, seen_at, waiting from serving_processes order by started_at, name"
    )
    return [
        Process(
            row["name"],
            row["started_at"],
            row["seen_at"],
            msgspec.json.decode(row["waiting"], type=dict[str, int]),
        )
        for row in rows
    ]


def together(found: Iterable[Slice]) -> dict[str, Counts]:
    """The counts of slices added up, by kind."""
    sums: dict[str, Counts] = {}
    for one in found:
        sums.setdefault(one.kind, Counts()).add(one.counts)
    return sums


class Overview(msgspec.Struct, frozen=True):
    """How busy the platform was until now."""

    at: datetime
    minute: dict[str, Counts]
    """The last minute by kind: six slices of ten seconds and the one under way."""
    hour: dict[str, Counts]
    day: dict[str, Counts]
    by_minute: Sequence[tuple[datetime, dict[str, Counts]]]
    """The last sixty minutes, the oldest first."""
    by_hour: Sequence[tuple[datetime, dict[str, Counts]]]
    """The last 24 hours, the oldest first, each of six slices of ten minutes."""
    processes: Sequence[Process]


async def overview(connection: Connection, now: datetime) -> Overview:
    """The counts until now; a few hundred small rows are read, however much was answered."""
    minutes = [slice_of(now, 60) - timedelta(minutes=59 - back) for back in range(60)]
    # Hours of the clock: the last is the one under way.
    hours = [slice_of(now, 3600) - timedelta(hours=23 - back) for back in range(24)]
    short = await slices(connection, 10, slice_of(now, 10) - timedelta(minutes=1))
    middle = await slices(connection, 60, minutes[0])
    long = await slices(connection, 600, hours[0])
    return Overview(
        at=now,
        minute=together(short),
        hour=together(middle),
        day=together(long),
        by_minute=_split(middle, minutes, 60),
        by_hour=_split(long, hours, 3600),
        processes=await processes(connection),
    )


def _split(
    found: Iterable[Slice], starts: Sequence[datetime], seconds: int
) -> list[tuple[datetime, dict[str, Counts]]]:
    parts: dict[datetime, list[Slice]] = {start: [] for start in starts}
    for one in found:
        # A slice a little ahead of this machine's clock is the next page's.
        if (start := slice_of(one.since, seconds)) in parts:
            parts[start].append(one)
    return [(start, together(some)) for start, some in parts.items()]
