"""Everything somebody applied for on one page, told as steps; without a browser."""

from datetime import date, datetime, timedelta

import msgspec
import pytest

from tests.cards.citizens import (
    CLERK,
    COUNTER,
    FIRST,
    LOST,
    ONLINE,
    PIN,
    REVIEWER,
    SELF,
    citizen,
    print_now,
    with_card,
)
from tests.cards.holder import at_home
from tests.cards.test_due import lies_ready
from tests.counter.desk import hidden
from tests.trust.files import jpeg, png
from yikatong.cards import service as cards
from yikatong.cards.office import applying
from yikatong.cards.office.model import MATTER, Doing
from yikatong.cards.pins import service as pins
from yikatong.core.clock import SHANGHAI, FixedClock
from yikatong.core.platform import Platform
from yikatong.identity.authority import service as authority
from yikatong.identity.authority.model import Service
from yikatong.identity.sessions import service as sessions
from yikatong.medical.model import Filing
from yikatong.people.changes import service as changes
from yikatong.people.changes.model import ContactChange
from yikatong.portals import applied
from yikatong.portals.signed_in import COOKIE
from yikatong.portals.view import View
from yikatong.trust import audit
from yikatong.trust.documents import service as documents
from yikatong.trust.documents.model import Matter

PERSON, OTHER = 1_000_001, 1_000_002
NOON = datetime(2026, 3, 1, 12, 0, tzinfo=SHANGHAI)
ZH = View("zh", large=False, path="/", query=[])
EN = View("en", large=False, path="/", query=[])
FILING = Filing(
    filing_id=192000000000000001, kind="temporary", insurance="310", region="510100",
    destination="110000", starts_on=date(2026, 3, 5), ends_on=date(2026, 9, 4), ended_by=None,
    ended_on=None, channel="online", filed_at=NOON,
)  # fmt: skip


def marks(one: applied.Affair) -> list[str]:
    return [step.mark for step in one.steps]


@pytest.mark.parametrize(
    ("day", "expected", "going"),
    [
        (date(2026, 3, 1), ["done", "next", "next"], True),
        (date(2026, 3, 5), ["done", "done", "now"], True),
        (date(2026, 9, 5), ["done", "done", "done"], False),
    ],
)
def test_a_filing_begins_holds_and_ends(day: date, expected: list[str], going: bool) -> None:
    told = applied.of_filing(ZH, FILING, day)
    assert (marks(told), told.open) == (expected, going)
    assert told.steps[1].day == "2026年3月5日"
    assert applied.of_filing(EN, FILING, day).steps[1].day == "5 March 2026"


def test_a_filing_that_was_withdrawn_says_so_and_one_on_the_word_asks_for_papers() -> None:
    gone = msgspec.structs.replace(FILING, ended_by="return", ended_on=date(2026, 4, 1))
    told = applied.of_filing(ZH, gone, date(2026, 4, 2))
    assert (marks(told), told.open, told.asked) == (["done", "stopped"], False, "")
    promised = msgspec.structs.replace(FILING, declared=True, ends_on=None)
    told = applied.of_filing(ZH, promised, date(2026, 4, 2))
    assert "尽快补交" in told.asked
    assert marks(told) == ["done", "done", "now"]


async def test_an_application_for_a_card_goes_from_step_to_step(
    platform: Platform, clock: FixedClock
) -> None:
    await citizen(platform, PERSON)
    made = await applying.apply(platform, PERSON, FIRST, ONLINE, SELF, "a")
    number = made.application_id
    async with at_home(platform, PERSON) as holder:
        page = await holder.text("/applications")
        assert "提交申请 (已完成) 2026年3月1日 审核 (正在办)" in page
        assert "制卡 (下一步) 预计" in page
        assert "等您办的" not in page
        asks = Doing("counter", reason="照片不清楚")
        await applying.ask(platform, PERSON, number, asks, REVIEWER, "b")
        page = await holder.get("/applications")
        assert "请在 2026年3月16日（含当天）前补充：照片不清楚" in page
        assert 'href="/card/amend"' in page
        await applying.reject(platform, PERSON, number, asks, REVIEWER, "c")
        page = await holder.text("/applications")
        assert "没有通过 (已结束) 2026年3月1日" in page
        assert "原因：照片不清楚" in page
        again = await applying.apply(platform, PERSON, FIRST, COUNTER, CLERK, "d")
        await print_now(platform, again)
        page = await holder.text("/applications?lang=en")
        assert "Card collected (done) 1 March 2026 Card activated (now)" in page
        assert page.index("Card collected") < page.index("Refused")
    async with platform.database.transaction(readonly=True) as connection:
        trail = [one.action for one in await audit.of_person(connection, PERSON)]
    assert trail.count("applications.read") == 4


