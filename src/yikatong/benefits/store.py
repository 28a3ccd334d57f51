"""SQL of the room benefits."""

from collections.abc import Sequence

from yikatong.benefits.model import Entitlement
from yikatong.core.database import Connection


async def entitlements(connection: Connection, person_id: int) -> Sequence[Entitlement]:
    rows = await connection.fetch(
        """select benefit, region, status, starts_on, ends_on, monthly, proof_due_on, held_reason
             from benefit_entitlements where person_id = $1 order by benefit, starts_on desc""",
        person_id,
    )
    return [Entitlement(**dict(row)) for row in rows]
