"""`yikatong proof-of-life`: record, due, show, run-due."""

from typing import Annotated

import typer

from yikatong.core.commands import DataOption, JsonOption, parse_moment, print_json, with_platform
from yikatong.core.errors import one_of
from yikatong.core.platform import Platform
from yikatong.money.bank.commands import OPERATOR, PersonArgument

proof_app = typer.Typer(help="领取资格认证 · proof of life.", no_args_is_help=True)


@proof_app.command("record")
def record(
    person: PersonArgument,
    kind: Annotated[str, typer.Option(help="counter, visit, care, transit, data, face.")],
    source: Annotated[
        str, typer.Option(help="依据：经办人、结算号等，只算一次 · what shows it; counts once.")
    ],
    at: Annotated[
        str | None,
        typer.Option(help="时间 2026-03-01T09:00+08:00 · when; default: now."),
    ] = None,
    region: Annotated[str | None, typer.Option(help="所在地区 · where.")] = None,
    died_on: Annotated[
        str | None, typer.Option("--died-on", help="发现已去世 · found dead, since when.")
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """登记认证 · Record that somebody was seen; exit code 1 where it is refused."""
    from yikatong.benefits.proof_of_life import service
    from yikatong.benefits.proof_of_life.model import KINDS, FaceCheckUnavailable, Kind
    from yikatong.policies.requests import parse_day

    way: Kind = one_of(kind, KINDS, "--kind")
    if way == "face":
        # A picture is taken by the person's own device, never typed in by a clerk.
        raise FaceCheckUnavailable
    moment = None if at is None else parse_moment(at, "--at")
    day = parse_day(died_on, "--died-on") if died_on else None

    async def run(platform: Platform) -> dict[str, object]:
        return await service.record(
            platform, person, way, moment or platform.clock.now(), source, OPERATOR,
            outcome="alive" if day is None else "dead", region=region, died_on=day,
        )  # fmt: skip

    done = with_platform(data, run)
    if as_json:
        print_json(done)
        return
    typer.echo(f"✓ {done['proof_id']}  {done['kind']}  {done['at']}")
    if "made_good" in done:
        typer.echo(f"  补发 made good {done['made_good']}")
    if isinstance(note := done.get("note"), dict):
        typer.echo(f"  {note['zh']} · {note['en']}")


@proof_app.command("due")
def due(
    region: Annotated[str | None, typer.Option(help="支付地区 · the region that pays.")] = None,
    days: Annotated[
        int, typer.Option(help="今后多少天内 · within so many days.", min=0, max=366)
    ] = 30,
    after: Annotated[int, typer.Option(help="从此编号之后 · behind this person id.", min=0)] = 0,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 100,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """待认证名单 · Whose proof is due, overdue, or held for want of one; looks are recorded."""
    from yikatong.benefits.proof_of_life import service

    found = with_platform(
        data,
        lambda platform: service.list_due(
            platform, OPERATOR, region=region, days=days, after=after, limit=limit
        ),
    )
    if as_json:
        print_json(found)
        return
    for one in found:
        state = "暂停 held" if one["status"] == "held" else "逾期 overdue" if one["overdue"] else ""
        reminded = len(one["reminders"])
        typer.echo(
            f"{one['person_id']}  {one['region']}  {one['proof_due_on']}  {state}"
            f"{f'  已提醒 reminded {reminded}' if reminded else ''}"
        )


@proof_app.command("show")
def show(person: PersonArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """查看 · When the next proof is due, reminders, proofs; the look is recorded."""
    from yikatong.benefits.proof_of_life import service

    found = with_platform(data, lambda platform: service.of_person(platform, person, OPERATOR))
    if as_json:
        print_json(found)
        return
    for one in found["pensions"]:
        typer.echo(
            f"{one['status']}  到期 due {one['proof_due_on']}  提醒 reminders {one['remind_on']}"
        )
    for one in found["proofs"]:
        typer.echo(f"{one['at']}  {one['kind']}  {one['source']}  {one['outcome']}")


@proof_app.command("run-due")
def run_due(data: DataOption = None, as_json: JsonOption = False) -> None:
    """办理到期事项 · Matched data, holds, reminders of today; harmless when run twice."""
    import msgspec

    from yikatong.benefits import due as daily

    done = with_platform(data, daily.run)
    if as_json:
        print_json(msgspec.to_builtins(done))
        return
    for name, count in msgspec.to_builtins(done).items():
        typer.echo(f"{name}: {count}")
