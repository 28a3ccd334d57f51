"""Reading for others: a person's cards, an application, the history; every look stands in the trail."""

from collections.abc import Sequence

import msgspec

from yikatong.cards import service as cards
from yikatong.cards.counters import service as counters
from yikatong.cards.counters.model import Counter
from yikatong.cards.model import Card, CardApplication
from yikatong.cards.office import living, store
from yikatong.cards.office.errors import NoSuchApplication
from yikatong.cards.office.model import CardEvent
from yikatong.core.database import Connection
from yikatong.core.platform import Platform
from yikatong.people import service as people
from yikatong.trust import audit
from yikatong.trust.audit import Actor


class Seen(msgspec.Struct, frozen=True):
    """A person's cards and applications, the newest first, with the counters they name."""

    cards: Sequence[Card]
    applications: Sequence[CardApplication]
    counters: dict[str, Counter]


async def of_person(platform: Platform, person_id: int, actor: Actor) -> Seen:
    """Cards and applications of a person, dead and ended ones too; raises NotFound for nobody."""
    async with platform.database.transaction() as connection:
        await people.get(connection, person_id)
        await _looked(platform, connection, person_id, actor, "card.read")
        held = await cards.cards(connection, person_id)
        asked = await cards.applications(connection, person_id)
        at = await counters.find(connection, {one.pickup_place for one in asked})
    return Seen(held, asked, at)


async def application(
    platform: Platform, connection: Connection, person_id: int, application_id: int, actor: Actor
) -> Seen:
    """One application and nothing beside it; raises NoSuchApplication."""
    asked = [
        one
        for one in await cards.applications(connection, person_id)
        if one.application_id == application_id
    ]
    if not asked:
        raise NoSuchApplication
    await _looked(platform, connection, person_id, actor, "card_application.read")
    return Seen((), asked, await counters.find(connection, {asked[0].pickup_place}))


async def post_to(
    platform: Platform, connection: Connection, person_id: int, application_id: int, actor: Actor
) -> str | None:
    """The address and phone for the parcel, opened; None where it is collected."""
    await _looked(platform, connection, person_id, actor, "card_application.address_read")
    sealed = await store.post_to(connection, person_id, application_id)
    return None if sealed is None else platform.vault.open("post_to", application_id, sealed)


async def word(
    platform: Platform, connection: Connection, person_id: int, application_id: int
) -> str:
    """What the applicant said when they added what was asked for; "" for nothing. The caller records
    why it looked."""
    sealed = await store.word(connection, person_id, application_id)
    return "" if sealed is None else platform.vault.open("word", application_id, sealed)


async def history(platform: Platform, person_id: int, actor: Actor, limit: int) -> list[CardEvent]:
    """Everything that happened, the newest first; raises NotFound for nobody."""
    async with platform.database.transaction() as connection:
        await people.get(connection, person_id)
        await _looked(platform, connection, person_id, actor, "card.history_read")
        return await living.history(connection, person_id, limit)


async def _looked(
    platform: Platform, connection: Connection, person_id: int, actor: Actor, action: str
) -> None:
    await audit.record(connection, actor, platform.clock.now(), person_id, action)
