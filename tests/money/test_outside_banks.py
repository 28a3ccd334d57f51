"""Outside banks: orders, the HTTP adapter, the simulated bank, reconciliation."""

import asyncio
import hashlib
import hmac
import re
from collections.abc import AsyncIterator, Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from structlog.testing import capture_logs

from tests.money.conftest import CLERK, Customer
from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import InvalidInput, YikatongError
from yikatong.core.platform import Platform
from yikatong.money import errors
from yikatong.money.bank import service as bank_desk
from yikatong.money.bank.orders import Deposit, Withdrawal
from yikatong.money.bank.teller import Teller
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.verification import verify
from yikatong.money.outside import service, settlement, store, wire
from yikatong.money.outside.connectors import connectors
from yikatong.money.outside.embedded import EmbeddedBank
from yikatong.money.outside.http import HttpBank
from yikatong.money.outside.interface import (
    CLOCK_SKEW_MAX,
    BankConnector,
    BankStatement,
    Done,
    Instruction,
    OutcomeUnknown,
    Refused,
)
from yikatong.money.outside.reconciliation import reconcile
from yikatong.money.outside.service import Collection, PayOut, collect, pay_out, send_due
from yikatong.money.outside.simulated import Faults, SimulatedBank
from yikatong.money.outside.simulated_books import Executed
from yikatong.money.outside.store import BankOrder
from yikatong.money.outside.wire import Secret

DOC = Path(__file__).parents[2] / "docs" / "reference" / "outside-banks.md"
KEY = "a-secret-of-the-tests-0123456789abcdef"
ACCOUNT = "6230580000012345678"
CODE = "NORTHBANK"


