"""Verifications of e-card codes per second over HTTP: each a fresh code, its signature checked, device,
card and person looked at, redeemed once, audited, durably committed.

Beside them, alternating in the same run on the same server, pgbench's select alone (-S, prepared, as
many clients). Codes live a minute, so those of a slice are signed just before it.
Run: python -m benchmarks.verify [--people N] [--seconds N] [--clients N] [--data DIR] [--json]
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil
import uvloop

from benchmarks.checks import pgbench, serving
from benchmarks.hospital import Figures, Wire
from benchmarks.machine import describe
from yikatong.core import embedded, running
from yikatong.core.platform import Platform
from yikatong.core.settings import Settings
from yikatong.identity.ecards import service, store
from yikatong.identity.ecards.codes import Codes
from yikatong.identity.ecards.model import Device
from yikatong.identity.verification.api import VERIFICATIONS
from yikatong.trust.operator import token

SLICE_SECONDS_MAX: Final = 40
"""The last code of a slice must still be valid."""


class Processes:
    """The app's processes and this database's, and what they take."""

    def __init__(self, data: Path) -> None:
        self._app = next(
            one
            for one in psutil.process_iter(["cmdline"])
            if {"up", str(data)} <= {*(one.info["cmdline"] or [])}
        )
        postmaster = (data / "postgres" / "postmaster.pid").read_text().split()[0]
        self._database = psutil.Process(int(postmaster))

    def _family(self, first: psutil.Process) -> list[psutil.Process]:
        return [
            first,
            *(
                one
                for one in first.children(recursive=True)
                if first is self._database or one.name() != "postgres"
            ),
        ]

    def resident_mib(self) -> float:
        """Resident memory of the app, all its processes together."""
        return round(sum(one.memory_info().rss for one in self._family(self._app)) / 2**20, 1)

    def seconds(self) -> tuple[dict[int, float], dict[int, float]]:
        """Processor time so far by process: of the app, of PostgreSQL."""

        def of(first: psutil.Process) -> dict[int, float]:
            found: dict[int, float] = {}
            for one in self._family(first):
                with contextlib.suppress(psutil.NoSuchProcess):
                    used = one.cpu_times()
                    found[one.pid] = used.user + used.system
            return found

        return of(self._app), of(self._database)


def spent(before: dict[int, float], behind: dict[int, float]) -> float:
    """Processor time between two looks."""
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in behind.items())


class Holders:
    """People with a live, active card, their e-cards bound to nothing, and fresh codes of theirs."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.codes = Codes(platform)
        self._names: dict[int, str] = {}
        self._devices: list[Device] = []
        self._turn = itertools.count()

    async def open(self, how_many: int) -> None:
        """Bind an e-card of so many people, where they have none of an earlier run."""
        async with self.platform.database.transaction() as connection:
            rows = await connection.fetch(
                """select p.person_id, p.name, c.card_id from persons p join cards c using (person_id)
                    where p.died_on is null and c.state = 'active' and c.valid_until > now()
                      and c.social_security_app = 'active' order by p.person_id limit $1""",
                how_many,
            )
            self._names = {row[0]: row[1] for row in rows}
            await connection.execute("delete from e_card_devices where kind = 'sandbox'")
            self._devices = service.many_by_sandbox(
                self.platform, self.codes, [(row[0], row[2]) for row in rows]
            )
            await store.insert_devices(connection, self._devices)

    async def fresh(self, how_many: int) -> list[str]:
        """So many codes, one person after the other."""
        wanted = [self._devices[next(self._turn) % len(self._devices)] for _ in range(how_many)]
        made = await self.codes.issue_many(
            [(one.person_id, one.device_id, self._names[one.person_id]) for one in wanted]
        )
        return [one.text for one in made]


