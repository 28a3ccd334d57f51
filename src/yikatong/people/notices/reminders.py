"""Due work of notices: the yearly question whether phone and address are still right (信息核对)."""

import asyncio
from datetime import date, timedelta
from typing import Final

from yikatong.core.clock import today
from yikatong.core.platform import Platform
from yikatong.people.notices import service, store
from yikatong.people.notices.model import Posting

_YEAR: Final = timedelta(days=365)
_BATCH: Final = 100
_SHARE: Final = 30
_AT_LEAST: Final = 5000
_A_SECOND: Final = 200
"""So many at most, so that nobody at a counter or hospital waits behind them."""


async def run(platform: Platform) -> int:
    """Ask whoever confirmed them more than a year ago, or never, once a year until they do; answers
    how many. Of many who wait, after a takeover of old records say, a thirtieth is asked each day:
    counters and the hotline hear of it. Run twice it asks nobody twice."""
    day = today(platform.clock)
    async with platform.database.transaction(readonly=True) as connection:
        waiting = await store.count_unconfirmed(connection, day - _YEAR)
    left = max(_AT_LEAST, -(-waiting // _SHARE))
    asked = 0
    while True:
        async with platform.database.transaction() as connection:
            found = await store.take_unconfirmed(connection, day - _YEAR, day, min(left, _BATCH))
            asked += await service.post_many(
                platform,
                connection,
                [
                    Posting(person_id, "contact.check", {}, _once(confirmed_on, day))
                    for person_id, confirmed_on in found
                ],
            )
        left -= len(found)
        if len(found) < _BATCH or not left:
            break
        await asyncio.sleep(_BATCH / _A_SECOND)
    return asked


def _once(confirmed_on: date, day: date) -> str:
    return f"contact-{confirmed_on}-{(day - confirmed_on) // _YEAR}"
