"""The pension page: asked without JavaScript, wrong answers kept, a file filled in."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser


def test_the_page_answers_when_and_how_much_without_javascript(browser: Browser, site: str) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 360, "height": 780})
    page = context.new_page()
    page.goto(f"{site}/pension")
    page.get_by_label("男职工").check()
    page.get_by_label("出生年月").fill("1975-06")
    page.get_by_label("已缴费 年").fill("20")
    page.get_by_label("参保地").fill("beijing")
    page.get_by_label("平均缴费指数").fill("1.2")
    page.get_by_label("个人账户余额（元）").fill("150,000")
    page.get_by_role("button", name="开始测算").click()
    expect(page.locator("#result-title")).to_contain_text("2038年2月")
    ways = page.locator(".ways > section")
    expect(ways).to_have_count(3)
    sums = [float(one.replace(",", "")) for one in page.locator(".way-sum b").all_inner_texts()]
    assert sums == sorted(sums)
    steps = page.locator("#way-statutory ~ details li")
    expect(steps.last).to_contain_text("每月养老金")
    assert page.locator("#way-statutory ~ details .clause").count() >= 5
    # What was typed is still there to be changed.
    expect(page.get_by_label("已缴费 年")).to_have_value("20")
    context.close()


def test_what_is_wrong_is_told_beside_its_field_and_nothing_typed_is_lost(
    page: Page, site: str
) -> None:
    page.goto(f"{site}/pension?go=1&birth=1975-13&years=90&index=9&region=beijing&account=abc")
    for field in ("birth", "years", "index", "account", "group"):
        expect(page.locator(f"#{field}-error")).to_be_visible()
    expect(page.locator("#account")).to_have_value("abc")
    expect(page.locator("#birth")).to_have_value("1975-13")
    page.get_by_role("link", name=re.compile("指数应在")).click()
    assert page.url.endswith("#index")


def test_the_file_of_a_made_up_person_fills_what_was_left_empty(page: Page, site: str) -> None:
    page.goto(f"{site}/pension")
    value = page.locator("#person option", has_text="养老金正常领取").get_attribute("value")
    page.locator("#person").select_option(value)
    page.get_by_role("button", name="开始测算").click()
    expect(page.locator("#result-title")).to_contain_text("已到法定退休年龄")
    expect(page.locator("#region")).to_have_value("成都市")
    expect(page.locator("#years")).to_have_value("20")


def test_a_region_without_a_figure_asks_for_it(page: Page, site: str) -> None:
    page.goto(f"{site}/pension?go=1&birth=1975-06&group=men&region=zhengzhou&years=20")
    expect(page.locator("#average_wage-error")).to_be_visible()
    page.locator("#average_wage").fill("7300")
    page.get_by_role("button", name="开始测算").click()
    expect(page.locator("#result-title")).to_contain_text("2038年2月")
