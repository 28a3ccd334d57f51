"""Somebody of Chengdu at a counter of Beijing, in a real browser: from the document to the form that is
signed, and the delivery that brings the card."""

import itertools
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.cards.production.test_batches import read_order
from tests.portals.press import enter, press
from tests.portals.staff_site import Site, served, sign_in
from tests.portals.test_counter_pages import facts, fits
from yikatong.cards.production import wire
from yikatong.cards.production.wire import Result
from yikatong.portals.staff_sign_in import COOKIE

pytestmark = [pytest.mark.browser, pytest.mark.server]

PDF = {"name": "scan.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4\n1 0 obj\n%%EOF\n"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("own") / "data") as site:
        yield site


@pytest.fixture(scope="module")
def beijing(place: Site, browser: Browser) -> BrowserContext:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    sign_in(context.new_page(), place, "demo-beijing")
    return context


def somebody(place: Site, situation: str) -> dict[str, str]:
    return next(one for one in place.persons if one["situation"] == situation)


def compare(page: Page, place: Site, who: dict[str, str]) -> None:
    """From the desk to the card of somebody from elsewhere."""
    page.goto(f"{place.address}/staff/desk")
    page.click("a.button[href='/staff/guests']")
    page.wait_for_function("document.activeElement.id === 'name'")
    page.keyboard.type(who["name"])
    page.fill("#id_number", who["id_number"])
    page.check("#seen-original")
    enter(page)


def test_a_clerk_chooses_the_counter_and_takes_a_card_in_for_somebody_from_elsewhere(
    place: Site, beijing: BrowserContext
) -> None:
    who = somebody(place, "card_none")
    page = beijing.new_page()
    page.goto(f"{place.address}/staff/desk")
    assert "您还没有选择所在的网点" in facts(page)
    page.click(".here a[href='/staff/counter']")
    fits(page, "cross-counter")
    page.goto(f"{place.address}/staff/counter")
    page.check("input[name=counter] >> nth=0")
    press(page, "form[action='/staff/counter'] button >> nth=0")
    assert "您在：" in facts(page)
    fits(page, "cross-desk")
    page.goto(f"{place.address}/staff/guests")
    fits(page, "cross-guests")
    page.goto(f"{place.address}/staff/guests")
    page.fill("#name", "李四")
    page.fill("#id_number", who["id_number"])
    page.check("#seen-original")
    enter(page)
    assert "没有对上" in facts(page)
    assert page.input_value("#id_number") == who["id_number"]
    fits(page, "cross-guests-wrong")

    compare(page, place, who)
    assert "首次" not in facts(page)
    assert who["name"] not in page.content()
    assert who["id_number"] not in page.content()
    visit = page.url
    fits(page, "cross-guest")
    page.goto(visit)
    press(page, "text=申领社保卡")
    errand = page.url
    fits(page, "cross-apply")
    page.goto(errand)
    page.check("#materials-photo")
    page.set_input_files("#file_photo", PDF)
    page.set_input_files("#file_id_document", {**PDF, "buffer": PDF["buffer"] + b"%%EOF"})
    press(page, "#errand button[type=submit]")
    told = facts(page)
    assert "已受理" in told
    assert "照片" in told
    receipt = page.url
    fits(page, "cross-receipt")
    for form in ("pdf", "form"):
        paper = beijing.request.get(f"{receipt.partition('?')[0]}?format={form}")
        assert paper.body().startswith(b"%PDF"), form
    page.goto(visit)
    assert "由成都" in facts(page)
    fits(page, "cross-guest-applied")
    page.goto(f"{visit}/errands/card_documents")
    fits(page, "cross-documents")
    page.goto(visit)
    press(page, "form[action$='/end'] button")
    assert "接待已结束" in facts(page)
    page.goto(visit)
    assert "请重新核对证件" in facts(page)
    page.close()


