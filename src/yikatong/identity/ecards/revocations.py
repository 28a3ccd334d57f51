"""The revocation list (吊销名单): what a terminal without a network looks a code's e-card up in.

Truncated hashes, sorted, one behind the other, signed with a key of its own. Each process builds it
from what changed since it last looked: hours that are over never change.
"""

import asyncio
import hashlib
from array import array
from datetime import datetime, timedelta
from itertools import chain
from typing import Final

import cbor2
import msgspec

from yikatong.core.platform import Platform
from yikatong.identity.ecards import store
from yikatong.identity.ecards.codes import Signer
from yikatong.identity.ecards.model import LISTED_BYTES, LISTED_FOR
from yikatong.identity.keys.model import SigningKey
from yikatong.identity.keys.service import KeyRing

CONTENT_TYPE: Final = "application/vnd.yikatong.revocations+cbor"
MEDIA_TYPE: Final = "application/cose"
MADE_EVERY: Final = timedelta(seconds=30)
NEXT_AFTER: Final = timedelta(hours=1)
"""When terminals are asked to fetch the next list."""
_LATE: Final = timedelta(minutes=2)
"""A row is seen by others when its transaction commits, by so much later than its time at most."""


class SignedList(msgspec.Struct, frozen=True):
    """A list as it is published."""

    content: bytes
    """COSE_Sign1 over a CBOR map of iss, iat, next, size, hashes."""
    tag: str
    entries: int
    issued_at: datetime


class Revocations:
    """The list as this process knows it."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._ring = KeyRing(platform, "revocation_list", "EdDSA")
        self._hours: dict[int, array[int]] = {}
        """Hashes as numbers, by the hour since 1970 in which they were listed."""
        self._read_at: datetime | None = None
        self._made: SignedList | None = None
        self._lock = asyncio.Lock()

    async def keys(self) -> tuple[SigningKey, ...]:
        """The keys that lists are signed with."""
        return tuple(await self._ring.published())

    async def current(self) -> SignedList:
        """The list, not older than half a minute."""
        async with self._lock:
            now = self._platform.clock.now()
            if self._made is None or now - self._made.issued_at >= MADE_EVERY:
                self._made = await self._make(now)
            return self._made

    async def _make(self, now: datetime) -> SignedList:
        oldest = now - LISTED_FOR
        since = oldest if self._read_at is None else max(oldest, self._read_at - _LATE)
        first = _hour(since)
        async with self._platform.database.transaction(readonly=True) as connection:
            rows = await store.listed_since(
                connection, datetime.fromtimestamp(first * 3600, now.tzinfo)
            )
        self._read_at = now
        for hour in [one for one in self._hours if one >= first or one < _hour(oldest)]:
            del self._hours[hour]
        for listed, at in rows:
            self._hours.setdefault(_hour(at), array("Q")).append(int.from_bytes(listed, "big"))
        key = await self._ring.current()
        # A million takes half a second, during which others are answered.
        return await asyncio.to_thread(
            _sign, Signer(key, CONTENT_TYPE), self._platform.settings.public_url,
            list(self._hours.values()), now,
        )  # fmt: skip


def _hour(at: datetime) -> int:
    return int(at.timestamp()) // 3600


def _sign(signer: Signer, issuer: str, hours: "list[array[int]]", now: datetime) -> SignedList:
    hashes = sorted(set(chain.from_iterable(hours)))
    packed = b"".join(one.to_bytes(LISTED_BYTES, "big") for one in hashes)
    content = signer.sign(
        cbor2.dumps(
            {
                "iss": issuer,
                "iat": int(now.timestamp()),
                "next": int((now + NEXT_AFTER).timestamp()),
                "size": LISTED_BYTES,
                "hashes": packed,
            }
        )
    )
    return SignedList(content, hashlib.sha256(content).hexdigest()[:32], len(hashes), now)
