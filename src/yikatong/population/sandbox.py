"""The people to try as a provider's programmer needs them: documents, cards, insurance."""

from collections.abc import Sequence

from yikatong.cards import service as cards
from yikatong.core import regions
from yikatong.core.platform import Platform
from yikatong.medical.sandbox.model import SandboxPerson
from yikatong.people import service as people
from yikatong.people.model import MEDICAL
from yikatong.population.demo import REPLACED
from yikatong.population.service import demo_persons
from yikatong.trust import audit
from yikatong.trust.audit import Actor


async def persons(platform: Platform, actor: Actor) -> Sequence[SandboxPerson]:
    """Everybody to try, with the whole id number; each look is recorded."""
    async with platform.database.transaction() as connection:
        demos = await demo_persons(connection)
        ids = [one.person_id for one in demos]
        id_numbers = await people.id_numbers(platform, connection, ids)
        enrolled = await people.current_enrolments(connection, ids)
        held = await cards.current_cards(connection, ids)
        for one in demos:
            if one.situation == REPLACED:
                # The old card in the hand is what there is to try.
                every = await cards.cards(connection, one.person_id)
                held[one.person_id] = every[-1]
        await audit.record_many(
            connection,
            [actor] * len(ids),
            platform.clock.now(),
            [(one, "person.revealed", {}) for one in ids],
        )
    found: list[SandboxPerson] = []
    for one in demos:
        insured = [each for each in enrolled.get(one.person_id, ()) if each.insurance in MEDICAL]
        card = held.get(one.person_id)
        found.append(
            SandboxPerson(
                situation=one.situation,
                title=one.title,
                expects=one.expects,
                person_id=one.person_id,
                name=one.name,
                id_number=id_numbers[one.person_id],
                card_number=card.card_number if card else None,
                card_identifier=card.card_identifier if card else None,
                insurance=min((each.insurance for each in insured), default=None),
                insured_region=min(insured, key=lambda each: each.insurance).region
                if insured
                else _pooling(one.insured_region),
            )
        )
    return found


def _pooling(code: str) -> str:
    region = regions.find(code)
    return region.pooled_in or code if region else code
