"""SQL of the room: what care elsewhere needs to know."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from yikatong.core.clock import SHANGHAI
from yikatong.core.database import Connection
from yikatong.medical.model import ChronicRegistration, Provider

_PROVIDER = """provider_code, name, english, kind, level, region, pooling_region, cares,
    cross_region_cares, chronic_diseases, suspended_on, address"""


async def provider(connection: Connection, code: str) -> Provider | None:
    row = await connection.fetchrow(
        f"select {_PROVIDER} from providers where provider_code = $1",  # noqa: S608 - our constant
        code,
    )
    return None if row is None else msgspec.convert(dict(row), Provider)


async def providers(
    connection: Connection,
    region: str | None,
    kind: str | None,
    level: str | None,
    care: str | None,
    cross_region: bool | None,
    name: str | None,
    limit: int,
    offset: int = 0,
) -> Sequence[Provider]:
    rows = await connection.fetch(
        f"""select {_PROVIDER} from providers
             where ($1::text is null or region like $1)
               and ($2::text is null or kind = $2)
               and ($3::text is null or level = $3)
               and ($4::text is null or $4 = any(cares))
               and ($5::boolean is null or case when $4::text is null
                    then cross_region_cares <> '{{}}' else $4 = any(cross_region_cares) end = $5)
               and ($6::text is null or position($6 in name) > 0
                    or position(lower($6) in lower(english)) > 0)
             order by pooling_region, case level when 'tertiary' then 0 when 'secondary' then 1
                      when 'primary' then 2 else 3 end, provider_code
             limit $7 offset $8""",  # noqa: S608 - our constant
        None if region is None else f"{region.removesuffix('00').removesuffix('00')}%",
        kind,
        level,
        care,
        cross_region,
        name,
        limit,
        offset,
    )
    return [msgspec.convert(dict(row), Provider) for row in rows]


async def chronic_registrations(
    connection: Connection, person_id: int
) -> Sequence[ChronicRegistration]:
    rows = await connection.fetch(
        """select disease, starts_on, ends_on from chronic_registrations
            where person_id = $1 order by starts_on desc""",
        person_id,
    )
    return [ChronicRegistration(**dict(row)) for row in rows]


async def selected_providers(connection: Connection, person_id: int) -> Sequence[str]:
    rows = await connection.fetch(
        "select provider_code from selected_providers where person_id = $1 order by since",
        person_id,
    )
    return [row[0] for row in rows]


async def seen(
    connection: Connection, person_ids: Sequence[int], since: Sequence[datetime]
) -> dict[int, tuple[int, datetime, str]]:
    rows = await connection.fetch(
        """select distinct on (s.person_id) s.person_id, s.settlement_id, s.settled_at,
                  s.treatment_region
             from unnest($1::bigint[], $2::timestamptz[]) as asked (person_id, since)
             join settlements s on s.person_id = asked.person_id and s.settled_at > asked.since
            where s.channel = 'direct' and s.setting <> 'pharmacy' and s.reverses is null
              and not exists (select from settlements r
                               where r.person_id = s.person_id and r.reverses = s.settlement_id)
            order by s.person_id, s.settled_at desc""",
        person_ids,
        since,
    )
    return {row[0]: (row[1], row[2].astimezone(SHANGHAI), row[3].strip()) for row in rows}


async def provider_names(connection: Connection, codes: Sequence[str]) -> dict[str, str]:
    rows = await connection.fetch(
        "select provider_code, name from providers where provider_code = any($1::text[])", codes
    )
    return {row[0]: row[1] for row in rows}
