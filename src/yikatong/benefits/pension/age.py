"""When somebody may retire: statutory age, flexible earlier and later, minimum years. Pure.

国务院关于渐进式延迟法定退休年龄的办法 (from 2025-01-01); 实施弹性退休制度暂行办法.
"""

from datetime import date
from fractions import Fraction
from math import ceil

from yikatong.benefits.pension.model import GROUP_NAMES, Career, Group, Nation, Retirement, Step
from yikatong.benefits.pension.terms import Book
from yikatong.core.errors import Text
from yikatong.core.months import add_months, month_of, months_from


def _counted(count: int, what: str) -> str:
    """1 year; 3 months."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def age_text(months: int) -> Text:
    """60岁3个月; 60 years 3 months."""
    years, rest = divmod(months, 12)
    if rest == 0:
        return Text(f"{years}岁", _counted(years, "year"))
    return Text(f"{years}岁{rest}个月", f"{_counted(years, 'year')} {_counted(rest, 'month')}")


def month_text(month: date) -> Text:
    """2031年7月; July 2031."""
    return Text(f"{month.year}年{month.month}月", f"{month:%B %Y}")


def years_text(months: int) -> Text:
    """15年6个月; 15 years 6 months."""
    years, rest = divmod(months, 12)
    if rest == 0:
        return Text(f"{years}年", _counted(years, "year"))
    if years == 0:
        return Text(f"{rest}个月", _counted(rest, "month"))
    return Text(f"{years}年{rest}个月", f"{_counted(years, 'year')} {_counted(rest, 'month')}")


def delay(group: Group, birth: date, nation: Nation) -> int:
    """By how many months the age of a group is raised for who was born in a month (延迟月数)."""
    rule = nation.groups[group]
    passed = months_from(nation.delay_from, add_months(month_of(birth), rule.old_age)) + 1
    if passed <= 0:
        return 0
    return min(ceil(Fraction(passed, rule.one_month_every)), rule.at_most)


def minimum_months(year: int, nation: Nation) -> int:
    """The months an employee must have paid to retire in a year (最低缴费年限)."""
    if year < nation.minimum_rises_from:
        return nation.minimum_base
    risen = (year - nation.minimum_rises_from + 1) * nation.minimum_a_year
    return min(nation.minimum_base + risen, nation.minimum_highest)


def retirement(career: Career, book: Book) -> Retirement:
    """When the person may retire at the earliest, by statute, and at the latest."""
    nation, birth = book.nation, month_of(career.birth)
    if career.insurance == "150":
        age = nation.residents_age
        month = add_months(birth, age)
        step = Step(
            "residents_age",
            Text("领取年龄", "Age"),
            book.title(nation.residents_source),
            {"birth": f"{birth:%Y-%m}"},
            "",
            Text(
                f"年满{age // 12}周岁：{month_text(month).zh}",
                f"{age // 12} years: {month_text(month).en}",
            ),
        )
        return Retirement(age, 0, age, month, month, month, (step,))
    rule = nation.groups[career.group]
    later = delay(career.group, birth, nation)
    age = rule.old_age + later
    month = add_months(birth, age)
    earliest_age = max(age - nation.flexible_months, rule.old_age)
    earliest, latest = add_months(birth, earliest_age), add_months(month, nation.flexible_months)
    old_month = add_months(birth, rule.old_age)
    passed = months_from(nation.delay_from, old_month) + 1
    statutory = Step(
        "statutory_age",
        Text("法定退休年龄", "Statutory age"),
        book.title(nation.retirement_source),
        {
            "birth": f"{birth:%Y-%m}",
            "group": career.group,
            "old_age": str(rule.old_age // 12),
            "months_since": str(max(passed, 0)),
        },
        f"⌈{passed} ÷ {rule.one_month_every}⌉ = {ceil(Fraction(passed, rule.one_month_every))}"
        f" (≤ {rule.at_most})"
        if passed > 0
        else "",
        Text(
            f"{GROUP_NAMES[career.group].zh}原为{rule.old_age // 12}岁，延迟{later}个月："
            f"{age_text(age).zh}，{month_text(month).zh}",
            f"{GROUP_NAMES[career.group].en}: {rule.old_age // 12}, later by {later} months:"
            f" {age_text(age).en}, {month_text(month).en}",
        ),
    )
    flexible = Step(
        "flexible",
        Text("弹性退休", "Earlier or later"),
        book.title(nation.flexible_source),
        {"months": str(nation.flexible_months), "not_below": str(rule.old_age // 12)},
        "",
        Text(
            f"最早{month_text(earliest).zh}（须满最低缴费年限），最晚{month_text(latest).zh}"
            "（须单位同意）",
            f"from {month_text(earliest).en} (with the minimum years), until"
            f" {month_text(latest).en} (where the employer agrees)",
        ),
    )
    return Retirement(rule.old_age, later, age, month, earliest, latest, (statutory, flexible))


def minimum_for(career: Career, found: Retirement, month: date, nation: Nation) -> int:
    """The months that must be paid to retire in a month.

    Earlier than the statutory age: of that year; later: of the year of the statutory age
    (实施弹性退休制度暂行办法).
    """
    if career.insurance == "150":
        return nation.residents_minimum
    return minimum_months(min(month, found.month).year, nation)
