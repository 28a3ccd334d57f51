"""A small HTTP/1.1 load of keep-alive clients in a process of its own."""

import asyncio
import json
import sys
import time


async def _client(
    host: str, port: int, requests: list[bytes], until: float, seconds: list[float], first: int
) -> int:
    reader, writer = await asyncio.open_connection(host, port)
    failed = 0
    turn = first
    try:
        while time.perf_counter() < until:
            begun = time.perf_counter()
            writer.write(requests[turn % len(requests)])
            turn += 1
            head = await reader.readuntil(b"\r\n\r\n")
            length = 0
            for line in head.split(b"\r\n"):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            await reader.readexactly(length)
            seconds.append(time.perf_counter() - begun)
            if not head.startswith(b"HTTP/1.1 2"):
                failed += 1
    finally:
        writer.close()
    return failed


async def _load(host: str, port: int, requests: list[bytes], clients: int, duration: float) -> None:
    seconds: list[float] = []
    begun = time.perf_counter()
    failed = await asyncio.gather(
        *(
            _client(host, port, requests, begun + duration, seconds, number * 7919)
            for number in range(clients)
        )
    )
    took = time.perf_counter() - begun
    seconds.sort()
    figures = {
        "requests": len(seconds),
        "failed": sum(failed),
        "per_second": round(len(seconds) / took, 1),
        "p50_ms": round(seconds[len(seconds) // 2] * 1000, 2),
        "p99_ms": round(seconds[int(len(seconds) * 0.99)] * 1000, 2),
    }
    sys.stdout.write(json.dumps(figures))


def post(path: str, body: bytes) -> bytes:
    """One POST request of a JSON body, as sent."""
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def main() -> None:
    """Read {"host", "port", "path", "bodies", "clients", "seconds"} from stdin; print figures."""
    job = json.load(sys.stdin)
    requests = [post(job["path"], json.dumps(body).encode()) for body in job["bodies"]]
    asyncio.run(_load(job["host"], job["port"], requests, job["clients"], job["seconds"]))


if __name__ == "__main__":
    main()
