"""County codes that existed in a year: an id number keeps the code of its time for life."""

from collections.abc import Sequence
from functools import cache

from stdnum import numdb

from yikatong.core import regions


@cache
def _spans(prefix: str) -> tuple[tuple[str, int, int], ...]:
    """The county codes under four digits, each with the years in which it was in use."""
    found: list[tuple[str, int, int]] = []
    for last in range(1, 100):
        code = f"{prefix}{last:02d}"
        facts = {
            key: value for _, part in numdb.get("cn/loc").info(code) for key, value in part.items()
        }
        for county in facts.get("county", "").split(","):
            if not county:
                continue
            if not county.startswith("["):
                found.append((code, 0, 9999))
                continue
            start, _, end = county[1:].partition("]")[0].partition("-")
            found.append((code, int(start or 0), int(end or 9999)))
    return tuple(found)


@cache
def _prefixes(pooling: str) -> tuple[str, ...]:
    inside = {one.code[:4] for one in regions.every() if one.pooled_in == pooling}
    return tuple(sorted(prefix for prefix in inside if not prefix.endswith("00")))


@cache
def origins(pooling: str, year: int) -> Sequence[str]:
    """County codes of a pooling region in use in a year; of 北京 where it had none then."""
    for prefixes in (_prefixes(pooling), ("1101",)):
        codes = tuple(
            code
            for prefix in prefixes
            for code, start, end in _spans(prefix)
            if start <= year <= end
        )
        if codes:
            return codes
    raise AssertionError("110101 has been in use all the time")
