"""What goes over the wire between the platform and a bank: signatures and bodies.

Described for makers of bank systems in docs/reference/outside-banks.md.
"""

import hashlib
import hmac
import os
import secrets
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec

from yikatong.core.errors import InvalidInput, Text
from yikatong.core.money import AMOUNT_MAX
from yikatong.money.outside.interface import CLOCK_SKEW_MAX, Direction

TIME_HEADER: Final = "x-yikatong-time"
NONCE_HEADER: Final = "x-yikatong-nonce"
SIGNATURE_HEADER: Final = "x-yikatong-signature"
REQUEST_BYTES_MAX: Final = 64 * 1024
ANSWER_BYTES_MAX: Final = 1024 * 1024
PAGE_ROWS_MAX: Final = 1000
"""Rows on one page of a statement."""
_SECRET_CHARACTERS_MIN: Final = 32

OrderId = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9-]{1,64}\Z")]
Amount = Annotated[int, msgspec.Meta(ge=1, le=AMOUNT_MAX)]
Moment = Annotated[datetime, msgspec.Meta(tz=True)]
Short = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Sentence = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Secret:
    """A key shared with one bank; shows itself to nobody, signs for those who hold it."""

    __slots__ = ("_key",)

    def __init__(self, text: str) -> None:
        if len(text) < _SECRET_CHARACTERS_MIN:
            raise InvalidInput(
                "secret",
                zh=f"银行密钥至少 {_SECRET_CHARACTERS_MIN} 个字符",
                en=f"a bank's secret has at least {_SECRET_CHARACTERS_MIN} characters",
            )
        self._key = text.encode()

    def __repr__(self) -> str:
        return "Secret(***)"

    @classmethod
    def from_file(cls, path: Path) -> "Secret":
        """Read the first line of a file; raises InvalidInput naming the file, never its content."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(
                "secret",
                zh=f"无法读取银行密钥文件 {path}",
                en=f"cannot read the secret file {path}",
            ) from error
        return cls(text.strip())

    @classmethod
    def from_environment(cls, name: str) -> "Secret":
        """Read an environment variable; raises InvalidInput where it is missing or too short."""
        return cls(os.environ.get(name, "").strip())

    def sign_request(self, method: str, target: str, at: str, nonce: str, body: bytes) -> str:
        """The signature of a request. `target` is path and query as they stand on the wire."""
        return self._sign("request", method, target, at, nonce, _digest(body))

    def sign_answer(self, request_signature: str, status: int, at: str, body: bytes) -> str:
        """The signature of an answer, good for the one request with that signature."""
        return self._sign("answer", request_signature, str(status), at, _digest(body))

    def sign_file(self, kind: str, digest: str) -> str:
        """The signature of a file: its kind, such as "payments", and the SHA-256 of what it says."""
        return self._sign("file", kind, digest)

    def _sign(self, *lines: str) -> str:
        return hmac.new(self._key, "\n".join(lines).encode(), hashlib.sha256).hexdigest()


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def same(shown: str, expected: str) -> bool:
    """Whether two signatures are the same, in constant time."""
    return hmac.compare_digest(shown.encode("utf-8", "replace"), expected.encode())


def new_nonce() -> str:
    """32 characters drawn for one request, so that no two requests share a signature."""
    return secrets.token_hex(16)


def in_time(text: str, now: datetime) -> bool:
    """Whether a time header is one, and no further from now than the skew allowed."""
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        return False
    return abs(int(text) - now.timestamp()) <= CLOCK_SKEW_MAX.total_seconds()


class InstructionBody(msgspec.Struct, frozen=True, kw_only=True):
    """`PUT /v1/orders/{order_id}`."""

    direction: Direction
    amount: Amount
    currency: Literal["CNY"]
    account: Annotated[str, msgspec.Meta(pattern=r"^[0-9]{8,32}\Z")]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    memo: Annotated[str, msgspec.Meta(max_length=60)]
    valid_until: Moment


class TextBody(msgspec.Struct, frozen=True):
    """A sentence in both languages."""

    zh: Sentence
    en: Sentence

    def text(self) -> Text:
        return Text(self.zh, self.en)


class DoneBody(msgspec.Struct, frozen=True, kw_only=True, tag_field="state", tag="done"):
    """Carried out."""

    order_id: OrderId
    direction: Direction
    amount: Amount
    reference: Short
    at: Moment


class RefusedBody(msgspec.Struct, frozen=True, kw_only=True, tag_field="state", tag="refused"):
    """Will never be carried out."""

    order_id: OrderId
    code: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]{0,39}\Z")]
    reason: TextBody


class ProcessingBody(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="state", tag="processing"
):
    """Taken in, not decided yet."""

    order_id: OrderId


class UnseenBody(msgspec.Struct, frozen=True, kw_only=True, tag_field="state", tag="unseen"):
    """No such order has arrived."""

    order_id: OrderId


OrderBody = DoneBody | RefusedBody | ProcessingBody | UnseenBody
STATUS_OF: Final[dict[type[OrderBody], frozenset[int]]] = {
    DoneBody: frozenset((200,)),
    RefusedBody: frozenset((200, 422)),
    ProcessingBody: frozenset((202,)),
    UnseenBody: frozenset((404,)),
}
"""The HTTP status that goes with a state; another one makes the answer malformed."""


class RowBody(msgspec.Struct, frozen=True, kw_only=True):
    """A row of a statement."""

    order_id: Short
    direction: Direction
    amount: Amount
    account_tail: Annotated[str, msgspec.Meta(min_length=4, max_length=4)]
    at: Moment
    reference: Short


class PageBody(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /v1/statements/{day}?after=N`: rows behind the first N of the day."""

    day: date
    closed: bool
    rows: Annotated[list[RowBody], msgspec.Meta(max_length=PAGE_ROWS_MAX)]
    count: Annotated[int, msgspec.Meta(ge=0)]
    """All rows of the day as of now, on every page."""
    credits: Annotated[int, msgspec.Meta(ge=0)]
    debits: Annotated[int, msgspec.Meta(ge=0)]
    """Sums in fen of all rows of the day as of now."""


class ProblemBody(msgspec.Struct, frozen=True, kw_only=True):
    """Anything that is neither an outcome nor a statement."""

    code: str
    detail: str
