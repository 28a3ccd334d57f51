"""Administrators of a region, secrets handed over once, and members whom strangers would lock out."""

import asyncio
import itertools
from datetime import timedelta

import httpx
import pyotp
import pytest

from tests.counter.desk import at_work, hidden
from tests.identity import offices
from tests.identity.conftest import client_of
from tests.identity.test_staff import begin, code, enrolled
from yikatong.core.clock import FixedClock
from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform
from yikatong.identity import handing, office
from yikatong.identity.approvals.model import ApprovalRefused
from yikatong.identity.approvals.service import Approvals
from yikatong.identity.handing import HandedOver, KeyUsed
from yikatong.identity.staff import listing, service, signing_in
from yikatong.identity.staff.listing import Wanted
from yikatong.identity.staff.model import SignInRefused, StaffExists, StaffSession
from yikatong.trust.access import NATION, ApprovalAsked, Caller, Grant, NotAllowed
from yikatong.trust.audit import Actor
from yikatong.trust.guessing import TooManyTries

SICHUAN = "510000"
ACTS = {
    "staff.grant": service.carry_out_grant,
    "staff.second_factor": service.carry_out_second_factor_reset,
}


async def administrator(platform: Platform, number: str, region: str = SICHUAN) -> Caller:
    token = await offices.signed_in(platform, number, ("administrator", region))
    caller = await signing_in.caller(platform, token)
    assert caller is not None
    return caller


async def use_up(platform: Platform, clock: FixedClock, number: str) -> None:
    """A stranger who knows a number tries from ever new addresses until nothing is looked at."""
    for attempt in itertools.count():
        try:
            await begin(platform, number, f"guess {attempt}", f"198.51.100.{attempt % 250}")
        except SignInRefused:
            continue
        except TooManyTries as error:
            if error.retry_after > 15 * 60:
                return
            clock.advance(timedelta(minutes=15))


async def signs_in(
    platform: Platform, password: str, secret: str, tokens: tuple[str, ...] = ()
) -> StaffSession:
    session, _ = await signing_in.begin(
        platform, "w1001", password, offices_address(), "Firefox", tokens
    )
    opened, _ = await signing_in.second_factor(
        platform, session, code(secret, platform), "Firefox", tokens
    )
    return opened


def offices_address() -> str:
    return "203.0.113.9"


async def test_strangers_never_lock_a_member_out_of_the_browser_they_signed_in_with(
    platform: Platform, clock: FixedClock
) -> None:
    password, secret, _ = await enrolled(platform)
    clock.advance(timedelta(minutes=1))
    opened = await signs_in(platform, password, secret)
    tokens = await signing_in.remember(platform, opened, ())
    assert await signing_in.remember(platform, opened, tokens) == tokens
    await use_up(platform, clock, "w1001")
    with pytest.raises(TooManyTries):
        await begin(platform, "w1001", password)
    assert (await signs_in(platform, password, secret, tokens)).settled
    # Also who knows the password and uses up the codes stops nobody there.
    await service.unlock(platform, "w1001", offices.ADMIN)
    for _ in range(5):
        session, _ = await begin(platform, "w1001", password)
        with pytest.raises(SignInRefused):
            await signing_in.second_factor(platform, session, "000000", "x")
    clock.advance(timedelta(seconds=90))
    assert (await signs_in(platform, password, secret, tokens)).settled


async def test_a_known_browser_has_limits_of_its_own_and_is_nobody_elses(
    platform: Platform, clock: FixedClock
) -> None:
    password, secret, _ = await enrolled(platform)
    clock.advance(timedelta(minutes=1))
    tokens = await signing_in.remember(platform, await signs_in(platform, password, secret), ())
    for _ in range(5):
        with pytest.raises(SignInRefused):
            await signing_in.begin(platform, "w1001", "wrong", "192.0.2.7", "x", tokens)
    with pytest.raises(TooManyTries):
        await signing_in.begin(platform, "w1001", password, "192.0.2.7", "x", tokens)
    # The stolen browser has used up nothing of the member elsewhere.
    await begin(platform, "w1001", password)
    _, first = await service.add(platform, "w2", "李", "510100", [], offices.ADMIN)
    for _ in range(5):
        with pytest.raises(SignInRefused):
            await signing_in.begin(platform, "w2", "wrong", "192.0.2.8", "x", tokens)
    with pytest.raises(TooManyTries):
        await signing_in.begin(platform, "w2", first, "192.0.2.9", "x", tokens)
    await service.unlock(platform, "w1001", offices.ADMIN)
    await signing_in.begin(platform, "w1001", password, "192.0.2.7", "x", tokens)
    clock.advance(signing_in.DEVICE_LASTS)
    await use_up(platform, clock, "w1001")
    with pytest.raises(TooManyTries):
        await signing_in.begin(platform, "w1001", password, "192.0.2.7", "x", tokens)


