"""Decisions about persons, without I/O: a valid id number and what it says."""

import re
from datetime import date
from functools import cache
from typing import Literal

import msgspec
from stdnum import numdb
from stdnum.cn import ric
from stdnum.exceptions import InvalidComponent

from yikatong.core import regions
from yikatong.core.errors import InvalidInput
from yikatong.people.model import Person

_FORM = re.compile(r"[1-9][0-9]{16}[0-9X]")


class IdNumber(msgspec.Struct, frozen=True):
    """An 18-digit citizen's identity number (公民身份号码, GB 11643) and what it says."""

    number: str
    region: str
    """The county of first registration; may since have been abolished."""
    birth_date: date
    sex: Literal[1, 2]


@cache
def _region_known(code: str) -> bool:
    """Whether a county has or ever had this code; abolished ones live on in id numbers."""
    return regions.find(code) is not None or any(
        "county" in facts for _, facts in numdb.get("cn/loc").info(code)
    )


def parse_id_number(text: str, field: str, *, today: date) -> IdNumber:
    """Check form, region, birth date and check digit (ISO 7064 MOD 11-2).

    Accepts surrounding spaces and a small x. Raises InvalidInput that names `field` and the fault.
    """
    number = "".join(text.split()).upper()
    if len(number) != 18:
        raise InvalidInput(field, zh="身份证号应为 18 位", en="an id number has 18 characters")
    if not _FORM.fullmatch(number):
        raise InvalidInput(
            field,
            zh="身份证号前 17 位应为数字，最后一位为数字或 X",
            en="an id number is 17 digits and a digit or X",
        )
    if ric.calc_check_digit(number) != number[-1]:
        raise InvalidInput(
            field,
            zh="身份证号校验位不对，请核对每一位",
            en="the check digit is wrong; please compare digit by digit",
        )
    try:
        birth_date = ric.get_birth_date(number)
    except InvalidComponent:
        raise InvalidInput(
            field,
            zh="身份证号中的出生日期不存在",
            en="the birth date in the id number does not exist",
        ) from None
    if not _region_known(number[:6]):
        raise InvalidInput(
            field, zh="身份证号中的地区不存在", en="the region in the id number does not exist"
        )
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


def check_death(person: Person, died_on: date, day: date) -> None:
    """Raise where a day of death cannot be right."""
    if died_on > day or died_on < person.birth_date:
        raise InvalidInput(
            "died_on", zh="去世日期不对，请核对", en="this day of death cannot be right"
        )
    if person.died_on is not None and person.died_on != died_on:
        raise InvalidInput(
            "died_on",
            zh=f"与登记的去世日期 {person.died_on} 不一致，请先核对",
            en=f"the death is recorded on {person.died_on}; compare that first",
        )
