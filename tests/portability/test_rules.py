"""Every reason from the smallest situation that gives it, and what holds of all answers."""

import re
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yikatong.benefits.model import Entitlement
from yikatong.cards.model import Card, CardApplication
from yikatong.core.clock import SHANGHAI
from yikatong.medical.filings import service as filing_rules
from yikatong.medical.model import ChronicRegistration, Filing, Provider
from yikatong.people.model import Enrolment, Person
from yikatong.policies import service as policies
from yikatong.policies.model import YearToDate
from yikatong.portability import rules
from yikatong.portability.model import SERVICES, Answer, CheckRequest, Situation
from yikatong.portability.reasons import catalogue
from yikatong.portability.shown import answer_as_json

TODAY = date(2026, 3, 1)
NOW = datetime(2026, 3, 1, 9, tzinfo=SHANGHAI)
PERSON = Person(
    1, "王芳", 2, date(1985, 5, 5), "510104", date(2026, 1, 1), True, False, None, True, 1
)
CARD = Card(
    person_id=1,
    card_id=10,
    card_number="A00000001",
    card_identifier="0" * 32,
    generation=3,
    region="510100",
    state="active",
    social_security_app="active",
    bank_app="active",
    name_on_card="王芳",
    issued_on=date(2024, 1, 1),
    valid_until=date(2034, 1, 1),
    provisional_until=None,
    bank="ICBC",
    account_id=7,
    account_frozen_by=None,
    replaced_by=None,
)
ENROLMENT = Enrolment(
    insurance="310",
    region="510100",
    category="active",
    status="insured",
    starts_on=date(2020, 1, 1),
    ends_on=None,
    suspended_on=None,
    arrears_since=None,
    benefits_from=date(2020, 1, 1),
    retirement_confirmed=True,
    months_paid=70,
)
FILING = Filing(
    1, "long_term", "310", "510100", "110000", date(2025, 1, 1), None, None, None, "app", NOW
)
PROVIDER = Provider(
    "H11010100001",
    "北京医院",
    "Beijing Hospital",
    "hospital",
    "tertiary",
    "110101",
    "110000",
    ["outpatient", "inpatient", "chronic"],
    ["outpatient", "inpatient", "chronic"],
    ["糖尿病"],
    None,
    "",
)
PENSION = Entitlement(
    "pension", "510100", "drawing", date(2020, 1, 1), None, 300_000, date(2026, 12, 1), None
)
APPLICATION = CardApplication(
    1, "first", "applied", "510100", date(2026, 2, 20), date(2026, 3, 20), "成都服务中心", None
)
POLICY = policies.load().find("510100", "310", TODAY)
LONG_TERM = filing_rules.rules_of("510100", TODAY).kinds["long_term"]
FINE = Situation(
    now=NOW,
    person=PERSON,
    enrolments=(ENROLMENT,),
    cards=(CARD,),
    filings=(FILING,),
    policy=POLICY,
    entitlements=(PENSION,),
)


def change(value: Any, **facts: Any) -> Any:
    return msgspec.structs.replace(value, **facts)


def ask(
    situation: Situation, service: str = "inpatient", region: str = "110000", **more: Any
) -> Answer:
    return rules.decide(situation, CheckRequest(1, region, service, TODAY, **more))  # type: ignore[arg-type]


def codes(answer: Answer) -> list[str]:
    return [reason.code for reason in answer.reasons]


def with_card(**facts: Any) -> Situation:
    return change(FINE, cards=(change(CARD, **facts),))


def with_enrolment(**facts: Any) -> Situation:
    return change(FINE, enrolments=(change(ENROLMENT, **facts),))


def with_filing(**facts: Any) -> Situation:
    return change(FINE, filings=(change(FILING, **facts),))


def with_provider(**facts: Any) -> Situation:
    return change(FINE, provider=change(PROVIDER, **facts))


def with_pension(**facts: Any) -> Situation:
    return change(FINE, entitlements=(change(PENSION, **facts),))


