"""Use cases of orders to banks: pay out, collect, send what is due.

Money that leaves for a bank first goes to the shared account ("bank", CODE, "in_transit"), and from
there to ("bank", CODE, "outside") or back. The bank is never asked inside a database transaction.
"""

import asyncio
import hashlib
import re
from collections.abc import Container, Mapping
from datetime import datetime, timedelta
from typing import Final, TypeAlias

import msgspec

from yikatong.core import ids
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput
from yikatong.core.money import AMOUNT_MAX, Fen
from yikatong.core.platform import Platform
from yikatong.money.bank import rules
from yikatong.money.bank.orders import MEMO_MAX
from yikatong.money.errors import KeyReused, NoSuchAccount, positive, printable
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.book import Command
from yikatong.money.ledger.model import NOBODY, Entry, SharedKind
from yikatong.money.outside import store
from yikatong.money.outside.interface import (
    BankConnector,
    BankRefused,
    Direction,
    Instruction,
    Outcome,
    OutcomeUnknown,
    Refused,
)
from yikatong.money.outside.settlement import book_for, detail_of, settle
from yikatong.money.outside.store import BankOrder
from yikatong.trust import audit
from yikatong.trust.audit import Actor

Own: TypeAlias = tuple[int, int] | tuple[SharedKind, str, str]
"""Our side of an order: a person's account, or a shared account (kind, owner, purpose)."""

VALID_FOR: Final = timedelta(hours=2)
"""So long the bank may carry an order out, counted from its first sending."""
TRIES_MAX: Final = 8
"""Then only reconciliation helps; they take some 20 minutes."""
_FIRST_PAUSE: Final = timedelta(seconds=10)
_PAUSE_MAX: Final = timedelta(minutes=10)
_LEASE: Final = timedelta(minutes=2)
"""Nobody else sends a claimed order within this time: longer than a connector may take."""
_AT_ONCE_MAX: Final = 20
_NUMBER: Final = re.compile(r"[0-9]{8,32}")
_NAME_MAX: Final = 100


class PayOut(msgspec.Struct, frozen=True, kw_only=True):
    """Money to an account at a bank (跨行转出、代发)."""

    key: str
    actor: Actor
    bank: str
    source: Own
    account: str
    name: str
    amount: Fen
    assurance: int = 0
    """Where the source is a person's account: how strongly the person was checked."""
    about: int = NOBODY
    """Where the source is shared: whose payment it is."""
    memo: str = ""


class Collection(msgspec.Struct, frozen=True, kw_only=True):
    """Money collected from an account at a bank, whose owner agreed (代扣)."""

    key: str
    actor: Actor
    bank: str
    target: Own
    account: str
    name: str
    amount: Fen
    about: int = NOBODY
    memo: str = ""


class Sent(msgspec.Struct):
    """What a run of the worker came to."""

    done: int = 0
    refused: int = 0
    unknown: int = 0
    passed: int = 0
    """Another worker was quicker."""


async def pay_out(platform: Platform, banks: Container[str], order: PayOut) -> BankOrder:
    """Take the money from the source and order the bank to pay it; `send_due` then sends it.

    The same key answers the same order, as it stands now. Raises InvalidInput, KeyReused, and all
    that refuses a transfer.
    """
    return await _order(
        platform, banks, order, "credit", order.source, order.assurance, "payment_out"
    )


async def collect(platform: Platform, banks: Container[str], order: Collection) -> BankOrder:
    """Order the bank to collect money; it is booked when the bank has done so.

    Raises InvalidInput, KeyReused, and what refuses money from arriving.
    """
    return await _order(platform, banks, order, "debit", order.target, 0, "collection_order")


def refusal(order: BankOrder) -> BankRefused | None:
    """The error a refused order is shown as."""
    if order.refusal_zh is None or order.refusal_en is None:
        return None
    return BankRefused(
        zh=f"银行未办理：{order.refusal_zh}", en=f"the bank refused: {order.refusal_en}"
    )


async def _order(
    platform: Platform,
    banks: Container[str],
    order: PayOut | Collection,
    direction: Direction,
    own: Own,
    assurance: int,
    kind: str,
) -> BankOrder:
    number = order.account.replace(" ", "").replace("-", "")
    _check(order, number, banks)
    person_id = order.about if len(own) == 3 else own[0]
    transit = ("bank", order.bank, "in_transit")
    wanted = (transit, own) if len(own) == 3 else (transit,)
    shared = await ledger.shared(platform, *wanted)
    account_id = shared[own] if len(own) == 3 else own[1]
    number_hash = platform.vault.hash("account", number).hex()
    name_hash = platform.vault.hash("name", order.name).hex()
    content = [kind, order.bank, own, number_hash, name_hash, order.amount, order.memo]
    command = Command(person_id, order.key, ledger.digest(content), kind, order.actor)

    async def work(connection: Connection) -> BankOrder:
        known = await store.order_by_key(connection, person_id, order.key)
        if known is not None:
            if known.content_hash != command.content_hash:
                raise KeyReused
            return known
        now = platform.clock.now()
        made = BankOrder(
            person_id=person_id,
            order_id=ids.new_id(now),
            key=order.key,
            content_hash=command.content_hash,
            bank=order.bank,
            direction=direction,
            amount=order.amount,
            account_id=account_id,
            shared=len(own) == 3,
            number_sealed=platform.vault.seal("account", person_id, number),
            number_tail=number[-4:],
            name_sealed=platform.vault.seal("name", person_id, order.name),
            memo=order.memo,
            state="pending",
            attempts=0,
            next_try_at=now,
            created_at=now,
        )
        await store.insert(connection, made)
        book = await book_for(platform, connection, made, order.key)
        # The key may have served another command of this person.
        book.done_before(command)
        if len(own) == 2:
            if not book.has(own):
                raise NoSuchAccount("account")
            account = book.account(own)
            if direction == "credit":
                rules.check_outgoing(account, order.amount, today(platform.clock), assurance)
            elif account.kind != "bank":
                raise NoSuchAccount("to.account")
            else:
                rules.check_incoming(account, order.amount, social=False)
        if direction == "credit":
            book.post(
                command,
                [
                    Entry(person_id, account_id, -order.amount),
                    Entry(person_id, shared[transit], order.amount),
                ],
                detail_of(made),
                spent=order.amount,
            )
            await ledger.write(connection, book)
        elif person_id:
            await audit.record(
                connection, order.actor, now, person_id, f"money.{kind}", detail_of(made)
            )
        return made

    return await ledger.carry_out(platform, work)


