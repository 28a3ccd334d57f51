"""JSON routes of what regions owe each other, and of the funds."""

from typing import Annotated, Any, Final

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from yikatong.core import regions
from yikatong.core.clock import today
from yikatong.core.money import format_yuan
from yikatong.core.platform import Platform
from yikatong.medical import flows
from yikatong.money.bodies import PROBLEMS
from yikatong.trust.access import Caller, not_there

_TAGS: Final = ["money"]
Month = Annotated[str, QueryParameter(name="month", max_length=7)]
Since = Annotated[str, QueryParameter(name="since", max_length=10)]
Until = Annotated[str, QueryParameter(name="until", max_length=10)]
Before = Annotated[int | None, QueryParameter(name="before", ge=0, le=2**63 - 1)]


@get(
    "/api/v1/money/flows",
    summary="What regions owe each other for care elsewhere",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="fund.read",
)
async def between_regions(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    month: Month = "",
    since: Since = "",
    until: Until = "",
) -> dict[str, Any]:
    """Of a month (by default this one) or from day to day, at most a year: each pair of regions, the
    largest first, of which the caller sees one; and the sums."""
    first, last = flows.span_of(month, since, until, today(platform.clock))
    async with platform.database.transaction(readonly=True) as connection:
        found = await flows.flows(connection, caller.regions("fund.read"), first, last)
    return {
        "since": first.isoformat(),
        "until": last.isoformat(),
        "total": format_yuan(sum(one.sums.net for one in found)),
        "flows": [
            {
                "treatment_region": one.treatment,
                "insured_region": one.insured,
                "owed": format_yuan(one.sums.net),
                "claimed": format_yuan(one.sums.credits),
                "taken_back": format_yuan(one.sums.debits),
                "postings": one.sums.postings,
            }
            for one in found
        ],
    }


@get(
    "/api/v1/money/flows/{treatment:str}/{insured:str}",
    summary="The postings between two regions",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="fund.read",
)
async def of_pair(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    treatment: FromPath[str],
    insured: FromPath[str],
    month: Month = "",
    since: Since = "",
    until: Until = "",
    before: Before = None,
) -> list[dict[str, Any]]:
    """The newest first, 50 at a time before a `transaction_id`; the look is recorded with each person."""
    places = regions.get(treatment, "treatment").code, regions.get(insured, "insured").code
    if not flows.seen(caller.regions("fund.read"), *places):
        raise not_there("fund.read")
    first, last = flows.span_of(month, since, until, today(platform.clock))
    actor = caller.actor("flows between regions")
    found = await flows.postings(platform, places, first, last, actor, before)
    return [
        {
            "transaction_id": str(one.line.transaction_id),
            "at": one.line.at.isoformat(),
            "kind": one.line.kind,
            "amount": format_yuan(one.line.amount),
            "person_id": str(one.line.about_person_id),
            "settlement_id": None if one.settlement_id is None else str(one.settlement_id),
            "provider": one.provider or None,
        }
        for one in found
    ]


@get(
    "/api/v1/money/funds",
    summary="Balances of funds, and what went in and out",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="fund.read",
)
async def of_funds(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    month: Month = "",
    since: Since = "",
    until: Until = "",
) -> list[dict[str, Any]]:
    """Of a month (by default this one) or from day to day; of the caller's regions."""
    first, last = flows.span_of(month, since, until, today(platform.clock))
    async with platform.database.transaction(readonly=True) as connection:
        found = await flows.funds(connection, caller.regions("fund.read"), first, last)
    return [
        {
            "region": one.region,
            "fund": one.purpose,
            "balance": format_yuan(one.balance),
            "in": format_yuan(one.sums.credits),
            "out": format_yuan(one.sums.debits),
            "postings": one.sums.postings,
        }
        for one in found
    ]


routes: Final = [between_regions, of_pair, of_funds]
