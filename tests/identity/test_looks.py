"""The page on which a person sees who looked at their data."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

import yikatong
from tests.identity.people import Someone, quick_hashes, somebody
from tests.identity.test_sign_in_pages import browser, signed_in
from yikatong.core.platform import Platform
from yikatong.identity.machines import service as machines
from yikatong.identity.openid import clients
from yikatong.portals.looks import action_text
from yikatong.trust import audit
from yikatong.trust.access import Grant
from yikatong.trust.audit import Actor


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


async def test_a_person_sees_who_did_what_and_others_apart(
    platform: Platform, web: httpx.AsyncClient, one: Someone
) -> None:
    assert (await web.get("/looks")).status_code == 303
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        for actor, action, detail in (
            (Actor("staff", "C-17", "counter"), "person.revealed", {}),
            (
                Actor("service", "<b>library</b>", "loan"),
                "identity.verified",
                {"outcome": "no_match"},
            ),
            (Actor("provider", "H99999999999", "care"), "care.settle", {}),
            (Actor("system", "job", "later"), "brand_new.action", {}),
        ):
            await audit.record(connection, actor, now, one.person_id, action, detail)
    await signed_in(web, one)
    page = (await web.get("/looks")).text
    for words in ("查看您的完整信息", "工作人员 C-17", "核验身份", "没有通过", "医保结算", "H99999999999",
                  "brand_new.action", "登录", "您本人"):  # fmt: skip
        assert words in page, words
    assert "<b>library" not in page
    others = (await web.get("/looks?others=1&lang=en")).text
    assert "looked at your whole file" in others
    assert "by you<" not in others


async def test_services_stand_by_their_name_with_what_for_and_the_platform_itself_by_no_number(
    platform: Platform, web: httpx.AsyncClient, one: Someone
) -> None:
    now = platform.clock.now()
    await machines.add(
        platform, "city-library", "市图书馆", "service",
        [Grant("identity.verify", "510100")], Actor("staff", "command line", "test"),
    )  # fmt: skip
    await clients.add(
        platform,
        clients.NewClient(
            "museum", "市博物馆", "City Museum", ("https://museum.example.cn/back",), ("profile",)
        ),
    )
    async with platform.database.transaction() as connection:
        for actor, action, detail in (
            (Actor("service", "city-library", "v"), "identity.verified", {"purpose": "culture"}),
            (Actor("service", "museum", "userinfo"), "openid.userinfo", {}),
            (Actor("staff", "command line", "sandbox show"), "person.revealed", {}),
            (Actor("service", "operator", "script"), "person.read", {}),
        ):
            await audit.record(connection, actor, now, one.person_id, action, detail)
    await signed_in(web, one)
    page = (await web.get("/looks?others=1")).text
    for words in ("市图书馆 · 图书馆、博物馆等文化服务", "市博物馆", "平台管理人员"):
        assert words in page, words
    assert page.count("平台管理人员") == 2
    for number in ("city-library", "museum", "command line", "operator"):
        assert number not in page, number
    assert "City Museum" in (await web.get("/looks?others=1&lang=en")).text


async def test_nobody_sees_the_trail_of_somebody_else(
    platform: Platform, web: httpx.AsyncClient, one: Someone
) -> None:
    await signed_in(web, one)
    async with platform.database.transaction() as connection:
        other = Actor("staff", "C-99", "counter")
        await audit.record(
            connection, other, platform.clock.now(), one.person_id + 1, "person.read"
        )
    assert "C-99" not in (await web.get("/looks")).text


def test_there_are_words_for_whatever_is_recorded() -> None:
    found: set[str] = set()
    for file in Path(yikatong.__file__).parent.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        for call in re.finditer(r"audit\.(?:record|record_many|events)\(", text):
            found |= set(re.findall(r'"([a-z_]+\.[a-z_]+)"', text[call.end() : call.end() + 400]))
        for line in re.findall(r"^ +action = .*$", text, re.MULTILINE):
            found |= set(re.findall(r'"([a-z_]+\.[a-z_]+)"', line))
    assert len(found) > 40
    assert [one for one in sorted(found) if action_text(one) is None] == []
