"""Wealth products: who may buy, interest to the fen, redemption, and the proof of the ledger."""

import asyncio
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.money.conftest import CLERK, Customer
from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import InvalidInput, NotFound, YikatongError
from yikatong.core.platform import Platform
from yikatong.core.together import Conflict
from yikatong.money import errors
from yikatong.money.bank import banks
from yikatong.money.bank import service as bank
from yikatong.money.bank.orders import Deposit, Withdrawal
from yikatong.money.bank.teller import Teller
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.book import Command
from yikatong.money.ledger.model import Transaction
from yikatong.money.ledger.verification import verify
from yikatong.money.wealth import interest, products, rules, service, store
from yikatong.money.wealth.model import (
    Holding,
    HoldingClosed,
    NoSuchHolding,
    NoSuchProduct,
    NotNow,
    NotOnSale,
    NotSuitable,
)

OPEN, FIXED, RISKY = "ICBC-TTL", "ICBC-WY90", "ICBC-JX365"
BOLD, MIDDLING, CAUTIOUS = [5, 5, 5, 5, 5], [2, 2, 2, 2, 2], [5, 5, 5, 5, 1]


class Now:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 1, 9, 0, tzinfo=SHANGHAI)

    def now(self) -> datetime:
        return self.at

    def go_to(self, day: date, hour: int = 9) -> None:
        self.at = datetime(day.year, day.month, day.day, hour, 0, tzinfo=SHANGHAI)


class Scene:
    """A platform in time; adults of forty with 1 000 000 yuan each at ICBC, rated C5."""

    def __init__(self, platform: Platform, clock: Now, customers: list[Customer]) -> None:
        self.platform = platform
        self.clock = clock
        self.teller = Teller(platform)
        self.customers = customers
        self.buyer = customers[0]

    async def born(self, customer: Customer, day: date) -> None:
        async with self.platform.database.transaction() as connection:
            await connection.execute(
                """update persons set birth_date = $2, died_on = null, under_guardianship = false
                    where person_id = $1""",
                customer.person_id,
                day,
            )

    async def rate(self, answers: list[int], key: str, customer: Customer | None = None) -> Any:
        person_id = (customer or self.buyer).person_id
        return await service.rate(self.platform, person_id, answers, CLERK, key)

    async def buy(
        self,
        product: str,
        amount: int,
        key: str = "b",
        customer: Customer | None = None,
        **facts: Any,
    ) -> Transaction:
        facts = {"assurance": 3, "account": (customer or self.buyer).account.account_id, **facts}
        return await service.buy(
            self.platform,
            (customer or self.buyer).person_id,
            facts["account"],
            product,
            amount,
            CLERK,
            key,
            assurance=facts["assurance"],
        )

    async def redeem(
        self, bought: Transaction, amount: int | None, key: str, **facts: Any
    ) -> Transaction:
        return await service.redeem(
            self.platform, bought.person_id, bought.transaction_id, amount, CLERK, key, **facts
        )

    async def holding(self, bought: Transaction) -> Holding:
        async with self.platform.database.transaction(readonly=True) as connection:
            return await service.holding(connection, bought.person_id, bought.transaction_id)

    async def balance(self, customer: Customer | None = None) -> int:
        async with self.platform.database.transaction(readonly=True) as connection:
            return (await ledger.account(connection, *(customer or self.buyer).key)).balance

    async def shared(self, purpose: str) -> int:
        async with self.platform.database.transaction(readonly=True) as connection:
            return next(
                (
                    balance
                    for one, balance, _ in await ledger.shared_balances(connection)
                    if (one.kind, one.owner, one.purpose) == ("bank", "ICBC", purpose)
                ),
                0,
            )

    async def postings(self, kind: str) -> list[tuple[str, list[int]]]:
        async with self.platform.database.transaction(readonly=True) as connection:
            rows = await connection.fetch(
                "select key, amounts from ledger_transactions where kind = $1 order by key", kind
            )
        return [(row[0], row[1]) for row in rows]

    async def close_account(self, customer: Customer, keep: str) -> None:
        """Empty an account and close it, as a bank does."""
        account_balance = await self.balance(customer)
        if account_balance:
            await self.teller.carry_out(
                Withdrawal(
                    key=keep,
                    actor=CLERK,
                    account=customer.number,
                    amount=account_balance,
                    assurance=3,
                )
            )

        async def work(connection: Any) -> None:
            mine = Command(customer.person_id, f"close-{keep}", b"", "close", CLERK)
            book = await ledger.open_book(self.platform, connection, accounts=[customer.key])
            book.close(mine, book.account(customer.key))
            await ledger.write(connection, book)

        await ledger.carry_out(self.platform, work)

    async def apart(self) -> list[tuple[str, str, str]]:
        async with self.platform.database.transaction(readonly=True) as connection:
            return await service.check_holdings(connection)


