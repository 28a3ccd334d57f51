"""`yikatong unemployment`: estimate, claim, confirm, transfer, end, show."""

from typing import Annotated, Any

import msgspec
import typer

from yikatong.benefits.unemployment.model import END_REASONS, REASONS, NewClaim, Question
from yikatong.core.commands import DataOption, JsonOption, print_json, with_platform
from yikatong.core.errors import one_of
from yikatong.money.bank.commands import OPERATOR, KeyOption, PersonArgument, key_of

unemployment_app = typer.Typer(help="失业保险金 · unemployment benefit.", no_args_is_help=True)

ReasonOption = Annotated[str, typer.Option("--reason", help="离职原因 · " + ", ".join(REASONS))]
SexOption = Annotated[
    int | None, typer.Option("--sex", help="1 男 male, 2 女 female.", min=1, max=2)
]
PostOption = Annotated[str, typer.Option("--post", help="岗位 · worker, cadre.")]


def _day(text: str, field: str) -> Any:
    from yikatong.policies.requests import parse_day

    return parse_day(text, field)


@unemployment_app.command("estimate")
def estimate(
    region: Annotated[
        str, typer.Option("--region", help="参保地代码 · where contributions were paid.")
    ],
    months: Annotated[int, typer.Option("--months", help="累计缴费月数 · months paid.", min=0)],
    reason: ReasonOption = "dismissed",
    collect_in: Annotated[
        str | None, typer.Option("--collect-in", help="领取地代码 · where to collect it.")
    ] = None,
    carried: Annotated[
        int, typer.Option("--carried", help="前次剩余月数 · months kept.", min=0)
    ] = 0,
    birth: Annotated[str | None, typer.Option("--birth", help="出生日期 · 1980-01-31.")] = None,
    sex: SexOption = None,
    post: PostOption = "worker",
    registered: Annotated[bool, typer.Option(help="已办失业登记 · registered.")] = True,
    on: Annotated[
        str | None, typer.Option("--date", help="日期 · the day; default: today.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """测算 · Whether, how long, how much, where; exit code 1 where not entitled."""
    from yikatong.benefits.unemployment import service, shown
    from yikatong.core.clock import SystemClock, today

    asked = Question(
        region=region,
        collect_in=collect_in,
        months_paid=months,
        months_carried=carried,
        reason=one_of(reason, REASONS, "--reason"),
        registered=registered,
        birth=None if birth is None else _day(birth, "--birth"),
        sex=None if sex is None else 1 if sex == 1 else 2,
        post=one_of(post, ("worker", "cadre"), "--post"),
        on=today(SystemClock()) if on is None else _day(on, "--date"),
    )
    body = shown.estimate(service.estimate(asked))
    if as_json:
        print_json(msgspec.to_builtins(body))
    else:
        if body.entitled:
            typer.echo(
                f"✓ 可以领取 · entitled: {body.region_name.zh} {body.monthly} 元/月 a month, "
                f"{body.months} 个月 months ({body.first_month} – {body.last_month}), "
                f"合计 in all {body.total}"
            )
        for miss in body.misses:
            typer.echo(f"✗ {miss.text.zh} · {miss.text.en}")
            typer.echo(f"    {miss.remedy.zh} · {miss.remedy.en}")
        for step in body.steps:
            typer.echo(f"  {step.rule.zh} · {step.rule.en}: {step.result.zh}  {step.clause}")
        if body.recalled:
            typer.echo(
                "  （部分数字凭记忆录入，待核对 · some figures are recalled, to be compared）"
            )
    if not body.entitled:
        raise typer.Exit(1)


@unemployment_app.command("claim")
def claim(
    person: PersonArgument,
    left: Annotated[str, typer.Option("--left", help="最后工作日 · the last day of work.")],
    registered: Annotated[
        str, typer.Option("--registered", help="失业登记日期 · the day of registration.")
    ],
    reason: ReasonOption = "dismissed",
    collect_in: Annotated[
        str, typer.Option("--collect-in", help="领取地 · insured, residence.")
    ] = "insured",
    post: PostOption = "worker",
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """申领 · Claim; exit code 1 and every reason where the law does not give it."""
    from yikatong.benefits.unemployment import service

    wanted = NewClaim(
        left_on=_day(left, "--left"),
        reason=one_of(reason, REASONS, "--reason"),
        registered_on=_day(registered, "--registered"),
        collect_in=one_of(collect_in, ("insured", "residence"), "--collect-in"),
        post=one_of(post, ("worker", "cadre"), "--post"),
    )
    done = with_platform(
        data, lambda platform: service.claim(platform, person, wanted, OPERATOR, key_of(key))
    )
    _show([done], as_json, single=True)


@unemployment_app.command("confirm")
def confirm(person: PersonArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """每月确认 · Note that the person still looks for work this month."""
    from yikatong.benefits.unemployment import service

    done = with_platform(data, lambda platform: service.confirm_month(platform, person, OPERATOR))
    _show([done], as_json, single=True)


@unemployment_app.command("transfer")
def transfer(
    person: PersonArgument,
    region: Annotated[str, typer.Option("--to", help="转入地代码 · the region to collect it in.")],
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """转移 · Collect the rest in another region, from next month on."""
    from yikatong.benefits.unemployment import service

    done = with_platform(
        data, lambda platform: service.transfer(platform, person, region, OPERATOR, key_of(key))
    )
    _show([done], as_json, single=True)


@unemployment_app.command("end")
def end(
    person: PersonArgument,
    reason: Annotated[str, typer.Option("--reason", help=", ".join(END_REASONS))],
    on: Annotated[str, typer.Option("--on", help="发生日期 · the day it happened.")],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """停发 · End the benefit; tells what was paid too much."""
    from yikatong.benefits.unemployment import service

    day = _day(on, "--on")
    done = with_platform(
        data, lambda platform: service.end(platform, person, reason, day, OPERATOR)
    )
    _show([done], as_json, single=True)


@unemployment_app.command("show")
def show(person: PersonArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """查看 · A person's claims, ended ones too; the look is recorded."""
    from yikatong.benefits.unemployment import service

    _show(
        with_platform(data, lambda platform: service.of_person(platform, person, OPERATOR)), as_json
    )


def _show(found: list[Any], as_json: bool, *, single: bool = False) -> None:
    from yikatong.benefits.unemployment import shown

    bodies = [shown.claim(one) for one in found]
    if as_json:
        told = [msgspec.to_builtins(one) for one in bodies]
        print_json(told[0] if single else told)
        return
    for one in bodies:
        ended = (
            f"  {one.ended_by_name.zh} · {one.ended_by_name.en} {one.ended_on}"
            if one.ended_by_name
            else ""
        )
        overpaid = f"  应退回 to be given back {one.overpaid}" if one.overpaid != "0.00" else ""
        typer.echo(
            f"{one.claim_id}  {one.region_name.zh}  {one.starts_on} – {one.ends_on}  "
            f"{one.months_granted} 个月 months  {one.state}{ended}{overpaid}"
        )
