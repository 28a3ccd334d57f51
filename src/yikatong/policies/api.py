"""JSON routes of the room."""

from typing import Annotated, Any

from litestar import Request, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Parameter

from yikatong.core import regions
from yikatong.core.clock import today
from yikatong.core.platform import Platform
from yikatong.core.problems import Problem
from yikatong.policies import service, shown
from yikatong.policies.model import FILINGS, LEVELS
from yikatong.policies.requests import parse_day

_PROBLEMS = {
    422: ResponseSpec(Problem, description="A field is wrong; `field` names it."),
    400: ResponseSpec(Problem, description="The body is not JSON."),
}


@post(
    "/api/v1/policies/quote",
    status_code=200,
    summary="Split a bill by the policy in force",
    description="The input and output of `yikatong quote`; see docs/reference/quote.md.",
    responses=_PROBLEMS,
    tags=["policies"],
)
async def quote(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Read the body strictly, so that an error names its field."""
    return shown.quote_as_json(service.quote(service.parse_quote(await request.body())))


@post(
    "/api/v1/policies/compare",
    status_code=200,
    summary="The same bill with every filing and at every level",
    responses=_PROBLEMS,
    tags=["policies"],
)
async def compare(request: Request[Any, Any, Any]) -> dict[str, Any]:
    """The quote and its variants, each with the difference for the person."""
    wanted = service.parse_quote(await request.body())
    answer, variants = service.compare(wanted, filings=FILINGS, levels=LEVELS)
    return {
        **shown.quote_as_json(answer),
        "what_if": [shown.variant_as_json(one) for one in variants],
    }


@get("/api/v1/policies", summary="The policies on file", tags=["policies"])
async def list_policies() -> list[dict[str, Any]]:
    """Region, insurance, period and review state of each."""
    return [shown.policy_summary(one) for one in service.load().policies()]


@get(
    "/api/v1/policies/{region:str}/{insurance:str}",
    summary="One policy in force on a day",
    responses={422: _PROBLEMS[422]},
    tags=["policies"],
)
async def show(
    platform: Platform,
    region: str,
    insurance: str,
    on: Annotated[str | None, Parameter(query="date")] = None,
) -> dict[str, Any]:
    """Its documents, caps and kinds of care."""
    day = parse_day(on, "date") if on else today(platform.clock)
    code = regions.pooling_region(region, "region").code
    return shown.policy_summary(service.load().find(code, insurance, day, ("region", "date")))


routes = [quote, compare, list_policies, show]
