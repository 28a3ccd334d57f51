"""Standing orders: the dates they are due on, paying once and only once, and why one was not paid."""

import asyncio
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.money.conftest import CLERK, Customer
from yikatong.core.clock import SHANGHAI
from yikatong.core.coalescing import Busy
from yikatong.core.errors import InvalidInput, YikatongError
from yikatong.core.platform import Platform
from yikatong.money import errors
from yikatong.money.bank import service as bank
from yikatong.money.bank import standing
from yikatong.money.bank import standing_store as store
from yikatong.money.bank.orders import Deposit, Order, Transfer, Withdrawal
from yikatong.money.bank.standing import Arrangement
from yikatong.money.bank.standing_rules import (
    NoSuchOrder,
    OrderEnded,
    Run,
    Schedule,
    StandingOrder,
    due_from,
)
from yikatong.money.bank.standing_run import Ran, run_due
from yikatong.money.bank.teller import Teller
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.model import Transaction
from yikatong.money.ledger.verification import verify

ON_THE_FIFTH = Schedule(every="month", day=5, starts_on=date(2026, 3, 1))


class Now:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 1, 9, 0, tzinfo=SHANGHAI)

    def now(self) -> datetime:
        return self.at

    def go_to(self, day: date) -> None:
        self.at = datetime(day.year, day.month, day.day, 9, 0, tzinfo=SHANGHAI)


class Scene:
    """A platform in time, its desk, and people with 1 000 yuan each."""

    def __init__(self, platform: Platform, clock: Now, customers: list[Customer]) -> None:
        self.platform = platform
        self.clock = clock
        self.teller = Teller(platform)
        self.payer, self.payee, *self.others = customers

    async def arrange(self, key: str = "s-1", **facts: Any) -> StandingOrder:
        wanted: dict[str, Any] = {
            "account_id": self.payer.account.account_id,
            "payee": self.payee.number,
            "payee_name": self.payee.name,
            "amount": 30_000,
            "schedule": ON_THE_FIFTH,
            "assurance": 2,
            **facts,
        }
        return await standing.arrange(
            self.platform, self.payer.person_id, Arrangement(**wanted), CLERK, key
        )

    async def run(self, day: date, **options: Any) -> Ran:
        self.clock.go_to(day)
        return await run_due(self.platform, self.teller, **options)

    async def balance(self, customer: Customer) -> int:
        async with self.platform.database.transaction(readonly=True) as connection:
            return (await ledger.account(connection, *customer.key)).balance

    async def order(self, order: StandingOrder) -> StandingOrder:
        async with self.platform.database.transaction(readonly=True) as connection:
            found = await store.order(connection, *order.key)
        assert found is not None
        return found

    async def told(self, order: StandingOrder) -> list[tuple[date, str, int, str | None]]:
        return [(one.due_on, one.outcome, one.tries, one.reason) for one in await self.runs(order)]

    async def runs(self, order: StandingOrder) -> list[Run]:
        """The history as the person sees it, the oldest first."""
        async with self.platform.database.transaction(readonly=True) as connection:
            return (await standing.history(connection, *order.key))[::-1]

    async def change(self, order: StandingOrder, key: str, **facts: Any) -> StandingOrder:
        facts = {"assurance": 2, **facts}
        return await standing.change(self.platform, *order.key, CLERK, key, **facts)

    async def set_state(self, order: StandingOrder, state: Any, key: str) -> StandingOrder:
        return await standing.set_state(self.platform, *order.key, state, CLERK, key)


@pytest.fixture
async def scene(platform: Platform, customers: list[Customer]) -> Any:
    clock = Now()
    scene = Scene(msgspec.structs.replace(platform, clock=clock), clock, customers)
    yield scene
    found = await verify(platform)
    assert found.differences == []
    assert found.proved


def days(schedule: Schedule, count: int) -> list[date]:
    found: list[date] = []
    day = schedule.starts_on
    while len(found) < count and (due := due_from(schedule, day)) is not None:
        found.append(due)
        day = due + timedelta(days=1)
    return found


