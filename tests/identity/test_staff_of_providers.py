"""Members of staff who work for a hospital, clinic or pharmacy."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from tests import fillings
from tests.application import serve
from tests.conftest import Filling
from tests.identity import offices
from tests.identity.people import quick_hashes
from yikatong.core.errors import InvalidInput, NotFound
from yikatong.core.platform import Platform
from yikatong.identity import office
from yikatong.identity.staff import service as staff
from yikatong.medical import service as medical
from yikatong.trust.access import PERMISSIONS, Grant

AT_PROVIDER = "provider"


@pytest.fixture(scope="module")
def filling() -> Filling:
    return fillings.providers


@pytest.fixture
async def code(platform: Platform) -> str:
    async with platform.database.transaction(readonly=True) as connection:
        return (await medical.providers(connection, region="510100"))[0].provider_code


@pytest.fixture
async def web(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(serve(platform))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        yield client


def test_the_role_of_a_provider_has_its_desk_and_nothing_of_an_agency() -> None:
    mine = {name for name, one in PERMISSIONS.items() if AT_PROVIDER in one.roles}
    assert mine == {"visit.handle", "visit.reconcile"}
    for name in mine:
        assert PERMISSIONS[name].place == "provider"
        assert PERMISSIONS[name].roles == {AT_PROVIDER}


async def test_who_works_for_a_provider_has_its_desk_and_no_other_role(
    platform: Platform, code: str
) -> None:
    with quick_hashes():
        made, _ = await staff.add(
            platform, "dr-wang", "王医生", "000000", [Grant(AT_PROVIDER, code[1:7])], offices.ADMIN,
            code,
        )  # fmt: skip
    assert (made.provider, made.region) == (code, code[1:7])
    for grant in (Grant("counter", code[1:7]), Grant(AT_PROVIDER, "110000")):
        with pytest.raises(InvalidInput):
            await staff.grant(platform, "dr-wang", [grant], offices.ADMIN)
    async with platform.database.transaction(readonly=True) as connection:
        added = (await office.of_subject(connection, "dr-wang"))[-1]
    assert code in json.dumps(added.detail)


async def test_a_provider_must_be_on_file_and_the_role_belongs_to_one(platform: Platform) -> None:
    with pytest.raises(NotFound) as missing:
        await staff.add(platform, "x1", "甲", "000000", [], offices.ADMIN, "H51010699999")
    assert missing.value.field == "provider"
    for wrong in ("H510106", "X51010600007", "H99999900001"):
        with pytest.raises(InvalidInput) as caught:
            await staff.add(platform, "x1", "甲", "000000", [], offices.ADMIN, wrong)
        assert caught.value.field == "provider"
    with pytest.raises(InvalidInput):
        await staff.add(
            platform, "x1", "甲", "510100", [Grant(AT_PROVIDER, "510100")], offices.ADMIN
        )
    assert await staff.every(platform) == []


async def test_an_administrator_adds_them_where_the_provider_is(
    platform: Platform, web: httpx.AsyncClient, code: str
) -> None:
    body = {"number": "dr-li", "name": "李医生", "region": code[1:7], "provider": code}
    there = await offices.signed_in(platform, "adm-bj", ("administrator", "110000"))
    answer = await web.post(
        "/api/v1/staff", json={**body, "region": "110000"}, headers=offices.bearer(there)
    )
    assert answer.json()["code"] == "not_allowed"
    mine = await offices.signed_in(platform, "adm-sc", ("administrator", "510000"))
    with quick_hashes():
        made = await web.post("/api/v1/staff", json=body, headers=offices.bearer(mine))
    assert (made.status_code, made.json()["provider"]) == (201, code)
    headers = {**offices.bearer(mine), "Idempotency-Key": "g1"}
    other = await web.post(
        "/api/v1/staff/dr-li/grants", json={"role": "counter", "region": code[1:7]}, headers=headers
    )
    assert (other.status_code, other.json()["field"]) == (422, "role")
    asked = await web.post(
        "/api/v1/staff/dr-li/grants",
        json={"role": AT_PROVIDER, "region": code[1:7]},
        headers={**headers, "Idempotency-Key": "g2"},
    )
    assert asked.status_code == 202
    listed = await web.get("/api/v1/staff", headers=offices.bearer(mine))
    assert {one["number"]: one["provider"] for one in listed.json()}["dr-li"] == code
