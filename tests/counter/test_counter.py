"""The counter, asked as its browser asks it: find, see, carry out, print; what is not allowed."""

import re
from collections.abc import AsyncIterator, Iterator
from datetime import date, timedelta

import pytest

from tests.cards.citizens import CENTRE, PIN, citizen, with_card
from tests.counter.desk import ELSEWHERE, HERE, Clerk, at_work, hidden, text_of
from tests.identity.people import BORN, quick_hashes
from yikatong.core.clock import FixedClock
from yikatong.core.platform import Platform
from yikatong.medical import service as medical
from yikatong.people import service as people
from yikatong.population.rows import id_number
from yikatong.trust import audit
from yikatong.trust.access import ROLES

PERSON = 1_000_001
PDF = b"%PDF-1.4\n1 0 obj\n%%EOF\n"


@pytest.fixture(autouse=True)
def at_once() -> Iterator[None]:
    with quick_hashes():
        yield


@pytest.fixture
async def clerk(platform: Platform) -> AsyncIterator[Clerk]:
    await with_card(platform, PERSON)
    async with at_work(platform, "c-1", ("counter", HERE)) as one:
        yield one


async def test_a_name_is_found_in_pinyin_with_a_birth_date_masked_and_recorded_like_any_other(
    platform: Platform, clerk: Clerk
) -> None:
    far = await citizen(platform, 1_000_002, insured_in=ELSEWHERE, lives_in="110101")
    for words in ("zhang san feng 1985-03-05", "ZhangSanfeng 19850305"):
        page = await clerk.find(words)
        assert page.url.path == f"/staff/people/{PERSON}", words
        assert "张三丰" not in page.text
    assert "没有找到" in text_of((await clerk.find("zhang san 1985-03-05")).text)
    lacking = await clerk.find("zhang san feng")
    assert (lacking.status_code, "出生日期" in text_of(lacking.text)) == (422, True)
    # Somebody elsewhere of the same name and day is not found.
    assert "person.found" not in await actions(platform, far)
    assert (await actions(platform)).count("person.found") == 2


async def actions(platform: Platform, person_id: int = PERSON) -> list[str]:
    async with platform.database.transaction(readonly=True) as connection:
        return [one.action for one in await audit.of_person(connection, person_id)]


async def test_one_field_finds_by_number_card_or_name_and_records_it(
    platform: Platform, clerk: Clerk
) -> None:
    number = id_number("510104", BORN, PERSON % 1000)
    async with platform.database.transaction(readonly=True) as connection:
        card = await connection.fetchval("select card_number from cards")
        application = await connection.fetchval("select application_id from card_applications")
    for words in (number, card, str(application), "张三丰 1985-03-05", "张三丰 0001"):
        page = await clerk.find(words)
        assert page.url.path == f"/staff/people/{PERSON}", words
        assert number not in page.text
        assert "张三丰" not in page.text
    assert (await actions(platform)).count("person.found") == 5
    async with platform.database.transaction(readonly=True) as connection:
        forms = await connection.fetch("select form, found from staff_searches order by search_id")
    assert [tuple(one) for one in forms] == [
        ("id_number", 1), ("card", 1), ("number", 1), ("name", 1), ("name", 1),
    ]  # fmt: skip


async def test_nobody_of_another_region_is_found_seen_or_served(
    platform: Platform, clerk: Clerk
) -> None:
    far = await citizen(platform, 1_000_002, insured_in=ELSEWHERE, lives_in="110101")
    number = id_number("510104", BORN, far % 1000)
    nobody = id_number("510104", BORN, 999)
    answers = [text_of((await clerk.find(one)).text) for one in (number, nobody)]
    assert "没有找到" in answers[0]
    assert answers[0].replace(number, "") == answers[1].replace(nobody, "")
    there = await clerk.client.get(f"/staff/people/{far}")
    missing = await clerk.client.get("/staff/people/999")
    assert (there.status_code, missing.status_code) == (403, 403)
    assert text_of(there.text) == text_of(missing.text)
    for path in ("errands/filing", "check", "bills/1", "claims/1", "applications/1", "receipts/1"):
        answer = await clerk.client.get(f"/staff/people/{far}/{path}")
        assert answer.status_code == 403, path
    assert "person.found" not in await actions(platform, far)


