"""Which filing covers care, what each region asks for, and that filings never contradict."""

from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from yikatong.core import regions
from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import InvalidInput, YikatongError
from yikatong.core.months import same_day_in
from yikatong.medical.filings import decisions, endings, errors, rules, terms
from yikatong.medical.filings.decisions import Facts, Outcome
from yikatong.medical.filings.model import FilingChange, NewFiling, Stay, Use
from yikatong.medical.model import Filing, Provider
from yikatong.people.model import Enrolment, Person
from yikatong.policies import service as policies
from yikatong.policies.errors import PolicyFileError

TODAY = date(2026, 3, 1)
NOW = datetime(2026, 3, 1, 9, tzinfo=SHANGHAI)
PERSON = Person(
    1, "王芳", 2, date(1985, 5, 5), "510104", date(2026, 1, 1), True, False, None, True, 1
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
    1, "long_term", "310", "510100", "110000", date(2025, 1, 1), None, None, None, "online", NOW
)
HOSPITAL = Provider(
    "H51010400001", "成都市第一人民医院", "Chengdu First Hospital", "hospital", "tertiary", "510104",
    "510100", ["outpatient", "inpatient"], ["inpatient"], [], None, "",
)  # fmt: skip
RULES = terms.load().find("510100", TODAY)
FACTS = Facts(
    person=PERSON,
    enrolment=ENROLMENT,
    filings=(),
    rules=RULES,
    policy=policies.load().find("510100", "310", TODAY),
    stay=None,
    uses=(),
    now=NOW,
    new_id=100,
)
TEMPORARY = NewFiling(
    kind="temporary", destination="110000", channel="online", materials=("identity",)
)
LONG_TERM = NewFiling(
    kind="long_term",
    destination="110000",
    channel="online",
    subkind="posted_worker",
    materials=("identity", "work_proof"),
)
TRANSFER = NewFiling(
    kind="transfer",
    destination="110000",
    channel="provider",
    materials=("identity", "referral"),
)
IN_BEIJING = Stay(7, "110101", date(2026, 2, 20))


def change(value: Any, **facts: Any) -> Any:
    return msgspec.structs.replace(value, **facts)


def refused(error: type[YikatongError], field: str | None, *args: Any, **more: Any) -> Any:
    with pytest.raises(error) as caught:
        decisions.new(*args, **more)
    assert caught.value.field == field
    for words in (caught.value.text.zh, caught.value.text.en):
        assert words
        assert "None" not in words
    return caught.value


# ---- which filing covers care ----


@pytest.mark.parametrize(
    ("kind", "cares"),
    [
        ("long_term", {"inpatient", "outpatient", "emergency", "chronic", "pharmacy"}),
        ("transfer", {"inpatient", "outpatient", "emergency"}),
        ("emergency", {"inpatient", "emergency"}),
        ("temporary", {"inpatient", "outpatient", "emergency"}),
    ],
)
def test_each_kind_covers_its_kinds_of_care(kind: str, cares: set[str]) -> None:
    filing = change(FILING, kind=kind)
    for care in ("inpatient", "outpatient", "emergency", "chronic", "pharmacy"):
        found = rules.covering([filing], "310", "110101", care, TODAY)  # type: ignore[arg-type]
        assert (found == filing) == (care in cares)


def test_a_filing_covers_its_place_its_time_and_its_insurance() -> None:
    filing = change(FILING, starts_on=date(2026, 2, 1), ends_on=date(2026, 4, 30))

    def covers(region: str = "110000", on: date = TODAY, **more: Any) -> bool:
        return rules.covering([filing], "310", region, "inpatient", on, **more) is not None

    assert covers()
    assert covers("110108")
    assert not covers("310000")
    assert covers(on=date(2026, 2, 1))
    assert covers(on=date(2026, 4, 30))
    assert not covers(on=date(2026, 1, 31))
    assert not covers(on=date(2026, 5, 1))
    assert covers(insured_region="510100")
    assert not covers(insured_region="440100")
    assert rules.covering([filing], "390", "110000", "inpatient", TODAY) is None
    filing = change(filing, ended_by="withdrawal", ended_on=date(2026, 3, 1))
    assert covers(on=date(2026, 2, 28))
    assert not covers()