async def test_who_comes_gives_strangers_no_new_tries(
    platform: Platform, clock: FixedClock
) -> None:
    password, secret, _ = await enrolled(platform)
    looked_at = 0
    for _ in range(10):
        for _ in range(5):
            try:
                await begin(platform, "w1001", "wrong")
            except SignInRefused:
                looked_at += 1
            except TooManyTries:
                break
        clock.advance(timedelta(minutes=15))
        try:
            await signs_in(platform, password, secret)
        except TooManyTries:
            break
    assert looked_at == 20


async def test_a_signed_in_member_changes_the_password_whatever_strangers_tried(
    platform: Platform, clock: FixedClock
) -> None:
    password, secret, _ = await enrolled(platform)
    clock.advance(timedelta(minutes=1))
    opened = await signs_in(platform, password, secret)
    await use_up(platform, clock, "w1001")
    await signing_in.change_password(platform, opened, password, "another long phrase")


async def test_no_code_counts_twice_whatever_browser_shows_it(
    platform: Platform, clock: FixedClock
) -> None:
    password, secret, _ = await enrolled(platform)
    clock.advance(timedelta(minutes=2))
    shown = code(secret, platform)
    opened = await signs_in(platform, password, secret)
    tokens = await signing_in.remember(platform, opened, ())
    # The same code, the one before it, and the same again half a minute later.
    before = pyotp.TOTP(secret).at(clock.now() - timedelta(seconds=30))
    for again in (shown, before):
        session, _ = await begin(platform, "w1001", password)
        with pytest.raises(SignInRefused):
            await signing_in.second_factor(platform, session, again, "x", tokens)
    clock.advance(timedelta(seconds=30))
    session, _ = await begin(platform, "w1001", password)
    with pytest.raises(SignInRefused):
        await signing_in.second_factor(platform, session, shown, "x")


