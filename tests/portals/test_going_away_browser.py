"""A woman insured in Chengdu moves to Beijing and sees to everything beforehand, on a phone."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.portals.axe import serious
from tests.portals.conftest import SCREENSHOTS
from tests.portals.test_pages import LOOKS, with_query
from tests.portals.test_sign_in_browser import shown, sign_in
from yikatong.core.clock import SHANGHAI

__all__ = ["shown"]
pytestmark = pytest.mark.browser
HOME = "/me"
AXE = ("phone", "english")
"""The looks in which axe looks: the others differ in sizes alone."""


def in_days(count: int) -> str:
    return (datetime.now(SHANGHAI).date() + timedelta(days=count)).isoformat()


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    """A phone without JavaScript."""
    context = browser.new_context(
        java_script_enabled=False, viewport={"width": 360, "height": 780}, locale="zh-CN",
        reduced_motion="reduce",
    )  # fmt: skip
    yield context.new_page()
    context.close()


def test_a_newcomer_plans_the_move_files_and_finds_it_ticked(
    phone: Page, site: str, shown: dict[str, str]
) -> None:
    page = phone
    sign_in(page, site, shown["resident_filing_none"], shown["pin"], HOME)
    expect(page.locator("h1")).to_have_text("您好，贺*芝")
    expect(page.locator(".nav a[aria-current]")).to_have_text("我的")
    page.get_by_role("link", name="出行计划").click()
    # What is missing is said, and what was typed stays.
    page.fill("#to", "北京")
    page.fill("#leaves_on", in_days(30))
    page.get_by_role("button", name="列出要办的事").click()
    expect(page.locator("#purposes-error")).to_contain_text("请至少选一件事")
    expect(page.locator("#to")).to_have_value("北京")
    for purpose in ("live", "care", "transit"):
        page.check(f"#purposes-{purpose}", force=True)
    page.get_by_role("button", name="列出要办的事").click()
    expect(page.locator("h1")).to_have_text("去北京市")
    plan = page.url
    todo, ready = page.locator(".todo"), page.locator("section", has=page.locator("#ready"))
    expect(todo).to_contain_text("没有异地就医备案")
    expect(ready).to_contain_text("医保参保正常")
    # Done from there, and back.
    page.get_by_role("link", name="现在就办 没有异地就医备案").click()
    expect(page.locator(".lead")).to_contain_text("成都市 → 北京市")
    expect(page.locator(".sums")).to_contain_text("长期居住备案")
    page.get_by_label("长期住在那里").check()
    page.get_by_role("button", name="提交备案").click()
    expect(page.locator("#declared-error")).to_contain_text("居住证明")
    page.get_by_label("我承诺情况属实").check()
    page.get_by_role("button", name="提交备案").click()
    expect(page.locator(".notice.yes")).to_contain_text("备案办好了")
    page.get_by_role("link", name="回到出行计划").click()
    expect(page).to_have_url(plan)
    expect(todo).not_to_contain_text("没有异地就医备案")
    expect(ready).to_contain_text("到北京市就医已备案")
    # What to expect there, and where to go.
    page.get_by_role("link", name="在北京市怎么看病").click()
    expect(page.locator("h1")).to_have_text("在北京市看病")
    expect(page.locator("#providers").locator("..")).to_contain_text("北京中医院")
    # Kept, and seen again.
    page.goto(site + HOME)
    expect(page.get_by_role("link", name="出行计划")).to_contain_text("去北京市")
    expect(page.locator(".now")).to_contain_text("补交北京市备案的证明")
    page.get_by_role("link", name="异地就医备案").click()
    page.get_by_text("取消备案").click()
    page.get_by_role("button", name="确定取消").click()
    expect(page.locator(".notice.yes")).to_contain_text("备案已取消")
    page.goto(plan)
    expect(todo).to_contain_text("备案已于")
    page.get_by_text("删除这个计划").click()
    page.get_by_role("button", name="确定删除").click()
    expect(page.locator(".notice.yes")).to_contain_text("计划已删除")


def test_a_plan_is_made_by_keyboard_alone(page: Page, site: str, shown: dict[str, str]) -> None:
    sign_in(page, site, shown["proof_due"], shown["pin"], "/plan")
    page.locator("#to").focus()
    page.keyboard.type("shanghai")
    expect(page.locator("#to-list li").first).to_contain_text("上海市")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.fill("#leaves_on", in_days(2))
    page.locator("#purposes-pension").focus()
    page.keyboard.press("Space")
    page.locator("main form[action='/plan'] button").focus()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("去上海市")
    expect(page.locator(".todo")).to_contain_text("做养老金资格认证")


@pytest.mark.parametrize("look", LOOKS)
def test_the_pages_fit_every_width_and_axe_finds_nothing(
    browser: Browser, site: str, shown: dict[str, str], look: str
) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    how = LOOKS[look]
    context = browser.new_context(viewport={"width": how["width"], "height": 800})
    page = context.new_page()
    sign_in(page, site, shown["proof_due"], shown["pin"], "/plan")
    # The plan made in an earlier look stands before the form, which is then folded up.
    expect(page.locator("#to")).to_be_attached()
    if page.locator("main details.card #to").count():
        page.locator("main details summary").first.click()
    page.fill("#to", "310000")
    page.fill("#leaves_on", in_days(3))
    for purpose in ("care", "pension", "transit"):
        page.locator(f"#purposes-{purpose}").focus()
        page.keyboard.press("Space")
    page.locator("main form[action='/plan'] button").click()
    expect(page.locator("#todo")).to_be_visible()
    plan = page.url.removeprefix(site)
    pages = {
        "me": HOME,
        "filings": "/filings",
        "filing-new": "/filings/new",
        "filing-new-kinds": "/filings/new?to=beijing",
        "filing-not-needed": "/filings/new?to=chongqing",
        "plans": "/plan",
        "plan": plan,
        "family": "/family",
        "own-check": "/?to=beijing&service=inpatient",
        "local": "/guide/regions",
        "local-region": "/guide/regions/310000?from=510100",
    }
    for name, address in pages.items():
        page.goto(site + with_query(address, how["query"]))
        too_wide = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert too_wide <= 0, f"{name} is {too_wide} px too wide"
        small = page.evaluate(
            """[...document.querySelectorAll('main a.button, main button, .nav a, .tools a, summary, .doors a')]
               .filter(e => e.offsetParent && e.getBoundingClientRect().height < 43.5)
               .map(e => e.textContent.trim())"""
        )
        assert small == [], f"{name}: too small to touch: {small}"
        assert len(page.content().encode()) < 100_000, name
        page.screenshot(path=SCREENSHOTS / f"{look}-{name}.png", full_page=True)
        if look not in AXE:
            continue
        assert serious(page) == [], f"{look} {name}"
    context.close()
