"""Callers who send nothing, or slowly, do not keep others out."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn

from yikatong.core import connections
from yikatong.core.connections import Connection

LIMIT = 12


async def app(scope: Any, receive: Any, send: Any) -> None:
    size = 0
    while True:
        message = await receive()
        size += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    if scope["path"] == "/slow":
        await asyncio.sleep(1)
    body = str(size).encode()
    length = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": length})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(
            app, http=Connection, lifespan="off", log_config=None, limit_concurrency=LIMIT
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    yield listener.getsockname()[1]
    server.should_exit = server.force_exit = True
    with contextlib.suppress(asyncio.CancelledError):
        await serving


async def ask(port: int, *parts: bytes, pause: float = 0) -> bytes:
    """Send in parts, and the first line of the answer; empty where the connection was closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await asyncio.sleep(pause)
        return (await reader.readline()).strip()
    except OSError:
        return b""
    finally:
        writer.close()


GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
OK = b"HTTP/1.1 200 OK"
REFUSED = b"HTTP/1.1 400 Bad Request"


async def test_those_who_send_nothing_make_room_for_those_who_ask(port: int) -> None:
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3 * LIMIT)]
    for _, writer in silent[::2]:
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1")
    await asyncio.sleep(0.1)
    assert [await ask(port, GET) for _ in range(5)] == [OK] * 5
    for _, writer in silent:
        writer.close()


async def test_whoever_is_being_answered_stays(port: int) -> None:
    slow = [
        asyncio.create_task(ask(port, b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"))
        for _ in range(LIMIT - 3)
    ]
    await asyncio.sleep(0.1)
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(LIMIT)]
    assert await asyncio.gather(*slow) == [OK] * len(slow)
    for _, writer in silent:
        writer.close()


async def test_a_request_comes_whole_soon_or_not_at_all(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "WHOLE_WITHIN_SECONDS", 0.3)
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"
    assert await ask(port) == b"", "nothing came"
    assert await ask(port, b"GET / HT", b"TP/1.1\r\nX: ", *[b"y"] * 8, pause=0.06) == b""
    assert await ask(port, head, b"1", b"2", b"3", b"4", pause=0.15) == b""
    assert await ask(port, head, b"12", b"34", pause=0.05) == OK


async def test_endless_headers_are_cut_off(port: int) -> None:
    line = b"X: " + b"y" * 1000 + b"\r\n"
    assert await ask(port, GET[:-2], *[line * 10] * 12, pause=0.01) in (b"", REFUSED)
    assert await ask(port, GET[:-2], line * 30, b"\r\n", pause=0.01) == OK


async def test_a_connection_that_is_kept_serves_as_long_as_it_is_used(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "WHOLE_WITHIN_SECONDS", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(5):
        writer.write(GET)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(OK)
        await reader.readexactly(1)
        await asyncio.sleep(0.1)
    writer.close()
