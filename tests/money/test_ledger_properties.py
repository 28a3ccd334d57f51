"""The ledger under random sequences of commands, in memory and in the database."""

import asyncio
import itertools
import random
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.money.conftest import CLERK, Customer
from yikatong.core.clock import FixedClock
from yikatong.core.errors import YikatongError
from yikatong.core.platform import Platform
from yikatong.money import due, statements, verification
from yikatong.money.bank import service as bank
from yikatong.money.bank.orders import Deposit, Transfer, Withdrawal
from yikatong.money.bank.service import command, new_account
from yikatong.money.bank.teller import Teller
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.book import Book
from yikatong.money.ledger.model import Account, Entry, Hold

SHARED = 7
PEOPLE = 4

STEP = st.tuples(
    st.sampled_from(("deposit", "withdraw", "transfer", "hold", "capture", "release", "again")),
    st.integers(0, PEOPLE - 1),
    st.integers(0, PEOPLE - 1),
    st.integers(1, 1000),
)


class Model:
    """A book, and beside it the plainest bank there is."""

    def __init__(self) -> None:
        numbers = itertools.count(1)
        accounts = [new_account(one, one * 10, "bank", bank="ICBC") for one in range(1, PEOPLE + 1)]
        self.book = Book(accounts, draw_id=lambda: next(numbers))
        self.plain = [0] * PEOPLE
        self.held = [0] * PEOPLE
        self.holds: list[Hold] = []
        self.keys = itertools.count()

    def account(self, at: int) -> Account:
        return self.book.account((at + 1, (at + 1) * 10))

    def step(self, what: str, one: int, other: int, amount: int) -> None:
        key = f"k{next(self.keys)}"
        mine = command(one + 1, key, what, CLERK, one, other, amount)
        before = (list(self.plain), list(self.held), len(self.book.transactions))
        try:
            self._do(what, one, other, amount, mine)
        except YikatongError:
            assert (self.plain, self.held, len(self.book.transactions)) == before
        for at in range(PEOPLE):
            account = self.account(at)
            assert account.balance == self.plain[at]
            assert account.held == self.held[at]
            assert account.available >= 0

    def _do(self, what: str, one: int, other: int, amount: int, mine: Any) -> None:
        mine_account, shared = self.account(one), Entry(one + 1, SHARED, 0)
        own = mine_account.key
        match what:
            case "deposit":
                self.book.post(
                    mine, [Entry(*own, amount), msgspec.structs.replace(shared, amount=-amount)]
                )
                self.plain[one] += amount
            case "withdraw":
                self.book.post(
                    mine, [Entry(*own, -amount), msgspec.structs.replace(shared, amount=amount)]
                )
                self.plain[one] -= amount
            case "transfer" if one != other:
                self.book.post(
                    mine, [Entry(*own, -amount), Entry(*self.account(other).key, amount)]
                )
                self.plain[one] -= amount
                self.plain[other] += amount
            case "hold":
                self.holds.append(
                    self.book.hold(mine, mine_account, amount, reason="x", expires_at=None)
                )
                self.held[one] += amount
            case "capture" | "release" if self.holds:
                self._close(what, amount)
            case "again" if self.book.transactions:
                last = self.book.transactions[-1]
                same = {"person_id": last.person_id, "key": last.key}
                found = self.book.done_before(
                    msgspec.structs.replace(mine, content_hash=last.content_hash, **same)
                )
                assert found is last
            case _:
                pass

    def _close(self, what: str, amount: int) -> None:
        made = self.holds[amount % len(self.holds)]
        hold = self.book.hold_of(made.person_id, made.hold_id)
        assert hold is not None
        at = hold.person_id - 1
        mine = command(hold.person_id, f"c{next(self.keys)}", what, CLERK, hold.hold_id)
        if what == "release":
            self.book.release(mine, hold)
        else:
            taken = 1 + amount % hold.amount
            self.book.post(
                mine,
                [Entry(*self.account(at).key, -taken), Entry(hold.person_id, SHARED, taken)],
                releasing=hold,
            )
            self.plain[at] -= taken
        self.held[at] -= hold.amount


@given(steps=st.lists(STEP, max_size=60))
@settings(max_examples=200, deadline=None)
def test_a_book_agrees_with_the_plainest_bank_after_every_step(
    steps: list[tuple[str, int, int, int]],
) -> None:
    model = Model()
    for step in steps:
        model.step(*step)
    done = model.book.transactions
    assert all(sum(one.amounts) == 0 for one in done)
    ids = [one.transaction_id for one in done]
    assert ids == sorted(set(ids))
    total = sum(amount for one in done for amount in one.amounts)
    assert total == 0
    closed = [one for one in model.book.holds.values() if one.state != "active"]
    assert all(one.closed_by in ids for one in closed)


