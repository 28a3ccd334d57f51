"""Signing keys."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from yikatong.core.clock import FixedClock, SystemClock
from yikatong.core.platform import Platform
from yikatong.identity.keys.model import ANNOUNCED_FOR, KEPT_FOR, Algorithm
from yikatong.identity.keys.service import KeyRing


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "RS256", "SM2"])
async def test_the_first_key_is_made_once_and_opens(
    platform: Platform, algorithm: Algorithm
) -> None:
    rings = [KeyRing(platform, "openid", algorithm) for _ in range(3)]
    keys = await asyncio.gather(*(ring.current() for ring in rings))
    assert len({key.key_id for key in keys}) == 1
    assert len(await rings[0].published()) == 1
    assert keys[0].algorithm == algorithm
    assert keys[0].private_key.hex() not in repr(keys[0])


async def test_a_rotated_key_is_published_before_it_signs_and_the_old_one_afterwards(
    platform: Platform, clock: FixedClock
) -> None:
    ring = KeyRing(platform, "e_card", "EdDSA")
    old = await ring.current()
    new = await ring.rotate()
    assert [key.key_id for key in await ring.published()] == [new.key_id, old.key_id]
    assert (await ring.current()).key_id == old.key_id
    clock.advance(ANNOUNCED_FOR)
    assert (await ring.current()).key_id == new.key_id
    assert await ring.find(old.key_id) is not None
    clock.advance(KEPT_FOR["e_card"] + timedelta(seconds=1))
    later = KeyRing(platform, "e_card", "EdDSA")
    assert await later.find(old.key_id) is None
    assert (await later.current()).key_id == new.key_id


async def test_another_algorithm_by_setting_gets_a_key_of_its_own(platform: Platform) -> None:
    old = await KeyRing(platform, "e_card", "EdDSA").current()
    ring = KeyRing(platform, "e_card", "SM2")
    assert (await ring.current()).algorithm == "SM2"
    assert await ring.find(old.key_id) is not None


async def test_the_first_key_signs_at_once_also_where_the_clock_goes_on_or_is_behind(
    platform: Platform, clock: FixedClock
) -> None:
    going = msgspec.structs.replace(platform, clock=SystemClock())
    made = await KeyRing(going, "e_card", "EdDSA").current()
    # The tests' clock stands months behind.
    assert (await KeyRing(platform, "e_card", "EdDSA").current()).key_id == made.key_id
