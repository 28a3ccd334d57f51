"""Applying for a pension: checks, decision, the months past."""

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest

from tests.benefits.conftest import (
    CLERK,
    REVIEWER,
    MakePension,
    MakePerson,
    actions_of,
    dues_of,
    pension_of,
    told,
)
from yikatong.benefits.pension import service
from yikatong.benefits.pension.errors import AlreadyApplied, NoSuchApplication, NotOpen, SamePerson
from yikatong.benefits.pension.service import NewApplication, Verified
from yikatong.core.clock import FixedClock
from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform
from yikatong.money.errors import KeyReused

# Born in January 1966: 60 years 4 months, May 2026.
WANTED = NewApplication(retires="2026-05", index="0.9", account="200000.00")


async def applied(platform: Platform, wanted: NewApplication = WANTED, key: str = "a") -> Any:
    return await service.apply(platform, 1, wanted, CLERK, key)


def blocking(application: Any) -> list[str]:
    return [one["code"] for one in application["findings"] if one["blocks"]]


async def decided(platform: Platform, application: Any, **verified: Any) -> Any:
    number = int(application["application_id"])
    return await service.decide(platform, 1, number, Verified(**verified), REVIEWER, "d")


async def test_a_granted_pension_begins_in_the_month_after_with_its_steps(
    platform: Platform, make_person: MakePerson, clock: FixedClock
) -> None:
    await make_person()
    application = await applied(platform)
    assert application["state"] == "applied"
    assert blocking(application) == []
    clock.advance(timedelta(days=70))  # 10 May 2026
    done = await decided(platform, application)
    assert done["state"] == "granted"
    assert done["starts_on"] == "2026-06-01"
    # 12049 × 1.9 ÷ 2 × 25 % = 2861.6375; 200000 ÷ 136.7 = 1463.06
    assert done["monthly"] == "4324.70"
    assert [step["rule"] for step in done["pension"]["steps"]][-1] == "total"
    one = await pension_of(platform)
    assert (one.status, one.monthly, one.insurance, one.months_paid) == (
        "drawing", 432_470, "110", 300,
    )  # fmt: skip
    assert one.parts is not None
    assert sum(one.parts.values()) == one.monthly
    assert one.settled_month is None
    assert one.proof_due_on == date(2027, 6, 1)
    assert await dues_of(platform) == []
    assert await actions_of(platform) == ["pension.applied", "pension.decided"]
    assert await told(platform) == ["pension.granted"]


async def test_what_it_comes_to_is_known_before_it_is_sent_and_before_it_is_decided(
    platform: Platform, make_person: MakePerson
) -> None:
    await make_person()
    found = await service.examine(platform, 1, WANTED, CLERK)
    assert (found.findings, found.account is not None) == ([], True)
    assert found.pension is not None
    assert found.pension.monthly == 432_470
    assert await actions_of(platform) == ["pension.estimated"]
    number = int((await applied(platform))["application_id"])
    verified = Verified(months_paid=170)
    one, less = await service.examine_application(platform, 1, number, verified, REVIEWER)
    assert (one.state, one.taken_by, less.blocked, less.pension) == ("applied", "0701", True, None)
    assert [(each.code, each.remedy.en[:9]) for each in less.findings] == [
        ("months_missing", "go on pay")
    ]
    waiting = await service.waiting(platform, ["110000"], 10)
    assert [(person_id, each.application_id) for person_id, each in waiting] == [(1, number)]
    assert await service.waiting(platform, ["510100"], 10) == []


async def test_whoever_took_an_application_does_not_decide_it(
    platform: Platform, make_person: MakePerson
) -> None:
    await make_person()
    number = int((await applied(platform))["application_id"])
    with pytest.raises(SamePerson):
        await service.decide(platform, 1, number, Verified(), CLERK, "d")


async def test_months_past_become_arrears_of_each_month(
    platform: Platform, make_person: MakePerson, clock: FixedClock
) -> None:
    await make_person()
    application = await applied(platform)
    clock.advance(timedelta(days=160))  # 8 August 2026
    await decided(platform, application)
    one = await pension_of(platform)
    assert one.settled_month == date(2026, 8, 1)
    assert await dues_of(platform) == [("arrears", "granted", 3 * one.monthly)]


