"""A small HTTP/1.1 load of keep-alive clients in a process of its own."""

import asyncio
import json
import sys
import time
from typing import cast

import uvloop


class Client(asyncio.Protocol):
    """One connection: the next request goes out when the answer to the last is whole."""

    def __init__(
        self, requests: list[tuple[bytes, bytes]], first: int, until: float, seconds: list[float]
    ) -> None:
        self._requests = requests
        self._first = first
        self._turn = first
        self._until = until
        self._seconds = seconds
        self._answer = b""
        self._begun = 0.0
        self.failed = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def _ask(self) -> None:
        before, behind = self._requests[self._turn % len(self._requests)]
        # Each request has an idempotency key of its own.
        key = b"Idempotency-Key: %d-%d\r\n\r\n" % (self._first, self._turn)
        self._turn += 1
        self._begun = time.perf_counter()
        self._transport.write(before + key + behind)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, found, body = self._answer.partition(b"\r\n\r\n")
        if not found:
            return
        lowered = head.lower()
        at = lowered.index(b"content-length:") + 15
        if len(body) < int(lowered[at : lowered.find(b"\r\n", at) % (len(head) + 1)]):
            return
        self._answer = b""
        now = time.perf_counter()
        self._seconds.append(now - self._begun)
        if not head.startswith(b"HTTP/1.1 2"):
            self.failed += 1
        if now < self._until:
            self._ask()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def _load(
    host: str,
    port: int,
    requests: list[tuple[bytes, bytes]],
    clients: int,
    duration: float,
    first: int,
) -> None:
    seconds: list[float] = []
    begun = time.perf_counter()
    loop = asyncio.get_running_loop()
    running: list[Client] = []
    for number in range(clients):
        client = Client(requests, first + number * 7919, begun + duration, seconds)
        await loop.create_connection(lambda client=client: client, host, port)
        running.append(client)
    for client in running:
        await client.done
    took = time.perf_counter() - begun
    seconds.sort()
    figures = {
        "requests": len(seconds),
        "failed": sum(client.failed for client in running),
        "per_second": round(len(seconds) / took, 1),
        "p50_ms": round(seconds[len(seconds) // 2] * 1000, 2),
        "p99_ms": round(seconds[int(len(seconds) * 0.99)] * 1000, 2),
    }
    sys.stdout.write(json.dumps(figures))


def post(path: str, body: bytes, headers: dict[str, str]) -> tuple[bytes, bytes]:
    """One POST request of a JSON body: what stands before and behind its idempotency key."""
    more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{more}"
    )
    return head.encode(), body


def main() -> None:
    """Read {"host", "port", "path", "headers", "bodies", "clients", "seconds", "first"} from stdin;
    print figures."""
    job = json.load(sys.stdin)
    requests = [
        post(job["path"], json.dumps(body).encode(), job.get("headers", {}))
        for body in job["bodies"]
    ]
    uvloop.run(
        _load(
            job["host"], job["port"], requests, job["clients"], job["seconds"], job.get("first", 0)
        )
    )


if __name__ == "__main__":
    main()
