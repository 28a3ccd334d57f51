"""SQL of the interface's own tables: credentials, sign-ins, files, calls, faults."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec

from yikatong.core.database import Connection, Record
from yikatong.medical.model import Provider

_PROVIDER: Final = Provider.__struct_fields__
_CREDENTIAL: Final = f"""select c.access_key, c.scheme, c.secret_sealed, c.sm2_public_key, c.sandbox,
        {", ".join(f"p.{name}" for name in _PROVIDER)}
   from provider_credentials c join providers p using (provider_code)
  where (c.revoked_at is null or c.revoked_at > $1)"""  # noqa: S608 - our constants


# ---- credentials ----


async def credential(connection: Connection, access_key: str, now: datetime) -> Record | None:
    """A credential in use, with its provider."""
    return await connection.fetchrow(f"{_CREDENTIAL} and c.access_key = $2", now, access_key)


async def credentials(
    connection: Connection, access_keys: Sequence[str], now: datetime
) -> list[Record]:
    """Those of these credentials that are in use, with their providers."""
    return await connection.fetch(
        f"{_CREDENTIAL} and c.access_key = any($2::text[])", now, access_keys
    )


def provider_of(row: Any) -> Provider:
    """The provider in a credential's row."""
    return msgspec.convert({name: row[name] for name in _PROVIDER}, Provider)


async def sandbox_credentials(connection: Connection, now: datetime) -> list[Record]:
    return await connection.fetch(
        """select access_key, provider_code, scheme, secret_sealed from provider_credentials
            where sandbox and (revoked_at is null or revoked_at > $1)
            order by created_at, access_key""",
        now,
    )


async def every_credential(connection: Connection, provider_code: str | None) -> list[Record]:
    return await connection.fetch(
        """select access_key, provider_code, scheme, sm2_public_key, sandbox, created_at, revoked_at
             from provider_credentials where $1::text is null or provider_code = $1
            order by provider_code, created_at, access_key limit 10000""",
        provider_code,
    )


async def has_sandbox_credential(connection: Connection, provider_code: str, now: datetime) -> bool:
    return await connection.fetchval(
        """select exists (select from provider_credentials
                           where provider_code = $1 and sandbox
                             and (revoked_at is null or revoked_at > $2))""",
        provider_code,
        now,
    )


async def insert_credential(
    connection: Connection,
    access_key: str,
    provider_code: str,
    scheme: str,
    secret_sealed: bytes,
    sm2_public_key: str | None,
    sandbox: bool,
    created_at: datetime,
) -> None:
    await connection.execute(
        """insert into provider_credentials (access_key, provider_code, scheme, secret_sealed,
                  sm2_public_key, sandbox, created_at)
           values ($1, $2, $3, $4, $5, $6, $7)""",
        access_key, provider_code, scheme, secret_sealed, sm2_public_key, sandbox, created_at,
    )  # fmt: skip


async def revoke_credential(connection: Connection, access_key: str, at: datetime) -> bool:
    """Whether there was one that would have worked longer."""
    done = await connection.execute(
        """update provider_credentials set revoked_at = $2
            where access_key = $1 and (revoked_at is null or revoked_at > $2)""",
        access_key,
        at,
    )
    return done == "UPDATE 1"


async def set_sm2_key(
    connection: Connection, access_key: str, public_key: str | None, now: datetime
) -> bool:
    done = await connection.execute(
        """update provider_credentials set sm2_public_key = $2
            where access_key = $1 and (revoked_at is null or revoked_at > $3)""",
        access_key,
        public_key,
        now,
    )
    return done == "UPDATE 1"


# ---- sign-ins ----


async def insert_sign_in(
    connection: Connection, provider_code: str, sign_no: str, operator: str, at: datetime
) -> None:
    await connection.execute(
        """insert into provider_sign_ins (provider_code, sign_no, operator, signed_in_at)
           values ($1, $2, $3, $4)""",
        provider_code,
        sign_no,
        operator,
        at,
    )


async def sign_in(connection: Connection, provider_code: str, sign_no: str) -> Record | None:
    """operator, signed_in_at, signed_out_at."""
    return await connection.fetchrow(
        """select operator, signed_in_at, signed_out_at from provider_sign_ins
            where provider_code = $1 and sign_no = $2""",
        provider_code,
        sign_no,
    )


async def sign_out(connection: Connection, provider_code: str, sign_no: str, at: datetime) -> bool:
    """Whether it was signed in until now."""
    done = await connection.execute(
        """update provider_sign_ins set signed_out_at = $3
            where provider_code = $1 and sign_no = $2 and signed_out_at is null""",
        provider_code,
        sign_no,
        at,
    )
    return done == "UPDATE 1"


# ---- files ----


async def insert_file(
    connection: Connection,
    file_query_no: str,
    provider_code: str | None,
    file_name: str,
    content: bytes,
    made_at: datetime,
    kept_until: datetime,
) -> None:
    """A file kept under the same number stays, for longer."""
    await connection.execute(
        """insert into provider_files (file_query_no, provider_code, file_name, content, made_at,
                  kept_until)
           values ($1, $2, $3, $4, $5, $6)
           on conflict (file_query_no) do update
              set kept_until = greatest(provider_files.kept_until, excluded.kept_until)""",
        file_query_no,
        provider_code,
        file_name,
        content,
        made_at,
        kept_until,
    )


