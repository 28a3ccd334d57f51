"""Verifiers of short secrets (口令验证值): what is kept of a PIN or a password.

A verifier is HMAC-SHA-256, under a key derived from the key outside the database, over an argon2id
hash. Whoever has the database alone can try nothing: without the key every PIN fits as well as any
other. Whoever has both pays the argon2 hash for each try.

Its first byte is the version of key and parameters. A new version is one more entry of `_SCHEMES`:
old verifiers go on being checked by their own and are made anew at the next right try.
"""

import asyncio
import hashlib
import hmac
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Final

import msgspec
from argon2.low_level import Type, hash_secret_raw

from yikatong.core import seats
from yikatong.core.errors import Unavailable
from yikatong.core.platform import Platform
from yikatong.core.sealing import Vault


class _Scheme(msgspec.Struct, frozen=True):
    """Parameters of argon2id (RFC 9106)."""

    passes: int
    memory_kib: int
    lanes: int


_SCHEMES: Final = {1: _Scheme(passes=4, memory_kib=19_456, lanes=1)}
CURRENT: Final = 1
_SALT_BYTES: Final = 16
_HASH_BYTES: Final = 32
AT_ONCE: Final = max(1, min(4, os.cpu_count() or 1))
"""Hashes of one process at the same moment; each takes 19 MiB."""
WAITING_MAX: Final = 64
"""What waits beyond is refused: it would wait for seconds."""


class Busy(Unavailable):
    """More secrets are being checked than the machine can."""

    code = "busy"

    def __init__(self) -> None:
        super().__init__(
            zh="现在登录的人太多，请稍等几秒再试",
            en="too many people are signing in right now; please try again in a few seconds",
        )


class _Queue:
    """A few threads, and a count of what waits for them."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(
            AT_ONCE, thread_name_prefix="verifiers", initializer=seats.anywhere
        )
        self._waiting = 0

    async def run(self, secret: str, salt: bytes, scheme: _Scheme) -> bytes:
        if self._waiting >= AT_ONCE + WAITING_MAX:
            raise Busy
        self._waiting += 1
        work = asyncio.get_running_loop().run_in_executor(
            self._threads, _argon2, secret, salt, scheme
        )
        # Counted until it is done, also where nobody waits for the answer any more.
        work.add_done_callback(self._done)
        return await asyncio.shield(work)

    def _done(self, _: object) -> None:
        self._waiting -= 1


_queue: Final = _Queue()


async def make(platform: Platform, purpose: str, subject: str, secret: str) -> bytes:
    """The verifier of a subject's secret, to be stored; it fits no other purpose or subject.

    Raises Busy.
    """
    salt = os.urandom(_SALT_BYTES)
    hashed = await _queue.run(secret, salt, _SCHEMES[CURRENT])
    return _verifier(platform.vault, CURRENT, purpose, subject, salt, hashed)


async def check(
    platform: Platform, purpose: str, subject: str, secret: str, stored: bytes | None
) -> bool:
    """Whether this is the secret; with nothing stored, as much work and False. Raises Busy."""
    version = stored[0] if stored else CURRENT
    salt = stored[1 : 1 + _SALT_BYTES] if stored else bytes(_SALT_BYTES)
    hashed = await _queue.run(secret, salt, _SCHEMES[version])
    made = _verifier(platform.vault, version, purpose, subject, salt, hashed)
    return hmac.compare_digest(made, stored or bytes(len(made))) and stored is not None


def outdated(stored: bytes) -> bool:
    """Whether the verifier is of an older version and should be made anew."""
    return stored[0] != CURRENT


def shared(vault: Vault, purpose: str, secret: str) -> Callable[[str], bytes]:
    """Verifiers of one secret that many subjects have, for one argon2 hash: people made up alone.

    The salt is the installation's, so the verifiers of two installations have nothing in common.
    """
    salt = vault.key(f"shared salt {purpose}")[:_SALT_BYTES]
    hashed = _shared_hash(secret, salt)
    key = _key(vault, CURRENT)
    head = bytes((CURRENT,)) + salt

    def verifier(subject: str) -> bytes:
        return head + hmac.digest(key, _bound(purpose, subject) + hashed, hashlib.sha256)

    return verifier


def _verifier(
    vault: Vault, version: int, purpose: str, subject: str, salt: bytes, hashed: bytes
) -> bytes:
    body = _bound(purpose, subject) + hashed
    return bytes((version,)) + salt + hmac.digest(_key(vault, version), body, hashlib.sha256)


def _bound(purpose: str, subject: str) -> bytes:
    return f"{purpose}:{subject}:".encode()


def _key(vault: Vault, version: int) -> bytes:
    return vault.key(f"verifiers {version}")


@cache
def _shared_hash(secret: str, salt: bytes) -> bytes:
    return _argon2(secret, salt, _SCHEMES[CURRENT])


def _argon2(secret: str, salt: bytes, scheme: _Scheme) -> bytes:
    return hash_secret_raw(
        secret.encode(), salt, scheme.passes, scheme.memory_kib, scheme.lanes, _HASH_BYTES, Type.ID
    )
