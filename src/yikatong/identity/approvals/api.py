"""JSON routes of four eyes."""

from typing import Annotated, Any, Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from yikatong.core.clock import SHANGHAI
from yikatong.identity.approvals.model import Approval
from yikatong.identity.approvals.service import Approvals, shown_facts
from yikatong.money.bodies import PROBLEMS, Identifier
from yikatong.trust.access import PERMISSIONS, Caller

_PATH: Final = "/api/v1/approvals"


class RefusalBody(msgspec.Struct, forbid_unknown_fields=True):
    """Why; the asker reads it."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


def body(one: Approval) -> dict[str, Any]:
    """An approval for JSON; account numbers by their ends."""
    return {
        "approval_id": str(one.approval_id),
        "permission": one.permission,
        "text": PERMISSIONS[one.permission].text.as_dict(),
        "regions": list(one.regions),
        "facts": dict(shown_facts(one.facts)),
        "asked_by": one.asked_by,
        "asked_at": one.asked_at.astimezone(SHANGHAI).isoformat(),
        "until": one.until.astimezone(SHANGHAI).isoformat(),
        "state": one.state,
        "decided_by": one.decided_by,
        "outcome": one.outcome,
    }


@get(
    _PATH,
    summary="What waits for the caller's approval",
    responses=PROBLEMS,
    tags=["approvals"],
    permission="approval.decide",
)
async def waiting(
    caller: NamedDependency[Caller], approvals: NamedDependency[Approvals]
) -> list[dict[str, Any]]:
    """The oldest first; one's own are not among them."""
    return [body(one) for one in await approvals.waiting(caller)]


@get(
    _PATH + "/{approval_id:int}",
    summary="One that waits, or was decided",
    responses=PROBLEMS,
    tags=["approvals"],
    permission="approval.decide",
)
async def show(
    caller: NamedDependency[Caller],
    approvals: NamedDependency[Approvals],
    approval_id: FromPath[Identifier],
) -> dict[str, Any]:
    """With its facts."""
    return body(await approvals.get(caller, approval_id))


@post(
    _PATH + "/{approval_id:int}/approve",
    status_code=200,
    summary="Approve, and carry out",
    description="By another member of staff than who asked. Answers what the act answers.",
    responses=PROBLEMS,
    tags=["approvals"],
    permission="approval.decide",
)
async def approve(
    caller: NamedDependency[Caller],
    approvals: NamedDependency[Approvals],
    approval_id: FromPath[Identifier],
) -> dict[str, Any]:
    """Once."""
    answer = await approvals.approve(caller, approval_id)
    return {
        "approval": body(await approvals.get(caller, approval_id)),
        "answer": msgspec.to_builtins(answer),
    }


@post(
    _PATH + "/{approval_id:int}/refuse",
    status_code=200,
    summary="Refuse",
    responses=PROBLEMS,
    tags=["approvals"],
    permission="approval.decide",
)
async def refuse(
    caller: NamedDependency[Caller],
    approvals: NamedDependency[Approvals],
    approval_id: FromPath[Identifier],
    data: RefusalBody,
) -> dict[str, Any]:
    """Nothing is carried out."""
    return body(await approvals.refuse(caller, approval_id, data.reason))


routes: Final = [waiting, show, approve, refuse]
