"""SQL of approvals."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from yikatong.core.database import Connection, Record
from yikatong.identity.approvals.model import Approval

_APPROVAL = """approval_id, permission, regions, asked_by_kind, asked_by, idempotency_key, asked_at,
    until, state, decided_by, decided_at, outcome"""
_FIELDS = tuple(name.strip() for name in _APPROVAL.split(","))


def _approval(row: Record) -> Approval:
    facts: dict[str, Any] = {name: row[name] for name in _FIELDS}
    facts["regions"] = tuple(facts["regions"])
    return Approval(**facts)


async def insert(
    connection: Connection, one: Approval, facts_sealed: bytes, content_hash: bytes
) -> bool:
    """Whether nothing was asked with this key before."""
    return bool(
        await connection.fetchval(
            """insert into approvals
                 (approval_id, permission, regions, facts_sealed, content_hash, asked_by_kind,
                  asked_by, idempotency_key, asked_at, until, state)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'asked')
               on conflict do nothing returning true""",
            one.approval_id, one.permission, list(one.regions), facts_sealed, content_hash,
            one.asked_by_kind, one.asked_by, one.idempotency_key, one.asked_at, one.until,
        )
    )  # fmt: skip


async def asked(
    connection: Connection, kind: str, name: str, key: str
) -> tuple[Approval, bytes] | None:
    """What was asked with a key, and the hash of its content."""
    row = await connection.fetchrow(
        f"""select {_APPROVAL}, content_hash from approvals
             where asked_by_kind = $1 and asked_by = $2 and idempotency_key = $3""",  # noqa: S608
        kind,
        name,
        key,
    )
    return None if row is None else (_approval(row), row["content_hash"])


async def get(
    connection: Connection, approval_id: int, *, lock: bool = False
) -> tuple[Approval, bytes] | None:
    """An approval with its sealed facts."""
    row = await connection.fetchrow(
        f"""select {_APPROVAL}, facts_sealed from approvals where approval_id = $1
            {"for update" if lock else ""}""",  # noqa: S608
        approval_id,
    )
    return None if row is None else (_approval(row), row["facts_sealed"])


async def waiting(
    connection: Connection, at: datetime, permissions: Sequence[str], after: int, limit: int
) -> list[tuple[Approval, bytes]]:
    """What waits for a decision, or was approved and not carried out, the oldest first, behind the
    last of the page before."""
    rows = await connection.fetch(
        f"""select {_APPROVAL}, facts_sealed from approvals
             where permission = any($2::text[])
               and ((state = 'asked' and until > $1) or state = 'approved') and approval_id > $3
             order by approval_id limit $4""",  # noqa: S608
        at,
        permissions,
        after,
        limit,
    )
    return [(_approval(row), row["facts_sealed"]) for row in rows]


async def of_asker(connection: Connection, kind: str, name: str, limit: int) -> list[Approval]:
    rows = await connection.fetch(
        f"""select {_APPROVAL} from approvals where asked_by_kind = $1 and asked_by = $2
             order by approval_id desc limit $3""",  # noqa: S608
        kind,
        name,
        limit,
    )
    return [_approval(row) for row in rows]


async def decide(
    connection: Connection, approval_id: int, state: str, by: str, at: datetime, outcome: str
) -> None:
    await connection.execute(
        """update approvals set state = $2, decided_by = $3, decided_at = $4, outcome = $5
            where approval_id = $1""",
        approval_id,
        state,
        by,
        at,
        outcome,
    )


async def close(connection: Connection, approval_id: int, state: str, outcome: str) -> None:
    """What was approved is carried out, or failed."""
    await connection.execute(
        """update approvals set state = $2, outcome = $3
            where approval_id = $1 and state = 'approved'""",
        approval_id,
        state,
        outcome,
    )
