"""Use cases of unemployment benefit: estimate, claim, confirm, transfer, end, and what is due."""

from collections.abc import Sequence
from datetime import date
from typing import Final

import msgspec

from yikatong.benefits import service as benefits
from yikatong.benefits import store as benefits_store
from yikatong.benefits.unemployment import entitled, rules, store, terms
from yikatong.benefits.unemployment.errors import ClaimRefused, NotDrawing, NotEntitled
from yikatong.benefits.unemployment.model import (
    END_REASONS,
    FORFEITS,
    Claim,
    End,
    EndReason,
    Estimate,
    NewClaim,
    Question,
    Reason,
)
from yikatong.core import ids, regions
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, one_of
from yikatong.core.months import add_months, last_day, month_of, months_from
from yikatong.core.platform import Platform
from yikatong.money.errors import KeyReused
from yikatong.money.ledger import service as ledger
from yikatong.people import service as people
from yikatong.people.model import Enrolment, Person
from yikatong.trust import audit
from yikatong.trust.audit import Actor

REFUSALS_MAX: Final = 2
"""The second refusal of a suitable job or training ends it (失业保险条例 第十五条)."""


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
        await benefits_store.lock(connection, person_id)
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
        first = month_of(day)
        # What an earlier claim is due for, or was paid for and is asked back, is not this one's.
        taken = [one.ended_on for one in earlier if one.ended_on is not None] + [
            one.settled_month
            for one in await benefits.entitlements(connection, person_id)
            if one.benefit == "unemployment" and one.settled_month is not None
        ]
        if taken and (behind := max(taken)) >= first:
            first = add_months(behind, 1)
            question = msgspec.structs.replace(question, on=first)
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
            starts_on=max(wanted.registered_on, first),
            ends_on=last_day(found.last_month),
            state="drawing",
            ended_on=None,
            ended_by=None,
            months_left=0,
            overpaid=0,
            post=wanted.post,
            made_at=now,
        )
        await store.insert(connection, made)
        await benefits_store.insert(connection, person_id, entitled.new(made, found.monthly))
        # The registration is the first month's confirmation.
        await store.confirm(connection, person_id, first, now, "registration")
        await record(platform, connection, actor, made, "unemployment.claimed")
    return made


async def of_person(platform: Platform, person_id: int, actor: Actor) -> list[Claim]:
    """All claims of a person, the newest first; the look is recorded."""
    async with platform.database.transaction() as connection:
        await people.get(connection, person_id)
        await audit.record(connection, actor, platform.clock.now(), person_id, "unemployment.read")
        return await store.claims(connection, person_id)


async def claims(connection: Connection, person_id: int) -> list[Claim]:
    """The same, inside the caller's transaction; the caller records the look."""
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
            first = month_of(one.starts_on)
            drawn = await store.months_drawn(connection, person_id, first, ("open", "paid"))
            left = max(1, one.months_granted - len(drawn))
            before = add_months(await _retires(connection, one), -1)
            last = min(add_months(month, left - 1), before)
            changed = msgspec.structs.replace(
                one, state="drawing", ends_on=last_day(last), months_extended=0
            )
            one = await write_claim(connection, changed)
            await entitled.release(platform, connection, one, month)
        if new:
            await record(platform, connection, actor, one, "unemployment.month_confirmed")
        return one


async def refuse_job(platform: Platform, person_id: int, on: date, actor: Actor, key: str) -> Claim:
    """Note the refusal of a suitable job or training without good reason; the second one ends the
    benefit. Raises NotDrawing."""
    if on > today(platform.clock):
        raise InvalidInput("on", zh="日期不能晚于今天", en="the day is not ahead of today")
    async with platform.database.transaction() as connection:
        await benefits_store.lock(connection, person_id)
        one = next(iter(await store.claims(connection, person_id)), None)
        if one is None:
            raise NotDrawing
        await store.refuse(connection, person_id, key, on, platform.clock.now())
        refused = await store.refusals(connection, person_id, one.starts_on)
        if one.state != "ended":
            await record(platform, connection, actor, one, "unemployment.job_refused")
            if refused >= REFUSALS_MAX:
                return await end_claim(platform, connection, one, "refused_twice", on, actor)
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
        await benefits_store.lock(connection, person_id)
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
        ended = await end_claim(platform, connection, one, "transfer", day, actor)
        first = add_months(day.replace(day=1), 1)
        # Months that were held, too, are not paid into the month of the retirement age.
        left = min(ended.months_left, months_from(first, await _retires(connection, one)))
        if left <= 0:
            raise ClaimRefused(
                zh="已没有剩余月数可以转移", en="no month is left to be moved", field="region"
            )
        made = msgspec.structs.replace(
            one,
            claim_id=ids.new_id(now),
            key=key,
            content_hash=content,
            region=code,
            months_granted=left,
            starts_on=first,
            ends_on=last_day(add_months(first, left - 1)),
            made_at=now,
            state="drawing",
            months_extended=0,
            version=1,
        )
        await store.insert(connection, made)
        monthly = rules.amount(standard, 1)
        await benefits_store.insert(connection, person_id, entitled.new(made, monthly))
        await record(platform, connection, actor, made, "unemployment.transferred")
        return made


