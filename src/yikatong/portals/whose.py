"""Whose affairs a page is about: the signed-in reader's, or theirs for whom the reader acts."""

from typing import Any

import msgspec
from litestar import Request

from yikatong.core.platform import Platform
from yikatong.identity.authority import service as authority
from yikatong.identity.authority.model import Service
from yikatong.identity.model import Level
from yikatong.identity.sessions.model import Session
from yikatong.people import service as people
from yikatong.portals.signed_in import require_session, session_of
from yikatong.trust.audit import Actor


class Whose(msgspec.Struct, frozen=True):
    """The person a page is about, and who reads it."""

    person_id: int
    name: str
    actor: Actor
    session: Session


async def whose(
    request: Request[Any, Any, Any],
    platform: Platform,
    service: Service,
    purpose: str,
    *more: Service,
) -> Whose | None:
    """None for a visitor. Raises NoAuthority where the authority to act does not cover the service, or
    one of `more`, or is over."""
    session = await session_of(request, platform)
    if session is None:
        return None
    async with platform.database.transaction(readonly=True) as connection:
        person_id = await authority.subject(platform, connection, session, service)
        for one in more:
            await authority.subject(platform, connection, session, one)
        person = await people.get(connection, person_id)
    return Whose(person_id, person.name, session.actor(purpose), session)


async def require_whose(
    request: Request[Any, Any, Any],
    platform: Platform,
    service: Service,
    purpose: str,
    level: Level = 1,
    *,
    form_at: str | None = None,
) -> Whose:
    """As `whose`, of a reader who has to be signed in; level and `form_at` as in `require_session`."""
    await require_session(request, platform, level, form_at=form_at)
    mine = await whose(request, platform, service, purpose)
    assert mine is not None, "whoever has a session is somebody"
    return mine