async def file(connection: Connection, file_query_no: str, now: datetime) -> Record | None:
    """provider_code, file_name, content, kept_until; None where it is not kept any more."""
    return await connection.fetchrow(
        """select provider_code, file_name, content, kept_until from provider_files
            where file_query_no = $1 and kept_until > $2""",
        file_query_no,
        now,
    )


async def extend_file(
    connection: Connection, file_query_no: str, now: datetime, kept_until: datetime
) -> bool:
    """Keep a file longer; whether it is there."""
    done = await connection.execute(
        """update provider_files set kept_until = greatest(kept_until, $3)
            where file_query_no = $1 and kept_until > $2""",
        file_query_no,
        now,
        kept_until,
    )
    return done == "UPDATE 1"


async def files_of(connection: Connection, provider_code: str, now: datetime) -> tuple[int, int]:
    """How many files are kept for a provider, and their bytes."""
    row = await connection.fetchrow(
        """select count(*), coalesce(sum(length(content)), 0)::bigint from provider_files
            where provider_code = $1 and kept_until > $2""",
        provider_code,
        now,
    )
    assert row is not None
    return row[0], row[1]


async def delete_old_files(connection: Connection, now: datetime) -> None:
    await connection.execute("delete from provider_files where kept_until <= $1", now)


# ---- catalogs ----


async def catalog_state(connection: Connection, province: str, on: date) -> tuple[str, date] | None:
    """What tells one state of the catalog from another, and since when its newest terms hold."""
    row = await connection.fetchrow(
        """select content_hash || extract(epoch from loaded_at) || ' ' || rows,
                  (select max(starts_on) from catalog_terms
                    where region in ($1, '000000') and starts_on <= $2)
             from reference_loads where name = 'catalog'""",
        province,
        on,
    )
    return None if row is None or row[1] is None else (row[0], row[1])


async def catalog_rows(
    connection: Connection,
    province: str,
    on: date,
    kind: str | None,
    subkinds: Sequence[str] | None,
) -> list[Record]:
    """Items with the terms of a province on a day: code, name, subkind, specification, unit, class,
    first_pay, price_limit, starts_on."""
    return await connection.fetch(
        """select i.code, i.name, i.subkind, i.specification, i.unit, t.class, t.first_pay,
                  t.price_limit, t.starts_on
             from catalog_items i
             join lateral (
                  select * from catalog_terms t
                   where t.code = i.code and t.region in ($1, '000000') and t.starts_on <= $2
                   order by (t.region = $1) desc, t.starts_on desc limit 1) t on true
            where ($3::text is null or i.kind = $3)
              and ($4::text[] is null or i.subkind = any($4))
            order by i.code""",
        province,
        on,
        kind,
        subkinds,
    )


# ---- calls of sandbox providers ----


async def insert_calls(connection: Connection, rows: Sequence[Sequence[object]]) -> None:
    """In the order of the table's columns."""
    await connection.executemany(
        "insert into provider_calls values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)", rows
    )


async def keep_newest_calls(connection: Connection, provider_code: str, most: int) -> None:
    await connection.execute(
        """delete from provider_calls
            where provider_code = $1 and call_id < (
                  select min(call_id) from (
                         select call_id from provider_calls where provider_code = $1
                          order by call_id desc limit $2) as newest)""",
        provider_code,
        most,
    )


async def newest_calls(connection: Connection, provider_code: str, limit: int) -> list[Record]:
    return await connection.fetch(
        """select provider_code, call_id, at, transaction_code, message_id, milliseconds, status,
                  code, request, answer
             from provider_calls where provider_code = $1 order by call_id desc limit $2""",
        provider_code,
        limit,
    )


# ---- faults ----


async def faults(connection: Connection, provider_code: str | None) -> list[Record]:
    """Those switched on, of one provider or of all."""
    return await connection.fetch(
        """select provider_code, fault, transaction_code, times from provider_faults
            where times > 0 and ($1::text is null or provider_code = $1)
            order by provider_code, transaction_code = '', fault, transaction_code""",
        provider_code,
    )


async def set_fault(
    connection: Connection, provider_code: str, fault: str, transaction_code: str, times: int
) -> None:
    await connection.execute(
        """insert into provider_faults (provider_code, fault, transaction_code, times)
           values ($1, $2, $3, $4)
           on conflict (provider_code, fault, transaction_code) do update
              set times = excluded.times""",
        provider_code,
        fault,
        transaction_code,
        times,
    )


async def delete_faults(
    connection: Connection, provider_code: str, fault: str | None, transaction_code: str | None
) -> int:
    done = await connection.execute(
        """delete from provider_faults
            where provider_code = $1 and ($2::text is null or fault = $2)
              and ($3::text is null or transaction_code = $3)""",
        provider_code,
        fault,
        transaction_code,
    )
    return int(done.rpartition(" ")[2])


async def take_fault(
    connection: Connection, provider_code: str, fault: str, transaction_code: str
) -> bool:
    """Count one down; whether there was one left."""
    done = await connection.execute(
        """update provider_faults set times = times - 1
            where provider_code = $1 and fault = $2 and transaction_code = $3 and times > 0""",
        provider_code,
        fault,
        transaction_code,
    )
    return done == "UPDATE 1"
