"""Use cases of unemployment benefit: estimate, claim, confirm, transfer, end, and what is due."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final

import msgspec

from yikatong.benefits import dues
from yikatong.benefits import service as benefits
from yikatong.benefits.unemployment import rules, store, terms
from yikatong.benefits.unemployment.errors import ClaimRefused, NotDrawing, NotEntitled
from yikatong.benefits.unemployment.model import (
    ENDS,
    FORFEITS,
    Claim,
    End,
    Estimate,
    NewClaim,
    Question,
    Reason,
)
from yikatong.core import ids, regions
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, YikatongError
from yikatong.core.platform import Platform
from yikatong.money.contributions import from_fund
from yikatong.money.contributions.rules import end_of_month
from yikatong.money.errors import KeyReused
from yikatong.money.ledger import service as ledger
from yikatong.people import service as people
from yikatong.people.model import Enrolment, Person
from yikatong.trust import audit
from yikatong.trust.audit import Actor

REFUSALS_MAX: Final = 2
"""The second refusal of a suitable job or training ends it (失业保险条例 第十五条)."""
_DUE: Final = Actor("system", "due work", "unemployment benefit")
_BATCH: Final = 500


def estimate(asked: Question) -> Estimate:
    """Whether, how long, how much, where, by what was said; raises NoStandardOnFile, InvalidInput."""
    insured = regions.pooling_region(asked.region).code
    collect = asked.collect_in
    if collect is not None:
        collect = regions.pooling_region(collect, "collect_in").code
    if not 0 <= asked.months_paid <= 1200:
        raise InvalidInput(
            "months_paid", zh="缴费月数应在 0 至 1200 之间", en="months paid lie between 0 and 1200"
        )
    if not 0 <= asked.months_carried <= rules.MONTHS_MAX:
        raise InvalidInput(
            "months_carried", zh="剩余月数应在 0 至 24 之间", en="months kept lie between 0 and 24"
        )
    question = msgspec.structs.replace(asked, region=insured, collect_in=collect)
    return rules.estimate(question, terms.load())


async def estimate_for(
    platform: Platform,
    person_id: int,
    reason: Reason,
    actor: Actor,
    *,
    registered: bool = True,
    collect_in: str = "insured",
) -> Estimate:
    """The same by a person's file; the look is recorded. Raises NotEntitled where the person is not
    insured against unemployment."""
    async with platform.database.transaction() as connection:
        question = await _question(
            platform, connection, person_id, reason, registered, collect_in, "worker", None
        )
        await audit.record(
            connection, actor, platform.clock.now(), person_id, "unemployment.estimated"
        )
    return rules.estimate(question, terms.load())


async def claim(
    platform: Platform, person_id: int, wanted: NewClaim, actor: Actor, key: str
) -> Claim:
    """Claim the benefit, from anywhere; it begins with the month of the claim.

    The same key answers the same claim. Raises NotEntitled with everything that is not fulfilled,
    InvalidInput, KeyReused, NoStandardOnFile.
    """
    day = today(platform.clock)
    if not wanted.left_on <= wanted.registered_on <= day:
        raise InvalidInput(
            "registered_on",
            zh="失业登记日期应在离职之后、今天或以前",
            en="the registration lies behind the last day of work and not ahead of today",
        )
    content = ledger.digest(["unemployment.claimed", wanted])
    async with platform.database.transaction() as connection:
        await store.lock(connection, person_id)
        earlier = await store.claims(connection, person_id)
        for one in earlier:
            if one.key == key:
                if one.content_hash != content:
                    raise KeyReused
                return one
        question = await _question(
            platform, connection, person_id, wanted.reason, True, wanted.collect_in, wanted.post,
            wanted.left_on,
        )  # fmt: skip
        found = rules.estimate(question, terms.load())
        if not found.entitled:
            raise NotEntitled(found.misses or [rules.miss("months_short")])
        assert found.last_month is not None
        now = platform.clock.now()
        made = Claim(
            person_id=person_id,
            claim_id=ids.new_id(now),
            key=key,
            content_hash=content,
            insured_region=question.region,
            region=found.region,
            left_on=wanted.left_on,
            reason=wanted.reason,
            registered_on=wanted.registered_on,
            months_paid=question.months_paid,
            months_carried=question.months_carried,
            months_granted=found.months,
            starts_on=max(wanted.registered_on, found.first_month),
            ends_on=end_of_month(found.last_month),
            state="drawing",
            ended_on=None,
            ended_by=None,
            months_left=0,
            overpaid=0,
            post=wanted.post,
            made_at=now,
        )
        await store.insert(connection, made)
        await store.put_entitlement(connection, made, found.monthly, day)
        # The registration is the first month's confirmation.
        await store.confirm(connection, person_id, found.first_month, now, "registration")
        await _record(platform, connection, actor, made, "unemployment.claimed")
    return made


async def of_person(platform: Platform, person_id: int, actor: Actor) -> list[Claim]:
    """All claims of a person, the newest first; the look is recorded."""
    async with platform.database.transaction() as connection:
        await people.get(connection, person_id)
        await audit.record(connection, actor, platform.clock.now(), person_id, "unemployment.read")
        return await store.claims(connection, person_id)


async def confirm_month(
    platform: Platform, person_id: int, actor: Actor, channel: str = "counter"
) -> Claim:
    """Note that the person still looks for work this month (每月确认); what was held goes on.

    A month that was held and not paid is not lost: the last month moves behind. Twice is once.
    Raises NotDrawing.
    """
    month = today(platform.clock).replace(day=1)
    async with platform.database.transaction() as connection:
        one = await _current(connection, person_id)
        new = await store.confirm(connection, person_id, month, platform.clock.now(), channel)
        if one.state == "held":
            paid = await store.months_paid(connection, person_id, one.starts_on.replace(day=1))
            left = max(1, one.months_granted - len(paid))
            person = await people.get(connection, person_id)
            retires = rules.retires_on(person.birth_date, person.sex, one.post)
            last = min(rules.months_after(month, left - 1), rules.months_after(retires, -1))
            changed = msgspec.structs.replace(one, state="drawing", ends_on=end_of_month(last))
            one = await _write(platform, connection, changed)
        if new:
            await _record(platform, connection, actor, one, "unemployment.month_confirmed")
        return one


async def refuse_job(platform: Platform, person_id: int, on: date, actor: Actor, key: str) -> Claim:
    """Note the refusal of a suitable job or training without good reason; the second one ends the
    benefit. Raises NotDrawing."""
    if on > today(platform.clock):
        raise InvalidInput("on", zh="日期不能晚于今天", en="the day is not ahead of today")
    async with platform.database.transaction() as connection:
        await store.lock(connection, person_id)
        one = next(iter(await store.claims(connection, person_id)), None)
        if one is None:
            raise NotDrawing
        await store.refuse(connection, person_id, key, on, platform.clock.now())
        refused = await store.refusals(connection, person_id, one.starts_on)
        if one.state != "ended":
            await _record(platform, connection, actor, one, "unemployment.job_refused")
            if refused >= REFUSALS_MAX:
                return await _end(platform, connection, one, "refused_twice", on, actor)
        return one


async def transfer(
    platform: Platform, person_id: int, region: str, actor: Actor, key: str
) -> Claim:
    """Move the rest of the months to another region, from next month on, at its standard (转移).

    The same key answers the same claim. Raises NotDrawing, ClaimRefused where no month is left.
    """
    code = regions.pooling_region(region).code
    content = ledger.digest(["unemployment.transferred", code])
    async with platform.database.transaction() as connection:
        await store.lock(connection, person_id)
        for known in await store.claims(connection, person_id):
            if known.key == key:
                if known.content_hash != content:
                    raise KeyReused
                return known
        one = await _current(connection, person_id)
        if one.region == code:
            raise ClaimRefused(
                zh="已经在该地领取", en="it is collected there already", field="region"
            )
        day, now = today(platform.clock), platform.clock.now()
        standard = terms.load().standard(code, day)
        ended = await _end(platform, connection, one, "transfer", day, actor)
        if not ended.months_left:
            raise ClaimRefused(
                zh="已没有剩余月数可以转移", en="no month is left to be moved", field="region"
            )
        first = rules.months_after(day.replace(day=1), 1)
        made = msgspec.structs.replace(
            one,
            claim_id=ids.new_id(now),
            key=key,
            content_hash=content,
            region=code,
            months_granted=ended.months_left,
            starts_on=first,
            ends_on=end_of_month(rules.months_after(first, ended.months_left - 1)),
            made_at=now,
            state="drawing",
            version=1,
        )
        await store.insert(connection, made)
        await store.put_entitlement(connection, made, rules.amount(standard, 1), day)
        await _record(platform, connection, actor, made, "unemployment.transferred")
        return made


async def end(platform: Platform, person_id: int, why: str, on: date, actor: Actor) -> Claim:
    """End the benefit: `on` is the day of what ended it; its month is the last one due, before
    retirement the month before. What was paid for later months is to be given back.

    Ended already for the same reason: the claim as it stands. Raises NotDrawing, InvalidInput.
    """
    reason: End | None = next((one for one in ENDS if one == why and one != "transfer"), None)
    if reason is None:
        raise InvalidInput(
            "reason",
            zh=f"应为 {'、'.join(one for one in ENDS if one != 'transfer')} 之一",
            en=f"must be one of {', '.join(one for one in ENDS if one != 'transfer')}",
        )
    if on > today(platform.clock):
        raise InvalidInput("on", zh="日期不能晚于今天", en="the day is not ahead of today")
    async with platform.database.transaction() as connection:
        await store.lock(connection, person_id)
        newest = next(iter(await store.claims(connection, person_id)), None)
        if newest is not None and newest.ended_by == reason:
            return newest
        one = await _current(connection, person_id)
        return await _end(platform, connection, one, reason, on, actor)


async def _end(
    platform: Platform, connection: Connection, one: Claim, why: End, on: date, actor: Actor
) -> Claim:
    month = on.replace(day=1)
    if why in ("retirement_age", "pension"):
        month = rules.months_after(month, -1)
    first = one.starts_on.replace(day=1)
    # Nothing is due before it began, nor behind the last month granted.
    last = min(max(end_of_month(month), first - timedelta(days=1)), one.ends_on)
    behind = (one.ends_on.year - last.year) * 12 + one.ends_on.month - last.month
    left = 0 if why in FORFEITS else min(behind, one.months_granted)
    months = [rules.months_after(last.replace(day=1), at) for at in range(1, behind + 1)]
    overpaid = sum((await store.paid_behind(connection, one.person_id, months)).values())
    ended = await _write(
        platform,
        connection,
        msgspec.structs.replace(
            one, state="ended", ended_on=last, ended_by=why, months_left=left, overpaid=overpaid
        ),
    )
    if overpaid:
        await dues.add(
            connection, one.person_id, "unemployment", "recovery", overpaid, f"ended: {why}"
        )
    await _record(platform, connection, actor, ended, "unemployment.ended")
    return ended


async def _write(platform: Platform, connection: Connection, one: Claim) -> Claim:
    """Write a claim and the entitlement that payment runs read."""
    await store.update(connection, one)
    day = today(platform.clock)
    first = one.starts_on.replace(day=1)
    number = (day.year - first.year) * 12 + day.month - first.month + 1
    monthly = rules.amount(terms.load().standard(one.region, day), max(1, number))
    await store.put_entitlement(connection, one, monthly, day)
    return msgspec.structs.replace(one, version=one.version + 1)


async def _current(connection: Connection, person_id: int) -> Claim:
    await store.lock(connection, person_id)
    for one in await store.claims(connection, person_id):
        if one.state != "ended":
            return one
    raise NotDrawing


async def _record(
    platform: Platform, connection: Connection, actor: Actor, one: Claim, action: str
) -> None:
    detail: dict[str, object] = {
        "claim_id": str(one.claim_id), "region": one.region, "state": one.state
    }  # fmt: skip
    await audit.record(connection, actor, platform.clock.now(), one.person_id, action, detail)


async def _question(
    platform: Platform,
    connection: Connection,
    person_id: int,
    reason: Reason,
    registered: bool,
    collect_in: str,
    post: str,
    left_on: date | None,
) -> Question:
    """What decides, read from the person's file; raises NotEntitled for somebody not insured."""
    person = await people.get(connection, person_id)
    enrolled = await people.enrolments(connection, person_id)
    insured = next((one for one in enrolled if one.insurance == "210"), None)
    if insured is None:
        raise NotEntitled([rules.miss("not_insured")])
    claims = await store.claims(connection, person_id)
    drawn = await benefits.entitlements(connection, person_id)
    day = today(platform.clock)
    return Question(
        region=insured.region,
        collect_in=_residence(person) if collect_in == "residence" else None,
        # Months that an earlier claim rests on are counted once (重新计算).
        months_paid=max(0, insured.months_paid - _counted(claims)),
        months_carried=_carried(claims),
        reason=reason,
        registered=registered,
        employed=_employed(insured, left_on),
        birth=person.birth_date,
        sex=person.sex,
        post="cadre" if post == "cadre" else "worker",
        retired=any(one.category == "retired" for one in enrolled if one.insurance != "210")
        or any(one.benefit == "pension" and one.status != "ended" for one in drawn),
        died=person.died_on is not None,
        drawing=any(one.state != "ended" for one in claims)
        or any(
            one.benefit == "unemployment"
            and one.status != "ended"
            and (one.ends_on is None or one.ends_on >= day)
            for one in drawn
        ),
        on=day,
    )


