"""What a hospital's counter hears and what the portability answer says are one: for every situation
of the synthetic population, every kind of care and providers near and far."""

import asyncio
from datetime import date
from typing import cast

import msgspec
import pytest

from tests.medical.visits.conftest import NOW, Hospital
from yikatong.core.platform import Platform
from yikatong.medical import service as medical
from yikatong.medical.model import Provider
from yikatong.medical.visits import orders
from yikatong.medical.visits.desk import CareDesk
from yikatong.policies import service as policies
from yikatong.policies.model import Care
from yikatong.policies.service import PolicyBook
from yikatong.portability import service as portability
from yikatong.portability.model import CARE_SERVICES, CheckRequest, Service
from yikatong.trust.audit import Actor

TODAY = NOW.date()
ASKER = Actor("staff", "tests", "portability check")

# What the counter says in other words, and why that is right.
IN_OTHER_WORDS = {
    # Applications are no part of what a settlement reads: at the counter there is no card.
    "card_application_under_way": "card_none",
    "card_not_collected": "card_none",
    # The desk reads current enrolments only; one that has ended pays nothing, whenever it ended.
    "benefits_ended": "not_insured",
    # What a place has not opened to others, none of its providers settles across regions.
    "outpatient_not_opened": "provider_not_cross_region",
    "service_not_opened": "provider_not_cross_region",
}
# With these reasons the counter may say that the provider does not settle for other regions where the
# answer does not, or not say so where it does: where an insurance that has ended was is not read, so
# every place counts as elsewhere; and a provider not designated for the care at all says only that.
MORE_THAN_ELSEWHERE = {"benefits_ended", "provider_not_designated"}
ELSEWHERE = "provider_not_cross_region"
REASONS = {
    "recorded_dead", "identity_mismatch", "card_none", "card_application_under_way",
    "card_not_collected", "card_cancelled", "card_expired", "card_loss_reported",
    "card_loss_reported_provisionally", "social_security_app_inactive", "pin_locked",
    "first_generation_unreadable", "card_data_outdated", "not_insured", "benefits_ended",
    "insurance_in_transfer", "insurance_suspended", "arrears", "in_waiting_period",
    "retirement_unconfirmed", "provider_suspended", "provider_not_selected", "provider_not_for_disease",
    "provider_not_designated", "provider_not_cross_region", "outpatient_not_opened",
    "service_not_opened", "chronic_not_registered",
}  # fmt: skip
"""Every reason that blocks care and that somebody of the population has somewhere."""


@pytest.fixture
async def places(platform: Platform, desk: CareDesk) -> list[Provider]:
    """A hospital and a pharmacy in 北京 and at home, hospitals in 重庆 (exempt) and in 那曲 (outpatient
    care not opened), and one each that is suspended, settles at home only, or stays only."""
    async with platform.database.transaction() as connection:
        await portability.load_reference(connection)
        await connection.execute(
            """insert into selected_providers
               select person_id, 'H00000000000', $1 from demo_persons where situation = 'home'""",
            TODAY,
        )
    async with platform.database.transaction(readonly=True) as connection:
        every = await medical.providers(connection, limit=1000)
        near = [
            one
            for region in ("110000", "510100", "500000", "542500")
            for one in await medical.providers(connection, region=region, limit=1000)
        ]
    found: dict[object, Provider] = {}
    for one in near:
        if one.suspended_on is None and one.cross_region_cares:
            found.setdefault((one.pooling_region, one.kind), one)
    found["suspended"] = next(one for one in every if one.suspended_on)
    found["at home only"] = next(one for one in near if not one.cross_region_cares)
    found["stays only"] = next(one for one in every if one.cross_region_cares == ["inpatient"])
    return list(found.values())


def differs(blocking: set[str], refused: set[str]) -> bool:
    told = {IN_OTHER_WORDS.get(one, one) for one in blocking}
    if blocking & MORE_THAN_ELSEWHERE:
        told, refused = told - {ELSEWHERE}, refused - {ELSEWHERE}
    return told != refused


