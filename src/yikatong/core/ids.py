"""Identifiers of rows: 63 bits, ordered by time, unique within one person."""

import secrets
from datetime import UTC, datetime
from typing import Final

_EPOCH_MS: Final = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp() * 1000)
_RANDOM_BITS: Final = 21


def new_id(at: datetime) -> int:
    """41 bits of milliseconds since 2024 and 21 random bits; keys add the person_id in front."""
    milliseconds = int(at.timestamp() * 1000) - _EPOCH_MS
    return (max(0, milliseconds) << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
