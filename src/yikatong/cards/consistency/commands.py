"""`yikatong people check`: what is on file of people and does not agree."""

from typing import Annotated, Any

import typer

from yikatong.core.commands import DataOption, JsonOption, print_json, with_platform
from yikatong.core.platform import Platform


def check(
    code: Annotated[
        list[str] | None,
        typer.Option("--code", help="只查这一项，可重复 · only these; several times."),
    ] = None,
    region: Annotated[str | None, typer.Option(help="居住地 · lives in (any code).")] = None,
    limit: Annotated[
        int, typer.Option(help="最多列出多少条 · findings to list.", min=0, max=10_000)
    ] = 50,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """核对人员数据 · Look for what does not agree; exit code 1 where something is wrong."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    from yikatong.cards.consistency import service
    from yikatong.cards.consistency.api import body
    from yikatong.cards.consistency.model import CHECKS, Code, Finding
    from yikatong.core import regions
    from yikatong.core.errors import one_of
    from yikatong.people.service import PersonFilter
    from yikatong.trust.audit import Actor

    wanted: tuple[Code, ...] = tuple(CHECKS)
    if code:
        wanted = tuple(one_of(one, CHECKS, "--code") for one in code)
    if region is not None:
        regions.get(region, "--region")
    actor = Actor("staff", "command line", "consistency of data")
    counts: dict[Code, int] = dict.fromkeys(wanted, 0)
    listed: list[Finding] = []

    async def run(platform: Platform) -> int:
        checked, after = 0, 0
        with Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            console=Console(stderr=True),
            transient=True,
            disable=as_json,
        ) as progress:
            task = progress.add_task("")
            while True:
                page = await service.page(
                    platform, PersonFilter(region), actor, codes=wanted, after=after
                )
                checked += page.checked
                for one in page.findings:
                    counts[one.code] += 1
                listed.extend(page.findings[: limit - len(listed)])
                progress.update(task, description=f"已核对 {checked:,} 人 · people")
                if page.next_after is None:
                    return checked
                after = page.next_after

    checked = with_platform(data, run)
    wrong = sum(count for one, count in counts.items() if CHECKS[one].wrong)
    if as_json:
        print_json(
            {"checked": checked, "counts": counts, "findings": [body(one) for one in listed]}
        )
    else:
        _tell(checked, counts, listed)
    if wrong:
        raise typer.Exit(1)


def _tell(checked: int, counts: Any, listed: Any) -> None:
    from yikatong.cards.consistency.model import CHECKS

    typer.echo(f"核对 {checked:,} 人 · people checked")
    for code, count in counts.items():
        check = CHECKS[code]
        mark = "·" if not count else "✗" if check.wrong else "!"
        typer.echo(f"  {mark} {count:>6,}  {code}  {check.text.zh} · {check.text.en}")
        if count:
            typer.echo(f"            → {check.remedy.zh} · {check.remedy.en}")
    for one in listed:
        typer.echo(f"{one.person_id}  {one.code}")
