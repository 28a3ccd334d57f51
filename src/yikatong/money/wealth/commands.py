"""`yikatong money wealth`: wealth products."""

from typing import Annotated

import typer

from yikatong.core.commands import DataOption, JsonOption, print_json, with_platform
from yikatong.core.money import format_percent, format_yuan, format_yuan_grouped, parse_yuan
from yikatong.core.platform import Platform
from yikatong.money.bank.commands import (
    OPERATOR,
    AmountArgument,
    KeyOption,
    LevelOption,
    NumberArgument,
    PersonArgument,
    key_of,
    show,
)
from yikatong.money.ledger.model import Transaction
from yikatong.money.wealth.model import Holding

wealth_app = typer.Typer(help="理财产品 · wealth products.", no_args_is_help=True)

HoldingArgument = Annotated[int, typer.Argument(help="持有编号 · the holding.", min=1)]


@wealth_app.command("products")
def list_products(as_json: JsonOption = False) -> None:
    """产品一览 · What the banks sell, with risk, term and rate."""
    from yikatong.money.wealth import products

    found = products.catalogue().products.values()
    if as_json:
        print_json([products.told(one) for one in found])
        return
    for one in found:
        term = f"{one.term_days} 天 days" if one.term_days else "随时赎回 open-ended"
        typer.echo(
            f"{one.code:16} {one.risk}  {format_percent(one.rate)} %  {term}  "
            f"起购 from {format_yuan_grouped(one.minimum)}  "
            f"冷静期 cooling off {one.cooling_off_hours} h  {one.name.zh} · {one.name.en}"
        )


@wealth_app.command("rate")
def rate(
    person: PersonArgument,
    answers: Annotated[
        list[int], typer.Argument(help="五题答案 1-5 · answers to the five questions, 1-5.")
    ],
    key: KeyOption = None,
    data: DataOption = None,
) -> None:
    """风险测评 · Rate what risk a person can bear; valid for a year."""
    from yikatong.money.wealth import service

    found = with_platform(
        data, lambda platform: service.rate(platform, person, answers, OPERATOR, key_of(key))
    )
    typer.echo(f"✓ {found.rating}  有效期至 valid until {found.valid_until}")


@wealth_app.command("buy")
def buy(
    account: NumberArgument,
    product: Annotated[str, typer.Argument(help="产品代码 · the product's code.")],
    amount: AmountArgument,
    assurance: LevelOption = 2,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """购买 · Buy; the transaction's number is the holding's."""
    from yikatong.money.bank import service as bank
    from yikatong.money.wealth import service

    async def work(platform: Platform) -> Transaction:
        async with platform.database.transaction(readonly=True) as connection:
            own = await bank.find_account(platform, connection, account, "ACCOUNT")
        return await service.buy(
            platform, *own.key, product, parse_yuan(amount, "AMOUNT"), OPERATOR, key_of(key),
            assurance=assurance,
        )  # fmt: skip

    show(with_platform(data, work), as_json)


@wealth_app.command("holdings")
def holdings(person: PersonArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """持有 · What a person holds, closed holdings too; the look is recorded."""
    from yikatong.money.wealth import service
    from yikatong.money.wealth.api import holding_body
    from yikatong.trust import audit

    async def work(platform: Platform) -> list[Holding]:
        async with platform.database.transaction() as connection:
            found = await service.holdings_of(connection, person)
            if found:
                at = platform.clock.now()
                await audit.record(connection, OPERATOR, at, person, "money.holdings_read")
            return found

    found = with_platform(data, work)
    if as_json:
        print_json([holding_body(one) for one in found])
        return
    for one in found:
        typer.echo(
            f"{one.holding_id}  {one.product:16} {one.state}  本金 principal {format_yuan(one.principal)}  "
            f"未付收益 interest {format_yuan(one.accrued)}  到期 matures {one.matures_on or '-'}"
        )


@wealth_app.command("cancel")
def cancel(
    person: PersonArgument,
    holding: HoldingArgument,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """撤销 · Take a purchase back within the cooling-off period, at no cost."""
    from yikatong.money.wealth import service

    done = with_platform(
        data, lambda platform: service.cancel(platform, person, holding, OPERATOR, key_of(key))
    )
    show(done, as_json)


@wealth_app.command("redeem")
def redeem(
    person: PersonArgument,
    holding: HoldingArgument,
    amount: Annotated[
        str | None, typer.Option(help="赎回金额；不填为全部 · how much; default: all.")
    ] = None,
    key: KeyOption = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """赎回 · Redeem, with the interest that belongs to it."""
    from yikatong.money.wealth import service

    part = None if amount is None else parse_yuan(amount, "--amount")
    done = with_platform(
        data,
        lambda platform: service.redeem(platform, person, holding, part, OPERATOR, key_of(key)),
    )
    show(done, as_json)
