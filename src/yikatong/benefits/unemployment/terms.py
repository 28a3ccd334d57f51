"""Terms of unemployment benefit by region and date, read from data/unemployment.yaml.

A city's own figure wins over its province's, and that over the nationwide one.
"""

from collections.abc import Sequence
from datetime import date
from functools import cache
from importlib import resources
from typing import Final

import msgspec

from yikatong.benefits.pension import terms as pension_terms
from yikatong.benefits.pension.model import Nation
from yikatong.benefits.unemployment.model import Standard
from yikatong.core import regions
from yikatong.core.errors import NotFound
from yikatong.core.money import WHOLE, Ppm
from yikatong.policies.reader import Entry, read

NATION: Final = "000000"


class NoStandardOnFile(NotFound):
    """No minimum wage of the region is on file for the day."""

    code = "no_unemployment_standard"


class _Dated(msgspec.Struct, frozen=True):
    region: str
    starts_on: date
    values: tuple[int, ...]
    table: tuple[tuple[int, int], ...]
    source: str
    note: str


class Terms(msgspec.Struct, frozen=True):
    """The whole file."""

    documents: dict[str, str]
    months: tuple[_Dated, ...]
    shares: tuple[_Dated, ...]
    wages: tuple[_Dated, ...]
    nation: Nation
    """The rules of pensions: of the retirement age."""

    def months_of(self, region: str, paid: int, on: date) -> tuple[int, str, bool]:
        """How many months a number of months paid gives at most, the source, whether recalled."""
        found = _find(self.months, region, on)
        assert found is not None
        months = max((months for at, months in found.table if paid >= at), default=0)
        return min(months, law_maximum(paid)), self._source(found), bool(found.note)

    def standard(self, region: str, on: date) -> Standard:
        """What a region pays; raises NoStandardOnFile."""
        wage, share = _find(self.wages, region, on), _find(self.shares, region, on)
        if wage is None or share is None:
            raise NoStandardOnFile(
                zh=f"没有{regions.full_name(region)}在 {on} 的最低工资标准，请向当地失业保险经办机构查询",
                en=f"no minimum wage of {regions.full_name(region, 'en')} is on file for {on};"
                " please ask the local agency",
                field="region",
            )
        return Standard(
            region=region,
            minimum_wage=wage.values[0],
            share=share.values[0],
            later_share=share.values[1],
            from_day=max(wage.starts_on, share.starts_on),
            sources=(self._source(wage), self._source(share)),
            recalled=bool(wage.note or share.note),
        )

    def regions(self) -> list[str]:
        """Regions with a minimum wage on file."""
        return sorted({one.region for one in self.wages})

    def _source(self, one: _Dated) -> str:
        key, _, clause = one.source.partition(" ")
        return f"{self.documents.get(key, key)} {clause}".strip()


def law_maximum(paid: int) -> int:
    """The most months the law lets a number of months paid give (社会保险法 第四十六条)."""
    if paid < 12:
        return 0
    return 12 if paid < 60 else 18 if paid < 120 else 24


def _find(found: Sequence[_Dated], region: str, on: date) -> _Dated | None:
    # The code itself, its city, its province, the nation.
    for code in dict.fromkeys((region, f"{region[:4]}00", f"{region[:2]}0000", NATION)):
        fitting = [one for one in found if one.region == code and one.starts_on <= on]
        if fitting:
            return max(fitting, key=lambda one: one.starts_on)
    return None


@cache
def load() -> Terms:
    """The file, checked; raises PolicyFileError naming file, line and field."""
    text = (resources.files("yikatong.data") / "unemployment.yaml").read_text(encoding="utf-8")
    root = read("unemployment.yaml", text).mapping("review documents months shares minimum_wages")
    documents: dict[str, str] = {}
    for entry in root["documents"].items():
        one = entry.mapping("key title number url")
        documents[one["key"].text()] = f"《{one['title'].text()}》"
    return Terms(
        documents,
        tuple(_months(entry) for entry in root["months"].items()),
        tuple(_share(entry) for entry in root["shares"].items()),
        tuple(_wage(entry) for entry in root["minimum_wages"].items()),
        pension_terms.load().nation,
    )


def _base(
    fields: dict[str, Entry], values: tuple[int, ...], table: tuple[tuple[int, int], ...] = ()
) -> _Dated:
    region = fields["region"]
    if region.text() != NATION and regions.find(region.text()) is None:
        raise region.wrong("没有这个行政区划代码", "is no region code")
    note = fields["note"].choice(("recalled", "estimate")) if "note" in fields else ""
    return _Dated(region.text(), fields["from"].day(), values, table, fields["source"].text(), note)


def _months(entry: Entry) -> _Dated:
    fields = entry.mapping("region from table source", "note")
    table: list[tuple[int, int]] = []
    for row in fields["table"].items():
        cells = row.mapping("paid months")
        paid, months = cells["paid"].whole(12, 1200), cells["months"].whole(1, 24)
        if table and (paid <= table[-1][0] or months < table[-1][1]):
            raise row.wrong("应逐行递增", "must rise from row to row")
        if months > law_maximum(paid):
            raise row.wrong("超过法定上限（第四十六条）", "is above what the law allows (art. 46)")
        table.append((paid, months))
    return _base(fields, (), tuple(table))


def _share(entry: Entry) -> _Dated:
    fields = entry.mapping("region from percent source", "later_percent note")
    later: Ppm = fields["later_percent"].percent(500_000) if "later_percent" in fields else WHOLE
    return _base(fields, (fields["percent"].percent(700_000, 900_000), later))


def _wage(entry: Entry) -> _Dated:
    fields = entry.mapping("region from monthly source", "note")
    return _base(fields, (fields["monthly"].amount(),))
