"""Money (金额) as whole fen and rates (比例) as parts per million: exact, never floating point."""

import re
from typing import Final, TypeAlias

from yikatong.core.errors import InvalidInput

Fen: TypeAlias = int
"""An amount in fen (分), 1/100 yuan."""

Ppm: TypeAlias = int
"""A rate in parts per million: 85 % is 850_000. Fine enough for 89.5 % of 95 %."""

WHOLE: Final[Ppm] = 1_000_000
"""100 %."""

AMOUNT_MAX: Final[Fen] = 10_000_000_000_00
"""Ten thousand million yuan: no bill, balance or cap of one person is larger."""

_YUAN = re.compile(r"(-?)(0|[1-9][0-9]{0,13})(?:\.([0-9]{1,2}))?")
_PERCENT = re.compile(r"(-?)([0-9]{1,3})(?:\.([0-9]{1,4}))?")


def parse_yuan(text: str, field: str) -> Fen:
    """Read an amount in yuan, such as "2605.00", with at most two decimals.

    Raises InvalidInput naming `field` for anything else: a sign, an exponent, NaN, a third
    decimal, an amount above AMOUNT_MAX.
    """
    match = _YUAN.fullmatch(text)
    if match is None:
        raise InvalidInput(
            field,
            zh="金额应为元，最多两位小数，例如 2605.00",
            en="an amount in yuan has at most two decimals, for example 2605.00",
        )
    sign, yuan, decimals = match.groups()
    if sign:
        raise InvalidInput(field, zh="金额不能为负数", en="an amount cannot be negative")
    fen = int(yuan) * 100 + int((decimals or "").ljust(2, "0"))
    if fen > AMOUNT_MAX:
        raise InvalidInput(
            field,
            zh=f"金额不能超过 {format_yuan(AMOUNT_MAX)} 元",
            en=f"an amount cannot exceed {format_yuan(AMOUNT_MAX)} yuan",
        )
    return fen


def format_yuan(fen: Fen) -> str:
    """Write an amount in yuan with two decimals: 260500 → "2605.00"."""
    sign = "-" if fen < 0 else ""
    yuan, rest = divmod(abs(fen), 100)
    return f"{sign}{yuan}.{rest:02d}"


def format_yuan_grouped(fen: Fen) -> str:
    """Write an amount for people, with thousands apart: 260500 → "2,605.00"."""
    sign = "-" if fen < 0 else ""
    yuan, rest = divmod(abs(fen), 100)
    return f"{sign}{yuan:,}.{rest:02d}"


def parse_percent(text: str, field: str) -> Ppm:
    """Read a percentage with up to four decimals, such as "89.5", as parts per million."""
    match = _PERCENT.fullmatch(text)
    if match is None:
        raise InvalidInput(
            field,
            zh="比例应为百分数，例如 89.5",
            en="a rate is a percentage, for example 89.5",
        )
    sign, whole, decimals = match.groups()
    ppm = int(whole) * 10_000 + int((decimals or "").ljust(4, "0"))
    return -ppm if sign else ppm


def format_percent(ppm: Ppm) -> str:
    """Write parts per million as a percentage without needless zeros: 895_000 → "89.5"."""
    sign = "-" if ppm < 0 else ""
    whole, rest = divmod(abs(ppm), 10_000)
    decimals = f"{rest:04d}".rstrip("0")
    return f"{sign}{whole}.{decimals}" if decimals else f"{sign}{whole}"


def round_micro(micro_fen: int) -> Fen:
    """Round a non-negative sum of fen × ppm products to whole fen, half up (四舍五入).

    Layers add up their exact products and round once, here.
    """
    assert micro_fen >= 0, micro_fen
    return (micro_fen + WHOLE // 2) // WHOLE
