"""JSON routes of the card office that read: tables, rules, counters, a person's cards, work lists."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Final

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from yikatong.cards.counters import service as counters
from yikatong.cards.counters.model import CounterKind
from yikatong.cards.model import ApplicationState
from yikatong.cards.office import admitting, applying, hotline, looking, shown, terms
from yikatong.cards.office.bodies import PROBLEMS, DocumentBody, FactsBody
from yikatong.cards.office.shown import (
    ApplicationBody,
    CardsBody,
    CounterBody,
    EventBody,
    RulesBody,
    ServiceBody,
    StandingBody,
    TablesBody,
)
from yikatong.core import regions
from yikatong.core.bodies import Identifier
from yikatong.core.clock import today
from yikatong.core.errors import one_of
from yikatong.core.platform import Platform
from yikatong.trust.access import NATION, Caller, not_there

PERSON: Final = "/api/v1/people/{person_id:int}/cards"
APPLICATION: Final = PERSON + "/applications/{application_id:int}"
TAGS: Final = ["cards"]
PURPOSE: Final = "card office"
_PUBLIC: Final = {number: PROBLEMS[number] for number in (404, 422)}
_Region = FromPath[Annotated[str, msgspec.Meta(max_length=6)]]


@get("/api/v1/cards/services", summary="The services of the card office", tags=TAGS)
async def all_services() -> list[ServiceBody]:
    """Who may, on which channels, and what is to be shown."""
    return shown.all_services()


@get("/api/v1/cards/states", summary="The state tables", tags=TAGS)
async def states() -> TablesBody:
    """Of applications and of cards: what can happen when, on which conditions, to what effect."""
    return shown.tables()


@get("/api/v1/cards/rules/{region:str}", summary="A region's rules", responses=_PUBLIC, tags=TAGS)
async def rules_of(
    platform: NamedDependency[Platform],
    region: _Region,
    on: Annotated[date | None, QueryParameter(name="date", description="Default: today.")] = None,
) -> RulesBody:
    """Days, fees, and where they come from."""
    regions.get(region)
    day = on or today(platform.clock)
    book = terms.load()
    return shown.rules(book.find(region, day), day, book.review)


@get("/api/v1/cards/counters", summary="Counters of a region", responses=_PUBLIC, tags=TAGS)
async def counters_of(
    platform: NamedDependency[Platform],
    region: Annotated[str, QueryParameter(max_length=6)],
    kind: Annotated[CounterKind | None, QueryParameter()] = None,
    prints_at_once: Annotated[bool, QueryParameter()] = False,
) -> list[CounterBody]:
    """Where cards are applied for, made and collected; the agency's first, those nearest before."""
    async with platform.database.transaction(readonly=True) as connection:
        found = await counters.of_region(platform, connection, region, kind, prints=prints_at_once)
    return [shown.counter(one) for one in found]


@get(
    PERSON,
    summary="A person's cards and applications",
    responses=PROBLEMS,
    tags=TAGS,
    permission="cards.read",
)
async def of_person(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
) -> CardsBody:
    """Dead and ended ones too, the newest first, numbers masked; the look is recorded."""
    seen = await looking.of_person(platform, person_id, caller.actor(PURPOSE))
    day = today(platform.clock)
    return CardsBody(
        [shown.card(one, day) for one in seen.cards],
        [shown.application(one, seen.counters) for one in seen.applications],
    )


@get(
    f"{PERSON}/history",
    summary="Everything that happened to a person's cards",
    responses=PROBLEMS,
    tags=TAGS,
    permission="cards.read",
)
async def history(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    limit: Annotated[int, QueryParameter(ge=1, le=500)] = 100,
) -> list[EventBody]:
    """Who, when, on which channel, why; the newest first."""
    found = await looking.history(platform, person_id, caller.actor(PURPOSE), limit)
    return [shown.event(one) for one in found]


