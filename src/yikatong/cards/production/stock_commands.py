"""`yikatong cards stock`: blanks at counters, delivery sheets, parcels."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from yikatong.cards.production.commands import ActorOption, BatchArgument, actor_of, progress
from yikatong.core.commands import (
    DataOption,
    JsonOption,
    KeyOption,
    key_of,
    print_json,
    with_platform,
)
from yikatong.core.platform import Platform

stock_app = typer.Typer(
    help="空白卡、成品卡和配送 · blanks, finished cards, delivery.", no_args_is_help=True
)

CounterArgument = Annotated[str, typer.Argument(help="网点代码 · the counter's code.")]
SheetArgument = Annotated[int, typer.Argument(help="配送单编号 · the sheet's number.", min=1)]
_PURPOSE = "stock of cards"


@stock_app.command("show")
def show(
    counter: CounterArgument,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """网点库存 · Blanks with their newest movements, and finished cards."""
    from yikatong.cards.production import blanks, delivery, stock_api
    from yikatong.cards.production.stock_model import SHELF_NAMES

    async def work(platform: Platform) -> tuple[Any, dict[str, int]]:
        found = await blanks.movements(platform, counter, limit)
        return found, await delivery.shelves(platform, counter)

    found, shelves = with_platform(data, work)
    balance = found[0].balance if found else 0
    bodies = [stock_api.movement(one) for one in found]
    if as_json:
        told = {"counter": counter, "blanks": balance, "finished": shelves}
        print_json({**told, "movements": msgspec.to_builtins(bodies)})
        return
    typer.echo(f"{counter}  空白卡 blanks {balance:,}")
    for shelf, name in SHELF_NAMES.items():
        if shelf in shelves:
            typer.echo(f"  {name.zh} · {name.en}: {shelves[shelf]:,}")
    for one in bodies:
        typer.echo(
            f"  {one.at:%Y-%m-%d %H:%M}  {one.name.zh} · {one.name.en}  {one.quantity:+,}  "
            f"余 left {one.balance:,}  {one.actor}  {one.note}"
        )


@stock_app.command("move")
def move(
    counter: CounterArgument,
    kind: Annotated[str, typer.Argument(help="received | spoiled | returned | counted")],
    quantity: Annotated[int, typer.Argument(help="张数 · how many.", min=0)],
    actor: ActorOption,
    note: Annotated[str, typer.Option(help="说明 · why, or who counted.")] = "",
    key: KeyOption = None,
    data: DataOption = None,
) -> None:
    """空白卡出入库 · Blanks received, spoiled, returned or counted."""
    from yikatong.cards.production import blanks
    from yikatong.cards.production.stock_model import Kind
    from yikatong.core.errors import one_of

    kinds: tuple[Kind, ...] = ("received", "spoiled", "returned", "counted")
    wanted = kinds[kinds.index(one_of(kind, kinds, "KIND"))]
    who = actor_of(actor, _PURPOSE)
    done = with_platform(
        data,
        lambda platform: blanks.move(platform, counter, wanted, quantity, note, who, key_of(key)),
    )
    typer.echo(f"✓ {done.quantity:+,}  余 left {done.balance:,}")


@stock_app.command("send")
def send(
    batch: BatchArgument, actor: ActorOption, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """制配送单 · A delivery sheet for each counter to which finished cards of a batch go."""
    from yikatong.cards.production import delivery

    who = actor_of(actor, _PURPOSE)
    _sheets(with_platform(data, lambda platform: delivery.send(platform, batch, who)), as_json)


@stock_app.command("sheets")
def sheets(
    batch: Annotated[int | None, typer.Option(help="批次 · of a batch.")] = None,
    counter: Annotated[str | None, typer.Option(help="网点 · for a counter.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 20,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """配送单 · Delivery sheets, the newest first."""
    from yikatong.cards.production import delivery

    found = with_platform(
        data,
        lambda platform: delivery.every(platform, batch_id=batch, counter=counter, limit=limit),
    )
    _sheets(found, as_json)


def _sheets(found: Any, as_json: bool) -> None:
    from yikatong.cards.production import stock_api

    bodies = [stock_api.sheet(one) for one in found]
    if as_json:
        print_json(msgspec.to_builtins(bodies))
        return
    for one in bodies:
        received = (
            "未签收 not confirmed"
            if one.received_at is None
            else f"签收 confirmed {one.received_at:%Y-%m-%d %H:%M} {one.received_by}"
        )
        typer.echo(f"{one.sheet_id}  {one.counter or '-'}  {one.cards:,} 张 cards  {received}")


@stock_app.command("receive")
def receive(
    sheet: SheetArgument,
    actor: ActorOption,
    missing: Annotated[
        list[int] | None, typer.Option("--missing", help="没到的序号 · numbers that did not come.")
    ] = None,
    data: DataOption = None,
) -> None:
    """签收配送单 · Confirm what came of a sheet."""
    from yikatong.cards.production import delivery

    who = actor_of(actor, _PURPOSE)
    count = with_platform(
        data, lambda platform: delivery.receive(platform, sheet, missing or [], who)
    )
    typer.echo(f"✓ {count:,} 张 cards")


@stock_app.command("give-back")
def give_back(
    sheet: SheetArgument,
    cards: Annotated[list[int], typer.Argument(help="序号 · their numbers.")],
    data: DataOption = None,
) -> None:
    """退回成品卡 · Return cards of a sheet to the agency."""
    from yikatong.cards.production import delivery

    count = with_platform(data, lambda platform: delivery.give_back(platform, sheet, cards))
    typer.echo(f"✓ {count:,} 张 cards")


@stock_app.command("lose")
def lose(
    sheet: SheetArgument,
    cards: Annotated[list[int], typer.Argument(help="序号 · their numbers.")],
    reason: Annotated[str, typer.Option(help="怎样发现、怎样查过 · how it was found out.")],
    actor: ActorOption,
    data: DataOption = None,
) -> None:
    """登记在途遗失 · Record cards of a sheet as lost on their way; they are made again."""
    from yikatong.cards.production import delivery

    who = actor_of(actor, _PURPOSE)
    count = with_platform(data, lambda platform: delivery.lose(platform, sheet, cards, reason, who))
    typer.echo(f"✓ {count:,} 张 cards")


@stock_app.command("addresses")
def addresses(
    batch: BatchArgument,
    file: Annotated[Path, typer.Argument(help="写到的文件 · the file to write.", dir_okay=False)],
    actor: ActorOption,
    data: DataOption = None,
) -> None:
    """导出邮寄清单 · Write the table for the post; recorded with each person."""
    from yikatong.cards.production import delivery

    who = actor_of(actor, _PURPOSE)

    async def work(platform: Platform) -> None:
        with file.open("wb") as out:
            async for piece in delivery.addresses(platform, batch, who):
                out.write(piece)

    with_platform(data, work)
    typer.echo(f"✓ {file}")


@stock_app.command("tracking")
def tracking(
    batch: BatchArgument,
    file: Annotated[
        Path,
        typer.Argument(help="填好单号的清单 · the table filled in.", exists=True, dir_okay=False),
    ],
    actor: ActorOption,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """导入快递单号 · Take in the parcels' numbers; exit code 1 where rows are wrong."""
    from yikatong.cards.production import delivery

    who = actor_of(actor, _PURPOSE)

    async def work(platform: Platform) -> Any:
        with progress("寄出 · sending", hidden=as_json) as hear:
            return await delivery.take_tracking(platform, batch, file.read_bytes(), who, hear)

    sent, known, faults = with_platform(data, work)
    if as_json:
        print_json({"sent": sent, "known": known, "faults": msgspec.to_builtins(faults)})
    else:
        typer.echo(f"寄出 sent {sent:,}  已知 known {known:,}")
        for each in faults:
            typer.echo(f"第 {each.line} 行 row {each.line}, {each.field}: {each.zh} · {each.en}")
    if faults:
        raise typer.Exit(1)
