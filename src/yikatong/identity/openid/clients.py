"""Use cases of clients: registered by the operator, shown, rotated, switched off; authenticated."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, cast

import msgspec
import structlog

from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, NotFound, YikatongError
from yikatong.core.platform import Platform
from yikatong.identity import handing, office
from yikatong.identity.handing import Command
from yikatong.identity.model import Level
from yikatong.identity.openid import client_store, proofs, redirects, store
from yikatong.identity.openid.errors import OpenidError
from yikatong.identity.openid.model import (
    SCOPES,
    SECRETS_OVERLAP,
    Authentication,
    Client,
    Scope,
)
from yikatong.identity.openid.proofs import Proof
from yikatong.identity.openid.requests import Form
from yikatong.trust import guessing
from yikatong.trust.audit import Actor
from yikatong.trust.guessing import Limit

_SECRET_FIELD: Final = "openid_client_secret"  # noqa: S105 - the name of a field
_NAMES_MAX: Final = 40
_ADDRESSES_MAX: Final = 10
_CLIENT_ID: Final = re.compile(r"[a-z0-9][a-z0-9-]{2,39}")
_HOST: Final = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
_FAILURES: Final = (Limit(20, timedelta(minutes=5)),)
_FAILURES_OF_ADDRESS: Final = (Limit(200, timedelta(minutes=5)),)
_log = structlog.stdlib.get_logger("yikatong.openid")


class ClientExists(YikatongError):
    """A client of this id is registered already."""

    code = "client_exists"
    status = 409


class NewClient(msgspec.Struct, frozen=True):
    """What the operator says of a client."""

    client_id: str
    name_zh: str
    name_en: str
    redirect_uris: tuple[str, ...]
    scopes: tuple[str, ...]
    authentication: Authentication = "secret"
    native: bool = False
    post_logout_uris: tuple[str, ...] = ()
    required_level: Level = 1
    sector: str | None = None
    key_set: str | None = None
    sandbox: bool = False


def checked(new: NewClient, at: datetime) -> Client:
    """The client as it is registered; raises InvalidInput naming the field."""
    if not _CLIENT_ID.fullmatch(new.client_id):
        raise InvalidInput(
            "client_id",
            zh="3 至 40 位小写字母、数字或连字符",
            en="3 to 40 small letters, digits or hyphens",
        )
    for field, name in (("name_zh", new.name_zh), ("name_en", new.name_en)):
        if not 0 < len(name.strip()) <= _NAMES_MAX or not name.isprintable():
            raise InvalidInput(field, zh="1 至 40 个字", en="1 to 40 letters")
    for field, found in (
        ("redirect_uris", new.redirect_uris),
        ("post_logout_uris", new.post_logout_uris),
    ):
        if len(found) > _ADDRESSES_MAX or (field == "redirect_uris" and not found):
            raise InvalidInput(field, zh="需要 1 至 10 个地址", en="give 1 to 10 addresses")
        for address in found:
            redirects.check(address, field, native=new.native)
    unknown = set(new.scopes) - set(SCOPES)
    if unknown:
        raise InvalidInput(
            "scopes", zh=f"可选：{'、'.join(SCOPES)}", en=f"choose of {', '.join(SCOPES)}"
        )
    if new.native and new.authentication != "none":
        raise InvalidInput(
            "authentication",
            zh="应用装在别人的设备上，藏不住密钥，应为 none",
            en="an app on other people's devices cannot keep a secret: it must be none",
        )
    if (new.authentication == "private_key_jwt") != (new.key_set is not None):
        raise InvalidInput(
            "key_set",
            zh="private_key_jwt 需要公钥，其他方式不需要",
            en="private_key_jwt needs public keys, other ways do not",
        )
    wanted = {*new.scopes, "openid"}
    return Client(
        client_id=new.client_id,
        authentication=new.authentication,
        native=new.native,
        name_zh=new.name_zh.strip(),
        name_en=new.name_en.strip(),
        sector=_sector(new),
        redirect_uris=new.redirect_uris,
        post_logout_uris=new.post_logout_uris,
        scopes=cast("tuple[Scope, ...]", tuple(one for one in SCOPES if one in wanted)),
        required_level=new.required_level,
        key_set=None if new.key_set is None else proofs.check_key_set(new.key_set, "key_set"),
        sandbox=new.sandbox,
        made_at=at,
        disabled_at=None,
    )


def _sector(new: NewClient) -> str:
    if new.sector is not None:
        if not _HOST.fullmatch(new.sector) or len(new.sector) > 200:
            raise InvalidInput("sector", zh="应为域名", en="must be a domain name")
        return new.sector
    host = redirects.sector(new.redirect_uris)
    if host is None and any(redirects.proves_the_app(one) for one in new.redirect_uris):
        raise InvalidInput(
            "sector",
            zh="跳转地址的域名不止一个，请指明以哪个域名区分用户编号",
            en="the redirect addresses have more than one domain: say which one tells people's "
            "numbers apart",
        )
    # Not a host, so that it is nobody else's sector.
    return host or f"client:{new.client_id}"


COMMAND_LINE: Final = Actor("staff", "command line", "openid")


async def add(
    platform: Platform, new: NewClient, actor: Actor = COMMAND_LINE, *, key: str | None = None
) -> tuple[Client, str | None]:
    """Register a client; answers its secret, shown this once.

    With the number of a form (`key`) it happens once, and the secret lies ready in `handing`.
    Raises InvalidInput, ClientExists, KeyUsed.
    """
    now = platform.clock.now()
    client = checked(new, now)
    content = (msgspec.json.encode(new).decode(),)
    command = None if key is None else Command(actor, key, "client.added", new.client_id, content)
    async with platform.database.transaction() as connection:
        if command and not await handing.is_new(connection, platform, command):
            return client, None
        if not await client_store.insert(connection, client):
            raise ClientExists(
                zh=f"{client.client_id} 已登记", en=f"{client.client_id} is registered already",
                field="client_id",
            )  # fmt: skip
        secret = None
        if client.authentication == "secret":
            secret = await _new_secret(platform, connection, client, now)
            if command:
                await handing.keep(connection, platform, command, secret)
        await office.record(connection, actor, now, "client.added", client.client_id)
    _log.info("client added", client=client.client_id)
    return client, secret


async def every(platform: Platform) -> Sequence[Client]:
    """All clients, those switched off too."""
    async with platform.database.transaction(readonly=True) as connection:
        return await client_store.clients(connection)


async def named(connection: Connection, client_id: str) -> Client | None:
    """A client whether it is switched off or not, to tell its name."""
    return await client_store.client(connection, client_id)


async def find(platform: Platform, connection: Connection, client_id: str) -> Client | None:
    """A client that may be used now."""
    if not _CLIENT_ID.fullmatch(client_id):
        return None
    client = await client_store.client(connection, client_id)
    if client is None or client.disabled_at is not None:
        return None
    return None if client.sandbox and not platform.settings.sandbox else client


async def rotate_secret(
    platform: Platform,
    client_id: str,
    actor: Actor = COMMAND_LINE,
    *,
    at_once: bool = False,
    key: str | None = None,
) -> str:
    """A new secret; the old one works for a week more, or with `at_once` not at all.

    With the number of a form (`key`) it happens once, and the secret lies ready in `handing`.
    Raises NotFound, InvalidInput for a client without secrets, KeyUsed.
    """
    now = platform.clock.now()
    content = ("at once" if at_once else "",)
    command = None if key is None else Command(actor, key, "client.rotated", client_id, content)
    async with platform.database.transaction() as connection:
        client = await client_store.client(connection, client_id)
        if client is None:
            raise _unknown()
        if client.authentication != "secret":
            raise InvalidInput("client_id", zh="这个应用没有密钥", en="this client has no secret")
        if command and not await handing.is_new(connection, platform, command):
            return ""
        until = None if at_once else now + SECRETS_OVERLAP
        await client_store.retire_secrets(connection, client_id, until)
        secret = await _new_secret(platform, connection, client, now)
        if command:
            await handing.keep(connection, platform, command, secret)
        await office.record(connection, actor, now, "client.rotated", client_id)
    _log.info("client secret rotated", client=client_id)
    return secret


async def set_disabled(
    platform: Platform, client_id: str, actor: Actor = COMMAND_LINE, *, disabled: bool
) -> None:
    """Switch a client off (its tokens stop at once) or on again; raises NotFound."""
    now = platform.clock.now()
    action = "client.disabled" if disabled else "client.enabled"
    async with platform.database.transaction() as connection:
        if not await client_store.set_disabled(connection, client_id, now if disabled else None):
            raise _unknown()
        await office.record(connection, actor, now, action, client_id)
    _log.info("client switched", client=client_id, disabled=disabled)


async def sandbox_secrets(platform: Platform) -> Sequence[tuple[Client, str]]:
    """The clients to try with, and their secrets."""
    async with platform.database.transaction(readonly=True) as connection:
        sealed = await client_store.sealed_secrets(connection)
        found = await client_store.clients(connection)
    return [
        (one, platform.vault.open(_SECRET_FIELD, 0, sealed[one.client_id]))
        for one in found
        if one.sandbox and one.client_id in sealed and one.disabled_at is None
    ]


async def authenticate(
    platform: Platform,
    authorization: str | None,
    form: Form,
    address: str,
    audiences: Sequence[str],
) -> Client:
    """The client behind a request; raises OpenidError, TooManyTries.

    Only failures are counted, by client and address together, and one that proves itself is never
    turned away: so nobody can lock a client out. A secret has 256 random bits.
    """
    named = form.get("client_id") or ""
    try:
        proof = proofs.read(authorization, form)
        named = proof.client_id
        return await _prove(platform, proof, audiences)
    except OpenidError as error:
        if error.error == "invalid_client":
            await guessing.count(
                platform,
                [
                    (f"openid:{named[:40]}:{address}", _FAILURES),
                    (f"openid:{address}", _FAILURES_OF_ADDRESS),
                ],
            )
        raise


async def _prove(platform: Platform, proof: Proof, audiences: Sequence[str]) -> Client:
    now = platform.clock.now()
    async with platform.database.transaction(readonly=True) as connection:
        client = await find(platform, connection, proof.client_id)
        hashes: Sequence[bytes] = ()
        if client is not None and client.authentication == "secret":
            hashes = await client_store.secret_hashes(connection, client.client_id, now)
    if client is None or not proofs.fits(client, proof):
        raise proofs.refused()
    if client.authentication == "secret":
        shown = _hash(proof.secret)
        if not any(hmac.compare_digest(shown, one) for one in hashes):
            raise proofs.refused()
    elif client.authentication == "private_key_jwt":
        assertion = proofs.check_assertion(client, proof.secret, audiences, now)
        expires_at = datetime.fromtimestamp(assertion.expires_at, UTC)
        async with platform.database.transaction() as connection:
            if not await store.remember_assertion(connection, assertion.mark, expires_at):
                raise proofs.refused("the assertion was used before")
    return client


async def _new_secret(
    platform: Platform, connection: Connection, client: Client, now: datetime
) -> str:
    secret = secrets.token_urlsafe(32)
    sealed = platform.vault.seal(_SECRET_FIELD, 0, secret) if client.sandbox else None
    await client_store.insert_secret(connection, client.client_id, _hash(secret), sealed, now)
    return secret


def _hash(secret: str) -> bytes:
    # 32 random bytes need no slow hash.
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()


def _unknown() -> NotFound:
    return NotFound(
        zh="没有登记这个应用，见 yikatong openid clients list",
        en="no such client; see yikatong openid clients list",
        field="client_id",
    )
