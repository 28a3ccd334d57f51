"""Use cases of the room benefits: read what a person draws; what its subjects share."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from yikatong.benefits import months, store
from yikatong.benefits.model import Due, DueKind, Entitlement
from yikatong.benefits.months import Change
from yikatong.core.database import Connection
from yikatong.core.errors import Unavailable
from yikatong.core.ids import new_id
from yikatong.core.money import Fen
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


def arrears(
    person_id: int,
    one: Entitlement,
    until: date,
    changes: Sequence[Change],
    reason: str,
    at: datetime,
) -> tuple[Entitlement, Due | None]:
    """Make a due of every month not settled yet, through that of `until` (补发)."""
    owed = months.owed(one, until)
    if not owed:
        return one, None
    settled = msgspec.structs.replace(one, settled_month=owed[-1])
    amounts = [months.sum_in(month, one.monthly, changes) for month in owed]
    return settled, due_of_months(person_id, one, "arrears", reason, owed[0], amounts, at)


def due_of_months(
    person_id: int,
    one: Entitlement,
    kind: DueKind,
    reason: str,
    first: date,
    amounts: Sequence[Fen],
    at: datetime,
) -> Due | None:
    """A due over months from `first` on; None where they come to nothing."""
    if sum(amounts) == 0:
        return None
    last = first
    for _ in amounts[1:]:
        last = months.next_month(last)
    return Due(
        person_id=person_id,
        due_id=new_id(at),
        benefit=one.benefit,
        insurance=one.fund,
        region=one.region,
        kind=kind,
        amount=sum(amounts),
        reason=reason,
        month_from=first,
        month_until=last,
        amounts=list(amounts),
        created_at=at,
    )