async def test_many_of_one_name_ask_for_one_more_fact_and_two_are_shown_masked(
    platform: Platform, clerk: Clerk
) -> None:
    await citizen(platform, 1_000_002, born=date(1970, 1, 2))
    page = await clerk.find("张三丰")
    assert page.url.path.startswith("/staff/search/")
    assert "张*丰" in page.text
    assert page.text.count("打开<") == 2
    for at in range(3, 14):
        await citizen(platform, 1_000_000 + at, born=date(1970, 1, at))
    page = await clerk.find("张三丰")
    assert "加上出生日期" in page.text
    assert "打开<" not in page.text


async def test_the_results_of_somebody_elses_search_are_not_shown(
    platform: Platform, clerk: Clerk, clock: FixedClock
) -> None:
    await citizen(platform, 1_000_002)
    address = (await clerk.post("/staff/search", {"words": "张三丰"})).headers["location"]
    await clerk.get(address)
    async with at_work(platform, "c-2", ("counter", HERE)) as other:
        await other.get(address, 404)
    clock.advance(timedelta(minutes=14))
    await clerk.get("/staff/desk")
    clock.advance(timedelta(minutes=14))
    await clerk.get("/staff/desk")


async def test_the_file_shows_what_each_role_may_see_and_a_look_in_full_needs_a_reason(
    platform: Platform, clerk: Clerk
) -> None:
    page = await clerk.get(f"/staff/people/{PERSON}")
    for words in ("可以使用", "职工基本医疗保险", "没有备案", "办理异地就医备案"):
        assert words in page
    number = id_number("510104", BORN, PERSON % 1000)
    refused = await clerk.post(f"/staff/people/{PERSON}/reveal", {"reason": " "})
    assert refused.status_code == 422
    assert number not in refused.text
    shown = await clerk.post(f"/staff/people/{PERSON}/reveal", {"reason": "核对身份证"})
    assert number in shown.text
    assert (await actions(platform))[0] == "person.revealed"
    async with at_work(platform, "r-1", ("reviewer", HERE)) as reviewer:
        page = await reviewer.get(f"/staff/people/{PERSON}")
        assert "panel-contributions" not in page
        assert "您的岗位没有可以办理的业务" in page
    async with at_work(platform, "h-1", ("hotline", HERE)) as hotline:
        await hotline.get(f"/staff/people/{PERSON}", 403)
        await hotline.get("/staff/desk", 403)
    async with at_work(platform, "a-1", ("administrator", HERE)) as administrator:
        await administrator.get(f"/staff/people/{PERSON}", 403)


async def test_a_filing_is_made_once_and_its_receipt_is_printed(
    platform: Platform, clerk: Clerk
) -> None:
    page = await clerk.errand(
        PERSON, "filing",
        {"kind": "temporary", "destination": "北京", "starts_on": "2026-03-01", "ends_on": ""},
    )  # fmt: skip
    assert "已办好" in page.text, text_of(page.text)
    receipt = page.url.path
    printed = await clerk.client.get(f"{receipt}?format=pdf")
    assert printed.headers["content-type"] == "application/pdf"
    assert printed.content.startswith(b"%PDF")
    async with platform.database.transaction(readonly=True) as connection:
        (filing,) = await medical.filings(connection, PERSON)
        kept = await connection.fetchval("select told_sealed from counter_receipts")
    assert (filing.destination, filing.channel) == ("110000", "counter")
    assert b"110000" not in kept
    done = await actions(platform)
    assert {"counter.errand", "filing.made", "counter.receipt_printed"} <= set(done)


async def test_a_form_and_a_receipt_that_show_a_person_are_recorded_like_the_file(
    platform: Platform, clerk: Clerk
) -> None:
    page = await clerk.errand(PERSON, "contact_change", {"phone": "13900000001"})
    receipt = page.url.path
    async with platform.database.transaction(readonly=True) as connection:
        before = [one.action for one in await audit.of_person(connection, PERSON)]
    await clerk.get(f"/staff/people/{PERSON}/errands/contact_change")
    await clerk.get(receipt)
    async with platform.database.transaction(readonly=True) as connection:
        after = [one.action for one in await audit.of_person(connection, PERSON)]
    for action in ("person.read", "counter.receipt_read"):
        assert after.count(action) == before.count(action) + 1, action
    # The form to sign has nothing masked: who sees masked files alone does not print it.
    assert "打印申请表" in page.text
    async with at_work(platform, "a-1", ("auditor", HERE)) as auditor:
        assert "打印申请表" not in await auditor.get(receipt)
        await auditor.get(f"{receipt}?format=form", 403)
        await auditor.get(f"{receipt}?format=pdf", 403)


