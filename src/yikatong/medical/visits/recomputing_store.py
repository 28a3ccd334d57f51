"""SQL of recomputing: settlements and what they lead to, by ranges of persons."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

import msgspec

from yikatong.core.database import Connection
from yikatong.medical.visits import store
from yikatong.medical.visits.model import FeeBatch, Settlement, SplitLine
from yikatong.policies.model import YearToDate

YearKey = tuple[int, str, date]

# With a moment: persons with settlements since then; without: all with settlements or accumulators.
_PERSONS: Final = """
    select distinct person_id from settlements where $1::timestamptz is null or settled_at >= $1
     union
    select person_id from accumulators where $1::timestamptz is null"""
_COUNT: Final = f"select count(*) from ({_PERSONS}) p"  # noqa: S608 - our constants
_DRAW: Final = f"select person_id from ({_PERSONS}) p order by random() limit $2"  # noqa: S608
# Each part ends at the limit by itself, so that a range reads no more than its own persons.
_NEXT: Final = """
    (select distinct person_id from settlements
      where person_id > $1 and ($2::timestamptz is null or settled_at >= $2)
      order by person_id limit $3)
     union
    (select distinct person_id from accumulators where person_id > $1 and $2::timestamptz is null
      order by person_id limit $3)
     order by person_id limit $3"""


async def count_persons(connection: Connection, since: datetime | None) -> int:
    """How many persons there are to check."""
    return await connection.fetchval(_COUNT, since)


async def persons_after(
    connection: Connection, person_id: int, since: datetime | None, limit: int
) -> list[int]:
    """The next persons to check, in the order of their ids."""
    return [row[0] for row in await connection.fetch(_NEXT, person_id, since, limit)]


async def drawn_persons(connection: Connection, since: datetime | None, count: int) -> list[int]:
    """So many of them, drawn by chance, in the order of their ids."""
    return sorted(row[0] for row in await connection.fetch(_DRAW, since, count))


async def settlements_of_persons(
    connection: Connection, person_ids: Sequence[int]
) -> list[Settlement]:
    """All settlements and reversals of persons, in the order they were made."""
    rows = await connection.fetch(
        f"""select {store.SETTLEMENT} from settlements
             where person_id = any($1::bigint[]) order by person_id, settlement_id""",  # noqa: S608
        person_ids,
    )
    return [store.settlement_of(row) for row in rows]


async def batches(
    connection: Connection, visits: Sequence[tuple[int, int]]
) -> list[tuple[FeeBatch, list[SplitLine]]]:
    """The uploads of visits with their lines."""
    rows = await connection.fetch(
        f"""select {", ".join(FeeBatch.__struct_fields__)}, lines from fee_batches
              join unnest($1::bigint[], $2::bigint[]) as n (person_id, visit_id)
             using (person_id, visit_id)""",  # noqa: S608 - our constants
        [person_id for person_id, _ in visits],
        [visit_id for _, visit_id in visits],
    )
    return [(FeeBatch(*list(row)[:-1]), store.read_lines(list(row)[-1])) for row in rows]


async def years(
    connection: Connection, person_ids: Sequence[int]
) -> tuple[dict[YearKey, YearToDate], dict[YearKey, dict[str, int]]]:
    """The accumulators of persons, and what was carried over into them, by name."""
    rows = await connection.fetch(
        f"""select person_id, insurance, year_starts_on, {", ".join(store.YEAR)}
              from accumulators where person_id = any($1::bigint[])""",  # noqa: S608 - our constants
        person_ids,
    )
    found = {(row[0], row[1], row[2]): YearToDate(*list(row)[3:]) for row in rows}
    rows = await connection.fetch(
        """select person_id, insurance, year_starts_on, amounts from accumulators_carried_over
            where person_id = any($1::bigint[])""",
        person_ids,
    )
    carried = {
        (row[0], row[1], row[2]): msgspec.json.decode(row[3], type=dict[str, int]) for row in rows
    }
    return found, carried


async def pooling_regions(connection: Connection) -> dict[str, str]:
    """The pooling region that pays each provider."""
    rows = await connection.fetch("select provider_code, pooling_region from providers")
    return {row[0]: row[1] for row in rows}
