"""The JSON route of social money."""

from typing import Any, Final

import msgspec
from litestar import Request, post
from litestar.di import NamedDependency

from yikatong.core.money import parse_yuan
from yikatong.core.platform import Platform
from yikatong.money import shown, social
from yikatong.money.bank import service as bank
from yikatong.money.bodies import PROBLEMS, Amount, Memo, Number, actor
from yikatong.money.contributions.model import BilledInsurance
from yikatong.money.shown import TransactionBody
from yikatong.trust.operator import Operator


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
)
async def pay(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    operator: NamedDependency[Operator],
    data: BenefitBody,
    key: NamedDependency[str],
) -> TransactionBody:
    """Pension, benefits: no limit and no freeze blocks it."""
    who = actor(request, operator, "benefit payment")
    async with platform.database.transaction(readonly=True) as connection:
        account = await bank.find_account(platform, connection, data.account)
    done = await social.pay(
        platform, account.key, (data.region, data.insurance), parse_yuan(data.amount, "amount"),
        data.memo, who, key,
    )  # fmt: skip
    return shown.transaction(done)


routes: Final = [pay]
