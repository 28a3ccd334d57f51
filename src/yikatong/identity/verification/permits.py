"""Permits of services: purposes and how often, as this process knows them; and its share of load."""

import math
import time
from collections.abc import Callable
from typing import Final

from yikatong.core.errors import one_of
from yikatong.core.platform import Platform
from yikatong.identity.verification import store
from yikatong.identity.verification.errors import PurposeNotPermitted, TooFast
from yikatong.identity.verification.model import PURPOSES, Permit
from yikatong.trust.access import Caller

SEEN_WITHIN_SECONDS: Final = 5.0
"""A changed permit is known to every process after so long."""
_OPERATOR: Final = ("service", "operator")


class Permits:
    """Which service may verify for what; and a bucket for each service, filled by the minute.

    The buckets are this process's own: with several workers a service gets up to so many times its
    share. They guard against load; what guards secrets is counted in the database.
    """

    def __init__(self, platform: Platform, seconds: Callable[[], float] = time.monotonic) -> None:
        self._platform = platform
        self._seconds = seconds
        self._known: dict[tuple[str, str], tuple[Permit | None, float]] = {}
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}

    async def admit(self, caller: Caller, purpose: str) -> None:
        """Raise PurposeNotPermitted, or TooFast where the service's minute is used up.

        The operator's token is the installation itself: every purpose, and no share.
        """
        key = caller.kind, caller.name
        one_of(purpose, PURPOSES, "purpose")
        if key == _OPERATOR:
            return
        permit = await self._find(key)
        permitted = () if permit is None else permit.purposes
        if permit is None or purpose not in permitted:
            raise PurposeNotPermitted(permitted)
        self._take(key, permit.per_minute)

    async def _find(self, key: tuple[str, str]) -> Permit | None:
        now = self._seconds()
        found = self._known.get(key)
        if found is None or found[1] <= now:
            async with self._platform.database.transaction(readonly=True) as connection:
                permit = await store.permit(connection, *key)
            found = self._known[key] = permit, now + SEEN_WITHIN_SECONDS
        return found[0]

    def _take(self, key: tuple[str, str], per_minute: int) -> None:
        now = self._seconds()
        left, at = self._buckets.get(key, (float(per_minute), now))
        left = min(float(per_minute), left + (now - at) * per_minute / 60)
        if left < 1:
            self._buckets[key] = left, now
            raise TooFast(math.ceil((1 - left) * 60 / per_minute))
        self._buckets[key] = left - 1, now
