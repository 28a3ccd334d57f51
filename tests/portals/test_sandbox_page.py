"""The sandbox page in a real browser; its answers without one are tested with the sandbox."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.portals.conftest import SCREENSHOTS

PROVIDER = "H51011200001"


@pytest.mark.browser
def test_a_programmer_finds_a_key_and_switches_a_fault_without_javascript(
    browser: Browser, site: str
) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 780})
    page: Page = context.new_page()
    page.goto(site)
    page.get_by_role("link", name="开发者沙箱").click()
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    first = page.locator("details").first
    first.locator("summary").click()
    expect(first).to_contain_text(re.compile("510112"))
    page.select_option("#provider", PROVIDER)
    page.check("#fault-unavailable")
    page.fill("#transaction", "3201")
    page.fill("#times", "3")
    page.get_by_role("button", name="打开故障").click()
    expect(page.locator(".moves")).to_contain_text("3201")
    page.screenshot(path=SCREENSHOTS / "phone-sandbox-switched.png", full_page=True)
    page.get_by_role("button", name="关闭").click()
    expect(page.locator(".moves")).to_have_count(0)
    page.fill("#transaction", "22")
    page.get_by_role("button", name="打开故障").click()
    expect(page.locator("#transaction-error")).to_contain_text("4 位数字")
    expect(page.locator("#fault-slow")).to_be_checked()
    context.close()
