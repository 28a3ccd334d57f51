"""Signatures of calls: the two header sets in use, and SM2 over the input. Pure."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final, Literal, cast

import gmssl_pyx
import msgspec

from yikatong.core.errors import InvalidInput
from yikatong.medical.hospital_api.refusals import NotAuthenticated

Scheme = Literal["A", "B"]

WINDOW_SECONDS: Final = 300
"""A signature's time may lie this far from ours, either way."""
NONCES_MAX: Final = 300_000
_NONCE_LENGTH_MAX: Final = 64
_KEY_LENGTH_MAX: Final = 64

_NAMES_A: Final = (
    "_api_access_key", "_api_name", "_api_timestamp", "_api_version", "_api_signature",
)  # fmt: skip
_NAMES_B: Final = ("x-tif-paasid", "x-tif-timestamp", "x-tif-nonce", "x-tif-signature")


class Signature(msgspec.Struct, frozen=True):
    """What a call's headers say. `nonce`, or `name` and `version`, by scheme."""

    scheme: Scheme
    access_key: str
    timestamp: bytes
    value: bytes
    name: bytes = b""
    version: bytes = b""
    nonce: bytes = b""


def read(found: Mapping[bytes, bytes]) -> Signature:
    """The signature among a request's headers (lower-case names); raises NotAuthenticated."""
    key = found.get(b"_api_access_key")
    if key is not None:
        signature = Signature(
            "A",
            _key(key),
            found.get(b"_api_timestamp", b""),
            found.get(b"_api_signature", b""),
            name=found.get(b"_api_name", b""),
            version=found.get(b"_api_version", b""),
        )
        if not (signature.timestamp and signature.value and signature.name and signature.version):
            raise _missing(found, _NAMES_A)
        return signature
    key = found.get(b"x-tif-paasid")
    if key is None:
        raise NotAuthenticated(
            zh="请求未签名：缺少 _api_access_key 等请求头（方式 A）或 x-tif-paasid 等请求头（方式 B）",
            en="not signed: send the _api_… headers (A) or the x-tif-… headers (B)",
        )
    signature = Signature(
        "B",
        _key(key),
        found.get(b"x-tif-timestamp", b""),
        found.get(b"x-tif-signature", b""),
        nonce=found.get(b"x-tif-nonce", b""),
    )
    if not (signature.timestamp and signature.value and signature.nonce):
        raise _missing(found, _NAMES_B)
    return signature


def _key(key: bytes) -> str:
    if len(key) > _KEY_LENGTH_MAX or not key.isascii():
        raise unknown_key()
    return key.decode()


def _missing(found: Mapping[bytes, bytes], names: tuple[str, ...]) -> NotAuthenticated:
    name = next(name for name in names if not found.get(name.encode()))
    return NotAuthenticated(zh="缺少这个请求头", en="this header is missing", field=name)


def unknown_key() -> NotAuthenticated:
    """The answer to an access key that is not known, or no more."""
    return NotAuthenticated(
        zh="访问密钥不存在或已停用，请核对",
        en="this access key is not known or was revoked",
    )


# ---- signing ----


def text_a(signature: Signature) -> bytes:
    """What scheme A signs: the other four headers, sorted by name."""
    return b"&".join(
        (
            b"_api_access_key=" + signature.access_key.encode(),
            b"_api_name=" + signature.name,
            b"_api_timestamp=" + signature.timestamp,
            b"_api_version=" + signature.version,
        )
    )


def sign_a(secret: bytes, text: bytes) -> bytes:
    """Base64(HMAC-SHA1(secret, text))."""
    return binascii.b2a_base64(hmac.digest(secret, text, "sha1"), newline=False)


def sign_b(token: bytes, timestamp: bytes, nonce: bytes) -> bytes:
    """Upper-case hexadecimal SHA-256(timestamp + token + nonce + timestamp)."""
    text = b"".join((timestamp, token, nonce, timestamp))
    return hashlib.sha256(text).hexdigest().upper().encode()


# ---- verifying ----


