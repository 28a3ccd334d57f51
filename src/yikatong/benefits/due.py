"""What is due by the day: deaths recorded elsewhere, proofs of life by matched data, holds, reminders.

Person by person in small transactions: run twice, beside another, or killed on the way, nothing
happens twice and the next run goes on.
"""

from datetime import date, datetime, time, timedelta
from typing import Final

import msgspec

from yikatong.benefits import store as benefits_store
from yikatong.benefits.model import Due, Entitlement
from yikatong.benefits.pension import terms
from yikatong.benefits.proof_of_life import rules, store
from yikatong.benefits.proof_of_life import service as proofs
from yikatong.benefits.proof_of_life.model import Proof
from yikatong.benefits.runs import returned
from yikatong.core.clock import SHANGHAI, today
from yikatong.core.database import Connection
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.medical import service as medical
from yikatong.people import service as people
from yikatong.people.notices import service as notices
from yikatong.people.notices.model import Facts, Posting
from yikatong.trust import audit
from yikatong.trust.audit import Actor

_ACTOR: Final = Actor("system", "due work", "proof of life when due")
_BATCH: Final = 500


class Done(msgspec.Struct):
    """What a run did, in numbers."""

    held_as_dead: int = 0
    released: int = 0
    """Whose recorded death was corrected."""
    proved_by_care: int = 0
    made_good: int = 0
    """Of these, who is paid again."""
    held: int = 0
    reminded: int = 0
    new_accounts: int = 0
    """Benefits paid again, as another account is bound since a payment came back."""


async def run(platform: Platform) -> Done:
    """Do what is due today; raises Unavailable where the database goes away."""
    done = Done()
    done.new_accounts = await returned.new_accounts(platform)
    await _deaths(platform, done)
    await _corrected(platform, done)
    await _proofs(platform, done)
    return done


_Events = list[tuple[int, str, dict[str, object]]]


async def _write(
    platform: Platform,
    connection: Connection,
    changed: list[tuple[int, Entitlement]],
    events: _Events,
) -> set[int]:
    """Write changed entitlements with their audit events; who changed meanwhile is left for the
    next run. Answers the persons written."""
    written = {
        (person_id, starts_on)
        for person_id, _, starts_on in await benefits_store.update_many(connection, changed)
    }
    kept = {person_id for person_id, one in changed if (person_id, one.starts_on) in written}
    events = [one for one in events if one[0] in kept]
    if events:
        now = platform.clock.now()
        await audit.record_many(connection, [_ACTOR] * len(events), now, events)
    return kept


async def _deaths(platform: Platform, done: Done) -> None:
    """Hold the pensions of persons recorded dead, until somebody confirms the death or corrects it.

    A record can be wrong: it holds, and ends nothing.
    """
    after = 0
    while True:
        async with platform.database.transaction() as connection:
            dead = await people.died(connection, after, _BATCH)
            if not dead:
                return
            after = dead[-1][0]
            days = dict(dead)
            changed = [
                (person_id, rules.held(one, "recorded_dead", today(platform.clock)))
                for person_id, one in await store.of_persons(connection, list(days))
                if one.held_reason != "recorded_dead"
            ]
            events: _Events = [
                (person_id, "pension.held", {"reason": "recorded_dead"}) for person_id, _ in changed
            ]
            held = await _write(platform, connection, changed, events)
            done.held_as_dead += len(held)
            # The record may be wrong: then this is how the person hears of it.
            facts: Facts = {"benefit": "pension", "reason": "recorded_dead"}
            await notices.post_many(
                platform,
                connection,
                [Posting(one, "benefit.held", facts, f"dead-{days[one]}") for one in held],
            )


