"""Staff: signing in with two factors, sessions, limits on guessing, what administrators do."""

import asyncio
import re
from datetime import timedelta

import msgspec
import pyotp
import pytest

from tests.identity import offices
from yikatong.core.clock import FixedClock
from yikatong.core.errors import InvalidInput, NotFound
from yikatong.core.platform import Platform
from yikatong.identity import office
from yikatong.identity.staff import demo, rules, service, signing_in
from yikatong.identity.staff.model import MustChangePassword, SignInRefused, StaffExists
from yikatong.trust.access import NATION, Grant, NotAllowed
from yikatong.trust.guessing import TooManyTries

HERE = "192.0.2.7"
COUNTER = Grant("counter", "510100")


def code(secret: str, platform: Platform) -> str:
    return pyotp.TOTP(secret).at(platform.clock.now())


async def begin(platform: Platform, number: str, password: str, address: str = HERE):  # type: ignore[no-untyped-def]
    return await signing_in.begin(platform, number, password, address, "Firefox")


async def enrolled(platform: Platform, number: str = "w1001") -> tuple[str, str, list[str]]:
    """A member who has signed in once: password, second factor, recovery codes."""
    _, first = await service.add(platform, number, "王", "510100", [COUNTER], offices.ADMIN)
    session, _ = await begin(platform, number, first)
    secret = await signing_in.candidate(platform, session)
    opened, _, codes = await signing_in.enrol(platform, session, code(secret, platform), "Firefox")
    await signing_in.change_password(platform, opened, first, "correct horse battery")
    return "correct horse battery", secret, codes


async def test_the_first_sign_in_enrols_a_second_factor_and_asks_for_an_own_password(
    platform: Platform, clock: FixedClock
) -> None:
    member, first = await service.add(platform, "w1", "王", "510100", [COUNTER], offices.ADMIN)
    assert not member.second_factor
    session, token = await begin(platform, "W1 ", first)
    assert session.stage == "enrolment"
    assert await signing_in.caller(platform, token) is None
    secret = await signing_in.candidate(platform, session)
    assert secret == await signing_in.candidate(platform, session)
    with pytest.raises(SignInRefused):
        await signing_in.enrol(platform, session, "000000", "Firefox")
    opened, token, codes = await signing_in.enrol(
        platform, session, code(secret, platform), "Firefox"
    )
    assert len(set(codes)) == signing_in.RECOVERY_CODES
    # Both factors, and still nothing is allowed while somebody else knows the password.
    assert opened.stage == "open"
    assert await signing_in.caller(platform, token) is None
    clock.advance(timedelta(minutes=1))
    with pytest.raises(MustChangePassword):
        await signing_in.sign_in(platform, "w1", first, code(secret, platform), HERE, "x")
    await signing_in.change_password(platform, opened, first, "correct horse battery")
    caller = await signing_in.caller(platform, token)
    assert caller is not None
    assert caller.may("filing.make", "510107")
    assert not caller.may("filing.make", NATION)


async def test_a_step_of_signing_in_opens_nothing_by_itself(platform: Platform) -> None:
    password, secret, _ = await enrolled(platform)
    session, token = await begin(platform, "w1001", password)
    assert session.stage == "second_factor"
    assert session.caller().grants == ()
    assert await signing_in.caller(platform, token) is None
    with pytest.raises(SignInRefused):
        await signing_in.candidate(platform, session)
    del secret


async def test_a_code_counts_once_also_when_shown_twice_at_once(
    platform: Platform, clock: FixedClock
) -> None:
    password, secret, _ = await enrolled(platform)
    clock.advance(timedelta(minutes=2))
    shown = code(secret, platform)
    sessions = [(await begin(platform, "w1001", password))[0] for _ in range(3)]
    outcomes = await asyncio.gather(
        *(signing_in.second_factor(platform, one, shown, "x") for one in sessions),
        return_exceptions=True,
    )
    assert sum(isinstance(one, tuple) for one in outcomes) == 1
    assert sum(isinstance(one, SignInRefused) for one in outcomes) == 2


async def test_a_code_of_a_minute_ago_or_ahead_is_refused(
    platform: Platform, clock: FixedClock
) -> None:
    password, secret, _ = await enrolled(platform)
    clock.advance(timedelta(minutes=10))
    session, _ = await begin(platform, "w1001", password)
    for drift in (-70, 70):
        shown = pyotp.TOTP(secret).at(clock.now() + timedelta(seconds=drift))
        with pytest.raises(SignInRefused):
            await signing_in.second_factor(platform, session, shown, "x")
    near = pyotp.TOTP(secret).at(clock.now() - timedelta(seconds=30))
    opened, _ = await signing_in.second_factor(platform, session, near, "x")
    assert opened.settled