async def test_every_kind_stands_there_the_newest_first_and_its_fee_is_asked_for(
    platform: Platform, clock: FixedClock
) -> None:
    await with_card(platform, PERSON)
    clock.advance(timedelta(days=1))
    async with platform.database.transaction() as connection:
        await connection.execute(
            """insert into filings (person_id, filing_id, kind, insurance, region, destination,
                                    starts_on, ends_on, channel, filed_at)
               values ($1, 7, 'temporary', '310', '510100', '110000', '2026-03-02', '2026-09-01',
                       'online', $2)""",
            PERSON,
            clock.now(),
        )
    clock.advance(timedelta(days=1))
    wanted = ContactChange(phone="13900004321")
    await changes.change_contact(platform, PERSON, wanted, 1, "counter", CLERK, "k")
    clock.advance(timedelta(days=1))
    await applying.apply(platform, PERSON, LOST, COUNTER, CLERK, "r")
    async with at_home(platform, PERSON) as holder:
        page = await holder.text("/applications")
    titles = ["补卡 编号", "改资料：", "异地就医备案：北京市，临时外出", "申领首张卡 编号"]
    found = [page.index(one) for one in titles]
    assert found == sorted(found)
    assert "工本费 16.00 元，领卡前交" in page
    assert "13900004321" not in page


async def test_online_the_form_asks_for_the_papers_that_the_case_needs(
    platform: Platform,
) -> None:
    await citizen(platform, PERSON)
    await citizen(platform, OTHER, card_from=date(2020, 1, 1))
    async with platform.database.transaction() as connection:
        await connection.execute(
            "update cards set name_on_card = '张三' where person_id = $1", OTHER
        )
    photo = {"photo": ("p.jpg", jpeg(), "image/jpeg")}
    paper = ("b.png", png(), "image/png")
    async with at_home(platform, PERSON) as holder:
        path, there = "/card/apply/first", {"region": "北京市", "proof_kind": "residence_permit"}
        assert "四川省成都市" in await holder.get(path)
        wrong = await holder.send(path, {"region": "没有这个地方"}, files=photo)
        assert 'id="region-error"' in wrong.text
        wrong = await holder.send(path, {"region": "北京市"}, files=photo)
        assert 'id="proof_kind-error"' in wrong.text
        wrong = await holder.send(path, there, files=photo)
        assert 'id="proof-error"' in wrong.text
        assert 'value="北京市"' in wrong.text
        pdf = {"photo": ("p.pdf", b"%PDF-1.4 %%EOF", "application/pdf")}
        assert 'id="photo-error"' in (await holder.send(path, {}, files=pdf)).text
        sent = await holder.send(path, there, files={**photo, "proof": paper})
        assert sent.headers["location"] == "/card?done=applied", sent.text
    async with at_home(platform, OTHER) as holder:
        path, why = "/card/apply/renew", {"why": "data_changed"}
        assert 'id="register-error"' in (await holder.send(path, why)).text
        sent = await holder.send(path, why, files={"register": paper})
        assert sent.headers["location"] == "/card?done=applied", sent.text
    async with platform.database.transaction(readonly=True) as connection:
        (made,) = await cards.applications(connection, PERSON)
        (new,) = await cards.applications(connection, OTHER)
        kinds = [
            await documents.kinds_of(connection, one.person_id, Matter(MATTER, one.application_id))
            for one in (made, new)
        ]
    assert (made.region, new.region) == ("110000", "510100")
    assert kinds == [{"photo", "residence_permit"}, {"household_register"}]


