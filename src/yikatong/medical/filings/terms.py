"""Filing rules by insured region and date, read from data/filing_rules.yaml.

An entry holds until the next of its region and kind. What a region does not say comes from its
province, then from the nationwide entry.
"""

from collections.abc import Callable
from datetime import date
from functools import cache
from importlib import resources
from typing import Any, Final

import msgspec

from yikatong.core import regions
from yikatong.core.errors import NotFound
from yikatong.medical.filings.model import (
    AT_HOME,
    CHANNELS,
    KINDS,
    MATERIALS,
    SUBKINDS,
    KindRule,
    RegionRules,
)
from yikatong.policies.model import LEVELS, Document
from yikatong.policies.reader import Entry, read

_FILE: Final = "filing_rules.yaml"
NATION: Final = "000000"
_MONTHS_MAX: Final = 60


class NoFilingRules(NotFound):
    """No rules are on file for that day."""

    code = "no_filing_rules"


class _Part(msgspec.Struct, frozen=True):
    """What one entry says of one kind of filing, or of the choice of providers."""

    region: str
    starts_on: date
    kind: str
    values: dict[str, Any]


def _needs(entry: Entry) -> dict[str, tuple[str, ...]]:
    found = entry.mapping(optional=" ".join((*SUBKINDS, "any")))
    return {
        "" if key == "any" else key: tuple(one.choice(MATERIALS) for one in value.items())
        for key, value in found.items()
    }


_READ: Final[dict[str, Callable[[Entry], Any]]] = {
    "source": lambda entry: (entry.text(),),
    "note": lambda entry: (entry.text(),),
    "recalled": Entry.flag,
    "channels": lambda entry: tuple(one.choice(CHANNELS) for one in entry.items()),
    "needs": _needs,
    "declaration": Entry.flag,
    "months": lambda entry: entry.whole(1, _MONTHS_MAX),
    "change_after_months": lambda entry: entry.whole(0, _MONTHS_MAX),
    "withdraw_after_months": lambda entry: entry.whole(0, _MONTHS_MAX),
    "ends_by_return": Entry.flag,
    "at_home": lambda entry: entry.choice(AT_HOME),
    "declared_at_home": lambda entry: entry.choice(AT_HOME),
    "levels": lambda entry: tuple(one.choice(LEVELS) for one in entry.items()),
    "providers_max": lambda entry: entry.whole(1, 20),
}
_STAY: Final = "channels needs months ends_by_return declaration"
_FIELDS: Final = {
    "long_term": "channels needs declaration change_after_months withdraw_after_months"
    " ends_by_return at_home declared_at_home",
    "transfer": f"{_STAY} levels",
    "emergency": _STAY,
    "temporary": _STAY,
    "choice": "providers_max",
}


class Book:
    """All rules on file."""

    def __init__(self, root: Entry) -> None:
        top = root.mapping("review documents rules")
        self.review = top["review"].choice(("unverified", "verified"))
        self.documents = tuple(_document(one) for one in top["documents"].items())
        self._parts: dict[tuple[str, str], list[_Part]] = {}
        for item in top["rules"].items():
            for part in _parts(item):
                self._parts.setdefault((part.region, part.kind), []).append(part)
        for parts in self._parts.values():
            parts.sort(key=lambda one: one.starts_on)
        for kind in _FIELDS:
            if (NATION, kind) not in self._parts:
                raise top["rules"].wrong(f"全国规则缺少 {kind}", f"the nation's {kind} is missing")
        # Each entry is put together once, so that a gap shows at the start and not at a counter.
        for region, kind in self._parts:
            for part in self._parts[region, kind]:
                self.find(region, part.starts_on)

    def regions(self) -> list[str]:
        """Regions that depart from the nationwide rules."""
        return sorted({region for region, _ in self._parts if region != NATION})

    def find(self, region: str, on: date) -> RegionRules:
        """The rules of an insured region on a day; raises NoFilingRules before the first."""
        choice = self._merged(region, "choice", on)
        return RegionRules(
            region=region,
            kinds={kind: _rule(self._merged(region, kind, on)) for kind in KINDS},
            providers_max=choice["providers_max"],
        )

    def _merged(self, region: str, kind: str, on: date) -> dict[str, Any]:
        merged: dict[str, Any] = {"source": (), "note": (), "recalled": False}
        for code in (NATION, *(one.code for one in regions.path(region))):
            parts = [one for one in self._parts.get((code, kind), ()) if one.starts_on <= on]
            if not parts:
                continue
            values = parts[-1].values
            merged |= values | {
                "source": merged["source"] + values["source"],
                "note": merged["note"] + values.get("note", ()),
                "recalled": merged["recalled"] or values.get("recalled", False),
            }
        if not merged["source"]:
            raise NoFilingRules(
                zh=f"没有 {on} 的备案规则，规则自 2023-01-01 起",
                en=f"no filing rules are on file for {on}; they begin on 2023-01-01",
                field="date",
            )
        return merged


def _rule(merged: dict[str, Any]) -> KindRule:
    facts = dict(merged)
    return KindRule(sources=facts.pop("source"), notes=facts.pop("note"), **facts)


def _parts(item: Entry) -> list[_Part]:
    fields = item.mapping("region from", " ".join(_FIELDS))
    region, starts_on = fields["region"].text(), fields["from"].day()
    if region != NATION and regions.find(region) is None:
        raise fields["region"].wrong("没有这个行政区划代码", "no such region code")
    found: list[_Part] = []
    for kind, allowed in _FIELDS.items():
        if kind not in fields:
            continue
        # Only the nationwide entry must be complete, `declaration` aside, which may be left out.
        required = allowed.replace(" declaration", "") if region == NATION else ""
        entries = fields[kind].mapping(f"source {required}", f"{allowed} recalled note")
        values = {key: _READ[key](entry) for key, entry in entries.items()}
        found.append(_Part(region, starts_on, kind, values))
    return found


def _document(item: Entry) -> Document:
    fields = item.mapping("key title", "number effective url")
    return Document(
        key=fields["key"].text(),
        number=fields["number"].text() if "number" in fields else "",
        title=fields["title"].text(),
        effective=fields["effective"].day() if "effective" in fields else None,
        url=fields["url"].text() if "url" in fields else None,
    )


def parse(text: str, file: str = _FILE) -> Book:
    """The rules of a file; raises PolicyFileError with line and field where it is wrong."""
    return Book(read(file, text))


@cache
def load() -> Book:
    """The shipped rules, read and checked once."""
    return parse((resources.files("yikatong.data") / _FILE).read_text(encoding="utf-8"))
