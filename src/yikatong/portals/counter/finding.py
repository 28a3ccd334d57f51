"""Use cases of the search field: find within the member's regions, masked; every search recorded."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import msgspec

from yikatong.cards import service as cards
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, NotFound
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.core.sealing import mask_id_number, mask_name
from yikatong.medical import numbers
from yikatong.people import service as people
from yikatong.people.guard import those_at_home
from yikatong.people.model import Person
from yikatong.people.pinyin import is_latin
from yikatong.portals import kept
from yikatong.portals.counter import store
from yikatong.portals.counter.asked import Asked, recognise
from yikatong.trust import audit, guessing
from yikatong.trust.access import Caller
from yikatong.trust.guessing import Limit

LIMITS: Final = (Limit(60, timedelta(minutes=5)), Limit(1000, timedelta(days=1)))
"""Searches of one member of staff."""
OPEN_FOR: Final = timedelta(hours=1)
"""How long a list of results can be looked at again."""
_SHOWN_MAX: Final = 10
_BORN_MAX: Final = 5000
"""Persons of one birth date whose names are compared with pinyin."""
_READ_MAX: Final = 60
"""Persons of one name whose phones are compared."""
_PERMISSION: Final = "person.read"


class Match(msgspec.Struct, frozen=True):
    """One who was found, masked."""

    person_id: int
    name: str
    birth_year: int
    id_number: str
    region: str
    via: str
    """What the number is of: "person", "card", "application", "filing", "visit", "settlement", "claim"."""


class Found(msgspec.Struct, frozen=True):
    """What a search led to."""

    search_id: int
    words: str
    form: str
    matches: Sequence[Match]
    more: bool
    """Too many to be shown: one more fact is needed."""


async def search(platform: Platform, caller: Caller, words: str) -> Found:
    """Search, and record it. Raises InvalidInput, TooManyTries."""
    now = platform.clock.now()
    asked = recognise(words, today(platform.clock), now)
    await guessing.count(platform, [(f"search:{caller.name}", LIMITS)])
    search_id = new_id(now)
    async with platform.database.transaction() as connection:
        matches, more = await _look(platform, connection, caller, asked)
        made = store.Search(
            search_id, caller.name, now, asked.form,
            platform.vault.seal(f"search:{search_id}", 0, words), len(matches),
        )  # fmt: skip
        await store.insert_search(connection, made, platform.vault.hash("search", asked.text))
        await _record(platform, connection, caller, matches)
    return Found(search_id, words, asked.form, matches, more)


async def again(platform: Platform, caller: Caller, search_id: int) -> Found:
    """The results of one's own search of the last hour; raises NotFound."""
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        one = await store.search(connection, search_id, caller.name)
        if one is None or one.words_sealed is None or one.at < now - OPEN_FOR:
            raise NotFound(
                zh="这次查找已过一小时，请重新查找", en="this search is over; please search again"
            )
        words = platform.vault.open(f"search:{search_id}", 0, one.words_sealed)
        asked = recognise(words, today(platform.clock), now)
        matches, more = await _look(platform, connection, caller, asked)
        await _record(platform, connection, caller, matches)
    return Found(search_id, words, asked.form, matches, more)


async def forget_old(platform: Platform) -> None:
    """Forget the words of old searches, and forms nobody came back for."""
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        await store.forget_words(connection, now - OPEN_FOR)
        await kept.forget(platform, connection)


async def _record(
    platform: Platform, connection: Connection, caller: Caller, matches: Sequence[Match]
) -> None:
    if matches:
        actor, at = caller.actor("search"), platform.clock.now()
        await audit.record_many(
            connection, [actor] * len(matches), at,
            [(one.person_id, "person.found", {"via": one.via}) for one in matches],
        )  # fmt: skip


async def _look(
    platform: Platform, connection: Connection, caller: Caller, asked: Asked
) -> tuple[list[Match], bool]:
    if asked.form == "name":
        return await _by_name(platform, connection, caller, asked)
    via = await _by_number(platform, connection, asked)
    # Of a person elsewhere nobody learns here that they exist.
    mine = await those_at_home(connection, caller, _PERMISSION, list(via))
    return await _masked(platform, connection, {one: via[one] for one in via if one in mine}), False


async def _by_number(platform: Platform, connection: Connection, asked: Asked) -> dict[int, str]:
    """Whose the number is, with what it is of."""
    try:
        if asked.form == "id_number":
            return {await people.find_by_id_number(platform, connection, asked.text): "person"}
        if asked.form == "card":
            return {(await cards.find_by_number(connection, asked.text))[0]: "card"}
    except NotFound:
        if not asked.text.isdigit() or asked.form == "id_number":
            return {}
    number = int(asked.text)
    if number >= 2**63:
        return {}
    found = dict.fromkeys(await cards.applicants(connection, number), "application")
    for one in await numbers.owners(connection, number):
        found[one.person_id] = one.kind
    return found


async def _by_name(
    platform: Platform, connection: Connection, caller: Caller, asked: Asked
) -> tuple[list[Match], bool]:
    areas = caller.regions(_PERMISSION)
    persons = await people.named(connection, asked.text, asked.birth_date, areas, _READ_MAX + 1)
    if not persons and is_latin(asked.text):
        # Nobody is written so; perhaps somebody is read so.
        if asked.birth_date is None:
            raise InvalidInput(
                "words",
                zh="用拼音查找，请在后面加上出生日期，例如 zhang wei 1985-03-01",
                en="to find somebody by pinyin add the birth date, such as zhang wei 1985-03-01",
            )
        read = await people.named_in_pinyin(
            connection, asked.text, asked.birth_date, areas, _BORN_MAX
        )
        if read is None:
            return [], True
        persons = read
    if asked.tail is not None:
        if len(persons) > _READ_MAX:
            raise InvalidInput(
                "words",
                zh="同名的人太多，请改用姓名加出生日期，或身份证号",
                en="too many people have this name; add the birth date, or use the id number",
            )
        persons = [one for one in persons if await _has_tail(platform, connection, one, asked.tail)]
    if len(persons) > _SHOWN_MAX:
        return [], True
    return await _masked(platform, connection, {one.person_id: "person" for one in persons}), False


async def _has_tail(platform: Platform, connection: Connection, one: Person, tail: str) -> bool:
    contact = await people.contact(platform, connection, one.person_id)
    return contact.id_number.endswith(tail) or (contact.phone or "").endswith(tail)


async def _masked(platform: Platform, connection: Connection, via: dict[int, str]) -> list[Match]:
    persons = await people.persons(connection, via)
    id_numbers = await people.id_numbers(platform, connection, list(via))
    return [
        Match(
            person_id, mask_name(one.name), one.birth_date.year,
            mask_id_number(id_numbers[person_id]), one.residence_region, via[person_id],
        )
        for person_id, one in persons.items()
    ]  # fmt: skip
