"""One story through all pages, in the real browser, each step kept as a picture.

A woman insured in Chengdu works in Beijing. She applies for her card at a Beijing counter, gets and
activates it, asks whether it works, files, is admitted, quoted and settled, sees the bill and who
looked, loses the card, calls the hotline, gets a new one; and her mother's pension arrives.

`make story` puts the pictures into the documentation.
"""

import json
import os
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.portals.conftest import SCREENSHOTS
from tests.portals.staff_site import Site, assert_accessible, served, sign_in
from tests.trust.files import jpeg
from yikatong.cards.production import wire
from yikatong.cards.production.wire import Result
from yikatong.medical.sandbox.client import Account, Hospital
from yikatong.medical.sandbox.visit import Item, Shown, Visit

pytestmark = [pytest.mark.browser, pytest.mark.server]

PICTURES: Final = Path(os.environ.get("YIKATONG_STORY") or SCREENSHOTS / "story")
_HIGH: Final = 1100
MAKER: Final = "STORYMAKER"
PIN: Final = "739204"


class Story:
    """The people of the story, and the pictures taken of it."""

    def __init__(self, place: Site, browser: Browser) -> None:
        self.place = place
        self.browser = browser
        people = {one["situation"]: one for one in place.persons}
        self.her = people["moved_for_work"]
        self.mother = people["mother_of_moved"]
        self.card = self.identifier = ""
        self.taken: list[str] = []
        self.sandbox = self.command("sandbox", "show", "--json")
        PICTURES.mkdir(parents=True, exist_ok=True)

    def phone(self) -> Page:
        context = self.browser.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN")
        context.set_default_timeout(10_000)
        return context.new_page()

    def desk(self, number: str) -> Page:
        context = self.browser.new_context(viewport={"width": 1280, "height": 800}, locale="zh-CN")
        context.set_default_timeout(10_000)
        page = context.new_page()
        sign_in(page, self.place, number)
        return page

    def go(self, page: Page, path: str) -> None:
        page.goto(self.place.address + path)

    def picture(self, page: Page, name: str) -> None:
        """Keep this step: accessible, not too wide, no more of it than one looks at."""
        assert_accessible(page)
        width = page.evaluate("innerWidth")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        height = min(page.evaluate("document.documentElement.scrollHeight"), _HIGH)
        file = f"{len(self.taken) + 1:02d}-{name}.png"
        page.screenshot(
            path=PICTURES / file, full_page=True,
            clip={"x": 0, "y": 0, "width": width, "height": height},
        )  # fmt: skip
        self.taken.append(file)

    def command(self, *words: str) -> Any:
        done = self.place.server.command(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout) if "--json" in words else done.stdout

    def sign_in_by_code(self, page: Page, who: dict[str, Any], path: str) -> None:
        self.go(page, f"/sign-in?by=code&next={path}")
        page.fill("#number", who["id_number"])
        page.locator("main form button").click()
        self.enter_code(page)

    def enter_code(self, page: Page) -> None:
        """The code that came to the phone."""
        tab = page.context.new_page()
        self.go(tab, "/sandbox/inbox")
        code = re.search(r"[0-9]{6,10}", tab.locator(".text p").nth(1).inner_text())
        tab.close()
        assert code
        page.fill("#code", code[0])
        page.locator("main form button").click()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with served(tmp_path_factory.mktemp("own") / "data") as site:
        yield site


@pytest.fixture
def story(place: Site, browser: Browser) -> Iterator[Story]:
    yield Story(place, browser)
    for context in browser.contexts:
        context.close()


def test_a_woman_who_works_far_from_home_and_her_card(story: Story, tmp_path: Path) -> None:
    face = tmp_path / "face.jpg"
    face.write_bytes(jpeg())
    beijing = story.desk("demo-beijing")
    applies_at_a_counter_in_beijing(story, beijing, face)
    is_approved_at_home(story)
    story.card, story.identifier = made_by_the_maker(story, tmp_path)
    collects_it_in_beijing(story, beijing)
    hers = story.phone()
    activates_it_online(story, hers, face)
    asks_whether_it_works(story, hers)
    files(story, hers)
    hospital_settles(story)
    sees_the_bill_and_who_looked(story, hers)
    loses_it_and_calls(story, hers)
    gets_a_new_one(story, hers, beijing, tmp_path)
    her_mothers_pension_arrives(story)
    if "YIKATONG_STORY" in os.environ:
        old = {one.name for one in PICTURES.glob("*.png")} - set(story.taken)
        for name in old:
            (PICTURES / name).unlink()


