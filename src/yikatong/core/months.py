"""Months as their first days: one way to count them for every room. Pure."""

import re
from calendar import monthrange
from datetime import date
from typing import Final

from yikatong.core.errors import InvalidInput

_MONTH: Final = re.compile(r"(20[0-9]{2})-(0[1-9]|1[0-2])")


def month_of(day: date) -> date:
    """The first day of a day's month."""
    return day.replace(day=1)


def add_months(month: date, count: int) -> date:
    """The first day of a month some months later (or earlier)."""
    years, months = divmod(month.year * 12 + month.month - 1 + count, 12)
    return date(years, months + 1, 1)


def next_month(month: date) -> date:
    """The first day of the month behind a day's."""
    return add_months(month, 1)


def last_day(month: date) -> date:
    """The last day of a month."""
    return date.fromordinal(next_month(month).toordinal() - 1)


def months_between(since: date, until: date) -> list[date]:
    """The months from one day's to another's, both in; empty where reversed."""
    first = month_of(since)
    return [add_months(first, count) for count in range(months_from(since, until) + 1)]


def months_from(since: date, until: date) -> int:
    """How many months from one month to another; negative where reversed."""
    return (until.year - since.year) * 12 + until.month - since.month


def same_day_in(day: date, months: int) -> date:
    """The same day some months later (or earlier), or the last one of a shorter month."""
    month = add_months(day, months)
    return month.replace(day=min(day.day, monthrange(month.year, month.month)[1]))


def parse_month(text: str, field: str) -> date:
    """A month such as 2026-03; raises InvalidInput naming `field`."""
    match = _MONTH.fullmatch(text.strip())
    if match is None:
        raise InvalidInput(field, zh="应为月份，例如 2026-03", en="must be a month such as 2026-03")
    return date(int(match[1]), int(match[2]), 1)
