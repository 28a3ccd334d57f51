"""SQL of filings: filings, commands on them, the stay and the uses they depend on, choices."""

from collections.abc import Sequence
from datetime import date, datetime

import msgspec

from yikatong.core.database import Connection
from yikatong.core.together import Query, Rows
from yikatong.medical.filings.model import Stay, Use
from yikatong.medical.model import Filing

_COLUMNS = tuple(Filing.__struct_fields__)
# An emergency ends with the stay it is bound to, and never was where the admission was cancelled.
_ENDS_ON = """case v.state when 'settled' then least(f.ends_on, v.ended_at::date)
                   when 'cancelled' then f.starts_on - 1 else f.ends_on end as ends_on"""
_READ = ", ".join(_ENDS_ON if column == "ends_on" else f"f.{column}" for column in _COLUMNS)


async def lock(connection: Connection, person_id: int) -> None:
    """One after the other for each person: two filings of one moment must see each other."""
    await connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('filings', $1))", person_id
    )


def of_persons(person_ids: Sequence[int]) -> Query[dict[int, list[Filing]]]:
    """All filings, ended ones too, the newest first."""
    return Query(_OF_PERSONS, (person_ids,), _by_person)


_OF_PERSONS = f"""select f.person_id, {_READ}
      from filings f
      left join visits v on v.person_id = f.person_id and v.visit_id = f.visit_id
     where f.person_id = any($1::bigint[])
     order by f.starts_on desc, f.filing_id desc"""  # noqa: S608 - our constant
_DETAILS = _COLUMNS.index("details") + 1


def _by_person(rows: Rows) -> dict[int, list[Filing]]:
    found: dict[int, list[Filing]] = {}
    for row in rows:
        facts = list(row)
        facts[_DETAILS] = msgspec.json.decode(facts[_DETAILS])
        found.setdefault(facts[0], []).append(
            msgspec.convert(dict(zip(_COLUMNS, facts[1:], strict=True)), Filing)
        )
    return found


async def insert(connection: Connection, person_id: int, filing: Filing) -> None:
    stored = msgspec.structs.asdict(filing) | {
        "details": msgspec.json.encode(filing.details).decode()
    }
    values = [person_id, *(stored[column] for column in _COLUMNS)]
    marks = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    await connection.execute(
        f"insert into filings (person_id, {', '.join(_COLUMNS)}) values ({marks})",  # noqa: S608
        *values,
    )


async def update(connection: Connection, person_id: int, filing: Filing) -> bool:
    """Write what may change over the version that was read; False where there is another."""
    done = await connection.execute(
        """update filings
              set ends_on = case kind when 'emergency' then ends_on else $4 end, ended_by = $5,
                  ended_on = $6, subkind = $7, declared = $8, materials = $9,
                  version = version + 1
            where person_id = $1 and filing_id = $2 and version = $3""",
        person_id,
        filing.filing_id,
        filing.version,
        filing.ends_on,
        filing.ended_by,
        filing.ended_on,
        filing.subkind,
        filing.declared,
        filing.materials,
    )
    return done == "UPDATE 1"


async def command(
    connection: Connection, person_id: int, key: str
) -> tuple[bytes, list[int]] | None:
    """What a key was used for, and the filings it made or changed."""
    row = await connection.fetchrow(
        "select content_hash, filing_ids from filing_commands where person_id = $1 and key = $2",
        person_id,
        key,
    )
    return None if row is None else (row[0], row[1])


async def insert_command(
    connection: Connection,
    person_id: int,
    key: str,
    name: str,
    content_hash: bytes,
    filing_ids: Sequence[int],
    at: datetime,
) -> None:
    await connection.execute(
        """insert into filing_commands (person_id, key, command, content_hash, filing_ids, at)
           values ($1, $2, $3, $4, $5, $6)""",
        person_id,
        key,
        name,
        content_hash,
        filing_ids,
        at,
    )


async def open_stay(connection: Connection, person_id: int) -> Stay | None:
    """The stay under way or not settled; there is one at most."""
    row = await connection.fetchrow(
        """select visit_id, treatment_region, begun_at::date from visits
            where person_id = $1 and setting = 'inpatient' and staying""",
        person_id,
    )
    return None if row is None else Stay(row[0], row[1], row[2])


async def uses(connection: Connection, person_id: int, since: date) -> list[Use]:
    """Visits not settled yet, and settlements that stand, since a day."""
    rows = await connection.fetch(
        """select treatment_region, begun_at::date, null from visits
            where person_id = $1 and state in ('registered', 'seen', 'admitted', 'discharged')
              and begun_at >= $2::date
           union all
           select s.treatment_region, coalesce(v.begun_at, s.settled_at)::date,
                  s.inputs->'visit'->>'filing'
             from settlements s
             left join visits v on v.person_id = s.person_id and v.visit_id = s.visit_id
            where s.person_id = $1 and s.settled_at >= $2::date and s.reverses is null
              and not exists (select from settlements r
                               where r.person_id = s.person_id and r.reverses = s.settlement_id)""",
        person_id,
        since,
    )
    return [Use(row[0], row[1], row[2]) for row in rows]


async def ending(
    connection: Connection, last: date, after: tuple[date, int, int], limit: int
) -> list[tuple[date, int, int]]:
    """Filings (last day, person, filing) that end by a day, behind `after`; not emergencies, which
    end with their stay, nor what was ended before."""
    rows = await connection.fetch(
        """select ends_on, person_id, filing_id from filings
            where ended_on is null and ends_on <= $1 and kind <> 'emergency'
              and (ends_on, person_id, filing_id) > ($2::date, $3::bigint, $4::bigint)
            order by 1, 2, 3 limit $5""",
        last,
        *after,
        limit,
    )
    return [(row[0], row[1], row[2]) for row in rows]


async def choices(connection: Connection, person_id: int) -> dict[str, int | None]:
    """The providers a person chose, with the number the provider was told."""
    rows = await connection.fetch(
        "select provider_code, choice_id from selected_providers where person_id = $1", person_id
    )
    return {row[0]: row[1] for row in rows}


async def choose(
    connection: Connection, person_id: int, provider_code: str, since: date, choice_id: int
) -> None:
    await connection.execute(
        """insert into selected_providers (person_id, provider_code, since, choice_id)
           values ($1, $2, $3, $4)
           on conflict (person_id, provider_code) do update set choice_id = excluded.choice_id""",
        person_id,
        provider_code,
        since,
        choice_id,
    )


async def drop(connection: Connection, person_id: int, provider_code: str) -> None:
    await connection.execute(
        "delete from selected_providers where person_id = $1 and provider_code = $2",
        person_id,
        provider_code,
    )