def test_of_a_stay_a_filing_counts_that_held_on_any_of_its_days() -> None:
    admitted, settled = date(2026, 2, 20), date(2026, 3, 10)

    def counts(**facts: Any) -> str:
        filing = change(FILING, kind="temporary", **facts)
        return rules.kind_that_counts(
            [filing], "310", "110101", "inpatient", settled, since=admitted
        )

    ran_out = {"starts_on": date(2025, 9, 1), "ends_on": date(2026, 2, 28)}
    assert counts(**ran_out) == "temporary"
    assert counts(starts_on=date(2026, 3, 10)) == "temporary"
    assert counts(starts_on=date(2025, 9, 1), ends_on=date(2026, 2, 19)) == "none"
    assert counts(starts_on=date(2026, 3, 11)) == "none"


@pytest.mark.parametrize(
    ("kind", "counted"),
    [
        (None, "emergency"),
        ("temporary", "emergency"),
        ("emergency", "emergency"),
        ("transfer", "transfer"),
        ("long_term", "long_term"),
    ],
)
def test_emergencies_count_as_filed(kind: str | None, counted: str) -> None:
    filings = [change(FILING, kind=kind)] if kind else []
    ask = rules.kind_that_counts
    assert ask(filings, "310", "110101", "emergency", TODAY) == counted
    assert ask(filings, "310", "110101", "inpatient", TODAY, emergency=True) == counted
    assert ask(filings, "310", "110101", "inpatient", TODAY) == (kind or "none")


def test_home_goes_on_being_used_and_owed_documents_are_told() -> None:
    rule = RULES.kinds["long_term"]

    def home(filing: Filing, **facts: Any) -> str:
        return rules.at_home([filing], "310", "510100", TODAY, change(rule, **facts))

    declared = change(FILING, declared=True, subkind="long_term_resident", materials=("identity",))
    assert home(FILING) == "home_rates"
    assert home(FILING, at_home="transfer_rates") == "transfer_rates"
    assert rules.missing(declared, rule) == ("residence_proof",)
    assert home(declared) == "after_materials"
    assert home(declared, declared_at_home="home_rates") == "home_rates"
    assert home(change(declared, materials=("identity", "residence_proof"))) == "home_rates"
    assert home(change(declared, ended_by="withdrawal", ended_on=TODAY)) == "home_rates"
    assert [rules.home_filing(one) for one in ("home_rates", "transfer_rates")] == [
        "long_term",
        "transfer",
    ]


# ---- rules on file ----


def test_a_region_departs_from_province_and_nation_only_where_it_says_so() -> None:
    book = terms.load()
    assert RULES.kinds["long_term"].ends_by_return
    assert not book.find("440100", TODAY).kinds["long_term"].ends_by_return
    assert book.find("310000", TODAY).kinds["transfer"].months == 6
    shenzhen = book.find("440300", TODAY)
    assert (shenzhen.kinds["transfer"].months, shenzhen.providers_max) == (12, 3)
    assert "sz10" in shenzhen.kinds["temporary"].sources
    assert "sz10" not in book.find("440300", date(2024, 5, 31)).kinds["temporary"].sources


def test_the_rules_of_every_pooling_region_are_complete() -> None:
    book = terms.load()
    for region in regions.pooling_regions():
        found = book.find(region.code, TODAY)
        assert found.kinds["long_term"].months is None
        for kind, rule in found.kinds.items():
            assert rule.channels
            assert rule.sources
            assert all("identity" in needed for needed in rule.needs.values())
            assert set(rule.needs) == (
                {"retired_settler", "long_term_resident", "posted_worker"}
                if kind == "long_term"
                else {""}
            )
            assert kind == "long_term" or rule.months


@pytest.mark.parametrize(
    ("change_of", "to", "field"),
    [
        ("months: 12", "months: 0", "rules[0].transfer.months"),
        ("months: 12", "weeks: 12", "rules[0].transfer.weeks"),
        ("levels: [secondary, tertiary]", "levels: [best]", "rules[0].transfer.levels[0]"),
        ('region: "310000"', 'region: "319999"', "rules[2].region"),
        ("declared_at_home: after_materials", "declared_at_home: never", "rules[0].long_term.declared_at_home"),
        ("providers_max: 5", "recalled: true", "rules[0].choice"),
    ],
)  # fmt: skip
def test_a_wrong_rule_file_names_line_and_field(change_of: str, to: str, field: str) -> None:
    from importlib import resources

    text = (resources.files("yikatong.data") / "filing_rules.yaml").read_text(encoding="utf-8")
    assert change_of in text
    with pytest.raises(PolicyFileError) as caught:
        terms.parse(text.replace(change_of, to, 1))
    assert field in str(caught.value)


