"""Hospitals that call the signed interface, in a process of their own: keep-alive clients over HTTP.

Two kinds of load: prepared calls, each sent once, as fast as answers come; and whole visits
(register, see, lines, quote, settle), where each call needs what the last one answered.
"""

import asyncio
import base64
import hashlib
import hmac
import itertools
import json
import pickle
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, cast

import msgspec
import uvloop

from yikatong.core.clock import SHANGHAI

PATH = "/fsi/api/rsfComIfsService/callService"
_encode = msgspec.json.encode


class Hospital(msgspec.Struct):
    """A provider with the key it signs with."""

    code: str
    name: str
    region: str
    access_key: str
    secret: str


class Requests:
    """Writes signed calls of hospitals, each with a message id of its own."""

    def __init__(self, hospitals: list[Hospital], first: int) -> None:
        self._hospitals = hospitals
        self._numbers = itertools.count(first)
        self._moment = datetime.now(SHANGHAI).replace(microsecond=0)
        self._heads = [
            (
                f'"mdtrtarea_admvs":"{one.region}","recer_sys_code":"YKT","infver":"V1.0",'
                f'"opter_type":"1","opter":"0001","opter_name":"bench","inf_time":"{self._moment:%Y-%m-%d %H:%M:%S}",'
                f'"fixmedins_code":"{one.code}","fixmedins_name":"{one.name[:20]}","input":'
            ).encode()
            for one in hospitals
        ]

    def call(self, hospital: int, infno: str, content: bytes, insured: str) -> bytes:
        """One request, ready to be sent."""
        one = self._hospitals[hospital]
        number = next(self._numbers)
        # A moment and four digits, which together keep messages apart.
        moment = self._moment + timedelta(seconds=number // 10_000)
        serial = f"{moment:%Y%m%d%H%M%S}{number % 10_000:04d}"
        body = (
            (
                f'{{"infno":"{infno}","msgid":"{one.code}{serial}","insuplc_admdvs":"{insured}",'
            ).encode()
            + self._heads[hospital]
            + content
            + b"}"
        )
        stamp = str(int(time.time() * 1000))
        signed = (
            f"_api_access_key={one.access_key}&_api_name={infno}&_api_timestamp={stamp}"
            "&_api_version=1.0"
        )
        digest = hmac.digest(one.secret.encode(), signed.encode(), hashlib.sha1)
        return (
            f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"_api_name: {infno}\r\n_api_version: 1.0\r\n_api_timestamp: {stamp}\r\n"
            f"_api_access_key: {one.access_key}\r\n"
            f"_api_signature: {base64.b64encode(digest).decode()}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body


class Wire(asyncio.Protocol):
    """One connection: sends a request, tells the answer's body."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._answer = b""
        self._waiting: asyncio.Future[bytes] | None = None

    def ask(self, request: bytes) -> asyncio.Future[bytes]:
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._waiting

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, found, body = self._answer.partition(b"\r\n\r\n")
        if not found:
            return
        lowered = head.lower()
        at = lowered.index(b"content-length:") + 15
        end = lowered.find(b"\r\n", at)
        if len(body) < int(lowered[at : end if end >= 0 else len(lowered)]):
            return
        self._answer = b""
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(body)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(exc or ConnectionError("closed"))


class Figures(msgspec.Struct):
    """What a load came to."""

    done: int
    failed: int
    seconds: float
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_seconds: float = 0.0
    """Processor time the load itself took while it ran."""
    first_failure: str = ""


def _figures(times: list[float], failures: list[str], seconds: float, cpu: float) -> Figures:
    times.sort()
    return Figures(
        done=len(times),
        failed=len(failures),
        seconds=round(seconds, 2),
        per_second=round(len(times) / seconds, 1),
        p50_ms=round(times[len(times) // 2] * 1000, 2) if times else 0.0,
        p99_ms=round(times[int(len(times) * 0.99)] * 1000, 2) if times else 0.0,
        cpu_seconds=round(cpu, 3),
        first_failure=failures[0] if failures else "",
    )


async def _connect(port: int) -> Wire:
    _, wire = await asyncio.get_running_loop().create_connection(Wire, "127.0.0.1", port)
    return wire


async def prepared(job: dict[str, Any]) -> Figures:
    """Send each call once, until all are sent or the time is over."""
    requests = Requests(job["hospitals"], job["first"])
    ready = [requests.call(*one) for one in job["calls"]]
    calls = iter(ready)
    until = time.perf_counter() + job["seconds"]
    times: list[float] = []
    failures: list[str] = []

    async def client() -> None:
        wire = await _connect(job["port"])
        for request in calls:
            begun = time.perf_counter()
            answer = await wire.ask(request)
            now = time.perf_counter()
            times.append(now - begun)
            if b'"infcode":0' not in answer[:40]:
                failures.append(answer[:600].decode("utf-8", "replace"))
            if now > until:
                return

    begun, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(client() for _ in range(job["clients"])))
    seconds = time.perf_counter() - begun
    return _figures(times, failures, seconds, time.process_time() - cpu)


class Failed(Exception):
    """A call was answered with an error."""


async def visits(job: dict[str, Any]) -> Figures:
    """Whole outpatient visits; a time is that of all five calls."""
    requests = Requests(job["hospitals"], job["first"])
    people: Iterator[dict[str, Any]] = iter(job["people"])
    until = time.perf_counter() + job["seconds"]
    times: list[float] = []
    failures: list[str] = []

    async def client() -> None:
        wire = await _connect(job["port"])
        for one in people:
            begun = time.perf_counter()
            try:
                await _visit(wire, requests, one)
            except Failed as error:
                failures.append(str(error))
            now = time.perf_counter()
            times.append(now - begun)
            if now > until:
                return

    begun, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(client() for _ in range(job["clients"])))
    seconds = time.perf_counter() - begun
    return _figures(times, failures, seconds, time.process_time() - cpu)


async def _visit(wire: Wire, requests: Requests, one: dict[str, Any]) -> None:
    async def call(infno: str, content: dict[str, Any]) -> Any:
        request = requests.call(one["hospital"], infno, _encode(content), one["insured"])
        answer = msgspec.json.decode(await wire.ask(request))
        if answer["infcode"] != 0:
            raise Failed(f"{infno}: {answer['err_msg']}")
        return answer["output"]

    person, shown = one["psn_no"], one["shown"]
    registered = await call("2201", {"data": {**shown, "psn_no": person, **one["register"]}})
    visit = registered["data"]["mdtrt_id"]
    await call(
        "2203",
        {
            "mdtrtinfo": {"mdtrt_id": visit, "psn_no": person, **one["see"]},
            "diseinfo": one["diagnoses"],
        },
    )
    lines = [{**line, "mdtrt_id": visit, "psn_no": person} for line in one["lines"]]
    await call("2204", {"feedetail": lines})
    bill = {**shown, "psn_no": person, "mdtrt_id": visit, **one["bill"]}
    await call("2206", {"data": bill})
    await call("2207", {"data": bill})


def main() -> None:
    """Read a pickled job from a file; print figures as JSON."""
    with open(sys.argv[1], "rb") as file:
        job: dict[str, Any] = pickle.load(file)
    run = {"prepared": prepared, "visits": visits}[job["kind"]]
    sys.stdout.write(json.dumps(msgspec.to_builtins(uvloop.run(run(job)))))


if __name__ == "__main__":
    main()
