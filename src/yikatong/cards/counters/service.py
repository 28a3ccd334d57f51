"""Use cases of counters: load the made-up ones, find, list."""

from collections.abc import Collection

from yikatong.cards.counters import making, store
from yikatong.cards.counters.model import Counter, no_such_counter
from yikatong.core import reference, regions
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import Text
from yikatong.core.platform import Platform


async def prepare(platform: Platform) -> None:
    """Load the made-up counters where they differ from what was loaded last."""
    async with platform.database.transaction() as connection:
        await reference.lock(connection)
        if await reference.changed(connection, "card counters", making.VERSION):
            rows = await store.replace_all(connection, making.every())
            await reference.loaded(platform, connection, "card counters", making.VERSION, rows)


async def find(connection: Connection, codes: Collection[str | None]) -> dict[str, Counter]:
    """Counters by code, closed ones too; what is no counter is left out."""
    wanted = sorted({one for one in codes if one})
    return await store.find(connection, wanted) if wanted else {}


async def names(connection: Connection, codes: Collection[str | None]) -> dict[str, Text]:
    """What counters are called, closed ones too."""
    return {code: one.text for code, one in (await find(connection, codes)).items()}


async def get(
    platform: Platform, connection: Connection, code: str, field: str = "counter"
) -> Counter:
    """An open counter; raises InvalidInput naming `field`."""
    found = (await store.find(connection, [code])).get(code)
    if found is None or not found.open_on(today(platform.clock)):
        raise no_such_counter(field)
    return found


async def of_region(
    platform: Platform,
    connection: Connection,
    region: str,
    kind: str | None = None,
    *,
    prints: bool = False,
) -> list[Counter]:
    """The open counters of the pooling region of a place, those in the very place first.

    Raises InvalidInput for an unknown region, and for a province of several pooling regions.
    """
    pooling = regions.pooling_region(region)
    day = today(platform.clock)
    found = await store.of_region(connection, pooling.code, kind, prints=prints)
    return sorted((one for one in found if one.open_on(day)), key=lambda one: one.region != region)
