"""Which filing covers care. Pure."""

from collections.abc import Sequence
from datetime import date

from yikatong.core import regions
from yikatong.medical.model import Filing
from yikatong.policies.model import Care
from yikatong.policies.model import Filing as FilingKind

_KINDS = ("long_term", "transfer", "emergency", "temporary")
_COVERS: dict[str, frozenset[str]] = {
    "long_term": frozenset({"inpatient", "outpatient", "emergency", "chronic", "pharmacy"}),
    "transfer": frozenset({"inpatient", "outpatient", "emergency"}),
    "emergency": frozenset({"inpatient", "emergency"}),
    "temporary": frozenset({"inpatient", "outpatient", "emergency"}),
}


def covering(
    filings: Sequence[Filing], insurance: str, region: str, care: Care, on: date
) -> Filing | None:
    """The filing that covers this care there on that day, the long-term one first."""
    for filing in sorted(filings, key=lambda one: _KINDS.index(one.kind)):
        if (
            filing.insurance == insurance
            and filing.starts_on <= on
            and (filing.ends_on is None or on <= filing.ends_on)
            and (filing.ended_on is None or on < filing.ended_on)
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
) -> FilingKind:
    """The kind the rates are computed with; emergency care counts as filed."""
    filing = covering(filings, insurance, region, care, on)
    if filing is not None:
        return filing.kind
    return "emergency" if emergency or care == "emergency" else "none"
