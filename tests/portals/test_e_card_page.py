"""The e-card page: shown, set up with and without a script, and looked at."""

import asyncio
import contextlib
import json
import re
import threading
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from benchmarks.checks import serving
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.portals.axe import violations
from tests.portals.conftest import SCREENSHOTS
from tests.portals.test_pages import LOOKS
from yikatong.core import running
from yikatong.core.platform import Platform
from yikatong.core.settings import Settings
from yikatong.identity.ecards import service
from yikatong.identity.ecards.codes import Codes
from yikatong.identity.model import Mode
from yikatong.identity.sessions import service as sessions

pytestmark = pytest.mark.browser
PERSON = 1_000_001
STRONG: tuple[Mode, ...] = ("password", "one_time_code")
_Answer = TypeVar("_Answer")


class House:
    """A served platform, and its database seen from beside."""

    def __init__(self, address: str, data: Path) -> None:
        self.address = address
        self.data = data

    def run(self, work: Callable[[Platform], Coroutine[Any, Any, _Answer]]) -> _Answer:
        """Apart from the browser's loop."""
        found: list[_Answer] = []

        async def inside() -> None:
            async with running.platform(Settings(data_dir=self.data)) as platform:
                found.append(await work(platform))

        thread = threading.Thread(target=lambda: asyncio.run(inside()))
        thread.start()
        thread.join()
        return found[0]

    def execute(self, statement: str, *facts: Any) -> Any:
        async def work(platform: Platform) -> Any:
            async with platform.database.transaction() as connection:
                return await connection.fetchval(statement, *facts)

        return self.run(work)

    def sign_in(self, context: BrowserContext, person_id: int, *modes: Mode) -> None:
        async def work(platform: Platform) -> str:
            async with platform.database.transaction() as connection:
                begun = await sessions.begin(
                    platform, connection, person_id, {*modes}, "Chromium · Linux"
                )
            return begun[1]

        context.add_cookies([{"name": "session", "value": self.run(work), "url": self.address}])


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    data = tmp_path_factory.mktemp("e-card-house")
    with serving(data, 60) as (host, port):
        yield House(f"http://{host}:{port}", data)


@pytest.fixture(autouse=True)
def nothing_bound(house: House) -> None:
    house.execute("delete from e_card_devices")


def visit(
    browser: Browser, house: House, *modes: Mode, person: int = PERSON, **more: Any
) -> contextlib.AbstractContextManager[Page]:
    """The page as a signed-in person's phone shows it."""

    @contextlib.contextmanager
    def opened() -> Iterator[Page]:
        context = browser.new_context(
            **{"viewport": {"width": 360, "height": 780}, "locale": "zh-CN", **more}
        )
        if modes:
            house.sign_in(context, person, *modes)
        page = context.new_page()
        page.goto(f"{house.address}/e-card")
        yield page
        context.close()

    return opened()


def test_whoever_is_not_signed_in_goes_to_sign_in_and_back(house: House, browser: Browser) -> None:
    with visit(browser, house) as page:
        assert page.url.startswith(f"{house.address}/sign-in?next=%2Fe-card")


def test_set_up_with_a_key_that_stays_on_the_device(house: House, browser: Browser) -> None:
    with visit(browser, house, *STRONG) as page:
        page.get_by_role("button", name="开通电子社保卡").click()
        expect(page.locator(".qr svg")).to_be_visible()
        expect(page.locator("[data-text]")).to_have_text(re.compile(r"^\d+ 秒后自动刷新$"))
        expect(page.locator("[data-weaker]")).to_have_count(0)
        first = page.locator(".qr svg path").last.get_attribute("d")
        # Signed in anew, with a password alone: the key proves the device.
        page.context.clear_cookies()
        house.sign_in(page.context, PERSON, "password")
        page.goto(f"{house.address}/e-card")
        expect(page.locator(".qr svg")).to_be_visible()
        assert page.locator(".qr svg path").last.get_attribute("d") != first
        extractable = page.evaluate(
            """() => new Promise((done) => {
                 const asked = indexedDB.open("yikatong-e-card", 1);
                 asked.onsuccess = () => {
                   const all = asked.result.transaction("keys").objectStore("keys").getAll();
                   all.onsuccess = () => done(all.result.map((one) => one.key.extractable));
                 };
               })"""
        )
        assert extractable == [False]
    assert house.execute("select kind from e_card_devices where revoked_at is null") == "key"


def test_another_browser_of_the_same_person_shows_nothing_by_itself(
    house: House, browser: Browser
) -> None:
    with visit(browser, house, *STRONG) as page:
        page.get_by_role("button", name="开通电子社保卡").click()
        expect(page.locator(".qr svg")).to_be_visible()
    with visit(browser, house, *STRONG) as page:
        expect(page.get_by_role("button", name="开通电子社保卡")).to_be_visible()
        expect(page.locator(".qr svg")).to_have_count(0)


def test_without_a_script_the_session_stands_for_the_key_and_the_page_says_so(
    house: House, browser: Browser
) -> None:
    with visit(browser, house, *STRONG, java_script_enabled=False) as page:
        page.get_by_role("button", name="开通电子社保卡").click()
        expect(page.locator(".qr svg")).to_be_visible()
        expect(page.locator("[data-weaker]")).to_be_visible()
        expect(page.get_by_text("本页每 50 秒自动刷新")).to_be_visible()
        assert 'http-equiv="refresh" content="50"' in page.content()
        expect(page.get_by_text("就是这台")).to_be_visible()
        page.get_by_role("button", name="停用").click()
        expect(page.locator(".qr svg")).to_have_count(0)
    assert house.execute("select count(*) from e_card_devices where revoked_at is null") == 0


