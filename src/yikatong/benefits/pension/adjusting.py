"""What a yearly adjustment adds to one pension (养老金调整). Pure and exact."""

from datetime import date
from typing import Final

import msgspec

from yikatong.benefits.pension.model import Step
from yikatong.benefits.pension.terms import Adjustment, Book
from yikatong.core.errors import Text
from yikatong.core.money import Fen, format_percent, format_yuan, round_micro


class Added(msgspec.Struct, frozen=True):
    """What is added a month, by part, in fen."""

    fixed: Fen
    years: Fen
    percent: Fen
    age: Fen

    @property
    def total(self) -> Fen:
        return self.fixed + self.years + self.percent + self.age


class Adjusted(msgspec.Struct, frozen=True):
    """The facts of one pensioner an adjustment depends on."""

    before: Fen
    months_paid: int
    birth: date


_NAMES: Final = {
    "fixed": Text("定额调整", "The same for everybody"),
    "years": Text("按缴费年限", "By years paid"),
    "percent": Text("按养老金水平", "By the pension"),
    "age": Text("高龄倾斜", "For age"),
}


def years_counted(rule: Adjustment, months_paid: int) -> int:
    """Whole years, at least those the rule counts."""
    return max(months_paid // 12, rule.at_least_years)


def age_on(birth: date, on: date) -> int:
    """Full years of age."""
    return on.year - birth.year - ((on.month, on.day) < (birth.month, birth.day))


def added(rule: Adjustment, one: Adjusted) -> Added:
    """What the rule adds: each part rounded once, half up, to the fen."""
    age = age_on(one.birth, rule.reached_by)
    reached = [amount for low, amount in rule.ages if age >= low]
    return Added(
        fixed=rule.fixed,
        years=rule.a_year * years_counted(rule, one.months_paid),
        percent=round_micro(one.before * rule.percent),
        age=reached[-1] if reached else 0,
    )


def steps(rule: Adjustment, one: Adjusted, book: Book) -> tuple[Step, ...]:
    """How it came about, for the person."""
    parts = added(rule, one)
    clause = book.title(rule.source)
    years = years_counted(rule, one.months_paid)
    shown: tuple[tuple[str, dict[str, str], str, Fen], ...] = (
        ("fixed", {}, "", parts.fixed),
        ("years", {"years": str(years)}, f"{format_yuan(rule.a_year)} × {years}", parts.years),
        (
            "percent",
            {"before": format_yuan(one.before)},
            f"{format_yuan(one.before)} × {format_percent(rule.percent)}%",
            parts.percent,
        ),
        ("age", {"age": str(age_on(one.birth, rule.reached_by))}, "", parts.age),
    )
    found = [
        Step(name, _NAMES[name], clause, inputs, working, _yuan(amount))
        for name, inputs, working, amount in shown
        if amount
    ]
    after = one.before + parts.total
    found.append(
        Step(
            "after",
            Text("调整后每月", "A month from then on"),
            clause,
            {"effective": f"{rule.effective:%Y-%m}"},
            f"{format_yuan(one.before)} + {format_yuan(parts.total)}",
            _yuan(after),
        )
    )
    return tuple(found)


def _yuan(amount: Fen) -> Text:
    return Text(f"{format_yuan(amount)} 元", f"{format_yuan(amount)} yuan")