@given(
    st.integers(1, 31),
    st.dates(date(2020, 1, 1), date(2040, 12, 31)),
)
def test_a_monthly_order_is_due_once_a_month_on_its_day_or_the_last(day: int, start: date) -> None:
    found = days(Schedule(every="month", day=day, starts_on=start), 30)
    months = [one.year * 12 + one.month for one in found]
    assert months == list(range(months[0], months[0] + 30))
    assert months[0] - (start.year * 12 + start.month) in (0, 1)
    assert found[0] >= start
    for one in found:
        last = (one.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
        assert one.day == day or (one == last and day > one.day)


@given(st.integers(1, 7), st.dates(date(2020, 1, 1), date(2040, 12, 31)))
def test_a_weekly_order_is_due_every_seven_days(day: int, start: date) -> None:
    found = days(Schedule(every="week", day=day, starts_on=start), 10)
    assert found[0].isoweekday() == day
    assert 0 <= (found[0] - start).days < 7
    assert {later - earlier for earlier, later in pairwise(found)} == {timedelta(days=7)}


@given(
    st.one_of(
        st.builds(
            Schedule,
            every=st.just("month"),
            day=st.integers(1, 31),
            starts_on=st.dates(date(2024, 1, 1), date(2025, 12, 31)),
            ends_on=st.dates(date(2025, 1, 1), date(2026, 12, 31)),
        ),
        st.builds(
            Schedule,
            every=st.just("once"),
            starts_on=st.dates(date(2024, 1, 1), date(2025, 12, 31)),
        ),
    ),
    st.dates(date(2024, 1, 1), date(2027, 1, 31)),
)
def test_the_next_due_date_is_the_first_one_that_is_not_before_the_day(
    schedule: Schedule, day: date
) -> None:
    everything = days(schedule, 40)
    assert due_from(schedule, day) == next((one for one in everything if one >= day), None)
    assert all(one <= (schedule.ends_on or date.max) for one in everything)
    assert [due_from(schedule, one) for one in everything] == everything


async def test_it_pays_each_month_until_its_end(scene: Scene) -> None:
    schedule = Schedule(
        every="month", day=31, starts_on=date(2026, 3, 1), ends_on=date(2026, 5, 30)
    )
    order = await scene.arrange(schedule=schedule, memo="房租")
    assert order.next_due == date(2026, 3, 31)
    assert order.payee_tail == scene.payee.number[-4:]
    assert await scene.run(date(2026, 3, 30)) == Ran()
    assert await scene.run(date(2026, 3, 31)) == Ran(paid=1)
    assert await scene.run(date(2026, 3, 31)) == Ran()
    assert await scene.run(date(2026, 4, 30)) == Ran(paid=1)
    ended = await scene.order(order)
    assert (ended.state, ended.next_due) == ("ended", None)
    assert await scene.run(date(2026, 5, 31)) == Ran()
    assert await scene.balance(scene.payer) == 40_000
    assert await scene.balance(scene.payee) == 160_000
    assert await scene.told(order) == [
        (date(2026, 3, 31), "paid", 1, None),
        (date(2026, 4, 30), "paid", 1, None),
    ]


async def test_a_payment_on_one_date_happens_once(scene: Scene) -> None:
    order = await scene.arrange(schedule=Schedule(every="once", starts_on=date(2026, 3, 8)))
    # Late, as the platform was down that day, is better than not at all.
    assert await scene.run(date(2026, 3, 20)) == Ran(paid=1)
    assert (await scene.order(order)).state == "ended"


async def test_the_same_key_answers_the_same_order(scene: Scene) -> None:
    first, again = await asyncio.gather(scene.arrange(), scene.arrange())
    assert first == again
    scene.clock.go_to(date(2026, 3, 4))
    assert await scene.arrange() == first
    with pytest.raises(errors.KeyReused):
        await scene.arrange(amount=30_001)
    async with scene.platform.database.transaction(readonly=True) as connection:
        assert len(await standing.orders_of(connection, scene.payer.person_id)) == 1


async def test_no_account_number_is_stored_with_the_order(scene: Scene) -> None:
    order = await scene.arrange()
    async with scene.platform.database.transaction(readonly=True) as connection:
        rows = await connection.fetch(
            """select o::text || t::text from standing_orders o
                 join ledger_transactions t on t.transaction_id = o.order_id"""
        )
    (text,) = (row[0] for row in rows)
    assert order.payee_tail is not None
    assert order.payee_tail in text
    assert scene.payee.number not in text
    assert scene.payer.number not in text
    assert scene.payee.name not in text


@pytest.mark.parametrize(
    ("change", "error", "field"),
    [
        ({"assurance": 1}, errors.StrongerCheckNeeded, "assurance"),
        ({"assurance": 4}, InvalidInput, "assurance"),
        ({"amount": 5_000_001}, errors.StrongerCheckNeeded, "assurance"),
        ({"amount": 100_000_001, "assurance": 3}, errors.LimitExceeded, "amount"),
        ({"amount": 0}, InvalidInput, "amount"),
        ({"payee_name": "别人"}, errors.NameDiffers, "to.name"),
        ({"payee": "6299010000000000000"}, errors.NoSuchAccount, "to.account"),
        ({"account_id": 7}, errors.NoSuchAccount, "from.account"),
        ({"memo": "长" * 61}, InvalidInput, "memo"),
        ({"kind": "contribution"}, InvalidInput, "target"),
        (
            {"schedule": Schedule(every="month", day=32, starts_on=date(2026, 3, 1))},
            InvalidInput,
            "schedule.day",
        ),
        (
            {"schedule": Schedule(every="month", day=0, starts_on=date(2026, 3, 1))},
            InvalidInput,
            "schedule.day",
        ),
        (
            {"schedule": Schedule(every="week", starts_on=date(2026, 3, 1))},
            InvalidInput,
            "schedule.day",
        ),
        (
            {"schedule": Schedule(every="once", day=1, starts_on=date(2026, 3, 1))},
            InvalidInput,
            "schedule.day",
        ),
        (
            {"schedule": Schedule(every="once", starts_on=date(2026, 2, 28))},
            InvalidInput,
            "schedule.starts_on",
        ),
        (
            {"schedule": Schedule(every="once", starts_on=date(9999, 12, 31))},
            InvalidInput,
            "schedule.starts_on",
        ),
        (
            {
                "schedule": Schedule(
                    every="month", day=5, starts_on=date(2026, 3, 6), ends_on=date(2026, 4, 4)
                )
            },
            InvalidInput,
            "schedule.ends_on",
        ),
    ],
)
async def test_what_cannot_be_arranged_is_named(
    scene: Scene, change: dict[str, Any], error: type[YikatongError], field: str
) -> None:
    with pytest.raises(error) as raised:
        await scene.arrange(**change)
    assert raised.value.field == field
    async with scene.platform.database.transaction(readonly=True) as connection:
        assert await standing.orders_of(connection, scene.payer.person_id) == []


async def test_nothing_is_arranged_to_the_same_account_or_from_a_frozen_one(scene: Scene) -> None:
    with pytest.raises(InvalidInput) as raised:
        await scene.arrange(payee=scene.payer.number, payee_name=scene.payer.name)
    assert raised.value.field == "to.account"
    await bank.freeze(scene.platform, *scene.payer.key, "loss_report", CLERK, "freeze")
    with pytest.raises(errors.AccountFrozen):
        await scene.arrange()


async def test_missing_money_is_tried_on_three_days_and_then_skipped(scene: Scene) -> None:
    order = await scene.arrange(amount=100_001)
    assert await scene.run(date(2026, 3, 5)) == Ran(retrying=1)
    assert await scene.run(date(2026, 3, 5)) == Ran()
    assert await scene.run(date(2026, 3, 6)) == Ran(retrying=1)
    assert await scene.told(order) == [(date(2026, 3, 5), "retrying", 2, "insufficient_funds")]
    assert await scene.run(date(2026, 3, 7)) == Ran(skipped=1)
    (run,) = await scene.runs(order)
    assert (run.outcome, run.tries, run.transaction_id) == ("skipped", 3, None)
    assert run.reason_zh is not None
    assert "1000.00" in run.reason_zh
    assert run.reason_en is not None
    assert "1000.00" in run.reason_en
    assert (await scene.order(order)).next_due == date(2026, 4, 5)
    assert await scene.balance(scene.payer) == 100_000


async def test_money_that_arrives_meanwhile_pays_the_retry(scene: Scene) -> None:
    order = await scene.arrange(amount=100_001)
    await scene.run(date(2026, 3, 5))
    await scene.teller.carry_out(
        Deposit(key="d", actor=CLERK, account=scene.payer.number, amount=1)
    )
    assert await scene.run(date(2026, 3, 6)) == Ran(paid=1)
    assert await scene.told(order) == [(date(2026, 3, 5), "paid", 2, None)]
    assert (await scene.order(order)).next_due == date(2026, 4, 5)


async def test_a_frozen_account_skips_the_month_and_goes_on_afterwards(scene: Scene) -> None:
    order = await scene.arrange()
    await bank.freeze(scene.platform, *scene.payer.key, "loss_report", CLERK, "freeze")
    assert await scene.run(date(2026, 3, 5)) == Ran(skipped=1)
    await bank.freeze(scene.platform, *scene.payer.key, "loss_report", CLERK, "lift", lift=True)
    assert await scene.run(date(2026, 3, 6)) == Ran()
    assert await scene.run(date(2026, 4, 5)) == Ran(paid=1)
    assert await scene.told(order) == [
        (date(2026, 3, 5), "skipped", 1, "account_frozen"),
        (date(2026, 4, 5), "paid", 1, None),
    ]


async def test_death_ends_the_order(scene: Scene) -> None:
    order = await scene.arrange()
    await bank.freeze(scene.platform, *scene.payer.key, "death", CLERK, "freeze")
    assert await scene.run(date(2026, 3, 5)) == Ran(skipped=1)
    assert (await scene.order(order)).state == "ended"


async def test_a_frozen_payee_still_receives(scene: Scene) -> None:
    await scene.arrange()
    await bank.freeze(scene.platform, *scene.payee.key, "loss_report", CLERK, "freeze")
    assert await scene.run(date(2026, 3, 5)) == Ran(paid=1)


async def test_it_does_not_go_around_the_limits_of_the_account(scene: Scene) -> None:
    platform = scene.platform
    account, number = await bank.open_account(
        platform, scene.payer.person_id, "ICBC", CLERK, account_class=3
    )
    for key in ("1", "2"):
        await scene.teller.carry_out(Deposit(key=key, actor=CLERK, account=number, amount=100_000))
    with pytest.raises(errors.LimitExceeded):
        await scene.arrange(account_id=account.account_id, amount=200_001, assurance=3)
    order = await scene.arrange(account_id=account.account_id, amount=150_000)
    scene.clock.go_to(date(2026, 3, 5))
    await scene.teller.carry_out(
        Withdrawal(key="w", actor=CLERK, account=number, amount=50_001, assurance=2)
    )
    await scene.teller.carry_out(Deposit(key="3", actor=CLERK, account=number, amount=50_001))
    assert await scene.run(date(2026, 3, 5)) == Ran(skipped=1)
    assert await scene.told(order) == [(date(2026, 3, 5), "skipped", 1, "limit_exceeded")]


async def test_payments_carry_the_level_of_the_arrangement(scene: Scene) -> None:
    await scene.teller.carry_out(
        Deposit(key="big", actor=CLERK, account=scene.payer.number, amount=20_000_000)
    )
    weak = await scene.arrange("weak", amount=5_000_000)
    strong = await scene.arrange("strong", amount=5_000_001, assurance=3)
    assert (weak.level, strong.level) == (2, 3)
    # The sum of the day is above what level 2 may pay, whichever comes first.
    await scene.teller.carry_out(
        Withdrawal(key="w", actor=CLERK, account=scene.payer.number, amount=1, assurance=2)
    )
    scene.clock.go_to(date(2026, 3, 5))
    await scene.teller.carry_out(
        Withdrawal(key="w2", actor=CLERK, account=scene.payer.number, amount=1, assurance=2)
    )
    assert await scene.run(date(2026, 3, 5)) == Ran(paid=1, skipped=1)
    assert await scene.told(weak) == [(date(2026, 3, 5), "skipped", 1, "stronger_check_needed")]
    assert [one[1] for one in await scene.told(strong)] == ["paid"]


async def test_a_crash_behind_the_payment_never_pays_twice(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await scene.arrange()

    async def killed(*_: object) -> None:
        raise ConnectionResetError

    with monkeypatch.context() as patched:
        patched.setattr("yikatong.money.bank.standing_run._record", killed)
        with pytest.raises(ConnectionResetError):
            await scene.run(date(2026, 3, 5))
    assert await scene.balance(scene.payer) == 70_000
    assert await scene.told(order) == []
    assert await scene.run(date(2026, 3, 5)) == Ran(paid=1)
    assert await scene.balance(scene.payer) == 70_000
    (run,) = await scene.runs(order)
    assert (run.outcome, run.amount) == ("paid", 30_000)


async def test_what_was_paid_before_a_crash_is_not_called_missed_a_month_later(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = await scene.arrange()

    async def killed(*_: object) -> None:
        raise ConnectionResetError

    with monkeypatch.context() as patched:
        patched.setattr("yikatong.money.bank.standing_run._record", killed)
        with pytest.raises(ConnectionResetError):
            await scene.run(date(2026, 3, 5))
    assert await scene.run(date(2026, 4, 6)) == Ran(paid=2)
    assert [one[:2] for one in await scene.told(order)] == [
        (date(2026, 3, 5), "paid"),
        (date(2026, 4, 5), "paid"),
    ]
    assert await scene.balance(scene.payer) == 40_000


async def test_a_refusal_is_not_recorded_over_a_pause_of_the_same_moment(scene: Scene) -> None:
    order = await scene.arrange()

    class Meanwhile(Teller):
        async def carry_out(self, order: Order) -> Transaction:
            await scene.set_state(placed, "paused", "p")
            raise errors.InsufficientFunds(0)

    placed = order
    scene.clock.go_to(date(2026, 3, 5))
    await run_due(scene.platform, Meanwhile(scene.platform))
    assert await scene.told(order) == []
    assert (await scene.order(order)).state == "paused"


async def test_what_went_out_today_does_not_count_against_an_arrangement(scene: Scene) -> None:
    await scene.teller.carry_out(
        Deposit(key="big", actor=CLERK, account=scene.payer.number, amount=3_000_000)
    )
    await scene.teller.carry_out(
        Withdrawal(key="w", actor=CLERK, account=scene.payer.number, amount=3_000_000, assurance=2)
    )
    assert (await scene.arrange(amount=3_000_000)).level == 2


@pytest.mark.parametrize("command", ["amount", "schedule", "pause", "end"])
async def test_a_change_behind_such_a_crash_keeps_the_payment_in_the_history(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    order = await scene.arrange()

    async def killed(*_: object) -> None:
        raise ConnectionResetError

    with monkeypatch.context() as patched:
        patched.setattr("yikatong.money.bank.standing_run._record", killed)
        with pytest.raises(ConnectionResetError):
            await scene.run(date(2026, 3, 5))
    match command:
        case "amount":
            await scene.change(order, "c", amount=10_000)
        case "schedule":
            later = Schedule(every="month", day=5, starts_on=date(2026, 3, 2))
            changed = await scene.change(order, "c", schedule=later)
            assert changed.next_due == date(2026, 4, 5)
        case "pause":
            await scene.set_state(order, "paused", "c")
        case _:
            await scene.set_state(order, "ended", "c")
    assert await scene.run(date(2026, 3, 5)) == Ran()
    assert await scene.told(order) == [(date(2026, 3, 5), "paid", 1, None)]
    assert await scene.balance(scene.payer) == 70_000


async def test_two_runs_at_once_pay_once(scene: Scene) -> None:
    orders = [await scene.arrange(f"s-{number}", amount=10_000) for number in range(5)]
    scene.clock.go_to(date(2026, 3, 5))
    desks = [Teller(scene.platform) for _ in range(3)]
    await asyncio.gather(*(run_due(scene.platform, desk) for desk in desks))
    assert await scene.balance(scene.payer) == 50_000
    for order in orders:
        assert [one[:2] for one in await scene.told(order)] == [(date(2026, 3, 5), "paid")]
        assert (await scene.order(order)).next_due == date(2026, 4, 5)


async def test_a_limit_leaves_the_rest_to_the_next_run(scene: Scene) -> None:
    for number in range(3):
        await scene.arrange(f"s-{number}", amount=10_000)
    assert await scene.run(date(2026, 3, 5), limit=2) == Ran(paid=2)
    assert await scene.run(date(2026, 3, 5), limit=2) == Ran(paid=1)


async def test_months_that_were_missed_are_not_paid_all_at_once(scene: Scene) -> None:
    order = await scene.arrange()
    assert await scene.run(date(2026, 5, 20)) == Ran(paid=1, skipped=2)
    assert await scene.told(order) == [
        (date(2026, 3, 5), "skipped", 1, "missed"),
        (date(2026, 4, 5), "skipped", 1, "missed"),
        (date(2026, 5, 5), "paid", 1, None),
    ]
    assert (await scene.order(order)).next_due == date(2026, 6, 5)


async def test_what_does_not_answer_is_tried_again_in_the_same_period(scene: Scene) -> None:
    class Overloaded(Teller):
        async def carry_out(self, order: Order) -> Transaction:
            raise Busy(zh="忙", en="busy")

    order = await scene.arrange()
    scene.clock.go_to(date(2026, 3, 5))
    assert await run_due(scene.platform, Overloaded(scene.platform)) == Ran(left=1)
    assert await scene.told(order) == []
    assert await scene.run(date(2026, 3, 5)) == Ran(paid=1)


async def test_a_fault_in_one_payment_holds_up_nobody_else(scene: Scene) -> None:
    class Faulty(Teller):
        async def carry_out(self, order: Order) -> Transaction:
            if isinstance(order, Transfer) and order.memo == "bad":
                raise ZeroDivisionError
            return await super().carry_out(order)

    await scene.arrange("bad", amount=1, memo="bad")
    good = await scene.arrange("good", amount=2)
    scene.clock.go_to(date(2026, 3, 5))
    with pytest.raises(ZeroDivisionError):
        await run_due(scene.platform, Faulty(scene.platform))
    assert [one[1] for one in await scene.told(good)] == ["paid"]
    assert await scene.balance(scene.payer) == 99_998


async def test_a_paused_order_makes_up_for_nothing(scene: Scene) -> None:
    order = await scene.arrange()
    paused = await scene.set_state(order, "paused", "p")
    assert (paused.state, paused.next_due) == ("paused", None)
    assert await scene.run(date(2026, 3, 5)) == Ran()
    scene.clock.go_to(date(2026, 3, 10))
    again = await scene.set_state(order, "active", "r")
    assert (again.state, again.next_due) == ("active", date(2026, 4, 5))
    assert await scene.set_state(order, "active", "r") == again
    assert await scene.run(date(2026, 4, 5)) == Ran(paid=1)
    # Paused and taken up on the due date itself it does not pay a second time.
    await scene.set_state(order, "paused", "p2")
    resumed = await scene.set_state(order, "active", "r2")
    assert resumed.next_due == date(2026, 5, 5)


async def test_an_ended_order_stays_ended(scene: Scene) -> None:
    order = await scene.arrange()
    await scene.set_state(order, "ended", "e")
    with pytest.raises(OrderEnded):
        await scene.set_state(order, "active", "r")
    with pytest.raises(OrderEnded):
        await scene.change(order, "c", amount=1)
    assert await scene.run(date(2026, 3, 5)) == Ran()


async def test_a_pause_drops_the_retry_and_says_so(scene: Scene) -> None:
    order = await scene.arrange(amount=100_001)
    await scene.run(date(2026, 3, 5))
    await scene.set_state(order, "paused", "p")
    again = await scene.set_state(order, "active", "r")
    assert (again.next_due, again.tries) == (date(2026, 4, 5), 0)
    assert await scene.told(order) == [(date(2026, 3, 5), "skipped", 1, "paused")]


async def test_a_change_counts_from_the_next_payment(scene: Scene) -> None:
    order = await scene.arrange()
    changed = await scene.change(order, "c1", amount=100, memo="零花钱")
    assert (changed.amount, changed.memo, changed.next_due) == (100, "零花钱", order.next_due)
    weekly = Schedule(every="week", day=1, starts_on=date(2026, 3, 1))
    changed = await scene.change(order, "c2", schedule=weekly)
    assert changed.next_due == date(2026, 3, 2)
    assert await scene.change(order, "c2", schedule=weekly) == changed
    with pytest.raises(errors.KeyReused):
        await scene.change(order, "c2", schedule=ON_THE_FIFTH)
    assert await scene.run(date(2026, 3, 2)) == Ran(paid=1)
    assert await scene.balance(scene.payee) == 100_100


async def test_a_higher_amount_is_checked_as_if_arranged_anew(scene: Scene) -> None:
    order = await scene.arrange()
    with pytest.raises(errors.StrongerCheckNeeded):
        await scene.change(order, "c1", memo="x", assurance=1)
    with pytest.raises(errors.StrongerCheckNeeded):
        await scene.change(order, "c2", amount=5_000_001)
    assert await scene.order(order) == order
    changed = await scene.change(order, "c3", amount=5_000_001, assurance=3)
    assert changed.level == 3


async def test_orders_of_others_are_not_there(scene: Scene) -> None:
    order = await scene.arrange()
    other = scene.payee.person_id
    with pytest.raises(NoSuchOrder):
        await standing.set_state(scene.platform, other, order.order_id, "ended", CLERK, "k")
    async with scene.platform.database.transaction(readonly=True) as connection:
        with pytest.raises(NoSuchOrder):
            await standing.history(connection, other, order.order_id)


async def test_contributions_are_paid_by_the_room_that_knows_them(scene: Scene) -> None:
    order = await scene.arrange(
        kind="contribution", target="390/2026", payee="", payee_name="", amount=40_000
    )
    nothing = await scene.arrange(
        "s-2", kind="contribution", target="nothing", payee="", payee_name=""
    )
    assert await scene.run(date(2026, 3, 5)) == Ran()
    seen: list[str] = []

    async def pay(order: StandingOrder, key: str) -> Transaction | None:
        seen.append(key)
        if order.target == "nothing":
            return None
        return await scene.teller.carry_out(
            Withdrawal(
                key=key,
                actor=CLERK,
                account=(order.person_id, order.account_id),
                amount=38_000,
                assurance=order.level,
            )
        )

    payments = {"contribution": pay}
    ran = await scene.run(date(2026, 3, 5), payments=payments)
    assert ran == Ran(paid=1, skipped=1)
    assert await scene.run(date(2026, 3, 5), payments=payments) == Ran()
    assert seen == [f"standing:{one.order_id}:2026-03-05" for one in (order, nothing)]
    (run,) = await scene.runs(order)
    assert (run.outcome, run.amount) == ("paid", 38_000)
    assert [one[1:] for one in await scene.told(nothing)] == [("skipped", 1, "nothing_due")]
