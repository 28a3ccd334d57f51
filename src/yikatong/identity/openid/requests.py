"""Reading what clients send: authorization requests and forms. Pure; raises what is wrong."""

import hashlib
import re
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Final, Literal, cast
from urllib.parse import parse_qsl

import msgspec

from yikatong.identity.model import Level
from yikatong.identity.openid import redirects
from yikatong.identity.openid.errors import OpenidError, Untrusted
from yikatong.identity.openid.model import ACR_PREFIX, SCOPES, AuthorizationRequest, Client, Scope

QUERY_BYTES_MAX: Final = 8 * 1024
FIELDS_MAX: Final = 40
STATE_MAX: Final = 2048
_NONCE_MAX: Final = 512
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{43,128}")
PROMPTS: Final = ("none", "login", "consent", "select_account")
_ANEW: Final = frozenset(("login", "select_account"))


class Form(msgspec.Struct, frozen=True):
    """The parameters of a query or body; none may stand twice (RFC 6749, 3.1 and 3.2)."""

    values: Mapping[str, str]
    doubled: frozenset[str]

    def get(self, name: str) -> str | None:
        """The value; None where it is missing or empty (RFC 6749, 3.1)."""
        return self.values.get(name) or None

    def need(self, name: str) -> str:
        """The value; raises invalid_request."""
        value = self.get(name)
        if value is None:
            raise OpenidError("invalid_request", f"{name} is missing")
        return value

    def once(self, *names: str) -> None:
        """Raise invalid_request where one of these, or with none named any, stands twice."""
        wrong = self.doubled & set(names) if names else self.doubled
        if wrong:
            raise OpenidError("invalid_request", f"{_word(min(wrong))} is given more than once")


def read_form(content: bytes) -> Form:
    """The parameters of a query or of application/x-www-form-urlencoded; raises invalid_request."""
    if len(content) > QUERY_BYTES_MAX:
        raise OpenidError("invalid_request", "the request is too large", 413)
    try:
        pairs = parse_qsl(
            content.decode("ascii"), keep_blank_values=True, max_num_fields=FIELDS_MAX,
            errors="strict",
        )  # fmt: skip
    except ValueError:
        raise OpenidError("invalid_request", "the parameters cannot be read") from None
    names = [name for name, _ in pairs]
    return Form(dict(pairs), frozenset(one for one in names if names.count(one) > 1))


def redirect_of(form: Form, client: Client | None) -> str:
    """The proven redirect address; raises Untrusted, so that nobody is sent elsewhere."""
    address = form.values.get("redirect_uri")
    if client is None or {"client_id", "redirect_uri"} & form.doubled:
        raise Untrusted(
            zh="要登录的服务没有在本平台登记，或已停用。请不要继续，回到该服务核对。",
            en="the service you want to log in to is not registered here, or was switched off. "
            "Please do not go on; ask the service.",
        )
    if not address or not redirects.matches(client.redirect_uris, address, native=client.native):
        raise Untrusted(
            zh="登录后要去的地址不是该服务登记的地址，为了安全没有继续。请从该服务的官方入口重新登录。",
            en="the address to return to is not one the service has registered, so we stopped. "
            "Please start again from the service's own page.",
        )
    return address


def state_of(form: Form) -> str | None:
    """The client's state, to be given back to the letter, also with an error."""
    state = form.get("state")
    return None if "state" in form.doubled or not state or len(state) > STATE_MAX else state


