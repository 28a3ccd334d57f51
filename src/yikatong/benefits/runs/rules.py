"""Who gets how much of a run, why it differs from last month, and what stops it. Pure."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

import msgspec

from yikatong.benefits.dues import Due
from yikatong.benefits.model import Entitlement
from yikatong.benefits.runs.model import Benefit, Change, Code, Line, LineState
from yikatong.core.money import Fen

MONTHLY_MAX: Final[dict[Benefit, Fen]] = {"pension": 50_000_00, "unemployment": 5_000_00}
"""No pension and no unemployment benefit of today comes near it: a guard against slips of the key."""
ONCE_MAX: Final[Fen] = 1_000_000_00
"""With arrears and lump sums."""


class AccountFact(msgspec.Struct, frozen=True):
    """The bank account of the card as the run sees it."""

    account_id: int | None
    """None: no card, or no account bound to it."""
    bank: str | None = None
    is_open: bool = False
    of_another: bool = False
    """Whether the account that the card names is another person's."""


class LastMonth(msgspec.Struct, frozen=True):
    """What became of the person's line for the month before, in this region."""

    paid: Fen = 0
    arrears: Fen = 0
    recovery: Fen = 0
    stopped: bool = False
    """Whether there was a line that was held, stopped or came back."""


NOTHING: Final = LastMonth()


def last_day(month: date) -> date:
    """The last day of the month that begins on `month`."""
    return (month.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def previous(month: date) -> date:
    """The first day of the month before."""
    return (month - timedelta(days=1)).replace(day=1)


def of_month(entitlements: Sequence[Entitlement], month: date) -> list[Entitlement]:
    """Those that hold in the month, the newest first; held ones too."""
    found = [
        one
        for one in entitlements
        if one.status != "ended"
        and one.starts_on <= last_day(month)
        and (one.ends_on is None or one.ends_on >= month)
    ]
    return sorted(found, key=lambda one: one.starts_on, reverse=True)


def take_dues(monthly: Fen, dues: Sequence[Due]) -> tuple[Fen, Fen, list[Due]]:
    """Arrears, recovery, and the dues taken: all that is to be paid, and of the recoveries those that
    leave the person something; the others wait for a later month."""
    taken = [one for one in dues if one.kind != "recovery"]
    arrears = sum(one.amount for one in taken)
    recovery = 0
    for one in dues:
        if one.kind == "recovery" and recovery + one.amount < monthly + arrears:
            recovery += one.amount
            taken.append(one)
    return arrears, recovery, taken


def change(state: LineState, monthly: Fen, arrears: Fen, recovery: Fen, last: LastMonth) -> Change:
    """Why the line differs from last month; the first that fits."""
    if state in ("held", "ended"):
        return "held" if state == "held" else "ended"
    if not last.paid:
        return "back_from_hold" if last.stopped else "new"
    if (arrears, recovery) != (last.arrears, last.recovery):
        return "made_good" if arrears != last.arrears else "recovered"
    return "same" if monthly + arrears - recovery == last.paid else "changed"


def plan(
    person_id: int,
    number: int,
    run_id: int,
    month: date,
    entitlements: Sequence[Entitlement],
    dues: Sequence[Due],
    last: LastMonth,
    account: AccountFact,
    payer_id: int,
    via_id: int | None,
) -> tuple[Line, list[Due]] | None:
    """The person's line and the dues it takes; None where there is nothing to say of the person.

    `entitlements` are the person's of this benefit in this region. Of several that hold the newest is
    paid: nobody draws the same benefit twice.
    """
    now = of_month(entitlements, month)
    drawing = next((one for one in now if one.status == "drawing"), None)
    state: LineState
    if drawing is not None:
        state, monthly = "ready", drawing.monthly
    elif dues and not now:
        # An heir, or somebody whose benefit ended: what is due is paid all the same.
        state, monthly = "ready", 0
    elif now:
        state, monthly = "held", 0
    elif last.paid:
        state, monthly = "ended", 0
    else:
        return None
    arrears, recovery, taken = take_dues(monthly, dues) if state == "ready" else (0, 0, [])
    amount = monthly + arrears - recovery
    if state == "ready" and not now and not taken:
        return None
    return (
        Line(
            person_id=person_id,
            run_id=run_id,
            line=number,
            account_id=account.account_id,
            payer_id=payer_id,
            via_id=via_id,
            monthly=monthly,
            arrears=arrears,
            recovery=recovery,
            amount=amount,
            before=last.paid,
            change=change(state, monthly, arrears, recovery, last),
            state=state,
        ),
        taken,
    )


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the check knows of a line's person."""

    benefit: Benefit
    month: date
    region: str
    died_on: date | None
    entitlements: Sequence[Entitlement]
    """All of this benefit, in all regions."""
    account: AccountFact
    claimed_elsewhere: bool
    """Whether another run pays the person's month."""
    dues_open: bool = True
    """Whether all dues of the line are still to be paid."""


def findings(line: Line, facts: Facts) -> list[tuple[Code, bool]]:
    """What the check finds at a line to be paid, each with whether it stops the line."""
    found: list[tuple[Code, bool]] = []
    if facts.died_on is not None and facts.died_on < facts.month:
        # Paid through the month of death (发至死亡当月).
        found.append(("dead", True))
    now = of_month(facts.entitlements, facts.month)
    here = [one for one in now if one.region == facts.region]
    drawing = [one for one in here if one.status == "drawing"]
    if line.monthly and not drawing:
        found.append(("held", True) if here else ("ended", True))
    if drawing and (due := drawing[0].proof_due_on) is not None and due < facts.month:
        found.append(("proof_overdue", True))
    if facts.claimed_elsewhere:
        found.append(("double", True))
    elif sum(one.status == "drawing" for one in now) > 1:
        # Paid once, here; which entitlement is right is for the agencies to find out.
        found.append(("double", False))
    found += account_findings(facts.account)
    if not 0 < line.amount <= ONCE_MAX or line.monthly > MONTHLY_MAX[facts.benefit]:
        found.append(("amount_out_of_range", True))
    if line.before and line.amount > 2 * line.before:
        found.append(("amount_jump", False))
    if not facts.dues_open:
        found.append(("dues_changed", True))
    return found


def account_findings(account: AccountFact) -> list[tuple[Code, bool]]:
    """What is wrong with the account."""
    if account.of_another:
        return [("account_of_another", True)]
    if account.account_id is None:
        return [("account_missing", True)]
    return [] if account.is_open else [("account_closed", True)]
