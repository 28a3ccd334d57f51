"""Use cases of the token endpoint (RFC 6749, 4.1.3 and 6; RFC 7636; RFC 9700, 4.14)."""

from typing import Any

import msgspec

from yikatong.core.database import Connection
from yikatong.core.ids import new_id
from yikatong.identity.openid import authorizing, claims, handles, requests, store
from yikatong.identity.openid.errors import OpenidError
from yikatong.identity.openid.handles import Handle
from yikatong.identity.openid.model import (
    ACCESS_LASTS,
    LOST_ANSWER_WITHIN,
    Client,
    Grant,
    Issued,
    LiveToken,
    Scope,
)
from yikatong.identity.openid.requests import Form
from yikatong.identity.openid.signing import OpenidProvider, Signer
from yikatong.trust import audit
from yikatong.trust.audit import Actor


class _Unsigned(msgspec.Struct, frozen=True):
    """The answer before it is signed: nobody else waits for the database meanwhile."""

    issued: Issued
    claims: dict[str, Any]

    def signed(self, sign: Signer) -> Issued:
        return msgspec.structs.replace(self.issued, id_token=sign(self.claims))


async def exchange(provider: OpenidProvider, client: Client, form: Form) -> Issued:
    """Answer a token request of an authenticated client; raises OpenidError."""
    kind = form.need("grant_type")
    if kind == "authorization_code":
        return await _by_code(provider, client, form)
    if kind == "refresh_token":
        return await _by_refresh(provider, client, form)
    raise OpenidError("unsupported_grant_type", "authorization_code or refresh_token")


async def _by_code(provider: OpenidProvider, client: Client, form: Form) -> Issued:
    code, redirect_uri = form.need("code"), form.need("redirect_uri")
    verifier = form.need("code_verifier")
    platform = provider.platform
    handle = handles.read(platform.vault, "code", code)
    if handle is None:
        raise _invalid("the code is not one of ours")
    sign = await provider.signer()
    # Refusals are carried out of the transaction: what they end must stay ended.
    async with platform.database.transaction() as connection:
        found = await _with_code(provider, connection, client, handle, redirect_uri, verifier)
    if isinstance(found, OpenidError):
        raise found
    return found.signed(sign)


async def _with_code(
    provider: OpenidProvider,
    connection: Connection,
    client: Client,
    handle: Handle,
    redirect_uri: str,
    verifier: str,
) -> _Unsigned | OpenidError:
    now = provider.platform.clock.now()
    taken = await store.take_code(
        connection, handle.person_id, handle.grant_id, handle.secret_hash, now
    )
    if taken is None:
        return _invalid("the code is over")
    grant, session_over = taken
    if grant.code_used_at is not None:
        await _end(provider, connection, grant, "code reuse")
        return _invalid("the code was used before; all tokens made of it have ended")
    # A code is looked at once: whoever shows it wrongly has used it up.
    wrong = ""
    if grant.client_id != client.client_id:
        wrong = "the code was made for another client"
    elif grant.redirect_uri != redirect_uri:
        wrong = "redirect_uri differs from that of the authorization request"
    elif not requests.verifies(verifier, grant.challenge):
        wrong = "code_verifier does not belong to code_challenge"
    if wrong:
        await _end(provider, connection, grant, "wrong use")
        return _invalid(wrong)
    if now >= grant.code_expires_at or grant.ended_at is not None or session_over:
        return _invalid("the code is over")
    if not await authorizing.welcome(connection, grant.person_id):
        await _end(provider, connection, grant, "status")
        return _invalid("the person can no longer log in")
    return await _issue(provider, connection, client, grant, grant.scopes, None)


async def _by_refresh(provider: OpenidProvider, client: Client, form: Form) -> Issued:
    shown = form.need("refresh_token")
    platform = provider.platform
    handle = handles.read(platform.vault, "refresh", shown)
    if handle is None:
        raise _invalid("the refresh token is not one of ours")
    sign = await provider.signer()
    async with platform.database.transaction() as connection:
        found = await _with_refresh(provider, connection, client, handle, form.get("scope"))
    if isinstance(found, OpenidError):
        raise found
    return found.signed(sign)


