"""What a bank account may do: limits, freezes, strength of the check. Pure."""

from datetime import date

from yikatong.core.errors import InvalidInput
from yikatong.core.money import Fen, format_yuan_grouped
from yikatong.money.bank.banks import limits_of
from yikatong.money.errors import (
    AccountClosed,
    AccountFrozen,
    LimitExceeded,
    StrongerCheckNeeded,
    positive,
)
from yikatong.money.ledger.model import Account

PRESENT = 2
"""Assurance level (身份核验等级) of card and PIN: what money going out asks for at least."""
STRONG = 3
"""Face check or the counter: what large sums ask for."""


def check_level(level: int, field: str = "assurance") -> None:
    """Raise InvalidInput unless the level is 1, 2 or 3."""
    if level not in (1, 2, 3):
        raise InvalidInput(field, zh="核验等级应为 1、2 或 3", en="an assurance level is 1, 2 or 3")


def check_outgoing(
    account: Account, amount: Fen, day: date, level: int, field: str = "from.account"
) -> None:
    """Raise where this much may not go out today: closed, frozen, over a limit, check too weak.

    Funds are the ledger's to check. The sum of the day decides about the stronger check, so that a
    large sum cannot be split to get around it; what is held counts as gone, so that it cannot be
    held and captured to get around it either.
    """
    positive(amount)
    if account.state == "closed":
        raise AccountClosed(field)
    check_frozen(account, field)
    if account.account_class is None:
        raise _not_cash(field)
    limits = limits_of(account.account_class)
    on_day, in_year = (spent + account.held for spent in account.spent(day))
    _within("每笔", "a transaction", amount, limits.per_transaction, limits.per_transaction)
    if limits.a_day is not None:
        _within("当日", "a day", on_day + amount, limits.a_day, limits.a_day - on_day)
    if limits.a_year is not None:
        _within("当年", "a year", in_year + amount, limits.a_year, limits.a_year - in_year)
    if level < PRESENT:
        raise StrongerCheckNeeded(
            zh="转出资金需要出示社保卡并输入密码",
            en="money going out asks for the card and its PIN",
            field="assurance",
        )
    if level < STRONG and on_day + amount > limits.stronger_check_above_a_day:
        limit = format_yuan_grouped(limits.stronger_check_above_a_day)
        raise StrongerCheckNeeded(
            zh=f"当日转出超过 {limit} 元，需要刷脸核验或到柜台办理",
            en=f"more than {limit} yuan a day go out with a face check or at a counter only",
            field="assurance",
        )


def check_frozen(account: Account, field: str) -> None:
    """Raise AccountFrozen for the gravest of the reasons the account is frozen for."""
    if account.frozen_by is not None:
        raise AccountFrozen(account.frozen_by, field)


def _within(zh: str, en: str, wanted: Fen, limit: Fen, left: Fen) -> None:
    if wanted > limit:
        most, rest = format_yuan_grouped(limit), format_yuan_grouped(max(0, left))
        raise LimitExceeded(
            zh=f"超过{zh}限额 {most} 元，还可转出 {rest} 元",
            en=f"over the limit of {most} yuan {en}; {rest} yuan may still go out",
            field="amount",
        )


def check_incoming(
    account: Account, amount: Fen, *, social: bool, field: str = "to.account"
) -> None:
    """Raise where this much may not arrive. Social money (待遇、退费) is bound by no limit; no
    freeze stops money from arriving."""
    positive(amount)
    if account.state == "closed":
        raise AccountClosed(field)
    if social or account.account_class is None:
        return
    most = limits_of(account.account_class).balance
    if most is not None and account.balance + amount > most:
        raise LimitExceeded(
            zh=f"对方账户余额不能超过 {format_yuan_grouped(most)} 元（III 类户）",
            en=f"the payee's account may not hold more than {format_yuan_grouped(most)} yuan (class III)",
            field="amount",
        )


def same_account() -> InvalidInput:
    """The error for a transfer from an account to itself."""
    return InvalidInput(
        "to.account",
        zh="收款账户与付款账户相同",
        en="the payee's account is the payer's own; choose another",
    )


def check_payable(account: Account, amount: Fen, field: str = "account") -> None:
    """Raise where the account may not pay a public charge (社保缴费): closed, frozen, not cash.

    Limits guard against losing money to others, not against paying what is owed to a fund.
    """
    positive(amount)
    if account.state == "closed":
        raise AccountClosed(field)
    check_frozen(account, field)
    if account.account_class is None:
        raise _not_cash(field)


def _not_cash(field: str) -> InvalidInput:
    return InvalidInput(
        field,
        zh="医保个人账户不能取现或转账，只能用于看病购药和家庭共济",
        en="a medical account pays for care, medicine and family members only; it is not cash",
    )
