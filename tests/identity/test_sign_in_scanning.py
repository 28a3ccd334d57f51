"""Signing in by another device."""

import asyncio
from datetime import timedelta

import pytest

from tests.identity.people import somebody
from yikatong.core.clock import FixedClock
from yikatong.core.platform import Platform
from yikatong.identity.sessions import service as sessions
from yikatong.identity.sessions.model import Session
from yikatong.identity.signing_in import scanning
from yikatong.identity.signing_in.model import LevelTooLow, NoSuchScan, SignedIn, Visitor
from yikatong.trust import audit
from yikatong.trust.guessing import TooManyTries

DESK = Visitor("192.0.2.1", "Firefox · Windows")
PHONE = Visitor("198.51.100.7", "Chrome · Android")


async def phone(platform: Platform, person_id: int, level: int = 2) -> Session:
    """A session in the phone."""
    async with platform.database.transaction() as connection:
        session, _ = await sessions.begin(
            platform, connection, person_id, {"e_card" if level == 2 else "card_pin"}, "phone"
        )
    return session


async def test_a_request_is_approved_by_the_phone_and_collected_once(platform: Platform) -> None:
    one = await somebody(platform)
    session = await phone(platform, one.person_id)
    begun = await scanning.begin(platform, DESK)
    assert await scanning.state(platform, begun.code) == "waiting"
    with pytest.raises(NoSuchScan):
        await scanning.collect(platform, DESK, begun.code, begun.secret)
    asked = await scanning.look(platform, session, PHONE, begun.code)
    assert (asked.device, asked.network) == ("Firefox · Windows", "192.0.2.*")
    assert not asked.same_network
    assert not asked.steps_up
    await scanning.approve(platform, session, begun.code)
    assert await scanning.state(platform, begun.code) == "approved"
    # Whoever photographed the code has no use of it.
    with pytest.raises(NoSuchScan):
        await scanning.collect(platform, PHONE, begun.code, "x" * 32)
    signed_in = await scanning.collect(platform, DESK, begun.code, begun.secret)
    assert signed_in.session.person_id == one.person_id
    assert signed_in.session.modes == ("e_card",)
    assert signed_in.session.level == 2
    assert await scanning.state(platform, begun.code) == "over"
    with pytest.raises(NoSuchScan):
        await scanning.collect(platform, DESK, begun.code, begun.secret)
    async with platform.database.transaction(readonly=True) as connection:
        events = await audit.of_person(connection, one.person_id)
    approved = next(event for event in events if event.action == "scan.approved")
    assert approved.detail == {"device": "Firefox · Windows", "network": "192.0.2.*"}


async def test_what_was_approved_ends_with_the_session_that_approved_it(
    platform: Platform,
) -> None:
    one = await somebody(platform)
    thief, owner = await phone(platform, one.person_id), await phone(platform, one.person_id)
    begun = await scanning.begin(platform, DESK)
    await scanning.approve(platform, thief, begun.code)
    async with platform.database.transaction() as connection:
        await sessions.end_others(platform, connection, owner, owner.actor("sign out elsewhere"))
    with pytest.raises(NoSuchScan):
        await scanning.collect(platform, DESK, begun.code, begun.secret)
    assert [live.session_id for live in await sessions.of_person(platform, one.person_id)] == [
        owner.session_id
    ]


async def test_collected_at_the_same_moment_it_is_one_session(platform: Platform) -> None:
    one = await somebody(platform)
    begun = await scanning.begin(platform, DESK)
    await scanning.approve(platform, await phone(platform, one.person_id), begun.code)
    answers = await asyncio.gather(
        *(scanning.collect(platform, DESK, begun.code, begun.secret) for _ in range(3)),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, SignedIn) for answer in answers) == 1


async def test_a_weak_session_approves_nothing(platform: Platform) -> None:
    one = await somebody(platform)
    begun = await scanning.begin(platform, DESK)
    with pytest.raises(LevelTooLow):
        await scanning.approve(platform, await phone(platform, one.person_id, 1), begun.code)
    assert await scanning.state(platform, begun.code) == "waiting"


async def test_a_request_is_answered_once(platform: Platform) -> None:
    one, other = await somebody(platform), await somebody(platform, 1000002)
    session = await phone(platform, one.person_id)
    begun = await scanning.begin(platform, DESK)
    await scanning.refuse(platform, session, begun.code)
    assert await scanning.state(platform, begun.code) == "refused"
    for again in (session, await phone(platform, other.person_id)):
        with pytest.raises(NoSuchScan):
            await scanning.approve(platform, again, begun.code)
        with pytest.raises(NoSuchScan):
            await scanning.look(platform, again, PHONE, begun.code)
    with pytest.raises(NoSuchScan):
        await scanning.collect(platform, DESK, begun.code, begun.secret)


async def test_a_request_is_over_after_three_minutes(platform: Platform, clock: FixedClock) -> None:
    one = await somebody(platform)
    session = await phone(platform, one.person_id)
    early, late = await scanning.begin(platform, DESK), await scanning.begin(platform, DESK)
    await scanning.approve(platform, session, early.code)
    clock.advance(timedelta(minutes=3))
    assert await scanning.state(platform, early.code) == "over"
    with pytest.raises(NoSuchScan):
        await scanning.collect(platform, DESK, early.code, early.secret)
    with pytest.raises(NoSuchScan):
        await scanning.approve(platform, session, late.code)
    for wrong in ("", "x" * 10_000, "\ud800"):
        assert await scanning.state(platform, wrong) == "over"


async def test_a_scan_confirms_the_session_it_was_begun_for_and_no_other(
    platform: Platform,
) -> None:
    one, other = await somebody(platform), await somebody(platform, 1000002)
    weak = await phone(platform, one.person_id, 1)
    begun = await scanning.begin(platform, DESK, weak)
    # Another person's phone cannot confirm it, nor see it.
    with pytest.raises(NoSuchScan):
        await scanning.approve(platform, await phone(platform, other.person_id), begun.code)
    await scanning.approve(platform, await phone(platform, one.person_id), begun.code)
    for before in (None, await phone(platform, other.person_id, 1)):
        with pytest.raises(NoSuchScan):
            await scanning.collect(platform, DESK, begun.code, begun.secret, before)
    raised = await scanning.collect(platform, DESK, begun.code, begun.secret, weak)
    assert raised.session.session_id == weak.session_id
    assert raised.session.level_at(platform.clock.now()) == 2


async def test_an_address_begins_so_many_requests(platform: Platform) -> None:
    for _ in range(60):
        await scanning.begin(platform, DESK)
    with pytest.raises(TooManyTries):
        await scanning.begin(platform, DESK)
    await scanning.begin(platform, PHONE)
