"""Pensions and unemployment benefit at the counter: taken by a clerk, decided by a reviewer."""

import re
from collections.abc import AsyncIterator, Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from tests import fillings
from tests.cards.holder import at_home
from tests.conftest import Filling
from tests.counter.desk import Clerk, at_work, hidden, text_of
from tests.identity.people import quick_hashes
from tests.trust.files import jpeg, png
from yikatong.benefits import service as benefits
from yikatong.benefits import store as benefits_store
from yikatong.benefits.due import run as run_due
from yikatong.benefits.model import Entitlement
from yikatong.benefits.pension import service as pensions
from yikatong.core.clock import FixedClock, today
from yikatong.core.platform import Platform
from yikatong.people import service as people
from yikatong.people.notices import service as notices

NATION = "000000"


@pytest.fixture(scope="session")
def filling() -> Filling:
    return fillings.whole_sandbox_hashed_quickly


@pytest.fixture(autouse=True)
def at_once() -> Iterator[None]:
    with quick_hashes():
        yield


@pytest.fixture
async def clerk(platform: Platform) -> AsyncIterator[Clerk]:
    async with at_work(platform, "c-1", ("counter", NATION)) as one:
        yield one


@pytest.fixture
async def reviewer(platform: Platform) -> AsyncIterator[Clerk]:
    async with at_work(platform, "r-1", ("reviewer", NATION)) as one:
        yield one


async def person_of(platform: Platform, situation: str) -> int:
    async with platform.database.transaction(readonly=True) as connection:
        return await connection.fetchval(
            "select person_id from demo_persons where situation = $1", situation
        )


async def drawn(platform: Platform, person_id: int) -> list[Entitlement]:
    async with platform.database.transaction(readonly=True) as connection:
        return list(await benefits.entitlements(connection, person_id))


async def test_a_pension_is_taken_at_the_counter_and_decided_by_somebody_else(
    platform: Platform, clerk: Clerk, reviewer: Clerk
) -> None:
    person_id = await person_of(platform, "pension_none")
    told = {"retires": "", "months_paid": "240", "account": "186000", "index": "1.1"}
    wrong = await clerk.errand(person_id, "pension_apply", {**told, "index": "9"})
    assert "0.1 至 5" in text_of(wrong.text)
    untold = await clerk.errand(person_id, "pension_apply", told, {})
    assert "请先把结果告诉本人" in text_of(untold.text)
    assert "每月约" in text_of(untold.text)
    receipt = await clerk.errand(person_id, "pension_apply", told, {"told": "yes"})
    assert receipt.url.path.startswith(f"/staff/people/{person_id}/receipts/"), receipt.text
    assert "核定结果会通知本人" in text_of(receipt.text)
    file = await clerk.get(f"/staff/people/{person_id}")
    assert "已有一份申请在等核定" in text_of(file)
    assert f"/staff/people/{person_id}/pension/" not in file
    async with platform.database.transaction(readonly=True) as connection:
        one = (await pensions.applications(connection, person_id))[0]
    address = f"/staff/people/{person_id}/pension/{one.application_id}"
    assert one.taken_by == "c-1"
    await clerk.get(address, 403)

    desk = await reviewer.get("/staff/desk")
    assert address in desk
    page = await reviewer.get(address)
    assert "基础养老金" in text_of(page)
    form = {**hidden(page), "months_paid": "240", "index": "1.1", "account": "x", "go": "again"}
    wrong = await reviewer.post(address, form)
    assert wrong.status_code == 422
    assert 'id="account-error"' in wrong.text
    again = await reviewer.post(address, {**form, "account": "190000"})
    # What is before the reviewer is not what would come out: nothing happens.
    stale = await reviewer.post(address, {**form, "account": "150000", "go": "grant"})
    assert "与页面上看到的不一致" in text_of(stale.text)
    nothing = await reviewer.post(address, {**form, "account": "190000", "go": "refuse"})
    assert "请写明不予核定的理由" in text_of(nothing.text)
    grant = {**form, **hidden(again.text), "account": "190000", "go": "grant"}
    for _ in range(2):
        done = await reviewer.post(address, grant)
        assert done.headers["location"] == "/staff/desk"
    pension = (await drawn(platform, person_id))[0]
    assert (pension.benefit, pension.status, pension.insurance) == ("pension", "drawing", "110")
    assert "已核定" in text_of(await reviewer.get(address))
    async with platform.database.transaction(readonly=True) as connection:
        kinds = [each.kind for each in await notices.of_person(connection, person_id, limit=9)]
    assert kinds.count("pension.granted") == 1


