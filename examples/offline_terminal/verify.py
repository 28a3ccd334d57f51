"""A terminal without a network: is this e-card code valid? Says yes or no, and why.

It has on its disk what it once fetched, and nothing else of the platform:
    curl -o keys.json        https://PLATFORM/.well-known/yikatong/e-card-keys.json
    curl -o revocations.cose https://PLATFORM/.well-known/yikatong/revocations
Run: python verify.py --keys keys.json --revocations revocations.cose --memory seen.db CODE
(CODE "-": one code per line on standard input). Exit code: 0 valid, 1 not valid, 2 cannot judge.
Needs cryptography and cbor2; gmssl-pyx besides where codes are signed with SM2.
"""

import argparse
import base64
import hashlib
import json
import sqlite3
import sys
import time
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SKEW_SECONDS = 30
"""This clock and the platform's may differ by so much."""
LIVES_SECONDS = 60
"""No code may claim to live longer."""
TEXT_MAX, TOKEN_MAX = 600, 512
ALGORITHMS = {"EdDSA": -8, "SM2": -65601}
ISSUER, EXPIRES, ISSUED, TOKEN_ID, IDENTITY, REFERENCE, NAME = 1, 4, 6, 7, 169, 1, 4
LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"


class Invalid(Exception):
    """The code is not valid; says why."""


class CannotJudge(Exception):
    """What the terminal has does not let it judge any code; says why."""


def from_base45(text: str) -> bytes:
    """RFC 9285."""
    try:
        values = [LETTERS.index(letter) for letter in text]
    except ValueError:
        raise Invalid("malformed") from None
    content = b""
    for at in range(0, len(values), 3):
        part = values[at : at + 3]
        number = sum(value * 45**place for place, value in enumerate(part))
        size = len(part) - 1
        if size == 0 or number >= 256**size:
            raise Invalid("malformed")
        content += number.to_bytes(size, "big")
    return content


def inflate(content: bytes) -> bytes:
    """zlib, never to more than a token may have."""
    inflater = zlib.decompressobj()
    try:
        token = inflater.decompress(content, TOKEN_MAX)
    except zlib.error:
        raise Invalid("malformed") from None
    if not inflater.eof or inflater.unused_data:
        raise Invalid("malformed")
    return token


def byte_string(content: bytes, at: int) -> tuple[bytes, int]:
    """One CBOR byte string. What nobody signed is read by hand: no decoder of dates, numbers without
    end or references sees it."""
    sizes = {0x58: 1, 0x59: 2, 0x5A: 4}
    first = content[at] if at < len(content) else 0
    if 0x40 <= first < 0x58:
        length, at = first - 0x40, at + 1
    elif first in sizes:
        size = sizes[first]
        length, at = int.from_bytes(content[at + 1 : at + 1 + size], "big"), at + 1 + size
    else:
        raise Invalid("malformed")
    if at + length > len(content):
        raise Invalid("malformed")
    return content[at : at + length], at + length


def opened(token: bytes, keys: list[dict[str, str]]) -> dict[Any, Any]:
    """The content of a COSE_Sign1 (RFC 9052), once one of the keys vouches for it."""
    if token[:2] != b"\xd2\x84":
        raise Invalid("malformed")
    protected, at = byte_string(token, 2)
    if token[at : at + 1] != b"\xa0":
        raise Invalid("malformed")
    payload, at = byte_string(token, at + 1)
    signature, at = byte_string(token, at)
    if at != len(token):
        raise Invalid("malformed")
    # The header of each key is known: a token says which key by having its header, byte for byte.
    for key in keys:
        kid = bytes.fromhex(key["kid"])
        if kid in protected:
            break
    else:
        raise Invalid("unknown_key")
    header = {1: ALGORITHMS.get(key["alg"]), 4: kid}
    listed = {1: header[1], 3: "application/vnd.yikatong.revocations+cbor", 4: kid}
    if protected not in (cbor2.dumps(header), cbor2.dumps(listed)):
        raise Invalid("wrong_algorithm")
    if not signed_by(key, cbor2.dumps(["Signature1", protected, b"", payload]), signature):
        raise Invalid("wrong_signature")
    return cbor2.loads(payload)


def signed_by(key: dict[str, str], text: bytes, signature: bytes) -> bool:
    """Whether the key signed the text."""
    x = base64.urlsafe_b64decode(key["x"] + "==")
    if key["alg"] == "EdDSA":
        try:
            Ed25519PublicKey.from_public_bytes(x).verify(signature, text)
        except InvalidSignature:
            return False
        return True
    try:
        import gmssl_pyx  # noqa: PLC0415 - hardly any terminal needs it
    except ImportError:
        raise CannotJudge("sm2_needs_gmssl_pyx") from None
    y = base64.urlsafe_b64decode(key["y"] + "==")
    if len(signature) != 64:
        return False
    numbers = b""
    for part in (signature[:32], signature[32:]):
        number = int.from_bytes(part, "big")
        size = number.bit_length() // 8 + 1
        numbers += b"\x02" + bytes((size,)) + number.to_bytes(size, "big")
    try:
        der = b"\x30" + bytes((len(numbers),)) + numbers
        return bool(gmssl_pyx.sm2_verify(x + y, text, der))
    except Exception:
        return False


