"""Credentials (接口凭证): with what a provider signs its calls. Secrets lie sealed in the database.

A secret is shown once, when it is made; those of sandbox providers can be looked at again.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from yikatong.core import regions
from yikatong.core.clock import SHANGHAI
from yikatong.core.coalescing import Busy
from yikatong.core.database import Connection, Record
from yikatong.core.errors import InvalidInput, NotFound
from yikatong.core.fresh import Remembered
from yikatong.core.platform import Platform
from yikatong.medical import service as medical
from yikatong.medical.hospital_api import signatures, store
from yikatong.medical.model import Provider

_FIELD: Final = "provider_secret"
SEEN_WITHIN_SECONDS: Final = 5.0
"""After so long every process knows that a credential was revoked."""
_KNOWN_MAX: Final = 50_000
_MISSES_A_SECOND_MAX: Final = 200
ROTATION: Final = timedelta(hours=24)
"""How long the old secret still works beside the new one."""


class Credential(msgspec.Struct, frozen=True):
    """An access key with its secret (scheme B: paasid and token)."""

    access_key: str
    secret: str
    provider_code: str
    scheme: signatures.Scheme
    sandbox: bool

    def __repr__(self) -> str:
        return f"Credential({self.access_key!r}, {self.provider_code!r}, {self.scheme!r})"


class Caller(msgspec.Struct, frozen=True, eq=False):
    """A credential as a call is checked against, with its provider."""

    access_key: str
    scheme: str
    secret: bytes
    sandbox: bool
    sm2_public_key: bytes | None
    provider: Provider
    places: frozenset[str]
    """The provider's region and those it lies in."""

    def __repr__(self) -> str:
        return f"Caller({self.access_key!r})"


async def create(
    platform: Platform,
    connection: Connection,
    provider_code: str,
    scheme: str,
    *,
    sandbox: bool,
) -> Credential:
    """A new credential; raises NotFound for an unknown provider, InvalidInput for the scheme."""
    provider = await medical.provider(connection, provider_code)
    if scheme not in ("A", "B"):
        raise InvalidInput("scheme", zh="应为 A 或 B", en="must be A or B")
    made = Credential(
        access_key=secrets.token_hex(12),
        secret=secrets.token_urlsafe(32),
        provider_code=provider.provider_code,
        scheme=scheme,
        sandbox=sandbox,
    )
    await _insert(platform, connection, made, None)
    return made


async def rotate(
    platform: Platform, connection: Connection, access_key: str, *, keep: timedelta = ROTATION
) -> Credential:
    """A new credential like this one, which goes on working for `keep`; raises NotFound."""
    old = await store.credential(connection, access_key, platform.clock.now())
    if old is None:
        raise _no_such_credential()
    made = Credential(
        access_key=secrets.token_hex(12),
        secret=secrets.token_urlsafe(32),
        provider_code=old["provider_code"],
        scheme=old["scheme"],
        sandbox=old["sandbox"],
    )
    await _insert(platform, connection, made, old["sm2_public_key"])
    await store.revoke_credential(connection, access_key, platform.clock.now() + keep)
    return made


async def _insert(
    platform: Platform, connection: Connection, made: Credential, sm2_public_key: str | None
) -> None:
    await store.insert_credential(
        connection,
        made.access_key,
        made.provider_code,
        made.scheme,
        platform.vault.seal(_FIELD, 0, made.secret),
        sm2_public_key,
        made.sandbox,
        platform.clock.now(),
    )


async def revoke(platform: Platform, connection: Connection, access_key: str) -> None:
    """The credential works no more, everywhere within SEEN_WITHIN_SECONDS; raises NotFound."""
    if not await store.revoke_credential(connection, access_key, platform.clock.now()):
        raise _no_such_credential()


async def register_sm2(
    platform: Platform, connection: Connection, access_key: str, public_key: str | None
) -> None:
    """From now on calls must carry an SM2 signature; None: no more. Raises InvalidInput, NotFound."""
    text = None if public_key is None else signatures.read_public_key(public_key).hex()
    if not await store.set_sm2_key(connection, access_key, text, platform.clock.now()):
        raise _no_such_credential()


async def every(connection: Connection, provider_code: str | None) -> list[dict[str, Any]]:
    """Credentials without their secrets, revoked ones too, the oldest first; raises NotFound for an
    unknown provider."""
    if provider_code is not None:
        await medical.provider(connection, provider_code)
    return [
        {
            "code": row["provider_code"],
            "scheme": row["scheme"],
            "access_key": row["access_key"],
            "sandbox": row["sandbox"],
            "sm2_public_key": row["sm2_public_key"],
            "created_at": _shown(row["created_at"]),
            "revoked_at": _shown(row["revoked_at"]),
        }
        for row in await store.every_credential(connection, provider_code)
    ]


def _shown(at: datetime | None) -> str | None:
    return at and at.astimezone(SHANGHAI).isoformat(timespec="seconds")


async def of_sandbox(platform: Platform, connection: Connection) -> list[Credential]:
    """The sandbox credentials in use, with their secrets, the oldest first."""
    rows = await store.sandbox_credentials(connection, platform.clock.now())
    return [
        Credential(
            row["access_key"],
            platform.vault.open(_FIELD, 0, row["secret_sealed"]),
            row["provider_code"],
            row["scheme"],
            sandbox=True,
        )
        for row in rows
    ]


def _no_such_credential() -> NotFound:
    return NotFound(
        zh="没有这个访问密钥，或已停用", en="no such access key, or it was revoked",
        field="access_key",
    )  # fmt: skip


def _too_many() -> Busy:
    return Busy(
        zh="未知的访问密钥太多，请稍后重试",
        en="too many unknown access keys are tried; try again in a moment",
    )


class Callers:
    """The credentials in use; one per process. A known one costs no look-up."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._remembered = Remembered(
            self._read,
            self._open,
            _too_many,
            seconds=SEEN_WITHIN_SECONDS,
            known_max=_KNOWN_MAX,
            misses_a_second_max=_MISSES_A_SECOND_MAX,
        )

    async def find(self, access_key: str) -> Caller | None:
        """Who signs with this key; None where nobody does. Raises Busy where too many unknown keys
        are tried at once, Unavailable."""
        return await self._remembered.find(access_key)

    def at_hand(self, access_key: str) -> Caller | None:
        """Who signs with this key, where that is known already."""
        return self._remembered.at_hand(access_key)

    async def _read(self, access_keys: Sequence[str]) -> dict[str, Record]:
        async with self._platform.database.transaction(readonly=True) as connection:
            rows = await store.credentials(connection, access_keys, self._platform.clock.now())
        return {row["access_key"]: row for row in rows}

    def _open(self, row: Record) -> Caller:
        provider = store.provider_of(row)
        sm2: str | None = row["sm2_public_key"]
        return Caller(
            access_key=row["access_key"],
            scheme=row["scheme"],
            secret=self._platform.vault.open(_FIELD, 0, row["secret_sealed"]).encode(),
            sandbox=row["sandbox"],
            sm2_public_key=None if sm2 is None else signatures.read_public_key(sm2),
            provider=provider,
            places=_places(provider.region),
        )


def _places(region: str) -> frozenset[str]:
    # 110100 is no region of its own any more, and still what clients in Beijing send.
    around = {one.code for one in regions.path(region)}
    return frozenset(around | {f"{region[:4]}00", f"{region[:2]}0000"})
