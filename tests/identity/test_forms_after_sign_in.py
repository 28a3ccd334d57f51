"""Every form of a cardholder, sent when the session was over: nothing is done, and what was typed is there
again after signing in."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import pytest
from litestar.routes import HTTPRoute

from tests import fillings
from tests.application import create_app
from tests.conftest import Filling
from tests.identity.test_cardholder_pages import actions, hidden, person, signed_in
from tests.identity.test_sign_in_pages import browser
from yikatong.core.clock import FixedClock
from yikatong.core.platform import Platform
from yikatong.medical.filings import service as filings
from yikatong.trust.audit import Actor

IDLE: Final = timedelta(minutes=31)
BACK: Final = "已经恢复"


@pytest.fixture
def filling() -> Filling:
    return fillings.providers_and_people


@pytest.fixture
async def web(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(platform) as client:
        yield client


class Case(msgspec.Struct, frozen=True):
    """A form: who sends what from which page where, and what then stands on the page."""

    who: str
    page: str
    to: str
    form: dict[str, Any]
    shown: tuple[str, ...]


CASES: Final = [
    Case(
        "filing_none", "/filings/new", "/filings/new",
        {"to_code": "110000", "kind": "temporary", "starts_on": "2026-03-09",
         "ends_on": "2026-03-20", "declared": "1", "key": "55"},
        ('value="temporary" checked', 'value="2026-03-09"', 'value="2026-03-20"', 'value="55"',
         'name="declared" value="1" checked'),
    ),
    Case(
        "filing_temporary", "/filings/{filing}/change", "/filings/{filing}/change",
        {"to": "上海", "ends_on": "2026-03-20", "key": "56"},
        ('value="上海"', 'value="2026-03-20"', 'value="56"'),
    ),
    Case("filing_temporary", "/filings", "/filings/{filing}/withdraw", {"key": "57"}, ()),
    Case("filing_temporary", "/filings", "/filings/return", {"key": "58"}, ()),
    Case(
        "filing_none", "/plan", "/plan",
        {"to": "北京", "leaves_on": "2026-04-01", "returns_on": "2026-04-20",
         "purposes": ["care", "transit"], "key": "88"},
        ('value="北京"', 'value="2026-04-01"', 'value="2026-04-20"', 'value="care" checked',
         'value="transit" checked', 'value="88"'),
    ),
    Case("filing_none", "/plan/{plan}", "/plan/{plan}/delete", {}, ()),
    Case(
        "family_payer", "/family", "/family/allow", {"member": "{member}", "limit": "3,000"},
        ('value="3,000"', '<option value="{member}" selected'),
    ),
    Case("family_payer", "/family", "/family/end", {"member": "{member}"}, ()),
    Case(
        "flexible", "/contributions", "/contributions/bill",
        {"insurance": "110", "since": "2026-01", "until": "2026-02", "base": "5,500"},
        ('value="5,500"', 'value="2026-01"', 'value="2026-02"'),
    ),
    Case(
        "flexible", "/contributions", "/contributions/pay",
        {"bills": ["{bill}"], "how": "card", "pin": "739204", "key": "pay-1"},
        ('value="{bill}" checked', 'value="pay-1"', 'value="card" checked'),
    ),
    Case(
        "flexible", "/pension/apply", "/pension/apply",
        {"insurance": "110", "group": "women_55", "years": "21", "months": "3", "index": "0.7",
         "account": "186,252", "retires": "", "wage": "", "key": "apply-1"},
        ('value="21"', 'value="0.7"', 'value="186,252"', 'value="apply-1"'),
    ),
    Case("all_in_order", "/security", "/security/sessions", {"others": "1"}, ()),
    Case("all_in_order", "/acting", "/acting/stop", {}, ()),
]  # fmt: skip


async def _facts(
    platform: Platform, web: httpx.AsyncClient, case: Case, person_id: int
) -> dict[str, str]:
    """The numbers that the form of a case names."""
    found: dict[str, str] = {}
    if "{filing}" in case.to:
        mine = await filings.of_person(platform, person_id, Actor("person", "1", "test"))
        found["filing"] = str(mine[0].filing_id)
    if "{plan}" in case.page:
        plan = {"to": "北京", "leaves_on": "2026-04-01", "purposes": ["care"], "key": "1"}
        made = await web.post("/plan", data=plan)
        found["plan"] = made.headers["location"].rpartition("/")[2]
    if case.page == "/family":
        found["member"] = hidden((await web.get("/family")).text, "member")
        if case.to.endswith("allow"):
            await web.post("/family/end", data={"member": found["member"]})
    if case.to.endswith("/pay"):
        months = {"insurance": "110", "since": "2026-02", "until": "2026-02", "base": ""}
        await web.post("/contributions/bill", data=months)
        bill = re.search(r'name="bills" value="(\d+)"', (await web.get("/contributions")).text)
        assert bill
        found["bill"] = bill[1]
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.to.strip("/"))
async def test_what_was_typed_comes_back_and_nothing_was_done(
    platform: Platform, clock: FixedClock, web: httpx.AsyncClient, case: Case
) -> None:
    person_id = await signed_in(platform, web, case.who, strong=True)
    facts = await _facts(platform, web, case, person_id)
    page, to = case.page.format(**facts), case.to.format(**facts)
    form = {
        name: value.format(**facts) if isinstance(value, str) else [one.format(**facts) for one in value]
        for name, value in case.form.items()
    }  # fmt: skip
    done = await actions(platform, person_id)
    clock.advance(IDLE)
    away = await web.post(to, data=form)
    assert away.status_code == 303
    assert away.headers["location"].startswith("/sign-in?")
    # Nothing of it stands in the address.
    query = parse_qs(urlsplit(away.headers["location"]).query)
    assert query["next"] == [page]
    assert await actions(platform, person_id) == done
    await signed_in(platform, web, case.who, strong=True)
    told = await web.get(page)
    assert told.status_code == 200
    assert BACK in told.text
    for mark in case.shown:
        assert mark.format(**facts) in told.text, mark
    assert "739204" not in told.text
    assert BACK not in (await web.get(page)).text


_ELSEWHERE: Final = (
    "/api/", "/fsi", "/staff", "/operations", "/clinic", "/openid", "/sign-", "/sandbox",
    "/policies", "/e-card/code",
)  # fmt: skip
_NAMES: Final = {
    "{name:str}": "activate", "{kind:str}": "first", "{act:str}": "withdraw",
}  # fmt: skip


async def test_whoever_signs_in_after_any_form_lands_on_a_page(
    platform: Platform, clock: FixedClock, web: httpx.AsyncClient
) -> None:
    paths = [
        one.path
        for one in create_app(platform).routes
        if isinstance(one, HTTPRoute) and "POST" in one.methods
    ]
    mine = [one for one in paths if not one.startswith(_ELSEWHERE)]
    assert len(mine) > 25
    await signed_in(platform, web, await person(platform, "all_in_order"), strong=True)
    clock.advance(IDLE)
    landed: dict[str, str] = {}
    for path in mine:
        address = re.sub(r"\{\w+:\w+\}", lambda found: _NAMES.get(found[0], "1"), path)
        away = await web.post(address, data={"key": "1"})
        assert away.headers["location"].startswith("/sign-in?"), path
        landed[path] = parse_qs(urlsplit(away.headers["location"]).query)["next"][0]
    await signed_in(platform, web, await person(platform, "all_in_order"), strong=True)
    for path, address in landed.items():
        answer = await web.get(address)
        # What the form was about is made up here, may be missing or wrong; the page is there.
        assert answer.status_code in (200, 303, 404, 422), (path, address, answer.status_code)
