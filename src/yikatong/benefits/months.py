"""Which months are owed, and what each came to. Pure.

`settled_month` is the one line between what was paid (or became a due) and what is still owed: a
payment run pays a drawing entitlement for the months behind it and moves it on, and so does every
due of arrears. So no month is paid twice, whoever is first.
"""

from collections.abc import Sequence
from datetime import date

import msgspec

from yikatong.benefits.model import Entitlement
from yikatong.core.money import Fen
from yikatong.core.months import month_of, months_between, next_month


class Change(msgspec.Struct, frozen=True):
    """The monthly sum changed: `before` until the month before `effective`."""

    effective: date
    before: Fen


def sum_in(month: date, monthly: Fen, changes: Sequence[Change]) -> Fen:
    """The monthly sum in a month, by the sum of today and its changes."""
    for change in sorted(changes, key=lambda one: one.effective):
        if month < change.effective:
            return change.before
    return monthly


def owed(one: Entitlement, until: date) -> list[date]:
    """The months not settled yet, through the month of `until`."""
    first = month_of(one.starts_on)
    if one.settled_month is not None:
        first = max(first, next_month(one.settled_month))
    last = month_of(until)
    if one.ends_on is not None:
        last = min(last, month_of(one.ends_on))
    return months_between(first, last)


def too_much(one: Entitlement, last: date) -> list[date]:
    """The settled months behind the last one that was due."""
    if one.settled_month is None:
        return []
    return months_between(max(next_month(last), month_of(one.starts_on)), one.settled_month)
