"""Standing orders (定期转账、代扣约定): types, when they are due, what an outcome leads to. Pure."""

from calendar import monthrange
from datetime import date, datetime, timedelta
from typing import Final, Literal

import msgspec

from yikatong.core.errors import InvalidInput, NotFound, YikatongError
from yikatong.core.money import Fen
from yikatong.money.errors import AccountClosed, AccountFrozen, InsufficientFunds, MoneyRefused
from yikatong.money.ledger.model import Transaction

TRIES_MAX: Final = 3
"""On the due date and the next two days."""
STARTS_WITHIN: Final = timedelta(days=5 * 366)
DAY: Final = timedelta(days=1)

Every = Literal["month", "week", "once"]
Kind = Literal["transfer", "contribution"]


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """When money goes out: on a day of each month or week, or once."""

    every: Every
    day: int | None = None
    """month: 1-31, in shorter months the last day; week: 1 Monday - 7 Sunday; once: none."""
    starts_on: date
    """once: the date itself."""
    ends_on: date | None = None
    """The last day on which it may be due."""


class StandingOrder(msgspec.Struct, frozen=True):
    """A standing order of a person."""

    person_id: int
    order_id: int
    kind: Kind
    account_id: int
    payee_person_id: int | None
    payee_account_id: int | None
    payee_tail: str | None
    target: str | None
    """contribution: what is to be paid, in the words of the room that pays it."""
    amount: Fen
    memo: str
    every: Every
    day: int | None
    starts_on: date
    ends_on: date | None
    level: int
    """Assurance level (身份核验等级) at which it was arranged; payments carry it."""
    state: Literal["active", "paused", "ended"]
    next_due: date | None
    try_on: date | None
    tries: int
    last_due: date | None
    arranged_at: datetime
    version: int

    @property
    def key(self) -> tuple[int, int]:
        return (self.person_id, self.order_id)

    @property
    def schedule(self) -> Schedule:
        return Schedule(
            every=self.every, day=self.day, starts_on=self.starts_on, ends_on=self.ends_on
        )


class Run(msgspec.Struct, frozen=True):
    """What became of one due date."""

    person_id: int
    order_id: int
    due_on: date
    outcome: Literal["paid", "retrying", "skipped"]
    amount: Fen
    tries: int
    reason: str | None
    reason_zh: str | None
    reason_en: str | None
    transaction_id: int | None
    at: datetime


class NoSuchOrder(NotFound):
    """There is no such standing order of this person."""

    code = "no_such_standing_order"

    def __init__(self) -> None:
        super().__init__(
            zh="没有这个定期转账约定", en="there is no such standing order", field="order_id"
        )


class OrderEnded(MoneyRefused):
    """The standing order has ended; what has ended is not taken up again."""

    code = "standing_order_ended"

    def __init__(self) -> None:
        super().__init__(
            zh="这个约定已终止，请重新约定",
            en="this standing order has ended; arrange a new one",
            field="order_id",
        )


class Missed(MoneyRefused):
    """The next due date has come before this one was carried out."""

    code = "missed"

    def __init__(self) -> None:
        super().__init__(
            zh="未能在下一期到来前办理，本期跳过，不会一次补扣多期",
            en="not carried out before the next date came; skipped, so that nobody pays twice at once",
        )


def due_from(schedule: Schedule, day: date) -> date | None:
    """The first due date on or after a day, None where there is none any more."""
    start = max(day, schedule.starts_on)
    match schedule.every:
        case "once":
            found = schedule.starts_on if start == schedule.starts_on else None
        case "week":
            assert schedule.day is not None
            found = start + timedelta(days=(schedule.day - start.isoweekday()) % 7)
        case "month":
            found = _in_month(schedule, start.year, start.month)
            if found < start:
                year, month = divmod(start.year * 12 + start.month, 12)
                found = _in_month(schedule, year, month + 1)
    return None if found is None or found > (schedule.ends_on or date.max) else found


