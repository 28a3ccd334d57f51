"""Payment runs on the pages of finance, and one's own benefits, in a real browser."""

import http.server
import json
import os
import re
import threading
from collections.abc import Iterator
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.portals.press import press
from tests.portals.staff_site import Site, assert_accessible, shoot
from tests.portals.staff_site import sign_in as staff_sign_in
from tests.serving.server import Server

pytestmark = [pytest.mark.browser, pytest.mark.server]

LOOKS: Final = (("phone", 360, ""), ("wide", 1440, ""), ("large", 360, "type=large&lang=en"))
PICTURE: Final = {"name": "me.jpg", "mimeType": "image/jpeg", "buffer": b"\xff\xd8\xff\xe0 me"}


class _Faces(http.server.BaseHTTPRequestHandler):
    """A face check: everybody is who they say, but a picture of somebody else."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        body = json.dumps({"same": not asked["image"].endswith("b3RoZXI=")}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    faces = http.server.HTTPServer(("127.0.0.1", 0), _Faces)
    threading.Thread(target=faces.serve_forever, daemon=True).start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "YIKATONG_FACE_URL", f"http://127.0.0.1:{faces.server_port}/")
        server = Server(tmp_path_factory.mktemp("benefits") / "data")
    shown = json.loads(server.command("sandbox", "show", "--json").stdout)
    staff = {one["staff_number"]: one for one in shown["staff"]}
    yield Site(server, staff, shown["pin"], shown["persons"])
    server.stop()
    faces.shutdown()


def context_of(browser: Browser, width: int = 1440) -> BrowserContext:
    return browser.new_context(viewport={"width": width, "height": 900}, locale="zh-CN")


def sign_in(page: Page, place: Site, situation: str) -> None:
    """Signed in as a demo person, with two proofs."""
    number = next(one["id_number"] for one in place.persons if one["situation"] == situation)
    page.goto(f"{place.address}/sign-in?next=/benefits&level=2")
    page.fill("#number", number)
    page.fill("#secret", place.pin)
    press(page, page.locator("main form button"))
    press(page, page.locator("main form button"))
    tab = page.context.new_page()
    tab.goto(f"{place.address}/sandbox/inbox")
    code = re.search(r"[0-9]{6,10}", tab.locator(".text p").nth(1).inner_text())
    tab.close()
    assert code
    page.fill("#code", code[0])
    page.locator("main form button").click()
    page.wait_for_selector("#received-title")


def looks(page: Page, address: str, name: str) -> None:
    for look, width, query in LOOKS:
        page.set_viewport_size({"width": width, "height": 900})
        answer = page.goto(f"{address}?{query}")
        assert answer is not None
        assert answer.ok, (name, look)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, look)
        assert_accessible(page)
        shoot(page, f"{name}-{look}")
    page.goto(f"{address}?type=normal&lang=zh")


def test_two_members_of_finance_take_a_run_from_the_list_to_the_report(
    place: Site, browser: Browser
) -> None:
    context, second = context_of(browser), context_of(browser)
    page, other = context.new_page(), second.new_page()
    page.goto(f"{place.address}/operations/runs")
    assert page.url.endswith("/staff?next=%2Foperations%2Fruns")
    staff_sign_in(page, place, "demo-finance")
    page.goto(f"{place.address}/operations/runs")
    page.fill("#region", "朝阳")
    page.fill("#month", "2020-13")
    page.click("main form button[type=submit]")
    assert "月份" in page.inner_text("#month-error")
    assert page.input_value("#region") == "朝阳"
    looks(page, f"{place.address}/operations/runs", "runs")
    page.fill("#region", "成都")
    page.press("#region", "Enter")
    page.wait_for_selector("button[value=check]")
    run = page.url
    assert not any(one["name"] in page.inner_text("main") for one in place.persons)
    page.click("button[value=check]")
    page.wait_for_selector("text=须由另一位财务人员批准")
    assert page.locator("button[value=approve]").count() == 0
    # The second person sees what is paid, and why not all of it.
    staff_sign_in(other, place, "demo-finance-2")
    other.goto(run)
    looks(other, run, "run-checked")
    assert "社保卡没有绑定银行账户" in other.inner_text("main")
    other.click("button[value=approve]")
    other.click("button[value=pay]")
    other.wait_for_selector(".notice.yes")
    assert "已发放" in other.inner_text(".notice.yes")
    looks(other, run, "run-paid")
    press(other, "text=查看有问题的")
    text = other.inner_text("main")
    assert "姚*香" in text
    assert "激活金融应用" in text
    looks(other, f"{run}/lines", "run-lines")
    other.goto(run)
    with other.expect_download() as told:
        other.click("text=下载 PDF 报告")
    assert told.value.suggested_filename.endswith(".pdf")
    with other.expect_download() as told:
        other.click("text=下载明细 CSV")
    assert told.value.path().read_text().startswith("line,person_id,")
    context.close()
    second.close()


def test_who_may_only_look_has_no_buttons_and_who_may_not_sees_nothing(
    place: Site, browser: Browser
) -> None:
    context = context_of(browser)
    page = context.new_page()
    staff_sign_in(page, place, "demo-auditor")
    page.goto(f"{place.address}/operations/runs")
    assert page.locator("main form").count() == 0
    page.click("main .pairs a")
    page.wait_for_selector("text=经办")
    assert page.locator("main form").count() == 0
    context.close()
    context = context_of(browser)
    page = context.new_page()
    staff_sign_in(page, place, "demo-chengdu")
    answer = page.goto(f"{place.address}/operations/runs")
    assert answer is not None
    assert answer.status == 403
    context.close()


def test_finance_takes_in_what_heirs_pay_back(place: Site, browser: Browser) -> None:
    number = next(
        one["person_id"] for one in place.persons if one["situation"] == "pension_card_lost"
    )
    stopped, _ = place.api(
        "POST", f"/api/v1/pension/persons/{number}/death", {"died_on": "2026-01-05"}, "death"
    )
    assert stopped == 200
    context = context_of(browser)
    page = context.new_page()
    staff_sign_in(page, place, "demo-finance")
    page.click("text=退回和追回")
    looks(page, f"{place.address}/operations/by-hand", "by-hand")
    assert "去世后多领" in page.inner_text("#recoveries")
    page.click("summary:has-text('登记退回')")
    page.fill("input[name=amount]", "999999.00")
    page.fill("input[name=reference]", "20261126-7")
    page.click("text=登记到账")
    assert "不超过应退" in page.inner_text(".errors")
    assert page.input_value("input[name=reference]") == "20261126-7"
    page.fill("input[name=amount]", "1,000.00")
    page.click("text=登记到账")
    page.wait_for_selector(".notice.yes")
    page.click("summary:has-text('登记退回')")
    page.fill("input[name=reference]", "20261126-8")
    page.click("text=登记到账")
    page.wait_for_selector("text=没有应退回的款项")
    context.close()


def test_a_pensioner_sees_what_was_paid_and_proves_to_be_alive(
    place: Site, browser: Browser
) -> None:
    context = context_of(browser, 360)
    page = context.new_page()
    sign_in(page, place, "proof_overdue")
    assert "已逾期" in page.inner_text("main")
    assert "暂停发放" in page.inner_text("main")
    looks(page, f"{place.address}/benefits", "my-benefits-overdue")
    other = {**PICTURE, "buffer": b"\xff\xd8\xff\xe0\x00\x00other"}
    page.set_input_files("#face", [other])
    page.click("text=刷脸认证")
    assert "人脸比对没有通过" in page.inner_text(".errors")
    page.set_input_files("#face", [{**PICTURE, "buffer": b"no picture"}])
    page.click("text=刷脸认证")
    assert "JPEG" in page.inner_text("#picture-error")
    page.set_input_files("#face", [PICTURE])
    page.click("text=刷脸认证")
    page.wait_for_selector(".notice.yes")
    text = page.inner_text("main")
    assert "认证成功" in text
    assert "已逾期" not in text
    assert "待补发" in text
    context.close()


def test_a_pensioner_whose_payment_came_back_says_that_the_account_is_right(
    place: Site, browser: Browser
) -> None:
    context = context_of(browser, 360)
    page = context.new_page()
    sign_in(page, place, "pension_held")
    looks(page, f"{place.address}/benefits", "my-benefits-returned")
    assert "银行退回了您的职工养老金" in page.inner_text("main")
    page.click("text=账户已改正，请重新发放")
    page.wait_for_selector(".notice.yes")
    assert "银行退回" not in page.inner_text("main")
    context.close()


def test_own_pension_is_paid_and_the_estimate_is_filled_in_from_the_file(
    place: Site, browser: Browser
) -> None:
    context = context_of(browser, 360)
    page = context.new_page()
    sign_in(page, place, "pension_in_order")
    assert "3,580.00" in page.inner_text("ul.moves")
    page.goto(f"{place.address}/pension")
    assert page.locator("#person").count() == 0
    assert page.input_value("#birth")
    assert page.input_value("#region") == "成都市"
    context.close()


def test_out_of_work_one_claims_online_and_confirms_each_month(
    place: Site, browser: Browser
) -> None:
    context = context_of(browser, 360)
    page = context.new_page()
    sign_in(page, place, "unemployment_ended")
    page.click("summary:has-text('申领失业保险金')")
    page.select_option("#reason", "resigned")
    page.fill("#left_on", "2026-01-05")
    page.click("text=提交申领")
    assert "离开" in page.inner_text(".errors") or "自愿" in page.inner_text(".errors")
    assert page.input_value("#left_on") == "2026-01-05"
    assert page.input_value("#reason") == "resigned"
    page.select_option("#reason", "dismissed")
    page.click("text=提交申领")
    page.wait_for_selector(".notice.yes")
    assert "正在领取" in page.inner_text("main")
    looks(page, f"{place.address}/benefits", "my-benefits-claimed")
    page.click("text=确认本月仍在找工作")
    page.wait_for_selector(".notice.yes")
    context.close()


def test_a_pension_is_looked_at_applied_for_once_taken_back_and_applied_for_anew(
    place: Site, browser: Browser
) -> None:
    context = context_of(browser, 360)
    page = context.new_page()
    sign_in(page, place, "pension_none")
    page.click("main >> text=申请养老金")
    looks(page, f"{place.address}/pension/apply", "pension-apply")
    page.fill("#retires", "2019-13")
    page.fill("#index", "9")
    page.click("main form button[type=submit]")
    for field in ("retires", "index"):
        page.wait_for_selector(f"#{field}-error")
        assert page.input_value(f"#{field}")
    page.fill("#retires", "")
    page.fill("#index", "1.1")
    page.fill("#years", "10")
    press(page, "main form button[type=submit]")
    text = page.inner_text("main")
    assert "还差" in text
    assert "可以继续缴费" in text
    assert_accessible(page)
    page.click("summary:has-text('改一改再看')")
    page.fill("#years", "20")
    page.fill("#account", "186,000")
    press(page, "text=看能不能办、能领多少")
    text = page.inner_text("main")
    assert "可以申请" in text
    assert "尾号" in text
    assert page.url.endswith("early_months=")
    assert_accessible(page)
    shoot(page, "pension-apply-found")
    form = page.locator("form[method=post][action='/pension/apply']")
    sent = {
        str(one.get_attribute("name")): str(one.get_attribute("value"))
        for one in form.locator("input[type=hidden]").all()
    }
    page.click("text=提交申请")
    page.wait_for_selector(".notice.yes")
    again = context.request.post(
        f"{place.address}/pension/apply", form=sent, max_redirects=0,
        headers={"Sec-Fetch-Site": "same-origin"},
    )  # fmt: skip
    assert again.status == 303
    assert page.locator("#application .notice").count() == 1
    looks(page, f"{place.address}/benefits", "my-benefits-applied")
    page.click("text=撤回申请")
    page.wait_for_selector("text=申请已撤回，可以重新申请")
    # Nothing of it stands in the address of who has to sign in.
    context.clear_cookies()
    gone = context.request.post(
        f"{place.address}/pension/apply", form=sent, max_redirects=0,
        headers={"Sec-Fetch-Site": "same-origin"},
    )  # fmt: skip
    assert gone.headers["location"] == "/sign-in?next=%2Fpension%2Fapply&level=2"
    context.close()


def test_contributions_are_seen_month_by_month_and_paid_once_from_the_card(
    place: Site, browser: Browser
) -> None:
    context = context_of(browser, 360)
    page = context.new_page()
    page.goto(f"{place.address}/contributions")
    assert page.url.endswith("/sign-in?next=%2Fcontributions")
    sign_in(page, place, "flexible")
    page.goto(f"{place.address}/contributions")
    page.click("summary:has-text('灵活就业')")
    page.fill("#base", "1")
    page.click("text=生成缴费单")
    assert "之间" in page.inner_text("#base-error")
    page.fill("#base", "")
    page.click("text=生成缴费单")
    page.wait_for_selector(".notice.yes")
    looks(page, f"{place.address}/contributions", "contributions")
    assert page.locator(".months li.open, .months li.owed").count() == 1
    page.fill("#pin", "000001")
    press(page, "main button:has-text('缴费')")
    assert "密码不对" in page.inner_text("#pin-error")
    assert page.input_value("#pin") == ""
    sent = {
        "bills": page.input_value("input[name=bills]"), "how": "card", "pin": place.pin,
        "key": page.input_value("form[action$='/pay'] input[name=key]"),
    }  # fmt: skip
    for _ in range(2):
        done = context.request.post(
            f"{place.address}/contributions/pay", form=sent, max_redirects=0,
            headers={"Sec-Fetch-Site": "same-origin"},
        )  # fmt: skip
        assert done.headers["location"] == "/contributions?done=paid"
    late = context.request.post(
        f"{place.address}/contributions/pay", form={**sent, "key": "another"},
        headers={"Sec-Fetch-Site": "same-origin"},
    )  # fmt: skip
    assert late.status == 422
    assert "没有重复扣款" in late.text()
    page.goto(f"{place.address}/contributions")
    assert page.locator(".months li.paid").count() == 1
    assert_accessible(page)
    pdf = context.request.get(f"{place.address}/contributions/certificate")
    assert pdf.body().startswith(b"%PDF")
    odd = context.request.get(f"{place.address}/contributions/certificate?year=020260000")
    assert odd.body().startswith(b"%PDF")
    looks(page, f"{place.address}/account", "account")
    assert page.locator("ul.moves li").count() == 2
    context.close()


def test_a_visitor_is_told_to_sign_in_and_no_form_of_another_site_is_taken(
    place: Site, browser: Browser
) -> None:
    context = context_of(browser, 360)
    page = context.new_page()
    page.goto(f"{place.address}/benefits")
    assert "登录后查看自己的待遇" in page.inner_text("main")
    answer = context.request.post(
        f"{place.address}/benefits/confirm", headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status == 403
    context.close()