DIABETES = ChronicRegistration("糖尿病", date(2025, 1, 1), None)
CASES: list[tuple[str, str, Situation, dict[str, Any]]] = [
    ("recorded_dead", "no", change(FINE, person=change(PERSON, died_on=date(2026, 2, 1))), {}),
    ("identity_mismatch", "no", change(FINE, person=change(PERSON, identity_matched=False)), {}),
    (
        "under_guardianship",
        "yes_but",
        change(FINE, person=change(PERSON, under_guardianship=True)),
        {},
    ),
    ("contact_outdated", "yes", change(FINE, person=change(PERSON, contact_confirmed_on=None)), {}),
    ("card_none", "no", change(FINE, cards=()), {}),
    ("card_application_under_way", "no", change(FINE, cards=(), applications=(APPLICATION,)), {}),
    (
        "card_not_collected",
        "no",
        change(FINE, cards=(), applications=(change(APPLICATION, state="ready"),)),
        {},
    ),
    (
        "card_replaced",
        "no",
        change(FINE, cards=(CARD, change(CARD, card_id=9, state="replaced", replaced_by=10))),
        {"card_id": 9},
    ),
    ("card_cancelled", "no", with_card(state="cancelled"), {}),
    ("card_expired", "no", with_card(state="expired", valid_until=date(2026, 1, 1)), {}),
    ("card_expired", "no", with_card(valid_until=date(2026, 2, 28)), {}),
    ("card_loss_reported", "no", with_card(state="loss_reported"), {}),
    (
        "card_loss_reported_provisionally",
        "no",
        with_card(state="loss_reported_provisionally", provisional_until=NOW + timedelta(days=3)),
        {},
    ),
    (
        "loss_report_but_payments_arrive",
        "yes_but",
        with_card(state="loss_reported"),
        {"service": "pension"},
    ),
    ("pin_locked", "no", with_card(state="locked"), {}),
    (
        "social_security_app_inactive",
        "no",
        with_card(state="issued", social_security_app="inactive"),
        {},
    ),
    ("bank_app_inactive", "no", with_card(bank_app="inactive"), {"service": "cash"}),
    ("payment_account_missing", "no", with_card(account_id=None), {"service": "pension"}),
    ("account_frozen", "no", with_card(account_frozen_by="court"), {"service": "cash"}),
    ("first_generation_unreadable", "no", with_card(generation=1), {}),
    ("card_not_contactless", "no", with_card(generation=2), {"service": "transit"}),
    ("card_data_outdated", "no", with_card(name_on_card="王方"), {}),
    ("not_insured", "no", change(FINE, enrolments=()), {}),
    ("benefits_ended", "no", with_enrolment(status="ended", ends_on=date(2025, 12, 31)), {}),
    ("insurance_in_transfer", "no", with_enrolment(status="in_transfer"), {}),
    (
        "insurance_suspended",
        "no",
        with_enrolment(status="suspended", suspended_on=date(2026, 1, 1)),
        {},
    ),
    ("arrears", "no", with_enrolment(arrears_since=date(2026, 1, 15)), {}),
    ("in_waiting_period", "no", with_enrolment(benefits_from=date(2026, 4, 1)), {}),
    (
        "retirement_unconfirmed",
        "no",
        with_enrolment(category="retired", retirement_confirmed=False),
        {},
    ),
    (
        "wrong_insurance_for_service",
        "no",
        change(
            FINE,
            policy=change(
                POLICY,
                care={**POLICY.care, "pharmacy": None},
                none_clauses={**POLICY.none_clauses, "pharmacy": "x"},
            ),
        ),
        {"service": "pharmacy"},
    ),
    ("region_not_answering", "no", change(FINE, out_since=NOW), {}),
    (
        "filing_refused",
        "no",
        change(FINE, filings=(), policy=change(POLICY, unfiled="refused")),
        {},
    ),
    ("filing_none", "yes_but", change(FINE, filings=()), {}),
    ("filing_not_started", "yes_but", with_filing(starts_on=date(2026, 4, 1)), {}),
    ("filing_ended", "yes_but", with_filing(ends_on=date(2026, 2, 1)), {}),
    ("filing_ended", "yes_but", with_filing(ended_by="withdrawal", ended_on=date(2026, 2, 1)), {}),
    (
        "filing_ended_by_return",
        "yes_but",
        with_filing(ended_by="return", ended_on=date(2026, 2, 1)),
        {},
    ),
    ("filing_other_destination", "yes_but", with_filing(destination="310000"), {}),
    ("filing_type_not_covering", "yes_but", with_filing(kind="transfer"), {"service": "pharmacy"}),
    ("filing_valid", "yes", FINE, {}),
    ("filing_not_needed_exempt", "yes", change(FINE, filings=()), {"region": "500103"}),
    (
        "filing_home_after_materials",
        "no",
        change(with_filing(declared=True, subkind="posted_worker"), long_term=LONG_TERM),
        {"region": "510104"},
    ),
    (
        "filing_home_transfer_rates",
        "yes_but",
        change(FINE, long_term=change(LONG_TERM, at_home="transfer_rates")),
        {"region": "510104"},
    ),
    ("provider_suspended", "no", with_provider(suspended_on=date(2026, 1, 1)), {}),
    (
        "provider_not_designated",
        "no",
        with_provider(cares=["outpatient"], cross_region_cares=[]),
        {},
    ),
    ("provider_not_cross_region", "no", with_provider(cross_region_cares=["outpatient"]), {}),
    (
        "provider_not_for_disease",
        "no",
        change(with_provider(chronic_diseases=["高血压"]), chronic=(DIABETES,)),
        {"service": "chronic"},
    ),
    (
        "provider_not_selected",
        "no",
        change(
            with_provider(region="510104", pooling_region="510100"),
            selected_providers=("H51010400001",),
        ),
        {"service": "outpatient", "region": "510104"},
    ),
    ("outpatient_not_opened", "no", change(FINE, opened=False), {"service": "outpatient"}),
    ("service_not_opened", "no", change(FINE, opened=False), {"service": "culture"}),
    ("chronic_not_registered", "no", FINE, {"service": "chronic"}),
    ("benefit_not_drawn", "no", change(FINE, entitlements=()), {"service": "pension"}),
    (
        "benefit_ended",
        "no",
        with_pension(status="ended", ends_on=date(2026, 1, 1)),
        {"service": "pension"},
    ),
    (
        "proof_of_life_due",
        "yes_but",
        with_pension(proof_due_on=date(2026, 3, 20)),
        {"service": "pension"},
    ),
    (
        "proof_of_life_overdue",
        "no",
        with_pension(status="held", proof_due_on=date(2026, 2, 1), held_reason="proof_of_life"),
        {"service": "pension"},
    ),
    (
        "benefit_held",
        "no",
        with_pension(status="held", held_reason="review"),
        {"service": "pension"},
    ),
    (
        "cap_used_up",
        "yes_but",
        change(FINE, year=YearToDate(outpatient_pooled=200_000)),
        {"service": "outpatient"},
    ),
    ("deductible_not_met", "yes", FINE, {}),
    ("rates_not_on_file", "yes", change(FINE, policy=None), {}),
]


