"""People from elsewhere at a counter (跨省通办): what opens, what is seen, what can be done, what is not."""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from tests.cards.citizens import CENTRE, HOME, IN_BEIJING, PIN, citizen, with_card
from tests.counter.desk import Clerk, at_work, hidden, text_of
from tests.identity.people import BORN, quick_hashes
from yikatong.benefits import service as benefits
from yikatong.benefits import store as benefits_store
from yikatong.benefits.model import Entitlement
from yikatong.cards import service as cards
from yikatong.cards.model import CardApplication
from yikatong.cards.office import applying
from yikatong.cards.office.model import Doing, NewApplication
from yikatong.core.clock import FixedClock
from yikatong.core.platform import Platform
from yikatong.population.rows import id_number
from yikatong.portals.counter import paper
from yikatong.portals.staff_sign_in import COOKIE
from yikatong.trust import audit
from yikatong.trust.audit import Actor

PERSON = 1_000_001
NUMBER = id_number("510104", BORN, PERSON % 1000)
DOCUMENT = {"name": "张三丰", "id_number": NUMBER, "card_number": "", "seen": "original"}
PDF = b"%PDF-1.4\n1 0 obj\n%%EOF\n"
HOME_REVIEWER = Actor("staff", "r-1", "review")


@pytest.fixture(autouse=True)
def at_once() -> Iterator[None]:
    with quick_hashes():
        yield


@pytest.fixture
async def beijing(platform: Platform) -> AsyncIterator[Clerk]:
    """A clerk of Beijing who has chosen a counter; the person is of Chengdu."""
    await citizen(platform, PERSON)
    async with at_work(platform, "bj-1", ("counter", "110000")) as one:
        answer = await one.post("/staff/counter", {"counter": IN_BEIJING.code})
        assert answer.status_code == 303, text_of(answer.text)
        yield one


async def receive(clerk: Clerk, **changes: str) -> str:
    """Compare the document; answers the address of the visit."""
    answer = await clerk.post("/staff/guests", {**DOCUMENT, **changes})
    assert answer.status_code == 303, text_of(answer.text)
    return answer.headers["location"]


async def do(clerk: Clerk, visit: str, name: str, *steps: dict[str, Any], files: Any = None) -> Any:
    return await clerk.errand(PERSON, name, *steps, files=files, base=visit)


async def application(platform: Platform) -> CardApplication:
    async with platform.database.transaction(readonly=True) as connection:
        return (await cards.applications(connection, PERSON))[0]


async def test_wrong_facts_open_nothing_and_a_stranger_is_answered_like_somebody_who_differs(
    platform: Platform, beijing: Clerk
) -> None:
    nobody = id_number("510104", BORN, 999)
    await citizen(platform, 1_000_002)
    async with platform.database.transaction(readonly=True) as connection:
        held = await connection.fetchval("select count(*) from cards")
    assert held == 0
    told = set[str]()
    for wrong in ({"name": "李四"}, {"id_number": nobody}, {"card_number": "A12345678"}):
        answer = await beijing.post("/staff/guests", {**DOCUMENT, **wrong})
        assert answer.status_code == 422
        page = text_of(answer.text)
        told.add(page[page.index("没有对上") :][:60])
    assert len(told) == 1
    unseen = await beijing.post("/staff/guests", {**DOCUMENT, "seen": ""})
    assert (unseen.status_code, "请先核对证件原件" in unseen.text) == (422, True)
    async with platform.database.transaction(readonly=True) as connection:
        events = [one.action for one in await audit.of_person(connection, PERSON)]
    # The person reads of each try at their number.
    assert events.count("card.document_differs") == 2


async def test_tries_at_one_number_are_limited_and_right_ones_do_not_count(
    platform: Platform, beijing: Clerk, clock: FixedClock
) -> None:
    for _ in range(6):
        await receive(beijing)
    for _ in range(5):
        answer = await beijing.post("/staff/guests", {**DOCUMENT, "name": "李四"})
        assert answer.status_code == 422
    answer = await beijing.post("/staff/guests", DOCUMENT)
    assert answer.status_code == 429
    assert "Retry-After" in answer.headers
    clock.advance(timedelta(hours=1, minutes=1))
    await receive(beijing)


