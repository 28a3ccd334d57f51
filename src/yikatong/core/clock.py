"""The clock that is passed in; days and months follow Asia/Shanghai (北京时间)."""

from datetime import date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")


class Clock(Protocol):
    """Tells the time; rules never ask it themselves, services pass its answer on."""

    def now(self) -> datetime:
        """The moment, aware, in Asia/Shanghai."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(SHANGHAI)


class FixedClock:
    """A clock that stands still until it is told to go on, for tests and simulations."""

    def __init__(self, at: datetime) -> None:
        if at.tzinfo is None:
            raise ValueError("a clock needs an aware datetime")
        self._at = at.astimezone(SHANGHAI)

    def now(self) -> datetime:
        return self._at

    def advance(self, by: timedelta) -> None:
        """Let time pass."""
        self._at += by


def to_the_second(moment: datetime | None) -> str | None:
    """A moment as programs read it, in Asia/Shanghai; none stays none."""
    return moment and moment.astimezone(SHANGHAI).isoformat(timespec="seconds")


def today(clock: Clock) -> date:
    """The date in Asia/Shanghai."""
    return clock.now().astimezone(SHANGHAI).date()
