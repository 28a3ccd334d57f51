"""What the platform asks of a bank: four things, whoever keeps the accounts.

`embedded` answers over our own ledger, `http` asks an outside bank. The rest of this room knows only
`BankConnector`.
"""

from datetime import date, datetime, time, timedelta
from typing import ClassVar, Final, Literal, Protocol, TypeAlias

import msgspec

from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import Text, YikatongError
from yikatong.core.money import Fen
from yikatong.money.errors import MoneyRefused

CLOCK_SKEW_MAX: Final = timedelta(minutes=5)
"""So far the bank's clock and ours may be apart."""

Direction: TypeAlias = Literal["credit", "debit"]
"""credit (入账): money to an account at the bank; debit (扣账): money collected from one there."""


class OutcomeUnknown(YikatongError):
    """Nobody can say whether the bank carried the order out: lost, late or unreadable answer.

    Not an outcome. The same order id is asked about, or sent again, until there is one.
    """

    code = "outcome_unknown"
    status = 503

    def __init__(self, bank: str, why: str) -> None:
        super().__init__(
            zh=f"银行 {bank} 没有给出可用的应答，这笔业务的结果待确认，请勿换新的幂等键重发",
            en=f"bank {bank} gave no usable answer ({why}); the outcome is not known yet",
        )
        self.bank = bank
        self.why = why


class BankRefused(MoneyRefused):
    """The outside bank refused the order; the money is back where it came from."""

    code = "bank_refused"


class Instruction(msgspec.Struct, frozen=True, kw_only=True):
    """An order as the bank is told it (指令). The same order id is the same order, for ever."""

    order_id: str
    direction: Direction
    amount: Fen
    account: str
    """The number of the account at the bank."""
    name: str
    """Its owner's name, which the bank compares."""
    memo: str
    valid_until: datetime
    """Behind this moment the bank refuses what it has not carried out."""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """The bank carried the order out; it never takes that back."""

    direction: Direction
    amount: Fen
    reference: str
    """The bank's own number of it (银行流水号)."""
    at: datetime


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """The bank will never carry the order out."""

    code: str
    text: Text


Outcome: TypeAlias = Done | Refused


class StatementRow(msgspec.Struct, frozen=True, kw_only=True):
    """One order the bank carried out (对账明细)."""

    order_id: str
    direction: Direction
    amount: Fen
    account_tail: str
    """The last four characters of the account's number."""
    at: datetime
    reference: str


class BankStatement(msgspec.Struct, frozen=True, kw_only=True):
    """All orders a bank carried out on a day in Shanghai (对账单)."""

    day: date
    closed: bool
    """Whether nothing can be added any more."""
    rows: list[StatementRow]


class BankConnector(Protocol):
    """A bank as the platform sees it."""

    @property
    def code(self) -> str:
        """The bank's code."""
        ...

    async def instruct(self, order: Instruction) -> Outcome:
        """Have the order carried out, once however often it is sent; raises OutcomeUnknown."""
        ...

    async def outcome_of(self, order_id: str) -> Outcome | None:
        """What became of an order; None where the bank has never seen it (it may still be on its
        way). Raises OutcomeUnknown."""
        ...

    async def statement(self, day: date) -> BankStatement:
        """The whole statement of a day, in the order of carrying out; raises OutcomeUnknown."""
        ...


class RefusalCode:
    """Codes of refusals that every bank uses alike; a bank may have more of its own."""

    NO_SUCH_ACCOUNT: ClassVar = "no_such_account"
    NAME_DIFFERS: ClassVar = "name_differs"
    INSUFFICIENT_FUNDS: ClassVar = "insufficient_funds"
    ACCOUNT_FROZEN: ClassVar = "account_frozen"
    ACCOUNT_CLOSED: ClassVar = "account_closed"
    LIMIT_EXCEEDED: ClassVar = "limit_exceeded"
    EXPIRED: ClassVar = "expired"


EXPIRED_TEXT: Final = Text(
    "超过指令有效期，未执行", "the order's validity ran out; nothing was done"
)


def day_start(day: date) -> datetime:
    """Midnight in Shanghai at which a day begins."""
    return datetime.combine(day, time(), SHANGHAI)


def day_of(at: datetime) -> date:
    """The day in Shanghai, by which banks close their books."""
    return at.astimezone(SHANGHAI).date()