@get(
    APPLICATION,
    summary="An application",
    responses=PROBLEMS,
    tags=TAGS,
    permission="cards.read",
    asks_itself=True,
)
async def application(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    application_id: FromPath[Identifier],
) -> ApplicationBody:
    """Also for the office that took it in, or where the card is collected."""
    async with platform.database.transaction() as connection:
        await admitting.admit(
            platform, connection, caller, "cards.read", person_id,
            application_id=application_id, places=admitting.ANY,
        )  # fmt: skip
        seen = await looking.application(
            platform, connection, person_id, application_id, caller.actor(PURPOSE)
        )
    return shown.application(seen.applications[0], seen.counters)


class AddressBody(msgspec.Struct):
    """Where a card is sent."""

    post_to: str | None
    """Address, and phone where there is one; null: the card is collected."""


@get(
    f"{APPLICATION}/address",
    summary="Where the card is sent",
    responses=PROBLEMS,
    tags=TAGS,
    permission="cards.issue",
    asks_itself=True,
)
async def address(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    application_id: FromPath[Identifier],
) -> AddressBody:
    """For whoever posts it; the look is recorded."""
    async with platform.database.transaction() as connection:
        await admitting.admit(
            platform, connection, caller, "cards.issue", person_id,
            application_id=application_id, places=admitting.DECIDED,
        )  # fmt: skip
        return AddressBody(
            await looking.post_to(
                platform, connection, person_id, application_id, caller.actor(PURPOSE)
            )
        )


@get(
    "/api/v1/cards/applications",
    summary="What waits in the caller's regions",
    responses=PROBLEMS,
    tags=TAGS,
    permission="cards.read",
)
async def work_list(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    wanted: Annotated[
        str | None,
        QueryParameter(name="state", max_length=20, description="Default: all open ones."),
    ] = None,
    region: Annotated[str | None, QueryParameter(max_length=6)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=applying.WORK_MAX)] = 50,
) -> list[ApplicationBody]:
    """Decided, taken in or collected there; the longest waiting first. No names."""
    chosen: Sequence[ApplicationState] = applying.WAITING
    if wanted is not None:
        one: ApplicationState = one_of(wanted, applying.WAITING, "state")
        chosen = (one,)
    areas = caller.regions("cards.read")
    if region is not None:
        regions.get(region)
        caller.require("cards.read", region)
        areas = frozenset((region,))
    async with platform.database.transaction(readonly=True) as connection:
        prefixes = [one.removesuffix("00").removesuffix("00") for one in areas]
        found = await applying.waiting(
            connection, chosen, None if NATION in areas else prefixes, limit
        )
        at = await counters.find(connection, {one.pickup_place for one in found})
    return [shown.application(one, at) for one in found]


class FoundBody(msgspec.Struct):
    """Who stands at the counter."""

    person_id: str


@post(
    "/api/v1/cards/find",
    status_code=200,
    summary="Find a person by the id document in hand",
    responses=PROBLEMS,
    tags=TAGS,
    permission="cards.apply",
)
async def find(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    data: DocumentBody,
) -> FoundBody:
    """From anywhere, for cross-province counters; nothing but the identifier is told, and only where
    number and name (and card, if one is shown) belong together. Five wrong tries an hour for one number."""
    found = await admitting.match(platform, caller, data.in_hand())
    if found is None:
        raise not_there("cards.apply")
    return FoundBody(str(found))


@post(
    "/api/v1/cards/hotline",
    status_code=200,
    summary="Is the caller on the phone the holder?",
    responses=PROBLEMS,
    tags=TAGS,
    permission="cards.read",
)
async def match(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    data: FactsBody,
) -> StandingBody:
    """Three facts. Only yes or no is told; if they all agree, how the card stands, in plain words."""
    told = hotline.read(data.name, data.number, data.third, data.value)
    found = await hotline.match(platform, caller, told)
    if found is None:
        return StandingBody(matched=False)
    async with platform.database.transaction(readonly=True) as connection:
        return shown.standing(found, await hotline.standing(platform, connection, found))


public: Final = [all_services, states, rules_of, counters_of]
routes: Final = [of_person, history, application, address, work_list, find, match]
