"""The pages of administrators, in a real browser: members of staff, machines, services, keys."""

import json
import urllib.error
import urllib.request

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.portals.press import press
from tests.portals.staff_site import Site, assert_accessible, shoot, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.server]

SEND = "main button[type=submit]"
SIZES = (("en", "large", 360), ("zh", "normal", 360), ("zh", "large", 1440), ("zh", "normal", 1440))


def looked_at(page: Page, name: str) -> None:
    """The page fits and is accessible in each language, size and width."""
    address = page.url
    for language, size, width in SIZES:
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{address}{'&' if '?' in address else '?'}lang={language}&type={size}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, language)
        shoot(page, f"{name}-{width}-{language}-{size}")
    assert_accessible(page)


def opened(browser: Browser, place: Site, number: str) -> Page:
    page = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN").new_page()
    sign_in(page, place, number)
    return page


def test_an_administrator_adds_a_member_and_a_second_one_approves_the_role(
    place: Site, browser: Browser
) -> None:
    page = opened(browser, place, "demo-sichuan")
    press(page, "text=工作人员 >> nth=0")
    assert "演示成都窗口" in page.inner_text("main")
    # Nobody of other provinces: the office or a role lies in the reader's regions.
    assert "demo-finance-2" not in page.inner_text("main")
    looked_at(page, "members")
    page.goto(f"{place.address}/staff/members/new")
    page.fill("#number", "C 1")
    page.fill("#region", "北京市")
    page.keyboard.press("Tab")
    press(page, SEND)
    assert "权限不包括" in page.inner_text("#region-error")
    assert page.input_value("#number") == "C 1"
    page.fill("#region", "天上")
    page.keyboard.press("Tab")
    press(page, SEND)
    assert page.is_visible("#number-error")
    assert page.is_visible("#region-error")
    page.fill("#number", "cd-001")
    page.fill("#name", "王芳")
    page.fill("#region", "成都市")
    page.keyboard.press("Tab")
    key = page.input_value("input[name=key]")
    press(page, SEND)
    password = page.inner_text("#secret")
    assert page.url.endswith(f"/staff/handed/{key}")
    looked_at(page, "handed")
    with page.expect_download() as download:
        page.click("text=PDF")
    assert download.value.suggested_filename == "cd-001.pdf"
    # The same form again is the same member and the same password.
    sent = page.request.post(
        f"{place.address}/staff/members/new",
        form={"key": key, "number": "cd-001", "name": "王芳", "region": "成都市"},
        headers={"Origin": place.address, "Sec-Fetch-Site": "same-origin"},
    )
    assert password in sent.text()
    press(page, "main form button")
    assert "不再显示" in page.inner_text("[role=status]")
    page.goto(f"{place.address}/staff/handed/{key}")
    assert password not in page.content()
    member = f"{place.address}/staff/members/cd-001"
    page.goto(member)
    page.fill("#region", "全国")
    press(page, "#grant button")
    assert "权限不包括" in page.inner_text("#region-error")
    page.fill("#region", "成都市")
    page.keyboard.press("Tab")
    press(page, "#grant button")
    assert "等另一位管理员复核" in page.inner_text("[role=status]")
    looked_at(page, "member")
    second = opened(browser, place, "demo-sichuan-2")
    assert "王芳" in second.inner_text(".approval")
    press(second, "button[value=approve]")
    page.goto(member)
    assert "窗口经办 四川省成都市" in page.inner_text("#revoke")
    page.click("summary:has-text('停用')")
    press(page, "#suspend button")
    assert "此人已停用" in page.inner_text("main")
    page.click("summary:has-text('恢复')")
    press(page, "#resume button")
    press(page, "#revoke button")
    assert "岗位已收回" in page.inner_text("[role=status]")
    trail = page.inner_text("section:has(#events)")
    for word in ("添加", "授予岗位", "停用", "恢复", "收回岗位", "demo-sichuan"):
        assert word in trail
    page.click("summary:has-text('重新生成首次密码')")
    press(page, "#password button")
    assert page.inner_text("#secret") != password
    # Themselves and who has a role beyond the province they do not manage.
    page.goto(f"{place.address}/staff/members/demo-sichuan")
    assert page.locator("main form").count() == 0
    wide = page.goto(f"{place.address}/staff/members/demo-counter")
    assert wide is not None
    assert wide.status == 403
    for path in ("/staff/members/demo-sichuan/leave", "/staff/members/demo-counter/leave"):
        refused = page.request.post(
            f"{place.address}{path}",
            form={"key": "k"},
            headers={"Origin": place.address, "Sec-Fetch-Site": "same-origin"},
        )
        assert refused.status in (403, 422), path
    page.context.close()
    second.context.close()


