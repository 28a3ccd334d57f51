"""Loading the reference data of the package: providers and catalog; quick where nothing changed."""

import csv
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from datetime import date
from functools import cache
from importlib import resources
from typing import Final

import msgspec

from yikatong.core import reference, regions
from yikatong.core.clock import today
from yikatong.core.platform import Platform
from yikatong.core.regions import Region
from yikatong.medical import catalog
from yikatong.medical.model import Care, Level, Provider

_PROVIDERS_VERSION: Final = "providers 2"
"""Raise it whenever the making of providers changes, so that databases load them anew."""

_CHRONIC: Final = ("高血压", "糖尿病", "慢性肾功能衰竭透析", "恶性肿瘤门诊治疗", "器官移植抗排异")
_HOSPITAL_CARES: Final[tuple[Care, ...]] = ("outpatient", "emergency", "chronic", "inpatient")
_KINDS: Final[tuple[tuple[Level, str, str], ...]] = (
    ("tertiary", "第一人民医院", "First People's Hospital"),
    ("tertiary", "中医院", "Hospital of Traditional Chinese Medicine"),
    ("tertiary", "中心医院", "Central Hospital"),
    ("secondary", "第二人民医院", "Second People's Hospital"),
    ("secondary", "妇幼保健院", "Maternal and Child Health Hospital"),
    ("primary", "城关医院", "Chengguan Hospital"),
    ("community", "第一社区卫生服务中心", "First Community Health Centre"),
    ("community", "第二社区卫生服务中心", "Second Community Health Centre"),
)
_PHARMACIES: Final = (
    ("康宁大药房（中心店）", "Kangning Pharmacy, Centre"),
    ("仁济药店（站前店）", "Renji Pharmacy, Station"),
)


@cache
def common_diagnoses() -> Sequence[tuple[str, str, str]]:
    """Code (ICD-10, national clinical version), Chinese and English name of common diagnoses."""
    text = (resources.files("yikatong.data") / "diagnoses.csv").read_text(encoding="utf-8")
    return [(row["code"], row["name"], row["english"]) for row in csv.DictReader(text.splitlines())]


async def load_reference(platform: Platform) -> None:
    """Load providers and catalog where they differ from what was loaded last."""
    items, terms = catalog.shipped()
    async with platform.database.transaction() as connection:
        await reference.lock(connection)
        closed = _not_opened(today(platform.clock))
        version = f"{_PROVIDERS_VERSION} {sorted((one, *sorted(closed[one])) for one in closed)}"
        if await reference.changed(connection, "providers", version):
            rows = list(providers(closed))
            await connection.execute("delete from providers")
            await connection.copy_records_to_table(
                "providers",
                records=[msgspec.structs.astuple(row) for row in rows],
                columns=Provider.__struct_fields__,
            )
            await reference.loaded(platform, connection, "providers", version, len(rows))
        if await reference.changed(connection, "catalog", items + terms):
            found = catalog.parse_items("items.csv", items)
            codes = {row.code for row in found}
            await catalog.replace(connection, found, catalog.parse_terms("terms.csv", terms, codes))
            await reference.loaded(platform, connection, "catalog", items + terms, len(found))


async def load_catalog(
    platform: Platform, items_name: str, items: str, terms_name: str, terms: str
) -> tuple[int, int]:
    """Replace the catalog by an operator's files; raises CatalogFileError, then nothing changed."""
    found = catalog.parse_items(items_name, items)
    conditions = catalog.parse_terms(terms_name, terms, {row.code for row in found})
    shipped_items, shipped_terms = catalog.shipped()
    async with platform.database.transaction() as connection:
        await catalog.replace(connection, found, conditions)
        # Counted as the shipped one, so that the next start does not put that back.
        await reference.loaded(
            platform, connection, "catalog", shipped_items + shipped_terms, len(found)
        )
    return len(found), len(conditions)


def _not_opened(on: date) -> dict[str, set[str]]:
    """The services that regions have not opened to people from elsewhere, by region: there no
    provider settles them across regions, whatever it is designated for."""
    text = (resources.files("yikatong.data") / "region_services.csv").read_text(encoding="utf-8")
    found: dict[str, set[str]] = defaultdict(set)
    for row in csv.DictReader(text.splitlines()):
        if not row["opened_on"] or date.fromisoformat(row["opened_on"]) > on:
            found[row["region"]].add(row["service"])
    return found


def providers(closed: Mapping[str, Set[str]]) -> Iterator[Provider]:
    """A believable, fabricated list for every pooling region; the same at every call."""
    for region in regions.pooling_regions():
        yield from providers_of(region, closed.get(region.code, frozenset[str]()))


def providers_of(region: Region, closed: Set[str]) -> Iterator[Provider]:
    """Those of one pooling region."""
    chance = random.Random(f"providers/{region.code}")  # noqa: S311 - fabricated, not secret
    below = regions.pooled_in(region.code)
    counties = [one for one in below if not one.code.endswith("00")] or below
    short = region.name.removesuffix("市")
    for number, (level, name, english) in enumerate(_KINDS, 1):
        county = chance.choice(counties)
        local = level in ("primary", "community")
        where = county if local else region
        prefix = where.name if local else short if name[0] in "第中" else region.name
        cares: list[Care] = [
            care for care in _HOSPITAL_CARES if level != "community" or care != "inpatient"
        ]
        cross: list[Care] = [
            care for care in cares if level in ("tertiary", "secondary") or chance.random() < 0.5
        ]
        if chance.random() < 0.08:
            cross = [care for care in cross if care == "inpatient"]
        suspended = date(2026, 1, 15) if chance.random() < 0.01 else None
        yield Provider(
            provider_code=f"H{county.code}{number:05d}",
            name=f"{prefix}{name}",
            english=f"{where.english} {english}",
            kind="hospital",
            level=level,
            region=county.code,
            pooling_region=region.code,
            cares=cares,
            cross_region_cares=[care for care in cross if care not in closed],
            chronic_diseases=list(_CHRONIC if level == "tertiary" else _CHRONIC[:2]),
            suspended_on=suspended,
            address=f"{regions.full_name(county.code)}人民路{chance.randrange(1, 300)}号",
        )
    for number, (name, english) in enumerate(_PHARMACIES, 1):
        county = chance.choice(counties)
        yield Provider(
            provider_code=f"P{county.code}{number:05d}",
            name=f"{short}{name}",
            english=f"{region.english} {english}",
            kind="pharmacy",
            level="community",
            region=county.code,
            pooling_region=region.code,
            cares=["pharmacy"],
            cross_region_cares=["pharmacy"] if chance.random() < 0.8 else [],
            chronic_diseases=[],
            suspended_on=None,
            address=f"{regions.full_name(county.code)}解放路{chance.randrange(1, 300)}号",
        )
