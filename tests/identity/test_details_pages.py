"""The page of one's own data over HTTP: masked, confirmed, changed, once and only by whom it is about."""

from collections.abc import AsyncIterator, Iterator
from datetime import date, timedelta

import httpx
import pytest

from tests.identity.people import Someone, quick_hashes, somebody
from tests.identity.test_sign_in_pages import browser, code_of, raised, signed_in, wrongs
from yikatong.core import sending
from yikatong.core.clock import FixedClock
from yikatong.core.platform import Platform
from yikatong.identity.authority import service as authority
from yikatong.identity.sessions import service as sessions
from yikatong.identity.signing_in import service
from yikatong.people import service as people
from yikatong.people.changes import service as changes
from yikatong.people.changes.model import ContactChange, IdentityChange
from yikatong.people.model import Contact
from yikatong.trust.audit import Actor

CLERK = Actor("staff", "clerk-7", "change of data")
NEW = "13900001234"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(service, "REFUSED_AT_MULTIPLES_OF_SECONDS", 0)
    with quick_hashes():
        yield


@pytest.fixture
async def one(platform: Platform) -> Someone:
    return await somebody(platform)


@pytest.fixture
async def web(platform: Platform, one: Someone) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(platform) as client:
        yield client


async def on_file(platform: Platform, one: Someone) -> tuple[people.Person, Contact]:
    async with platform.database.transaction(readonly=True) as connection:
        return (
            await people.get(connection, one.person_id),
            await people.contact(platform, connection, one.person_id),
        )


async def test_a_visitor_is_sent_to_sign_in_and_whoever_signed_in_sees_it_masked(
    platform: Platform, web: httpx.AsyncClient, one: Someone
) -> None:
    assert (await web.get("/details")).status_code == 303
    await signed_in(web, one)
    page = (await web.get("/details")).text
    for whole in (one.phone, one.id_number, one.name):
        assert whole not in page
    assert f"138****{one.phone[-4:]}" in page
    # Whole only after a stronger proof.
    answer = await web.get("/details?reveal=1")
    assert answer.status_code == 303
    assert "level=2" in answer.headers["location"]
    await raised(web, platform, one)
    page = (await web.get("/details?reveal=1")).text
    for whole in (one.phone, one.id_number, one.name):
        assert whole in page


async def test_that_all_is_right_is_said_by_one_click(
    platform: Platform, web: httpx.AsyncClient, one: Someone, clock: FixedClock
) -> None:
    await signed_in(web, one)
    sent = {"version": "1", "key": "5"}
    answers = [await web.post("/details/confirm", data=sent) for _ in range(2)]
    assert [each.headers["location"] for each in answers] == ["/details?done=confirmed"] * 2
    assert (await on_file(platform, one))[0].contact_confirmed_on == date(2026, 3, 1)
    page = (await web.get("/details")).text
    assert "/details/confirm" not in page
    assert page.count("核对无误") == 1
    clock.advance(timedelta(days=366))
    await signed_in(web, one)
    assert "/details/confirm" in (await web.get("/details")).text


async def test_a_form_that_somebody_else_sends_changes_nothing(
    platform: Platform, web: httpx.AsyncClient, one: Someone
) -> None:
    await raised(web, platform, one)
    forged = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
    for address in ("confirm", "address", "phone", "phone/code"):
        answer = await web.post(f"/details/{address}", data={"version": "1"}, headers=forged)
        assert answer.status_code == 403
    assert (await on_file(platform, one))[0].version == 1


async def test_an_address_is_changed_and_what_was_typed_wrongly_is_kept(
    platform: Platform, web: httpx.AsyncClient, one: Someone
) -> None:
    await signed_in(web, one)
    assert "level=2" in (await web.get("/details/address")).headers["location"]
    await raised(web, platform, one)
    assert (await web.get("/details/address")).status_code == 200
    sent = {"version": "1", "key": "7", "place": "锦江区", "address": "12"}
    answer = await web.post("/details/address", data=sent)
    assert answer.status_code == 422
    assert [field for field, _ in wrongs(answer)] == ["address"]
    assert 'value="12"' in answer.text
    answer = await web.post(
        "/details/address", data={**sent, "place": "四川", "address": "人民路 12 号"}
    )
    assert [field for field, _ in wrongs(answer)] == ["place"]
    answer = await web.post(
        "/details/address", data={**sent, "place": "东城区", "address": "人民路 12 号"}
    )
    assert answer.headers["location"] == "/details?done=address"
    person, contact = await on_file(platform, one)
    assert (contact.address, person.residence_region) == ("人民路 12 号", "110101")
    assert "人民路 12" not in (await web.get("/details")).text


async def test_who_looked_at_old_data_is_told_and_loses_nothing(
    platform: Platform, web: httpx.AsyncClient, one: Someone
) -> None:
    await raised(web, platform, one)
    await changes.change_contact(
        platform, one.person_id, ContactChange(address="春熙路 1 号院"), 1, "counter", CLERK, "k"
    )
    sent = {"version": "1", "key": "7", "place": "锦江区", "address": "人民路 12 号"}
    answer = await web.post("/details/address", data=sent)
    assert answer.status_code == 422
    assert [field for field, _ in wrongs(answer)] == ["version"]
    assert "春熙路 1 号院" in answer.text
    assert "人民路 12 号" in answer.text
    assert (await on_file(platform, one))[1].address == "春熙路 1 号院"


