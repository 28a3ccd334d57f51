"""Reading single values of the interface: exact, forgiving in form, strict in content.

A reader takes what stood in the JSON (numbers with a decimal point come as their text) and gives
the value in the project's types, or raises Wrong; the form around it names the field.
"""

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any, Final

from yikatong.core import regions
from yikatong.core.clock import SHANGHAI
from yikatong.core.money import AMOUNT_MAX, Fen, format_yuan
from yikatong.medical.hospital_api.codes import Codes

Reader = Callable[[Any], Any]

_ID_MAX: Final = 2**63 - 1
_WHOLE_MAX: Final = 10**30
"""No whole number of the interface is longer; Python would refuse to write out a much longer one."""
_SHOWN_MAX: Final = 40
_YEAR_MIN, _YEAR_MAX = 1900, 2199

MISSING: Final = ("缺少这一项", "this is missing")


class Wrong(Exception):
    """What is wrong with a value, in both languages; not yet which field it stands in."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.zh = zh
        self.en = en


def _written(value: Any) -> str | None:
    """A text, or a whole number as text; None for anything else."""
    if type(value) is str:
        return value
    if type(value) is int and -_WHOLE_MAX < value < _WHOLE_MAX:
        return str(value)
    return None


def _unlike(value: Any, zh: str, en: str) -> Wrong:
    """Says what was expected and what came."""
    if isinstance(value, bool):
        came = "true" if value else "false"
    elif isinstance(value, (list, dict)):
        came = "[…]" if isinstance(value, list) else "{…}"
    else:
        text = _written(value) or "…"
        came = text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"
    return Wrong(f"应为{zh}，而不是 {came}", f"must be {en}, not {came}")


# Besides the control characters what separates lines, and what turns the direction of writing over.
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_CONTROL_IN_PROSE: Final = re.compile(_CONTROL.pattern.replace(r"\x1f", r"\x08\x0b\x0c\x0e-\x1f"))
_PROSE_LENGTH_MIN: Final = 200
"""A text that may be so long is prose, which has paragraphs."""


def check_control(value: str, control: re.Pattern[str] = _CONTROL) -> None:
    """Raise Wrong where a text holds a control character: numbers, names and codes are shown, logged
    and written to files, line by line."""
    if not value.isprintable() and (found := control.search(value)):
        raise Wrong(
            f"含有控制字符 U+{ord(found[0]):04X}（第 {found.start() + 1} 个字符），请删除",
            f"holds the control character U+{ord(found[0]):04X}; leave it out",
        )


def text(length: int) -> Reader:
    """A text of at most so many characters, without control characters; a whole number is taken as
    its digits."""
    control = _CONTROL if length < _PROSE_LENGTH_MIN else _CONTROL_IN_PROSE

    def read(value: Any) -> str:
        found = value if type(value) is str else _written(value)
        if found is None:
            raise _unlike(value, "文本", "a text")
        if len(found) > length:
            raise Wrong(
                f"最多 {length} 个字符，收到 {len(found)} 个",
                f"at most {length} characters, but {len(found)} came",
            )
        check_control(found, control)
        return found

    return read


def number(value: Any) -> int:
    """A number this platform gave out (psn_no, mdtrt_id, setl_id, …)."""
    found = _written(value)
    if found is not None and found.isascii() and found.isdigit() and len(found) <= 19:
        given = int(found)
        if 0 < given <= _ID_MAX:
            return given
    raise _unlike(
        value, "本平台给出的编号（纯数字）", "a number that this platform gave out (digits only)"
    )


# ---- amounts and quantities ----

# Zeros behind the decimals that count change nothing: databases write 112.5000.
_YUAN: Final = re.compile(r"(-?)(0|[1-9][0-9]{0,13})(?:\.([0-9]{1,2})0*)?")
_QUANTITY: Final = re.compile(r"(-?(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,4})?)(?:(?<=\.[0-9]{4})0*)?")
_PRICE: Final = re.compile(r"((?:0|[1-9][0-9]{0,9})(?:\.[0-9]{1,6})?)(?:(?<=\.[0-9]{6})0*)?")


def signed_amount(value: Any) -> Fen:
    """An amount in yuan, also a negative one, as fen; a JSON number or a text, exactly."""
    match = None if (found := _written(value)) is None else _YUAN.fullmatch(found)
    if match is None:
        raise _unlike(
            value,
            "金额（元，最多两位小数，不用科学计数法），例如 112.50",
            "an amount in yuan with at most two decimals and no exponent, such as 112.50",
        )
    sign, yuan, decimals = match.groups()
    fen = int(yuan) * 100 + (int(decimals.ljust(2, "0")) if decimals else 0)
    if fen > AMOUNT_MAX:
        most = format_yuan(AMOUNT_MAX)
        raise Wrong(f"金额不能超过 {most} 元", f"an amount cannot exceed {most} yuan")
    return -fen if sign else fen


def amount(value: Any) -> Fen:
    """An amount in yuan that is not negative, as fen."""
    fen = signed_amount(value)
    if fen < 0:
        raise Wrong(
            f"金额不能为负数，收到 {format_yuan(fen)}",
            f"an amount cannot be negative here, but {format_yuan(fen)} came",
        )
    return fen


def quantity(value: Any) -> str:
    """A quantity as written, with at most four decimals; negative gives back."""
    match = None if (found := _written(value)) is None else _QUANTITY.fullmatch(found)
    if match is None:
        raise _unlike(
            value,
            "数量（最多四位小数），例如 1.5",
            "a quantity with at most four decimals, such as 1.5",
        )
    if not match[1].strip("-0."):
        raise Wrong("数量不能为零", "a quantity cannot be zero")
    return match[1]


def price(value: Any) -> str:
    """A price in yuan as written, with at most six decimals."""
    match = None if (found := _written(value)) is None else _PRICE.fullmatch(found)
    if match is None:
        raise _unlike(
            value,
            "单价（元，最多六位小数，不为负），例如 37.5",
            "a price in yuan with at most six decimals, not negative, such as 37.5",
        )
    return match[1]


def count(most: int) -> Reader:
    """A whole number from 0 to `most`."""

    def read(value: Any) -> int:
        found = _written(value)
        if found is not None and found.isascii() and found.isdigit() and len(found) <= 9:
            given = int(found)
            if given <= most:
                return given
        raise _unlike(value, f" 0 至 {most} 的整数", f"a whole number from 0 to {most}")

    return read


# ---- dates and times, in Shanghai ----


def day(value: Any) -> date:
    """A date, yyyy-MM-dd."""
    if type(value) is str and len(value) == 10 and value[4] == value[7] == "-":
        try:
            found = date.fromisoformat(value)
        except ValueError:
            pass
        else:
            if _YEAR_MIN <= found.year <= _YEAR_MAX:
                return found
    raise _unlike(
        value, "日期 yyyy-MM-dd，例如 2026-03-01", "a date as yyyy-MM-dd, such as 2026-03-01"
    )


def moment(value: Any) -> datetime:
    """A time, yyyy-MM-dd HH:mm:ss."""
    if (
        type(value) is str
        and len(value) == 19
        and value[4] == value[7] == "-"
        and value[10] == " "
        and value[13] == value[16] == ":"
    ):
        try:
            found = datetime.fromisoformat(value)
        except ValueError:
            pass
        else:
            if _YEAR_MIN <= found.year <= _YEAR_MAX:
                return found.replace(tzinfo=SHANGHAI)
    raise _unlike(
        value,
        "时间 yyyy-MM-dd HH:mm:ss，例如 2026-03-01 09:30:00",
        "a time as yyyy-MM-dd HH:mm:ss, such as 2026-03-01 09:30:00",
    )


def month(value: Any) -> date:
    """A month, yyyyMM, as its first day."""
    found = _written(value)
    if found is not None and found.isascii() and found.isdigit() and len(found) == 6:
        year, number_of_month = int(found[:4]), int(found[4:])
        if _YEAR_MIN <= year <= _YEAR_MAX and 1 <= number_of_month <= 12:
            return date(year, number_of_month, 1)
    raise _unlike(value, "年月 yyyyMM，例如 202603", "a month as yyyyMM, such as 202603")


# ---- codes ----


def code(table: Codes) -> Reader:
    """A code of a table; the error lists those allowed."""
    entries = table.entries

    def read(value: Any) -> str:
        found = value if type(value) is str else _written(value)
        if found is None or found not in entries:
            allowed = table.allowed
            raise _unlike(value, f"以下之一：{allowed.zh}", f"one of: {allowed.en}")
        return found

    return read


def region(value: Any) -> str:
    """A region's code of GB/T 2260."""
    found = _written(value)
    if found is None or regions.find(found) is None:
        raise _unlike(
            value,
            "六位行政区划代码，例如 510100（成都市）",
            "the six digits of a region, such as 510100 (Chengdu)",
        )
    return found


