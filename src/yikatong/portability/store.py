"""SQL of the room: what the destinations offer."""

from collections.abc import Sequence
from datetime import date

from yikatong.core.database import Connection


async def opened_on(
    connection: Connection, regions: list[str], service: str
) -> tuple[bool, date | None]:
    """Whether one of these regions has an entry for the service, and since when it is open.

    The narrowest entry counts: regions come narrowest first.
    """
    row = await connection.fetchrow(
        """select opened_on from region_services
            where region = any($1) and service = $2
            order by array_position($1, region) limit 1""",
        regions,
        service,
    )
    return (False, None) if row is None else (True, row[0])


async def replace_region_services(
    connection: Connection, rows: Sequence[tuple[str, str, date | None]]
) -> None:
    await connection.execute("delete from region_services")
    await connection.copy_records_to_table(
        "region_services", records=rows, columns=("region", "service", "opened_on")
    )
