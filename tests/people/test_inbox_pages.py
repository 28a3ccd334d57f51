"""The inbox and the settings of somebody who signed in, for themselves and for others."""

import re
from collections.abc import AsyncIterator, Iterator
from datetime import date, timedelta

import httpx
import pytest

from tests.identity.people import Someone, quick_hashes, somebody
from tests.identity.test_sign_in_pages import browser, signed_in
from yikatong.core.clock import FixedClock
from yikatong.core.platform import Platform
from yikatong.identity.authority import service as authority
from yikatong.identity.sessions import service as sessions
from yikatong.people.notices import service as notices
from yikatong.people.notices.kinds import CARD, KINDS
from yikatong.people.notices.model import Choices, Facts
from yikatong.portals import routes as portals
from yikatong.trust import audit
from yikatong.trust.audit import Actor

READY: Facts = {"place": "天府支行"}
CLERK = Actor("staff", "0701", "tests")


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


async def post(
    platform: Platform, person_id: int, kind: str, facts: Facts, once: str = "1"
) -> None:
    async with platform.database.transaction() as connection:
        await notices.post(platform, connection, person_id, kind, facts, once=once)


def count(page: str) -> str:
    found = re.search(r'<span aria-hidden="true">([0-9+]+)</span>', page)
    return found[1] if found else ""


def links(page: str) -> list[str]:
    return re.findall(r'href="(/inbox/[0-9]+)"', page)


async def test_the_inbox_asks_who_reads_it(web: httpx.AsyncClient) -> None:
    for address in ("/inbox", "/inbox/5", "/settings"):
        answer = await web.get(address)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/sign-in?next=")


async def test_what_is_opened_is_read_and_the_count_in_the_head_goes_down(
    platform: Platform, web: httpx.AsyncClient, one: Someone
) -> None:
    await post(platform, one.person_id, "card.ready", READY)
    await signed_in(web, one)
    page = (await web.get("/guide")).text
    assert count(page) == "2"
    page = (await web.get("/inbox")).text
    assert page.index("在新设备上登录") < page.index("社保卡可以领取了")
    assert page.count('"mark-two">未读') == 2
    newest, ready = links(page)
    page = (await web.get(f"{ready}?lang=en")).text
    assert "Collect it with your id card at 天府支行" in page
    assert f'href="{CARD}"' in page
    assert count(page) == "1"
    assert (await web.get("/inbox?lang=zh")).text.count('"mark-two">未读') == 1
    await web.get(newest)
    assert count((await web.get("/guide")).text) == ""
    for wrong in ("/inbox/1", "/inbox/99999999999999999999", "/inbox/x"):
        assert (await web.get(wrong)).status_code in (404, 422), wrong


async def test_all_are_marked_read_at_once_but_not_what_came_meanwhile(
    platform: Platform, web: httpx.AsyncClient, one: Someone
) -> None:
    await signed_in(web, one)
    for turn in range(3):
        await post(platform, one.person_id, "card.ready", READY, f"{turn}")
    page = (await web.get("/inbox")).text
    until = re.search(r'name="until" value="([0-9]+)"', page)
    assert until
    await post(platform, one.person_id, "pin.changed", {"card": "5678"})
    for _ in range(2):
        answer = await web.post("/inbox/read", data={"until": until[1]})
        assert (answer.status_code, answer.headers["location"]) == (303, "/inbox?done=read")
    page = (await web.get("/inbox?done=read")).text
    assert "已全部标为已读" in page
    assert page.count('"mark-two">未读') == 1
    for wrong in ("", "x", "9" * 30):
        assert (await web.post("/inbox/read", data={"until": wrong})).status_code == 422
    forged = {"sec-fetch-site": "cross-site"}
    answer = await web.post("/inbox/read", data={"until": until[1]}, headers=forged)
    assert answer.status_code == 403


async def test_many_notices_come_in_pages(
    platform: Platform, clock: FixedClock, web: httpx.AsyncClient, one: Someone
) -> None:
    for turn in range(41):
        await post(platform, one.person_id, "card.ready", READY, f"{turn}")
        clock.advance(timedelta(days=1))
    await signed_in(web, one)
    seen: list[str] = []
    address, pages = "/inbox", 0
    while address:
        page = (await web.get(address)).text
        seen += links(page)
        found = re.search(r'href="(/inbox\?before=[0-9]+)" rel="next"', page)
        address, pages = found[1] if found else "", pages + 1
    assert (len(seen), len(set(seen)), pages) == (42, 42, 3)
    assert "没有更早的通知" in (await web.get("/inbox?before=1")).text
    assert (await web.get("/inbox?before=abc")).status_code == 200


async def test_an_empty_inbox_says_what_will_be_in_it(
    platform: Platform, clock: FixedClock, web: httpx.AsyncClient, one: Someone
) -> None:
    await signed_in(web, one)
    async with platform.database.transaction() as connection:
        await connection.execute("delete from notices")
    page = (await web.get("/inbox")).text
    assert "还没有通知" in page
    assert "全部标为已读" not in page


