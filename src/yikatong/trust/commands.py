"""`yikatong audit …`."""

from typing import Annotated

import typer

from yikatong.core.commands import DataOption, JsonOption, print_json, with_platform
from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform

audit_app = typer.Typer(help="操作记录 · the audit trail.", no_args_is_help=True)
_SECONDS_MAX = 300


@audit_app.command("verify")
def verify(
    since: Annotated[
        str | None, typer.Option(help="从哪天起，默认全部 · from this day on; default: all.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """核验操作记录 · Compute the seals of the audit trail again; exit code 1 where one does not fit."""
    from datetime import date

    from rich.console import Console
    from rich.progress import Progress

    from yikatong.core import ids
    from yikatong.trust import seals

    try:
        day = None if since is None else date.fromisoformat(since)
    except ValueError:
        raise InvalidInput("--since", zh="应为日期", en="must be a date") from None

    async def work(platform: Platform) -> seals.Proof:
        with Progress(console=Console(stderr=True), transient=True, disable=as_json) as progress:
            task = progress.add_task("核验 · proving", total=None)
            return await seals.verify(
                platform, day, lambda done: progress.update(task, completed=done)
            )

    found = with_platform(data, work, statement_seconds_max=_SECONDS_MAX)
    ends = [f"{ids.time_of(one):%Y-%m-%dT%H:%M:%S%z}" for one in found.wrong]
    if as_json:
        print_json(
            {
                "proved": found.proved, "seals": found.seals, "events": found.events,
                "through": found.through.isoformat() if found.through else None, "wrong": ends,
            }
        )  # fmt: skip
    else:
        until = f"{found.through:%Y-%m-%d %H:%M}" if found.through else "–"
        typer.echo(
            f"封条 seals {found.seals:,} · 记录 events {found.events:,} · 封存至 sealed until {until}"
        )
        for end in ends:
            typer.echo(f"✗ {end} 之前五分钟内的记录与封条不符 · the five minutes before do not fit")
        if found.proved:
            typer.echo("✓ 全部相符 · all fit")
    if not found.proved:
        raise typer.Exit(1)
