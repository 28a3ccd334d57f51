"""Ages, minimum years and sums, against tables and calculations done by hand."""

import re
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from yikatong.benefits.pension import requests, terms
from yikatong.benefits.pension.age import (
    delay,
    minimum_for,
    minimum_months,
    retirement,
)
from yikatong.benefits.pension.amount import account_tenths, pension
from yikatong.benefits.pension.estimating import estimate, wage_index
from yikatong.benefits.pension.model import GROUPS, Career, Estimate, half_up
from yikatong.benefits.pension.requests import Asked
from yikatong.core.errors import InvalidInput
from yikatong.core.money import format_yuan, parse_yuan
from yikatong.core.months import add_months, months_from

CASES = Path(__file__).parent / "cases"
BOOK = terms.load()
TODAY = date(2026, 3, 1)


def cases(name: str) -> list[dict[str, Any]]:
    return yaml.safe_load((CASES / name).read_text(encoding="utf-8"))


def career_of(facts: dict[str, Any]) -> Career:
    """A career of a case, without the checks of what is asked today."""
    told = dict(facts)
    for name in ("account", "average_wage"):
        if name in told:
            told[name] = parse_yuan(told[name], name)
    if "index" in told:
        told["index"] = requests.parse_index(told["index"], "index")
    return Career(**{**told, "birth": requests.parse_month(told["birth"], "birth")})


CAREER = Career(
    insurance="110",
    birth=date(1975, 6, 1),
    group="men",
    region="110000",
    months_paid=250,
    index=1_200_000,
    account=150_000_00,
)


# ---- age ----


@pytest.mark.parametrize(
    "case", cases("retirement.yaml"), ids=lambda one: f"{one['birth']} {one['group']}"
)
def test_the_retirement_age_is_the_one_of_the_official_table(case: dict[str, str]) -> None:
    birth = requests.parse_month(case["birth"], "birth")
    one = msgspec.structs.replace(CAREER, birth=birth, group=case["group"])
    found = retirement(one, BOOK)
    years, months = case["age"].split("-")
    assert found.age == int(years) * 12 + int(months)
    assert f"{found.month:%Y-%m}" == case["month"]


@given(
    birth=st.dates(date(1940, 1, 1), date(2010, 1, 1)),
    group=st.sampled_from(GROUPS),
)
def test_who_is_born_later_retires_no_earlier_and_never_below_the_old_age(
    birth: date, group: Any
) -> None:
    one = msgspec.structs.replace(CAREER, birth=birth, group=group)
    later = msgspec.structs.replace(one, birth=add_months(birth.replace(day=1), 1))
    found, then = retirement(one, BOOK), retirement(later, BOOK)
    assert 0 <= found.delay <= BOOK.nation.groups[group].at_most
    assert found.age >= found.old_age
    assert found.delay <= then.delay <= found.delay + 1
    assert found.month < then.month
    assert found.earliest <= found.month <= found.latest
    assert months_from(birth, found.earliest) >= found.old_age
    assert months_from(found.earliest, found.month) <= 36


def test_who_reached_the_old_age_before_2025_is_not_delayed() -> None:
    assert delay("men", date(1964, 12, 31), BOOK.nation) == 0
    assert delay("men", date(1965, 1, 1), BOOK.nation) == 1


def test_the_minimum_rises_from_fifteen_to_twenty_years() -> None:
    found = {
        year: minimum_months(year, BOOK.nation) for year in (2025, 2029, 2030, 2034, 2039, 2050)
    }
    assert found == {2025: 180, 2029: 180, 2030: 186, 2034: 210, 2039: 240, 2050: 240}


def test_retiring_early_needs_the_minimum_of_that_year_and_late_that_of_the_statutory_one() -> None:
    found = retirement(CAREER, BOOK)  # 2038-02
    assert minimum_for(CAREER, found, date(2035, 6, 1), BOOK.nation) == 216
    assert minimum_for(CAREER, found, found.month, BOOK.nation) == 234
    assert minimum_for(CAREER, found, date(2041, 2, 1), BOOK.nation) == 234


# ---- sums ----


@pytest.mark.parametrize("case", cases("pensions.yaml"), ids=lambda one: one["name"])
def test_a_pension_is_what_was_calculated_by_hand(case: dict[str, Any]) -> None:
    career = career_of(case["career"])
    month = requests.parse_month(case["retires"], "retires")
    found = pension(career, month, BOOK)
    expected = {"transition": "0.00", "length": "0.00", "age": "0.00", **case["expect"]}
    if "months" in expected:
        tenths = account_tenths(months_from(career.birth, month), BOOK.nation)
        assert tenths == round(float(expected.pop("months")) * 10)
    told = {
        name: format_yuan(amount) for name, amount in msgspec.structs.asdict(found.parts).items()
    }
    assert {**told, "total": format_yuan(found.monthly)} == expected
    assert found.steps[-1].result.zh == f"{expected['total']} 元"
    assert all(step.clause or step.rule == "average_wage" for step in found.steps)


