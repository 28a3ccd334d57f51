"""Use cases of plans for going away: make, list, see with the list worked out, delete, remind."""

from collections.abc import Collection
from datetime import date, timedelta
from typing import Final

from yikatong.benefits import service as benefits
from yikatong.cards import service as cards
from yikatong.cards.model import LIVE_STATES
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.identity.authority.model import Service as ActsIn
from yikatong.identity.ecards import service as ecards
from yikatong.medical import service as medical
from yikatong.medical.filings import rules as filing_rules
from yikatong.money.contributions import service as contributions
from yikatong.money.errors import KeyReused
from yikatong.money.ledger import service as ledger
from yikatong.people import service as people
from yikatong.people.notices import service as notices
from yikatong.people.notices.model import Posting
from yikatong.portability import service as portability
from yikatong.portability.plans import rules, store
from yikatong.portability.plans.model import (
    PLANS_MAX,
    Facts,
    NewPlan,
    NoSuchPlan,
    Outlook,
    Plan,
    TooManyPlans,
)
from yikatong.portability.rules.insurance import medical_enrolment
from yikatong.trust import audit
from yikatong.trust.audit import Actor

DAYS_BEFORE: Final = timedelta(days=7)
"""When a plan is reminded of."""
KEPT: Final = timedelta(days=365)
_BATCH: Final = 500


async def make(platform: Platform, person_id: int, wanted: NewPlan, actor: Actor, key: str) -> Plan:
    """Keep a plan; asked again with the same key, the one that is there. `wanted` comes from
    `rules.check_new`. Raises NotFound, TooManyPlans, KeyReused."""
    digest, now = ledger.digest(wanted), platform.clock.now()
    async with platform.database.transaction() as connection:
        await people.get(connection, person_id)
        await store.lock(connection, person_id)
        known = await store.of_person(connection, person_id)
        if (before := await store.made_with(connection, person_id, key)) is not None:
            if before[1] != digest:
                raise KeyReused
            return next(one for one in known if one.plan_id == before[0])
        if len(known) >= PLANS_MAX:
            raise TooManyPlans
        made = Plan(
            person_id, new_id(now), wanted.region, wanted.leaves_on, wanted.returns_on,
            wanted.purposes, now,
        )  # fmt: skip
        await store.insert(connection, made, key, digest)
        detail: dict[str, object] = {"plan": str(made.plan_id), "region": made.region}
        await audit.record(connection, actor, now, person_id, "plan.made", detail)
    return made


async def of_person(connection: Connection, person_id: int) -> list[Plan]:
    """A person's plans, the next to leave first; the caller records the look."""
    return await store.of_person(connection, person_id)


async def find(connection: Connection, person_id: int, plan_id: int) -> Plan:
    """One plan; raises NoSuchPlan. The caller records the look."""
    for one in await store.of_person(connection, person_id):
        if one.plan_id == plan_id:
            return one
    raise NoSuchPlan


async def delete(platform: Platform, person_id: int, plan_id: int, actor: Actor) -> None:
    """Delete a plan; deleted already, nothing happens."""
    async with platform.database.transaction() as connection:
        if await store.delete(connection, person_id, plan_id):
            now = platform.clock.now()
            detail: dict[str, object] = {"plan": str(plan_id)}
            await audit.record(connection, actor, now, person_id, "plan.deleted", detail)


async def outlook(
    platform: Platform,
    person_id: int,
    plan_id: int,
    actor: Actor,
    covered: Collection[ActsIn],
    *,
    own: bool,
) -> Outlook:
    """A plan with its list, worked out from the facts of now; the look is recorded.

    `covered` is what the reader may see of the person's affairs, `own` whether it is the person.
    Raises NoSuchPlan.
    """
    day = today(platform.clock)
    async with platform.database.transaction() as connection:
        plan = await find(connection, person_id, plan_id)
        registered = await medical.chronic_registrations(connection, person_id)
        chronic = any(one.ends_on is None or one.ends_on >= plan.leaves_on for one in registered)
        wanted = rules.services_of(plan.purposes, chronic=chronic)
        person, answers = await portability.check_all(
            platform, connection, person_id, plan.region, wanted, plan.leaves_on, actor
        )
        held = await cards.cards(connection, person_id)
        enrolment = medical_enrolment(await people.enrolments(connection, person_id))
        mine = await medical.filings(connection, person_id)
        filing = None
        if enrolment is not None:
            filing = filing_rules.covering(
                mine, enrolment.insurance, plan.region, "inpatient", plan.leaves_on,
                insured_region=enrolment.region,
            )  # fmt: skip
        facts = Facts(
            day=day, plan=plan, person=person, answers=answers, enrolment=enrolment,
            card=next((one for one in held if one.state in LIVE_STATES), None),
            entitlements=(
                await benefits.entitlements(connection, person_id) if "benefits" in covered else ()
            ),
            filing=filing,
            filing_goes_on=filing is not None and filing_rules.goes_on(filing, mine),
            bills=[
                one
                for one in await contributions.current_bills(connection, person_id)
                if one.payer == "self"
            ]
            if "contributions" in covered
            else (),
            e_cards=len(await ecards.devices(platform, connection, person_id)) if own else None,
        )  # fmt: skip
        detail: dict[str, object] = {"plan": str(plan_id)}
        now = platform.clock.now()
        await audit.record(connection, actor, now, person_id, "plan.read", detail)
    return Outlook(plan, person, rules.steps(facts), answers, enrolment)


# ---- due work ----


async def remind(platform: Platform) -> int:
    """Tell who leaves within a week, once for each plan; delete what is long over. Answers how many were
    told. Run twice it does nothing more."""
    day, told = today(platform.clock), 0
    after = (date.min, 0, 0)
    async with platform.database.transaction() as connection:
        await store.forget(connection, day - KEPT)
    while True:
        async with platform.database.transaction() as connection:
            found = await store.leaving(connection, day, day + DAYS_BEFORE, after, _BATCH)
            persons = await people.persons(connection, {one.person_id for one in found})
            told += await notices.post_many(
                platform,
                connection,
                [
                    Posting(
                        one.person_id, "plan.leaving",
                        {"destination": one.region, "day": one.leaves_on}, f"plan-{one.plan_id}",
                    )
                    for one in found
                    if persons[one.person_id].died_on is None
                ],
            )  # fmt: skip
        if len(found) < _BATCH:
            return told
        after = (found[-1].leaves_on, found[-1].person_id, found[-1].plan_id)
