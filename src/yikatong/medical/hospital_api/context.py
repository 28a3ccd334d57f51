"""What a transaction of the hospital interface is, and what it knows of the call it came in."""

from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

import msgspec

from yikatong.core.errors import Text
from yikatong.core.money import WHOLE, Fen, Ppm
from yikatong.medical.model import Provider
from yikatong.medical.visits.orders import Order, Result

_AMOUNTS_KEPT: Final = 16_384
"""One answer says most of its amounts twice, and many are zero."""


class Context(msgspec.Struct, frozen=True):
    """The envelope's part in a transaction."""

    provider: Provider
    treatment_region: str
    """mdtrtarea_admvs: the provider's region, or one it lies in."""
    insured_region: str | None
    """insuplc_admdvs, where it was given."""
    operator: str
    now: datetime


class Transaction(msgspec.Struct, frozen=True):
    """A transaction (交易) about a person: how its input is read and its result shown."""

    code: str
    title: Text
    read: Callable[[bytes, Context], Order]
    """The raw JSON of `input` to the order; raises InvalidInput naming the standard's field."""
    show: Callable[[Result, Context], Any]
    """The result to the `output` object."""


@lru_cache(maxsize=_AMOUNTS_KEPT)
def amount(fen: Fen) -> msgspec.Raw:
    """An amount as a JSON number in yuan with exactly two decimals: 260500 → 2605.00."""
    sign = "-" if fen < 0 else ""
    return msgspec.Raw(f"{sign}{abs(fen) // 100}.{abs(fen) % 100:02d}".encode())


def rate(ppm: Ppm) -> msgspec.Raw:
    """A rate as a JSON number from 0 to 1 with as few decimals as it needs: 895_000 → 0.895."""
    assert 0 <= ppm <= WHOLE, ppm
    whole, rest = divmod(ppm, WHOLE)
    return msgspec.Raw((f"{whole}.{rest:06d}".rstrip("0") if rest else str(whole)).encode())