async def test_the_card_alone_is_seen_and_the_look_is_recorded(
    platform: Platform, beijing: Clerk
) -> None:
    visit = await receive(beijing)
    page = await beijing.get(visit)
    for secret in ("张三丰", NUMBER, NUMBER[6:14], "13861720001", "职工", "参保登记"):
        assert secret not in page, secret
    assert "申领社保卡" in page
    for other in (
        "filing",
        "claim",
        "contribution_pay",
        "stop_account",
        "card_cancel",
    ):
        assert f"/errands/{other}" not in page
        await beijing.get(f"{visit}/errands/{other}", 404)
    # The file of somebody from elsewhere stays shut.
    await beijing.get(f"/staff/people/{PERSON}", 403)
    async with platform.database.transaction(readonly=True) as connection:
        events = [one.action for one in await audit.of_person(connection, PERSON)]
    assert {"card.found_by_document", "card.read"} <= set(events)


async def test_a_proof_of_life_is_given_at_any_counter_and_nothing_is_told_beforehand(
    platform: Platform, beijing: Clerk
) -> None:
    visit = await receive(beijing)
    nothing = await do(beijing, visit, "proof_of_life", {})
    assert "没有需要认证的待遇" in text_of(nothing.text)
    pension = Entitlement(
        benefit="pension", region=HOME, status="held", starts_on=date(2020, 1, 1), ends_on=None,
        monthly=300_000, proof_due_on=date(2026, 1, 10), held_reason="proof_of_life",
        insurance="110", held_on=date(2026, 1, 11), settled_month=date(2025, 12, 1),
    )  # fmt: skip
    async with platform.database.transaction() as connection:
        await benefits_store.insert(connection, PERSON, pension)
    assert "3,000" not in await beijing.get(visit)
    done = await do(beijing, visit, "proof_of_life", {})
    page = text_of(done.text)
    assert "/receipts/" in done.url.path, page
    assert "2027" in page
    assert "补发" not in page
    async with platform.database.transaction(readonly=True) as connection:
        (one,) = await benefits.entitlements(connection, PERSON)
        region = await connection.fetchval(
            "select region from proofs_of_life where person_id = $1", PERSON
        )
    assert (one.status, one.proof_due_on, region[:2]) == ("drawing", date(2027, 3, 1), "11")


async def test_a_visit_is_the_clerks_own_ends_and_is_over_after_half_an_hour(
    platform: Platform, beijing: Clerk, clock: FixedClock
) -> None:
    visit = await receive(beijing)
    async with at_work(platform, "bj-2", ("counter", "110000")) as other:
        await other.get(visit, 404)
    await beijing.post(f"{visit}/end", {})
    await beijing.get(visit, 404)
    second = await receive(beijing)
    for _ in range(4):
        clock.advance(timedelta(minutes=8))
        await beijing.get("/staff/desk")
    await beijing.get(second, 404)


