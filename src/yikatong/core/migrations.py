"""Migrations: plain SQL files in the package, run by dbmate."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any, Final, cast

import asyncpg
import msgspec

from yikatong.core.errors import Unavailable, YikatongError

FOLDER: Final = Path(__file__).parents[1] / "data" / "migrations"
_LOCK: Final = 0x59494B41
"""The advisory lock under which one process migrates while others wait ("YIKA")."""


class MigrationFailed(YikatongError):
    """A migration did not run; the database is as the last whole one left it."""

    code = "migration_failed"


class DatabaseIsNewer(YikatongError):
    """The database was migrated by a newer version of this program."""

    code = "database_is_newer"


class Status(msgspec.Struct, frozen=True):
    """Which migrations are applied, which wait, and which this program does not know."""

    applied: list[str]
    pending: list[str]
    unknown: list[str]


def _files(folder: Path) -> dict[str, str]:
    return {path.name.split("_", 1)[0]: path.name for path in sorted(folder.glob("*.sql"))}


async def _connect(url: str) -> Any:
    try:
        return await cast("Any", asyncpg).connect(url, timeout=10)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
        raise Unavailable(
            zh=f"无法连接数据库（{error}），请检查 YIKATONG_DATABASE_URL 和数据库是否运行",
            en=f"cannot reach the database ({error}); check YIKATONG_DATABASE_URL and the server",
        ) from error


async def _status(connection: Any, folder: Path) -> Status:
    exists = await connection.fetchval("select to_regclass('schema_migrations') is not null")
    rows: list[Any] = []
    if exists:
        rows = await connection.fetch("select version from schema_migrations order by version")
    done = [str(row[0]) for row in rows]
    known = _files(folder)
    return Status(
        applied=[known[version] for version in done if version in known],
        pending=[name for version, name in known.items() if version not in done],
        unknown=[version for version in done if version not in known],
    )


async def status(url: str, folder: Path = FOLDER) -> Status:
    """What is applied and what waits; raises Unavailable."""
    connection = await _connect(url)
    try:
        return await _status(connection, folder)
    finally:
        await connection.close()


async def ensure_current(url: str, folder: Path = FOLDER) -> bool:
    """Apply what waits; True where the database had no tables before.

    Raises MigrationFailed, DatabaseIsNewer, Unavailable.
    """
    connection = await _connect(url)
    try:
        version = connection.get_server_version()
        if version.major < 16:
            raise YikatongError(
                zh=f"需要 PostgreSQL 16 或更新版本，当前是 {version.major}",
                en=f"PostgreSQL 16 or newer is needed, this is {version.major}",
            )
        await connection.execute("select pg_advisory_lock($1)", _LOCK)
        before = await _status(connection, folder)
        if before.unknown:
            raise DatabaseIsNewer(
                zh=f"数据库已升级到更新的版本（{before.unknown[-1]}），请使用更新的程序",
                en=f"a newer version migrated the database ({before.unknown[-1]}); use that one",
            )
        if before.pending:
            await _run_dbmate(url, folder)
        return not before.applied
    finally:
        await connection.close()


async def _run_dbmate(url: str, folder: Path) -> None:
    # The address goes through the environment: arguments of a process are for all to read.
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).parent / "dbmate"),
        "--migrations-dir",
        str(folder),
        "--no-dump-schema",
        "migrate",
        env={**os.environ, "DATABASE_URL": url},
        cwd="/",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    if process.returncode != 0:
        last = output.decode(errors="replace").strip().splitlines()[-1:] or ["?"]
        raise MigrationFailed(
            zh=f"数据库迁移失败：{last[0]}", en=f"a migration of the database failed: {last[0]}"
        )
