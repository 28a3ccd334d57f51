"""SQL of signing in."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from yikatong.core.database import Connection, Record
from yikatong.identity.signing_in.model import KnownDevice

_DEVICE = "person_id, device_id, device, proofs, first_at, last_at"


def _device(row: Record) -> KnownDevice:
    facts: dict[str, Any] = {name: row[name] for name in KnownDevice.__struct_fields__}
    facts["proofs"] = tuple(facts["proofs"])
    return KnownDevice(**facts)


async def password(connection: Connection, person_id: int) -> bytes | None:
    return await connection.fetchval(
        "select verifier from passwords where person_id = $1", person_id
    )


async def put_password(
    connection: Connection, person_id: int, verifier: bytes, at: datetime
) -> None:
    await connection.execute(
        """insert into passwords (person_id, verifier, set_at) values ($1, $2, $3)
           on conflict (person_id) do update set verifier = $2, set_at = $3""",
        person_id,
        verifier,
        at,
    )


async def renew_password(
    connection: Connection, person_id: int, old: bytes, verifier: bytes
) -> None:
    """The same password in a newer version, unless it was changed meanwhile."""
    await connection.execute(
        "update passwords set verifier = $3 where person_id = $1 and verifier = $2",
        person_id,
        old,
        verifier,
    )


async def delete_password(connection: Connection, person_id: int) -> bool:
    return bool(
        await connection.fetchval(
            "delete from passwords where person_id = $1 returning 1", person_id
        )
    )


async def find_device(
    connection: Connection, person_id: int, secret_hashes: Sequence[bytes], seen_after: datetime
) -> KnownDevice | None:
    row = await connection.fetchrow(
        f"""select {_DEVICE} from known_devices
             where person_id = $1 and secret_hash = any($2::bytea[]) and last_at > $3
             order by last_at desc limit 1""",  # noqa: S608 - our constant
        person_id,
        secret_hashes,
        seen_after,
    )
    return None if row is None else _device(row)


async def devices(
    connection: Connection, person_id: int, seen_after: datetime
) -> list[KnownDevice]:
    rows = await connection.fetch(
        f"""select {_DEVICE} from known_devices where person_id = $1 and last_at > $2
             order by last_at desc""",  # noqa: S608 - our constant
        person_id,
        seen_after,
    )
    return [_device(row) for row in rows]


async def insert_device(connection: Connection, device: KnownDevice, secret_hash: bytes) -> None:
    await connection.execute(
        f"""insert into known_devices ({_DEVICE}, secret_hash)
            values ($1, $2, $3, $4, $5, $6, $7)""",  # noqa: S608 - our constant
        device.person_id,
        device.device_id,
        device.device,
        list(device.proofs),
        device.first_at,
        device.last_at,
        secret_hash,
    )


async def used_device(
    connection: Connection,
    person_id: int,
    device_id: int,
    device: str,
    proofs: Sequence[str],
    at: datetime,
) -> None:
    await connection.execute(
        """update known_devices
              set last_at = $5, device = $3,
                  proofs = array(select distinct one from unnest(proofs || $4::text[]) as one
                                  order by one)
            where person_id = $1 and device_id = $2""",
        person_id,
        device_id,
        device,
        list(proofs),
        at,
    )


async def drop_devices(connection: Connection, person_id: int, keep: int) -> None:
    """Forget all but the last used."""
    await connection.execute(
        """delete from known_devices where person_id = $1 and device_id in (
             select device_id from known_devices where person_id = $1
              order by last_at desc, device_id desc offset $2)""",
        person_id,
        keep,
    )


async def forget_device(connection: Connection, person_id: int, device_id: int) -> bool:
    return bool(
        await connection.fetchval(
            "delete from known_devices where person_id = $1 and device_id = $2 returning 1",
            person_id,
            device_id,
        )
    )


async def insert_code(
    connection: Connection,
    request_hash: bytes,
    person_id: int | None,
    session_id: int | None,
    purpose: str,
    digits: int,
    code_hash: bytes,
    sent_at: datetime,
    ends_at: datetime,
    phone_sealed: bytes | None = None,
) -> None:
    """`phone_sealed`: the phone it goes to, where that is not the one on file."""
    await connection.execute(
        """insert into one_time_codes
             (request_hash, person_id, session_id, purpose, digits, code_hash, sent_at, ends_at,
              phone_sealed)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
        request_hash,
        person_id,
        session_id,
        purpose,
        digits,
        code_hash,
        sent_at,
        ends_at,
        phone_sealed,
    )


