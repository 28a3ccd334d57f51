"""Use cases of the room: the book of all policies, quotes, comparisons, what to expect."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from functools import cache

import msgspec

from yikatong.core import regions
from yikatong.core.money import Fen, Ppm
from yikatong.policies import files, rules
from yikatong.policies import terms as policy_terms
from yikatong.policies.errors import NoPolicyOnFile, PolicyFileError
from yikatong.policies.model import (
    FILINGS,
    Filing,
    Level,
    PersonFacts,
    Policy,
    Quote,
    QuoteRequest,
    VisitFacts,
    YearToDate,
)
from yikatong.policies.requests import parse_json, parse_request

__all__ = [
    "Expected",
    "PolicyBook",
    "compare",
    "counts_as_filed",
    "expected",
    "load",
    "parse_quote",
    "quote",
]

counts_as_filed = policy_terms.counts_as_filed
filing_matters = policy_terms.filing_matters
place_of = policy_terms.place_of
added_to_year = rules.added_to_year
year_to_date_after = rules.year_to_date_after


class PolicyBook:
    """All policies on file, found by region, insurance and day."""

    def __init__(self, policies: Iterable[Policy]) -> None:
        self._by_kind: dict[tuple[str, str], list[Policy]] = {}
        for policy in sorted(policies, key=lambda one: one.starts_on):
            kind = self._by_kind.setdefault((policy.region, policy.insurance), [])
            if kind and (kind[-1].ends_on is None or kind[-1].ends_on >= policy.starts_on):
                raise PolicyFileError(
                    policy.source,
                    1,
                    "from",
                    f"与 {kind[-1].source} 的有效期重叠",
                    f"overlaps the period of {kind[-1].source}",
                )
            kind.append(policy)
        self.groups: frozenset[str] = frozenset[str]().union(
            *(policy.groups for policy in self.policies())
        )

    def policies(self) -> list[Policy]:
        """All policies in the order of regions, insurances and days."""
        return [one for kind in sorted(self._by_kind) for one in self._by_kind[kind]]

    def versions(self, region: str, insurance: str) -> list[Policy]:
        """All of a region and insurance, the oldest first."""
        return list(self._by_kind.get((region, insurance), ()))

    def regions(self) -> list[str]:
        """Codes of the regions with at least one policy on file."""
        return sorted({region for region, _ in self._by_kind})

    def find(
        self,
        region: str,
        insurance: str,
        on: date,
        fields: tuple[str, str] = ("person.region", "visit.date"),
    ) -> Policy:
        """The policy in force; raises NoPolicyOnFile naming the region's or the date's field."""
        kind = self._by_kind.get((region, insurance), ())
        for policy in reversed(kind):
            if policy.starts_on <= on and (policy.ends_on is None or on <= policy.ends_on):
                return policy
        zh, en = regions.short_name(region), regions.short_name(region, "en")
        name = ("职工医保", "employees") if insurance == "310" else ("居民医保", "residents")
        if not kind:
            raise NoPolicyOnFile(
                fields[0],
                zh=f"没有{zh}{name[0]}的政策文件，不能估算金额",
                en=f"no policy on file for {en} ({name[1]}), so no amount can be given",
            )
        raise NoPolicyOnFile(
            fields[1],
            zh=f"{zh}{name[0]}没有在 {on} 有效的政策文件，现有文件自 {kind[0].starts_on} 起",
            en=f"no policy on file for {en} ({name[1]}) on {on}; they begin on {kind[0].starts_on}",
        )


@cache
def load() -> PolicyBook:
    """The shipped policies, read and checked once; raises PolicyFileError."""
    return PolicyBook(files.parse(name, text) for name, text in files.shipped())


def parse_quote(data: bytes | str, book: PolicyBook | None = None) -> QuoteRequest:
    """Read the input of a quote; raises InvalidInput naming the field, Malformed, TooLarge."""
    return parse_request(parse_json(data), (book or load()).groups)


def quote(request: QuoteRequest, book: PolicyBook | None = None) -> Quote:
    """Split a bill by the policy in force; raises NoPolicyOnFile naming the field."""
    person = request.person
    policy = (book or load()).find(person.region, person.insurance, request.visit.on)
    return rules.quote(request, policy)


class Variant(msgspec.Struct, frozen=True):
    """The same bill in another way, and what that changes for the person."""

    filing: Filing
    level: Level
    region: str
    quote: Quote
    difference: Fen
    """The person's part here minus the person's part of the base: negative saves money."""


def compare(
    request: QuoteRequest,
    *,
    filings: Sequence[Filing] = (),
    levels: Sequence[Level] = (),
    at: Sequence[str] = (),
    book: PolicyBook | None = None,
) -> tuple[Quote, list[Variant]]:
    """The quote, and the same bill with other filings, at other levels, in other regions."""
    base = quote(request, book)
    visits: list[VisitFacts] = []
    visit = request.visit
    visits += [msgspec.structs.replace(visit, filing=one) for one in filings if one != visit.filing]
    visits += [msgspec.structs.replace(visit, level=one) for one in levels if one != visit.level]
    visits += [msgspec.structs.replace(visit, region=one) for one in at if one != visit.region]
    variants: list[Variant] = []
    for other in visits:
        answer = quote(msgspec.structs.replace(request, visit=other), book)
        variants.append(
            Variant(other.filing, other.level, other.region, answer, answer.person - base.person)
        )
    return base, variants


class ExpectedRate(msgspec.Struct, frozen=True):
    """A rate and the amount up to which it holds (None: without end)."""

    upto: Fen | None
    rate: Ppm


class Expected(msgspec.Struct, frozen=True):
    """What a person may expect of the pooled fund before there is a bill."""

    policy: Policy
    covered: bool
    filing: Filing
    """The filing that counts: "long_term" where the place is exempt."""
    deductible: Fen
    """Still to be borne before the fund pays."""
    deductible_per: str
    rates: tuple[ExpectedRate, ...]
    cap_left: Fen | None
    """What the fund may still pay this year; None: no cap."""
    year_starts_on: date
    year_ends_on: date


def expected(policy: Policy, person: PersonFacts, visit: VisitFacts, year: YearToDate) -> Expected:
    """Deductible, rates and cap for a visit; raises NoPolicyOnFile where care is not on file."""
    key = policy_terms.key_of(policy, person, visit, year.admissions)
    terms = policy_terms.terms_of(policy, key)
    starts_on = policy.year_start(visit.on)
    next_start = date(starts_on.year + 1, starts_on.month, starts_on.day)
    return Expected(
        policy=policy,
        covered=terms.covered,
        filing=key.filing,
        deductible=rules.deductible_left(terms, year),
        deductible_per=terms.deductible_per,
        rates=tuple(ExpectedRate(band.upto, band.rate) for band in terms.bands),
        cap_left=rules.cap_left(terms, year),
        year_starts_on=starts_on,
        year_ends_on=next_start - timedelta(days=1),
    )


def cap_left(
    policy: Policy, person: PersonFacts, visit: VisitFacts, year: YearToDate
) -> Fen | None:
    """What the pooled fund may still pay this year for such a visit; None: no cap."""
    key = policy_terms.key_of(policy, person, visit, year.admissions)
    return rules.cap_left(policy_terms.terms_of(policy, key), year)


def best_filing(policy: Policy, region: str) -> Filing:
    """The filing a person should ask for who goes to a region; "none" where it changes nothing."""
    if not policy_terms.filing_matters(policy, region):
        return "none"
    away = policy.elsewhere
    inside = policy_terms.place_of(policy, region) == "province"
    factor = away.province_factor if inside else away.factor
    points = away.province_points if inside else away.points
    return max(
        (filing for filing in FILINGS if filing != "none"),
        key=lambda filing: (factor[filing], points[filing]),
    )
