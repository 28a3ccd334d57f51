"""Sessions of persons."""

from datetime import timedelta

import pytest

from yikatong.core.clock import FixedClock
from yikatong.core.platform import Platform
from yikatong.identity.model import Mode, level_of
from yikatong.identity.sessions import service as sessions
from yikatong.identity.sessions.model import Session
from yikatong.trust import audit
from yikatong.trust.audit import Actor


async def _begin(platform: Platform, person_id: int = 7) -> tuple[Session, str]:
    async with platform.database.transaction() as connection:
        return await sessions.begin(platform, connection, person_id, {"password"}, "Firefox")


async def test_a_session_is_found_by_its_token_only(platform: Platform) -> None:
    session, token = await _begin(platform)
    assert await sessions.find(platform, token) == session
    changed = token[:-1] + ("A" if token[-1] != "A" else "B")
    for wrong in ("", "x", changed, token[:-4], token + "AAAA", "é" * 56, "\x00", "_" * 56):
        assert await sessions.find(platform, wrong) is None


async def test_the_database_does_not_hold_the_token(platform: Platform) -> None:
    _, token = await _begin(platform)
    async with platform.database.transaction(readonly=True) as connection:
        row = await connection.fetchval("select s::text from sessions s")
    assert token[24:] not in row


@pytest.mark.parametrize(
    "idle", [[sessions.IDLE_MAX], [timedelta(minutes=29)] * 25], ids=["idle", "half a day"]
)
async def test_a_session_ends_when_idle_and_after_half_a_day(
    platform: Platform, clock: FixedClock, idle: list[timedelta]
) -> None:
    _, token = await _begin(platform)
    for step in idle[:-1]:
        clock.advance(step)
        assert await sessions.find(platform, token) is not None
    clock.advance(idle[-1])
    assert await sessions.find(platform, token) is None
    assert await sessions.of_person(platform, 7) == []


async def test_a_stronger_proof_holds_for_ten_minutes(
    platform: Platform, clock: FixedClock
) -> None:
    session, token = await _begin(platform)
    assert session.level_at(clock.now()) == 1
    async with platform.database.transaction() as connection:
        await sessions.step_up(platform, connection, session, "one_time_code")
    found = await sessions.find(platform, token)
    assert found is not None
    assert found.level_at(clock.now()) == 2
    clock.advance(sessions.RAISED_FOR)
    assert found.level_at(clock.now()) == 1


async def test_a_stronger_proof_that_is_over_does_not_come_back_by_a_weaker_one(
    platform: Platform, clock: FixedClock
) -> None:
    session, token = await _begin(platform)
    assert session.modes == ("password",)
    async with platform.database.transaction() as connection:
        await sessions.step_up(platform, connection, session, "one_time_code")
    clock.advance(sessions.RAISED_FOR)
    proofs: list[tuple[Mode, int]] = [("password", 1), ("one_time_code", 2)]
    for proof, level in proofs:
        found = await sessions.find(platform, token)
        assert found is not None
        assert found.modes_at(clock.now()) == ("password",)
        async with platform.database.transaction() as connection:
            again = await sessions.step_up(platform, connection, found, proof)
        assert again.level_at(clock.now()) == level
        clock.advance(sessions.RAISED_FOR)


async def test_sessions_are_listed_and_ended_and_the_trail_tells(platform: Platform) -> None:
    (first, token), (_, other) = await _begin(platform), await _begin(platform)
    _, stranger = await _begin(platform, 8)
    assert len(await sessions.of_person(platform, 7)) == 2
    who = Actor("person", "7", "sign out")
    async with platform.database.transaction() as connection:
        # Somebody else's id ends nothing.
        assert await sessions.end(platform, connection, 8, [first.session_id], who) == 0
        assert await sessions.end(platform, connection, 7, [first.session_id], who) == 1
        assert await sessions.end(platform, connection, 7, [first.session_id], who) == 0
    assert await sessions.find(platform, token) is None
    assert await sessions.find(platform, other) is not None
    async with platform.database.transaction() as connection:
        assert await sessions.end(platform, connection, 7, None, who) == 1
        events = await audit.of_person(connection, 7)
    assert await sessions.find(platform, other) is None
    assert await sessions.find(platform, stranger) is not None
    assert sorted(one.action for one in events) == ["session.begun"] * 2 + ["session.ended"] * 2


async def test_sessions_long_over_are_forgotten(platform: Platform, clock: FixedClock) -> None:
    await _begin(platform)
    clock.advance(timedelta(days=90))
    assert await sessions.forget_old(platform) == 0
    clock.advance(timedelta(days=1))
    assert await sessions.forget_old(platform) == 1


def test_proofs_together_are_worth_more() -> None:
    assert level_of({"password"}) == level_of({"card_pin"}) == level_of({"face"}) == 1
    assert level_of({"password", "card_pin"}) == 1
    assert level_of({"password", "one_time_code"}) == level_of({"e_card"}) == 2
    assert level_of({"e_card", "face"}) == level_of({"counter"}) == 3


async def test_a_new_token_makes_the_old_one_worthless(platform: Platform) -> None:
    session, token = await _begin(platform)
    async with platform.database.transaction() as connection:
        fresh = await sessions.rotate(connection, session)
    assert fresh != token
    assert await sessions.find(platform, token) is None
    assert await sessions.find(platform, fresh) == session


async def test_all_other_sessions_are_ended_and_this_one_stays(platform: Platform) -> None:
    (session, token), (_, other) = await _begin(platform), await _begin(platform)
    _, stranger = await _begin(platform, 8)
    who = Actor("person", "7", "sign out elsewhere")
    async with platform.database.transaction() as connection:
        assert await sessions.end_others(platform, connection, session, who) == 1
        assert await sessions.end_others(platform, connection, session, who) == 0
    assert await sessions.find(platform, token) is not None
    assert await sessions.find(platform, other) is None
    assert await sessions.find(platform, stranger) is not None