@pytest.mark.parametrize(
    ("code", "verdict", "situation", "more"), CASES, ids=[one[0] for one in CASES]
)
def test_a_reason_is_found_and_weighs_as_it_should(
    code: str, verdict: str, situation: Situation, more: dict[str, Any]
) -> None:
    answer = ask(situation, **more)
    assert code in codes(answer)
    assert answer.answer == verdict, codes(answer)


def test_every_reason_in_the_catalogue_is_reachable() -> None:
    assert set(catalogue().entries) == {one[0] for one in CASES}


def test_all_in_order_is_a_plain_yes() -> None:
    assert ask(FINE).answer == "yes"
    for service in ("outpatient", "pharmacy", "identity", "pension", "cash", "transit", "culture"):
        assert ask(FINE, service).answer == "yes", service


def test_several_reasons_come_in_the_order_of_doing() -> None:
    situation = change(
        FINE,
        person=change(PERSON, identity_matched=False),
        cards=(change(CARD, state="locked", social_security_app="inactive"),),
        enrolments=(change(ENROLMENT, arrears_since=date(2026, 1, 1)),),
        filings=(),
    )
    found = [one for one in codes(ask(situation)) if one != "deductible_not_met"]
    assert found == [
        "identity_mismatch",
        "social_security_app_inactive",
        "pin_locked",
        "arrears",
        "filing_none",
    ]


def test_a_provisional_loss_report_ends_by_itself() -> None:
    ended = with_card(
        state="loss_reported_provisionally", provisional_until=NOW - timedelta(minutes=1)
    )
    assert ask(ended).answer == "yes"
    later = CheckRequest(1, "110000", "inpatient", date(2026, 3, 10))
    running = with_card(
        state="loss_reported_provisionally", provisional_until=NOW + timedelta(days=3)
    )
    assert rules.decide(running, later).answer == "yes"


def test_arrears_of_this_month_do_not_stop_benefits_yet() -> None:
    assert ask(with_enrolment(arrears_since=date(2026, 3, 1))).answer == "yes"
    assert ask(with_enrolment(arrears_since=date(2026, 2, 28))).answer == "no"
    assert ask(with_enrolment(arrears_since=date(2025, 12, 31))).answer == "no"


def test_a_filing_for_a_province_covers_its_cities_and_one_for_a_city_its_counties() -> None:
    assert "filing_valid" in codes(ask(with_filing(destination="440000"), region="440100"))
    assert "filing_valid" in codes(ask(with_filing(destination="440100"), region="440103"))
    assert "filing_other_destination" in codes(
        ask(with_filing(destination="440100"), region="440300")
    )


def test_a_region_may_pay_a_long_term_filer_back_home_like_a_transfer() -> None:
    there = change(FINE, long_term=change(LONG_TERM, at_home="transfer_rates"))
    for situation, rate in ((FINE, 850_000), (there, 765_000)):
        expects = ask(situation, region="510104").expects
        assert expects is not None
        assert expects.now.rates[0].rate == rate
        assert expects.filed is None
    # Away from home it makes no difference.
    assert ask(there).answer == "yes"


