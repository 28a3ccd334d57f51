"""`yikatong claims …` as it is typed, from the bill to the card and back."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.trust.files import png
from yikatong.core import embedded
from yikatong.core.clock import SystemClock
from yikatong.core.settings import Settings

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    data = tmp_path_factory.mktemp("claims")

    def command(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "yikatong", *words],
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "YIKATONG_DATABASE_URL": "", "YIKATONG_DATA": str(data)},
        )

    with embedded.running(Settings(data_dir=data)):
        assert command("people", "make", "60").returncode == 0
        yield command


def bill(tmp_path: Path, **more: Any) -> str:
    day = SystemClock().now().date() - timedelta(days=2)
    facts: dict[str, Any] = {
        "person_id": 1_000_001,
        "provider": {"name": "某民营医院", "region": "110000", "level": "tertiary"},
        "care": "inpatient",
        "begun_on": (day - timedelta(days=3)).isoformat(),
        "ended_on": day.isoformat(),
        "emergency": True,
        "invoice": "C-1",
        "total": "5000.00",
        "lines": [
            {"number": "a", "name": "抢救用材料", "quantity": "1", "price": "5000", "total": "5000"}
        ],
    }
    file = tmp_path / "bill.json"
    file.write_text(json.dumps({**facts, **more}), encoding="utf-8")
    return str(file)


def test_a_claim_goes_its_whole_way(run: Run, tmp_path: Path) -> None:
    done = run("claims", "submit", bill(tmp_path), "--key", "c-1", "--json")
    assert done.returncode == 0, done.stderr
    claim = json.loads(done.stdout)
    again = run("claims", "submit", bill(tmp_path), "--key", "c-1", "--json")
    assert json.loads(again.stdout) == claim
    words = ("1000001", claim["claim_id"])
    picture = tmp_path / "invoice.png"
    picture.write_bytes(png())
    assert run("claims", "document", *words, str(picture)).returncode == 0
    refused = run("claims", "approve", *words)
    assert refused.returncode == 1
    assert "submitted" in refused.stderr
    for action in (("take",), ("quote",), ("approve",), ("pay",)):
        done = run("claims", action[0], *words, *action[1:])
        assert done.returncode == 0, done.stderr
    assert "已拨付" in done.stdout
    shown = json.loads(run("claims", "show", *words, "--json").stdout)
    assert [one["action"] for one in shown["steps"]] == [
        "submit", "document", "take", "approve", "pay",
    ]  # fmt: skip
    assert run("claims", "reverse", *words, "--reason", "重复").returncode == 0
    listed = run("claims", "list", "--person", "1000001", "--json")
    assert [one["state"] for one in json.loads(listed.stdout)] == ["reversed"]
    assert run("money", "verify").returncode == 0


def test_what_is_wrong_is_one_line_that_names_the_field(run: Run, tmp_path: Path) -> None:
    for more, field in (
        ({"care": "dental"}, "care"),
        ({"total": "1.00"}, "total"),
        ({"surprise": 1}, "surprise"),
        ({"ended_on": "2099-01-01"}, "ended_on"),
    ):
        done = run("claims", "submit", bill(tmp_path, **more))
        assert done.returncode == 2
        assert done.stderr.startswith(f"{field}: "), done.stderr
        assert done.stderr.count("\n") == 1
    table = tmp_path / "lines.csv"
    table.write_text("编码,数量,单价,金额\nNONE,1,1,1\n,1,1,1\n", encoding="utf-8")
    done = run("claims", "submit", bill(tmp_path, lines=[]), "--lines", str(table))
    assert done.returncode == 1
    assert "row 2" in done.stdout
    assert "row 3" in done.stdout
    assert run("claims", "show", "1000001", "5").returncode == 2
