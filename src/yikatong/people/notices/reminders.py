"""Due work of notices: the yearly question whether phone and address are still right (信息核对)."""

from datetime import date, timedelta
from typing import Final

from yikatong.core.clock import today
from yikatong.core.platform import Platform
from yikatong.people.notices import service, store
from yikatong.people.notices.model import Posting

_YEAR: Final = timedelta(days=365)
_BATCH: Final = 1000


async def run(platform: Platform) -> int:
    """Ask whoever confirmed them more than a year ago, or never, once a year until they do; answers
    how many. Run twice it does nothing more."""
    asked, after = 0, (date.min, 0)
    day, since = today(platform.clock), platform.clock.now() - _YEAR
    while True:
        async with platform.database.transaction() as connection:
            found = await store.unconfirmed(connection, day - _YEAR, since, after, _BATCH)
            asked += await service.post_many(
                platform,
                connection,
                [
                    Posting(one.person_id, "contact.check", {}, _once(one.confirmed_on, day))
                    for one in found
                    if not one.told
                ],
            )
        if len(found) < _BATCH:
            return asked
        after = found[-1].confirmed_on, found[-1].person_id


def _once(confirmed_on: date, day: date) -> str:
    return f"contact-{confirmed_on}-{(day - confirmed_on) // _YEAR}"
