import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from yikatong.core import migrations

UP = "-- migrate:up\n{up};\n-- migrate:down\n"


def write(folder: Path, **files: str) -> Path:
    for name, up in files.items():
        (folder / f"{name.removeprefix('m')}.sql").write_text(UP.format(up=up))
    return folder


@pytest.fixture
async def empty_url(server_url: str) -> str:
    parts = urlsplit(server_url)
    connection = await asyncpg.connect(server_url)
    await connection.execute("drop database if exists yikatong_test_empty with (force)")
    await connection.execute("create database yikatong_test_empty template template0")
    await connection.close()
    return urlunsplit(parts._replace(path="/yikatong_test_empty"))


async def test_the_shipped_migrations_make_a_current_database(database_url: str) -> None:
    status = await migrations.status(database_url)
    assert status.pending == status.unknown == []
    assert status.applied[0] == "0001_people_and_cards.sql"


async def test_a_failed_migration_leaves_the_database_as_it_was(
    empty_url: str, tmp_path: Path
) -> None:
    folder = write(tmp_path, m0001_good="create table good (x int)")
    assert await migrations.ensure_current(empty_url, folder) is True
    write(folder, m0002_bad="create table half (x int); select nonsense")
    with pytest.raises(migrations.MigrationFailed, match="nonsense"):
        await migrations.ensure_current(empty_url, folder)
    status = await migrations.status(empty_url, folder)
    assert (status.applied, status.pending) == (["0001_good.sql"], ["0002_bad.sql"])
    connection = await asyncpg.connect(empty_url)
    assert await connection.fetchval("select to_regclass('half')") is None
    await connection.close()


async def test_a_database_of_a_newer_version_is_refused(empty_url: str, tmp_path: Path) -> None:
    folder = write(tmp_path, m0001_a="select 1", m0002_b="select 1")
    await migrations.ensure_current(empty_url, folder)
    (folder / "0002_b.sql").unlink()
    with pytest.raises(migrations.DatabaseIsNewer):
        await migrations.ensure_current(empty_url, folder)


def test_every_table_says_which_kind_it_is() -> None:
    for path in migrations.FOLDER.glob("*.sql"):
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            if line.startswith("create table"):
                above = next(
                    text for text in reversed(lines[:number]) if text.startswith("--") or not text
                )
                kinds = ("-- person:", "-- directory:", "-- reference:", "-- local:")
                block = [
                    text for text in lines[max(0, number - 20) : number] if text.startswith(kinds)
                ]
                assert block, f"{path.name}:{number + 1} {above}"


def test_the_command_line_shows_the_status_of_a_database(server_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "yikatong", "db", "status", "--json"],
        env={"YIKATONG_DATABASE_URL": server_url, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1, done.stderr
    assert "0001_people_and_cards.sql" in done.stdout
