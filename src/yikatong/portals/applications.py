"""我的办件: everything somebody applied for, and how far it is, on one page."""

from typing import Any, Final

from litestar import Request, Response, get
from litestar.di import NamedDependency

from yikatong.benefits.pension import service as pensions
from yikatong.benefits.unemployment import service as unemployment
from yikatong.cards import service as cards
from yikatong.cards.counters import service as counters
from yikatong.cards.office import living
from yikatong.cards.telling import reference
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.platform import Platform
from yikatong.identity.authority import service as authority
from yikatong.identity.authority.model import SERVICES, Service
from yikatong.identity.sessions.model import Session
from yikatong.medical import service as medical
from yikatong.medical.claims.service import ClaimOffice
from yikatong.people.changes import service as changes
from yikatong.portals import applied
from yikatong.portals.applied import Affair
from yikatong.portals.signed_in import require_session
from yikatong.portals.view import View
from yikatong.trust import audit

APPLICATIONS: Final = "/applications"
_SHOWN: Final = 20
_OF_A_KIND: Final = 50
_EVENTS_READ: Final = 200
_COVERED: Final[tuple[Service, ...]] = ("card", "filing", "claims", "benefits", "details")
"""What an agent must be let act in to see the affairs of that kind."""


@get(APPLICATIONS, include_in_schema=False)
async def applications(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    claims: NamedDependency[ClaimOffice],
) -> Response[Any]:
    """The affairs of the reader, or of whom the reader acts for, the newest first, in pages."""
    session = await require_session(request, platform)
    view = View.of(request)
    async with platform.database.transaction() as connection:
        covered = await _covered(platform, connection, session)
        person_id = session.subject_id
        found = await _affairs(view, platform, connection, claims, person_id, covered)
        await audit.record(
            connection, session.actor("my applications"), platform.clock.now(), person_id,
            "applications.read", {"of": sorted(covered)},
        )  # fmt: skip
    page = _page(request.query_params.get("page", ""), len(found))
    begin = (page - 1) * _SHOWN
    hidden = [SERVICES[one].in_language(view.language) for one in _COVERED if one not in covered]
    return view.respond(
        request, "applications.html", current="applications",
        rows=[(one, _number(one)) for one in found[begin : begin + _SHOWN]],
        asked=[one for one in found if one.asked],
        page=page, older=page + 1 if begin + _SHOWN < len(found) else 0,
        acts=session.acting_for is not None, hidden=view.text("applied_join").join(hidden),
    )  # fmt: skip


async def _covered(
    platform: Platform, connection: Connection, session: Session
) -> frozenset[Service]:
    """The kinds the reader may see: all of one's own; raises NoAuthority where acting is over."""
    if session.acting_for is None:
        return frozenset(_COVERED)
    mandate = await authority.acting_for(platform, connection, session, session.acting_for)
    if mandate.kind == "guardian":
        return frozenset(_COVERED)
    return frozenset(one for one in _COVERED if one in mandate.services)


async def _affairs(
    view: View,
    platform: Platform,
    connection: Connection,
    claims: ClaimOffice,
    person_id: int,
    covered: frozenset[Service],
) -> list[Affair]:
    day = today(platform.clock)
    found: list[Affair] = []
    if "card" in covered:
        asked = (await cards.applications(connection, person_id))[:_OF_A_KIND]
        held = await cards.cards(connection, person_id)
        told = await living.history(connection, person_id, _EVENTS_READ)
        named = await counters.names(connection, {one.pickup_place for one in asked})
        places = {code: text.in_language(view.language) for code, text in named.items()}
        found += [applied.of_card(view, one, told, held, places) for one in asked]
    if "filing" in covered:
        filings = sorted(
            await medical.filings(connection, person_id), key=lambda one: one.filed_at, reverse=True
        )
        found += [applied.of_filing(view, one, day) for one in filings[:_OF_A_KIND]]
    if "claims" in covered:
        made = await claims.newest(connection, person_id, _OF_A_KIND)
        found += [applied.of_claim(view, one) for one in made]
    if "benefits" in covered:
        for one in (await pensions.applications(connection, person_id))[:_OF_A_KIND]:
            found.append(applied.of_pension(view, one))
        for claim in (await unemployment.claims(connection, person_id))[:_OF_A_KIND]:
            found.append(applied.of_unemployment(view, claim, day))
    if "details" in covered:
        # A confirmation that all is right applies for nothing.
        for change in await changes.newest(connection, person_id, _OF_A_KIND):
            if change.fields:
                found.append(applied.of_change(view, change))
    return sorted(found, key=lambda one: one.at, reverse=True)


def _number(one: Affair) -> str:
    return reference(int(one.number))


def _page(text: str, count: int) -> int:
    last = max(1, -(-count // _SHOWN))
    return (
        min(int(text), last)
        if text.isascii() and text.isdigit() and 0 < len(text) < 4 and int(text)
        else 1
    )


routes: Final = [applications]
