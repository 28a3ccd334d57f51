"""Receipts of claims made over the API, looked at in the browser."""

import json
import urllib.error
import urllib.request
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.conftest import OPERATOR_TOKEN
from tests.portals.axe import serious
from tests.portals.conftest import SCREENSHOTS
from tests.portals.test_pages import LOOKS, with_query
from tests.trust.files import png
from yikatong.core.clock import SystemClock

pytestmark = pytest.mark.browser
PERSON = 1_000_001
CLAIMS = "/api/v1/medical/claims"


class Made:
    """The receipts made for these tests."""

    def __init__(self, paid: str, reversed_one: str) -> None:
        self.paid = f"/settlements/{PERSON}/{paid}"
        self.reversed_one = f"/settlements/{PERSON}/{reversed_one}"
        self.list = f"/settlements?person={PERSON}"


def ask(site: str, method: str, path: str, body: Any = None, key: str = "") -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {OPERATOR_TOKEN}", "Content-Type": "application/json"}
    if key:
        headers["Idempotency-Key"] = key
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    request = urllib.request.Request(site + path, method=method, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            raw = answer.read()
            return answer.status, json.loads(raw) if raw[:1] in b"{[" else raw
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def bill(invoice: str, **more: Any) -> dict[str, Any]:
    ended = SystemClock().now().date() - timedelta(days=3)
    return {
        "person_id": PERSON,
        "provider": {"name": "北京某民营心血管病专科医院", "region": "110000", "level": "tertiary"},
        "care": "inpatient",
        "begun_on": (ended - timedelta(days=6)).isoformat(),
        "ended_on": ended.isoformat(),
        "emergency": True,
        "invoice": invoice,
        "total": "32510.50",
        "lines": [
            {
                "number": "1",
                "item": "001104000010000",
                "quantity": "2",
                "price": "10000",
                "total": "20000",
            },
            {
                "number": "2",
                "item": "001201000150000",
                "quantity": "3",
                "price": "4000",
                "total": "12000",
            },
            {
                "number": "3",
                "name": "陪护床和生活用品",
                "quantity": "1",
                "price": "510.50",
                "total": "510.50",
            },
        ],
        **more,
    }


def step(site: str, claim: dict[str, Any], action: str, **more: Any) -> dict[str, Any]:
    status, answer = ask(
        site, "POST", f"{CLAIMS}/{PERSON}/{claim['claim_id']}/{action}",
        {"version": claim["version"], **more}, f"{claim['claim_id']}-{action}",
    )  # fmt: skip
    assert status == 200, answer
    return answer


def approved(site: str, invoice: str) -> dict[str, Any]:
    status, claim = ask(site, "POST", CLAIMS, bill(invoice), f"submit-{invoice}")
    assert status == 201, claim
    claim = step(site, claim, "take")
    cuts = [{"number": "2", "quantity": "2", "reason": "超出病情需要"}]
    return step(site, step(site, claim, "cut", lines=cuts), "approve")


@pytest.fixture(scope="session")
def made(site: str) -> Made:
    first = approved(site, "R-1")
    step(site, first, "reverse", reason="票据重复")
    paid = step(site, approved(site, "R-2"), "pay")
    assert paid["state"] == "paid"
    return Made(paid["settlement_id"], first["settlement_id"])


@pytest.mark.parametrize("look", LOOKS)
def test_receipts_fit_every_width_and_are_kept_as_pictures(
    browser: Browser, site: str, made: Made, look: str
) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    context = browser.new_context(viewport={"width": LOOKS[look]["width"], "height": 800})
    page = context.new_page()
    for name, address in (
        ("settlements-empty", "/settlements?person=1000009"),
        ("settlements", made.list),
        ("settlement", made.paid),
        ("settlement-reversed", made.reversed_one),
    ):
        shown = page.goto(site + with_query(address, LOOKS[look]["query"]))
        assert shown is not None
        assert shown.status == 200
        too_wide = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert too_wide <= 0, f"{name} is {too_wide} px too wide"
        page.screenshot(path=SCREENSHOTS / f"{look}-{name}.png", full_page=True)
    context.close()


@pytest.mark.parametrize("query", ["", "lang=en&type=large"])
def test_axe_finds_nothing_serious_on_receipts(
    page: Page, site: str, made: Made, query: str
) -> None:
    for address in ("/settlements", made.list, made.paid, made.reversed_one):
        page.goto(site + with_query(address, query))
        assert serious(page) == [], address


def test_a_person_finds_a_receipt_and_what_was_reversed_says_so(
    page: Page, site: str, made: Made
) -> None:
    page.goto(f"{site}/settlements")
    page.select_option("#person", str(PERSON))
    page.get_by_role("button", name="查看").click()
    expect(page.locator(".pairs li")).to_have_count(3)
    page.get_by_role("link", name="北京某民营心血管病专科医院").first.click()
    expect(page.locator("h1")).to_have_text("医疗费用结算单")
    expect(page.locator(".pairs").first).to_contain_text("核减：超出病情需要")
    expect(page.locator(".steps")).to_contain_text("起付线")
    page.goto(site + made.reversed_one)
    expect(page.locator(".notice")).to_contain_text("本单无效")


def test_the_pdf_is_a_file(site: str, made: Made) -> None:
    with urllib.request.urlopen(f"{site}{made.paid}?format=pdf", timeout=30) as answer:
        assert answer.read(5) == b"%PDF-"
        assert answer.headers["content-type"] == "application/pdf"
        assert "attachment" in answer.headers["content-disposition"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/settlements?person=17", 422),
        ("/settlements?person=", 422),
        ("/settlements/17/1", 404),
        (f"/settlements/{PERSON}/1", 404),
        ("/settlements/99999999999999999999999/1", 404),
        (f"/settlements/{PERSON}/99999999999999999999999", 404),
    ],
)
def test_receipts_of_nobody_and_of_real_people_are_not_shown(
    site: str, path: str, status: int
) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(site + path, timeout=20)
    assert caught.value.code in (status, 422)
    assert "Traceback" not in caught.value.read().decode()


