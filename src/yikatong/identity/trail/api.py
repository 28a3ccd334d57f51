"""JSON route of the audit trail."""

from typing import Annotated, Any, Final

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from yikatong.core.clock import SHANGHAI, today
from yikatong.core.platform import Platform
from yikatong.identity.trail import service
from yikatong.money.bodies import PROBLEMS
from yikatong.trust.access import Caller

_Word = Annotated[str, QueryParameter(max_length=60)]
_Day = Annotated[str, QueryParameter(max_length=10)]
_Person = Annotated[int | None, QueryParameter(name="person_id", ge=1, le=2**63 - 1)]
_Before = Annotated[int | None, QueryParameter(name="before", ge=0, le=2**63 - 1)]


@get(
    "/api/v1/audit/events",
    summary="Search the audit trail",
    responses=PROBLEMS,
    tags=["audit"],
    permission="audit.read",
)
async def search(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: _Person = None,
    actor_kind: _Word = "",
    actor: _Word = "",
    action: _Word = "",
    region: _Word = "",
    since: _Day = "",
    until: _Day = "",
    before: _Before = None,
) -> dict[str, Any]:
    """The newest first, 50 at a time; `before` of the answer leads on, also where a page found nothing
    (it says until when it looked). Of people who live or are insured in the caller's regions. Each
    search is recorded, with each person it shows."""
    asked = service.wanted(
        today(platform.clock), since=since, until=until, person_id=person_id,
        actor_kind=actor_kind, actor=actor, action=action, region=region, before=before,
    )  # fmt: skip
    found = await service.search(platform, caller, asked)
    return {
        "since": asked.since.isoformat(),
        "until": asked.until.isoformat(),
        "reached": found.reached.isoformat(),
        "before": None if found.before is None else str(found.before),
        "events": [
            {
                "event_id": str(one.event_id),
                "at": one.at.astimezone(SHANGHAI).isoformat(),
                "person_id": str(one.person_id),
                "actor_kind": one.actor.kind,
                "actor": one.actor.name,
                "action": one.action,
                "purpose": one.actor.purpose,
                "detail": one.detail,
            }
            for one in found.events
        ],
    }


routes: Final = [search]
