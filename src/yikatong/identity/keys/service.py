"""Use cases of signing keys: the one that signs now, those that are published, rotation."""

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, cast

import gmssl_pyx
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from yikatong.core.database import Record
from yikatong.core.fresh import Fresh
from yikatong.core.platform import Platform
from yikatong.identity.keys import store
from yikatong.identity.keys.model import (
    ANNOUNCED_FOR,
    KEPT_FOR,
    Algorithm,
    Purpose,
    SigningKey,
    Told,
)

SEEN_WITHIN_SECONDS: Final = 20.0
"""A key made by another process is known here after so long; far less than it is announced for."""
_RSA_BITS: Final = 3072


class KeyRing:
    """The signing keys of one purpose, as this process knows them."""

    def __init__(self, platform: Platform, purpose: Purpose, algorithm: Algorithm) -> None:
        self._platform = platform
        self._purpose: Purpose = purpose
        self._algorithm: Algorithm = algorithm
        self._fresh = Fresh(self._read, SEEN_WITHIN_SECONDS)

    async def published(self) -> Sequence[SigningKey]:
        """All published keys, the newest first; the first key is made where there is none."""
        return await self._fresh.get()

    async def current(self) -> SigningKey:
        """The key that signs now."""
        keys = [key for key in await self.published() if key.algorithm == self._algorithm]
        # Looked at afterwards: the first key is made in between. Where this process' clock is behind
        # that of the one that made it, the oldest signs.
        now = self._platform.clock.now()
        return next((key for key in keys if key.signs_from <= now), keys[-1])

    async def find(self, key_id: str) -> SigningKey | None:
        """A published key by its id."""
        return next((key for key in await self.published() if key.key_id == key_id), None)

    async def rotate(self) -> SigningKey:
        """Make the next key: published now, signing after a quarter of an hour."""
        now = self._platform.clock.now()
        made = await self._make(now + ANNOUNCED_FOR)
        self._fresh.forget()
        return made

    async def _read(self) -> tuple[SigningKey, ...]:
        now = self._platform.clock.now()
        async with self._platform.database.transaction(readonly=True) as connection:
            rows = await store.published(connection, self._purpose, now)
        # A setting may name another algorithm than the last key's: then it is time for a new key.
        if not any(row["algorithm"] == self._algorithm for row in rows):
            await self._make(now, first=True)
            async with self._platform.database.transaction(readonly=True) as connection:
                rows = await store.published(connection, self._purpose, now)
        return tuple(self._open(row) for row in rows)

    async def _make(self, signs_from: datetime, *, first: bool = False) -> SigningKey:
        now = self._platform.clock.now()
        public, private = await asyncio.to_thread(_generate, self._algorithm)
        key_id = hashlib.sha256(public).hexdigest()[:16]
        sealed = self._platform.vault.seal(_field(self._purpose, key_id), 0, private.hex())
        async with self._platform.database.transaction() as connection:
            await store.lock(connection, self._purpose)
            rows = await store.published(connection, self._purpose, now)
            same = [row for row in rows if row["algorithm"] == self._algorithm]
            if first and same:
                return self._open(same[0])
            until = signs_from + KEPT_FOR[self._purpose]
            await store.insert(
                connection, self._purpose, key_id, self._algorithm, public, sealed, signs_from
            )
            await store.retire(connection, self._purpose, key_id, signs_from, until)
        return SigningKey(
            self._purpose, key_id, self._algorithm, public, private, signs_from, None, None
        )

    def _open(self, row: Record) -> SigningKey:
        purpose, key_id = cast("Purpose", row["purpose"]), row["key_id"]
        private = self._platform.vault.open(_field(purpose, key_id), 0, row["private_sealed"])
        return SigningKey(
            purpose=purpose,
            key_id=key_id,
            algorithm=row["algorithm"],
            public_key=row["public_key"],
            private_key=bytes.fromhex(private),
            signs_from=row["signs_from"],
            signs_until=row["signs_until"],
            published_until=row["published_until"],
        )


async def told(platform: Platform) -> list[Told]:
    """The published keys of all purposes, the newest of each first; private parts are not read."""
    async with platform.database.transaction(readonly=True) as connection:
        rows = await store.told(connection, platform.clock.now())
    return [Told(**{name: row[name] for name in Told.__struct_fields__}) for row in rows]


def _field(purpose: str, key_id: str) -> str:
    return f"signing_key:{purpose}:{key_id}"


def _generate(algorithm: Algorithm) -> tuple[bytes, bytes]:
    if algorithm == "SM2":
        public, private = cast("Any", gmssl_pyx).sm2_key_generate()
        return bytes(public), bytes(private)
    if algorithm == "EdDSA":
        key = ed25519.Ed25519PrivateKey.generate()
    elif algorithm == "ES256":
        key = ec.generate_private_key(ec.SECP256R1())
    else:
        key = rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS)
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return public, key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
