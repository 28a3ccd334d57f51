"""JSON routes of changes of a person's data, for counters and reviewers."""

from typing import Annotated, Any, Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter

from yikatong.core.bodies import Identifier
from yikatong.core.clock import today
from yikatong.core.platform import Platform
from yikatong.core.problems import Problem
from yikatong.people.changes import rules, service, shown
from yikatong.people.changes.model import ContactChange, IdentityChange
from yikatong.trust.access import Caller
from yikatong.trust.documents import shown as documents

PROBLEMS: Final = {
    401: ResponseSpec(Problem, description="No valid token."),
    403: ResponseSpec(Problem, description="The caller may not do this, or not in that region."),
    404: ResponseSpec(Problem, description="No such person or change."),
    409: ResponseSpec(
        Problem,
        description="Understood and refused, without any change; `code` says why: changed_meanwhile,"
        " change_refused, id_number_taken, documents_missing, second_person_needed, key_reused.",
    ),
    422: ResponseSpec(Problem, description="A field is wrong; `field` names it."),
    503: ResponseSpec(
        Problem, description="Try again with the same key: it is carried out once at most."
    ),
}
_PATH: Final = "/api/v1/people/{person_id:int}/changes"
_ONE: Final = f"{_PATH}/{{change_id:int}}"
_TAGS: Final = ["people"]
_PURPOSE: Final = "change of data"
_Version = Annotated[
    int, msgspec.Meta(ge=1, le=2**31 - 1, description="Of the person as you looked at them.")
]
_Word = Annotated[str, msgspec.Meta(max_length=200)]


class ContactBody(msgspec.Struct, forbid_unknown_fields=True):
    """What is new; nothing at all confirms that phone and address are right."""

    version: _Version
    phone: _Word | None = None
    address: _Word | None = None
    residence_region: Annotated[str, msgspec.Meta(max_length=6)] | None = None


class IdentityBody(msgspec.Struct, forbid_unknown_fields=True):
    """What the document says; birth date and sex follow the id number."""

    version: _Version
    name: _Word | None = None
    id_number: Annotated[str, msgspec.Meta(max_length=30)] | None = None
    ethnic_group: Annotated[str, msgspec.Meta(max_length=2)] | None = None


class ReasonBody(msgspec.Struct, forbid_unknown_fields=True):
    """Why; the person reads it."""

    reason: Annotated[str, msgspec.Meta(max_length=rules.REASON_MAX)]


@get(
    _PATH,
    summary="What is on file of a person, and what was changed",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="person.read",
)
async def of_person(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
) -> dict[str, Any]:
    """Masked; the newest change first. `version` is what a change must name."""
    found = await service.on_file(platform, person_id, caller.actor(_PURPOSE))
    return shown.on_file(found, today(platform.clock))


@post(
    f"{_PATH}/contact",
    summary="Change phone, address or residence, or confirm them",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="person.change",
)
async def change_contact(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    data: ContactBody,
    key: NamedDependency[str],
) -> dict[str, Any]:
    """At once; an old phone is told that it is no more."""
    wanted = ContactChange(data.phone, data.address, data.residence_region)
    who = caller.actor(_PURPOSE)
    return shown.change(
        await service.change_contact(platform, person_id, wanted, data.version, "counter", who, key)
    )


@post(
    f"{_PATH}/identity",
    summary="Take a change of name, id number or ethnic group",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="person.change",
)
async def take(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    data: IdentityBody,
    key: NamedDependency[str],
) -> dict[str, Any]:
    """Nothing changes yet: documents are added (matter `person_change`), another person reviews."""
    wanted = IdentityChange(data.name, data.id_number, data.ethnic_group)
    who = caller.actor(_PURPOSE)
    return shown.change(await service.take(platform, person_id, wanted, data.version, who, key))


@get(
    "/api/v1/people/changes",
    summary="Changes to be reviewed, of everybody in the caller's regions",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="person.decide",
)
async def waiting(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    after: Annotated[int, QueryParameter(ge=0, le=2**63 - 1)] = 0,
    limit: Annotated[int, QueryParameter(ge=1, le=500)] = 100,
) -> list[dict[str, Any]]:
    """The oldest first, masked; `after` is the last change_id of the page before."""
    kept = await service.waiting_at_home(platform, caller, after, limit)
    return [shown.change(one) for one in kept]


@get(
    _ONE,
    summary="A change with its values and documents",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="person.reveal",
)
async def show(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    change_id: FromPath[Identifier],
) -> dict[str, Any]:
    """Whole, to be compared with the documents; the look is recorded."""
    one, papers = await service.one(platform, person_id, change_id, caller.actor(_PURPOSE))
    return {
        **shown.change(one, reveal=True),
        "documents": [documents.body(each) for each in papers],
    }


@post(
    f"{_ONE}/approve",
    status_code=200,
    summary="Carry a change out",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="person.decide",
)
async def approve(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    change_id: FromPath[Identifier],
) -> dict[str, Any]:
    """By another than who took it. Sent again it is answered the same."""
    who = caller.actor(_PURPOSE)
    return shown.change(await service.approve(platform, person_id, change_id, who))


@post(
    f"{_ONE}/refuse",
    status_code=200,
    summary="Refuse a change",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="person.decide",
)
async def refuse(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    change_id: FromPath[Identifier],
    data: ReasonBody,
) -> dict[str, Any]:
    """Sent again it is answered the same."""
    who = caller.actor(_PURPOSE)
    return shown.change(await service.refuse(platform, person_id, change_id, data.reason, who))


@post(
    f"{_ONE}/withdraw",
    status_code=200,
    summary="Take a change back",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="person.change",
)
async def withdraw(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    change_id: FromPath[Identifier],
    data: ReasonBody,
) -> dict[str, Any]:
    """Before it is decided. Sent again it is answered the same."""
    who = caller.actor(_PURPOSE)
    return shown.change(await service.withdraw(platform, person_id, change_id, data.reason, who))


routes: Final = [of_person, change_contact, take, waiting, show, approve, refuse, withdraw]
