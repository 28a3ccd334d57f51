"""`yikatong cards`: tables, rules and counters; a person's cards; what is due."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from yikatong.core.commands import (
    DataOption,
    JsonOption,
    PersonArgument,
    print_json,
    with_platform,
)
from yikatong.core.errors import Text
from yikatong.core.platform import Platform
from yikatong.trust.audit import Actor

OPERATOR = Actor("staff", "operator", "command line")
"""Whoever may run commands on the data directory."""

cards_app = typer.Typer(help="社保卡业务 · the card office.", no_args_is_help=True)

RegionArgument = Annotated[str, typer.Argument(help="地区代码 · a region's code.")]


@cards_app.command("table")
def print_tables(as_json: JsonOption = False) -> None:
    """业务表和状态表 · The services table and the state tables."""
    import msgspec

    from yikatong.cards.office import shown

    services, tables = shown.all_services(), shown.tables()
    if as_json:
        print_json(msgspec.to_builtins({"services": services, "states": tables}))
        return
    typer.echo("业务 · services")
    for one in services:
        typer.echo(f"  {one.name}  {one.text.zh} · {one.text.en}")
        typer.echo(f"      谁 who: {_codes(one.who)}   渠道 channels: {_codes(one.channels)}")
        if one.needs:
            typer.echo(f"      材料 shows: {_codes(one.needs)}")
    for name, moves in (("申请 · applications", tables.applications), ("卡 · cards", tables.cards)):
        typer.echo(f"\n{name}")
        for move in moves:
            after = move.after.code if move.after else "="
            typer.echo(
                f"  {' | '.join(one.code for one in move.before) or '-'}  + {move.event}  → {after}"
                f"   {move.text.zh} · {move.text.en}"
            )


def _codes(named: list[Any]) -> str:
    return ", ".join(one.code for one in named)


@cards_app.command("rules")
def region_rules(
    region: RegionArgument = "000000",
    on: Annotated[
        str | None, typer.Option("--date", help="日期 · the day; default: today.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """办卡规则 · What a region says of days and fees, and where that comes from."""
    import msgspec

    from yikatong.cards.office import shown, terms
    from yikatong.core import regions
    from yikatong.core.clock import SystemClock, today
    from yikatong.policies.requests import parse_day

    day = parse_day(on, "--date") if on else today(SystemClock())
    if region != terms.NATION:
        regions.get(region, "REGION")
    book = terms.load()
    body = shown.rules(book.find(region, day), day, book.review)
    if as_json:
        print_json(msgspec.to_builtins(body))
        return
    where = (
        "全国 · the nation"
        if region == terms.NATION
        else f"{body.region.name.zh} · {body.region.name.en}"
    )
    typer.echo(f"{where}  {day}")
    for zh, en, value in (
        ("临时挂失自动解除", "a provisional report ends after days", body.provisional_days),
        ("审核", "reviewed within days", body.review_days),
        ("补正", "added within days, when asked", body.amend_days),
        ("制卡", "made within working days", body.production_days),
        ("补换卡工本费（元）", "fee in yuan", body.fee),
        ("免收", "free where", _codes(body.free) or "-"),
        ("有效期（年）", "valid for years", body.valid_years),
        ("催领间隔", "asked to collect every so many days", body.collect_days),
        ("照片来源", "photo from", body.photo),
        ("逾期销毁", "destroyed after days", body.keep_days),
        ("到期提醒提前", "told days before it expires", body.remind_days),
    ):
        typer.echo(f"  {zh} · {en}: {value}")
    mark = "（凭记忆，待核对 · recalled）" if body.recalled else ""
    typer.echo(f"  依据 · from: {'；'.join(body.sources)}{mark}")
    for note in body.notes:
        typer.echo(f"  {note}")


@cards_app.command("counters")
def list_counters(
    region: RegionArgument,
    kind: Annotated[str | None, typer.Option(help="agency 或 bank · or.")] = None,
    prints: Annotated[
        bool, typer.Option("--prints-at-once", help="能即时制卡的 · that make cards at once.")
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """社保卡服务网点（虚构） · Counters of a region (made up)."""
    import msgspec

    from yikatong.cards.counters import service
    from yikatong.cards.counters.model import KINDS, Counter
    from yikatong.cards.office import shown
    from yikatong.core.errors import one_of

    wanted = None if kind is None else one_of(kind, KINDS, "--kind")

    async def work(platform: Platform) -> list[Counter]:
        await service.prepare(platform)
        async with platform.database.transaction(readonly=True) as connection:
            return await service.of_region(platform, connection, region, wanted, prints=prints)

    found = with_platform(data, work)
    if as_json:
        print_json([msgspec.to_builtins(shown.counter(one)) for one in found])
        return
    for one in found:
        at_once = "即时制卡 · at once" if one.prints_at_once else ""
        typer.echo(f"{one.code}  {one.name} · {one.english}  {one.address}  {one.hours}  {at_once}")


@cards_app.command("show")
def show(person: PersonArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """查看社保卡和申请 · A person's cards and applications; the look is recorded."""
    import msgspec

    from yikatong.cards.office import looking, shown
    from yikatong.core.clock import SystemClock, today

    seen = with_platform(data, lambda platform: looking.of_person(platform, person, OPERATOR))
    day = today(SystemClock())
    held = [shown.card(one, day) for one in seen.cards]
    asked = [shown.application(one, seen.counters) for one in seen.applications]
    if as_json:
        print_json(msgspec.to_builtins(shown.CardsBody(held, asked)))
        return
    for one in held:
        typer.echo(f"{one.card_id}  {one.state.name.zh} {one.state.name.en}")
        tell(Text(one.said.zh, one.said.en))
    for one in asked:
        typer.echo(f"{one.application_id}  {one.kind.name.zh} {one.kind.name.en}")
        tell(Text(one.said.zh, one.said.en))
    if not held and not asked:
        typer.echo("没有卡，也没有申请 · neither cards nor applications")


