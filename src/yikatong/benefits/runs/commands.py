"""`yikatong runs`: prepare, check, approve, pay, correct a payment run; look at it."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from yikatong.benefits.runs.by_hand_commands import by_hand_app
from yikatong.core.commands import DataOption, JsonOption, print_json, with_platform
from yikatong.core.errors import InvalidInput
from yikatong.core.months import parse_month
from yikatong.core.platform import Platform

runs_app = typer.Typer(help="待遇发放批次 · payment runs.", no_args_is_help=True)

RunArgument = Annotated[int, typer.Argument(help="批次编号 · the run's number.", min=1)]
ActorOption = Annotated[str, typer.Option("--actor", help="经办人工号 · your staff number.")]
WorkersOption = Annotated[
    int, typer.Option("--workers", help="同时处理的份数 · chunks at once.", min=1, max=8)
]
BenefitOption = Annotated[str, typer.Option("--benefit", help="pension, unemployment.")]
MonthOption = Annotated[str | None, typer.Option("--month", help="月份，如 2026-03 · the month.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=1000)]
AfterOption = Annotated[
    int, typer.Option("--after", help="从此人员编号之后 · behind this person.", min=-1)
]
_STATEMENT_SECONDS_MAX = 120


def _carry_out(
    data: Path | None,
    as_json: bool,
    workers: int,
    begin: Callable[[Platform], Awaitable[Any]],
) -> None:
    """Begin a step and do its work with a progress bar; then tell how the run stands."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    from yikatong.benefits.runs import service, shown, work
    from yikatong.benefits.runs.model import STATE_NAMES, Run, Summary
    from yikatong.benefits.runs.model import Progress as Done

    async def run(platform: Platform) -> Summary:
        one: Run = await begin(platform)
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            disable=as_json,
        ) as progress:
            task = progress.add_task(STATE_NAMES[one.state].zh, total=None)

            def hear(now: Run, done: Done) -> None:
                name = STATE_NAMES[now.state]
                count, of = {
                    "checking": (done.checked, done.lines),
                    "paying": (done.paid, done.payable),
                }.get(now.state, (done.lines, None))
                progress.update(
                    task, description=f"{name.zh} · {name.en}", completed=count, total=of
                )

            await work.go_on(platform, one.run_id, hear, workers=workers)
        return await service.summary(platform, one.run_id)

    found = with_platform(data, run, statement_seconds_max=_STATEMENT_SECONDS_MAX)
    if as_json:
        print_json(msgspec.to_builtins(shown.summary(found)))
    else:
        _tell(found)


def _tell(found: Any) -> None:
    from yikatong.benefits.runs import shown

    body = shown.summary(found)
    one, done = body.run, body.progress
    typer.echo(f"{one.run_id}  {shown.title(found.run)} · {shown.title(found.run, 'en')}")
    typer.echo(f"  {one.state_name.zh} · {one.state_name.en}")
    typer.echo(
        f"  应发 to pay {done.payable:,} / {done.payable_amount}  "
        f"已发 paid {done.paid:,} / {done.paid_amount}"
    )
    typer.echo(f"  发放日 payday {one.payday}")
    typer.echo(f"  上月 last month {body.before}  本月 this month {body.amount}")
    for group in body.groups:
        typer.echo(
            f"    {group.name.zh} · {group.name.en}: {group.lines:,}  {group.before} → "
            f"{group.amount}  ({group.difference})"
        )
    for each in body.findings:
        mark = "✗" if each.blocks else "!"
        typer.echo(f"  {mark} {each.text.zh} · {each.text.en}: {each.lines:,}")
        typer.echo(f"      {each.remedy.zh} · {each.remedy.en}")
    who = [
        f"生成 prepared {one.prepared_by}",
        *([f"核对 checked {one.checked_by}"] if one.checked_by else []),
        *([f"批准 approved {one.approved_by}"] if one.approved_by else []),
        *([f"发放 paid {one.started_by}"] if one.started_by else []),
    ]
    typer.echo("  " + "  ".join(who))


