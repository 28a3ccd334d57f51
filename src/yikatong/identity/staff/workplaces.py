"""Who knows the providers that members of staff work for: a room behind this one, named in
`yikatong.subscriptions`."""

from collections.abc import Awaitable, Callable
from typing import Final

from yikatong.core.database import Connection

KnownProvider = Callable[[Connection, str], Awaitable[None]]
"""Raises NotFound naming `provider` for a code that no provider has."""

_known: Final[list[KnownProvider]] = []


def follow(known: KnownProvider) -> None:
    """Say who knows providers."""
    _known[:] = [known]


async def require(connection: Connection, provider: str) -> None:
    """Raise NotFound naming `provider` for a code that no provider has."""
    assert _known, "a provider was named before anybody said who knows providers"
    await _known[0](connection, provider)