@cards_app.command("history")
def history(
    person: PersonArgument,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 100,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """办理记录 · Everything that happened to a person's cards, the newest first."""
    import msgspec

    from yikatong.cards.office import looking, shown

    found = with_platform(data, lambda platform: looking.history(platform, person, OPERATOR, limit))
    lines = [shown.event(one) for one in found]
    if as_json:
        print_json(msgspec.to_builtins(lines))
        return
    for one in lines:
        moved = f"{one.before.code} → {one.after.code}" if one.before else f"→ {one.after.code}"
        about = one.application_id or one.card_id or ""
        typer.echo(
            f"{one.at:%Y-%m-%d %H:%M}  {one.event.name.zh} {one.event.name.en}  {moved}  {about}  "
            f"{one.channel.code} {one.applicant.code}  {one.actor}  {one.reason}".rstrip()
        )


@cards_app.command("list")
def work_list(
    state: Annotated[
        str | None,
        typer.Option(help="applied, in_production, ready, sent; 缺省全部 · default: all."),
    ] = None,
    region: Annotated[str, typer.Option(help="地区代码 · a region's code.")] = "000000",
    limit: Annotated[int, typer.Option(min=1, max=200)] = 50,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """待办 · Applications that wait in a region, the longest first."""
    import msgspec

    from yikatong.cards.counters import service as counters
    from yikatong.cards.model import ApplicationState
    from yikatong.cards.office import applying, shown, terms
    from yikatong.cards.office.shown import ApplicationBody
    from yikatong.core import regions
    from yikatong.core.errors import one_of

    chosen: Sequence[ApplicationState] = applying.WAITING
    if state is not None:
        wanted: ApplicationState = one_of(state, applying.WAITING, "--state")
        chosen = (wanted,)
    areas = None
    if region != terms.NATION:
        areas = [regions.get(region, "--region").code.removesuffix("00").removesuffix("00")]

    async def work(platform: Platform) -> list[ApplicationBody]:
        async with platform.database.transaction(readonly=True) as connection:
            found = await applying.waiting(connection, chosen, areas, limit)
            at = await counters.find(connection, {one.pickup_place for one in found})
        return [shown.application(one, at) for one in found]

    found = with_platform(data, work)
    if as_json:
        print_json(msgspec.to_builtins(found))
        return
    for one in found:
        typer.echo(
            f"{one.person_id} {one.application_id}  {one.applied_on}  {one.kind.code}  "
            f"{one.state.name.zh} {one.state.name.en}  {one.region.name.zh}"
        )


@cards_app.command("run-due")
def run_due(data: DataOption = None, as_json: JsonOption = False) -> None:
    """到期业务 · Do what is due: reports end, cards expire, holders are told, cards are chased."""
    import msgspec
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    from yikatong.cards.office import due
    from yikatong.cards.office.due import Done

    async def work(platform: Platform) -> Done:
        with Progress(
            SpinnerColumn(), TextColumn("{task.description}"), console=Console(stderr=True),
            transient=True, disable=as_json,
        ) as progress:  # fmt: skip
            task = progress.add_task("到期业务 · due work")

            def hear(done: Done) -> None:
                count = sum(msgspec.structs.astuple(done))
                progress.update(task, description=f"到期业务 · due work: {count:,}")

            return await due.run(platform, hear)

    done = msgspec.to_builtins(with_platform(data, work))
    if as_json:
        print_json(done)
        return
    names = {
        "reports_ended": "临时挂失解除 · provisional reports ended",
        "expired": "到期 · expired",
        "chased": "催领 · asked to collect",
        "destroyed": "逾期销毁 · destroyed",
        "lapsed": "逾期未补正，终止 · ended, nothing was added in time",
        "told_of_expiry": "到期提醒 · told of the expiry",
        "told_of_report": "挂失到期提醒 · told of the report's end",
        "failed": "没办成 · failed",
    }
    for name, count in done.items():
        typer.echo(f"{names[name]}: {count:,}")
    if done["failed"]:
        raise typer.Exit(1)


def tell(said: Text) -> None:
    """A sentence in both languages."""
    typer.echo(f"  {said.zh}")
    typer.echo(f"  {said.en}")
