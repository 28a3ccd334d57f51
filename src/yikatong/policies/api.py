"""JSON routes of the room."""

from typing import Annotated, Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter

from yikatong.core import regions
from yikatong.core.clock import today
from yikatong.core.platform import Platform
from yikatong.core.problems import Problem
from yikatong.policies import service, shown
from yikatong.policies.bodies import ComparisonBody, PolicySummary, QuoteBody
from yikatong.policies.model import FILINGS, LEVELS
from yikatong.policies.openapi import QuoteOperation
from yikatong.policies.requests import parse_day

_PROBLEMS = {
    422: ResponseSpec(Problem, description="A field is wrong; `field` names it."),
    400: ResponseSpec(Problem, description="The body is not JSON."),
    413: ResponseSpec(Problem, description="The body is larger than 64 KiB."),
}


@post(
    "/api/v1/policies/quote",
    status_code=200,
    summary="Split a bill by the policy in force",
    description="The input and output of `yikatong quote`; see docs/reference/quote.md.",
    operation_class=QuoteOperation,
    responses=_PROBLEMS,
    tags=["policies"],
)
async def quote(request: Request[Any, Any, Any]) -> QuoteBody:
    """Read the body strictly, so that an error names its field."""
    return shown.quote_body(service.quote(service.parse_quote(await request.body())))


@post(
    "/api/v1/policies/compare",
    status_code=200,
    summary="The same bill with every filing and at every level",
    operation_class=QuoteOperation,
    responses=_PROBLEMS,
    tags=["policies"],
)
async def compare(request: Request[Any, Any, Any]) -> ComparisonBody:
    """The quote and its variants, each with the difference for the person."""
    wanted = service.parse_quote(await request.body())
    answer, variants = service.compare(wanted, filings=FILINGS, levels=LEVELS)
    return shown.comparison_body(answer, variants)


@get("/api/v1/policies", summary="The policies on file", tags=["policies"])
async def list_policies() -> list[PolicySummary]:
    """Region, insurance, period and review state of each."""
    return [shown.policy_summary(one) for one in service.load().policies()]


@get(
    "/api/v1/policies/{region:str}/{insurance:str}",
    summary="One policy in force on a day",
    responses={422: _PROBLEMS[422]},
    tags=["policies"],
)
async def show(
    platform: NamedDependency[Platform],
    region: FromPath[str],
    insurance: FromPath[str],
    on: Annotated[str | None, QueryParameter(name="date")] = None,
) -> PolicySummary:
    """Its documents, period and the kinds of care it covers."""
    day = parse_day(on, "date") if on else today(platform.clock)
    code = regions.pooling_region(region, "region").code
    return shown.policy_summary(service.load().find(code, insurance, day, ("region", "date")))


routes = [quote, compare, list_policies, show]
