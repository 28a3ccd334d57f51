"""Typed errors: each with a stable code, a Chinese and an English text and an HTTP status.

A room adds its own by subclassing `YikatongError` in its `errors.py`. The JSON API answers them as
`application/problem+json` (RFC 9457), the command line as one line on stderr, pages beside the
field.
"""

from collections.abc import Collection
from typing import ClassVar, TypeVar

_Word = TypeVar("_Word", bound=str)


class Text:
    """One text in both languages."""

    __slots__ = ("en", "zh")

    def __init__(self, zh: str, en: str) -> None:
        self.zh = zh
        self.en = en

    def in_language(self, language: str) -> str:
        """The text in "zh" or "en"."""
        return self.en if language == "en" else self.zh

    def as_dict(self) -> dict[str, str]:
        return {"zh": self.zh, "en": self.en}

    def __repr__(self) -> str:
        return f"Text({self.zh!r}, {self.en!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Text) and (self.zh, self.en) == (other.zh, other.en)

    def __hash__(self) -> int:
        return hash((self.zh, self.en))


class YikatongError(Exception):
    """Something the caller can understand and act on; never a programming error."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500

    def __init__(self, zh: str, en: str, field: str | None = None) -> None:
        """Say what is wrong and what to do in both languages; `field` names the wrong input."""
        super().__init__(en if field is None else f"{field}: {en}")
        self.text = Text(zh, en)
        self.field = field


class InvalidInput(YikatongError):
    """The caller's input is wrong; `field` names where (dotted path)."""

    code = "invalid_input"
    status = 422

    def __init__(self, field: str, zh: str, en: str) -> None:
        super().__init__(zh, en, field)


def one_of(text: str, allowed: Collection[_Word], field: str) -> _Word:
    """The allowed word that the text is; raises InvalidInput naming them all."""
    for word in allowed:
        if word == text:
            return word
    raise InvalidInput(
        field, zh=f"应为 {'、'.join(allowed)} 之一", en=f"must be one of {', '.join(allowed)}"
    )


class KeyReused(YikatongError):
    """The idempotency key was used before, with other content."""

    code = "key_reused"
    status = 409

    def __init__(self) -> None:
        super().__init__(
            zh="同一个幂等键（Idempotency-Key）已用于另一笔内容不同的业务，请换一个新键",
            en="this idempotency key was used for other content before; use a new key",
            field="Idempotency-Key",
        )


class Malformed(YikatongError):
    """The request could not be read at all (not JSON, too large, wrong encoding)."""

    code = "malformed"
    status = 400


class MethodNotAllowed(Malformed):
    """The address exists, but not for this HTTP method."""

    code = "method_not_allowed"
    status = 405


class TooLarge(Malformed):
    """The request body is larger than this address takes."""

    code = "too_large"
    status = 413


class NotFound(YikatongError):
    """What was asked for does not exist, or the asker may not know that it does."""

    code = "not_found"
    status = 404


class Unavailable(YikatongError):
    """Something this depends on does not answer; the same request may be sent again."""

    code = "unavailable"
    status = 503
