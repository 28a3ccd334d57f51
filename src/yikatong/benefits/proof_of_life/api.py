"""JSON routes of proof of life."""

import base64
import binascii
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter

from yikatong.benefits.proof_of_life import service
from yikatong.benefits.proof_of_life.service import SOURCE_MAX
from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform
from yikatong.core.problems import Problem
from yikatong.identity.verification.faces import FaceCheck
from yikatong.money.bodies import Identifier
from yikatong.trust.access import NATION, Caller

PROBLEMS: Final = {
    401: ResponseSpec(Problem, description="No valid token."),
    404: ResponseSpec(Problem, description="No such person, or nothing to prove."),
    409: ResponseSpec(
        Problem,
        description="Understood and refused, without any change; `code` says why:"
        " face_check_unavailable, face_differs, pension_refused, key_reused.",
    ),
    422: ResponseSpec(Problem, description="A field is wrong; `field` names it."),
    503: ResponseSpec(
        Problem, description="Try again: the same kind and source is recorded once at most."
    ),
}
_PATH: Final = "/api/v1/proof-of-life/{person_id:int}"
Region = Annotated[str, msgspec.Meta(pattern="^[0-9]{6}$", description="GB/T 2260.")]


class ProofBody(msgspec.Struct, forbid_unknown_fields=True):
    """Who was seen, how and when; kind and source together count once."""

    kind: Literal["counter", "visit", "care", "transit", "data"]
    at: datetime
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=SOURCE_MAX)]
    region: Region | None = None
    """Where; null: abroad or unknown."""
    outcome: Literal["alive", "dead"] = "alive"
    died_on: date | None = None


class FaceBody(msgspec.Struct, forbid_unknown_fields=True):
    """A picture just taken, base64."""

    image: Annotated[str, msgspec.Meta(min_length=4, max_length=200_000)]
    region: Region | None = None


@get(
    "/api/v1/proof-of-life/due",
    summary="Whose proof of life is due",
    responses=PROBLEMS,
    tags=["proof of life"],
    permission="benefit.read",
)
async def list_due(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    region: Annotated[str | None, QueryParameter(max_length=6)] = None,
    days: Annotated[int, QueryParameter(ge=0, le=366)] = 30,
    after: Annotated[int, QueryParameter(ge=0, le=2**63 - 1)] = 0,
    limit: Annotated[int, QueryParameter(ge=1, le=500)] = 100,
) -> list[dict[str, Any]]:
    """Due within so many days, overdue, or held for want of one."""
    areas = caller.regions("benefit.read")
    if region is None and NATION not in areas:
        if len(areas) > 1:
            raise InvalidInput(
                "region", zh="请写明要看的地区", en="name the region whose list you want"
            )
        (region,) = areas
    if region is not None:
        caller.require("benefit.read", region)
    who = caller.actor("proofs due")
    return await service.list_due(platform, who, region=region, days=days, after=after, limit=limit)


@get(
    _PATH,
    summary="A person's proofs of life",
    responses=PROBLEMS,
    tags=["proof of life"],
    permission="benefit.read",
)
async def of_person(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
) -> dict[str, Any]:
    """When the next is due, reminders, the last twenty."""
    who = caller.actor("proof of life")
    return await service.of_person(platform, person_id, who)


@post(
    _PATH,
    status_code=200,
    summary="Record a proof",
    responses=PROBLEMS,
    tags=["proof of life"],
    permission="benefit.apply",
)
async def record(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    data: ProofBody,
) -> dict[str, Any]:
    """From anywhere, also for those who live elsewhere."""
    if data.at.tzinfo is None:
        raise InvalidInput(
            "at",
            zh="时间要带时区，例如 2026-03-01T09:00:00+08:00",
            en="a time with its zone, such as 2026-03-01T09:00:00+08:00",
        )
    who = caller.actor("proof of life")
    return await service.record(
        platform, person_id, data.kind, data.at, data.source, who, outcome=data.outcome,
        region=data.region, died_on=data.died_on,
    )  # fmt: skip


@post(
    f"{_PATH}/face",
    status_code=200,
    summary="Prove by face",
    responses=PROBLEMS,
    tags=["proof of life"],
    permission="benefit.apply",
)
async def record_face(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    data: FaceBody,
) -> dict[str, Any]:
    """Through the check the installation has connected; without one it is refused."""
    who = caller.actor("proof of life by face")
    try:
        base64.b64decode(data.image, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidInput("image", zh="应为 base64", en="must be base64") from None
    check: FaceCheck = request.app.state["face_check"]
    return await service.record_face(
        platform, person_id, data.image, check, who, region=data.region
    )


routes: Final = [list_due, of_person, record, record_face]
