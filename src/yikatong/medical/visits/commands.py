"""`yikatong recompute`: settlements computed again from what was stored."""

from datetime import date
from typing import Annotated

import typer

from yikatong.core.commands import DataOption, JsonOption, print_json, with_platform

SAMPLE: int = 1000
RECOMPUTE_SECONDS_MAX = 24 * 3600


def recompute(
    sample: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="抽查的人数 · persons drawn by chance, with all their settlements; 1000 unless asked.",
        ),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="全部 · every settlement.")] = False,
    since: Annotated[
        str | None, typer.Option(help="只查此日起的结算 · those made from this day on, 2026-03-01.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """重算结算 · Compute settlements again from what was stored; exit code 1 where one differs."""
    import msgspec
    from rich.console import Console
    from rich.progress import Progress

    from yikatong.core.errors import InvalidInput
    from yikatong.core.platform import Platform
    from yikatong.medical.visits import recomputing
    from yikatong.medical.visits.recomputing import Recomputation

    if everything and sample is not None:
        raise InvalidInput(
            "--sample", zh="--sample 与 --all 只能选一个", en="give either --sample or --all"
        )
    try:
        first = None if since is None else date.fromisoformat(since)
    except ValueError as error:
        raise InvalidInput(
            "--since", zh="应为日期，例如 2026-03-01", en="must be a date like 2026-03-01"
        ) from error

    drawn = None if everything or since is not None else SAMPLE
    drawn = drawn if sample is None else sample

    async def work(platform: Platform) -> Recomputation:
        with Progress(console=Console(stderr=True), transient=True, disable=as_json) as progress:
            task = progress.add_task("重算 · recomputing", total=None)
            return await recomputing.recompute(
                platform,
                sample=drawn,
                since=first,
                progress=lambda done, of: progress.update(task, completed=done, total=of),
            )

    found = with_platform(data, work, statement_seconds_max=RECOMPUTE_SECONDS_MAX)
    if as_json:
        print_json({**msgspec.to_builtins(found), "agrees": found.agrees})
    else:
        typer.echo(
            f"人员 persons {found.persons:,} · 结算 settlements {found.settlements:,} · "
            f"撤销 reversals {found.reversals:,} · 明细 lines {found.lines:,} · "
            f"年度累计 years {found.years:,}"
        )
        for one in found.differences:
            typer.echo(f"✗ {one.check}: {one.where}: {one.expected} ≠ {one.found}")
        typer.echo(
            "✓ 重算一致 · every settlement is as it is computed again"
            if found.agrees
            else f"✗ {found.differences_count} 处不符 · differences"
        )
    if not found.agrees:
        raise typer.Exit(1)