def test_before_the_first_rules_nothing_is_known() -> None:
    with pytest.raises(terms.NoFilingRules):
        terms.load().find("510100", date(2022, 12, 31))


# ---- filing ----


def test_how_long_each_kind_holds() -> None:
    long_term = decisions.new(LONG_TERM, FACTS).filing
    assert (long_term.starts_on, long_term.ends_on) == (TODAY, None)
    temporary = decisions.new(TEMPORARY, FACTS).filing
    assert (temporary.starts_on, temporary.ends_on) == (TODAY, date(2026, 8, 31))
    transfer = decisions.new(TRANSFER, FACTS, by=HOSPITAL).filing
    assert transfer.ends_on == date(2027, 2, 28)
    assert transfer.provider_code == HOSPITAL.provider_code
    emergency = change(TEMPORARY, kind="emergency")
    bound = decisions.new(emergency, change(FACTS, stay=IN_BEIJING)).filing
    assert (bound.starts_on, bound.visit_id) == (IN_BEIJING.begun_on, IN_BEIJING.visit_id)


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        (date(2026, 8, 31), 6, date(2027, 2, 28)),
        (date(2027, 8, 31), 6, date(2028, 2, 29)),
        (date(2026, 1, 15), 12, date(2027, 1, 15)),
        (date(2026, 12, 31), 1, date(2027, 1, 31)),
        (date(2026, 3, 1), 0, date(2026, 3, 1)),
    ],
)
def test_months_are_counted_by_the_calendar(day: date, months: int, later: date) -> None:
    assert same_day_in(day, months) == later


def test_where_no_filing_is_needed_it_says_so_politely() -> None:
    for destination in ("510100", "510104", "500000", "510000", "510300"):
        wanted = change(TEMPORARY, destination=destination)
        refused(errors.FilingNotNeeded, "destination", wanted, FACTS)
    refused(errors.FilingNotNeeded, "kind", change(TEMPORARY, kind="emergency"), FACTS)
    covered = change(FACTS, filings=(FILING,))
    refused(errors.FilingNotNeeded, "kind", TEMPORARY, covered)
    assert decisions.new(change(TEMPORARY, destination="310000"), covered).new


def test_a_filing_goes_back_to_the_admission_while_the_stay_is_open_and_no_further() -> None:
    there = change(FACTS, stay=IN_BEIJING)
    filed = decisions.new(TEMPORARY, there).filing
    assert (filed.starts_on, filed.ends_on) == (date(2026, 2, 20), date(2026, 8, 19))
    early = change(TEMPORARY, starts_on=date(2026, 2, 19))
    refused(InvalidInput, "starts_on", early, there)
    refused(InvalidInput, "starts_on", change(TEMPORARY, starts_on=date(2026, 2, 28)), FACTS)
    elsewhere = change(TEMPORARY, destination="310000")
    assert decisions.new(elsewhere, there).filing.starts_on == TODAY


