"""The room's part of the command line: `quote` and `policies list|show|test`."""

import sys
from pathlib import Path
from typing import Annotated, Any, cast

import typer
from msgspec import to_builtins

from yikatong.core.commands import JsonOption, print_json
from yikatong.core.errors import InvalidInput

policies_app = typer.Typer(help="报销政策 · reimbursement policies.", no_args_is_help=True)
_DRAFT_BYTES_MAX = 1024 * 1024


def quote(
    file: Annotated[
        str, typer.Argument(help="JSON 文件，- 表示标准输入 · a JSON file, - for stdin.")
    ],
    text: Annotated[
        str | None, typer.Option("--text", help="用 zh 或 en 显示表格 · a table in zh or en.")
    ] = None,
    what_if: Annotated[
        list[str] | None,
        typer.Option(
            "--what-if",
            help="换一种情况比较 · compare: filing=long_term, level=primary, region=110000.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """算一张账单 · Split a bill by the policy in force."""
    from yikatong.policies import service, shown
    from yikatong.policies.requests import BYTES_MAX

    if text not in (None, "zh", "en"):
        raise InvalidInput("--text", zh="应为 zh 或 en", en="must be zh or en")
    request = service.parse_quote(_read(file, BYTES_MAX + 1))
    answer, variants = service.compare(request, **_variants(what_if or []))
    if text and not as_json:
        _print_tables(answer, variants, text)
        return
    body = shown.comparison_body(answer, variants) if what_if else shown.quote_body(answer)
    print_json(to_builtins(body))


def _read(file: str, bytes_max: int) -> bytes:
    if file == "-":
        return sys.stdin.buffer.read(bytes_max)
    try:
        with Path(file).open("rb") as opened:
            return opened.read(bytes_max)
    except OSError as error:
        raise InvalidInput(
            "FILE",
            zh=f"无法读取 {file}：{error.strerror}",
            en=f"cannot read {file}: {error.strerror}",
        ) from error


def _variants(words: list[str]) -> dict[str, Any]:
    from yikatong.core import regions
    from yikatong.policies.model import FILINGS, LEVELS

    found: dict[str, list[str]] = {"filings": [], "levels": [], "at": []}
    for word in words[:20]:
        key, _, value = word.partition("=")
        if key == "filing" and value in FILINGS:
            found["filings"].append(value)
        elif key == "level" and value in LEVELS:
            found["levels"].append(value)
        elif key == "region":
            found["at"].append(regions.get(value, "--what-if region").code)
        else:
            raise InvalidInput(
                "--what-if",
                zh=f"看不懂 {word}，例如 filing=long_term、level=primary、region=110000",
                en=f"cannot read {word}; for example filing=long_term, level=primary, region=110000",
            )
    return cast("dict[str, Any]", found)


def _print_tables(answer: Any, variants: list[Any], language: str) -> None:
    from rich.console import Console
    from rich.table import Table

    from yikatong.core.errors import Text
    from yikatong.core.money import format_yuan_grouped
    from yikatong.policies import shown

    def told(zh: str, en: str) -> str:
        return Text(zh, en).in_language(language)

    console = Console()
    table = Table(title=shown.policy_title(answer.policy).in_language(language))
    table.add_column("")
    table.add_column(told("元", "yuan"), justify="right")
    for name, amount in shown.parts(answer):
        table.add_row(name.in_language(language), format_yuan_grouped(amount))
    console.print(table)
    for step in answer.steps:
        clause = f"  [{step.clause}]" if step.clause else ""
        line = f"· {shown.step_text(step).in_language(language)}{clause}"
        console.print(line, markup=False, soft_wrap=True)
    if not variants:
        return
    table = Table(title=told("换一种情况", "what if"))
    table.add_column("")
    table.add_column(told("个人负担", "the person's part"), justify="right")
    table.add_column(told("相差", "difference"), justify="right")
    for one in variants:
        more = "+" if one.difference > 0 else ""
        table.add_row(
            shown.variant_title(one).in_language(language),
            format_yuan_grouped(one.quote.person),
            f"{more}{format_yuan_grouped(one.difference)}",
        )
    console.print(table)


@policies_app.command("list")
def list_policies(
    region: Annotated[str | None, typer.Option(help="统筹区代码 · a pooling region.")] = None,
    as_json: JsonOption = False,
) -> None:
    """列出政策文件 · The policies on file."""
    from yikatong.policies import service, shown

    found = [one for one in service.load().policies() if region is None or one.region == region]
    if as_json:
        print_json([to_builtins(shown.policy_summary(one)) for one in found])
        return
    for one in found:
        title = shown.policy_title(one)
        until = one.ends_on or "…"
        typer.echo(
            f"{one.region} {one.insurance} {one.starts_on} – {until}  {one.review}  {title.zh} · {title.en}"
        )


@policies_app.command("show")
def show(
    region: Annotated[str, typer.Argument(help="统筹区代码 · a pooling region, 510100.")],
    insurance: Annotated[str, typer.Argument(help="险种 · 310 or 390.")],
    on: Annotated[str | None, typer.Option("--date", help="日期 · the day, 2026-03-01.")] = None,
    as_json: JsonOption = False,
) -> None:
    """显示一份政策 · One policy: its file as written, or its summary as JSON."""
    from yikatong.core import regions
    from yikatong.core.clock import SystemClock, today
    from yikatong.policies import files, service, shown
    from yikatong.policies.requests import parse_day

    day = parse_day(on, "--date") if on else today(SystemClock())
    code = regions.pooling_region(region, "REGION").code
    policy = service.load().find(code, insurance, day, ("REGION", "--date"))
    if as_json:
        print_json(to_builtins(shown.policy_summary(policy)))
        return
    typer.echo(next(text for name, text in files.shipped() if name == policy.source))


@policies_app.command("test")
def check_all(
    drafts: Annotated[
        list[str] | None,
        typer.Argument(
            help="另外检查的政策文件 · further policy files to check, for their writers."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """检查全部政策文件和算例 · Check every file, run every worked example; 1 where one differs."""
    from yikatong.policies import examples, files, service

    for draft in drafts or ():
        try:
            text = _read(draft, _DRAFT_BYTES_MAX).decode("utf-8")
        except UnicodeDecodeError as error:
            raise InvalidInput(draft, zh="应为 UTF-8 文字", en="must be text in UTF-8") from error
        _, wrong = files.check(draft, text)
        for one in wrong[:-1]:
            typer.echo(f"✗ {one}", err=True)
        if wrong:
            raise wrong[-1]
    book = service.load()
    outcomes = [examples.run(example) for example in examples.shipped()]
    failed = [one for one in outcomes if one.differences]
    if as_json:
        print_json(
            {
                "policies": len(book.policies()),
                "regions": len(book.regions()),
                "examples": len(outcomes),
                "failed": [
                    {"id": one.example.id, "differences": one.differences} for one in failed
                ],
            }
        )
    else:
        for one in failed:
            for name, expected, computed in one.differences:
                typer.echo(f"✗ {one.example.id} {name}: {expected} ≠ {computed}")
        typer.echo(
            f"{len(book.policies())} 份政策，{len(book.regions())} 个统筹区；"
            f"算例 {len(outcomes) - len(failed)}/{len(outcomes)} 一致 · "
            f"{len(book.policies())} policies of {len(book.regions())} regions; "
            f"{len(outcomes) - len(failed)} of {len(outcomes)} examples agree"
        )
    if failed or not outcomes:
        raise typer.Exit(1)
