"""Codes: signed for a device, and read again. No database but for the keys.

The token is a CBOR Web Token (RFC 8392) of the issuer (1), the times of issue and expiry (6, 4), an id
of its own (7) and Claim 169: an opaque reference of the e-card (1) and the masked name (4).
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, cast

import cbor2
import gmssl_pyx
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from cryptography.hazmat.primitives.serialization import load_der_private_key

from yikatong.core.clock import SHANGHAI
from yikatong.core.platform import Platform
from yikatong.core.sealing import Vault, mask_name
from yikatong.identity.ecards import cose
from yikatong.identity.ecards.errors import (
    AlgorithmRefused,
    CodeRefused,
    Malformed,
    OtherIssuer,
    SignatureWrong,
    UnknownKey,
)
from yikatong.identity.ecards.model import LISTED_BYTES, LIVES, Code, OpenedCode
from yikatong.identity.keys.model import SigningKey
from yikatong.identity.keys.service import KeyRing

ISSUER, EXPIRES, ISSUED, TOKEN_ID, IDENTITY = 1, 4, 6, 7, 169
REFERENCE, NAME = 1, 4
_TOKEN_ID_BYTES: Final = 12


class References:
    """What an e-card is called in its codes: person and device under one block of AES with a key
    outside the database. No directory is needed to find them, and nobody else learns either."""

    def __init__(self, vault: Vault) -> None:
        # One block that holds two numbers and never a repeated one of anything longer: no mode needed.
        cipher = Cipher(AES(vault.hash("e_card_reference_key", "v1")), ECB())  # noqa: S305
        self._seal = cipher.encryptor()
        self._open = cipher.decryptor()

    def make(self, person_id: int, device_id: int) -> bytes:
        """The 16 bytes of a reference."""
        return self._seal.update(person_id.to_bytes(8, "big") + device_id.to_bytes(8, "big"))

    def open(self, reference: bytes) -> tuple[int, int]:
        """Person and device of a reference that a signature of ours vouches for."""
        plain = self._open.update(reference)
        return int.from_bytes(plain[:8], "big"), int.from_bytes(plain[8:], "big")


def listed_hash(reference: bytes) -> bytes:
    """What the revocation list names an e-card by."""
    return hashlib.sha256(reference).digest()[:LISTED_BYTES]


def listed_card(card_identifier: str) -> bytes:
    """What the list of cards names a card by (卡识别码)."""
    return hashlib.sha256(f"card:{card_identifier}".encode()).digest()[:LISTED_BYTES]


class Signer:
    """A signing key, ready for use."""

    def __init__(self, key: SigningKey, kind: str = "") -> None:
        self.algorithm = cose.ALGORITHMS[key.algorithm]
        self.protected = cose.protected_header(key.algorithm, key.key_id, kind)
        self._ed25519: ed25519.Ed25519PrivateKey | None = None
        self._sm2 = key.private_key, key.public_key
        if key.algorithm == "EdDSA":
            private = load_der_private_key(key.private_key, None)
            assert isinstance(private, ed25519.Ed25519PrivateKey)
            self._ed25519 = private

    def sign(self, payload: bytes) -> bytes:
        """The signed token."""
        text = cose.to_be_signed(self.protected, payload)
        return cose.sign1(self.protected, payload, self._signature(text))

    def vouches_for(self, parts: cose.Parts) -> bool:
        """Whether this key made the signature.

        Ed25519 signatures are determined by key and text (RFC 8032): made again and compared takes a
        third of checking one, and takes no second form of a right one.
        """
        text = cose.to_be_signed(parts.protected, parts.payload)
        if self._ed25519 is not None:
            return hmac.compare_digest(self._ed25519.sign(text), parts.signature)
        return _sm2_verify(self._sm2[1], text, parts.signature)

    def _signature(self, text: bytes) -> bytes:
        if self._ed25519 is not None:
            return self._ed25519.sign(text)
        return _pair_of(cast("Any", gmssl_pyx).sm2_sign(*self._sm2, text))


class Codes:
    """Signs and reads codes; one per process is enough."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._issuer = platform.settings.public_url
        self._ring = KeyRing(platform, "e_card", platform.settings.e_card_algorithm)
        self._signers: dict[str, Signer] = {}
        self.references = References(platform.vault)

    async def published(self) -> Sequence[SigningKey]:
        """The keys that codes can be checked with."""
        return await self._ring.published()

    async def issue(self, person_id: int, device_id: int, name: str) -> Code:
        """A fresh code; the caller has checked card and device."""
        return self._issue(self._signer(await self._ring.current()), person_id, device_id, name)

    async def issue_many(self, holders: Sequence[tuple[int, int, str]]) -> list[Code]:
        """A fresh code for each person, device and name, all of this moment."""
        signer = self._signer(await self._ring.current())
        return [self._issue(signer, *holder) for holder in holders]

    def _issue(self, signer: Signer, person_id: int, device_id: int, name: str) -> Code:
        now = self._platform.clock.now().replace(microsecond=0)
        reference = self.references.make(person_id, device_id)
        claims = {
            ISSUER: self._issuer,
            EXPIRES: int((now + LIVES).timestamp()),
            ISSUED: int(now.timestamp()),
            TOKEN_ID: b"",
            IDENTITY: {
                REFERENCE: base64.urlsafe_b64encode(reference).rstrip(b"=").decode(),
                NAME: mask_name(name),
            },
        }
        while True:
            claims[TOKEN_ID] = secrets.token_bytes(_TOKEN_ID_BYTES)
            text = cose.to_text(signer.sign(cbor2.dumps(claims)))
            # Scanners and forms cut blanks off an end.
            if not text.endswith(" "):
                return Code(text, now, now + LIVES)

    async def read(self, text: str) -> OpenedCode:
        """A code's content once issuer, key, algorithm and signature are right; raises CodeRefused.

        Whether it is valid now, and unused, is not looked at.
        """
        try:
            parts = cose.Parts(cose.from_text(text))
        except cose.NotReadable:
            raise Malformed from None
        key = await self._ring.find(parts.key_id)
        if key is None:
            raise UnknownKey
        return self._content(parts, self._signer(key))

    def _content(self, parts: cose.Parts, signer: Signer) -> OpenedCode:
        if parts.algorithm != signer.algorithm:
            raise AlgorithmRefused
        if not signer.vouches_for(parts):
            raise SignatureWrong
        claims: Any = cbor2.loads(parts.payload)
        if claims[ISSUER] != self._issuer:
            raise OtherIssuer
        person_id, device_id = self.references.open(_reference(claims[IDENTITY][REFERENCE]))
        return OpenedCode(
            person_id=person_id,
            device_id=device_id,
            code=claims[TOKEN_ID],
            issued_at=_moment(claims[ISSUED]),
            expires_at=_moment(claims[EXPIRES]),
        )

    def _signer(self, key: SigningKey) -> Signer:
        found = self._signers.get(key.key_id)
        if found is None:
            found = self._signers[key.key_id] = Signer(key)
        return found


