"""Rules that few shipped files use, worked by hand on the policy that uses everything."""

from datetime import date

import msgspec
import pytest

from tests.policies.cases import BOOK, EVERYTHING
from yikatong.core.regions import pooling_regions
from yikatong.policies import service
from yikatong.policies.model import (
    Bill,
    Care,
    Filing,
    Grade,
    Level,
    MedicalAccount,
    PersonFacts,
    Quote,
    QuoteRequest,
    VisitFacts,
    YearToDate,
)

NOTHING_YET = YearToDate()


def ask(
    yuan: int,
    care: Care = "inpatient",
    *,
    level: Level = "tertiary",
    groups: str = "",
    year: YearToDate = NOTHING_YET,
    region: str = "130600",
    filing: Filing = "none",
    grade: Grade | None = None,
    account: MedicalAccount | None = None,
) -> tuple[QuoteRequest, Quote]:
    request = QuoteRequest(
        PersonFacts("310", "130600", age=40, groups=frozenset(groups.split())),
        VisitFacts(care, region, level, date(2026, 3, 1), filing, grade=grade),
        Bill(yuan * 100),
        year,
        account or MedicalAccount(),
    )
    return request, service.quote(request, BOOK)


def test_chronic_care_has_a_deductible_and_a_cap_of_its_own() -> None:
    request, outpatient = ask(1200, "outpatient", level="community")
    assert outpatient.pooled == 700_00  # (1200 - 200) × 70 %
    after = service.year_to_date_after(request, outpatient)
    request, chronic = ask(2000, "chronic", year=after)
    assert (chronic.deductible, chronic.pooled) == (300_00, 1360_00)  # (2000 - 300) × 80 %
    after = service.year_to_date_after(request, chronic)
    assert (after.outpatient_pooled, after.chronic_pooled, after.pooled) == (
        700_00,
        1360_00,
        1360_00,
    )
    _, capped = ask(2000, "chronic", year=after)
    assert (capped.deductible, capped.pooled) == (0, 640_00)  # 2000 a year, 1360 are used


def test_care_that_takes_over_a_rule_shares_its_deductible_and_cap() -> None:
    request, first = ask(5000, "emergency", level="primary")
    assert first.pooled == 2880_00  # (5000 - 200) × 60 %
    after = service.year_to_date_after(request, first)
    _, second = ask(5000, "outpatient", level="primary", year=after)
    assert (second.deductible, second.pooled) == (0, 120_00)  # 3000 a year for both


def test_care_the_fund_does_not_pay_is_borne_and_says_so() -> None:
    _, answer = ask(500, "pharmacy")
    assert (answer.pooled, answer.person) == (0, 500_00)
    assert answer.steps[0].clause == "测试〔2025〕1号 第九条"


def test_a_grade_splits_a_level_only_where_the_file_says_so() -> None:
    _, ordinary = ask(11_000)
    _, grade_a = ask(11_000, grade="grade_a")
    _, district = ask(11_000, grade="district")
    assert ordinary.pooled == district.pooled == 8500_00  # (11000 - 1000) × 85 %
    assert grade_a.pooled == 8250_00


def test_points_are_not_added_where_nothing_is_paid() -> None:
    _, answer = ask(1000, "outpatient", level="tertiary", groups="destitute")
    assert answer.pooled == 0


def test_bands_of_the_large_amount_fund_run_over_the_year() -> None:
    # In the year 40000 went over the cap, above its deductible of 1000 that is 39000. The fund is
    # used up, so the 20000 behind the admission's deductible go over: 11000 × 85 % + 9000 × 92.25 %.
    year = YearToDate(admissions=1, pooled=50_000_00, over_cap=40_000_00, large_amount=33_150_00)
    request, answer = ask(20_500, year=year)
    assert (answer.deductible, answer.pooled, answer.over_cap) == (500_00, 0, 20_000_00)
    assert answer.large_amount == 9_350_00 + 8_302_50
    assert service.year_to_date_after(request, answer).over_cap == 60_000_00


def test_a_cap_on_the_in_scope_amount_counts_what_was_paid_for() -> None:
    # 80000 a year are counted, 79000 are; of 2000 behind the deductible 1000 go over the cap.
    year = YearToDate(admissions=1, inpatient_in_scope=79_000_00)
    _, answer = ask(2_500, year=year)
    assert answer.pooled == 850_00
    assert answer.over_cap == 1_000_00


