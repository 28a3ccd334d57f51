"""Known browsers (常用设备): a cookie by which strangers' tries never stop people in their own.

OWASP calls it a device cookie. The token is random and the database keeps its hash; one browser
carries a token for each person known in it, so that a family can share it.
"""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from yikatong.core.database import Connection
from yikatong.core.errors import NotFound
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.identity.model import Mode
from yikatong.identity.signing_in import store
from yikatong.identity.signing_in.model import KnownDevice, Visitor
from yikatong.trust import audit
from yikatong.trust.audit import Actor

TOKENS_MAX: Final = 5
"""Persons known in one browser at the same time."""
KEPT_MAX: Final = 20
"""Browsers kept for one person; the longest unused goes first."""
LASTS: Final = timedelta(days=365)
_SECRET_BYTES: Final = 24
_TOKEN_LENGTH: Final = 32


def read_tokens(cookie: str | None) -> tuple[str, ...]:
    """The tokens of a device cookie; whatever else it holds is left out."""
    parts = (cookie or "")[: (TOKENS_MAX + 1) * (_TOKEN_LENGTH + 1)].split(".")
    return tuple(one for one in parts if len(one) == _TOKEN_LENGTH)[:TOKENS_MAX]


def write_tokens(tokens: Sequence[str]) -> str:
    """The device cookie."""
    return ".".join(tokens)


async def find(
    platform: Platform, connection: Connection, person_id: int | None, visitor: Visitor
) -> KnownDevice | None:
    """The browser, if the person signed in with it before."""
    hashes = [_hash(one) for one in visitor.tokens]
    after = platform.clock.now() - LASTS
    # Asked also for nobody: the answer takes as long.
    return await store.find_device(connection, person_id or 0, hashes, after)


async def note(
    platform: Platform, connection: Connection, person_id: int, visitor: Visitor, modes: set[Mode]
) -> tuple[tuple[str, ...], bool]:
    """Remember the browser after a proof: the tokens for its cookie, and whether it is new."""
    now = platform.clock.now()
    found = await find(platform, connection, person_id, visitor)
    if found is not None:
        await store.used_device(
            connection, person_id, found.device_id, visitor.device, sorted(modes), now
        )
        return visitor.tokens, False
    token = secrets.token_urlsafe(_SECRET_BYTES)
    made = KnownDevice(person_id, new_id(now), visitor.device, tuple(sorted(modes)), now, now)
    await store.insert_device(connection, made, _hash(token))
    await store.drop_devices(connection, person_id, KEPT_MAX)
    return (token, *visitor.tokens)[:TOKENS_MAX], True


async def of_person(platform: Platform, person_id: int) -> list[KnownDevice]:
    """The person's known browsers, the last used first."""
    async with platform.database.transaction(readonly=True) as connection:
        return await store.devices(connection, person_id, platform.clock.now() - LASTS)


async def forget(platform: Platform, person_id: int, device_id: int, actor: Actor) -> None:
    """Forget a browser: tries from there are a stranger's again. Raises NotFound."""
    async with platform.database.transaction() as connection:
        if not await store.forget_device(connection, person_id, device_id):
            raise NotFound(
                zh="没有这台设备，可能已经删除",
                en="there is no such device; it may have been removed already",
            )
        await audit.record(
            connection, actor, platform.clock.now(), person_id, "device.forgotten", {}
        )


def _hash(token: str) -> bytes:
    # 24 random bytes need no slow hash.
    return hashlib.sha256(token.encode()).digest()
