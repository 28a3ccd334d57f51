"""`yikatong cards lists`: employers and schools apply for many."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from yikatong.cards.production.commands import ActorOption, actor_of, progress
from yikatong.core.commands import (
    DataOption,
    JsonOption,
    KeyOption,
    key_of,
    print_json,
    with_platform,
)
from yikatong.core.platform import Platform

lists_app = typer.Typer(help="批量申领名单 · lists of employers and schools.", no_args_is_help=True)

ListArgument = Annotated[int, typer.Argument(help="名单编号 · the list's number.", min=1)]
_PURPOSE = "list of an employer or school"


@lists_app.command("template")
def template(
    file: Annotated[Path, typer.Argument(help="写到的文件 · the file to write.", dir_okay=False)],
    language: Annotated[str, typer.Option(help="zh | en")] = "zh",
) -> None:
    """空白名单 · An empty list with its headings."""
    from yikatong.cards.lists import sheets
    from yikatong.core.errors import one_of

    file.write_bytes(sheets.template(one_of(language, ("zh", "en"), "--language")))
    typer.echo(f"✓ {file}")


@lists_app.command("take")
def take(
    file: Annotated[
        Path, typer.Argument(help="CSV 或 XLSX 文件 · the file.", exists=True, dir_okay=False)
    ],
    employer: Annotated[str, typer.Option(help="统一社会信用代码 · whose list.")],
    pickup_place: Annotated[str, typer.Option(help="领卡网点 · where the cards are collected.")],
    actor: ActorOption,
    bank: Annotated[str, typer.Option(help="发卡银行 · the issuing bank.")] = "ICBC",
    school: Annotated[bool, typer.Option("--school", help="学校 · a school.")] = False,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """受理名单 · Apply for everybody on it; exit code 1 where rows were refused, each is explained."""
    from yikatong.cards.lists import service
    from yikatong.cards.lists.model import NewList, Progress, Standing

    who = actor_of(actor, _PURPOSE)

    async def work(platform: Platform) -> tuple[Progress, list[Standing]]:
        with progress("受理 · applying", hidden=as_json) as hear:
            made = await service.take(
                platform, employer, file.read_bytes(), NewList(bank, pickup_place, school), who,
                key_of(key), hear,
            )  # fmt: skip
        refused: list[Standing] = []
        while True:
            after = refused[-1].row.row if refused else 0
            part = await service.rows(
                platform, made.list_id, who, states=["refused"], after=after, limit=service.ROWS_MAX
            )
            refused += part
            if len(part) < service.ROWS_MAX:
                return await service.progress(platform, made.list_id), refused

    found, refused = with_platform(data, work)
    _tell(found, as_json)
    if not as_json:
        for one in refused:
            each = one.row
            typer.echo(
                f"第 {each.row} 行 row {each.row}, {each.field or '-'}: {each.zh} · {each.en}"
            )
    if refused:
        raise typer.Exit(1)


def _tell(found: Any, as_json: bool) -> None:
    from yikatong.cards.lists import shown

    body = shown.progress(found)
    if as_json:
        print_json(msgspec.to_builtins(body))
        return
    one = body.about
    typer.echo(f"{one.list_id}  {one.employer}  {one.employer_name}  {one.people:,} 人 people")
    for state in body.states:
        typer.echo(f"  {state.name.zh} · {state.name.en}: {state.rows:,}")


@lists_app.command("list")
def every(
    employer: Annotated[str | None, typer.Option(help="统一社会信用代码 · whose.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """名单列表 · Lists, the newest first."""
    from yikatong.cards.lists import service, shown

    found = with_platform(data, lambda platform: service.lists(platform, None, employer, limit))
    bodies = [shown.card_list(one) for one in found]
    if as_json:
        print_json(msgspec.to_builtins(bodies))
        return
    for one in bodies:
        typer.echo(
            f"{one.list_id}  {one.employer}  {one.employer_name}  {one.people:,} 人 people  "
            f"{one.taken_at:%Y-%m-%d}"
        )


@lists_app.command("show")
def show(one: ListArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """名单进度 · How a list stands."""
    from yikatong.cards.lists import service

    _tell(with_platform(data, lambda platform: service.progress(platform, one)), as_json)


@lists_app.command("rows")
def rows(
    one: ListArgument,
    actor: ActorOption,
    state: Annotated[
        list[str] | None, typer.Option("--state", help="只看这些状态 · in these states.")
    ] = None,
    after: Annotated[int, typer.Option(help="从此行之后 · behind this row.", min=0)] = 0,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """名单各行 · Rows and where they stand, masked; the look is recorded."""
    from yikatong.cards.lists import service, shown

    who = actor_of(actor, _PURPOSE)
    found = with_platform(
        data,
        lambda platform: service.rows(platform, one, who, states=state, after=after, limit=limit),
    )
    bodies = [shown.row(each) for each in found]
    if as_json:
        print_json(msgspec.to_builtins(bodies))
        return
    for body in bodies:
        said = f"{body.text.zh} · {body.text.en}" if body.text else body.reason or ""
        typer.echo(
            f"{body.row}  {body.name}  {body.id_number}  {body.state_name.zh} · {body.state_name.en}"
            f"  {said}"
        )


def _step(
    data: Path | None,
    as_json: bool,
    one: int,
    text: str,
    work: Callable[[Platform, Callable[[int], None]], Awaitable[Any]],
) -> None:
    from yikatong.cards.lists import service, shown

    async def run(platform: Platform) -> tuple[Any, Any]:
        with progress(text, hidden=as_json) as hear:
            done = await work(platform, hear)
        return done, await service.progress(platform, one)

    done, found = with_platform(data, run)
    if as_json:
        print_json(msgspec.to_builtins(shown.done(done, found)))
    else:
        typer.echo(f"✓ {done.done:,}")
        for each in done.refused:
            typer.echo(f"第 {each.row} 行 row {each.row}: {each.zh} · {each.en}")
        _tell(found, as_json=False)
    if done.refused:
        raise typer.Exit(1)


@lists_app.command("review")
def review(
    one: ListArgument,
    actor: ActorOption,
    refuse: Annotated[
        list[str] | None,
        typer.Option("--refuse", help="不通过的行和原因 · a row and why, such as 12=照片不合格."),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """批量审核 · Approve a list but for some rows; by another person than who took it in."""
    from yikatong.cards.lists import service
    from yikatong.core.errors import InvalidInput

    who = actor_of(actor, _PURPOSE)
    reasons: dict[int, str] = {}
    for each in refuse or ():
        row, _, reason = each.partition("=")
        if not (row.isascii() and row.isdigit() and len(row) < 8 and reason.strip()):
            raise InvalidInput(
                "--refuse", zh="应为 行号=原因，如 12=照片不合格", en="write it as ROW=REASON"
            )
        reasons[int(row)] = reason.strip()
    _step(
        data, as_json, one, "审核 · reviewing",
        lambda platform, hear: service.approve(platform, one, who, reasons, hear),
    )  # fmt: skip


@lists_app.command("hand-over")
def hand_over(
    one: ListArgument,
    contact: Annotated[str, typer.Option(help="领卡联系人 · who collects the cards.")],
    actor: ActorOption,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """单位领卡 · Hand the cards that are ready over to the employer's contact."""
    from yikatong.cards.lists import service

    who = actor_of(actor, _PURPOSE)
    _step(
        data, as_json, one, "发卡 · handing over",
        lambda platform, hear: service.hand_over(platform, one, contact, who, hear),
    )  # fmt: skip


@lists_app.command("activate")
def activate(
    one: ListArgument, actor: ActorOption, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """批量启用 · Activate the cards that were handed over; holders choose their PIN at first use."""
    from yikatong.cards.lists import service

    who = actor_of(actor, _PURPOSE)
    _step(
        data, as_json, one, "启用 · activating",
        lambda platform, hear: service.activate(platform, one, who, hear),
    )  # fmt: skip