def _check(order: PayOut | Collection, number: str, banks: Container[str]) -> None:
    positive(order.amount)
    if order.amount > AMOUNT_MAX:
        raise InvalidInput("amount", zh="金额过大", en="the amount is too large")
    if order.bank not in banks:
        raise InvalidInput("bank", zh="没有接入这家银行", en="this bank is not connected")
    if not _NUMBER.fullmatch(number):
        raise InvalidInput(
            "to.account", zh="账号应为 8 至 32 位数字", en="an account number has 8 to 32 digits"
        )
    if not 1 <= len(order.name.strip()) <= len(order.name) <= _NAME_MAX:
        raise InvalidInput("to.name", zh="请填写户名", en="give the name of the account's owner")
    if len(order.memo) > MEMO_MAX:
        raise InvalidInput(
            "memo", zh=f"附言最多 {MEMO_MAX} 字", en=f"{MEMO_MAX} characters at most"
        )
    printable(order.name, "to.name")
    printable(order.memo, "memo")


async def send_due(
    platform: Platform, connectors: Mapping[str, BankConnector], limit: int = 200
) -> Sent:
    """Send the orders that are due, at most `limit` to each bank; several workers may do so at once.

    A bank that does not answer keeps no other bank's orders waiting.
    """
    sent = Sent()
    runs = [_send_to(platform, bank, limit, sent) for bank in connectors.values()]
    failed = [one for one in await asyncio.gather(*runs, return_exceptions=True) if one is not None]
    if failed:
        raise failed[0]
    return sent


async def _send_to(platform: Platform, bank: BankConnector, limit: int, sent: Sent) -> None:
    async with platform.database.transaction(readonly=True) as connection:
        due = await store.due(connection, bank.code, platform.clock.now(), limit)
    room = asyncio.Semaphore(_AT_ONCE_MAX)

    async def one(order: BankOrder) -> None:
        async with room:
            came_to = await _send(platform, bank, order)
        setattr(sent, came_to, getattr(sent, came_to) + 1)

    # All of them end before an error is told: none is left running behind its caller's back.
    failed = [
        error
        for error in await asyncio.gather(*(one(order) for order in due), return_exceptions=True)
        if error is not None
    ]
    if failed:
        raise failed[0]


async def _send(platform: Platform, bank: BankConnector, order: BankOrder) -> str:
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        claimed = await store.claim(connection, order, now, now + VALID_FOR, now + _LEASE)
    if claimed is None:
        return "passed"
    try:
        outcome = await _ask(platform, bank, claimed)
    except OutcomeUnknown:
        async with platform.database.transaction() as connection:
            await store.put_off(connection, claimed, next_try(claimed, platform.clock.now()))
        return "unknown"
    return (await settle(platform, claimed, outcome)).state


async def _ask(platform: Platform, bank: BankConnector, order: BankOrder) -> Outcome:
    """The outcome of a claimed order: asked for where it was sent before, else by sending it."""
    assert order.valid_until is not None
    outcome: Outcome | None = None
    if order.attempts > 1:
        outcome = await bank.outcome_of(order.external_id)
    if outcome is None:
        if platform.clock.now() > order.valid_until:
            # The bank would refuse it; that it never carried it out its statements must show.
            raise OutcomeUnknown(bank.code, "the order's validity ran out")
        outcome = await bank.instruct(instruction(platform, order))
    if not fits(order, outcome):
        raise OutcomeUnknown(bank.code, "the answer is about another amount or direction")
    return outcome


def instruction(platform: Platform, order: BankOrder) -> Instruction:
    """The order as the bank is told it, each time the same."""
    assert order.valid_until is not None
    return Instruction(
        order_id=order.external_id,
        direction=order.direction,
        amount=order.amount,
        account=platform.vault.open("account", order.person_id, order.number_sealed),
        name=platform.vault.open("name", order.person_id, order.name_sealed),
        memo=order.memo,
        valid_until=order.valid_until,
    )


def fits(order: BankOrder, outcome: Outcome) -> bool:
    """Whether what the bank says it did is what it was told."""
    return isinstance(outcome, Refused) or (outcome.direction, outcome.amount) == (
        order.direction,
        order.amount,
    )


def next_try(order: BankOrder, now: datetime) -> datetime | None:
    """When to try again: twice as long each time, orders apart from each other; None after the last.

    The jitter follows from the order, so that a run can be repeated exactly.
    """
    if order.attempts >= TRIES_MAX:
        return None
    drawn = hashlib.blake2b(f"{order.external_id}/{order.attempts}".encode(), digest_size=4)
    share = 0.75 + 0.5 * int.from_bytes(drawn.digest(), "big") / 2**32
    return now + share * min(_PAUSE_MAX, _FIRST_PAUSE * 2 ** (order.attempts - 1))
