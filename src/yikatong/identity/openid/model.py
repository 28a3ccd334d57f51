"""Types of the OpenID provider: clients, requests, logins and their tokens."""

from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from yikatong.core.errors import Text
from yikatong.identity.model import Level, Mode

Scope = Literal["openid", "profile", "card", "enrolment", "address", "phone", "offline_access"]
"""What a service may ask for (OpenID Connect Core 1.0, 5.4, and three of our own)."""

SCOPE_NAMES: Final[dict[Scope, Text]] = {
    "openid": Text(
        "一个编号：同一个人再来时认得出，别的服务看不懂",
        "A number that recognises you when you come again and means nothing to other services",
    ),
    "profile": Text("姓名、性别、出生日期", "Name, sex and date of birth"),
    "card": Text(
        "社保卡：卡号（中间几位隐去）、发卡地、状态",
        "Card: its number (middle hidden), issuing region and state",
    ),
    "enrolment": Text("参保险种和参保地", "Which insurance you have, and where"),
    "address": Text("居住地（到市县，没有门牌）", "Where you live (city or county, no street)"),
    "phone": Text("完整的手机号码", "Your whole phone number"),
    "offline_access": Text(
        "您不在线时也能取得以上内容，最长 30 天", "All this also while you are away, up to 30 days"
    ),
}
"""In the words of the consent page, in its order."""
SCOPES: Final[tuple[Scope, ...]] = tuple(SCOPE_NAMES)

Authentication = Literal["secret", "private_key_jwt", "none"]
"""How a client proves itself: client_secret_basic or _post, private_key_jwt, or (public) not."""

ACR_PREFIX: Final = "urn:yikatong:acr:"
CODE_LASTS: Final = timedelta(seconds=60)
ACCESS_LASTS: Final = timedelta(minutes=10)
ID_TOKEN_LASTS: Final = timedelta(minutes=10)
OFFLINE_LASTS: Final = timedelta(days=30)
"""From the login; no refresh makes it longer."""
REQUEST_LASTS: Final = timedelta(minutes=30)
LOST_ANSWER_WITHIN: Final = timedelta(seconds=30)
"""So long a client that proves itself may use a refresh token again whose answer it never got."""
LOOKS_MAX: Final = 100
"""Of one access token: each look is an event in the person's trail."""
SECRETS_OVERLAP: Final = timedelta(days=7)


class Client(msgspec.Struct, frozen=True):
    """A service that people log in to (依赖方)."""

    client_id: str
    authentication: Authentication
    native: bool
    """An app on the person's own device (RFC 8252): loopback ports may vary, own schemes allowed."""
    name_zh: str
    name_en: str
    sector: str
    redirect_uris: tuple[str, ...]
    post_logout_uris: tuple[str, ...]
    scopes: tuple[Scope, ...]
    required_level: Level
    key_set: str | None
    """JWK set with the client's public keys, as JSON."""
    sandbox: bool
    made_at: datetime
    disabled_at: datetime | None

    @property
    def name(self) -> Text:
        return Text(self.name_zh, self.name_en)

    @property
    def public(self) -> bool:
        return self.authentication == "none"


class AuthorizationRequest(msgspec.Struct, frozen=True):
    """What a service asked for, checked."""

    client_id: str
    redirect_uri: str
    scopes: tuple[Scope, ...]
    challenge: str
    state: str | None
    nonce: str | None
    prompts: tuple[str, ...]
    max_age: int | None
    """Seconds since the last proof, at most."""
    level: Level
    """The lowest of the levels it is content with."""
    language: Literal["zh", "en"] | None
    hinted_subject: str | None
    """The `sub` that must be the person's, from id_token_hint."""


class Pending(msgspec.Struct, frozen=True):
    """A request whose reader was sent to sign in or is asked for consent."""

    request: AuthorizationRequest
    asked_at: datetime


class Grant(msgspec.Struct, frozen=True):
    """A login of a person at a client."""

    person_id: int
    grant_id: int
    client_id: str
    session_id: int
    scopes: tuple[Scope, ...]
    level: Level
    modes: tuple[Mode, ...]
    proved_at: datetime
    nonce: str | None
    redirect_uri: str
    challenge: str
    code_expires_at: datetime
    code_used_at: datetime | None
    begun_at: datetime
    ends_at: datetime
    ended_at: datetime | None

    @property
    def offline(self) -> bool:
        return "offline_access" in self.scopes


class Consent(msgspec.Struct, frozen=True):
    """What a person lets a service see (授权)."""

    person_id: int
    client_id: str
    scopes: tuple[Scope, ...]
    given_at: datetime
    changed_at: datetime


class LiveToken(msgspec.Struct, frozen=True):
    """A token with the login it belongs to."""

    grant: Grant
    token_id: int
    kind: Literal["access", "refresh"]
    scopes: tuple[Scope, ...]
    made_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    used_at: datetime | None
    replaced_by: int | None
    session_over: bool
    """Whether the person signed out of the session in which the login was made."""


class Issued(msgspec.Struct, frozen=True):
    """The answer of the token endpoint (RFC 6749, 5.1)."""

    access_token: str
    expires_in: int
    scope: str
    id_token: str
    token_type: str = "Bearer"  # noqa: S105 - a word of the standard
    refresh_token: str | None = None

    def body(self) -> dict[str, object]:
        return {
            name: value
            for name in self.__struct_fields__
            if (value := getattr(self, name)) is not None
        }
