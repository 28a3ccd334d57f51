"""The worked cases, and what must hold of any."""

from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from yikatong.benefits.unemployment import rules, terms
from yikatong.benefits.unemployment.model import Question
from yikatong.core.money import format_yuan

CASES: list[dict[str, Any]] = [
    case
    for file in sorted((Path(__file__).parent / "cases").glob("unemployment-*.yaml"))
    for case in yaml.safe_load(file.read_text(encoding="utf-8"))
]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_case_worked_by_hand(case: dict[str, Any]) -> None:
    given = {"registered": True, **case["ask"]}
    asked = msgspec.convert({**given, "on": given.pop("day")}, Question)
    found = rules.estimate(asked, terms.load())
    told = {
        "entitled": found.entitled,
        "misses": [one.code for one in found.misses],
        "months": found.months,
        "last_month": found.last_month,
        "monthly": format_yuan(found.monthly),
        "later_monthly": format_yuan(found.later_monthly),
        "total": format_yuan(found.total),
    }
    assert {name: told[name] for name in case["expects"]} == case["expects"]


@given(
    paid=st.integers(0, 500),
    carried=st.integers(0, 24),
    region=st.sampled_from(terms.load().regions()),
    on=st.dates(date(2025, 9, 1), date(2027, 1, 1)),
)
def test_more_contributions_never_give_less_and_never_more_than_the_law(
    paid: int, carried: int, region: str, on: date
) -> None:
    def months(count: int) -> int:
        asked = Question(
            region=region, months_paid=count, months_carried=carried, reason="dismissed",
            registered=True, on=on,
        )  # fmt: skip
        return rules.estimate(asked, terms.load()).months

    assert months(paid) <= months(paid + 1) <= rules.MONTHS_MAX
    assert months(paid) <= terms.law_maximum(paid) + carried


@given(
    birth=st.dates(date(1955, 1, 1), date(2005, 1, 1)),
    sex=st.sampled_from((1, 2)),
    post=st.sampled_from(("worker", "cadre")),
)
def test_the_retirement_age_rises_by_steps_and_ends_where_the_law_says(
    birth: date, sex: Any, post: Any
) -> None:
    found = rules.retires_on(birth, sex, post, terms.load().nation)
    old = {(1, "worker"): 60, (1, "cadre"): 60, (2, "cadre"): 55, (2, "worker"): 50}[sex, post]
    late = (found.year - birth.year - old) * 12 + found.month - birth.month
    assert 0 <= late <= (60 if old == 50 else 36)
    assert late == 0 or birth >= date({60: 1965, 55: 1970, 50: 1975}[old], 1, 1)