async def compare(
    platform: Platform, hospital: Hospital, people: dict[str, int], seen: set[str]
) -> list[str]:
    """Where the two differ, over all situations and kinds of care."""
    provider = hospital.provider

    async def one(situation: str, person_id: int, care: Service) -> str | None:
        request = CheckRequest(person_id, provider.region, care, TODAY, provider.provider_code)
        _, answer = await portability.check(platform, request, ASKER)
        asked = orders.CheckEntitlement(person_id=person_id, care=cast("Care", care), on=TODAY)
        entitled = await hospital.do(asked)
        blocking = {one.code for one in answer.reasons if one.blocks}
        refused = {one.code for one in entitled.refusals}
        seen.update(blocking)
        assert (answer.answer == "no") == bool(blocking)
        if differs(blocking, refused):
            return f"{situation} {provider.provider_code} {care}: {blocking} ≠ {refused}"
        return None

    wrong: list[str | None] = []
    for care in sorted(CARE_SERVICES):
        wrong += await asyncio.gather(*(one(*who, care) for who in people.items()))
    return [one for one in wrong if one is not None]


async def test_the_counter_and_the_portability_answer_agree(
    platform: Platform, desk: CareDesk, people: dict[str, int], places: list[Provider]
) -> None:
    seen: set[str] = set()
    for provider in places:
        wrong = await compare(platform, Hospital(desk, provider), people, seen)
        assert wrong == [], "\n".join(wrong[:20])
    assert seen >= REASONS, sorted(REASONS - seen)


async def test_they_agree_where_the_insured_region_refuses_without_a_filing(
    platform: Platform,
    desk: CareDesk,
    people: dict[str, int],
    places: list[Provider],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    strict = PolicyBook(
        msgspec.structs.replace(one, unfiled="refused") for one in policies.load().policies()
    )
    monkeypatch.setattr(policies, "load", lambda: strict)
    seen: set[str] = set()
    for provider in places[:4]:
        wrong = await compare(platform, Hospital(desk, provider), people, seen)
        assert wrong == [], "\n".join(wrong[:20])
    assert "filing_refused" in seen


@pytest.mark.parametrize("days", [-20, -1, 0, 1, 40])
async def test_they_agree_about_the_days_around_a_change(
    platform: Platform, desk: CareDesk, people: dict[str, int], places: list[Provider], days: int
) -> None:
    """Asked about another day than today: cards that run out, enrolments that begin and end."""
    on = date.fromordinal(TODAY.toordinal() + days)
    person_id = people["all_in_order"]
    hospital = Hospital(desk, places[0])
    changes = (
        ("enrolments", "benefits_from", on),
        ("enrolments", "benefits_from", date.fromordinal(on.toordinal() + 1)),
        ("enrolments", "ends_on", on),
        ("enrolments", "ends_on", date.fromordinal(on.toordinal() - 1)),
        ("enrolments", "arrears_since", on),
        ("enrolments", "arrears_since", date.fromordinal(on.toordinal() - 31)),
        ("cards", "valid_until", on),
        ("cards", "valid_until", date.fromordinal(on.toordinal() - 1)),
        # Not the day of death itself: care until then is settled, a question afterwards is moot.
        ("persons", "died_on", date.fromordinal(on.toordinal() - 1)),
    )
    wrong: list[str] = []
    for table, column, value in changes:
        async with platform.database.transaction() as connection:
            before = await connection.fetchval(
                f"select {column} from {table} where person_id = $1", person_id
            )
            await connection.execute(
                f"update {table} set {column} = $1 where person_id = $2", value, person_id
            )
        request = CheckRequest(
            person_id, places[0].region, "inpatient", on, places[0].provider_code
        )
        _, answer = await portability.check(platform, request, ASKER)
        entitled = await hospital.do(
            orders.CheckEntitlement(person_id=person_id, care="inpatient", on=on)
        )
        blocking = {one.code for one in answer.reasons if one.blocks}
        refused = {one.code for one in entitled.refusals}
        if blocking != refused:
            wrong.append(f"{column} {value} on {on}: {blocking} ≠ {refused}")
        async with platform.database.transaction() as connection:
            await connection.execute(
                f"update {table} set {column} = $1 where person_id = $2", before, person_id
            )
    assert wrong == []
