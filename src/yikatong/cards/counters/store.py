"""SQL of counters."""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from yikatong.cards.counters.model import Counter
from yikatong.core.database import Connection

_COLUMNS: Final = Counter.__struct_fields__


async def replace_all(connection: Connection, counters: Iterable[Counter]) -> int:
    """These and no others; answers how many."""
    records = [msgspec.structs.astuple(one) for one in counters]
    await connection.execute("delete from card_counters")
    await connection.copy_records_to_table("card_counters", records=records, columns=_COLUMNS)
    return len(records)


async def find(connection: Connection, codes: Sequence[str]) -> dict[str, Counter]:
    rows = await connection.fetch(
        f"select {', '.join(_COLUMNS)} from card_counters where code = any($1::text[])",  # noqa: S608
        codes,
    )
    return {row["code"]: Counter(**dict(row)) for row in rows}


async def of_region(
    connection: Connection, pooling_region: str, kind: str | None, *, prints: bool
) -> list[Counter]:
    """Those of a pooling region: its centre, other counters of the agency, branches."""
    rows = await connection.fetch(
        f"""select {", ".join(_COLUMNS)} from card_counters
             where pooling_region = $1 and ($2::text is null or kind = $2)
               and (prints_at_once or not $3)
             order by kind, right(code, 5), code""",  # noqa: S608
        pooling_region,
        kind,
        prints,
    )
    return [Counter(**dict(row)) for row in rows]