async def test_a_new_phone_counts_only_with_the_code_that_was_sent_to_it(
    platform: Platform, web: httpx.AsyncClient, one: Someone
) -> None:
    await raised(web, platform, one)
    answer = await web.post("/details/phone", data={"phone": "12345"})
    assert [field for field, _ in wrongs(answer)] == ["phone"]
    assert 'value="12345"' in answer.text
    answer = await web.post("/details/phone", data={"phone": "139 0000 1234"})
    assert answer.headers["location"] == "/details/phone/code"
    newest = (await sending.inbox(platform))[0]
    assert newest.to_masked == "139****1234"
    assert "手机号" in newest.words.zh
    assert (await on_file(platform, one))[1].phone == one.phone
    code = await code_of(platform)
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    answer = await web.post("/details/phone/code", data={"code": wrong, "version": "1"})
    assert [field for field, _ in wrongs(answer)] == ["code"]
    answer = await web.post("/details/phone/code", data={"code": code, "version": "1"})
    assert answer.headers["location"] == "/details?done=phone"
    assert (await on_file(platform, one))[1].phone == NEW
    texts = await sending.inbox(platform)
    assert (texts[0].purpose, texts[0].to_masked) == ("phone_changed", f"138****{one.phone[-4:]}")
    # The code is used up.
    answer = await web.post("/details/phone/code", data={"code": code, "version": "2"})
    assert answer.status_code == 422


async def test_a_code_is_of_its_session_and_is_tried_three_times(
    platform: Platform, web: httpx.AsyncClient, one: Someone
) -> None:
    await raised(web, platform, one)
    await web.post("/details/phone", data={"phone": NEW})
    code = await code_of(platform)
    cookie = web.cookies["phone_code"]
    async with browser(platform) as other:
        await raised(other, platform, one)
        other.cookies.set("phone_code", cookie)
        answer = await other.post("/details/phone/code", data={"code": code, "version": "1"})
        assert answer.status_code == 422
    wrong = f"{(int(code) + 1) % 10**6:06d}"
    for _ in range(3):
        await web.post("/details/phone/code", data={"code": wrong, "version": "1"})
    answer = await web.post("/details/phone/code", data={"code": code, "version": "1"})
    assert answer.status_code == 422
    assert (await on_file(platform, one))[1].phone == one.phone


async def test_nobody_sends_texts_to_a_strangers_phone_again_and_again(
    platform: Platform, web: httpx.AsyncClient, one: Someone
) -> None:
    await raised(web, platform, one)
    statuses = [
        (await web.post("/details/phone", data={"phone": NEW})).status_code for _ in range(5)
    ]
    assert statuses == [303, 303, 303, 429, 429]
    assert len([each for each in await sending.inbox(platform) if each.purpose == "new_phone"]) == 3


async def test_a_change_that_waits_and_one_that_was_refused_are_shown(
    platform: Platform, web: httpx.AsyncClient, one: Someone
) -> None:
    made = await changes.take(platform, one.person_id, IdentityChange(name="张君宝"), 1, CLERK, "k")
    await signed_in(web, one)
    page = (await web.get("/details")).text
    assert "姓名变更已受理" in page
    assert "张君宝" not in page
    reviewer = Actor("staff", "reviewer-1", "change of data")
    await changes.refuse(platform, one.person_id, made.change_id, "照片不清楚", reviewer)
    page = (await web.get("/details")).text
    assert "姓名变更已受理" not in page
    assert "照片不清楚" in page


async def test_an_agent_checks_and_mends_the_address_but_not_the_phone(
    platform: Platform, web: httpx.AsyncClient, one: Someone
) -> None:
    agent = await somebody(platform, 1_000_002)
    until = date(2026, 6, 1)
    await authority.record(
        platform, one.person_id, agent.person_id, ["details"], date(2026, 3, 1), until, "委托书 1",
        CLERK, "k",
    )  # fmt: skip
    await raised(web, platform, agent)
    (session,) = await sessions.of_person(platform, agent.person_id)
    await authority.begin(platform, session, one.person_id)
    page = (await web.get("/details")).text
    assert f"138****{one.phone[-4:]}" in page
    assert 'href="/details/phone"' not in page
    for address in ("/details/phone", "/details/phone/code"):
        assert (await web.get(address)).status_code == 403
    assert (await web.post("/details/phone", data={"phone": NEW})).status_code == 403
    sent = {"version": "1", "key": "7", "place": "锦江区", "address": "人民路 12 号"}
    assert (await web.post("/details/address", data=sent)).status_code == 303
    person, contact = await on_file(platform, one)
    assert (contact.address, contact.phone, person.version) == ("人民路 12 号", one.phone, 2)
    page = (await web.get("/details")).text
    assert "代办人或监护人" in page


async def test_acting_without_authority_shows_nothing(
    platform: Platform, web: httpx.AsyncClient, one: Someone
) -> None:
    await raised(web, platform, one)
    (session,) = await sessions.of_person(platform, one.person_id)
    async with platform.database.transaction() as connection:
        await sessions.act_for(connection, session, one.person_id + 1)
    for address in ("/details", "/details?reveal=1", "/details/address", "/details/phone"):
        assert (await web.get(address)).status_code == 403
