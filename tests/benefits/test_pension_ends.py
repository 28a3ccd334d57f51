"""Death, what was paid too much, survivors; yearly adjustments; no month twice."""

import asyncio
from datetime import date, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benefits.conftest import (
    CLERK,
    MakePension,
    MakePerson,
    actions_of,
    dues_of,
    pension_of,
)
from yikatong.benefits import dues, months, service, store
from yikatong.benefits.model import Due, Entitlement
from yikatong.benefits.months import Change
from yikatong.benefits.pension import adjust, adjusting, ending, terms
from yikatong.benefits.pension.ending import Survivor
from yikatong.benefits.pension.errors import NoPension, SurvivorsRefused
from yikatong.benefits.pension.service import of_person
from yikatong.benefits.pension.survivors import months_by_years, months_left
from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import InvalidInput
from yikatong.core.months import last_day, months_between
from yikatong.core.platform import Platform

BOOK = terms.load()
NOW = datetime(2026, 3, 1, tzinfo=SHANGHAI)


async def stopped(platform: Platform, died_on: date, key: str = "s") -> Any:
    return await ending.stop(platform, 1, died_on, CLERK, key)


# ---- death ----


async def test_a_pension_is_paid_through_the_month_of_death_and_the_rest_owed_back(
    platform: Platform, make_person: MakePerson, make_pension: MakePension
) -> None:
    await make_person()
    await make_pension()
    done = await stopped(platform, date(2025, 12, 3))
    assert done["owed_back"] == "6000.00"  # January and February
    one = await pension_of(platform)
    assert (one.status, one.ends_on, one.ended_reason) == ("ended", date(2025, 12, 31), "death")
    assert await dues_of(platform) == [("recovery", "paid_after_death", 600_000)]
    assert await stopped(platform, date(2025, 12, 3)) == done
    with pytest.raises(NoPension):
        await stopped(platform, date(2025, 12, 3), key="again")


async def test_a_death_in_the_last_month_paid_owes_nothing_back(
    platform: Platform, make_person: MakePerson, make_pension: MakePension
) -> None:
    await make_person()
    await make_pension()
    done = await stopped(platform, date(2026, 2, 28))
    assert (done["owed_back"], done["still_due"]) == ("0.00", "0.00")


async def test_what_was_held_until_the_death_is_still_owed(
    platform: Platform, make_person: MakePerson, make_pension: MakePension
) -> None:
    await make_person()
    await make_pension(status="held", held_reason="proof_of_life", settled_month=date(2025, 10, 1))
    done = await stopped(platform, date(2026, 1, 15))
    assert done["still_due"] == "9000.00"  # November, December, January
    assert (await pension_of(platform)).held_reason is None


async def test_open_arrears_behind_the_death_are_cut_off_instead_of_reclaimed(
    platform: Platform, make_person: MakePerson, make_pension: MakePension
) -> None:
    await make_person()
    one = await make_pension(settled_month=date(2025, 11, 1))
    async with platform.database.transaction() as connection:
        settled, due = dues.arrears(1, one, date(2026, 3, 1), (), "held", platform.clock.now())
        assert due is not None
        await store.insert_dues(connection, [due])
        await service.update(connection, 1, settled)
    done = await stopped(platform, date(2025, 12, 31))
    assert (done["owed_back"], done["still_due"]) == ("0.00", "3000.00")
    assert await dues_of(platform) == [("arrears", "held", 300_000)]
    assert await dues_of(platform, state="cancelled") == [("arrears", "held", 1_200_000)]


async def test_a_day_of_death_that_cannot_be_is_refused(
    platform: Platform, make_person: MakePerson, make_pension: MakePension
) -> None:
    await make_person(died_on=date(2026, 1, 5))
    await make_pension()
    for day in (date(2026, 3, 2), date(1950, 1, 1), date(2026, 1, 6)):
        with pytest.raises(InvalidInput):
            await stopped(platform, day)
    assert (await pension_of(platform)).status == "drawing"


