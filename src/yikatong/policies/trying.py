"""A draft of a policy beside the one in force: worked examples and standard bills, in memory only.

Nothing of a draft is kept: neither its text nor what was computed by it.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Final

import msgspec

from yikatong.core.errors import Text, YikatongError
from yikatong.core.money import Fen
from yikatong.policies import examples, rules
from yikatong.policies import terms as policy_terms
from yikatong.policies.errors import NoPolicyOnFile
from yikatong.policies.examples import Example, Outcome
from yikatong.policies.model import (
    Bill,
    Care,
    Filing,
    Level,
    PersonFacts,
    Policy,
    Quote,
    QuoteRequest,
    VisitFacts,
    YearToDate,
)
from yikatong.policies.service import PolicyBook
from yikatong.policies.shown import FILING_NAMES, LEVEL_NAMES

BYTES_MAX: Final = 16 * 1024
"""Five times the largest file there is."""
SECONDS_MAX: Final = 2.0
_AWAY: Final = ("310000", "110000", "440100", "610100")
_PERSONS: Final[dict[str, Sequence[tuple[Text, bool, int]]]] = {
    "310": (
        (Text("在职 40 岁", "working, 40"), False, 40),
        (Text("退休 65 岁", "retired, 65"), True, 65),
    ),
    "390": (
        (Text("成年 40 岁", "adult, 40"), False, 40),
        (Text("儿童 10 岁", "child, 10"), False, 10),
        (Text("老人 70 岁", "aged 70"), False, 70),
    ),
}
_FIRST: Final = YearToDate()
_LATER: Final = YearToDate(admissions=1, outpatient_deductible=500_000, chronic_deductible=500_000)
_HOME: Final[Sequence[tuple[Care, Level, Fen, YearToDate]]] = (
    ("outpatient", "primary", 50_000, _FIRST),
    ("outpatient", "tertiary", 200_000, _FIRST),
    ("outpatient", "tertiary", 200_000, _LATER),
    ("emergency", "tertiary", 200_000, _FIRST),
    ("chronic", "secondary", 600_000, _FIRST),
    ("pharmacy", "community", 30_000, _LATER),
    ("inpatient", "primary", 500_000, _FIRST),
    ("inpatient", "secondary", 1_500_000, _FIRST),
    ("inpatient", "tertiary", 3_000_000, _FIRST),
    ("inpatient", "tertiary", 3_000_000, _LATER),
    ("inpatient", "tertiary", 20_000_000, _FIRST),
    ("inpatient", "tertiary", 80_000_000, _FIRST),
)
_FILINGS: Final[Sequence[Filing]] = ("long_term", "transfer", "temporary", "none")


class TookTooLong(YikatongError):
    """The draft asks for more work than a page does."""

    code = "took_too_long"
    status = 422

    def __init__(self) -> None:
        super().__init__(
            zh="算得太久，已停下；请减少分段和调整的条数",
            en="this takes too long and was stopped; have fewer bands and adjustments",
            field="draft",
        )


class Row(msgspec.Struct, frozen=True):
    """One standard bill by both policies; None where a policy says nothing on such care."""

    who: Text
    what: Text
    total: Fen
    before: Quote | None
    after: Quote | None

    @property
    def more(self) -> Fen | None:
        """What the funds pay more by the draft; below zero: less. None: cannot be compared."""
        if self.before is None or self.after is None:
            return None
        return self.after.funds - self.before.funds


class Trial(msgspec.Struct, frozen=True):
    """A draft beside the policy in force."""

    current: Policy | None
    """None: this region and insurance have none yet."""
    day: date
    """On which the bills are."""
    rows: list[Row]
    examples: list[Outcome]
    """Worked examples of this region and insurance, computed by the draft."""


def run(book: PolicyBook, draft: Policy, today: date, clock: Callable[[], float]) -> Trial:
    """Compute all; raises TookTooLong by a clock of seconds."""
    day = max(today, draft.starts_on)
    if draft.ends_on is not None:
        day = min(day, draft.ends_on)
    current, ends = beside(book, draft, day), clock() + SECONDS_MAX

    def within() -> None:
        if clock() > ends:
            raise TookTooLong

    rows: list[Row] = []
    for who, what, request in standard(draft, current, day):
        within()
        before = None if current is None else _quote(request, current, draft=False)
        after = _quote(request, draft, draft=True)
        if before is not None or after is not None:
            rows.append(Row(who, what, request.bill.total, before, after))
    outcomes: list[Outcome] = []
    for one in examples.of(draft.region, draft.insurance):
        within()
        outcomes.append(run_example(one, draft))
    return Trial(current, day, rows, outcomes)


def run_example(one: Example, draft: Policy) -> Outcome:
    """A worked example by a draft, whatever its day."""
    return examples.run(one, lambda request: rules.quote(request, draft, draft=True))


def beside(book: PolicyBook, draft: Policy, day: date) -> Policy | None:
    """The version that is in force on a day, else the last before, else the first."""
    versions = book.versions(draft.region, draft.insurance)
    begun = [one for one in versions if one.starts_on <= day]
    return (begun[-1] if begun else versions[0]) if versions else None


def standard(
    draft: Policy, current: Policy | None, day: date
) -> Iterator[tuple[Text, Text, QuoteRequest]]:
    """Usual and extreme bills of usual people: 5 % class C and 10 % first-pay share each."""
    away = next(
        (
            code
            for code in _AWAY
            if code[:2] != draft.region[:2]
            and not any(code.startswith(one.rstrip("0")) for one in draft.counts_as_filed)
            and (current is None or not policy_terms.counts_as_filed(current, code))
        ),
        None,
    )
    for who, retired, age in _PERSONS[draft.insurance]:
        person = PersonFacts(draft.insurance, draft.region, retired, age)
        for care, level, total, year in _HOME:
            visit = VisitFacts(care, draft.region, level, day)
            yield who, _bill_name(care, level, year), _request(person, visit, total, year)
        for filing in _FILINGS if away else ():
            assert away is not None
            visit = VisitFacts("inpatient", away, "tertiary", day, filing)
            care_name, name = policy_terms.CARE_NAMES["inpatient"], FILING_NAMES[filing]
            what = Text(f"跨省{care_name.zh}，{name.zh}", f"{care_name.en} elsewhere, {name.en}")
            yield who, what, _request(person, visit, 3_000_000, _FIRST)


def _bill_name(care: Care, level: Level, year: YearToDate) -> Text:
    name, at = policy_terms.CARE_NAMES[care], LEVEL_NAMES[level]
    if care == "pharmacy":
        return name
    later = Text("", "")
    if year is _LATER:
        later = (
            Text("，第二次", ", second admission")
            if care == "inpatient"
            else Text("，起付线已满", ", deductible borne")
        )
    return Text(f"{at.zh}{name.zh}{later.zh}", f"{name.en}, {at.en}{later.en}")


def _request(person: PersonFacts, visit: VisitFacts, total: Fen, year: YearToDate) -> QuoteRequest:
    bill = Bill(total, self_paid=total // 20, first_pay=total // 10)
    return QuoteRequest(person, visit, bill, year)


def _quote(request: QuoteRequest, policy: Policy, *, draft: bool) -> Quote | None:
    try:
        return rules.quote(request, policy, draft=draft)
    except NoPolicyOnFile:
        return None
