"""The counter and the hotline in a real browser: by keyboard alone, on a phone, in English, in large
type, and without anything axe objects to."""

import re

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.portals.press import enter, press
from tests.portals.staff_site import Site, assert_accessible, shoot, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.server]


def fits(page: Page, name: str) -> None:
    """Accessible as it is, and on a phone, in English and large type without scrolling sideways."""
    assert_accessible(page)
    shoot(page, f"{name}-1440")
    address = page.url.partition("?")[0]
    query = page.url.partition("?")[2]
    for language, size in (("en", "large"), ("zh", "normal")):
        page.goto(f"{address}?{query}&lang={language}&type={size}".replace("?&", "?"))
        page.set_viewport_size({"width": 360, "height": 780})
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, name
        shoot(page, f"{name}-360-{language}-{size}")
        page.set_viewport_size({"width": 1440, "height": 900})


def tab_to(page: Page, text: str) -> None:
    """Press Tab until the focus is on what is called so."""
    for _ in range(80):
        if page.evaluate("document.activeElement.textContent").strip() == text:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never came to {text}")


def facts(page: Page) -> str:
    return page.inner_text("main")


@pytest.fixture(scope="module")
def clerk(place: Site, browser: Browser) -> BrowserContext:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    sign_in(context.new_page(), place, "demo-counter")
    return context


IN_ORDER, NO_FILING, LOSES_THE_CARD = 1_000_001, 1_000_002, 1_000_004


def person(place: Site, person_id: int) -> dict[str, str]:
    return next(one for one in place.persons if one["person_id"] == person_id)


def test_a_filing_is_made_with_the_keyboard_alone(place: Site, clerk: BrowserContext) -> None:
    who = person(place, NO_FILING)
    page = clerk.new_page()
    page.goto(f"{place.address}/staff/desk")
    # The search field has the focus: type, Enter.
    page.wait_for_function("document.activeElement.tagName === 'INPUT'")
    page.keyboard.type(who["id_number"])
    enter(page)
    assert "异地就医备案" in facts(page)
    # A browser that is steered takes no access keys; Tab goes there as well.
    assert page.locator("a", has_text="办理异地就医备案").get_attribute("accesskey")
    tab_to(page, "办理异地就医备案")
    enter(page)
    # The kind that was preset has the focus; Tab goes over reason to the place.
    page.wait_for_function("document.activeElement.tagName === 'INPUT'")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("北京")
    page.keyboard.press("Escape")
    enter(page)
    assert "已办好" in facts(page)
    assert_accessible(page)
    shoot(page, "counter-receipt")
    # "Next person" has the focus.
    enter(page)
    assert page.url.endswith("/staff/desk")
    page.close()


def test_the_pages_of_the_counter_fit_and_are_accessible(
    place: Site, clerk: BrowserContext
) -> None:
    page = clerk.new_page()
    page.goto(f"{place.address}/staff/desk")
    fits(page, "counter-desk")
    who = person(place, IN_ORDER)
    base = f"{place.address}/staff/people/{who['person_id']}"
    page.goto(base)
    fits(page, "counter-person")
    for name in ("filing", "claim", "authority", "card_renew", "card_cancel", "pin_reset",
                 "identity_change", "contribution_months"):  # fmt: skip
        page.goto(f"{base}/errands/{name}")
        fits(page, f"counter-{name}")
    page.goto(f"{base}/errands/filing")
    page.fill("#destination", "朝阳")
    page.keyboard.press("Escape")
    enter(page)
    assert page.is_visible("#destination-error")
    assert_accessible(page)
    page.goto(f"{base}/check?to=北京&service=inpatient")
    fits(page, "counter-check")
    page.fill("#finder", "张伟")
    enter(page)
    fits(page, "counter-results")
    page.close()


def test_every_page_of_the_counter_is_small(place: Site, clerk: BrowserContext) -> None:
    who = person(place, IN_ORDER)["person_id"]
    for path in ("/staff/desk", f"/staff/people/{who}", f"/staff/people/{who}/errands/filing",
                 f"/staff/people/{who}/errands/claim", f"/staff/people/{who}/check"):  # fmt: skip
        answer = clerk.request.get(place.address + path)
        assert answer.status == 200, path
        assert len(answer.body()) < 100_000, path


def test_a_call_is_answered_and_a_loss_reported_with_one_button(
    place: Site, browser: Browser
) -> None:
    who = person(place, LOSES_THE_CARD)
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    page = context.new_page()
    sign_in(page, place, "demo-hotline")
    page.goto(f"{place.address}/staff/calls")
    fits(page, "hotline-start")
    page.goto(f"{place.address}/staff/calls")
    page.wait_for_function("document.activeElement.id === 'name'")
    page.keyboard.type(who["name"])
    page.fill("#number", who["card_number"])
    page.check("#third-birth_date")
    number = who["id_number"]
    page.fill("#value", f"{number[6:10]}-{number[10:12]}-{number[12:14]}")
    enter(page)
    assert "可以使用" in facts(page)
    call = page.url
    press(page, "button.alarm")
    assert "已临时挂失" in facts(page)
    assert_accessible(page)
    page.goto(call)
    fits(page, "hotline-call")
    page.goto(f"{call}/check?to=北京&service=inpatient")
    fits(page, "hotline-check")
    page.goto(call)
    page.check("#topic-loss")
    press(page, "form[action$='/note'] button")
    assert "已记下" in facts(page)
    assert number not in page.content()
    context.close()


def test_nothing_of_the_staff_pages_needs_a_script(place: Site, clerk: BrowserContext) -> None:
    who = person(place, IN_ORDER)["person_id"]
    for path in ("/staff/desk", f"/staff/people/{who}", f"/staff/people/{who}/errands/claim"):
        body = clerk.request.get(place.address + path).text()
        assert not re.search(r"<script(?![^>]*src=)|style=|onclick=", body), path
