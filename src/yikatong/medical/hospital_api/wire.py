"""Addresses of the interface, the bodies that come in, and connections that are cut on purpose."""

from typing import Any, Final, cast
from urllib.parse import quote

from litestar.types import Receive, Send

from yikatong.core.errors import Malformed, MethodNotAllowed, TooLarge
from yikatong.medical.hospital_api.refusals import NoSuchAddress

PREFIX: Final = "/fsi/api/"
CALL_SERVICE: Final = "/fsi/api/rsfComIfsService/callService"
BODY_BYTES_MAX: Final = 512 * 1024

Headers = list[tuple[bytes, bytes]]
HeaderMap = dict[bytes, bytes]
JSON: Final = (b"content-type", b"application/json;charset=UTF-8")
FILE: Final = (b"content-type", b"application/octet-stream")
NO_MORE: Final[Headers] = []
MORE: Final[dict[int, Headers]] = {
    401: [(b"www-authenticate", b"Yikatong-Hospital")],
    405: [(b"allow", b"POST")],
    413: [(b"connection", b"close")],
    503: [(b"retry-after", b"1")],
}
"""Headers that belong to a status."""

_ADDRESSES: Final[dict[str, str | None]] = {
    CALL_SERVICE: None,
    f"{CALL_SERVICE}/": None,
    "/fsi/api/signInSignOutService/signIn": "9001",
    "/fsi/api/signInSignOutService/signOut": "9002",
    "/fsi/api/fileupload/upload": "9101",
    "/fsi/api/fileupload/download": "9102",
}
"""Each address and the one transaction it takes, None: every one."""


def transaction_of(path: str, method: str) -> str | None:
    """The transaction an address is for, None where it takes all; raises NoSuchAddress,
    MethodNotAllowed."""
    if path in _ADDRESSES:
        expected = _ADDRESSES[path]
    else:
        start, _, expected = path.rpartition("/")
        if start != CALL_SERVICE:
            raise NoSuchAddress(
                zh=f"没有这个地址，请用 POST {CALL_SERVICE}",
                en=f"there is nothing here; POST to {CALL_SERVICE}",
            )
    if method != "POST":
        raise MethodNotAllowed(
            zh="请用 POST 提交签名的 JSON 报文，用法见 docs/reference/hospital-interface.md",
            en="POST a signed JSON message; see docs/reference/hospital-interface.md",
        )
    return expected


async def body_of(headers: HeaderMap, receive: Receive) -> bytes | None:
    """The body; None where the caller left before it was whole. Raises TooLarge, Malformed."""
    check_headers(headers)
    message = cast("dict[str, Any]", await receive())
    body: bytes = message.get("body", b"")
    if message.get("more_body"):
        parts, size = [body], len(body)
        while message.get("more_body") and size <= BODY_BYTES_MAX:
            message = cast("dict[str, Any]", await receive())
            parts.append(message.get("body", b""))
            size += len(parts[-1])
        body = b"".join(parts)
    if message["type"] == "http.disconnect":
        return None
    if len(body) > BODY_BYTES_MAX:
        raise _too_large()
    return body


def check_headers(headers: HeaderMap) -> None:
    """What they say of the body; raises TooLarge, Malformed."""
    length = headers.get(b"content-length", b"")
    if length.isdigit() and int(length) > BODY_BYTES_MAX:
        raise _too_large()
    if headers.get(b"content-encoding", b"identity") != b"identity":
        raise Malformed(
            zh="报文不能压缩（Content-Encoding），请直接发送 JSON",
            en="send the message as it is, without Content-Encoding",
        )


def _too_large() -> TooLarge:
    kibibytes = BODY_BYTES_MAX // 1024
    return TooLarge(
        zh=f"报文超过 {kibibytes} KiB，请分批上传",
        en=f"the message is larger than {kibibytes} KiB; send it in parts",
    )


def disposition(name: str) -> tuple[bytes, bytes]:
    """The header that names a file."""
    return b"content-disposition", f"attachment; filename*=UTF-8''{quote(name)}".encode()


async def lose(receive: Receive, send: Send) -> None:
    """Close the connection without an answer, as a broken line does."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is not None:
        transport.close()
    else:
        # A server whose connection cannot be reached: an answer that never becomes whole.
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [JSON, (b"content-length", b"1"), (b"connection", b"close")],
            }
        )
        return
    while (await receive())["type"] != "http.disconnect":
        pass
