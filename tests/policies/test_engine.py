"""Properties of the engine over every shipped policy and one that uses everything."""

from datetime import date

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.policies.cases import BOOK, bills, persons, policies, requests, visits
from yikatong.policies import service
from yikatong.policies.errors import NoPolicyOnFile
from yikatong.policies.model import (
    FILINGS,
    LEVELS,
    Bill,
    PersonFacts,
    Policy,
    Quote,
    QuoteRequest,
    VisitFacts,
    YearToDate,
)
from yikatong.policies.terms import Terms, key_of, terms_of

LAYERS = ("pooled", "large_amount", "serious_illness", "civil_servant", "assistance")


def terms_for(policy: Policy, request: QuoteRequest) -> Terms:
    admissions = request.year_to_date.admissions
    return terms_of(policy, key_of(policy, request.person, request.visit, admissions))


def with_total(request: QuoteRequest, total: int) -> QuoteRequest:
    bill = msgspec.structs.replace(request.bill, total=total)
    return msgspec.structs.replace(request, bill=bill)


@settings(max_examples=600, deadline=None)
@given(requests())
def test_the_parts_sum_to_the_bill_and_none_is_negative(request: QuoteRequest) -> None:
    answer = service.quote(request, BOOK)
    parts = [getattr(answer, layer) for layer in LAYERS] + [answer.medical_account, answer.cash]
    assert sum(parts) == request.bill.total == answer.total
    assert all(part >= 0 for part in parts)
    assert answer.person == answer.medical_account + answer.cash
    account = request.medical_account
    assert answer.medical_account <= (account.balance + account.family) * account.use
    assert answer.funds <= answer.in_scope


@settings(max_examples=300, deadline=None)
@given(requests())
def test_the_steps_show_every_fen_a_layer_pays_and_the_clause_that_says_so(
    request: QuoteRequest,
) -> None:
    answer = service.quote(request, BOOK)
    for layer in LAYERS:
        shown = [step for step in answer.steps if step.layer == layer]
        assert sum(step.pays for step in shown) == getattr(answer, layer)
        assert all(step.pays >= 0 and step.base >= 0 for step in shown)
        assert all(step.clause for step in shown)
    accounts = [s for s in answer.steps if s.layer in ("medical_account", "family_account")]
    assert sum(step.pays for step in accounts) == answer.medical_account
    assert all(0 <= step.rate <= 1_000_000 for step in answer.steps)


@settings(max_examples=500, deadline=None)
@given(requests(), st.one_of(st.just(1), st.integers(1, 100), st.integers(1, 2_000_000_00)))
def test_a_longer_bill_never_lowers_what_the_person_pays(request: QuoteRequest, more: int) -> None:
    longer = with_total(request, request.bill.total + more)
    before, after = service.quote(request, BOOK), service.quote(longer, BOOK)
    assert before.person <= after.person <= before.person + more
    assert all(getattr(before, layer) <= getattr(after, layer) for layer in LAYERS)