@pytest.fixture
async def scene(platform: Platform, customers: list[Customer]) -> Any:
    clock = Now()
    scene = Scene(msgspec.structs.replace(platform, clock=clock), clock, customers)
    for customer in customers:
        await scene.born(customer, date(1986, 1, 1))
        await scene.rate(BOLD, "bold", customer)
        await scene.teller.carry_out(
            Deposit(key="rich", actor=CLERK, account=customer.number, amount=99_900_000)
        )
    yield scene
    found = await verify(platform)
    assert found.differences == []
    assert found.proved
    assert await scene.apart() == []


# The rules, without a platform


@given(st.integers(0, 10**12), st.integers(0, 200_000), st.integers(0, 20_000))
def test_interest_is_the_exact_value_rounded_once(principal: int, rate: int, days: int) -> None:
    exact = Fraction(principal * rate * days, 365 * 1_000_000)
    assert abs(rules.interest(principal, rate, days) - exact) <= Fraction(1, 2)


def test_interest_of_known_sums() -> None:
    assert rules.interest(1_000_000, 23_500, 90) == 5795  # 10 000 × 2.35 % × 90 / 365 = 57.945…
    assert rules.interest(1_000_000, 36_500, 365) == 36_500
    assert rules.interest(50, 10_000, 365) == 1  # half a fen goes up
    assert rules.interest(49, 10_000, 365) == 0


def held(principal: int, rate: int, **facts: Any) -> Holding:
    start = date(2026, 3, 1)
    at = datetime(2026, 3, 1, tzinfo=SHANGHAI)
    terms: dict[str, Any] = {
        "person_id": 1,
        "holding_id": 2,
        "account_id": 3,
        "bank": "ICBC",
        "product": OPEN,
        "kind": "open_ended",
        "risk": "R1",
        "rate": rate,
        "bought": principal,
        "principal": principal,
        "accrued": 0,
        "interest_paid": 0,
        "bought_at": at,
        "cooling_until": at,
        "starts_on": start,
        "matures_on": None,
        "accrued_through": start,
        "state": "open",
        "closed_at": None,
        "unpaid": None,
        "version": 1,
        **facts,
    }
    return Holding(**terms)


@given(
    st.integers(1, 10**9),
    st.integers(0, 100_000),
    st.lists(st.tuples(st.integers(0, 60), st.one_of(st.none(), st.fractions(0, 1))), max_size=20),
)
def test_parts_sum_to_the_whole_whatever_is_redeemed_when(
    principal: int, rate: int, steps: list[tuple[int, Fraction | None]]
) -> None:
    one: Holding = held(principal, rate)
    day, posted, paid, principal_paid = one.starts_on, 0, 0, 0
    for ahead, share in [*steps, (0, Fraction(1))]:
        day += timedelta(days=ahead)
        accrued, through = rules.accrued_at(one, day)
        assert accrued >= one.accrued
        posted += accrued - one.accrued
        one = msgspec.structs.replace(one, accrued=accrued, accrued_through=through)
        part = 0 if share is None else int(share * one.principal)
        if not part:
            continue
        out = rules.interest_of_part(one, part)
        days = (day - one.starts_on).days
        assert out >= 0
        assert abs(out - Fraction(part * rate * days, 365_000_000)) <= 1  # pro rata, to the fen
        paid, principal_paid = paid + out, principal_paid + part
        one = msgspec.structs.replace(
            one, principal=one.principal - part, accrued=one.accrued - out
        )
        # What is left bears what it would have borne alone from the start.
        assert one.accrued == rules.interest(one.principal, rate, days)
    assert (one.principal, one.accrued) == (0, 0)
    assert (principal_paid, paid) == (principal, posted)