async def test_concurrent_desks_and_counters_keep_the_ledger_whole(
    platform: Platform, customers: list[Customer]
) -> None:
    """Two desks and direct commands on the same four accounts, all at once."""
    desks = [Teller(platform), Teller(platform)]
    chance = random.Random(5)
    expected = {one.key: 100_000 for one in customers}
    held = dict.fromkeys(expected, 0)

    async def one(number: int) -> None:
        mine, other = chance.sample(customers, 2)
        amount, draw = chance.randrange(1, 40_000), chance.random()
        desk = desks[number % 2]
        try:
            if draw < 0.5:
                await desk.carry_out(
                    Transfer(
                        key=f"t{number}", actor=CLERK, payer=mine.number, payee=other.number,
                        payee_name=other.name, amount=amount, assurance=2,
                    )
                )  # fmt: skip
                expected[other.key] += amount
            elif draw < 0.6:
                await desk.carry_out(
                    Deposit(key=f"d{number}", actor=CLERK, account=mine.number, amount=amount)
                )
                amount = -amount
            elif draw < 0.7:
                await desk.carry_out(
                    Withdrawal(
                        key=f"w{number}",
                        actor=CLERK,
                        account=mine.number,
                        amount=amount,
                        assurance=2,
                    )
                )
            else:
                made = await bank.hold(
                    platform, *mine.key, amount, CLERK, f"h{number}", reason="押金"
                )
                if draw < 0.8:
                    held[mine.key] += amount
                    return
                if draw < 0.9:
                    await bank.release(platform, mine.person_id, made.hold_id, CLERK, f"r{number}")
                    return
                await bank.capture(
                    platform, mine.person_id, made.hold_id, amount, other.key, CLERK, f"c{number}"
                )
                expected[other.key] += amount
            expected[mine.key] -= amount
        except YikatongError as error:
            if error.code != "insufficient_funds":
                raise

    await asyncio.gather(*(one(number) for number in range(150)))
    async with platform.database.transaction(readonly=True) as connection:
        for customer in customers:
            found = await ledger.account(connection, *customer.key)
            assert (found.balance, found.held) == (expected[customer.key], held[customer.key])
    assert (await verification.verify(platform)).differences == []


async def test_snapshots_change_no_balance_and_are_proved(
    platform: Platform, teller: Teller, customers: list[Customer]
) -> None:
    now = platform.clock.now()
    async with platform.database.transaction(readonly=True) as connection:
        before = {
            one.account_id: balance for one, balance, _ in await ledger.shared_balances(connection)
        }
    later = msgspec.structs.replace(platform, clock=FixedClock(now + timedelta(hours=1)))
    assert await ledger.take_snapshots(later) > 0
    # Nothing new: no second snapshot.
    assert await ledger.take_snapshots(later) == 0
    await Teller(later).carry_out(
        Deposit(key="more", actor=CLERK, account=customers[0].number, amount=7)
    )
    async with platform.database.transaction(readonly=True) as connection:
        after = {
            one.account_id: balance for one, balance, _ in await ledger.shared_balances(connection)
        }
    changed = {one: after[one] - before[one] for one in after if after[one] != before[one]}
    assert list(changed.values()) == [-7]
    assert (await verification.verify(platform)).differences == []
    async with platform.database.transaction() as connection:
        await connection.execute(
            "update shared_balances set balance = balance + 1 where account_id = $1",
            next(iter(changed)),
        )
    assert not (await verification.verify(platform)).proved


async def test_the_trial_balance_is_even_at_every_moment(
    platform: Platform, customers: list[Customer]
) -> None:
    now = platform.clock.now()
    for at in (None, now - timedelta(days=1), now + timedelta(days=1)):
        told = await statements.trial_balance(platform, at)
        assert told.debit == told.credit
    assert (await statements.trial_balance(platform, now - timedelta(days=1))).credit == 0
    assert (await statements.trial_balance(platform)).credit >= 400_000


async def test_holds_that_ran_out_are_released_when_due(
    platform: Platform, teller: Teller, customers: list[Customer]
) -> None:
    now = platform.clock.now()
    await bank.hold(
        platform,
        *customers[0].key,
        500,
        CLERK,
        "h",
        reason="x",
        expires_at=now + timedelta(hours=1),
    )
    done = await due.run(platform, teller, {})
    assert (done.holds_released, done.failed) == (0, [])
    later = msgspec.structs.replace(platform, clock=FixedClock(now + timedelta(hours=2)))
    done = await due.run(later, Teller(later), {})
    assert (done.holds_released, done.failed) == (1, [])
    async with platform.database.transaction(readonly=True) as connection:
        assert (await ledger.account(connection, *customers[0].key)).held == 0
    assert (await verification.verify(platform)).differences == []


@pytest.mark.parametrize("form", ["csv", "pdf"])
async def test_a_statement_as_a_file(
    platform: Platform, customers: list[Customer], form: str
) -> None:
    day = platform.clock.now().date()
    async with platform.database.transaction(readonly=True) as connection:
        told = await ledger.statement(connection, *customers[0].key, day, day)
    if form == "csv":
        text = statements.as_csv(told).decode("utf-8-sig")
        assert "1000.00" in text
        assert text.count("\n") == 4
    else:
        assert statements.as_pdf(told, platform.clock.now()).startswith(b"%PDF")
