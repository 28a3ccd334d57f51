"""Rules of the card office by region and day, read from data/card_rules.yaml.

What a region does not say comes from its province, then from the nation.
"""

from datetime import date
from functools import cache
from importlib import resources
from typing import Any, Final, Literal

import msgspec

from yikatong.cards.model import Why
from yikatong.core import regions
from yikatong.core.errors import NotFound
from yikatong.core.money import Fen
from yikatong.policies.reader import Entry, read

NATION: Final = "000000"
_FILE: Final = "card_rules.yaml"
WHYS: Final[tuple[Why, ...]] = ("lost", "damaged", "expired", "old_generation", "data_changed")
_DAYS: Final = "provisional_days review_days amend_days production_days collect_days keep_days remind_days valid_years"
_FIELDS: Final = f"{_DAYS} fee free photo"
PhotoSource = Literal["population_base", "handed_in"]
_PHOTOS: Final[tuple[PhotoSource, ...]] = ("population_base", "handed_in")


class CardRules(msgspec.Struct, frozen=True):
    """How long things take and what they cost in a region (办理规则)."""

    region: str
    provisional_days: int
    """After so many days a provisional loss report (临时挂失) ends by itself."""
    valid_years: int
    review_days: int
    """An application is decided within so many days (审核时限)."""
    amend_days: int
    """What the office asks for is added within so many days (补正期限); else the application ends."""
    production_days: int
    """A card of a batch is ready within so many working days (制卡时限)."""
    fee: Fen
    """补换卡工本费; the first card is free."""
    free: tuple[Why, ...]
    """Reasons for a new card that cost nothing."""
    photo: PhotoSource
    """Where the photo on the card comes from (照片来源) if the applicant hands none in: from the police's
    population base (公安人口库), or nowhere, so that each hands one in."""
    collect_days: int
    """Whoever does not collect a card is asked to, each time so many days have passed (催领)."""
    keep_days: int
    """After so many days an uncollected card is destroyed."""
    remind_days: int
    """So many days before a card expires its holder is told."""
    sources: tuple[str, ...]
    notes: tuple[str, ...]
    recalled: bool


class _Part(msgspec.Struct, frozen=True):
    region: str
    starts_on: date
    values: dict[str, Any]


class Book:
    """All rules on file."""

    def __init__(self, root: Entry) -> None:
        top = root.mapping("review rules")
        self.review = top["review"].choice(("unverified", "verified"))
        self._parts: dict[str, list[_Part]] = {}
        for item in top["rules"].items():
            part = _part(item)
            self._parts.setdefault(part.region, []).append(part)
        for parts in self._parts.values():
            parts.sort(key=lambda one: one.starts_on)
        if NATION not in self._parts:
            raise top["rules"].wrong("缺少全国规则", "the nation's rules are missing")

    def regions(self) -> list[str]:
        """Regions that depart from the nationwide rules."""
        return sorted(code for code in self._parts if code != NATION)

    def longest(self, days: str) -> int:
        """The most days that any region says, such as of `remind_days`."""
        return max(
            part.values[days]
            for parts in self._parts.values()
            for part in parts
            if days in part.values
        )

    def find(self, region: str, on: date) -> CardRules:
        """The rules of a region on a day; raises NotFound before the first."""
        merged: dict[str, Any] = {"sources": (), "notes": (), "recalled": False}
        for code in (NATION, *(one.code for one in regions.path(region))):
            parts = [one for one in self._parts.get(code, ()) if one.starts_on <= on]
            if parts:
                values = parts[-1].values
                merged |= values | {
                    "sources": merged["sources"] + values["sources"],
                    "notes": merged["notes"] + values["notes"],
                    "recalled": merged["recalled"] or values["recalled"],
                }
        if not merged["sources"]:
            raise NotFound(
                zh=f"没有 {on} 的办卡规则，规则自 2018-01-01 起",
                en=f"no rules for cards are on file for {on}; they begin on 2018-01-01",
                field="date",
            )
        return CardRules(region=region, **merged)


def _part(item: Entry) -> _Part:
    # Only the nationwide entry must be complete.
    nation = item.mapping("region", "*")["region"].text() == NATION
    fields = item.mapping(
        f"region from source {_FIELDS if nation else ''}", f"{_FIELDS} recalled note"
    )
    region = fields["region"].text()
    if not nation and regions.find(region) is None:
        raise fields["region"].wrong("没有这个行政区划代码", "no such region code")
    values: dict[str, Any] = {
        "sources": (fields["source"].text(),),
        "notes": (fields["note"].text(),) if "note" in fields else (),
        "recalled": "recalled" in fields and fields["recalled"].flag(),
    }
    values |= {name: fields[name].whole(1, 3660) for name in _DAYS.split() if name in fields}
    if "fee" in fields:
        values["fee"] = fields["fee"].amount()
    if "free" in fields:
        values["free"] = tuple(one.choice(WHYS) for one in fields["free"].items())
    if "photo" in fields:
        values["photo"] = fields["photo"].choice(_PHOTOS)
    return _Part(region, fields["from"].day(), values)


@cache
def load() -> Book:
    """The shipped rules, read and checked once."""
    text = (resources.files("yikatong.data") / _FILE).read_text(encoding="utf-8")
    return Book(read(_FILE, text))
