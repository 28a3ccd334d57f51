"""Use cases of consistency: look through the people chunk by chunk for what does not agree.

Numbers and phones are opened inside and compared; no finding holds any of them.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final

from yikatong.cards import service as cards
from yikatong.cards.consistency import rules
from yikatong.cards.consistency.model import Code, File, Finding, Page
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.platform import Platform
from yikatong.people import service as people
from yikatong.people.changes import service as changes
from yikatong.people.model import Person
from yikatong.people.service import PersonFilter
from yikatong.trust import audit
from yikatong.trust.audit import Actor

CHUNK: Final = 500
CHUNKS_MAX: Final = 10
"""So many people are looked at in one call; the next one goes on behind them."""

Mine = Callable[[Connection, Sequence[int]], Awaitable[Collection[int]]]
"""Which of these persons the caller may look at."""


async def page(
    platform: Platform,
    wanted: PersonFilter,
    actor: Actor,
    *,
    codes: Collection[Code],
    after: int = 0,
    limit: int = 100,
    mine: Mine | None = None,
) -> Page:
    """What does not agree, of the persons behind `after`, until about `limit` findings (at least one,
    and whole persons) or 5 000 persons. Who is named is told so in their trail."""
    findings: list[Finding] = []
    checked = 0
    for _ in range(CHUNKS_MAX):
        async with platform.database.transaction() as connection:
            found = await people.list_persons(connection, wanted, CHUNK, after)
            if mine is not None:
                allowed = await mine(connection, [one.person_id for one in found])
                looked_at = [one for one in found if one.person_id in allowed]
            else:
                looked_at = list(found)
            made = [
                one for one in await _check(platform, connection, looked_at) if one.code in codes
            ]
            cut = _fitting(made, limit - len(findings))
            await _note(platform, connection, actor, cut)
        findings += cut
        if len(cut) < len(made):
            after = cut[-1].person_id
            return Page(findings, checked + sum(one.person_id <= after for one in looked_at), after)
        checked += len(looked_at)
        if len(found) < CHUNK:
            return Page(findings, checked, None)
        after = found[-1].person_id
        if len(findings) >= limit:
            break
    return Page(findings, checked, after)


def _fitting(made: list[Finding], room: int) -> list[Finding]:
    """As many as there is room for, of whole persons; of the first one all, however many."""
    if len(made) <= room:
        return made
    first, beyond = made[0].person_id, made[max(room, 0)].person_id
    return [one for one in made if one.person_id < beyond or one.person_id == first]


async def _check(
    platform: Platform, connection: Connection, persons: Sequence[Person]
) -> list[Finding]:
    ids = [one.person_id for one in persons]
    numbers = await people.id_numbers(platform, connection, ids)
    phones = await people.phones(platform, connection, ids)
    leads = await people.find_many(platform, connection, list(numbers.values()))
    shared = await changes.shared_phones(
        platform, connection, list(set(phones.values())), rules.PHONE_SHARED_BY
    )
    live = await cards.current_cards(connection, ids)
    enrolments = await people.current_enrolments(connection, ids)
    relations = await people.relations_of(connection, ids)
    day = today(platform.clock)
    found: list[Finding] = []
    for person in persons:
        phone = phones.get(person.person_id)
        file = File(
            person=person,
            id_number=numbers[person.person_id],
            leads_to=leads.get(numbers[person.person_id]),
            phone=phone,
            phone_of=shared.get(phone or "", 0),
            card=live.get(person.person_id),
            enrolments=tuple(enrolments.get(person.person_id, ())),
            relations=tuple(relations.get(person.person_id, ())),
        )
        found += [Finding(person.person_id, code) for code in rules.codes(file, day)]
    return found


async def _note(
    platform: Platform, connection: Connection, actor: Actor, made: Sequence[Finding]
) -> None:
    """The look stands in the trail of those who are named, each once."""
    of: dict[int, list[str]] = {}
    for one in made:
        of.setdefault(one.person_id, []).append(one.code)
    if of:
        await audit.record_many(
            connection, [actor] * len(of), platform.clock.now(),
            [(person_id, "person.checked", {"found": found}) for person_id, found in of.items()],
        )  # fmt: skip
