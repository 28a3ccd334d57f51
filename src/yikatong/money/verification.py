"""Proving all money: the ledger itself, and what stands beside it against the ledger."""

from collections.abc import Callable

from yikatong.core.platform import Platform
from yikatong.money.ledger import verification
from yikatong.money.ledger.verification import Verification


async def verify(
    platform: Platform, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> Verification:
    """Recompute every balance and prove the whole; `progress` hears ranges done and in all."""
    return await verification.verify(platform, progress)
