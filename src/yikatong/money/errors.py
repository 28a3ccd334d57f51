"""What can be wrong with a command that moves money."""

import re
from typing import Final

from yikatong.core import errors
from yikatong.core.errors import InvalidInput, NotFound, YikatongError
from yikatong.core.money import Fen, format_yuan


class MoneyRefused(YikatongError):
    """The command was understood and not carried out; nothing was changed."""

    code = "money_refused"
    status = 409


class InsufficientFunds(MoneyRefused):
    """The balance, less what is held, does not cover the amount."""

    code = "insufficient_funds"

    def __init__(self, available: Fen, field: str = "amount") -> None:
        super().__init__(
            zh=f"余额不足，可用余额 {format_yuan(available)} 元",
            en=f"the balance does not suffice; {format_yuan(available)} yuan are available",
            field=field,
        )
        self.available = available


class AccountFrozen(MoneyRefused):
    """Nothing goes out of the account: loss report, court order or death."""

    code = "account_frozen"

    def __init__(self, reason: str, field: str) -> None:
        zh, en = _FROZEN[reason]
        super().__init__(zh, en, field)
        self.reason = reason


_FROZEN = {
    "loss_report": (
        "账户因社保卡挂失而止付，办理解挂或补卡后恢复；转入不受影响",
        "payments out are stopped by a loss report until it is withdrawn or the card is replaced;"
        " money still arrives",
    ),
    "court": (
        "账户已被法院冻结，请向作出冻结决定的法院咨询；转入不受影响",
        "a court has frozen the account; please ask the court that ordered it; money still arrives",
    ),
    "death": (
        "账户所有人已登记死亡，请继承人持公证书或法院文书到银行办理",
        "the owner's death is recorded; the heirs may apply at the bank with a notarial deed or"
        " a court document",
    ),
}


class AccountClosed(MoneyRefused):
    """The account was closed; no money comes or goes."""

    code = "account_closed"

    def __init__(self, field: str) -> None:
        super().__init__(zh="账户已销户", en="the account is closed", field=field)


class LimitExceeded(MoneyRefused):
    """Over a limit per transaction, day or year, or a balance the class of account may not hold."""

    code = "limit_exceeded"


class StrongerCheckNeeded(MoneyRefused):
    """The amount asks for a stronger proof of who one is."""

    code = "stronger_check_needed"
    status = 403


class KeyReused(errors.KeyReused, MoneyRefused):
    """The same, of a command that moves money."""


class AlreadyReversed(MoneyRefused):
    """A transaction is taken back at most once."""

    code = "already_reversed"

    def __init__(self) -> None:
        super().__init__(
            zh="这笔业务已经冲正过",
            en="this transaction has been reversed before",
            field="transaction_id",
        )


class NotReversible(MoneyRefused):
    """This kind of transaction is taken back in another way, or not at all."""

    code = "not_reversible"


class HoldClosed(MoneyRefused):
    """The hold was captured, released or ran out."""

    code = "hold_closed"

    def __init__(self, state: str) -> None:
        names = {"captured": "已扣款", "released": "已解除", "expired": "已到期"}
        super().__init__(
            zh=f"这笔冻结{names[state]}", en=f"this hold has been {state}", field="hold_id"
        )


class NoSuchAccount(NotFound):
    """There is no such account, or the asker may not know that there is."""

    code = "no_such_account"

    def __init__(self, field: str) -> None:
        super().__init__(
            zh="没有这个账户，请核对账号",
            en="there is no such account; please compare the number",
            field=field,
        )


class NoSuchTransaction(NotFound):
    """There is no such transaction of this person."""

    code = "no_such_transaction"

    def __init__(self, field: str = "transaction_id") -> None:
        super().__init__(
            zh="没有这笔业务，请核对流水号",
            en="there is no such transaction; please compare its number",
            field=field,
        )


class NameDiffers(MoneyRefused):
    """The payee's name is not the name of the account's owner."""

    code = "name_differs"

    def __init__(self, field: str) -> None:
        super().__init__(
            zh="收款人姓名与账号不符，请核对后再转",
            en="the payee's name does not belong to this account number; please compare both",
            field=field,
        )


def positive(amount: Fen, field: str = "amount") -> None:
    """Raise InvalidInput where the amount is not above zero."""
    if amount <= 0:
        raise InvalidInput(field, zh="金额应大于零", en="the amount must be above zero")


# Control characters, halves of surrogate pairs, and marks that turn the direction of reading.
_UNPRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str, field: str) -> None:
    """Raise InvalidInput where a text cannot be kept or would read otherwise than it is stored."""
    if _UNPRINTABLE.search(text):
        raise InvalidInput(
            field,
            zh="不能含有换行、控制字符或改变文字方向的字符",
            en="line breaks, control characters and marks of direction cannot be used here",
        )