def test_medical_assistance_counts_its_deductible_once_a_year() -> None:
    request, first = ask(11_000, groups="low_income")
    assert first.assistance == 0  # 2500 borne of a deductible of 3000
    after = service.year_to_date_after(request, first)
    assert after.borne_in_scope == 2_500_00
    _, second = ask(10_500, groups="low_income", year=after)
    # (10500 - 500) × 85 % leaves 2000; from 2500 to 4500, above 3000: 1500 × 70 %
    assert second.assistance == 1_050_00


def test_a_supplement_pays_only_its_group_and_stops_at_its_cap() -> None:
    assert ask(11_000)[1].civil_servant == 0
    assert ask(11_000, groups="civil_servant")[1].civil_servant == 833_25  # 2500 × 33.33 %
    nearly = YearToDate(civil_servant=4_900_00)
    assert ask(11_000, groups="civil_servant", year=nearly)[1].civil_servant == 100_00


def test_relatives_accounts_pay_behind_ones_own() -> None:
    account = MedicalAccount(balance=300_00, use=True, family=1_000_00)
    _, answer = ask(11_000, account=account)
    assert (answer.medical_account, answer.cash) == (1_300_00, 1_200_00)
    paid = {step.layer: step.pays for step in answer.steps if "account" in step.layer}
    assert paid == {"medical_account": 300_00, "family_account": 1_000_00}


@pytest.mark.parametrize(
    ("region", "filing", "pooled"),
    [
        ("130600", "none", 8500_00),  # home
        ("110000", "none", 8500_00),  # an exempt province
        ("330421", "none", 8500_00),  # an exempt county
        ("330400", "none", 5652_50),  # not the city around it: 85 % × 95 % × 70 %
        ("440100", "transfer", 8000_00),  # 5 points off
        ("440100", "temporary", 6460_00),  # 85 % × 95 % × 80 %
        ("130100", "none", 7000_00),  # in the province 15 points off
        ("130100", "transfer", 8500_00),
    ],
)
def test_care_elsewhere_is_cut_by_place_and_filing(
    region: str, filing: Filing, pooled: int
) -> None:
    assert ask(11_000, region=region, filing=filing)[1].pooled == pooled


def test_a_stay_over_ninety_days_bears_the_deductible_again() -> None:
    request, _ = ask(20_000)
    for days, deductible in ((90, 1000_00), (91, 2000_00), (180, 2000_00), (181, 3000_00)):
        visit = msgspec.structs.replace(request.visit, days=days)
        answer = service.quote(msgspec.structs.replace(request, visit=visit), BOOK)
        assert answer.deductible == deductible


def test_half_of_an_odd_deductible_is_rounded_half_up() -> None:
    _, answer = ask(1000, level="community", year=YearToDate(admissions=1))
    assert answer.deductible == 50_01  # half of 100.01


def test_what_to_expect_agrees_with_the_quote() -> None:
    year = YearToDate(admissions=1, outpatient_deductible=150_00, outpatient_pooled=1000_00)
    for care, level in (
        ("inpatient", "secondary"),
        ("outpatient", "primary"),
        ("chronic", "primary"),
    ):
        request, answer = ask(5000, care, level=level, year=year)  # type: ignore[arg-type]
        told = service.expected(EVERYTHING, request.person, request.visit, year)
        assert told.deductible == answer.deductible
        assert told.rates[0].rate in {step.rate for step in answer.steps}
        assert told.cap_left is not None
        assert answer.pooled <= told.cap_left


def test_the_ten_first_regions_have_policies_on_every_day_of_2025_and_2026() -> None:
    known = {one.code for one in pooling_regions()}
    regions = [
        "110000",
        "310000",
        "500000",
        "510100",
        "440100",
        "511700",
        "510500",
        "610200",
        "610400",
        "420700",
    ]
    assert set(regions) <= known
    for region in regions:
        for insurance in ("310", "390"):
            for on in (date(2025, 1, 1), date(2025, 12, 31), date(2026, 3, 1), date(2026, 12, 31)):
                assert BOOK.find(region, insurance, on).region == region