async def test_a_first_card_is_taken_in_decided_at_home_and_handed_over_here(
    platform: Platform, beijing: Clerk
) -> None:
    visit = await receive(beijing)
    done = await do(
        beijing, visit, "card_first", {"materials": "photo", "delivery": "pickup", "bank": "ICBC",
                                       "pickup_place": IN_BEIJING.code},
        files={"file_photo": ("a.pdf", PDF), "file_residence_permit": ("b.pdf", PDF + b"%%EOF")},
    )  # fmt: skip
    assert "已受理" in text_of(done.text), text_of(done.text)
    made = await application(platform)
    assert (made.state, made.region, made.channel) == ("applied", HOME, "cross_province")
    assert (made.accepted_at, made.pickup_place) == (IN_BEIJING.code, IN_BEIJING.code)
    assert str(made.accepted_in) == IN_BEIJING.region
    async with platform.database.transaction(readonly=True) as connection:
        kinds = await connection.fetch("select kind from documents order by kind")
    assert [one["kind"] for one in kinds] == ["photo", "residence_permit"]
    # Something is asked for; the desk of the counter shows it, and the person comes again.
    asking = Doing("counter", reason="照片请用白底")
    await applying.ask(platform, PERSON, made.application_id, asking, HOME_REVIEWER, "ask")
    desk = text_of(await beijing.get("/staff/desk"))
    assert "照片请用白底" in desk
    assert "张三丰" not in desk
    again = await receive(beijing)
    assert "照片请用白底" in await beijing.get(again)
    await do(
        beijing, again, "card_amend", {"materials": "photo"},
        files={"file_photo": ("c.pdf", PDF + b"new%%EOF")},
    )  # fmt: skip
    assert (await application(platform)).asked_for is None
    office = Doing("counter", materials=("identity",))
    await applying.approve(platform, PERSON, made.application_id, office, HOME_REVIEWER, "ok")
    # Nothing is printed of another region's cards.
    assert "card_hand_over" not in await beijing.get(again)
    await finished(platform, made)
    assert "本网点待领的卡" in text_of(await beijing.get("/staff/desk"))
    done = await do(beijing, again, "card_hand_over", {"new": PIN, "again": PIN})
    assert "社保功能已启用" in text_of(done.text), text_of(done.text)
    async with platform.database.transaction(readonly=True) as connection:
        card = (await cards.cards(connection, PERSON))[0]
    assert (card.state, card.region) == ("active", HOME)


async def finished(platform: Platform, one: CardApplication) -> None:
    """What the maker's batches do."""
    async with platform.database.transaction() as connection:
        await connection.execute(
            """update card_applications set state = 'ready', batch_id = 7, version = version + 1
                where application_id = $1""",
            one.application_id,
        )


async def test_a_card_that_waits_elsewhere_is_not_handed_over_here(
    platform: Platform, beijing: Clerk
) -> None:
    doing = Doing("online", materials=("identity", "photo"))
    wanted = NewApplication("first", pickup_place=CENTRE)
    made = await applying.apply(platform, PERSON, wanted, doing, HOME_REVIEWER, "a")
    await finished(platform, made)
    visit = await receive(beijing)
    page = text_of(await beijing.get(visit))
    assert "请到那里领取" in page
    # What was taken in elsewhere is mended and withdrawn there.
    assert "撤回申领" not in page
    done = await do(beijing, visit, "card_withdraw", {"application": str(made.application_id)})
    assert done.status_code == 422


async def test_a_loss_is_reported_and_withdrawn_and_the_card_replaced(
    platform: Platform, beijing: Clerk
) -> None:
    await with_card(platform, 1_000_002)
    number = id_number("510104", BORN, 2)
    async with platform.database.transaction(readonly=True) as connection:
        card = (await cards.cards(connection, 1_000_002))[0]
    answer = await beijing.post(
        "/staff/guests",
        {**DOCUMENT, "id_number": number, "card_number": card.card_number.lower()},
    )
    visit = answer.headers["location"]
    for name, step, state in (
        ("loss", {}, "loss_reported"),
        ("loss_withdraw", {"materials": "old_card"}, "active"),
        ("pin_reset", {"new": "295836", "again": "295836"}, "active"),
        ("loss_provisional", {}, "loss_reported_provisionally"),
    ):
        done = await beijing.errand(1_000_002, name, step, base=visit)
        assert "已办好" in text_of(done.text), (name, text_of(done.text))
        async with platform.database.transaction(readonly=True) as connection:
            assert (await cards.cards(connection, 1_000_002))[0].state == state
    done = await beijing.errand(
        1_000_002, "card_replace",
        {"delivery": "pickup", "pickup_place": IN_BEIJING.code, "bank": "ICBC", "pay": "cash"},
        base=visit,
    )  # fmt: skip
    assert "工本费 已交" in text_of(done.text), text_of(done.text)
    paper = await beijing.client.get(f"{done.url.path}?format=pdf")
    assert paper.content.startswith(b"%PDF")


