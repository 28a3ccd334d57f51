"""JSON routes of unemployment benefit. Commands that may be doubled carry an Idempotency-Key."""

from datetime import date
from typing import Annotated, Final, Literal

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath

from yikatong.benefits.unemployment import service, shown
from yikatong.benefits.unemployment.model import EndReason, NewClaim, Post, Question, Reason
from yikatong.benefits.unemployment.shown import ClaimBody, EstimateBody
from yikatong.core.clock import today
from yikatong.core.platform import Platform
from yikatong.core.problems import Problem
from yikatong.money.bodies import Identifier
from yikatong.trust.access import Caller

PROBLEMS: Final = {
    401: ResponseSpec(Problem, description="No valid token."),
    404: ResponseSpec(Problem, description="No such person, claim or standard."),
    409: ResponseSpec(
        Problem,
        description="Understood and refused, without any change; `code` says why: not_entitled (with"
        " everything that is not fulfilled), claim_refused, key_reused.",
    ),
    422: ResponseSpec(Problem, description="A field is wrong; `field` names it."),
    503: ResponseSpec(Problem, description="Try again with the same key."),
}
_TAGS: Final = ["unemployment benefit"]
_PERSON: Final = "/api/v1/benefits/unemployment/{person_id:int}"
_PURPOSE: Final = "unemployment benefit"

Region = Annotated[str, msgspec.Meta(pattern="^[0-9]{6}$", description="GB/T 2260.")]


class EstimateAsk(msgspec.Struct, forbid_unknown_fields=True):
    """What an estimate rests on; nothing of it is kept."""

    region: Region
    months_paid: Annotated[int, msgspec.Meta(ge=0, le=1200)]
    reason: Reason
    collect_in: Region | None = None
    months_carried: Annotated[int, msgspec.Meta(ge=0, le=24)] = 0
    registered: bool = True
    employed: bool = False
    birth: date | None = None
    sex: Literal[1, 2] | None = None
    post: Post = "worker"


class ClaimAsk(msgspec.Struct, forbid_unknown_fields=True):
    """A claim; `collect_in`: at the place of insurance or of residence."""

    left_on: date
    reason: Reason
    registered_on: date
    collect_in: Literal["insured", "residence"] = "insured"
    post: Post = "worker"


class MonthAsk(msgspec.Struct, forbid_unknown_fields=True):
    """How the month was confirmed."""

    channel: Literal["online", "phone", "counter"] = "counter"


class RefusalAsk(msgspec.Struct, forbid_unknown_fields=True):
    """A suitable job or training was refused without good reason."""

    on: date


class TransferAsk(msgspec.Struct, forbid_unknown_fields=True):
    """Where the rest is to be collected."""

    region: Region


class EndAsk(msgspec.Struct, forbid_unknown_fields=True):
    """What ended it, and when."""

    reason: EndReason
    on: date


@post(
    "/api/v1/benefits/unemployment/estimate",
    status_code=200,
    summary="Whether, how long, how much",
    responses={404: PROBLEMS[404], 422: PROBLEMS[422]},
    tags=_TAGS,
)
async def estimate(platform: NamedDependency[Platform], data: EstimateAsk) -> EstimateBody:
    """By what is said, with every step."""
    question = Question(**msgspec.structs.asdict(data), on=today(platform.clock))
    return shown.estimate(service.estimate(question))


@get(
    _PERSON, summary="A person's claims", responses=PROBLEMS, tags=_TAGS, permission="benefit.read"
)
async def of_person(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
) -> list[ClaimBody]:
    """Ended ones too, the newest first."""
    who = caller.actor(_PURPOSE)
    return [shown.claim(one) for one in await service.of_person(platform, person_id, who)]


@post(
    _PERSON + "/claim",
    summary="Claim the benefit",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="benefit.apply",
)
async def claim(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    data: ClaimAsk,
    key: NamedDependency[str],
) -> ClaimBody:
    """From anywhere; refused with everything that is not fulfilled."""
    who = caller.actor(_PURPOSE)
    wanted = NewClaim(**msgspec.structs.asdict(data))
    return shown.claim(await service.claim(platform, person_id, wanted, who, key))


@post(
    _PERSON + "/confirm",
    status_code=200,
    summary="Confirm the month",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="benefit.apply",
)
async def confirm(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    data: MonthAsk,
) -> ClaimBody:
    """Still looking for work; what was held goes on."""
    who = caller.actor(_PURPOSE)
    return shown.claim(await service.confirm_month(platform, person_id, who, data.channel))


@post(
    _PERSON + "/refusals",
    status_code=200,
    summary="Note a refusal",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="benefit.apply",
)
async def refuse(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    data: RefusalAsk,
    key: NamedDependency[str],
) -> ClaimBody:
    """The second one ends the benefit."""
    who = caller.actor(_PURPOSE)
    return shown.claim(await service.refuse_job(platform, person_id, data.on, who, key))


@post(
    _PERSON + "/transfer", status_code=200, summary="Collect the rest elsewhere", responses=PROBLEMS,
    tags=_TAGS,
    permission="benefit.apply",
)  # fmt: skip
async def transfer(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    data: TransferAsk,
    key: NamedDependency[str],
) -> ClaimBody:
    """From next month on, at that region's standard."""
    who = caller.actor(_PURPOSE)
    return shown.claim(await service.transfer(platform, person_id, data.region, who, key))


@post(
    _PERSON + "/end",
    status_code=200,
    summary="End the benefit",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="benefit.apply",
)
async def end(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    data: EndAsk,
) -> ClaimBody:
    """`overpaid` is what was paid for later months, to be given back."""
    who = caller.actor(_PURPOSE)
    return shown.claim(await service.end(platform, person_id, data.reason, data.on, who))


public: Final = [estimate]
routes: Final = [of_person, claim, confirm, refuse, transfer, end]