def read(form: Form, client: Client, redirect_uri: str, hinted: str | None) -> AuthorizationRequest:
    """The checked request (Core 1.0, 3.1.2.1); raises OpenidError for the client."""
    form.once()
    for name in ("request", "request_uri", "registration"):
        if form.get(name):
            raise OpenidError(f"{name}_not_supported", f"{name} is not supported")
    if form.need("response_type") != "code":
        raise OpenidError("unsupported_response_type", "response_type must be code")
    if form.get("response_mode") not in (None, "query"):
        raise OpenidError("invalid_request", "response_mode must be query")
    if len(form.get("state") or "") > STATE_MAX:
        raise OpenidError("invalid_request", f"state is longer than {STATE_MAX}")
    if len(form.get("nonce") or "") > _NONCE_MAX:
        raise OpenidError("invalid_request", f"nonce is longer than {_NONCE_MAX}")
    return AuthorizationRequest(
        client_id=client.client_id,
        redirect_uri=redirect_uri,
        scopes=_scopes(form.need("scope"), client.scopes),
        challenge=_challenge(form),
        state=form.get("state"),
        nonce=form.get("nonce"),
        prompts=_prompts(form.get("prompt")),
        max_age=_max_age(form.get("max_age")),
        level=max(client.required_level, _level(form.get("acr_values"))),
        language=_language(form.get("ui_locales")),
        hinted_subject=hinted,
    )


def narrower(text: str | None, granted: tuple[Scope, ...]) -> tuple[Scope, ...]:
    """The scopes of a refresh: those granted, or fewer (RFC 6749, 6); raises invalid_scope."""
    if text is None:
        return granted
    wanted = set(text.split(" "))
    if not wanted <= set(granted) or "openid" not in wanted:
        raise OpenidError("invalid_scope", "only scopes that were granted, openid among them")
    return tuple(one for one in granted if one in wanted)


def verifies(verifier: str, challenge: str) -> bool:
    """Whether a PKCE verifier belongs to a challenge (RFC 7636, 4.6, S256)."""
    if not _VERIFIER.fullmatch(verifier):
        return False
    made = urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    return secrets.compare_digest(made, challenge.encode())


def asks_anew(request: AuthorizationRequest) -> bool:
    """Whether the person must sign in again though signed in."""
    return bool(_ANEW & set(request.prompts))


def _scopes(text: str, allowed: tuple[Scope, ...]) -> tuple[Scope, ...]:
    wanted = set(text.split(" "))
    if "openid" not in wanted:
        raise OpenidError("invalid_scope", "scope must contain openid")
    # What nobody knows is left out (Core 1.0, 3.1.2.1); what this client may not have is said.
    refused = (wanted & set(SCOPES)) - set(allowed)
    if refused:
        raise OpenidError("invalid_scope", f"not open to this client: {' '.join(sorted(refused))}")
    return tuple(one for one in SCOPES if one in wanted)


def _challenge(form: Form) -> str:
    challenge = form.get("code_challenge")
    if challenge is None:
        raise OpenidError("invalid_request", "code_challenge is missing: PKCE is required")
    # Without a method it would be "plain" (RFC 7636, 4.3), which protects nothing.
    if form.get("code_challenge_method") != "S256":
        raise OpenidError("invalid_request", "code_challenge_method must be S256")
    if not _CHALLENGE.fullmatch(challenge):
        raise OpenidError("invalid_request", "code_challenge must be 43 characters of base64url")
    return challenge


def _prompts(text: str | None) -> tuple[str, ...]:
    prompts = tuple(dict.fromkeys(text.split(" "))) if text else ()
    if any(one not in PROMPTS for one in prompts):
        raise OpenidError("invalid_request", "prompt is none, login, consent or select_account")
    if "none" in prompts and len(prompts) > 1:
        raise OpenidError("invalid_request", "prompt none stands alone")
    return prompts


def _max_age(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise OpenidError("invalid_request", "max_age is a number of seconds")
    return int(text)


def _level(text: str | None) -> Level:
    """The lowest level named: the client is content with any of them."""
    named = [
        int(one.removeprefix(ACR_PREFIX))
        for one in (text or "").split(" ")
        if one in (f"{ACR_PREFIX}1", f"{ACR_PREFIX}2", f"{ACR_PREFIX}3")
    ]
    return cast("Level", min(named, default=1))


def _language(text: str | None) -> Literal["zh", "en"] | None:
    for one in (text or "").split(" "):
        tag = one.lower().split("-")[0]
        if tag == "zh":
            return "zh"
        if tag == "en":
            return "en"
    return None


def _word(name: str) -> str:
    """A parameter's name as it may stand in a description."""
    return name if re.fullmatch(r"[a-z_]{1,40}", name) else "a parameter"
