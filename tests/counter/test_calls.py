"""The hotline: three facts, what is read out, what is never seen, the note."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import pytest

from tests.cards.citizens import citizen, with_card
from tests.cards.holder import at_home
from tests.counter.desk import ELSEWHERE, HERE, Clerk, at_work, hidden, text_of
from tests.identity.people import BORN, quick_hashes
from yikatong.core.clock import FixedClock
from yikatong.core.platform import Platform
from yikatong.population.rows import id_number
from yikatong.trust import audit

PERSON = 1_000_001
NUMBER = id_number("510104", BORN, PERSON % 1000)
FACTS = {"name": "张三丰", "number": NUMBER, "third": "phone", "value": "0001"}


@pytest.fixture(autouse=True)
def at_once() -> Iterator[None]:
    with quick_hashes():
        yield


@pytest.fixture
async def agent(platform: Platform) -> AsyncIterator[Clerk]:
    await with_card(platform, PERSON)
    async with at_work(platform, "h-1", ("hotline", HERE)) as one:
        yield one


async def call(agent: Clerk) -> str:
    answer = await agent.post("/staff/calls", FACTS)
    assert answer.status_code == 303, text_of(answer.text)
    return answer.headers["location"]


async def test_the_state_is_read_out_in_both_languages_and_nothing_else_is_seen(
    platform: Platform, agent: Clerk
) -> None:
    page = await agent.get(await call(agent))
    assert "可以使用，有效期到" in page
    assert "works and is valid until" in page
    for secret in (NUMBER, NUMBER[:6], "13861720001", "张三丰", "510104"):
        assert secret not in page
    async with platform.database.transaction(readonly=True) as connection:
        events = await audit.of_person(connection, PERSON)
        shown = await connection.fetchrow("select * from call_notes")
    assert {"hotline.compared", "call.begun", "call.state_read"} <= {one.action for one in events}
    assert shown["compared"] == ["name", "id_number", "phone"]


async def test_wrong_facts_tell_nothing_are_seen_by_the_person_and_are_limited(
    platform: Platform, agent: Clerk
) -> None:
    far = await citizen(platform, 1_000_002, insured_in=ELSEWHERE, lives_in="110101")
    wrong = [
        {**FACTS, "value": "0002"},
        {**FACTS, "name": "张三"},
        {**FACTS, "number": id_number("510104", BORN, 999)},
        {**FACTS, "number": id_number("510104", BORN, far % 1000), "value": "0002"},
    ]
    told = set[str]()
    for form in wrong:
        answer = await agent.post("/staff/calls", form)
        assert answer.status_code == 422
        told.add(answer.text.partition('id="name-error"')[2].partition("</p>")[0])
    assert len(told) == 1
    async with platform.database.transaction(readonly=True) as connection:
        events = await audit.of_person(connection, PERSON)
    compared = [one.detail["agreed"] for one in events if one.action == "hotline.compared"]
    assert compared == [False, False]
    for _ in range(3):
        await agent.post("/staff/calls", {**FACTS, "value": "0003"})
    answer = await agent.post("/staff/calls", FACTS)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0


async def test_a_loss_is_reported_with_one_button_and_once(
    platform: Platform, agent: Clerk
) -> None:
    base = await call(agent)
    page = await agent.get(base)
    button = page.partition(f'action="{base}/errands/loss_provisional"')[2].partition("</form>")[0]
    form = hidden(button)
    assert form["key"]
    first = await agent.post(f"{base}/errands/loss_provisional", form)
    again = await agent.post(f"{base}/errands/loss_provisional", form)
    assert first.status_code == 303, text_of(first.text)
    assert first.headers["location"] == again.headers["location"]
    done = await agent.get(first.headers["location"])
    assert "已临时挂失" in done
    assert NUMBER[:6] not in done
    pdf = await agent.client.get(f"{first.headers['location']}?format=pdf")
    assert pdf.headers["content-type"].startswith("text/html")
    assert "已临时挂失" in await agent.get(base)


async def test_a_card_is_activated_by_phone_and_its_holder_asked_to_choose_the_pin(
    platform: Platform,
) -> None:
    card = await with_card(platform, PERSON, active=False)
    async with at_work(platform, "h-1", ("hotline", HERE)) as agent:
        base = await call(agent)
        path = f"{base}/errands/card_activate_phone"
        form = {**hidden(await agent.get(path)), "tail": "0000"}
        wrong = await agent.post(path, form)
        assert wrong.status_code == 422
        assert 'id="tail-error"' in wrong.text
        done = await agent.post(path, {**form, "tail": card.card_number[-4:]})
        assert "社保功能已启用" in await agent.get(done.headers["location"])
        assert card.card_number not in await agent.get(base)
    async with at_home(platform, PERSON) as holder:
        assert 'href="/card/do/reset_pin"' in await holder.get("/me")


async def test_a_filing_is_made_by_phone_and_a_refusal_explained(
    platform: Platform, agent: Clerk
) -> None:
    base = await call(agent)
    page = await agent.errand(
        PERSON, "filing",
        {"kind": "temporary", "destination": "北京", "starts_on": "2026-03-01", "ends_on": ""},
        base=base,
    )  # fmt: skip
    assert "已办好" in page.text, text_of(page.text)
    page = await agent.get(f"{base}/check?to=北京&service=transit")
    assert "可以这样说" in page
    await agent.get(f"{base}/errands/pin_reset", 404)


async def test_the_note_ends_the_call_and_the_counter_reads_it(
    platform: Platform, agent: Clerk, clock: FixedClock
) -> None:
    base = await call(agent)
    wrong = await agent.post(f"{base}/note", {"topic": "", "note": "来电人问怎么备案"})
    assert wrong.status_code == 422
    assert "来电人问怎么备案" in wrong.text
    done = await agent.post(f"{base}/note", {"topic": "filing", "note": "来电人问怎么备案"})
    assert done.headers["location"] == "/staff/calls?done=noted"
    await agent.post(f"{base}/note", {"topic": "loss", "note": "改一改"})
    await agent.get(base, 404)
    async with at_work(platform, "c-1", ("counter", HERE)) as clerk:
        page = await clerk.get(f"/staff/people/{PERSON}")
        assert "来电人问怎么备案" in page
        assert "改一改" not in page
        await clerk.get(base, 403)
    async with platform.database.transaction(readonly=True) as connection:
        kept = await connection.fetchval("select note_sealed from call_notes")
    assert "备案".encode() not in kept


async def test_a_call_is_the_agents_own_and_ends_by_itself(
    platform: Platform, agent: Clerk, clock: FixedClock
) -> None:
    base = await call(agent)
    async with at_work(platform, "h-2", ("hotline", HERE)) as other:
        for path in ("", "/check", "/errands/filing", "/receipts/1"):
            await other.get(base + path, 404)
        assert (await other.post(f"{base}/note", {"topic": "loss"})).status_code == 404
    clock.advance(timedelta(minutes=14))
    await agent.get(base)
    clock.advance(timedelta(minutes=14))
    await agent.get("/staff/calls")
    clock.advance(timedelta(minutes=5))
    await agent.get(base, 404)
