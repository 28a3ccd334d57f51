"""Errors over HTTP: `application/problem+json` (RFC 9457) with both languages."""

import re
from collections.abc import Awaitable
from typing import Any, Final, TypeVar, cast

import asyncpg
import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException

from yikatong.core.errors import (
    InvalidInput,
    Malformed,
    MethodNotAllowed,
    NotFound,
    TooLarge,
    YikatongError,
)

PROBLEM_JSON = "application/problem+json"
_Read = TypeVar("_Read")


class Problem(msgspec.Struct, omit_defaults=True):
    """The body of every error answer of the JSON API."""

    type: str
    title: str
    status: int
    code: str
    detail: dict[str, str]
    """The same text as "zh" and "en"."""
    field: str | None = None
    """Dotted path of the wrong input."""


def problem_of(error: YikatongError) -> Problem:
    """The problem a typed error is answered with."""
    return Problem(
        type=f"urn:yikatong:error:{error.code}",
        title=error.text.en,
        status=error.status,
        code=error.code,
        detail=error.text.as_dict(),
        field=error.field,
    )


def respond(error: YikatongError) -> Response[bytes]:
    """The answer to a typed error; says when to come back where it is a 503 or knows."""
    headers = {"Retry-After": "1"} if error.status == 503 else {}
    if (seconds := getattr(error, "retry_after", None)) is not None:
        headers["Retry-After"] = str(seconds)
    return Response(
        content=msgspec.json.encode(problem_of(error)),
        status_code=error.status,
        media_type=PROBLEM_JSON,
        headers=headers,
    )


def typed(error: Exception) -> YikatongError:
    """Turn what the web framework raises, or an unforeseen error, into a typed one."""
    if isinstance(error, YikatongError):
        return error
    if isinstance(error, ValidationException):
        return _invalid(error)
    if isinstance(error, asyncpg.DataError):
        # An id or number larger than any the database holds.
        return InvalidInput(
            "id",
            zh="编号或数字超出范围，请核对",
            en="an id or number is out of range; please compare it",
        )
    if isinstance(error, RecursionError):
        # Only a body nested by the thousand goes that deep.
        return _refused(400)
    if isinstance(error, HTTPException) and error.status_code < 500:
        return _refused(error.status_code)
    return YikatongError(
        zh="系统出现意外错误，已经记录，请稍后再试",
        en="an unexpected error happened and was recorded; please try again later",
    )


async def of_a_file(reading: Awaitable[_Read]) -> _Read:
    """What is read of a request that brings a file; raises TooLarge naming the file."""
    try:
        return await reading
    except HTTPException as error:
        if error.status_code != 413:
            raise
        raise TooLarge(zh="文件过大", en="the file is too large", field="file") from error


def _refused(status: int) -> YikatongError:
    if status == 404:
        return NotFound(zh="没有这个地址", en="there is nothing at this address")
    if status == 405:
        return MethodNotAllowed(zh="这个地址不支持该请求方法", en="this method is not allowed here")
    if status == 413:
        return TooLarge(zh="请求内容过大", en="the request is too large")
    return Malformed(
        zh="请求无法读取，请检查格式", en="the request could not be read; check its form"
    )


_MISSING: Final = re.compile(r"missing required field `([^`]+)`")
_PARAMETER: Final = re.compile(r"Missing required \w+ parameter '([^']+)'")
_UNKNOWN: Final = re.compile(r"contains unknown field `([^`]+)`")


def _invalid(error: ValidationException) -> YikatongError:
    """Name the first wrong field of a body or query, and what is wrong with it."""
    extra = cast("list[dict[str, str]]", error.extra or [])
    first = extra[0] if extra else {}
    message, key = str(first.get("message", "")), str(first.get("key", ""))
    if not first and (found := _PARAMETER.search(error.detail)):
        return InvalidInput(found[1], zh="缺少这一项", en="this is missing")
    return invalid(message, "" if key == "data" else key)


def invalid(message: str, where: str) -> InvalidInput:
    """The error for what the decoder says of the value at a dotted path ("" is the whole)."""
    if found := _MISSING.search(message):
        field = f"{where}.{found[1]}" if where else found[1]
        return InvalidInput(field, zh="缺少这一项", en="this is missing")
    if found := _UNKNOWN.search(message):
        field = f"{where}.{found[1]}" if where else found[1]
        return InvalidInput(field, zh="没有这一项，请核对名称", en="there is no such field")
    if found := _TYPE.search(message):
        wanted = [_type(one) for one in found[1].split(" | ") if one != "null"]
        came = _type(found[2])
        return InvalidInput(
            where or "body",
            zh=f"应为{'或'.join(zh for zh, _ in wanted)}，而不是{came[0]}",
            en=f"must be {' or '.join(en for _, en in wanted)}, not {came[1]}",
        )
    for pattern, zh, en in _SHAPES:
        if found := pattern.search(message):
            return InvalidInput(
                where or "body", zh=zh.format(*found.groups()), en=en.format(*found.groups())
            )
    return InvalidInput(
        where or "body", zh="内容不符合要求", en=f"this does not have the right form ({message})"
    )


# What the decoder says, in words for people.
_TYPE: Final = re.compile(r"Expected `([^`]+)`, got `([^`]+)`")
_TYPES: Final = {
    "str": ("带引号的文本", "a text in quotes"),
    "int": ("整数", "a whole number"),
    "float": ("数字", "a number"),
    "bool": (" true 或 false", "true or false"),
    "object": ("对象", "an object"),
    "array": ("列表", "a list"),
    "date": ("日期", "a date"),
    "null": ("空值", "null"),
}


def _type(name: str) -> tuple[str, str]:
    return _TYPES.get(name, (f" {name}", name))


_SHAPES: Final = (
    (re.compile(r"matching regex"), "格式不正确", "this does not have the right form"),
    (re.compile(r"of length <= (\d+)"), "最多 {} 个", "at most {} long"),
    (re.compile(r"of length >= (\d+)"), "至少 {} 个", "at least {} long"),
    (re.compile(r"Expected `\w+` <= (-?\d+)"), "应不大于 {}", "at most {}"),
    (re.compile(r"Expected `\w+` >= (-?\d+)"), "应不小于 {}", "at least {}"),
    (re.compile(r"Invalid enum value"), "不在可选值之中", "this is none of the choices"),
    (
        re.compile(r"Invalid (?:RFC3339|ISO)|date"),
        "应为日期，例如 2026-03-01",
        "a date such as 2026-03-01",
    ),
)


def is_api(request: Request[Any, Any, Any]) -> bool:
    """Whether a caller expects JSON rather than a page."""
    return request.url.path.startswith(
        ("/api/", "/fsi/", "/health/", "/metrics", "/.well-known/", *_OPENID)
    )


_OPENID: Final = tuple(
    f"/openid/{name}" for name in ("jwks", "token", "userinfo", "introspect", "revoke")
)
