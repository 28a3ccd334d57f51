"""The addresses that programs ask: discovery, keys, tokens, userinfo, introspection, revocation.

Those that people see (authorization, consent, logout) are pages: portals/consent.py.
"""

from typing import Any, Final

import msgspec
import structlog
from litestar import MediaType, Request, Response, Router, get, post, route
from litestar.di import NamedDependency
from litestar.enums import HttpMethod

from yikatong.core import problems
from yikatong.core.addresses import address_from
from yikatong.core.errors import Unavailable, YikatongError
from yikatong.identity.openid import clients, discovery, exchanging, looking
from yikatong.identity.openid import ending as endings
from yikatong.identity.openid.errors import OpenidError
from yikatong.identity.openid.model import Client
from yikatong.identity.openid.requests import Form, read_form
from yikatong.identity.openid.signing import KEYS_CACHED_SECONDS, OpenidProvider
from yikatong.trust.guessing import TooManyTries

BODY_BYTES_MAX: Final = 16 * 1024
_FORM_TYPE: Final = "application/x-www-form-urlencoded"
_PRIVATE: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_PUBLIC: Final = {
    "Cache-Control": f"public, max-age={KEYS_CACHED_SECONDS}",
    "X-Content-Type-Options": "nosniff",
    # Nothing here depends on who asks.
    "Access-Control-Allow-Origin": "*",
}
_log = structlog.stdlib.get_logger("yikatong.openid")

Ask = Request[Any, Any, Any]


def _json(
    content: object, status: int = 200, headers: dict[str, str] | None = None
) -> Response[bytes]:
    return Response(
        content if isinstance(content, bytes) else msgspec.json.encode(content),
        status_code=status,
        media_type=MediaType.JSON,
        headers=headers if headers is not None else _PRIVATE,
    )


@get(
    ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"],
    include_in_schema=False,
)
async def configuration(openid: NamedDependency[OpenidProvider]) -> Response[bytes]:
    """What the provider says of itself."""
    return _json(discovery.metadata(openid.issuer), headers=_PUBLIC)


@get("/openid/jwks", include_in_schema=False)
async def key_set(request: Ask, openid: NamedDependency[OpenidProvider]) -> Response[bytes]:
    """The published keys; 304 for who has them."""
    told, tag = await openid.key_set()
    headers = {**_PUBLIC, "ETag": tag}
    known = request.headers.get("if-none-match", "")
    if tag in (one.strip().removeprefix("W/") for one in known.split(",")):
        return Response(b"", status_code=304, media_type=MediaType.JSON, headers=headers)
    return _json(told, headers=headers)


@post("/openid/token", include_in_schema=False)
async def token(request: Ask, openid: NamedDependency[OpenidProvider]) -> Response[bytes]:
    """Tokens for a code or a refresh token."""
    form, client = await _authenticated(request, openid)
    issued = await exchanging.exchange(openid, client, form)
    return _json(issued.body())


@route("/openid/userinfo", http_method=[HttpMethod.GET, HttpMethod.POST], include_in_schema=False)
async def user_info(request: Ask, openid: NamedDependency[OpenidProvider]) -> Response[bytes]:
    """What the access token's scopes let a service see of the person."""
    scheme, _, shown = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not shown:
        # Nothing was shown: no error code (RFC 6750, 3.1).
        headers = {**_PRIVATE, "WWW-Authenticate": 'Bearer realm="yikatong"'}
        return _json({"error": "invalid_token"}, 401, headers)
    return _json(await looking.user_info(openid, shown.strip()))


@post("/openid/introspect", include_in_schema=False)
async def introspect(request: Ask, openid: NamedDependency[OpenidProvider]) -> Response[bytes]:
    """Whether a token of the asking client holds (RFC 7662)."""
    form, client = await _authenticated(request, openid)
    if client.public:
        raise OpenidError("unauthorized_client", "a public client cannot introspect", 403)
    return _json(await looking.introspect(openid, client, form.need("token")))


@post("/openid/revoke", include_in_schema=False)
async def revoke(request: Ask, openid: NamedDependency[OpenidProvider]) -> Response[bytes]:
    """End a token of the asking client (RFC 7009)."""
    form, client = await _authenticated(request, openid)
    await endings.revoke(openid, client, form.need("token"))
    return Response(b"", status_code=200, media_type=MediaType.JSON, headers=_PRIVATE)


async def _authenticated(request: Ask, openid: OpenidProvider) -> tuple[Form, Client]:
    """The form of a request and the client that proves to have sent it."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _FORM_TYPE:
        raise OpenidError("invalid_request", f"the body must be {_FORM_TYPE}", 415)
    form = read_form(await request.body())
    form.once()
    address = address_from(request, openid.platform.settings.trusted_proxies)
    # An assertion is for the issuer; older libraries name the address they post to.
    audiences = (
        openid.issuer,
        f"{openid.issuer}{request.url.path}",
        f"{openid.issuer}/openid/token",
    )
    client = await clients.authenticate(
        openid.platform, request.headers.get("authorization"), form, address, audiences
    )
    return form, client


def answer_error(request: Ask, error: Exception) -> Response[bytes]:
    """Errors in the form of RFC 6749, 5.2 (and of RFC 6750 for userinfo)."""
    if isinstance(error, OpenidError):
        headers = dict(_PRIVATE)
        if error.error == "invalid_token":
            headers["WWW-Authenticate"] = (
                f'Bearer error="invalid_token", error_description="{error.description}"'
            )
        elif error.http_status == 401 and "authorization" in request.headers:
            headers["WWW-Authenticate"] = 'Basic realm="yikatong"'
        told = {"error": error.error, "error_description": error.description}
        return _json(told, error.http_status, headers)
    known = problems.typed(error)
    if isinstance(known, TooManyTries):
        headers = {**_PRIVATE, "Retry-After": str(known.retry_after)}
        return _said("temporarily_unavailable", "too often; wait", 429, headers)
    if isinstance(known, Unavailable):
        headers = {**_PRIVATE, "Retry-After": "1"}
        return _said("temporarily_unavailable", "please send it again", 503, headers)
    if known.status < 500:
        return _said("invalid_request", "the request cannot be read", known.status, _PRIVATE)
    _log.error("unexpected", path=request.url.path, exc_info=error)
    return _said("server_error", "an unexpected error happened", 500, _PRIVATE)


def _said(error: str, description: str, status: int, headers: dict[str, str]) -> Response[bytes]:
    return _json({"error": error, "error_description": description}, status, headers)


routes = [
    configuration,
    key_set,
    Router(
        path="/",
        route_handlers=[token, user_info, introspect, revoke],
        exception_handlers={YikatongError: answer_error, Exception: answer_error},
        request_max_body_size=BODY_BYTES_MAX,
    ),
]
