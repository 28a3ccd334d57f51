"""What all tests share: a database server for the session, a fresh migrated database per test."""

import asyncio
import contextlib
import gc
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from yikatong import subscriptions
from yikatong.core import embedded, events, migrations
from yikatong.core.clock import SHANGHAI, FixedClock
from yikatong.core.database import Database
from yikatong.core.platform import Platform
from yikatong.core.sealing import Vault
from yikatong.core.settings import Settings
from yikatong.identity.staff import workplaces

# Each program that the tests start reads what the first one compiled.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

_TEMPLATE = f"yikatong_template_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
events.follow(subscriptions.listeners)
workplaces.follow(subscriptions.known_provider)
_numbers = itertools.count(1)
_SLOW = ("browser", "server")
_MEMORY = Path("/dev/shm")
_MEMORY_FREE_MIN = 2 * 2**30
_THROW_AWAY = """
fsync = off
synchronous_commit = off
full_page_writes = off
wal_compression = off
max_wal_size = 256MB
min_wal_size = 80MB
shared_buffers = 64MB
"""
"""What the server of the tests need not keep: no test asks it for what was written before a crash."""

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=SHANGHAI)
_BEFORE = NOW - timedelta(minutes=1)
"""When fillings are made, so that the identifiers of what a test does come behind theirs."""
KEY = bytes(range(32))
OPERATOR_TOKEN = "token-of-the-tests-0123456789"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the files that take minutes, so that no worker does one when the others are done."""
    if hasattr(config, "workerinput"):
        slow = {item.path for item in items if any(map(item.get_closest_marker, _SLOW))}
        items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish() -> None:
    """What the collection made stays to the end: no need to look through it for garbage."""
    gc.collect()
    gc.freeze()


def _with_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


async def _execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def _folder_in_memory() -> Path | None:
    """Where files live in memory: on ext4 the thousand files of a database made and dropped for
    each test take ten times as long, as it looks for inodes that were not freed lately.
    """
    if _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _MEMORY_FREE_MIN:
        return _MEMORY
    return None


@contextlib.contextmanager
def _server() -> Iterator[str]:
    given = os.environ.get("YIKATONG_TEST_DATABASE_URL")
    durable = embedded._configuration
    with (
        tempfile.TemporaryDirectory(prefix="yikatong-tests-", dir=_folder_in_memory()) as folder,
        contextlib.ExitStack() as stack,
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(embedded, "_configuration", lambda folder: durable(folder) + _THROW_AWAY)
            settings = Settings(data_dir=Path(folder), database_url=given)
            url = stack.enter_context(embedded.running(settings))
        yield url


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    """A server with a migrated template database: YIKATONG_TEST_DATABASE_URL, or our own."""
    with _server() as url:
        asyncio.run(
            _execute(
                url,
                f"drop database if exists {_TEMPLATE}",
                f"create database {_TEMPLATE} template template0",
            )
        )
        asyncio.run(migrations.ensure_current(_with_database(url, _TEMPLATE)))
        yield url


async def make_database(server_url: str, name: str, template: str = _TEMPLATE) -> None:
    """A copy of the template, made file by file: through the log it takes four times as long."""
    await _execute(server_url, f"create database {name} template {template} strategy file_copy")


async def drop_database(server_url: str, name: str) -> None:
    await _execute(server_url, f"drop database {name} with (force)")


Filling = Callable[[Platform], Awaitable[None]]


class Shelf:
    """Template databases: an empty one, and those that hold what several tests begin with."""

    def __init__(self, server_url: str, folder: Path) -> None:
        self._server_url = server_url
        self._settings = Settings(data_dir=folder)
        self._filled: dict[Filling, str] = {}

    async def template(self, filling: Filling | None) -> str:
        """Of a database as `filling` leaves it; filled once."""
        if filling is None:
            return _TEMPLATE
        if filling not in self._filled:
            name = f"{_TEMPLATE}_{len(self._filled) + 1}"
            await _execute(self._server_url, f"drop database if exists {name}")
            await make_database(self._server_url, name)
            async with _open(_with_database(self._server_url, name)) as database:
                await filling(Platform(database, FixedClock(_BEFORE), Vault(KEY), self._settings))
            self._filled[filling] = name
        return self._filled[filling]


@pytest.fixture(scope="session")
def shelf(server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf(server_url, tmp_path_factory.mktemp("shelf"))


@pytest.fixture
def filling() -> Filling | None:
    """What a test's database holds; a folder or file whose tests begin with the same says so."""
    return None


@pytest.fixture
async def database_url(
    server_url: str, shelf: Shelf, filling: Filling | None
) -> AsyncIterator[str]:
    """A fresh migrated database of this test alone."""
    name = f"yikatong_test_{os.getpid()}_{next(_numbers)}"
    await make_database(server_url, name, await shelf.template(filling))
    yield _with_database(server_url, name)
    await drop_database(server_url, name)


@contextlib.asynccontextmanager
async def _open(url: str) -> AsyncIterator[Database]:
    database = await Database.connect(url, connections_max=4)
    try:
        yield database
    finally:
        await database.close()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A pool on a fresh migrated database."""
    async with _open(database_url) as database:
        yield database


@pytest.fixture
def vault() -> Vault:
    """A vault with a key of the tests."""
    return Vault(KEY)


@pytest.fixture
def clock() -> FixedClock:
    """Sunday, 1 March 2026, nine in the morning in Shanghai."""
    return FixedClock(NOW)


@pytest.fixture
def platform(database: Database, clock: FixedClock, vault: Vault, tmp_path: Path) -> Platform:
    """A platform over a fresh database, at a fixed time."""
    return Platform(database, clock, vault, Settings(data_dir=tmp_path))


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a served platform with 300 people."""
    data = tmp_path_factory.mktemp("site")
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "yikatong",
            "up",
            "--data",
            str(data),
            "--port",
            "0",
            "--people",
            "300",
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "YIKATONG_DATABASE_URL": "",
            "YIKATONG_OPERATOR_TOKEN": OPERATOR_TOKEN,
        },
    )
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"http://[0-9.]+:[0-9]+", line):
            yield found[0]
            break
    else:
        raise AssertionError("the platform did not start")
    process.terminate()
    process.communicate(timeout=30)
