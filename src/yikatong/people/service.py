"""Use cases of the room people: find a person, read a file."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import msgspec

from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import NotFound, one_of
from yikatong.core.platform import Platform
from yikatong.core.sealing import mask_address, mask_id_number, mask_name, mask_phone
from yikatong.core.together import Query, ask
from yikatong.people import pinyin, rules, store
from yikatong.people.model import Contact, Enrolment, Insured, Person, Relation
from yikatong.people.store import Cover, PersonFilter
from yikatong.trust import audit
from yikatong.trust.audit import Actor

__all__ = [
    "Cover",
    "PersonFilter",
    "change_cover",
    "check_choice",
    "check_death",
    "contact",
    "current_enrolments",
    "dead_among",
    "died",
    "enrolled",
    "enrolments",
    "file_of",
    "find_by_id_number",
    "find_many",
    "get",
    "id_numbers",
    "insured",
    "insured_query",
    "list_persons",
    "named",
    "names",
    "persons",
    "persons_query",
    "phones",
    "record_death",
    "regions_of",
    "relations",
    "relations_of",
]


def _no_such_person(field: str) -> NotFound:
    return NotFound(
        zh="没有找到这个人的参保登记，请核对号码，或到参保地办理登记",
        en="nobody is registered under this number; please compare it, or register at home",
        field=field,
    )


async def find_by_id_number(
    platform: Platform, connection: Connection, text: str, field: str = "id_number"
) -> int:
    """The person_id of an id number; raises InvalidInput for a wrong one, NotFound for nobody."""
    id_number = rules.parse_id_number(text, field, today=today(platform.clock))
    person_id = await store.person_id_of_hash(
        connection, platform.vault.hash("id_number", id_number.number)
    )
    if person_id is None:
        raise _no_such_person(field)
    return person_id


async def get(connection: Connection, person_id: int, field: str = "person_id") -> Person:
    """The person; raises NotFound. The caller records the look in the audit trail."""
    person = await store.person(connection, person_id)
    if person is None:
        raise _no_such_person(field)
    return person


async def died(connection: Connection, after: int, limit: int) -> list[tuple[int, date]]:
    """Persons recorded dead and since when, in the order of their ids behind `after`."""
    return await store.died(connection, after, limit)


async def named(
    connection: Connection, name: str, birth_date: date | None, areas: Iterable[str], limit: int
) -> list[Person]:
    """Persons of exactly this name who live or are insured in one of the areas, at most `limit`; the
    caller records why it looked."""
    return await store.named(connection, name, birth_date, list(areas), limit)


async def named_in_pinyin(
    connection: Connection, typed: str, birth_date: date, areas: Iterable[str], most: int
) -> list[Person] | None:
    """Persons of that birth date whose name is read as was typed, who live or are insured in one of the
    areas; None where more than `most` were born that day. The caller records why it looked."""
    born = await store.born_on(connection, birth_date, list(areas), most + 1)
    if len(born) > most:
        return None
    found = [person_id for person_id, name in born if pinyin.sounds_like(name, typed)]
    known = await persons(connection, found)
    return [known[person_id] for person_id in found]


async def record_death(
    platform: Platform, connection: Connection, person: Person, died_on: date, actor: Actor
) -> None:
    """Record a death from its certificate (死亡登记), once; raises InvalidInput for a day that cannot
    be, or another than the one recorded."""
    rules.check_death(person, died_on, today(platform.clock))
    if person.died_on is not None:
        return
    if await store.record_death(connection, person.person_id, died_on):
        now = platform.clock.now()
        await audit.record(connection, actor, now, person.person_id, "person.died")
    else:
        # Recorded since it was read.
        rules.check_death(await get(connection, person.person_id), died_on, today(platform.clock))


def check_death(person: Person, died_on: date, day: date) -> None:
    """Raise InvalidInput where a day of death cannot be right."""
    rules.check_death(person, died_on, day)


async def names(connection: Connection, person_ids: Iterable[int]) -> dict[int, str]:
    """The names of persons by id; the caller records why it looked."""
    return await store.names(connection, list(person_ids))


async def contact(platform: Platform, connection: Connection, person_id: int) -> Contact:
    """The opened id number, phone and address; raises NotFound, SealBroken."""
    sealed = await store.sealed_contact(connection, person_id)
    if sealed is None:
        raise _no_such_person("person_id")
    id_number, phone, address = sealed
    vault = platform.vault
    return Contact(
        id_number=vault.open("id_number", person_id, id_number),
        phone=None if phone is None else vault.open("phone", person_id, phone),
        address=None if address is None else vault.open("address", person_id, address),
    )


async def enrolments(connection: Connection, person_id: int) -> Sequence[Enrolment]:
    """All enrolments, ended ones too, the newest of each insurance first."""
    return await store.enrolments(connection, person_id)


async def change_cover(connection: Connection, changes: Sequence[Cover]) -> None:
    """Write what payments changed of current enrolments; where there is none, nothing."""
    await store.write_cover(connection, changes)


async def current_enrolments(
    connection: Connection, person_ids: Sequence[int]
) -> dict[int, list[Enrolment]]:
    """The enrolments of many persons that have not ended."""
    return await store.current_enrolments(connection, person_ids)


async def enrolled(
    connection: Connection, insurance: str, region: str, category: str, after: int, limit: int
) -> Sequence[int]:
    """Persons insured in a region in one category, in the order of their ids behind `after`."""
    return await store.enrolled(connection, insurance, region, category, after, limit)


async def persons(connection: Connection, person_ids: Iterable[int]) -> dict[int, Person]:
    """Many persons by id; the caller records why it looked."""
    return await ask(connection, store.persons(list(person_ids)))


def persons_query(person_ids: Sequence[int]) -> Query[dict[int, Person]]:
    """The same as a question to be asked together with others."""
    return store.persons(person_ids)


async def dead_among(connection: Connection, first: int, last: int, before: date) -> list[int]:
    """Persons of a range of ids whose recorded death was before a day."""
    return await store.dead_among(connection, first, last, before)


async def find_many(
    platform: Platform, connection: Connection, id_numbers: Sequence[str]
) -> dict[str, int]:
    """The person ids of well-formed id numbers; those of nobody are left out."""
    hashes = {platform.vault.hash("id_number", number): number for number in id_numbers}
    found = await store.persons_of_hashes(connection, list(hashes))
    return {hashes[one]: person_id for one, person_id in found.items()}


async def insured(connection: Connection, person_ids: Sequence[int]) -> dict[int, Insured]:
    """Persons with their current medical enrolments and special groups, read at once; the caller
    records why it looked."""
    return await ask(connection, insured_query(person_ids))


def insured_query(person_ids: Sequence[int]) -> Query[dict[int, Insured]]:
    """The same as a question to be asked together with others."""
    return store.insured(person_ids)


async def id_numbers(
    platform: Platform, connection: Connection, person_ids: Sequence[int]
) -> dict[int, str]:
    """The opened id numbers of persons; the caller records why it looked."""
    vault = platform.vault
    return {
        person_id: vault.open("id_number", person_id, sealed)
        for person_id, sealed in (await store.sealed_id_numbers(connection, person_ids)).items()
    }


async def phones(
    platform: Platform, connection: Connection, person_ids: Sequence[int]
) -> dict[int, str]:
    """The opened phones of persons who have one; the caller records why it looked."""
    vault = platform.vault
    return {
        person_id: vault.open("phone", person_id, sealed)
        for person_id, sealed in (await store.sealed_phones(connection, person_ids)).items()
    }


async def relations_of(
    connection: Connection, person_ids: Sequence[int]
) -> dict[int, list[Relation]]:
    """Guardians and family of many persons."""
    return await store.relations_of(connection, person_ids)


async def relations(connection: Connection, person_id: int) -> Sequence[Relation]:
    """Guardians and family of the person."""
    return await store.relations(connection, person_id)


async def regions_of(
    connection: Connection, person_ids: Iterable[int]
) -> dict[int, tuple[str, ...]]:
    """Where each of these persons lives and is insured; who does not exist is left out."""
    return await store.regions_of(connection, list(person_ids))


async def list_persons(
    connection: Connection, wanted: PersonFilter, limit: int = 50, after: int = 0
) -> Sequence[Person]:
    """Persons in the order of their ids behind `after`, at most `limit` (1-1000)."""
    return await store.list_persons(connection, wanted, max(1, min(limit, 1000)), after)


def check_choice(field: str, value: str | None, allowed: tuple[str, ...]) -> None:
    """Raise InvalidInput naming the field where a filter's value is none of the allowed."""
    if value is not None:
        one_of(value, allowed, field)