async def test_a_form_sent_twice_is_one_errand_and_a_changed_one_is_another(
    platform: Platform, clerk: Clerk
) -> None:
    address = f"/staff/people/{PERSON}/errands/contact_change"
    form = {**hidden(await clerk.get(address)), "phone": "13912340001"}
    first = await clerk.post(address, form)
    again = await clerk.post(address, form)
    assert first.headers["location"] == again.headers["location"]
    other = await clerk.post(address, {**form, "phone": "13912340002"})
    assert other.headers["location"] != first.headers["location"]
    async with platform.database.transaction(readonly=True) as connection:
        contact = await people.contact(platform, connection, PERSON)
        receipts = await connection.fetchval("select count(*) from counter_receipts")
    assert contact.phone == "13912340002"
    assert receipts == 2


async def test_what_was_typed_stays_when_something_is_wrong_and_one_can_go_back(
    clerk: Clerk,
) -> None:
    address = f"/staff/people/{PERSON}/errands/filing"
    first = {
        "kind": "long_term", "subkind": "posted_worker", "destination": "朝阳",
        "starts_on": "2026-03-01", "ends_on": "",
    }  # fmt: skip
    page = await clerk.post(address, {**hidden(await clerk.get(address)), **first})
    assert page.status_code == 422
    assert 'value="朝阳"' in page.text
    assert "您说的是哪一个" in page.text
    page = await clerk.post(
        address, {**hidden(page.text), **first, "destination": "北京", "starts_on": "2025-01-01"}
    )
    assert "第 2 步" in page.text
    page = await clerk.post(address, {**hidden(page.text), "materials": "work_proof"})
    assert page.status_code == 422
    assert 'id="starts_on-error"' in page.text
    assert 'value="2025-01-01"' in page.text
    assert 'value="北京"' in page.text
    page = await clerk.post(address, {**hidden(page.text), **first, "destination": "北京"})
    assert "第 2 步" in page.text
    page = await clerk.post(address, {**hidden(page.text), "go": "back"})
    assert "第 1 步" in page.text
    assert 'value="北京"' in page.text


async def test_a_form_that_came_when_the_session_was_over_is_there_after_signing_in(
    platform: Platform, clerk: Clerk, clock: FixedClock
) -> None:
    address = f"/staff/people/{PERSON}/errands/authority"
    form = {
        **hidden(await clerk.get(address)), "agent_name": "李四", "agent_number": "x",
        "services": ["card", "filing"], "starts_on": "2026-03-01", "ends_on": "2026-12-31",
        "evidence": "委托书 7",
    }  # fmt: skip
    clock.advance(timedelta(minutes=16))
    away = await clerk.post(address, form)
    assert away.status_code == 303
    assert away.headers["location"].startswith("/staff?next=")
    async with platform.database.transaction(readonly=True) as connection:
        kept = await connection.fetchval("select form_sealed from kept_forms")
    assert "李四".encode() not in kept
    async with at_work(platform, "c-2", ("counter", HERE)) as other:
        assert "委托书 7" not in await other.get(address)
    from tests.identity import offices

    clerk.client.cookies.clear()
    clerk.client.cookies.set("staff", await offices.token_of(platform, clerk.number))
    page = await clerk.get(address)
    assert "已经恢复" in page
    assert 'value="委托书 7"' in page
    assert 'id="services-filing" name="services" value="filing" checked' in page
    assert "委托书 7" not in await clerk.get(address)


async def test_a_secret_is_never_kept_nor_sent_back(
    platform: Platform, clerk: Clerk, clock: FixedClock
) -> None:
    address = f"/staff/people/{PERSON}/errands/pin_reset"
    form = {**hidden(await clerk.get(address)), "new": "730591", "again": "730592"}
    page = await clerk.post(address, form)
    assert page.status_code == 422
    assert "730591" not in page.text
    clock.advance(timedelta(minutes=16))
    await clerk.post(address, form)
    async with platform.database.transaction(readonly=True) as connection:
        kept = await connection.fetchval("select form_sealed from kept_forms")
    opened = platform.vault.open(f"kept:staff:{clerk.number}", 0, kept)
    assert "730591" not in opened


