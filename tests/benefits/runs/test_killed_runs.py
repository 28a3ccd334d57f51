"""`yikatong runs pay` killed with -9, and the database under it."""

import asyncio
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from yikatong.benefits.runs import service, work
from yikatong.core import embedded, running
from yikatong.core.clock import today
from yikatong.core.errors import Unavailable
from yikatong.core.months import add_months
from yikatong.core.platform import Platform
from yikatong.core.settings import Settings
from yikatong.money import verification
from yikatong.population import service as population

pytestmark = pytest.mark.server
PEOPLE = 600


def start(words: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def paid(platform: Platform, run_id: int) -> int:
    try:
        async with platform.database.transaction(readonly=True) as connection:
            return await connection.fetchval(
                "select coalesce(sum(paid), 0)::bigint from benefit_run_chunks where run_id = $1",
                run_id,
            )
    except Unavailable:
        return -1


async def test_a_run_outlives_kills_of_the_program_and_of_the_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "CHUNK", 20)
    settings = Settings(data_dir=tmp_path / "data")
    with embedded.running(settings):
        async with running.platform(settings) as platform:
            run_id, total = await approved(platform)
            words = [sys.executable, "-m", "yikatong", "runs", "pay", str(run_id)]
            words += ["--actor", "fin-1", "--json", "--data", str(settings.data_dir)]
            kills = 0
            for turn in range(40):
                before = await paid(platform, run_id)
                process = start(words)
                while process.poll() is None and await paid(platform, run_id) in (before, -1):  # noqa: ASYNC110
                    await asyncio.sleep(0.002)
                if process.poll() == 0:
                    break
                if turn % 2:
                    process.send_signal(signal.SIGKILL)
                else:
                    pid = int(
                        (settings.data_dir / "postgres" / "postmaster.pid").read_text().split()[0]
                    )
                    psutil.Process(pid).kill()
                    await asyncio.to_thread(process.wait)
                    await asyncio.to_thread(embedded.ensure, settings.data_dir)
                await asyncio.to_thread(process.wait)
                kills += 1
                assert (await service.balance(platform, today(platform.clock))).agrees
            assert kills >= 2
            summary = await service.summary(platform, run_id)
            assert summary.run.state == "paid"
            balance = await service.balance(platform, today(platform.clock))
            assert (balance.paid, balance.fund, balance.banks) == (total, total, total)
            assert (await verification.verify(platform)).proved


async def approved(platform: Platform) -> tuple[int, int]:
    await population.make(platform, PEOPLE, 3, lambda _: None)
    async with platform.database.transaction() as connection:
        await connection.execute("delete from benefit_entitlements")
        await connection.execute("delete from unemployment_claims")
        await connection.execute(
            """insert into benefit_entitlements
                 (person_id, benefit, insurance, region, status, starts_on, monthly, settled_month)
               select person_id, 'pension', '110', '510100', 'drawing', $1,
                      1000 + person_id % 977, $2
                 from persons""",
            today(platform.clock) - timedelta(days=900),
            add_months(today(platform.clock), -1),
        )
    one = await service.prepare(platform, "pension", "510100", today(platform.clock), "fin-1")
    await work.go_on(platform, one.run_id)
    await service.check(platform, one.run_id, "fin-1")
    await work.go_on(platform, one.run_id)
    done = await service.approve(platform, one.run_id, "fin-2")
    assert done.approved_amount is not None
    return one.run_id, done.approved_amount
