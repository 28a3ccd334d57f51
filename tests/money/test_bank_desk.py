"""The bank desk: deposits, withdrawals, transfers, and everything that refuses them."""

import asyncio
from typing import Any

import pytest

from tests.money.conftest import CLERK, Customer
from yikatong.core.errors import InvalidInput, YikatongError
from yikatong.core.platform import Platform
from yikatong.money import errors, social
from yikatong.money.bank import service as bank
from yikatong.money.bank.orders import Deposit, Transfer, Withdrawal
from yikatong.money.bank.teller import Teller
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.verification import verify


async def balance(platform: Platform, customer: Customer) -> int:
    async with platform.database.transaction(readonly=True) as connection:
        return (await ledger.account(connection, *customer.key)).balance


def transfer(by: Customer, to: Customer, amount: int, **facts: Any) -> Transfer:
    return Transfer(
        **{
            "key": "t-1",
            "actor": CLERK,
            "payer": by.number,
            "payee": to.number,
            "payee_name": to.name,
            "amount": amount,
            "assurance": 2,
            **facts,
        }
    )


async def proved(platform: Platform) -> None:
    found = await verify(platform)
    assert found.differences == []
    assert found.proved


async def test_a_transfer_moves_exactly_the_amount_and_once(
    platform: Platform, teller: Teller, customers: list[Customer]
) -> None:
    payer, payee = customers[:2]
    first = await teller.carry_out(transfer(payer, payee, 12_345, memo="房租"))
    again = await teller.carry_out(transfer(payer, payee, 12_345, memo="房租"))
    assert again == first
    assert await balance(platform, payer) == 87_655
    assert await balance(platform, payee) == 112_345
    assert first.balance_after(payer.account) == 87_655
    await proved(platform)


async def test_a_key_with_other_content_is_refused(
    platform: Platform, teller: Teller, customers: list[Customer]
) -> None:
    payer, payee = customers[:2]
    await teller.carry_out(transfer(payer, payee, 100))
    with pytest.raises(errors.KeyReused):
        await teller.carry_out(transfer(payer, payee, 101))
    # The key is the payer's: somebody else may use the same.
    await teller.carry_out(transfer(payee, payer, 101))
    assert await balance(platform, payer) == 100_001


async def test_requests_of_one_moment_are_decided_one_after_the_other(
    platform: Platform, teller: Teller, customers: list[Customer]
) -> None:
    payer, payee = customers[:2]
    answers = await asyncio.gather(
        *(teller.carry_out(transfer(payer, payee, 30_000, key=f"k{n}")) for n in range(5)),
        return_exceptions=True,
    )
    refused = [one for one in answers if isinstance(one, errors.InsufficientFunds)]
    assert len(refused) == 2
    assert refused[0].available == 10_000
    assert await balance(platform, payer) == 10_000
    await proved(platform)


