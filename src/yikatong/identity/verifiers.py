"""Verifiers (口令校验值) of secrets that people choose: PINs and passwords.

HMAC-SHA-256, under a key that lies outside the database, over an argon2id hash (RFC 9106). Whoever
steals the database alone cannot try a single 6-digit PIN; whoever steals the key as well pays argon2
for each.
"""

import asyncio
import hmac
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from argon2.low_level import Type, hash_secret_raw

from yikatong.core.coalescing import Busy
from yikatong.core.platform import Platform

_VERSION: Final = b"\x01"
"""Names key and parameters; a later version is written beside it and both are read."""
_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32
_LENGTH: Final = 1 + _SALT_BYTES + _HASH_BYTES
_PASSES: Final = 2
_MEMORY_KIB: Final = 19 * 1024
"""OWASP's smallest recommended cost: 19 MiB and two passes, 30 to 60 ms of one core."""
AT_ONCE: Final = 2
"""Threads that compute; each takes the memory of one hash."""
WAITING_MAX: Final = 64
"""How many may wait for them, two seconds or so; the next is told to come back."""

_threads: Final = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="verifier")
_running: Final[set[object]] = set()
_DUMMY: Final = _VERSION + bytes(_SALT_BYTES + _HASH_BYTES)


class TooBusy(Busy):
    """Too many secrets are being checked; raised before anything was looked at."""

    def __init__(self) -> None:
        super().__init__(
            zh="登录的人太多，请稍后重试",
            en="too many people are signing in; please try again in a moment",
        )


async def make(platform: Platform, purpose: str, subject: str, secret: str) -> bytes:
    """What to store of a secret; opens for this purpose and subject only. Raises TooBusy."""
    return await _compute(platform, purpose, subject, secret, os.urandom(_SALT_BYTES))


async def check(
    platform: Platform, purpose: str, subject: str, secret: str, stored: bytes | None
) -> bool:
    """Whether this is the secret; raises TooBusy.

    Where nothing is stored it takes as long and is False: the answer's time tells nobody whether
    the subject exists.
    """
    known = stored if stored and len(stored) == _LENGTH and stored[:1] == _VERSION else _DUMMY
    salt = known[1 : 1 + _SALT_BYTES]
    computed = await _compute(platform, purpose, subject, secret, salt)
    return hmac.compare_digest(computed, known) and known is not _DUMMY


async def _compute(
    platform: Platform, purpose: str, subject: str, secret: str, salt: bytes
) -> bytes:
    if len(_running) >= AT_ONCE + WAITING_MAX:
        raise TooBusy
    mark = object()
    _running.add(mark)
    # Counted until the thread is through, also where the caller has left meanwhile.
    future = _threads.submit(_argon2, secret, salt)
    future.add_done_callback(lambda _: _running.discard(mark))
    hashed = await asyncio.wrap_future(future)
    keyed = platform.vault.hash(f"verifier:1:{purpose}", f"{subject}:{hashed.hex()}")
    return _VERSION + salt + keyed


def _argon2(secret: str, salt: bytes) -> bytes:
    # A lone surrogate is no text a person can type, and still must not be a fault.
    raw = secret.encode("utf-8", "surrogatepass")
    return hash_secret_raw(
        raw, salt, time_cost=_PASSES, memory_cost=_MEMORY_KIB, parallelism=1,
        hash_len=_HASH_BYTES, type=Type.ID,
    )  # fmt: skip