@given(
    st.integers(1, 10**9),
    st.integers(0, 100_000),
    st.lists(st.integers(0, 40), max_size=20),
    st.one_of(st.none(), st.integers(1, 400)),
)
def test_brought_up_in_steps_or_at_once_it_is_the_same(
    principal: int, rate: int, steps: list[int], term: int | None
) -> None:
    matures_on = None if term is None else date(2026, 3, 1) + timedelta(days=term)
    one = held(principal, rate, matures_on=matures_on)
    day = one.starts_on
    for ahead in steps:
        day += timedelta(days=ahead)
        accrued, through = rules.accrued_at(one, day)
        one = msgspec.structs.replace(one, accrued=accrued, accrued_through=through)
        # Never back in time.
        assert rules.accrued_at(one, day - timedelta(days=1)) == (accrued, through)
    days = sum(steps) if term is None else min(sum(steps), term)
    assert one.accrued == rules.interest(principal, rate, days)


@pytest.mark.parametrize(
    ("answers", "score", "rating"),
    [
        ([1, 1, 1, 1, 2], 6, "C1"),
        ([1, 1, 2, 2, 2], 8, "C1"),
        ([1, 2, 2, 2, 2], 9, "C2"),
        ([3, 2, 2, 2, 3], 12, "C2"),
        ([3, 3, 2, 2, 3], 13, "C3"),
        ([3, 4, 3, 3, 4], 17, "C3"),
        ([4, 4, 3, 3, 4], 18, "C4"),
        ([4, 4, 4, 4, 5], 21, "C4"),
        ([4, 4, 5, 4, 5], 22, "C5"),
        (BOLD, 25, "C5"),
        # Nobody who can bear no loss is sold one, however bold the other answers are.
        (CAUTIOUS, 21, "C1"),
    ],
)
def test_answers_are_rated(answers: list[int], score: int, rating: str) -> None:
    assert rules.rate_answers(answers, products.catalogue().questions) == (score, rating)


@pytest.mark.parametrize("answers", [[], [3] * 4, [3] * 6, [0, 3, 3, 3, 3], [3, 3, 3, 3, 6]])
def test_wrong_answers_are_refused(answers: list[int]) -> None:
    with pytest.raises(InvalidInput):
        rules.rate_answers(answers, products.catalogue().questions)


def test_a_rating_is_valid_for_a_year() -> None:
    assert rules.valid_until(date(2026, 3, 1)) == date(2027, 2, 28)
    assert rules.valid_until(date(2024, 2, 29)) == date(2025, 2, 28)
    assert rules.valid_until(date(2026, 1, 1)) == date(2026, 12, 31)


def test_the_shipped_products_are_complete() -> None:
    catalogue = products.catalogue()
    assert 8 <= len(catalogue.products) <= 10
    assert {one.bank for one in catalogue.products.values()} == set(banks.banks())
    assert {one.risk for one in catalogue.products.values()} == set(catalogue.risks)
    for one in catalogue.products.values():
        assert one.code.startswith(f"{one.bank}-")
        assert 0 < one.rate < 100_000
        for text in (one.name, one.description):
            assert text.zh
            assert text.en
            assert text.zh != text.en
    by_risk = sorted(catalogue.products.values(), key=lambda one: one.risk)
    assert by_risk[0].rate < by_risk[-1].rate


@pytest.mark.parametrize(
    ("line", "becomes", "named"),
    [
        ("risk: R4", "risk: R6", "ICBC-JX365: risk"),
        ("bank: PSBC", "bank: NOBANK", "PSBC-YL180.bank"),
        ('step: "0.01"', 'step: "0.00"', "ICBC-TTL: step"),
        ('minimum: "50000.00"', 'minimum: "55000.00"', "ICBC-JX365: minimum"),
        ("term_days: 720", "term_days: 0", "CCB-QY720: term_days"),
        ("code: ABC-SSF", "code: ICBC-TTL", "ICBC-TTL: stands there twice"),
        ('annual_rate: "6.20"', 'annual_rate: "6,20"', "CCB-QY720.annual_rate"),
        ("field: loss", "field: loss\n    other: [", "parsing"),
    ],
)
def test_a_mistake_in_the_file_is_named(line: str, becomes: str, named: str) -> None:
    from importlib import resources

    text = (resources.files("yikatong.data") / "wealth_products.yaml").read_text(encoding="utf-8")
    assert line in text
    with pytest.raises(Exception, match=named):
        products.read(text.replace(line, becomes, 1))


# Rating


