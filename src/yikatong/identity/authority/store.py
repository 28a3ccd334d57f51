"""SQL of authorities. Each has a row at the principal and one at the agent."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from yikatong.core.database import Connection, Record
from yikatong.identity.authority.model import Authority

_COLUMNS = """authority_id, services, starts_on, ends_on, evidence, recorded_by, recorded_at,
    revoked_at, revoked_by"""


def _authority(row: Record, side: str) -> Authority:
    facts: dict[str, Any] = {name.strip(): row[name.strip()] for name in _COLUMNS.split(",")}
    facts["services"] = tuple(facts["services"])
    here, there = row["person_id"], row["other_person_id"]
    principal, agent = (here, there) if side == "principal" else (there, here)
    return Authority(person_id=principal, agent_id=agent, **facts)


async def insert(connection: Connection, one: Authority, key: str) -> bool:
    """Whether the key was new at the principal."""
    done = False
    for side, person_id, other in (
        ("principal", one.person_id, one.agent_id),
        ("agent", one.agent_id, one.person_id),
    ):
        # The agent's key names the principal: two people may use the same key for one agent.
        made = await connection.fetchval(
            f"""insert into authorities
                  (person_id, side, other_person_id, idempotency_key, {_COLUMNS})
                values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
                on conflict do nothing returning true""",  # noqa: S608
            person_id, side, other, key if side == "principal" else f"{other}:{key}",
            one.authority_id, list(one.services), one.starts_on, one.ends_on, one.evidence,
            one.recorded_by, one.recorded_at, one.revoked_at, one.revoked_by,
        )  # fmt: skip
        if side == "principal":
            if not made:
                return False
            done = True
    return done


async def by_key(connection: Connection, person_id: int, key: str) -> Authority | None:
    row = await connection.fetchrow(
        f"""select person_id, other_person_id, {_COLUMNS} from authorities
             where person_id = $1 and side = 'principal' and idempotency_key = $2""",  # noqa: S608
        person_id,
        key,
    )
    return None if row is None else _authority(row, "principal")


async def of_person(
    connection: Connection, person_id: int, side: str, limit: int = 200
) -> Sequence[Authority]:
    """Those the person granted ("principal") or holds ("agent"), the newest first."""
    rows = await connection.fetch(
        f"""select person_id, other_person_id, {_COLUMNS} from authorities
             where person_id = $1 and side = $2 order by authority_id desc limit $3""",  # noqa: S608
        person_id,
        side,
        limit,
    )
    return [_authority(row, side) for row in rows]


async def revoke(
    connection: Connection, person_id: int, authority_id: int, at: datetime, by: str
) -> Authority | None:
    """Revoke at both ends; None where there is none in force."""
    row = await connection.fetchrow(
        f"""update authorities set revoked_at = $3, revoked_by = $4
             where person_id = $1 and authority_id = $2 and side = 'principal'
               and revoked_at is null
         returning person_id, other_person_id, {_COLUMNS}""",  # noqa: S608
        person_id,
        authority_id,
        at,
        by,
    )
    if row is None:
        return None
    await connection.execute(
        """update authorities set revoked_at = $3, revoked_by = $4
            where person_id = $1 and authority_id = $2""",
        row["other_person_id"],
        authority_id,
        at,
        by,
    )
    return _authority(row, "principal")


async def lock(connection: Connection, person_id: int) -> None:
    """One authority after the other is recorded for an agent; held until the transaction ends."""
    await connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('authority ' || $1::text, 0))",
        str(person_id),
    )