def test_a_filing_made_with_an_insurance_of_another_region_counts_no_longer() -> None:
    assert "filing_none" in codes(ask(with_filing(region="310000")))


def test_at_home_no_filing_is_asked_for() -> None:
    assert not [
        one for one in codes(ask(change(FINE, filings=()), region="510104")) if "filing" in one
    ]


def test_a_filing_shows_what_it_would_change() -> None:
    expects = ask(change(FINE, filings=())).expects
    assert expects is not None
    assert expects.now.rates[0].rate == 595_000
    assert expects.filed is not None
    assert expects.filed.rates[0].rate == 850_000
    body = answer_as_json(ask(change(FINE, filings=())))
    assert body["expects"]["rate"] == "59.5"
    assert body["expects"]["with_filing"]["rate"] == "85"
    assert body["reasons"][0].keys() >= {"code", "blocks", "text", "remedy", "where", "takes"}


cards = st.builds(
    lambda **facts: change(CARD, **facts),
    state=st.sampled_from(
        [
            "issued",
            "active",
            "locked",
            "loss_reported",
            "expired",
            "replaced",
            "cancelled",
            "loss_reported_provisionally",
        ]
    ),
    generation=st.sampled_from([1, 2, 3]),
    social_security_app=st.sampled_from(["inactive", "active", "frozen"]),
    bank_app=st.sampled_from(["inactive", "active", "frozen"]),
    account_id=st.sampled_from((7, None)),
    valid_until=st.dates(date(2020, 1, 1), date(2040, 1, 1)),
    provisional_until=st.one_of(
        st.none(), st.integers(-90, 90).map(lambda days: NOW + timedelta(days=days))
    ),
    account_frozen_by=st.sampled_from([None, "court", "death"]),
    replaced_by=st.sampled_from([None, 10, 11]),
)
enrolments = st.builds(
    lambda **facts: change(ENROLMENT, **facts),
    insurance=st.sampled_from(["310", "390", "110", "210"]),
    category=st.sampled_from(["active", "retired", "minor", "student", "elderly"]),
    status=st.sampled_from(["insured", "suspended", "in_transfer", "ended"]),
    ends_on=st.one_of(st.none(), st.dates(date(2020, 1, 1), date(2030, 1, 1))),
    arrears_since=st.one_of(st.none(), st.dates(date(2025, 1, 1), date(2026, 6, 1))),
    benefits_from=st.dates(date(2020, 1, 1), date(2027, 1, 1)),
    retirement_confirmed=st.booleans(),
)
filings = st.builds(
    lambda **facts: change(FILING, **facts),
    kind=st.sampled_from(["long_term", "transfer", "emergency", "temporary"]),
    insurance=st.sampled_from(["310", "390"]),
    destination=st.sampled_from(["110000", "310000", "440100", "500000"]),
    starts_on=st.dates(date(2025, 1, 1), date(2026, 6, 1)),
    ends_on=st.one_of(st.none(), st.dates(date(2025, 1, 1), date(2026, 12, 1))),
)
situations = st.builds(
    Situation,
    now=st.just(NOW),
    person=st.builds(
        lambda **facts: change(PERSON, **facts),
        died_on=st.sampled_from([None, TODAY]),
        identity_matched=st.booleans(),
        under_guardianship=st.booleans(),
        birth_date=st.dates(date(1920, 1, 1), TODAY),
    ),
    enrolments=st.lists(enrolments, max_size=3).map(tuple),
    cards=st.lists(cards, max_size=3).map(tuple),
    applications=st.sampled_from([(), (APPLICATION,)]),
    filings=st.lists(filings, max_size=3).map(tuple),
    entitlements=st.sampled_from([(), (PENSION,)]),
    chronic=st.sampled_from([(), (DIABETES,)]),
    provider=st.sampled_from([None, PROVIDER]),
    opened=st.booleans(),
    out_since=st.sampled_from([None, NOW]),
    policy=st.sampled_from([None, *policies.load().policies()]),
)


@settings(max_examples=400)
@given(
    situations,
    st.sampled_from(SERVICES),
    st.sampled_from(["110000", "510104", "500103", "440100", "810000", "540000"]),
    st.dates(date(2025, 6, 1), date(2027, 1, 1)),
)
def test_any_situation_gets_an_answer_whose_words_are_complete(
    situation: Situation, service: Any, region: str, on: date
) -> None:
    answer = rules.decide(situation, CheckRequest(1, region, service, on))
    assert (answer.answer == "no") == any(reason.blocks for reason in answer.reasons)
    assert len(set(codes(answer))) == len(answer.reasons)
    for reason in answer.reasons:
        for text in (reason.text, reason.remedy, reason.takes):
            for words in (text.zh, text.en):
                assert words.strip()
                assert not re.search(r"[{}]|None", words), words
    answer_as_json(answer)