class SettableClock:
    """A clock that goes when it is told to."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def advance(self, **by: float) -> None:
        self.at += timedelta(**by)


class Outside:
    """A platform with a settable clock, a simulated bank and the connector to it."""

    def __init__(self, platform: Platform, at: datetime) -> None:
        self.clock = SettableClock(at)
        self.platform = msgspec.structs.replace(platform, clock=self.clock)
        self.bank = SimulatedBank(CODE, Secret(KEY), self.clock, seed=7)
        self.books = self.bank.books
        self.patient = self._adapter(timeout_seconds=10)
        self.hasty = self._adapter(timeout_seconds=0.03)
        self.connectors: dict[str, BankConnector] = {}
        self.strike()

    def _adapter(self, **facts: Any) -> HttpBank:
        transport = httpx.ASGITransport(self.bank)  # pyright: ignore[reportArgumentType]
        facts |= {"tries_max": 1, "pause_seconds": 0, "transport": transport}
        return HttpBank(CODE, "https://bank.example", Secret(KEY), self.clock, **facts)

    def strike(self, **faults: float) -> None:
        """Switch faults on, or off; nobody waits long for answers that do not come."""
        self.bank.faults = Faults(**faults)
        self.connector = self.hasty if faults else self.patient
        self.connectors[CODE] = self.connector

    async def aclose(self) -> None:
        await self.patient.aclose()
        await self.hasty.aclose()

    def paying(self, by: Customer, amount: int = 10_000, **facts: Any) -> PayOut:
        told: dict[str, Any] = {
            "key": "p-1",
            "actor": CLERK,
            "bank": CODE,
            "source": by.key,
            "account": ACCOUNT,
            "name": "北行客户",
            "amount": amount,
            "assurance": 2,
        }
        return PayOut(**told | facts)

    def collecting(self, to: Customer, amount: int = 10_000, **facts: Any) -> Collection:
        told: Any = msgspec.structs.asdict(self.paying(to, amount))
        del told["source"], told["assurance"]
        return Collection(**told | {"target": to.key, "key": "c-1"} | facts)

    async def pay(self, by: Customer, amount: int = 10_000, **facts: Any) -> BankOrder:
        return await pay_out(self.platform, self.connectors, self.paying(by, amount, **facts))

    async def collect(self, to: Customer, amount: int = 10_000, **facts: Any) -> BankOrder:
        return await collect(self.platform, self.connectors, self.collecting(to, amount, **facts))

    async def send(self) -> service.Sent:
        return await send_due(self.platform, self.connectors)

    async def order(self, order: BankOrder) -> BankOrder:
        async with self.platform.database.transaction(readonly=True) as connection:
            return await settlement.get(connection, order.person_id, order.order_id)

    async def balance(self, customer: Customer) -> int:
        async with self.platform.database.transaction(readonly=True) as connection:
            return (await ledger.account(connection, *customer.key)).balance

    async def shared(self, purpose: str, bank: str = CODE) -> int:
        async with self.platform.database.transaction(readonly=True) as connection:
            return next(
                (
                    balance
                    for one, balance, _ in await ledger.shared_balances(connection)
                    if (one.kind, one.owner, one.purpose) == ("bank", bank, purpose)
                ),
                0,
            )

    async def proved(self) -> None:
        assert (await verify(self.platform)).differences == []
        async with self.platform.database.transaction(readonly=True) as connection:
            assert await store.check_orders(connection) == []


MORNING = datetime(2026, 3, 1, 10, 0, tzinfo=SHANGHAI)
DAY = MORNING.date()


@pytest.fixture
async def outside(platform: Platform) -> AsyncIterator[Outside]:
    made = Outside(platform, MORNING)
    made.books.open_account(ACCOUNT, "北行客户", 500_000)
    yield made
    await made.aclose()


async def test_money_waits_in_transit_and_arrives_once(
    outside: Outside, customers: list[Customer]
) -> None:
    payer = customers[0]
    first = await outside.pay(payer, 12_345)
    assert await outside.pay(payer, 12_345) == first
    assert await outside.balance(payer) == 87_655
    assert await outside.shared("in_transit") == 12_345
    await outside.proved()
    assert await outside.send() == service.Sent(done=1)
    assert await outside.send() == service.Sent()
    done = await outside.order(first)
    assert (done.state, done.reference) == ("done", "NORTHBANK0000000001")
    assert await outside.pay(payer, 12_345) == done
    assert (await outside.shared("in_transit"), await outside.shared("outside")) == (0, 12_345)
    assert outside.books.accounts[ACCOUNT].balance == 512_345
    await outside.proved()


async def test_a_key_serves_one_command(
    outside: Outside, teller: Teller, customers: list[Customer]
) -> None:
    payer = customers[0]
    await outside.pay(payer, 100)
    for other in (
        outside.paying(payer, 101),
        outside.paying(payer, 100, name="别人"),
        outside.paying(payer, 100, account=ACCOUNT[:-1] + "9"),
        outside.paying(payer, 100, memo="x"),
        outside.paying(payer, 100, key="first-0"),
    ):
        with pytest.raises(errors.KeyReused):
            await pay_out(outside.platform, outside.connectors, other)
    with pytest.raises(errors.KeyReused):
        await outside.collect(payer, 100, key="p-1")
    with pytest.raises(errors.KeyReused):
        await teller.carry_out(
            Withdrawal(key="p-1", actor=CLERK, account=payer.number, amount=100, assurance=2)
        )
    assert await outside.balance(payer) == 99_900


async def test_a_refusal_returns_the_money_and_the_limits(
    outside: Outside, customers: list[Customer]
) -> None:
    payer = customers[0]
    order = await outside.pay(payer, 30_000, name="不对")
    # No freeze keeps the owner's own money from coming back.
    await bank_desk.freeze(outside.platform, *payer.key, "loss_report", CLERK, "f")
    assert await outside.send() == service.Sent(refused=1)
    refused = await outside.order(order)
    assert (refused.state, refused.refusal_code) == ("refused", "name_differs")
    told = service.refusal(refused)
    assert told is not None
    assert "户名与账号不符" in told.text.zh
    assert await outside.balance(payer) == 100_000
    async with outside.platform.database.transaction(readonly=True) as connection:
        account = await ledger.account(connection, *payer.key)
    assert account.spent(DAY) == (0, 0)
    assert await outside.shared("in_transit") == 0
    await outside.proved()


async def test_money_of_a_closed_account_waits_for_a_clerk(
    outside: Outside, teller: Teller, customers: list[Customer]
) -> None:
    payer = customers[0]
    await outside.pay(payer, 100_000, name="不对")
    platform = outside.platform
    close = bank_desk.command(payer.person_id, "close", "close", CLERK, payer.key)
    async with platform.database.transaction() as connection:
        book = await ledger.open_book(platform, connection, accounts=[payer.key])
        book.close(close, book.account(payer.key))
        await ledger.write(connection, book)
    assert await outside.send() == service.Sent(refused=1)
    assert await outside.shared("unclaimed") == 100_000
    assert await outside.shared("in_transit") == 0
    await outside.proved()


async def test_a_collection_is_booked_when_the_bank_has_done_it(
    outside: Outside, customers: list[Customer]
) -> None:
    payee = customers[0]
    done = await outside.collect(payee, 40_000)
    refused = await outside.collect(payee, 500_001, key="c-2")
    fund = ("fund", "110000", "contributions")
    shared = await outside.collect(payee, 1_000, key="c-3", target=fund)
    assert await outside.balance(payee) == 100_000
    assert await outside.send() == service.Sent(done=2, refused=1)
    assert await outside.balance(payee) == 140_000
    assert (await outside.order(done)).state == "done"
    assert (await outside.order(refused)).refusal_code == "insufficient_funds"
    assert (shared.person_id, shared.shared) == (0, True)
    assert await outside.shared("outside") == -41_000
    assert outside.books.accounts[ACCOUNT].balance == 459_000
    await outside.proved()


async def test_a_shared_account_pays_and_gets_back_what_was_refused(
    outside: Outside, customers: list[Customer]
) -> None:
    source = ("agency", "110000", "benefits")
    person_id = customers[0].person_id
    await outside.pay(customers[0], 300, source=source, about=person_id, assurance=0)
    await outside.pay(customers[0], 500, source=source, about=person_id, key="p-2", name="不对")
    assert await outside.send() == service.Sent(done=1, refused=1)
    async with outside.platform.database.transaction(readonly=True) as connection:
        balances = {
            (one.kind, one.owner, one.purpose): balance
            for one, balance, _ in await ledger.shared_balances(connection)
        }
    assert balances[source] == -300
    assert await outside.balance(customers[0]) == 100_000
    await outside.proved()


WRONG: list[tuple[dict[str, Any], type[YikatongError], str]] = [
    ({"amount": 0}, InvalidInput, "amount"),
    ({"amount": 10**13}, InvalidInput, "amount"),
    ({"amount": 100_001}, errors.InsufficientFunds, "amount"),
    ({"amount": 100_000_001}, errors.LimitExceeded, "amount"),
    ({"assurance": 1}, errors.StrongerCheckNeeded, "assurance"),
    ({"bank": "SOUTHBANK"}, InvalidInput, "bank"),
    ({"account": "12a45678"}, InvalidInput, "to.account"),
    ({"name": " "}, InvalidInput, "to.name"),
    ({"memo": "字" * 61}, InvalidInput, "memo"),
    ({"source": (1, 2)}, errors.NoSuchAccount, "account"),
]


async def test_what_is_wrong_is_named_and_leaves_no_order(
    outside: Outside, customers: list[Customer]
) -> None:
    for facts, error, field in WRONG:
        with pytest.raises(error) as raised:
            await outside.pay(customers[0], **facts)
        assert raised.value.field == field, facts
        assert raised.value.text.zh
    assert await outside.send() == service.Sent()
    assert await outside.balance(customers[0]) == 100_000
    await outside.proved()


async def test_a_frozen_account_does_not_pay_out(
    outside: Outside, customers: list[Customer]
) -> None:
    await bank_desk.freeze(outside.platform, *customers[0].key, "loss_report", CLERK, "f")
    with pytest.raises(errors.AccountFrozen):
        await outside.pay(customers[0])
    assert await outside.send() == service.Sent()


async def test_after_a_lost_answer_the_bank_is_asked_before_it_is_told_again(
    outside: Outside, customers: list[Customer]
) -> None:
    order = await outside.pay(customers[0])
    outside.strike(lose=1)
    assert await outside.send() == service.Sent(unknown=1)
    assert len(outside.books.journal) == 1
    assert await outside.send() == service.Sent()
    unknown = await outside.order(order)
    assert unknown.state == "unknown"
    assert unknown.next_try_at is not None
    assert unknown.next_try_at > MORNING
    outside.strike()
    outside.clock.advance(minutes=1)
    asked: list[str] = []
    told = outside.connector.instruct

    async def instruct(order: Instruction) -> Any:
        asked.append(order.order_id)
        return await told(order)

    outside.connector.instruct = instruct
    assert await outside.send() == service.Sent(done=1)
    assert asked == []
    assert len(outside.books.journal) == 1
    await outside.proved()


async def test_a_dropped_order_is_told_again_with_the_same_id(
    outside: Outside, customers: list[Customer]
) -> None:
    order = await outside.pay(customers[0])
    outside.strike(drop=1)
    await outside.send()
    assert outside.books.journal == []
    outside.strike()
    outside.clock.advance(minutes=1)
    assert await outside.send() == service.Sent(done=1)
    assert [one.order.order_id for one in outside.books.journal] == [order.external_id]


async def test_tries_end_and_are_further_and_further_apart(
    outside: Outside, customers: list[Customer]
) -> None:
    order = await outside.pay(customers[0])
    outside.strike(drop=1)
    pauses: list[float] = []
    for attempt in range(1, service.TRIES_MAX + 1):
        assert await outside.send() == service.Sent(unknown=1)
        now = await outside.order(order)
        assert now.attempts == attempt
        if now.next_try_at is not None:
            pauses.append((now.next_try_at - outside.clock.at).total_seconds())
            outside.clock.at = now.next_try_at
    assert len(pauses) == service.TRIES_MAX - 1
    for number, pause in enumerate(pauses):
        plain = min(600, 10 * 2**number)
        assert 0.75 * plain <= pause <= 1.25 * plain
    outside.clock.advance(days=1)
    assert await outside.send() == service.Sent()
    assert (await outside.order(order)).state == "unknown"
    assert await outside.shared("in_transit") == 10_000


async def test_behind_its_validity_an_order_is_asked_about_but_not_told_again(
    outside: Outside, customers: list[Customer]
) -> None:
    order = await outside.pay(customers[0])
    outside.strike(drop=1)
    await outside.send()
    outside.strike()
    outside.clock.advance(hours=3)
    assert await outside.send() == service.Sent(unknown=1)
    assert outside.books.outcomes == {}
    assert (await outside.order(order)).state == "unknown"


async def test_two_workers_double_nothing(outside: Outside, customers: list[Customer]) -> None:
    for number in range(12):
        await outside.pay(customers[number % 4], 100, key=f"k-{number}")
    runs = await asyncio.gather(*(outside.send() for _ in range(3)))
    assert sum(one.done for one in runs) == 12
    assert len(outside.books.journal) == 12
    assert await outside.shared("outside") == 1_200
    await outside.proved()


async def test_an_outcome_once_booked_stays(outside: Outside, customers: list[Customer]) -> None:
    order = await outside.pay(customers[0])
    await outside.send()
    text = wire.TextBody("不", "no").text()
    after = await settlement.settle(outside.platform, order, Refused(code="no", text=text))
    assert after.state == "done"
    assert await outside.balance(customers[0]) == 90_000


async def test_money_in_transit_without_its_order_is_found_out(
    outside: Outside, customers: list[Customer]
) -> None:
    await outside.pay(customers[0], 700)
    async with outside.platform.database.transaction() as connection:
        assert await store.check_orders(connection) == []
        await connection.execute("update bank_orders set amount = 701")
        assert await store.check_orders(connection) == [(CODE, "701", "700")]
        await connection.execute("delete from bank_orders")
        assert await store.check_orders(connection) == [(CODE, "0", "700")]


# The HTTP adapter


def plain(status: int, body: bytes = b"", **headers: str) -> httpx.Response:
    """An answer of a stream, as from the net."""
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))


def signed(
    request: httpx.Request, status: int, body: bytes, *, key: str = KEY, at: str = ""
) -> httpx.Response:
    """An answer as a bank gives it."""
    at = at or str(int(MORNING.timestamp()))
    signature = Secret(key).sign_answer(request.headers[wire.SIGNATURE_HEADER], status, at, body)
    headers = {wire.TIME_HEADER: at, wire.SIGNATURE_HEADER: signature}
    return plain(status, body, **headers)


def instruction(**facts: Any) -> Instruction:
    told: dict[str, Any] = {
        "order_id": "1-2",
        "direction": "credit",
        "amount": 500,
        "account": ACCOUNT,
        "name": "北行客户",
        "memo": "",
        "valid_until": MORNING + timedelta(hours=2),
    }
    return Instruction(**told | facts)


def done_body(**facts: Any) -> bytes:
    return msgspec.json.encode(
        {
            "state": "done",
            "order_id": "1-2",
            "direction": "credit",
            "amount": 500,
            "reference": "R1",
            "at": MORNING,
            **facts,
        }
    )


def adapter(answer: Callable[[httpx.Request], httpx.Response], **facts: Any) -> HttpBank:
    return HttpBank(
        CODE,
        "https://bank.example/ykt",
        Secret(KEY),
        SettableClock(MORNING),
        transport=httpx.MockTransport(answer),
        **{"tries_max": 2, "pause_seconds": 0, **facts},
    )


REFUSAL = b'{"state":"refused","order_id":"1-2","code":"limit_exceeded","reason":{"zh":"\\u4e0d","en":"no"}}'

Answer = Callable[[httpx.Request], httpx.Response]
BROKEN: dict[str, tuple[Answer, str]] = {
    "500": (lambda r: signed(r, 500, b"{}"), "status 500"),
    "not signed": (lambda _: plain(200, done_body()), "signature"),
    "404 of a proxy": (
        lambda _: plain(404, b'{"state":"unseen","order_id":"1-2"}'),
        "signature",
    ),
    "signed by another": (lambda r: signed(r, 200, done_body(), key=KEY[::-1]), "signature"),
    "an old answer": (
        lambda r: signed(r, 200, done_body(), at=str(int(MORNING.timestamp()) - 301)),
        "clock",
    ),
    "a time that is none": (lambda r: signed(r, 200, done_body(), at="-1"), "clock"),
    "no json": (lambda r: signed(r, 200, b"<html>"), "cannot be read"),
    "no utf-8": (lambda r: signed(r, 200, b'{"state":"\xff"}'), "cannot be read"),
    "no state": (lambda r: signed(r, 200, b'{"order_id":"1-2"}'), "cannot be read"),
    "a fraction": (lambda r: signed(r, 200, done_body(amount=500.5)), "cannot be read"),
    "a naive time": (
        lambda r: signed(r, 200, done_body(at="2026-03-01T10:00:00")),
        "cannot be read",
    ),
    "another order": (lambda r: signed(r, 200, done_body(order_id="1-3")), "another order"),
    "another amount": (lambda r: signed(r, 200, done_body(amount=501)), "another amount"),
    "another direction": (lambda r: signed(r, 200, done_body(direction="debit")), "another amount"),
    "done as 404": (lambda r: signed(r, 404, done_body()), "does not go with"),
    "refused as 409": (lambda r: signed(r, 409, REFUSAL), "does not go with"),
    "order differs": (
        lambda r: signed(r, 409, b'{"code":"order_differs","detail":""}'),
        "cannot be read",
    ),
    "processing": (
        lambda r: signed(r, 202, b'{"state":"processing","order_id":"1-2"}'),
        "still at work",
    ),
    "unseen": (lambda r: signed(r, 404, b'{"state":"unseen","order_id":"1-2"}'), "just sent"),
    "too large": (lambda r: signed(r, 200, b" " * (wire.ANSWER_BYTES_MAX + 1)), "too large"),
    "a redirect": (lambda _: plain(302, location="https://x"), "signature"),
    "compressed": (lambda _: plain(200, b"\x1f", **{"content-encoding": "gzip"}), "compressed"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_what_is_no_proper_answer_is_no_outcome(name: str) -> None:
    answer, why = BROKEN[name]
    bank = adapter(answer)
    with capture_logs(), pytest.raises(OutcomeUnknown) as raised:
        await bank.instruct(instruction())
    assert why in raised.value.why
    assert raised.value.text.zh
    await bank.aclose()


@pytest.mark.parametrize(
    "error", [httpx.ConnectError, httpx.ReadTimeout, httpx.RemoteProtocolError]
)
async def test_tries_of_one_request_are_bounded_and_signed_anew(error: type[Exception]) -> None:
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers[wire.SIGNATURE_HEADER])
        raise error("lost")

    bank = adapter(answer, tries_max=3)
    with capture_logs() as logs, pytest.raises(OutcomeUnknown):
        await bank.instruct(instruction())
    assert len(set(seen)) == len(seen) == 3
    told = repr(logs) + repr(bank) + repr(Secret(KEY))
    assert len(logs) == 3
    for secret in (KEY, ACCOUNT, "北行客户"):
        assert secret not in told
    await bank.aclose()


async def test_a_try_that_works_is_the_answer() -> None:
    answers = iter([(503, b""), (200, done_body())])
    bank = adapter(lambda request: signed(request, *next(answers)))
    with capture_logs():
        outcome = await bank.instruct(instruction())
    assert outcome == Done(direction="credit", amount=500, reference="R1", at=MORNING)
    await bank.aclose()


@pytest.mark.parametrize("status", [200, 422])
async def test_a_typed_refusal_is_an_outcome(status: int) -> None:
    bank = adapter(lambda r: signed(r, status, REFUSAL))
    outcome = await bank.instruct(instruction())
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.text.zh, outcome.text.en) == ("limit_exceeded", "不", "no")
    assert await bank.outcome_of("1-2") == outcome
    await bank.aclose()


async def test_a_bank_that_never_answers_keeps_nobody_longer_than_the_timeout() -> None:
    async def hang(_scope: Any, _receive: Any, _send: Any) -> None:
        await asyncio.sleep(3600)

    bank = HttpBank(
        CODE, "https://bank.example", Secret(KEY), SettableClock(MORNING), timeout_seconds=0.02,
        tries_max=2, pause_seconds=0, transport=httpx.ASGITransport(hang),
    )  # fmt: skip
    with capture_logs(), pytest.raises(OutcomeUnknown) as raised:
        await bank.outcome_of("1-2")
    assert raised.value.why == "TimeoutError"
    await bank.aclose()


async def test_a_statement_that_is_not_whole_is_none() -> None:
    row = {
        "order_id": "1-2", "direction": "credit", "amount": 500, "account_tail": "5678",
        "at": MORNING, "reference": "R1",
    }  # fmt: skip
    page: dict[str, Any] = {
        "day": DAY, "closed": True, "rows": [row], "count": 1, "credits": 500, "debits": 0,
    }  # fmt: skip
    for change in ({}, {"credits": 501}, {"count": 2}, {"day": "2026-03-02"}, {"debits": 1}):
        bank = adapter(
            lambda r, told=page | change: signed(
                r,
                200,
                msgspec.json.encode(told | ({} if r.url.query == b"after=0" else {"rows": []})),
            )
        )
        if not change:
            told = await bank.statement(DAY)
            assert (told.closed, [one.amount for one in told.rows]) == (True, [500])
        else:
            with pytest.raises(OutcomeUnknown):
                await bank.statement(DAY)
        await bank.aclose()


async def test_a_long_statement_comes_in_pages() -> None:
    clock = SettableClock(MORNING)
    bank = SimulatedBank(CODE, Secret(KEY), clock)
    bank.books.open_account(ACCOUNT, "北行客户")
    for number in range(wire.PAGE_ROWS_MAX + 7):
        bank.books.carry_out(instruction(order_id=f"9-{number}", amount=number + 1))
    transport = httpx.ASGITransport(bank)  # pyright: ignore[reportArgumentType]
    connector = HttpBank(CODE, "https://bank.example", Secret(KEY), clock, transport=transport)
    told = await connector.statement(DAY)
    assert [row.amount for row in told.rows] == list(range(1, wire.PAGE_ROWS_MAX + 8))
    assert not told.closed


def test_a_bank_is_asked_over_https_only_and_with_a_real_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for url in ("http://bank.example", "ftp://bank.example", "bank.example"):
        with pytest.raises(InvalidInput):
            HttpBank(CODE, url, Secret(KEY), SettableClock(MORNING))
    with pytest.raises(InvalidInput) as raised:
        Secret("short-secret")
    assert "short-secret" not in str(raised.value)
    with pytest.raises(InvalidInput):
        Secret.from_file(tmp_path / "missing")
    (tmp_path / "secret").write_text(KEY + "\n")
    monkeypatch.setenv("BANK_SECRET", KEY)
    expected = Secret(KEY).sign_request("GET", "/", "1", "n", b"")
    assert Secret.from_file(tmp_path / "secret").sign_request("GET", "/", "1", "n", b"") == expected
    assert (
        Secret.from_environment("BANK_SECRET").sign_request("GET", "/", "1", "n", b"") == expected
    )


def test_the_signature_is_the_one_the_reference_shows() -> None:
    """Computed here a second time, from the words of the document alone."""
    text = DOC.read_text(encoding="utf-8")
    given = dict(re.findall(r"^([a-z ]+): `(.+)`$", text, re.MULTILINE))
    body = given["body"].encode()
    digest = hashlib.sha256(body).hexdigest()
    lines = ["request", "PUT", given["target"], given["time"], given["nonce"], digest]
    plain = hmac.new(given["secret"].encode(), "\n".join(lines).encode(), hashlib.sha256)
    assert plain.hexdigest() == given["request signature"]
    secret = Secret(given["secret"])
    signature = secret.sign_request("PUT", given["target"], given["time"], given["nonce"], body)
    assert signature == given["request signature"]
    answer = given["answer"].encode()
    assert (
        secret.sign_answer(signature, 200, given["answer time"], answer)
        == (given["answer signature"])
    )
    assert msgspec.json.decode(body, type=wire.InstructionBody).amount == 12_345
    assert msgspec.json.decode(answer, type=wire.DoneBody).reference


def test_banks_are_named_in_a_file_and_the_others_are_ours(
    platform: Platform, tmp_path: Path
) -> None:
    (tmp_path / "north.secret").write_text(KEY)
    file = tmp_path / "banks.yaml"
    good = "- {code: NORTHBANK, url: 'https://bank.example', secret_file: north.secret}\n"
    file.write_text(good)
    found = connectors(platform, file)
    assert isinstance(found[CODE], HttpBank)
    assert isinstance(found["ICBC"], EmbeddedBank)
    assert {code: bank.code for code, bank in found.items()} == {code: code for code in found}
    assert CODE not in connectors(platform, None)
    file.write_text(good.replace("NORTHBANK", "ICBC"))
    assert isinstance(connectors(platform, file)["ICBC"], HttpBank)
    for bad in (
        "{",
        "a: b",
        "- {code: north, url: 'https://bank.example', secret_file: north.secret}",
        "- {code: NORTHBANK, url: 'https://bank.example'}",
        "- {code: NORTHBANK, url: 'http://bank.example', secret_file: north.secret}",
        "- {code: NORTHBANK, url: 'https://bank.example', secret_file: missing}",
        good + good,
    ):
        file.write_text(bad)
        with pytest.raises(InvalidInput):
            connectors(platform, file)
    with pytest.raises(InvalidInput):
        connectors(platform, tmp_path / "missing.yaml")


# The simulated bank


UNSIGNED: list[tuple[dict[str, Any], int, str | None]] = [
    ({}, 404, None),
    ({wire.SIGNATURE_HEADER: "0" * 64}, 401, "bad_signature"),
    ({wire.NONCE_HEADER: "another"}, 401, "bad_signature"),
    ({wire.TIME_HEADER: str(int(MORNING.timestamp()) + 1)}, 401, "bad_signature"),
    ({"time": int(MORNING.timestamp()) - 301}, 401, "bad_time"),
    ({"target": "/v1/orders/1-3"}, 401, "bad_signature"),
    ({"body": b"x" * (wire.REQUEST_BYTES_MAX + 1)}, 413, "too_large"),
]


async def ask(
    bank: SimulatedBank, method: str, signed_target: str, **change: Any
) -> httpx.Response:
    """A request signed by hand, changed afterwards."""
    at, body = str(change.get("time", int(MORNING.timestamp()))), change.get("body", b"")
    signature = Secret(KEY).sign_request(method, signed_target, at, "n", body)
    headers = {wire.TIME_HEADER: at, wire.NONCE_HEADER: "n", wire.SIGNATURE_HEADER: signature}
    headers |= {name: value for name, value in change.items() if name.startswith("x-")}
    transport = httpx.ASGITransport(bank)  # pyright: ignore[reportArgumentType]
    async with httpx.AsyncClient(transport=transport, base_url="https://bank.example") as client:
        return await client.request(
            method, change.get("target", signed_target), headers=headers, content=body
        )


async def test_the_bank_answers_nobody_without_a_signature() -> None:
    bank = SimulatedBank(CODE, Secret(KEY), SettableClock(MORNING))
    for change, status, code in UNSIGNED:
        answer = await ask(bank, "GET", "/v1/orders/1-2", **change)
        assert (answer.status_code, answer.json().get("code")) == (status, code), change


async def test_faults_and_books_are_within_reach_from_outside() -> None:
    bank = SimulatedBank(CODE, Secret(KEY), SettableClock(MORNING))
    bank.books.open_account(ACCOUNT, "北行客户", 500_000)
    answer = await ask(bank, "PUT", "/v1/simulation/faults", body=b'{"fail":1}')
    assert answer.status_code == 200
    assert bank.faults == Faults(fail=1)
    answer = await ask(bank, "PUT", "/v1/simulation/faults", body=b'{"burn":1}')
    assert answer.status_code == 400
    assert (await ask(bank, "GET", "/v1/orders/1-2")).status_code == 500
    books = (await ask(bank, "GET", "/v1/simulation/books")).json()
    assert books["accounts"][0]["balance"] == 500_000
    assert books["happened"]["fail"] == 1
    plain_bank = SimulatedBank(CODE, Secret(KEY), SettableClock(MORNING), controls=False)
    assert (await ask(plain_bank, "GET", "/v1/simulation/books")).status_code == 404


# Every connector


@pytest.fixture(params=["http", "embedded"])
def any_bank(request: pytest.FixtureRequest, outside: Outside) -> BankConnector:
    if request.param == "http":
        return outside.connector
    return EmbeddedBank(outside.platform, "ICBC")


async def test_every_bank_keeps_to_the_interface(
    any_bank: BankConnector, outside: Outside, customers: list[Customer]
) -> None:
    owner = customers[0]
    outside.books.open_account(owner.number, owner.name, 100_000)

    def told(order_id: str, **facts: Any) -> Instruction:
        return instruction(order_id=order_id, account=owner.number, name=owner.name, **facts)

    assert await any_bank.outcome_of("1-1") is None
    first = await any_bank.instruct(told("1-1"))
    assert isinstance(first, Done)
    assert (first.direction, first.amount) == ("credit", 500)
    assert await any_bank.instruct(told("1-1")) == first
    assert await any_bank.outcome_of("1-1") == first
    with pytest.raises(OutcomeUnknown), capture_logs():
        await any_bank.instruct(told("1-1", amount=501))
    codes = {
        "1-2": ({"name": "别人"}, "name_differs"),
        "1-3": ({"account": ACCOUNT[:-1] + "0"}, "no_such_account"),
        "1-4": ({"direction": "debit", "amount": 100_501}, "insufficient_funds"),
        "1-5": ({"valid_until": MORNING - timedelta(seconds=1)}, "expired"),
    }
    for order_id, (change, code) in codes.items():
        facts = {"account": owner.number, "name": owner.name, **change}
        refused = await any_bank.instruct(instruction(order_id=order_id, **facts))
        assert isinstance(refused, Refused)
        assert refused.code == code
        assert await any_bank.outcome_of(order_id) == refused
    second = await any_bank.instruct(told("1-6", direction="debit", amount=100_500))
    assert isinstance(second, Done)
    # The bank answers for what it did also when the order comes again behind its validity.
    outside.clock.advance(hours=3)
    assert await any_bank.instruct(told("1-1")) == first
    statement = await any_bank.statement(DAY)
    assert [(row.order_id, row.direction, row.amount) for row in statement.rows] == [
        ("1-1", "credit", 500),
        ("1-6", "debit", 100_500),
    ]
    assert [row.reference for row in statement.rows] == [first.reference, second.reference]
    assert {row.account_tail for row in statement.rows} == {owner.number[-4:]}
    assert not statement.closed
    outside.clock.advance(days=1)
    assert await any_bank.statement(DAY) == BankStatement(day=DAY, closed=True, rows=statement.rows)
    await outside.proved()


async def test_our_own_bank_is_paid_through_the_same_orders(
    outside: Outside, customers: list[Customer]
) -> None:
    payer, payee = customers[:2]
    own = EmbeddedBank(outside.platform, "ICBC")
    outside.connectors["ICBC"] = own
    facts = {"bank": "ICBC", "account": payee.number, "name": payee.name}
    await outside.pay(payer, 2_500, **facts)
    assert await outside.send() == service.Sent(done=1)
    assert await outside.balance(payee) == 102_500
    assert await outside.shared("outside", "ICBC") == 2_500
    assert await outside.shared("clearing", "ICBC") == -2_500
    outside.clock.advance(days=1)
    told = await reconcile(outside.platform, own, DAY)
    assert (told.closed, told.bank_rows, told.matched, told.differences) == (True, 1, 1, [])
    await outside.proved()


async def test_a_frozen_account_at_our_own_bank_is_not_collected_from(
    outside: Outside, customers: list[Customer]
) -> None:
    owner = customers[0]
    own = EmbeddedBank(outside.platform, "ICBC")
    await bank_desk.freeze(outside.platform, *owner.key, "loss_report", CLERK, "f")
    told = instruction(direction="debit", account=owner.number, name=owner.name)
    refused = await own.instruct(told)
    assert isinstance(refused, Refused)
    assert refused.code == "account_frozen"
    other = await EmbeddedBank(outside.platform, "ABC").instruct(told)
    assert isinstance(other, Refused)
    assert other.code == "no_such_account"


# Reconciliation


async def everything(platform: Platform) -> dict[str, list[Any]]:
    async with platform.database.transaction(readonly=True) as connection:
        tables = (
            "bank_orders", "bank_reconciliations", "bank_differences", "ledger_transactions",
            "ledger_postings", "money_accounts", "audit_events",
        )  # fmt: skip
        return {
            table: [tuple(dict(row).values()) for row in await connection.fetch(
                f"select * from {table} order by 1, 2, 3, 4"
            )]
            for table in tables
        }  # fmt: skip


async def test_every_kind_of_difference_is_listed_and_nothing_else_is_touched(
    outside: Outside, customers: list[Customer]
) -> None:
    orders = [await outside.pay(customers[0], 100 + n, key=f"k-{n}") for n in range(6)]
    await outside.send()
    journal = outside.books.journal
    assert len(journal) == 6

    by_id = {one.order.order_id: number for number, one in enumerate(journal)}

    def change(number: int, **facts: Any) -> None:
        at = by_id[orders[number].external_id]
        line = journal[at]
        journal[at] = Executed(
            msgspec.structs.replace(line.order, **facts), line.at, line.reference
        )

    change(1, amount=999)
    change(2, direction="debit")
    change(3, account=ACCOUNT[:-4] + "0000")
    change(4, order_id="7-7")
    twice = journal[by_id[orders[5].external_id]]
    journal.append(Executed(twice.order, twice.at, "AGAIN"))
    opened = await reconcile(outside.platform, outside.connector, DAY)
    assert not opened.closed
    assert "ours_only" not in {one.kind for one in opened.differences}
    outside.clock.advance(days=1)
    told = await reconcile(outside.platform, outside.connector, DAY)
    assert (told.closed, told.bank_rows, told.matched, told.waiting) == (True, 7, 2, 0)
    assert [(one.kind, one.order_id) for one in told.differences] == [
        ("account_differs", orders[3].external_id),
        ("amount_differs", orders[1].external_id),
        *sorted([("bank_only", "7-7"), ("bank_only", orders[5].external_id)], key=lambda d: d[1]),
        ("direction_differs", orders[2].external_id),
        ("ours_only", orders[4].external_id),
    ]
    assert not any(ACCOUNT in one.ours + one.theirs for one in told.differences)
    before = await everything(outside.platform)
    assert await reconcile(outside.platform, outside.connector, DAY) == told
    assert await everything(outside.platform) == before
    # The bank mends its books: what agrees again is no difference any more.
    change(1, amount=101)
    mended = await reconcile(outside.platform, outside.connector, DAY)
    assert "amount_differs" not in {one.kind for one in mended.differences}
    assert mended.matched == 3
    await outside.proved()


async def test_what_the_bank_did_with_an_order_unlike_ours_is_left_to_people(
    outside: Outside, customers: list[Customer]
) -> None:
    order = await outside.pay(customers[0], 100)
    outside.strike(lose=1)
    await outside.send()
    outside.strike()
    line = outside.books.journal[0]
    other = msgspec.structs.replace(line.order, amount=90)
    outside.books.journal[0] = Executed(other, line.at, line.reference)
    outside.books.outcomes[order.external_id] = Done(
        direction="credit", amount=90, reference=line.reference, at=line.at
    )
    outside.clock.advance(minutes=1)
    assert await outside.send() == service.Sent(unknown=1)
    outside.clock.advance(days=2)
    told = await reconcile(outside.platform, outside.connector, DAY)
    assert [one.kind for one in told.differences] == ["amount_differs"]
    assert told.waiting == 1
    # Its inquiry says done, its statement does not: neither paid nor returned by a machine.
    outside.books.journal.clear()
    told = await reconcile(outside.platform, outside.connector, DAY)
    assert [one.kind for one in told.differences] == ["ours_only"]
    assert (await outside.order(order)).state == "unknown"
    assert await outside.shared("in_transit") == 100
    await outside.proved()


async def test_a_refused_order_that_the_bank_carried_out_is_found(
    outside: Outside, customers: list[Customer]
) -> None:
    order = await outside.pay(customers[0], 100, name="不对")
    await outside.send()
    refused = service.instruction(outside.platform, await outside.order(order))
    outside.books.journal.append(Executed(refused, MORNING, "LATE"))
    told = await reconcile(outside.platform, outside.connector, DAY)
    assert [(one.kind, one.order_id) for one in told.differences] == [
        ("bank_only", order.external_id)
    ]


async def test_an_order_over_midnight_is_returned_only_when_it_can_no_longer_happen(
    outside: Outside, customers: list[Customer]
) -> None:
    clock, platform = outside.clock, outside.platform
    clock.at = datetime(2026, 3, 1, 23, 59, tzinfo=SHANGHAI)
    next_day = DAY + timedelta(days=1)
    late = await outside.collect(customers[1], 300)
    outside.strike(slow=1, minutes_max=10)
    assert await outside.send() == service.Sent(unknown=1)
    outside.strike(drop=1)
    lost = await outside.pay(customers[0], 200)
    assert (await outside.send()).unknown == 1
    outside.strike()

    # The first day is closed; both orders might still be carried out on the next.
    clock.at = datetime(2026, 3, 2, 0, 31, tzinfo=SHANGHAI)
    told = await reconcile(platform, outside.connector, DAY)
    assert (told.closed, told.bank_rows, told.waiting, told.differences) == (True, 0, 2, [])
    (line,) = outside.books.journal
    assert line.at.date() == next_day
    assert line.order.order_id == late.external_id

    # Validity ran out, the next day is still open.
    clock.at = datetime(2026, 3, 2, 3, 0, tzinfo=SHANGHAI)
    assert (await reconcile(platform, outside.connector, DAY)).waiting == 2
    told = await reconcile(platform, outside.connector, next_day)
    assert (told.closed, told.waiting) == (False, 1)
    assert [(one.order_id, one.kind) for one in told.differences] == [
        (late.external_id, "unknown_resolved_done")
    ]
    assert (await outside.order(lost)).state == "unknown"
    assert await outside.balance(customers[1]) == 100_300
    assert await outside.balance(customers[0]) == 99_800

    clock.at = datetime(2026, 3, 3, 0, 31, tzinfo=SHANGHAI)
    told = await reconcile(platform, outside.connector, DAY)
    assert [(one.order_id, one.kind) for one in told.differences] == [
        (lost.external_id, "unknown_resolved_refused")
    ]
    assert (await outside.order(lost)).refusal_code == "not_executed"
    assert await outside.balance(customers[0]) == 100_000
    before = await everything(platform)
    for day in (DAY, next_day):
        await reconcile(platform, outside.connector, day)
    after = await everything(platform)
    # The second day was open when it was last compared: its own line alone says so now.
    changed = {table for table in after if after[table] != before[table]}
    assert changed == {"bank_reconciliations"}
    for day in (DAY, next_day):
        await reconcile(platform, outside.connector, day)
    assert await everything(platform) == after
    await outside.proved()


async def test_a_late_order_within_its_validity_is_never_returned_too_early(
    outside: Outside, customers: list[Customer]
) -> None:
    """The bank's clock is four minutes slow: it still carries out what we hold for expired."""
    order = await outside.pay(customers[0], 200)
    outside.strike(drop=1)
    await outside.send()
    outside.strike()
    sent = await outside.order(order)
    assert sent.valid_until is not None
    outside.clock.at = sent.valid_until + timedelta(minutes=4)
    told = await reconcile(outside.platform, outside.connector, DAY)
    assert told.waiting == 1
    outside.books.carry_out(
        service.instruction(outside.platform, sent), outside.clock.at - timedelta(minutes=4)
    )
    told = await reconcile(outside.platform, outside.connector, DAY)
    assert [one.kind for one in told.differences] == ["unknown_resolved_done"]
    assert await outside.shared("outside") == 200
    await outside.proved()