async def test_an_agent_is_offered_only_for_what_they_may_do(
    platform: Platform, clerk: Clerk
) -> None:
    agent = await citizen(platform, 1_000_002, born=date(1980, 5, 6))
    number = id_number("510104", date(1980, 5, 6), agent % 1000)
    wrong = await clerk.errand(
        PERSON, "authority",
        {"agent_name": "王五", "agent_number": number, "services": "filing",
         "starts_on": "2026-03-01", "ends_on": "2026-12-31", "evidence": "委托书 7"},
    )  # fmt: skip
    assert "姓名和身份证号都相符" in wrong.text
    page = await clerk.errand(
        PERSON, "authority",
        {"agent_name": "张三丰", "agent_number": number, "services": "filing",
         "starts_on": "2026-03-01", "ends_on": "2026-12-31", "evidence": "委托书 7"},
    )  # fmt: skip
    assert "已办好" in page.text, text_of(page.text)
    assert f"present-{agent}" in await clerk.get(f"/staff/people/{PERSON}/errands/filing")
    assert f"present-{agent}" not in await clerk.get(f"/staff/people/{PERSON}/errands/claim")
    address = f"/staff/people/{PERSON}/errands/claim"
    form = {**hidden(await clerk.get(address)), "present": str(agent)}
    assert (await clerk.post(address, form)).status_code == 422


async def test_the_life_of_a_card_at_the_counter(platform: Platform, clerk: Clerk) -> None:
    lost = await clerk.errand(PERSON, "loss_provisional", {"present": "self"})
    assert "已临时挂失" in lost.text, text_of(lost.text)
    found = await clerk.errand(PERSON, "loss_withdraw", {"materials": "old_card"})
    assert "可以使用" in found.text, text_of(found.text)
    await clerk.errand(PERSON, "loss", {"present": "self"})
    taken = await clerk.errand(
        PERSON, "card_replace",
        {"present": "self", "delivery": "pickup", "pickup_place": CENTRE, "bank": "ICBC",
         "pay": "cash"},
    )  # fmt: skip
    assert "制卡中" in taken.text, text_of(taken.text)
    page = await clerk.get(f"/staff/people/{PERSON}/errands/card_replace")
    assert "已有一笔申领在办" in page
    weak = await clerk.errand(
        PERSON, "card_hand_over",
        {"present": "self", "counter": CENTRE, "new": "123456", "again": "123456"},
    )  # fmt: skip
    assert 'id="new-error"' in weak.text
    assert "制卡中" in await clerk.get(f"/staff/people/{PERSON}"), "nothing was handed over"
    handed = await clerk.errand(
        PERSON,
        "card_hand_over",
        {"present": "self", "counter": CENTRE, "new": "730591", "again": "730591"},
    )
    assert "可以使用" in handed.text, text_of(handed.text)
    page = await clerk.get(f"/staff/people/{PERSON}")
    assert "已被新卡替换" in page


async def test_an_agent_collects_and_does_not_activate(platform: Platform, clerk: Clerk) -> None:
    person = await citizen(platform, 1_000_002)
    taken = await clerk.errand(
        person, "card_first",
        {"present": "self", "materials": "photo", "delivery": "pickup", "pickup_place": CENTRE,
         "bank": "ICBC"},
        files={"file_photo": ("photo.pdf", PDF, "application/pdf")},
    )  # fmt: skip
    assert "制卡中" in taken.text, text_of(taken.text)
    assert "document.added" in await actions(platform, person)
    wrong = await clerk.errand(
        person, "card_hand_over", {"present": "agent", "counter": CENTRE, "new": PIN, "again": PIN}
    )
    assert "把密码空着" in wrong.text
    right = await clerk.errand(person, "card_hand_over", {"present": "agent", "counter": CENTRE})
    assert "还没有启用" in right.text, text_of(right.text)


async def test_what_an_agent_brought_is_reviewed_by_somebody_else(
    platform: Platform, clerk: Clerk
) -> None:
    person = await citizen(platform, 1_000_002)
    form = {
        "present": "agent", "materials": "photo", "delivery": "pickup", "pickup_place": CENTRE,
        "bank": "ICBC",
    }  # fmt: skip
    await clerk.errand(person, "card_first", form)
    assert "/applications/" not in await clerk.get("/staff/desk")
    async with platform.database.transaction(readonly=True) as connection:
        number = await connection.fetchval(
            "select application_id from card_applications where person_id = $1", person
        )
    address = f"/staff/people/{person}/applications/{number}"
    await clerk.get(address, 403)
    async with at_work(platform, "r-1", ("reviewer", HERE)) as reviewer:
        assert address in await reviewer.get("/staff/desk")
        page = await reviewer.get(address)
        answer = await reviewer.post(address, {**hidden(page), "go": "refuse", "reason": ""})
        assert answer.status_code == 422
        await reviewer.post(address, {**hidden(page), "go": "ask", "reason": "照片不清楚"})
        assert address not in await reviewer.get("/staff/desk")
    assert "照片不清楚" in await clerk.get(f"/staff/people/{person}/errands/card_amend")
    mended = await clerk.errand(person, "card_amend", {"present": "agent", "materials": "photo"})
    assert "已办好" in mended.text, text_of(mended.text)
    async with at_work(platform, "r-2", ("reviewer", HERE)) as reviewer:
        page = await reviewer.get(address)
        answer = await reviewer.post(address, {**hidden(page), "go": "approve"})
        assert answer.headers["location"] == "/staff/desk"
    assert "正在制卡" in await clerk.get(f"/staff/people/{person}")


