"""Proof of life: due, reminded, held, proved by whatever way, paid again."""

import asyncio
from datetime import date, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benefits.conftest import (
    CLERK,
    MakePension,
    MakePerson,
    actions_of,
    dues_of,
    pension_of,
    told,
)
from yikatong.benefits import due as daily
from yikatong.benefits.proof_of_life import rules, service
from yikatong.benefits.proof_of_life.model import FaceCheckUnavailable, FaceDiffers, NothingToProve
from yikatong.core.clock import SHANGHAI, FixedClock
from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform
from yikatong.identity.verification.faces import NoFaceCheck, Said
from yikatong.money.errors import KeyReused
from yikatong.portability import service as portability
from yikatong.portability.model import CheckRequest

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=SHANGHAI)
HELD: dict[str, Any] = {
    "status": "held", "held_reason": "proof_of_life", "held_on": date(2025, 12, 2),
    "proof_due_on": date(2025, 12, 1), "settled_month": date(2025, 11, 1),
}  # fmt: skip


async def recorded(platform: Platform, source: str = "0701-1", **facts: Any) -> dict[str, Any]:
    told = {"kind": "counter", "at": platform.clock.now(), **facts}
    return await service.record(
        platform, 1, told.pop("kind"), told.pop("at"), source, CLERK, **told
    )


async def reasons(platform: Platform, on: date) -> list[str]:
    request = CheckRequest(1, "110000", "pension", on)
    _, answer = await portability.check(platform, request, CLERK)
    return [one.code for one in answer.reasons if one.code.startswith(("proof", "benefit"))]


async def test_a_proof_is_good_for_twelve_months_from_the_day_it_was_given(
    platform: Platform, make_person: MakePerson, make_pension: MakePension
) -> None:
    await make_person()
    await make_pension(proof_due_on=date(2026, 3, 20))
    done = await recorded(platform, region="310000")
    assert done["pensions"][0]["proof_due_on"] == "2027-03-01"
    assert await dues_of(platform) == []
    # An older proof that comes in late takes nothing back.
    await recorded(platform, "late", at=datetime(2025, 5, 1, tzinfo=SHANGHAI))
    assert (await pension_of(platform)).proof_due_on == date(2027, 3, 1)
    assert await actions_of(platform) == ["proof.recorded", "proof.recorded"]


async def test_the_same_source_counts_once_and_cannot_say_something_else(
    platform: Platform, make_person: MakePerson, make_pension: MakePension
) -> None:
    await make_person()
    await make_pension(**HELD)
    at = platform.clock.now()
    first, second = await asyncio.gather(recorded(platform, at=at), recorded(platform, at=at))
    assert first == second
    assert len(await dues_of(platform)) == 1
    with pytest.raises(KeyReused):
        await recorded(platform, at=at - timedelta(days=1))


async def test_who_is_overdue_is_held_and_made_good_when_proved(
    platform: Platform, make_person: MakePerson, make_pension: MakePension, clock: FixedClock
) -> None:
    await make_person()
    await make_pension(proof_due_on=date(2026, 3, 1))
    assert (await daily.run(platform)).held == 0  # the last day
    clock.advance(timedelta(days=1))
    assert (await daily.run(platform)).held == 1
    assert (await daily.run(platform)).held == 0
    assert await told(platform) == ["proof.overdue", "proof.due"]
    one = await pension_of(platform)
    assert (one.status, one.held_reason, one.held_on) == ("held", "proof_of_life", date(2026, 3, 2))
    assert await reasons(platform, date(2026, 3, 2)) == ["proof_of_life_overdue"]
    clock.advance(timedelta(days=90))  # 31 May
    done = await recorded(platform, kind="visit", region="540000")
    assert done["made_good"] == "9000.00"  # March, April, May
    one = await pension_of(platform)
    assert (one.status, one.held_reason, one.settled_month) == ("drawing", None, date(2026, 5, 1))
    assert await dues_of(platform) == [("arrears", "held", 900_000)]
    assert await reasons(platform, date(2026, 5, 31)) == []


async def test_a_proof_too_old_does_not_release(
    platform: Platform, make_person: MakePerson, make_pension: MakePension
) -> None:
    await make_person()
    await make_pension(**HELD)
    await recorded(platform, at=datetime(2025, 2, 1, tzinfo=SHANGHAI))
    assert (await pension_of(platform)).status == "held"