def test_an_auditor_sees_members_and_changes_nothing(place: Site, browser: Browser) -> None:
    page = opened(browser, place, "demo-auditor")
    page.goto(f"{place.address}/staff/members?q=demo-ch")
    assert page.locator(".pairs li").count() == 1
    press(page, ".pairs a")
    assert page.locator("main form").count() == 0
    page.goto(f"{place.address}/staff/members?q=nobody-at-all")
    assert "没有找到" in page.inner_text("main")
    sent = page.request.post(
        f"{place.address}/staff/members/demo-chengdu/suspend",
        form={"key": "k"},
        headers={"Origin": place.address, "Sec-Fetch-Site": "same-origin"},
    )
    assert sent.status == 403
    page.context.close()


def test_a_machine_gets_a_token_once_another_one_and_is_revoked(
    place: Site, wide: BrowserContext
) -> None:
    page = wide.new_page()
    sign_in(page, place, "demo-admin")
    page.goto(f"{place.address}/operations/machines")
    page.click("text=添加接口凭证")
    page.fill("#id", "bank-7")
    page.fill("#grant", "money.reed@510100")
    press(page, SEND)
    assert "money.reed" in page.inner_text("#grant-error")
    assert page.input_value("#grant") == "money.reed@510100"
    page.fill("#grant", "money.read@510100\nstaff.read")
    page.fill("#name", "Bank 7")
    press(page, SEND)
    token = page.inner_text("#secret")
    assert knows(place, token) == 200
    press(page, "main form button")
    assert token not in page.content()
    looked_at(page, "machines")
    page.click("#bank-7 summary >> nth=0")
    press(page, "#bank-7 button >> nth=0")
    newer = page.inner_text("#secret")
    assert newer != token
    page.goto(f"{place.address}/operations/machines")
    page.click("#bank-7 summary >> nth=1")
    press(page, "#bank-7 button.alarm")
    assert "停用" in page.inner_text("#bank-7 .notice")
    page.goto(f"{place.address}/operations/clients")
    page.click("text=登记接入方")
    page.fill("#client_id", "library-7")
    page.fill("#name_zh", "图书馆")
    page.fill("#name_en", "Library")
    page.fill("#redirect_uris", "http://library.example/back")
    page.check("#scope-profile")
    press(page, SEND)
    assert page.is_visible("#redirect_uris-error")
    assert page.is_checked("#scope-profile")
    assert_accessible(page)
    page.fill("#redirect_uris", "https://library.example/back")
    press(page, SEND)
    assert len(page.inner_text("#secret")) == 43
    page.goto(f"{place.address}/operations/clients")
    looked_at(page, "clients")
    page.click("#library-7 summary:has-text('停用')")
    press(page, "#library-7 button.alarm")
    press(page, "#library-7 button.plain")
    assert "已启用" in page.inner_text("[role=status]")
    page.goto(f"{place.address}/operations/keys")
    assert "keys.rotate" in page.inner_text(".notice")
    looked_at(page, "keys")


def knows(place: Site, token: str) -> int:
    request = urllib.request.Request(
        f"{place.address}/api/v1/staff?q=demo-ch", headers={"Authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            assert len(json.loads(answer.read())) == 1
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code