class Terminal:
    """Judges codes with what is on its disk."""

    def __init__(self, keys: Path, revocations: Path, memory: Path, list_hours_max: float) -> None:
        published = json.loads(keys.read_text(encoding="utf-8"))
        self.issuer: str = published["issuer"]
        self.keys: list[dict[str, str]] = published["e_card"]["keys"]
        now = time.time()
        try:
            listed = opened(revocations.read_bytes(), published["revocation_list"]["keys"])
        except Invalid as error:
            raise CannotJudge(f"revocation_list_{error}") from None
        if listed["iss"] != self.issuer:
            raise CannotJudge("revocation_list_other_issuer")
        if listed["iat"] > now + SKEW_SECONDS:
            raise CannotJudge("clock_behind_revocation_list")
        if now - listed["iat"] > list_hours_max * 3600:
            raise CannotJudge("revocation_list_too_old")
        self.size: int = listed["size"]
        self.hashes: bytes = listed["hashes"]
        self.memory = memory
        with closing(self._open()) as database, database:
            database.execute(
                "create table if not exists seen (code blob primary key, until integer)"
            )
            database.execute("create table if not exists clock (latest real not null)")
            latest = database.execute("select max(latest) from clock").fetchone()[0]
            if latest is not None and now < latest - SKEW_SECONDS:
                # Set back, it would take codes for fresh that are long over.
                raise CannotJudge("clock_set_back")
            database.execute("delete from clock")
            database.execute("insert into clock values (?)", (max(now, latest or now),))
            database.execute("delete from seen where until < ?", (now - SKEW_SECONDS,))

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.memory, timeout=5)

    def judge(self, text: str) -> dict[str, Any]:
        """What a valid code says; raises Invalid."""
        if not 0 < len(text) <= TEXT_MAX:
            raise Invalid("malformed")
        claims = opened(inflate(from_base45(text)), self.keys)
        if claims[ISSUER] != self.issuer:
            raise Invalid("other_issuer")
        now = time.time()
        issued, expires = claims[ISSUED], claims[EXPIRES]
        if issued > now + SKEW_SECONDS:
            raise Invalid("not_yet_valid")
        if now >= expires + SKEW_SECONDS or expires - issued > LIVES_SECONDS:
            raise Invalid("expired")
        reference: str = claims[IDENTITY][REFERENCE]
        if self.revoked(base64.urlsafe_b64decode(reference + "==")):
            raise Invalid("revoked")
        # Remembered last, so that only a code that was accepted is used up; and first come, first
        # served where several programs share the memory.
        try:
            with closing(self._open()) as database, database:
                database.execute(
                    "insert into seen values (?, ?)",
                    (claims[TOKEN_ID] + reference.encode(), expires),
                )
        except sqlite3.IntegrityError:
            raise Invalid("replayed") from None
        return {"reference": reference, "name": claims[IDENTITY][NAME], "level": 2}

    def revoked(self, reference: bytes) -> bool:
        """Whether the sorted list has this e-card."""
        wanted = hashlib.sha256(reference).digest()[: self.size]
        low, high = 0, len(self.hashes) // self.size
        while low < high:
            middle = (low + high) // 2
            found = self.hashes[middle * self.size : (middle + 1) * self.size]
            if found == wanted:
                return True
            low, high = (middle + 1, high) if found < wanted else (low, middle)
        return False


def main() -> int:
    """Judge what was given."""
    parser = argparse.ArgumentParser(description="Is this e-card code valid?")
    parser.add_argument("code", help='the text of the QR code; "-": one a line on standard input')
    parser.add_argument("--keys", type=Path, required=True)
    parser.add_argument("--revocations", type=Path, required=True)
    parser.add_argument("--memory", type=Path, required=True, help="a file of its own, kept")
    parser.add_argument("--list-hours-max", type=float, default=24, help="how old the list may be")
    options = parser.parse_args()
    worst = 0
    try:
        terminal = Terminal(
            options.keys, options.revocations, options.memory, options.list_hours_max
        )
        lines = sys.stdin if options.code == "-" else [options.code]
        for line in lines:
            try:
                said = {"valid": True, **terminal.judge(line.rstrip("\r\n"))}
            except Invalid as error:
                said, worst = {"valid": False, "why": str(error)}, 1
            print(json.dumps(said, ensure_ascii=False), flush=True)
    except CannotJudge as error:
        print(json.dumps({"valid": None, "why": str(error)}))
        return 2
    except (OSError, ValueError, KeyError, sqlite3.Error) as error:
        print(json.dumps({"valid": None, "why": f"{type(error).__name__}: {error}"}))
        return 2
    return worst


if __name__ == "__main__":
    sys.exit(main())
