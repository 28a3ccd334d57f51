"""What went onto and off shared accounts by day (共享账户日汇总): reports read days, not postings.

The sums follow ten minutes behind, as the snapshots do, and are added to in small steps; what is newer is
read from the index of shared postings. So a report of a month costs the same after a thousand settlements
and after a million, and no payment writes a row for it.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Final

import msgspec

from yikatong.core import ids
from yikatong.core.database import Connection
from yikatong.core.money import Fen
from yikatong.core.platform import Platform
from yikatong.money.ledger import days_store as store
from yikatong.money.ledger.service import SNAPSHOT_BEHIND, id_range

STEP: Final = timedelta(minutes=1)
"""No step is shorter: the tables are asked no more often."""
NEWEST_OF: Final = 5000
"""Of more accounts than this the sums lack what was posted in the last ten minutes."""
_DAYS_AT_ONCE: Final = 40


class Sums(msgspec.Struct, frozen=True):
    """What went through an account in some time."""

    credits: Fen
    """In favour of its owner."""
    debits: Fen
    """Against its owner; positive."""
    postings: int

    @property
    def net(self) -> Fen:
        return self.credits - self.debits


NOTHING: Final = Sums(0, 0, 0)


async def add_up(platform: Platform) -> int:
    """Add what was posted since the last time; answers how many days are to come yet.

    Run twice or beside another process it adds everything once.
    """
    behind = ids.first_of(platform.clock.now() - SNAPSHOT_BEHIND)
    async with platform.database.transaction(readonly=True) as connection:
        reached = ids.time_of(await store.through(connection))
    if ids.time_of(behind) - reached < STEP:
        return 0
    for _ in range(_DAYS_AT_ONCE):
        # A day a transaction: one that is long behind holds nobody up.
        async with platform.database.transaction() as connection:
            if not await _add_a_day(connection, behind):
                return 0
    return 1


async def _add_a_day(connection: Connection, behind: int) -> bool:
    """Add one day's rest, or what there is of today; whether more is to come."""
    first = await store.lock_through(connection)
    if first >= behind:
        return False
    accounts = await store.account_ids(connection)
    if first == 0:
        found = await store.first_posting(connection, accounts)
        first = behind if found is None else min(found, behind)
    day = ids.day_of(first)
    _, next_day = id_range(day, day)
    end = min(next_day, behind)
    if sums := await store.posted(connection, accounts, first, end):
        await store.add(connection, day, sums)
    await store.move_through(connection, end)
    return end < behind


async def of_accounts(
    connection: Connection, accounts: Sequence[int], since: date, until: date
) -> dict[int, Sums]:
    """What went through these accounts from the start of `since` to the end of `until`, of more than
    `NEWEST_OF` accounts as of ten minutes ago; accounts without postings are left out."""
    if not accounts:
        return {}
    first, behind = id_range(since, until)
    reached = await store.through(connection)
    parts = await store.added_up(connection, accounts, since, until)
    # Days are whole up to `reached`; of the day it lies in, the sums end there. Of very many accounts
    # the last minutes are left to the next sums: one look into the index for each would take longer.
    if reached < behind and len(accounts) <= NEWEST_OF:
        parts += await store.posted(connection, accounts, max(first, reached), behind)
    return _together(parts)


def _together(parts: Iterable[store.Sums]) -> dict[int, Sums]:
    found: dict[int, Sums] = {}
    for account, credits, debits, postings in parts:
        was = found.get(account, NOTHING)
        found[account] = Sums(was.credits + credits, was.debits + debits, was.postings + postings)
    return found
