"""A person with a phone, and what tests of notices ask of them."""

from collections.abc import Mapping
from datetime import date, datetime

from yikatong.core.clock import today
from yikatong.core.database import Record
from yikatong.core.platform import Platform


async def make_person(
    platform: Platform,
    person_id: int = 1,
    *,
    phone: str | None = "13861720001",
    died_on: date | None = None,
    region: str = "510107",
    contact_confirmed_on: date | None = None,
) -> int:
    seal = platform.vault.seal
    async with platform.database.transaction() as connection:
        await connection.execute(
            """insert into persons (person_id, id_number_sealed, name, sex, birth_date,
                                    residence_region, phone_sealed, died_on, created_at,
                                    contact_confirmed_on)
               values ($1, $2, '王秀兰', 2, '1951-05-05', $3, $4, $5, $6, $7)""",
            person_id,
            seal("id_number", person_id, "510107195105050021"),
            region,
            None if phone is None else seal("phone", person_id, phone),
            died_on,
            platform.clock.now(),
            contact_confirmed_on or today(platform.clock),
        )
    return person_id


async def stored(platform: Platform) -> list[Record]:
    """All notices of all persons, in the order in which they were posted."""
    async with platform.database.transaction(readonly=True) as connection:
        return await connection.fetch("select * from notices order by notice_id")


async def texts(platform: Platform) -> list[Record]:
    async with platform.database.transaction(readonly=True) as connection:
        return await connection.fetch("select * from outgoing_texts order by text_id")


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}+08:00")


Facts = Mapping[str, object]
