"""People for the tests of the card office."""

from datetime import date

from yikatong.cards.counters import making, store
from yikatong.cards.model import Card, CardApplication
from yikatong.cards.office import applying, living
from yikatong.cards.office.model import Doing, Material, NewApplication
from yikatong.core import regions
from yikatong.core.platform import Platform
from yikatong.population.rows import Rows, copy, id_number
from yikatong.trust.audit import Actor

CLERK = Actor("staff", "c-1", "card office")
REVIEWER = Actor("staff", "r-1", "card office")
SELF = Actor("person", "1", "card office")
SHOWN: tuple[Material, ...] = ("identity", "photo", "old_card")
CENTRE = making.centre("510100").code
"""It makes cards at once."""
IN_BEIJING = making.centre("110000")
COUNTER = Doing("counter", materials=SHOWN, counter=CENTRE)
BANK = Doing("bank", materials=SHOWN)
ONLINE = Doing("online", materials=("identity", "photo"))
PHONE = Doing("phone")
COUNTERS = [one for code in ("510100", "110000") for one in making.of_region(regions.get(code))]
PIN = "384957"
HOME = "510100"
FIRST = NewApplication("first")
LOST = NewApplication("replace", "lost")


async def citizen(
    platform: Platform,
    person_id: int = 1000001,
    *,
    born: date = date(1985, 3, 5),
    died_on: date | None = None,
    matched: bool = True,
    guardianship: bool = False,
    insured_in: str | None = HOME,
    lives_in: str = "510104",
    card_from: date | None = None,
    generation: int = 3,
) -> int:
    """A person, insured, without a card unless `card_from` says since when."""
    rows = Rows(platform.vault, platform.clock.now(), {}, 0, None)
    rows.person(
        person_id, id_number("510104", born, person_id % 1000), "张三丰", 1, born, lives_in,
        f"1386172{person_id % 10000:04d}", None, None, died_on=died_on, matched=matched,
        guardianship=guardianship,
    )  # fmt: skip
    if insured_in:
        rows.add(
            "enrolments", person_id, "310", date(2010, 1, 1), insured_in, "active", "insured", None,
            None, None, date(2010, 1, 1), True, 120,
        )  # fmt: skip
    if card_from:
        rows.card(person_id, 0, HOME, "张三丰", card_from, account=False, generation=generation)
    async with platform.database.transaction() as connection:
        await store.replace_all(connection, COUNTERS)
        await copy(connection, rows)
    return person_id


async def with_card(platform: Platform, person_id: int = 1000001, *, active: bool = True) -> Card:
    """A citizen who got a card at the counter, bound to a bank account, both sides active."""
    await citizen(platform, person_id)
    made = await applying.apply(platform, person_id, FIRST, COUNTER, CLERK, f"a{person_id}")
    card = await print_now(platform, made)
    if not active:
        return card
    card = await living.activate(
        platform, person_id, card.card_id, PIN, COUNTER, CLERK, f"act{person_id}"
    )
    return await living.activate_bank(
        platform, person_id, card.card_id, BANK, CLERK, f"bank{person_id}"
    )


async def print_now(platform: Platform, made: CardApplication, key: str = "print") -> Card:
    """Print at the counter and hand over."""
    return await applying.hand_over(
        platform, made.person_id, made.application_id, COUNTER, CLERK, key, event="print"
    )
