"""What is asked of the estimate, read from strings; every error names its field."""

import re
from datetime import date
from typing import Annotated, Final

import msgspec

from yikatong.benefits.pension.estimating import estimate, wage_index
from yikatong.benefits.pension.model import (
    MONTHS_MAX,
    Career,
    Estimate,
    Group,
    Insurance,
)
from yikatong.benefits.pension.terms import Book
from yikatong.core import regions
from yikatong.core.errors import InvalidInput
from yikatong.core.money import WHOLE, Fen, Ppm, parse_yuan
from yikatong.core.months import add_months, month_of

_MONTH: Final = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
_INDEX: Final = re.compile(r"([0-9])(?:\.([0-9]{1,4}))?")
_YOUNGEST_MONTHS: Final = 16 * 12
_OLDEST_MONTHS: Final = 100 * 12

Sum = Annotated[str, msgspec.Meta(max_length=20, description="In yuan.")]
Months = Annotated[int, msgspec.Meta(ge=0, le=MONTHS_MAX)]


class Asked(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """ "When can I retire, with how much?" as it is asked; amounts in yuan."""

    birth: Annotated[str, msgspec.Meta(max_length=10, examples=["1975-06"])]
    """The month of birth."""
    group: Group = "men"
    """Of employees: men, or women by the kind of their post."""
    insurance: Insurance = "110"
    region: Annotated[str, msgspec.Meta(max_length=6, examples=["510100"])]
    months_paid: Months
    index: Annotated[str, msgspec.Meta(max_length=6)] | None = None
    """平均缴费指数 so far, such as "1.2"; of employees this or `wage`, else 1."""
    wage: Sum | None = None
    """The wage contributions are paid by, instead of the index."""
    account: Sum = "0"
    deemed_months: Months = 0
    early_months: Months = 0
    """Of `months_paid`, those before accounts were kept (the 1990s)."""
    average_wage: Sum | None = None
    """Instead of the figure on file."""
    pays_on: bool = True
    yearly: Sum = "0"
    """Of residents: what goes to the account a year."""


def parse_month(text: str, field: str) -> date:
    """The first day of a month such as "1975-06"; a whole date is taken as well."""
    found = _MONTH.fullmatch(text[:7]) if len(text) in (7, 10) else None
    if found is None:
        raise InvalidInput(field, zh="应为年月，例如 1975-06", en="a month such as 1975-06")
    if int(found[1]) < 1900:
        raise InvalidInput(field, zh="年份不在合理范围内", en="the year cannot be right")
    return date(int(found[1]), int(found[2]), 1)


def parse_index(text: str, field: str) -> Ppm:
    """平均缴费指数 with at most four decimals, 0.1 to 5, as parts per million."""
    found = _INDEX.fullmatch(text)
    index = 0 if found is None else int(found[1]) * WHOLE + int((found[2] or "").ljust(6, "0"))
    if not WHOLE // 10 <= index <= 5 * WHOLE:
        raise InvalidInput(
            field,
            zh="平均缴费指数应在 0.1 至 5 之间，最多四位小数，例如 1.2",
            en="the index lies between 0.1 and 5, with at most four decimals, such as 1.2",
        )
    return index


def parse_birth(text: str, field: str, today: date) -> date:
    """The month of birth of somebody between 16 and 100."""
    birth = parse_month(text, field)
    if (
        not add_months(birth, _YOUNGEST_MONTHS)
        <= month_of(today)
        <= add_months(birth, _OLDEST_MONTHS)
    ):
        raise InvalidInput(
            field,
            zh="应为 16 至 100 岁的人的出生年月",
            en="of somebody between 16 and 100 years old",
        )
    return birth


def career_of(asked: Asked, today: date, book: Book) -> Career:
    """The career asked about; raises InvalidInput naming the field, NoPensionTerms."""
    birth = parse_birth(asked.birth, "birth", today)
    region = regions.pooling_region(asked.region, "region").code
    months = asked.months_paid + asked.deemed_months
    lived = (today.year - birth.year) * 12 + today.month - birth.month
    if months > lived - _YOUNGEST_MONTHS + 12:
        raise InvalidInput(
            "months_paid",
            zh="缴费年限比工作过的年头还长，请核对",
            en="more months than there were since the age of 15; please compare it",
        )
    if asked.early_months > asked.months_paid:
        raise InvalidInput(
            "early_months",
            zh="建立个人账户前的缴费月数不能超过缴费月数",
            en="these are part of the months paid and cannot be more",
        )
    average = parse_sum(asked.average_wage, "average_wage") if asked.average_wage else None
    if average is not None and average < 100_00:
        raise InvalidInput(
            "average_wage",
            zh="月平均工资不会这么低，请核对",
            en="this is too low for a wage a month",
        )
    index = WHOLE if asked.index is None else parse_index(asked.index, "index")
    if asked.wage is not None and asked.insurance == "110":
        if asked.index is not None:
            raise InvalidInput(
                "wage", zh="缴费指数和缴费工资只填一个", en="give the index or the wage, not both"
            )
        wage = parse_sum(asked.wage, "wage")
        compared = average or book.average_wage(region, today).amount
        index = wage_index(wage, compared, book)
    return Career(
        insurance=asked.insurance,
        birth=birth,
        group=asked.group,
        region=region,
        months_paid=asked.months_paid,
        index=index,
        account=parse_sum(asked.account, "account"),
        deemed_months=asked.deemed_months,
        early_months=asked.early_months,
        average_wage=average,
    )


def answer(asked: Asked, today: date, book: Book) -> Estimate:
    """The estimate asked for; raises InvalidInput naming the field, NoPensionTerms."""
    career = career_of(asked, today, book)
    yearly = parse_sum(asked.yearly, "yearly")
    return estimate(career, today, book, pays_on=asked.pays_on, yearly=yearly)


def parse_sum(text: str, field: str) -> Fen:
    """An amount of a career, in fen."""
    amount = parse_yuan(text, field)
    if amount > 100_000_000_00:
        raise InvalidInput(field, zh="金额过大，请核对", en="this is too much; please compare it")
    return amount


def months_of(years: str, months: str, field: str) -> int:
    """Years and months of a form as months; an empty one is zero. Raises InvalidInput."""
    total = 0
    for text, factor, highest in ((years, 12, 60), (months, 1, 11)):
        word = text.strip() or "0"
        if not (word.isascii() and word.isdigit() and len(word) <= 3 and int(word) <= highest):
            raise InvalidInput(
                field,
                zh="应为整数：年不超过 60，月不超过 11",
                en="whole numbers: years up to 60, months up to 11",
            )
        total += int(word) * factor
    return total