async def _with_refresh(
    provider: OpenidProvider,
    connection: Connection,
    client: Client,
    handle: Handle,
    scope: str | None,
) -> _Unsigned | OpenidError:
    now = provider.platform.clock.now()
    token = await store.token(
        connection, handle.person_id, handle.grant_id, handle.token_id, handle.secret_hash,
        lock=True,
    )  # fmt: skip
    if token is None or token.kind != "refresh":
        return _invalid("the refresh token is over")
    grant = token.grant
    if grant.ended_at is not None or now >= min(grant.ends_at, token.expires_at):
        return _invalid("the refresh token is over")
    again = token.used_at is not None or token.ended_at is not None
    ends_by, why = None, ""
    if grant.client_id != client.client_id:
        # Whoever has it has stolen it.
        ends_by, why = "wrong use", "the refresh token was made for another client"
    elif again and not await _answer_was_lost(connection, client, token, provider):
        ends_by = "token reuse"
        why = "the refresh token was used before; all its successors have ended"
    elif not await authorizing.welcome(connection, grant.person_id):
        ends_by, why = "status", "the person can no longer log in"
    if ends_by is not None:
        await _end(provider, connection, grant, ends_by)
        return _invalid(why)
    try:
        scopes = requests.narrower(scope, grant.scopes)
    except OpenidError as error:
        return error
    if again:
        await store.end_tokens(connection, grant, None, now)
    return await _issue(provider, connection, client, grant, scopes, token)


async def _answer_was_lost(
    connection: Connection, client: Client, token: LiveToken, provider: OpenidProvider
) -> bool:
    """Whether a used refresh token may be used again, because its answer never arrived.

    Only by a client that proves itself, within half a minute, and while what took its place is
    unused. The successor ends with it; whoever shows that one later has everything ended.
    """
    return (
        not client.public
        and token.used_at is not None
        and token.replaced_by is not None
        and provider.platform.clock.now() - token.used_at <= LOST_ANSWER_WITHIN
        and await store.is_unused(connection, token.grant, token.replaced_by)
    )


async def _issue(
    provider: OpenidProvider,
    connection: Connection,
    client: Client,
    grant: Grant,
    scopes: tuple[Scope, ...],
    refreshed: LiveToken | None,
) -> _Unsigned:
    platform = provider.platform
    now = platform.clock.now()
    expires_at = min(now + ACCESS_LASTS, grant.ends_at)
    token_id = new_id(now)
    access, access_hash = handles.make(
        platform.vault, "access", grant.person_id, grant.grant_id, token_id
    )
    await store.insert_token(
        connection, grant, token_id, "access", access_hash, scopes, now, expires_at
    )
    refresh = None
    if grant.offline:
        refresh_id = new_id(now)
        refresh, refresh_hash = handles.make(
            platform.vault, "refresh", grant.person_id, grant.grant_id, refresh_id
        )
        await store.insert_token(
            connection, grant, refresh_id, "refresh", refresh_hash, grant.scopes, now,
            grant.ends_at,
        )  # fmt: skip
        if refreshed is not None:
            await store.replace_token(connection, grant, refreshed.token_id, refresh_id, now)
    told = claims.id_token(
        provider.issuer, platform.vault, client, grant, access, now, first=refreshed is None
    )
    issued = Issued(
        access_token=access,
        expires_in=int((expires_at - now).total_seconds()),
        scope=" ".join(scopes),
        id_token="",
        refresh_token=refresh,
    )
    return _Unsigned(issued, told)


async def _end(provider: OpenidProvider, connection: Connection, grant: Grant, by: str) -> None:
    now = provider.platform.clock.now()
    if await store.end_grant(connection, grant.person_id, grant.grant_id, by, now):
        await audit.record(
            connection, Actor("system", "openid", "protect a login"), now, grant.person_id,
            "openid.login_ended", {"client": grant.client_id, "why": by},
        )  # fmt: skip


def _invalid(description: str) -> OpenidError:
    return OpenidError("invalid_grant", description)
