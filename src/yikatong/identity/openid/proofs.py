"""How a client proves itself (RFC 6749, 2.3; Core 1.0, 9; RFC 7523). Pure."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Collection
from datetime import datetime
from typing import Any, Final, Literal, cast
from urllib.parse import unquote_plus

import msgspec
from joserfc import jwk, jwt
from joserfc.errors import JoseError

from yikatong.core.errors import InvalidInput
from yikatong.identity.openid.errors import OpenidError
from yikatong.identity.openid.model import Client
from yikatong.identity.openid.requests import Form

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS: Final = ("RS256", "PS256", "ES256", "Ed25519", "EdDSA")
"""Asymmetric ones only: with HS256 a public key could be taken for a secret, "none" proves nothing."""
_LASTS_MAX: Final = 600
_BASIC_MAX: Final = 1000
_SKEW: Final = 30
_RSA_BITS_MIN: Final = 2048
_KEYS_MAX: Final = 5
_CLIENT_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{2,39}")


class Proof(msgspec.Struct, frozen=True):
    """What a request shows of its client."""

    client_id: str
    method: Literal["client_secret_basic", "client_secret_post", "private_key_jwt", "none"]
    secret: str = ""
    """The secret or the assertion."""

    def __repr__(self) -> str:
        return f"Proof({self.client_id!r}, {self.method!r})"


class Assertion(msgspec.Struct, frozen=True):
    """A checked assertion: to be remembered until it expires, so that it works once."""

    mark: bytes
    expires_at: int


def refused(description: str = "the client could not be authenticated") -> OpenidError:
    """The answer to a client that does not prove itself; it does not tell what was wrong."""
    return OpenidError("invalid_client", description, 401)


def read(authorization: str | None, form: Form) -> Proof:
    """The one proof of a request; raises invalid_request for more than one, invalid_client for none
    that can be read."""
    shown: list[Proof] = []
    if authorization is not None:
        shown.append(_basic(authorization))
    if form.get("client_secret") is not None:
        shown.append(Proof(_named(form), "client_secret_post", form.need("client_secret")))
    if form.get("client_assertion") is not None or form.get("client_assertion_type") is not None:
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise refused("client_assertion_type is not known")
        assertion = form.need("client_assertion")
        shown.append(Proof(_issuer_of(assertion), "private_key_jwt", assertion))
    if len(shown) > 1:
        raise OpenidError("invalid_request", "the client proves itself in more than one way")
    proof = shown[0] if shown else Proof(_named(form), "none")
    named = form.get("client_id")
    if named is not None and named != proof.client_id:
        raise OpenidError("invalid_request", "client_id differs from the client that proves itself")
    if not _CLIENT_ID.fullmatch(proof.client_id):
        raise refused()
    return proof


def fits(client: Client, proof: Proof) -> bool:
    """Whether the proof is of the registered kind: a weaker one is no proof."""
    if client.authentication == "secret":
        return proof.method in ("client_secret_basic", "client_secret_post")
    return client.authentication == proof.method


def check_assertion(
    client: Client, assertion: str, audiences: Collection[str], now: datetime
) -> Assertion:
    """Check a private_key_jwt (RFC 7523, 3); raises invalid_client."""
    assert client.key_set is not None
    try:
        keys = jwk.KeySet.import_key_set(json.loads(client.key_set))
        claims = jwt.decode(assertion, keys, algorithms=ALGORITHMS).claims
    except (JoseError, ValueError, TypeError) as error:
        raise refused("the assertion does not verify") from error
    identifier = claims.get("jti")
    if not (
        claims.get("iss") == claims.get("sub") == client.client_id
        and _audience(claims.get("aud")) in audiences
        and isinstance(identifier, str)
        and 8 <= len(identifier) <= 256
    ):
        raise refused("the assertion needs iss and sub of the client, aud of this server, a jti")
    seconds = int(now.timestamp())
    expires_at = _time(claims.get("exp"))
    if (
        expires_at is None
        or not seconds - _SKEW < expires_at <= seconds + _LASTS_MAX
        or any(
            (begins_at := _time(claims[name])) is None or begins_at > seconds + _SKEW
            for name in ("nbf", "iat")
            if name in claims
        )
    ):
        raise refused(
            "the assertion needs an exp at most ten minutes ahead, and no later beginning"
        )
    mark = hashlib.sha256(f"{client.client_id}\n{identifier}".encode()).digest()
    return Assertion(mark, int(expires_at) + 2 * _SKEW)


def _audience(told: object) -> str | None:
    """One recipient only: what is meant for others too could be replayed by them."""
    if isinstance(told, list):
        many = cast("list[object]", told)
        told = many[0] if len(many) == 1 else None
    return told if isinstance(told, str) else None


def check_key_set(text: str, field: str) -> str:
    """A client's public keys (JWK set) as they are kept; raises InvalidInput naming the field."""
    try:
        kept = _public_keys(json.loads(text))
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        raise InvalidInput(
            field,
            zh="应为 JWK 集：1 至 5 个公钥，RSA 2048 位以上、P-256 或 Ed25519，各有 kid",
            en="must be a JWK set of 1 to 5 public keys: RSA of 2048 bits or more, P-256 or Ed25519, "
            "each with a kid",
        ) from None
    return json.dumps({"keys": kept}, sort_keys=True)


def _public_keys(told: Any) -> list[dict[str, Any]]:
    keys = list(jwk.KeySet.import_key_set(told))
    if not 0 < len(keys) <= _KEYS_MAX or len(keys) != len(told["keys"]):
        raise ValueError
    return [_public(key) for key in keys]


def _public(key: jwk.Key) -> dict[str, Any]:
    told = cast("dict[str, Any]", key.as_dict(private=False))
    raw = cast("Any", key.public_key)
    good = {
        "RSA": lambda: raw.key_size >= _RSA_BITS_MIN,
        "EC": lambda: told["crv"] == "P-256",
        "OKP": lambda: told["crv"] == "Ed25519",
    }
    if key.is_private or not good[key.key_type]():
        raise ValueError
    return told


def _basic(authorization: str) -> Proof:
    scheme, _, told = authorization.partition(" ")
    try:
        pair = base64.b64decode(told[:_BASIC_MAX], validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        pair = ""
    name, _, secret = pair.partition(":")
    if scheme.lower() != "basic" or not name or not secret:
        raise refused("the Authorization header cannot be read")
    # Both parts are form-encoded before they are put together (RFC 6749, 2.3.1).
    return Proof(unquote_plus(name), "client_secret_basic", unquote_plus(secret))


def _named(form: Form) -> str:
    client_id = form.get("client_id")
    if client_id is None:
        raise refused("the client is not named")
    return client_id


def _issuer_of(assertion: str) -> str:
    """Whom an assertion names, before it is checked."""
    try:
        body = assertion.split(".")[1]
        told = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        issuer = told["iss"]
    except (IndexError, KeyError, TypeError, ValueError, RecursionError):
        raise refused("the assertion cannot be read") from None
    return issuer if isinstance(issuer, str) else ""


def _time(told: object) -> float | None:
    """A NumericDate (RFC 7519, 2)."""
    return told if isinstance(told, int | float) and not isinstance(told, bool) else None
