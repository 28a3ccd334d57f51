"""Many people and their applications, for the tests of what is done for many."""

from datetime import date, timedelta

from tests.cards.citizens import COUNTERS, HOME, SHOWN
from yikatong.cards.counters import store
from yikatong.cards.model import CardApplication
from yikatong.cards.office.many import ManyDesk
from yikatong.cards.office.model import Doing, NewApplication
from yikatong.cards.production import files, service
from yikatong.cards.production.model import Batch
from yikatong.core.database import Connection
from yikatong.core.platform import Platform
from yikatong.money.ledger import service as ledger
from yikatong.population.rows import Rows, copy, id_number
from yikatong.trust.audit import Actor

TAKER = Actor("staff", "t-1", "list")
REVIEWER = Actor("staff", "r-1", "list")
MAKING = Actor("staff", "p-1", "production")
BY_LIST = Doing("list", by="employer", materials=SHOWN)
MAKER = "MAKER-1"
FIRST = 2_000_001
BORN = date(1990, 1, 1)


def number_of(person_id: int) -> str:
    """The id number of one of the crowd."""
    at = person_id - FIRST
    return id_number("510104", BORN + timedelta(days=at // 900), at % 900)


def name_of(person_id: int) -> str:
    return f"李{'甲乙丙丁戊己庚辛'[person_id % 8]}{'一二三四五六七八九十'[person_id % 10]}"


async def crowd(
    platform: Platform, count: int, *, region: str = HOME, first: int = FIRST
) -> list[int]:
    """People insured in a region, without a card."""
    rows = Rows(platform.vault, platform.clock.now(), {}, 0, None)
    persons = list(range(first, first + count))
    for person_id in persons:
        born = BORN + timedelta(days=(person_id - FIRST) // 900)
        rows.person(
            person_id, number_of(person_id), name_of(person_id), 1 + person_id % 2, born,
            f"{region[:4]}04", None, None, None,
        )  # fmt: skip
        rows.add(
            "enrolments", person_id, "310", date(2010, 1, 1), region, "active", "insured", None,
            None, None, date(2010, 1, 1), True, 120,
        )  # fmt: skip
    async with platform.database.transaction() as connection:
        await store.replace_all(connection, COUNTERS)
        await copy(connection, rows)
    return persons


async def approved(platform: Platform, persons: list[int]) -> list[CardApplication]:
    """Applications of a list, approved."""

    async def apply(connection: Connection) -> list[CardApplication]:
        desk = ManyDesk(platform, connection, BY_LIST, TAKER)
        await desk.read(persons, applying=True)
        made = [desk.apply(one, NewApplication("first"), None, f"k:{one}") for one in persons]
        await desk.write()
        return made

    async def approve(connection: Connection) -> list[CardApplication]:
        desk = ManyDesk(platform, connection, BY_LIST, REVIEWER)
        await desk.read(persons)
        moved = [desk.move_application(one, "approve") for one in made]
        await desk.write()
        return moved

    made = await ledger.carry_out(platform, apply)
    return await ledger.carry_out(platform, approve)


async def batch(platform: Platform, *, key: str = "b1", cards_max: int = 10_000) -> Batch:
    """A batch of everything that waits."""
    await service.put_maker(platform, MAKER, "制卡一厂", None, None, MAKING)
    begun = await service.begin(platform, HOME, "ICBC", MAKER, cards_max, MAKING, key)
    return await service.collect(platform, begun.batch_id, MAKING)


async def exported(platform: Platform, batch_id: int) -> bytes:
    """The order file."""
    return b"".join([piece async for piece in files.export(platform, batch_id, MAKING)])
