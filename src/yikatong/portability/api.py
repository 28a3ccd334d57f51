"""JSON routes of the room."""

from typing import Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec

from yikatong.core.platform import Platform
from yikatong.core.problems import Problem
from yikatong.policies.requests import Fields, parse_json
from yikatong.portability import service, shown
from yikatong.portability.model import SERVICES, CheckRequest, Service
from yikatong.trust.audit import Actor

_VISITOR = Actor("visitor", "api", "portability check")


@post(
    "/api/v1/portability/check",
    status_code=200,
    summary="Can the card be used there, for this?",
    description=(
        'Body: {"id_number" or "card", "region", "service", "provider"?, "date"?}. Without '
        "signing in, only synthetic people are answered for."
    ),
    responses={
        422: ResponseSpec(Problem, description="A field is wrong; `field` names it."),
        404: ResponseSpec(
            Problem, description="No such synthetic person or card; no such provider."
        ),
    },
    tags=["portability"],
)
async def check(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> dict[str, Any]:
    """Answer for a person named by id number or card number."""
    fields = Fields(
        dict(parse_json(await request.body())), "", "id_number card region service provider date"
    )
    region = fields.text("region")
    wanted: Service = fields.choice("service", SERVICES)
    on = fields.day("date") if fields.has("date") else service.default_day(platform)
    provider = fields.text("provider") if fields.has("provider") else None
    service.check_region(region)
    person_id, card_id = await service.find_person(
        platform,
        id_number=fields.text("id_number") if fields.has("id_number") else None,
        card=fields.text("card") if fields.has("card") else None,
        only_synthetic=True,
    )
    question = CheckRequest(person_id, region, wanted, on, provider, card_id)
    _, answer = await service.check(platform, question, _VISITOR, only_synthetic=True)
    return shown.answer_as_json(answer)


routes = [check]