async def test_who_took_it_does_not_decide_it_and_reasons_refuse_it(platform: Platform) -> None:
    person_id = await person_of(platform, "pension_none")
    roles = (("counter", NATION), ("reviewer", NATION))
    async with at_work(platform, "b-1", *roles) as both, at_work(platform, "b-2", *roles) as other:
        short = {"months_paid": "100", "told": "yes"}
        await both.errand(person_id, "pension_apply", short, short)
        async with platform.database.transaction(readonly=True) as connection:
            one = (await pensions.applications(connection, person_id))[0]
        address = f"/staff/people/{person_id}/pension/{one.application_id}"
        assert address not in await both.get("/staff/desk")
        page = await both.get(address)
        assert 'name="go"' not in page
        form = {"months_paid": "100", "key": "1", "go": "refuse", "reason": "x"}
        assert "受理人不能核定" in text_of((await both.post(address, form)).text)
        page = await other.get(address)
        assert 'value="grant"' not in page
        assert "还差" in text_of(page)
        done = await other.post(address, {**hidden(page), **form, "reason": ""})
        assert done.status_code == 303
        async with platform.database.transaction(readonly=True) as connection:
            one = (await pensions.applications(connection, person_id))[0]
        assert (one.state, "还差" in one.reason) == ("refused", True)
        # Put right, it is applied for anew, and taken back.
        await both.errand(person_id, "pension_apply", {"months_paid": "240"}, {"told": "yes"})
        back = await both.errand(person_id, "pension_withdraw", {})
        assert "/receipts/" in back.url.path


async def actions(platform: Platform, person_id: int) -> list[str]:
    """What was done with a person, in its order."""
    async with platform.database.transaction(readonly=True) as connection:
        rows = await connection.fetch(
            "select action from audit_events where person_id = $1 order by event_id", person_id
        )
    return [row[0] for row in rows]


async def test_documents_come_with_an_application_from_the_page_and_are_seen_by_who_decides(
    platform: Platform, reviewer: Clerk
) -> None:
    person_id = await person_of(platform, "pension_none")
    declared = "/pension/apply?go=1&years=20&months=0&index=1.1&account=186000&deemed_years=2"
    async with at_home(platform, person_id) as holder:
        page = await holder.get(declared)
        assert 'id="paper_work_record"' in page
        assert "required" in page
        form = hidden(page)
        lacking = await holder.post("/pension/apply", form)
        assert lacking.status_code == 422
        assert 'id="paper_work_record-error"' in lacking.text
        assert 'name="deemed_years" value="2"' in lacking.text
        wrong = {"paper_work_record": ("a.txt", b"not a picture", "text/plain")}
        refused = await holder.post("/pension/apply", form, files=wrong)
        assert 'id="paper_work_record-error"' in refused.text
        papers = [
            ("paper_work_record", ("a.jpg", jpeg(), "image/jpeg")),
            ("paper_work_record", ("b.png", png(), "image/png")),
            ("paper_household_register", ("c.png", png(mark=b"c"), "image/png")),
        ]
        for _ in range(2):
            sent = await holder.post("/pension/apply", form, files=papers)
            assert sent.status_code == 303, text_of(sent.text)
        assert "已交材料：户口簿、职工档案、缴费凭证" in await holder.text("/benefits")
    async with platform.database.transaction(readonly=True) as connection:
        one = (await pensions.applications(connection, person_id))[0]
        kinds = await connection.fetch(
            "select kind, delete_on from documents where person_id = $1 and matter_id = $2",
            person_id, one.application_id,
        )  # fmt: skip
    assert sorted(row["kind"] for row in kinds) == ["household_register", *["work_record"] * 2]
    address = f"/staff/people/{person_id}/pension/{one.application_id}"
    page = await reviewer.get(address)
    assert "但没有上传" not in page
    links = re.findall(rf"/staff/people/{person_id}/documents/[0-9]+", page)
    assert len(links) == 3
    seen = await reviewer.client.get(links[1])
    assert seen.content in (jpeg(), png())
    assert (await actions(platform, person_id))[-2:] == [
        "document.list_read",
        "document.read",
    ]
    done = await reviewer.post(address, {**hidden(page), "go": "refuse", "reason": "材料看不清"})
    assert done.status_code == 303
    async with platform.database.transaction(readonly=True) as connection:
        kept = await connection.fetchval(
            "select count(*) from documents where person_id = $1 and delete_on is not null",
            person_id,
        )
    assert kept == 3


async def test_documents_may_be_left_out_at_the_counter_and_who_decides_is_told(
    platform: Platform, clerk: Clerk, reviewer: Clerk
) -> None:
    person_id = await person_of(platform, "pension_none")
    told = {"months_paid": "240", "deemed_months": "24"}
    wrong = await clerk.errand(
        person_id, "pension_apply", told, {"told": "yes"},
        files={"file_work_record": ("a.txt", b"not a picture", "text/plain")},
    )  # fmt: skip
    assert 'id="file_work_record-error"' in wrong.text
    receipt = await clerk.errand(
        person_id, "pension_apply", told, {"told": "yes"},
        files={"file_id_document": ("a.jpg", jpeg(), "image/jpeg")},
    )  # fmt: skip
    assert "已交材料 身份证件" in text_of(receipt.text)
    async with platform.database.transaction(readonly=True) as connection:
        one = (await pensions.applications(connection, person_id))[0]
    page = await reviewer.get(f"/staff/people/{person_id}/pension/{one.application_id}")
    assert "但没有上传：职工档案、缴费凭证" in page
    assert len(re.findall(rf"/staff/people/{person_id}/documents/[0-9]+", page)) == 1