_ICD_PART = r"[A-Z][0-9]{2}(?:\.[0-9x]{1,4}(?:x[0-9]{3})?)?"
_ICD: Final = re.compile(rf"{_ICD_PART}(?:[+†](?:{_ICD_PART}\*?)?|\*)?")
"""ICD-10 (J18.9), the national clinical version (I10.x00x002, J18.900) and the pairs of dagger and
asterisk codes (A17.000+G01*)."""
_CHINESE_MEDICINE: Final = re.compile(
    r"[BZ][A-Z]{2}[A-Z0-9]{1,6}|[AB][0-9]{2}(?:\.[0-9]{2}){0,6}\.?"
)
"""GB/T 15657 of 1995 (BNG010) and of 2021 (A17.41, B04.02.01)."""


def check_diagnosis(kind: str | None, value: str) -> None:
    """Check the form of a diagnosis code; a kind of None may be either. Raises Wrong."""
    if kind != "1" and _CHINESE_MEDICINE.fullmatch(value):
        return
    if kind in (None, "1") and _ICD.fullmatch(value):
        return
    if kind in (None, "1"):
        raise _unlike(
            value,
            " ICD-10 诊断代码，例如 J18.900 或 I10.x00x002",
            "an ICD-10 code such as J18.900 or I10.x00x002",
        )
    raise _unlike(
        value,
        "中医病证代码（GB/T 15657），例如 BNG010 或 A17.41",
        "a code of Chinese medicine by GB/T 15657, such as BNG010 or A17.41",
    )


def diagnosis(value: Any) -> str:
    """A diagnosis code of any kind."""
    found = _written(value)
    if found is None:
        raise _unlike(value, "诊断代码", "a diagnosis code")
    check_diagnosis(None, found)
    return found


def transaction(value: Any) -> str:
    """A transaction's code."""
    found = _written(value)
    if found is None or len(found) != 4 or not (found.isascii() and found.isdigit()):
        raise _unlike(value, "四位交易编号，例如 2207", "a transaction's four digits, such as 2207")
    return found
