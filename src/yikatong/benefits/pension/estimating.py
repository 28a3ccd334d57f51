""" "When can I retire, with how much?" (养老金测算). Pure.

In today's money: wages do not grow and accounts bear no interest. Who pays on adds the months until
then at the index so far, and 8 % of that wage to the account.
"""

from datetime import date
from fractions import Fraction

import msgspec

from yikatong.benefits.pension.age import (
    add_months,
    minimum_for,
    month_of,
    months_from,
    retirement,
    years_text,
)
from yikatong.benefits.pension.amount import average_wage, pension
from yikatong.benefits.pension.model import (
    MONTHS_MAX,
    Career,
    Estimate,
    Option,
    OptionKind,
    Retirement,
    half_up,
)
from yikatong.benefits.pension.terms import Book
from yikatong.core.errors import Text
from yikatong.core.money import WHOLE, Fen


def estimate(
    career: Career, now: date, book: Book, *, pays_on: bool = True, yearly: Fen = 0
) -> Estimate:
    """The ways to retire and what each brings, for a career as it stands in the month of `now`.

    `pays_on`: whether contributions go on until retirement; `yearly` is what residents add to the
    account a year, subsidies included. Raises NoPensionTerms.
    """
    found = retirement(career, book)
    this_month = month_of(now)
    options: dict[OptionKind, Option] = {}
    wanted: list[tuple[OptionKind, date]] = [("statutory", max(found.month, this_month))]
    if found.earliest < found.month and this_month < found.month:
        early = _earliest(career, found, this_month, book, pays_on=pays_on)
        wanted.insert(0, ("early", early))
    if found.latest > found.month and this_month < found.latest:
        wanted.append(("late", found.latest))
    for kind, month in wanted:
        options[kind] = _option(
            kind, career, found, month, this_month, book, pays_on=pays_on, yearly=yearly
        )
    enough = options["statutory"].enough_on
    if enough is not None and enough not in [one.month for one in options.values()]:
        options["paid_up"] = _option(
            "paid_up", career, found, enough, this_month, book, pays_on=pays_on, yearly=yearly
        )
    ways = tuple(sorted(options.values(), key=lambda one: one.month))
    return Estimate(career, found, ways, _assumptions(career, pays_on, yearly, book))


def wage_index(wage: Fen, average: Fen, book: Book) -> int:
    """The index (ppm) of who pays by this wage, within the limits of the contribution base."""
    index = half_up(Fraction(wage * WHOLE, average))
    return min(max(index, book.nation.lowest_index), book.nation.highest_index)


def _ahead(
    career: Career, month: date, now: date, book: Book, *, pays_on: bool, yearly: Fen
) -> Career:
    """The career as it will stand in a month to come."""
    more = max(0, months_from(now, month)) if pays_on else 0
    # Nobody pays for more months than the rules know.
    more = max(0, min(more, MONTHS_MAX - career.months))
    if career.insurance == "150":
        added = half_up(Fraction(yearly * more, 12))
    else:
        wage = Fraction(average_wage(career, now, book).amount * career.index, WHOLE)
        added = half_up(wage * more * Fraction(book.nation.account_rate, WHOLE))
    return msgspec.structs.replace(
        career, months_paid=career.months_paid + more, account=career.account + added
    )


def _earliest(career: Career, found: Retirement, now: date, book: Book, *, pays_on: bool) -> date:
    """The first month between the earliest and the statutory in which the minimum is paid.

    Where there is none: the earliest, which is then told to be impossible.
    """
    month = first = max(found.earliest, now)
    while month < found.month:
        paid = career.months + (months_from(now, month) if pays_on else 0)
        if paid >= minimum_for(career, found, month, book.nation):
            return month
        month = add_months(month, 1)
    return first


def _option(
    kind: OptionKind,
    career: Career,
    found: Retirement,
    month: date,
    now: date,
    book: Book,
    *,
    pays_on: bool,
    yearly: Fen,
) -> Option:
    then = _ahead(career, month, now, book, pays_on=pays_on, yearly=yearly)
    minimum = minimum_for(career, found, month, book.nation)
    lacking = minimum - then.months
    why_not, enough = None, None
    if lacking > 0:
        if pays_on and kind != "early":
            enough = add_months(month, lacking)
        why_not = Text(
            f"到那时缴费{years_text(then.months).zh}，还差{years_text(lacking).zh}"
            f"（最低{years_text(minimum).zh}）",
            f"{years_text(then.months).en} are paid by then, {years_text(lacking).en} are missing"
            f" (minimum {years_text(minimum).en})",
        )
    return Option(
        kind=kind,
        month=month,
        age=months_from(month_of(career.birth), month),
        months=then.months,
        minimum=minimum,
        possible=lacking <= 0,
        why_not=why_not,
        enough_on=enough,
        pension=pension(then, month, book) if lacking <= 0 else None,
    )


def _assumptions(career: Career, pays_on: bool, yearly: Fen, book: Book) -> tuple[Text, ...]:
    notes = [
        Text(
            "按今天的工资和标准计算，没有计入工资增长、账户利息和以后的调整",
            "in today's wages and sums: no growth of wages, no interest and no later adjustment",
        )
    ]
    if not pays_on:
        notes.append(Text("按从现在起不再缴费计算", "as if nothing were paid from now on"))
    elif career.insurance == "110":
        notes.append(
            Text(
                "按一直缴到退休、缴费水平不变计算",
                "as if contributions went on at the same level until retirement",
            )
        )
    elif yearly == 0:
        notes.append(
            Text(
                "按一直缴费但账户不再增加计算；填写每年缴费额会更准",
                "as if paid on without adding to the account; give the yearly sum to be closer",
            )
        )
    if career.account == 0:
        notes.append(
            Text(
                "没有填写个人账户余额，已缴部分的个人账户养老金没有计入",
                "no balance of the own account was given; what is on it by now is not included",
            )
        )
    if book.review == "unverified":
        notes.append(
            Text(
                "政策数据尚未与官方文本逐条核对，以经办机构核定为准",
                "the rules on file are not yet checked line by line; what the agency decides counts",
            )
        )
    return tuple(notes)
