"""JSON routes of payments to other banks."""

from typing import Annotated, Any, Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from yikatong.core.money import parse_yuan
from yikatong.core.platform import Platform
from yikatong.money.bank import service as bank
from yikatong.money.bodies import PROBLEMS, Amount, Identifier, Level, Memo, Number, told
from yikatong.money.outside import service, settlement
from yikatong.money.outside.service import PayOut
from yikatong.money.outside.store import BankOrder
from yikatong.trust import audit
from yikatong.trust.access import Caller

# By code; the framework, which checks what it injects, cannot check a protocol.
Connectors = dict[str, Any]


class PayeeBody(msgspec.Struct, forbid_unknown_fields=True):
    """An account at another bank."""

    bank: Annotated[str, msgspec.Meta(max_length=12)]
    account: Annotated[str, msgspec.Meta(pattern="^[0-9]{8,32}$")]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class PayOutBody(msgspec.Struct, forbid_unknown_fields=True):
    """A payment to another bank."""

    account: Number
    payee: PayeeBody
    amount: Amount
    assurance: Level
    memo: Memo = ""


def order_body(one: BankOrder) -> dict[str, Any]:
    """An order for JSON: pending and unknown are still on their way."""
    whole = told(one, "amount", "order_id account_id")
    hidden = ("content_hash", "number_sealed", "name_sealed", "version", "shared", "attempts")
    return {name: value for name, value in whole.items() if name not in hidden}


@post(
    "/api/v1/money/payouts",
    status_code=202,
    summary="Pay to an account at another bank",
    description="The money leaves at once; the bank is asked behind it. Look at the order to learn"
    " what became of it: done, refused (the money is back), or unknown until reconciliation.",
    responses=PROBLEMS,
    tags=["other banks"],
    permission="money.transfer",
)
async def pay_out(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    connectors: NamedDependency[Connectors],
    data: PayOutBody,
    key: NamedDependency[str],
) -> dict[str, Any]:
    """Within the limits of the account, as a transfer."""
    who = caller.actor("payment to another bank")
    async with platform.database.transaction(readonly=True) as connection:
        account = await bank.find_account(platform, connection, data.account)
    order = PayOut(
        key=key,
        actor=who,
        bank=data.payee.bank,
        source=account.key,
        account=data.payee.account,
        name=data.payee.name,
        amount=parse_yuan(data.amount, "amount"),
        assurance=data.assurance,
        memo=data.memo,
    )
    return order_body(await service.pay_out(platform, connectors, order))


@get(
    "/api/v1/money/payouts/{person_id:int}/{order_id:int}",
    summary="What became of a payment to another bank",
    responses=PROBLEMS,
    tags=["other banks"],
    permission="money.read",
)
async def show(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    order_id: FromPath[Identifier],
) -> dict[str, Any]:
    """pending, unknown, done or refused."""
    who = caller.actor("payment enquiry")
    async with platform.database.transaction() as connection:
        found = await settlement.get(connection, person_id, order_id)
        at = platform.clock.now()
        await audit.record(connection, who, at, person_id, "money.payout_read")
    return order_body(found)


routes: Final = [pay_out, show]
