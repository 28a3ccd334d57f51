"""Decisions about PINs, without I/O: which six digits may be chosen."""

import re
import unicodedata
from datetime import date
from itertools import pairwise, permutations
from typing import Final

import msgspec

from yikatong.core.errors import InvalidInput, Text

_FORM: Final = re.compile(r"[0-9]{6}")

_COMMON_LIST: Final = (
    "123456 520520 521521 147258 147369 159357 159753 258369 258456 369258 741852 753951 789456 "
    "456123 456789 201314 520131 131452 131420 135246 246135 110119 168168 518518 520886 521131 "
    "584520 584131 920920 987654 963852 852456 100200 102030 101010 112358 314159 141592 "
    "100861 100001 123654 123789 321654 654123"
)
"""PINs that lists of stolen ones have at the top: love in numbers, paths on the keypad."""
_COMMON: Final = frozenset(_COMMON_LIST.split())

WEAK_MAX: Final = 6000
"""At most so many of the million are refused whoever chooses; a test counts them."""


class Holder(msgspec.Struct, frozen=True):
    """What of the holder a thief finds in the same wallet."""

    birth_date: date
    id_number: str
    card_number: str
    phone: str | None = None


def read_pin(text: str) -> str | None:
    """The six digits that were typed, also in full width or with spaces; None for anything else."""
    pin = "".join(unicodedata.normalize("NFKC", text).split())
    return pin if _FORM.fullmatch(pin) else None


def check_choice(text: str, holder: Holder, field: str) -> str:
    """The PIN, if the holder may choose it; raises InvalidInput that names the field and the reason.

    "Not a birthday, not a run or a repeat" (domain of the card); also nothing that stands on the
    card or the id document, which lie in the same wallet.
    """
    pin = read_pin(text)
    if pin is None:
        raise InvalidInput(field, zh="卡密码是 6 位数字", en="a PIN has six digits")
    reason = weakness(pin) or _of_holder(pin, holder)
    if reason is not None:
        raise InvalidInput(field, zh=reason.zh, en=reason.en)
    return pin


def weakness(pin: str) -> Text | None:
    """Why nobody should have this PIN, or None."""
    pairs = pin[0] == pin[1] and pin[2] == pin[3] and pin[4] == pin[5]
    mirrored = pin[:3] == pin[:2:-1]
    if len(set(pin)) < 3 or pin[:3] == pin[3:] or pairs or mirrored:
        return Text(
            "不能是重复或对称的数字，例如 121212",
            "it must not be a repeat or a mirror such as 121212",
        )
    digits = [int(digit) for digit in pin]
    if len({(after - before) % 10 for before, after in pairwise(digits)}) == 1:
        return Text("不能是连着的数字，例如 123456", "it must not be a run such as 123456")
    if pin in _COMMON:
        return Text("这个密码太常见，请换一个", "this PIN is very common; please choose another")
    return None


def _of_holder(pin: str, holder: Holder) -> Text | None:
    if pin in birthday_writings(holder.birth_date):
        return Text("不能是您的生日", "it must not be your birthday")
    if pin in holder.id_number:
        return Text("不能是身份证号里的一段", "it must not be a part of your id number")
    if pin in holder.card_number:
        return Text("不能是卡号里的一段", "it must not be a part of your card number")
    if holder.phone and pin in holder.phone:
        return Text("不能是手机号里的一段", "it must not be a part of your phone number")
    return None


def birthday_writings(day: date) -> frozenset[str]:
    """All usual ways to write a date with six digits: yymmdd, ddmmyy, mmddyy, yyyymm, mmyyyy …"""
    year, two = f"{day.year:04d}", f"{day.year % 100:02d}"
    month, dom = f"{day.month:02d}", f"{day.day:02d}"
    found = {"".join(order) for order in permutations((two, month, dom))}
    found |= {year + month, month + year, year + dom, dom + year}
    short = f"{day.month}{day.day}", f"{day.day}{day.month}"
    # 1985-3-5 without its zeros: 198535.
    found |= {year + two_digits for two_digits in short if len(two_digits) == 2}
    found |= {two_digits + year for two_digits in short if len(two_digits) == 2}
    return frozenset(found)
