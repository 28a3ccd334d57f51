"""Use cases of tokens at work: userinfo (Core 1.0, 5.3) and introspection (RFC 7662)."""

from datetime import datetime
from typing import Any

from yikatong.core.database import Connection
from yikatong.identity.openid import authorizing, claims, clients, handles, store
from yikatong.identity.openid.errors import OpenidError
from yikatong.identity.openid.handles import Kind
from yikatong.identity.openid.model import LOOKS_MAX, Client, LiveToken
from yikatong.identity.openid.rules import is_welcome
from yikatong.identity.openid.signing import OpenidProvider
from yikatong.trust import audit
from yikatong.trust.audit import Actor
from yikatong.trust.guessing import TooManyTries


def is_live(token: LiveToken, now: datetime) -> bool:
    """Whether a token may be used: not over, not used up, and its login still holds.

    Without offline_access a login ends with the session in which it was made.
    """
    grant = token.grant
    return (
        token.ended_at is None
        and token.used_at is None
        and now < min(token.expires_at, grant.ends_at)
        and grant.ended_at is None
        and (grant.offline or not token.session_over)
    )


async def user_info(provider: OpenidProvider, shown: str) -> dict[str, Any]:
    """What the token's scopes let the service see; recorded for the person. Raises invalid_token,
    TooManyTries."""
    platform = provider.platform
    handle = handles.read(platform.vault, "access", shown)
    if handle is None:
        raise invalid_token()
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        token = await store.token(
            connection, handle.person_id, handle.grant_id, handle.token_id, handle.secret_hash
        )
        if token is None or token.kind != "access" or not is_live(token, now):
            raise invalid_token()
        grant = token.grant
        client = await clients.find(platform, connection, grant.client_id)
        if client is None:
            raise invalid_token()
        # The card is read in any case: a cancelled one ends the login.
        facts = await authorizing.facts_for(
            platform, connection, grant.person_id, (*token.scopes, "card")
        )
        if not is_welcome(facts.person, facts.card):
            raise invalid_token()
        if not await store.count_look(connection, token, LOOKS_MAX):
            raise TooManyTries(int((token.expires_at - now).total_seconds()))
        await audit.record(
            connection,
            Actor("service", client.client_id, "userinfo"),
            now,
            grant.person_id,
            "openid.userinfo",
            {
                "client": client.client_id,
                "name": client.name.as_dict(),
                "scopes": list(token.scopes),
            },
        )
    subject = claims.subject(platform.vault, client, grant.person_id)
    return {"sub": subject, **claims.user_info(token.scopes, facts)}


async def introspect(provider: OpenidProvider, client: Client, shown: str) -> dict[str, Any]:
    """What a client may know of a token of its own; of any other only that it is not active."""
    platform = provider.platform
    now = platform.clock.now()
    async with platform.database.transaction(readonly=True) as connection:
        token = await find(provider, connection, shown)
        if (
            token is None
            or token.grant.client_id != client.client_id
            or not is_live(token, now)
            or not await authorizing.welcome(connection, token.grant.person_id)
        ):
            return {"active": False}
    grant = token.grant
    return {
        "active": True,
        "scope": " ".join(token.scopes),
        "client_id": client.client_id,
        "token_type": "Bearer" if token.kind == "access" else "refresh_token",
        "exp": int(token.expires_at.timestamp()),
        "iat": int(token.made_at.timestamp()),
        "sub": claims.subject(platform.vault, client, grant.person_id),
        "aud": client.client_id,
        "iss": provider.issuer,
        "acr": claims.acr(grant.level),
        "auth_time": int(grant.proved_at.timestamp()),
    }


async def find(provider: OpenidProvider, connection: Connection, shown: str) -> LiveToken | None:
    """The token behind a text, live or not; None for what is none of ours."""
    kinds: tuple[Kind, ...] = ("access", "refresh")
    for kind in kinds:
        handle = handles.read(provider.platform.vault, kind, shown)
        if handle is not None:
            return await store.token(
                connection, handle.person_id, handle.grant_id, handle.token_id, handle.secret_hash
            )
    return None


def invalid_token() -> OpenidError:
    """RFC 6750, 3.1."""
    return OpenidError("invalid_token", "the access token is not valid, or is over", 401)
