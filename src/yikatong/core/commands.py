"""The `db` part of the command line, and what all commands share."""

import asyncio
import json
import os
import subprocess
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from yikatong.core import settings as core_settings
from yikatong.core.platform import Platform

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data", help="数据目录 · the data directory (default: .data, or YIKATONG_DATA)."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="输出 JSON · print JSON.")]

_Answer = TypeVar("_Answer")

database_app = typer.Typer(help="数据库 · the database.", no_args_is_help=True)


def with_platform(
    data: Path | None, work: Callable[[Platform], Coroutine[Any, Any, _Answer]]
) -> _Answer:
    """Run one command's work over an open platform; the database is up while it runs."""
    from yikatong.core import logging, running

    settings = core_settings.load(data)
    logging.configure(settings.log_format)

    async def run() -> _Answer:
        async with running.platform(settings) as platform:
            return await work(platform)

    return asyncio.run(run())


def print_json(value: object) -> None:
    """One JSON document on stdout, Chinese as it is."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


@database_app.command("migrate")
def migrate(data: DataOption = None) -> None:
    """升级表结构 · Apply the migrations that wait."""
    from yikatong.core import embedded, migrations

    with embedded.running(core_settings.load(data)) as url:
        asyncio.run(migrations.ensure_current(url))
        applied = asyncio.run(migrations.status(url)).applied
    typer.echo(f"已是最新 · up to date: {applied[-1] if applied else '-'}")


@database_app.command("status")
def status(data: DataOption = None, as_json: JsonOption = False) -> None:
    """查看表结构版本 · Show which migrations are applied; exit code 1 where some wait."""
    from yikatong.core import embedded, migrations

    with embedded.running(core_settings.load(data)) as url:
        found = asyncio.run(migrations.status(url))
    if as_json:
        print_json({"applied": found.applied, "pending": found.pending, "unknown": found.unknown})
    else:
        for name in found.applied:
            typer.echo(f"✓ {name}")
        for name in found.pending:
            typer.echo(f"  {name}  未应用 · waits")
        for name in found.unknown:
            typer.echo(f"? {name}  未知 · unknown to this version")
    if found.pending or found.unknown:
        raise typer.Exit(1)


@database_app.command(
    "shell", context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def shell(context: typer.Context, data: DataOption = None) -> None:
    """打开 psql · Open psql on the database; further words go to psql (-c 'select 1')."""
    from yikatong.core import embedded

    with embedded.running(core_settings.load(data)) as url:
        done = subprocess.run(
            [str(embedded.binaries() / "psql"), url, *context.args],
            env={**os.environ},
            check=False,
        )
    raise typer.Exit(done.returncode)
