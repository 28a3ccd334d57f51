"""Use cases of endings: a token revoked (RFC 7009), a consent withdrawn, a person logged out."""

from collections.abc import Sequence

import msgspec

from yikatong.core.errors import NotFound
from yikatong.core.platform import Platform
from yikatong.identity.openid import claims, client_store, clients, looking, store
from yikatong.identity.openid.errors import OpenidError, Untrusted
from yikatong.identity.openid.model import REQUEST_LASTS, Client, Consent
from yikatong.identity.openid.requests import STATE_MAX, Form
from yikatong.identity.openid.signing import OpenidProvider
from yikatong.identity.sessions.model import Session
from yikatong.trust import audit


class Logout(msgspec.Struct, frozen=True):
    """What a service asks when it logs a person out (RP-Initiated Logout 1.0)."""

    client: Client | None
    go_to: str | None
    """The registered address to go to afterwards."""
    state: str | None
    sure: bool
    """Whether the ID token proves that the person of this session logged in there: then nobody is
    asked."""


async def revoke(provider: OpenidProvider, client: Client, shown: str) -> None:
    """End a token: an access token alone, a refresh token with its whole login.

    What is unknown or over is fine (RFC 7009, 2.2); raises OpenidError for another client's.
    """
    now = provider.platform.clock.now()
    async with provider.platform.database.transaction() as connection:
        token = await looking.find(provider, connection, shown)
        if token is None:
            return
        grant = token.grant
        if grant.client_id != client.client_id:
            raise OpenidError("invalid_grant", "the token was made for another client")
        if token.kind == "access":
            await store.end_tokens(connection, grant, token.token_id, now)
        else:
            await store.end_grant(connection, grant.person_id, grant.grant_id, "client", now)


async def consents_of(platform: Platform, session: Session) -> Sequence[tuple[Consent, Client]]:
    """What the person lets services see, the last changed first."""
    async with platform.database.transaction(readonly=True) as connection:
        found = await store.consents(connection, session.person_id)
        known = {one.client_id: one for one in await client_store.clients(connection)}
    return [(one, known[one.client_id]) for one in found if one.client_id in known]


async def withdraw(platform: Platform, session: Session, client_id: str) -> Client:
    """Take a consent back; all tokens of that service end at once. Harmless when doubled.

    Raises NotFound for a client that is not there.
    """
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        client = await clients.named(connection, client_id)
        if client is None:
            raise NotFound(zh="没有给过该服务授权", en="you have not let this service in")
        gone = await store.drop_consent(connection, session.person_id, client_id)
        ended = await store.end_grants(connection, session.person_id, client_id, "person", now)
        if gone or ended:
            await audit.record(
                connection, session.actor("consents page"), now, session.person_id,
                "openid.consent_withdrawn",
                {"client": client_id, "name": client.name.as_dict(), "logins": ended},
            )  # fmt: skip
    return client


async def read_logout(provider: OpenidProvider, form: Form, session: Session | None) -> Logout:
    """Check a logout request; raises Untrusted where it would lead to an address that is not
    registered (no open redirect)."""
    platform = provider.platform
    hint = form.get("id_token_hint")
    told = None if hint is None else await provider.open_hint(hint)
    named = form.get("client_id")
    if told is not None and named not in (None, told.get("aud")):
        told = None
    client_id = str(told["aud"]) if told is not None else named
    async with platform.database.transaction(readonly=True) as connection:
        client = None
        if client_id is not None:
            client = await clients.find(platform, connection, client_id)
    go_to = form.get("post_logout_redirect_uri")
    state = form.get("state")
    if form.doubled or (
        go_to is not None and (client is None or go_to not in client.post_logout_uris)
    ):
        raise Untrusted(
            zh="退出后要去的地址不是该服务登记的地址，为了安全没有继续。",
            en="the address to go to after logging out is not one the service has registered, so "
            "we stopped.",
        )
    sure = session is None or (
        told is not None
        and client is not None
        and told.get("sub") == claims.subject(platform.vault, client, session.person_id)
        and told.get("sid") == claims.session_name(platform.vault, client, session.session_id)
    )
    if state is not None and len(state) > STATE_MAX:
        state = None
    return Logout(client, go_to, state, sure)


async def forget_old(platform: Platform, limit: int = 10_000) -> int:
    """Delete requests, assertions, logins and tokens that are over; answers how many rows."""
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        return await store.forget(connection, now, now - REQUEST_LASTS, limit)