async def test_a_change_of_name_is_taken_and_approved_by_another(
    platform: Platform, clerk: Clerk
) -> None:
    taken = await clerk.errand(
        PERSON, "identity_change", {"name": "张三峰", "id_number": "", "ethnic_group": ""},
        files=[("file_id_document", ("a.pdf", PDF, "application/pdf"))],
    )  # fmt: skip
    assert "待审核" in taken.text, text_of(taken.text)
    added = await clerk.errand(
        PERSON, "change_documents", {},
        files=[("file_household_register", ("b.pdf", PDF + b"\n", "application/pdf"))],
    )  # fmt: skip
    assert "已办好" in added.text, text_of(added.text)
    async with at_work(platform, "r-1", ("reviewer", HERE)) as reviewer:
        page = await reviewer.get("/staff/desk")
        address = page.partition(f'href="/staff/people/{PERSON}/changes/')[2].partition('"')[0]
        address = f"/staff/people/{PERSON}/changes/{address}"
        page = await reviewer.get(address)
        assert "张三丰 → 张三峰" in text_of(page)
        answer = await reviewer.post(address, {**hidden(page), "go": "approve"})
        assert answer.status_code == 303, text_of(answer.text)
    async with platform.database.transaction(readonly=True) as connection:
        assert (await people.get(connection, PERSON)).name == "张三峰"


async def test_a_claim_is_taken_with_its_documents_and_every_wrong_row_is_named(
    platform: Platform, clerk: Clerk
) -> None:
    bill = {
        "care": "outpatient", "provider": "大理某医院", "place": "大理市", "level": "secondary",
        "begun_on": "2026-02-01", "ended_on": "2026-02-01", "invoice": "", "total": "100.00",
    }  # fmt: skip
    wrong = await clerk.errand(
        PERSON, "claim", bill, {"lines": "\t诊查费\t1\t50.00\t50.00\n,检查费,1,50.00,51.00"}
    )
    assert wrong.status_code == 422
    assert "第 2 行" in wrong.text
    page = await clerk.errand(
        PERSON, "claim", bill, {"lines": "\t诊查费\t1\t50.00\t50.00\n,检查费,1,50.00,50.00"},
        files={"file_invoice": ("a.pdf", PDF, "application/pdf")},
    )  # fmt: skip
    assert "已办好" in page.text, text_of(page.text)
    async with at_work(platform, "r-1", ("reviewer", HERE)) as reviewer:
        page = await reviewer.get("/staff/desk")
        address = page.partition(f'href="/staff/people/{PERSON}/claims/')[2].partition('"')[0]
        address = f"/staff/people/{PERSON}/claims/{address}"
        page = await reviewer.get(address)
        assert "核定后基金付" in page or "不予" in page
        answer = await reviewer.post(
            address, {**hidden(page), "go": "return", "reason": "缺出院小结"}
        )
        assert answer.status_code == 303, text_of(answer.text)
    page = await clerk.get(address)
    assert "缺出院小结" in page
    assert address in await clerk.get("/staff/desk")


