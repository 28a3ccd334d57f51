"""SQL of machines."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from yikatong.core.database import Connection, Record
from yikatong.identity.machines.model import Machine, Secret
from yikatong.trust.access import Grant

_MACHINE = """
    select m.machine_id, m.name, m.kind, m.made_at, m.revoked_at,
           array(select array[g.permission, g.region] from machine_grants g
                  where g.machine_id = m.machine_id order by 1) as grants,
           coalesce((select jsonb_agg(jsonb_build_array(encode(s.secret_hash, 'hex'),
                                        s.made_at, s.ends_at, s.used_at) order by s.made_at)
                       from machine_secrets s
                      where s.machine_id = m.machine_id and s.ends_at > $1), '[]') as secrets
      from machines m"""


def _machine(row: Record) -> Machine:
    raw = msgspec.json.decode(
        row["secrets"], type=list[tuple[str, datetime, datetime, datetime | None]]
    )
    facts: dict[str, Any] = {
        name: row[name] for name in ("machine_id", "name", "kind", "made_at", "revoked_at")
    }
    return Machine(
        **facts,
        grants=tuple(Grant(what, region) for what, region in row["grants"]),
        secrets=tuple(Secret(bytes.fromhex(one[0]), *one[1:]) for one in raw),
    )


async def insert(
    connection: Connection, machine_id: str, name: str, kind: str, at: datetime
) -> bool:
    """Whether the id was free."""
    return bool(
        await connection.fetchval(
            """insert into machines (machine_id, name, kind, made_at) values ($1, $2, $3, $4)
               on conflict do nothing returning true""",
            machine_id,
            name,
            kind,
            at,
        )
    )


async def insert_grants(connection: Connection, machine_id: str, grants: Sequence[Grant]) -> None:
    await connection.execute(
        """insert into machine_grants (machine_id, permission, region)
           select $1, * from unnest($2::text[], $3::text[]) on conflict do nothing""",
        machine_id,
        [one.what for one in grants],
        [one.region for one in grants],
    )


async def insert_secret(
    connection: Connection, machine_id: str, secret_hash: bytes, at: datetime, ends_at: datetime
) -> None:
    await connection.execute(
        """insert into machine_secrets (machine_id, secret_hash, made_at, ends_at)
           values ($1, $2, $3, $4)""",
        machine_id,
        secret_hash,
        at,
        ends_at,
    )


async def lock(connection: Connection, machine_id: str, at: datetime) -> Machine | None:
    """A machine that is not revoked, locked: two rotations go one after the other."""
    found = await connection.fetchval(
        "select true from machines where machine_id = $1 and revoked_at is null for update",
        machine_id,
    )
    return (await live(connection, [machine_id], at)).get(machine_id) if found else None


async def end_secrets(
    connection: Connection, machine_id: str, hashes: Sequence[bytes], at: datetime
) -> None:
    await connection.execute(
        """update machine_secrets set ends_at = least(ends_at, $3)
            where machine_id = $1 and secret_hash = any($2::bytea[])""",
        machine_id,
        hashes,
        at,
    )


async def revoke(connection: Connection, machine_id: str, at: datetime) -> bool:
    return bool(
        await connection.fetchval(
            """update machines set revoked_at = $2
                where machine_id = $1 and revoked_at is null returning true""",
            machine_id,
            at,
        )
    )


async def live(
    connection: Connection, machine_ids: Sequence[str], at: datetime
) -> dict[str, Machine]:
    """Those of these machines that are not revoked, with their live secrets."""
    rows = await connection.fetch(
        f"{_MACHINE} where m.revoked_at is null and m.machine_id = any($2::text[])",
        at,
        machine_ids,
    )
    return {row["machine_id"]: _machine(row) for row in rows}


async def names(connection: Connection, machine_ids: Sequence[str]) -> dict[str, str]:
    """What these machines are called, revoked ones too; unknown ones are left out."""
    rows = await connection.fetch(
        "select machine_id, name from machines where machine_id = any($1::text[])", machine_ids
    )
    return {row["machine_id"]: row["name"] for row in rows}


async def every(connection: Connection, at: datetime) -> list[Machine]:
    """All machines, revoked ones too, in the order of their ids."""
    rows = await connection.fetch(f"{_MACHINE} order by m.machine_id", at)
    return [_machine(row) for row in rows]


async def used(connection: Connection, uses: Sequence[tuple[str, bytes, datetime]]) -> None:
    """Note when secrets were last used."""
    await connection.execute(
        """update machine_secrets s set used_at = greatest(s.used_at, n.at)
             from unnest($1::text[], $2::bytea[], $3::timestamptz[]) as n (machine_id, hash, at)
            where s.machine_id = n.machine_id and s.secret_hash = n.hash""",
        [one[0] for one in uses],
        [one[1] for one in uses],
        [one[2] for one in uses],
    )
