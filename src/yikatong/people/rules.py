"""Decisions about persons, without I/O: a valid id number and what it says."""

from datetime import date
from typing import Literal

import msgspec
from stdnum.cn import ric
from stdnum.exceptions import (
    InvalidChecksum,
    InvalidComponent,
    InvalidFormat,
    InvalidLength,
    ValidationError,
)

from yikatong.core.errors import InvalidInput

_REASONS: tuple[tuple[type[ValidationError], str, str], ...] = (
    (InvalidLength, "身份证号应为 18 位", "an id number has 18 characters"),
    (
        InvalidFormat,
        "身份证号前 17 位应为数字，最后一位为数字或 X",
        "an id number is 17 digits and a digit or X",
    ),
    (
        InvalidChecksum,
        "身份证号校验位不对，请核对每一位",
        "the check digit is wrong; please compare digit by digit",
    ),
    (
        InvalidComponent,
        "身份证号中的地区或出生日期不存在",
        "the region or the birth date in the id number does not exist",
    ),
)


class IdNumber(msgspec.Struct, frozen=True):
    """An 18-digit citizen's identity number (公民身份号码, GB 11643) and what it says."""

    number: str
    region: str
    """The county of first registration; may since have been abolished."""
    birth_date: date
    sex: Literal[1, 2]


def parse_id_number(text: str, field: str, *, today: date) -> IdNumber:
    """Check form, region, birth date and check digit (ISO 7064 MOD 11-2).

    Accepts surrounding spaces and a small x. Raises InvalidInput that names `field` and the fault.
    """
    number = text.strip().upper()
    if not number.isascii() or len(number) > 40:
        raise InvalidInput(field, *_REASONS[1][1:])
    try:
        ric.validate(number)
    except ValidationError as error:
        for kind, zh, en in _REASONS:
            if isinstance(error, kind):
                raise InvalidInput(field, zh=zh, en=en) from None
        raise InvalidInput(field, zh="身份证号不正确", en="not an id number") from None
    number = ric.compact(number)
    birth_date = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    if not date(1880, 1, 1) <= birth_date <= today:
        raise InvalidInput(
            field,
            zh="身份证号中的出生日期不在合理范围内",
            en="the birth date in the id number cannot be right",
        )
    return IdNumber(number, number[:6], birth_date, 1 if int(number[16]) % 2 else 2)


def check_id_number_agrees(
    id_number: IdNumber, *, birth_date: date, sex: int, field: str = "id_number"
) -> None:
    """Birth date and sex stated elsewhere must agree with the id number; raises InvalidInput."""
    if id_number.birth_date != birth_date:
        raise InvalidInput(
            field,
            zh=f"身份证号表示出生于 {id_number.birth_date}，与填写的 {birth_date} 不一致",
            en=f"the id number says born {id_number.birth_date}, but {birth_date} was given",
        )
    if id_number.sex != sex:
        raise InvalidInput(
            field,
            zh="身份证号表示的性别与填写的不一致",
            en="the sex in the id number differs from the one given",
        )
