"""The ten most common errands, with the keyboard alone: no mouse, no field filled by a program."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.portals.keys import Keys
from tests.portals.staff_site import Site, next_code, served

pytestmark = [pytest.mark.browser, pytest.mark.server]


def person(place: Site, situation: str) -> dict[str, str]:
    return next(one for one in place.persons if one["situation"] == situation)


def main(keys: Keys) -> str:
    return keys.page.inner_text("main")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("own") / "data") as site:
        yield site


@pytest.fixture
def keys(place: Site, browser: Browser) -> Iterator[Keys]:
    context = browser.new_context(viewport={"width": 360, "height": 780}, locale="zh-CN")
    page = context.new_page()
    page.goto(place.address)
    yield Keys(page)
    context.close()


def at_a_desk(place: Site, browser: Browser, number: str) -> BrowserContext:
    """A member of staff who signed in by keyboard."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    page = context.new_page()
    page.goto(f"{place.address}/staff")
    one, keys = place.staff[number], Keys(page)
    keys.write("工号", number)
    keys.write("密码", one["password"])
    keys.enter()
    keys.write("验证码", next_code(one["totp_secret"]))
    keys.enter()
    page.wait_for_selector("#may")
    return context


@pytest.fixture(scope="module")
def counter(place: Site, browser: Browser) -> Iterator[BrowserContext]:
    context = at_a_desk(place, browser, "demo-counter")
    yield context
    context.close()


@pytest.fixture
def desk(place: Site, counter: BrowserContext) -> Iterator[Keys]:
    page: Page = counter.new_page()
    page.goto(f"{place.address}/staff/desk")
    yield Keys(page)
    page.close()


def sign_in(keys: Keys, place: Site, situation: str) -> None:
    keys.follow("登录")
    keys.write("身份证号", person(place, situation)["id_number"])
    keys.write("卡密码", place.pin)
    keys.enter()


def find(keys: Keys, words: str) -> None:
    """The search field has the focus when the desk opens."""
    keys.page.wait_for_function("document.activeElement.tagName === 'INPUT'")
    keys.page.keyboard.type(words)
    keys.enter()


def test_a_person_signs_in_and_asks_whether_the_card_works(place: Site, keys: Keys) -> None:
    sign_in(keys, place, "all_in_order")
    keys.page.goto(place.address)
    keys.write("去哪里", "北京")
    keys.press("Escape")
    keys.choose("住院")
    keys.enter()
    assert "能用" in keys.page.inner_text("#verdict")


def test_a_person_reports_the_card_lost_and_takes_it_back(place: Site, keys: Keys) -> None:
    sign_in(keys, place, "retired_with_account")
    keys.page.goto(f"{place.address}/card")
    keys.follow("临时挂失")
    keys.follow("临时挂失")
    assert "已临时挂失" in main(keys)


def test_a_person_opens_a_bill_and_sees_who_paid_what(place: Site, keys: Keys) -> None:
    played = place.server.command("sandbox", "play", "outpatient", "--port", str(place.server.port))
    assert played.returncode == 0, played.stdout
    sign_in(keys, place, "home")
    keys.page.goto(f"{place.address}/settlements")
    keys.follow("成都")
    assert "统筹" in main(keys)


def test_a_person_reads_what_arrived_and_who_looked(place: Site, keys: Keys) -> None:
    sign_in(keys, place, "pension_in_order")
    keys.page.goto(f"{place.address}/security")
    keys.follow("谁看过")
    assert "谁看过" in main(keys)


def test_a_clerk_finds_a_person_and_reads_how_the_card_stands(place: Site, desk: Keys) -> None:
    find(desk, person(place, "all_in_order")["id_number"])
    assert "正常" in main(desk)
    assert desk.pressed == 1


def test_a_clerk_files_before_a_trip(place: Site, desk: Keys) -> None:
    find(desk, person(place, "resident_filing_none")["id_number"])
    desk.follow("办理异地就医备案")
    desk.write("就医地", "北京")
    desk.press("Escape")
    desk.enter()
    assert "已办好" in main(desk)


def test_a_clerk_replaces_a_lost_card_and_takes_the_fee(place: Site, desk: Keys) -> None:
    find(desk, person(place, "chengdu_aged_63")["id_number"])
    desk.follow("补卡")
    for _ in range(3):
        desk.follow("办理" if "办理" in main(desk) else "下一步")
        if "已办好" in main(desk):
            break
    assert "已办好" in main(desk)


def test_a_clerk_records_a_proof_of_life(place: Site, desk: Keys) -> None:
    find(desk, person(place, "proof_due")["id_number"])
    desk.follow("资格认证")
    desk.enter()
    assert "已办好" in main(desk)


def test_an_agent_of_the_hotline_takes_a_call_and_reports_a_loss(
    place: Site, browser: Browser
) -> None:
    context = at_a_desk(place, browser, "demo-hotline")
    keys = Keys(context.pages[0])
    keys.follow("接听")
    one = person(place, "second_admission")
    keys.page.wait_for_function("document.activeElement.id === 'name'")
    keys.page.keyboard.type(one["name"])
    keys.write("身份证号", one["id_number"])
    keys.choose("卡号后")
    keys.write("来电人说的", one["card_number"][-4:])
    keys.enter()
    keys.follow("挂失")
    assert "已临时挂失" in main(keys)
    context.close()


def test_a_member_of_finance_makes_and_checks_a_run(place: Site, browser: Browser) -> None:
    context = at_a_desk(place, browser, "demo-finance")
    keys = Keys(context.pages[0])
    keys.follow("发放")
    keys.write("地区", "成都")
    keys.press("Escape")
    keys.enter()
    keys.page.wait_for_selector("button[value=check]")
    keys.follow("核对")
    keys.page.wait_for_selector("text=须由另一位财务人员批准")
    context.close()
