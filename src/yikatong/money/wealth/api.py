"""JSON routes of wealth products."""

from typing import Annotated, Any, Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from yikatong.core.money import format_percent, parse_yuan
from yikatong.core.platform import Platform
from yikatong.money import shown
from yikatong.money.bodies import PROBLEMS, Amount, Identifier, Level, identifier, told
from yikatong.money.shown import TransactionBody
from yikatong.money.wealth import products, service
from yikatong.money.wealth.model import Holding
from yikatong.trust import audit
from yikatong.trust.access import Caller


class RatingBody(msgspec.Struct, forbid_unknown_fields=True):
    """The answers, 1 to 5 each, in the order of the questions."""

    answers: Annotated[list[int], msgspec.Meta(min_length=1, max_length=20)]


class BuyBody(msgspec.Struct, forbid_unknown_fields=True):
    """How much of which product, from which account."""

    account_id: str
    product: str
    amount: Amount
    assurance: Level


class RedeemBody(msgspec.Struct, forbid_unknown_fields=True):
    """How much of the principal; absent: all."""

    amount: Amount | None = None


def holding_body(one: Holding) -> dict[str, Any]:
    """A holding for JSON, with the rate of its day in percent."""
    whole = told(one, "bought principal accrued interest_paid", "holding_id account_id")
    del whole["version"]
    return {**whole, "rate": format_percent(one.rate)}


@get(
    "/api/v1/money/wealth/products",
    summary="Products, their risk in plain words, the questions",
    tags=["wealth"],
)
async def show_products() -> dict[str, Any]:
    """What the banks sell; public."""
    catalogue = products.catalogue()
    return {
        "products": [products.told(one) for one in catalogue.products.values()],
        "questions": [
            {
                "field": one.field,
                "text": one.text.as_dict(),
                "answers": [a.as_dict() for a in one.answers],
            }
            for one in catalogue.questions
        ],
    }


@post(
    "/api/v1/money/wealth/{person_id:int}/rating",
    summary="Rate what risk a person can bear",
    responses=PROBLEMS,
    tags=["wealth"],
    permission="money.wealth",
)
async def rate(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    data: RatingBody,
    key: NamedDependency[str],
) -> dict[str, Any]:
    """Valid for a year."""
    who = caller.actor("risk rating")
    return told(await service.rate(platform, person_id, data.answers, who, key), "", "rating_id")


@post(
    "/api/v1/money/wealth/{person_id:int}/holdings",
    status_code=200,
    summary="Buy",
    responses=PROBLEMS,
    tags=["wealth"],
    permission="money.wealth",
)
async def buy(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    data: BuyBody,
    key: NamedDependency[str],
) -> TransactionBody:
    """The transaction's id is the holding's."""
    who = caller.actor("wealth product")
    account = identifier(data.account_id, "account_id")
    done = await service.buy(
        platform, person_id, account, data.product, parse_yuan(data.amount, "amount"), who, key,
        assurance=data.assurance,
    )  # fmt: skip
    return shown.transaction(done)


@get(
    "/api/v1/money/wealth/{person_id:int}/holdings",
    summary="What a person holds",
    responses=PROBLEMS,
    tags=["wealth"],
    permission="money.read",
)
async def holdings(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
) -> list[dict[str, Any]]:
    """Closed ones too."""
    who = caller.actor("wealth products")
    async with platform.database.transaction() as connection:
        found = await service.holdings_of(connection, person_id)
        if found:
            at = platform.clock.now()
            await audit.record(connection, who, at, person_id, "money.holdings_read")
    return [holding_body(one) for one in found]


@post(
    "/api/v1/money/wealth/{person_id:int}/holdings/{holding_id:int}/cancel",
    status_code=200,
    summary="Take a purchase back in the cooling-off period",
    responses=PROBLEMS,
    tags=["wealth"],
    permission="money.wealth",
)
async def cancel(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    holding_id: FromPath[Identifier],
    key: NamedDependency[str],
) -> TransactionBody:
    """All of it, at no cost."""
    who = caller.actor("wealth product")
    return shown.transaction(await service.cancel(platform, person_id, holding_id, who, key))


@post(
    "/api/v1/money/wealth/{person_id:int}/holdings/{holding_id:int}/redeem",
    status_code=200,
    summary="Redeem",
    responses=PROBLEMS,
    tags=["wealth"],
    permission="money.wealth",
)
async def redeem(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    holding_id: FromPath[Identifier],
    data: RedeemBody,
    key: NamedDependency[str],
) -> TransactionBody:
    """In part or whole, with the interest that belongs to it."""
    who = caller.actor("wealth product")
    amount = None if data.amount is None else parse_yuan(data.amount, "amount")
    return shown.transaction(
        await service.redeem(platform, person_id, holding_id, amount, who, key)
    )


public: Final = [show_products]
routes: Final = [rate, buy, holdings, cancel, redeem]
