"""Settling (清算): what became of an order to a bank is booked, once.

Money that left for a bank waits on the shared account ("bank", CODE, "in_transit"); from there it
goes to ("bank", CODE, "outside") or back.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeAlias

from yikatong.core import ids
from yikatong.core.database import Connection
from yikatong.core.errors import NotFound
from yikatong.core.platform import Platform
from yikatong.money.bank import rules
from yikatong.money.errors import AccountClosed
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.book import Book, Command
from yikatong.money.ledger.model import Entry
from yikatong.money.outside import store
from yikatong.money.outside.interface import Done, Outcome
from yikatong.money.outside.store import BankOrder
from yikatong.trust import audit
from yikatong.trust.audit import Actor

ACTOR: Final = Actor("system", "bank-orders", "answer of a bank")


class NoSuchOrder(NotFound):
    """There is no such order of this person."""

    code = "no_such_bank_order"

    def __init__(self) -> None:
        super().__init__(
            zh="没有这笔银行指令", en="there is no such order to a bank", field="order_id"
        )


async def get(connection: Connection, person_id: int, order_id: int) -> BankOrder:
    """An order as it stands; raises NoSuchOrder."""
    found = await store.order(connection, person_id, order_id)
    if found is None:
        raise NoSuchOrder
    return found


Note: TypeAlias = Callable[[Connection], Awaitable[None]]


async def settle(
    platform: Platform, of: BankOrder, outcome: Outcome, note: Note | None = None
) -> BankOrder:
    """Book an order's outcome, once; `note` writes more in the same transaction, only then.

    An order that has its outcome keeps it: where a bank says otherwise later, reconciliation
    lists it for people.
    """
    banks = {
        purpose: ("bank", of.bank, purpose) for purpose in ("in_transit", "outside", "unclaimed")
    }
    shared = await ledger.shared(platform, *banks.values())
    shared_ids = {purpose: shared[one] for purpose, one in banks.items()}

    async def work(connection: Connection) -> BankOrder:
        order = await get(connection, of.person_id, of.order_id)
        if not order.open:
            return order
        now = platform.clock.now()
        await _post_outcome(platform, connection, order, outcome, shared_ids)
        finished = await store.finish(connection, order, outcome, now)
        if note is not None:
            await note(connection)
        return finished

    return await ledger.carry_out(platform, work)


async def _post_outcome(
    platform: Platform,
    connection: Connection,
    order: BankOrder,
    outcome: Outcome,
    shared: Mapping[str, int],
) -> None:
    now = platform.clock.now()
    person_id, amount = order.person_id, order.amount
    done = isinstance(outcome, Done)
    kind = {
        ("credit", True): "payment_out_done",
        ("credit", False): "payment_out_returned",
        ("debit", True): "collection",
        ("debit", False): "collection_refused",
    }[order.direction, done]
    detail = detail_of(order)
    if isinstance(outcome, Done):
        detail["reference"] = outcome.reference
    else:
        detail["refusal"] = outcome.code
    # One key for both outcomes: the ledger itself lets only one of them in.
    key = f"bank-order:{order.order_id}"
    command = Command(person_id, key, ledger.digest([kind, order.external_id]), kind, ACTOR)
    if order.direction == "debit" and not done:
        if person_id:
            await audit.record(connection, ACTOR, now, person_id, f"money.{kind}", detail)
        return
    book = await book_for(platform, connection, order, key)
    if book.done_before(command) is not None:
        return
    if order.direction == "credit" and done:
        giver, taker = shared["in_transit"], shared["outside"]
    else:
        giver = shared["outside" if done else "in_transit"]
        taker = _taker(book, order, shared["unclaimed"], detail)
    book.post(command, [Entry(person_id, giver, -amount), Entry(person_id, taker, amount)], detail)
    if order.direction == "credit" and not done and not order.shared:
        _give_back_limits(book, order)
    await ledger.write(connection, book)


def _taker(book: Book, order: BankOrder, unclaimed: int, detail: dict[str, Any]) -> int:
    """Our account that the money arrives on: no limit or freeze stops it, it is the owner's.

    Where the account was closed meanwhile the money waits on a shared account (挂账) for a clerk.
    """
    if order.shared:
        return order.account_id
    account = book.account((order.person_id, order.account_id))
    try:
        rules.check_incoming(account, order.amount, social=True)
    except AccountClosed:
        detail["unclaimed_of"] = order.account_id
        return unclaimed
    return order.account_id


def _give_back_limits(book: Book, order: BankOrder) -> None:
    """What the bank refused was not spent; the owner may try again today."""
    account = book.account((order.person_id, order.account_id))
    spent_on = ids.day_of(order.order_id)
    if account.spent_day is None or account.spent_day.year != spent_on.year:
        return
    account.spent_in_year = max(0, account.spent_in_year - order.amount)
    if account.spent_day == spent_on:
        account.spent_on_day = max(0, account.spent_on_day - order.amount)


async def book_for(platform: Platform, connection: Connection, order: BankOrder, key: str) -> Book:
    """A book over our account of the order, and a key."""
    accounts = [] if order.shared else [(order.person_id, order.account_id)]
    return await ledger.open_book(
        platform, connection, accounts=accounts, keys=[(order.person_id, key)]
    )


def detail_of(order: BankOrder) -> dict[str, Any]:
    """What the ledger and the audit trail say of an order; the account only by its tail."""
    told = {"order_id": order.external_id, "bank": order.bank, "tail": order.number_tail}
    return {**told, "memo": order.memo} if order.memo else told
