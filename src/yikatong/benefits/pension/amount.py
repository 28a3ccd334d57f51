"""What a pension comes to, every step shown. Pure and exact.

Employees: 国发〔2005〕38号; residents: 国发〔2014〕8号. Nothing is rounded on the way: each part is
computed as a fraction and rounded once, half up, to the fen; the whole is the sum of the parts.
"""

from datetime import date
from fractions import Fraction
from typing import Final

from yikatong.benefits.pension.age import age_text, years_text
from yikatong.benefits.pension.model import (
    Career,
    Figure,
    Nation,
    Parts,
    Pension,
    Step,
    Transition,
    half_up,
)
from yikatong.benefits.pension.terms import NATION, Book
from yikatong.core.errors import Text
from yikatong.core.money import WHOLE, Fen, Ppm, format_percent, format_yuan
from yikatong.core.months import month_of, months_from
from yikatong.core.regions import short_name

_TENTHS: Final = 10
_ORIGINS: Final = {
    "estimate": Text("近似值", "an approximation"),
    "recalled": Text("凭记忆录入，未核对", "from memory, not checked"),
    "given": Text("由您填写", "given by you"),
}


def pension(career: Career, month: date, book: Book) -> Pension:
    """The monthly pension of who retires in a month, having paid what the career says by then."""
    if career.insurance == "150":
        return _residents(career, month, book)
    return _employees(career, month, book)


def index_text(index: Ppm | Fraction) -> str:
    """A ratio with at most four decimals: 1.2345."""
    tenths = half_up(Fraction(index) / 100)
    whole, rest = divmod(tenths, 10_000)
    return f"{whole}.{rest:04d}".rstrip("0").rstrip(".")


def average_index(career: Career, deemed_index: Ppm | None = None) -> Fraction:
    """平均缴费指数 over all months, the deemed ones counted with theirs; parts per million."""
    if career.months == 0:
        return Fraction(career.index)
    deemed = career.index if deemed_index is None else deemed_index
    return Fraction(
        career.index * career.months_paid + deemed * career.deemed_months, career.months
    )


def account_tenths(age: int, nation: Nation) -> int:
    """计发月数 in tenths of a month for an age in months.

    Between two birthdays in proportion, to a tenth, half up: 60 years 1 month is 138.4 (到月计发).
    """
    table = nation.account_months
    low, high = min(table), max(table)
    years, rest = divmod(age, 12)
    if years < low:
        return table[low] * _TENTHS
    if years >= high:
        return table[high] * _TENTHS
    between = Fraction(table[years] * 12 - (table[years] - table[years + 1]) * rest, 12)
    return half_up(between * _TENTHS)


def _tenths_text(tenths: int) -> str:
    whole, rest = divmod(tenths, _TENTHS)
    return f"{whole}.{rest}" if rest else str(whole)


def average_wage(career: Career, month: date, book: Book) -> Figure:
    """计发基数: as given, else the region's; raises NoPensionTerms."""
    if career.average_wage is not None:
        return Figure(career.average_wage, career.region, str(month.year), "employees", "given")
    return book.average_wage(career.region, month)


def _employees(career: Career, month: date, book: Book) -> Pension:
    nation = book.nation
    average = average_wage(career, month, book)
    rule = book.transition(career.region, month)
    age = months_from(month_of(career.birth), month)
    index = average_index(career, rule.deemed_index if rule else None)
    notes = _notes(average, month)

    # (average + average × index) / 2 × months / 12 × 1 %
    exact = (
        average.amount * (WHOLE + index) / WHOLE / 2
        * Fraction(career.months, 12) * Fraction(nation.a_year, WHOLE)
    )  # fmt: skip
    basic = half_up(exact)
    own = half_up(average.amount * index / WHOLE)
    steps = [
        Step(
            "years",
            Text("缴费年限", "Years paid"),
            book.title(nation.employees_source),
            {"paid_months": str(career.months_paid), "deemed_months": str(career.deemed_months)},
            f"({career.months_paid} + {career.deemed_months}) ÷ 12"
            if career.deemed_months
            else f"{career.months_paid} ÷ 12",
            years_text(career.months),
        ),
        _average_step(average, book),
        Step(
            "indexed_wage",
            Text("本人指数化月平均缴费工资", "Own indexed wage"),
            book.title(nation.employees_source),
            {"average_wage": format_yuan(average.amount), "index": index_text(index)},
            f"{format_yuan(average.amount)} × {index_text(index)}",
            _yuan(own),
        ),
        Step(
            "basic",
            Text("基础养老金", "Basic pension"),
            book.title(nation.employees_source),
            {
                "average_wage": format_yuan(average.amount),
                "indexed_wage": format_yuan(own),
                "months": str(career.months),
                "a_year": format_percent(nation.a_year),
            },
            _basic_working(career, average.amount, rule, format_percent(nation.a_year)),
            _yuan(basic),
        ),
    ]
    tenths = account_tenths(age, nation)
    account = half_up(Fraction(career.account * _TENTHS, tenths))
    steps += [
        _account_months_step(age, tenths, book),
        _account_step(career.account, _tenths_text(tenths), account, nation.employees_source, book),
    ]
    transition = _transition(career, average.amount, rule, book, steps, notes)
    return _whole(Parts(basic, account, transition), steps, notes, book)


