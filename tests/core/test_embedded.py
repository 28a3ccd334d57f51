"""The embedded server: killed, shared, started twice, found stale."""

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import psutil
import pytest

from yikatong.core import embedded
from yikatong.core.database import Database
from yikatong.core.settings import Settings


def query(url: str, statement: str) -> object:
    async def run() -> object:
        connection = await asyncpg.connect(url, timeout=10)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(run())


def postmaster(data: Path) -> int:
    return int((data / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def postmasters_of(data: Path) -> list[int]:
    found: list[int] = []
    for process in psutil.process_iter(["name"]):
        try:
            if (
                process.name().startswith("postgres")
                and process.status() != psutil.STATUS_ZOMBIE
                and Path(process.cwd()) == data / "postgres"
                and not (process.parent() or process).name().startswith("postgres")
            ):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "一个 data path with spaces"


def test_what_was_committed_survives_a_kill_of_the_server(data: Path) -> None:
    with embedded.running(Settings(data_dir=data)) as url:
        query(url, "create table kept as select 42 as answer")
        os.kill(postmaster(data), signal.SIGKILL)
        assert query(embedded.ensure(data), "select answer from kept") == 42
        assert len(postmasters_of(data)) == 1


def test_the_last_one_out_stops_the_server_and_leaves_no_folder(data: Path) -> None:
    with embedded.running(Settings(data_dir=data)):
        with embedded.running(Settings(data_dir=data)) as url:
            query(url, "select 1")
        assert query(url, "select 1") == 1
    assert postmasters_of(data) == []
    assert not embedded.socket_folder(data).exists()


def test_a_server_whose_users_were_all_killed_is_taken_over(data: Path) -> None:
    user = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time\nfrom pathlib import Path\nfrom yikatong.core import embedded\n"
            "from yikatong.core.settings import Settings\n"
            "with embedded.running(Settings(data_dir=Path(sys.argv[1]))):\n"
            "    print('up', flush=True)\n    time.sleep(60)",
            str(data),
        ],
        stdout=subprocess.PIPE,
    )
    assert user.stdout is not None
    user.stdout.readline()
    before = postmaster(data)
    user.kill()
    user.wait()
    user.stdout.close()
    with embedded.running(Settings(data_dir=data)) as url:
        assert query(url, "select 1") == 1
        assert postmaster(data) == before
    assert postmasters_of(data) == []


def use(data: str) -> int:
    with embedded.running(Settings(data_dir=Path(data))) as url:
        query(url, "select 1")
        time.sleep(0.5)
        return len(postmasters_of(Path(data)))


def test_processes_that_start_together_share_one_server(data: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert pool.map(use, [str(data)] * 4) == [1, 1, 1, 1]
    assert postmasters_of(data) == []


def test_a_pid_file_that_names_somebody_elses_process_is_cleared(data: Path) -> None:
    with embedded.running(Settings(data_dir=data)) as url:
        query(url, "create table kept as select 42 as answer")
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        cluster = data / "postgres"
        (cluster / "postmaster.pid").write_text(
            f"{stranger.pid}\n{cluster}\n1\n5432\n/tmp\n\n  1  1\nready\n"
        )
        with embedded.running(Settings(data_dir=data)) as url:
            assert query(url, "select answer from kept") == 42
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_half_made_cluster_is_made_again(data: Path) -> None:
    half = data / "postgres.making"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with embedded.running(Settings(data_dir=data)) as url:
        assert query(url, "select 1") == 1


def test_commits_are_durable_and_nothing_listens_on_the_network(data: Path) -> None:
    with embedded.running(Settings(data_dir=data)) as url:
        assert query(url, "show fsync") == "on"
        assert query(url, "show synchronous_commit") == "on"
        assert query(url, "show listen_addresses") == ""
        assert (embedded.socket_folder(data).stat().st_mode & 0o777) == 0o700


def test_a_cluster_of_another_version_is_refused(data: Path) -> None:
    with embedded.running(Settings(data_dir=data)):
        pass
    (data / "postgres" / "PG_VERSION").write_text("12\n")
    with (
        pytest.raises(embedded.EmbeddedDatabaseFailed, match="PostgreSQL 12"),
        embedded.running(Settings(data_dir=data)),
    ):
        pass


def test_a_data_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(embedded.EmbeddedDatabaseFailed, match="--data"),
        embedded.running(Settings(data_dir=tmp_path / "file" / "data")),
    ):
        pass


def test_the_pool_heals_after_the_server_was_killed(data: Path) -> None:
    async def scenario(url: str) -> None:
        database = await Database.connect(url, connections_max=3)
        await asyncio.gather(*(database.ping() for _ in range(3)))
        os.kill(postmaster(data), signal.SIGKILL)
        await asyncio.to_thread(embedded.ensure, data)
        await asyncio.gather(*(database.ping() for _ in range(3)))
        await database.close()

    with embedded.running(Settings(data_dir=data)) as url:
        asyncio.run(scenario(url))


def test_root_without_user_namespaces_is_told_where_the_data_may_lie(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The tests' folders are closed to other users, so "nobody" cannot run a server there.
    monkeypatch.setattr(embedded, "_namespace", tuple)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with (
        pytest.raises(embedded.EmbeddedDatabaseFailed, match="Run as an ordinary user"),
        embedded.running(Settings(data_dir=data)),
    ):
        pass
