"""The e-card at the counter: shown to a hospital, once, and what the hospital does next."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.medical.visits.conftest import NOW, Hospital, line
from tests.medical.visits.test_settling import settle
from yikatong.core.clock import FixedClock
from yikatong.core.platform import Platform
from yikatong.identity.ecards import service as ecards
from yikatong.identity.ecards.codes import Codes
from yikatong.medical.visits import orders
from yikatong.medical.visits.desk import CareDesk
from yikatong.medical.visits.errors import CareRefused, NoSuchPerson
from yikatong.medical.visits.orders import Certificate, Identified
from yikatong.trust import audit
from yikatong.trust.audit import Actor

HOLDER = Actor("person", "self", "e-card")


async def code(platform: Platform, person_id: int) -> Certificate:
    made = await ecards.code_for_sandbox(platform, Codes(platform), person_id, HOLDER)
    return Certificate("e_card", made.text)


def register(person_id: int, shown: Certificate) -> orders.Register:
    return orders.Register(person_id=person_id, number="M1", begun_at=NOW, certificate=shown)


async def trail(platform: Platform, person_id: int) -> list[dict[str, Any]]:
    async with platform.database.transaction(readonly=True) as connection:
        return [one.detail for one in await audit.of_person(connection, person_id)]


async def test_a_code_tells_the_hospital_who_it_is_once(
    chengdu: Hospital, platform: Platform, people: dict[str, int]
) -> None:
    person_id = people["all_in_order"]
    asked = orders.Identify(certificate=await code(platform, person_id))
    message = chengdu.message_id()
    first = await chengdu.do(asked, message_id=message)
    assert isinstance(first, Identified)
    assert first.person.person_id == person_id
    stored = chengdu.answer
    # The same message gets its stored answer, a new one nothing.
    await chengdu.ask(asked, message_id=message)
    assert chengdu.answer == stored
    refused = await chengdu.ask(asked)
    assert isinstance(refused, CareRefused)
    assert "已使用" in refused.text.zh
    assert (await trail(platform, person_id))[0]["e_card"] == "e_card_used"


async def test_another_hospital_gets_nothing_of_a_used_code(
    chengdu: Hospital, beijing: Hospital, platform: Platform, people: dict[str, int]
) -> None:
    person_id = people["all_in_order"]
    shown = await code(platform, person_id)
    await chengdu.do(orders.Identify(certificate=shown))
    for order in (orders.Identify(certificate=shown), register(person_id, shown)):
        assert isinstance(await beijing.ask(order), CareRefused)


async def test_the_hospital_goes_on_with_the_code_to_register_once_and_to_settle(
    chengdu: Hospital, platform: Platform, people: dict[str, int], items: dict[str, str],
    clock: FixedClock,
) -> None:  # fmt: skip
    person_id = people["all_in_order"]
    shown = await code(platform, person_id)
    await chengdu.do(orders.Identify(certificate=shown))
    clock.advance(timedelta(minutes=5))
    visit = await chengdu.outpatient(person_id, line(items["A"], 30_000), certificate=shown)
    assert isinstance(await chengdu.ask(register(person_id, shown)), CareRefused)
    settled = settle(person_id, visit, "outpatient", 30_000, certificate=shown)
    assert isinstance(await chengdu.do(settled), orders.Settled)


async def test_a_fresh_code_registers(
    chengdu: Hospital, platform: Platform, people: dict[str, int]
) -> None:
    person_id = people["all_in_order"]
    shown = await code(platform, person_id)
    assert (await chengdu.do(register(person_id, shown))).visit.details is not None
    assert isinstance(await chengdu.ask(register(person_id, shown)), CareRefused)


async def test_a_code_of_somebody_else_is_refused_and_stays_good(
    chengdu: Hospital, platform: Platform, people: dict[str, int]
) -> None:
    shown = await code(platform, people["all_in_order"])
    assert isinstance(await chengdu.ask(register(people["filing_none"], shown)), CareRefused)
    await chengdu.do(register(people["all_in_order"], shown))


async def test_an_expired_or_garbled_code_is_refused(
    chengdu: Hospital, platform: Platform, people: dict[str, int], clock: FixedClock
) -> None:
    shown = await code(platform, people["all_in_order"])
    clock.advance(timedelta(seconds=91))
    refused = await chengdu.ask(orders.Identify(certificate=shown))
    assert isinstance(refused, CareRefused)
    assert "过期" in refused.text.zh
    garbled = Certificate("e_card", shown.number[:-3])
    assert isinstance(await chengdu.ask(orders.Identify(certificate=garbled)), CareRefused)


async def test_after_a_loss_report_the_hospital_cannot_go_on_with_the_code(
    chengdu: Hospital, platform: Platform, people: dict[str, int], clock: FixedClock
) -> None:
    person_id = people["all_in_order"]
    shown = await code(platform, person_id)
    await chengdu.do(orders.Identify(certificate=shown))
    async with platform.database.transaction() as connection:
        await connection.execute(
            "update cards set state = 'loss_reported' where person_id = $1", person_id
        )
    clock.advance(timedelta(minutes=5))
    assert isinstance(await chengdu.ask(register(person_id, shown)), CareRefused)


async def test_the_sandbox_learns_nothing_of_somebody_real_and_uses_nothing_up(
    chengdu: Hospital, platform: Platform, people: dict[str, int]
) -> None:
    person_id = people["all_in_order"]
    shown = await code(platform, person_id)
    async with platform.database.transaction() as connection:
        await connection.execute(
            "update persons set synthetic = false where person_id = $1", person_id
        )

    class Sandbox(Hospital):
        def sender(self, message_id: str, code: str, order: Any) -> orders.Sender:
            import msgspec

            return msgspec.structs.replace(super().sender(message_id, code, order), sandbox=True)

    testing = Sandbox(chengdu.desk, chengdu.provider)
    assert isinstance(
        await testing.ask(orders.Identify(certificate=shown)), (CareRefused, NoSuchPerson)
    )
    await chengdu.do(orders.Identify(certificate=shown))


@pytest.mark.parametrize("same", [True, False], ids=["one hospital", "two hospitals"])
async def test_of_many_messages_at_once_in_two_processes_one_learns_who_it_is(
    chengdu: Hospital, beijing: Hospital, platform: Platform, people: dict[str, int], same: bool
) -> None:
    other = Hospital(CareDesk(platform), (chengdu if same else beijing).provider)
    asked = orders.Identify(certificate=await code(platform, people["all_in_order"]))
    done = await asyncio.gather(*((chengdu, other)[at % 2].ask(asked) for at in range(20)))
    assert sum(isinstance(one, Identified) for one in done) == 1
