"""Connections that keep nobody else out: a request comes whole soon, and idle ones make room.

The server counts every open connection against its limit. Without this, as many callers who send
nothing, or a byte now and then, would leave all others with a 503.
"""

from asyncio import TimerHandle, Transport
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol, cast

from litestar.types import Scope, Send
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

WHOLE_WITHIN_SECONDS: Final = 60.0
"""From its first byte (of a new connection: from the beginning) until a request is there whole."""
HELD_BYTES_MAX: Final = 32 * 1024
"""Of a body that is waited for before anybody looks at the request."""
HEAD_BYTES_MAX: Final = 64 * 1024
"""Of address and headers. The parser itself would take any number."""
_CYCLE: Final = "yikatong.cycle"


Reply = Callable[[int, Iterable[tuple[bytes, bytes]], bytes], None]
"""Sends a whole answer: status, headers and content."""


class AtOnce(Protocol):
    """An application that answers some requests without a task for each of them."""

    def take(self, scope: Scope, body: bytes, reply: Reply) -> bool:
        """Take a request that is there whole, and `reply` once, now or later; False: it is to be
        called as any application is. Raises nothing."""
        ...


async def answer(
    scope: Scope,
    send: Send,
    status: int,
    headers: Iterable[tuple[bytes, bytes]],
    content: bytes,
) -> None:
    """Send a whole answer: in one piece where the connection is one of ours, else as any server
    takes it. Headers are ours: names in lower case, no line breaks, no length."""
    cycle = cast("RequestResponseCycle | None", cast("dict[str, Any]", scope).get(_CYCLE))
    if cycle is None or not _write(cycle, status, headers, content):
        length = (b"content-length", b"%d" % len(content))
        start = {"type": "http.response.start", "status": status, "headers": [*headers, length]}
        await send(cast("Any", start))
        await send({"type": "http.response.body", "body": content, "more_body": False})


def _write(
    cycle: RequestResponseCycle, status: int, headers: Iterable[tuple[bytes, bytes]], content: bytes
) -> bool:
    """Write a whole answer in one piece; False where that cannot be."""
    if (
        cycle.flow.write_paused
        or cycle.response_started
        # Of what was a HEAD the body is left out.
        or cycle.scope["method"] == "HEAD"
    ):
        return False
    if cycle.disconnected:
        return True
    # What follows is what the server's own `send` does, without looking at each header again.
    parts = [STATUS_LINE[status]]
    for name, value in (*cycle.default_headers, *headers):
        if name == b"connection":
            assert value == b"close"
            cycle.keep_alive = False
        else:
            parts += (name, b": ", value, b"\r\n")
    if not cycle.keep_alive:
        parts.append(b"connection: close\r\n")
    parts += (b"content-length: %d\r\n\r\n" % len(content), content)
    cycle.response_started = cycle.response_complete = True
    cycle.chunked_encoding = False
    cycle.transport.write(b"".join(parts))
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    return True


class Connection(HttpToolsProtocol):
    """A connection of a caller."""

    _whole: bool = True
    """Whether no request is there in part."""
    _head_bytes: int | None = None
    """How much came of address and headers while they are on their way."""
    _since: float = 0.0
    """When it last sent something."""
    _clock: TimerHandle | None = None
    _held: RequestResponseCycle | None = None
    """A request that may be taken at once when it is there whole."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        if (
            self.limit_concurrency is not None
            and len(self.connections) >= self.limit_concurrency - 1
        ):
            self._make_room()
        super().connection_made(transport)
        self._since = self.loop.time()
        self._clock = self.loop.call_later(WHOLE_WITHIN_SECONDS, transport.close)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_clock()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._since = self.loop.time()
        super().data_received(data)
        if self._head_bytes is not None:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX:
                self.send_400_response("The headers are too large.")
        if self._whole:
            self._stop_clock()
        elif self._clock is None:
            self._clock = self.loop.call_later(WHOLE_WITHIN_SECONDS, self.transport.close)

    def on_message_begin(self) -> None:
        self._whole = False
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head_bytes = None
        super().on_headers_complete()
        # Where the connection is upgraded there is none.
        cast("dict[str, Any]", self.scope)[_CYCLE] = self.cycle

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        if self._held is not None and len(self._held.body) > HELD_BYTES_MAX:
            # Too much to wait for: whoever reads it says when there is room for more.
            self._held, cycle = None, self._held
            super()._start_asgi_task(cycle, self._app)

    def on_message_complete(self) -> None:
        self._whole = True
        super().on_message_complete()
        if self._held is not None:
            self._held, cycle = None, self._held
            self._take(cycle)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        if app is not self._app or not hasattr(app, "take") or cycle.waiting_for_100_continue:
            super()._start_asgi_task(cycle, app)
        elif cycle.more_body:
            self._held = cycle
        else:
            # One of several that came together: it waited until the one before was answered.
            self._take(cycle)

    def _take(self, cycle: RequestResponseCycle) -> None:
        def reply(status: int, headers: Iterable[tuple[bytes, bytes]], content: bytes) -> None:
            if not _write(cycle, status, headers, content):
                scope = cast("Scope", cycle.scope)
                task = self.loop.create_task(
                    answer(scope, cast("Send", cycle.send), status, headers, content)
                )
                self.tasks.add(task)
                task.add_done_callback(self.tasks.discard)

        app = cast("AtOnce", self._app)
        if not app.take(cast("Scope", cycle.scope), bytes(cycle.body), reply):
            super()._start_asgi_task(cycle, self._app)

    @property
    def _app(self) -> Any:
        return cast("Any", self.app)  # pyright: ignore[reportUnknownMemberType]

    @property
    def _waits(self) -> bool:
        """Whether it is the caller's turn: nothing is being answered."""
        cycle = cast("RequestResponseCycle | None", self.cycle)
        return not self._whole or cycle is None or cycle.response_complete

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _make_room(self) -> None:
        """Close the connection that has been silent longest."""
        everyone = cast("set[Connection]", self.connections)
        waiting = [one for one in everyone if one._waits]
        if waiting:
            silent = min(waiting, key=lambda one: one._since)
            self.connections.discard(silent)
            silent.transport.close()