async def file_of(
    platform: Platform,
    actor: Actor,
    *,
    person_id: int | None = None,
    id_number: str | None = None,
    reveal: bool = False,
) -> dict[str, Any]:
    """A person's file, masked unless `reveal`; the look is recorded in the same transaction."""
    async with platform.database.transaction() as connection:
        if id_number is not None:
            person_id = await find_by_id_number(platform, connection, id_number)
        assert person_id is not None
        person = await get(connection, person_id)
        opened = await contact(platform, connection, person_id)
        action = "person.revealed" if reveal else "person.read"
        await audit.record(connection, actor, platform.clock.now(), person_id, action)
        enrolled = await enrolments(connection, person_id)
        related = await relations(connection, person_id)
    phone, address = opened.phone, opened.address
    return {
        "person_id": person.person_id,
        "name": person.name if reveal else mask_name(person.name),
        "sex": person.sex,
        "birth_date": person.birth_date.isoformat() if reveal else f"{person.birth_date.year}",
        "id_number": opened.id_number if reveal else mask_id_number(opened.id_number),
        "phone": phone if reveal or phone is None else mask_phone(phone),
        "address": address if reveal or address is None else mask_address(address),
        "residence_region": person.residence_region,
        "died_on": person.died_on.isoformat() if person.died_on else None,
        "synthetic": person.synthetic,
        "enrolments": [msgspec.to_builtins(one) for one in enrolled],
        "relations": [{"kind": one.kind, "person_id": one.other_person_id} for one in related],
    }
