"""Types of the room: entitlement (待遇), due (一次性应付、应收)."""

from datetime import date, datetime
from typing import Final, Literal

import msgspec

from yikatong.core.money import Fen

Benefit = Literal["pension", "unemployment"]
Status = Literal["drawing", "held", "ended"]
BenefitInsurance = Literal["110", "150", "210"]
DueKind = Literal["arrears", "lump_sum", "recovery"]
"""补发, 一次性待遇, 追回 (what was paid too much)."""

FUNDS: Final[dict[Benefit, BenefitInsurance]] = {"pension": "110", "unemployment": "210"}
"""Whose fund pays where an entitlement does not say."""


class Entitlement(msgspec.Struct, frozen=True):
    """A pension (养老金) or unemployment benefit (失业保险金) that is or was drawn."""

    benefit: Benefit
    region: str
    """The region that pays."""
    status: Status
    starts_on: date
    ends_on: date | None
    """The last day it is for; of a pension ended by death, the last of that month."""
    monthly: Fen
    proof_due_on: date | None
    """When the next proof of life (资格认证) is due; None where none is asked."""
    held_reason: str | None
    """proof_of_life, recorded_dead (not confirmed yet), returned_payment (by the bank), review, job_offer
    (being checked), job_seeker_month (nobody confirmed to look for work)."""
    insurance: BenefitInsurance | None = None
    months_paid: int | None = None
    """Contributions paid when it was granted, in months."""
    parts: dict[str, Fen] | None = None
    """Of the first monthly sum."""
    held_on: date | None = None
    ended_reason: str | None = None
    settled_month: date | None = None
    """The last month (its first day) that was paid or became a due; None: none yet."""
    version: int = 1

    @property
    def fund(self) -> BenefitInsurance:
        return self.insurance or FUNDS[self.benefit]


class Due(msgspec.Struct, frozen=True, kw_only=True):
    """A sum once, paid out (or, of a recovery, to be paid back) beside the monthly ones."""

    person_id: int
    due_id: int
    benefit: Benefit
    insurance: BenefitInsurance
    region: str
    kind: DueKind
    amount: Fen
    reason: str
    """granted, held, adjusted, missed, returned, until_end, until_death, funeral, survivors;
    paid_after_end, paid_after_death."""
    month_from: date | None = None
    month_until: date | None = None
    amounts: list[Fen] | None = None
    """Of each of these months."""
    about_person_id: int | None = None
    state: Literal["open", "paid", "cancelled"] = "open"
    created_at: datetime
    closed_at: datetime | None = None
    transaction_id: int | None = None
    """The ledger transaction that paid it, or took it back."""
    version: int = 1