@settings(max_examples=120, deadline=None)
@given(requests(), st.integers(0, 400), st.sampled_from(LEVELS))
def test_fen_by_fen_around_a_border_the_person_never_pays_less(
    request: QuoteRequest, back: int, level: str
) -> None:
    policy = BOOK.find(request.person.region, request.person.insurance, request.visit.on)
    terms = terms_for(policy, request)
    borders = {terms.deductible, *(band.upto for band in terms.bands if band.upto)}
    for cap in terms.caps:
        # The bill at which the fund reaches its cap lies where amount / rate says.
        room = max(0, cap.amount - getattr(request.year_to_date, cap.cap.accumulates))
        borders |= {
            room,
            *(room * 1_000_000 // b.rate + terms.deductible for b in terms.bands if b.rate),
        }
    for layer in (terms.large_amount, terms.serious_illness, terms.assistance):
        if layer is not None:
            borders |= {layer.deductible, *(band.upto for band in layer.bands if band.upto)}
    for border in borders:
        last: Quote | None = None
        for total in range(max(0, border - back), max(0, border - back) + 25):
            bill = Bill(total)
            answer = service.quote(msgspec.structs.replace(request, bill=bill), BOOK)
            assert last is None or last.person <= answer.person <= last.person + 1
            last = answer


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_caps_hold_over_any_sequence_of_visits_in_a_year(data: st.DataObject) -> None:
    """The payments are added up here, from the answers, not taken from the engine's own sums."""
    policy = data.draw(policies)
    person = data.draw(persons(policy))
    year = YearToDate()
    paid: dict[tuple[str, str], int] = {}  # what each rule's cap has seen
    by_layer = dict.fromkeys(LAYERS, 0)
    for _ in range(data.draw(st.integers(2, 8))):
        request = QuoteRequest(person, data.draw(visits(policy)), data.draw(bills()), year)
        answer = service.quote(request, BOOK)
        terms = terms_for(policy, request)
        year = service.year_to_date_after(request, answer)
        for one in terms.caps:
            seen = (one.cap.name, one.cap.counts)
            amount = answer.pooled
            if one.cap.counts == "scope":
                amount = min(answer.in_scope - answer.deductible, one.amount)
            paid[seen] = paid.get(seen, 0) + amount
            if answer.pooled and one.cap.counts == "paid":
                assert paid[seen] <= one.amount, one.cap.name
        for name in LAYERS:
            by_layer[name] += getattr(answer, name)
            layer = getattr(terms, name, None)
            if layer is not None and layer.cap is not None:
                assert by_layer[name] <= layer.cap, name
    for name in LAYERS[1:]:
        assert getattr(year, name) == by_layer[name]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_year_of_visits_bears_a_yearly_deductible_once(data: st.DataObject) -> None:
    policy, care = data.draw(policies), data.draw(st.sampled_from(["outpatient", "chronic"]))
    rule = policy.care.get(care)
    assume(rule is not None and rule.deductible is not None and rule.deductible.per == "year")
    person, visit = data.draw(persons(policy)), data.draw(visits(policy))
    visit = msgspec.structs.replace(visit, care=care, days=0)
    year, borne, deductible = YearToDate(), 0, 0
    for _ in range(data.draw(st.integers(1, 8))):
        request = QuoteRequest(person, visit, data.draw(bills()), year)
        answer = service.quote(request, BOOK)
        deductible = terms_for(policy, request).deductible
        borne += answer.deductible
        year = service.year_to_date_after(request, answer)
    assert borne <= deductible


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_splitting_a_bill_never_pays_more_than_one_deductible_rule_allows(
    data: st.DataObject,
) -> None:
    policy = data.draw(policies)
    person, visit = data.draw(persons(policy)), data.draw(visits(policy))
    visit = msgspec.structs.replace(visit, days=0)
    whole = data.draw(st.integers(2, 300_000_00))
    first = data.draw(st.integers(1, whole - 1))
    one = service.quote(QuoteRequest(person, visit, Bill(whole)), BOOK)
    request = QuoteRequest(person, visit, Bill(first))
    part = service.quote(request, BOOK)
    again = QuoteRequest(
        person, visit, Bill(whole - first), service.year_to_date_after(request, part)
    )
    rest = service.quote(again, BOOK)
    terms = terms_for(policy, again)
    if terms.deductible_per == "year":
        assert part.deductible + rest.deductible == one.deductible
    else:  # the second part bears in full what the rule asks of a second visit or admission
        assert rest.deductible == min(terms.deductible, whole - first)
    falls = terms.deductible < terms_for(policy, request).deductible
    alike = len(terms.bands) <= 1 and not falls
    if alike:
        # Rounding happens once per settlement, so a split may win one fen, never more.
        assert part.pooled + rest.pooled <= one.pooled + 1
        assert part.deductible + rest.deductible >= one.deductible


@given(requests())
def test_a_quote_is_a_pure_function(request: QuoteRequest) -> None:
    assert service.quote(request, BOOK) == service.quote(request, BOOK)


@given(requests())
def test_at_home_and_in_exempt_places_a_filing_changes_nothing(request: QuoteRequest) -> None:
    policy = BOOK.find(request.person.region, request.person.insurance, request.visit.on)
    assume(service.counts_as_filed(policy, request.visit.region))
    _, variants = service.compare(request, filings=FILINGS, book=BOOK)
    assert {one.difference for one in variants} == {0}


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
