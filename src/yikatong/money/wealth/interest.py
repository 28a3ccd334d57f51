"""Interest of wealth products (理财收益), brought up day by day."""

from datetime import date
from typing import Final

import msgspec

from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform
from yikatong.core.together import Conflict
from yikatong.money.bank.service import command
from yikatong.money.errors import KeyReused
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.book import Book
from yikatong.money.ledger.model import Entry, SharedKind
from yikatong.money.wealth import rules, store
from yikatong.money.wealth.model import Holding
from yikatong.trust.audit import Actor

ACTOR: Final = Actor("system", "wealth", "wealth product")
BATCH: Final = 500
_FIRST: Final = (date.min, 0, 0)
Shared = tuple[SharedKind, str, str]
"""A shared account by kind, owner and purpose."""


async def accrue_due(platform: Platform, day: date, limit: int = 100_000) -> int:
    """Bring the interest of running holdings up to a day, at most `limit`; answers how many.

    In batches, each one transaction with what it posts: after a kill, or beside a second run, the
    rest is done and nothing twice.
    """
    if day > today(platform.clock):
        raise InvalidInput("day", zh="不能计提未来的收益", en="no interest of days to come")
    done, after = 0, _FIRST
    while done < limit:
        count, last = await _accrue_batch(platform, day, after, min(BATCH, limit - done))
        if last is None:
            break
        done, after = done + count, last
    return done


async def _accrue_batch(
    platform: Platform, day: date, after: tuple[date, int, int], limit: int
) -> tuple[int, tuple[date, int, int] | None]:
    """How many holdings a batch brought up to the day, and the last it looked at."""
    async with platform.database.transaction(readonly=True) as connection:
        banks = {one.bank for one in await store.accruing(connection, day, after, limit)}
    shared = await shared_of(platform, *sorted(banks))

    async def work(connection: Connection) -> tuple[int, tuple[date, int, int] | None]:
        batch = [
            one
            for one in await store.accruing(connection, day, after, limit)
            if ("bank", one.bank, "wealth") in shared
        ]
        if not batch:
            return 0, None
        keys = [(one.person_id, interest_key(one, rules.accrued_at(one, day)[1])) for one in batch]
        book = await ledger.open_book(platform, connection, keys=keys)
        changed: list[Holding] = []
        for one in batch:
            try:
                changed.append(accrue(book, one, day, shared))
            except KeyReused:
                continue  # somebody took the key for something else: that holding alone waits
        if changed:
            await ledger.write(connection, book)
            await store.update_holdings(connection, changed)
        last = batch[-1]
        return len(changed), (last.accrued_through, *last.key)

    return await ledger.carry_out(platform, work)


def interest_key(held: Holding, through: date) -> str:
    """The idempotency key of the interest until a day: one per holding and day."""
    return f"interest:{held.holding_id}:{through}"


def accrue(book: Book, held: Holding, day: date, shared: dict[Shared, int]) -> Holding:
    """Post the interest since it was last brought up; the holding as it is then.

    Raises Conflict where another run did so since the holding was read.
    """
    accrued, through = rules.accrued_at(held, day)
    more = accrued - held.accrued
    brought_up = msgspec.structs.replace(held, accrued=accrued, accrued_through=through)
    if not more:
        return brought_up
    key = interest_key(held, through)
    mine = command(held.person_id, key, "wealth_interest", ACTOR, held.holding_id, through)
    if book.done_before(mine) is not None:
        raise Conflict
    book.post(
        mine,
        [
            Entry(held.person_id, shared["bank", held.bank, "interest"], -more),
            Entry(held.person_id, shared["bank", held.bank, "wealth"], more),
        ],
        {"holding_id": str(held.holding_id), "through": through.isoformat()},
    )
    return brought_up


async def shared_of(platform: Platform, *banks: str) -> dict[Shared, int]:
    """The shared accounts of the banks that products move money on."""
    wanted: list[Shared] = [
        ("bank", bank, purpose) for bank in banks for purpose in ("wealth", "interest")
    ]
    found = await ledger.shared(platform, *wanted)
    return {one: found[one] for one in wanted}
