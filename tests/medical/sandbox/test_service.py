"""Test providers, made once; what `sandbox show` lists; the switch for production."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from yikatong.core import settings as core_settings
from yikatong.core.errors import InvalidInput, NotFound
from yikatong.core.platform import Platform
from yikatong.medical import reference
from yikatong.medical import service as medical
from yikatong.medical.hospital_api import credentials
from yikatong.medical.sandbox import service
from yikatong.medical.sandbox.model import SandboxProvider
from yikatong.population import sandbox as population_sandbox
from yikatong.population import service as population
from yikatong.trust.audit import Actor

TESTER = Actor("system", "tests", "test")


async def listed(platform: Platform) -> list[SandboxProvider]:
    async with platform.database.transaction(readonly=True) as connection:
        return await service.providers(platform, connection)


def off(platform: Platform) -> Platform:
    quiet = msgspec.structs.replace(platform.settings, sandbox=False)
    return msgspec.structs.replace(platform, settings=quiet)


async def test_test_providers_are_of_every_kind_a_client_meets(platform: Platform) -> None:
    await reference.load_reference(platform)
    await service.prepare(platform)
    found = await listed(platform)
    kinds = {(one.pooling_region, one.kind, one.level) for one in found}
    assert kinds >= {
        ("510100", "hospital", "tertiary"),
        ("510100", "hospital", "secondary"),
        ("510100", "hospital", "community"),
        ("510100", "pharmacy", "community"),
        ("110000", "hospital", "tertiary"),
        ("310000", "hospital", "tertiary"),
        ("500000", "hospital", "tertiary"),
        ("510500", "hospital", "tertiary"),
    }
    assert {one.scheme for one in found} == {"A", "B"}
    assert len({one.code for one in found}) == len(found)
    assert len({one.access_key for one in found}) == len(found)
    assert all(one.note.zh for one in found)
    async with platform.database.transaction(readonly=True) as connection:
        whole = [await medical.provider(connection, one.code) for one in found]
    assert any(one.suspended_on for one in whole)
    assert any(not one.cross_region_cares and not one.suspended_on for one in whole)
    assert any(one.cross_region_cares == ["inpatient"] for one in whole)


async def test_credentials_are_made_once_however_many_start(platform: Platform) -> None:
    await reference.load_reference(platform)
    await asyncio.gather(*(service.prepare(platform) for _ in range(3)))
    first = await listed(platform)
    await service.prepare(platform)
    assert await listed(platform) == first


async def test_a_revoked_test_credential_is_replaced_at_the_next_start(platform: Platform) -> None:
    await reference.load_reference(platform)
    await service.prepare(platform)
    first = (await listed(platform))[0]
    async with platform.database.transaction() as connection:
        await credentials.revoke(platform, connection, first.access_key)
    await service.prepare(platform)
    again = (await listed(platform))[0]
    assert again.code == first.code
    assert again.access_key != first.access_key


async def test_nothing_is_made_or_shown_where_the_sandbox_is_off(platform: Platform) -> None:
    await reference.load_reference(platform)
    await service.prepare(off(platform))
    assert await listed(platform) == []
    with pytest.raises(NotFound, match="off"):
        await listed(off(platform))


async def test_a_platform_without_providers_has_no_test_providers(platform: Platform) -> None:
    await service.prepare(platform)
    assert await listed(platform) == []


async def test_only_test_providers_are_found_by_code(platform: Platform) -> None:
    await reference.load_reference(platform)
    await service.prepare(platform)
    async with platform.database.transaction(readonly=True) as connection:
        for code in ("H51010000001", "", "x" * 500):
            with pytest.raises(NotFound) as caught:
                await service.provider(platform, connection, code)
            assert caught.value.field == "provider"


async def test_items_for_bills_are_of_one_class_everywhere(platform: Platform) -> None:
    await reference.load_reference(platform)
    async with platform.database.transaction(readonly=True) as connection:
        items = await service.items(platform, connection)
        rows = await connection.fetch(
            "select code, array_agg(distinct class) from catalog_terms where code = any($1) group by 1",
            [one.code for one in items],
        )
    assert {one.code: [one.item_class] for one in items} == {row[0]: row[1] for row in rows}
    assert [one.item_class for one in items][:13] == ["A"] * 12 + ["B"]
    assert {one.item_class for one in items} == {"A", "B", "C"}


async def test_people_are_shown_with_document_and_card_and_the_look_is_recorded(
    platform: Platform,
) -> None:
    await population.make(platform, 100, 1, lambda _: None)
    found = {one.situation: one for one in await population_sandbox.persons(platform, TESTER)}
    assert len(found) > 90
    home = found["home"]
    assert (home.insurance, home.insured_region) == ("310", "510100")
    assert len(home.id_number) == 18
    assert home.card_number is not None
    assert len(home.card_identifier or "") == 32
    assert found["card_none"].card_number is None
    assert found["not_insured"].insurance is None
    assert found["resident"].insurance == "390"
    assert found["xianyang_resident"].insured_region == "610400"
    assert found["replaced"].card_number != found["all_in_order"].card_number
    async with platform.database.transaction(readonly=True) as connection:
        looks = await connection.fetchval(
            "select count(*) from audit_events where action = 'person.revealed' and purpose = 'test'"
        )
    assert looks == len(found)


async def test_a_platform_without_people_shows_none(platform: Platform) -> None:
    assert list(await population_sandbox.persons(platform, TESTER)) == []


@pytest.mark.parametrize(("text", "is_on"), [(None, True), ("on", True), ("off", False)])
def test_the_sandbox_is_on_unless_switched_off(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None, is_on: bool
) -> None:
    if text is None:
        monkeypatch.delenv("YIKATONG_SANDBOX", raising=False)
    else:
        monkeypatch.setenv("YIKATONG_SANDBOX", text)
    assert core_settings.load(tmp_path).sandbox is is_on


def test_a_misspelt_switch_is_refused_rather_than_taken_for_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("YIKATONG_SANDBOX", "false")
    with pytest.raises(InvalidInput, match="YIKATONG_SANDBOX"):
        core_settings.load(tmp_path)
