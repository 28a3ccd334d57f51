"""A provider, a person and settlements for the tests of the transactions."""

from datetime import date, datetime
from typing import Any

import msgspec

from yikatong.core.clock import SHANGHAI
from yikatong.medical.hospital_api.context import Context
from yikatong.medical.hospital_api.transactions import TRANSACTIONS
from yikatong.medical.model import Provider
from yikatong.medical.visits.model import Settlement, SplitLine, Visit
from yikatong.medical.visits.orders import Order, Result, Settled
from yikatong.people.model import Enrolment, Person
from yikatong.policies import service as policies
from yikatong.policies.model import (
    Bill,
    MedicalAccount,
    PersonFacts,
    Quote,
    QuoteRequest,
    VisitFacts,
    YearToDate,
)

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=SHANGHAI)
ID_NUMBER = "510104198505051236"
CARD_IDENTIFIER = "510100D156000005A1B2C3D4E5F60718"
PROVIDER = Provider(
    provider_code="H51010400012",
    name="成都市第一人民医院",
    english="Chengdu First People's Hospital",
    kind="hospital",
    level="tertiary",
    region="510104",
    pooling_region="510100",
    cares=["outpatient", "emergency", "chronic", "inpatient"],
    cross_region_cares=["outpatient", "inpatient"],
    chronic_diseases=["高血压"],
    suspended_on=None,
    address="成都市锦江区",
)
CONTEXT = Context(PROVIDER, "510104", "510100", "0012", NOW)
PERSON = Person(
    70001, "王芳", 2, date(1985, 5, 5), "510104", date(2026, 1, 1), True, False, None, True, 1
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
VISIT = Visit(
    person_id=70001,
    visit_id=9001,
    provider_code=PROVIDER.provider_code,
    setting="inpatient",
    care_code="21",
    state="discharged",
    insurance="310",
    insured_region="510100",
    treatment_region="510100",
    number="ZY0001",
    begun_at=datetime(2026, 2, 20, 8, tzinfo=SHANGHAI),
    ended_at=NOW,
    diagnoses=(),
    disease=None,
    details={"certificate": "card"},
    version=3,
)
REQUEST = QuoteRequest(
    PersonFacts("310", "510100", age=40, groups=frozenset({"civil_servant"})),
    VisitFacts("inpatient", "510100", "tertiary", date(2026, 3, 1)),
    Bill(30000_00, self_paid=1000_00, over_limit=200_00, first_pay=800_00),
    medical_account=MedicalAccount(500_00, use=True, family=300_00),
)


def order(code: str, given: Any) -> Order:
    """The order that an input becomes."""
    raw = given if isinstance(given, bytes) else msgspec.json.encode(given)
    return TRANSACTIONS[code].read(raw, CONTEXT)


def output(code: str, result: Result) -> Any:
    """The answer's output, as the provider decodes it: numbers with a point as their text."""
    shown = msgspec.json.encode(TRANSACTIONS[code].show(result, CONTEXT))
    return msgspec.json.Decoder(float_hook=str).decode(shown)


def settlement(request: QuoteRequest = REQUEST, quote: Quote | None = None) -> Settlement:
    """The settlement of a quote, as it is once committed."""
    answer = quote or policies.quote(request)
    family = sum(step.pays for step in answer.steps if step.layer == "family_account")
    own = answer.medical_account - family
    return Settlement(
        person_id=70001,
        settlement_id=800001,
        visit_id=9001,
        provider_code=PROVIDER.provider_code,
        message_id="H51010400012202603010930000001",
        reverses=None,
        channel="direct",
        interim=False,
        setting="inpatient",
        care_code="21",
        insurance=request.person.insurance,
        insured_region=request.person.region,
        treatment_region="510100",
        settled_at=NOW,
        total=answer.total,
        self_paid=request.bill.self_paid,
        over_limit=request.bill.over_limit,
        first_pay=request.bill.first_pay,
        deductible=answer.deductible,
        pooled=answer.pooled,
        large_amount=answer.large_amount,
        serious_illness=answer.serious_illness,
        civil_servant=answer.civil_servant,
        assistance=answer.assistance,
        medical_account=own,
        family_account=family,
        cash=answer.cash,
        balance_after=request.medical_account.balance - own,
        policy_from=answer.policy.starts_on,
        year_starts_on=date(2026, 1, 1),
        inputs=request,
        added={},
        batches=[1],
        transaction_id=5,
        invoice="",
        operator="0012",
        quote=answer,
    )


_AMOUNTS = (
    "total", "self_paid", "over_limit", "first_pay", "deductible", "pooled", "large_amount",
    "serious_illness", "civil_servant", "assistance", "medical_account", "family_account", "cash",
)  # fmt: skip


def reversed_(one: Settlement) -> Settlement:
    """The reversal of a settlement, as it is stored: every amount negated, without the quote."""
    return msgspec.structs.replace(
        one,
        settlement_id=800002,
        reverses=one.settlement_id,
        quote=None,
        balance_after=one.balance_after + one.medical_account,
        **{name: -getattr(one, name) for name in _AMOUNTS},
    )


def settled(one: Settlement, lines: tuple[SplitLine, ...] = ()) -> Settled:
    """A settlement with what its answer tells beside the amounts."""
    return Settled(one, PERSON, ID_NUMBER, ENROLMENT, VISIT, lines)


def line(number: str = "1", **changes: Any) -> SplitLine:
    """A drug of class B above its price limit."""
    facts: dict[str, Any] = {
        "number": number,
        "item": "XC08CAA901A0",
        "total": 138_00,
        "quantity": "2",
        "price": "69.00",
        "at": "2026-03-01T09:00:00+08:00",
        "self_paid": 0,
        "over_limit": 18_00,
        "first_pay": 12_00,
        "item_class": "B",
        "first_pay_share": 100_000,
        "price_limit": 60_00,
    }
    return SplitLine(**{**facts, **changes})


YEAR = YearToDate(admissions=2, pooled=10000_00, borne_in_scope=1234_56)
