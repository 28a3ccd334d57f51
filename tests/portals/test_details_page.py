"""My details in a real browser: without JavaScript, on a phone and wide, in both languages."""

from urllib.parse import parse_qsl, urlencode

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.portals.axe import serious
from tests.portals.conftest import SCREENSHOTS
from tests.portals.press import press
from tests.portals.test_pages import LOOKS, with_query
from tests.portals.test_sign_in_browser import by_code, newest_code, shown, sign_in

pytestmark = pytest.mark.browser
__all__ = ["shown"]

PAGES = {
    "details": "/details",
    "details-whole": "/details?reveal=1",
    "details-address": "/details/address",
    "details-phone": "/details/phone",
    "details-code": "/details/phone/code",
}


def test_a_person_confirms_and_changes_what_is_on_file_without_javascript(
    browser: Browser, site: str, shown: dict[str, str]
) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 780})
    page = context.new_page()
    sign_in(page, site, shown["contact_outdated"], shown["pin"], "/details")
    page.screenshot(path=SCREENSHOTS / "phone-details-stale.png", full_page=True)
    page.get_by_role("button", name="都对，确认").click()
    expect(page.locator(".notice.yes")).to_contain_text("已确认")
    expect(page.get_by_role("button", name="都对，确认")).to_have_count(0)

    page.get_by_role("link", name="改地址").click()
    by_code(context, page, site)
    expect(page.locator("h1")).to_have_text("改地址")
    page.fill("#address", "1")
    page.get_by_role("button", name="保存").click()
    expect(page.locator("#address-error")).to_be_visible()
    assert page.input_value("#address") == "1"
    page.fill("#place", "武侯区")
    page.fill("#address", "人民南路四段 9 号 2 单元 501")
    page.get_by_role("button", name="保存").click()
    expect(page.locator(".notice.yes")).to_contain_text("地址已更新")
    expect(page.locator("main")).to_contain_text("四川省成都市武侯区")

    page.get_by_role("link", name="改手机号").click()
    page.fill("#phone", "13900004321")
    press(page, page.get_by_role("button", name="发送验证码"))
    _looks(page, site)
    tab = context.new_page()
    code = newest_code(tab, site)
    tab.close()
    page.goto(f"{site}/details/phone/code")
    page.fill("#code", code)
    page.get_by_role("button", name="确认改号").click()
    expect(page.locator(".notice.yes")).to_contain_text("手机号已更新")
    expect(page.locator("main")).to_contain_text("139****4321")
    expect(page.locator("main")).not_to_contain_text("13900004321")
    page.get_by_role("link", name="显示完整信息").click()
    expect(page.locator("main")).to_contain_text("13900004321")
    context.close()


def _looks(page: Page, site: str) -> None:
    """Every page fits, in every look."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for look, facts in LOOKS.items():
        page.set_viewport_size({"width": facts["width"], "height": 800})
        for name, address in PAGES.items():
            query = {"lang": "zh", "type": "normal"} | dict(parse_qsl(facts["query"]))
            page.goto(site + with_query(address, urlencode(query)))
            page.screenshot(path=SCREENSHOTS / f"{look}-{name}.png", full_page=True)
            assert page.url.startswith(site + address.partition("?")[0]), page.url
    page.goto(f"{site}/details?lang=zh&type=normal")


@pytest.mark.parametrize("query", ["lang=zh&type=normal", "lang=en&type=large"])
def test_axe_finds_nothing_serious(
    browser: Browser, site: str, shown: dict[str, str], query: str
) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 780})
    page = context.new_page()
    sign_in(page, site, shown["filing_none"], shown["pin"], "/details/phone")
    by_code(context, page, site)
    page.fill("#phone", "13900004321" if "zh" in query else "13900004322")
    press(page, page.locator("main form button"))
    for name, address in PAGES.items():
        page.goto(site + with_query(address, query))
        assert page.url.startswith(site + address.partition("?")[0]), page.url
        too_wide = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert too_wide <= 0, f"{name} is {too_wide} px too wide"
        small = page.evaluate(
            """[...document.querySelectorAll('main a.button, main button')]
               .filter(e => e.offsetParent && e.getBoundingClientRect().height < 43.5)
               .map(e => e.textContent.trim())"""
        )
        assert small == [], f"{name}: too small to touch: {small}"
        assert serious(page) == [], name
    context.close()
