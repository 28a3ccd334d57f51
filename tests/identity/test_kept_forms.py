"""A form that comes when the session is over: kept for its sender, and for nobody else."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.cards.citizens import citizen
from tests.cards.holder import Holder, at_home, token_of
from tests.counter.desk import hidden
from tests.trust.files import jpeg
from yikatong.core.clock import FixedClock
from yikatong.core.platform import Platform
from yikatong.identity.sessions import service as sessions
from yikatong.portals import kept
from yikatong.portals.signed_in import COOKIE

PERSON, OTHER = 1_000_001, 1_000_002
IDLE = timedelta(minutes=31)
BACK = "已经恢复"


@pytest.fixture
async def holder(platform: Platform) -> AsyncIterator[Holder]:
    await citizen(platform, PERSON)
    await citizen(platform, OTHER)
    async with at_home(platform, PERSON) as one:
        yield one


async def sign_in(platform: Platform, holder: Holder, person_id: int) -> None:
    holder.client.cookies.clear()
    holder.client.cookies.set(COOKIE, await token_of(platform, person_id))


async def test_what_was_typed_is_there_after_signing_in_and_for_nobody_else(
    platform: Platform, clock: FixedClock, holder: Holder
) -> None:
    forms = {
        "/card/apply/first": (
            {"delivery": "post", "post_to": "人民南路四段 9 号", "post_phone": "13800001111"},
            "人民南路四段 9 号",
        ),
        "/details/address": ({"address": "武侯区一环路 1 号", "place": "武侯区"}, "武侯区一环路 1 号"),
        "/details/phone": ({"phone": "13900004321"}, 'value="13900004321"'),
        "/settings": (
            {"language": "en", "type": "large", "texts": ["care", "benefits"]},
            'value="benefits" checked',
        ),
        "/acting": (
            {"number": "51010119850305001X", "name": "李四", "services": ["card", "filing"],
             "until": "2026-09-01"},
            'value="李四"',
        ),
    }  # fmt: skip
    sends = {"/acting": "/acting/grant"}
    typed = {path: {**hidden(await holder.get(path)), **form} for path, (form, _) in forms.items()}
    clock.advance(IDLE)
    for path, form in typed.items():
        files = {"photo": ("a.jpg", jpeg(), "image/jpeg")} if path.startswith("/card") else None
        away = await holder.post(sends.get(path, path), form, files=files)
        assert away.headers["location"].startswith("/sign-in?next="), path
        assert path.replace("/", "%2F") in away.headers["location"]
    async with platform.database.transaction(readonly=True) as connection:
        rows = await connection.fetch("select form_sealed from kept_forms")
    assert len(rows) == len(forms)
    assert not any("武侯区".encode() in row[0] or b"1390000" in row[0] for row in rows)
    await sign_in(platform, holder, OTHER)
    for path, (_, mark) in forms.items():
        page = await holder.get(path)
        assert mark not in page, path
        assert BACK not in page, path
    await sign_in(platform, holder, PERSON)
    for path, (_, mark) in forms.items():
        page = await holder.get(path)
        assert mark in page, path
        assert BACK in page, path
        assert BACK not in await holder.get(path), path


async def test_a_claim_typed_in_time_is_open_again(
    platform: Platform, clock: FixedClock, holder: Holder
) -> None:
    form = {**hidden(await holder.get("/benefits")), "left_on": "2026-02-01", "reason": "",
            "registered_on": "2026-02-10", "collect_in": "residence", "post": "worker"}  # fmt: skip
    clock.advance(IDLE)
    away = await holder.post("/benefits/claim", form)
    assert away.headers["location"] == "/sign-in?next=%2Fbenefits&level=2"
    await sign_in(platform, holder, PERSON)
    page = await holder.get("/benefits")
    assert BACK in page
    assert '<details id="claim" open>' in page
    assert 'value="2026-02-01"' in page


async def test_pins_and_files_are_never_kept(
    platform: Platform, clock: FixedClock, holder: Holder
) -> None:
    form = {"pin": "739204", "again": "739204", "key": "web-1"}
    clock.advance(IDLE)
    picture = {"face": ("a.jpg", jpeg(), "image/jpeg")}
    await holder.post("/card/do/activate", form, files=picture)
    await sign_in(platform, holder, PERSON)
    found = await kept.take(platform, f"person:{PERSON}", "/card/do/activate")
    assert found == {"key": "web-1"}


async def test_a_stronger_proof_that_ran_out_keeps_the_form_too(
    platform: Platform, clock: FixedClock, holder: Holder
) -> None:
    holder.client.cookies.clear()
    weak = await token_of(platform, PERSON, {"card_pin"})
    holder.client.cookies.set(COOKIE, weak)
    form = {"address": "一环路 7 号", "place": "武侯区", "version": "1", "key": "1"}
    away = await holder.post("/details/address", form)
    assert away.headers["location"] == "/sign-in?next=%2Fdetails%2Faddress&level=2"
    await sign_in(platform, holder, PERSON)
    assert "一环路 7 号" in await holder.get("/details/address")


async def test_what_was_sent_for_somebody_is_not_for_oneself(
    platform: Platform, clock: FixedClock, holder: Holder
) -> None:
    session = await sessions.find(platform, str(holder.client.cookies[COOKIE]))
    assert session is not None
    async with platform.database.transaction() as connection:
        acting = await sessions.act_for(connection, session, OTHER)
    clock.advance(IDLE)
    form = {"delivery": "post", "post_to": "别人的地址", "key": "web-1"}
    await holder.post("/card/apply/first", form)
    await sign_in(platform, holder, PERSON)
    assert "别人的地址" not in await holder.get("/card/apply/first")
    assert await kept.take(platform, kept.by_person(acting), "/card/apply/first") is not None


async def test_nothing_is_kept_of_nobody_of_a_session_ended_or_for_long(
    platform: Platform, clock: FixedClock, holder: Holder
) -> None:
    form = {"phone": "13900004321"}
    token = str(holder.client.cookies[COOKIE])
    for cookie in ("", "nonsense", token[:-3] + "AAA"):
        holder.client.cookies.clear()
        holder.client.cookies.set(COOKIE, cookie)
        await holder.post("/details/phone", form)
    async with platform.database.transaction(readonly=True) as connection:
        assert await connection.fetchval("select count(*) from kept_forms") == 0
    holder.client.cookies.clear()
    holder.client.cookies.set(COOKIE, token)
    clock.advance(IDLE)
    await holder.post("/details/phone", form)
    clock.advance(timedelta(hours=13))
    await sign_in(platform, holder, PERSON)
    assert "13900004321" not in await holder.get("/details/phone")


async def test_of_one_sender_the_last_forms_stay_and_those_of_others_too(
    platform: Platform, clock: FixedClock
) -> None:
    await kept.put(platform, "staff:b", "/first", {"a": "b"})
    for number in range(kept.FORMS_MAX + 3):
        clock.advance(timedelta(seconds=1))
        await kept.put(platform, "staff:a", f"/{number}", {"a": f"{number}"})
    assert await kept.take(platform, "staff:a", "/2") is None
    assert await kept.take(platform, "staff:a", "/3") == {"a": "3"}
    assert await kept.take(platform, "staff:a", f"/{kept.FORMS_MAX + 2}") is not None
    assert await kept.take(platform, "staff:b", "/first") == {"a": "b"}
