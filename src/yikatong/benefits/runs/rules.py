"""Who gets how much of a run, why it differs from last month, and what stops it. Pure."""

from collections.abc import Sequence
from datetime import date
from typing import Final

import msgspec

from yikatong.benefits.model import Benefit, Due, Entitlement
from yikatong.benefits.months import Change, sum_in
from yikatong.benefits.runs.model import Change as LineChange
from yikatong.benefits.runs.model import Code, Line, LineState, Run
from yikatong.core.money import Fen
from yikatong.core.months import last_day, month_of

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


def take_dues(monthly: Fen, dues: Sequence[Due], month: date) -> tuple[Fen, Fen, list[Due]]:
    """Arrears, recovery, and the dues taken.

    All that is to be paid is. What was paid too much is set off (抵扣) whole, only against the person's
    own monthly sum and arrears of the same fund, never against lump sums, only where something is left,
    and from the month after it was found: first it is asked back (人社厅发〔2021〕77号).
    """
    taken = [one for one in dues if one.kind != "recovery"]
    arrears = sum(one.amount for one in taken)
    against = monthly + sum(one.amount for one in taken if one.kind == "arrears")
    recovery = 0
    for one in dues:
        if (
            one.kind == "recovery"
            and month_of(one.created_at.date()) < month
            and recovery + one.amount < against
        ):
            recovery += one.amount
            taken.append(one)
    return arrears, recovery, taken


def change(
    state: LineState, monthly: Fen, arrears: Fen, recovery: Fen, last: LastMonth
) -> LineChange:
    """Why the line differs from last month; the first that fits."""
    if state in ("held", "ended", "settled"):
        return state
    if not last.paid:
        return "back_from_hold" if last.stopped else "new"
    if monthly + arrears - recovery == last.paid:
        return "same"
    if arrears not in (0, last.arrears):
        return "made_good"
    return "recovered" if recovery not in (0, last.recovery) else "changed"


def here(entitlements: Sequence[Entitlement], one: Run) -> list[Entitlement]:
    """Those that the run's fund pays in its month, the newest first; held ones too."""
    return [
        each
        for each in of_month(entitlements, one.month)
        if each.region == one.region and each.fund == one.insurance
    ]


def paid_here(entitlements: Sequence[Entitlement], one: Run) -> Entitlement | None:
    """Of several that are drawn the newest: nobody draws the same benefit twice."""
    return next((each for each in here(entitlements, one) if each.status == "drawing"), None)


def owed(one: Entitlement, month: date, changes: Sequence[Change]) -> Fen:
    """The sum of a month; nothing where it was paid or became a due."""
    if one.settled_month is not None and one.settled_month >= month:
        return 0
    return sum_in(month, one.monthly, changes)


def plan(
    person_id: int,
    number: int,
    one: Run,
    entitlements: Sequence[Entitlement],
    changes: Sequence[Change],
    dues: Sequence[Due],
    last: LastMonth,
    account: AccountFact,
    payer_id: int,
    via_id: int | None,
) -> tuple[Line, list[Due]] | None:
    """The person's line and the dues it takes; None where there is nothing to say of the person.

    `entitlements` are the person's of this benefit, `changes` those of the sum of the one that is paid,
    `dues` the open ones of this fund.
    """
    now = here(entitlements, one)
    drawing = paid_here(entitlements, one)
    state: LineState
    monthly = arrears = recovery = 0
    taken: list[Due] = []
    if drawing is None and now:
        state = "held"
    else:
        if drawing is not None:
            monthly = owed(drawing, one.month, changes)
        # Also of an heir, or of somebody whose benefit ended, what is due is paid.
        arrears, recovery, taken = take_dues(monthly, dues, one.month)
        if monthly or taken:
            state = "ready"
        elif last.paid:
            state = "ended" if drawing is None else "settled"
        else:
            return None
    return (
        Line(
            person_id=person_id,
            run_id=one.run_id,
            line=number,
            account_id=account.account_id,
            payer_id=payer_id,
            via_id=via_id,
            starts_on=drawing.starts_on if drawing is not None and monthly else None,
            monthly=monthly,
            arrears=arrears,
            recovery=recovery,
            amount=monthly + arrears - recovery,
            before=last.paid,
            change=change(state, monthly, arrears, recovery, last),
            state=state,
        ),
        taken,
    )


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What the check knows of a line's person."""

    died_on: date | None
    entitlements: Sequence[Entitlement]
    """All of this benefit, in all regions."""
    changes: Sequence[Change] = ()
    """Of the monthly sum of the one that the line pays."""
    account: AccountFact
    claimed_elsewhere: bool
    """Whether another run pays the person's month."""
    dues_open: bool = True
    """Whether all dues of the line are as they were."""


def findings(line: Line, one: Run, facts: Facts) -> list[tuple[Code, bool]]:
    """What the check finds at a line to be paid, each with whether it stops the line."""
    found: list[tuple[Code, bool]] = []
    mine = here(facts.entitlements, one)
    if facts.died_on is not None and facts.died_on < one.month and (line.monthly or mine):
        # Paid through the month of death (发至死亡当月); what was owed until then is, also behind it.
        found.append(("dead", True))
    if (wrong := _entitlement_finding(line, one, mine, facts.changes)) is not None:
        found.append((wrong, True))
    drawing = [each for each in mine if each.status == "drawing"]
    if drawing and (due := drawing[0].proof_due_on) is not None and due < one.month:
        found.append(("proof_overdue", True))
    now = of_month(facts.entitlements, one.month)
    if line.monthly and facts.claimed_elsewhere:
        found.append(("double", True))
    elif sum(each.status == "drawing" for each in now) > 1:
        # Paid once, here; which entitlement is right is for the agencies to find out.
        found.append(("double", False))
    found += account_findings(facts.account)
    if not 0 < line.amount <= ONCE_MAX or line.monthly > MONTHLY_MAX[one.benefit]:
        found.append(("amount_out_of_range", True))
    if line.before and line.amount > 2 * line.before:
        found.append(("amount_jump", False))
    if not facts.dues_open:
        found.append(("dues_changed", True))
    return found


def _entitlement_finding(
    line: Line, one: Run, mine: Sequence[Entitlement], changes: Sequence[Change]
) -> Code | None:
    """What speaks against paying, in the entitlement of the line as it now is."""
    if not line.monthly:
        return "held" if mine and all(each.status == "held" for each in mine) else None
    now = next((each for each in mine if each.starts_on == line.starts_on), None)
    if now is None:
        return "ended"
    if now.status == "held":
        return "held"
    sum_now = owed(now, one.month, changes)
    if sum_now == line.monthly:
        return None
    return "amount_changed" if sum_now else "settled"


def account_findings(account: AccountFact) -> list[tuple[Code, bool]]:
    """What is wrong with the account."""
    if account.of_another:
        return [("account_of_another", True)]
    if account.account_id is None:
        return [("account_missing", True)]
    return [] if account.is_open else [("account_closed", True)]
