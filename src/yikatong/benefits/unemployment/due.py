"""What is due by the day: ends, holds, new standards, medical contributions."""

from collections.abc import Sequence
from datetime import date
from typing import Final

import msgspec

from yikatong.benefits import dues
from yikatong.benefits import service as benefits
from yikatong.benefits import store as benefits_store
from yikatong.benefits.unemployment import entitled, rules, service, store, terms
from yikatong.benefits.unemployment.model import Claim, End
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import YikatongError
from yikatong.core.months import add_months, last_day, month_of
from yikatong.core.platform import Platform
from yikatong.money.contributions import from_fund
from yikatong.money.ledger import service as ledger
from yikatong.people import service as people
from yikatong.people.model import Person
from yikatong.people.notices import service as notices
from yikatong.trust.audit import Actor

_PAID_LATE_MONTHS: Final = 12
"""So far back months may be paid late, and their medical contributions with them."""
_DUE: Final = Actor("system", "due work", "unemployment benefit")
_BATCH: Final = 500


class Done(msgspec.Struct):
    """What a run of the due work did, in numbers."""

    ended: int = 0
    held: int = 0
    adjusted: int = 0
    contributions: int = 0
    failed: int = 0


async def run(platform: Platform) -> Done:
    """Ends, holds, new standards, medical contributions; run daily, twice it does nothing more."""
    done, after = Done(), 0
    since = add_months(month_of(today(platform.clock)), -_PAID_LATE_MONTHS)
    while True:
        async with platform.database.transaction(readonly=True) as connection:
            persons = await store.current(connection, since, after, _BATCH)
        for person_id in persons:
            try:
                await _due_of(platform, person_id, done)
            except YikatongError:
                # One person's missing terms keep nobody else waiting; the next run tries again.
                done.failed += 1
        if len(persons) < _BATCH:
            return done
        after = persons[-1]


async def _due_of(platform: Platform, person_id: int, done: Done) -> None:
    day = today(platform.clock)
    async with platform.database.transaction() as connection:
        await benefits_store.lock(connection, person_id)
        one = (await store.claims(connection, person_id))[0]
        person = await people.get(connection, person_id)
        if one.state != "ended":
            await _keep_up(platform, connection, one, day, done)
        paid = await store.months_drawn(
            connection, person_id, add_months(month_of(day), -_PAID_LATE_MONTHS), ("paid",)
        )
        owed = _contributions(one, person, paid)
        known = (
            {
                each.key
                for each in await ledger.transactions_by_key(
                    connection, [(person_id, key) for *_, key in owed]
                )
            }
            if owed
            else set[str]()
        )
    for insurance, month, region, key in owed:
        if key not in known:
            await from_fund.pay_month(platform, person_id, insurance, region, month, _DUE, key)
            done.contributions += 1


def _contributions(
    one: Claim, person: Person, paid: Sequence[tuple[date, str]]
) -> list[tuple[from_fund.PaidInsurance, date, str, str]]:
    """What the fund pays for months that were drawn: insurance, month, region, key; medical first."""
    nation = terms.load().nation
    retires = rules.retires_on(person.birth_date, person.sex, one.post, nation)
    raised = rules.delayed(person.birth_date, person.sex, one.post, nation)
    owed: list[tuple[from_fund.PaidInsurance, date, str, str]] = [
        ("310", month, region, f"unemployment:{month:%Y-%m}:medical") for month, region in paid
    ]
    return owed + [
        ("110", month, region, f"unemployment:{month:%Y-%m}:pension")
        for month, region in paid
        if rules.with_pension(month, retires, raised)
    ]


async def _keep_up(
    platform: Platform, connection: Connection, one: Claim, day: date, done: Done
) -> None:
    """End, hold or adjust a claim that is drawn."""
    month = month_of(day)
    person = await people.get(connection, one.person_id)
    one = await _extend(platform, connection, one, person, day)
    why = await _ended_by(connection, one, person, day)
    if why is not None:
        await service.end_claim(platform, connection, one, why[0], why[1], _DUE)
        done.ended += 1
        return
    if one.starts_on > day:
        return
    previous = add_months(month, -1)
    if (
        one.state == "drawing"
        and previous >= month_of(one.starts_on)
        and not {previous, month} & await store.confirmed(connection, one.person_id)
    ):
        held = await _hold(platform, connection, one)
        await service.record(platform, connection, _DUE, held, "unemployment.held")
        done.held += 1
    elif await _adjust(platform, connection, one):
        done.adjusted += 1


async def _extend(
    platform: Platform, connection: Connection, one: Claim, person: Person, day: date
) -> Claim:
    """Let a benefit go on until the retirement age where less than a year is missing."""
    retires = rules.retires_on(person.birth_date, person.sex, one.post, terms.load().nation)
    more = 0 if person.died_on is not None else rules.extended(one.ends_on, retires, day)
    if not more:
        return one
    drawn = await entitled.of_claim(connection, one)
    extended = await service.write_claim(
        connection,
        msgspec.structs.replace(
            one,
            ends_on=last_day(add_months(one.ends_on, more)),
            months_extended=one.months_extended + more,
        ),
    )
    await benefits.update(
        connection, one.person_id, msgspec.structs.replace(drawn, ends_on=extended.ends_on)
    )
    await service.record(platform, connection, _DUE, extended, "unemployment.extended")
    return extended


async def _ended_by(
    connection: Connection, one: Claim, person: Person, day: date
) -> tuple[End, date] | None:
    """What has ended a claim by now, and when."""
    if person.died_on is not None:
        return "death", person.died_on
    drawn = await benefits.entitlements(connection, one.person_id)
    for each in drawn:
        if each.benefit == "pension" and each.status == "drawing" and each.starts_on <= day:
            return "pension", each.starts_on
    retires = rules.retires_on(person.birth_date, person.sex, one.post, terms.load().nation)
    if day >= retires and one.ends_on >= last_day(add_months(retires, -1)):
        return "retirement_age", retires
    if day > one.ends_on:
        return "used_up", one.ends_on
    return None


async def _adjust(platform: Platform, connection: Connection, one: Claim) -> bool:
    """Bring the monthly amount to today's standard; whether it changed."""
    drawn = await entitled.of_claim(connection, one)
    monthly = entitled.monthly_now(platform, drawn)
    if drawn.monthly == monthly:
        return False
    changed = msgspec.structs.replace(drawn, monthly=monthly)
    await benefits.update(connection, one.person_id, changed)
    await service.record(platform, connection, _DUE, one, "unemployment.adjusted")
    return True


async def _hold(platform: Platform, connection: Connection, one: Claim) -> Claim:
    """Nobody confirmed last month: nothing is due from this one on. What was due before and not paid
    yet becomes arrears."""
    held = await service.write_claim(connection, msgspec.structs.replace(one, state="held"))
    drawn, day, now = (
        await entitled.of_claim(connection, one),
        today(platform.clock),
        platform.clock.now(),
    )
    earned = add_months(month_of(day), -1)
    changes = rules.changes(drawn.region, drawn.starts_on, earned, terms.load())
    drawn, due = dues.arrears(one.person_id, drawn, earned, changes, "held", now)
    drawn = msgspec.structs.replace(
        drawn, status="held", held_reason="job_seeker_month", held_on=day
    )
    await benefits.update(connection, one.person_id, drawn)
    await benefits_store.insert_dues(connection, [due] if due else [])
    await notices.post(
        platform,
        connection,
        one.person_id,
        "benefit.held",
        {"benefit": "unemployment", "reason": "job_seeker_month"},
        once=f"unemployment-{day}",
    )
    return held