async def test_each_recovery_code_counts_once(platform: Platform) -> None:
    password, _, codes = await enrolled(platform)
    shown = codes[0].upper().replace("-", " ")
    session, _ = await begin(platform, "w1001", password)
    opened, _ = await signing_in.second_factor(platform, session, shown, "x")
    assert opened.settled
    left = await signing_in.recovery_codes_left(platform, "w1001")
    assert left == signing_in.RECOVERY_CODES - 1
    session, _ = await begin(platform, "w1001", password)
    with pytest.raises(SignInRefused):
        await signing_in.second_factor(platform, session, shown, "x")


async def test_the_database_holds_no_password_code_secret_or_token(platform: Platform) -> None:
    password, secret, codes = await enrolled(platform)
    _, token = await begin(platform, "w1001", password)
    async with platform.database.transaction(readonly=True) as connection:
        dump = ""
        for table in ("staff", "staff_sessions", "staff_recovery_codes", "office_events"):
            for row in await connection.fetch(f"select t::text from {table} t"):
                dump += row[0]
    for text in (password, secret, codes[0], codes[0].replace("-", ""), token.split(".")[1]):
        assert text not in dump
        assert text.encode().hex() not in dump


async def test_wrong_number_and_wrong_password_are_answered_alike(platform: Platform) -> None:
    await enrolled(platform)
    told: set[str] = set()
    for number, password in (("w1001", "wrong"), ("nobody", "wrong"), ("", ""), ("\x00x", "x")):
        with pytest.raises(SignInRefused) as caught:
            await begin(platform, number, password)
        told.add(str(caught.value))
    assert len(told) == 1


async def test_tries_at_a_number_run_out_from_many_addresses_and_are_unlocked(
    platform: Platform, clock: FixedClock
) -> None:
    password, secret, _ = await enrolled(platform)
    looked_at = 0
    for attempt in range(200):
        try:
            await begin(platform, "w1001", f"guess {attempt}", f"198.51.100.{attempt}")
        except SignInRefused:
            looked_at += 1
        except TooManyTries:
            clock.advance(timedelta(minutes=15))
        if looked_at == 20:
            break
    assert looked_at == 20
    clock.advance(timedelta(minutes=15))
    with pytest.raises(TooManyTries):
        await begin(platform, "w1001", password)
    await service.unlock(platform, "w1001", offices.ADMIN)
    session, _ = await begin(platform, "w1001", password)
    await signing_in.second_factor(platform, session, code(secret, platform), "x")


async def test_tries_at_a_code_run_out_although_the_password_is_right(platform: Platform) -> None:
    password, secret, _ = await enrolled(platform)
    session, _ = await begin(platform, "w1001", password)
    for attempt in range(5):
        with pytest.raises(SignInRefused):
            await signing_in.second_factor(platform, session, f"{attempt:06}", "x")
    again, _ = await begin(platform, "w1001", password)
    with pytest.raises(TooManyTries):
        await signing_in.second_factor(platform, again, code(secret, platform), "x")


async def test_a_session_ends_when_idle_after_ten_hours_and_when_told(
    platform: Platform, clock: FixedClock
) -> None:
    await offices.member(platform, "w2", ("counter", NATION))
    token = await offices.token_of(platform, "w2")
    other = await offices.token_of(platform, "w2")
    assert await signing_in.find(platform, token) is not None
    assert await service.end_sessions(platform, "w2", offices.ADMIN) == 2
    assert await signing_in.find(platform, token) is None
    assert await signing_in.find(platform, other) is None
    token = await offices.token_of(platform, "w2")
    clock.advance(signing_in.IDLE_MAX)
    assert await signing_in.find(platform, token) is None
    token = await offices.token_of(platform, "w2")
    for _ in range(10 * 6 - 1):
        clock.advance(timedelta(minutes=10))
        assert await signing_in.find(platform, token) is not None
    clock.advance(timedelta(minutes=10))
    assert await signing_in.find(platform, token) is None


@pytest.mark.parametrize("text", ["", "_", "_w2", "_w2.", "w2.AAAA", "_w2." + "A" * 43, "é" * 9])
async def test_any_other_text_is_no_session(platform: Platform, text: str) -> None:
    await offices.member(platform, "w2", ("counter", NATION))
    assert await signing_in.find(platform, text) is None
    token = await offices.token_of(platform, "w2")
    changed = token[:-2] + ("AA" if token[-2:] != "AA" else "BB")
    assert await signing_in.find(platform, changed) is None
    assert await signing_in.find(platform, token.replace("_w2.", "_w3.")) is None