@pytest.mark.parametrize(
    ("wanted", "error", "field"),
    [
        (change(TEMPORARY, destination="999999"), InvalidInput, "destination"),
        (change(TEMPORARY, destination="810000"), InvalidInput, "destination"),
        (change(TEMPORARY, destination="' or 1=1"), InvalidInput, "destination"),
        (change(TEMPORARY, starts_on=date(2026, 9, 2)), InvalidInput, "starts_on"),
        (change(TEMPORARY, ends_on=date(2026, 2, 28)), InvalidInput, "ends_on"),
        (change(TEMPORARY, ends_on=date(2026, 9, 1)), InvalidInput, "ends_on"),
        (change(TEMPORARY, subkind="posted_worker"), InvalidInput, "subkind"),
        (change(TEMPORARY, reason="原" * 501), InvalidInput, "reason"),
        (change(TEMPORARY, declared=True), InvalidInput, "declared"),
        (change(TEMPORARY, materials=()), errors.MaterialsMissing, "materials"),
        (change(TEMPORARY, channel="provider"), errors.ChannelClosed, "channel"),
        (change(TRANSFER, channel="phone"), errors.ChannelClosed, "channel"),
        (change(TRANSFER, channel="counter", materials=("identity",)), errors.MaterialsMissing, "materials"),
        (change(LONG_TERM, subkind=None), InvalidInput, "subkind"),
        (change(LONG_TERM, ends_on=date(2027, 1, 1)), InvalidInput, "ends_on"),
        (change(LONG_TERM, subkind="retired_settler"), errors.NotEligible, "subkind"),
        (change(LONG_TERM, materials=("identity",)), errors.MaterialsMissing, "materials"),
        (change(LONG_TERM, materials=("work_proof",), declared=True), errors.MaterialsMissing, "materials"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(wanted: NewFiling, error: type[YikatongError], field: str) -> None:
    refused(error, field, wanted, FACTS)


def test_who_may_file_as_what() -> None:
    retired = change(FACTS, enrolment=change(ENROLMENT, category="retired"))
    settler = change(
        LONG_TERM, subkind="retired_settler", materials=("identity", "household_register")
    )
    assert decisions.new(settler, retired).filing.subkind == "retired_settler"
    refused(errors.NotEligible, "subkind", LONG_TERM, retired)
    refused(errors.NotEligible, "insurance", LONG_TERM, change(FACTS, enrolment=None))
    dead = change(FACTS, person=change(PERSON, died_on=date(2026, 2, 1)))
    refused(errors.NotEligible, "person_id", LONG_TERM, dead)


def test_a_declaration_stands_for_documents_until_they_are_handed_in() -> None:
    wanted = change(LONG_TERM, declared=True, materials=("identity",))
    filed = decisions.new(wanted, FACTS).filing
    assert filed.declared
    # Nothing is owed where everything was shown, whatever was ticked.
    assert not decisions.new(change(LONG_TERM, declared=True), FACTS).filing.declared
    facts = change(FACTS, filings=(filed,))
    handed_in = FilingChange(channel="online", materials=("work_proof",))
    changed = decisions.change(filed, handed_in, facts)
    assert not changed.new
    assert not changed.filing.declared
    assert changed.filing.materials == ("identity", "work_proof")


def test_two_filings_of_one_kind_for_one_destination_do_not_double() -> None:
    first = decisions.new(TEMPORARY, FACTS).filing
    known = change(FACTS, filings=(first,), new_id=101)
    error = refused(errors.AlreadyFiled, "destination", TEMPORARY, known)
    assert error.filing == first
    assert str(first.filing_id) in error.text.zh
    # Days as people write them.
    assert "自2026年" in error.text.zh
    assert "2026-" not in error.text.zh + error.text.en
    # Another place is another filing; later in the year the same one is renewed.
    assert not decisions.new(change(TEMPORARY, destination="310000"), known).changed
    later = change(known, now=NOW + timedelta(days=60))
    renewed = decisions.new(TEMPORARY, later)
    assert renewed.filing.replaces == (first.filing_id,)
    assert [(one.ended_by, one.ended_on) for one in renewed.changed] == [
        ("change", date(2026, 4, 30))
    ]
    shorter = change(TEMPORARY, ends_on=date(2026, 5, 10))
    refused(errors.AlreadyFiled, "destination", shorter, later)


def test_a_province_takes_in_its_city_and_a_city_of_a_filed_province_is_filed() -> None:
    city = decisions.new(change(TEMPORARY, destination="440103"), FACTS).filing
    assert city.destination == "440100"
    wider = change(TEMPORARY, destination="440000")
    done = decisions.new(wider, change(FACTS, filings=(city,), new_id=101))
    assert [one.filing_id for one in done.changed] == [city.filing_id]
    known = change(FACTS, filings=(done.filing, *done.changed), new_id=102)
    refused(errors.AlreadyFiled, "destination", change(TEMPORARY, destination="440300"), known)


def test_another_place_to_live_takes_six_months_unless_it_was_a_mistake_of_today() -> None:
    shanghai = change(LONG_TERM, destination="310000")
    young = change(FILING, starts_on=date(2025, 12, 1))
    error = refused(errors.TooEarly, "destination", shanghai, change(FACTS, filings=(young,)))
    assert error.earliest == date(2026, 6, 1)
    assert "最早2026年6月1日" in error.text.zh
    assert "from 1 June 2026 on" in error.text.en
    on_the_day = change(shanghai, starts_on=date(2026, 6, 1))
    replaced = decisions.new(on_the_day, change(FACTS, filings=(young,)))
    assert replaced.changed[0].ended_on == date(2026, 6, 1)
    assert decisions.new(shanghai, change(FACTS, filings=(FILING,))).changed[0].ended_on == TODAY
    mistake = change(FACTS, filings=(change(FILING, starts_on=TODAY),))
    assert decisions.new(shanghai, mistake).changed[0].ended_on == TODAY
    moved = change(FACTS, filings=(change(young, region="440100"),))
    assert decisions.new(shanghai, moved).changed


def test_withdrawing_is_no_way_around_the_six_months() -> None:
    young = change(FILING, starts_on=date(2025, 12, 1), subkind="posted_worker")
    gone = endings.withdraw(young, change(FACTS, filings=(young,))).filing
    assert (gone.ended_by, gone.ended_on) == ("withdrawal", TODAY)
    facts = change(FACTS, filings=(gone,))
    refused(errors.TooEarly, "destination", change(LONG_TERM, destination="310000"), facts)
    assert decisions.new(LONG_TERM, facts).new


def test_a_region_may_hold_withdrawals_back_too() -> None:
    young = change(FILING, starts_on=date(2025, 12, 1))
    kinds = {
        **RULES.kinds,
        "long_term": change(RULES.kinds["long_term"], withdraw_after_months=6),
    }
    facts = change(FACTS, filings=(young,), rules=change(RULES, kinds=kinds))
    with pytest.raises(errors.TooEarly):
        endings.withdraw(young, facts)
    assert endings.withdraw(change(young, starts_on=TODAY), facts).filing.ended_on == TODAY
    assert endings.withdraw(change(young, starts_on=date(2025, 9, 1)), facts).filing.ended_by


# ---- transfers ----


def test_only_a_hospital_at_home_or_where_a_filing_covers_the_person_refers() -> None:
    there = change(HOSPITAL, region="110101", pooling_region="110000")
    refused(errors.MayNotRefer, "provider", TRANSFER, FACTS, by=there)
    refused(errors.MayNotRefer, "provider", TRANSFER, FACTS, by=change(HOSPITAL, level="primary"))
    refused(errors.MayNotRefer, "provider", TRANSFER, FACTS, by=change(HOSPITAL, kind="pharmacy"))
    closed = change(HOSPITAL, suspended_on=TODAY)
    refused(errors.MayNotRefer, "provider", TRANSFER, FACTS, by=closed)
    onward = change(TRANSFER, destination="310000")
    treated = change(FACTS, filings=(change(FILING, kind="transfer"),))
    assert decisions.new(onward, treated, by=there).new
    # 川渝 counts as filed, so a hospital there refers as one at home does.
    exempt = change(HOSPITAL, region="500103", pooling_region="500000")
    assert decisions.new(TRANSFER, FACTS, by=exempt).new


def test_the_hospital_a_transfer_leads_to_is_in_its_destination() -> None:
    there = change(HOSPITAL, region="110101", pooling_region="110000")
    assert decisions.new(TRANSFER, FACTS, by=HOSPITAL, to=there).filing.to_provider
    refused(InvalidInput, "to_provider", TRANSFER, FACTS, by=HOSPITAL, to=HOSPITAL)


def test_a_hospital_takes_back_its_own_transfer_before_it_is_used() -> None:
    transfer = decisions.new(TRANSFER, FACTS, by=HOSPITAL).filing
    facts = change(FACTS, filings=(transfer,))
    other = change(HOSPITAL, provider_code="H51010400009")
    for by in (other, None):
        with pytest.raises(errors.NotChangeable):
            endings.withdraw(transfer, facts, by=by)
    with pytest.raises(errors.NotChangeable):
        decisions.change(transfer, FilingChange(channel="counter", ends_on=date(2026, 5, 1)), facts)
    for use in (Use("110101", TODAY, "transfer"), Use("110101", TODAY, None)):
        with pytest.raises(errors.FilingInUse):
            endings.withdraw(transfer, change(facts, uses=(use,)), by=HOSPITAL)
    harmless = (Use("310000", TODAY, "transfer"), Use("110101", TODAY, "long_term"))
    gone = endings.withdraw(transfer, change(facts, uses=harmless), by=HOSPITAL).filing
    assert rules.span(gone) is None
    with pytest.raises(errors.FilingEnded):
        endings.withdraw(gone, change(facts, filings=(gone,)), by=HOSPITAL)
    with pytest.raises(errors.NotChangeable):
        endings.withdraw(FILING, change(FACTS, filings=(FILING,)), by=HOSPITAL)


# ---- changing and ending ----


def test_another_destination_is_a_new_filing_in_the_place_of_the_old() -> None:
    facts = change(FACTS, filings=(FILING,))
    moved = FilingChange(
        channel="counter", destination="310000", materials=("identity", "residence_proof")
    )
    done = decisions.change(FILING, moved, facts)
    assert done.new
    assert (done.filing.destination, done.filing.subkind) == ("310000", "long_term_resident")
    assert [(one.filing_id, one.ended_by, one.ended_on) for one in done.changed] == [
        (1, "change", TODAY)
    ]
    with pytest.raises(errors.MaterialsMissing):
        decisions.change(FILING, change(moved, materials=()), facts)
    young = change(FILING, starts_on=date(2025, 12, 1))
    with pytest.raises(errors.TooEarly):
        decisions.change(young, moved, change(FACTS, filings=(young,)))


def test_a_stay_under_way_keeps_its_filing() -> None:
    temporary = decisions.new(TEMPORARY, FACTS).filing
    facts = change(FACTS, filings=(temporary,), stay=change(IN_BEIJING, begun_on=TODAY), new_id=101)
    moved = FilingChange(channel="online", destination="310000", materials=("identity",))
    with pytest.raises(errors.FilingInUse):
        decisions.change(temporary, moved, facts)
    with pytest.raises(errors.FilingInUse):
        endings.withdraw(temporary, facts)
    long_term = change(FILING, destination="110000", region="510100")
    with pytest.raises(errors.FilingInUse):
        endings.come_home(change(facts, filings=(long_term,)))


def test_the_end_moves_within_what_the_region_allows() -> None:
    temporary = decisions.new(TEMPORARY, FACTS).filing
    facts = change(FACTS, filings=(temporary,))
    until = FilingChange(channel="online", ends_on=date(2026, 5, 1))
    assert decisions.change(temporary, until, facts).filing.ends_on == date(2026, 5, 1)
    for day in (date(2026, 2, 28), date(2026, 9, 1)):
        with pytest.raises(InvalidInput):
            decisions.change(temporary, change(until, ends_on=day), facts)
    with pytest.raises(InvalidInput):
        decisions.change(FILING, until, change(FACTS, filings=(FILING,)))
    with pytest.raises(InvalidInput):
        decisions.change(temporary, FilingChange(channel="online"), facts)
    with pytest.raises(InvalidInput):
        decisions.change(temporary, FilingChange(channel="online", subkind="posted_worker"), facts)
    with pytest.raises(InvalidInput):
        decisions.change(temporary, FilingChange(channel="online", starts_on=TODAY), facts)


def test_what_a_withdrawn_plan_replaced_goes_on() -> None:
    plan = change(LONG_TERM, destination="310000", starts_on=date(2026, 5, 1))
    done = decisions.new(plan, change(FACTS, filings=(FILING,)))
    facts = change(FACTS, filings=(done.filing, *done.changed))
    back = endings.withdraw(done.filing, facts)
    assert [(one.filing_id, one.ended_by, one.ended_on) for one in back.changed] == [
        (1, None, None)
    ]
    begun = change(facts, now=datetime(2026, 5, 2, 9, tzinfo=SHANGHAI))
    assert endings.withdraw(done.filing, begun).changed == ()


def test_coming_home_ends_what_the_region_ends_with_it() -> None:
    temporary = decisions.new(TEMPORARY, FACTS).filing
    plan = change(FILING, filing_id=3, starts_on=date(2026, 6, 1))
    elsewhere = change(FILING, filing_id=4, region="440100")
    facts = change(FACTS, filings=(FILING, temporary, plan, elsewhere))
    ended = endings.come_home(facts)
    assert [(one.filing_id, one.ended_by, one.ended_on) for one in ended] == [(1, "return", TODAY)]
    nation = terms.load().find("110000", TODAY)
    assert endings.come_home(change(facts, rules=change(nation, region="510100"))) == ()


# ---- at no time do two filings contradict ----

_PLACES = st.sampled_from(("440000", "440100", "440300", "440100", "110000"))
_EVERYTHING = ("identity", "residence_proof", "work_proof", "referral", "household_register")
# Days are counted from the day of the step.
_AHEAD = st.one_of(st.none(), st.integers(0, 90), st.integers(-20, 180))
_STEPS = st.one_of(
    st.tuples(
        st.just("file"),
        st.sampled_from(("long_term", "transfer", "emergency", "temporary", "temporary")),
        _PLACES,
        _AHEAD,
        st.one_of(st.none(), st.none(), st.integers(0, 200)),
    ),
    st.tuples(st.just("change"), st.integers(0, 9), st.one_of(st.none(), _PLACES), _AHEAD, _AHEAD),
    st.tuples(st.just("withdraw"), st.integers(0, 9)),
    st.tuples(st.just("withdraw"), st.integers(0, 1)),
    st.tuples(st.just("return")),
    st.tuples(st.just("wait"), st.integers(1, 60)),
    st.tuples(st.just("wait"), st.integers(100, 250)),
    st.tuples(st.just("admit"), _PLACES),
    st.tuples(st.just("settle")),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_STEPS, min_size=10, max_size=40))
def test_at_no_time_two_filings_contradict(steps: list[Any]) -> None:
    known: dict[int, Filing] = {}
    now = NOW
    stay: Stay | None = None
    for number, step in enumerate(steps):
        if step[0] == "wait":
            now += timedelta(days=step[1])
        elif step[0] == "admit":
            stay = stay or Stay(number, step[1], now.date())
        elif step[0] == "settle":
            stay = None
        facts = change(FACTS, filings=tuple(known.values()), now=now, stay=stay, new_id=number + 1)
        before = dict(known)
        try:
            outcome = _step(step, facts)
        except YikatongError:
            continue
        known |= {one.filing_id: one for one in outcome}
        filings = list(known.values())
        for at, one in enumerate(filings):
            for other in filings[at + 1 :]:
                assert not rules.contradict(one, other), (step, one, other)
        # The days before today are history, except those of a stay that is not settled yet.
        yesterday = now.date() - timedelta(days=1)
        if stay is None or stay.begun_on > yesterday:
            for number_, one in before.items():
                assert rules.holds(one, yesterday) == rules.holds(known[number_], yesterday)


def _step(step: Any, facts: Facts) -> list[Filing]:
    def day(ahead: int | None) -> date | None:
        return None if ahead is None else facts.today + timedelta(days=ahead)

    # The newest first: that is where things happen.
    chosen = sorted(facts.filings, key=lambda one: -one.filing_id)
    done: Outcome | None = None
    match step:
        case ("file", kind, destination, starts, lasts):
            starts_on = day(starts)
            ends_on = None if lasts is None else (starts_on or facts.today) + timedelta(days=lasts)
            wanted = NewFiling(
                kind=kind,
                destination=destination,
                channel="counter",
                subkind="posted_worker" if kind == "long_term" else None,
                starts_on=starts_on,
                ends_on=None if kind == "long_term" else ends_on,
                materials=_EVERYTHING,
            )
            done = decisions.new(wanted, facts)
        case ("change", number, destination, starts, ends) if chosen:
            wanted = FilingChange(
                channel="counter",
                destination=destination,
                starts_on=day(starts) if destination else None,
                ends_on=day(ends),
                materials=_EVERYTHING,
            )
            done = decisions.change(chosen[number % len(chosen)], wanted, facts)
        case ("withdraw", number) if chosen:
            done = endings.withdraw(chosen[number % len(chosen)], facts)
        case ("return",):
            return list(endings.come_home(facts))
        case _:
            pass
    return [] if done is None else [done.filing, *done.changed]
