"""The guide for makers of hospital systems: its program runs, its shell text is the page's."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec

from tests.medical.sandbox.test_plays import TESTER, served
from yikatong.core.clock import SystemClock
from yikatong.core.errors import Text
from yikatong.core.platform import Platform
from yikatong.medical.hospital_api.faults import FAULTS
from yikatong.medical.sandbox import client, examples, plays, service
from yikatong.medical.sandbox.model import SandboxProvider
from yikatong.population import sandbox as population_sandbox

GUIDE = (Path(__file__).parents[3] / "docs/guides/hospital-client.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)


def example(scheme: str) -> str:
    provider = SandboxProvider(
        code="H51011200001",
        name="成都第一人民医院",
        english="",
        kind="hospital",
        region="510112",
        pooling_region="510100",
        level="tertiary",
        scheme="A" if scheme == "A" else "B",
        access_key="ACCESS_KEY",
        secret="SECRET",
        note=Text("", ""),
    )
    return examples.curl(provider, "http://127.0.0.1:8000", "ID_NUMBER", "NAME")


def test_the_first_call_is_the_one_the_page_shows() -> None:
    shell = blocks("sh")
    assert shell[1] == example("A")
    lines = example("B").splitlines()
    shared = example("A").splitlines()
    assert shell[2].splitlines() == [line for line in lines if line not in shared or "curl" in line]


def test_every_fault_and_play_it_names_exists_and_no_fault_is_left_out() -> None:
    named = set(re.findall(r"sandbox fault \w+ ([a-z_]+)", GUIDE))
    assert named == set(FAULTS)
    assert set(re.findall(r"sandbox play ([a-z-]+)", GUIDE)) <= set(plays.PLAYS)


async def test_its_program_settles_a_visit_and_takes_it_back(
    platform: Platform, tmp_path: Path
) -> None:
    now = msgspec.structs.replace(platform, clock=SystemClock())
    async with served(now) as url:
        async with now.database.transaction(readonly=True) as connection:
            providers = await service.providers(now, connection)
            items = await service.items(now, connection)
        persons = await population_sandbox.persons(now, TESTER)
        shown = {
            "providers": [msgspec.to_builtins(one, enc_hook=str) for one in providers],
            "catalog_codes": [one.code for one in items],
            "persons": [msgspec.to_builtins(one, enc_hook=str) for one in persons],
        }
        (tmp_path / "sandbox.json").write_text(json.dumps(shown), encoding="utf-8")
        shutil.copy(client.__file__, tmp_path / "client.py")
        (program,) = blocks("python")
        (tmp_path / "program.py").write_text(
            program.replace("http://127.0.0.1:8000", url), encoding="utf-8"
        )
        ran = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "program.py"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            # Copied away from here, it must run without the package.
            env={**os.environ, "PYTHONPATH": ""},
        )
        async with now.database.transaction(readonly=True) as connection:
            totals = await connection.fetch("select total, cash from settlements order by total")
    assert ran.returncode == 0, ran.stderr
    assert re.fullmatch(r"刘敏: 801\.00, funds \d+\.\d\d, cash \d+\.\d\d\n", ran.stdout)
    assert [row["total"] for row in totals] == [-80_100, 80_100]
    assert 0 < totals[1]["cash"] < 80_100