def verify(signature: Signature, scheme: str, secret: bytes, now_ms: int, *, tell: bool) -> None:
    """Raise NotAuthenticated unless the call is signed with this secret, and lately.

    With `tell` the error's hint holds the string to sign as it arrived here, without the secret.
    """
    if signature.scheme != scheme:
        raise NotAuthenticated(
            zh=f"该访问密钥登记的签名方式是 {scheme}，请求使用了 {signature.scheme}",
            en=f"this key signs by scheme {scheme}, the request by {signature.scheme}",
        )
    _check_time(signature, now_ms)
    if scheme == "A":
        text = text_a(signature)
        right = hmac.compare_digest(sign_a(secret, text), signature.value)
    else:
        if len(signature.nonce) > _NONCE_LENGTH_MAX:
            raise NotAuthenticated(
                zh=f"最长 {_NONCE_LENGTH_MAX} 个字符",
                en=f"at most {_NONCE_LENGTH_MAX} characters",
                field="x-tif-nonce",
            )
        expected = sign_b(secret, signature.timestamp, signature.nonce)
        right = hmac.compare_digest(expected, signature.value)
    if not right:
        raise _wrong(signature, secret, tell=tell)


def _check_time(signature: Signature, now_ms: int) -> None:
    digits, field, unit = (13, "_api_timestamp", "毫秒 / milliseconds")
    if signature.scheme == "B":
        digits, field, unit = (10, "x-tif-timestamp", "秒 / seconds")
    text = signature.timestamp
    if len(text) != digits or not text.isdigit():
        raise NotAuthenticated(
            zh=f"应为 {digits} 位数字（{unit.partition(' / ')[0]}）",
            en=f"must be {digits} digits ({unit.partition(' / ')[2]} since 1970)",
            field=field,
        )
    off = int(text) - now_ms if signature.scheme == "A" else int(text) * 1000 - now_ms
    if abs(off) > WINDOW_SECONDS * 1000:
        seconds = abs(off) // 1000
        zh, en = ("晚于", "ahead of") if off > 0 else ("早于", "behind")
        raise NotAuthenticated(
            zh=f"{zh}服务器时间 {seconds} 秒，最多允许 {WINDOW_SECONDS} 秒，请校准时钟后重新签名",
            en=f"{seconds} s {en} this server's clock; at most {WINDOW_SECONDS}, sign anew",
            field=field,
        )


def _wrong(signature: Signature, secret: bytes, *, tell: bool) -> NotAuthenticated:
    field = "_api_signature" if signature.scheme == "A" else "x-tif-signature"
    if not tell:
        return NotAuthenticated(zh="签名不正确", en="the signature is wrong", field=field)
    return NotAuthenticated(
        zh="签名不正确，服务器收到的待签名串见 warn_msg",
        en="the signature is wrong; warn_msg has the string to sign as it arrived here",
        field=field,
        hint=_hint(signature, secret),
    )


def _hint(signature: Signature, secret: bytes) -> str:
    if signature.scheme == "A":
        text = text_a(signature)
        shown = text.decode(errors="replace")
        how = "Base64(HMAC-SHA1(secret, text)), text = "
        mistakes = {
            hmac.new(secret, text, "sha1")
            .hexdigest()
            .encode(): "hex 而不是 Base64 / is hex, not Base64",
            base64.b64encode(
                hmac.digest(secret, text, "sha256")
            ): "用了 SHA-256 / uses SHA-256, not SHA-1",
        }
        mistake = mistakes.get(signature.value) or mistakes.get(signature.value.lower())
    else:
        when, nonce = (
            part.decode(errors="replace") for part in (signature.timestamp, signature.nonce)
        )
        shown = f"{when}<token>{nonce}{when}"
        how = "HEX(SHA-256(text)), text = "
        right = sign_b(secret, signature.timestamp, signature.nonce)
        mistake = (
            "小写十六进制，应为大写 / is lower-case hex, must be upper-case"
            if signature.value.upper() == right
            else None
        )
    return f"{how}{shown}" + (f" · 收到的签名{mistake}" if mistake else "")


