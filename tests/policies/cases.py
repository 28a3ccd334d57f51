"""Random people, visits, bills and years over all shipped policies and one that uses everything."""

from pathlib import Path

from hypothesis import strategies as st

from yikatong.policies import files, service
from yikatong.policies.model import (
    CARES,
    FILINGS,
    GRADES,
    LEVELS,
    Bill,
    MedicalAccount,
    PersonFacts,
    Policy,
    QuoteRequest,
    VisitFacts,
    YearToDate,
)

_FILE = Path(__file__).with_name("everything.yaml")
EVERYTHING = files.parse(_FILE.name, _FILE.read_text(encoding="utf-8"))
"""A policy of the tests' own that uses all a file can say."""

BOOK = service.PolicyBook([*service.load().policies(), EVERYTHING])
# The rare terms stand in few files: every fourth draw is the file that has them all.
policies = st.one_of(
    st.sampled_from(BOOK.policies()),
    st.sampled_from(BOOK.policies()),
    st.sampled_from(BOOK.policies()),
    st.just(EVERYTHING),
)
PLACES = ["110000", "310000", "510100", "511700", "500103", "610100", "130100", "440100", "330421"]
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
        insured_years=draw(st.integers(0, 10)),
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
        grade=draw(st.one_of(st.none(), st.sampled_from(GRADES))),
    )


@st.composite
def years(draw: st.DrawFn) -> YearToDate:
    sums = [name for name in YearToDate.__struct_fields__ if name != "admissions"]
    return YearToDate(draw(st.integers(0, 5)), *(draw(amounts) for _ in sums))


@st.composite
def bills(draw: st.DrawFn) -> Bill:
    total = draw(amounts)
    self_paid = draw(st.integers(0, total))
    over_limit = draw(st.integers(0, total - self_paid))
    first_pay = draw(st.integers(0, total - self_paid - over_limit))
    return draw(st.sampled_from([Bill(total), Bill(total, self_paid, over_limit, first_pay)]))


@st.composite
def requests(draw: st.DrawFn) -> QuoteRequest:
    policy = draw(policies)
    return QuoteRequest(
        person=draw(persons(policy)),
        visit=draw(visits(policy)),
        bill=draw(bills()),
        year_to_date=draw(st.one_of(st.just(YearToDate()), years())),
        medical_account=MedicalAccount(draw(amounts), draw(st.booleans()), draw(amounts)),
    )
