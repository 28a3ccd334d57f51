"""Dues (应付应收): what becomes of months that no run pays as its own, and of months paid too much.

The one table of what a person gets beside the monthly amount, or has to give back. Payment runs pay
open dues with the monthly amount; whoever writes one holds the person's lock or the version it read.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

import msgspec

from yikatong.benefits import months, store
from yikatong.benefits.model import Due, DueKind, Entitlement
from yikatong.benefits.months import Change
from yikatong.core.database import Connection
from yikatong.core.errors import Unavailable
from yikatong.core.ids import new_id
from yikatong.core.money import Fen
from yikatong.core.months import add_months, last_day
from yikatong.core.together import Conflict


def arrears(
    person_id: int,
    one: Entitlement,
    until: date,
    changes: Sequence[Change],
    reason: str,
    at: datetime,
    *,
    but: Iterable[date] = (),
) -> tuple[Entitlement, Due | None]:
    """Make a due of every month not settled yet, through that of `until` (补发).

    Months of `but` are settled without one: somebody else paid them.
    """
    owed = months.owed(one, until)
    if not owed:
        return one, None
    left = set(but)
    amounts = [0 if month in left else months.sum_in(month, one.monthly, changes) for month in owed]
    settled = msgspec.structs.replace(one, settled_month=owed[-1])
    return settled, of_months(person_id, one, "arrears", reason, owed[0], amounts, at)


def of_months(
    person_id: int,
    one: Entitlement,
    kind: DueKind,
    reason: str,
    first: date,
    amounts: Sequence[Fen],
    at: datetime,
) -> Due | None:
    """A due over months from `first` on, without those at either end that come to nothing; None
    where nothing is left."""
    found = list(amounts)
    while found and found[-1] == 0:
        found.pop()
    skipped = next((at for at, amount in enumerate(found) if amount), len(found))
    if skipped == len(found):
        return None
    return Due(
        person_id=person_id,
        due_id=new_id(at),
        benefit=one.benefit,
        insurance=one.fund,
        region=one.region,
        kind=kind,
        amount=sum(found),
        reason=reason,
        month_from=add_months(first, skipped),
        month_until=add_months(first, len(found) - 1),
        amounts=found[skipped:],
        created_at=at,
    )


def end(
    person_id: int,
    one: Entitlement,
    changes: Sequence[Change],
    open_dues: Sequence[Due],
    last: date,
    why: str,
    at: datetime,
) -> tuple[Entitlement, list[Due], list[Due]]:
    """The entitlement ended behind the month `last`, the dues that come of it, those cancelled. Pure.

    Open arrears behind the last month are cut off; what was paid for months behind it is owed back;
    what was not settled until then is still owed (of somebody who died, to the account, for the
    heirs).
    """
    ended = msgspec.structs.replace(
        one,
        status="ended",
        ends_on=last_day(last),
        ended_reason=why,
        held_reason=None,
        held_on=None,
    )
    death = why == "death"
    behind = months.too_much(one, last)
    sums = [months.sum_in(month, one.monthly, changes) for month in behind]
    recovery = None
    if behind:
        reason = "paid_after_death" if death else "paid_after_end"
        recovery = of_months(person_id, one, "recovery", reason, behind[0], sums, at)
    made, cancelled = offset([*open_dues, *([recovery] if recovery else [])], last, at)
    if recovery in cancelled:
        cancelled.remove(recovery)
    elif recovery:
        made.append(recovery)
    reason = "until_death" if death else "until_end"
    ended, due = arrears(person_id, ended, last, changes, reason, at)
    return ended, [*made, *([due] if due else [])], cancelled


def offset(open_dues: Sequence[Due], last: date, at: datetime) -> tuple[list[Due], list[Due]]:
    """Open arrears of months behind the last one against open recoveries of the same months: what was
    not paid out need not be given back. Answers the dues in their place and those cancelled. Pure.
    """
    owed = _by_month(due for due in open_dues if due.kind == "arrears")
    back = _by_month(due for due in open_dues if due.kind == "recovery")
    both = {
        month: min(amount, back[month])
        for month, amount in owed.items()
        if month > last and month in back
    }
    made: list[Due] = []
    cancelled: list[Due] = []
    for kind in ("arrears", "recovery"):
        left = dict(both)
        for due in open_dues:
            if due.kind != kind or due.month_from is None or due.amounts is None:
                continue
            amounts: list[Fen] = []
            for at_month, amount in enumerate(due.amounts):
                month = add_months(due.month_from, at_month)
                taken = min(amount, left.get(month, 0))
                if taken:
                    left[month] -= taken
                amounts.append(amount - taken)
            if amounts != due.amounts:
                cancelled.append(due)
                rest = _rest(due, amounts, at)
                made += [rest] if rest else []
    return made, cancelled


def _by_month(found: Iterable[Due]) -> dict[date, Fen]:
    sums: dict[date, Fen] = {}
    for due in found:
        if due.month_from is None:
            continue
        for at, amount in enumerate(due.amounts or ()):
            month = add_months(due.month_from, at)
            sums[month] = sums.get(month, 0) + amount
    return sums


def _rest(due: Due, amounts: Sequence[Fen], at: datetime) -> Due | None:
    """A due in the place of one of which some was taken off."""
    assert due.month_from is not None
    one = Entitlement(
        due.benefit, due.region, "ended", due.month_from, None, 0, None, None, due.insurance
    )
    return of_months(due.person_id, one, due.kind, due.reason, due.month_from, amounts, at)


def split(due: Due, amount: Fen, at: datetime) -> tuple[Due, Due | None]:
    """A due in two, the first over `amount`, taken from the oldest months; the second None where nothing
    is left. Pure."""
    assert 0 < amount <= due.amount
    if amount == due.amount:
        return due, None
    if due.amounts is None:
        part = msgspec.structs.replace(due, due_id=new_id(at), amount=amount, version=1)
        rest = msgspec.structs.replace(part, due_id=new_id(at), amount=due.amount - amount)
        return part, rest
    left, taken = amount, list[Fen]()
    for each in due.amounts:
        taken.append(min(each, left))
        left -= taken[-1]
    first = _rest(due, taken, at)
    behind = [each - part for each, part in zip(due.amounts, taken, strict=True)]
    second = _rest(due, behind, at)
    assert first is not None
    assert second is not None
    # It is as old as what it is a part of: set off from the same month on.
    since = due.created_at
    return (
        msgspec.structs.replace(first, created_at=since),
        msgspec.structs.replace(second, created_at=since),
    )


def closed(due: Due, transaction_id: int, at: datetime) -> Due:
    """A due that a transaction paid, or took back."""
    return msgspec.structs.replace(due, state="paid", closed_at=at, transaction_id=transaction_id)


async def change(
    connection: Connection, made: Sequence[Due], cancelled: Sequence[Due], at: datetime
) -> None:
    """Add dues and cancel open ones; raises Unavailable where one is just being paid, and the
    caller's transaction is to be rolled back."""
    if cancelled and await store.cancel_dues(connection, cancelled, at) != len(cancelled):
        raise Unavailable(
            zh="款项正在发放，没有任何改动，请稍后再试",
            en="sums of this person are just being paid; nothing was changed, try again shortly",
        )
    await store.insert_dues(connection, made)


async def mark_paid(
    connection: Connection, paid: Sequence[tuple[int, int, int, int]], at: datetime
) -> None:
    """Mark dues (person, due, version that was read, transaction) as paid, in the transaction that
    pays them; raises Conflict where one is no longer as it was read."""
    if paid and await store.pay_dues(connection, paid, at) != len(paid):
        raise Conflict
