"""Drafts of policies: all that is wrong at once, and computed beside the one in force."""

import itertools
import time
from datetime import date

import pytest

from tests.policies.test_examples import GOOD
from yikatong.policies import files, service, terms, trying
from yikatong.policies.errors import PolicyFileError
from yikatong.policies.model import Policy

TODAY = date(2026, 3, 1)
CHENGDU = next(text for name, text in files.shipped() if name.startswith("510100-chengdu/310"))


def draft(text: str) -> Policy:
    policy, wrong = files.check("draft.yaml", text)
    assert not wrong
    assert policy is not None
    return policy


def test_all_that_is_wrong_is_told_at_once_by_line_and_field() -> None:
    broken = (
        CHENGDU.replace('region: "510100"', 'region: "5101"')
        .replace("effective: 2023-01-01", "effective: 2023-13-01")
        .replace("per: year", "per: yaer")
        .replace("minus: 100", "less: 100")
        .replace("tertiary: 85}", "tertiary: 185}")
        .replace("caps: [inpatient]", "caps: [somewhere]")
        .replace("  large_amount:\n    source: cdy18\n", "  large_amount:\n")
    )
    policy, wrong = files.check("draft.yaml", broken)
    assert policy is None
    assert [one.wrong_field for one in wrong] == [
        "region", "documents.cdb4.effective", "care.outpatient.deductible.per",
        "care.inpatient.deductible.later.less", "care.inpatient.deductible.later",
        "care.inpatient.rate.tertiary", "care.inpatient.caps[0]",
        "care.pharmacy.deductible.per", "layers.large_amount",
    ]  # fmt: skip
    lines = broken.splitlines()
    assert all(1 <= one.line <= len(lines) for one in wrong)
    assert "185" in lines[wrong[5].line - 1]


@pytest.mark.parametrize("cut", range(0, len(GOOD.splitlines()), 3))
def test_a_draft_that_lost_a_line_is_right_or_told_and_never_a_fault(cut: int) -> None:
    lines = GOOD.splitlines()
    text = "\n".join(lines[:cut] + lines[cut + 1 :])
    policy, wrong = files.check("d", text)
    assert (policy is None) == bool(wrong)
    if wrong:
        with pytest.raises(PolicyFileError):
            files.parse("d", text)
    else:
        files.parse("d", text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "a: &x [1]\nb: *x",
        "[" * 5000,
        "a: \x01",
        "- 1",
        "region: 1",
        "{}",
        "a: {b: [c, {d: e",
    ],
)
def test_any_other_text_is_told_to_be_none(text: str) -> None:
    policy, wrong = files.check("d", text)
    assert policy is None
    assert wrong
    assert all(one.reason.zh and one.reason.en for one in wrong)


def test_lists_without_end_are_refused() -> None:
    many = "\n".join("      - {points: 1}" for _ in range(200))
    text = CHENGDU.replace(
        "    adjust:\n      - when: {age_from: 90}\n        points: 10", f"    adjust:\n{many}"
    )
    assert [one.wrong_field for one in files.check("d", text)[1]] == ["care.inpatient.adjust"]


def test_a_draft_is_computed_beside_the_version_in_force() -> None:
    one = draft(
        CHENGDU.replace("tertiary: 85}", "tertiary: 88}").replace(
            "none: {factor: 70}", "none: {factor: 60}"
        )
    )
    trial = trying.run(service.load(), one, TODAY, time.monotonic)
    assert trial.current is service.load().versions("510100", "310")[0]
    more = {(row.who.zh, row.what.zh, row.total): row.more for row in trial.rows}
    # In scope 25 500 - 800 deductible; three points more of 24 700.
    assert more["在职 40 岁", "三级住院", 3_000_000] == 74_100
    assert more["在职 40 岁", "二级住院", 1_500_000] == 0
    lost = more["在职 40 岁", "跨省住院，未备案", 3_000_000]
    assert lost is not None
    assert lost < 0
    outcomes = {each.example.id: each.differences for each in trial.examples}
    assert ("pooled", "7990.00", "8272.00") in outcomes["D-02"]


def test_an_unchanged_draft_changes_nothing() -> None:
    texts = dict(files.shipped())
    for policy in service.load().policies()[::8]:
        one = draft(texts[policy.source])
        trial = trying.run(service.load(), one, max(TODAY, policy.starts_on), time.monotonic)
        if trial.current is policy:
            assert {row.more for row in trial.rows} <= {0, None}, policy.source


def test_nothing_of_a_draft_is_remembered() -> None:
    before = terms.terms_of.cache_info().currsize
    one = draft(CHENGDU.replace("tertiary: 85}", "tertiary: 80}"))
    trying.run(service.load(), one, TODAY, time.monotonic)
    kept = terms.terms_of.cache_info().currsize
    trying.run(service.load(), draft(CHENGDU), TODAY, time.monotonic)
    assert terms.terms_of.cache_info().currsize == kept
    assert before <= kept


def test_a_draft_that_takes_too_long_is_stopped() -> None:
    ticks = itertools.count(0, 3)
    with pytest.raises(trying.TookTooLong):
        trying.run(service.load(), draft(CHENGDU), TODAY, lambda: next(ticks))


def test_a_region_without_a_policy_stands_alone() -> None:
    one = draft(CHENGDU.replace('"510100"', '"510700"'))
    trial = trying.run(service.load(), one, TODAY, time.monotonic)
    assert trial.current is None
    assert all(row.before is None and row.more is None for row in trial.rows)