@runs_app.command("prepare")
def prepare(
    actor: ActorOption,
    benefit: BenefitOption,
    region: Annotated[str, typer.Option("--region", help="统筹区代码 · the region's code.")],
    month: Annotated[str, typer.Option("--month", help="月份，如 2026-03 · the month.")],
    insurance: Annotated[
        str | None,
        typer.Option(
            "--insurance", help="养老金：110 职工（默认）、150 居民 · whose fund pays pensions."
        ),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """生成发放清单 · Make the list of a month; again: goes on where it was."""
    from yikatong.benefits.runs import service

    first = parse_month(month, "--month")
    _carry_out(
        data,
        as_json,
        1,
        lambda platform: service.prepare(platform, benefit, region, first, actor, insurance),
    )


@runs_app.command("correct")
def correct(
    run: RunArgument, actor: ActorOption, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """生成更正批次 · A run for the returned and stopped lines that can be paid now."""
    from yikatong.benefits.runs import service

    _carry_out(data, as_json, 1, lambda platform: service.correct(platform, run, actor))


@runs_app.command("check")
def check(
    run: RunArgument,
    actor: ActorOption,
    workers: WorkersOption = 2,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """核对 · Check every line; may be repeated until it is approved."""
    from yikatong.benefits.runs import service

    _carry_out(data, as_json, workers, lambda platform: service.check(platform, run, actor))


@runs_app.command("approve")
def approve(
    run: RunArgument,
    actor: ActorOption,
    total: Annotated[
        str | None, typer.Option("--total", help="核对过的应发合计（元） · the sum you approve.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """复核批准 · Approve, as a second person; exit code 1 where that is refused."""
    from yikatong.benefits.runs import service
    from yikatong.core.money import parse_yuan

    fen = None if total is None else parse_yuan(total, "--total")
    _carry_out(data, as_json, 1, lambda platform: service.approve(platform, run, actor, fen))


@runs_app.command("pay")
def pay(
    run: RunArgument,
    actor: ActorOption,
    workers: WorkersOption = 2,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """发放 · Pay; killed at any moment, the same command goes on and pays nobody twice."""
    from yikatong.benefits.runs import service

    _carry_out(data, as_json, workers, lambda platform: service.pay(platform, run, actor))


@runs_app.command("cancel")
def cancel(
    run: RunArgument, actor: ActorOption, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """作废 · Cancel a run of which nothing was paid."""
    from yikatong.benefits.runs import service

    _carry_out(data, as_json, 2, lambda platform: service.cancel(platform, run, actor))


@runs_app.command("show")
def show(run: RunArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """查看批次 · How a run stands."""
    from yikatong.benefits.runs import service, shown

    found = with_platform(
        data,
        lambda platform: service.summary(platform, run),
        statement_seconds_max=_STATEMENT_SECONDS_MAX,
    )
    if as_json:
        print_json(msgspec.to_builtins(shown.summary(found)))
    else:
        _tell(found)


@runs_app.command("list")
def list_runs(
    benefit: Annotated[str | None, typer.Option("--benefit")] = None,
    region: Annotated[str | None, typer.Option("--region")] = None,
    month: MonthOption = None,
    limit: LimitOption = 100,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """列出批次 · Runs, the newest first."""
    from yikatong.benefits.runs import service, shown

    first = None if month is None else parse_month(month, "--month")
    found = with_platform(
        data, lambda platform: service.runs(platform, benefit, region, first, limit)
    )
    if as_json:
        print_json([msgspec.to_builtins(shown.run(one)) for one in found])
        return
    for one in found:
        body = shown.run(one)
        typer.echo(
            f"{body.run_id}  {shown.title(one)}  {body.state_name.zh} · {body.state_name.en}"
        )


@runs_app.command("lines")
def lines(
    run: RunArgument,
    state: Annotated[list[str] | None, typer.Option("--state")] = None,
    change: Annotated[list[str] | None, typer.Option("--change")] = None,
    after: AfterOption = -1,
    limit: LimitOption = 100,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """查看明细 · Lines of a run, each with why it differs; the look is recorded."""
    from yikatong.benefits.runs import service, shown
    from yikatong.money.bank.commands import OPERATOR

    found = with_platform(
        data,
        lambda platform: service.lines(
            platform, run, OPERATOR, states=state, changes=change, after=after, limit=limit
        ),
    )
    bodies = [shown.line(one) for one in found]
    if as_json:
        print_json([msgspec.to_builtins(one) for one in bodies])
        return
    for one in bodies:
        typer.echo(
            f"{one.line:>8}  {one.person_id}  {one.amount:>12}  (上月 last {one.before})  "
            f"{one.change_name.zh} · {one.change_name.en}  {one.state_name.zh} · {one.state_name.en}"
        )


@runs_app.command("findings")
def findings(
    run: RunArgument,
    code: Annotated[list[str] | None, typer.Option("--code")] = None,
    after: AfterOption = -1,
    limit: LimitOption = 100,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """查看核对问题 · What the check found, line by line, and what to do."""
    from yikatong.benefits.runs import service, shown
    from yikatong.money.bank.commands import OPERATOR

    found = with_platform(
        data,
        lambda platform: service.findings(
            platform, run, OPERATOR, codes=code, after=after, limit=limit
        ),
    )
    bodies = [shown.finding(one) for one in found]
    if as_json:
        print_json([msgspec.to_builtins(one) for one in bodies])
        return
    for one in bodies:
        mark = "✗" if one.blocks else "!"
        typer.echo(
            f"{mark} {one.line.line:>8}  {one.line.person_id}  {one.text.zh} · {one.text.en}"
        )
        typer.echo(f"      {one.remedy.zh} · {one.remedy.en}")


@runs_app.command("balance")
def balance(
    month: Annotated[str, typer.Argument(help="月份，如 2026-03 · the month.")],
    benefit: Annotated[str | None, typer.Option("--benefit")] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """三方核对 · Sum paid = the funds' outgoings = the banks' incoming; exit code 1 where not."""
    from yikatong.benefits.runs import service
    from yikatong.core.money import format_yuan

    first = parse_month(month, "MONTH")
    found = with_platform(data, lambda platform: service.balance(platform, first, benefit))
    sums = {name: format_yuan(getattr(found, name)) for name in ("paid", "fund", "banks")}
    if as_json:
        print_json({"month": month, "runs": found.runs, **sums, "agrees": found.agrees})
    else:
        typer.echo(
            f"发放 paid {sums['paid']}  基金支出 from funds {sums['fund']}  "
            f"银行入账 into banks {sums['banks']}"
        )
        typer.echo("✓ 三方相符 · they agree" if found.agrees else "✗ 不符 · they differ")
    if not found.agrees:
        raise typer.Exit(1)


@runs_app.command("report")
def report(
    run: RunArgument,
    out: Annotated[
        Path | None, typer.Option("--out", help="写到文件（.csv 或 .pdf） · to a file.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """发放报告 · The report: as text or JSON, as CSV of every line, or one page of PDF."""
    from yikatong.benefits.runs import report as reports
    from yikatong.benefits.runs import service, shown
    from yikatong.money.bank.commands import OPERATOR

    async def work(platform: Platform) -> Any:
        found = await service.summary(platform, run)
        if out is not None and out.suffix == ".csv":
            with out.open("wb") as file:
                async for part in reports.as_csv(platform, run, OPERATOR):
                    file.write(part)
        elif out is not None and out.suffix == ".pdf":
            out.write_bytes(reports.as_pdf(found, platform.clock.now()))
        elif out is not None:
            raise InvalidInput("--out", zh="应以 .csv 或 .pdf 结尾", en="ends in .csv or .pdf")
        return found

    found = with_platform(data, work, statement_seconds_max=_STATEMENT_SECONDS_MAX)
    if as_json:
        print_json(msgspec.to_builtins(shown.summary(found)))
    elif out is None:
        _tell(found)
    else:
        typer.echo(str(out))


@runs_app.command("file")
def bank_file(
    run: RunArgument,
    bank: Annotated[str, typer.Argument(help="银行代码 · the bank's code.")],
    actor: ActorOption,
    out: Annotated[Path, typer.Option("--out", help="写到文件 · the file to write.")],
    data: DataOption = None,
) -> None:
    """交银行的代发文件 · The signed file for a bank that keeps the accounts itself."""
    from yikatong.benefits.runs import files

    async def work(platform: Platform) -> None:
        parts = files.make(platform, run, bank, actor)
        head = await anext(parts)
        with out.open("wb") as file:
            file.write(head)
            async for part in parts:
                file.write(part)

    with_platform(data, work, statement_seconds_max=_STATEMENT_SECONDS_MAX)
    typer.echo(str(out))


@runs_app.command("answer")
def bank_answer(
    run: RunArgument,
    bank: Annotated[str, typer.Argument(help="银行代码 · the bank's code.")],
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    actor: ActorOption,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """银行回盘文件 · Take in what the bank says became of each line."""
    from yikatong.benefits.runs import files

    content = file.read_bytes()
    taken = with_platform(
        data,
        lambda platform: files.take_answer(platform, run, bank, content, actor),
        statement_seconds_max=_STATEMENT_SECONDS_MAX,
    )
    if as_json:
        print_json(msgspec.to_builtins(taken))
    else:
        typer.echo(
            f"入账 credited {taken.credited}  退回 returned {taken.returned}  "
            f"已知 known before {taken.known}"
        )


runs_app.add_typer(by_hand_app)
