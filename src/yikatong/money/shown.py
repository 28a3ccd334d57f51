"""How accounts, transactions and statements are written in JSON: amounts as texts in yuan, ids as
texts (a 63-bit number would lose digits in some languages), times with their offset."""

from typing import Any

import msgspec

from yikatong.core.money import Fen, format_yuan
from yikatong.money.ledger.model import Account, Hold, StatementLine, Transaction


class AccountBody(msgspec.Struct, omit_defaults=True):
    """An account of a person."""

    person_id: int
    account_id: str
    kind: str
    state: str
    balance: str
    available: str
    held: str
    frozen: list[str]
    account_class: int | None = None
    bank: str | None = None
    region: str | None = None
    number_tail: str | None = None


class TransactionBody(msgspec.Struct, omit_defaults=True):
    """What a command led to. The same key and content gets the same answer again."""

    person_id: int
    transaction_id: str
    kind: str
    at: str
    key: str
    amount: str
    """What left (or, for a deposit, reached) the first account; "0.00" where nothing moved."""
    detail: dict[str, Any]
    balance: str | None = None
    """Of the first account, behind this transaction."""
    reverses: str | None = None
    reversed_by: str | None = None


class HoldBody(msgspec.Struct, omit_defaults=True):
    """A sum set aside."""

    person_id: int
    hold_id: str
    account_id: str
    amount: str
    captured: str
    state: str
    reason: str
    expires_at: str | None = None


class LineBody(msgspec.Struct, omit_defaults=True):
    """One line of a statement."""

    transaction_id: str
    at: str
    kind: str
    amount: str
    balance: str | None
    detail: dict[str, Any]


class StatementBody(msgspec.Struct):
    """opening + all amounts = closing."""

    account: AccountBody
    since: str
    until: str
    opening: str
    closing: str
    lines: list[LineBody]
    more: bool
    """Whether older lines were left out; `opening` is then the balance before the first shown."""


def yuan(amount: Fen | None) -> str | None:
    return None if amount is None else format_yuan(amount)


def account(one: Account) -> AccountBody:
    return AccountBody(
        person_id=one.person_id,
        account_id=str(one.account_id),
        kind=one.kind,
        state=one.state,
        balance=format_yuan(one.balance),
        available=format_yuan(one.available),
        held=format_yuan(one.held),
        frozen=list(one.frozen),
        account_class=one.account_class,
        bank=one.bank,
        region=one.region,
        number_tail=one.number_tail,
    )


def transaction(one: Transaction, reversed_by: Transaction | None = None) -> TransactionBody:
    return TransactionBody(
        person_id=one.person_id,
        transaction_id=str(one.transaction_id),
        kind=one.kind,
        at=one.at.isoformat(timespec="milliseconds"),
        key=one.key,
        amount=format_yuan(abs(one.amounts[0]) if one.amounts else 0),
        detail=one.detail,
        balance=yuan(one.balances[0]) if one.balances else None,
        reverses=None if one.reverses is None else str(one.reverses),
        reversed_by=None if reversed_by is None else str(reversed_by.transaction_id),
    )


def hold(one: Hold) -> HoldBody:
    return HoldBody(
        person_id=one.person_id,
        hold_id=str(one.hold_id),
        account_id=str(one.account_id),
        amount=format_yuan(one.amount),
        captured=format_yuan(one.captured),
        state=one.state,
        reason=one.reason,
        expires_at=one.expires_at.isoformat() if one.expires_at else None,
    )


def line(one: StatementLine) -> LineBody:
    return LineBody(
        transaction_id=str(one.transaction_id),
        at=one.at.isoformat(timespec="milliseconds"),
        kind=one.kind,
        amount=format_yuan(one.amount),
        balance=yuan(one.balance_after),
        detail=one.detail,
    )
