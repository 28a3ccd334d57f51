"""Plans for going away: what they ask for follows the facts, they are kept once, and told of in time."""

import asyncio
from datetime import date, timedelta

import msgspec
import pytest
from tests import fillings
from tests.conftest import Filling

from yikatong.core.clock import FixedClock
from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform
from yikatong.identity.authority.model import Service
from yikatong.medical.filings import service as filings
from yikatong.medical.filings.model import NewFiling
from yikatong.money.errors import KeyReused
from yikatong.population import service as population
from yikatong.portability.plans import rules, service
from yikatong.portability.plans.model import (
    PLANS_MAX,
    NewPlan,
    NoSuchPlan,
    Outlook,
    Plan,
    Purpose,
    TooManyPlans,
)
from yikatong.trust import audit
from yikatong.trust.audit import Actor

TODAY = date(2026, 3, 1)
SELF = Actor("person", "1", "going away")
EVERYTHING: frozenset[Service] = frozenset(("card", "filing", "benefits", "contributions"))


@pytest.fixture
def filling() -> Filling:
    return fillings.providers_and_people


async def person(platform: Platform, situation: str) -> int:
    async with platform.database.transaction(readonly=True) as connection:
        found = await population.demo_persons(connection)
    return next(one.person_id for one in found if one.situation == situation)


def wanted(
    *purposes: Purpose, to: str = "110000", leaves: date = date(2026, 4, 1),
    returns: date | None = date(2026, 4, 20),
) -> NewPlan:  # fmt: skip
    return rules.check_new(to, leaves, returns, purposes or ("care",), TODAY)


async def look(platform: Platform, plan: Plan, covered: frozenset[Service] = EVERYTHING) -> Outlook:
    return await service.outlook(platform, plan.person_id, plan.plan_id, SELF, covered, own=True)


def codes(found: Outlook, state: str) -> list[str]:
    return [one.code for one in found.steps if one.state == state]


# ---- what may be planned ----


@pytest.mark.parametrize(
    ("field", "asked"),
    [
        ("to", ("999999", date(2026, 4, 1), None, ("care",))),
        ("leaves_on", ("110000", date(2026, 2, 28), None, ("care",))),
        ("leaves_on", ("110000", date(2027, 3, 3), None, ("care",))),
        ("returns_on", ("110000", date(2026, 4, 1), date(2026, 3, 31), ("care",))),
        ("returns_on", ("110000", date(2026, 4, 1), date(2030, 4, 1), ("care",))),
        ("purposes", ("110000", date(2026, 4, 1), None, ())),
        ("purposes", ("110000", date(2026, 4, 1), None, ("care", "fishing"))),
    ],
)
def test_a_wrong_plan_is_refused_at_its_field(
    field: str, asked: tuple[str, date, date | None, tuple[str, ...]]
) -> None:
    with pytest.raises(InvalidInput) as refused:
        rules.check_new(*asked, TODAY)
    assert refused.value.field == field


def test_chronic_care_is_asked_about_only_for_whom_it_is_registered() -> None:
    assert "chronic" not in rules.services_of(("live",), chronic=False)
    assert "chronic" in rules.services_of(("live",), chronic=True)
    assert rules.services_of(("care", "live"), chronic=False) == (
        "inpatient", "outpatient", "pharmacy",
    )  # fmt: skip


# ---- the list follows the facts ----


async def test_the_filing_is_to_do_until_it_is_made_and_then_ticked(platform: Platform) -> None:
    person_id = await person(platform, "filing_none")
    plan = await service.make(platform, person_id, wanted("care"), SELF, "k")
    before = await look(platform, plan)
    (step,) = [one for one in before.steps if one.code == "filing_none"]
    assert step.state == "open"
    assert step.by == date(2026, 3, 31)
    assert step.services == ("inpatient", "outpatient")
    assert step.address is not None
    assert "to_code=110000" in step.address
    assert "starts_on=2026-04-01" in step.address
    made = NewFiling(
        kind="temporary", destination="110000", channel="online", starts_on=date(2026, 4, 1),
        ends_on=date(2026, 4, 10), materials=("identity",),
    )  # fmt: skip
    await filings.file(platform, person_id, made, SELF, "f")
    after = await look(platform, plan)
    assert "filing_none" not in codes(after, "open")
    assert "filing" in codes(after, "done")
    # It ends before the way home.
    assert "filing_ends_away" in codes(after, "open")


async def test_who_goes_where_no_filing_is_needed_hears_that(platform: Platform) -> None:
    person_id = await person(platform, "filing_none")
    plan = await service.make(platform, person_id, wanted("care", to="500000"), SELF, "k")
    found = await look(platform, plan)
    assert "filing_exempt" in codes(found, "done")
    assert not [one for one in codes(found, "open") if one.startswith("filing")]


