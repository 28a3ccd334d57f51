"""What the office asks for is added online: seen, added, sent back; withdrawn; ended in time."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Final

import pytest

from tests.cards.citizens import COUNTER, FIRST, ONLINE, REVIEWER, SELF, citizen
from tests.cards.holder import Holder, at_home, token_of
from tests.counter.desk import at_work, hidden, text_of
from tests.trust.files import jpeg, png
from yikatong.cards import service as cards
from yikatong.cards.model import CardApplication
from yikatong.cards.office import applying, due, living, looking
from yikatong.cards.office.model import MATTER, Doing
from yikatong.core.clock import FixedClock
from yikatong.core.platform import Platform
from yikatong.identity.authority import service as authority
from yikatong.identity.sessions import service as sessions
from yikatong.people.notices import service as notices
from yikatong.portals.signed_in import COOKIE
from yikatong.trust import audit
from yikatong.trust.documents import service as documents
from yikatong.trust.documents.model import Matter

BLURRED = Doing("counter", reason="照片不清楚，请重新拍；另需居住证")
PHOTO = {"document": ("a.jpg", jpeg(), "image/jpeg")}


@pytest.fixture
async def person_id(platform: Platform) -> int:
    return await citizen(platform)


@pytest.fixture
async def asked(platform: Platform, person_id: int) -> CardApplication:
    """An application to which something is to be added."""
    made = await applying.apply(platform, person_id, FIRST, ONLINE, SELF, "a")
    return await applying.ask(platform, person_id, made.application_id, BLURRED, REVIEWER, "b")


@pytest.fixture
async def holder(platform: Platform, person_id: int) -> AsyncIterator[Holder]:
    async with at_home(platform, person_id) as one:
        yield one


async def now(platform: Platform, person_id: int) -> CardApplication:
    async with platform.database.transaction(readonly=True) as connection:
        return (await cards.applications(connection, person_id))[0]


async def test_card_and_notice_say_what_is_asked_for_and_until_when(
    platform: Platform, holder: Holder, asked: CardApplication
) -> None:
    assert asked.asked_until == date(2026, 3, 16)
    page = await holder.get("/card")
    assert "照片不清楚" in page
    assert "2026年3月16日" in page
    assert 'href="/card/amend"' in page
    async with platform.database.transaction(readonly=True) as connection:
        (told, *_) = await notices.of_person(connection, asked.person_id)
    assert told.kind == "application.asked_until"
    assert "March 2026" in await holder.text("/inbox?lang=en")


async def test_documents_and_a_word_go_back_to_the_review(
    platform: Platform, holder: Holder, asked: CardApplication
) -> None:
    page = await holder.text("/card/amend")
    assert "不超过 5 MB" in page
    assert "最多 10 份" in page
    word = "照片是今天拍的。\r\n居住证下周才有"
    more = await holder.send(
        "/card/amend", {"go": "add", "kind": "photo", "word": word}, files=PHOTO
    )
    assert more.headers["location"] == "/card/amend?done=added"
    page = await holder.get("/card/amend?done=added")
    assert "材料已上传" in page
    assert "照片是今天拍的。" in page
    assert "登录过期" not in page
    permit = {"document": ("b.png", png(), "image/png")}
    form = {"go": "send", "kind": "residence_permit", "word": word}
    sent = await holder.send("/card/amend", form, files=permit)
    assert sent.headers["location"] == "/card?done=amended", sent.text
    after = await now(platform, asked.person_id)
    assert (after.asked_for, after.asked_until, after.state) == (None, None, "applied")
    assert {"photo", "residence_permit"} <= set(after.materials)
    matter = Matter(MATTER, asked.application_id)
    async with platform.database.transaction(readonly=True) as connection:
        kinds = await documents.kinds_of(connection, asked.person_id, matter)
        said = await looking.word(platform, connection, asked.person_id, asked.application_id)
        trail = [one.action for one in await audit.of_person(connection, asked.person_id)]
    assert kinds == {"photo", "residence_permit"}
    assert said == "照片是今天拍的。\n居住证下周才有"
    assert trail.count("document.added") == 2
    assert "card_application.amend" in trail
    done = await holder.text("/card?done=amended")
    assert "接着审核" in done
    assert "去补充" not in done


async def test_the_same_form_sent_twice_is_one_answer(
    platform: Platform, holder: Holder, asked: CardApplication
) -> None:
    form = {**hidden(await holder.get("/card/amend")), "go": "send", "word": "已在窗口补交"}
    for _ in range(2):
        assert (await holder.post("/card/amend", form)).headers["location"] == "/card?done=amended"
    async with platform.database.transaction(readonly=True) as connection:
        count = await connection.fetchval("select count(*) from card_events where event = 'amend'")
    assert count == 1


WRONG: Final = [
    ({"go": "send"}, None, "还没有补充任何内容", ""),
    ({"go": "add", "kind": "photo", "word": "说明"}, None, "请选择要上传的照片或文件", "说明"),
    ({"go": "add", "word": "说明"}, PHOTO, "请选择这是什么材料", "说明"),
    ({"go": "send", "kind": "medical_bill"}, PHOTO, "请选择这是什么材料", ""),
    (
        {"go": "send", "kind": "other", "word": "说明"},
        {"document": ("a.pdf", b"MZ" + b"\0" * 99, "application/pdf")},
        "PDF、JPEG、PNG",
        "说明",
    ),
    ({"go": "send", "word": "长" * 201}, None, "最多 200 字", "长长"),
]


async def test_what_is_wrong_stands_beside_its_field_and_nothing_is_sent(
    platform: Platform, holder: Holder, asked: CardApplication
) -> None:
    for form, files, wrong, kept in WRONG:
        page = await holder.send("/card/amend", form, files=files)
        assert page.status_code == 422
        assert wrong in page.text
        assert kept in page.text
    assert (await now(platform, asked.person_id)).asked_for == BLURRED.reason


async def test_where_nothing_is_asked_for_the_page_says_so_and_takes_nothing(
    platform: Platform, holder: Holder, person_id: int
) -> None:
    assert "现在没有要补充的材料" in await holder.text("/card/amend")
    assert (await holder.client.get("/card/withdraw")).headers["location"] == "/card"
    made = await applying.apply(platform, person_id, FIRST, ONLINE, SELF, "a")
    assert "现在没有要补充的材料" in await holder.text("/card/amend")
    await applying.approve(platform, person_id, made.application_id, COUNTER, REVIEWER, "c")
    late = {"go": "add", "kind": "photo", "application": str(made.application_id)}
    answer = await holder.post("/card/amend", late, files=PHOTO)
    assert (answer.status_code, "不再接收材料" in answer.text) == (422, True)
    other = await citizen(platform, 1_000_002)
    async with at_home(platform, other) as stranger:
        answer = await stranger.post("/card/amend", late, files=PHOTO)
        assert (answer.status_code, "不再接收材料" in answer.text) == (422, False)
    async with platform.database.transaction(readonly=True) as connection:
        assert await connection.fetchval("select count(*) from documents") == 0


async def test_an_application_is_withdrawn_after_it_was_said_what_that_means(
    platform: Platform, holder: Holder, asked: CardApplication
) -> None:
    page = await holder.get("/card/withdraw")
    assert "申请就此结束" in page
    path = f"/card/applications/{asked.application_id}/withdraw"
    assert f'action="{path}"' in page
    answer = await holder.post(path, hidden(page))
    assert answer.headers["location"] == "/card?done=withdrawn"
    assert (await now(platform, asked.person_id)).state == "withdrawn"
    page = await holder.text("/card")
    assert "上次申请已结束" not in page


async def test_a_refusal_says_why_and_what_to_do(
    platform: Platform, holder: Holder, asked: CardApplication
) -> None:
    why = Doing("counter", reason="照片不是本人")
    await applying.reject(platform, asked.person_id, asked.application_id, why, REVIEWER, "r")
    page = await holder.text("/card")
    assert "原因：照片不是本人" in page
    assert "可以重新申请" in page
    assert "12333" in page


async def test_what_nobody_adds_in_time_ends_by_itself_once(
    platform: Platform, clock: FixedClock, holder: Holder, asked: CardApplication
) -> None:
    clock.advance(timedelta(days=15))
    assert (await due.run(platform)).lapsed == 0
    clock.advance(timedelta(days=1))
    assert (await due.run(platform)).lapsed == 1
    assert (await due.run(platform)).lapsed == 0
    assert (await now(platform, asked.person_id)).state == "withdrawn"
    holder.client.cookies.set(COOKIE, await token_of(platform, asked.person_id))
    page = await holder.text("/card")
    assert "上次申请已结束" in page
    assert "在 2026年3月16日 前没有补充" in page
    assert await applying.apply(platform, asked.person_id, FIRST, ONLINE, SELF, "again")


async def test_the_reviewer_reads_what_was_said_and_sees_the_documents(
    platform: Platform, holder: Holder, asked: CardApplication
) -> None:
    form = {"go": "send", "kind": "photo", "word": "今天重新拍的"}
    await holder.send("/card/amend", form, files=PHOTO)
    async with at_work(platform, "r-9", ("reviewer", "510100")) as reviewer:
        address = f"/staff/people/{asked.person_id}/applications/{asked.application_id}"
        page = text_of(await reviewer.get(address))
    assert "申请人补充说明 今天重新拍的" in page
    assert "照片 1 KB" in page or "照片 0 KB" in page


async def test_an_agent_adds_for_who_let_them_and_nobody_else_does(
    platform: Platform, asked: CardApplication
) -> None:
    agent = await citizen(platform, 1_000_002)
    async with at_home(platform, agent) as other:
        assert "现在没有要补充的材料" in await other.text("/card/amend")
        await authority.record(
            platform, asked.person_id, agent, ["card"], date(2026, 3, 1), date(2026, 12, 31),
            "委托书", REVIEWER, "m",
        )  # fmt: skip
        session = await sessions.find(platform, str(other.client.cookies[COOKIE]))
        assert session is not None
        await authority.begin(platform, session, asked.person_id)
        form = {"go": "send", "kind": "photo"}
        sent = await other.send("/card/amend", form, files=PHOTO)
        assert sent.headers["location"] == "/card?done=amended"
    async with platform.database.transaction(readonly=True) as connection:
        (event, *_) = await living.history(connection, asked.person_id, 1)
        by = await connection.fetchval("select added_by from documents")
    assert (event.event, event.applicant, event.actor, by) == (
        "amend", "agent", str(agent), str(agent),
    )  # fmt: skip
