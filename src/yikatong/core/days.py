"""Days and moments as people write them: 2026年3月5日, 5 March 2026. Pure."""

import re
from datetime import date, datetime
from typing import Final

from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import InvalidInput

_DAY: Final = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2}")

_MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


def day_in_words(day: date, language: str) -> str:
    """A day as people write it: 2026 年 3 月 1 日 without spaces, 1 March 2026."""
    if language == "en":
        return f"{day.day} {month_in_words(day, 'en')}"
    return f"{month_in_words(day, 'zh')}{day.day}日"


def month_in_words(month: date, language: str) -> str:
    """A day's month: 2026 年 3 月 without spaces, March 2026."""
    if language == "en":
        return f"{_MONTHS[month.month - 1]} {month.year}"
    return f"{month.year}年{month.month}月"


def moment_in_words(at: datetime, language: str, *, seconds: bool = False) -> str:
    """A moment as people write it, in Shanghai's time; with the second where it matters which of two came
    first."""
    here = at.astimezone(SHANGHAI)
    comma = ", " if language == "en" else " "
    time = f"{here:%H:%M:%S}" if seconds else f"{here:%H:%M}"
    return f"{day_in_words(here.date(), language)}{comma}{time}"


def read_day(text: str, field: str) -> date:
    """A day of this century such as 2026-03-01, so that one can reckon with it; raises InvalidInput
    naming `field`."""
    text = text.strip()
    if not text:
        raise InvalidInput(field, zh="请填写日期", en="give the date")
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise InvalidInput(
        field, zh="应为日期，例如 2026-03-01", en="must be a date such as 2026-03-01"
    )
