"""Limits on guessing."""

import asyncio
from datetime import timedelta

import pytest

from yikatong.core.clock import FixedClock
from yikatong.core.platform import Platform
from yikatong.trust import guessing
from yikatong.trust.guessing import Limit, TooManyTries

_HOUR = Limit(3, timedelta(hours=1))
_DAY = Limit(5, timedelta(days=1))


async def test_a_try_beyond_the_limit_is_refused_until_the_window_is_over(
    platform: Platform, clock: FixedClock
) -> None:
    for _ in range(3):
        await guessing.count(platform, [("pin:1", [_HOUR])])
    clock.advance(timedelta(minutes=20))
    with pytest.raises(TooManyTries) as refused:
        await guessing.count(platform, [("pin:1", [_HOUR])])
    assert refused.value.retry_after == 40 * 60 + 1
    assert "41 分钟" in refused.value.text.zh
    clock.advance(timedelta(minutes=40))
    await guessing.count(platform, [("pin:1", [_HOUR])])


async def test_a_try_refused_by_one_limit_counts_against_none(platform: Platform) -> None:
    for _ in range(3):
        await guessing.count(platform, [("pin:1", [_HOUR, _DAY]), ("address:a", [_DAY])])
    for _ in range(4):
        with pytest.raises(TooManyTries):
            await guessing.count(platform, [("pin:1", [_HOUR, _DAY]), ("address:a", [_DAY])])
    await guessing.count(platform, [("address:a", [_DAY])])
    await guessing.count(platform, [("address:a", [_DAY])])
    with pytest.raises(TooManyTries):
        await guessing.count(platform, [("address:a", [_DAY])])


async def test_tries_at_the_same_moment_all_count(platform: Platform) -> None:
    answers = await asyncio.gather(
        *(guessing.count(platform, [("pin:7", [_HOUR, _DAY])]) for _ in range(20)),
        return_exceptions=True,
    )
    assert sum(one is None for one in answers) == 3
    assert sum(isinstance(one, TooManyTries) for one in answers) == 17


async def test_tries_are_forgiven_and_old_windows_forgotten(
    platform: Platform, clock: FixedClock
) -> None:
    for _ in range(3):
        await guessing.count(platform, [("pin:1", [_HOUR])])
    async with platform.database.transaction() as connection:
        await guessing.forgive(connection, platform, "pin:1")
    await guessing.count(platform, [("pin:1", [_HOUR])])
    assert await guessing.forget_old(platform) == 0
    clock.advance(timedelta(hours=1))
    assert await guessing.forget_old(platform) == 1


async def test_a_right_try_is_taken_back_and_the_wrong_ones_stay(
    platform: Platform, clock: FixedClock
) -> None:
    async def left() -> int:
        async with platform.database.transaction() as connection:
            return await guessing.left(connection, platform, "pin:1", [_HOUR, _DAY])

    assert await left() == 3
    for _ in range(2):
        await guessing.count(platform, [("pin:1", [_HOUR, _DAY])])
    assert await left() == 1
    async with platform.database.transaction() as connection:
        await guessing.take_back(connection, platform, [("pin:1", [_HOUR, _DAY])])
    assert await left() == 2
    for _ in range(2):
        await guessing.count(platform, [("pin:1", [_HOUR, _DAY])])
    with pytest.raises(TooManyTries):
        await guessing.count(platform, [("pin:1", [_HOUR, _DAY])])
    assert await left() == 0
    clock.advance(timedelta(hours=1))
    assert await left() == 2
    async with platform.database.transaction() as connection:
        for _ in range(9):
            await guessing.take_back(connection, platform, [("pin:1", [_HOUR, _DAY])])
    assert await left() == 3