async def end(platform: Platform, person_id: int, why: str, on: date, actor: Actor) -> Claim:
    """End the benefit: `on` is the day of what ended it; its month is the last one due, before
    retirement the month before. What was paid for later months is to be given back.

    Ended already for the same reason: the claim as it stands. Raises NotDrawing, InvalidInput.
    """
    reason: EndReason = one_of(why, END_REASONS, "reason")
    if on > today(platform.clock):
        raise InvalidInput("on", zh="日期不能晚于今天", en="the day is not ahead of today")
    async with platform.database.transaction() as connection:
        await benefits_store.lock(connection, person_id)
        newest = next(iter(await store.claims(connection, person_id)), None)
        if newest is not None and newest.ended_by == reason:
            return newest
        one = await _current(connection, person_id)
        return await end_claim(platform, connection, one, reason, on, actor)


async def end_claim(
    platform: Platform, connection: Connection, one: Claim, why: End, on: date, actor: Actor
) -> Claim:
    month = month_of(on)
    if why in ("retirement_age", "pension"):
        month = add_months(month, -1)
    first = month_of(one.starts_on)
    drawn = await entitled.of_claim(connection, one)
    if drawn.held_reason == "job_seeker_month" and drawn.held_on is not None:
        # Of the months that nobody confirmed nothing is due.
        month = min(month, add_months(month_of(drawn.held_on), -1))
    # Nor before it began, nor behind the last month granted.
    last = min(max(month, add_months(first, -1)), month_of(one.ends_on))
    behind = (one.ends_on.year - last.year) * 12 + one.ends_on.month - last.month
    left = 0
    if why not in FORFEITS:
        left = min(max(behind - one.months_extended, 0), one.months_granted)
    overpaid = await entitled.end(platform, connection, one, drawn, last, why)
    ended = await write_claim(
        connection,
        msgspec.structs.replace(
            one,
            state="ended",
            ended_on=last_day(last),
            ended_by=why,
            months_left=left,
            overpaid=overpaid,
        ),
    )
    await record(platform, connection, actor, ended, "unemployment.ended")
    return ended


async def _retires(connection: Connection, one: Claim) -> date:
    """The month of the retirement age of who claimed."""
    person = await people.get(connection, one.person_id)
    return rules.retires_on(person.birth_date, person.sex, one.post, terms.load().nation)


async def write_claim(connection: Connection, one: Claim) -> Claim:
    await store.update(connection, one)
    return msgspec.structs.replace(one, version=one.version + 1)


async def _current(connection: Connection, person_id: int) -> Claim:
    await benefits_store.lock(connection, person_id)
    for one in await store.claims(connection, person_id):
        if one.state != "ended":
            return one
    raise NotDrawing


async def record(
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
        same_loss=_same_loss(claims, left_on),
        on=day,
    )


def _same_loss(claims: Sequence[Claim], left_on: date | None) -> bool:
    """Whether no work was lost since the registration that the newest claim rests on: a benefit that
    ended is claimed again after new work only (社会保险法 第四十六条)."""
    return bool(claims) and left_on is not None and left_on < claims[0].registered_on


def _counted(claims: Sequence[Claim]) -> int:
    """Months paid that earlier claims rest on; a transfer repeats those of the claim it moves. Less than a
    year gave no months of its own: what was left was drawn, and it goes on counting."""
    return sum(
        one.months_paid
        for one in claims
        if one.ended_by != "transfer" and one.months_paid >= rules.PAID_LEAST
    )


def _carried(claims: Sequence[Claim]) -> int:
    newest = next(iter(claims), None)
    return newest.months_left if newest is not None and newest.state == "ended" else 0


def _employed(insured: Enrolment, left_on: date | None) -> bool:
    """Whether an employer pays for a month behind the last day of work."""
    if left_on is None or insured.covered_until is None:
        return False
    return insured.covered_until > last_day(month_of(left_on))


def _residence(person: Person) -> str:
    return regions.pooling_region(person.residence_region, "collect_in").code
