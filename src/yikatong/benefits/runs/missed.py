"""Months that no run paid and that became no due: made arrears when the next list is made (补发)."""

from collections.abc import Mapping, Sequence
from datetime import date

from yikatong.benefits import dues, months
from yikatong.benefits import store as benefits_store
from yikatong.benefits.model import Due, Entitlement
from yikatong.benefits.runs import rules, store, sums
from yikatong.benefits.runs.model import Run
from yikatong.core.database import Connection
from yikatong.core.months import add_months, month_of, months_between
from yikatong.core.platform import Platform
from yikatong.core.together import Conflict
from yikatong.trust import audit
from yikatong.trust.audit import Actor


async def settle(
    platform: Platform, connection: Connection, one: Run, held: Mapping[int, Sequence[Entitlement]]
) -> dict[int, list[Entitlement]]:
    """Make arrears of the months before the run's that entitlements still owe; answers these persons'
    entitlements as they then are.

    A month that a run paid or is about to pay, or that another entitlement of the person has settled,
    is not owed again. Raises Conflict where an entitlement changed meanwhile.
    """
    before = add_months(one.month, -1)
    owing = {
        person_id: found
        for person_id, entitlements in held.items()
        if (found := rules.paid_here(entitlements, one)) is not None and months.owed(found, before)
    }
    if not owing:
        return {}
    several = sorted(person_id for person_id in owing if len(held[person_id]) > 1)
    for person_id in several:
        await benefits_store.lock(connection, person_id)
    fresh = await store.entitlements(connection, one.benefit, several)
    claimed = await store.months_claimed(connection, one.benefit, list(owing), one.month)
    first = min(months.owed(found, before)[0] for found in owing.values())
    changes = await sums.changes_behind(connection, owing, first, before)
    now = platform.clock.now()
    changed: list[tuple[int, Entitlement]] = []
    made: list[Due] = []
    for person_id, found in owing.items():
        others = [each for each in fresh.get(person_id, ()) if each.starts_on != found.starts_on]
        paid = claimed.get(person_id, set()) | _settled_by(others)
        settled, due = dues.arrears(
            person_id, found, before, changes.get(person_id, ()), "missed", now, but=paid
        )
        changed.append((person_id, settled))
        made += [due] if due else []
    written = await benefits_store.update_many(connection, changed)
    if len(written) != len(changed):
        raise Conflict
    await benefits_store.insert_dues(connection, made)
    actor = Actor("staff", one.prepared_by, "payment run")
    events: list[tuple[int, str, dict[str, object]]] = [
        (due.person_id, "benefit.arrears", {"run_id": str(one.run_id), "reason": "missed"})
        for due in made
    ]
    if events:
        await audit.record_many(connection, [actor] * len(events), now, events)
    # With the versions that they now have.
    return await store.entitlements(connection, one.benefit, list(owing))


def _settled_by(entitlements: Sequence[Entitlement]) -> set[date]:
    return {
        month
        for one in entitlements
        if one.settled_month is not None
        for month in months_between(month_of(one.starts_on), one.settled_month)
    }
