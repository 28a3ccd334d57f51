"""Orders at the bank desk, and how each is decided. Pure: everything needed was read before."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

import msgspec

from yikatong.core.money import Fen
from yikatong.money.bank import rules
from yikatong.money.errors import NameDiffers, NoSuchAccount, StrongerCheckNeeded
from yikatong.money.ledger.book import Book, Command
from yikatong.money.ledger.model import Account, Entry, Transaction
from yikatong.trust.audit import Actor

Ref = str | tuple[int, int]
"""An account as the order names it: by its number, or by person_id and account_id."""

MEMO_MAX: Final = 60


class Deposit(msgspec.Struct, frozen=True, kw_only=True):
    """Cash put onto an account (存款) at a counter or machine of the account's bank."""

    key: str
    actor: Actor
    account: Ref
    amount: Fen
    memo: str = ""

    def accounts(self) -> tuple[tuple[str, Ref], ...]:
        return (("account", self.account),)


class Withdrawal(msgspec.Struct, frozen=True, kw_only=True):
    """Cash taken from an account (取款)."""

    key: str
    actor: Actor
    account: Ref
    amount: Fen
    assurance: int
    memo: str = ""

    def accounts(self) -> tuple[tuple[str, Ref], ...]:
        return (("account", self.account),)


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """Money from one account to another (转账)."""

    key: str
    actor: Actor
    payer: Ref
    payee: Ref
    payee_name: str
    """Must be the name of the payee's account."""
    amount: Fen
    assurance: int
    memo: str = ""

    def accounts(self) -> tuple[tuple[str, Ref], ...]:
        return (("from.account", self.payer), ("to.account", self.payee))


Order = Deposit | Withdrawal | Transfer
"""What the desk carries out in batches; the first account named is whose order it is."""


class Desk(msgspec.Struct):
    """What decisions may look at."""

    book: Book
    resolved: dict[Ref, tuple[int, int]]
    names: Mapping[int, str]
    shared: Mapping[tuple[str, str, str], int]
    day: date

    def account(self, ref: Ref, field: str) -> Account:
        key = self.resolved.get(ref)
        if key is None or not self.book.has(key):
            raise NoSuchAccount(field)
        return self.book.account(key)


def kind_of(order: Order) -> str:
    """The kind of transaction an order leads to: deposit, withdrawal, transfer."""
    return type(order).__name__.lower()


def content_of(order: Order, resolved: Mapping[Ref, tuple[int, int]]) -> list[Any]:
    """What makes two orders with one key the same: accounts by identity, never by number."""
    accounts = [resolved.get(ref) for _, ref in order.accounts()]
    return [kind_of(order), accounts, order.amount, order.memo]


def decide(order: Order, command: Command, desk: Desk) -> Transaction:
    """Carry the order out in the desk's book, or raise why not."""
    match order:
        case Transfer():
            return _transfer(order, command, desk)
        case Deposit():
            return _deposit(order, command, desk)
        case Withdrawal():
            return _withdraw(order, command, desk)


def _deposit(order: Deposit, command: Command, desk: Desk) -> Transaction:
    account = desk.account(order.account, "account")
    rules.check_incoming(account, order.amount, social=False, field="account")
    bank = account.bank
    assert bank is not None
    return desk.book.post(
        command,
        [
            Entry(account.person_id, account.account_id, order.amount),
            Entry(account.person_id, desk.shared["bank", bank, "cash"], -order.amount),
        ],
        _detail(order.memo),
    )


def _withdraw(order: Withdrawal, command: Command, desk: Desk) -> Transaction:
    account = desk.account(order.account, "account")
    rules.check_outgoing(account, order.amount, desk.day, order.assurance, "account")
    bank = account.bank
    assert bank is not None
    return desk.book.post(
        command,
        [
            Entry(account.person_id, account.account_id, -order.amount),
            Entry(account.person_id, desk.shared["bank", bank, "cash"], order.amount),
        ],
        _detail(order.memo),
        spent=order.amount,
    )


def _transfer(order: Transfer, command: Command, desk: Desk) -> Transaction:
    payer = desk.account(order.payer, "from.account")
    if order.assurance < rules.PRESENT:
        # Before the payee is looked at: who has not shown the card learns nothing about others.
        raise StrongerCheckNeeded(
            zh="转出资金需要出示社保卡并输入密码",
            en="money going out asks for the card and its PIN",
            field="assurance",
        )
    payee = desk.account(order.payee, "to.account")
    if payee.kind != "bank":
        raise NoSuchAccount("to.account")
    if payee.key == payer.key:
        raise rules.same_account()
    if desk.names[payee.person_id] != order.payee_name:
        raise NameDiffers("to.name")
    own = payee.person_id == payer.person_id
    rules.check_outgoing(payer, order.amount, desk.day, order.assurance)
    rules.check_incoming(payee, order.amount, social=False)
    entries = [
        Entry(payer.person_id, payer.account_id, -order.amount),
        Entry(payee.person_id, payee.account_id, order.amount),
    ]
    # To an own account nothing is spent: limits guard against losing money to others.
    detail = {**_detail(order.memo), "from_tail": payer.number_tail, "to_tail": payee.number_tail}
    return desk.book.post(command, entries, detail, spent=0 if own else order.amount)


def _detail(memo: str) -> dict[str, Any]:
    return {"memo": memo} if memo else {}
