"""One's own card, as its holder handles it on a phone: got, activated, lost, found, replaced."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.portals.axe import violations
from tests.portals.conftest import SCREENSHOTS
from tests.portals.press import press
from tests.portals.staff_site import Site
from tests.portals.test_pages import LOOKS, with_query
from tests.trust.files import jpeg

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def numbers(browser: Browser, site: str) -> dict[str, str]:
    """The id numbers of the people to try, by situation."""
    page = browser.new_page()
    page.goto(f"{site}/sandbox")
    found = {"pin": page.locator(".pin b").inner_text()}
    for row in page.locator(".persons li").all():
        situation = row.locator(".hint").first.text_content() or ""
        found[situation] = (row.locator("dd code").first.text_content() or "").strip()
    page.close()
    return found


@pytest.fixture
def face(tmp_path: Path) -> Path:
    """A picture."""
    file = tmp_path / "face.jpg"
    file.write_bytes(jpeg())
    return file


def signed_in(browser: Browser, site: str, number: str, *, script: bool = False) -> BrowserContext:
    """A phone signed in by a code."""
    context = browser.new_context(
        java_script_enabled=script, viewport={"width": 360, "height": 780}, locale="zh-CN"
    )
    page = context.new_page()
    page.goto(f"{site}/sign-in?by=code&next=/card")
    page.fill("#number", number)
    press(page, page.locator("main form button"))
    tab = context.new_page()
    tab.goto(f"{site}/sandbox/inbox")
    code = re.search(r"[0-9]{6,10}", tab.locator(".text p").nth(1).inner_text())
    assert code
    tab.close()
    page.fill("#code", code[0])
    page.locator("main form button").click()
    expect(page.locator("h1")).to_have_text("我的社保卡")
    return context


def choose_pin(page: Page, pin: str, face: Path) -> None:
    page.fill("#pin", pin)
    page.fill("#again", pin)
    page.set_input_files("#face", face)
    page.locator("main form button").click()


def test_a_new_card_is_activated_lost_and_found_without_javascript(
    browser: Browser, site: str, numbers: dict[str, str], face: Path
) -> None:
    context = signed_in(browser, site, numbers["social_security_app_inactive"])
    page = context.pages[0]
    page.get_by_role("link", name="启用社保功能").click()
    choose_pin(page, "123456", face)
    expect(page.locator("#pin-error")).to_contain_text("连着的数字")
    choose_pin(page, "739204", face)
    expect(page.locator(".notice.yes")).to_contain_text("卡已启用")
    page.get_by_role("link", name="临时挂失").click()
    page.locator("main form button").click()
    expect(page.locator(".plastic")).to_contain_text("已临时挂失")
    page.get_by_role("link", name="找到了，解除挂失").click()
    page.set_input_files("#face", face)
    page.locator("main form button").click()
    expect(page.locator(".plastic")).to_contain_text("正常")
    context.close()


def test_the_first_card_is_applied_for_online_and_followed(
    browser: Browser, site: str, numbers: dict[str, str], face: Path
) -> None:
    context = signed_in(browser, site, numbers["card_none"])
    page = context.pages[0]
    page.get_by_role("link", name="网上申请首张卡").click()
    counter = page.locator("#pickup_place option").nth(1).inner_text()
    page.select_option("#pickup_place", label=counter)
    page.set_input_files("#photo", face)
    page.set_input_files("#face", face)
    page.locator("main form button").click()
    expect(page.locator(".track .now")).to_contain_text("审核")
    expect(page.locator("main")).to_contain_text(counter)
    page.go_back()
    page.set_input_files("#photo", face)
    page.set_input_files("#face", face)
    page.locator("main form button").click()
    expect(page.locator(".errors")).to_contain_text("已有一笔申请在办")
    page.goto(f"{site}/card")
    expect(page.locator(".track")).to_have_count(1)
    page.get_by_role("link", name="撤回申请").click()
    expect(page.locator("main")).to_contain_text("申请就此结束")
    page.get_by_role("button", name="撤回申请").click()
    expect(page.locator(".notice.yes")).to_contain_text("已撤回")
    context.close()


def test_a_lost_card_is_replaced_and_the_fee_paid_at_the_counter_or_online(
    browser: Browser, site: str, numbers: dict[str, str], face: Path
) -> None:
    context = signed_in(browser, site, numbers["lost"])
    page = context.pages[0]
    page.get_by_role("link", name="卡丢了，补一张").click()
    page.set_input_files("#face", face)
    page.get_by_label("邮寄到家").check()
    page.locator("main form button").click()
    expect(page.locator("#post_to-error")).to_contain_text("收件地址")
    page.fill("#post_to", "成都市锦江区某路 1 号")
    page.set_input_files("#face", face)
    page.locator("main form button").click()
    expect(page.locator("main")).to_contain_text("工本费 16.00 元")
    context.close()


@pytest.mark.parametrize("look", LOOKS)
def test_pages_of_the_card_have_no_accessibility_faults_and_fit(
    browser: Browser, site: str, numbers: dict[str, str], look: str
) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    width, query = LOOKS[look]["width"], LOOKS[look]["query"]
    context = signed_in(browser, site, numbers["all_in_order"], script=True)
    page = context.pages[0]
    page.set_viewport_size({"width": width, "height": 900})
    for path in ("/card", "/card/do/report_loss", "/card/do/reset_pin", "/card/apply/renew"):
        page.goto(with_query(site + path, query))
        assert violations(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        file = path.strip("/").replace("/", "-")
        page.screenshot(path=SCREENSHOTS / f"{look}-{file}.png", full_page=True)
    context.close()


def test_what_is_asked_for_is_added_from_the_notice_and_followed(
    browser: Browser, place: Site, face: Path
) -> None:
    """A reviewer asks; the applicant reads it in the inbox, adds a photo and a word, and sees how far
    it is; in every look, without accessibility faults."""
    one = next(each for each in place.persons if each["situation"] == "card_none")
    context = signed_in(browser, place.address, one["id_number"])
    page = context.pages[0]
    page.goto(f"{place.address}/card/apply/first")
    page.set_input_files("#photo", face)
    page.set_input_files("#face", face)
    page.locator("main form button").click()
    cards = f"/api/v1/people/{one['person_id']}/cards"
    number = place.api("GET", cards)[1]["applications"][0]["application_id"]
    reason = {"reason": "照片看不清，请重新拍一张"}
    status, answer = place.api("POST", f"{cards}/applications/{number}/ask", reason, "ask")
    assert status in (200, 201), answer
    page.goto(f"{place.address}/card")
    expect(page.locator(".asked")).to_contain_text("照片看不清")
    page.goto(f"{place.address}/inbox")
    page.get_by_role("link", name="社保卡申领需要补充").click()
    page.get_by_role("link", name="去补充").click()
    page.fill("#word", "今天重新拍的")
    page.select_option("#kind", "photo")
    page.set_input_files("#document", face)
    page.get_by_role("button", name="上传，还要再加").click()
    expect(page.locator(".notice.yes")).to_contain_text("材料已上传")
    expect(page.locator("#word")).to_have_value("今天重新拍的")
    context.close()
    context = signed_in(browser, place.address, one["id_number"], script=True)
    page = context.pages[0]
    for look, facts in LOOKS.items():
        page.set_viewport_size({"width": facts["width"], "height": 900})
        for path in ("/card/amend", "/card/withdraw", "/applications", "/card"):
            page.goto(with_query(place.address + path, facts["query"]))
            assert violations(page) == [], path
            assert page.evaluate("document.documentElement.scrollWidth") <= facts["width"]
            name = path.strip("/").replace("/", "-")
            page.screenshot(path=SCREENSHOTS / f"{look}-asked-{name}.png", full_page=True)
    page.goto(f"{place.address}/card/amend?lang=zh&type=normal")
    page.fill("#word", "今天重新拍的")
    page.get_by_role("button", name="提交审核").click()
    expect(page.locator(".notice.yes")).to_contain_text("接着审核")
    page.get_by_role("link", name="看我办的所有事和进度").click()
    expect(page.locator(".way .now").first).to_contain_text("审核")
    context.close()
