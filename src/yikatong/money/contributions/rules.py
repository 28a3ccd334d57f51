"""What a bill comes to, what being late costs, which month is covered. Pure."""

from datetime import date

import msgspec

from yikatong.core.money import WHOLE, Fen, Ppm, round_micro
from yikatong.money.contributions.model import Base, Rate


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


def shares_of(amount: Fen, weights: list[Ppm]) -> list[Fen]:
    """An amount by shares that are 100 % together, to the fen (largest remainder)."""
    assert sum(weights) == WHOLE, weights
    return split_late_fee(amount, weights)
