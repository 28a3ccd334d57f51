"""The pages about money and bills, read by somebody who signed in."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests.identity.people import Someone, quick_hashes, somebody
from tests.identity.test_sign_in_pages import browser, signed_in
from yikatong.core.platform import Platform
from yikatong.identity.sessions import service as sessions
from yikatong.trust import audit


@pytest.fixture(autouse=True)
def at_once() -> Iterator[None]:
    with quick_hashes():
        yield


@pytest.fixture
async def one(platform: Platform) -> Someone:
    return await somebody(platform)


@pytest.fixture
async def web(platform: Platform, one: Someone) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(platform) as client:
        yield client


@pytest.mark.parametrize("address", ["/account", "/settlements"])
async def test_whoever_signed_in_sees_their_own_and_chooses_nobody(
    platform: Platform, web: httpx.AsyncClient, one: Someone, address: str
) -> None:
    assert 'name="person"' in (await web.get(address)).text
    await signed_in(web, one)
    # Somebody else in the address changes nothing.
    page = await web.get(f"{address}?person=1000002")
    assert page.status_code == 200
    assert 'name="person"' not in page.text
    async with platform.database.transaction() as connection:
        events = await audit.of_person(connection, one.person_id)
    mine = [each for each in events if each.actor.kind == "person"]
    assert {each.actor.name for each in mine} == {str(one.person_id)}
    if address == "/settlements":
        assert any(each.action == "settlement.list_read" for each in events)


async def test_a_bill_of_somebody_else_is_not_there(web: httpx.AsyncClient, one: Someone) -> None:
    await signed_in(web, one)
    assert (await web.get(f"/settlements/{one.person_id + 1}/1")).status_code == 404


@pytest.mark.parametrize("address", ["/account", "/settlements"])
async def test_acting_without_authority_shows_nothing(
    platform: Platform, web: httpx.AsyncClient, one: Someone, address: str
) -> None:
    await signed_in(web, one)
    (session,) = await sessions.of_person(platform, one.person_id)
    async with platform.database.transaction() as connection:
        await sessions.act_for(connection, session, one.person_id + 1)
    assert (await web.get(address)).status_code == 403
