"""Signing in as people do it: in a real browser, without JavaScript, on a phone and a wide screen."""

import re

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.portals.axe import serious
from tests.portals.conftest import SCREENSHOTS
from tests.portals.press import press
from tests.portals.test_pages import LOOKS, with_query

pytestmark = pytest.mark.browser

SECRET = "床前明月光 silver frost"


@pytest.fixture(scope="module")
def shown(browser: Browser, site: str) -> dict[str, str]:
    """The test PIN and the id numbers of people, as the sandbox shows them."""
    page = browser.new_page()
    page.goto(f"{site}/sandbox")
    found = {"pin": page.locator(".pin b").inner_text()}
    for row in page.locator(".persons li").all():
        situation = row.locator(".hint").first.text_content() or ""
        found[situation] = (row.locator("dd code").first.text_content() or "").strip()
    page.close()
    return found


def sign_in(page: Page, site: str, number: str, pin: str, to: str = "/") -> None:
    page.goto(f"{site}/sign-in?next={to}")
    page.fill("#number", number)
    page.fill("#secret", pin)
    press(page, page.locator("main form button"))


def newest_code(page: Page, site: str) -> str:
    page.goto(f"{site}/sandbox/inbox")
    found = re.search(r"[0-9]{6,10}", page.locator(".text p").nth(1).inner_text())
    assert found
    return found[0]


def by_code(context: BrowserContext, page: Page, site: str) -> None:
    """Confirm the session with a code, looked up in another tab."""
    press(page, page.locator("main form button"))
    tab = context.new_page()
    code = newest_code(tab, site)
    tab.close()
    page.fill("#code", code)
    press(page, page.locator("main form button"))


def test_a_person_signs_in_chooses_a_password_and_uses_it_without_javascript(
    browser: Browser, site: str, shown: dict[str, str]
) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 780})
    page = context.new_page()
    number = shown["all_in_order"]
    sign_in(page, site, number, "000000")
    expect(page.locator("#secret-error")).to_be_visible()
    assert page.input_value("#number") == number
    assert page.input_value("#secret") == ""
    page.fill("#secret", shown["pin"])
    page.locator("main form button").click()
    expect(page.locator(".reader")).to_contain_text("王*")
    page.goto(f"{site}/security/password")
    expect(page.locator("h1")).to_have_text("再确认一次身份")
    by_code(context, page, site)
    expect(page.locator("h1")).to_have_text("登录密码")
    page.fill("#new", SECRET)
    page.fill("#again", SECRET)
    page.locator("main form button").first.click()
    expect(page.locator(".notice.yes")).to_be_visible()
    page.get_by_role("button", name="退出", exact=True).first.click()
    expect(page.locator(".tools")).to_contain_text("登录")
    sign_in(page, site, number, SECRET, "/security")
    expect(page.locator("h1")).to_have_text("账户安全")
    context.close()


def test_a_screen_is_signed_in_by_a_phone_without_javascript(
    browser: Browser, site: str, shown: dict[str, str]
) -> None:
    phone = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 780})
    desk = browser.new_context(java_script_enabled=False, viewport={"width": 1440, "height": 800})
    screen, page = desk.new_page(), phone.new_page()
    screen.goto(f"{site}/sign-in/scan?next=/security&new=1")
    expect(screen.locator(".qr svg")).to_be_visible()
    cookies = {one["name"]: one["value"] for one in desk.cookies(f"{site}/sign-in/scan")}
    code = cookies["scan"].split(".")[0]
    sign_in(page, site, shown["filing_none"], shown["pin"])
    page.goto(f"{site}/sign-in/approve?code={code}")
    by_code(phone, page, site)
    expect(page.locator("h1")).to_have_text("是您在登录吗？")
    page.get_by_role("button", name="是我，登录").click()
    expect(page.locator("h1")).to_have_text("已确认")
    screen.wait_for_url(f"{site}/security", timeout=15_000)
    expect(screen.locator(".reader")).to_contain_text("李*")
    for one in (phone, desk):
        one.close()


def test_password_managers_know_the_fields_and_pasting_works(
    page: Page, site: str, shown: dict[str, str]
) -> None:
    page.goto(f"{site}/sign-in")
    expect(page.locator("#number")).to_have_attribute("autocomplete", "username")
    expect(page.locator("#secret")).to_have_attribute("autocomplete", "current-password")
    page.fill("#number", shown["home"])
    page.locator("#number").select_text()
    page.keyboard.press("Control+C")
    page.locator("#secret").focus()
    page.keyboard.press("Control+V")
    assert page.input_value("#secret") == shown["home"]


def _problems(page: Page, name: str) -> list[str]:
    found: list[str] = []
    wide = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    if wide > 0:
        found.append(f"{name} is {wide} px too wide")
    small = page.evaluate(
        """[...document.querySelectorAll('main a.button, main button, .nav a, .tools a, .tools button, .tabs a')]
           .filter(e => e.offsetParent && e.getBoundingClientRect().height < 43.5)
           .map(e => e.textContent.trim())"""
    )
    found += [f"{name}: too small to touch: {one}" for one in small]
    found += [f"{name}: {one}" for one in serious(page)]
    return found


@pytest.mark.parametrize(("look", "who"), zip(
    LOOKS, ("retired_with_son", "exempt_pair", "first_generation", "name_outdated"), strict=True
))  # fmt: skip
def test_the_pages_of_the_signed_in_fit_and_axe_finds_nothing_serious(
    browser: Browser, site: str, shown: dict[str, str], look: str, who: str
) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    context = browser.new_context(viewport={"width": LOOKS[look]["width"], "height": 800})
    page = context.new_page()
    query = LOOKS[look]["query"]
    found: list[str] = []

    def looked_at(name: str) -> None:
        page.wait_for_load_state()
        found.extend(_problems(page, name))
        page.screenshot(path=SCREENSHOTS / f"{look}-{name}.png", full_page=True)

    page.goto(site + with_query("/sign-in/scan?new=1", query))
    looked_at("sign-in-scan")
    code = {one["name"]: one["value"] for one in context.cookies(f"{site}/sign-in/scan")}["scan"]
    sign_in(page, site, shown[who], "000000")
    looked_at("sign-in-wrong")
    sign_in(page, site, shown[who], shown["pin"])
    page.goto(f"{site}/sign-in?level=2&next=/security/password")
    looked_at("sign-in-more")
    press(page, page.locator("main form button"))
    looked_at("sign-in-code")
    tab = context.new_page()
    typed = newest_code(tab, site)
    tab.close()
    page.fill("#code", typed)
    page.locator("main form button").click()
    page.fill("#new", "short")
    page.fill("#again", "short")
    press(page, "main form button")
    looked_at("security-password-wrong")
    page.goto(f"{site}/security")
    looked_at("security")
    page.goto(f"{site}/security/pin")
    looked_at("security-pin")
    page.goto(f"{site}/sign-in/approve?code={code.split('.')[0]}")
    looked_at("sign-in-approve")
    press(page, page.locator("main button.plain"))
    looked_at("sign-in-refused")
    page.goto(f"{site}/sign-in?level=3")
    looked_at("sign-in-at-a-counter")
    context.close()
    assert found == []
