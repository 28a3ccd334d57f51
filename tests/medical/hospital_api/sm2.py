"""SM2 signing (GB/T 32918.2) in plain integers, to try the platform's verification on."""

import secrets
from typing import Any

import msgspec
from cryptography.hazmat.primitives.hashes import SM3, Hash

P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
G = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
_ID = b"1234567812345678"

Point = tuple[int, int] | None


def _add(one: Point, other: Point) -> Point:
    if one is None or other is None:
        return one or other
    if one[0] == other[0]:
        if (one[1] + other[1]) % P == 0:
            return None
        slope = (3 * one[0] * one[0] + A) * pow(2 * one[1], -1, P) % P
    else:
        slope = (other[1] - one[1]) * pow(other[0] - one[0], -1, P) % P
    x = (slope * slope - one[0] - other[0]) % P
    return x, (slope * (one[0] - x) - one[1]) % P


def _times(number: int, point: Point) -> Point:
    result: Point = None
    while number:
        if number & 1:
            result = _add(result, point)
        point = _add(point, point)
        number >>= 1
    return result


def _bytes(number: int) -> bytes:
    return number.to_bytes(32, "big")


def _sm3(text: bytes) -> bytes:
    digest = Hash(SM3())
    digest.update(text)
    return digest.finalize()


def public_key(private: int) -> bytes:
    point = _times(private, G)
    assert point is not None
    return _bytes(point[0]) + _bytes(point[1])


def sign(private: int, text: bytes) -> bytes:
    """r and s, 64 bytes."""
    parameters = _bytes(A) + _bytes(B) + _bytes(G[0]) + _bytes(G[1])
    z = _sm3((len(_ID) * 8).to_bytes(2, "big") + _ID + parameters + public_key(private))
    e = int.from_bytes(_sm3(z + text), "big")
    while True:
        k = secrets.randbelow(N - 1) + 1
        point = _times(k, G)
        assert point is not None
        r = (e + point[0]) % N
        s = pow(1 + private, -1, N) * (k - r * private) % N
        if r and s and r + k != N:
            return _bytes(r) + _bytes(s)


def der(pair: bytes) -> bytes:
    """The same as a DER sequence of two integers."""
    content = b""
    for start in (0, 32):
        number = int.from_bytes(pair[start : start + 32], "big")
        body = number.to_bytes(number.bit_length() // 8 + 1, "big")
        content += bytes([2, len(body)]) + body
    return bytes([0x30, len(content)]) + content


def encode(body: Any) -> bytes:
    return msgspec.json.encode(body)