async def test_of_two_who_enrol_at_once_one_does(platform: Platform) -> None:
    _, first = await service.add(platform, "w2", "王", "510100", [], offices.ADMIN)
    sessions = [(await begin(platform, "w2", first))[0] for _ in range(2)]
    secrets = [await signing_in.candidate(platform, one) for one in sessions]
    outcomes = await asyncio.gather(
        *(
            signing_in.enrol(platform, one, code(secret, platform), "x")
            for one, secret in zip(sessions, secrets, strict=True)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(one, tuple) for one in outcomes) == 1
    assert sum(isinstance(one, SignInRefused) for one in outcomes) == 1
    async with platform.database.transaction(readonly=True) as connection:
        count = await connection.fetchval("select count(*) from staff_recovery_codes")
    assert count == signing_in.RECOVERY_CODES


async def test_an_administrator_of_a_province_manages_only_there_and_never_themselves(
    platform: Platform,
) -> None:
    caller = await administrator(platform, "sichuan")
    await offices.member(platform, "local", ("counter", "510100"))
    await offices.member(platform, "wide", ("counter", NATION))
    async with platform.database.transaction(readonly=True) as connection:
        local, wide, own = [
            await service.get(connection, number) for number in ("local", "wide", "sichuan")
        ]
    beijing, _ = await service.add(platform, "bj", "京", "110000", [], offices.ADMIN)
    service.require_over(caller, "staff.manage", local)
    service.granting(caller, local, Grant("finance", SICHUAN))
    for wrong in (wide, beijing, own):
        with pytest.raises(NotAllowed):
            service.require_over(caller, "staff.manage", wrong)
        with pytest.raises(NotAllowed):
            service.resetting(caller, wrong)
    for member, region in ((local, NATION), (local, "110000"), (beijing, SICHUAN), (own, SICHUAN)):
        with pytest.raises(NotAllowed):
            service.granting(caller, member, Grant("finance", region))


async def test_a_role_for_an_administrator_is_approved_by_a_third(platform: Platform) -> None:
    first, second, third = [await administrator(platform, f"a{n}") for n in range(3)]
    approvals = Approvals(platform, ACTS)
    async with platform.database.transaction(readonly=True) as connection:
        member = await service.get(connection, "a1")
    content = service.granting(first, member, Grant("finance", SICHUAN))
    with pytest.raises(ApprovalAsked) as asked:
        await approvals.need(first, content, "k1")
    assert await approvals.waiting(second) == []
    with pytest.raises(ApprovalRefused):
        await approvals.approve(second, asked.value.approval_id)
    (waiting,) = await approvals.waiting(third)
    assert waiting.facts["name"] == "a1"
    await approvals.approve(third, asked.value.approval_id)
    async with platform.database.transaction(readonly=True) as connection:
        assert Grant("finance", SICHUAN) in (await service.get(connection, "a1")).grants


async def test_a_list_shows_the_offices_and_roles_of_the_readers_regions(
    platform: Platform,
) -> None:
    await service.add(platform, "cd1", "王芳", "510100", [], offices.ADMIN)
    await service.add(
        platform, "bj1", "王京", "110000", [Grant("auditor", "510100")], offices.ADMIN
    )
    await service.add(platform, "bj2", "李京", "110000", [], offices.ADMIN)
    await service.suspend(platform, "cd1", offices.ADMIN)

    async def found(*areas: str, **wanted: str) -> list[str]:
        rows = await listing.search(platform, areas, Wanted(**wanted), 10)
        return [one.member.staff_number for one in rows]

    assert await found(SICHUAN) == ["bj1", "cd1"]
    assert await found(NATION) == ["bj1", "bj2", "cd1"]
    assert await found(NATION, place="110000") == ["bj1", "bj2"]
    assert await found(SICHUAN, place="110000") == []
    assert await found(NATION, words="王") == ["bj1", "cd1"]
    assert await found(NATION, words="BJ") == ["bj1", "bj2"]
    assert await found(NATION, role="auditor") == ["bj1"]
    assert await found(NATION, state="suspended") == ["cd1"]
    assert await found(NATION, after="bj1") == ["bj2", "cd1"]
    assert await found(NATION, words="%") == await found(NATION, words="\x00x") == []
    caller = await administrator(platform, "adm")
    assert (await listing.read(platform, caller, "bj1")).held[0].role == "auditor"
    with pytest.raises(NotAllowed):
        await listing.read(platform, caller, "bj2")


async def test_a_locked_number_is_shown_until_it_is_unlocked(
    platform: Platform, clock: FixedClock
) -> None:
    await enrolled(platform)
    await use_up(platform, clock, "w1001")
    (one,) = await listing.search(platform, [NATION], Wanted(), 10)
    assert one.locked_until is not None
    assert one.locked_until > clock.now()
    assert one.signed_in_at is not None
    await service.unlock(platform, "w1001", offices.ADMIN)
    (one,) = await listing.search(platform, [NATION], Wanted(), 10)
    assert one.locked_until is None


async def test_who_is_suspended_is_out_at_once_and_comes_back_as_before(
    platform: Platform, clock: FixedClock
) -> None:
    password, secret, _ = await enrolled(platform)
    token = await offices.token_of(platform, "w1001")
    await service.suspend(platform, "w1001", offices.ADMIN)
    await service.suspend(platform, "w1001", offices.ADMIN)
    assert await signing_in.find(platform, token) is None
    with pytest.raises(SignInRefused):
        await begin(platform, "w1001", password)
    with pytest.raises(InvalidInput):
        await service.grant(platform, "w1001", [Grant("finance", "510100")], offices.ADMIN)
    await service.resume(platform, "w1001", offices.ADMIN)
    clock.advance(timedelta(minutes=1))
    assert (await signs_in(platform, password, secret)).settled
    await service.leave(platform, "w1001", offices.ADMIN)
    for act in (service.resume, service.suspend, service.reset_password):
        with pytest.raises(InvalidInput):
            await act(platform, "w1001", offices.ADMIN)
    async with platform.database.transaction(readonly=True) as connection:
        events = await office.of_subject(connection, "w1001")
    told = [one.action for one in events]
    assert told.count("staff.suspended") == told.count("staff.resumed") == 1


async def test_a_form_sent_twice_is_one_member_with_one_password_shown_once(
    platform: Platform, clock: FixedClock
) -> None:
    asker = Actor("staff", "adm", "members")

    async def add() -> None:
        await service.add(platform, "w9", "新", "510100", [], asker, key="k9")

    await asyncio.gather(add(), add(), add())
    async with platform.database.transaction() as connection:
        one = await handing.find(connection, platform, asker, "k9")
        assert (one.action, one.subject) == ("staff.added", "w9")
        with pytest.raises(HandedOver):
            await handing.find(connection, platform, Actor("staff", "other", ""), "k9")
        dump = str(await connection.fetch("select t::text from office_commands t"))
        assert one.secret not in dump
        assert one.secret.encode().hex() not in dump
    session, _ = await begin(platform, "w9", one.secret)
    assert session.stage == "enrolment"
    with pytest.raises(KeyUsed):
        await service.add(platform, "w9", "别人", "510100", [], asker, key="k9")
    with pytest.raises(StaffExists):
        await service.add(platform, "w9", "新", "510100", [], asker, key="another")
    async with platform.database.transaction() as connection:
        await handing.done(connection, asker, "k9")
        with pytest.raises(HandedOver):
            await handing.find(connection, platform, asker, "k9")
    await service.reset_password(platform, "w9", asker, key="k10")
    clock.advance(handing.SHOWN_FOR)
    await handing.forget_old(platform)
    async with platform.database.transaction(readonly=True) as connection:
        with pytest.raises(HandedOver):
            await handing.find(connection, platform, asker, "k10")
        assert not await connection.fetchval(
            "select exists (select from office_commands where secret_sealed is not null)"
        )


async def test_a_form_that_came_when_the_session_was_over_is_there_after_signing_in(
    platform: Platform, clock: FixedClock
) -> None:
    async with at_work(platform, "adm", ("administrator", SICHUAN)) as adm:
        address = "/staff/members/new"
        form = {**hidden(await adm.get(address)), "number": "cd-9", "name": "李晚"}
        clock.advance(timedelta(minutes=16))
        away = await adm.post(address, form)
        assert away.status_code == 303
        assert away.headers["location"].startswith("/staff?next=")
        adm.client.cookies.clear()
        adm.client.cookies.set("staff", await offices.token_of(platform, "adm"))
        page = await adm.get(address)
        assert 'value="李晚"' in page
        assert hidden(page)["key"] == form["key"]
        assert 'value="李晚"' not in await adm.get(address)


async def test_a_machine_is_added_and_rotated_once_with_a_key_over_the_api(
    platform: Platform,
) -> None:
    token = await offices.signed_in(platform, "adm", ("administrator", NATION))
    local = await offices.signed_in(platform, "loc", ("administrator", SICHUAN))
    body = {"id": "bank-1", "name": "某银行", "kind": "service", "grants": ["money.read@510100"]}

    async def send(path: str, key: str, data: object = None, shown: str = token) -> httpx.Response:
        headers = {**offices.bearer(shown), "Idempotency-Key": key}
        async with client_of(platform) as client:
            return await client.post(f"/api/v1/{path}", json=data, headers=headers)

    assert (await send("machines", "k1", body, local)).status_code == 403
    made = (await send("machines", "k1", body)).json()
    assert made["grants"] == [{"permission": "money.read", "region": "510100"}]
    assert (await send("machines", "k1", body)).json() == made
    assert (await send("machines", "k1", {**body, "name": "x"})).status_code == 409
    assert (await send("machines", "k2", body)).status_code == 409
    newer = (await send("machines/bank-1/rotate", "k3", {})).json()["token"]
    assert newer != made["token"]
    assert (await send("machines/bank-1/rotate", "k3", {})).json()["token"] == newer
    assert (await send("machines/bank-1/revoke", "k4")).json()["revoked"]
    assert (await send("machines/bank-1/rotate", "k5", {})).status_code == 404
    client = {
        "client_id": "library", "name_zh": "图书馆", "name_en": "Library",
        "redirect_uris": ["https://library.example/back"], "scopes": ["profile"],
    }  # fmt: skip
    assert (await send("openid/clients", "c1", client, local)).status_code == 403
    first = (await send("openid/clients", "c1", client)).json()
    assert len(first["client_secret"]) == 43
    assert (await send("openid/clients", "c1", client)).json() == first
    second = (await send("openid/clients/library/rotate-secret", "c2")).json()
    assert second["client_secret"] != first["client_secret"]
    assert (await send("openid/clients/library/disable", "c3")).json()["disabled"]
    assert (await send("openid/clients/library/melt", "c4")).status_code == 404
    async with platform.database.transaction(readonly=True) as connection:
        events = await office.of_subject(connection, "library")
    assert [one.action for one in events] == [
        "client.disabled", "client.rotated", "client.added",
    ]  # fmt: skip
    assert {one.actor for one in events} == {"adm"}
