"""The JSON route of social money."""

from typing import Any, Final

import msgspec
from litestar import post
from litestar.di import NamedDependency

from yikatong.core import regions
from yikatong.core.money import parse_yuan
from yikatong.core.platform import Platform
from yikatong.money import shown, social
from yikatong.money.bank import service as bank
from yikatong.money.bodies import PROBLEMS, Amount, Memo, Number
from yikatong.money.contributions.model import BilledInsurance
from yikatong.money.shown import TransactionBody
from yikatong.trust.access import Caller, Content, FourEyes
from yikatong.trust.audit import Actor


class BenefitBody(msgspec.Struct, forbid_unknown_fields=True):
    """From the fund of a region and insurance to an account."""

    account: Number
    region: str
    insurance: BilledInsurance
    amount: Amount
    memo: Memo = ""


@post(
    "/api/v1/money/benefits",
    status_code=200,
    summary="Pay social money to an account",
    responses=PROBLEMS,
    tags=["money"],
    permission="fund.transfer",
)
async def pay(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    four_eyes: NamedDependency[FourEyes],
    data: BenefitBody,
    key: NamedDependency[str],
) -> TransactionBody:
    """Pension, benefits: no limit and no freeze blocks it. A second person approves."""
    region = regions.pooling_region(data.region, "region").code
    caller.require("fund.transfer", region)
    async with platform.database.transaction(readonly=True) as connection:
        await bank.find_account(platform, connection, data.account)
    parse_yuan(data.amount, "amount")
    facts = msgspec.to_builtins(data)
    await four_eyes.need(caller, Content("fund.transfer", (region,), facts), key)
    return await carry_out_payment(platform, facts, caller.actor("benefit payment"), key)


async def carry_out_payment(
    platform: Platform, facts: dict[str, Any], who: Actor, key: str
) -> TransactionBody:
    """Pay from the fund as the facts say."""
    data = msgspec.convert(facts, BenefitBody)
    async with platform.database.transaction(readonly=True) as connection:
        account = await bank.find_account(platform, connection, data.account)
    done = await social.pay(
        platform, account.key, (data.region, data.insurance), parse_yuan(data.amount, "amount"),
        data.memo, who, key,
    )  # fmt: skip
    return shown.transaction(done)


routes: Final = [pay]
