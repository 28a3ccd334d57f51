"""The provider's keys at work: ID tokens signed, hints verified, the key set published."""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec
from joserfc import jwk, jwt
from joserfc.errors import JoseError

from yikatong.core.platform import Platform
from yikatong.identity.keys.model import SigningKey
from yikatong.identity.keys.service import KeyRing

ALGORITHM: Final = "RS256"
"""The one every client library knows (Core 1.0, 15.1)."""
KEYS_CACHED_SECONDS: Final = 300
"""A new key is announced longer before it signs than clients keep the key set."""
_HINT_MAX: Final = 4096
Signer = Callable[[dict[str, Any]], str]


class OpenidProvider:
    """The OpenID provider of one process: the platform, and the keys that sign."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.ring = KeyRing(platform, "openid", ALGORITHM)
        self._private: dict[str, jwk.RSAKey] = {}

    @property
    def issuer(self) -> str:
        """The issuer identifier: the platform's public address."""
        return self.platform.settings.public_url

    async def signer(self) -> Signer:
        """What makes an ID token of claims, with the key of now; got before a transaction begins,
        because it may read the keys itself."""
        key = await self.ring.current()
        private = self._private.get(key.key_id)
        if private is None:
            private = jwk.RSAKey.import_key(key.private_key)
            self._private = {key.key_id: private}
        header = {"alg": ALGORITHM, "kid": key.key_id}
        return lambda claims: jwt.encode(header, claims, private, algorithms=[ALGORITHM])

    async def open_hint(self, text: str) -> dict[str, Any] | None:
        """The claims of an ID token of ours, expired or not; None for anything else."""
        if len(text) > _HINT_MAX:
            return None
        keys = jwk.KeySet([_public(one) for one in await self.ring.published()])
        try:
            claims = jwt.decode(text, keys, algorithms=[ALGORITHM]).claims
        except (JoseError, ValueError, TypeError):
            return None
        return claims if claims.get("iss") == self.issuer else None

    async def key_set(self) -> tuple[bytes, str]:
        """The published keys (JWK set) and their entity tag."""
        told = _key_set(await self.ring.published())
        return told, f'"{hashlib.sha256(told).hexdigest()[:24]}"'


def _key_set(keys: Sequence[SigningKey]) -> bytes:
    # Several keys, the next one too: a client that asks now must know it in a quarter of an hour.
    return msgspec.json.encode({"keys": [_public(one).as_dict(private=False) for one in keys]})


def _public(key: SigningKey) -> jwk.RSAKey:
    made = jwk.RSAKey.import_key(key.public_key)
    told = {**made.as_dict(private=False), "kid": key.key_id, "use": "sig", "alg": ALGORITHM}
    return jwk.RSAKey.import_key(told)
