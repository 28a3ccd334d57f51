"""SQL of clients and their secrets."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from yikatong.core.database import Connection, Record
from yikatong.identity.openid.model import Client

_FIELDS = Client.__struct_fields__
_CLIENT = ", ".join(_FIELDS)


def _client(row: Record) -> Client:
    facts: dict[str, Any] = {name: row[name] for name in _FIELDS}
    for name in ("redirect_uris", "post_logout_uris", "scopes"):
        facts[name] = tuple(facts[name])
    return Client(**facts)


async def client(connection: Connection, client_id: str) -> Client | None:
    row = await connection.fetchrow(
        f"select {_CLIENT} from openid_clients where client_id = $1",  # noqa: S608
        client_id,
    )
    return None if row is None else _client(row)


async def clients(connection: Connection) -> Sequence[Client]:
    rows = await connection.fetch(
        f"select {_CLIENT} from openid_clients order by client_id"  # noqa: S608
    )
    return [_client(row) for row in rows]


async def insert(connection: Connection, one: Client) -> bool:
    """False where a client of this id is there."""
    made = await connection.fetchval(
        f"""insert into openid_clients ({_CLIENT})
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
            on conflict (client_id) do nothing returning true""",  # noqa: S608
        one.client_id, one.authentication, one.native, one.name_zh, one.name_en, one.sector,
        list(one.redirect_uris), list(one.post_logout_uris), list(one.scopes), one.required_level,
        one.key_set, one.sandbox, one.made_at, one.disabled_at,
    )  # fmt: skip
    return bool(made)


async def set_disabled(connection: Connection, client_id: str, at: datetime | None) -> bool:
    """Switch a client off, or on with None; False where there is none."""
    found = await connection.fetchval(
        """update openid_clients
              set disabled_at = case when $2::timestamptz is null then null
                                     else coalesce(disabled_at, $2) end
            where client_id = $1 returning true""",
        client_id,
        at,
    )
    return bool(found)


async def insert_secret(
    connection: Connection, client_id: str, secret_hash: bytes, sealed: bytes | None, at: datetime
) -> None:
    await connection.execute(
        """insert into openid_client_secrets (client_id, secret_hash, secret_sealed, made_at)
           values ($1, $2, $3, $4)""",
        client_id,
        secret_hash,
        sealed,
        at,
    )


async def retire_secrets(
    connection: Connection, client_id: str, expires_at: datetime | None
) -> None:
    """The newest secret goes on until a moment, or with None not at all; all older ones are over."""
    await connection.execute(
        """delete from openid_client_secrets
            where client_id = $1 and (expires_at is not null or $2::timestamptz is null)""",
        client_id,
        expires_at,
    )
    await connection.execute(
        "update openid_client_secrets set expires_at = $2 where client_id = $1",
        client_id,
        expires_at,
    )


async def secret_hashes(connection: Connection, client_id: str, at: datetime) -> Sequence[bytes]:
    rows = await connection.fetch(
        """select secret_hash from openid_client_secrets
            where client_id = $1 and (expires_at is null or expires_at > $2)""",
        client_id,
        at,
    )
    return [row[0] for row in rows]


async def sealed_secrets(connection: Connection) -> dict[str, bytes]:
    """The newest secrets of sandbox clients."""
    rows = await connection.fetch(
        """select client_id, secret_sealed from openid_client_secrets
            where secret_sealed is not null and expires_at is null"""
    )
    return {row["client_id"]: row["secret_sealed"] for row in rows}
