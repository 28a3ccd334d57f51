"""`yikatong filings`: file, change, withdraw, come home, list; the rules of a region."""

from collections.abc import Sequence
from typing import Annotated

import typer

from yikatong.core.commands import DataOption, JsonOption, print_json, with_platform
from yikatong.core.errors import InvalidInput, one_of
from yikatong.medical.filings.model import (
    CHANNELS,
    KINDS,
    MATERIALS,
    SUBKINDS,
    FilingChange,
    NewFiling,
)
from yikatong.medical.model import Filing
from yikatong.money.bank.commands import OPERATOR, KeyOption, PersonArgument, key_of

filings_app = typer.Typer(help="异地就医备案 · filings for care elsewhere.", no_args_is_help=True)

FilingArgument = Annotated[int, typer.Argument(help="备案编号 · the filing's number.", min=1)]
ToOption = Annotated[
    str | None, typer.Option("--to", help="就医地代码（省或市） · a province's or city's code.")
]
SubkindOption = Annotated[
    str | None,
    typer.Option(help="长期备案的类别 · retired_settler, long_term_resident, posted_worker."),
]
FromOption = Annotated[str | None, typer.Option("--from", help="开始日期 · the first day.")]
UntilOption = Annotated[str | None, typer.Option("--until", help="结束日期 · the last day.")]
ChannelOption = Annotated[str, typer.Option(help="渠道 · online, phone, counter.")]
DeclareOption = Annotated[
    bool, typer.Option("--declare", help="以个人承诺书代替材料 · a declaration for documents.")
]
MaterialOption = Annotated[
    list[str] | None,
    typer.Option(
        "--material",
        help="出示的材料，可重复 · identity, household_register, residence_proof, work_proof,"
        " referral; may stand several times.",
    ),
]


