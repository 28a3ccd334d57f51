"""More processes that serve the same address: one process decides on one core only.

Each listens on a socket of its own (SO_REUSEPORT) and shares nothing with the others but the
database. A worker that dies is started again; when the first process dies, so do the workers.
"""

import asyncio
import contextlib
import multiprocessing
import os
import signal
import socket
from collections.abc import Sequence
from multiprocessing.process import BaseProcess
from typing import Final

import structlog
import uvicorn
import uvloop
from litestar.types import ASGIApp

from yikatong.app import serve
from yikatong.core import logging, running, seats, tuning
from yikatong.core.connections import Connection
from yikatong.core.platform import Platform
from yikatong.core.seats import Seat
from yikatong.core.settings import Settings

_WATCH_SECONDS: Final = 1
BACKLOG: Final = 512
_log = structlog.stdlib.get_logger("yikatong.workers")


def configuration(app: ASGIApp) -> uvicorn.Config:
    """How every process serves."""
    return uvicorn.Config(
        app,
        http=Connection,
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        backlog=BACKLOG,
        limit_concurrency=BACKLOG,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=5,
        server_header=False,
    )


def end_when_told() -> None:
    """Let SIGTERM end this process as Ctrl-C does: what is open is closed, the database is stopped. The
    server passes on the signal that ended it, which by default would kill us before that."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def bind(host: str, port: int, *, shared: bool) -> socket.socket:
    """A bound socket; `shared`: other processes of ours may bind the same address. Raises OSError."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


class Workers:
    """The further processes, kept alive until stopped."""

    def __init__(
        self, settings: Settings, host: str, port: int, places: Sequence[Seat | None]
    ) -> None:
        self._of = (settings, host, port)
        self._places = places
        self._processes: list[BaseProcess] = [self._start(seat) for seat in places]

    def _start(self, seat: Seat | None) -> BaseProcess:
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=_work, args=(*self._of, seat), daemon=True)
        process.start()
        return process

    async def watch(self) -> None:
        """Start again what died."""
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            for at, process in enumerate(self._processes):
                if not process.is_alive():
                    _log.warning("a worker died and is started again", code=process.exitcode)
                    self._processes[at] = self._start(self._places[at])

    def stop(self) -> None:
        """End them all, and wait."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join(timeout=10)


def settle(platform: Platform, seat: Seat | None) -> None:
    """What a process does once, before it serves."""
    tuning.settle_memory()
    if seat is not None:
        seats.take(seat)
        # A database behind a network is not ours to place.
        if not platform.settings.database_url:
            platform.database.seat = seat


def _work(settings: Settings, host: str, port: int, seat: Seat | None) -> None:
    """What a worker process runs."""
    end_when_told()
    logging.configure(settings.log_format)
    with (
        contextlib.suppress(KeyboardInterrupt),
        bind(host, port, shared=True) as listener,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(_serve(settings, listener, seat))


async def _serve(settings: Settings, listener: socket.socket, seat: Seat | None) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    # The first process is gone, however it went: nobody would stop this one any more.
    asyncio.get_running_loop().add_reader(parent.sentinel, os._exit, 1)
    async with running.platform(settings) as platform:
        server = uvicorn.Server(configuration(serve(platform)))
        settle(platform, seat)
        listener.listen(BACKLOG)
        await server.serve(sockets=[listener])
