"""Pensioners paid in one run, per second, as a ratio to a bare COPY of the same ledger rows.

The run is prepared, checked and approved; then `yikatong runs pay` is started, killed with -9 ten times
on the way and started again. Beside it, on the same server, psql copies the run's transactions and
postings into empty tables of the same columns and indexes, in one transaction. At the end the ledger is
proved, and the sums of lines, funds and banks compared.
Run: python -m benchmarks.pay [--people N] [--kills N] [--json]
"""

import argparse
import asyncio
import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.machine import describe
from benchmarks.people import psql
from yikatong.benefits.runs import service, work
from yikatong.core import embedded, running
from yikatong.core.clock import today
from yikatong.core.months import add_months
from yikatong.core.platform import Platform
from yikatong.core.settings import Settings
from yikatong.money import verification
from yikatong.population import service as population

REGION = "510100"
SPARE = 1.25
"""So many people are made for each pensioner: some are dead, some have no account."""
LOOK_SECONDS = 0.02


async def set_up(platform: Platform, people: int) -> int:
    """People, of whom `people` alive with an account each draw a pension; the approved run."""
    await population.make(platform, round(people * SPARE) + 500, 1, lambda _: None)
    async with platform.database.transaction() as connection:
        await connection.execute("set local statement_timeout = 0")
        await connection.execute("delete from benefit_entitlements where benefit = 'pension'")
        done = await connection.execute(
            """insert into benefit_entitlements
                 (person_id, benefit, insurance, region, status, starts_on, monthly, proof_due_on,
                  settled_month)
               select p.person_id, 'pension', '110', $1, 'drawing', $2,
                      150000 + p.person_id * 7919 % 450000, $3, $5
                 from persons p
                 join cards c on c.person_id = p.person_id and c.account_id is not null
                             and c.state <> 'replaced'
                 join money_accounts a on a.person_id = c.person_id and a.account_id = c.account_id
                where p.died_on is null and a.state = 'open'
                order by p.person_id limit $4""",
            REGION,
            today(platform.clock).replace(year=2020, month=1, day=1),
            today(platform.clock).replace(year=2099),
            people,
            add_months(today(platform.clock), -1),
        )
        assert done == f"INSERT 0 {people}", done
    return people


async def approved(platform: Platform, timed: dict[str, float]) -> int:
    """Prepare, check and approve; answers the run."""
    begun = time.perf_counter()
    one = await service.prepare(platform, "pension", REGION, today(platform.clock), "bench-1")
    await work.go_on(platform, one.run_id)
    timed["prepare_seconds"] = round(time.perf_counter() - begun, 1)
    begun = time.perf_counter()
    await service.check(platform, one.run_id, "bench-1")
    await work.go_on(platform, one.run_id)
    timed["check_seconds"] = round(time.perf_counter() - begun, 1)
    await service.approve(platform, one.run_id, "bench-2")
    return one.run_id


class Paid:
    """What the killed and resumed paying came to."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.lost: list[float] = []
        self.resident_mib = 0


async def pay(platform: Platform, run_id: int, people: int, kills: int) -> Paid:
    """Start the command, kill it at even distances, start it again until it ends by itself."""
    data = str(platform.settings.data_dir)
    words = [sys.executable, "-m", "yikatong", "runs", "pay", str(run_id), "--actor", "bench-1"]
    words += ["--json", "--data", data]
    found = Paid()
    begun = last = time.perf_counter()
    process, count, killed_at = _start(words), 0, 0.0
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        found.resident_mib = max(found.resident_mib, _resident_mib(process))
        async with platform.database.transaction(readonly=True) as connection:
            now = await connection.fetchval(
                "select coalesce(sum(paid), 0)::bigint from benefit_run_chunks where run_id = $1",
                run_id,
            )
        if now > count:
            if killed_at:
                # From the last progress before the kill to the first behind it.
                found.lost.append(time.perf_counter() - killed_at)
                killed_at = 0.0
            count, last = now, time.perf_counter()
        if process.poll() is not None:
            assert process.returncode == 0, process.returncode
            found.seconds = time.perf_counter() - begun
            return found
        done = len(found.lost) + (1 if killed_at else 0)
        if not killed_at and done < kills and count * (kills + 1) >= (done + 1) * people:
            process.send_signal(signal.SIGKILL)
            process.wait()
            killed_at = last
            process = _start(words)


def _start(words: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(words, stdout=subprocess.DEVNULL)


def _resident_mib(process: subprocess.Popen[bytes]) -> int:
    try:
        return psutil.Process(process.pid).memory_info().rss // 2**20
    except psutil.Error:
        return 0


def bare_copy(url: str, run_id: int, folder: Path) -> float:
    """Dump the run's ledger rows and time copying them into empty tables of the same kind."""
    transactions, postings = folder / "transactions", folder / "postings"
    mine = f"from ledger_transactions where key like 'run:{run_id}:%'"
    psql(
        url,
        "set statement_timeout = 0",
        "create table copy_transactions (like ledger_transactions including all)",
        "create table copy_postings (like ledger_postings including all)",
        rf"\copy (select * {mine} order by person_id) to '{transactions}' (format binary)",
        rf"\copy (select * from ledger_postings where (about_person_id, transaction_id) in"
        rf" (select person_id, transaction_id {mine}) order by person_id) to '{postings}' (format binary)",
        "checkpoint",
    )
    begun = time.perf_counter()
    psql(
        url,
        "set statement_timeout = 0",
        "begin",
        rf"\copy copy_transactions from '{transactions}' (format binary)",
        rf"\copy copy_postings from '{postings}' (format binary)",
        "commit",
    )
    return time.perf_counter() - begun


async def measure(settings: Settings, people: int, kills: int, folder: Path) -> dict[str, Any]:
    """All of it; the figures."""
    timed: dict[str, float] = {}
    async with running.platform(settings) as platform:
        await set_up(platform, people)
        psql(platform.database.url, "vacuum analyze", "checkpoint")
        run_id = await approved(platform, timed)
        kills = min(kills, people // work.CHUNK // 4)
        paid = await pay(platform, run_id, people, kills)
        assert len(paid.lost) == kills, "every kill was outlived"
        summary = await service.summary(platform, run_id)
        count = summary.progress.paid
        assert count == summary.run.approved_lines
        assert count > people * 0.99
        balance = await service.balance(platform, today(platform.clock))
        copied = await asyncio.to_thread(bare_copy, platform.database.url, run_id, folder)
        proved = (await verification.verify(platform)).proved
    return {
        "benchmark": "pensioners paid in one run",
        "people": count,
        "payments_per_second": round(count / paid.seconds),
        "seconds": round(paid.seconds, 1),
        "kills": kills,
        "seconds_lost_by_kills": round(sum(paid.lost), 1),
        "bare_copy_per_second": round(count / copied),
        "bare_copy_seconds": round(copied, 1),
        "ratio": round(copied / paid.seconds, 2),
        "ratio_without_kills": round(copied / (paid.seconds - sum(paid.lost)), 2),
        "resident_mib": paid.resident_mib,
        **timed,
        "sums_agree": balance.agrees,
        "ledger_verified": proved,
        "machine": describe(),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="yikatong-bench-") as name:
        folder = Path(name)
        settings = Settings(data_dir=folder / "data", statement_seconds_max=900)
        with embedded.running(settings):
            result = asyncio.run(measure(settings, options.people, options.kills, folder))
    sys.stdout.write(json.dumps(result, indent=None if options.json else 2) + "\n")


if __name__ == "__main__":
    main()