def _basic_working(career: Career, average: Fen, rule: Transition | None, a_year: str) -> str:
    """The sum from figures that are exact as they are shown."""
    wage, index = format_yuan(average), index_text(career.index)
    if not career.deemed_months or rule is None or rule.deemed_index in (None, career.index):
        return f"({wage} + {wage} × {index}) ÷ 2 × {career.months}/12 × {a_year}%"
    paid, deemed = career.months_paid, career.deemed_months
    return (
        f"{wage} × ({career.months} + {index} × {paid} + {index_text(rule.deemed_index)} × {deemed})"
        f" ÷ 2 ÷ 12 × {a_year}%"
    )


def _transition(
    career: Career,
    average: Fen,
    rule: Transition | None,
    book: Book,
    steps: list[Step],
    notes: list[Text],
) -> Fen:
    """过渡性养老金 for deemed years and years before accounts were kept, where the rule is on file."""
    if not career.deemed_months and not career.early_months:
        return 0
    if rule is None:
        notes.append(
            Text(
                f"{short_name(career.region)}的过渡性养老金办法没有收录，未计入；实际会更高",
                f"the transition pension of {short_name(career.region, 'en')} is not on file and"
                " not included; the real pension is higher",
            )
        )
        return 0
    deemed = career.index if rule.deemed_index is None else rule.deemed_index
    weighted = Fraction(deemed * career.deemed_months + career.index * career.early_months, WHOLE)
    found = half_up(average * weighted * Fraction(rule.a_year, WHOLE) / 12)
    steps.append(
        Step(
            "transition",
            Text("过渡性养老金", "Transition pension"),
            book.title(rule.source),
            {
                "average_wage": format_yuan(average),
                "deemed_months": str(career.deemed_months),
                "deemed_index": index_text(deemed),
                "early_months": str(career.early_months),
                "index": index_text(career.index),
                "a_year": format_percent(rule.a_year),
            },
            f"{format_yuan(average)} × ({index_text(deemed)} × {career.deemed_months}/12"
            f" + {index_text(career.index)} × {career.early_months}/12)"
            f" × {format_percent(rule.a_year)}%",
            _yuan(found),
        )
    )
    if rule.origin != "published":
        notes.append(
            Text(
                f"过渡性养老金的系数{_ORIGINS[rule.origin].zh}",
                f"the rate of the transition pension is {_ORIGINS[rule.origin].en}",
            )
        )
    return found


def _residents(career: Career, month: date, book: Book) -> Pension:
    nation = book.nation
    rule = book.residents_basic(career.region, month)
    age = months_from(month_of(career.birth), month)
    notes = _notes(rule.figure, month, wage=False)
    if rule.figure.region == NATION:
        notes.append(
            Text(
                f"{short_name(career.region)}的基础养老金标准没有收录，按全国最低标准计算，"
                "实际一般更高",
                f"the basic pension of {short_name(career.region, 'en')} is not on file; this is the"
                " nationwide minimum, the real one is usually higher",
            )
        )
    steps = [
        Step(
            "residents_basic",
            Text("基础养老金", "Basic pension"),
            book.title(rule.figure.source),
            {"region": rule.figure.region, "from": rule.figure.of},
            "",
            _yuan(rule.figure.amount),
        )
    ]
    length = 0
    if rule.length:
        years = career.months // 12
        length = _length(rule.length, years)
        steps.append(
            Step(
                "length",
                Text("缴费年限补贴", "For long payment"),
                book.title(rule.figure.source),
                {"years": str(years)},
                _length_working(rule.length, years),
                _yuan(length),
            )
        )
    reached = [one for one in rule.ages if age >= one[0] * 12]
    supplement = reached[-1][1] if reached else 0
    if rule.ages:
        steps.append(
            Step(
                "age",
                Text("高龄补贴", "For age"),
                book.title(rule.figure.source),
                {"age": age_text(age).en},
                "",
                _yuan(supplement),
            )
        )
    account = half_up(Fraction(career.account, nation.residents_account_months))
    steps.append(
        _account_step(
            career.account,
            str(nation.residents_account_months),
            account,
            nation.residents_source,
            book,
        )
    )
    parts = Parts(rule.figure.amount, account, length=length, age=supplement)
    return _whole(parts, steps, notes, book)


