"""Use cases of the room benefits: read what a person draws; what its subjects share."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from yikatong.benefits import store
from yikatong.benefits.model import Entitlement
from yikatong.core.database import Connection
from yikatong.core.errors import Unavailable
from yikatong.core.platform import Platform
from yikatong.money.errors import KeyReused
from yikatong.money.ledger import service as ledger
from yikatong.trust import audit
from yikatong.trust.access import NATION
from yikatong.trust.audit import Actor


async def entitlements(connection: Connection, person_id: int) -> Sequence[Entitlement]:
    """Pensions and unemployment benefits of the person, ended ones too, the newest first."""
    return await store.entitlements(connection, person_id)


def within(region: str) -> str:
    """A pattern of SQL for a region and all that lies in it; "000000" is everywhere."""
    return "%" if region == NATION else f"{region.removesuffix('00').removesuffix('00')}%"


async def command(
    platform: Platform,
    person_id: int,
    name: str,
    content: object,
    actor: Actor,
    key: str,
    work: Callable[[Connection], Awaitable[tuple[dict[str, Any], dict[str, object]]]],
) -> dict[str, Any]:
    """Carry out a command on a person's benefits once per key; a repeat gets the first answer.

    `work` answers what the caller is told, and the detail of the audit event. Raises KeyReused, and
    what `work` raises; then nothing was changed.
    """
    digest = ledger.digest([name, content])
    async with platform.database.transaction() as connection:
        await store.lock(connection, person_id)
        known = await store.command(connection, person_id, key)
        if known is not None:
            if known[0] != digest:
                raise KeyReused
            return known[1]
        answer, detail = await work(connection)
        # As it will be read again: dates and the like as texts.
        answer = msgspec.json.decode(msgspec.json.encode(answer), type=dict[str, Any])
        now = platform.clock.now()
        await store.insert_command(connection, person_id, key, name, digest, answer, now)
        await audit.record(connection, actor, now, person_id, name, detail)
        return answer


async def update(connection: Connection, person_id: int, one: Entitlement) -> None:
    """Write a changed entitlement; raises Unavailable where it changed since it was read."""
    if not await store.update_many(connection, [(person_id, one)]):
        raise Unavailable(
            zh="待遇刚被修改，没有任何改动，请重试",
            en="the benefit was just changed by somebody else; nothing was changed, try again",
        )
