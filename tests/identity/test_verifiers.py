"""Verifiers of PINs and passwords."""

import asyncio
import hashlib

import msgspec
import pytest

from yikatong.core.platform import Platform
from yikatong.core.sealing import Vault
from yikatong.identity import verifiers


async def test_a_secret_opens_its_own_verifier_only(platform: Platform) -> None:
    stored = await verifiers.make(platform, "pin", "7", "482916")
    assert await verifiers.check(platform, "pin", "7", "482916", stored)
    assert not await verifiers.check(platform, "pin", "7", "482917", stored)
    assert not await verifiers.check(platform, "pin", "8", "482916", stored)
    assert not await verifiers.check(platform, "password", "7", "482916", stored)
    for wrong in (None, b"", stored[:-1], b"\x02" + stored[1:], bytes(len(stored))):
        assert not await verifiers.check(platform, "pin", "7", "482916", wrong)


async def test_without_the_key_outside_the_database_nothing_can_be_tried(
    platform: Platform,
) -> None:
    stored = await verifiers.make(platform, "pin", "7", "482916")
    other = msgspec.structs.replace(platform, vault=Vault(bytes(32)))
    assert not await verifiers.check(other, "pin", "7", "482916", stored)
    hashed = verifiers._argon2("482916", stored[1:17])  # pyright: ignore[reportPrivateUsage]
    assert hashed not in stored
    assert hashlib.sha256(hashed).digest() not in stored


async def test_the_same_secret_is_stored_differently_each_time(platform: Platform) -> None:
    first = await verifiers.make(platform, "pin", "7", "482916")
    assert first != await verifiers.make(platform, "pin", "7", "482916")


async def test_beyond_a_bounded_number_at_once_callers_are_sent_away(platform: Platform) -> None:
    asked = verifiers.AT_ONCE + verifiers.WAITING_MAX + 5
    outcomes = await asyncio.gather(
        *(verifiers.check(platform, "pin", "7", "482916", None) for _ in range(asked)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, verifiers.TooBusy) for one in outcomes) == 5
    assert sum(one is False for one in outcomes) == asked - 5
    assert not await verifiers.check(platform, "pin", "7", "482916", None)


@pytest.mark.parametrize("secret", ["", "密码" * 500, "\ud800", "\x00"])
async def test_any_text_is_a_secret(platform: Platform, secret: str) -> None:
    stored = await verifiers.make(platform, "password", "7", secret)
    assert await verifiers.check(platform, "password", "7", secret, stored)