async def test_a_receipt_of_something_else_is_not_seen_in_a_visit(
    platform: Platform, beijing: Clerk
) -> None:
    async with at_work(platform, "cd-1", ("counter", HOME)) as home:
        done = await home.errand(PERSON, "contact_change", {"phone": "13861729999"})
    number = done.url.path.rpartition("/")[2]
    visit = await receive(beijing)
    await beijing.get(f"{visit}/receipts/{number}", 404)


async def test_somebody_of_the_clerks_own_region_leads_to_the_file(platform: Platform) -> None:
    await citizen(platform, PERSON)
    async with at_work(platform, "cd-1", ("counter", HOME)) as clerk:
        answer = await clerk.client.get("/staff/guests")
        assert answer.headers["location"].startswith("/staff/counter")
        await clerk.post("/staff/counter", {"counter": CENTRE})
        assert await receive(clerk) == f"/staff/people/{PERSON}"


async def test_the_counter_is_chosen_within_the_regions_and_is_the_default(
    platform: Platform,
) -> None:
    await citizen(platform, PERSON)
    async with at_work(platform, "cd-1", ("counter", HOME)) as clerk:
        page = await clerk.get("/staff/counter")
        assert CENTRE in page
        assert IN_BEIJING.code not in page
        answer = await clerk.post("/staff/counter", {"counter": IN_BEIJING.code})
        assert answer.status_code == 403
        answer = await clerk.post("/staff/counter", {"counter": "S00000000000"})
        assert answer.status_code == 422
        answer = await clerk.post("/staff/counter", {"counter": CENTRE, "next": "https://evil"})
        assert answer.headers["location"] == "/staff/desk"
        assert "您在" in text_of(await clerk.get("/staff/desk"))
        form = await clerk.get(f"/staff/people/{PERSON}/errands/card_first")
        assert form.index(CENTRE) < form.index("</select>")
        done = await clerk.errand(
            PERSON, "card_first", {"materials": "photo", "delivery": "pickup"}
        )
        assert "制卡中" in text_of(done.text)
        made = await application(platform)
        assert (made.accepted_at, made.pickup_place) == (CENTRE, CENTRE)
        assert "counter" not in hidden(form)
    async with at_work(platform, "all-1", ("counter", "000000")) as nation:
        page = await nation.get("/staff/counter")
        assert CENTRE not in page
        assert CENTRE in await nation.get("/staff/counter?place=成都")


async def test_a_counter_elsewhere_does_not_decide_at_once_for_who_lives_there_and_is_insured_at_home(
    platform: Platform,
) -> None:
    await citizen(platform, PERSON, lives_in="110101")
    async with at_work(platform, "bj-1", ("counter", "110000")) as clerk:
        await clerk.post("/staff/counter", {"counter": IN_BEIJING.code})
        done = await clerk.errand(
            PERSON, "card_first", {"materials": "photo", "delivery": "pickup"}
        )
        assert "审核中" in text_of(done.text)
    assert (await application(platform)).region == HOME


# ---- documents ----


@asynccontextmanager
async def over_api(
    platform: Platform, number: str, region: str
) -> AsyncGenerator[httpx.AsyncClient]:
    """A clerk's program, with the clerk's token."""
    async with at_work(platform, number, ("counter", region)) as clerk:
        token = clerk.client.cookies[COOKIE]
        clerk.client.headers["Authorization"] = f"Bearer {token}"
        yield clerk.client


