"""`yikatong cards batch`: makers, batches, the files both ways."""

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from yikatong.core.commands import (
    DataOption,
    JsonOption,
    KeyOption,
    key_of,
    print_json,
    with_platform,
)
from yikatong.core.platform import Platform
from yikatong.trust.audit import Actor

batch_app = typer.Typer(help="制卡批次 · batches of cards at a maker.", no_args_is_help=True)

BatchArgument = Annotated[int, typer.Argument(help="批次编号 · the batch's number.", min=1)]
ActorOption = Annotated[str, typer.Option("--actor", help="经办人工号 · your staff number.")]
_STATEMENT_SECONDS_MAX = 120


def actor_of(number: str, purpose: str) -> Actor:
    """Who carries a command out; raises InvalidInput for what is no staff number."""
    import re

    from yikatong.core.errors import InvalidInput

    if not re.fullmatch(r"[A-Za-z0-9._-]{1,40}", number):
        raise InvalidInput(
            "--actor",
            zh="工号为 1 至 40 个字母、数字、点、横线或下划线",
            en="a staff number has 1 to 40 letters, digits, dots, hyphens or underscores",
        )
    return Actor("staff", number, purpose)


@contextmanager
def progress(text: str, *, hidden: bool) -> Generator[Callable[[int], None]]:
    """A bar on stderr that counts what is done."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=hidden,
    ) as shown:
        task = shown.add_task(text, total=None)
        yield lambda done: shown.update(task, completed=done)


@batch_app.command("makers")
def makers(data: DataOption = None, as_json: JsonOption = False) -> None:
    """制卡厂商 · Makers and their public keys."""
    from yikatong.cards.production import service, shown

    found = [shown.maker(one) for one in with_platform(data, service.makers)]
    if as_json:
        print_json(msgspec.to_builtins(found))
        return
    for one in found:
        keys = [
            f"回盘验签 results {one.result_key or '-'}",
            f"加密 sealed for {one.encryption_key or '-'}",
        ]
        typer.echo(f"{one.maker}  {one.name}  {'  '.join(keys)}")


@batch_app.command("maker")
def maker(
    code: Annotated[str, typer.Argument(help="厂商代码 · the maker's code.")],
    name: Annotated[str, typer.Argument(help="名称 · name.")],
    actor: ActorOption,
    result_key: Annotated[
        str | None, typer.Option(help="回盘文件验签公钥 · Ed25519, base64url: signs results.")
    ] = None,
    encryption_key: Annotated[
        str | None,
        typer.Option(help="制卡文件加密公钥 · X25519, base64url: order files are for it."),
    ] = None,
    data: DataOption = None,
) -> None:
    """登记制卡厂商 · Register a maker, or change name and keys; a key left out is taken away."""
    from yikatong.cards.production import service

    who = actor_of(actor, "card production")
    made = with_platform(
        data,
        lambda platform: service.put_maker(platform, code, name, result_key, encryption_key, who),
    )
    typer.echo(f"✓ {made.maker}  {made.name}")


@batch_app.command("key")
def key(data: DataOption = None, as_json: JsonOption = False) -> None:
    """验签公钥 · The public key that makers check order files with."""
    from yikatong.cards.production import wire

    async def work(platform: Platform) -> str:
        return wire.told(wire.public_bytes(wire.signing_key(platform.vault)))

    told = with_platform(data, work)
    if as_json:
        print_json({"alg": "Ed25519", "key": told})
    else:
        typer.echo(told)


@batch_app.command("make")
def make(
    actor: ActorOption,
    region: Annotated[str, typer.Option(help="发卡地代码 · the region's code.")],
    bank: Annotated[str, typer.Option(help="发卡银行 · the issuing bank.")],
    maker: Annotated[str, typer.Option(help="厂商代码 · the maker.")],
    cards_max: Annotated[
        int, typer.Option("--max", help="最多张数 · at most so many cards.", min=1)
    ] = 200_000,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """组批 · Collect the cards that wait into a batch; with the same --key it goes on."""
    from yikatong.cards.production import service
    from yikatong.cards.production.model import Summary

    who = actor_of(actor, "card production")

    async def work(platform: Platform) -> Summary:
        begun = await service.begin(platform, region, bank, maker, cards_max, who, key_of(key))
        with progress("组批 · collecting", hidden=as_json) as hear:
            await service.collect(platform, begun.batch_id, who, hear)
        return await service.summary(platform, begun.batch_id)

    _tell(with_platform(data, work, statement_seconds_max=_STATEMENT_SECONDS_MAX), as_json)


@batch_app.command("collect")
def collect(
    batch: BatchArgument, actor: ActorOption, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """继续组批 · Go on collecting a batch where it broke off."""
    from yikatong.cards.production import service
    from yikatong.cards.production.model import Summary

    who = actor_of(actor, "card production")

    async def work(platform: Platform) -> Summary:
        with progress("组批 · collecting", hidden=as_json) as hear:
            await service.collect(platform, batch, who, hear)
        return await service.summary(platform, batch)

    _tell(with_platform(data, work, statement_seconds_max=_STATEMENT_SECONDS_MAX), as_json)


@batch_app.command("list")
def every(
    open_only: Annotated[bool, typer.Option("--open", help="只看未完成 · not done ones.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """批次列表 · Batches, the newest first."""
    from yikatong.cards.production import service, shown

    found = with_platform(
        data, lambda platform: service.batches(platform, None, open_only=open_only, limit=limit)
    )
    bodies = [shown.batch(one) for one in found]
    if as_json:
        print_json(msgspec.to_builtins(bodies))
        return
    for one in bodies:
        typer.echo(
            f"{one.batch_id}  {one.region}  {one.bank}  {one.maker}  {one.cards:,} 张 cards  "
            f"{one.state_name.zh} · {one.state_name.en}"
        )


@batch_app.command("show")
def show(batch: BatchArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """批次进度与核对 · How a batch stands."""
    from yikatong.cards.production import service

    _tell(with_platform(data, lambda platform: service.summary(platform, batch)), as_json)


def _tell(summary: Any, as_json: bool) -> None:
    from yikatong.cards.production import shown

    body = shown.summary(summary)
    if as_json:
        print_json(msgspec.to_builtins(body))
        return
    one = body.batch
    typer.echo(f"{one.batch_id}  {one.region}  {one.bank}  {one.maker}")
    typer.echo(f"  {one.state_name.zh} · {one.state_name.en}")
    typer.echo(
        f"  订制 ordered {one.cards:,} = 制好 made {body.made:,} + 制废 spoiled {body.spoiled:,} + "
        f"短少 missing {body.missing:,} + 不需要 unwanted {body.unwanted:,} + "
        f"未回盘 outstanding {body.outstanding:,}"
    )
    for each in body.exports:
        sealed = "已加密 sealed" if each.encrypted else "未加密 not sealed"
        typer.echo(
            f"  导出 {each.file} {each.begun_at:%Y-%m-%d %H:%M}  {each.made_by}  {sealed}  "
            f"{each.sha256 or '未完成 · broke off'}"
        )


@batch_app.command("order")
def order(
    batch: BatchArgument,
    file: Annotated[Path, typer.Argument(help="写到的文件 · the file to write.", dir_okay=False)],
    actor: ActorOption,
    data: DataOption = None,
) -> None:
    """导出制卡文件 · Write the file for the maker; each time is recorded, with every person."""
    from yikatong.cards.production import files

    who = actor_of(actor, "card production")
    _write(file, data, lambda platform: files.export(platform, batch, who))


@batch_app.command("photos")
def photos(
    batch: BatchArgument,
    file: Annotated[Path, typer.Argument(help="写到的文件 · the file to write.", dir_okay=False)],
    actor: ActorOption,
    data: DataOption = None,
) -> None:
    """导出照片文件 · Write the photos that were handed in, for the maker; recorded as the order is."""
    from yikatong.cards.production import files

    who = actor_of(actor, "card production")
    _write(file, data, lambda platform: files.photos(platform, batch, who))


def _write(
    file: Path, data: Path | None, made: Callable[[Platform], AsyncGenerator[bytes]]
) -> None:
    part = file.with_name(f"{file.name}.part")

    async def work(platform: Platform) -> None:
        # Whole or not at all: what broke off is not mistaken for a file of the batch.
        with part.open("wb") as out:
            async for piece in made(platform):
                out.write(piece)
        part.replace(file)

    try:
        with_platform(data, work, statement_seconds_max=_STATEMENT_SECONDS_MAX)
    finally:
        part.unlink(missing_ok=True)
    typer.echo(f"✓ {file}")


@batch_app.command("results")
def results(
    batch: BatchArgument,
    file: Annotated[
        Path, typer.Argument(help="回盘文件 · the maker's file.", exists=True, dir_okay=False)
    ],
    actor: ActorOption,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """导入回盘文件 · Take in the maker's results; exit code 1 where lines are wrong, each is explained."""
    from yikatong.cards.production import files, shown
    from yikatong.cards.production.model import Taken

    who = actor_of(actor, "card production")

    async def work(platform: Platform) -> Taken:
        with progress("回盘 · results", hidden=as_json) as hear:
            return await files.take_results(platform, batch, file.read_bytes(), who, hear)

    taken = with_platform(data, work, statement_seconds_max=_STATEMENT_SECONDS_MAX)
    if as_json:
        print_json(msgspec.to_builtins(shown.taken(taken)))
    else:
        typer.echo(
            f"制好 made {taken.made:,}  制废 spoiled {taken.spoiled:,}  短少 missing {taken.missing:,}  "
            f"不需要 unwanted {taken.unwanted:,}  已知 known {taken.known:,}"
        )
        for fault in taken.faults:
            typer.echo(
                f"第 {fault.line} 行 line {fault.line}, {fault.field}: {fault.zh} · {fault.en}"
            )
    if taken.faults:
        raise typer.Exit(1)