def main(page: Page) -> Locator:
    return page.locator("main")


def applies_at_a_counter_in_beijing(story: Story, page: Page, face: Path) -> None:
    story.go(page, "/staff/counter?next=/staff/guests")
    page.locator("main form input[type=radio]").first.check()
    page.locator("main form button").first.click()
    is_known_by_her_document(story, page)
    expect(main(page)).to_contain_text("没有社保卡")
    page.get_by_role("link", name="申领社保卡").click()
    page.check("#materials-photo")
    page.set_input_files("#file_photo", face)
    story.picture(page, "counter-applies")
    page.get_by_role("button", name="办理").click()
    page.wait_for_load_state()
    story.picture(page, "counter-receipt")
    expect(main(page)).to_contain_text("已办好")


def is_known_by_her_document(story: Story, page: Page) -> None:
    page.fill("#name", story.her["name"])
    page.fill("#id_number", story.her["id_number"])
    page.check("#seen-original")
    page.locator("main form button").first.click()


def is_approved_at_home(story: Story) -> None:
    page = story.desk("demo-reviewer")
    story.go(page, "/staff/desk")
    page.locator(f"main a[href*='/{story.her['person_id']}/applications/']").first.click()
    if not story.card:
        story.picture(page, "review")
    page.locator("button[value=approve]").click()
    page.wait_for_load_state()
    page.context.close()


def made_by_the_maker(story: Story, folder: Path) -> tuple[str, str]:
    """The batch goes to the maker and comes back made, the cards are sent on: number and
    identifier of hers."""
    story.command("cards", "batch", "maker", MAKER, "故事制卡厂", "--actor", "demo-operator")
    batch = story.command(
        "cards", "batch", "make", "--region", "510100", "--bank", "ICBC", "--maker", MAKER,
        "--actor", "demo-operator", "--json",
    )  # fmt: skip
    number = str(batch["batch"]["batch_id"])
    order = folder / f"order-{number}.jsonl"
    story.command("cards", "batch", "order", number, str(order), "--actor", "demo-operator")
    cards = [json.loads(line) for line in order.read_text().splitlines()[1:-1]]
    made = [Result(one["seq"], one["card_number"], "made") for one in cards]
    back = folder / f"result-{number}.jsonl"
    back.write_bytes(wire.write_results(number, MAKER, made, None))
    story.command("cards", "batch", "results", number, str(back), "--actor", "demo-operator")
    story.command("cards", "stock", "send", number, "--actor", "demo-operator")
    mine = [one for one in cards if one["social_security_number"] == story.her["id_number"]]
    assert len(mine) == 1
    return mine[0]["card_number"], mine[0]["card_identifier"]


def collects_it_in_beijing(story: Story, page: Page, pin: str = "") -> None:
    story.go(page, "/staff/desk")
    page.get_by_role("link", name="配送单").click()
    expect(main(page)).to_contain_text(story.card[-4:])
    page.locator("button[value=receive]").click()
    expect(page.locator(".notice.yes")).to_be_visible()
    if not pin:
        story.picture(page, "cards-arrive")
    story.go(page, "/staff/desk")
    page.locator("section:has(#queue-to_collect) a").first.click()
    is_known_by_her_document(story, page)
    page.get_by_role("link", name="发卡").click()
    for field in ("#new", "#again"):
        page.fill(field, pin)
    page.locator("#errand button").first.click()
    expect(main(page)).to_contain_text("已办好")
    if not pin:
        story.picture(page, "handed-over")


def activates_it_online(story: Story, page: Page, face: Path) -> None:
    story.sign_in_by_code(page, story.her, "/card")
    page.get_by_role("link", name="启用社保功能").click()
    page.fill("#pin", PIN)
    page.fill("#again", PIN)
    page.set_input_files("#face", face)
    story.picture(page, "activate")
    page.locator("main form button").click()
    expect(page.locator(".notice.yes")).to_contain_text("卡已启用")
    story.picture(page, "card-works")


def asks_whether_it_works(story: Story, page: Page) -> None:
    story.go(page, "/")
    page.fill("#to", "北京")
    page.keyboard.press("Escape")
    page.check("#service-inpatient", force=True)
    page.locator("main form button").first.click()
    expect(page.locator("#verdict")).to_be_visible()
    story.picture(page, "asks")


def files(story: Story, page: Page) -> None:
    story.go(page, "/filings/new")
    page.fill("#to", "北京")
    page.keyboard.press("Escape")
    page.locator("main form button").first.click()
    page.wait_for_selector("#kind")
    page.get_by_label("长期在那里工作").check(force=True)
    page.check("#declared-1")
    story.picture(page, "files")
    page.locator("form.narrow button").last.click()
    page.wait_for_selector(".notice.yes")
    story.picture(page, "filed")
    story.go(page, "/?to=110000&service=inpatient")