def test_there_are_cases_for_all_ages_of_the_issue() -> None:
    ages = [
        months_from(one.birth, requests.parse_month(case["retires"], "r"))
        for case in cases("pensions.yaml")
        if (one := career_of(case["career"])).insurance == "110"
    ]
    assert len(ages) >= 12
    assert min(ages) == 50 * 12
    assert max(ages) == 70 * 12


def test_a_transition_pension_without_a_rule_on_file_is_told_to_be_left_out() -> None:
    one = msgspec.structs.replace(CAREER, region="370100", deemed_months=36)
    found = pension(one, date(2036, 1, 1), BOOK)
    assert found.parts.transition == 0
    assert any("没有收录" in note.zh and "过渡性" in note.zh for note in found.notes)


def test_a_figure_from_memory_or_of_another_year_is_told() -> None:
    chengdu = msgspec.structs.replace(CAREER, region="510100")
    notes = [note.zh for note in pension(chengdu, date(2038, 2, 1), BOOK).notes]
    assert any("近似值" in note for note in notes)
    assert any("没有收录，用的是2026年的" in note for note in notes)


def test_the_months_table_is_the_one_of_2005() -> None:
    table = [
        233, 230, 226, 223, 220, 216, 212, 208, 204, 199, 195, 190, 185, 180, 175, 170, 164, 158,
        152, 145, 139, 132, 125, 117, 109, 101, 93, 84, 75, 65, 56,
    ]  # fmt: skip
    assert [account_tenths(age * 12, BOOK.nation) for age in range(40, 71)] == [
        months * 10 for months in table
    ]
    assert account_tenths(39 * 12, BOOK.nation) == 2330
    assert account_tenths(75 * 12 + 3, BOOK.nation) == 560


