"""The counter at which a member of staff works (所在网点): chosen once, kept until another is chosen."""

from typing import Final

from yikatong.cards.counters import service as counters
from yikatong.cards.counters.model import Counter
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.platform import Platform
from yikatong.portals.counter import store
from yikatong.trust.access import Caller

PERMISSION: Final = "cards.apply"
"""Who takes in applications works at a counter."""


async def find(platform: Platform, connection: Connection, caller: Caller) -> Counter | None:
    """The member's counter; None where none was chosen, it closed, or it is not in the member's
    regions any more."""
    if caller.kind != "staff":
        return None
    code = await store.counter_of(connection, caller.name)
    found = (await counters.find(connection, [code])).get(code or "")
    if found is None or not found.open_on(today(platform.clock)):
        return None
    return found if caller.may(PERMISSION, found.region) else None


async def choose(platform: Platform, caller: Caller, code: str) -> Counter:
    """Keep the counter; raises InvalidInput for none that is open, NotAllowed for one elsewhere."""
    async with platform.database.transaction() as connection:
        found = await counters.get(platform, connection, code, "counter")
        caller.require(PERMISSION, found.region)
        await store.put_counter(connection, caller.name, found.code, platform.clock.now())
    return found


async def choices(
    platform: Platform, connection: Connection, caller: Caller, region: str
) -> list[Counter]:
    """The agency's open counters of the pooling region of a place that are in the member's regions.
    Raises InvalidInput for a province of several pooling regions."""
    found = await counters.of_region(platform, connection, region, "agency")
    return [one for one in found if caller.may(PERMISSION, one.region)]
