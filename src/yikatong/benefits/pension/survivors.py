"""What survivors get once (遗属待遇): funeral sum and survivors' sum. Pure.

企业职工基本养老保险遗属待遇暂行办法 (人社部发〔2021〕18号), 第四条、第五条.
"""

from datetime import date
from fractions import Fraction

import msgspec

from yikatong.benefits.pension.model import Figure, Step, Survivors, half_up
from yikatong.benefits.pension.terms import Book
from yikatong.core.errors import Text
from yikatong.core.money import Fen, format_yuan


class SurvivorsSum(msgspec.Struct, frozen=True):
    """丧葬补助金 and 抚恤金, in fen."""

    funeral: Fen
    survivors: Fen
    steps: tuple[Step, ...]

    @property
    def total(self) -> Fen:
        return self.funeral + self.survivors


def months_by_years(months_paid: int, rule: Survivors) -> int:
    """Months of 抚恤金 for years paid: 3 below 5 years, 6 below 10, 9 up to 15, then one more for
    each whole year, years counted up to 30."""
    years = min(months_paid // 12, rule.years_at_most)
    base = next(count for low, count in reversed(rule.months_by_years) if years >= low)
    return base + max(0, years - rule.more_from)


def months_left(months_paid: int, months_drawn: int | None, rule: Survivors) -> int:
    """The same for somebody who drew a pension: one less for each whole year drawn, at least 9
    (退休人员); `months_drawn` None: who did not yet."""
    most = months_by_years(months_paid, rule)
    if months_drawn is None:
        return most
    return max(most - months_drawn // 12, rule.retired_at_least)


def survivors_sum(
    yearly_income: Fen, months_paid: int, months_drawn: int | None, book: Book
) -> SurvivorsSum:
    """What the survivors get, by the urban income per head of the year before the death."""
    rule = book.nation.survivors
    monthly = Fraction(yearly_income, 12)
    count = months_left(months_paid, months_drawn, rule)
    funeral = half_up(monthly * rule.funeral_months)
    survivors = half_up(monthly * count)
    income, clause = format_yuan(yearly_income), book.title(rule.source)
    return SurvivorsSum(
        funeral,
        survivors,
        (
            Step(
                "funeral",
                Text("丧葬补助金", "For the funeral"),
                f"{clause} 第四条",
                {"yearly_income": income, "months": str(rule.funeral_months)},
                f"{income} ÷ 12 × {rule.funeral_months}",
                Text(f"{format_yuan(funeral)} 元", f"{format_yuan(funeral)} yuan"),
            ),
            Step(
                "survivors",
                Text("抚恤金", "For the survivors"),
                f"{clause} 第五条",
                {
                    "yearly_income": income,
                    "years_paid": str(months_paid // 12),
                    "years_drawn": "" if months_drawn is None else str(months_drawn // 12),
                    "months": str(count),
                },
                f"{income} ÷ 12 × {count}",
                Text(f"{format_yuan(survivors)} 元", f"{format_yuan(survivors)} yuan"),
            ),
        ),
    )


def notes(income: Figure, died_on: date) -> list[Text]:
    """What is to be known of a figure on file: of another year than the one before the death, or not
    checked."""
    found: list[Text] = []
    if int(income.of) != died_on.year - 1:
        found.append(
            Text(
                f"{died_on.year - 1}年的城镇居民人均可支配收入没有收录，用的是{income.of}年的",
                f"the urban income per head of {died_on.year - 1} is not on file; this is the one of"
                f" {income.of}",
            )
        )
    if income.origin != "published":
        found.append(
            Text(
                f"城镇居民人均可支配收入{format_yuan(income.amount)}元未核对",
                f"the urban income per head of {format_yuan(income.amount)} yuan is not checked",
            )
        )
    return found
