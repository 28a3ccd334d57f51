"""Codes and tokens: opaque, random, bound to their purpose; the database keeps hashes only.

A handle names the login it belongs to, sealed, so that it is found among the person's rows without a
directory, that nobody can link two handles of one person, and that what we never made is refused
before the database is asked.
"""

import base64
import binascii
import hashlib
import secrets
from typing import Final, Literal

import msgspec

from yikatong.core.sealing import SealBroken, Vault

Kind = Literal["code", "access", "refresh"]
_SECRET_BYTES: Final = 24
LENGTH_MAX: Final = 400


class Handle(msgspec.Struct, frozen=True):
    """An opened code or token."""

    person_id: int
    grant_id: int
    token_id: int
    """0 for a code."""
    secret_hash: bytes


def make(
    vault: Vault, kind: Kind, person_id: int, grant_id: int, token_id: int = 0
) -> tuple[str, bytes]:
    """A new handle, and the hash of its secret to keep."""
    secret = secrets.token_bytes(_SECRET_BYTES)
    sealed = vault.seal(_field(kind), 0, f"{person_id}.{grant_id}.{token_id}")
    text = base64.urlsafe_b64encode(secret + sealed).rstrip(b"=").decode()
    return text, _hash(secret)


def read(vault: Vault, kind: Kind, text: str) -> Handle | None:
    """The handle behind a text; None for what was never one of this kind."""
    if len(text) > LENGTH_MAX:
        return None
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        raw = base64.b64decode(padded, altchars=b"-_", validate=True)
        # The one spelling only: what was read back must be what was written.
        if base64.urlsafe_b64encode(raw).rstrip(b"=") != text.encode():
            return None
        opened = vault.open(_field(kind), 0, raw[_SECRET_BYTES:])
    except (UnicodeEncodeError, binascii.Error, SealBroken):
        return None
    person_id, grant_id, token_id = (int(one) for one in opened.split("."))
    return Handle(person_id, grant_id, token_id, _hash(raw[:_SECRET_BYTES]))


def random_name() -> str:
    """A name nobody can guess, for a request that waits."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def digest(text: str) -> bytes:
    """The hash under which a random text is kept."""
    return hashlib.sha256(text.encode()).digest()


def _hash(secret: bytes) -> bytes:
    # 24 random bytes need no slow hash.
    return hashlib.sha256(secret).digest()


def _field(kind: Kind) -> str:
    return f"openid_{kind}"
