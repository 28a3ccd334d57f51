"""The `db` part of the command line, and what all commands share."""

import asyncio
import json
import os
import subprocess
from collections.abc import Callable, Coroutine
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import typer

from yikatong.core import settings as core_settings
from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform

DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data", help="数据目录 · the data directory (default: .data, or YIKATONG_DATA)."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="输出 JSON · print JSON.")]
PersonArgument = Annotated[int, typer.Argument(help="人员编号 · the person's id.", min=1)]
KeyOption = Annotated[
    str | None,
    typer.Option("--key", help="幂等键，重复执行时沿用 · the same key happens once."),
]

_Answer = TypeVar("_Answer")

database_app = typer.Typer(help="数据库 · the database.", no_args_is_help=True)


def with_platform(
    data: Path | None,
    work: Callable[[Platform], Coroutine[Any, Any, _Answer]],
    *,
    statement_seconds_max: int | None = None,
) -> _Answer:
    """Run one command's work over an open platform; the database is up while it runs.

    Work over whole tables says how long a statement of it may take.
    """
    import asyncpg

    from yikatong.core import logging, running

    settings = core_settings.load(data)
    if statement_seconds_max is not None:
        settings = msgspec.structs.replace(settings, statement_seconds_max=statement_seconds_max)
    logging.configure(settings.log_format)

    async def run() -> _Answer:
        async with running.platform(settings) as platform:
            return await work(platform)

    try:
        return asyncio.run(run())
    except asyncpg.DataError as error:
        from yikatong.core import problems

        raise problems.typed(error) from error


def key_of(key: str | None) -> str:
    """The key given, checked, or a new one."""
    from uuid import uuid4

    from yikatong.core.bodies import check_key

    return f"cli-{uuid4()}" if key is None else check_key(key, "--key")


def parse_moment(text: str, field: str) -> datetime:
    """A moment with its offset from UTC; raises InvalidInput naming the field."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidInput(
            field,
            zh="应为带时区的时间，例如 2026-03-01T09:00+08:00",
            en="a moment with its offset, such as 2026-03-01T09:00+08:00",
        )
    return moment


def print_json(value: object) -> None:
    """One JSON document on stdout, Chinese as it is."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def list_regions(
    text: Annotated[
        str | None, typer.Argument(help="名称、拼音或代码 · name, pinyin, initials or code.")
    ] = None,
    pooling: Annotated[bool, typer.Option(help="只看统筹区 · pooling regions only.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=5000)] = 20,
    as_json: JsonOption = False,
) -> None:
    """查行政区划 · Regions of GB/T 2260, found by name, pinyin or code."""
    from yikatong.core import regions

    found = regions.search(text, 5000) if text else regions.every()
    shown = [one for one in found if one.is_pooling or not pooling][:limit]
    if as_json:
        print_json([{**msgspec.to_builtins(one), "pooling": one.is_pooling} for one in shown])
        return
    for one in shown:
        mark = "统筹区 · pooling" if one.is_pooling else ""
        names = f"{regions.full_name(one.code)} · {regions.full_name(one.code, 'en')}"
        typer.echo(f"{one.code}  {names}  {mark}")


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
