"""Use cases of the room: read providers, filings, registrations and accumulators."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from yikatong.core.database import Connection
from yikatong.core.errors import NotFound
from yikatong.core.together import ask
from yikatong.medical import store
from yikatong.medical.filings import store as filings_store
from yikatong.medical.model import ChronicRegistration, Filing, Provider
from yikatong.medical.visits import store as visits_store
from yikatong.policies.model import YearToDate


async def provider(connection: Connection, code: str, field: str = "provider") -> Provider:
    """The provider of a code; raises NotFound naming `field`."""
    found = await store.provider(connection, code.strip().upper())
    if found is None:
        raise NotFound(
            zh="没有这个定点医药机构编码，请核对 12 位编码",
            en="no provider has this code; please compare its 12 characters",
            field=field,
        )
    return found


async def provider_names(connection: Connection, codes: Sequence[str]) -> dict[str, str]:
    """The names of providers by code; unknown ones are left out."""
    return await store.provider_names(connection, codes)


async def providers(
    connection: Connection,
    *,
    region: str | None = None,
    kind: str | None = None,
    level: str | None = None,
    care: str | None = None,
    cross_region: bool | None = None,
    name: str | None = None,
    limit: int = 50,
    offset: int = 0,
) -> Sequence[Provider]:
    """Providers in a region (province, city or county), the highest level first; at most 1000, from
    behind the first `offset`. With `cross_region` those that settle the care named, or any, for people
    from elsewhere."""
    return await store.providers(
        connection, region, kind, level, care, cross_region, name, max(1, min(limit, 1000)), offset
    )


async def filings(connection: Connection, person_id: int) -> Sequence[Filing]:
    """All filings of the person, ended ones too, the newest first."""
    return (await ask(connection, filings_store.of_persons([person_id]))).get(person_id, [])


async def chronic_registrations(
    connection: Connection, person_id: int
) -> Sequence[ChronicRegistration]:
    """The person's chronic and special disease registrations."""
    return await store.chronic_registrations(connection, person_id)


async def selected_providers(connection: Connection, person_id: int) -> Sequence[str]:
    """Codes of the providers the person chose; empty where none were."""
    return await store.selected_providers(connection, person_id)


async def accumulators(
    connection: Connection, person_id: int, insurance: str, year_starts_on: date
) -> YearToDate:
    """The year's accumulators; all zero before the first settlement."""
    before = year_starts_on - timedelta(days=1)
    found, _ = await ask(connection, visits_store.accumulators([person_id], before))
    year, _ = found.get((person_id, insurance, year_starts_on), (YearToDate(), 0))
    return year


async def seen(
    connection: Connection, person_ids: Sequence[int], since: Sequence[datetime]
) -> dict[int, tuple[int, datetime, str]]:
    """Who was treated in person after a moment of each: the newest settlement, when, in which region.

    Bills of pharmacies, where somebody else may have come, and reversed ones do not count. The
    caller records why it looked.
    """
    return await store.seen(connection, person_ids, since)
