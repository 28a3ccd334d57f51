"""JSON routes of authority to act for others, for staff."""

from datetime import date
from typing import Annotated, Any, Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from yikatong.core.platform import Platform
from yikatong.identity.authority import rules, service
from yikatong.identity.authority.model import Service
from yikatong.money.bodies import PROBLEMS, Identifier, person_of
from yikatong.people import service as people
from yikatong.people.guard import hiding_who_exists, require_person
from yikatong.trust.access import Caller, NotAllowed

_PATH: Final = "/api/v1/authorities/{person_id:int}"
_RECORD: Final = "authority.record"


class RecordBody(msgspec.Struct, forbid_unknown_fields=True):
    """Who may act for the person, in what, how long, by which document.

    The agent is named by person_id or id number; who is not of the caller's regions by name, too.
    """

    services: Annotated[list[Service], msgspec.Meta(min_length=1, max_length=20)]
    starts_on: date
    ends_on: date
    evidence: Annotated[str, msgspec.Meta(min_length=1, max_length=rules.EVIDENCE_MAX)]
    agent_id: Identifier | None = None
    agent_id_number: str | None = None
    agent_name: str | None = None


@get(
    _PATH,
    summary="For whom a person may act, and who may act for them",
    responses=PROBLEMS,
    tags=["authorities"],
    permission="authority.read",
)
async def show(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
) -> dict[str, Any]:
    """`granted` also names what is over."""
    return await service.looked_up(platform, person_id, caller.actor("authority"))


@post(
    _PATH,
    summary="Record an agent's authority",
    responses=PROBLEMS,
    tags=["authorities"],
    permission=_RECORD,
)
async def record(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    data: RecordBody,
    key: NamedDependency[str],
) -> dict[str, Any]:
    """At a counter, where both are present or a signed letter is."""
    async with platform.database.transaction(readonly=True) as connection:
        with hiding_who_exists(caller, _RECORD):
            agent_id = await person_of(platform, connection, data.agent_id_number, data.agent_id)
        try:
            await require_person(connection, caller, _RECORD, agent_id)
        except NotAllowed:
            # Agents come from anywhere, but a number alone shall not tell that it is somebody's.
            name = (await people.names(connection, [agent_id])).get(agent_id)
            if name is None or name != "".join((data.agent_name or "").split()):
                raise
    made = await service.record(
        platform, person_id, agent_id, data.services, data.starts_on, data.ends_on, data.evidence,
        caller.actor("authority"), key,
    )  # fmt: skip
    return service.body(made)


@post(
    _PATH + "/{authority_id:int}/revoke",
    status_code=200,
    summary="End an authority at once",
    responses=PROBLEMS,
    tags=["authorities"],
    permission=_RECORD,
)
async def revoke(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    authority_id: FromPath[Identifier],
) -> dict[str, Any]:
    """What was done under it stays done."""
    ended = await service.revoke(platform, person_id, authority_id, caller.actor("authority"))
    return service.body(ended)


routes: Final = [show, record, revoke]
