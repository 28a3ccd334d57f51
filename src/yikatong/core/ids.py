"""Identifiers of rows: 63 bits, ordered by time, unique within one person."""

import secrets
from datetime import UTC, datetime
from typing import Final

_EPOCH_MS: Final = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp() * 1000)
_RANDOM_BITS: Final = 21
_AHEAD_MS_MAX: Final = 1000


class _Last:
    """The last identifier of this process, so that those of one millisecond keep their order."""

    value = 0


def new_id(at: datetime) -> int:
    """41 bits of milliseconds since 2024 and 21 random bits; keys add the person_id in front."""
    milliseconds = max(0, int(at.timestamp() * 1000) - _EPOCH_MS)
    drawn = (milliseconds << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
    # Many in one millisecond run a little ahead of the clock rather than out of order.
    if drawn <= _Last.value and (_Last.value >> _RANDOM_BITS) - milliseconds < _AHEAD_MS_MAX:
        drawn = _Last.value + 1 + secrets.randbits(8)
    _Last.value = drawn
    return drawn
