"""County codes that existed in a year: an id number keeps the code of its time for life."""

from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from typing import Any, cast

from stdnum import numdb

from yikatong.core import regions


@cache
def _by_prefix() -> dict[str, list[tuple[str, int, int]]]:
    """All county codes by their first four digits, each with the years in which it was in use.

    Walks the table once: asking it code by code would take each worker process a second.
    """
    found: defaultdict[str, list[tuple[str, int, int]]] = defaultdict(list)
    for _, province, _, _, below in cast("list[Any]", cast("Any", numdb.get("cn/loc")).prefixes):
        for _, place, _, facts, _ in below:
            if place.endswith("00"):
                continue
            for county in facts.get("county", "").split(","):
                start = end = ""
                if county.startswith("["):
                    start, _, end = county[1:].partition("]")[0].partition("-")
                code = f"{province}{place}"
                found[code[:4]].append((code, int(start or 0), int(end or 9999)))
    return found


@cache
def _prefixes(pooling: str) -> tuple[str, ...]:
    inside = {one.code[:4] for one in regions.pooled_in(pooling)}
    return tuple(sorted(prefix for prefix in inside if not prefix.endswith("00")))


@cache
def origins(pooling: str, year: int) -> Sequence[str]:
    """County codes of a pooling region in use in a year; of 北京 where it had none then."""
    for prefixes in (_prefixes(pooling), ("1101",)):
        codes = tuple(
            code
            for prefix in prefixes
            for code, start, end in _by_prefix()[prefix]
            if start <= year <= end
        )
        if codes:
            return codes
    raise AssertionError("110101 has been in use all the time")