@filings_app.command("file")
def file(
    person: PersonArgument,
    kind: Annotated[str, typer.Option(help="long_term, transfer, emergency, temporary.")],
    to: ToOption = None,
    subkind: SubkindOption = None,
    insurance: Annotated[str | None, typer.Option(help="310 或 390 · or.")] = None,
    starts: FromOption = None,
    until: UntilOption = None,
    channel: ChannelOption = "counter",
    declare: DeclareOption = False,
    material: MaterialOption = None,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """备案 · File; exit code 1 where none is needed, or where it is refused."""
    from yikatong.medical.filings import service
    from yikatong.policies.requests import parse_day

    if to is None:
        raise InvalidInput("--to", zh="请填写就医地代码", en="say where to")
    wanted = NewFiling(
        kind=one_of(kind, KINDS, "--kind"),
        destination=to,
        channel=one_of(channel, CHANNELS, "--channel"),
        subkind=None if subkind is None else one_of(subkind, SUBKINDS, "--subkind"),
        insurance=insurance,
        starts_on=parse_day(starts, "--from") if starts else None,
        ends_on=parse_day(until, "--until") if until else None,
        declared=declare,
        materials=_materials(material),
    )
    done = with_platform(
        data, lambda platform: service.file(platform, person, wanted, OPERATOR, key_of(key))
    )
    _show([done], as_json, single=True)


@filings_app.command("change")
def change(
    person: PersonArgument,
    filing: FilingArgument,
    to: ToOption = None,
    subkind: SubkindOption = None,
    starts: FromOption = None,
    until: UntilOption = None,
    channel: ChannelOption = "counter",
    declare: DeclareOption = False,
    material: MaterialOption = None,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """变更 · Change destination, reason or end, or hand in documents that were promised."""
    from yikatong.medical.filings import service
    from yikatong.policies.requests import parse_day

    wanted = FilingChange(
        channel=one_of(channel, CHANNELS, "--channel"),
        destination=to,
        subkind=None if subkind is None else one_of(subkind, SUBKINDS, "--subkind"),
        starts_on=parse_day(starts, "--from") if starts else None,
        ends_on=parse_day(until, "--until") if until else None,
        declared=declare,
        materials=_materials(material),
    )
    done = with_platform(
        data,
        lambda platform: service.change(platform, person, filing, wanted, OPERATOR, key_of(key)),
    )
    _show([done], as_json, single=True)


@filings_app.command("withdraw")
def withdraw(
    person: PersonArgument,
    filing: FilingArgument,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """取消 · Withdraw a filing from today."""
    from yikatong.medical.filings import service

    done = with_platform(
        data, lambda platform: service.withdraw(platform, person, filing, OPERATOR, key_of(key))
    )
    _show([done], as_json, single=True)


@filings_app.command("return")
def mark_return(
    person: PersonArgument,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """返回参保地 · The person came home: end what the region's rules end with it."""
    from yikatong.medical.filings import service

    ended = with_platform(
        data, lambda platform: service.mark_return(platform, person, OPERATOR, key_of(key))
    )
    if not ended and not as_json:
        typer.echo("没有因此结束的备案 · no filing ends with it")
    _show(ended, as_json)


@filings_app.command("list")
def show(person: PersonArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """查看备案 · A person's filings, ended ones too; the look is recorded."""
    from yikatong.medical.filings import service

    found = with_platform(data, lambda platform: service.of_person(platform, person, OPERATOR))
    _show(found, as_json)


@filings_app.command("run-due")
def run_due(data: DataOption = None, as_json: JsonOption = False) -> None:
    """办理到期提醒 · Tell whose filing ends within two weeks; harmless when run twice."""
    from yikatong.medical.filings import reminders

    told = with_platform(data, reminders.run)
    if as_json:
        print_json({"told": told})
        return
    typer.echo(f"提醒 told: {told}")


@filings_app.command("rules")
def region_rules(
    region: Annotated[str, typer.Argument(help="参保地代码 · the insured region's code.")],
    on: Annotated[
        str | None, typer.Option("--date", help="日期 · the day; default: today.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """查看规则 · What a region says of filings, and where the figures come from."""
    import msgspec

    from yikatong.core import regions
    from yikatong.core.clock import SystemClock, today
    from yikatong.medical.filings import shown, terms
    from yikatong.policies.requests import parse_day

    day = parse_day(on, "--date") if on else today(SystemClock())
    code = regions.pooling_region(region, "REGION").code
    body = shown.region_rules(terms.load(), code, day)
    if as_json:
        print_json(msgspec.to_builtins(body))
        return
    typer.echo(f"{body.name.zh} · {body.name.en}  {day}")
    for one in body.kinds:
        held = f"{one.months} 个月 months" if one.months else "至取消 until withdrawn"
        mark = "  （凭记忆，待核对 · recalled）" if one.recalled else ""
        typer.echo(f"{one.name.zh} · {one.name.en}: {held}; {', '.join(one.channels)}{mark}")
        for need in one.needs:
            names = "、".join(material.zh for material in need.materials)
            typer.echo(f"    {need.name.zh} · {need.name.en}: {names} ({', '.join(need.codes)})")
        if one.change_after_months:
            typer.echo(f"    满 {one.change_after_months} 个月可变更 · change after months")
        if one.declaration:
            typer.echo("    可用个人承诺书 · a declaration may stand for documents")
        if one.ends_by_return:
            typer.echo("    返回参保地即终止 · ends by return")
        typer.echo(f"    依据 · from: {'；'.join(one.sources)}")


def _materials(given: list[str] | None) -> tuple[str, ...]:
    return tuple(one_of(one, MATERIALS, "--material") for one in given or ())


def _show(found: Sequence[Filing], as_json: bool, *, single: bool = False) -> None:
    import msgspec

    from yikatong.core.clock import SystemClock, today
    from yikatong.medical.filings import service, shown

    day = today(SystemClock())
    bodies = [
        shown.filing(one, service.rules_of(one.region, day).kinds[one.kind], day) for one in found
    ]
    if as_json:
        told = [msgspec.to_builtins(one) for one in bodies]
        print_json(told[0] if single else told)
        return
    for one in bodies:
        until = one.ends_on or "至取消 until withdrawn"
        ended = f"  {one.ended_by} {one.ended_on}" if one.ended_by else ""
        owed = f"  待补 owed: {', '.join(one.materials_missing)}" if one.materials_missing else ""
        typer.echo(
            f"{one.filing_id}  {one.kind_name.zh}  {one.destination_name.zh}"
            f" · {one.destination_name.en}  {one.starts_on} – {until}  {one.state}{ended}{owed}"
        )
