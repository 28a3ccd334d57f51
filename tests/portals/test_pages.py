"""The pages in a real browser: looked at, used by keyboard and without JavaScript, checked by axe."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.portals.axe import serious
from tests.portals.conftest import SCREENSHOTS
from tests.portals.press import press

pytestmark = pytest.mark.browser

ASKED = "/?person=1000002&to=beijing&service=inpatient&date=2026-03-01"
BILL = "/calculator?go=1&region=500000&retired=1&age=66&total=100000&self_paid=2000&date=2026-03-01"
PENSION = (
    "/pension?go=1&birth=1975-06&group=men&region=beijing&years=20&months=10&index=1.2"
    "&account=150000&deemed_years=3"
)
PAGES = {
    "check": "/",
    "check-wrong": "/?person=&to=%E6%9C%9D%E9%98%B3&service=&date=2026-03-01",
    "answer-yes": "/?person=1000001&to=beijing&service=inpatient&date=2026-03-01",
    "answer-yes-but": ASKED,
    "answer-no": "/?person=1000026&to=beijing&service=outpatient",
    "calculator": "/calculator",
    "calculator-wrong": "/calculator?go=1&total=-5",
    "result": BILL,
    "account": "/account",
    "account-shown": "/account?person=1000009",
    "account-frozen": "/account?person=1000051",
    "account-wrong": "/account?person=1000009&since=2026-05-01&until=2026-04-01",
    "benefits": "/benefits",
    "unemployment": "/unemployment",
    "unemployment-result": "/unemployment?go=1&region=510100&months_paid=72&reason=dismissed&registered=yes",
    "unemployment-wrong": "/unemployment?go=1&region=510100&months_paid=x&reason=&registered=no",
    "pension": "/pension",
    "pension-wrong": "/pension?go=1&birth=1975-13&region=%E6%9C%9D%E9%98%B3&years=&account=abc",
    "pension-result": PENSION,
    "pension-too-short": "/pension?go=1&birth=1984-03&group=women_50&region=chengdu&years=3&stops=1",
    "guide": "/guide",
    "guide-search": "/guide?q=beian",
    "topic": "/guide/filing",
    "questions": "/questions",
    "sandbox": "/sandbox",
    "sandbox-provider": "/sandbox/H51011200001",
    "sign-in": "/sign-in",
    "sign-in-by-code": "/sign-in?by=code",
    "sandbox-inbox": "/sandbox/inbox",
    "not-found": "/nothing-here",
}
LOOKS: dict[str, dict[str, Any]] = {
    "phone": {"width": 360, "query": ""},
    "desktop": {"width": 1440, "query": ""},
    "large-type": {"width": 360, "query": "type=large"},
    "english": {"width": 390, "query": "lang=en"},
}


def with_query(address: str, query: str) -> str:
    if not query:
        return address
    return f"{address}{'&' if '?' in address else '?'}{query}"


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_fits_its_width_and_is_kept_as_a_picture(
    browser: Browser, site: str, look: str
) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    context = browser.new_context(viewport={"width": LOOKS[look]["width"], "height": 800})
    page = context.new_page()
    problems: list[str] = []
    page.on(
        "console",
        lambda message: problems.append(message.text) if message.type == "error" else None,
    )
    page.on("pageerror", lambda error: problems.append(str(error)))
    for name, address in PAGES.items():
        page.goto(site + with_query(address, LOOKS[look]["query"]))
        too_wide = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert too_wide <= 0, f"{name} is {too_wide} px too wide"
        small = page.evaluate(
            """[...document.querySelectorAll('main a.button, main button, .nav a, .tools a, summary')]
               .filter(e => e.offsetParent && e.getBoundingClientRect().height < 43.5)
               .map(e => e.textContent.trim())"""
        )
        assert small == [], f"{name}: too small to touch: {small}"
        page.screenshot(path=SCREENSHOTS / f"{look}-{name}.png", full_page=True)
    context.close()
    # The browser itself reports the 404 and 422 answers that some of these pages are.
    assert [one for one in problems if "Failed to load resource" not in one] == []


@pytest.fixture(scope="module")
def looked_at(browser: Browser) -> Iterator[Page]:
    """One page for all that is only looked at: a new one, and axe read anew, takes half a second."""
    context = browser.new_context(viewport={"width": 360, "height": 780}, locale="zh-CN")
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("query", ["", "lang=en&type=large"])
def test_axe_finds_nothing_serious(looked_at: Page, site: str, name: str, query: str) -> None:
    looked_at.context.clear_cookies()
    looked_at.goto(site + with_query(PAGES[name], query))
    assert serious(looked_at) == []


def test_a_person_asks_by_keyboard_alone(page: Page, site: str) -> None:
    page.goto(site)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    page.locator("#person").focus()
    page.keyboard.press("ArrowDown")
    while page.locator("#person").input_value() != "1000002":
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.type("beiji")
    expect(page.locator("#to-list li").first).to_contain_text("北京市")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#to")).to_have_value("北京市")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.locator("#service-inpatient")).to_be_checked()
    page.keyboard.press("Enter")
    expect(page.locator("#verdict")).to_have_text("能用，但有几件事要注意")
    expect(page.locator(".todo")).to_contain_text("没有异地就医备案")


def test_the_check_works_without_javascript_and_asks_which_place_is_meant(
    browser: Browser, site: str
) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 780})
    page = context.new_page()
    page.goto(site)
    page.select_option("#person", "1000001")
    page.fill("#to", "朝阳")
    page.check("#service-inpatient", force=True)
    page.get_by_role("button", name="查一查").click()
    expect(page.locator(".errors")).to_contain_text("有几个地方叫这个名字")
    assert page.locator("#person").input_value() == "1000001"
    assert page.locator("#service-inpatient").is_checked()
    page.get_by_label("北京市朝阳区").check()
    page.get_by_role("button", name="查一查").click()
    expect(page.locator("#verdict")).to_have_text("能用")
    context.close()


def test_the_calculator_works_without_javascript_and_keeps_what_was_typed(
    browser: Browser, site: str
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}/calculator")
    page.select_option("#region", "510100")
    page.fill("#age", "40")
    page.fill("#at", "北京")
    page.fill("#total", "30000")
    page.fill("#first_pay", "40000")
    page.get_by_role("button", name="算一算").click()
    expect(page.locator("#first_pay-error")).to_be_visible()
    assert page.input_value("#total") == "30000"
    page.fill("#first_pay", "")
    page.get_by_role("button", name="算一算").click()
    expect(page.locator(".big")).to_contain_text("12,626.00")
    expect(page.locator(".big")).to_contain_text("17,374.00")
    expect(page.locator("#result")).to_contain_text("长期居住备案")
    page.go_back()
    assert page.input_value("#total") == "30000"
    context.close()


def test_the_waterfall_shows_every_part_where_the_one_before_ended(page: Page, site: str) -> None:
    page.goto(site + BILL)
    bars = page.eval_on_selector_all(
        ".fall rect", "bars => bars.map(b => [+b.getAttribute('x'), +b.getAttribute('width')])"
    )
    assert bars[0] == [0, 1000]
    at = 0.0
    for start, width in bars[1:]:
        assert abs(start - at) < 0.02
        at = start + width
    assert abs(at - 1000) < 2


def test_language_and_type_size_are_remembered(page: Page, site: str) -> None:
    page.goto(site)
    page.get_by_role("link", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    press(page, page.get_by_role("link", name="Large type"))
    page.goto(f"{site}/guide/filing")
    expect(page.locator("h1")).to_have_text("Filing for care elsewhere")
    expect(page.locator("html")).to_have_class("large")


def test_a_question_leads_to_the_check_with_its_service_chosen(page: Page, site: str) -> None:
    page.goto(f"{site}/questions")
    question = page.locator("details.card").first
    question.locator("summary").click()
    link = question.get_by_role("link")
    service = (link.get_attribute("href") or "").rpartition("=")[2]
    link.click()
    expect(page.locator(f"#service-{service}")).to_be_checked()
    expect(page.locator(".errors")).to_have_count(0)
