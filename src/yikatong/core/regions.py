"""Regions (行政区划): the GB/T 2260 codes with parents, names, pinyin and pooling regions (统筹区).

They change once a year with the package, so they are data of the package, held in memory.
"""

import csv
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from importlib import resources

import msgspec

from yikatong.core.errors import InvalidInput


class Region(msgspec.Struct, frozen=True):
    """A region of GB/T 2260."""

    code: str
    """Six digits."""
    name: str
    kind: str
    """直辖市, 省, 自治区, 地级市, 市辖区, 县 …"""
    parent: str
    """The code of the region above; "" for a province."""
    pinyin: str
    """Of the name without its kind, without tones: "chengdu"."""
    initials: str
    english: str
    pooled_in: str
    """The code of its pooling region (统筹区); "" where none (a province of several, Hong Kong)."""

    @property
    def is_pooling(self) -> bool:
        """Whether this region is itself a pooling region."""
        return self.pooled_in == self.code

    @property
    def province(self) -> str:
        """The province's code."""
        return f"{self.code[:2]}0000"


@cache
def _all() -> dict[str, Region]:
    text = (resources.files("yikatong.data") / "regions.csv").read_text(encoding="utf-8")
    return {row["code"]: Region(**row) for row in csv.DictReader(text.splitlines())}


@cache
def _children() -> dict[str, tuple[Region, ...]]:
    below: defaultdict[str, list[Region]] = defaultdict(list)
    for region in _all().values():
        below[region.parent].append(region)
    return {parent: tuple(found) for parent, found in below.items()}


@cache
def _pooled() -> dict[str, tuple[Region, ...]]:
    inside: defaultdict[str, list[Region]] = defaultdict(list)
    for region in _all().values():
        inside[region.pooled_in].append(region)
    return {pooling: tuple(found) for pooling, found in inside.items()}


def every() -> Sequence[Region]:
    """All regions in the order of their codes."""
    return tuple(_all().values())


def find(code: str) -> Region | None:
    """The region of this code, or None."""
    return _all().get(code)


def get(code: str, field: str = "region") -> Region:
    """The region of this code; raises InvalidInput naming `field` where it is unknown."""
    region = _all().get(code)
    if region is None:
        raise InvalidInput(
            field,
            zh="没有这个行政区划代码，请填写六位代码，例如 510100（成都市）",
            en="no such region code; give the six digits, for example 510100 (Chengdu)",
        )
    return region


def children(code: str) -> Sequence[Region]:
    """The regions directly below; of "" the provinces."""
    return _children().get(code, ())


def pooled_in(pooling: str) -> Sequence[Region]:
    """The regions of a pooling region, itself among them, in the order of their codes."""
    return _pooled().get(pooling, ())


def path(code: str) -> Sequence[Region]:
    """The region and those above it, province first; empty where the code is unknown."""
    found: list[Region] = []
    region = find(code)
    while region is not None:
        found.insert(0, region)
        region = find(region.parent)
    return found


def is_within(code: str, area: str) -> bool:
    """Whether the region is `area` or lies in it."""
    region = _all().get(code)
    while region is not None:
        if region.code == area:
            return True
        region = _all().get(region.parent)
    return False


def full_name(code: str, language: str = "zh") -> str:
    """ "四川省成都市" or "Chengdu, Sichuan"; the code itself where it is unknown."""
    found = path(code)
    if not found:
        return code
    if language == "en":
        return ", ".join(region.english for region in reversed(found))
    return "".join(region.name for region in found)


def short_name(code: str, language: str = "zh") -> str:
    """ "成都市" or "Chengdu"; the code itself where it is unknown."""
    region = find(code)
    if region is None:
        return code
    return region.english if language == "en" else region.name


def pooling_regions() -> Sequence[Region]:
    """All pooling regions (统筹区)."""
    return tuple(region for region in _all().values() if region.is_pooling)


def pooling_region(code: str, field: str = "region") -> Region:
    """The pooling region a region belongs to.

    Raises InvalidInput naming `field` for an unknown code, and for a province of several pooling
    regions or a place outside the scheme.
    """
    region = get(code, field)
    if not region.pooled_in:
        raise InvalidInput(
            field,
            zh=f"{region.name}不是一个医保统筹区，请填写到市，例如 510100（成都市）",
            en=f"{region.english} is not one pooling region; name a city, such as 510100",
        )
    return _all()[region.pooled_in]


def search(text: str, limit: int = 10) -> Sequence[Region]:
    """Regions whose code, Chinese name, pinyin, initials or English name begin with or hold `text`.

    The best first: exact, then beginning, then containing; provinces and cities before counties.
    """
    return tuple(region for _, region in _scored(text)[:limit])


def resolve(text: str, limit: int = 10) -> tuple[Region | None, Sequence[Region]]:
    """The one region a text means, or None and the regions it may mean."""
    scored = _scored(text)
    exact = [region for rank, region in scored if rank == 0]
    if len(exact) == 1:
        return exact[0], ()
    if len(scored) == 1:
        return scored[0][1], ()
    return None, tuple(exact or (region for _, region in scored[:limit]))


def _scored(text: str) -> list[tuple[int, Region]]:
    wanted = "".join(text.split()).lower()[:40]
    if not wanted:
        return []
    scored: list[tuple[int, int, str, Region]] = []
    for region in _all().values():
        rank = _rank(region, wanted)
        if rank is not None:
            scored.append((rank, _depth(region), region.code, region))
    scored.sort(key=lambda item: item[:3])
    return [(item[0], item[3]) for item in scored]


def _depth(region: Region) -> int:
    if region.code.endswith("0000"):
        return 0
    return 1 if region.code.endswith("00") else 2


_KINDS = str.maketrans("", "", "省市区县盟旗")


@cache
def _spoken_paths() -> dict[str, str]:
    """The path of each region as people say it: 四川省成都市 → 四川成都."""
    return {code: "".join(part.name for part in path(code)).translate(_KINDS) for code in _all()}


def _rank(region: Region, wanted: str) -> int | None:
    names = (region.name, region.pinyin, region.english.lower().replace(" ", ""))
    if wanted in (region.code, *names):
        return 0
    if not wanted.isascii():
        spoken = wanted.translate(_KINDS)
        whole = _spoken_paths()[region.code]
        if len(spoken) > 1 and whole.endswith(spoken):
            return 0 if whole == spoken or region.name.startswith(spoken) else 1
        return 2 if region.name.startswith(wanted) else 3 if wanted in region.name else None
    if wanted == region.initials:
        return 1
    if any(name.startswith(wanted) for name in (*names, region.code)):
        return 2
    return 3 if any(wanted in name for name in names) else None
