"""Properties of the engine over every shipped policy."""

from datetime import date

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from yikatong.policies import rules, service
from yikatong.policies.errors import NoPolicyOnFile
from yikatong.policies.model import (
    CARES,
    FILINGS,
    LEVELS,
    Bill,
    MedicalAccount,
    PersonFacts,
    Policy,
    Quote,
    QuoteRequest,
    VisitFacts,
    YearToDate,
)

BOOK = service.load()
POLICIES = BOOK.policies()
PLACES = ["110000", "310000", "510100", "511700", "500103", "610100", "610200", "440100", "330421"]

amounts = st.one_of(
    st.integers(0, 500_00), st.integers(0, 200_000_00), st.integers(0, 3_000_000_00)
)


@st.composite
def persons(draw: st.DrawFn, policy: Policy) -> PersonFacts:
    return PersonFacts(
        insurance=policy.insurance,
        region=policy.region,
        retired=draw(st.booleans()) if policy.insurance == "310" else False,
        age=draw(st.one_of(st.none(), st.integers(0, 100))),
        groups=draw(st.frozensets(st.sampled_from(sorted(policy.groups)), max_size=2)),
    )


@st.composite
def visits(draw: st.DrawFn, policy: Policy) -> VisitFacts:
    return VisitFacts(
        care=draw(st.sampled_from([care for care in CARES if care in policy.care])),
        region=draw(st.sampled_from([policy.region, *PLACES])),
        level=draw(st.sampled_from(LEVELS)),
        on=policy.starts_on,
        filing=draw(st.sampled_from(FILINGS)),
        days=draw(st.integers(0, 200)),
    )


@st.composite
def years(draw: st.DrawFn) -> YearToDate:
    return YearToDate(
        admissions=draw(st.integers(0, 5)),
        outpatient_deductible=draw(st.integers(0, 2_000_00)),
        outpatient_pooled=draw(amounts),
        pooled=draw(amounts),
        large_amount=draw(amounts),
        serious_illness=draw(amounts),
        borne_in_scope=draw(amounts),
    )


@st.composite
def bills(draw: st.DrawFn) -> Bill:
    total = draw(amounts)
    self_paid = draw(st.integers(0, total))
    over_limit = draw(st.integers(0, total - self_paid))
    first_pay = draw(st.integers(0, total - self_paid - over_limit))
    return draw(st.sampled_from([Bill(total), Bill(total, self_paid, over_limit, first_pay)]))


@st.composite
def requests(draw: st.DrawFn) -> QuoteRequest:
    policy = draw(st.sampled_from(POLICIES))
    return QuoteRequest(
        person=draw(persons(policy)),
        visit=draw(visits(policy)),
        bill=draw(bills()),
        year_to_date=draw(years()),
        medical_account=MedicalAccount(draw(amounts), draw(st.booleans())),
    )


@settings(max_examples=600)
@given(requests())
def test_the_parts_sum_to_the_bill_and_none_is_negative(request: QuoteRequest) -> None:
    answer = service.quote(request, BOOK)
    parts = [answer.pooled, answer.large_amount, answer.serious_illness, answer.civil_servant]
    parts += [answer.assistance, answer.medical_account, answer.cash]
    assert sum(parts) == request.bill.total == answer.total
    assert all(part >= 0 for part in parts)
    assert answer.person == answer.medical_account + answer.cash
    assert answer.medical_account <= request.medical_account.balance


@settings(max_examples=300)
@given(requests())
def test_the_steps_show_every_fen_a_layer_pays(request: QuoteRequest) -> None:
    answer = service.quote(request, BOOK)
    for layer in ("pooled", "large_amount", "serious_illness", "civil_servant", "assistance"):
        shown = [step for step in answer.steps if step.layer == layer]
        assert sum(step.pays for step in shown) == getattr(answer, layer)
        assert all(step.pays >= 0 and step.base >= 0 for step in shown)
        assert all(step.clause for step in shown)
    assert all(0 <= step.rate <= 1_000_000 for step in answer.steps)


@settings(max_examples=300)
@given(requests(), st.one_of(st.just(1), st.integers(1, 100), st.integers(1, 2_000_000_00)))
def test_a_longer_bill_never_lowers_what_the_person_pays(request: QuoteRequest, more: int) -> None:
    longer = msgspec.structs.replace(
        request, bill=msgspec.structs.replace(request.bill, total=request.bill.total + more)
    )
    before, after = service.quote(request, BOOK), service.quote(longer, BOOK)
    assert before.person <= after.person <= before.person + more