async def test_a_card_that_came_by_post_is_confirmed_by_its_number_and_can_be_activated(
    platform: Platform,
) -> None:
    await citizen(platform, PERSON)
    wanted = msgspec.structs.replace(FIRST, delivery="post", post_to="成都市某街 1 号")
    made = await applying.apply(platform, PERSON, wanted, ONLINE, SELF, "a")
    await applying.approve(platform, PERSON, made.application_id, COUNTER, REVIEWER, "b")
    await lies_ready(platform, made)
    await applying.post(platform, PERSON, made.application_id, "EB1", COUNTER, CLERK, "c")
    async with platform.database.transaction(readonly=True) as connection:
        number = (await cards.applications(connection, PERSON))[0].card_number
    assert number is not None
    path = f"/card/applications/{made.application_id}/received"
    async with at_home(platform, PERSON) as holder:
        assert "收到卡后确认" in await holder.get("/me")
        form = hidden(await holder.get("/card"))
        assert 'id="tail-error"' in (await holder.post(path, {**form, "tail": "0000"})).text
        for _ in range(2):
            done = await holder.post(path, {**form, "tail": number[-4:].lower()})
            assert done.headers["location"] == "/card?done=received", done.text
        assert 'href="/card/do/activate"' in await holder.get("/card?done=received")


async def test_who_remembers_the_pin_unlocks_the_card_online(platform: Platform) -> None:
    card = await with_card(platform, PERSON)
    for _ in range(3):
        await pins.verify_present(platform, PERSON, card.card_id, "000001", CLERK)
    async with at_home(platform, PERSON) as holder:
        assert 'href="/card/do/unlock"' in await holder.get("/card")
        sent = await holder.send("/card/do/unlock", {})
        assert sent.headers["location"] == "/card?done=unlock", sent.text
        assert "密码没有变" in await holder.get("/card?done=unlock")
    assert await pins.verify(platform, PERSON, card.card_id, PIN)


async def test_the_fee_of_a_lost_card_is_paid_online_with_a_face_where_the_session_is_weak(
    platform: Platform,
) -> None:
    platform = msgspec.structs.replace(
        platform, settings=msgspec.structs.replace(platform.settings, sandbox=True)
    )
    card = await with_card(platform, PERSON)
    made = await applying.apply(platform, PERSON, LOST, ONLINE, SELF, "a")
    pay, form = f"/card/applications/{made.application_id}/pay", {"account": str(card.account_id)}
    async with at_home(platform, PERSON, {"card_pin"}) as holder:
        form |= hidden(await holder.get("/card"))
        assert 'id="face-error"' in (await holder.post(pay, form)).text
        face = {"face": ("f.jpg", jpeg(), "image/jpeg")}
        # Nobody put money onto the account: the page says so, and nothing was paid.
        assert "余额" in (await holder.post(pay, form, files=face)).text


async def test_nothing_applied_for_says_what_could_be(platform: Platform) -> None:
    await citizen(platform, PERSON)
    async with at_home(platform, PERSON) as holder:
        page = await holder.text("/applications")
        assert "还没有申请过什么" in page
        for odd in ("?page=0", "?page=999", "?page=x", "?page=99999999999"):
            assert "还没有申请过什么" in await holder.text(f"/applications{odd}")
        holder.client.cookies.clear()
        away = await holder.client.get("/applications")
        assert away.headers["location"] == "/sign-in?next=%2Fapplications"


async def test_an_agent_sees_what_the_authority_covers_and_nothing_when_it_is_over(
    platform: Platform, clock: FixedClock
) -> None:
    await citizen(platform, PERSON)
    await citizen(platform, OTHER)
    await applying.apply(platform, PERSON, FIRST, ONLINE, SELF, "a")
    services: dict[str, list[Service]] = {"without": ["filing"], "with": ["filing", "card"]}
    async with at_home(platform, OTHER) as agent:
        session = await sessions.find(platform, str(agent.client.cookies[COOKIE]))
        assert session is not None
        granted: list[int] = []
        for which, covered in services.items():
            one = await authority.record(
                platform, PERSON, OTHER, covered, date(2026, 3, 1), date(2026, 12, 31), "委托书",
                CLERK, f"k-{which}",
            )  # fmt: skip
            granted.append(one.authority_id)
            await authority.begin(platform, session, PERSON)
            page = await agent.text("/applications")
            assert ("申领首张卡" in page) == (which == "with")
            assert ("这里不显示：社保卡申领" in page) == (which == "without")
        for number in granted:
            await authority.revoke(platform, PERSON, number, CLERK)
        assert (await agent.client.get("/applications")).status_code == 403