CAREERS = st.builds(
    Career,
    insurance=st.sampled_from(["110", "150"]),
    birth=st.dates(date(1960, 1, 1), date(2000, 12, 31)),
    group=st.sampled_from(GROUPS),
    region=st.sampled_from(["110000", "510100", "420100", "310000", "440300"]),
    months_paid=st.integers(0, 500),
    index=st.integers(600_000, 3_000_000).map(lambda one: one // 100 * 100),
    account=st.integers(0, 2_000_000_00),
    deemed_months=st.integers(0, 120),
    average_wage=st.just(9_000_00),
)


@given(career=CAREERS, more=st.integers(1, 60), month=st.dates(date(2026, 1, 1), date(2060, 1, 1)))
def test_more_months_a_higher_index_and_more_on_the_account_never_lower_a_pension(
    career: Career, more: int, month: date
) -> None:
    found = pension(career, month, BOOK)
    for richer in (
        msgspec.structs.replace(career, months_paid=career.months_paid + more),
        msgspec.structs.replace(career, index=career.index + more * 1000),
        msgspec.structs.replace(career, account=career.account + more * 100),
    ):
        assert pension(richer, month, BOOK).monthly >= found.monthly


@given(career=CAREERS, month=st.dates(date(2026, 1, 1), date(2060, 1, 1)))
def test_the_parts_sum_to_the_whole_and_the_steps_say_the_same(career: Career, month: date) -> None:
    found = pension(career, month, BOOK)
    parts = msgspec.structs.asdict(found.parts)
    assert found.monthly == sum(parts.values())
    assert all(amount >= 0 for amount in parts.values())
    told = {step.rule: step.result.zh for step in found.steps}
    assert told["total"] == f"{format_yuan(found.monthly)} 元"
    assert told["account"] == f"{format_yuan(found.parts.account)} 元"
    working = found.steps[-1].working.split(" + ")
    assert sum(parse_yuan(one, "x") for one in working if one) == found.monthly


def worked(text: str) -> Fraction:
    """What a working comes to, exactly."""
    told = text.replace("×", "*").replace("÷", "/").replace("−", "-").replace("%", "*1/100")
    return eval(re.sub(r"[0-9]+(\.[0-9]+)?", lambda one: f"Fraction('{one[0]}')", told))


@given(career=CAREERS, month=st.dates(date(2026, 1, 1), date(2060, 1, 1)))
def test_who_does_the_sums_as_they_are_written_comes_to_the_same(
    career: Career, month: date
) -> None:
    for step in pension(career, month, BOOK).steps:
        if step.rule in ("basic", "account", "transition", "length", "total") and step.working:
            assert step.result.zh == f"{format_yuan(half_up(worked(step.working) * 100))} 元", step


# ---- estimates ----


def test_an_estimate_shows_early_statutory_and_late_side_by_side() -> None:
    found = estimate(CAREER, TODAY, BOOK)
    assert [(one.kind, f"{one.month:%Y-%m}") for one in found.options] == [
        ("early", "2035-06"), ("statutory", "2038-02"), ("late", "2041-02"),
    ]  # fmt: skip
    sums = [one.pension.monthly for one in found.options if one.pension]
    assert sums == sorted(sums)
    assert len(set(sums)) == 3
    assert found.options[1].months == 250 + months_from(TODAY, date(2038, 2, 1))


def test_who_stops_paying_may_miss_the_minimum_and_is_told_by_how_much() -> None:
    short = msgspec.structs.replace(CAREER, months_paid=120)
    option = estimate(short, TODAY, BOOK, pays_on=False).option("statutory")
    assert option is not None
    assert not option.possible
    assert option.pension is None
    assert option.why_not is not None
    assert "还差9年6个月" in option.why_not.zh
    assert option.enough_on is None


def test_who_pays_on_too_short_hears_when_it_will_be_enough() -> None:
    short = msgspec.structs.replace(CAREER, months_paid=10)
    option = estimate(short, TODAY, BOOK).option("statutory")
    assert option is not None
    assert not option.possible
    assert option.enough_on == add_months(option.month, option.minimum - option.months)
    then = estimate(short, TODAY, BOOK).option("paid_up")
    assert then is not None
    assert (then.month, then.months, then.possible) == (option.enough_on, option.minimum, True)
    assert then.pension is not None
    # 12049 × 2.2 ÷ 2 × 234 ÷ 1200; (150000 + 14458.80 × 8 % × 224) ÷ 61.3 at 69 years 5 months.
    assert (then.pension.parts.basic, then.pension.parts.account) == (258_451, 667_376)


def test_the_earliest_month_is_the_first_with_the_minimum_paid() -> None:
    # 201 months in June 2035, where 216 are needed, and more are each year.
    short = msgspec.structs.replace(CAREER, months_paid=90)
    option = estimate(short, TODAY, BOOK).option("early")
    assert option is not None
    assert option.possible
    assert option.month > date(2035, 6, 1)
    before = add_months(option.month, -1)
    paid = 90 + months_from(TODAY, before)
    assert paid < minimum_for(short, retirement(short, BOOK), before, BOOK.nation)


def test_who_is_past_the_statutory_age_retires_now_or_later() -> None:
    old = msgspec.structs.replace(CAREER, birth=date(1964, 1, 1), months_paid=200)
    found = estimate(old, TODAY, BOOK)
    assert [one.kind for one in found.options] == ["statutory", "late"]
    assert found.options[0].month == TODAY
    older = msgspec.structs.replace(CAREER, birth=date(1958, 1, 1), months_paid=200)
    assert [one.kind for one in estimate(older, TODAY, BOOK).options] == ["statutory"]


def test_residents_have_one_way_and_add_what_they_pay_a_year() -> None:
    resident = msgspec.structs.replace(
        CAREER, insurance="150", birth=date(1971, 3, 1), months_paid=180, account=20_000_00
    )
    found = estimate(resident, TODAY, BOOK, yearly=3_000_00)
    assert [one.kind for one in found.options] == ["statutory"]
    option = found.options[0]
    assert f"{option.month:%Y-%m}" == "2031-03"
    assert option.pension is not None
    assert option.pension.parts.account == 251_80  # (20000 + 5 × 3000) ÷ 139 = 251.798…


def test_a_wage_becomes_an_index_within_the_limits_of_the_base() -> None:
    assert wage_index(9_000_00, 9_000_00, BOOK) == 1_000_000
    assert wage_index(1_000_00, 9_000_00, BOOK) == 600_000
    assert wage_index(90_000_00, 9_000_00, BOOK) == 3_000_000


def ask(**facts: Any) -> Estimate:
    asked = {"birth": "1975-06", "region": "110000", "months_paid": 250, **facts}
    return requests.answer(msgspec.convert(asked, Asked), TODAY, BOOK)


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"birth": "1975-13"}, "birth"),
        ({"birth": "1975"}, "birth"),
        ({"birth": "2020-01"}, "birth"),
        ({"birth": "1900-01"}, "birth"),
        ({"region": "999999"}, "region"),
        ({"region": "510000"}, "region"),
        ({"region": "410100"}, "average_wage"),
        ({"average_wage": "1.00"}, "average_wage"),
        ({"index": "9"}, "index"),
        ({"index": "0.05"}, "index"),
        ({"index": "1,2"}, "index"),
        ({"index": "1.2", "wage": "9000"}, "wage"),
        ({"account": "-1"}, "account"),
        ({"account": "1e9"}, "account"),
        ({"months_paid": 600}, "months_paid"),
        ({"months_paid": 10, "early_months": 11}, "early_months"),
        ({"yearly": "x"}, "yearly"),
    ],
)
def test_what_is_wrong_is_named(facts: dict[str, Any], field: str) -> None:
    with pytest.raises((InvalidInput, terms.NoPensionTerms)) as caught:
        ask(**facts)
    assert caught.value.field == field


def test_a_wage_of_the_average_is_the_index_one() -> None:
    assert ask(wage="12049.00").career.index == 1_000_000