@settings(max_examples=150)
@given(requests(), st.integers(0, 400))
def test_fen_by_fen_around_a_border_the_person_never_pays_less(
    request: QuoteRequest, back: int
) -> None:
    policy = BOOK.find(request.person.region, request.person.insurance, request.visit.on)
    rule = policy.care[request.visit.care]
    assume(rule is not None)
    assert rule is not None
    borders = [case.by_level[3] for cap in rule.caps for case in cap.amount]
    borders += [case.by_level[3] for band in rule.bands if band.upto for case in band.upto]
    for border in borders:
        start = max(0, border - back)
        last: Quote | None = None
        for total in range(start, start + 25):
            bill = Bill(total)
            answer = service.quote(msgspec.structs.replace(request, bill=bill), BOOK)
            assert last is None or last.person <= answer.person
            last = answer


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_caps_hold_over_any_sequence_of_visits_in_a_year(data: st.DataObject) -> None:
    policy = data.draw(st.sampled_from(POLICIES))
    person = data.draw(persons(policy))
    year = YearToDate()
    paid = {"outpatient_pooled": 0, "pooled": 0}
    large = serious = 0
    for _ in range(data.draw(st.integers(1, 8))):
        visit = data.draw(visits(policy))
        request = QuoteRequest(person, visit, data.draw(bills()), year)
        answer = service.quote(request, BOOK)
        rule = policy.care[visit.care]
        key = rules.policy_terms.key_of(policy, person, visit, year.admissions)
        terms = rules.policy_terms.terms_of(policy, key)
        year = service.year_to_date_after(request, answer)
        large += answer.large_amount
        serious += answer.serious_illness
        if rule is not None:
            for one in terms.caps:
                paid[one.cap.accumulates] = getattr(year, one.cap.accumulates)
                if answer.pooled:
                    assert paid[one.cap.accumulates] <= one.amount, one.cap.name
        for layer, sum_paid in ((terms.large_amount, large), (terms.serious_illness, serious)):
            if layer is not None and layer.cap is not None:
                assert sum_paid <= layer.cap
    assert (year.large_amount, year.serious_illness) == (large, serious)


@settings(max_examples=200)
@given(st.data())
def test_splitting_a_bill_never_pays_more_than_one_deductible_allows(data: st.DataObject) -> None:
    """Two visits with a deductible each never leave the person better off than one."""
    policy = data.draw(st.sampled_from(POLICIES))
    person, visit = data.draw(persons(policy)), data.draw(visits(policy))
    rule = policy.care[visit.care]
    assume(rule is not None and rule.over == "scope" and len(rule.bands) == 1)
    assert rule is not None
    # Rounding happens once per settlement, so a split may win half a fen per layer and part.
    whole = data.draw(st.integers(2, 300_000_00))
    first = data.draw(st.integers(1, whole - 1))
    visit = msgspec.structs.replace(visit, days=0)
    one = service.quote(QuoteRequest(person, visit, Bill(whole)), BOOK)
    request = QuoteRequest(person, visit, Bill(first))
    part = service.quote(request, BOOK)
    year = service.year_to_date_after(request, part)
    rest = service.quote(QuoteRequest(person, visit, Bill(whole - first), year), BOOK)
    yearly = rule.deductible is not None and rule.deductible.per == "year"
    if yearly:
        assert part.deductible + rest.deductible == one.deductible
    falls = rule.deductible is not None and (
        rule.deductible.later_factor is not None
        or bool(rule.deductible.later_minus)
        or any(case.when.admission_from for case in rule.deductible.amount)
    )
    if not falls:
        assert part.pooled + rest.pooled <= one.pooled + 1
        assert part.deductible + rest.deductible >= one.deductible


@given(requests())
def test_a_quote_is_a_pure_function(request: QuoteRequest) -> None:
    assert service.quote(request, BOOK) == service.quote(request, BOOK)


@given(requests())
def test_at_home_and_in_exempt_places_a_filing_changes_nothing(request: QuoteRequest) -> None:
    policy = BOOK.find(request.person.region, request.person.insurance, request.visit.on)
    assume(service.counts_as_filed(policy, request.visit.region))
    answers = {
        service.quote(
            msgspec.structs.replace(
                request, visit=msgspec.structs.replace(request.visit, filing=filing)
            ),
            BOOK,
        ).person
        for filing in FILINGS
    }
    assert len(answers) == 1


@given(requests())
def test_leaving_without_a_filing_never_pays_better_than_with_one(request: QuoteRequest) -> None:
    _, variants = service.compare(request, filings=FILINGS, book=BOOK)
    by_filing = {one.filing: one.quote.pooled for one in variants}
    by_filing[request.visit.filing] = service.quote(request, BOOK).pooled
    assert by_filing["none"] <= by_filing["long_term"]


def test_a_region_without_a_file_is_told_apart_and_never_guessed() -> None:
    request = QuoteRequest(
        PersonFacts("310", "130700"),
        VisitFacts("inpatient", "130700", "tertiary", date(2026, 3, 1)),
        Bill(100),
    )
    with pytest.raises(NoPolicyOnFile) as caught:
        service.quote(request, BOOK)
    assert caught.value.field == "person.region"
    assert "no policy on file" in caught.value.text.en