MONTH = st.integers(0, 40).map(lambda count: date(2023 + count // 12, count % 12 + 1, 1))


@given(
    settled=st.none() | MONTH, last=MONTH, monthly=st.integers(1, 10_000),
    raised=st.none() | MONTH, open_months=st.integers(0, 12),
)  # fmt: skip
def test_whatever_was_paid_or_held_every_month_until_the_death_is_paid_once(
    settled: date | None, last: date, monthly: int, raised: date | None, open_months: int
) -> None:
    starts = date(2023, 1, 1)
    now = NOW
    changes = [Change(raised, monthly)] if raised else []
    one = Entitlement(
        "pension", "110000", "drawing", starts, None, monthly + 7 if raised else monthly, None,
        None, "110", settled_month=settled,
    )  # fmt: skip
    sums = {
        month: months.sum_in(month, one.monthly, changes)
        for month in months_between(starts, date(2027, 1, 1))
    }
    settled_months = months_between(starts, settled) if settled else []
    # The last few settled months are an open due, the others were paid.
    waiting = settled_months[len(settled_months) - min(open_months, len(settled_months)) :]
    paid = sum(sums[month] for month in settled_months if month not in waiting)
    due = (
        dues.of_months(1, one, "arrears", "held", waiting[0], [sums[m] for m in waiting], now)
        if waiting
        else None
    )
    ended, made, cancelled = dues.end(1, one, changes, [due] if due else [], last, "death", now)
    open_after = [*made, *([due] if due and due not in cancelled else [])]
    still = sum(each.amount for each in open_after if each.kind == "arrears")
    back = sum(each.amount for each in open_after if each.kind == "recovery")
    owed = sum(amount for month, amount in sums.items() if month <= last)
    assert paid + still - back == owed
    assert not (still and back and not waiting)
    assert ended.ends_on == last_day(last)


# ---- survivors ----


@pytest.mark.parametrize(
    ("years", "months_due"),
    [(0, 3), (4, 3), (5, 6), (9, 6), (10, 9), (15, 9), (16, 10), (22, 16), (30, 24), (41, 24)],
)
def test_the_months_of_survivors_are_those_of_the_table(years: int, months_due: int) -> None:
    assert months_by_years(years * 12, BOOK.nation.survivors) == months_due


def test_each_year_drawn_takes_a_month_but_nine_remain() -> None:
    rule = BOOK.nation.survivors
    assert [months_left(360, drawn, rule) for drawn in (None, 0, 11, 12, 60, 400)] == [
        24, 24, 24, 23, 19, 9,
    ]  # fmt: skip


async def test_survivors_get_funeral_and_survivors_sum_once_on_the_heirs_account(
    platform: Platform, make_person: MakePerson, make_pension: MakePension
) -> None:
    await make_person(region="420100")
    await make_person(2, birth=date(1970, 1, 1), sex=2)
    await make_pension(region="420100", months_paid=360)
    claim = Survivor(heir_id=2, died_on=date(2025, 12, 3), kinship="结婚证 鄂2019-1")
    with pytest.raises(SurvivorsRefused):
        await ending.survivors(platform, 1, claim, CLERK, "k")
    await stopped(platform, date(2025, 12, 3))
    without = msgspec.structs.replace(claim, kinship=" ")
    with pytest.raises(SurvivorsRefused) as caught:
        await ending.survivors(platform, 1, without, CLERK, "k0")
    assert caught.value.field == "kinship"
    done = await ending.survivors(platform, 1, claim, CLERK, "k")
    # 46987 ÷ 12 × 2 = 7831.1667; 30 years paid: 24 months, drawn January 2024 to December 2025: 22.
    assert (done["funeral"], done["survivors"]) == ("7831.17", "86142.83")
    assert [note["en"][-11:] for note in done["notes"]] == ["not checked"]
    assert await ending.survivors(platform, 1, claim, CLERK, "k") == done
    with pytest.raises(SurvivorsRefused):
        await ending.survivors(platform, 1, claim, CLERK, "another key")
    assert sorted(await dues_of(platform, 2)) == [
        ("lump_sum", "funeral", 783_117),
        ("lump_sum", "survivors", 8_614_283),
    ]


async def test_survivors_of_who_did_not_draw_yet_need_a_recorded_death(
    platform: Platform, make_person: MakePerson
) -> None:
    await make_person(died_on=date(2026, 2, 1), months=60, region="510100")
    await make_person(2)
    async with platform.database.transaction() as connection:
        await connection.execute(
            "insert into relations values (1, 2, 'parent', '1990-01-01', null)"
        )
    claim = Survivor(heir_id=2, died_on=date(2026, 2, 1), urban_income="48000.00")
    done = await ending.survivors(platform, 1, claim, CLERK, "k")
    assert done["notes"] == []
    assert (done["funeral"], done["survivors"]) == ("8000.00", "24000.00")
    wrong = msgspec.structs.replace(claim, heir_id=1)
    with pytest.raises(SurvivorsRefused):
        await ending.survivors(platform, 1, wrong, CLERK, "k2")


async def test_a_province_without_a_figure_asks_for_it(
    platform: Platform, make_person: MakePerson
) -> None:
    await make_person(died_on=date(2026, 2, 1), region="440100")
    await make_person(2)
    claim = Survivor(heir_id=2, died_on=date(2026, 2, 1), kinship="户口簿")
    with pytest.raises(terms.NoPensionTerms) as caught:
        await ending.survivors(platform, 1, claim, CLERK, "k")
    assert caught.value.field == "urban_income"


# ---- yearly adjustment ----

RULES = """
review: unverified
documents:
  - {key: d, title: 调整通知}
adjustments:
  - rule: bj-2026
    region: "110000"
    insurance: "110"
    effective: 2026-01-01
    retired_by: 2025-12-31
    fixed: "30.00"
    a_year: "1.50"
    at_least_years: 15
    percent: "0.8"
    ages: [{age: 70, amount: "40.00"}, {age: 80, amount: "60.00"}]
    reached_by: 2025-12-31
    source: d
  - rule: all-2026
    region: "000000"
    insurance: "110"
    effective: 2026-01-01
    retired_by: 2025-12-31
    fixed: "20.00"
    a_year: "0.00"
    percent: "0"
    reached_by: 2025-12-31
    source: d
  - rule: bj-2025
    region: "110000"
    insurance: "110"
    effective: 2025-01-01
    retired_by: 2024-12-31
    fixed: "10.00"
    a_year: "0.00"
    percent: "0"
    reached_by: 2024-12-31
    source: d
"""


@pytest.fixture
def book() -> terms.Book:
    return terms.parse(terms.text_of("pension.yaml"), terms.text_of("pension_regions.yaml"), RULES)


async def test_an_adjustment_adds_each_part_and_the_months_since(
    platform: Platform, make_person: MakePerson, make_pension: MakePension, book: terms.Book
) -> None:
    await make_person(birth=date(1955, 12, 31))
    await make_pension(starts_on=date(2016, 1, 1))
    total = await adjust.adjust(platform, "bj-2026", CLERK, book=book)
    # 30 + 25 × 1.50 + 3000 × 0.8 % + 40 = 131.50
    assert (total.adjusted, total.added, total.arrears) == (1, 13_150, 26_300)
    assert (await pension_of(platform)).monthly == 313_150
    assert await dues_of(platform) == [("arrears", "adjusted", 26_300)]
    again = await adjust.adjust(platform, "bj-2026", CLERK, book=book)
    assert again.adjusted == 0
    assert (await pension_of(platform)).monthly == 313_150
    assert await actions_of(platform) == ["pension.adjusted"]
    shown = (await of_person(platform, 1, CLERK))["adjustments"][0]
    assert (shown["before"], shown["after"]) == ("3000.00", "3131.50")
    assert shown["added"] == {
        "fixed": "30.00",
        "years": "37.50",
        "percent": "24.00",
        "age": "40.00",
    }


async def test_who_retired_later_ended_or_lives_under_another_rule_is_left_out(
    platform: Platform, make_person: MakePerson, make_pension: MakePension, book: terms.Book
) -> None:
    facts: list[dict[str, Any]] = [
        {"starts_on": date(2026, 1, 1)},  # retired in December 2025
        {"starts_on": date(2026, 2, 1), "settled_month": None},  # retired in January
        {"status": "ended", "ends_on": date(2026, 1, 31)},
        {"region": "510100"},
        {"insurance": "150"},
        {"status": "held", "held_reason": "review"},
    ]
    for number, one in enumerate(facts, start=1):
        await make_person(number)
        await make_pension(number, **one)
    assert (await adjust.adjust(platform, "bj-2026", CLERK, book=book)).adjusted == 2
    assert (await adjust.adjust(platform, "all-2026", CLERK, book=book)).adjusted == 1
    raised = [(await pension_of(platform, number)).monthly > 300_000 for number in range(1, 7)]
    assert raised == [True, False, False, True, False, True]


async def test_an_older_adjustment_is_not_put_on_top_of_a_newer_one(
    platform: Platform, make_person: MakePerson, make_pension: MakePension, book: terms.Book
) -> None:
    await make_person()
    await make_pension()
    await adjust.adjust(platform, "bj-2026", CLERK, book=book)
    assert (await adjust.adjust(platform, "bj-2025", CLERK, book=book)).adjusted == 0


async def test_runs_side_by_side_and_in_pieces_raise_everybody_once(
    platform: Platform, make_person: MakePerson, make_pension: MakePension, book: terms.Book
) -> None:
    for number in range(1, 41):
        await make_person(number)
        await make_pension(number)
    first = await adjust.adjust(platform, "bj-2026", CLERK, limit=7, book=book)
    assert (first.adjusted, first.more) == (7, True)
    runs = await asyncio.gather(
        *(adjust.adjust(platform, "bj-2026", CLERK, book=book) for _ in range(3))
    )
    rest = await adjust.adjust(platform, "bj-2026", CLERK, book=book)
    assert 7 + sum(one.adjusted for one in runs) + rest.adjusted == 40
    # 30 + 37.50 + 24 = 91.50
    assert {(await pension_of(platform, number)).monthly for number in range(1, 41)} == {309_150}
    async with platform.database.transaction(readonly=True) as connection:
        assert await connection.fetchval("select count(*) from benefit_adjustments") == 40
        assert await connection.fetchval("select count(*) from benefit_dues") == 40


async def test_death_after_an_adjustment_reclaims_the_new_sum_and_cuts_the_difference(
    platform: Platform, make_person: MakePerson, make_pension: MakePension, book: terms.Book
) -> None:
    await make_person()
    await make_pension()
    await adjust.adjust(platform, "bj-2026", CLERK, book=book)
    # January and February were paid at 3000.00, the difference of 2 × 91.50 is still open.
    done = await stopped(platform, date(2026, 1, 20))
    assert (done["owed_back"], done["still_due"]) == ("3000.00", "91.50")


@given(
    before=st.integers(1, 2_000_000), more=st.integers(0, 2_000_000),
    paid=st.integers(0, 720), longer=st.integers(0, 60),
)  # fmt: skip
def test_a_higher_pension_and_more_years_never_get_less(
    before: int, more: int, paid: int, longer: int
) -> None:
    rule = BOOK.adjustment("510000-2025")
    born = date(1950, 5, 5)
    low = adjusting.added(rule, adjusting.Adjusted(before, paid, born))
    high = adjusting.added(rule, adjusting.Adjusted(before + more, paid + longer, born))
    assert low.total <= high.total
    assert low.total == low.fixed + low.years + low.percent + low.age
    steps = adjusting.steps(rule, adjusting.Adjusted(before, paid, born), BOOK)
    assert steps[-1].rule == "after"


def test_every_due_of_months_says_what_each_came_to() -> None:
    one = Entitlement(
        "pension", "110000", "drawing", date(2025, 11, 1), None, 1_000, None, None, "110"
    )
    changes = [Change(date(2026, 1, 1), 900)]
    settled, due = dues.arrears(1, one, date(2026, 2, 10), changes, "held", NOW)
    assert isinstance(due, Due)
    assert (due.amount, due.amounts) == (3_800, [900, 900, 1_000, 1_000])
    assert (due.month_from, due.month_until) == (date(2025, 11, 1), date(2026, 2, 1))
    assert settled.settled_month == date(2026, 2, 1)
    assert dues.arrears(1, settled, date(2026, 2, 28), changes, "held", NOW)[1] is None
