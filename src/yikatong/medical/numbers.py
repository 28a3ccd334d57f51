"""Whose a number is (按编号查找): of a filing, a visit, a settlement or a claim, without knowing whose."""

from typing import Literal

import msgspec

from yikatong.core.database import Connection

Kind = Literal["filing", "visit", "settlement", "claim"]


class Owner(msgspec.Struct, frozen=True):
    """What has this number, and whose it is."""

    kind: Kind
    person_id: int


async def owners(connection: Connection, number: int) -> list[Owner]:
    """Everything of this number; as numbers are unique within one person only, rarely several.

    The caller records why it looked.
    """
    rows = await connection.fetch(
        """select 'filing', person_id from filings where filing_id = $1
           union all select 'visit', person_id from visits where visit_id = $1
           union all select 'settlement', person_id from settlements where settlement_id = $1
           union all select 'claim', person_id from claims where claim_id = $1
           limit 20""",
        number,
    )
    return [Owner(row[0], row[1]) for row in rows]