async def _corrected(platform: Platform, done: Done) -> None:
    """Pay again whose death is no longer recorded; the proof of life is asked for as ever."""
    after = 0
    while True:
        async with platform.database.transaction() as connection:
            found = await store.held_as_dead(connection, after, _BATCH)
            if not found:
                return
            after = found[-1][0]
            persons = await people.persons(connection, [person_id for person_id, _ in found])
            for person_id, one in found:
                if persons[person_id].died_on is not None:
                    continue
                changed, due = rules.released(one), None
                if rules.overdue(one, today(platform.clock)):
                    changed = rules.held(one, "proof_of_life", today(platform.clock))
                else:
                    changed, due = await proofs.made_good(platform, connection, person_id, changed)
                events: _Events = [(person_id, "pension.released", {"reason": "death_corrected"})]
                if await _write(platform, connection, [(person_id, changed)], events):
                    await benefits_store.insert_dues(connection, [due] if due else [])
                    done.released += 1


async def _proofs(platform: Platform, done: Done) -> None:
    """Of all whose proof is due soon, overdue or held: prove by care, else hold, else remind."""
    nation = terms.load().nation
    until = today(platform.clock) + timedelta(days=max(nation.proof_remind_days))
    after = 0
    while True:
        async with platform.database.transaction() as connection:
            found = await store.due(connection, until, after, _BATCH)
            if not found:
                return
            after = found[-1][0]
            await _prove_or_hold(platform, connection, found, done)


async def _prove_or_hold(
    platform: Platform, connection: Connection, found: list[tuple[int, Entitlement]], done: Done
) -> None:
    nation, day, now = terms.load().nation, today(platform.clock), platform.clock.now()
    seen = await medical.seen(
        connection,
        [person_id for person_id, _ in found],
        [_since(one, nation.proof_every_months) for _, one in found],
    )
    changed: list[tuple[int, Entitlement]] = []
    dues: list[Due] = []
    events: _Events = []
    evidence: list[tuple[int, Proof]] = []
    reminders: list[tuple[int, date, int]] = []
    again: list[int] = []
    held: list[Posting] = []
    for person_id, one in found:
        later = one
        if person_id in seen:
            settlement_id, at, region = seen[person_id]
            later, due = await proofs.after_proof(
                platform, connection, person_id, one, at.date(), dead=False
            )
            source = f"settlement:{settlement_id}"
            if later != one:
                proof = Proof(
                    proof_id=new_id(now), kind="care", source=source, outcome="alive", at=at,
                    region=region,
                )  # fmt: skip
                evidence.append((person_id, proof))
                events.append((person_id, "proof.recorded", {"kind": "care", "source": source}))
                dues += [due] if due else []
                again += [person_id] if one.status == "held" and later.status == "drawing" else []
        if later.status == "drawing" and rules.overdue(later, day):
            later = rules.held(later, "proof_of_life", day)
            events.append((person_id, "pension.held", {"reason": "proof_of_life"}))
            facts: Facts = {"until": later.proof_due_on or day}
            held.append(Posting(person_id, "proof.overdue", facts, f"proof-{later.proof_due_on}"))
        elif later.status == "drawing" and later.proof_due_on is not None:
            days = rules.reminder(later.proof_due_on, nation.proof_remind_days, day)
            if days is not None:
                reminders.append((person_id, later.proof_due_on, days))
        if later != one:
            changed.append((person_id, later))
    kept = await _write(platform, connection, changed, events)
    evidence = [one for one in evidence if one[0] in kept]
    if evidence:
        await store.insert(connection, evidence, _ACTOR, now)
    await benefits_store.insert_dues(connection, [due for due in dues if due.person_id in kept])
    done.proved_by_care += len(evidence)
    done.made_good += len([one for one in again if one in kept])
    held = [one for one in held if one.person_id in kept]
    done.held += len(held)
    await notices.post_many(platform, connection, held)
    if reminders:
        new = await store.insert_reminders(connection, reminders, now)
        done.reminded += len(new)
        await notices.post_many(
            platform,
            connection,
            [
                Posting(person_id, "proof.due", {"until": due_on}, f"proof-{due_on}-{days}")
                for person_id, due_on, days in new
            ],
        )


def _since(one: Entitlement, every_months: int) -> datetime:
    """Care after the end of the day of the last proof may prove anew."""
    assert one.proof_due_on is not None
    seen_on = rules.seen_before(one.proof_due_on, every_months)
    return datetime.combine(seen_on + timedelta(days=1), time(), SHANGHAI)