async def test_a_rating_is_kept_and_answered_again(scene: Scene) -> None:
    first = await scene.rate(MIDDLING, "r")
    assert (first.score, first.rating, first.valid_until) == (10, "C2", date(2027, 2, 28))
    assert await scene.rate(MIDDLING, "r") == first
    with pytest.raises(errors.KeyReused):
        await scene.rate(BOLD, "r")
    one, other = await asyncio.gather(scene.rate(BOLD, "r2"), scene.rate(BOLD, "r2"))
    assert one == other
    async with scene.platform.database.transaction(readonly=True) as connection:
        assert await service.rating_of(connection, scene.buyer.person_id) == one
    with pytest.raises(NotFound):
        await service.rate(scene.platform, 1, BOLD, CLERK, "r")


# Buying


async def test_buying_moves_the_money_once(scene: Scene) -> None:
    bought = await scene.buy(FIXED, 1_000_000)
    assert await scene.buy(FIXED, 1_000_000) == bought
    with pytest.raises(errors.KeyReused):
        await scene.buy(FIXED, 2_000_000)
    assert await scene.balance() == 99_000_000
    assert await scene.shared("wealth") == 1_000_000
    one = await scene.holding(bought)
    assert (one.principal, one.accrued, one.state, one.rate) == (1_000_000, 0, "open", 23_500)
    assert one.cooling_until == datetime(2026, 3, 2, 9, 0, tzinfo=SHANGHAI)
    assert (one.starts_on, one.matures_on) == (date(2026, 3, 2), date(2026, 5, 31))
    async with scene.platform.database.transaction(readonly=True) as connection:
        assert await service.holdings_of(connection, scene.buyer.person_id) == [one]
        assert await service.holdings_of(connection, scene.customers[1].person_id) == []


async def test_buying_at_once_never_spends_the_same_money(scene: Scene) -> None:
    answers = await asyncio.gather(
        *(scene.buy(RISKY, 30_000_000, f"b{number}") for number in range(5)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, Transaction) for one in answers) == 3
    assert sum(isinstance(one, errors.InsufficientFunds) for one in answers) == 2
    assert await scene.balance() == 10_000_000
    assert await scene.shared("wealth") == 90_000_000


@pytest.mark.parametrize(
    ("product", "amount", "facts", "error", "field"),
    [
        (FIXED, 999_999, {}, InvalidInput, "amount"),
        (FIXED, 1_050_000, {}, InvalidInput, "amount"),
        (OPEN, 99, {}, InvalidInput, "amount"),
        (OPEN, 0, {}, InvalidInput, "amount"),
        (OPEN, 100_000_001, {}, errors.InsufficientFunds, "amount"),
        (OPEN, 100, {"assurance": 1}, errors.StrongerCheckNeeded, "assurance"),
        (OPEN, 5_000_001, {"assurance": 2}, errors.StrongerCheckNeeded, "assurance"),
        (OPEN, 100, {"assurance": 9}, InvalidInput, "assurance"),
        (OPEN, 100, {"account": 5}, errors.NoSuchAccount, "account"),
        ("ABC-SSF", 10_000, {}, NotOnSale, "account"),
        ("BOCOM-WX60", 100_000, {}, NotOnSale, "product"),
        ("X", 100, {}, NoSuchProduct, "product"),
    ],
)
async def test_what_cannot_be_bought_is_named_and_changes_nothing(
    scene: Scene,
    product: str,
    amount: int,
    facts: dict[str, Any],
    error: type[YikatongError],
    field: str,
) -> None:
    with pytest.raises(error) as raised:
        await scene.buy(product, amount, **facts)
    assert raised.value.field == field
    assert await scene.balance() == 100_000_000
    assert await scene.shared("wealth") == 0


@pytest.mark.parametrize(
    ("born", "product", "sold"),
    [
        (date(2008, 3, 2), OPEN, False),  # eighteen tomorrow
        (date(2008, 3, 1), OPEN, True),
        (date(1961, 3, 2), RISKY, True),  # sixty-five tomorrow
        (date(1961, 3, 1), RISKY, False),
        (date(1961, 3, 1), FIXED, True),
    ],
)
async def test_age_decides(scene: Scene, born: date, product: str, sold: bool) -> None:
    await scene.born(scene.buyer, born)
    amount = products.product(product).minimum
    if sold:
        await scene.buy(product, amount)
    else:
        with pytest.raises(NotSuitable):
            await scene.buy(product, amount)
    assert await scene.shared("wealth") == (amount if sold else 0)


