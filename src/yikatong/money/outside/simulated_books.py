"""The books of the simulated bank: accounts, orders by id, a journal. In memory, no I/O."""

from datetime import date, datetime
from typing import Literal

import msgspec

from yikatong.core.clock import Clock
from yikatong.core.errors import Text
from yikatong.core.money import Fen
from yikatong.money.outside.interface import (
    EXPIRED_TEXT,
    BankStatement,
    Done,
    Instruction,
    Outcome,
    RefusalCode,
    Refused,
    StatementRow,
    day_of,
)


class OrderDiffers(Exception):
    """An order id came a second time with other content; the first stands."""


class SimulatedAccount(msgspec.Struct):
    """An account at the simulated bank."""

    number: str
    name: str
    balance: Fen = 0
    state: Literal["open", "frozen", "closed"] = "open"


class Executed(msgspec.Struct, frozen=True):
    """A line of the journal: each time money moved."""

    order: Instruction
    at: datetime
    reference: str


class Books:
    """What the bank has decided, each order once.

    The clock is the bank's own; tests may set it apart from the platform's.
    """

    def __init__(self, code: str, clock: Clock) -> None:
        self.code = code
        self.clock = clock
        self.accounts: dict[str, SimulatedAccount] = {}
        self.journal: list[Executed] = []
        self.outcomes: dict[str, Outcome] = {}
        self._content: dict[str, Instruction] = {}

    def open_account(self, number: str, name: str, balance: Fen = 0) -> SimulatedAccount:
        """Add an account."""
        made = SimulatedAccount(number, name, balance)
        self.accounts[number] = made
        return made

    def check_content(self, order: Instruction) -> None:
        """Remember what an order id stands for; raises OrderDiffers."""
        if self._content.setdefault(order.order_id, order) != order:
            raise OrderDiffers

    def carry_out(self, order: Instruction, at: datetime | None = None) -> Outcome:
        """Decide an order as it arrives, now or `at`, or answer what was decided before.

        The look-up comes first: an order that was carried out stays so when it comes again behind
        its validity.
        """
        self.check_content(order)
        known = self.outcomes.get(order.order_id)
        if known is not None:
            return known
        outcome = self._decide(order, at or self.clock.now())
        self.outcomes[order.order_id] = outcome
        return outcome

    def _decide(self, order: Instruction, now: datetime) -> Outcome:
        account = self.accounts.get(order.account)
        why = _why_not(order, account, now)
        if why is not None:
            return Refused(code=why, text=_TEXTS[why])
        assert account is not None
        account.balance += order.amount if order.direction == "credit" else -order.amount
        reference = f"{self.code}{len(self.journal) + 1:010d}"
        self.journal.append(Executed(order, now, reference))
        return Done(direction=order.direction, amount=order.amount, reference=reference, at=now)

    def statement(self, day: date, *, closed: bool) -> BankStatement:
        """The journal of a day."""
        rows = [
            StatementRow(
                order_id=one.order.order_id,
                direction=one.order.direction,
                amount=one.order.amount,
                account_tail=one.order.account[-4:],
                at=one.at,
                reference=one.reference,
            )
            for one in self.journal
            if day_of(one.at) == day
        ]
        return BankStatement(day=day, closed=closed, rows=rows)


_TEXTS = {
    RefusalCode.EXPIRED: EXPIRED_TEXT,
    RefusalCode.NO_SUCH_ACCOUNT: Text("没有这个账户", "there is no such account"),
    RefusalCode.NAME_DIFFERS: Text("户名与账号不符", "the name is not the account owner's"),
    RefusalCode.ACCOUNT_CLOSED: Text("账户已销户", "the account is closed"),
    RefusalCode.ACCOUNT_FROZEN: Text("账户已止付", "the account is frozen"),
    RefusalCode.INSUFFICIENT_FUNDS: Text("余额不足", "the balance does not suffice"),
}


def _why_not(order: Instruction, account: SimulatedAccount | None, now: datetime) -> str | None:
    why: str | None = None
    if now > order.valid_until:
        why = RefusalCode.EXPIRED
    elif account is None:
        why = RefusalCode.NO_SUCH_ACCOUNT
    elif account.name != order.name:
        why = RefusalCode.NAME_DIFFERS
    elif account.state == "closed":
        why = RefusalCode.ACCOUNT_CLOSED
    elif order.direction == "debit" and account.state == "frozen":
        why = RefusalCode.ACCOUNT_FROZEN
    elif order.direction == "debit" and account.balance < order.amount:
        why = RefusalCode.INSUFFICIENT_FUNDS
    return why
