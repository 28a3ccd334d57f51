"""The JSON route of consistency, for reviewers and auditors."""

from collections.abc import Collection, Sequence
from typing import Annotated, Any, Final

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from yikatong.cards.consistency import service
from yikatong.cards.consistency.model import CHECKS, Finding
from yikatong.core import regions
from yikatong.core.database import Connection
from yikatong.core.errors import one_of
from yikatong.core.platform import Platform
from yikatong.money.bodies import PROBLEMS
from yikatong.people.guard import those_at_home
from yikatong.people.service import PersonFilter
from yikatong.trust.access import Caller


def body(one: Finding) -> dict[str, Any]:
    """A finding for JSON."""
    check = CHECKS[one.code]
    return {
        "person_id": one.person_id,
        "code": one.code,
        "wrong": check.wrong,
        "text": check.text.as_dict(),
        "remedy": check.remedy.as_dict(),
    }


@get(
    "/api/v1/people/inconsistencies",
    summary="What is on file of people and does not agree",
    description=(
        "Of everybody in the caller's regions, in the order of person ids. `next_after` goes into"
        " `after` of the next request; it is null behind the last person. `code` narrows to one kind."
    ),
    responses=PROBLEMS,
    tags=["people"],
    permission="person.check",
)
async def inconsistencies(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    after: Annotated[int, QueryParameter(ge=0, le=2**63 - 1)] = 0,
    limit: Annotated[int, QueryParameter(ge=1, le=500)] = 100,
    code: Annotated[str | None, QueryParameter(max_length=40)] = None,
    region: Annotated[str | None, QueryParameter(max_length=6)] = None,
) -> dict[str, Any]:
    """Looks at 5 000 people at most; the look stands in the trail of those who are named."""
    wanted = tuple(CHECKS) if code is None else (one_of(code, CHECKS, "code"),)
    if region is not None:
        regions.get(region)

    async def mine(connection: Connection, person_ids: Sequence[int]) -> Collection[int]:
        return await those_at_home(connection, caller, "person.check", person_ids)

    found = await service.page(
        platform, PersonFilter(region), caller.actor("consistency of data"), codes=wanted,
        after=after, limit=limit, mine=mine,
    )  # fmt: skip
    return {
        "findings": [body(one) for one in found.findings],
        "checked": found.checked,
        "next_after": found.next_after,
    }


routes: Final = [inconsistencies]
