"""`yikatong money standing`: standing orders."""

from typing import Annotated, Any, Literal

import typer

from yikatong.core.commands import DataOption, JsonOption, print_json, with_platform
from yikatong.core.money import format_yuan, parse_yuan
from yikatong.core.platform import Platform
from yikatong.money.bank.commands import (
    OPERATOR,
    AmountArgument,
    KeyOption,
    LevelOption,
    NumberArgument,
    PersonArgument,
    key_of,
)
from yikatong.money.bank.standing_rules import Run, StandingOrder

standing_app = typer.Typer(help="定期转账 · standing orders.", no_args_is_help=True)


@standing_app.command("list")
def show(person: PersonArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """查看约定 · A person's standing orders and what became of them; the look is recorded."""
    from yikatong.money.bank import standing
    from yikatong.money.bodies import told
    from yikatong.trust import audit

    async def work(platform: Platform) -> list[tuple[StandingOrder, list[Run]]]:
        async with platform.database.transaction() as connection:
            found = await standing.orders_of(connection, person)
            if found:
                at = platform.clock.now()
                await audit.record(connection, OPERATOR, at, person, "money.standing_orders_read")
            return [
                (one, await standing.history(connection, person, one.order_id)) for one in found
            ]

    found = with_platform(data, work)
    if as_json:
        orders: list[dict[str, Any]] = [
            {
                **told(one, "amount", "order_id account_id payee_account_id"),
                "history": [told(run, "amount", "order_id transaction_id") for run in history],
            }
            for one, history in found
        ]
        print_json(orders)
        return
    for one, history in found:
        typer.echo(_line(one))
        for run in history:
            typer.echo(f"    {run.due_on}  {run.outcome}  {run.reason_zh or ''}")


@standing_app.command("add")
def add(
    account: NumberArgument,
    amount: AmountArgument,
    to: Annotated[
        str | None, typer.Option(help="收款账号；不填则缴社保 · the payee; none: open bills.")
    ] = None,
    name: Annotated[str, typer.Option(help="收款人姓名 · the payee's name.")] = "",
    every: Annotated[str, typer.Option(help="month | week | once")] = "month",
    day: Annotated[int | None, typer.Option(help="几号或星期几 · 1-31, or 1-7.")] = None,
    starts: Annotated[
        str | None, typer.Option(help="开始日期 · first day; default: today.")
    ] = None,
    ends: Annotated[str | None, typer.Option(help="结束日期 · last day.")] = None,
    memo: Annotated[str, typer.Option(help="附言 · memo.")] = "",
    assurance: LevelOption = 2,
    key: KeyOption = None,
    data: DataOption = None,
) -> None:
    """约定 · Arrange a regular transfer, or paying open contribution bills up to the amount."""
    from yikatong.core.clock import today
    from yikatong.core.errors import InvalidInput
    from yikatong.money.bank import service, standing
    from yikatong.money.bank.standing_rules import Every, Schedule
    from yikatong.policies.requests import parse_day

    rhythms: tuple[Every, ...] = ("month", "week", "once")
    rhythm: Every | None = next((one for one in rhythms if one == every), None)
    if rhythm is None:
        raise InvalidInput(
            "--every", zh="应为 month、week 或 once", en="must be month, week or once"
        )

    async def work(platform: Platform) -> StandingOrder:
        async with platform.database.transaction(readonly=True) as connection:
            own = await service.find_account(platform, connection, account, "ACCOUNT")
        schedule = Schedule(
            every=rhythm,
            day=day,
            starts_on=parse_day(starts, "--starts") if starts else today(platform.clock),
            ends_on=parse_day(ends, "--ends") if ends else None,
        )
        wanted = standing.Arrangement(
            account_id=own.account_id,
            amount=parse_yuan(amount, "AMOUNT"),
            schedule=schedule,
            assurance=assurance,
            memo=memo,
            kind="contribution" if to is None else "transfer",
            payee=to or "",
            payee_name=name,
            target="open bills" if to is None else "",
        )
        return await standing.arrange(platform, own.person_id, wanted, OPERATOR, key_of(key))

    typer.echo(_line(with_platform(data, work)))


OrderArgument = Annotated[int, typer.Argument(help="约定编号 · the standing order.", min=1)]


def _set(
    state: Literal["active", "paused", "ended"],
    person: int,
    order: int,
    key: str | None,
    data: Any,
) -> None:
    from yikatong.money.bank import standing

    done = with_platform(
        data,
        lambda platform: standing.set_state(platform, person, order, state, OPERATOR, key_of(key)),
    )
    typer.echo(_line(done))


@standing_app.command("pause")
def pause(
    person: PersonArgument, order: OrderArgument, key: KeyOption = None, data: DataOption = None
) -> None:
    """暂停 · Pause it; what falls into the pause is not made up for."""
    _set("paused", person, order, key, data)


@standing_app.command("resume")
def resume(
    person: PersonArgument, order: OrderArgument, key: KeyOption = None, data: DataOption = None
) -> None:
    """恢复 · Take it up again."""
    _set("active", person, order, key, data)


@standing_app.command("end")
def end(
    person: PersonArgument, order: OrderArgument, key: KeyOption = None, data: DataOption = None
) -> None:
    """终止 · End it for good."""
    _set("ended", person, order, key, data)


def _line(one: StandingOrder) -> str:
    to = f"→ …{one.payee_tail}" if one.payee_tail else "→ 社保缴费 contributions"
    due = one.next_due or "-"
    return f"{one.order_id}  {one.state}  {format_yuan(one.amount)}  {to}  下次 next {due}"
