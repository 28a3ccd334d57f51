"""Due work of filings: telling people in time that a filing ends (备案到期提醒)."""

from datetime import timedelta
from typing import Final

from yikatong.core.clock import today
from yikatong.core.platform import Platform
from yikatong.core.together import ask
from yikatong.medical.filings import rules, store
from yikatong.people import service as people
from yikatong.people.notices import service as notices
from yikatong.people.notices.model import Posting

DAYS_BEFORE: Final = 14
_BATCH: Final = 500


async def run(platform: Platform) -> int:
    """Tell whose filing ends within two weeks and has no successor, once for each last day; answers
    how many. Run twice it does nothing more."""
    day, told = today(platform.clock), 0
    after = (day, 0, 0)
    while True:
        async with platform.database.transaction() as connection:
            found = await store.ending(connection, day + timedelta(days=DAYS_BEFORE), after, _BATCH)
            ending = {(person_id, filing_id) for _, person_id, filing_id in found}
            person_ids = sorted({person_id for _, person_id, _ in found})
            filings = await ask(connection, store.of_persons(person_ids))
            persons = await people.persons(connection, person_ids)
            told += await notices.post_many(
                platform,
                connection,
                [
                    Posting(
                        person_id,
                        "filing.ending",
                        {"destination": one.destination, "until": one.ends_on},
                        f"filing-{one.filing_id}-{one.ends_on}",
                    )
                    for person_id in person_ids
                    for one in filings[person_id]
                    if (person_id, one.filing_id) in ending
                    and one.ends_on is not None
                    and persons[person_id].died_on is None
                    and not rules.goes_on(one, filings[person_id])
                ],
            )
        if len(found) < _BATCH:
            return told
        after = found[-1]
