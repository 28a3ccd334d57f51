"""What the months of the benefits of a run come to."""

from collections.abc import Mapping, Sequence
from datetime import date

from yikatong.benefits import store as benefits_store
from yikatong.benefits.model import Entitlement
from yikatong.benefits.months import Change
from yikatong.benefits.runs import rules
from yikatong.benefits.runs.model import Run
from yikatong.benefits.unemployment import terms
from yikatong.benefits.unemployment.rules import changes as standard_changes
from yikatong.core.database import Connection


async def changes(
    connection: Connection, one: Run, held: Mapping[int, Sequence[Entitlement]]
) -> dict[int, Sequence[Change]]:
    """The changes of the sum of the entitlement that the run pays, by person: those that take effect
    behind its month."""
    paid = {
        person_id: found
        for person_id, entitlements in held.items()
        if (found := rules.paid_here(entitlements, one)) is not None
    }
    return await changes_behind(connection, paid, one.month, one.month)


async def changes_behind(
    connection: Connection, paid: Mapping[int, Entitlement], behind: date, until: date
) -> dict[int, Sequence[Change]]:
    """Changes of the sums of entitlements behind a month, those of unemployment through `until`: a
    pension changes by adjustments, unemployment benefit by its region's standard."""
    if not paid:
        return {}
    found: dict[int, Sequence[Change]] = {}
    pensions = [person_id for person_id, one in paid.items() if one.benefit == "pension"]
    if pensions:
        stored = await benefits_store.changes(connection, "pension", pensions, behind)
        for (person_id, starts_on), each in stored.items():
            if paid[person_id].starts_on == starts_on:
                found[person_id] = each
    alike: dict[tuple[str, date], Sequence[Change]] = {}
    for person_id, one in paid.items():
        if one.benefit == "unemployment":
            key = one.region, one.starts_on
            if key not in alike:
                alike[key] = standard_changes(one.region, one.starts_on, until, terms.load())
            found[person_id] = alike[key]
    return found
