"""The inbox and the settings in a real browser, without JavaScript, on a phone and a wide screen."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.portals.axe import serious
from tests.portals.conftest import SCREENSHOTS
from tests.portals.test_pages import LOOKS, with_query
from tests.portals.test_sign_in_browser import shown, sign_in

__all__ = ["shown"]
pytestmark = pytest.mark.browser
PAGES = {"inbox": "/inbox", "settings": "/settings"}


def test_a_person_reads_a_notice_and_chooses_texts_without_javascript(
    browser: Browser, site: str, shown: dict[str, str]
) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 780})
    page = context.new_page()
    sign_in(page, site, shown["veteran"], shown["pin"], "/guide")
    expect(page.locator(".nav .count")).to_contain_text("1")
    page.get_by_role("link", name="通知").click()
    page.get_by_role("link", name="在新设备上登录").first.click()
    expect(page.locator("h1")).to_have_text("在新设备上登录")
    expect(page.get_by_role("link", name="查看登录设备")).to_have_attribute("href", "/security")
    page.get_by_role("link", name="返回全部通知").click()
    page.get_by_role("link", name="设置：想不想同时收到短信").click()
    page.get_by_label("English").check()
    page.get_by_label("社保卡：申领进度").check()
    page.get_by_role("button", name="保存").click()
    expect(page.locator(".notice.yes")).to_have_text("Saved.")
    expect(page.locator("#texts-card")).to_be_checked()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    context.close()


def test_inbox_and_settings_fit_every_width_and_axe_finds_nothing(
    browser: Browser, site: str, shown: dict[str, str]
) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for look, how in LOOKS.items():
        context = browser.new_context(viewport={"width": how["width"], "height": 800})
        page: Page = context.new_page()
        sign_in(page, site, shown["veteran"], shown["pin"], "/inbox")
        first = page.locator(".inbox a").first.get_attribute("href")
        assert first
        for name, address in {**PAGES, "notice": first}.items():
            page.goto(site + with_query(address, how["query"]))
            too_wide = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert too_wide <= 0, f"{name} is {too_wide} px too wide"
            page.screenshot(path=SCREENSHOTS / f"{look}-{name}.png", full_page=True)
            assert serious(page) == [], f"{look} {name}"
        context.close()