def requests_of(codes: Sequence[str], shown: str, first: int) -> list[bytes]:
    """One request for each code."""
    written: list[bytes] = []
    for number, code in enumerate(codes, first):
        body = msgspec.json.encode(
            {"mode": "e_card", "code": code, "purpose": "culture", "region": "510100"}
        )
        head = (
            f"POST {VERIFICATIONS} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {shown}\r\n"
            f"Content-Type: application/json\r\nIdempotency-Key: bench-{number}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        written.append(head.encode() + body)
    return written


async def _load(job: dict[str, Any]) -> Figures:
    """Send each request once, until all are sent or the time is over."""
    requests = iter(job["requests"])
    until = time.perf_counter() + job["seconds"]
    times: list[float] = []
    failures: list[str] = []

    async def client() -> None:
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_connection(Wire, "127.0.0.1", job["port"])
        for request in requests:
            begun = time.perf_counter()
            answer = await wire.ask(request)
            now = time.perf_counter()
            times.append(now - begun)
            if b'"match":true' not in answer:
                failures.append(answer.decode("utf-8", "replace")[:600])
            if now > until:
                return

    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(job["clients"])))
    seconds = time.perf_counter() - begun
    times.sort()
    return Figures(
        done=len(times),
        failed=len(failures),
        seconds=round(seconds, 2),
        per_second=round(len(times) / seconds, 1),
        p50_ms=round(times[len(times) // 2] * 1000, 2),
        p99_ms=round(times[int(len(times) * 0.99)] * 1000, 2),
        first_failure=failures[0] if failures else "",
    )


def load(job: dict[str, Any]) -> Figures:
    """Figures of one load, driven from a process of its own."""
    with tempfile.NamedTemporaryFile(suffix=".job") as file:
        pickle.dump(job, file)
        file.flush()
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.verify", "--load", file.name],
            stdout=subprocess.PIPE,
            check=True,
        )
    return msgspec.json.decode(done.stdout, type=Figures)


async def measure(options: argparse.Namespace, data: Path, port: int, url: str) -> dict[str, Any]:
    """Two slices of each, alternating, after a short warming up."""
    # Codes name the address the platform is reached at.
    settings = Settings(
        data_dir=data, statement_seconds_max=600, public_url=f"http://127.0.0.1:{port}"
    )
    half = min(options.seconds / 2, SLICE_SECONDS_MAX)
    shown = token(settings)
    async with running.platform(settings) as platform:
        holders = Holders(platform)
        await holders.open(min(options.people // 2, 100_000))
        # Behind those of earlier runs over the same data.
        firsts = itertools.count(int(time.time()) * 10_000, 10_000_000)

        async def run(seconds: float, expected: float) -> Figures:
            codes = await holders.fresh(int(seconds * expected) + options.clients)
            requests = requests_of(codes, shown, next(firsts))
            job = {
                "requests": requests, "port": port, "clients": options.clients, "seconds": seconds,
            }  # fmt: skip
            return await asyncio.to_thread(load, job)

        expected = 1.6 * (await run(1.5, 6_000)).per_second
        rounds: list[tuple[Figures, float]] = []
        processes = Processes(data)
        used: tuple[float, ...] = (0.0, 0.0)
        for turn in range(2):
            before = processes.seconds()
            figures = await run(half, expected)
            behind = processes.seconds()
            used = tuple(
                sofar + spent(*pair)
                for sofar, pair in zip(used, zip(before, behind, strict=True), strict=True)
            )
            selected = pgbench(
                url, options.clients, max(1, int(half)), first=turn == 0, scale=options.clients,
                select_only=True,
            )  # fmt: skip
            rounds.append((figures, selected))
        memory = processes.resident_mib()
        async with platform.database.transaction(readonly=True) as connection:
            redeemed = await connection.fetchval("select count(*) from e_card_redemptions")
    rate = sum(one.per_second for one, _ in rounds) / len(rounds)
    selects = sum(one for _, one in rounds) / len(rounds)
    done = sum(one.done for one, _ in rounds)
    return {
        "benchmark": "verifications of e-card codes over HTTP",
        "verifications_per_second": round(rate, 1),
        "pgbench_select_per_second": round(selects, 1),
        "ratio": round(rate / selects, 3),
        "p50_ms": max(one.p50_ms for one, _ in rounds),
        "p99_ms": max(one.p99_ms for one, _ in rounds),
        "failed": sum(one.failed for one, _ in rounds),
        "first_failure": next((one.first_failure for one, _ in rounds if one.failed), ""),
        "verified": done,
        "redeemed_in_all": redeemed,
        "app_cpu_us": round(used[0] / done * 1e6),
        "database_cpu_us": round(used[1] / done * 1e6),
        "app_resident_mib": memory,
        "rounds": [[one.per_second, round(other, 1)] for one, other in rounds],
        "people": options.people,
        "workers": options.workers,
        "clients": options.clients,
        "machine": describe(),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--data", type=Path, help="keep the population here between runs")
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--load", type=Path, help="send the requests of a job; used by the run itself"
    )
    options = parser.parse_args()
    if options.load is not None:
        job: dict[str, Any] = pickle.loads(options.load.read_bytes())
        sys.stdout.write(json.dumps(msgspec.to_builtins(uvloop.run(_load(job)))))
        return
    with tempfile.TemporaryDirectory(prefix="yikatong-bench-") as folder:
        data: Path = options.data or Path(folder)
        with (
            serving(data, options.people, options.workers) as (_, port),
            embedded.running(Settings(data_dir=data)) as url,
        ):
            result = uvloop.run(measure(options, data, port, url))
    sys.stdout.write(
        json.dumps(result, ensure_ascii=False, indent=None if options.json else 2) + "\n"
    )


if __name__ == "__main__":
    main()