async def test_what_waits_stands_at_home_and_who_pays_a_claim_comes_to_it_from_there(
    platform: Platform, clerk: Clerk
) -> None:
    assert "现在没有要办的事" in await clerk.get("/staff")
    bill = {
        "care": "outpatient", "provider": "大理某医院", "place": "大理市", "level": "secondary",
        "begun_on": "2026-02-01", "ended_on": "2026-02-01", "invoice": "", "total": "9000.00",
        "emergency": "1",
    }  # fmt: skip
    await clerk.errand(
        PERSON, "claim", bill, {"lines": "\t诊查费\t1\t9000.00\t9000.00"},
        files={"file_invoice": ("a.pdf", PDF, "application/pdf")},
    )  # fmt: skip
    async with at_work(platform, "r-1", ("reviewer", HERE)) as reviewer:
        assert 'href="/staff/desk#queue-review"' in await reviewer.get("/staff")
        page = await reviewer.get("/staff/desk")
        address = re.findall(rf"/staff/people/{PERSON}/claims/[0-9]+", page)[0]
        form = {**hidden(await reviewer.get(address)), "go": "approve", "reason": ""}
        answer = await reviewer.post(address, form)
        assert answer.status_code == 303, text_of(answer.text)
    # Finance finds nobody by a search, so the claim itself stands there, and the way back leads home.
    async with at_work(platform, "f-1", ("finance", HERE)) as finance:
        await finance.get("/staff/desk", 403)
        assert address in await finance.get("/staff")
        page = await finance.get(address)
        assert '"/staff/desk"' not in page
        assert f'"/staff/people/{PERSON}"' not in page


async def test_contributions_are_billed_and_paid_with_the_card(
    platform: Platform, clerk: Clerk
) -> None:
    page = await clerk.errand(
        PERSON, "contribution_months",
        {"insurance": "310", "since": "2026-03", "until": "2026-03", "base": ""},
    )  # fmt: skip
    assert "已办好" in page.text, text_of(page.text)
    async with platform.database.transaction(readonly=True) as connection:
        bill = await connection.fetchval("select bill_id from contribution_bills")
    page = await clerk.errand(
        PERSON, "contribution_pay", {"bills": str(bill), "how": "card"}, {"pin": "000000"}
    )
    assert "还可以试 2 次" in page.text
    page = await clerk.errand(
        PERSON, "contribution_pay", {"bills": str(bill), "how": "card"}, {"pin": PIN}
    )
    # The account is empty: nothing is paid, and that is told.
    assert page.status_code == 422
    assert "余额" in page.text, text_of(page.text)


async def test_the_check_answers_for_the_person_at_the_counter(clerk: Clerk) -> None:
    page = await clerk.get(f"/staff/people/{PERSON}/check?to=北京&service=inpatient")
    assert "verdict" in page
    assert "张三丰" not in page


async def test_forms_of_other_sites_are_refused(clerk: Clerk) -> None:
    for path in ("/staff/search", f"/staff/people/{PERSON}/reveal", "/staff/calls",
                 f"/staff/people/{PERSON}/errands/filing", f"/staff/people/{PERSON}/claims/1",
                 f"/staff/people/{PERSON}/applications/1"):  # fmt: skip
        answer = await clerk.client.post(path, data={}, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 403, path


async def test_every_role_sees_its_pages_and_no_other(platform: Platform, clerk: Clerk) -> None:
    page = await clerk.get(f"/staff/people/{PERSON}")
    offered = sorted(set(re.findall(rf"/staff/people/{PERSON}/errands/\w+", page)))
    assert len(offered) > 12
    paths = [
        "/staff", "/staff/desk", "/staff/calls", f"/staff/people/{PERSON}",
        f"/staff/people/{PERSON}/check", f"/staff/people/{PERSON}/bills/1", *offered,
        f"/staff/people/{PERSON}/claims/1", f"/staff/people/{PERSON}/applications/1",
        f"/staff/people/{PERSON}/changes/1", f"/staff/people/{PERSON}/documents/1",
        f"/staff/people/{PERSON}/receipts/1", f"/staff/calls/{PERSON}/1",
    ]  # fmt: skip
    seen: dict[str, set[str]] = {}
    for role in ROLES:
        async with at_work(platform, f"x-{role}", (role, HERE)) as one:
            for path in paths:
                for language in ("zh", "en"):
                    answer = await one.client.get(path, params={"lang": language})
                    assert answer.status_code in (200, 403, 404), (role, path, answer.status_code)
                    if answer.status_code == 200:
                        seen.setdefault(role, set()).add(path)
    assert set(offered) <= seen["counter"]
    # Also who may file or report a loss on the phone: not without the three facts.
    for role in set(ROLES) - {"counter"}:
        assert not seen[role] & set(offered), role
    assert "/staff/calls" in seen["hotline"]
    assert all("/staff/calls" not in seen[role] for role in set(ROLES) - {"hotline"})
    assert all(f"/staff/people/{PERSON}" not in seen[role]
               for role in ("hotline", "finance", "operator", "administrator"))  # fmt: skip
