"""The revocation lists (吊销名单): what a terminal without a network looks a code's e-card up in, and
the plastic card in its reader.

Truncated hashes, sorted, one behind the other, signed with a key of its own. A process reads it whole
once an hour, sorted by the database, and in between puts in what is new.
"""

import asyncio
import hashlib
from bisect import bisect_left
from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from typing import Final

import cbor2
import msgspec

from yikatong.core.clock import SHANGHAI
from yikatong.core.database import Connection
from yikatong.core.platform import Platform
from yikatong.identity.ecards import store
from yikatong.identity.ecards.codes import Signer
from yikatong.identity.ecards.model import LISTED_BYTES, LISTED_FOR
from yikatong.identity.keys.model import SigningKey
from yikatong.identity.keys.service import KeyRing

CONTENT_TYPE: Final = "application/vnd.yikatong.revocations+cbor"
CARDS_CONTENT_TYPE: Final = "application/vnd.yikatong.card-revocations+cbor"
MEDIA_TYPE: Final = "application/cose"
MADE_EVERY: Final = timedelta(seconds=30)
NEXT_AFTER: Final = timedelta(hours=1)
"""When terminals are asked to fetch the next list."""
WHOLE_EVERY: Final = timedelta(hours=1)
"""How often what is over leaves the list."""
_LATE: Final = timedelta(minutes=2)
"""A row is seen by others when its transaction commits, by so much later than its time at most."""


class SignedList(msgspec.Struct, frozen=True):
    """A list as it is published."""

    content: bytes
    """COSE_Sign1 over a CBOR map of iss, iat, next, size, hashes."""
    tag: str
    entries: int
    issued_at: datetime


class Source(msgspec.Struct, frozen=True):
    """Where the entries of a list come from."""

    content_type: str
    whole: Callable[[Connection, datetime], Awaitable[bytes]]
    """All entries, sorted, one behind the other."""
    since: Callable[[Connection, datetime], Awaitable[list[bytes]]]


async def _e_cards(connection: Connection, now: datetime) -> bytes:
    return await store.listed(connection, now - LISTED_FOR)


async def _cards(connection: Connection, now: datetime) -> bytes:
    return await store.cards_listed(connection, now.astimezone(SHANGHAI).date())


E_CARDS: Final = Source(CONTENT_TYPE, _e_cards, store.listed_since)
CARDS: Final = Source(CARDS_CONTENT_TYPE, _cards, store.cards_listed_since)


class Revocations:
    """A list as this process knows it."""

    def __init__(self, platform: Platform, source: Source = E_CARDS) -> None:
        self._platform = platform
        self._source = source
        self._ring = KeyRing(platform, "revocation_list", "EdDSA")
        self._packed = b""
        self._whole_at: datetime | None = None
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
        packed = self._packed
        async with self._platform.database.transaction(readonly=True) as connection:
            if (
                self._read_at is None
                or self._whole_at is None
                or now - self._whole_at >= WHOLE_EVERY
            ):
                packed = await self._source.whole(connection, now)
                self._whole_at = now
            else:
                packed = added(packed, await self._source.since(connection, self._read_at - _LATE))
        self._packed, self._read_at = packed, now
        signer = Signer(await self._ring.current(), self._source.content_type)
        issuer = self._platform.settings.public_url
        return await asyncio.to_thread(_sign, signer, issuer, packed, now)


def added(packed: bytes, hashes: Iterable[bytes]) -> bytes:
    """The sorted list with these in it, each once."""
    size = LISTED_BYTES
    parts: list[bytes] = []
    copied = 0
    for one in sorted(set(hashes)):
        at = size * bisect_left(
            range(len(packed) // size), one, key=lambda n: packed[n * size : (n + 1) * size]
        )
        if packed[at : at + size] != one:
            parts += packed[copied:at], one
            copied = at
    return packed if not parts else b"".join((*parts, packed[copied:]))


def _sign(signer: Signer, issuer: str, packed: bytes, now: datetime) -> SignedList:
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
    tag = hashlib.sha256(content).hexdigest()[:32]
    return SignedList(content, tag, len(packed) // LISTED_BYTES, now)
