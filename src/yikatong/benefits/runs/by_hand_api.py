"""JSON routes of what people see to around payment runs: payments that came back, overpaid sums."""

from typing import Annotated, Any, Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter

from yikatong.benefits.runs import paid_back, returned, shown
from yikatong.core import regions
from yikatong.core.money import parse_yuan
from yikatong.core.platform import Platform
from yikatong.core.problems import Problem
from yikatong.money.bodies import Amount, Identifier
from yikatong.money.contributions.service import REFERENCE_MAX, Notice
from yikatong.trust.access import Caller

PROBLEMS: Final = {
    401: ResponseSpec(Problem, description="No valid token."),
    404: ResponseSpec(Problem, description="No such person, or nothing of that number."),
    409: ResponseSpec(
        Problem,
        description="Understood and refused, without any change; `code` says why: recovery_closed,"
        " notice_used, key_reused.",
    ),
    422: ResponseSpec(Problem, description="A field is wrong; `field` names it."),
    503: ResponseSpec(Problem, description="Try again with the same key."),
}
_TAGS: Final = ["payment runs"]
Region = Annotated[str | None, QueryParameter(name="region", max_length=6)]
After = Annotated[int, QueryParameter(name="after", ge=-1, le=2**63 - 1)]
Limit = Annotated[int, QueryParameter(name="limit", ge=1, le=returned.LIST_MAX)]


class PaidBackBody(msgspec.Struct, forbid_unknown_fields=True):
    """A bank says that it received money for the fund."""

    bank: Annotated[str, msgspec.Meta(max_length=20, description="The bank's code.")]
    reference: Annotated[
        str, msgspec.Meta(max_length=REFERENCE_MAX, description="Its number of the payment.")
    ]
    amount: Amount
    """All of what is to be paid back, or a part."""


def _areas(caller: Caller, region: str | None) -> list[str]:
    """The region asked for, or all of the caller's; raises NotAllowed, InvalidInput."""
    if region is None:
        return sorted(caller.regions("benefit.read"))
    caller.require("benefit.read", regions.get(region, "region").code)
    return [region]


@get(
    "/api/v1/benefits/returned",
    summary="Benefits held over a payment that came back",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="benefit.read",
)
async def list_returned(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    region: Region = None,
    after: After = -1,
    limit: Limit = 100,
) -> list[dict[str, Any]]:
    """In the order of persons, behind `after`; the look is recorded with each person."""
    who = caller.actor("payments returned")
    found = await returned.listed(platform, who, _areas(caller, region), after=after, limit=limit)
    return [shown.returned(one) for one in found]


@post(
    "/api/v1/benefits/returned/{person_id:int}",
    status_code=200,
    summary="The account is right now: pay again",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="benefit.apply",
)
async def account_is_right(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    key: NamedDependency[str],
) -> dict[str, Any]:
    """After it was put right at the bank; another account bound to the card is noticed by itself."""
    who = caller.actor("payments returned")
    return await returned.account_is_right(platform, person_id, who, key)


@get(
    "/api/v1/benefits/recoveries",
    summary="What is to be paid back",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="benefit.read",
)
async def list_recoveries(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    region: Region = None,
    after: After = -1,
    limit: Limit = 100,
) -> list[dict[str, Any]]:
    """In the order of their numbers, behind `after`; the look is recorded with each person."""
    who = caller.actor("recoveries")
    found = await paid_back.open_recoveries(
        platform, who, _areas(caller, region), after=after, limit=limit
    )
    return [shown.recovery(one) for one in found]


@post(
    "/api/v1/benefits/recoveries/{person_id:int}/{due_id:int}",
    status_code=200,
    summary="Record that it was paid back",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="benefit.recover",
)
async def take(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    due_id: FromPath[Identifier],
    data: PaidBackBody,
    key: NamedDependency[str],
) -> dict[str, Any]:
    """In whole or in part; a bank's payment counts once."""
    notice = Notice(data.bank, data.reference, parse_yuan(data.amount, "amount"))
    who = caller.actor("recoveries")
    return await paid_back.take(platform, person_id, due_id, notice, who, key)


routes: Final = [list_returned, account_is_right, list_recoveries, take]
