"""The desk of a pharmacy and of a clinic in a real browser: by keyboard alone, on a phone, in English, in
large type, and without anything axe objects to."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.portals.press import enter, press
from tests.portals.staff_site import Site, assert_accessible, served, shoot, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.server]

AT_HOME, NO_CARD = "home", "card_none"


def fits(page: Page, name: str) -> None:
    """Accessible as it is, and on a phone, in English and large type without scrolling sideways."""
    assert_accessible(page)
    shoot(page, f"{name}-1440")
    address = page.url.partition("?")[0]
    for language, size in (("en", "large"), ("zh", "normal")):
        page.goto(f"{address}?lang={language}&type={size}")
        page.set_viewport_size({"width": 360, "height": 780})
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, name
        shoot(page, f"{name}-360-{language}-{size}")
        page.set_viewport_size({"width": 1440, "height": 900})


def type_at(page: Page, field: str, text: str) -> None:
    """Type where the focus is, which is this field."""
    expect(page.locator(f"#{field}")).to_be_focused()
    page.keyboard.type(text)


def said(page: Page) -> str:
    return page.inner_text("main")


def person(place: Site, situation: str) -> dict[str, Any]:
    return next(one for one in place.persons if one["situation"] == situation)


def member(browser: Browser, place: Site, number: str) -> BrowserContext:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    page = context.new_page()
    sign_in(page, place, number)
    page.close()
    return context


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("own") / "data") as site:
        yield site


@pytest.fixture(scope="module")
def pharmacy(place: Site, browser: Browser) -> BrowserContext:
    return member(browser, place, "demo-pharmacy")


@pytest.fixture(scope="module")
def clinic(place: Site, browser: Browser) -> BrowserContext:
    return member(browser, place, "demo-clinic")


def test_two_boxes_are_sold_with_the_keyboard_alone(place: Site, pharmacy: BrowserContext) -> None:
    who = person(place, AT_HOME)
    page = pharmacy.new_page()
    page.goto(f"{place.address}/clinic")
    fits(page, "clinic-desk")
    page.goto(f"{place.address}/clinic")
    type_at(page, "shown", who["id_number"])
    enter(page)
    assert "能用" in said(page)
    type_at(page, "item", "amxljn*2")
    enter(page)
    assert "12.40" in said(page)
    # An empty line goes to the bill, where the PIN has the focus.
    expect(page.locator("#item")).to_be_focused()
    enter(page)
    type_at(page, "pin", place.pin)
    enter(page)
    assert "已结算" in said(page)
    assert_accessible(page)
    shoot(page, "clinic-sold")
    # "Next" has the focus.
    enter(page)
    assert page.url.endswith("/clinic")
    page.close()


def test_a_doctor_registers_charges_and_settles_with_the_keyboard_alone(
    place: Site, clinic: BrowserContext
) -> None:
    who = person(place, AT_HOME)
    page = clinic.new_page()
    page.goto(f"{place.address}/clinic")
    type_at(page, "shown", who["id_number"])
    enter(page)
    visit = page.url
    fits(page, "clinic-registering")
    type_at(page, "diagnosis", "感冒")
    enter(page)
    # Two are called so; the arrow chooses the second.
    expect(page.locator("input[name=diagnosis_code]").first).to_be_focused()
    assert_accessible(page)
    page.keyboard.press("ArrowDown")
    enter(page)
    assert "J00.x00" in said(page)
    type_at(page, "item", "门诊诊查")
    enter(page)
    expect(page.locator("input[name=item_code]").first).to_be_focused()
    assert "限价 15.00" in said(page)
    assert_accessible(page)
    shoot(page, "clinic-which")
    enter(page)
    type_at(page, "item", "XJ01CAA040E0")
    enter(page)
    assert "超限价 3.00 元自付" in said(page)
    fits(page, "clinic-visit")
    page.goto(visit)
    expect(page.locator("#item")).to_be_focused()
    enter(page)
    type_at(page, "pin", "000000")
    enter(page)
    assert "密码不对" in said(page)
    assert_accessible(page)
    page.focus("#pin")
    page.keyboard.type(place.pin)
    enter(page)
    assert "请收现金 3.00 元" in said(page)
    fits(page, "clinic-settlement")
    page.goto(f"{place.address}/clinic/day")
    assert "逐笔一致" in said(page)
    fits(page, "clinic-day")
    page.close()


def test_a_settlement_is_reversed_for_a_reason_and_mended(
    place: Site, clinic: BrowserContext
) -> None:
    page = clinic.new_page()
    page.goto(f"{place.address}/clinic/day")
    page.click(".day a >> nth=0")
    page.click("details.card summary")
    page.click("form:has([value=reverse]) button")
    expect(page.locator("#reason-error")).to_be_visible()
    page.fill("#reason", "重复收费")
    page.focus("#reason")
    enter(page)
    assert "应退 3.00 元" in said(page)
    assert_accessible(page)
    press(page, ".after a >> nth=2")
    assert "-24.20" in said(page)
    page.click("form:has([value=give_up]) button")
    expect(page.locator("main")).to_contain_text("没有收费")
    page.close()


def test_where_the_card_does_not_work_the_page_says_what_to_do(
    place: Site, pharmacy: BrowserContext
) -> None:
    page = pharmacy.new_page()
    page.goto(f"{place.address}/clinic")
    type_at(page, "shown", person(place, NO_CARD)["id_number"])
    enter(page)
    assert "现在还不能用" in said(page)
    assert "申领" in said(page)
    fits(page, "clinic-no")
    page.close()


def test_no_page_of_the_desk_needs_a_script_and_each_is_small(
    place: Site, clinic: BrowserContext, pharmacy: BrowserContext
) -> None:
    for context in (clinic, pharmacy):
        for path in ("/clinic", "/clinic/day"):
            answer = context.request.get(place.address + path)
            assert answer.status == 200, path
            assert len(answer.body()) < 100_000, path
            assert not re.search(r"<script(?![^>]*src=)|style=|onclick=", answer.text()), path
