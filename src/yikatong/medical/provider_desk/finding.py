"""Finding items of the catalog and diagnoses by name, initials of the pinyin, English name or code."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from datetime import date
from functools import cache
from typing import Final

import msgspec

from yikatong.core.database import Connection
from yikatong.medical import catalog, reference
from yikatong.medical.provider_desk import initials
from yikatong.medical.provider_desk.model import Item

ITEMS_SHOWN: Final = 12
DIAGNOSES_SHOWN: Final = 8
_CHECK_SECONDS: Final = 2.0


class Entry(msgspec.Struct, frozen=True):
    """Something that can be found, with everything it can be found by in small letters."""

    code: str
    name: str
    english: str
    keys: tuple[str, ...]


def entry(code: str, name: str, english: str) -> Entry:
    """What is found by its code, name, initials or English name."""
    keys = (code.lower(), name.lower(), initials.of(name), english.lower())
    return Entry(code, name, english, keys)


def find(entries: Iterable[Entry], words: str, limit: int) -> list[Entry]:
    """What words mean, the best first: what is called so, begins with them, holds them. One that is
    called exactly so is found alone."""
    wanted = words.strip().lower()
    if not wanted:
        return []
    ranked: list[tuple[int, int, int, Entry]] = []
    for place, one in enumerate(entries):
        rank = 9
        for key in one.keys:
            if wanted in key:
                rank = min(rank, 0 if key == wanted else 1 if key.startswith(wanted) else 2)
        if rank < 9:
            ranked.append((rank, len(one.name), place, one))
    ranked.sort(key=lambda one: one[:3])
    exact = [one[3] for one in ranked if one[0] == 0]
    if len(exact) == 1:
        return exact
    return [one[3] for one in ranked[:limit]]


class Items:
    """The catalog's items as a search finds them; read again after the catalog was replaced."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._version = ""
        self._checked = 0.0

    async def search(
        self, connection: Connection, words: str, region: str, on: date
    ) -> Sequence[Item]:
        """Items that words mean with the terms that hold in a region on a day, the best first."""
        await self._refresh(connection)
        found = [one.code for one in find(self._entries, words, ITEMS_SHOWN)]
        if not found:
            return []
        known = {one.code: one for one in await catalog.items(connection, found, region, on)}
        return [_item(known[code]) for code in found if code in known]

    async def _refresh(self, connection: Connection) -> None:
        now = time.monotonic()
        if self._version and now - self._checked < _CHECK_SECONDS:
            return
        version = await catalog.version(connection)
        self._checked = now
        if version != self._version:
            names = await catalog.names(connection)
            # A whole catalog has a hundred thousand names.
            self._entries = await asyncio.to_thread(lambda: [entry(*one) for one in names])
            self._version = version


async def item(connection: Connection, code: str, region: str, on: date) -> Item | None:
    """One item with its terms, by its code."""
    found = await catalog.items(connection, [code], region, on)
    return _item(found[0]) if found else None


def _item(one: catalog.CatalogItem) -> Item:
    return Item(
        one.code, one.name, one.english, one.specification, one.unit, one.usual_price,
        one.item_class, one.first_pay, one.price_limit,
    )  # fmt: skip


@cache
def _diagnoses() -> tuple[Entry, ...]:
    return tuple(entry(*one) for one in reference.common_diagnoses())


def diagnoses(words: str) -> list[Entry]:
    """Common diagnoses (ICD-10) that words mean, the best first."""
    return find(_diagnoses(), words, DIAGNOSES_SHOWN)
