"""When a month's benefits arrive (发放日): the day of the month that each region sets, in
data/benefits/paydays.yaml."""

from datetime import date, timedelta
from functools import cache
from importlib import resources
from typing import Final

import msgspec

from yikatong.core import regions
from yikatong.core.months import month_of, next_month
from yikatong.policies.reader import Entry, read

_NATION: Final = "000000"
_FILE: Final = "paydays.yaml"
_FRIDAY: Final = 4


class _PayDay(msgspec.Struct, frozen=True):
    region: str
    since: date
    day: int


@cache
def load() -> tuple[_PayDay, ...]:
    """The file, checked; raises PolicyFileError naming file, line and field."""
    text = (resources.files("yikatong.data") / "benefits" / _FILE).read_text(encoding="utf-8")
    root = read(_FILE, text).mapping("review paydays")
    return tuple(_entry(one) for one in root["paydays"].items())


def _entry(entry: Entry) -> _PayDay:
    fields = entry.mapping("region from day", "note")
    region = fields["region"]
    if region.text() != _NATION and regions.find(region.text()) is None:
        raise region.wrong("没有这个行政区划代码", "is no region code")
    if "note" in fields:
        fields["note"].choice(("recalled", "estimate"))
    # Every month has a 28th.
    return _PayDay(region.text(), fields["from"].day(), fields["day"].whole(1, 28))


def payday(region: str, month: date) -> date:
    """The day on which a region pays a month; of a weekend the Friday before. Pure."""
    first = month_of(month)
    for code in dict.fromkeys((region, f"{region[:4]}00", f"{region[:2]}0000", _NATION)):
        fitting = [one for one in load() if one.region == code and one.since <= first]
        if fitting:
            found = first.replace(day=max(fitting, key=lambda one: one.since).day)
            return found - timedelta(days=max(0, found.weekday() - _FRIDAY))
    raise AssertionError(month)


def next_payday(region: str, since: date, settled: date | None, today: date) -> date:
    """When the next month that is not settled is paid; of one that is past, when it was to be paid.
    What began behind this month's payday is paid with the next month. Pure."""
    month = max(month_of(today), month_of(since))
    if settled is not None and settled >= month:
        month = next_month(settled)
    due = payday(region, month)
    return due if since <= due else payday(region, next_month(month))
