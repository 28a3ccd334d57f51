"""The parts of `yikatong money` about other banks."""

from typing import Annotated, Any

import typer

from yikatong.core.commands import DataOption, JsonOption, print_json, with_platform
from yikatong.core.money import parse_yuan
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


def pay_out(
    payer: NumberArgument,
    bank: Annotated[str, typer.Argument(help="收款银行代码 · the payee's bank.")],
    payee: Annotated[str, typer.Argument(help="收款账号 · the payee's account there.")],
    name: Annotated[str, typer.Argument(help="收款人户名 · the payee's name.")],
    amount: AmountArgument,
    memo: Annotated[str, typer.Option(help="附言 · memo.")] = "",
    assurance: LevelOption = 2,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """跨行转账 · Pay to an account at another bank; `up` or `run-due` sends it."""
    from yikatong.money.bank.service import find_account
    from yikatong.money.outside import service
    from yikatong.money.outside.api import order_body
    from yikatong.money.outside.connectors import connectors

    async def work(platform: Platform) -> dict[str, Any]:
        async with platform.database.transaction(readonly=True) as connection:
            own = await find_account(platform, connection, payer, "ACCOUNT")
        order = service.PayOut(
            key=key_of(key),
            actor=OPERATOR,
            bank=bank,
            source=own.key,
            account=payee,
            name=name,
            amount=parse_yuan(amount, "AMOUNT"),
            assurance=assurance,
            memo=memo,
        )
        known = connectors(platform, platform.settings.outside_banks)
        return order_body(await service.pay_out(platform, known, order))

    _show(with_platform(data, work), as_json)


def payout(
    person: PersonArgument,
    order: Annotated[int, typer.Argument(help="指令编号 · the order.", min=1)],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """跨行转账结果 · What became of a payment to another bank; the look is recorded."""
    from yikatong.money.outside import settlement
    from yikatong.money.outside.api import order_body
    from yikatong.trust import audit

    async def work(platform: Platform) -> dict[str, Any]:
        async with platform.database.transaction() as connection:
            found = await settlement.get(connection, person, order)
            at = platform.clock.now()
            await audit.record(connection, OPERATOR, at, person, "money.payout_read")
        return order_body(found)

    _show(with_platform(data, work), as_json)


def _show(told: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(told)
    else:
        typer.echo(f"{told['person_id']} {told['order_id']}  {told['state']}  {told['amount']}")


def add_to(app: typer.Typer) -> None:
    """Hang the commands into `yikatong money`."""
    app.command("pay-out")(pay_out)
    app.command("payout")(payout)
