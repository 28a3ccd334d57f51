"""What all tests share: a database server for the session, a fresh migrated database per test."""

import asyncio
import itertools
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
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

_TEMPLATE = "yikatong_template"
events.follow(subscriptions.listeners)
_numbers = itertools.count(1)
OPERATOR_TOKEN = "token-of-the-tests-0123456789"


def _with_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


async def _execute(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with a migrated template database: YIKATONG_TEST_DATABASE_URL, or our own."""
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("server"),
        database_url=os.environ.get("YIKATONG_TEST_DATABASE_URL"),
    )
    with embedded.running(settings) as url:
        asyncio.run(
            _execute(
                url,
                f"drop database if exists {_TEMPLATE}",
                f"create database {_TEMPLATE} template template0",
            )
        )
        asyncio.run(migrations.ensure_current(_with_database(url, _TEMPLATE)))
        yield url


@pytest.fixture
async def database_url(server_url: str) -> AsyncIterator[str]:
    """A fresh migrated database of this test alone."""
    name = f"yikatong_test_{os.getpid()}_{next(_numbers)}"
    await _execute(server_url, f"create database {name} template {_TEMPLATE}")
    yield _with_database(server_url, name)
    await _execute(server_url, f"drop database {name} with (force)")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A pool on a fresh migrated database."""
    database = await Database.connect(database_url, connections_max=4)
    yield database
    await database.close()


@pytest.fixture
def vault() -> Vault:
    """A vault with a key of the tests."""
    return Vault(bytes(range(32)))


@pytest.fixture
def clock() -> FixedClock:
    """Sunday, 1 March 2026, nine in the morning in Shanghai."""
    return FixedClock(datetime(2026, 3, 1, 9, 0, tzinfo=SHANGHAI))


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
