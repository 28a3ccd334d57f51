"""The check over the real tables: found, recorded, refused."""

from datetime import date

import msgspec
import pytest

from yikatong.core.errors import InvalidInput, NotFound
from yikatong.core.platform import Platform
from yikatong.medical import reference
from yikatong.people import service as people
from yikatong.population import service as population
from yikatong.portability import service
from yikatong.portability.model import CheckRequest
from yikatong.trust import audit
from yikatong.trust.audit import Actor

TESTER = Actor("staff", "tests", "portability check")
ASKED = CheckRequest(1_000_001, "110000", "inpatient", date(2026, 3, 1))


@pytest.fixture
async def populated(platform: Platform) -> Platform:
    await population.make(platform, 61, 1, lambda _: None)
    async with platform.database.transaction() as connection:
        await service.load_reference(connection)
    return platform


async def test_a_check_is_recorded_for_the_person_to_see_without_personal_data(
    populated: Platform,
) -> None:
    await service.check(populated, ASKED, TESTER)
    async with populated.database.transaction(readonly=True) as connection:
        events = await audit.of_person(connection, ASKED.person_id)
        contact = await people.contact(populated, connection, ASKED.person_id)
    assert [one.action for one in events] == ["portability.checked", "person.made"]
    assert events[0].detail["answer"] == "yes"
    assert contact.id_number not in str(events[0])


async def test_a_person_is_found_by_id_number_or_card_number(populated: Platform) -> None:
    async with populated.database.transaction(readonly=True) as connection:
        contact = await people.contact(populated, connection, 1_000_001)
        number = await connection.fetchval(
            "select card_number from cards where person_id = 1000001"
        )
    assert await service.find_person(populated, id_number=contact.id_number) == (1_000_001, None)
    assert await service.find_person(populated, card=number.lower()) == (1_000_001, 10_000_010)


async def test_an_old_card_that_was_replaced_says_so(populated: Platform) -> None:
    async with populated.database.transaction(readonly=True) as connection:
        row = await connection.fetchrow(
            "select person_id, card_id from cards where state = 'replaced' limit 1"
        )
    assert row is not None
    request = msgspec.structs.replace(ASKED, person_id=row[0], card_id=row[1])
    _, answer = await service.check(populated, request, TESTER)
    assert answer.reasons[0].code == "card_replaced"


async def test_a_real_person_is_never_answered_for_without_signing_in(populated: Platform) -> None:
    async with populated.database.transaction() as connection:
        await connection.execute("update persons set synthetic = false where person_id = 1000001")
    async with populated.database.transaction(readonly=True) as connection:
        contact = await people.contact(populated, connection, 1_000_001)
    with pytest.raises(NotFound):
        await service.check(populated, ASKED, TESTER, only_synthetic=True)
    heard: list[str] = []
    for number in (contact.id_number, "11010519491231002X"):
        with pytest.raises(NotFound) as caught:
            await service.find_person(populated, id_number=number, only_synthetic=True)
        heard.append(str(caught.value))
    assert heard[0] == heard[1]
    async with populated.database.transaction(readonly=True) as connection:
        seen = await audit.of_person(connection, 1_000_001)
    assert [one.action for one in seen] == ["person.made"]


async def test_a_region_that_does_not_answer_is_told(populated: Platform) -> None:
    async with populated.database.transaction() as connection:
        await connection.execute(
            "insert into region_outages (region, since) values ('510000', '2026-02-28 20:00+08')"
        )
    _, answer = await service.check(populated, ASKED, TESTER)
    assert answer.answer == "no"
    assert answer.reasons[0].code == "region_not_answering"


async def test_a_provider_must_stand_in_the_region_asked_about(populated: Platform) -> None:
    await reference.load_reference(populated)
    async with populated.database.transaction(readonly=True) as connection:
        there = await connection.fetchval(
            "select min(provider_code) from providers where pooling_region = '110000' and level = 'tertiary'"
        )
        elsewhere = await connection.fetchval(
            "select min(provider_code) from providers where pooling_region = '310000'"
        )
    _, answer = await service.check(
        populated, msgspec.structs.replace(ASKED, provider=there), TESTER
    )
    assert answer.expects is not None
    with pytest.raises(InvalidInput) as wrong:
        await service.check(populated, msgspec.structs.replace(ASKED, provider=elsewhere), TESTER)
    assert wrong.value.field == "provider"
    with pytest.raises(NotFound):
        await service.check(
            populated, msgspec.structs.replace(ASKED, provider="H00000000000"), TESTER
        )


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({}, "id_number"),
        ({"id_number": "1", "card": "A00000001"}, "id_number"),
        ({"id_number": "110105194912310021"}, "id_number"),
        ({"id_number": "11010519491231002"}, "id_number"),
        ({"id_number": "' or 1=1 --"}, "id_number"),
        ({"card": "12345"}, "card"),
        ({"card": "Ａ００００００００１"}, "card"),
    ],
)
async def test_wrong_identifiers_name_the_field(
    populated: Platform, facts: dict[str, str], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await service.find_person(populated, **facts)
    assert caught.value.field == field


async def test_nobody_behind_a_valid_number_is_not_found(populated: Platform) -> None:
    with pytest.raises(NotFound):
        await service.find_person(populated, id_number="11010519491231002X")
    with pytest.raises(NotFound):
        await service.find_person(populated, card="Z99999999")