async def test_a_proof_of_life_due_while_away_is_told_whatever_the_plan_is_for(
    platform: Platform,
) -> None:
    person_id = await person(platform, "pension_in_order")
    async with platform.database.transaction() as connection:
        await connection.execute(
            "update benefit_entitlements set proof_due_on = '2026-04-10' where person_id = $1",
            person_id,
        )
    plan = await service.make(platform, person_id, wanted("transit"), SELF, "k")
    (step,) = [one for one in (await look(platform, plan)).steps if one.code.startswith("proof")]
    assert (step.code, step.state, step.by) == ("proof_away", "open", date(2026, 4, 10))
    # Who may not see benefits does not hear of it.
    found = await look(platform, plan, frozenset(("card", "filing")))
    assert not [one for one in found.steps if one.code.startswith("proof")]
    # Due before leaving, or long after the return.
    for due, code in ((date(2026, 3, 20), "proof_before"), (date(2026, 12, 1), "proof")):
        async with platform.database.transaction() as connection:
            await connection.execute(
                "update benefit_entitlements set proof_due_on = $2 where person_id = $1",
                person_id,
                due,
            )
        found = await look(platform, plan)
        assert code in [one.code for one in found.steps]


async def test_a_card_that_expires_while_away_is_renewed_in_time(platform: Platform) -> None:
    person_id = await person(platform, "all_in_order")
    plan = await service.make(platform, person_id, wanted("cash"), SELF, "k")
    assert "card" in codes(await look(platform, plan), "done")
    async with platform.database.transaction() as connection:
        await connection.execute(
            "update cards set valid_until = '2026-04-10' where person_id = $1", person_id
        )
    found = await look(platform, plan)
    (step,) = [one for one in found.steps if one.code == "card_expires_away"]
    # Thirty working days are not left any more: now.
    assert step.by == TODAY
    assert step.address == "/card/apply/renew"


async def test_what_nothing_helps_against_stands_apart_with_what_to_do_instead(
    platform: Platform,
) -> None:
    person_id = await person(platform, "all_in_order")
    plan = await service.make(platform, person_id, wanted("pension"), SELF, "k")
    found = await look(platform, plan)
    (step,) = [one for one in found.steps if one.state == "cannot"]
    assert step.code == "benefit_not_drawn"
    assert step.reason is not None
    assert step.reason.remedy.zh


# ---- kept, once ----


async def test_sent_twice_at_once_there_is_one_plan_and_another_content_is_refused(
    platform: Platform,
) -> None:
    person_id = await person(platform, "all_in_order")
    made = await asyncio.gather(
        *(service.make(platform, person_id, wanted("care"), SELF, "k") for _ in range(4))
    )
    assert len({one.plan_id for one in made}) == 1
    with pytest.raises(KeyReused):
        await service.make(platform, person_id, wanted("cash"), SELF, "k")


async def test_a_person_keeps_so_many_plans_and_no_more(platform: Platform) -> None:
    person_id = await person(platform, "all_in_order")
    for number in range(PLANS_MAX):
        await service.make(platform, person_id, wanted("care"), SELF, f"k{number}")
    with pytest.raises(TooManyPlans):
        await service.make(platform, person_id, wanted("care"), SELF, "one more")


async def test_a_deleted_plan_is_gone_deleting_twice_is_harmless_and_the_trail_tells(
    platform: Platform,
) -> None:
    person_id = await person(platform, "all_in_order")
    plan = await service.make(platform, person_id, wanted("care"), SELF, "k")
    await look(platform, plan)
    for _ in range(2):
        await service.delete(platform, person_id, plan.plan_id, SELF)
    with pytest.raises(NoSuchPlan):
        await look(platform, plan)
    async with platform.database.transaction(readonly=True) as connection:
        events = [one.action for one in await audit.of_person(connection, person_id)]
    assert events.count("plan.deleted") == 1
    assert {"plan.made", "plan.read", "portability.checked"} <= set(events)


async def test_nobody_sees_the_plan_of_somebody_else(platform: Platform) -> None:
    plan = await service.make(
        platform, await person(platform, "all_in_order"), wanted("care"), SELF, "k"
    )
    other = msgspec.structs.replace(plan, person_id=await person(platform, "filing_none"))
    with pytest.raises(NoSuchPlan):
        await look(platform, other)


# ---- told of in time ----


async def test_a_week_before_leaving_a_notice_reminds_once_and_old_plans_are_forgotten(
    platform: Platform, clock: FixedClock
) -> None:
    person_id = await person(platform, "all_in_order")
    await service.make(platform, person_id, wanted("care"), SELF, "k")
    assert await service.remind(platform) == 0
    clock.advance(timedelta(days=24))
    assert sum(await asyncio.gather(*(service.remind(platform) for _ in range(3)))) == 1
    clock.advance(timedelta(days=1))
    assert await service.remind(platform) == 0
    clock.advance(timedelta(days=400))
    assert await service.remind(platform) == 0
    async with platform.database.transaction(readonly=True) as connection:
        assert await service.of_person(connection, person_id) == []
