"""The whole platform as its operator meets it: one command, killed and started again."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = pytest.mark.server

READY_SECONDS_MAX = 120


class Served:
    """A running `yikatong up`."""

    def __init__(self, process: subprocess.Popen[str], address: str, printed: str) -> None:
        self.process = process
        self.address = address
        self.printed = printed

    def get(self, path: str) -> tuple[int, str]:
        return answer_of(urllib.request.Request(self.address + path))

    def post(self, path: str, body: Any) -> tuple[int, Any]:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(
            self.address + path, data=data, headers={"Content-Type": "application/json"}
        )
        status, text = answer_of(request)
        return status, json.loads(text)


def answer_of(request: urllib.request.Request) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def cli(*words: str) -> list[str]:
    return [sys.executable, "-m", "yikatong", *words]


@contextlib.contextmanager
def up(data: Path, workers: int = 1) -> Iterator[Served]:
    more = ("--people", "300", "--workers", str(workers))
    process = subprocess.Popen(
        cli("up", "--data", str(data), "--port", "0", *more),
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "YIKATONG_DATABASE_URL": ""},
    )
    try:
        yield await_ready(process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        assert process.stdout is not None
        process.stdout.close()


def await_ready(process: subprocess.Popen[str]) -> Served:
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += line
        if found := re.search(r"http://[0-9.]+:[0-9]+", line):
            served = Served(process, found[0], printed)
            until = time.monotonic() + READY_SECONDS_MAX
            while time.monotonic() < until:
                with contextlib.suppress(OSError):
                    if served.get("/health/ready")[0] == 200:
                        return served
                time.sleep(0.05)
    raise AssertionError(f"the platform did not become ready:\n{printed}")


def everything_stored(data: Path) -> list[Any]:
    listed = subprocess.run(
        cli("people", "list", "--data", str(data), "--limit", "1000", "--json"),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "YIKATONG_DATABASE_URL": ""},
    )
    return json.loads(listed.stdout)


def postmaster(data: Path) -> int:
    return int((data / "postgres" / "postmaster.pid").read_text().splitlines()[0])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("platform") / "数据 and spaces"


def test_nothing_is_lost_when_server_and_database_are_killed(data: Path) -> None:
    with up(data) as served:
        before = everything_stored(data)
        assert len(before) >= 300
        served.process.kill()
        os.kill(postmaster(data), signal.SIGKILL)
        served.process.wait()
    with up(data):
        assert everything_stored(data) == before


def test_the_platform_answers_again_by_itself_after_its_database_was_killed(data: Path) -> None:
    with up(data) as served:
        os.kill(postmaster(data), signal.SIGKILL)
        status, text = served.get("/health/ready")
        assert status in (200, 503)
        if status == 503:
            assert json.loads(text)["detail"]["zh"]
        until = time.monotonic() + 60
        while served.get("/health/ready")[0] != 200:
            assert time.monotonic() < until
            time.sleep(0.2)
        assert len(everything_stored(data)) >= 300


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_or_a_service_manager_stops_server_and_database(
    data: Path, how: signal.Signals, workers: int
) -> None:
    with up(data, workers) as served:
        pid = postmaster(data)
        served.process.send_signal(how)
        assert served.process.wait(timeout=30) == 0
    until = time.monotonic() + 20
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_with_a_process_for_each_processor_each_stays_on_its_own(data: Path) -> None:
    processors = os.sched_getaffinity(0)
    with up(data, len(processors)) as served:
        first = psutil.Process(served.process.pid)
        ours = [first, *first.children(recursive=True)]
        until = time.monotonic() + 30
        while True:
            places = [one.cpu_affinity() for one in ours if "python" in one.name()]
            own = {place[0] for place in places if len(place) == 1}
            if own == processors:
                break
            assert time.monotonic() < until, places
            time.sleep(0.1)
            ours = [first, *first.children(recursive=True)]
        assert set(psutil.Process(postmaster(data)).cpu_affinity()) == processors


def test_a_taken_port_is_told_in_one_line(data: Path) -> None:
    with up(data) as served:
        port = served.address.rsplit(":", 1)[1]
        second = subprocess.run(
            cli("up", "--data", str(data), "--port", port), capture_output=True, text=True
        )
    assert second.returncode == 2
    assert second.stderr.startswith("--port: ")
    assert second.stderr.count("\n") == 1


def test_a_question_and_a_bill_are_answered_over_http(data: Path) -> None:
    bill = json.loads((Path(__file__).parents[2] / "docs/tutorial/bill.json").read_bytes())
    with up(data) as served:
        status, quote = served.post("/api/v1/policies/quote", bill)
        assert (status, quote["pooled"], quote["person"]) == (200, "17374.00", "12626.00")
        status, problem = served.post("/api/v1/policies/quote", {**bill, "bill": {"total": "NaN"}})
        assert (status, problem["field"]) == (422, "bill.total")
        status, problem = served.post("/api/v1/portability/check", b"{")
        assert status == 400
        assert problem["detail"]["zh"]
        assert problem["detail"]["en"]
        status, page = served.get("/")
        assert status == 200
        assert '<html lang="zh' in page
        assert served.get("/metrics")[0] == 200
        assert json.loads(served.get("/api/openapi.json")[1])["openapi"].startswith("3.1")


def test_the_command_line_names_the_wrong_field_and_exits_with_2(data: Path) -> None:
    for words, field in (
        (
            ("check", "--id-number", "123", "--region", "110000", "--service", "inpatient"),
            "id_number",
        ),
        (
            ("check", "--card", "12345678A", "--region", "999999", "--service", "inpatient"),
            "region",
        ),
        (("quote", "-"), "person.insurance"),
        (("check", "--service", "inpatient"), "--region"),
        (("people", "list", "--limit", "many"), "--limit"),
        (("nonsense",), "nonsense"),
    ):
        done = subprocess.run(
            [*cli(*words), *(("--data", str(data)) if words[0] in ("check", "people") else ())],
            input='{"bill": {"total": "-1"}}',
            capture_output=True,
            text=True,
        )
        assert done.returncode == 2, done.stderr
        assert field in done.stderr
        assert done.stderr.count("\n") == 1
        assert "Traceback" not in done.stderr