async def test_the_rating_decides(scene: Scene) -> None:
    await scene.rate(MIDDLING, "middling")
    await scene.buy(FIXED, 1_000_000)
    with pytest.raises(NotSuitable) as raised:
        await scene.buy(RISKY, 5_000_000, "b2")
    assert "C2" in raised.value.text.en
    await scene.rate(CAUTIOUS, "cautious")
    with pytest.raises(NotSuitable):
        await scene.buy(FIXED, 1_000_000, "b3")
    await scene.buy(OPEN, 100, "b4")


async def test_a_rating_runs_out(scene: Scene) -> None:
    scene.clock.go_to(date(2027, 2, 28))
    await scene.buy(OPEN, 100, "b1")
    scene.clock.go_to(date(2027, 3, 1))
    with pytest.raises(NotSuitable) as raised:
        await scene.buy(OPEN, 100, "b2")
    assert raised.value.field == "rating"
    # Asked again, what was done then is still answered.
    assert (await scene.buy(OPEN, 100, "b1")).kind == "wealth_buy"


async def test_nothing_is_sold_to_the_dead_or_under_guardianship(scene: Scene) -> None:
    for change in ("under_guardianship = true", "died_on = '2026-02-01'"):
        await scene.born(scene.buyer, date(1986, 1, 1))
        async with scene.platform.database.transaction() as connection:
            await connection.execute(
                f"update persons set {change} where person_id = $1", scene.buyer.person_id
            )
        with pytest.raises(NotSuitable):
            await scene.buy(OPEN, 100)


@pytest.mark.parametrize("reason", ["loss_report", "court", "death"])
async def test_nothing_is_bought_from_a_frozen_account(scene: Scene, reason: Any) -> None:
    await bank.freeze(scene.platform, *scene.buyer.key, reason, CLERK, "f", document="1号")
    with pytest.raises(errors.AccountFrozen):
        await scene.buy(OPEN, 100)


async def test_class_three_accounts_buy_nothing_and_class_two_without_limit(scene: Scene) -> None:
    for account_class, amount in ((3, 10_000), (2, 3_000_000)):
        account, number = await bank.open_account(
            scene.platform, scene.buyer.person_id, "ICBC", CLERK, account_class=account_class
        )
        await scene.teller.carry_out(
            Deposit(key=f"d{account_class}", actor=CLERK, account=number, amount=amount)
        )
        if account_class == 3:
            with pytest.raises(NotOnSale):
                await scene.buy(OPEN, amount, "b3", account=account.account_id)
        else:
            await scene.buy(OPEN, amount, "b2", account=account.account_id)
    assert await scene.shared("wealth") == 3_000_000


# Cooling off


async def test_within_the_cooling_off_period_everything_is_given_back(scene: Scene) -> None:
    bought = await scene.buy(FIXED, 1_000_000)
    scene.clock.go_to(date(2026, 3, 2), hour=8)
    assert await interest.accrue_due(scene.platform, date(2026, 3, 2)) == 0
    with pytest.raises(NotNow):
        await scene.redeem(bought, None, "r")
    back = await service.cancel(scene.platform, bought.person_id, bought.transaction_id, CLERK, "c")
    again = await service.cancel(
        scene.platform, bought.person_id, bought.transaction_id, CLERK, "c"
    )
    assert again == back
    assert await scene.balance() == 100_000_000
    one = await scene.holding(bought)
    assert (one.state, one.principal, one.value) == ("cancelled", 0, 0)
    with pytest.raises(HoldingClosed):
        await service.cancel(scene.platform, bought.person_id, bought.transaction_id, CLERK, "c2")
    with pytest.raises(HoldingClosed):
        await scene.redeem(bought, 100, "r2")


async def test_behind_it_nothing_is_cancelled(scene: Scene) -> None:
    bought = await scene.buy(FIXED, 1_000_000)
    scene.clock.go_to(date(2026, 3, 2), hour=9)
    with pytest.raises(NotNow):
        await service.cancel(scene.platform, bought.person_id, bought.transaction_id, CLERK, "c")
    assert await scene.balance() == 99_000_000


async def test_a_lapsed_open_ended_product_is_not_cancelled_but_redeemed(scene: Scene) -> None:
    """Without hours to cool off it runs from the first day."""
    bought = await scene.buy(OPEN, 100)
    with pytest.raises(NotNow):
        await service.cancel(scene.platform, bought.person_id, bought.transaction_id, CLERK, "c")
    await scene.redeem(bought, None, "r")
    assert await scene.balance() == 100_000_000


# Interest