async def test_a_recorded_death_waits_for_a_reviewer_who_stops_it_and_grants_the_heirs(
    platform: Platform, clerk: Clerk, reviewer: Clerk, clock: FixedClock
) -> None:
    dead = await person_of(platform, "pension_in_order")
    heir = await person_of(platform, "all_in_order")
    day = today(clock) - timedelta(days=20)
    async with platform.database.transaction() as connection:
        await connection.execute("update persons set died_on = $2 where person_id = $1", dead, day)
        number = (await people.contact(platform, connection, heir)).id_number
        name = (await people.get(connection, heir)).name
    await run_due(platform)
    errand = f"/staff/people/{dead}/errands/pension_death"
    assert errand in await reviewer.get("/staff/desk")
    await clerk.get(errand, 403)
    page = await reviewer.get(errand)
    assert f'value="{day}"' in page
    claim = {"died_on": f"{day}", "heir_name": name, "heir_number": number, "kinship": "户口簿 12"}
    early = await reviewer.errand(dead, "survivors", claim)
    assert "请先办理去世停发养老金" in text_of(early.text)
    receipt = await reviewer.errand(dead, "pension_death", {"died_on": f"{day}"})
    assert "发放至" in text_of(receipt.text)
    assert [one.ended_reason for one in await drawn(platform, dead)] == ["death"]
    assert errand not in await reviewer.get("/staff/desk")
    nobody = await reviewer.errand(dead, "survivors", {**claim, "heir_name": "某某"})
    assert 'id="heir_number-error"' in nobody.text
    unproved = await reviewer.errand(dead, "survivors", {**claim, "kinship": ""})
    assert 'id="kinship-error"' in unproved.text
    receipt = await reviewer.errand(dead, "survivors", claim)
    assert "丧葬补助金" in text_of(receipt.text)
    async with platform.database.transaction(readonly=True) as connection:
        dues = await benefits_store.dues(connection, [heir], ("open",))
    assert sorted(one.reason for one in dues) == ["funeral", "survivors"]
    again = await reviewer.errand(dead, "survivors", claim)
    assert "已经核定过" in text_of(again.text)


async def test_unemployment_benefit_is_claimed_confirmed_moved_and_ended_at_the_counter(
    platform: Platform, clerk: Clerk, clock: FixedClock
) -> None:
    person_id = await person_of(platform, "all_in_order")
    day = today(clock)
    async with platform.database.transaction() as connection:
        await connection.execute(
            """update enrolments set covered_until = $2, months_paid = 60
                where person_id = $1 and insurance = '210'""",
            person_id, date(day.year - 1, 12, 31),
        )  # fmt: skip
    claim: dict[str, Any] = {
        "left_on": f"{date(day.year - 1, 12, 31)}", "registered_on": f"{day}",
        "collect_in": "insured", "post": "worker",
    }  # fmt: skip
    unsaid = await clerk.errand(person_id, "unemployment_claim", claim)
    assert 'id="reason-error"' in unsaid.text
    own = await clerk.errand(person_id, "unemployment_claim", {**claim, "reason": "resigned"})
    assert own.status_code == 422
    assert not [one for one in await drawn(platform, person_id) if one.status == "drawing"]
    receipt = await clerk.errand(person_id, "unemployment_claim", {**claim, "reason": "dismissed"})
    assert "可领月数" in text_of(receipt.text)
    confirmed = await clerk.errand(person_id, "unemployment_confirm", {})
    assert "已确认月份" in text_of(confirmed.text)
    moved = await clerk.errand(person_id, "unemployment_move", {"region": "北京"})
    assert "北京" in text_of(moved.text)
    clock.advance(timedelta(days=40))
    async with at_work(platform, "c-2", ("counter", NATION)) as later:
        refused = await later.errand(person_id, "unemployment_refusal", {"on": f"{today(clock)}"})
        assert "可领月数" in text_of(refused.text)
        end = {"reason": "work", "on": f"{today(clock)}"}
        ended = await later.errand(person_id, "unemployment_end", end)
        assert "重新就业" in text_of(ended.text)
    assert {one.status for one in await drawn(platform, person_id)} == {"ended"}


async def test_unemployment_benefit_is_moved_online_to_where_one_lives_once(
    platform: Platform,
) -> None:
    person_id = await person_of(platform, "unemployment")
    async with at_home(platform, person_id) as holder:
        assert "/benefits/move" not in await holder.get("/benefits")
        async with platform.database.transaction() as connection:
            await connection.execute(
                "update persons set residence_region = '110105' where person_id = $1", person_id
            )
        page = await holder.get("/benefits")
        assert "转到北京市（居住地）" in page
        form = {**hidden(page), "to": "residence"}
        for _ in range(2):
            moved = await holder.post("/benefits/move", form)
            assert moved.headers["location"] == "/benefits?done=moved"
        wrong = await holder.post("/benefits/move", {**form, "key": "k2", "to": "moon"})
        assert wrong.status_code == 422
        assert "move-error" in wrong.text
    newest, *_ = [one for one in await drawn(platform, person_id) if one.status == "drawing"]
    assert (newest.region, newest.starts_on.day) == ("110000", 1)
