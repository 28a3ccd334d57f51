"""What a transaction (交易) of the national interface is, and what it knows of the call it came in."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from yikatong.core.errors import Text
from yikatong.core.money import Fen, Ppm
from yikatong.medical.model import Provider
from yikatong.medical.visits.orders import Order, Result


class Context(msgspec.Struct, frozen=True):
    """The call a transaction came in: who calls, from where, for whom, and when."""

    provider: Provider
    treatment_region: str
    insured_region: str | None
    operator: str
    now: datetime


class Transaction(msgspec.Struct, frozen=True):
    """A transaction: how its input is read, and how its result is shown."""

    code: str
    title: Text
    read: Callable[[bytes, Context], Order]
    """The raw JSON of `input` → order; raises InvalidInput whose field is the standard's name, such
    as "data.psn_no", and Malformed."""
    show: Callable[[Result, Context], Any]
    """The result → the `output` object."""


def amount(fen: Fen) -> msgspec.Raw:
    """An amount as a JSON number in yuan with exactly two decimals."""
    if fen >= 0:
        return msgspec.Raw(b"%d.%02d" % divmod(fen, 100))
    return msgspec.Raw(b"-%d.%02d" % divmod(-fen, 100))


def rate(ppm: Ppm) -> msgspec.Raw:
    """A rate as a JSON number between 0 and 1 with up to six decimals."""
    whole, rest = divmod(ppm, 1_000_000)
    return msgspec.Raw(f"{whole}.{rest:06d}".rstrip("0").rstrip("."))
