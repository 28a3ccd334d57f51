"""Lean routes: the few busiest commands, answered beside the web framework.

The framework's injection and validation cost several times what the command itself does. A lean
route reads the body straight into a typed struct and answers; it stands in the API's description
all the same, because the framework knows the same handler (see `app.create_app`).
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, cast

import msgspec
import structlog
from litestar.types import ASGIApp, Receive, Scope, Send

from yikatong.core import connections, problems
from yikatong.core.errors import Malformed, TooLarge

Headers = Mapping[bytes, bytes]
Handler = Callable[[Headers, bytes], Awaitable[Any]]
"""Headers (lower-case names) and body to a struct that is answered as JSON."""

BODY_BYTES_MAX: Final = 16 * 1024
_JSON: Final = (b"content-type", b"application/json")
_PROBLEM: Final = (b"content-type", problems.PROBLEM_JSON.encode())
_encode = msgspec.json.Encoder().encode
_log = structlog.stdlib.get_logger("yikatong.http")


def lean(
    app: ASGIApp,
    routes: Mapping[str, Handler],
    note: Callable[[str, int, float], None],
    sizes: Mapping[str, int] | None = None,
) -> ASGIApp:
    """Answer POST to the paths of `routes` here, all else by `app`; `note` hears path, status and
    seconds of each. `sizes`: paths that take larger bodies, in bytes."""
    largest = sizes or {}

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        facts = cast("dict[str, Any]", scope)
        if facts["type"] != "http" or facts["method"] != "POST" or facts["path"] not in routes:
            await app(scope, receive, send)
            return
        begun = time.perf_counter()
        path: str = facts["path"]
        status, kind, headers = 200, _JSON, []
        try:
            body = await _body(receive, largest.get(path, BODY_BYTES_MAX))
            answer = await routes[path](dict(facts["headers"]), body)
        except Exception as error:
            known = problems.typed(error)
            if known is not error:
                _log.error("unexpected", path=path, exc_info=error)
            status, kind, answer = known.status, _PROBLEM, problems.problem_of(known)
            wait = getattr(known, "retry_after", 1 if status == 503 else None)
            headers = [(b"retry-after", b"%d" % wait)] if wait is not None else []
        content = _encode(answer)
        await connections.answer(scope, send, status, (kind, *headers), content)
        note(path, status, time.perf_counter() - begun)

    return wrapped


async def _body(receive: Receive, bytes_max: int) -> bytes:
    message = cast("dict[str, Any]", await receive())
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = cast("dict[str, Any]", await receive())
        body += message.get("body", b"")
        if len(body) > bytes_max:
            break
    if message["type"] == "http.disconnect":
        raise Malformed(zh="连接已断开", en="the connection was closed")
    if len(body) > bytes_max:
        raise TooLarge(zh="请求内容过大", en="the request is too large")
    return body


def read(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    """The body as the decoder's type; raises InvalidInput naming the field, Malformed."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$")
        raise problems.invalid(message, path.removesuffix("`").lstrip(".")) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Malformed(zh="请求内容不是 JSON", en="the body is not JSON") from None