async def test_interest_is_posted_once_per_day_and_adds_up(scene: Scene) -> None:
    bought = await scene.buy(OPEN, 1_234_567)
    for number in range(1, 11):
        day = date(2026, 3, 1) + timedelta(days=number)
        scene.clock.go_to(day)
        assert await interest.accrue_due(scene.platform, day) == 1
        assert await interest.accrue_due(scene.platform, day) == 0
    one = await scene.holding(bought)
    assert one.accrued == rules.interest(1_234_567, 16_500, 10) == 558
    assert await scene.shared("wealth") == 1_234_567 + 558
    assert await scene.shared("interest") == -558
    assert len(await scene.postings("wealth_interest")) == 10
    # A sum of rounded days would be something else.
    assert 10 * rules.interest(1_234_567, 16_500, 1) != 558


async def test_days_that_were_left_out_are_made_up_for(scene: Scene) -> None:
    bought = await scene.buy(OPEN, 1_234_567)
    scene.clock.go_to(date(2026, 3, 11))
    await interest.accrue_due(scene.platform, date(2026, 3, 5))
    assert (await scene.holding(bought)).accrued == rules.interest(1_234_567, 16_500, 4)
    await interest.accrue_due(scene.platform, date(2026, 3, 11))
    assert await interest.accrue_due(scene.platform, date(2026, 3, 5)) == 0
    assert (await scene.holding(bought)).accrued == 558
    assert len(await scene.postings("wealth_interest")) == 2


async def test_no_interest_of_days_to_come(scene: Scene) -> None:
    with pytest.raises(InvalidInput) as raised:
        await interest.accrue_due(scene.platform, date(2026, 3, 2))
    assert raised.value.field == "day"


