"""The guard of the JSON routes: who calls, whether they may do this, and whether with this person.

Every guarded route names its permission (`permission="money.read"` in its decorator); which role has
it stands in `trust.access`.
"""

import contextlib
from collections.abc import Generator, Sequence
from typing import Any, cast

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from yikatong.core.database import Connection
from yikatong.core.errors import NotFound
from yikatong.core.platform import Platform
from yikatong.people import service as people
from yikatong.trust.access import PERMISSIONS, Caller, Gate, not_there


async def signed_in(
    connection: ASGIConnection[Any, Any, Any, Any], route: BaseRouteHandler
) -> None:
    """Turn away whoever shows no token or may not do this, before anything of the request is read.

    Where the address names a person, of that person's region; what a body names, the route asks
    itself, and all of it where it says `asks_itself=True` (others than those at home may do it).
    """
    gate: Gate = connection.app.state["gate"]
    caller = await gate.caller(connection.headers.get("authorization"))
    if cast("Any", connection.scope)["method"] == "OPTIONS":
        # Answered by the framework, with the methods alone.
        return
    permission: str = route.opt["permission"]
    caller.require(permission)
    person_id = connection.path_params.get("person_id")
    asked_here = not route.opt.get("asks_itself", False)
    if person_id is not None and asked_here and not _anywhere(caller, permission):
        platform: Platform = connection.app.state["platform"]
        async with platform.database.transaction(readonly=True) as reading:
            await require_person(reading, caller, permission, cast("int", person_id))
    connection.state["caller"] = caller


def caller_of(request: Request[Any, Any, Any]) -> Caller:
    """The caller whom the guard let in."""
    return request.state["caller"]


async def require_person(
    connection: Connection, caller: Caller, permission: str, person_id: int
) -> None:
    """Raise NotAllowed unless the caller may do this with this person: where they live or are
    insured. Costs nothing for who may do it everywhere."""
    if not _anywhere(caller, permission):
        # Somebody who does not exist is nowhere: a caller of a region does not learn which it is.
        home = (await people.regions_of(connection, [person_id])).get(person_id) or ("",)
        caller.require(permission, *home)


@contextlib.contextmanager
def hiding_who_exists(caller: Caller, permission: str) -> Generator[None]:
    """Around looking somebody up by a number: a caller of a region is answered the same of nobody's
    number as of one who lives elsewhere."""
    try:
        yield
    except NotFound:
        if _anywhere(caller, permission):
            raise
        raise not_there(permission) from None


async def those_at_home(
    connection: Connection, caller: Caller, permission: str, person_ids: Sequence[int]
) -> frozenset[int]:
    """Those of these persons with whom the caller may do this."""
    if _anywhere(caller, permission):
        return frozenset(person_ids)
    homes = await people.regions_of(connection, person_ids)
    return frozenset(
        person_id
        for person_id, home in homes.items()
        if any(caller.may(permission, region) for region in home)
    )


async def home_of(connection: Connection, person_id: int) -> tuple[str, ...]:
    """Where a person lives and is insured; raises NotFound."""
    await people.get(connection, person_id)
    return (await people.regions_of(connection, [person_id]))[person_id]


def _anywhere(caller: Caller, permission: str) -> bool:
    return PERMISSIONS[permission].place != "person" or caller.everywhere(permission)
