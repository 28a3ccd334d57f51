"""JSON routes of pensions. Every command carries an Idempotency-Key."""

from datetime import date
from typing import Annotated, Any, Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath

from yikatong.benefits.pension import adjust, ending, requests, service, shown, terms
from yikatong.benefits.pension.ending import Survivor
from yikatong.benefits.pension.estimating import estimate
from yikatong.benefits.pension.requests import Asked, Sum
from yikatong.benefits.pension.service import REASON_MAX, NewApplication, Verified
from yikatong.core.clock import today
from yikatong.core.money import format_yuan
from yikatong.core.platform import Platform
from yikatong.core.problems import Problem
from yikatong.money.bodies import Identifier
from yikatong.trust.access import Caller

PROBLEMS: Final = {
    401: ResponseSpec(Problem, description="No valid token."),
    404: ResponseSpec(Problem, description="No such person, application, pension or figure."),
    409: ResponseSpec(
        Problem,
        description="Understood and refused, without any change; `code` says why:"
        " already_applied, application_closed, pension_refused, survivors_refused, key_reused.",
    ),
    422: ResponseSpec(Problem, description="A field is wrong; `field` names it."),
    503: ResponseSpec(
        Problem, description="Try again with the same key: it is carried out once at most."
    ),
}
_PUBLIC: Final = {number: PROBLEMS[number] for number in (404, 422)}
_PERSON: Final = "/api/v1/pension/persons/{person_id:int}"
_LIMIT_MAX: Final = 2000


class AskedOfPerson(NewApplication, kw_only=True):
    """The same question about a person, from the file where nothing is said."""

    pays_on: bool = True
    yearly: Sum = "0"


class DecisionBody(msgspec.Struct, forbid_unknown_fields=True):
    """What the agency verified; `refuse` says why it is refused by hand."""

    verified: Verified = msgspec.field(default_factory=Verified)
    refuse: Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_MAX)] | None = None


class DeathBody(msgspec.Struct, forbid_unknown_fields=True):
    died_on: date


class AdjustBody(msgspec.Struct, forbid_unknown_fields=True):
    """How many persons at most; asked again until `more` is false."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=_LIMIT_MAX)] = 500


@post(
    "/api/v1/pension/estimate",
    status_code=200,
    summary="When can I retire, with how much?",
    responses=_PUBLIC,
    tags=["pension"],
)
async def estimate_for(platform: NamedDependency[Platform], data: Asked) -> dict[str, Any]:
    """About nobody in particular; every step with its clause, earlier and later side by side."""
    book = terms.load()
    return shown.estimate(requests.answer(data, today(platform.clock), book), book)


@get("/api/v1/pension/adjustments", summary="Yearly adjustments on file", tags=["pension"])
async def adjustments() -> list[dict[str, Any]]:
    """The rules; what one did to somebody stands with the person."""
    book = terms.load()
    return [shown.adjustment(one, book) for one in book.adjustments]


@get(
    _PERSON,
    summary="A person's pensions",
    responses=PROBLEMS,
    tags=["pension"],
    permission="benefit.read",
)
async def of_person(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
) -> dict[str, Any]:
    """With applications, dues and what each adjustment added."""
    return await service.of_person(platform, person_id, caller.actor("pension"))


@post(
    f"{_PERSON}/estimate",
    status_code=200,
    summary="Estimate for a person by the file",
    responses=PROBLEMS,
    tags=["pension"],
    permission="benefit.read",
)
async def estimate_of_person(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    data: AskedOfPerson,
) -> dict[str, Any]:
    """Birth, place and months from the file."""
    who = caller.actor("pension estimate")
    book, day = terms.load(), today(platform.clock)
    career = await service.career_of_person(platform, person_id, who, data)
    yearly = requests.parse_sum(data.yearly, "yearly")
    found = estimate(career, day, book, pays_on=data.pays_on, yearly=yearly)
    return shown.estimate(found, book)


@post(
    f"{_PERSON}/applications",
    summary="Apply for a pension",
    responses=PROBLEMS,
    tags=["pension"],
    permission="benefit.apply",
)
async def apply(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    data: NewApplication,
    key: NamedDependency[str],
) -> dict[str, Any]:
    """Answers the application with what speaks against it."""
    who = caller.actor("pension application")
    return await service.apply(platform, person_id, data, who, key)


@post(
    f"{_PERSON}/applications/{{application_id:int}}/decision",
    status_code=200,
    summary="Decide an application",
    responses=PROBLEMS,
    tags=["pension"],
    permission="benefit.decide",
)
async def decide(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    application_id: FromPath[Identifier],
    data: DecisionBody,
    key: NamedDependency[str],
) -> dict[str, Any]:
    """Granted by the rules, or refused with reasons."""
    who = caller.actor("pension decision")
    return await service.decide(
        platform, person_id, application_id, data.verified, who, key, refuse=data.refuse
    )


@post(
    f"{_PERSON}/applications/{{application_id:int}}/withdrawal",
    status_code=200,
    summary="Take an application back",
    responses=PROBLEMS,
    tags=["pension"],
    permission="benefit.apply",
)
async def withdraw(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    application_id: FromPath[Identifier],
    key: NamedDependency[str],
) -> dict[str, Any]:
    """While it is open."""
    who = caller.actor("pension application")
    return await service.withdraw(platform, person_id, application_id, who, key)


@post(
    f"{_PERSON}/death",
    status_code=200,
    summary="Stop the pension on a death",
    responses=PROBLEMS,
    tags=["pension"],
    permission="benefit.decide",
)
async def stop(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    data: DeathBody,
    key: NamedDependency[str],
) -> dict[str, Any]:
    """Paid through the month of death; what was paid behind it is owed back."""
    who = caller.actor("end of pension")
    return await ending.stop(platform, person_id, data.died_on, who, key)


@post(
    f"{_PERSON}/survivors",
    status_code=200,
    summary="Grant the survivors' sums",
    responses=PROBLEMS,
    tags=["pension"],
    permission="benefit.decide",
)
async def survivors(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    data: Survivor,
    key: NamedDependency[str],
) -> dict[str, Any]:
    """Of who died (`person_id`), once, as dues of the heir."""
    who = caller.actor("survivors' sums")
    return await ending.survivors(platform, person_id, data, who, key)


@post(
    "/api/v1/pension/adjusting/{rule:str}",
    status_code=200,
    summary="Apply a yearly adjustment",
    responses=PROBLEMS,
    tags=["pension"],
    permission="benefit.adjust",
)
async def apply_adjustment(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    rule: FromPath[Annotated[str, msgspec.Meta(max_length=40)]],
    data: AdjustBody,
) -> dict[str, Any]:
    """Harmless when asked again: nobody is raised twice."""
    who = caller.actor("pension adjustment")
    total = await adjust.adjust(platform, rule, who, limit=data.limit)
    return {
        "rule": rule,
        "adjusted": total.adjusted,
        "added": format_yuan(total.added),
        "arrears": format_yuan(total.arrears),
        "more": total.more,
    }


public: Final = [estimate_for, adjustments]
routes: Final = [
    of_person,
    estimate_of_person,
    apply,
    decide,
    withdraw,
    stop,
    survivors,
    apply_adjustment,
]
