"""Identifiers of rows: 63 bits, ordered by time, unique within one person."""

import random
import secrets
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Final

from yikatong.core.clock import SHANGHAI

_MOMENT_ZERO: Final = datetime(2024, 1, 1, tzinfo=UTC)
_EPOCH_MS: Final = int(_MOMENT_ZERO.timestamp() * 1000)
_RANDOM_BITS: Final = 21
_AHEAD_MS_MAX: Final = 1000


# Chance that keeps identifiers of several processes apart; nobody may need to be unable to guess one.
_chance = random.Random(secrets.randbits(128))  # noqa: S311


class _Last:
    """The last identifier of this process, so that those of one millisecond keep their order."""

    value = 0
    at: datetime | None = None
    milliseconds = 0
    """What `at` comes to: a batch draws all its identifiers for one moment."""


def new_id(at: datetime) -> int:
    """41 bits of milliseconds since 2024 and 21 random bits; keys add the person_id in front."""
    if at is not _Last.at:
        _Last.at, _Last.milliseconds = at, max(0, int(at.timestamp() * 1000) - _EPOCH_MS)
    milliseconds = _Last.milliseconds
    drawn = (milliseconds << _RANDOM_BITS) | _chance.getrandbits(_RANDOM_BITS)
    # Many in one millisecond run a little ahead of the clock rather than out of order.
    if drawn <= _Last.value and (_Last.value >> _RANDOM_BITS) - milliseconds < _AHEAD_MS_MAX:
        drawn = _Last.value + 1 + _chance.getrandbits(8)
    _Last.value = drawn
    return drawn


def time_of(identifier: int) -> datetime:
    """When an identifier was drawn, to the millisecond, in Shanghai."""
    return _moment(identifier >> _RANDOM_BITS)


@lru_cache(maxsize=1024)
def _moment(milliseconds: int) -> datetime:
    # Many identifiers of a batch are of one millisecond.
    return (_MOMENT_ZERO + timedelta(milliseconds=milliseconds)).astimezone(SHANGHAI)


def day_of(identifier: int) -> date:
    """The day in Shanghai on which an identifier was drawn."""
    return time_of(identifier).date()


def first_of(at: datetime) -> int:
    """The smallest identifier that can be drawn at or after a moment."""
    return max(0, int(at.timestamp() * 1000) - _EPOCH_MS) << _RANDOM_BITS