async def test_a_bank_that_closes_its_day_too_early_gets_no_money_returned(
    outside: Outside, customers: list[Customer]
) -> None:
    order = await outside.pay(customers[0], 200)
    outside.strike(drop=1)
    await outside.send()
    outside.strike()
    told = outside.connector.statement

    async def closed(day: date) -> BankStatement:
        return msgspec.structs.replace(await told(day), closed=True)

    outside.connector.statement = closed
    assert (await reconcile(outside.platform, outside.connector, DAY)).waiting == 1
    sent = await outside.order(order)
    assert sent.valid_until is not None
    outside.clock.at = sent.valid_until + CLOCK_SKEW_MAX
    assert (await reconcile(outside.platform, outside.connector, DAY)).waiting == 1
    outside.clock.advance(seconds=1)
    assert (await reconcile(outside.platform, outside.connector, DAY)).waiting == 0
    assert await outside.balance(customers[0]) == 100_000
    await outside.proved()


async def test_without_a_statement_nothing_is_decided(
    outside: Outside, teller: Teller, customers: list[Customer]
) -> None:
    await teller.carry_out(Deposit(key="d", actor=CLERK, account=customers[0].number, amount=1))
    await outside.pay(customers[0], 100_001)
    outside.strike(fail=1)
    await outside.send()
    outside.clock.advance(days=2)
    with pytest.raises(OutcomeUnknown), capture_logs():
        await reconcile(outside.platform, outside.connector, DAY)
    assert await outside.shared("in_transit") == 100_001