def _counted(claims: Sequence[Claim]) -> int:
    """Months paid that earlier claims rest on; a transfer repeats those of the claim it moves."""
    return sum(one.months_paid for one in claims if one.ended_by != "transfer")


def _carried(claims: Sequence[Claim]) -> int:
    newest = next(iter(claims), None)
    return newest.months_left if newest is not None and newest.state == "ended" else 0


def _employed(insured: Enrolment, left_on: date | None) -> bool:
    """Whether an employer pays for a month behind the last day of work."""
    if left_on is None or insured.covered_until is None:
        return False
    return insured.covered_until > end_of_month(left_on.replace(day=1))


def _residence(person: Person) -> str:
    return regions.pooling_region(person.residence_region, "collect_in").code


# ---- what is due ----


class Done(msgspec.Struct):
    """What a run of the due work did, in numbers."""

    ended: int = 0
    held: int = 0
    adjusted: int = 0
    contributions: int = 0
    failed: int = 0


async def run_due(platform: Platform) -> Done:
    """Ends, holds, new standards, medical contributions; run daily, twice it does nothing more."""
    done, after = Done(), 0
    async with platform.database.transaction() as connection:
        await store.close_passed(connection, today(platform.clock))
    while True:
        async with platform.database.transaction(readonly=True) as connection:
            persons = await store.current(connection, after, _BATCH)
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
    month = day.replace(day=1)
    async with platform.database.transaction() as connection:
        try:
            one = await _current(connection, person_id)
        except NotDrawing:
            return
        person = await people.get(connection, person_id)
        why = await _ended_by(connection, one, person, day)
        if why is not None:
            await _end(platform, connection, one, why[0], why[1], _DUE)
            done.ended += 1
        elif one.starts_on <= day:
            previous = rules.months_after(month, -1)
            if (
                one.state == "drawing"
                and previous >= one.starts_on.replace(day=1)
                and previous not in await store.confirmed(connection, person_id)
                and month not in await store.confirmed(connection, person_id)
            ):
                one = await _write(platform, connection, msgspec.structs.replace(one, state="held"))
                await _record(platform, connection, _DUE, one, "unemployment.held")
                done.held += 1
            elif await _adjust(platform, connection, one):
                done.adjusted += 1
        paid = await store.months_paid(connection, person_id, rules.months_after(month, -1))
    for paid_month, region in paid:
        key = f"unemployment:{one.claim_id}:{paid_month:%Y-%m}:medical"
        if await _pay_medical(platform, person_id, region, paid_month, key):
            done.contributions += 1


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
    if day > one.ends_on:
        return "used_up", one.ends_on
    return None


async def _adjust(platform: Platform, connection: Connection, one: Claim) -> bool:
    """Bring the monthly amount to today's standard; whether it changed."""
    day = today(platform.clock)
    first = one.starts_on.replace(day=1)
    number = (day.year - first.year) * 12 + day.month - first.month + 1
    monthly = rules.amount(terms.load().standard(one.region, day), max(1, number))
    drawn = await benefits.entitlements(connection, one.person_id)
    now = next(
        (
            each.monthly
            for each in drawn
            if each.benefit == "unemployment" and each.starts_on == one.starts_on
        ),
        None,
    )
    if now == monthly:
        return False
    await store.put_entitlement(connection, one, monthly, day)
    await _record(platform, connection, _DUE, one, "unemployment.adjusted")
    return True


async def _pay_medical(
    platform: Platform, person_id: int, region: str, month: date, key: str
) -> bool:
    """The month's medical contribution from the fund; whether it was paid now."""
    async with platform.database.transaction(readonly=True) as connection:
        if await ledger.transactions_by_key(connection, [(person_id, key)]):
            return False
    await from_fund.pay_month(platform, person_id, region, month, _DUE, key)
    return True