class _Marks:
    """The nonces of one access key, by the second they were signed in."""

    __slots__ = ("by_second", "every", "floor", "oldest")

    def __init__(self) -> None:
        self.every: set[int] = set()
        self.by_second: dict[int, list[int]] = {}
        self.oldest = 0
        """No second before this one has any."""
        self.floor = 0
        """Before this second it is forgotten what came."""

    def add(self, second: int, mark: int) -> None:
        if not self.every or second < self.oldest:
            self.oldest = second
        self.every.add(mark)
        self.by_second.setdefault(second, []).append(mark)

    def forget_before(self, second: int) -> int:
        """How many were forgotten."""
        before = len(self.every)
        while self.every and self.oldest < second:
            self.every.difference_update(self.by_second.pop(self.oldest, ()))
            self.oldest += 1
        return before - len(self.every)

    def halve(self) -> int:
        """Forget the older half, and take no more of that age; how many were forgotten."""
        seconds = sorted(self.by_second)
        self.floor = seconds[len(seconds) // 2] if len(seconds) > 1 else seconds[0] + 1
        return self.forget_before(self.floor)


class Nonces:
    """The nonces of scheme B that came within the window, in bounded memory, of this process.

    Where more come than are remembered, the window of those who send most becomes shorter: what is
    older than the oldest remembered is refused, so nothing that was forgotten can come again.
    """

    def __init__(self, most: int = NONCES_MAX) -> None:
        self._most = most
        self._of: dict[str, _Marks] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def spend(self, signature: Signature, now: int) -> None:
        """Remember a verified call's nonce; raises NotAuthenticated where it came before."""
        if self._count >= self._most:
            self._make_room(now)
        marks = self._of.get(signature.access_key)
        if marks is None:
            marks = self._of[signature.access_key] = _Marks()
        second = int(signature.timestamp)
        # 64 bits under a key of this process: as good as the nonce itself, in a third of the room.
        mark = hash(signature.nonce)
        self._count -= marks.forget_before(now - WINDOW_SECONDS)
        if second < marks.floor:
            raise NotAuthenticated(
                zh="签名时间过早，请用当前时间重新签名",
                en="this time is too old by now; sign anew with the present time",
                field="x-tif-timestamp",
            )
        if mark in marks.every:
            raise NotAuthenticated(
                zh="随机串已用过，请每次换新并重新签名",
                en="this nonce was used before; draw a new one for each request",
                field="x-tif-nonce",
            )
        marks.add(second, mark)
        self._count += 1

    def _make_room(self, now: int) -> None:
        for key, marks in list(self._of.items()):
            self._count -= marks.forget_before(now - WINDOW_SECONDS)
            if not marks.every and marks.floor < now - WINDOW_SECONDS:
                del self._of[key]
        if self._count >= self._most:
            many = max(len(marks.every) for marks in self._of.values())
            for marks in self._of.values():
                if len(marks.every) > many // 2:
                    self._count -= marks.halve()


# ---- SM2 ----

_P: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
_B: Final = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93


def read_public_key(text: str) -> bytes:
    """An SM2 public key as its 64 bytes, from 128 hexadecimal digits, or 130 that begin with 04.

    Raises InvalidInput, also for a point that is not on the curve.
    """
    digits = text.strip().lower()
    if len(digits) == 130 and digits.startswith("04"):
        digits = digits[2:]
    try:
        key = bytes.fromhex(digits)
    except ValueError:
        key = b""
    x, y = int.from_bytes(key[:32], "big"), int.from_bytes(key[32:], "big")
    if len(key) != 64 or x >= _P or y >= _P or (y * y - x * x * x + 3 * x - _B) % _P:
        raise InvalidInput(
            "sm2_public_key",
            zh="应为 SM2 公钥：128 位十六进制，或以 04 开头的 130 位",
            en="must be an SM2 public key: 128 hexadecimal digits, or 130 that begin with 04",
        )
    return key


def verify_sm2(public_key: bytes, text: bytes, kind: str | None, value: str | None) -> None:
    """Raise NotAuthenticated unless `cainfo` is an SM2 signature (SM3, default signer id) over the
    input's bytes: Base64 of the DER form, or of the 64 bytes r and s."""
    if (kind or "").upper() != "SM2":
        raise NotAuthenticated(
            zh="本机构已登记国密公钥，请填 SM2 并在 cainfo 中提供签名",
            en="this provider registered a key; give SM2, and the signature in cainfo",
            field="signtype",
        )
    try:
        signature = base64.b64decode(value or "", validate=True)
    except (binascii.Error, ValueError):
        signature = b""
    if len(signature) == 64:
        signature = _der(signature)
    if not signature.startswith(b"\x30") or not _sm2_verify(public_key, text, signature):
        raise NotAuthenticated(
            zh="SM2 签名不正确：应为对 input 原文（收到的字节）的签名，Base64",
            en="the SM2 signature is wrong; it is over the bytes of input as sent, in Base64",
            field="cainfo",
        )


def _der(pair: bytes) -> bytes:
    numbers = b""
    for part in (pair[:32], pair[32:]):
        number = part.lstrip(b"\0") or b"\0"
        if number[0] & 0x80:
            number = b"\0" + number
        numbers += b"\x02" + bytes([len(number)]) + number
    return b"\x30" + bytes([len(numbers)]) + numbers


def _sm2_verify(public_key: bytes, text: bytes, signature: bytes) -> bool:
    library = cast("Any", gmssl_pyx)
    try:
        return bool(library.sm2_verify(public_key, text, signature))
    except library.GmsslInnerError:
        return False
