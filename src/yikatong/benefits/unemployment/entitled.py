"""The entitlement that payment runs read of a claim: begun, released, ended."""

from datetime import date
from typing import Final

import msgspec

from yikatong.benefits import dues
from yikatong.benefits import service as benefits
from yikatong.benefits import store as benefits_store
from yikatong.benefits.model import Entitlement
from yikatong.benefits.unemployment import rules, store, terms
from yikatong.benefits.unemployment.model import Claim, End
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.money import Fen
from yikatong.core.months import add_months, month_of
from yikatong.core.platform import Platform

_ENDED: Final = {"death": "death", "used_up": "used_up", "work": "work", "retirement_age": "age"}


async def end(
    platform: Platform, connection: Connection, one: Claim, drawn: Entitlement, last: date, why: End
) -> int:
    """End what payment runs read; answers what was paid for months behind the last one. What is due
    until then and was not paid yet becomes arrears."""
    if last < month_of(one.starts_on) and drawn.settled_month is None:
        await store.delete_entitlement(connection, one.person_id, one.starts_on)
        return 0
    until = max(last, drawn.settled_month or last)
    changes = rules.changes(drawn.region, drawn.starts_on, until, terms.load())
    mine = [
        due
        for due in await benefits_store.dues(connection, [one.person_id], ("open",))
        if (due.benefit, due.region) == ("unemployment", drawn.region)
    ]
    now = platform.clock.now()
    ended, made, cancelled = dues.end(
        one.person_id, drawn, changes, mine, last, _ENDED.get(why, "other"), now
    )
    await benefits.update(connection, one.person_id, ended)
    await dues.change(connection, made, cancelled, now)
    return sum(due.amount for due in made if due.kind == "recovery")


async def of_claim(connection: Connection, one: Claim) -> Entitlement:
    """What payment runs read of a claim."""
    return next(
        each
        for each in await benefits.entitlements(connection, one.person_id)
        if each.benefit == "unemployment" and each.starts_on == one.starts_on
    )


def new(one: Claim, monthly: Fen) -> Entitlement:
    return Entitlement(
        benefit="unemployment",
        region=one.region,
        status="drawing",
        starts_on=one.starts_on,
        ends_on=one.ends_on,
        monthly=monthly,
        proof_due_on=None,
        held_reason=None,
        insurance="210",
        months_paid=one.months_paid,
    )


async def release(platform: Platform, connection: Connection, one: Claim, month: date) -> None:
    """It goes on with this month: the months held are passed over, the last one moves behind."""
    drawn = await of_claim(connection, one)
    passed = max(add_months(month, -1), drawn.settled_month or date.min)
    released = msgspec.structs.replace(
        drawn,
        status="drawing",
        held_reason=None,
        held_on=None,
        ends_on=one.ends_on,
        settled_month=passed,
        monthly=monthly_now(platform, drawn),
    )
    await benefits.update(connection, one.person_id, released)


def monthly_now(platform: Platform, one: Entitlement) -> Fen:
    """The sum of the running month; raises NoStandardOnFile."""
    day = today(platform.clock)
    first = month_of(one.starts_on)
    number = (day.year - first.year) * 12 + day.month - first.month + 1
    return rules.amount(terms.load().standard(one.region, day), max(1, number))
