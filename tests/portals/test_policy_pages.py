"""The public pages of policies, and the page of those who write them, in a real browser."""

import urllib.error
import urllib.parse
import urllib.request

import pytest
from playwright.sync_api import BrowserContext

from tests.portals.staff_site import Site, assert_accessible, shoot
from tests.portals.test_administration_pages import looked_at, press

pytestmark = [pytest.mark.browser, pytest.mark.server]


def test_anybody_finds_a_policy_reads_it_and_computes_by_it(
    place: Site, wide: BrowserContext
) -> None:
    page = wide.new_page()
    page.goto(f"{place.address}/policies?q=武侯")
    assert page.locator(".pairs li").count() == 1
    page.goto(f"{place.address}/policies?q=四川")
    assert page.locator(".pairs li").count() == 3
    page.goto(f"{place.address}/policies?q=天上")
    assert "还没有政策文件" in page.inner_text("main")
    page.goto(f"{place.address}/policies")
    looked_at(page, "policies")
    press(page, "a[href='/policies/510100/310']")
    text = page.inner_text("main")
    assert "还没有人与官方文本逐条核对" in text
    assert "85%" in text
    assert "✓" in text
    assert "✗" not in text
    assert "成医保发〔2023〕18号" in text
    looked_at(page, "policy")
    press(page, "a.button:has-text('算一算')")
    assert "成都市 职工" in page.inner_text("#result-title")
    page.goto(f"{place.address}/policies/500000/390")
    assert "18,797 元" in page.inner_text("section:has(#versions)")
    missing = page.goto(f"{place.address}/policies/510700/310")
    assert missing is not None
    assert missing.status == 404
    assert "还没有政策文件" in page.inner_text("main")


def test_a_designer_is_told_every_fault_and_who_gets_more_or_less(
    place: Site, wide: BrowserContext
) -> None:
    page = wide.new_page()
    page.goto(f"{place.address}/policies/try?region=510100&insurance=310")
    written = page.input_value("#draft")
    broken = written.replace("tertiary: 85}", "tertiary: 185}").replace("per: year", "per: yaer")
    page.fill("#draft", broken)
    press(page, "main form button")
    faults = page.inner_text("section:has(#faults)")
    assert "有 3 处要改" in page.inner_text(".errors")
    assert "care.inpatient.rate.tertiary" in faults
    assert "per: yaer" in faults
    assert page.input_value("#draft").strip() == broken.strip()
    assert_accessible(page)
    shoot(page, "policy-faults")
    better = written.replace("tertiary: 85}", "tertiary: 88}").replace(
        "none: {factor: 70}", "none: {factor: 60}"
    )
    page.set_input_files(
        "#file", {"name": "draft.yaml", "mimeType": "text/yaml", "buffer": better.encode()}
    )
    press(page, "main form button")
    text = page.inner_text("main")
    assert "+741.00" in text
    assert "-1,654.90" in text
    assert "88%" in page.inner_text("section:has(#changes)")
    for width in (1440, 360):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        shoot(page, f"policy-try-{width}")
    assert_accessible(page)


@pytest.mark.parametrize(
    ("draft", "told"),
    [("", "请粘贴或上传"), ("x" * 20_000, "最多 16 KB"), ("a: *b", "YAML"), ("[" * 9000, "YAML")],
)
def test_what_is_no_policy_is_told_and_kept(place: Site, draft: str, told: str) -> None:
    request = urllib.request.Request(
        f"{place.address}/policies/try",
        data=urllib.parse.urlencode({"draft": draft}).encode(),
        headers={"Origin": place.address, "Sec-Fetch-Site": "same-origin"},
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=30)
    assert caught.value.code == 422
    page = caught.value.read().decode()
    assert told in page
    assert len(page) < 100_000