def _length_bands(rule: tuple[tuple[int, Fen], ...], years: int) -> list[tuple[int, Fen]]:
    """How many years count at which sum."""
    ends = [*(start for start, _ in rule[1:]), max(years, rule[-1][0])]
    return [
        (min(years, end) - start, amount)
        for (start, amount), end in zip(rule, ends, strict=True)
        if years > start
    ]


def _length(rule: tuple[tuple[int, Fen], ...], years: int) -> Fen:
    return sum(count * amount for count, amount in _length_bands(rule, years))


def _length_working(rule: tuple[tuple[int, Fen], ...], years: int) -> str:
    return " + ".join(f"{count} × {format_yuan(one)}" for count, one in _length_bands(rule, years))


def _average_step(average: Figure, book: Book) -> Step:
    return Step(
        "average_wage",
        Text("计发基数（月平均工资）", "Average monthly wage"),
        "" if average.origin == "given" else book.title(average.source),
        {"region": average.region, "year": average.of, "origin": average.origin},
        "",
        _yuan(average.amount),
    )


def _account_months_step(age: int, tenths: int, book: Book) -> Step:
    nation = book.nation
    years, rest = divmod(age, 12)
    inside = rest and years in nation.account_months and years + 1 in nation.account_months
    working = ""
    if inside:
        here, then = nation.account_months[years], nation.account_months[years + 1]
        working = f"{here} − ({here} − {then}) × {rest}/12"
    return Step(
        "account_months",
        Text("个人账户计发月数", "Months the account is spread over"),
        book.title(nation.between_source if inside else nation.account_months_source),
        {"age": f"{years}-{rest:02d}"},
        working,
        Text(f"{_tenths_text(tenths)} 个月", f"{_tenths_text(tenths)} months"),
    )


def _account_step(balance: Fen, months: str, account: Fen, source: str, book: Book) -> Step:
    return Step(
        "account",
        Text("个人账户养老金", "From the own account"),
        book.title(source),
        {"balance": format_yuan(balance), "months": months},
        f"{format_yuan(balance)} ÷ {months}",
        _yuan(account),
    )


def _whole(parts: Parts, steps: list[Step], notes: list[Text], book: Book) -> Pension:
    shown = [one for one in (parts.basic, parts.length, parts.age, parts.account) if one]
    shown += [parts.transition] if parts.transition else []
    steps.append(
        Step(
            "total",
            Text("每月养老金", "A month in all"),
            book.title("law"),
            {},
            " + ".join(format_yuan(one) for one in shown),
            _yuan(parts.total),
        )
    )
    return Pension(parts, tuple(steps), tuple(notes))


def _notes(figure: Figure, month: date, *, wage: bool = True) -> list[Text]:
    """What is to be known of the figure a calculation stands on."""
    notes: list[Text] = []
    name = Text("计发基数", "the average wage") if wage else Text("基础养老金", "the basic pension")
    if figure.origin in _ORIGINS and figure.origin != "given":
        notes.append(
            Text(
                f"{name.zh}{format_yuan(figure.amount)}元是{_ORIGINS[figure.origin].zh}",
                f"{name.en} of {format_yuan(figure.amount)} yuan is {_ORIGINS[figure.origin].en}",
            )
        )
    if wage and figure.origin != "given" and int(figure.of) != month.year:
        notes.append(
            Text(
                f"退休那年的计发基数没有收录，用的是{figure.of}年的",
                f"the average wage of the year of retirement is not on file; this is the one of"
                f" {figure.of}",
            )
        )
    return notes


def _yuan(amount: Fen) -> Text:
    return Text(f"{format_yuan(amount)} 元", f"{format_yuan(amount)} yuan")
