"""Which filing covers care, and which filings would contradict each other. Pure."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final, Literal

from yikatong.core import regions
from yikatong.medical.filings.model import KINDS, AtHome, KindRule
from yikatong.medical.model import Filing
from yikatong.policies.model import Care, HomeFiling
from yikatong.policies.model import Filing as FilingKind

_COVERS: Final[dict[str, frozenset[str]]] = {
    "long_term": frozenset({"inpatient", "outpatient", "emergency", "chronic", "pharmacy"}),
    "transfer": frozenset({"inpatient", "outpatient", "emergency"}),
    "emergency": frozenset({"inpatient", "emergency"}),
    "temporary": frozenset({"inpatient", "outpatient", "emergency"}),
}
"""Which care a filing is for; medicines and chronic care over months ask for the long-term one."""

Miss = Literal[
    "type_not_covering", "not_started", "other_destination", "ended_by_return", "ended", "none"
]
"""Why no filing covers care."""


def is_away(insured_region: str, region: str) -> bool:
    """Whether care there is outside the insured pooling region."""
    found = regions.find(region)
    return found is None or found.pooled_in != insured_region


def span(filing: Filing) -> tuple[date, date] | None:
    """The first and the last day on which it holds; None: on none."""
    last = filing.ends_on or date.max
    if filing.ended_on is not None:
        last = min(last, filing.ended_on - timedelta(days=1))
    return (filing.starts_on, last) if filing.starts_on <= last else None


def holds(filing: Filing, on: date, since: date | None = None) -> bool:
    """Whether it holds on a day, or on any day since one."""
    found = span(filing)
    return found is not None and found[0] <= on and (since or on) <= found[1]


def covering(
    filings: Sequence[Filing],
    insurance: str,
    region: str,
    care: Care,
    on: date,
    *,
    since: date | None = None,
    insured_region: str | None = None,
) -> Filing | None:
    """The filing that covers this care there on that day, the long-term one first.

    `since` is the day of admission: of a stay, a filing counts that held on any of its days, also
    one made until discharge (补办) and one that ran out meanwhile. `insured_region` leaves out
    filings made with an insurance of another region.
    """
    for filing in sorted(filings, key=lambda one: KINDS.index(one.kind)):
        if (
            filing.insurance == insurance
            and insured_region in (None, filing.region)
            and holds(filing, on, since)
            and regions.is_within(region, filing.destination)
            and care in _COVERS[filing.kind]
        ):
            return filing
    return None


def kind_that_counts(
    filings: Sequence[Filing],
    insurance: str,
    region: str,
    care: Care,
    on: date,
    *,
    emergency: bool = False,
    since: date | None = None,
    insured_region: str | None = None,
) -> FilingKind:
    """The kind the rates are computed with.

    Emergency care, and a stay that began as an `emergency`, count as filed (视同备案), also where
    only a temporary filing, at lower rates, would cover them.
    """
    filing = covering(
        filings, insurance, region, care, on, since=since, insured_region=insured_region
    )
    found = filing.kind if filing else "none"
    if (emergency or care == "emergency") and found not in ("long_term", "transfer"):
        return "emergency"
    return found


def nearest_miss(filings: Sequence[Filing], region: str, on: date) -> tuple[Miss, Filing | None]:
    """Why none of these covers care there: right place and time first, then time, then place."""
    there = [one for one in filings if regions.is_within(region, one.destination)]
    for filing in there:
        if holds(filing, on):
            return "type_not_covering", filing
    for filing in there:
        if filing.ended_on is None and filing.starts_on > on:
            return "not_started", filing
    for filing in filings:
        if holds(filing, on):
            return "other_destination", filing
    for filing in there:
        return ("ended_by_return" if filing.ended_by == "return" else "ended"), filing
    return "none", None


def missing(filing: Filing, rule: KindRule) -> tuple[str, ...]:
    """The documents still owed for a filing made by declaration."""
    if not filing.declared:
        return ()
    needed = rule.needs.get(filing.subkind or "", ())
    return tuple(one for one in needed if one not in filing.materials)


def at_home(
    filings: Sequence[Filing], insurance: str, insured_region: str, on: date, rule: KindRule
) -> AtHome:
    """What the person gets at home on a day; `rule` is the region's on long-term filings."""
    for filing in filings:
        if (
            filing.kind == "long_term"
            and filing.insurance == insurance
            and filing.region == insured_region
            and holds(filing, on)
        ):
            return rule.declared_at_home if missing(filing, rule) else rule.at_home
    return "home_rates"


def home_filing(found: AtHome) -> HomeFiling:
    """What care at home counts as by the policy."""
    return "transfer" if found == "transfer_rates" else "long_term"


def goes_on(filing: Filing, filings: Sequence[Filing]) -> bool:
    """Whether another filing covers the same place on the day after this one's last, with the same
    insurance."""
    if filing.ends_on is None:
        return False
    after = filing.ends_on + timedelta(days=1)
    return any(
        one.filing_id != filing.filing_id
        and one.insurance == filing.insurance
        and regions.is_within(filing.destination, one.destination)
        and holds(one, after)
        for one in filings
    )


def contradict(one: Filing, other: Filing) -> bool:
    """Whether both say something of the same day and place: two long-term ones ever, two of another
    kind where one destination lies in the other."""
    first, second = span(one), span(other)
    if one.kind != other.kind or one.insurance != other.insurance or not first or not second:
        return False
    if first[0] > second[1] or second[0] > first[1]:
        return False
    return (
        one.kind == "long_term"
        or regions.is_within(one.destination, other.destination)
        or regions.is_within(other.destination, one.destination)
    )
