"""Every form of staff, sent when the session was over: nothing is done, its sender lands on its page, and
what was typed is there again."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Final
from urllib.parse import parse_qs, urlsplit

import pytest
from litestar.routes import HTTPRoute

from tests.application import create_app
from tests.counter.desk import Clerk, at_work
from tests.identity import offices
from yikatong.core.clock import FixedClock
from yikatong.core.platform import Platform
from yikatong.portals.staff_sign_in import COOKIE
from yikatong.trust.access import ROLES

IDLE: Final = timedelta(minutes=16)
BACK: Final = "已经恢复"
_SIGNING_IN: Final = (
    "/staff/sign-in", "/staff/code", "/staff/enrol", "/staff/password", "/staff/sign-out",
)  # fmt: skip
_NAMES: Final = {"{name:str}": "filing_new", "{bank:str}": "ICBC", "{errand:str}": "rotate"}
TYPED: Final = {
    "/staff/desk": ("/staff/search", {"words": "欧阳"}, 'value="欧阳"'),
    "/staff/calls": ("/staff/calls", {"name": "李四", "third": "card"}, 'value="李四"'),
    "/operations/runs": ("/operations/runs", {"region": "绵阳", "fund": "x"}, 'value="绵阳"'),
    "/operations/audit": ("/operations/audit", {"actor": "c-77"}, 'value="c-77"'),
    "/operations/machines/new": ("/operations/machines/new", {"id": "kiosk-9"}, 'value="kiosk-9"'),
}


@pytest.fixture
async def member(platform: Platform) -> AsyncIterator[Clerk]:
    async with at_work(platform, "m-1", *((one, "000000") for one in ROLES)) as one:
        yield one


async def back_again(platform: Platform, member: Clerk) -> None:
    member.client.cookies.clear()
    member.client.cookies.set(COOKIE, await offices.token_of(platform, member.number))


async def test_what_staff_typed_comes_back_once(
    platform: Platform, clock: FixedClock, member: Clerk
) -> None:
    clock.advance(IDLE)
    for page, (to, form, _) in TYPED.items():
        away = await member.post(to, form)
        assert parse_qs(urlsplit(away.headers["location"]).query)["next"] == [page]
    await back_again(platform, member)
    for page, (_, _, mark) in TYPED.items():
        told = await member.get(page)
        assert mark in told, page
        assert BACK in told, page
        assert BACK not in await member.get(page), page


async def test_whoever_signs_in_after_any_form_lands_on_a_page(
    platform: Platform, clock: FixedClock, member: Clerk
) -> None:
    paths = [
        one.path
        for one in create_app(platform).routes
        if isinstance(one, HTTPRoute) and "POST" in one.methods
    ]
    mine = [
        one
        for one in paths
        if one.startswith(("/staff", "/operations", "/clinic")) and not one.startswith(_SIGNING_IN)
    ]
    assert len(mine) > 25
    clock.advance(IDLE)
    landed: dict[str, str] = {}
    for path in mine:
        address = re.sub(r"\{\w+:\w+\}", lambda found: _NAMES.get(found[0], "1"), path)
        away = await member.post(address, {"key": "1"})
        if away.status_code == 404:
            # An errand that this channel does not have.
            continue
        assert away.headers["location"].startswith("/staff?next="), path
        landed[path] = parse_qs(urlsplit(away.headers["location"]).query)["next"][0]
    assert len(landed) > 20
    await back_again(platform, member)
    for path, address in landed.items():
        answer = await member.client.get(address)
        # What the form was about is made up here, may be missing or of another; the page is there.
        assert answer.status_code in (200, 303, 403, 404), (path, address, answer.status_code)