def test_the_api_tells_the_receipt_and_refuses_what_is_wrong_by_name(site: str, made: Made) -> None:
    path = made.paid.replace("/settlements", "/api/v1/medical/settlements")
    status, told = ask(site, "GET", path)
    assert (status, told["recomputed"], told["channel"]) == (200, "agrees", "claim")
    status, rows = ask(site, "GET", f"/api/v1/medical/settlements/{PERSON}")
    assert (status, len(rows)) == (200, 3)
    status, file = ask(site, "GET", f"{path}/pdf")
    assert (status, file[:5]) == (200, b"%PDF-")
    status, answer = ask(site, "POST", f"{path}/pay-by-card", {"assurance": 2}, "card-1")
    assert (status, answer["code"]) == (409, "care_refused")
    wrong = bill("R-9", lines_csv="目录编码,数量,单价,金额\nNONE,1,1,1\n,1,1,1\n", total="2")
    del wrong["lines"]
    status, answer = ask(site, "POST", CLAIMS, wrong, "wrong-1")
    assert (status, answer["code"]) == (422, "lines_wrong")
    assert [row["row"] for row in answer["rows"]] == [2, 3]
    status, answer = ask(site, "POST", CLAIMS, bill("R-2"), "wrong-2")
    assert (status, answer["code"]) == (409, "already_settled")
    assert told["settlement_id"] in answer["detail"]["zh"]
    for body, field in (
        ({**bill("R-9"), "total": "1"}, "total"),
        ({**bill("R-9"), "provider": {"name": "x"}}, "provider.region"),
        ({**bill("R-9"), "lines": []}, "lines"),
        ({**bill("R-9"), "care": "dental"}, "care"),
    ):
        status, answer = ask(site, "POST", CLAIMS, body, "wrong-3")
        assert (status, answer["field"]) == (422, field), answer


def test_a_document_goes_in_and_comes_out_over_the_api(site: str) -> None:
    status, claim = ask(
        site,
        "POST",
        CLAIMS,
        bill(
            "D-1",
            total="12.00",
            lines=[{"name": "轮椅", "quantity": "1", "price": "12", "total": "12"}],
        ),
        "doc-submit",
    )
    assert status == 201, claim
    path = f"{CLAIMS}/{PERSON}/{claim['claim_id']}/documents"
    picture = png(mark=b"x" * 400_000)
    status, claim = ask(site, "POST", f"{path}/invoice?version=1", picture, "doc-1")
    assert (status, claim["version"]) == (200, 2)
    status, content = ask(site, "GET", f"{path}/1")
    assert (status, content) == (200, picture)
    status, answer = ask(site, "POST", f"{path}/invoice?version=2", b"MZ", "doc-2")
    assert (status, answer["field"]) == (422, "document")
