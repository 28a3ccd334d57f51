"""What a bill comes to, what being late costs, which month is covered. Pure."""

from datetime import date, timedelta
from typing import Final

import msgspec

from yikatong.core.money import WHOLE, Fen, Ppm, round_micro
from yikatong.money.contributions.model import Base, Rate

_DECEMBER: Final = 12


class Parts(msgspec.Struct, frozen=True):
    """A contribution by who pays it, in fen; `account` is the part of it that is the person's."""

    base: Fen
    employer: Fen
    personal: Fen
    account: Fen

    @property
    def total(self) -> Fen:
        return self.employer + self.personal


def clamp(wage: Fen, base: Base) -> Fen:
    """The contribution base: the wage, within floor and ceiling (缴费基数上下限)."""
    return min(max(wage, base.floor), base.ceiling)


def parts(wage: Fen, base: Base, rate: Rate) -> Parts:
    """The contribution of a month; each part is rounded once, half up."""
    of = rate.base if rate.base is not None else clamp(wage, base)
    employer = round_micro(of * rate.employer) + rate.employer_fixed
    personal = round_micro(of * rate.personal) + rate.personal_fixed
    # What is the person's own can never be more than what is paid for the person.
    account = min(round_micro(of * rate.account), employer + personal)
    return Parts(of, employer, personal, account)


def late_fee(amount: Fen, due_on: date, paid_on: date, per_day: Ppm) -> Fen:
    """滞纳金: per day of being late, from the day after the last day (社会保险法 第八十六条)."""
    days = (paid_on - due_on).days
    return round_micro(amount * days * per_day) if days > 0 else 0


def split_late_fee(fee: Fen, amounts: list[Fen]) -> list[Fen]:
    """A list's late fee over its bills, to the fen: by amount, the rest by the largest remainder."""
    whole = sum(amounts)
    if whole == 0:
        assert fee == 0
        return [0 for _ in amounts]
    exact = [fee * amount for amount in amounts]
    shares = [value // whole for value in exact]
    rest = fee - sum(shares)
    by_remainder = sorted(range(len(amounts)), key=lambda at: (-(exact[at] % whole), at))
    for at in by_remainder[:rest]:
        shares[at] += 1
    assert sum(shares) == fee
    return shares


def month_of(day: date) -> date:
    """The first of a day's month."""
    return day.replace(day=1)


def next_month(month: date) -> date:
    """The first of the month behind."""
    if month.month == _DECEMBER:
        return date(month.year + 1, 1, 1)
    return date(month.year, month.month + 1, 1)


def end_of_month(month: date) -> date:
    return next_month(month) - timedelta(days=1)


def months_between(since: date, until: date) -> list[date]:
    """The firsts of all months from one day's to another's, both in; empty where reversed."""
    found: list[date] = []
    month = month_of(since)
    while month <= month_of(until):
        found.append(month)
        month = next_month(month)
    return found


def shares_of(amount: Fen, weights: list[Ppm]) -> list[Fen]:
    """An amount by shares that are 100 % together, to the fen (largest remainder)."""
    assert sum(weights) == WHOLE, weights
    return split_late_fee(amount, weights)