def hospital_settles(story: Story) -> None:
    """Six days in a Beijing hospital, whose system speaks the national interface."""
    shown = story.sandbox
    one = next(
        each for each in shown["providers"]
        if each["region"].startswith("11") and each["level"] == "tertiary"
    )  # fmt: skip
    account = Account(
        one["code"], one["name"], one["region"], one["scheme"], one["access_key"], one["secret"]
    )
    hospital = Hospital(story.place.address, account)
    she = story.her
    visit = Visit(hospital, Shown(she["name"], she["id_number"], story.card, story.identifier))
    codes = shown["catalog_codes"]
    visit.identify()
    visit.admit()
    visit.charge([Item(codes[0], Decimal("96.50"), 40), Item(codes[1], Decimal("310.00"), 12)])
    visit.charge([Item(codes[2], Decimal("1450.00"), 6)])
    visit.discharge()
    quoted = visit.quote_stay()["setlinfo"]
    done = visit.settle_stay()["setlinfo"]
    assert Decimal(done["psn_part_amt"]) == Decimal(quoted["psn_part_amt"]) > 0
    page = story.browser.new_page(viewport={"width": 1280, "height": 800}, locale="zh-CN")
    story.go(page, f"/sandbox/{one['code']}")
    story.picture(page, "hospital-calls")


def sees_the_bill_and_who_looked(story: Story, page: Page) -> None:
    story.go(page, "/settlements")
    page.locator("main .pairs a").first.click()
    page.wait_for_load_state()
    expect(main(page)).to_contain_text("统筹")
    story.picture(page, "bill")
    story.go(page, "/looks")
    story.picture(page, "who-looked")


def loses_it_and_calls(story: Story, hers: Page) -> None:
    page = story.desk("demo-hotline")
    story.go(page, "/staff/calls")
    page.fill("#name", story.her["name"])
    page.fill("#number", story.her["id_number"])
    page.check("#third-card")
    page.fill("#value", story.card[-4:])
    page.locator("main form button").first.click()
    page.wait_for_selector(".say")
    story.picture(page, "call")
    page.locator("button.alarm").first.click()
    expect(main(page)).to_contain_text("已临时挂失")
    story.picture(page, "call-loss")
    page.context.close()
    story.go(hers, "/card")
    expect(hers.locator(".plastic")).to_contain_text("已临时挂失")
    story.picture(hers, "card-stopped")


def gets_a_new_one(story: Story, hers: Page, beijing: Page, folder: Path) -> None:
    """Replaced at the counter in Beijing, the fee in cash; decided and made at home once more."""
    story.go(beijing, "/staff/guests")
    is_known_by_her_document(story, beijing)
    beijing.get_by_role("link", name="补卡").click()
    story.picture(beijing, "replaced-at-the-counter")
    beijing.locator("#errand button").first.click()
    expect(main(beijing)).to_contain_text("已办好")
    is_approved_at_home(story)
    lost = story.card
    story.card, story.identifier = made_by_the_maker(story, folder)
    assert story.card != lost
    collects_it_in_beijing(story, beijing, PIN)
    story.go(hers, "/card")
    expect(hers.locator(".plastic")).to_contain_text("正常")
    expect(hers.locator(".plastic")).to_contain_text(story.card[-4:])
    story.picture(hers, "new-card")
    story.go(hers, "/inbox")
    story.picture(hers, "inbox")


def her_mothers_pension_arrives(story: Story) -> None:
    first, second = story.desk("demo-finance"), story.desk("demo-finance-2")
    story.go(first, "/operations/runs")
    first.fill("#region", "成都")
    first.press("#region", "Enter")
    first.wait_for_selector("button[value=check]", timeout=60_000)
    first.click("button[value=check]")
    first.wait_for_selector("text=须由另一位财务人员批准", timeout=60_000)
    second.goto(first.url)
    second.click("button[value=approve]")
    second.click("button[value=pay]")
    expect(second.locator(".notice.yes")).to_contain_text("已发放", timeout=60_000)
    story.picture(second, "run-paid")
    phone = story.phone()
    story.sign_in_by_code(phone, story.mother, "/benefits")
    expect(main(phone)).to_contain_text("3,580.00")
    story.picture(phone, "pension")
    story.go(phone, "/account")
    expect(main(phone)).to_contain_text("养老金")
    story.picture(phone, "account")