async def test_two_desks_never_spend_the_same_money(
    platform: Platform, customers: list[Customer]
) -> None:
    payer, *others = customers
    desks = [Teller(platform) for _ in range(3)]
    answers = await asyncio.gather(
        *(
            desk.carry_out(transfer(payer, other, 20_000, key=f"{number}-{other.person_id}"))
            for number, desk in enumerate(desks)
            for other in others
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(one, YikatongError) for one in answers) == 4
    assert await balance(platform, payer) == 0
    await proved(platform)


Change = dict[str, Any]


@pytest.mark.parametrize(
    ("change", "error", "field"),
    [
        ({"amount": 0}, InvalidInput, "amount"),
        ({"amount": -5}, InvalidInput, "amount"),
        ({"amount": 100_001}, errors.InsufficientFunds, "amount"),
        ({"amount": 100_000_001}, errors.LimitExceeded, "amount"),
        ({"assurance": 1}, errors.StrongerCheckNeeded, "assurance"),
        ({"amount": 5_000_001}, errors.StrongerCheckNeeded, "assurance"),
        ({"payee_name": "别人"}, errors.NameDiffers, "to.name"),
        ({"payee": "6299010000000000001"}, InvalidInput, "to.account"),
        ({"payee": "6299010000000000000"}, errors.NoSuchAccount, "to.account"),
        ({"payer": "6299010000000000000"}, errors.NoSuchAccount, "from.account"),
        ({"payee": "abc"}, InvalidInput, "to.account"),
    ],
)
async def test_what_is_wrong_is_named_and_changes_nothing(
    platform: Platform,
    teller: Teller,
    customers: list[Customer],
    change: Change,
    error: type[YikatongError],
    field: str,
) -> None:
    payer, payee = customers[:2]
    with pytest.raises(error) as raised:
        await teller.carry_out(transfer(payer, payee, **({"amount": 100} | change)))
    assert raised.value.field == field
    assert raised.value.text.zh
    assert await balance(platform, payer) == 100_000
    await proved(platform)


async def test_one_bad_order_fails_alone(
    platform: Platform, teller: Teller, customers: list[Customer]
) -> None:
    payer, payee = customers[:2]
    answers = await asyncio.gather(
        teller.carry_out(transfer(payer, payee, 100, key="a")),
        teller.carry_out(transfer(payer, payee, 100, key="b", payee_name="?")),
        teller.carry_out(transfer(payer, payee, 100, key="c")),
        return_exceptions=True,
    )
    assert [isinstance(one, YikatongError) for one in answers] == [False, True, False]
    assert await balance(platform, payer) == 99_800


async def test_the_stronger_check_counts_the_sum_of_the_day(
    platform: Platform, teller: Teller, customers: list[Customer]
) -> None:
    payer, payee = customers[:2]
    await teller.carry_out(Deposit(key="big", actor=CLERK, account=payer.number, amount=10_000_000))
    await teller.carry_out(transfer(payer, payee, 3_000_000, key="1"))
    await teller.carry_out(transfer(payer, payee, 2_000_000, key="2"))
    with pytest.raises(errors.StrongerCheckNeeded):
        await teller.carry_out(transfer(payer, payee, 1, key="3"))
    await teller.carry_out(transfer(payer, payee, 1, key="3", assurance=3))


@pytest.mark.parametrize("reason", ["loss_report", "court", "death"])
async def test_a_frozen_account_receives_but_does_not_pay(
    platform: Platform, teller: Teller, customers: list[Customer], reason: Any
) -> None:
    payer, payee = customers[:2]
    await bank.freeze(platform, *payer.key, reason, CLERK, "freeze", document="(2026)京01执1号")
    with pytest.raises(errors.AccountFrozen) as raised:
        await teller.carry_out(transfer(payer, payee, 100))
    assert raised.value.reason == reason
    with pytest.raises(errors.AccountFrozen):
        await teller.carry_out(
            Withdrawal(key="w", actor=CLERK, account=payer.number, amount=1, assurance=3)
        )
    await teller.carry_out(transfer(payee, payer, 100, key="back"))
    await bank.freeze(
        platform, *payer.key, reason, CLERK, "lift", document="(2026)京01执1号", lift=True
    )
    await teller.carry_out(transfer(payer, payee, 100))
    await proved(platform)


async def test_social_money_arrives_whatever_stops_the_account(
    platform: Platform, customers: list[Customer]
) -> None:
    one = customers[0]
    small, _ = await bank.open_account(platform, one.person_id, "ICBC", CLERK, account_class=3)
    for reason in ("loss_report", "court", "death"):
        await bank.freeze(platform, *small.key, reason, CLERK, f"{reason}-1", document="1号")
    pay = (platform, small.key, ("510100", "110"))
    # Above what an account of class III may hold.
    done = await social.pay(*pay, 350_000, "2026-03 养老金", CLERK, "p-1")
    assert done == await social.pay(*pay, 350_000, "2026-03 养老金", CLERK, "p-1")
    assert done.balance_after(small) == 350_000
    with pytest.raises(errors.KeyReused):
        await social.pay(*pay, 350_001, "2026-03 养老金", CLERK, "p-1")
    with pytest.raises(InvalidInput) as raised:
        await social.pay(platform, small.key, ("510100", "999"), 1, "", CLERK, "p-2")
    assert raised.value.field == "insurance"
    async with platform.database.transaction(readonly=True) as connection:
        (medical,) = [
            found
            for found in await ledger.accounts_of(connection, 1_000_001)
            if found.kind == "medical"
        ]
    with pytest.raises(errors.NoSuchAccount):
        await social.pay(platform, medical.key, ("510100", "110"), 1, "", CLERK, "p-3")
    await proved(platform)


async def test_a_court_names_its_document(platform: Platform, customers: list[Customer]) -> None:
    with pytest.raises(InvalidInput) as raised:
        await bank.freeze(platform, *customers[0].key, "court", CLERK, "k")
    assert raised.value.field == "document"


async def test_a_hold_is_captured_in_part_and_its_rest_released(
    platform: Platform, teller: Teller, customers: list[Customer]
) -> None:
    payer, payee = customers[:2]
    made = await bank.hold(platform, *payer.key, 60_000, CLERK, "h", reason="住院押金")
    assert made == await bank.hold(platform, *payer.key, 60_000, CLERK, "h", reason="住院押金")
    with pytest.raises(errors.InsufficientFunds) as raised:
        await teller.carry_out(transfer(payer, payee, 40_001))
    assert raised.value.available == 40_000
    with pytest.raises(InvalidInput):
        await bank.capture(
            platform, payer.person_id, made.hold_id, 60_001, payee.key, CLERK, "too much"
        )
    taken = await bank.capture(
        platform, payer.person_id, made.hold_id, 45_000, ("provider", "P1", "due"), CLERK, "c"
    )
    assert taken.balance_after(payer.account) == 55_000
    again = await bank.capture(
        platform, payer.person_id, made.hold_id, 45_000, ("provider", "P1", "due"), CLERK, "c"
    )
    assert again == taken
    with pytest.raises(errors.HoldClosed):
        await bank.release(platform, payer.person_id, made.hold_id, CLERK, "r")
    await teller.carry_out(transfer(payer, payee, 55_000))
    assert await balance(platform, payer) == 0
    await proved(platform)


@pytest.mark.parametrize("what", ["capture", "release"])
async def test_a_hold_given_back_at_the_same_moment_is_not_used_again(
    platform: Platform, customers: list[Customer], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    one = customers[0]
    first = await bank.hold(platform, *one.key, 50_000, CLERK, "h1", reason="押金")
    await bank.hold(platform, *one.key, 50_000, CLERK, "h2", reason="押金")
    open_book = ledger.open_book

    async def somebody_is_quicker(*args: Any, **facts: Any) -> Any:
        # Between reading the hold and reading the account.
        monkeypatch.setattr(ledger, "open_book", open_book)
        await bank.release(platform, one.person_id, first.hold_id, CLERK, "quick")
        return await open_book(*args, **facts)

    monkeypatch.setattr(ledger, "open_book", somebody_is_quicker)
    mine = (platform, one.person_id, first.hold_id)
    late = (
        bank.capture(*mine, 50_000, ("provider", "P1", "due"), CLERK, "late")
        if what == "capture"
        else bank.release(*mine, CLERK, "late")
    )
    with pytest.raises(errors.HoldClosed):
        await late
    assert await balance(platform, one) == 100_000
    await proved(platform)


async def test_a_hold_is_no_way_around_the_limits(
    platform: Platform, teller: Teller, customers: list[Customer]
) -> None:
    payer, payee = customers[:2]
    await teller.carry_out(Deposit(key="big", actor=CLERK, account=payer.number, amount=10_000_000))
    with pytest.raises(errors.StrongerCheckNeeded):
        await bank.hold(platform, *payer.key, 1, CLERK, "weak", reason="押金", assurance=1)
    with pytest.raises(errors.StrongerCheckNeeded):
        await bank.hold(platform, *payer.key, 5_000_001, CLERK, "much", reason="押金")
    made = await bank.hold(platform, *payer.key, 3_000_000, CLERK, "h", reason="押金")
    # What is held counts towards the day, and still does when it was captured.
    with pytest.raises(errors.StrongerCheckNeeded):
        await teller.carry_out(transfer(payer, payee, 2_000_001, key="1"))
    await bank.capture(
        platform, payer.person_id, made.hold_id, 3_000_000, payee.key, CLERK, "capture"
    )
    with pytest.raises(errors.StrongerCheckNeeded):
        await teller.carry_out(transfer(payer, payee, 2_000_001, key="1"))
    await teller.carry_out(transfer(payer, payee, 2_000_000, key="1"))
    await proved(platform)


async def test_a_hold_is_not_captured_for_its_own_account(
    platform: Platform, customers: list[Customer]
) -> None:
    one = customers[0]
    made = await bank.hold(platform, *one.key, 100, CLERK, "h", reason="押金")
    with pytest.raises(InvalidInput) as raised:
        await bank.capture(platform, one.person_id, made.hold_id, 100, one.key, CLERK, "c")
    assert raised.value.field == "to.account"


@pytest.mark.parametrize("text", ["a\0b", "a\nb", "\u202e001", "\x1b[2J"])
async def test_a_text_that_cannot_be_kept_spoils_nobody_elses_order(
    platform: Platform, teller: Teller, customers: list[Customer], text: str
) -> None:
    payer, payee, other = customers[:3]
    answers = await asyncio.gather(
        teller.carry_out(transfer(payer, payee, 1, memo=text)),
        teller.carry_out(transfer(other, payee, 1, memo="🏥　谢谢")),
        return_exceptions=True,
    )
    assert isinstance(answers[0], InvalidInput)
    assert answers[0].field == "memo"
    assert await balance(platform, payee) == 100_001
    for refused in (
        bank.hold(platform, *payer.key, 1, CLERK, "h", reason=text),
        bank.freeze(platform, *payer.key, "court", CLERK, "f", document=text),
    ):
        with pytest.raises(InvalidInput):
            await refused


@pytest.mark.parametrize("account_class", [1, 2, 3])
async def test_opened_twice_at_once_there_is_one_account(
    platform: Platform, customers: list[Customer], account_class: int
) -> None:
    opened = await asyncio.gather(
        *(
            bank.open_account(
                platform, customers[0].person_id, "CCB", CLERK, account_class=account_class
            )
            for _ in range(4)
        )
    )
    assert len({number for _, number in opened}) == 1
    await proved(platform)


async def test_a_reversal_points_to_the_first_and_happens_once(
    platform: Platform, teller: Teller, customers: list[Customer]
) -> None:
    payer, payee = customers[:2]
    first = await teller.carry_out(transfer(payer, payee, 100_000))
    back = await bank.reverse(
        platform, payer.person_id, first.transaction_id, CLERK, "r", reason="转错"
    )
    assert back.reverses == first.transaction_id
    assert back == await bank.reverse(
        platform, payer.person_id, first.transaction_id, CLERK, "r", reason="转错"
    )
    with pytest.raises(errors.AlreadyReversed):
        await bank.reverse(
            platform, payer.person_id, first.transaction_id, CLERK, "r2", reason="转错"
        )
    with pytest.raises(errors.NotReversible):
        await bank.reverse(
            platform, payer.person_id, back.transaction_id, CLERK, "r3", reason="转错"
        )
    assert await balance(platform, payer) == 100_000
    await proved(platform)


async def test_what_the_payee_spent_cannot_be_reversed(
    platform: Platform, teller: Teller, customers: list[Customer]
) -> None:
    payer, payee = customers[:2]
    first = await teller.carry_out(transfer(payer, payee, 50_000))
    await teller.carry_out(
        Withdrawal(key="w", actor=CLERK, account=payee.number, amount=150_000, assurance=2)
    )
    with pytest.raises(errors.InsufficientFunds):
        await bank.reverse(
            platform, payer.person_id, first.transaction_id, CLERK, "r", reason="转错"
        )
    await proved(platform)


async def test_a_statement_adds_up(
    platform: Platform, teller: Teller, customers: list[Customer]
) -> None:
    payer, payee = customers[:2]
    await teller.carry_out(transfer(payer, payee, 100, key="1"))
    await teller.carry_out(transfer(payee, payer, 250, key="2"))
    day = platform.clock.now().date()
    async with platform.database.transaction(readonly=True) as connection:
        told = await ledger.statement(connection, *payer.key, day, day)
        short = await ledger.statement(connection, *payer.key, day, day, limit=1)
    assert [line.amount for line in told.lines] == [100_000, -100, 250]
    assert (told.opening, told.closing, told.more) == (0, 100_150, False)
    assert (short.opening, short.closing, short.more) == (99_900, 100_150, True)


async def test_a_tampered_ledger_is_found_out(
    platform: Platform, teller: Teller, customers: list[Customer]
) -> None:
    payer, payee = customers[:2]
    first = await teller.carry_out(transfer(payer, payee, 100))
    for change, check in (
        (
            "update money_accounts set balance = balance + 1 where person_id = $1",
            "sum of its postings",
        ),
        (
            "update ledger_postings set amount = amount - 1 where transaction_id = $1",
            "are its entries",
        ),
        (
            "update ledger_transactions set amounts = '{-100,101}' where transaction_id = $1",
            "sum to zero",
        ),
        ("delete from ledger_transactions where transaction_id = $1", "belongs to a transaction"),
        ("delete from ledger_postings where transaction_id = $1", "are its entries"),
        ("update money_accounts set held = 1 where person_id = $1", "active holds"),
    ):
        async with platform.database.transaction() as connection:
            await connection.execute("create table kept as select * from money_accounts")
            await connection.execute("create table kept_t as select * from ledger_transactions")
            await connection.execute("create table kept_p as select * from ledger_postings")
            target = payer.person_id if "money_accounts" in change else first.transaction_id
            await connection.execute(change, target)
        found = await verify(platform)
        assert not found.proved, change
        assert any(check in one.check for one in found.differences), (change, found.differences)
        async with platform.database.transaction() as connection:
            for table, copy in (
                ("money_accounts", "kept"),
                ("ledger_transactions", "kept_t"),
                ("ledger_postings", "kept_p"),
            ):
                await connection.execute(f"truncate {table}")
                await connection.execute(f"insert into {table} select * from {copy}")
                await connection.execute(f"drop table {copy}")
    await proved(platform)
