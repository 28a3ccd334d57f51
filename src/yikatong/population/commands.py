"""The room's part of the command line: `people make`."""

import os
from typing import Annotated

import typer

from yikatong.core.commands import DataOption, with_platform


def make(
    count: Annotated[int, typer.Argument(metavar="N", help="人数 · how many people.")],
    seed: Annotated[
        int, typer.Option(help="种子 · the same seed makes the same people.")
    ] = 20260301,
    processes: Annotated[
        int, typer.Option(help="进程数 · worker processes; 0: one per core.", min=0, max=64)
    ] = 0,
    data: DataOption = None,
) -> None:
    """生成虚拟人口 · Make synthetic people; nobody of them is real."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from yikatong.core.platform import Platform
    from yikatong.population import service

    async def run(platform: Platform) -> None:
        columns = (
            TextColumn("生成虚拟人口 · making people"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        async with platform.database.transaction(readonly=True) as connection:
            before = await connection.fetchval("select count(*) from persons")
        with Progress(*columns) as progress:
            task = progress.add_task("", total=before + count)
            await service.make(
                platform,
                count,
                seed,
                lambda done: progress.update(task, completed=done),
                processes=processes or os.cpu_count() or 1,
            )

    with_platform(data, run)
