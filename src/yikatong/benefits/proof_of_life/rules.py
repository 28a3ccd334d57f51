"""When a proof of life is due, what a proof changes, when payments are held. Pure."""

from collections.abc import Sequence
from datetime import date, timedelta

import msgspec

from yikatong.benefits.model import Entitlement
from yikatong.core.months import same_day_in


def due_after(seen_on: date, every_months: int) -> date:
    """The last day by which the next proof is due: the same day so many months later."""
    return same_day_in(seen_on, every_months)


def seen_before(due_on: date, every_months: int) -> date:
    """The day of the proof a due date follows from."""
    return due_after(due_on, -every_months)


def proved(one: Entitlement, seen_on: date, every_months: int, today: date) -> Entitlement:
    """The entitlement after the person was seen: due later, never earlier, and no longer held for
    want of a proof where that is now in time."""
    due = due_after(seen_on, every_months)
    if one.proof_due_on is not None:
        due = max(due, one.proof_due_on)
    changed = msgspec.structs.replace(one, proof_due_on=due)
    if one.status == "held" and one.held_reason == "proof_of_life" and due >= today:
        return released(changed)
    return changed


def released(one: Entitlement) -> Entitlement:
    """No longer held."""
    return msgspec.structs.replace(one, status="drawing", held_reason=None, held_on=None)


def held(one: Entitlement, reason: str, today: date) -> Entitlement:
    """Payments held from now on."""
    since = one.held_on if one.status == "held" else None
    return msgspec.structs.replace(one, status="held", held_reason=reason, held_on=since or today)


def overdue(one: Entitlement, today: date) -> bool:
    """Whether the last day for the proof is past."""
    return one.proof_due_on is not None and one.proof_due_on < today


def remind_on(due_on: date, days_before: Sequence[int]) -> list[date]:
    """The days on which the person is reminded, the first first."""
    return [due_on - timedelta(days=days) for days in sorted(days_before, reverse=True)]


def reminder(due_on: date, days_before: Sequence[int], today: date) -> int | None:
    """Which reminder is to be out by today: the nearest that was reached; None: none yet."""
    left = (due_on - today).days
    reached = [days for days in days_before if 0 <= left <= days]
    return min(reached, default=None)