async def test_somebody_held_for_another_reason_stays_held(
    platform: Platform, make_person: MakePerson, make_pension: MakePension
) -> None:
    await make_person()
    await make_pension(**{**HELD, "held_reason": "returned_payment"})
    await recorded(platform)
    one = await pension_of(platform)
    assert (one.status, one.proof_due_on) == ("held", date(2027, 3, 1))
    assert await reasons(platform, date(2026, 3, 1)) == ["benefit_held"]


async def test_reminders_go_out_once_each_at_sixty_thirty_and_seven_days(
    platform: Platform, make_person: MakePerson, make_pension: MakePension, clock: FixedClock
) -> None:
    await make_person()
    await make_pension(proof_due_on=date(2026, 5, 31))
    reminded: list[tuple[date, int]] = []
    for _ in range(95):
        before = clock.now().date()
        done = await daily.run(platform)
        if done.reminded:
            reminded.append((before, (date(2026, 5, 31) - before).days))
        clock.advance(timedelta(days=1))
    assert [days for _, days in reminded] == [60, 30, 7]
    assert await told(platform) == ["proof.overdue", "proof.due", "proof.due", "proof.due"]
    seen = await service.of_person(platform, 1, CLERK)
    assert [one["days_before"] for one in seen["reminders"]] == [7, 30, 60]


async def settle(platform: Platform, at: str, setting: str = "outpatient", number: int = 1) -> None:
    """A settlement as the room medical stores it."""
    async with platform.database.transaction() as connection:
        await connection.execute(
            """insert into settlements (person_id, settlement_id, visit_id, provider_code, message_id,
                   channel, setting, care_code, insurance, insured_region, treatment_region,
                   settled_at, total, self_paid, over_limit, first_pay, deductible, pooled,
                   large_amount, serious_illness, civil_servant, assistance, medical_account,
                   family_account, cash, balance_after, policy_from, year_starts_on, inputs, added,
                   batches)
               values (1, $3::bigint, 1, 'H00000000001', 'm' || $3::bigint::text, 'direct', $2, '11', '310', '110000',
                   '460200', $1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '2026-01-01',
                   '2026-01-01', '{}', '{}', '{}')""",
            datetime.fromisoformat(at), setting, number,
        )  # fmt: skip


async def test_care_settled_elsewhere_proves_life_and_pays_again(
    platform: Platform, make_person: MakePerson, make_pension: MakePension
) -> None:
    await make_person()
    await make_pension(**HELD)
    await settle(platform, "2025-12-20 10:00+08", "pharmacy", 1)
    assert (await daily.run(platform)).proved_by_care == 0
    await settle(platform, "2026-02-20 10:00+08", "outpatient", 2)
    done = await daily.run(platform)
    assert (done.proved_by_care, done.made_good, done.held) == (1, 1, 0)
    one = await pension_of(platform)
    assert (one.status, one.proof_due_on) == ("drawing", date(2027, 2, 20))
    # December to March, this month included.
    assert await dues_of(platform) == [("arrears", "held", 1_200_000)]
    assert (await daily.run(platform)).proved_by_care == 0
    proof = (await service.of_person(platform, 1, CLERK))["proofs"][0]
    assert (proof["kind"], proof["source"], proof["region"]) == ("care", "settlement:2", "460200")


async def test_who_was_treated_lately_is_neither_reminded_nor_held(
    platform: Platform, make_person: MakePerson, make_pension: MakePension
) -> None:
    await make_person()
    await make_pension(proof_due_on=date(2026, 2, 25))
    await settle(platform, "2026-02-10 10:00+08")
    done = await daily.run(platform)
    assert (done.proved_by_care, done.held, done.reminded) == (1, 0, 0)


async def test_a_recorded_death_holds_and_its_correction_pays_again(
    platform: Platform, make_person: MakePerson, make_pension: MakePension
) -> None:
    await make_person(died_on=date(2026, 2, 10))
    await make_pension()
    assert (await daily.run(platform)).held_as_dead == 1
    assert (await daily.run(platform)).held_as_dead == 0
    assert await told(platform) == ["benefit.held"]
    assert "benefit_held" in await reasons(platform, date(2026, 3, 1))
    done = await recorded(platform)
    assert "更正" in done["note"]["zh"]
    assert (await pension_of(platform)).held_reason == "recorded_dead"
    async with platform.database.transaction() as connection:
        await connection.execute("update persons set died_on = null")
    assert (await daily.run(platform)).released == 1
    one = await pension_of(platform)
    assert (one.status, one.settled_month) == ("drawing", date(2026, 3, 1))
    assert await dues_of(platform) == [("arrears", "held", 300_000)]


