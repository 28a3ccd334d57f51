"""SQL of reconciliation: a provider's settlements of a period, and files for it to fetch.

Settlements that a provider sent (not claims by hand), found by `settlements_by_provider`.
"""

from datetime import datetime
from typing import Final

from yikatong.core.database import Connection
from yikatong.medical.reconciliation.rules import Detail, Totals

_FUNDS: Final = "pooled + large_amount + serious_illness + civil_servant + assistance"
_OF_PERIOD: Final = """from settlements
    where provider_code = $1 and settled_at >= $2 and settled_at < $3 and channel = 'direct'"""
TOTALS: Final = f"""select coalesce(sum(total), 0)::bigint, coalesce(sum({_FUNDS}), 0)::bigint,
    coalesce(sum(medical_account), 0)::bigint, count(*) {_OF_PERIOD}
      and insurance = $4 and setting = $5"""
DETAILS: Final = f"""select settlement_id::text, visit_id::text, person_id::text, message_id, total,
    {_FUNDS}, medical_account, reverses is not null {_OF_PERIOD}
    order by settled_at, settlement_id limit $4"""


async def totals(
    connection: Connection,
    provider: str,
    since: datetime,
    before: datetime,
    insurance: str,
    setting: str,
) -> Totals:
    row = await connection.fetchrow(TOTALS, provider, since, before, insurance, setting)
    assert row is not None
    return Totals(*row)


async def details(
    connection: Connection, provider: str, since: datetime, before: datetime, limit: int
) -> list[Detail]:
    rows = await connection.fetch(DETAILS, provider, since, before, limit)
    return [Detail(*row) for row in rows]


async def insert_file(
    connection: Connection,
    number: str,
    provider: str,
    name: str,
    content: bytes,
    made_at: datetime,
    kept_until: datetime,
) -> None:
    await connection.execute(
        """insert into provider_files
             (file_query_no, provider_code, file_name, content, made_at, kept_until)
           values ($1, $2, $3, $4, $5, $6)""",
        number,
        provider,
        name,
        content,
        made_at,
        kept_until,
    )


async def file(connection: Connection, number: str, provider: str, now: datetime) -> bytes | None:
    """A provider's own file that is still kept."""
    return await connection.fetchval(
        """select content from provider_files
            where file_query_no = $1 and provider_code = $2 and kept_until > $3""",
        number,
        provider,
        now,
    )
