"""People made per second, as a ratio to a bare COPY of exactly the same rows into the same server.

The rows are made and stored by `people make`; then they are dumped to PostgreSQL's binary COPY files,
the tables are emptied, and the files are copied in again by psql, table by table, in one transaction.
Run: python -m benchmarks.people [--people N] [--json]
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.machine import describe
from yikatong.core import embedded, running
from yikatong.core.settings import Settings
from yikatong.population import service
from yikatong.population.rows import COLUMNS


def psql(url: str, *statements: str) -> None:
    """Run statements by psql, one connection, stopping at the first error."""
    words = [part for statement in statements for part in ("-c", statement)]
    program = str(embedded.binaries() / "psql")
    subprocess.run(
        [program, "-Xq", "-v", "ON_ERROR_STOP=1", url, *words], check=True, capture_output=True
    )


async def make(settings: Settings, people: int, processes: int) -> tuple[str, float]:
    """Make the people; the database's address and the seconds it took."""
    async with running.platform(settings) as platform:
        begun = time.perf_counter()
        await service.make(platform, people, 1, lambda _: None, processes=processes)
        return platform.database.url, time.perf_counter() - begun


def bare_copy(url: str, folder: Path) -> float:
    """Dump all rows, empty the tables, and time copying them in again."""
    psql(url, *(rf"\copy {table} to '{folder / table}' (format binary)" for table in COLUMNS))
    psql(url, f"truncate {', '.join(COLUMNS)}", "checkpoint")
    begun = time.perf_counter()
    copies = (rf"\copy {table} from '{folder / table}' (format binary)" for table in COLUMNS)
    psql(url, "begin", *copies, "commit")
    return time.perf_counter() - begun


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="yikatong-bench-") as name:
        folder = Path(name)
        settings = Settings(data_dir=folder / "data")
        with embedded.running(settings):
            url, made = asyncio.run(make(settings, options.people, options.processes))
            (folder / "dump").mkdir()
            copied = bare_copy(url, folder / "dump")
    result = {
        "benchmark": "people made",
        "people": options.people,
        "people_per_second": round(options.people / made),
        "seconds": round(made, 1),
        "bare_copy_per_second": round(options.people / copied),
        "bare_copy_seconds": round(copied, 1),
        "ratio": round(copied / made, 2),
        "processes": options.processes,
        "machine": describe(),
    }
    sys.stdout.write(json.dumps(result, indent=None if options.json else 2) + "\n")


if __name__ == "__main__":
    main()