def _in_month(schedule: Schedule, year: int, month: int) -> date:
    assert schedule.day is not None
    return date(year, month, min(schedule.day, monthrange(year, month)[1]))


def check_schedule(schedule: Schedule, day: date) -> None:
    """Raise InvalidInput for a day that no month or week has, or dates out of order."""
    allowed = {"month": range(1, 32), "week": range(1, 8), "once": (None,)}[schedule.every]
    if schedule.day not in allowed:
        raise InvalidInput(
            "schedule.day",
            zh="每月应为 1 至 31 日，每周应为 1 至 7（周一至周日），一次性约定不填",
            en="1 to 31 for a month, 1 (Monday) to 7 for a week, none for once",
        )
    if schedule.starts_on > day + STARTS_WITHIN:
        raise InvalidInput(
            "schedule.starts_on",
            zh="开始日期应在五年之内",
            en="it must start within five years",
        )
    if due_from(schedule, schedule.starts_on) is None:
        raise InvalidInput(
            "schedule.ends_on",
            zh="在开始与结束日期之间没有付款日",
            en="no due date lies between start and end",
        )


def following(order: StandingOrder) -> date | None:
    """The due date behind the one that is next."""
    assert order.next_due is not None
    return due_from(order.schedule, order.next_due + DAY)


def moved_on(order: StandingOrder, *, final: bool = False) -> StandingOrder:
    """The order once its next due date has been dealt with: the one behind it, or the end."""
    ahead = None if final else following(order)
    return msgspec.structs.replace(
        order,
        state="ended" if ahead is None else "active",
        next_due=ahead,
        try_on=ahead,
        tries=0,
        last_due=order.next_due,
    )


def resumed(order: StandingOrder, day: date) -> StandingOrder:
    """The order with its next due date from today on, never one that was dealt with."""
    if order.state != "active":
        return order
    since = day if order.last_due is None else max(day, order.last_due + DAY)
    ahead = due_from(order.schedule, since)
    state = "ended" if ahead is None else "active"
    return msgspec.structs.replace(order, state=state, next_due=ahead, try_on=ahead, tries=0)


def key_of(order: StandingOrder) -> str:
    """The idempotency key of the payment that is due: one per order and date."""
    return f"standing:{order.order_id}:{order.next_due}"


def run_of(order: StandingOrder, answer: Transaction | YikatongError | None, now: datetime) -> Run:
    """What an answer makes of the due date: paid, to be tried again tomorrow, or skipped.

    Only missing money is worth another try: everything else needs somebody to do something.
    """
    assert order.next_due is not None
    run = Run(
        person_id=order.person_id,
        order_id=order.order_id,
        due_on=order.next_due,
        outcome="skipped",
        amount=order.amount,
        tries=order.tries + 1,
        reason="nothing_due",
        reason_zh="本期没有应缴金额",
        reason_en="nothing was to be paid",
        transaction_id=None,
        at=now,
    )
    if isinstance(answer, Transaction):
        own = (order.person_id, order.account_id)
        went_out = [
            -one.amount for one in answer.entries() if (one.person_id, one.account_id) == own
        ]
        return msgspec.structs.replace(
            run,
            outcome="paid",
            amount=went_out[0] if went_out else order.amount,
            reason=None,
            reason_zh=None,
            reason_en=None,
            transaction_id=answer.transaction_id,
        )
    if answer is not None:
        again = isinstance(answer, InsufficientFunds) and run.tries < TRIES_MAX
        return msgspec.structs.replace(
            run,
            outcome="retrying" if again else "skipped",
            reason=answer.code,
            reason_zh=answer.text.zh,
            reason_en=answer.text.en,
        )
    return run


def is_final(error: YikatongError) -> bool:
    """Whether no later payment can succeed either, so that the order ends."""
    return isinstance(error, AccountClosed) or (
        isinstance(error, AccountFrozen) and error.reason == "death"
    )