async def test_the_counter_that_took_it_in_hands_documents_in_and_no_other_does(
    platform: Platform, beijing: Clerk
) -> None:
    visit = await receive(beijing)
    await do(
        beijing, visit, "card_first",
        {"materials": "photo", "delivery": "pickup", "pickup_place": IN_BEIJING.code},
        files={"file_photo": ("a.pdf", PDF)},
    )  # fmt: skip
    number = (await application(platform)).application_id
    done = await do(
        beijing, visit, "card_documents", {},
        files={"file_labour_contract": ("b.pdf", PDF + b"%%EOF")},
    )  # fmt: skip
    assert "劳动合同" in text_of(done.text), text_of(done.text)
    wrong = await do(
        beijing, visit, "card_documents", {}, files={"file_photo": ("b.txt", b"not a picture")}
    )
    assert wrong.status_code == 422
    assert 'id="file_photo-error"' in wrong.text
    # Over the API, too.
    path = f"/api/v1/people/{PERSON}/documents/card_application/{number}"
    content = {"content": PDF + b"x%%EOF", "headers": {"Content-Type": "application/pdf"}}
    async with over_api(platform, "b-1", "110000") as api:
        answer = await api.post(f"{path}/study_certificate", **content)
        assert answer.status_code == 201, answer.text
        listed = (await api.get(path)).json()
        assert {one["kind"] for one in listed} == {"photo", "labour_contract", "study_certificate"}
        document = listed[0]["document_id"]
        one = await api.get(f"/api/v1/people/{PERSON}/documents/{document}")
        assert one.status_code == 200
        stranger = await api.get(f"/api/v1/people/{PERSON}/documents/person_change/{number}")
        assert stranger.status_code == 403
    async with over_api(platform, "g-1", "440100") as api:
        for address in (path, f"/api/v1/people/{PERSON}/documents/{document}",
                        f"/api/v1/people/{PERSON}/documents/1"):  # fmt: skip
            assert (await api.get(address)).status_code == 403, address
        assert (await api.post(f"{path}/photo", **content)).status_code == 403
    async with at_work(platform, "cd-r", ("reviewer", HOME)) as reviewer:
        page = await reviewer.get(f"/staff/people/{PERSON}/applications/{number}")
        told = text_of(page)
        for kind in ("照片", "劳动合同", "在读证明", "没有扫描件"):
            assert kind in told, kind
        scan = re.search(r"/staff/people/[0-9]+/documents/[0-9]+", page)
        assert scan is not None
        assert (await reviewer.client.get(scan[0])).status_code == 200
        assert "申领" in text_of(await reviewer.get("/staff/desk"))
    async with at_work(platform, "bj-r", ("reviewer", "110000")) as reviewer:
        await reviewer.get(f"/staff/people/{PERSON}/applications/{number}", 403)
        desk = text_of(await reviewer.get("/staff/desk"))
        assert "没有待审核的申领" in desk


# ---- forms to sign ----


async def test_the_form_to_sign_is_printed_from_the_receipt_and_blank(
    platform: Platform, beijing: Clerk, monkeypatch: pytest.MonkeyPatch
) -> None:
    printed: list[Any] = []
    of_pdf = paper.as_pdf

    def as_pdf(*told: Any) -> bytes:
        printed.append(told)
        return of_pdf(*told)

    monkeypatch.setattr(paper, "as_pdf", as_pdf)
    visit = await receive(beijing)
    done = await do(
        beijing, visit, "card_first", {"materials": "photo", "delivery": "pickup"},
        files={"file_photo": ("a.pdf", PDF)},
    )  # fmt: skip
    assert "打印申请表" in done.text
    made = await beijing.client.get(f"{done.url.path}?format=form")
    assert made.content.startswith(b"%PDF")
    name, _, receipt, who = printed[0]
    assert (name, receipt.counter.zh, receipt.by) == ("card", IN_BEIJING.name, "self")
    # Whole, for the person signs it; phone and address are not seen of somebody from elsewhere.
    assert (who.name, who.id_number) == ("张三丰", NUMBER)
    assert "1386172" not in f"{who}"
    for blank in ("card", "loss", "change"):
        answer = await beijing.client.get(f"/staff/forms/{blank}")
        assert answer.content.startswith(b"%PDF")
    await beijing.get("/staff/forms/other", 404)
    async with platform.database.transaction(readonly=True) as connection:
        events = [one.action for one in await audit.of_person(connection, PERSON)]
    assert "counter.form_printed" in events
