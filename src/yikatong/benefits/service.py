"""Use cases of the room benefits: read what a person draws."""

from collections.abc import Sequence

from yikatong.benefits import store
from yikatong.benefits.model import Entitlement
from yikatong.core.database import Connection


async def entitlements(connection: Connection, person_id: int) -> Sequence[Entitlement]:
    """Pensions and unemployment benefits of the person, ended ones too, the newest first."""
    return await store.entitlements(connection, person_id)
