"""Operations in a real browser: how it runs, flows, exceptions, the audit trail, by role and region."""

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.portals.press import press
from tests.portals.staff_site import Site, assert_accessible, shoot, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.server]

NATION_PAGES = ("/operations", "/operations/exceptions", "/operations/flows", "/operations/audit")
LOOKS = (("phone", 360, ""), ("wide", 1440, ""), ("large", 360, "type=large&lang=en"))


@pytest.fixture(scope="module")
def running(place: Site) -> Site:
    """With a stay in another province settled, and something out of order."""
    played = place.server.command(
        "sandbox", "play", "inpatient-elsewhere", "--port", str(place.server.port)
    )
    assert played.returncode == 0, played.stdout
    _sql(
        place,
        "insert into region_outages (region, since) values ('510000', now() - interval '2 hours'),"
        " ('110000', now() - interval '1 hour');"
        "insert into bank_differences values ('ICBC', current_date - 2, '1-2', 'amount_differs',"
        " '1.00', '2.00', now() - interval '1 day', null)",
    )
    return place


def _sql(place: Site, statement: str) -> None:
    done = subprocess.run(
        [
            sys.executable, "-m", "yikatong", "db", "shell", "--data", str(place.server.data),
            "-c", statement,
        ],
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def _member(browser: Browser, place: Site, number: str) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    page = context.new_page()
    sign_in(page, place, number)
    yield page
    context.close()


@pytest.fixture(scope="module")
def operator(browser: Browser, running: Site) -> Iterator[Page]:
    yield from _member(browser, running, "demo-operator")


@pytest.fixture(scope="module")
def finance(browser: Browser, running: Site) -> Iterator[Page]:
    yield from _member(browser, running, "demo-finance")


@pytest.fixture(scope="module")
def auditor(browser: Browser, running: Site) -> Iterator[Page]:
    yield from _member(browser, running, "demo-auditor")


@pytest.fixture(scope="module")
def sichuan(browser: Browser, running: Site) -> Iterator[Page]:
    yield from _member(browser, running, "demo-auditor-sc")


@pytest.mark.parametrize("path", NATION_PAGES)
def test_every_page_fits_phone_and_desk_in_both_languages_and_is_accessible(
    auditor: Page, running: Site, path: str
) -> None:
    for name, width, choice in LOOKS:
        auditor.set_viewport_size({"width": width, "height": 900})
        auditor.goto(f"{running.address}{path}?{choice or 'type=normal&lang=zh'}")
        assert auditor.evaluate("document.documentElement.scrollWidth") <= width
        assert_accessible(auditor)
        assert len(auditor.content()) < 100_000
        shoot(auditor, f"operations-{path.rpartition('/')[2]}-{name}")
    auditor.set_viewport_size({"width": 1440, "height": 900})
    auditor.goto(f"{running.address}{path}?type=normal&lang=zh")


def test_the_overview_counts_settlements_of_all_processes_and_changes_only_when_asked(
    operator: Page, running: Site
) -> None:
    row = operator.locator("tr", has=operator.locator("th", has_text="结算")).first
    for _ in range(40):
        answer = operator.goto(f"{running.address}/operations?lang=zh")
        assert answer is not None
        if row.locator("td").nth(3).inner_text() != "0":
            break
        # The process adds its counts every ten seconds.
        time.sleep(0.5)
    assert row.locator("td").nth(3).inner_text() == "1"
    assert "refresh" not in answer.headers
    operator.click("text=每 60 秒更新")
    expect(operator.locator("text=停止自动更新")).to_have_count(1)
    answer = operator.reload()
    assert answer is not None
    assert answer.headers["refresh"] == "60"
    press(operator, "text=停止自动更新")
    # The table below a chart has its numbers.
    operator.locator("#hour ~ details summary").click()
    expect(operator.locator("#hour ~ details table")).to_be_visible()


def test_a_flow_leads_from_the_matrix_to_each_posting_masked(auditor: Page, running: Site) -> None:
    auditor.goto(f"{running.address}/operations/flows?lang=zh")
    cell = auditor.locator("table.matrix td a").first
    amount = cell.inner_text()
    press(auditor, cell)
    assert amount in auditor.locator("#pairs ~ .num").inner_text()
    press(auditor, "#pairs ~ ul a")
    first = auditor.locator("#postings ~ ul li").first
    assert amount in first.inner_text()
    assert "*" in first.inner_text()
    assert_accessible(auditor)
    assert first.get_by_role("link").count() == 1


def test_a_wrong_month_is_told_beside_its_field_and_kept(auditor: Page, running: Site) -> None:
    auditor.goto(f"{running.address}/operations/flows?month=2026-13&lang=zh")
    assert auditor.locator("#month-error").is_visible()
    assert auditor.input_value("#month") == "2026-13"


def test_an_exception_is_taken_on_once_and_a_day_is_compared_again(
    finance: Page, running: Site
) -> None:
    finance.goto(f"{running.address}/operations/exceptions?lang=zh")
    difference = finance.locator("article", has_text="的账不符")
    assert difference.count() == 1
    press(finance, difference.get_by_role("button", name="我来处理"))
    assert finance.locator("[role=status]").inner_text() == "已登记由您处理。"
    difference = finance.locator("article", has_text="的账不符")
    assert "demo-finance" in difference.inner_text()
    assert difference.get_by_role("button", name="我来处理").count() == 0
    # The bank's statement has no such order: what differed is no difference any more.
    press(finance, difference.get_by_role("button", name="再对一次账"))
    assert finance.locator("[role=status]").is_visible()
    assert finance.locator("article", has_text="的账不符").count() == 0


def test_one_who_may_only_look_has_no_buttons(auditor: Page, running: Site) -> None:
    auditor.goto(f"{running.address}/operations/exceptions?lang=zh")
    assert auditor.locator("article").count() >= 2
    assert auditor.locator("article button").count() == 0


def test_an_auditor_of_a_province_sees_what_is_there_and_nothing_elsewhere(
    sichuan: Page, running: Site
) -> None:
    sichuan.goto(f"{running.address}/operations/exceptions?lang=zh")
    assert sichuan.locator("article", has_text="四川省的系统").count() == 1
    assert sichuan.locator("article", has_text="北京").count() == 0
    sichuan.goto(f"{running.address}/operations/flows?lang=zh")
    assert sichuan.locator("table.matrix td a").count() == 1
    answer = sichuan.goto(f"{running.address}/operations/flows/310000-110000")
    assert answer is not None
    assert answer.status in (403, 404)


def test_a_search_of_the_trail_hides_what_was_typed_and_is_recorded(
    sichuan: Page, running: Site
) -> None:
    mine = next(one for one in running.persons if one["insured_region"].startswith("51"))
    sichuan.goto(f"{running.address}/operations/audit?lang=zh")
    sichuan.fill("#person", mine["id_number"])
    press(sichuan, "main form button")
    assert mine["id_number"] not in sichuan.url
    assert str(mine["person_id"]) in sichuan.locator("#found ~ ul").inner_text()
    sichuan.select_option("#action", "audit.read")
    press(sichuan, "main form button")
    assert "demo-auditor-sc" in sichuan.locator("#found ~ ul").inner_text()
    with sichuan.expect_download() as loading:
        sichuan.click("text=导出 CSV")
    rows = loading.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert rows[0].startswith("at,person_id")
    assert all(str(mine["person_id"]) in row for row in rows[1:])


def test_somebody_elsewhere_and_nobody_are_answered_alike(sichuan: Page, running: Site) -> None:
    told: list[str] = []
    for number in ("999", "11010119900307109X"):
        sichuan.goto(f"{running.address}/operations/audit?lang=zh")
        sichuan.fill("#person", number)
        sichuan.locator("main form button").first.click()
        told.append(sichuan.locator(".errors").inner_text())
    assert told[0] == told[1]


def test_counter_staff_see_none_of_it(browser: Browser, running: Site) -> None:
    for page in _member(browser, running, "demo-counter"):
        for path in NATION_PAGES:
            assert page.locator(f".nav a[href='{path}']").count() == 0
            answer = page.goto(running.address + path)
            assert answer is not None
            assert answer.status == 403
            page.goto(f"{running.address}/staff")
