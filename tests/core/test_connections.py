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


class TakesAtOnce:
    """The application, which takes what comes to /at-once and /later without a task."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)

    def take(self, scope: Any, body: bytes, reply: connections.Reply) -> bool:
        answer = b"taken %d" % len(body)
        if scope["path"] == "/at-once":
            reply(200, [], answer)
        elif scope["path"] == "/later":
            asyncio.get_running_loop().call_later(0.05, lambda: reply(200, [], answer))
        else:
            return False
        return True


@pytest.fixture
async def port() -> AsyncIterator[int]:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(
            TakesAtOnce(),
            http=Connection,
            lifespan="off",
            log_config=None,
            limit_concurrency=LIMIT,
            proxy_headers=False,
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


def post(path: bytes, body: bytes, more: bytes = b"") -> bytes:
    head = b"POST /%b HTTP/1.1\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n"
    return head % (path, more, len(body)) + body


async def answers(port: int, how_many: int, *parts: bytes) -> list[bytes]:
    """Send in parts; the bodies of so many answers on this one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        await asyncio.sleep(0.01)
    found: list[bytes] = []
    for _ in range(how_many):
        head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        found.append(await reader.readexactly(length))
    writer.close()
    return found


async def test_what_is_taken_at_once_is_taken_whole(port: int) -> None:
    whole = post(b"at-once", b"12345")
    assert await answers(port, 1, whole) == [b"taken 5"]
    assert await answers(port, 1, whole[:30], whole[30:-3], whole[-3:]) == [b"taken 5"]
    assert await answers(port, 1, post(b"at-once", b"")) == [b"taken 0"]
    assert await answers(port, 3, whole, post(b"elsewhere", b"12"), whole) == [
        b"taken 5", b"2", b"taken 5",
    ]  # fmt: skip


async def test_what_is_sent_behind_each_other_is_answered_in_its_order(port: int) -> None:
    sent = post(b"later", b"1") + post(b"at-once", b"22") + post(b"elsewhere", b"333")
    assert await answers(port, 4, sent + post(b"later", b"4444")) == [
        b"taken 1", b"taken 2", b"3", b"taken 4",
    ]  # fmt: skip


async def test_what_is_too_large_to_be_held_goes_the_ordinary_way(port: int) -> None:
    large = post(b"at-once", b"x" * 500_000)
    assert await answers(port, 1, large[:100_000], large[100_000:]) == [b"500000"]


async def test_whoever_asks_whether_to_send_is_told_so(port: int) -> None:
    head = post(b"at-once", b"1", b"Expect: 100-continue\r\n")[:-1]
    assert await ask(port, head, pause=0.05) == b"HTTP/1.1 100 Continue"