async def test_a_role_taken_back_counts_at_once(platform: Platform) -> None:
    token = await offices.signed_in(platform, "w2", ("counter", NATION), ("finance", "510100"))
    await service.revoke(platform, "w2", Grant("counter", NATION), offices.ADMIN)
    caller = await signing_in.caller(platform, token)
    assert caller is not None
    assert not caller.may("filing.make")
    assert caller.may("claim.pay", "510100")
    with pytest.raises(NotFound):
        await service.revoke(platform, "w2", Grant("counter", NATION), offices.ADMIN)


async def test_who_left_and_who_lost_the_second_factor_are_out_at_once(platform: Platform) -> None:
    token = await offices.signed_in(platform, "w2", ("counter", NATION))
    await service.reset_second_factor(platform, "w2", offices.ADMIN)
    assert await signing_in.find(platform, token) is None
    token = await offices.token_of(platform, "w2")
    await service.leave(platform, "w2", offices.ADMIN)
    assert await signing_in.find(platform, token) is None
    with pytest.raises(SignInRefused):
        await offices.token_of(platform, "w2")
    with pytest.raises(StaffExists):
        await service.add(platform, "w2", "新人", "510100", [COUNTER], offices.ADMIN)


async def test_a_changed_password_ends_the_other_sessions_only(platform: Platform) -> None:
    password, secret, _ = await enrolled(platform)
    session, _ = await begin(platform, "w1001", password)
    assert isinstance(platform.clock, FixedClock)
    platform.clock.advance(timedelta(minutes=1))
    opened, token = await signing_in.second_factor(platform, session, code(secret, platform), "x")
    other = await offices.token_of(platform, "w1001")
    with pytest.raises(SignInRefused):
        await signing_in.change_password(platform, opened, "wrong", "another long phrase")
    with pytest.raises(InvalidInput):
        await signing_in.change_password(platform, opened, password, password)
    await signing_in.change_password(platform, opened, password, "another long phrase")
    assert await signing_in.find(platform, token) is not None
    assert await signing_in.find(platform, other) is None


@pytest.mark.parametrize(
    "password", ["short", "a" * 12, "abababababab", "123456789012", "abcdefghijklmn", "passwordpassword",
                 "my w1001 secret", "Password-1234", "x" * 200],
)  # fmt: skip
def test_a_password_that_is_easy_to_guess_is_refused(password: str) -> None:
    with pytest.raises(InvalidInput):
        rules.check_password(password, "w1001")


def test_first_passwords_are_good_enough_and_differ() -> None:
    made = {service.new_password() for _ in range(300)}
    assert len(made) == 300
    for password in made:
        rules.check_password(password, "w1001")


async def test_who_rules_a_city_does_not_reset_somebody_of_the_nation(platform: Platform) -> None:
    token = await offices.signed_in(platform, "city", ("administrator", "510100"))
    caller = await signing_in.caller(platform, token)
    assert caller is not None
    await offices.member(platform, "local", ("counter", "510100"))
    await offices.member(platform, "wide", ("counter", NATION))
    async with platform.database.transaction(readonly=True) as connection:
        service.require_over(caller, "staff.manage", await service.get(connection, "local"))
        with pytest.raises(NotAllowed):
            service.require_over(caller, "staff.manage", await service.get(connection, "wide"))


async def test_the_trail_of_the_office_tells_who_did_what(platform: Platform) -> None:
    await enrolled(platform)
    await service.grant(platform, "w1001", [Grant("finance", "510100")], offices.ADMIN)
    await service.grant(platform, "w1001", [Grant("finance", "510100")], offices.ADMIN)
    async with platform.database.transaction(readonly=True) as connection:
        events = await office.of_subject(connection, "w1001")
    assert [one.action for one in reversed(events)] == [
        "staff.added", "staff.second_factor_enrolled", "staff.signed_in",
        "staff.password_changed", "staff.granted",
    ]  # fmt: skip
    assert events[0].actor == "command line"


async def test_demo_staff_gets_in_where_the_sandbox_is_on_and_nowhere_else(
    platform: Platform,
) -> None:
    await demo.prepare(platform)
    await demo.prepare(platform)
    one = demo.members(platform)[0]
    session, token = await signing_in.sign_in(
        platform, one.staff_number, one.password, code(one.totp_secret, platform), HERE, "x"
    )
    assert session.settled
    assert re.fullmatch(r"[a-z2-7-]{19}", one.password)
    settings = msgspec.structs.replace(platform.settings, sandbox=False)
    production = msgspec.structs.replace(platform, settings=settings)
    assert demo.members(production) == []
    assert await signing_in.find(production, token) is None
    with pytest.raises(SignInRefused):
        await begin(production, one.staff_number, one.password)