async def count_code(
    connection: Connection,
    request_hash: bytes,
    purpose: str,
    session_id: int | None,
    tries_max: int,
    at: datetime,
) -> Record | None:
    """Count a try at a code that can still be used; None where there is none."""
    return await connection.fetchrow(
        """update one_time_codes set tries = tries + 1
            where request_hash = $1 and purpose = $2 and session_id is not distinct from $3
              and tries < $4 and used_at is null and ends_at > $5
        returning person_id, digits, code_hash, tries, phone_sealed""",
        request_hash,
        purpose,
        session_id,
        tries_max,
        at,
    )


async def use_code(connection: Connection, request_hash: bytes, at: datetime) -> bool:
    """Use a code up; False where it was used meanwhile."""
    return bool(
        await connection.fetchval(
            """update one_time_codes set used_at = $2
                where request_hash = $1 and used_at is null returning 1""",
            request_hash,
            at,
        )
    )


async def insert_scan(
    connection: Connection,
    request_hash: bytes,
    browser_hash: bytes,
    device: str,
    network: str,
    person_id: int | None,
    session_id: int | None,
    at: datetime,
    ends_at: datetime,
) -> None:
    await connection.execute(
        """insert into scan_requests (request_hash, browser_hash, device, network, person_id,
                                      session_id, begun_at, ends_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8)""",
        request_hash,
        browser_hash,
        device,
        network,
        person_id,
        session_id,
        at,
        ends_at,
    )


_SCAN = """device, network, person_id, session_id, begun_at, ends_at, modes, approved_in,
    approved_at, refused_at, collected_at"""


async def scan(connection: Connection, request_hash: bytes, at: datetime) -> Record | None:
    """A request that is not over."""
    return await connection.fetchrow(
        f"select {_SCAN} from scan_requests where request_hash = $1 and ends_at > $2",  # noqa: S608
        request_hash,
        at,
    )


async def answer_scan(
    connection: Connection,
    request_hash: bytes,
    person_id: int,
    session_id: int,
    modes: Sequence[str] | None,
    at: datetime,
) -> bool:
    """Approve a request by these proofs, or refuse it (None), once; False where it is over, was
    answered, or is another person's."""
    return bool(
        await connection.fetchval(
            """update scan_requests
                  set person_id = $2, modes = $3::text[], approved_in = $5,
                      approved_at = case when $3::text[] is not null then $4::timestamptz end,
                      refused_at = case when $3::text[] is null then $4::timestamptz end
                where request_hash = $1 and ends_at > $4 and approved_at is null
                  and refused_at is null and (person_id is null or person_id = $2)
            returning 1""",
            request_hash,
            person_id,
            modes,
            at,
            session_id,
        )
    )


async def collect_scan(
    connection: Connection, request_hash: bytes, browser_hash: bytes, at: datetime
) -> Record | None:
    """Take what was approved, once, in the browser that asked."""
    return await connection.fetchrow(
        f"""update scan_requests set collected_at = $3
             where request_hash = $1 and browser_hash = $2 and approved_at is not null
               and collected_at is null and ends_at > $3
         returning {_SCAN}""",  # noqa: S608 - our constant
        request_hash,
        browser_hash,
        at,
    )


async def forget(connection: Connection, before: datetime, limit: int) -> int:
    """Delete codes and requests that were over before a moment; answers how many."""
    return await connection.fetchval(
        """with codes as (
             delete from one_time_codes where request_hash in (
               select request_hash from one_time_codes where ends_at < $1 limit $2)
             returning 1),
           scans as (
             delete from scan_requests where request_hash in (
               select request_hash from scan_requests where ends_at < $1 limit $2)
             returning 1)
           select (select count(*) from codes) + (select count(*) from scans)""",
        before,
        limit,
    )
