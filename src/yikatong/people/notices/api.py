"""JSON routes of notices, for staff: what a person was told, and how they want to be told."""

from typing import Annotated, Any, Final

import msgspec
from litestar import get, put
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter

from yikatong.core.platform import Platform
from yikatong.core.problems import Problem
from yikatong.people.notices import service, shown
from yikatong.people.notices.model import Language, Subject
from yikatong.trust.access import Caller

_PATH: Final = "/api/v1/people/{person_id:int}/notices"
_ID_MAX: Final = 2**63 - 1
_Identifier = Annotated[int, msgspec.Meta(ge=0, le=_ID_MAX)]
_PROBLEMS: Final = {
    401: ResponseSpec(Problem, description="No valid token."),
    403: ResponseSpec(Problem, description="The caller may not do this, or not in that region."),
    404: ResponseSpec(Problem, description="No such person."),
    422: ResponseSpec(Problem, description="A field is wrong; `field` names it."),
    503: ResponseSpec(Problem, description="Try again."),
}


class ChoicesBody(msgspec.Struct, forbid_unknown_fields=True):
    """How the person wants to be told; all of it, what is left out is off."""

    language: Language
    large_type: bool = False
    texts: Annotated[list[Subject], msgspec.Meta(max_length=10)] = []


@get(
    _PATH,
    summary="What a person was told, and how they want to be told",
    responses=_PROBLEMS,
    tags=["notices"],
    permission="notices.read",
)
async def listed(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[_Identifier],
    before: Annotated[int | None, QueryParameter(ge=0, le=_ID_MAX)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=service.PAGE_MAX)] = 20,
) -> dict[str, Any]:
    """The newest first; `next` is the `before` of the following page. Marks nothing as read."""
    actor = caller.actor("notices")
    found, chosen = await service.looked_up(platform, person_id, actor, before=before, limit=limit)
    return shown.page(person_id, found, chosen, limit)


@put(
    f"{_PATH}/choices",
    summary="Change how a person is told",
    responses=_PROBLEMS,
    tags=["notices"],
    permission="notices.choose",
)
async def choose(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[_Identifier],
    data: ChoicesBody,
) -> dict[str, Any]:
    """As the person wishes; the inbox is always on. Sent twice it changes nothing."""
    wanted = service.choices_of(data.language, data.texts, large_type=data.large_type)
    made = await service.choose(platform, person_id, wanted, caller.actor("how to be told"))
    return shown.choices(made)


routes: Final = [listed, choose]
