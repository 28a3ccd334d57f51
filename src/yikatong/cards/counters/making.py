"""Made-up counters for every pooling region, the same at every call; their names say that they are."""

import random
from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import Final

from yikatong.cards.counters.model import Counter
from yikatong.core import regions
from yikatong.core.regions import Region
from yikatong.money.bank import banks

VERSION: Final = "card counters 1"
"""Raise it whenever the making changes, so that databases load them anew."""

_WEEKDAYS: Final = ("工作日 9:00-12:00、13:00-17:00", "weekdays 9-12, 13-17")
_SATURDAYS: Final = ("工作日 9:00-17:00，周六 9:00-12:00", "weekdays 9-17, Saturdays 9-12")
_BANK_HOURS: Final = ("每天 9:00-17:00", "every day 9-17")
_CLOSED_ON: Final = date(2026, 1, 15)
_HALLS: Final = 2
_BRANCHES: Final = 3


@cache
def centre(pooling_region: str) -> Counter:
    """The centre of a pooling region, which makes cards at once."""
    return next(of_region(regions.get(pooling_region)))


def every() -> Iterator[Counter]:
    """All counters of all pooling regions."""
    for region in regions.pooling_regions():
        yield from of_region(region)


def of_region(region: Region) -> Iterator[Counter]:
    """A centre, halls in some counties, branches of some banks."""
    chance = random.Random(f"card counters/{region.code}")  # noqa: S311 - fabricated, not secret
    below = [one for one in regions.every() if one.pooled_in == region.code]
    counties = [one for one in below if not one.code.endswith("00")] or [region]
    urban = [one for one in counties if one.kind == "市辖区"] or counties
    middle = urban[0]
    yield _agency(middle, region, 1, chance, centre=True)
    others = [one for one in counties if one != middle]
    for number, county in enumerate(chance.sample(others, min(len(others), _HALLS)), 2):
        yield _agency(county, region, number, chance, centre=False)
    for number, bank in enumerate(chance.sample(list(banks.banks().values()), _BRANCHES), 1):
        county = chance.choice(counties)
        yield Counter(
            code=f"B{county.code}{number:05d}",
            name=f"{bank.name.zh}{county.name}示例支行",
            english=f"{bank.name.en}, {county.english} sample branch",
            kind="bank",
            region=county.code,
            pooling_region=region.code,
            address=f"{regions.full_name(county.code)}示例路{chance.randrange(1, 200)}号",
            hours=_BANK_HOURS[0],
            hours_english=_BANK_HOURS[1],
            prints_at_once=number == 1,
            bank=bank.code,
            closed_on=None,
        )


def _agency(
    county: Region, region: Region, number: int, chance: random.Random, *, centre: bool
) -> Counter:
    hours = _SATURDAYS if centre else _WEEKDAYS
    what = (
        ("社保卡服务中心", "Card Centre")
        if centre
        else ("政务大厅社保卡窗口", "Hall, Card Counter")
    )
    where = region if centre else county
    return Counter(
        code=f"S{county.code}{number:05d}",
        name=f"{where.name}{what[0]}（示例）",
        english=f"{where.english} {what[1]} (sample)",
        kind="agency",
        region=county.code,
        pooling_region=region.code,
        address=f"{regions.full_name(county.code)}示例街{chance.randrange(1, 200)}号",
        hours=hours[0],
        hours_english=hours[1],
        prints_at_once=centre or chance.random() < 0.5,
        bank=None,
        closed_on=None if centre or chance.random() >= 0.02 else _CLOSED_ON,
    )
