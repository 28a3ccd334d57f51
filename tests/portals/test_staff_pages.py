"""The pages of staff and of acting for others, in a real browser."""

import json
import urllib.error
import urllib.request
from datetime import datetime

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.portals.press import press
from tests.portals.staff_site import Site, assert_accessible, next_code, shoot, sign_in
from yikatong.core.clock import SHANGHAI

pytestmark = [pytest.mark.browser, pytest.mark.server]


def test_staff_signs_in_with_two_factors_and_sees_what_each_role_may_do(
    place: Site, wide: BrowserContext
) -> None:
    page = wide.new_page()
    page.goto(f"{place.address}/staff")
    assert_accessible(page)
    shoot(page, "staff-sign-in")
    page.fill("#number", "demo-chengdu")
    page.fill("#password", "wrong")
    page.keyboard.press("Enter")
    assert "不对" in page.inner_text("#number-error")
    assert page.input_value("#number") == "demo-chengdu"
    assert page.input_value("#password") == ""
    sign_in(page, place, "demo-chengdu")
    assert "现在没有要办的事" in page.inner_text("main")
    page.keyboard.press("Enter")
    page.wait_for_url("**/staff/desk")
    page.go_back()
    page.wait_for_load_state()
    page.click("#may ~ details summary")
    text = page.inner_text("main")
    assert "四川省成都市" in text
    assert "办理、变更、撤销备案" in text
    assert "管理工作人员" not in text
    assert_accessible(page)
    shoot(page, "staff-home")
    for language, size in (("en", "large"), ("zh", "normal")):
        page.goto(f"{place.address}/staff?lang={language}&type={size}")
        page.set_viewport_size({"width": 360, "height": 780})
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        shoot(page, f"staff-home-360-{language}-{size}")
        page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{place.address}/staff/password")
    page.click("header button")
    page.wait_for_selector("#number")
    page.goto(f"{place.address}/staff/password")
    assert page.url.endswith("/staff?next=%2Fstaff%2Fpassword")


def test_a_new_member_enrols_keeps_codes_and_chooses_a_password(
    place: Site, wide: BrowserContext
) -> None:
    done = place.server.command(
        "staff", "add", "w1", "--name", "王芳", "--role", "counter", "--region", "510100", "--json"
    )
    first = json.loads(done.stdout)["password"]
    page = wide.new_page()
    page.goto(f"{place.address}/staff?next=/staff/password")
    page.fill("#number", "w1")
    page.fill("#password", first)
    page.keyboard.press("Enter")
    page.wait_for_selector(".qr svg")
    secret = page.inner_text("section code").replace(" ", "")
    assert_accessible(page)
    shoot(page, "staff-enrol")
    page.fill("#code", "000000")
    page.keyboard.press("Enter")
    page.wait_for_selector("#code-error")
    assert page.inner_text("section code").replace(" ", "") == secret
    page.fill("#code", next_code(secret))
    page.keyboard.press("Enter")
    page.wait_for_selector(".codes")
    assert page.locator(".codes li").count() == 10
    assert_accessible(page)
    shoot(page, "staff-recovery")
    page.click("a.button")
    page.fill("#current", first)
    page.fill("#password", "short")
    page.fill("#again", "short")
    page.keyboard.press("Enter")
    assert "12" in page.inner_text("#password-error")
    assert_accessible(page)
    shoot(page, "staff-password")
    page.fill("#current", first)
    page.fill("#password", "correct horse battery")
    page.fill("#again", "correct horse battery")
    page.keyboard.press("Enter")
    page.wait_for_selector("a[href='/staff']:has-text('返回')")
    page.goto(f"{place.address}/staff")
    assert "王芳" in page.inner_text("h1")


