"""Use cases of the room exchange: does a region's system answer?"""

from datetime import datetime

from yikatong.core.database import Connection


async def out_since(connection: Connection, regions: list[str], at: datetime) -> datetime | None:
    """Since when one of these regions (a city, its province) does not answer; None: it does.

    Outages are entered by operations, or by the exchange once calls fail.
    """
    return await connection.fetchval(
        """select min(since) from region_outages
            where region = any($1) and since <= $2 and (until is null or until > $2)""",
        regions,
        at,
    )


async def outages(connection: Connection, at: datetime) -> list[tuple[str, datetime]]:
    """The regions that do not answer, with since when, the longest first."""
    rows = await connection.fetch(
        """select region, min(since) from region_outages
            where since <= $1 and (until is null or until > $1)
            group by region order by 2, 1""",
        at,
    )
    return [(row[0], row[1]) for row in rows]