async def test_the_same_key_gets_the_same_answer_and_happens_once(
    platform: Platform, make_person: MakePerson
) -> None:
    await make_person()
    first, second = await asyncio.gather(applied(platform), applied(platform))
    assert first == second
    with pytest.raises(KeyReused):
        await applied(platform, NewApplication(retires="2026-06"))
    with pytest.raises(AlreadyApplied):
        await applied(platform, WANTED, key="b")
    done, again = await asyncio.gather(decided(platform, first), decided(platform, first))
    assert done == again
    assert await actions_of(platform) == ["pension.applied", "pension.decided"]
    with pytest.raises(NotOpen):
        await service.decide(platform, 1, int(first["application_id"]), Verified(), REVIEWER, "e")


@pytest.mark.parametrize(
    ("person", "wanted", "code"),
    [
        ({"months": 170}, WANTED, "months_missing"),
        ({"birth": date(1970, 1, 1)}, WANTED, "too_young"),
        ({"died_on": date(2026, 1, 1)}, WANTED, "recorded_dead"),
        ({}, NewApplication(retires="2029-06"), "too_late"),
        ({}, NewApplication(retires="2026-08"), "in_future"),
        ({"sex": 2}, NewApplication(retires="2026-05", group="men"), "group_differs"),
        ({"birth": date(1967, 1, 1), "insurance": "150"}, WANTED, "too_young"),
    ],
)
async def test_what_speaks_against_it_refuses_it_with_reasons(
    platform: Platform, make_person: MakePerson, person: Any, wanted: NewApplication, code: str
) -> None:
    await make_person(**person)
    application = await applied(platform, wanted)
    assert code in blocking(application)
    done = await decided(platform, application)
    assert done["state"] == "refused"
    texts = [one["text"]["zh"] for one in done["findings"] if one["blocks"]]
    assert done["reason"] == "；".join(texts)
    assert done["pension"] is None


async def test_who_draws_already_is_refused(
    platform: Platform, make_person: MakePerson, make_pension: MakePension
) -> None:
    await make_person()
    await make_pension()
    assert blocking(await applied(platform)) == ["drawing_already"]


async def test_what_the_agency_verified_counts_and_not_what_was_declared(
    platform: Platform, make_person: MakePerson
) -> None:
    await make_person()
    wanted = NewApplication(retires="2026-05", index="3", account="900000.00", months_paid=480)
    application = await applied(platform, wanted)
    assert [one["code"] for one in application["findings"]] == ["months_differ"]
    done = await decided(platform, application, months_paid=300, index="0.9", account="200000.00")
    assert done["monthly"] == "4324.70"
    assert done["facts"]["verified"] == {
        "months_paid": 300, "index": "0.9", "account": "200000.00",
    }  # fmt: skip


async def test_advice_does_not_refuse(platform: Platform, make_person: MakePerson) -> None:
    await make_person(account=False, birth=date(1966, 3, 1))
    # 60 years 4 months is July 2026: March is early, not below sixty.
    application = await applied(platform, NewApplication(retires="2026-03"))
    codes = [one["code"] for one in application["findings"]]
    assert sorted(codes) == ["account_missing", "employer_notice"]
    assert (await decided(platform, application))["state"] == "granted"


async def test_a_refusal_by_hand_says_why_and_one_may_apply_again(
    platform: Platform, make_person: MakePerson
) -> None:
    await make_person()
    number = int((await applied(platform))["application_id"])
    with pytest.raises(InvalidInput):
        await service.decide(platform, 1, number, Verified(), REVIEWER, "x", refuse="  ")
    done = await service.decide(platform, 1, number, Verified(), REVIEWER, "r", refuse="材料不全")
    assert (done["state"], done["reason"]) == ("refused", "材料不全")
    again = await applied(platform, WANTED, key="again")
    back = await service.withdraw(platform, 1, int(again["application_id"]), CLERK, "w")
    assert back["state"] == "withdrawn"
    with pytest.raises(NoSuchApplication):
        await service.withdraw(platform, 1, 5, CLERK, "w2")


async def test_a_woman_is_asked_for_the_kind_of_her_post(
    platform: Platform, make_person: MakePerson
) -> None:
    await make_person(sex=2)
    with pytest.raises(InvalidInput) as caught:
        await applied(platform, NewApplication())
    assert caught.value.field == "group"


async def test_a_resident_gets_the_residents_pension(
    platform: Platform, make_person: MakePerson
) -> None:
    await make_person(insurance="150", birth=date(1966, 2, 1), months=180)
    application = await applied(platform, NewApplication(account="27800.00"))
    assert application["retires_on"] == "2026-02"
    done = await decided(platform, application)
    assert (done["monthly"], done["starts_on"]) == ("1161.00", "2026-03-01")
    one = await pension_of(platform)
    assert one.fund == "150"
    assert await dues_of(platform) == [("arrears", "granted", 116_100)]
