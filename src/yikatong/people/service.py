"""Use cases of the room people: find a person, read a file."""

from collections.abc import Sequence

from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import NotFound
from yikatong.core.platform import Platform
from yikatong.people import rules, store
from yikatong.people.model import Contact, Enrolment, Person, Relation
from yikatong.people.store import PersonFilter

__all__ = [
    "PersonFilter",
    "contact",
    "enrolments",
    "find_by_id_number",
    "get",
    "list_persons",
    "relations",
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


async def relations(connection: Connection, person_id: int) -> Sequence[Relation]:
    """Guardians and family of the person."""
    return await store.relations(connection, person_id)


async def list_persons(
    connection: Connection, wanted: PersonFilter, limit: int = 50, after: int = 0
) -> Sequence[Person]:
    """Persons in the order of their ids behind `after`, at most `limit` (1-1000)."""
    return await store.list_persons(connection, wanted, max(1, min(limit, 1000)), after)