def test_a_reviewer_at_home_sees_the_scans_by_kind(place: Site, wide: BrowserContext) -> None:
    who = somebody(place, "card_none")
    page = wide.new_page()
    sign_in(page, place, "demo-reviewer")
    page.goto(f"{place.address}/staff/desk")
    press(page, f"a[href^='/staff/people/{who['person_id']}/applications/']")
    told = facts(page)
    assert "照片" in told
    assert "身份证件" in told
    fits(page, "cross-review")
    page.close()


def test_a_delivery_is_confirmed_and_what_is_lost_is_made_again(
    place: Site, beijing: BrowserContext
) -> None:
    number, lines = on_the_way(place, beijing)
    page = beijing.new_page()
    page.goto(f"{place.address}/staff/desk")
    page.click(f"a[href='/staff/sheets/{number}']")
    fits(page, "cross-sheet")
    page.goto(f"{place.address}/staff/sheets/{number}")
    page.check(f"#missing-{lines[0]}")
    page.click("main summary")
    press(page, "button[value=lose]")
    assert page.is_visible("#reason-error")
    assert page.is_checked(f"#missing-{lines[0]}")
    page.fill("#reason", "少一件，已向邮政查询")
    press(page, "button[value=lose]")
    assert "已登记遗失 1 张" in facts(page)
    press(page, "button[value=receive]")
    assert "已签收 1 张" in facts(page)
    fits(page, "cross-sheet-done")
    page.goto(f"{place.address}/staff/desk")
    assert "本网点待领的卡" in facts(page)
    fits(page, "cross-desk-waiting")
    page.close()


def on_the_way(place: Site, beijing: BrowserContext) -> tuple[str, list[int]]:
    """A delivery of two cards to the clerk's counter: applied for there, made as a maker makes them; of a
    bank whose cards nobody else waits for."""
    page = beijing.request.get(f"{place.address}/staff/counter").text()
    found = re.search(r'name="counter" value="(S[0-9]+)"', page)
    assert found is not None
    counter = found[1]
    beijing.request.post(
        f"{place.address}/staff/counter",
        form={"counter": counter},
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    clerk = next(one["value"] for one in beijing.cookies() if one["name"] == COOKIE)
    for who in (somebody(place, "flexible"), somebody(place, "veteran")):
        path = f"people/{who['person_id']}/cards/applications"
        body = {
            "channel": "cross_province", "counter": counter, "materials": ["identity", "old_card"],
            "document": {"id_number": who["id_number"], "name": who["name"]},
            "kind": "renew", "why": "damaged", "bank": "BOC",
        }  # fmt: skip
        made = api(place, beijing, path, body, clerk)
        api(place, beijing, f"{path}/{made['application_id']}/approve", {})
    place.api("PUT", "/api/v1/cards/makers/M-1", {"name": "制卡一厂"})
    wanted = {"region": "510100", "bank": "BOC", "maker": "M-1"}
    number = api(place, beijing, "cards/batches", wanted)["batch"]["batch_id"]
    batch = f"{place.address}/api/v1/cards/batches/{number}"
    order = beijing.request.post(f"{batch}/order", headers=bearer(place.server.token)).body()
    results = [Result(one.seq, one.card_number, "made") for one in read_order(order)]
    told = wire.write_results(number, "M-1", results, None)
    answer = beijing.request.post(f"{batch}/results", data=told, headers=bearer(place.server.token))
    assert answer.ok, answer.text()
    sheets = api(place, beijing, f"cards/batches/{number}/sheets", {})
    mine = next(one["sheet_id"] for one in sheets if one["counter"] == counter)
    page = beijing.request.get(f"{place.address}/staff/sheets/{mine}").text()
    return mine, [int(one) for one in re.findall(r'name="missing" value="([0-9]+)"', page)]


_KEYS: Final = itertools.count()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Idempotency-Key": f"k{next(_KEYS)}"}


def api(place: Site, browser: BrowserContext, path: str, body: Any, token: str = "") -> Any:
    answer = browser.request.post(
        f"{place.address}/api/v1/{path}", data=body, headers=bearer(token or place.server.token)
    )
    assert answer.ok, (path, answer.text())
    return answer.json()
