"""An hour with a bank whose line is bad, over midnight: at the end both sides agree to the fen."""

import asyncio
import random
import time
from collections import Counter
from datetime import datetime, timedelta

from structlog.testing import capture_logs

from tests.money.conftest import Customer
from tests.money.test_outside_banks import Outside
from yikatong.core.clock import SHANGHAI
from yikatong.core.platform import Platform
from yikatong.money.ledger.verification import verify
from yikatong.money.outside import store
from yikatong.money.outside.reconciliation import Reconciliation, reconcile

START = datetime(2026, 3, 1, 23, 20, tzinfo=SHANGHAI)
TICK_SECONDS = 30
TICKS = 3600 // TICK_SECONDS
ORDERS = 360
BAD_LINE = {
    "drop": 0.10, "lose": 0.10, "delay": 0.05, "slow": 0.05, "repeat": 0.05, "fail": 0.05,
}  # fmt: skip
# Minutes of the hour in which nothing gets there, or no answer comes back.
CUT_OFF = {"drop": 1.0}
SILENT = {"lose": 1.0}


def faults_at(tick: int) -> dict[str, float]:
    minute = tick * TICK_SECONDS // 60
    if 20 <= minute < 23 or minute >= 58:
        return CUT_OFF
    if 35 <= minute < 38 or 55 <= minute < 58:
        return SILENT
    return BAD_LINE


async def place(
    outside: Outside, customers: list[Customer], number: int, drawn: random.Random
) -> None:
    """An order as somebody might place it; a few of them the bank will refuse."""
    customer = drawn.choice(customers)
    amount = drawn.randint(1, 900)
    account = f"62305800000000000{drawn.randrange(3):02d}"
    name = "北行客户" if drawn.random() > 0.05 else "错名"
    facts = {"key": f"order-{number}", "account": account, "name": name}
    if drawn.random() < 0.7:
        await outside.pay(customer, amount, **facts)
    else:
        await outside.collect(customer, amount, **facts)


async def told_of(outside: Outside, day: datetime) -> Reconciliation:
    return await reconcile(outside.platform, outside.connector, day.date())


async def test_an_hour_of_a_bad_line_costs_nobody_a_fen(
    platform: Platform, customers: list[Customer]
) -> None:
    began = time.perf_counter()
    outside = Outside(platform, START)
    for number in range(3):
        outside.books.open_account(f"62305800000000000{number:02d}", "北行客户", 30_000)
    opened = sum(one.balance for one in outside.books.accounts.values())
    drawn = random.Random(20260301)
    ends = sorted(drawn.randrange(TICKS) for _ in range(ORDERS))
    came_to: Counter[str] = Counter()
    placed = 0
    with capture_logs() as logs:
        for tick in range(TICKS):
            outside.strike(**faults_at(tick))
            while placed < ORDERS and ends[placed] == tick:
                await place(outside, customers, placed, drawn)
                placed += 1
            for run in await asyncio.gather(outside.send(), outside.send()):
                for name in ("done", "refused", "unknown", "passed"):
                    came_to[name] += getattr(run, name)
            outside.clock.advance(seconds=TICK_SECONDS)
            if tick % 40 == 0:
                async with platform.database.transaction(readonly=True) as connection:
                    assert await store.check_orders(connection) == []
    assert placed == ORDERS
    struck = dict(outside.bank.happened)
    assert all(struck[fault] for fault in ("drop", "lose", "delay", "slow", "repeat", "fail"))
    assert came_to["unknown"] > ORDERS / 10

    # The line is mended, the workers stay off: what is open is for reconciliation to find out.
    outside.strike()
    async with platform.database.transaction(readonly=True) as connection:
        rows = await connection.fetch("select state, count(*) from bank_orders group by state")
    left: dict[str, int] = {row[0]: row[1] for row in rows}
    assert left["unknown"] > 0
    days = (START, START + timedelta(days=1))
    early = [await told_of(outside, day) for day in days]
    assert not any(
        one.kind == "unknown_resolved_refused" for told in early for one in told.differences
    )
    outside.clock.at = START + timedelta(days=2)
    found = [await told_of(outside, day) for day in days]
    kinds = Counter(one.kind for told in found for one in told.differences)
    assert all(told.closed and not told.waiting for told in found)
    assert kinds["unknown_resolved_done"] > 0
    assert kinds["unknown_resolved_refused"] > 0
    assert set(kinds) == {"unknown_resolved_done", "unknown_resolved_refused"}
    assert [await told_of(outside, day) for day in days] == found

    # Nothing happened twice at the bank, and nothing there that we do not know, nor the other way.
    journal = {one.order.order_id: one for one in outside.books.journal}
    assert len(journal) == len(outside.books.journal)
    async with platform.database.transaction(readonly=True) as connection:
        rows = await connection.fetch(
            "select person_id, order_id, direction, amount, state from bank_orders"
        )
    states = Counter(row["state"] for row in rows)
    assert set(states) == {"done", "refused"}
    ours = {
        f"{row['person_id']}-{row['order_id']}": (row["direction"], row["amount"])
        for row in rows
        if row["state"] == "done"
    }
    assert ours == {name: (one.order.direction, one.order.amount) for name, one in journal.items()}
    assert sum(told.bank_rows for told in found) == len(journal)
    assert sum(told.matched for told in found) == len(journal)

    # To the fen: what the bank has more is what we hold as gone there and our people have less.
    moved = sum(one.balance for one in outside.books.accounts.values()) - opened
    assert await outside.shared("outside") == moved
    assert await outside.shared("in_transit") == 0
    balances = [await outside.balance(one) for one in customers]
    assert sum(balances) == 100_000 * len(customers) - moved
    proof = await verify(platform)
    assert proof.differences == []
    assert proof.proved
    await outside.proved()
    await outside.aclose()
    print(  # noqa: T201 - the figures, with pytest -s
        f"{ORDERS} orders, {dict(states)}; runs came to {dict(came_to)}; faults {struck};"
        f" tries without an answer {len(logs)}; left to reconciliation {left.get('unknown')};"
        f" differences {dict(kinds)}; moved {moved} fen; {time.perf_counter() - began:.1f} s"
    )
