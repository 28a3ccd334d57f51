"""Types of a signing key."""

from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

Purpose = Literal["e_card", "openid", "revocation_list"]
Algorithm = Literal["EdDSA", "ES256", "RS256", "SM2"]

ANNOUNCED_FOR: Final = timedelta(minutes=15)
"""A new key is published this long before it signs: whoever fetched the list before knows it."""
KEPT_FOR: Final[dict[Purpose, timedelta]] = {
    "e_card": timedelta(days=8),
    "openid": timedelta(days=2),
    "revocation_list": timedelta(days=8),
}
"""How long a key stays published after its last signature: longer than anything it signed lives."""


class SigningKey(msgspec.Struct, frozen=True):
    """A key pair for one purpose."""

    purpose: Purpose
    key_id: str
    algorithm: Algorithm
    public_key: bytes
    """SubjectPublicKeyInfo, DER; for SM2 the 64 bytes of the point (GB/T 32918)."""
    private_key: bytes
    """PKCS 8, DER, unencrypted; for SM2 the 32 bytes of the number. Never leaves the process."""
    signs_from: datetime
    signs_until: datetime | None
    published_until: datetime | None

    def __repr__(self) -> str:
        return f"SigningKey({self.purpose}, {self.key_id}, {self.algorithm})"


class Told(msgspec.Struct, frozen=True):
    """What is told of a published key: when it signs, and until when it is published."""

    purpose: Purpose
    key_id: str
    algorithm: Algorithm
    signs_from: datetime
    signs_until: datetime | None
    published_until: datetime | None
