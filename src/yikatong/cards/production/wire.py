"""The files between the card office and a maker: signed lines of JSON (制卡文件, 回盘文件).

A file is UTF-8; its first line says what it is, its last one proves the lines before it. Nothing here
reads a database. docs/reference/card-production.md describes both files for makers.
"""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

import msgspec
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from yikatong.cards.production.errors import FileWrong
from yikatong.cards.production.model import LineFault
from yikatong.core.sealing import Vault

ORDER: Final = "yikatong-card-order/1"
PHOTOS: Final = "yikatong-card-photos/1"
RESULT: Final = "yikatong-card-result/1"
RESULT_BYTES_MAX: Final = 64 * 2**20
REASON_MAX: Final = 60
_LINE_BYTES_MAX: Final = 1000
_INFO: Final = {ORDER: b"yikatong card order 1", PHOTOS: b"yikatong card photos 1"}
"""What the key of a sealed file is derived with, by its form."""
_encode = msgspec.json.encode


class Photo(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where the photo of a card comes from (照片来源)."""

    source: Literal["file", "list", "population_base"]
    """In the photo file under the same seq; handed over with a list; of the police's population base."""
    sha256: str = ""
    """Of the picture in the photo file, hexadecimal."""
    reference: str = ""
    """The list's name for it."""


class CardData(msgspec.Struct, frozen=True):
    """Personalisation data of one card (个人化数据), named after LD/T 32."""

    seq: int
    application: str
    card_identifier: str
    card_number: str
    generation: int
    version: str
    """规范版本."""
    region: str
    """发卡地, GB/T 2260."""
    issued_on: str
    valid_until: str
    bank: str
    social_security_number: str
    """社会保障号码: the id number."""
    name: str
    sex: int
    """GB/T 2261.1."""
    ethnic_group: str
    """GB/T 3304."""
    birth_place: str
    """GB/T 2260, as the id number says it."""
    birth_date: str
    photo: Photo


class PhotoData(msgspec.Struct, frozen=True):
    """One photo of the photo file."""

    seq: int
    application: str
    media_type: str
    """image/jpeg, image/png or image/webp."""
    sha256: str
    photo: str
    """The picture as it was handed in, base64url without padding."""


class OrderHead(msgspec.Struct, frozen=True):
    """The first line of an order file, and of a photo file."""

    format: str
    batch: str
    maker: str
    region: str
    bank: str
    made_at: str
    encryption: dict[str, str] | None = None


class Tail(msgspec.Struct, frozen=True):
    """The last line of a file: how many lines lie between, and what proves them."""

    lines: int
    sha256: str
    """Of all bytes before this line."""
    signature: str | None = None
    """Ed25519 over `signed(…)`, base64url without padding."""


Outcome = Literal["made", "spoiled", "missing"]


class ResultHead(msgspec.Struct, frozen=True):
    """The first line of a result file."""

    format: str
    batch: str
    maker: str


class Result(msgspec.Struct, frozen=True):
    """What a maker says became of a card."""

    seq: int
    card_number: str
    result: Outcome
    reason: str = ""


def signed(form: str, digest: str) -> bytes:
    """What a signature is made over: the form and the hash of the lines."""
    return f"{form}\n{digest}\n".encode()


def told(raw: bytes) -> str:
    """Bytes as base64url without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def untold(text: str) -> bytes:
    """The other way; raises ValueError."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def signing_key(vault: Vault) -> Ed25519PrivateKey:
    """The platform's key for order files: derived from the key outside the database, so that no copy
    of it lies anywhere. Another one begins with another number here."""
    return Ed25519PrivateKey.from_private_bytes(vault.key("card production signing 1"))


def public_bytes(key: Ed25519PrivateKey | X25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


class Seal:
    """Seals the lines of one file for a maker: X25519, HKDF-SHA-256, AES-256-GCM."""

    NAME: Final = "X25519-HKDF-SHA256-A256GCM"

    def __init__(self, maker_key: bytes, batch: str, form: str = ORDER) -> None:
        own = X25519PrivateKey.generate()
        shared = own.exchange(X25519PublicKey.from_public_bytes(maker_key))
        self.public = public_bytes(own)
        self._batch = batch
        self._cipher = AESGCM(_derived(form, shared, self.public, maker_key))

    @property
    def told(self) -> dict[str, str]:
        """For the first line of the file."""
        return {"alg": self.NAME, "epk": told(self.public)}

    def line(self, seq: int, content: bytes) -> bytes:
        """One line: the key is of this file alone, so that the number of the line is the nonce."""
        sealed = self._cipher.encrypt(_nonce(seq), content, _bound(self._batch, seq))
        return _encode({"seq": seq, "sealed": told(sealed)})


class Opener:
    """Opens the cards of a file; what a maker does, here for its tests and our own."""

    def __init__(self, private: X25519PrivateKey, head: OrderHead) -> None:
        assert head.encryption is not None
        public = untold(head.encryption["epk"])
        shared = private.exchange(X25519PublicKey.from_public_bytes(public))
        self._batch = head.batch
        self._cipher = AESGCM(_derived(head.format, shared, public, public_bytes(private)))

    def line(self, raw: bytes) -> bytes:
        """The content of a sealed line; raises ValueError."""
        found: dict[str, Any] = msgspec.json.decode(raw)
        seq = int(found["seq"])
        try:
            return self._cipher.decrypt(
                _nonce(seq), untold(found["sealed"]), _bound(self._batch, seq)
            )
        except InvalidTag as error:
            raise ValueError("the line does not open") from error


def _derived(form: str, shared: bytes, own: bytes, maker: bytes) -> bytes:
    info = _INFO[form] + own + maker
    return HKDF(SHA256(), 32, salt=None, info=info).derive(shared)


def _nonce(seq: int) -> bytes:
    return seq.to_bytes(12, "big")


def _bound(batch: str, seq: int) -> bytes:
    return f"{batch}:{seq}".encode()


class Writer:
    """Builds an order file, or a photo file, piece by piece."""

    def __init__(self, head: OrderHead, key: Ed25519PrivateKey, seal: Seal | None) -> None:
        self._key = key
        self._seal = seal
        self._digest = hashlib.sha256()
        self._lines = 0
        self._head = head

    def head(self) -> bytes:
        """The first line."""
        return self._told(_encode(self._head) + b"\n")

    def cards(self, cards: Sequence[CardData | PhotoData]) -> bytes:
        """The next lines."""
        self._lines += len(cards)
        lines = [_encode(card) for card in cards]
        if self._seal is not None:
            lines = [
                self._seal.line(card.seq, line) for card, line in zip(cards, lines, strict=True)
            ]
        return self._told(b"".join(line + b"\n" for line in lines))

    def tail(self) -> tuple[bytes, bytes]:
        """The last line, and the hash it names."""
        digest = self._digest.hexdigest()
        signature = self._key.sign(signed(self._head.format, digest))
        line = _encode(Tail(self._lines, digest, told(signature))) + b"\n"
        return line, self._digest.digest()

    def _told(self, piece: bytes) -> bytes:
        self._digest.update(piece)
        return piece


def proved(content: bytes, form: str, key: bytes | None) -> list[bytes]:
    """The lines of a file without its last one, which proves them: number, hash and, where a key is
    given, the signature with it. Raises FileWrong, and then nothing of the file is to be used."""
    body, _, last = content.rstrip(b"\r\n").rpartition(b"\n")
    body += b"\n"
    try:
        tail = msgspec.json.decode(last, type=Tail)
    except msgspec.DecodeError as error:
        raise FileWrong(
            "文件没有结尾行（lines、sha256），可能没有传完，请重新传送",
            "the file has no last line (lines, sha256); it may be cut off, send it again",
        ) from error
    digest = hashlib.sha256(body).hexdigest()
    lines = body.split(b"\n")[:-1]
    if digest != tail.sha256 or tail.lines != len(lines) - 1:
        raise FileWrong(
            "文件摘要或行数与结尾行不符，文件被改动或没有传完，请重新传送",
            "hash or number of lines differ from the last line: the file was changed or cut off, "
            "send it again",
        )
    if key is not None and not _right(tail.signature or "", signed(form, digest), key):
        raise FileWrong(
            "签名不符，文件不是登记的密钥签的；密钥换了请先登记新公钥",
            "the signature is not by the registered key; where the key changed, register it first",
            "signature",
        )
    return lines


def _right(signature: str, content: bytes, key: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(untold(signature), content)
    except (InvalidSignature, ValueError):
        return False
    return True


def read_results(
    content: bytes, batch: str, maker: str, key: bytes | None
) -> tuple[list[tuple[int, Result]], list[LineFault]]:
    """The good lines of a result file with their numbers, and what is wrong with the others.

    Raises FileWrong where the file is of another batch or maker, or does not prove its lines.
    """
    if len(content) > RESULT_BYTES_MAX:
        raise FileWrong(
            f"文件不能超过 {RESULT_BYTES_MAX // 2**20} MB，可分成几个文件",
            f"at most {RESULT_BYTES_MAX // 2**20} MB; send several files",
        )
    lines = proved(content, RESULT, key)
    _check_head(lines[0], batch, maker)
    good: list[tuple[int, Result]] = []
    faults: list[LineFault] = []
    seen: dict[int, int] = {}
    for number, line in enumerate(lines[1:], 2):
        found = _result(number, line)
        if isinstance(found, LineFault):
            faults.append(found)
        elif found.seq in seen:
            first = seen[found.seq]
            faults.append(
                LineFault(
                    number, "seq", "twice", f"与第 {first} 行序号相同，只取了第一行",
                    f"the same seq as line {first}; only the first was taken",
                )
            )  # fmt: skip
        else:
            seen[found.seq] = number
            good.append((number, found))
    return good, faults


def _check_head(line: bytes, batch: str, maker: str) -> None:
    try:
        head = msgspec.json.decode(line, type=ResultHead)
    except msgspec.DecodeError as error:
        raise FileWrong(
            "首行应为 format、batch、maker",
            "the first line names format, batch and maker",
            "line 1",
        ) from error
    for field, wanted in (("format", RESULT), ("batch", batch), ("maker", maker)):
        if getattr(head, field) != wanted:
            raise FileWrong(
                f"首行 {field} 应为 {wanted}，请核对是不是这个批次的文件",
                f"{field} in the first line must be {wanted}; is this the file of this batch?",
                field,
            )


class _Loose(msgspec.Struct):
    seq: object = None
    card_number: object = None
    result: object = None
    reason: object = ""


def _result(number: int, line: bytes) -> Result | LineFault:
    if len(line) > _LINE_BYTES_MAX:
        return LineFault(number, "line", "too_long", "这一行过长", "the line is too long")
    try:
        found = msgspec.json.decode(line, type=_Loose)
    except msgspec.DecodeError:
        return LineFault(
            number, "line", "not_json", "这一行不是 JSON 对象", "the line is no JSON object"
        )
    for field, zh, en in _wrong(found):
        return LineFault(number, field, "invalid", zh, en)
    return msgspec.convert(
        {
            "seq": found.seq,
            "card_number": found.card_number,
            "result": found.result,
            "reason": str(found.reason).strip(),
        },
        Result,
    )


def _wrong(found: _Loose) -> Iterator[tuple[str, str, str]]:
    """Fields that are wrong, and what they should be."""
    reason = found.reason
    if type(found.seq) is not int or not 0 < found.seq < 2**31:
        yield "seq", "seq 应为制卡文件里的序号", "seq is the number in the order file"
    if not isinstance(found.card_number, str):
        yield "card_number", "请填写制卡文件里的卡号", "give the card number of the order file"
    if found.result not in ("made", "spoiled", "missing"):
        yield "result", "应为 made、spoiled、missing 之一", "must be one of made, spoiled, missing"
    if not isinstance(reason, str) or len(reason) > REASON_MAX or not reason.isprintable():
        yield (
            "reason",
            f"原因最多 {REASON_MAX} 字，不能有换行",
            f"a reason has at most {REASON_MAX} characters and no line break",
        )
    elif found.result == "spoiled" and not reason.strip():
        yield "reason", "制废请写明原因", "say why the card was spoiled"


def write_results(
    batch: str, maker: str, results: Sequence[Result], key: Ed25519PrivateKey | None
) -> bytes:
    """A result file; what a maker writes, here for its tests and our own."""
    body = _encode(ResultHead(RESULT, batch, maker)) + b"\n"
    body += b"".join(_encode(one) + b"\n" for one in results)
    digest = hashlib.sha256(body).hexdigest()
    signature = None if key is None else told(key.sign(signed(RESULT, digest)))
    return body + _encode(Tail(len(results), digest, signature)) + b"\n"