async def refusal_or(codes: Codes, text: str) -> OpenedCode | CodeRefused:
    """What a code says, or why it says nothing."""
    try:
        return await codes.read(text)
    except CodeRefused as error:
        return error


def _reference(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, SHANGHAI)


def _pair_of(der: bytes) -> bytes:
    """An SM2 signature as r and s; the library writes a sequence of two numbers."""
    length = der[3]
    r, rest = der[4 : 4 + length], der[4 + length :]
    s = rest[2 : 2 + rest[1]]
    return b"".join(int.from_bytes(one, "big").to_bytes(32, "big") for one in (r, s))


def _der_of(pair: bytes) -> bytes:
    numbers = b""
    for part in (pair[:32], pair[32:]):
        number = int.from_bytes(part, "big")
        size = number.bit_length() // 8 + 1
        numbers += b"\x02" + bytes((size,)) + number.to_bytes(size, "big")
    return b"\x30" + bytes((len(numbers),)) + numbers


def _sm2_verify(public_key: bytes, text: bytes, signature: bytes) -> bool:
    if len(signature) != cose.SIGNATURE_BYTES:
        return False
    library = cast("Any", gmssl_pyx)
    try:
        return bool(library.sm2_verify(public_key, text, _der_of(signature)))
    except (library.GmsslInnerError, library.InvalidValueError):
        return False


def as_jwk(key: SigningKey) -> dict[str, str]:
    """A key for whoever checks signatures (RFC 8037; for SM2 the field's names of its curve)."""

    def told(content: bytes) -> str:
        return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

    common = {"kid": key.key_id, "use": "sig"}
    if key.algorithm == "SM2":
        x, y = key.public_key[-64:-32], key.public_key[-32:]
        return {"kty": "EC", "crv": "SM2", "alg": "SM2", **common, "x": told(x), "y": told(y)}
    return {
        "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", **common, "x": told(key.public_key[-32:]),
    }  # fmt: skip


def from_base64url(text: str) -> bytes | None:
    """What a script sends; None where it is no base64url."""
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
