import pytest

from yikatong.core.errors import NotFound
from yikatong.core.platform import Platform
from yikatong.people import service
from yikatong.population import service as population
from yikatong.trust import audit
from yikatong.trust.audit import Actor

CLERK = Actor("staff", "clerk 7", "a question at the counter")


async def test_a_file_is_masked_unless_revealed_and_every_look_is_recorded(
    platform: Platform,
) -> None:
    await population.make(platform, 61, 1, lambda _: None)
    masked = await service.file_of(platform, CLERK, person_id=1_000_001)
    revealed = await service.file_of(platform, CLERK, person_id=1_000_001, reveal=True)
    assert revealed["phone"] == "19900000000"
    assert masked["phone"] == "199****0000"
    assert masked["id_number"] != revealed["id_number"]
    assert "*" in masked["id_number"]
    async with platform.database.transaction(readonly=True) as connection:
        seen = await audit.of_person(connection, 1_000_001)
    assert {one.action for one in seen} == {"person.revealed", "person.read", "person.made"}
    assert {one.actor.name for one in seen} == {"clerk 7", "people make"}


async def test_a_look_that_finds_nobody_records_nothing(platform: Platform) -> None:
    with pytest.raises(NotFound):
        await service.file_of(platform, CLERK, person_id=1)


async def test_nothing_personal_is_readable_in_the_tables(platform: Platform) -> None:
    await population.make(platform, 61, 1, lambda _: None)
    revealed = await service.file_of(platform, CLERK, person_id=1_000_001, reveal=True)
    async with platform.database.transaction(readonly=True) as connection:
        row = await connection.fetchrow("select * from persons where person_id = 1000001")
    assert row is not None
    stored = b"|".join(
        value if isinstance(value, bytes) else str(value).encode() for value in dict(row).values()
    )
    for key in ("id_number", "phone", "address"):
        assert revealed[key].encode() not in stored


async def test_people_are_listed_by_region_insurance_and_category(platform: Platform) -> None:
    await population.make(platform, 400, 1, lambda _: None)
    async with platform.database.transaction(readonly=True) as connection:
        everybody = await service.list_persons(connection, service.PersonFilter(), 1000)
        in_sichuan = await service.list_persons(
            connection, service.PersonFilter(residence_region="510000"), 1000
        )
        retired = await service.list_persons(
            connection, service.PersonFilter(insurance="310", category="retired"), 1000
        )
        page = await service.list_persons(
            connection, service.PersonFilter(), 10, everybody[9].person_id
        )
    assert len(everybody) == 400
    assert in_sichuan
    assert all(one.residence_region.startswith("51") for one in in_sichuan)
    assert 0 < len(retired) < 200
    assert [one.person_id for one in page] == [one.person_id for one in everybody[10:20]]