async def test_interest_goes_on_after_a_kill(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [
        await scene.buy(OPEN, 1_000_000 + number, f"b{number}", customer)
        for number in range(3)
        for customer in scene.customers
    ]
    scene.clock.go_to(date(2026, 3, 31))
    monkeypatch.setattr(interest, "BATCH", 5)
    written = ledger.write
    batches = 0

    async def killed_in_the_second_batch(*facts: Any) -> None:
        nonlocal batches
        batches += 1
        await written(*facts)
        if batches == 2:
            raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(ledger, "write", killed_in_the_second_batch)
        with pytest.raises(asyncio.CancelledError):
            await interest.accrue_due(scene.platform, date(2026, 3, 31))
    assert len(await scene.postings("wealth_interest")) == 5
    assert await scene.apart() == []
    assert await interest.accrue_due(scene.platform, date(2026, 3, 31), limit=6) == 6
    assert await interest.accrue_due(scene.platform, date(2026, 3, 31)) == 1
    for bought in made:
        one = await scene.holding(bought)
        assert one.accrued == rules.interest(one.principal, 16_500, 30)
    assert len(await scene.postings("wealth_interest")) == len(made)


async def test_two_runs_of_interest_at_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(8):
        await scene.buy(OPEN, 1_000_000, f"b{number}", scene.customers[number % 4])
    scene.clock.go_to(date(2026, 3, 31))
    monkeypatch.setattr(interest, "BATCH", 3)
    await asyncio.gather(
        *(interest.accrue_due(scene.platform, date(2026, 3, 31)) for _ in range(3))
    )
    assert len(await scene.postings("wealth_interest")) == 8
    assert await scene.shared("interest") == -8 * rules.interest(1_000_000, 16_500, 30)


async def test_a_holding_changed_by_somebody_else_is_not_written_over(scene: Scene) -> None:
    read = await scene.holding(await scene.buy(OPEN, 1_000_000))
    for fails in (False, True):
        async with scene.platform.database.transaction() as connection:
            if not fails:
                await store.update_holdings(connection, [read])
                continue
            with pytest.raises(Conflict):
                await store.update_holdings(connection, [read])


async def test_a_key_taken_by_somebody_holds_up_that_holding_alone(scene: Scene) -> None:
    first = await scene.buy(OPEN, 1_000_000, "b1")
    second = await scene.buy(OPEN, 1_000_000, "b2")
    key = f"interest:{first.transaction_id}:2026-03-31"
    await scene.teller.carry_out(
        Withdrawal(key=key, actor=CLERK, account=scene.buyer.number, amount=1, assurance=2)
    )
    scene.clock.go_to(date(2026, 3, 31))
    assert await interest.accrue_due(scene.platform, date(2026, 3, 31)) == 1
    assert (await scene.holding(second)).accrued > 0
    scene.clock.go_to(date(2026, 4, 1))
    assert await interest.accrue_due(scene.platform, date(2026, 4, 1)) == 2
    assert (await scene.holding(first)).accrued == rules.interest(1_000_000, 16_500, 31)


# Redemption


async def test_an_open_ended_product_is_redeemed_in_parts(scene: Scene) -> None:
    bought = await scene.buy(OPEN, 1_000_001)
    whole = rules.interest(1_000_001, 16_500, 30)
    scene.clock.go_to(date(2026, 3, 31))
    first = await scene.redeem(bought, 333_333, "r1")
    assert await scene.redeem(bought, 333_333, "r1") == first
    with pytest.raises(errors.KeyReused):
        await scene.redeem(bought, 333_334, "r1")
    one = await scene.holding(bought)
    assert (one.principal, one.state) == (666_668, "open")
    assert one.accrued == rules.interest(666_668, 16_500, 30)
    assert one.interest_paid + one.accrued == whole
    assert await interest.accrue_due(scene.platform, date(2026, 3, 31)) == 0
    with pytest.raises(InvalidInput) as raised:
        await scene.redeem(bought, 666_669, "r2")
    assert raised.value.field == "amount"
    await scene.redeem(bought, 1, "r3")
    last = await scene.redeem(bought, None, "r4")
    assert last.detail["principal"] == "6666.67"
    one = await scene.holding(bought)
    assert (one.state, one.value, one.interest_paid) == ("redeemed", 0, whole)
    assert await scene.balance() == 100_000_000 + whole
    assert await scene.shared("wealth") == 0
    assert await scene.shared("interest") == -whole
    with pytest.raises(HoldingClosed):
        await scene.redeem(bought, None, "r5")
    assert await scene.redeem(bought, None, "r4") == last


async def test_what_is_left_goes_on_from_the_start(scene: Scene) -> None:
    bought = await scene.buy(OPEN, 1_000_000)
    scene.clock.go_to(date(2026, 3, 11))
    await scene.redeem(bought, 400_000, "r1")
    scene.clock.go_to(date(2027, 3, 1))
    await interest.accrue_due(scene.platform, date(2027, 3, 1))
    assert (await scene.holding(bought)).accrued == rules.interest(600_000, 16_500, 365) == 9_900


async def test_redeemed_at_the_same_moment_nothing_goes_out_twice(scene: Scene) -> None:
    bought = await scene.buy(OPEN, 1_000_000)
    scene.clock.go_to(date(2026, 3, 31))
    answers = await asyncio.gather(
        *(scene.redeem(bought, 600_000, f"r{number}") for number in range(3)),
        interest.accrue_due(scene.platform, date(2026, 3, 31)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, Transaction) for one in answers) == 1
    assert sum(isinstance(one, InvalidInput) for one in answers) == 2
    one = await scene.holding(bought)
    assert one.principal == 400_000
    assert await scene.balance() == 99_600_000 + one.interest_paid


async def test_a_fixed_term_is_locked_and_then_paid_by_itself(scene: Scene) -> None:
    bought = await scene.buy(FIXED, 1_000_000)
    scene.clock.go_to(date(2026, 5, 30))
    with pytest.raises(NotNow):
        await scene.redeem(bought, None, "r")
    assert await service.mature_due(scene.platform) == 0
    scene.clock.go_to(date(2026, 6, 10))
    await interest.accrue_due(scene.platform, date(2026, 6, 10))
    # No interest beyond maturity.
    assert (await scene.holding(bought)).accrued == 5795
    with pytest.raises(InvalidInput):
        await scene.redeem(bought, 500_000, "r")
    assert await service.mature_due(scene.platform) == 1
    assert await service.mature_due(scene.platform) == 0
    assert await scene.balance() == 100_005_795
    assert (await scene.holding(bought)).state == "redeemed"


async def test_maturity_brings_the_interest_up_itself(scene: Scene) -> None:
    await scene.buy(FIXED, 1_000_000)
    scene.clock.go_to(date(2026, 5, 31))
    await asyncio.gather(*(service.mature_due(scene.platform) for _ in range(3)))
    assert await scene.balance() == 100_005_795


@pytest.mark.parametrize("reason", ["loss_report", "court", "death"])
async def test_no_freeze_stops_money_from_coming_back(scene: Scene, reason: Any) -> None:
    fixed = await scene.buy(FIXED, 1_000_000, "b1")
    loose = await scene.buy(OPEN, 1_000_000, "b2")
    taken_back = await scene.buy(FIXED, 1_000_000, "b3")
    await bank.freeze(scene.platform, *scene.buyer.key, reason, CLERK, "f", document="1号")
    await service.cancel(scene.platform, fixed.person_id, taken_back.transaction_id, CLERK, "c")
    scene.clock.go_to(date(2026, 5, 31))
    assert await service.mature_due(scene.platform) == 1
    await scene.redeem(loose, None, "r")
    assert (await scene.holding(fixed)).state == "redeemed"
    assert await scene.balance() == 100_005_795 + rules.interest(1_000_000, 16_500, 91)


async def test_a_closed_account_waits_for_another_one(scene: Scene) -> None:
    bought = await scene.buy(FIXED, 1_000_000)
    await scene.close_account(scene.buyer, "w")
    scene.clock.go_to(date(2026, 5, 31))
    assert await service.mature_due(scene.platform) == 0
    one = await scene.holding(bought)
    assert (one.state, one.unpaid) == ("open", "account_closed")
    with pytest.raises(errors.AccountClosed):
        await scene.redeem(bought, None, "r1")
    stranger = scene.customers[1].account.account_id
    with pytest.raises(errors.NoSuchAccount):
        await scene.redeem(bought, None, "r2", account_id=stranger)
    other, _ = await bank.open_account(scene.platform, bought.person_id, "ABC", CLERK)
    done = await scene.redeem(bought, None, "r3", account_id=other.account_id)
    assert done.balance_after(other) == 1_005_795
    one = await scene.holding(bought)
    assert (one.state, one.unpaid) == ("redeemed", None)


async def test_money_goes_back_to_where_it_came_from(scene: Scene) -> None:
    bought = await scene.buy(OPEN, 1_000_000)
    other, _ = await bank.open_account(scene.platform, bought.person_id, "ABC", CLERK)
    with pytest.raises(InvalidInput) as raised:
        await scene.redeem(bought, None, "r", account_id=other.account_id)
    assert raised.value.field == "account"
    assert await scene.balance() == 99_000_000


async def test_holdings_of_others_are_not_there(scene: Scene) -> None:
    bought = await scene.buy(OPEN, 1_000_000)
    with pytest.raises(NoSuchHolding):
        await service.redeem(
            scene.platform, scene.customers[1].person_id, bought.transaction_id, None, CLERK, "r"
        )


async def test_the_heirs_see_what_is_open(scene: Scene) -> None:
    first = await scene.buy(OPEN, 1_000_000, "b1")
    second = await scene.buy(FIXED, 1_000_000, "b2")
    await scene.redeem(first, None, "r")
    await bank.freeze(scene.platform, *scene.buyer.key, "death", CLERK, "f")
    async with scene.platform.database.transaction(readonly=True) as connection:
        estate = await service.holdings_of(connection, scene.buyer.person_id, open_only=True)
        everything = await service.holdings_of(connection, scene.buyer.person_id)
    assert [one.holding_id for one in estate] == [second.transaction_id]
    assert [one.holding_id for one in everything] == [
        second.transaction_id,
        first.transaction_id,
    ]


# The proof


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ("principal = principal - 1", "bank ICBC"),
        ("accrued = accrued + 1", "bank ICBC"),
        ("accrued = accrued + 1", "holding"),
        ("bank = 'ABC'", "bank ABC"),
        ("state = 'redeemed', principal = 0, accrued = 0, closed_at = now()", "bank ICBC"),
    ],
)
async def test_a_tampered_holding_is_found_out(scene: Scene, change: str, where: str) -> None:
    await scene.buy(OPEN, 1_000_000)
    scene.clock.go_to(date(2026, 3, 31))
    await interest.accrue_due(scene.platform, date(2026, 3, 31))
    assert await scene.apart() == []
    async with scene.platform.database.transaction() as connection:
        await connection.execute("create table kept as select * from wealth_holdings")
        await connection.execute(f"update wealth_holdings set {change}")
    apart = await scene.apart()
    assert any(one[0].startswith(where) for one in apart), apart
    assert all(expected != found for _, expected, found in apart)
    async with scene.platform.database.transaction() as connection:
        await connection.execute("truncate wealth_holdings")
        await connection.execute("insert into wealth_holdings select * from kept")
        await connection.execute("drop table kept")
