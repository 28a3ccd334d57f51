"""Errors over HTTP: `application/problem+json` (RFC 9457) with both languages."""

from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException

from yikatong.core.errors import Malformed, MethodNotAllowed, NotFound, TooLarge, YikatongError

PROBLEM_JSON = "application/problem+json"


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
    """The answer to a typed error; asks to come back in a second where it is a 503."""
    headers = {"Retry-After": "1"} if error.status == 503 else {}
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
    if isinstance(error, HTTPException) and error.status_code < 500:
        if error.status_code == 404:
            return NotFound(zh="没有这个地址", en="there is nothing at this address")
        if error.status_code == 405:
            return MethodNotAllowed(
                zh="这个地址不支持该请求方法", en="this method is not allowed here"
            )
        if error.status_code == 413:
            return TooLarge(zh="请求内容过大", en="the request is too large")
        return Malformed(
            zh="请求无法读取，请检查格式", en="the request could not be read; check its form"
        )
    return YikatongError(
        zh="系统出现意外错误，已经记录，请稍后再试",
        en="an unexpected error happened and was recorded; please try again later",
    )


def is_api(request: Request[Any, Any, Any]) -> bool:
    """Whether a caller expects JSON rather than a page."""
    return request.url.path.startswith(("/api/", "/fsi/", "/health/", "/metrics"))