async def test_who_is_found_dead_on_a_visit_stops_at_once(
    platform: Platform, make_person: MakePerson, make_pension: MakePension
) -> None:
    await make_person()
    await make_pension()
    done = await recorded(platform, kind="visit", outcome="dead", died_on=date(2026, 1, 5))
    assert done["stopped"]["owed_back"] == "3000.00"
    assert (await pension_of(platform)).status == "ended"
    with pytest.raises(NothingToProve):
        await recorded(platform, "another")


class Sees:
    available = True

    def __init__(self, said: Said) -> None:
        self._said: Said = said

    async def check(self, person_id: int, image: str) -> Said:
        return self._said


async def test_a_face_check_is_pluggable_and_honest_where_there_is_none(
    platform: Platform, make_person: MakePerson, make_pension: MakePension
) -> None:
    await make_person()
    await make_pension(**HELD)
    for silent in (NoFaceCheck(), Sees("not_available")):
        with pytest.raises(FaceCheckUnavailable):
            await service.record_face(platform, 1, "anBlZw==", silent, CLERK)
    with pytest.raises(FaceDiffers):
        await service.record_face(platform, 1, "anBlZw==", Sees("different"), CLERK)
    assert (await pension_of(platform)).status == "held"
    done = await service.record_face(platform, 1, "anBlZw==", Sees("same"), CLERK)
    assert (done["kind"], done["outcome"]) == ("face", "alive")
    assert (await pension_of(platform)).status == "drawing"


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"at": NOW + timedelta(hours=1)}, "at"),
        ({"at": datetime(1999, 1, 1, tzinfo=SHANGHAI)}, "at"),
        ({"source": " "}, "source"),
        ({"source": "x" * 101}, "source"),
        ({"source": "a\nb"}, "source"),
        ({"region": "999999"}, "region"),
        ({"outcome": "dead"}, "died_on"),
        ({"died_on": date(2026, 1, 1)}, "died_on"),
        ({"kind": "transit", "outcome": "dead", "died_on": date(2026, 1, 1)}, "outcome"),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_changes(
    platform: Platform, make_person: MakePerson, make_pension: MakePension, facts: Any, field: str
) -> None:
    await make_person()
    before = await make_pension(**HELD)
    with pytest.raises(InvalidInput) as caught:
        await recorded(platform, **facts)
    assert caught.value.field == field
    assert await pension_of(platform) == before


async def test_the_list_says_who_is_due_overdue_and_held(
    platform: Platform, make_person: MakePerson, make_pension: MakePension
) -> None:
    due = {1: date(2026, 3, 10), 2: date(2026, 6, 1), 3: date(2026, 2, 1)}
    for number, day in due.items():
        await make_person(number)
        await make_pension(number, proof_due_on=day)
    await make_person(4)
    await make_pension(4, **{**HELD, "region": "510100"})
    found = await service.list_due(platform, CLERK)
    assert [(one["person_id"], one["overdue"], one["status"]) for one in found] == [
        (1, False, "drawing"), (3, True, "drawing"), (4, True, "held"),
    ]  # fmt: skip
    there = await service.list_due(platform, CLERK, region="510000", days=366)
    assert [one["person_id"] for one in there] == [4]
    assert await actions_of(platform, 4) == ["proof.listed", "proof.listed"]


@given(seen=st.dates(date(2020, 1, 1), date(2030, 1, 1)), months=st.integers(1, 36))
def test_a_proof_is_due_the_same_day_of_the_month_or_its_last(seen: date, months: int) -> None:
    due = rules.due_after(seen, months)
    assert (due.year - seen.year) * 12 + due.month - seen.month == months
    assert due.day == seen.day or (due + timedelta(days=1)).day == 1


@given(left=st.integers(-30, 400))
def test_the_nearest_reminder_reached_is_the_one(left: int) -> None:
    today = date(2026, 3, 1)
    found = rules.reminder(today + timedelta(days=left), (60, 30, 7), today)
    assert found == (
        None if left < 0 or left > 60 else 7 if left <= 7 else 30 if left <= 30 else 60
    )


async def test_a_proof_twice_at_once_pays_once(
    platform: Platform, make_person: MakePerson, make_pension: MakePension
) -> None:
    await make_person()
    await make_pension(**HELD)
    await settle(platform, "2026-02-20 10:00+08")
    await asyncio.gather(
        recorded(platform), daily.run(platform), daily.run(platform), return_exceptions=True
    )
    assert sum(amount for _, _, amount in await dues_of(platform)) == 1_200_000
    one = await pension_of(platform)
    assert msgspec.structs.replace(one, version=0).status == "drawing"
