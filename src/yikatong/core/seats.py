"""Where processes of several run: where each processor has one, each stays on its own (座位).

A process that serves and the database's process that works for it take turns. On one processor they hand
over without waking another, and find their data in its caches; left to itself the system often
puts two that are ready on one processor while another stands idle (decision 0024). Threads, which do what
takes long, and everything that is started from here run anywhere.
"""

import asyncio
import contextlib
import os
from concurrent.futures import ThreadPoolExecutor

import msgspec


class Seat(msgspec.Struct, frozen=True):
    """The processor of one process, and those its threads may use."""

    own: frozenset[int]
    everywhere: frozenset[int]


def seats(processes: int) -> list[Seat | None]:
    """A seat for each process; None where not every processor gets as many as the others, or where the
    system knows no seats."""
    everywhere = _allowed()
    if not everywhere or processes % len(everywhere):
        return [None] * processes
    processors = sorted(everywhere)
    return [
        Seat(frozenset({processors[at % len(processors)]}), everywhere) for at in range(processes)
    ]


class _Taken:
    seat: Seat | None = None
    """This process's, once taken."""


def take(seat: Seat) -> None:
    """Stay there with this thread. Those that the event loop starts for others' work do not; a pool of
    threads beside them begins each with `anywhere`."""
    _Taken.seat = seat
    asyncio.get_running_loop().set_default_executor(
        ThreadPoolExecutor(thread_name_prefix="anywhere", initializer=anywhere)
    )
    os.sched_setaffinity(0, seat.own)


def anywhere() -> None:
    """Let this thread, and what it starts, run anywhere again."""
    if _Taken.seat is not None:
        os.sched_setaffinity(0, _Taken.seat.everywhere)


def share(seat: Seat, process_id: int) -> None:
    """Have another process stay there, too, where the system lets us."""
    with contextlib.suppress(OSError):
        os.sched_setaffinity(process_id, seat.own)


def _allowed() -> frozenset[int]:
    # Not everywhere: macOS has no such call.
    ask = getattr(os, "sched_getaffinity", None)
    return frozenset(ask(0)) if ask is not None else frozenset()
