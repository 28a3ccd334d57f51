"""The catalog in memory (目录): what an item's terms are in a province on a day, without a query."""

import time
from collections.abc import Iterable
from datetime import date
from typing import Final, Literal

import msgspec

from yikatong.core.database import Connection, Record
from yikatong.core.money import Fen, Ppm
from yikatong.medical import catalog

_CHECK_SECONDS: Final = 2.0
_NATIONWIDE: Final = "00"


class Terms(msgspec.Struct, frozen=True):
    """Class, first-pay share and price limit of an item."""

    item_class: Literal["A", "B", "C"]
    first_pay: Ppm | None
    price_limit: Fen | None


MARKS: Final = {"essential": "e", "negotiated": "n", "child_only": "c"}
"""National essential medicine (国家基本药物), negotiated drug (谈判药品), medicine for children (儿童用药)."""


class Item(msgspec.Struct):
    """An item with its terms by province (two digits), the newest first."""

    code: str
    name: str
    marks: str
    """What the catalog says of it beside its terms, a letter each of MARKS."""
    by_province: dict[str, list[tuple[date, Terms]]]

    def terms(self, region: str, on: date) -> Terms | None:
        """The terms in a region's province on a day, else the country's; None where there are none
        yet."""
        for province in (region[:2], _NATIONWIDE):
            for starts_on, terms in self.by_province.get(province, ()):
                if starts_on <= on:
                    return terms
        return None


class CatalogBook:
    """All items by code, read again within seconds after the catalog was replaced."""

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}
        self.version = ""
        self._checked = 0.0

    def item(self, code: str) -> Item | None:
        return self._items.get(code)

    async def refresh(self, connection: Connection) -> None:
        """Read the catalog where it is another than the one at hand."""
        now = time.monotonic()
        if self.version and now - self._checked < _CHECK_SECONDS:
            return
        version = await catalog.version(connection)
        self._checked = now
        if version != self.version:
            self._items = _items(
                await connection.fetch(
                    """select i.code, i.name, i.essential, i.subkind = 'negotiated' as negotiated,
                              i.child_only, t.region, t.starts_on, t.class, t.first_pay,
                              t.price_limit
                         from catalog_items i join catalog_terms t using (code)
                        order by t.starts_on desc"""
                )
            )
            self.version = version


def _items(rows: Iterable[Record]) -> dict[str, Item]:
    found: dict[str, Item] = {}
    shared: dict[Terms, Terms] = {}
    for row in rows:
        code, name, _, _, _, region, starts_on, *terms = row
        item = found.get(code)
        if item is None:
            marks = "".join(mark for column, mark in MARKS.items() if row[column])
            item = found[code] = Item(code, name, marks, {})
        one = Terms(*terms)
        item.by_province.setdefault(region[:2], []).append((starts_on, shared.setdefault(one, one)))
    return found
