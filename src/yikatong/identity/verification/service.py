"""Use cases around verifications: which services may ask, and what for."""

from collections.abc import Sequence
from typing import Final, Literal

from yikatong.core.errors import InvalidInput, one_of
from yikatong.core.platform import Platform
from yikatong.identity.verification import store
from yikatong.identity.verification.model import PURPOSES, Permit

PER_MINUTE: Final = 600
PER_MINUTE_MAX: Final = 1_000_000


async def permit(
    platform: Platform,
    kind: Literal["staff", "provider", "service"],
    name: str,
    purposes: Sequence[str],
    per_minute: int = PER_MINUTE,
) -> Permit:
    """Let a service verify for these purposes and no others; the newest permit counts."""
    for one in purposes:
        one_of(one, PURPOSES, "purpose")
    if not 1 <= per_minute <= PER_MINUTE_MAX:
        raise InvalidInput(
            "per_minute",
            zh=f"应为 1 至 {PER_MINUTE_MAX}",
            en=f"must be between 1 and {PER_MINUTE_MAX}",
        )
    made = Permit(kind, name, tuple(dict.fromkeys(purposes)), per_minute)
    async with platform.database.transaction() as connection:
        await store.write_permit(connection, made)
    return made


async def permits(platform: Platform) -> Sequence[Permit]:
    """All permits."""
    async with platform.database.transaction(readonly=True) as connection:
        return await store.permits(connection)
