"""Checks per second over HTTP: the whole platform, each check audited and durably committed.

Beside it, in the same run and on the same server, pgbench's TPC-B with as many clients.
Run: python -m benchmarks.checks [--people N] [--seconds N] [--clients N] [--json]
"""

import argparse
import asyncio
import contextlib
import json
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

from benchmarks.machine import describe
from yikatong.core import embedded, running
from yikatong.core.settings import Settings
from yikatong.people import service as people

DESTINATIONS = ("110000", "310000", "440100", "500000", "510100", "330100", "610200", "420700")
SERVICES = ("inpatient", "outpatient", "pharmacy", "cash", "transit", "identity")


@contextlib.contextmanager
def serving(data: Path, people_count: int, workers: int = 1) -> Generator[tuple[str, int]]:
    """`yikatong up` on a free port; yields where it listens once it is ready."""
    command = [sys.executable, "-m", "yikatong", "up", "--data", str(data), "--port", "0"]
    process = subprocess.Popen(
        [*command, "--people", str(people_count), "--workers", str(workers)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.search(r"http://([0-9.]+):([0-9]+)", line):
                yield found[1], int(found[2])
                break
        else:
            raise SystemExit("the platform did not start")
    finally:
        process.terminate()
        process.communicate(timeout=30)


async def bodies(data: Path, how_many: int) -> list[dict[str, Any]]:
    """Requests over random people, destinations and services."""
    chance = random.Random(7)
    async with (
        running.platform(Settings(data_dir=data)) as platform,
        platform.database.transaction(readonly=True) as connection,
    ):
        rows = await connection.fetch(
            "select person_id from persons order by random() limit $1", how_many
        )
        found = [await people.contact(platform, connection, row[0]) for row in rows]
    return [
        {
            "id_number": contact.id_number,
            "region": chance.choice(DESTINATIONS),
            "service": chance.choice(SERVICES),
        }
        for contact in found
    ]


def load(
    host: str,
    port: int,
    requests: list[dict[str, Any]],
    clients: int,
    seconds: float,
    path: str = "/api/v1/portability/check",
    headers: dict[str, str] | None = None,
    first: int = 0,
) -> Any:
    """Figures of one load, driven from a process of its own; `first` keeps its keys apart."""
    job = {
        "host": host,
        "port": port,
        "path": path,
        "headers": headers or {},
        "first": first,
        "bodies": requests,
        "clients": clients,
        "seconds": seconds,
    }
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def pgbench(
    url: str,
    clients: int,
    seconds: int,
    *,
    first: bool,
    scale: int = 10,
    select_only: bool = False,
) -> float:
    """Transactions per second of TPC-B on the same server, or of its one select alone (-S)."""
    program = str(embedded.binaries() / "pgbench")
    if first:
        made = [program, "-i", "-q", "-s", str(scale), url]
        subprocess.run(made, check=True, capture_output=True)
    words = ["-S"] if select_only else []
    words += ["-M", "prepared", "-c", str(clients), "-j", "1", "-T", str(seconds)]
    done = subprocess.run(
        [program, *words, url],
        check=True,
        capture_output=True,
        text=True,
    )
    found = re.search(r"tps = ([0-9.]+)", done.stdout)
    assert found, done.stdout
    return float(found[1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="yikatong-bench-") as folder:
        data = Path(folder)
        with serving(data, options.people) as (host, port):
            requests = asyncio.run(bodies(data, 2_000))
            load(host, port, requests, options.clients, 2)
            rounds: list[tuple[Any, float]] = []
            with embedded.running(Settings(data_dir=data)) as url:
                for turn in range(2):
                    rounds.append(
                        (
                            load(host, port, requests, options.clients, options.seconds / 2),
                            pgbench(url, options.clients, options.seconds // 2, first=turn == 0),
                        )
                    )
    checks = sum(figures["per_second"] for figures, _ in rounds) / len(rounds)
    tpc_b = sum(rate for _, rate in rounds) / len(rounds)
    result = {
        "benchmark": "checks over HTTP",
        "checks_per_second": round(checks, 1),
        "p50_ms": max(figures["p50_ms"] for figures, _ in rounds),
        "p99_ms": max(figures["p99_ms"] for figures, _ in rounds),
        "failed": sum(figures["failed"] for figures, _ in rounds),
        "pgbench_tpc_b_per_second": round(tpc_b, 1),
        "ratio": round(checks / tpc_b, 2),
        "people": options.people,
        "clients": options.clients,
        "machine": describe(),
    }
    sys.stdout.write(json.dumps(result, indent=None if options.json else 2) + "\n")


if __name__ == "__main__":
    main()