async def test_a_notice_of_somebody_else_is_not_there(
    platform: Platform, web: httpx.AsyncClient, one: Someone
) -> None:
    other = await somebody(platform, one.person_id + 1)
    await post(platform, other.person_id, "card.ready", READY)
    async with platform.database.transaction() as connection:
        (theirs,) = await notices.of_person(connection, other.person_id)
    await signed_in(web, one)
    assert (await web.get(f"/inbox/{theirs.notice_id}")).status_code == 404


# ---- for others ----


async def act_for(platform: Platform, one: Someone, other: int) -> None:
    (session,) = await sessions.of_person(platform, one.person_id)
    await authority.begin(platform, session, other)


async def test_an_agent_sees_what_the_authority_covers_and_leaves_it_unread(
    platform: Platform, web: httpx.AsyncClient, one: Someone
) -> None:
    other = (await somebody(platform, one.person_id + 1)).person_id
    await post(platform, other, "card.ready", READY)
    await post(platform, other, "pin.changed", {"card": "5678"})
    await post(platform, other, "contact.check", {})
    day = date(2026, 3, 1)
    await authority.record(
        platform, other, one.person_id, ["card"], day, day, "paper", CLERK, "key-1"
    )
    await signed_in(web, one)
    await act_for(platform, one, other)
    page = (await web.get("/inbox")).text
    assert "您所代办的人" in page
    (ready,) = links(page)
    assert "社保卡可以领取了" in page
    assert (await web.get(ready)).status_code == 200
    assert (await web.post("/inbox/read", data={"until": ready[7:]})).status_code == 303
    assert (await web.get("/inbox")).text.count('"mark-two">未读') == 1
    async with platform.database.transaction(readonly=True) as connection:
        assert await notices.unread(connection, other) == 3
        events = await audit.of_person(connection, other)
    looks = [one for one in events if one.action == "notices.read"]
    assert {one.actor.name for one in looks} == {str(one.person_id)}
    assert "您自己的设置" in (await web.get("/settings")).text
    await authority.revoke(
        platform, other, (await authority_of(platform, other)), Actor("person", str(other), "t")
    )
    assert (await web.get("/inbox")).status_code == 403
    assert (await web.get(ready)).status_code == 403


async def authority_of(platform: Platform, person_id: int) -> int:
    async with platform.database.transaction(readonly=True) as connection:
        return await connection.fetchval(
            "select authority_id from authorities where person_id = $1", person_id
        )


async def test_a_guardian_sees_all_and_reads_it_for_the_ward(
    platform: Platform, web: httpx.AsyncClient, one: Someone
) -> None:
    ward = (await somebody(platform, one.person_id + 1)).person_id
    async with platform.database.transaction() as connection:
        await connection.execute(
            "update persons set under_guardianship = true where person_id = $1", ward
        )
        await connection.execute(
            "insert into relations values ($1, $2, 'guardian_of', '2020-01-01')",
            one.person_id,
            ward,
        )
    await post(platform, ward, "pin.changed", {"card": "5678"})
    await signed_in(web, one)
    await act_for(platform, one, ward)
    (changed,) = links((await web.get("/inbox")).text)
    assert "5678" in (await web.get(changed)).text
    async with platform.database.transaction(readonly=True) as connection:
        assert await notices.unread(connection, ward) == 0


# ---- settings ----


async def test_settings_are_kept_for_the_person_and_the_browser(
    platform: Platform, web: httpx.AsyncClient, one: Someone
) -> None:
    await signed_in(web, one)
    page = (await web.get("/settings?lang=en&type=large")).text
    # Who chose nothing yet finds what this browser shows.
    assert 'value="en" checked' in page
    assert 'value="large" checked' in page
    assert f"138****{one.phone[-4:]}" in page
    wanted = {"language": "en", "type": "large", "texts": ["card", "security"]}
    for _ in range(2):
        answer = await web.post("/settings", data=wanted)
        assert (answer.status_code, answer.headers["location"]) == (303, "/settings?done=saved")
    assert {name: web.cookies[name] for name in ("lang", "type")} == {"lang": "en", "type": "large"}
    page = (await web.get("/settings?done=saved")).text
    assert "Saved." in page
    assert page.count(" checked") == 4
    async with platform.database.transaction(readonly=True) as connection:
        assert await notices.choices(connection, one.person_id) == Choices(
            "en", True, ("card", "security")
        )
        events = await audit.of_person(connection, one.person_id)
    assert [one.action for one in events].count("notices.chosen") == 1
    # All of it anew: what is not ticked is off.
    await web.post("/settings", data={"language": "zh", "type": "normal"})
    page = (await web.get("/settings")).text
    assert page.count(" checked") == 2
    for wrong in ({"language": "fr"}, {"language": "en", "texts": ["weather"]}, {}):
        answer = await web.post("/settings", data=wrong)
        assert answer.status_code == 422
        assert 'class="wrong"' in answer.text
    answer = await web.post("/settings", data=wanted, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403


async def test_every_link_of_a_notice_leads_to_a_page(
    platform: Platform, web: httpx.AsyncClient, one: Someone
) -> None:
    await signed_in(web, one)
    portals.load()
    for link in {kind.link for kind in KINDS.values() if kind.link}:
        assert (await web.get(link)).status_code == 200, link
