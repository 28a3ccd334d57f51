"""How signed things look: COSE_Sign1 (RFC 9052) around CBOR (RFC 8949). Pure, and wary of what comes.

A code is the text of a QR code: base45 (RFC 9285) of zlib (RFC 1950) of the token, as the Claim 169
convention has it.
"""

import sys
import zlib
from array import array
from typing import Any, Final

import cbor2

from yikatong.identity.keys.model import Algorithm

TEXT_MAX: Final = 600
"""Characters of a code; ours have 270 to 300."""
TOKEN_MAX: Final = 512
"""Bytes of a token, whatever it inflates from."""
SIGNATURE_BYTES: Final = 64

ALGORITHMS: Final[dict[Algorithm, int]] = {"EdDSA": -8, "SM2": -65601}
"""COSE algorithm numbers: RFC 9053 of EdDSA; of SM2 (GB/T 32918) none is registered, so one of the
range for private use. Its signature is r and s, 32 bytes each."""

_SIGN1: Final = b"\xd2\x84"
"""Tag 18 and an array of four."""
_ALPHABET: Final = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_NO_VALUE: Final = 0xFF
_VALUES: Final = bytes(
    _ALPHABET.index(letter) if letter in _ALPHABET else _NO_VALUE for letter in range(256)
)
"""The value of each letter; a code is read by looking all of them up at once."""
_PAIRS: Final = [bytes((_ALPHABET[n % 45], _ALPHABET[n // 45])) for n in range(45 * 45)]
"""All pairs of letters by their value: a code is written with one look-up for each byte or so."""


class NotReadable(Exception):
    """Not of the form that is asked for."""


def base45(content: bytes) -> str:
    """RFC 9285."""
    written: list[bytes] = []
    for at in range(0, len(content) - 1, 2):
        high, low = divmod((content[at] << 8) | content[at + 1], 45 * 45)
        written.append(_PAIRS[low] + _ALPHABET[high : high + 1])
    if len(content) % 2:
        written.append(_PAIRS[content[-1]])
    return b"".join(written).decode("ascii")


def from_base45(text: str) -> bytes:
    """Raises NotReadable for other letters, lengths and numbers than base45 has."""
    try:
        values = text.encode("ascii").translate(_VALUES)
    except UnicodeEncodeError:
        raise NotReadable from None
    if _NO_VALUE in values:
        raise NotReadable
    try:
        # What is left over of the last three is read below.
        threes = zip(values[::3], values[1::3], values[2::3], strict=False)
        numbers = array("H", [a + 45 * b + 2025 * c for a, b, c in threes])
    except OverflowError:
        raise NotReadable from None
    if sys.byteorder == "little":
        numbers.byteswap()
    content = numbers.tobytes()
    left = len(values) % 3
    if left == 0:
        return content
    number = values[-1] * 45 + values[-2] if left == 2 else 0x100
    if number > 0xFF:
        raise NotReadable
    return content + bytes((number,))


def to_text(token: bytes) -> str:
    """A token as the text of a QR code."""
    return base45(zlib.compress(token, 9))


def from_text(text: str) -> bytes:
    """The token behind a QR code's text; raises NotReadable, also where it inflates to too much."""
    if not 0 < len(text) <= TEXT_MAX:
        raise NotReadable
    inflater = zlib.decompressobj()
    try:
        token = inflater.decompress(from_base45(text), TOKEN_MAX)
    except zlib.error:
        raise NotReadable from None
    # Nothing may be missing, left over, or hang behind: one token has one text.
    if not inflater.eof or inflater.unconsumed_tail or inflater.unused_data:
        raise NotReadable
    return token


def protected_header(algorithm: Algorithm, key_id: str, kind: str = "") -> bytes:
    """The header that is signed: algorithm, key, and of what is no code its content type."""
    header: dict[int, Any] = {1: ALGORITHMS[algorithm]}
    if kind:
        header[3] = kind
    header[4] = bytes.fromhex(key_id)
    return cbor2.dumps(header)


def to_be_signed(protected: bytes, payload: bytes) -> bytes:
    """Sig_structure (RFC 9052, 4.4) without external data."""
    return b"\x84\x6aSignature1" + _bstr(protected) + b"\x40" + _bstr(payload)


def sign1(protected: bytes, payload: bytes, signature: bytes) -> bytes:
    """COSE_Sign1, tagged, with an empty unprotected header."""
    return _SIGN1 + _bstr(protected) + b"\xa0" + _bstr(payload) + _bstr(signature)


class Parts:
    """The parts of a COSE_Sign1 whose signature is yet to be checked.

    Read by hand, and only in the one form that `sign1` writes: what nobody has signed meets no decoder
    of dates, big numbers or references.
    """

    __slots__ = ("algorithm", "key_id", "payload", "protected", "signature")

    def __init__(self, token: bytes) -> None:
        """Raises NotReadable."""
        if token[:2] != _SIGN1:
            raise NotReadable
        self.protected, at = _read_bstr(token, 2)
        if token[at : at + 1] != b"\xa0":
            raise NotReadable
        self.payload, at = _read_bstr(token, at + 1)
        self.signature, at = _read_bstr(token, at)
        if at != len(token):
            raise NotReadable
        self.algorithm, self.key_id = _read_header(self.protected)


def _read_header(protected: bytes) -> tuple[int, str]:
    """The algorithm's number and the key's id of a header {1: number, 4: id}."""
    if protected[:2] != b"\xa2\x01":
        raise NotReadable
    major, value, at = _read_head(protected, 2)
    if major not in (0, 1) or protected[at : at + 1] != b"\x04":
        raise NotReadable
    key_id, at = _read_bstr(protected, at + 1)
    if at != len(protected):
        raise NotReadable
    return (value if major == 0 else -1 - value), key_id.hex()


def _read_head(content: bytes, at: int) -> tuple[int, int, int]:
    """Major type, argument, and where it goes on; shortest forms alone (RFC 8949, 4.2.1)."""
    first = content[at] if at < len(content) else 0xFF
    major, short = first >> 5, first & 31
    if short < 24:
        return major, short, at + 1
    size = {24: 1, 25: 2, 26: 4}.get(short, 0)
    value = int.from_bytes(content[at + 1 : at + 1 + size], "big")
    smallest = {1: 24, 2: 0x100, 4: 0x10000}.get(size)
    if smallest is None or value < smallest or at + 1 + size > len(content):
        raise NotReadable
    return major, value, at + 1 + size


def _read_bstr(content: bytes, at: int) -> tuple[bytes, int]:
    major, length, at = _read_head(content, at)
    if major != 2 or at + length > len(content):
        raise NotReadable
    return content[at : at + length], at + length


def _bstr(content: bytes) -> bytes:
    length = len(content)
    if length < 24:
        return bytes((0x40 | length,)) + content
    if length < 0x100:
        return bytes((0x58, length)) + content
    if length < 0x10000:
        return b"\x59" + length.to_bytes(2, "big") + content
    return b"\x5a" + length.to_bytes(4, "big") + content