def test_a_password_alone_sets_nothing_up(house: House, browser: Browser) -> None:
    with visit(browser, house, "password") as page:
        expect(page.get_by_role("button", name="开通电子社保卡")).to_have_count(0)
        link = page.get_by_role("link", name="去确认")
        assert link.get_attribute("href") == "/sign-in?next=%2Fe-card&level=2"


def test_a_form_of_another_site_sets_nothing_up(house: House, browser: Browser) -> None:
    with visit(browser, house, *STRONG) as page:
        for path in ("/e-card/devices", "/e-card/code", "/e-card/devices/1/revoke"):
            answer = page.context.request.post(
                f"{house.address}{path}", headers={"sec-fetch-site": "cross-site"}, data="{}"
            )
            assert answer.status == 403


@pytest.mark.parametrize(
    "body",
    [
        "[]", '"x"', "{", '{"device": 1, "asked": 1e400}', '{"device": "x"}',
        '{"device": "1", "asked": "2", "signature": 3}',
        '{"device": "99999999999999999999", "asked": "1", "signature": ""}',
        '{"device": "1", "asked": "999999999999999999", "signature": "AAAA"}',
    ],
)  # fmt: skip
def test_what_no_script_of_ours_sends_gets_no_code(
    house: House, browser: Browser, body: str
) -> None:
    with visit(browser, house, *STRONG) as page:
        answer = page.context.request.post(
            f"{house.address}/e-card/code",
            headers={"sec-fetch-site": "same-origin", "content-type": "application/json"},
            data=body,
        )
        assert 400 <= answer.status < 500
        assert "svg" not in json.loads(answer.body())


def test_without_a_card_the_page_says_what_to_do(house: House, browser: Browser) -> None:
    lost = house.execute(
        "select person_id from cards where state = 'loss_reported' order by person_id limit 1"
    )
    with visit(browser, house, *STRONG, person=lost) as page:
        expect(page.get_by_text("社保卡已挂失")).to_be_visible()
        expect(page.locator(".qr svg")).to_have_count(0)


def test_a_code_fetched_again_is_another_one(house: House, browser: Browser) -> None:
    with visit(browser, house, *STRONG) as page:
        page.clock.install()
        page.get_by_role("button", name="开通电子社保卡").click()
        expect(page.locator(".qr svg")).to_be_visible()
        first = page.locator(".qr svg path").last.get_attribute("d")
        page.clock.run_for(55_000)
        expect(page.locator(".qr svg path").last).not_to_have_attribute("d", first or "")


def test_a_code_is_dark_on_white_also_where_dark_is_preferred(
    house: House, browser: Browser
) -> None:
    with visit(browser, house, *STRONG, color_scheme="dark") as page:
        page.get_by_role("button", name="开通电子社保卡").click()
        expect(page.locator(".qr svg")).to_be_visible()
        assert page.locator(".qr svg path").first.get_attribute("fill") == "#fff"
        assert page.locator(".qr svg path").last.get_attribute("stroke") == "#000"


@pytest.mark.parametrize("look", LOOKS)
def test_the_page_fits_is_accessible_and_is_kept_as_a_picture(
    house: House, browser: Browser, look: str
) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    size = {"width": LOOKS[look]["width"], "height": 800}
    for name, bound in (("e-card-offer", False), ("e-card", True)):
        with visit(browser, house, *STRONG, viewport=size) as page:
            page.goto(f"{house.address}/e-card?{LOOKS[look]['query']}")
            if bound:
                page.locator("[data-bind] button").click()
                expect(page.locator(".qr svg")).to_be_visible()
            page.screenshot(path=SCREENSHOTS / f"{name}-{look}.png", full_page=True)
            width = page.evaluate("document.documentElement.scrollWidth")
            assert width <= LOOKS[look]["width"]
            assert violations(page) == []


def test_the_code_fills_a_small_phone_in_large_type_and_the_page_comes_back(
    house: House, browser: Browser
) -> None:
    with visit(browser, house, *STRONG, viewport={"width": 360, "height": 640}) as page:
        page.goto(f"{house.address}/e-card?type=large")
        page.locator("[data-bind] button").click()
        page.get_by_role("link", name="全屏显示").click()
        expect(page.locator("h1")).to_be_hidden()
        expect(page.locator(".qr")).to_be_in_viewport(ratio=1)
        expect(page.locator("[data-text]")).to_be_in_viewport(ratio=1)
        page.get_by_role("link", name="退出全屏").click()
        expect(page.locator("h1")).to_be_visible()


def test_a_scanned_code_is_one_that_the_desk_reads(house: House, browser: Browser) -> None:
    async def work(platform: Platform) -> Any:
        codes = Codes(platform)
        async with platform.database.transaction() as connection:
            devices = await service.devices(platform, connection, PERSON)
        made = await codes.issue(PERSON, devices[0].device_id, "王")
        return await codes.read(made.text)

    with visit(browser, house, *STRONG) as page:
        page.get_by_role("button", name="开通电子社保卡").click()
        expect(page.locator(".qr svg")).to_be_visible()
    assert house.run(work).person_id == PERSON
