"""Transactions about no person (公共交易): what they are, and how their nodes are read."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec

from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, Text
from yikatong.medical.hospital_api import envelope
from yikatong.medical.hospital_api.context import Context

_T = TypeVar("_T")


class Done(msgspec.Struct, frozen=True):
    """What an errand led to: the `output` object, and perhaps a warning."""

    output: Any
    warning: Text | None = None


class FileContent(msgspec.Struct, frozen=True):
    """A file that is answered as it is, without an envelope."""

    name: str
    content: bytes


class Errand(msgspec.Struct, frozen=True):
    """A transaction about no person."""

    code: str
    title: Text
    carry_out: Callable[[Connection, Context, bytes], Awaitable[Done]]
    """From the raw JSON of `input`. Raises YikatongError before anything was written."""


class Fetch(msgspec.Struct, frozen=True):
    """A transaction that is answered with a file; a look, so there is nothing to record."""

    code: str
    title: Text
    find: Callable[[Connection, Context, bytes], Awaitable[FileContent]]


def required(value: str | None, field: str) -> str:
    """The value; raises InvalidInput where it is absent."""
    if value is None or envelope.absent(value):
        raise InvalidInput(field, zh="缺少这一项", en="this is missing")
    return value


def optional(value: str | None) -> str | None:
    """The value, or None where it is absent: null, "null" or ""."""
    return None if envelope.absent(value) else value


def node(value: _T | None, name: str) -> _T:
    """The node of the input; raises InvalidInput where it is missing."""
    if value is None:
        raise InvalidInput(name, zh="缺少这个节点", en="this node is missing")
    return value


def check_provider(given: str | None, context: Context, field: str) -> None:
    """Raise InvalidInput where a node names another provider."""
    code = context.provider.provider_code
    if not envelope.absent(given) and given != code:
        raise InvalidInput(
            field, zh=f"应为本机构编码 {code}", en=f"must be the provider's own code {code}"
        )
