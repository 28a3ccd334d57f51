"""Seals over the audit trail: what was changed, added or taken out later shows."""

from datetime import timedelta

import pytest

from yikatong.core import due_work
from yikatong.core.clock import FixedClock, today
from yikatong.core.platform import Platform
from yikatong.trust import audit, seals
from yikatong.trust.audit import Actor

CLERK = Actor("staff", "clerk-1", "tests")


async def act(platform: Platform, count: int = 3) -> None:
    async with platform.database.transaction() as connection:
        for person in range(count):
            await audit.record(
                connection, CLERK, platform.clock.now(), person + 1, "person.read", {"part": "card"}
            )


@pytest.fixture
async def sealed(platform: Platform, clock: FixedClock) -> Platform:
    """Two hours of events, ten minutes apart, sealed until an hour ago."""
    for _ in range(12):
        await act(platform)
        clock.advance(timedelta(minutes=10))
    clock.advance(timedelta(hours=2))
    assert await seals.seal(platform) > 12
    assert await seals.seal(platform) == 0
    return platform


async def test_an_untouched_trail_fits_its_seals(sealed: Platform) -> None:
    found = await seals.verify(sealed)
    assert found.proved
    assert found.events == 36
    async with sealed.database.transaction(readonly=True) as connection:
        proofs, through = await seals.last_proofs(connection)
    assert proofs[seals.WHOLE].failed_since is None
    assert through == found.through


@pytest.mark.parametrize(
    "change",
    [
        "update audit_events set actor = 'nobody' where event_id = $1",
        "update audit_events set detail = '{}' where event_id = $1",
        "delete from audit_events where event_id = $1",
        """insert into audit_events select 99, event_id, at, actor_kind, actor, action, purpose, detail
             from audit_events where event_id = $1""",
    ],
)
async def test_what_was_changed_added_or_taken_out_shows_once(
    sealed: Platform, change: str
) -> None:
    async with sealed.database.transaction() as connection:
        middle = await connection.fetchval(
            "select event_id from audit_events order by event_id offset 17 limit 1"
        )
        await connection.execute(change, middle)
    found = await seals.verify(sealed)
    assert len(found.wrong) == 1
    async with sealed.database.transaction(readonly=True) as connection:
        known = {one.name: one for one in await due_work.every(connection)}
    assert known[seals.WHOLE].failed_since is not None


@pytest.mark.parametrize(
    "change",
    [
        "delete from audit_seals where through_id = $1",
        "update audit_seals set seal = sha256('mine') where through_id = $1",
        "update audit_seals set events = events + 1 where through_id = $1",
    ],
)
async def test_a_seal_cannot_be_taken_out_or_made_by_who_has_the_database_alone(
    sealed: Platform, change: str
) -> None:
    async with sealed.database.transaction() as connection:
        middle = await connection.fetchval(
            "select through_id from audit_seals order by through_id offset 5 limit 1"
        )
        await connection.execute(change, middle)
    assert not (await seals.verify(sealed)).proved


async def test_only_the_last_days_are_proved_every_day(sealed: Platform, clock: FixedClock) -> None:
    await seals.prove_lately(sealed)
    async with sealed.database.transaction() as connection:
        await connection.execute("update audit_events set actor = 'nobody'")
    with pytest.raises(seals.TrailDiffers):
        await seals.prove_lately(sealed)
    clock.advance(timedelta(days=5))
    await seals.prove_lately(sealed)
    assert (await seals.verify(sealed, today(clock))).seals == 0