def test_a_second_person_approves_on_the_page(place: Site, browser: Browser) -> None:
    status, opened = place.api(
        "POST", "/api/v1/money/accounts", {"person_id": 1_000_003, "bank": "PSBC"}
    )
    assert status == 201
    account = opened["account"]
    path = f"/api/v1/money/accounts/{account['person_id']}/{account['account_id']}/freeze"
    body = {"reason": "court", "document": "(2026)川01执1号"}
    status, asked = place.api("POST", path, body, "court-1")
    assert status == 202, asked
    assert place.api("POST", path, body, "court-2")[0] == 202
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    page = context.new_page()
    sign_in(page, place, "demo-finance")
    assert page.locator(".approval").count() == 2
    assert "(2026)川01执1号" in page.inner_text(".approval >> nth=0")
    assert_accessible(page)
    shoot(page, "staff-approvals")
    page.click("button[value=refuse] >> nth=0")
    assert "原因" in page.inner_text(".wrong")
    page.fill("input[name=reason] >> nth=0", "文书号不对")
    page.click("button[value=refuse] >> nth=0")
    expect(page.locator(".approval")).to_have_count(1)
    press(page, "button[value=approve]")
    assert "已同意并执行" in page.inner_text("[role=status]")
    assert page.locator(".approval").count() == 0
    assert place.api("POST", path, body, "court-1")[0] == 409
    status, done = place.api("POST", path, body, "court-2")
    assert status == 200, done
    context.close()


def test_forms_of_other_sites_are_refused(place: Site, wide: BrowserContext) -> None:
    page = wide.new_page()
    sign_in(page, place, "demo-finance-2")
    cookie = next(one for one in wide.cookies() if one["name"] == "staff")
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    for path in ("sign-in", "code", "enrol", "password", "sessions", "sign-out", "approvals/1"):
        request = urllib.request.Request(
            f"{place.address}/staff/{path}",
            data=b"x=1",
            headers={
                "Cookie": f"staff={cookie['value']}",
                "Origin": "https://elsewhere.example",
                "Sec-Fetch-Site": "cross-site",
            },
        )
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request, timeout=20)
        assert caught.value.code == 403, path
    page.reload()
    assert page.is_visible("#may")


def person_signs_in(page: Page, place: Site, id_number: str) -> None:
    page.goto(f"{place.address}/sign-in?next=/acting")
    page.fill("#number", id_number)
    page.fill("#secret", place.pin)
    page.keyboard.press("Enter")
    page.wait_for_selector("#granted")


def test_somebody_acts_for_another_by_authority_and_sees_it_on_every_page(
    place: Site, page: Page
) -> None:
    able = [
        one for one in place.persons
        if one["card_number"] and 1950 < int(one["id_number"][6:10]) < 2000
    ]  # fmt: skip
    agent, principal = able[0], able[1]
    today = datetime.now(SHANGHAI).date().isoformat()
    status, made = place.api(
        "POST", f"/api/v1/authorities/{principal['person_id']}",
        {
            "agent_id": agent["person_id"], "services": ["filing", "card"],
            "starts_on": today, "ends_on": today,
            "evidence": "委托书 7",
        },
    )  # fmt: skip
    assert status == 201, made
    person_signs_in(page, place, agent["id_number"])
    assert_accessible(page)
    shoot(page, "acting-360")
    page.click("form[action^='/acting/begin'] button")
    assert "您正在为" in page.inner_text(".acting")
    page.goto(f"{place.address}/guide")
    assert "您正在为" in page.inner_text(".acting")
    assert_accessible(page)
    page.goto(f"{place.address}/acting?lang=en&type=large")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    shoot(page, "acting-360-en-large")
    press(page, ".acting button")
    assert not page.is_visible(".acting")
    page.goto(f"{place.address}/acting?lang=zh&type=normal")
    revoked, _ = place.api(
        "POST", f"/api/v1/authorities/{principal['person_id']}/{made['authority_id']}/revoke"
    )
    assert revoked == 200
    press(page, "form[action^='/acting/begin'] button")
    assert "不能替他办" in page.inner_text("main")
