"""SQL of logins, their tokens, consents and waiting requests."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

import msgspec

from yikatong.core.database import Connection, Record
from yikatong.identity.openid.model import (
    AuthorizationRequest,
    Consent,
    Grant,
    LiveToken,
    Pending,
    Scope,
)

_GRANT = """person_id, grant_id, client_id, session_id, scopes, level, modes, proved_at, nonce,
    redirect_uri, challenge, code_expires_at, code_used_at, begun_at, ends_at, ended_at"""
_OF_GRANT = ", ".join(f"g.{one.strip()}" for one in _GRANT.split(","))
_GRANT_FIELDS = Grant.__struct_fields__


def _grant(row: Record) -> Grant:
    facts: dict[str, Any] = {name: row[name] for name in _GRANT_FIELDS}
    facts["scopes"], facts["modes"] = tuple(facts["scopes"]), tuple(facts["modes"])
    return Grant(**facts)


async def keep_request(
    connection: Connection, handle_hash: bytes, request: AuthorizationRequest, at: datetime
) -> None:
    await connection.execute(
        "insert into openid_requests (handle_hash, request, asked_at) values ($1, $2, $3)",
        handle_hash,
        msgspec.json.encode(request).decode(),
        at,
    )


async def request(
    connection: Connection, handle_hash: bytes, asked_after: datetime
) -> Pending | None:
    row = await connection.fetchrow(
        "select request, asked_at from openid_requests where handle_hash = $1 and asked_at > $2",
        handle_hash,
        asked_after,
    )
    return None if row is None else _pending(row)


async def take_request(
    connection: Connection, handle_hash: bytes, asked_after: datetime
) -> Pending | None:
    """The request, which is gone with this: it is answered once."""
    row = await connection.fetchrow(
        """delete from openid_requests where handle_hash = $1 and asked_at > $2
        returning request, asked_at""",
        handle_hash,
        asked_after,
    )
    return None if row is None else _pending(row)


def _pending(row: Record) -> Pending:
    read = msgspec.json.decode(row["request"], type=AuthorizationRequest)
    return Pending(read, row["asked_at"])


async def consent(connection: Connection, person_id: int, client_id: str) -> Consent | None:
    row = await connection.fetchrow(
        """select person_id, client_id, scopes, given_at, changed_at from openid_consents
            where person_id = $1 and client_id = $2""",
        person_id,
        client_id,
    )
    return None if row is None else _consent(row)


async def consents(connection: Connection, person_id: int) -> Sequence[Consent]:
    rows = await connection.fetch(
        """select person_id, client_id, scopes, given_at, changed_at from openid_consents
            where person_id = $1 order by changed_at desc, client_id""",
        person_id,
    )
    return [_consent(row) for row in rows]


def _consent(row: Record) -> Consent:
    return Consent(
        row["person_id"], row["client_id"], tuple(row["scopes"]), row["given_at"],
        row["changed_at"],
    )  # fmt: skip


async def add_consent(
    connection: Connection, person_id: int, client_id: str, scopes: Sequence[Scope], at: datetime
) -> None:
    """Add scopes to what the person lets the client see."""
    await connection.execute(
        """insert into openid_consents as c (person_id, client_id, scopes, given_at, changed_at)
           values ($1, $2, $3, $4, $4)
           on conflict (person_id, client_id) do update
             set scopes = array(select distinct unnest(c.scopes || excluded.scopes)),
                 changed_at = excluded.changed_at""",
        person_id,
        client_id,
        list(scopes),
        at,
    )


async def drop_consent(connection: Connection, person_id: int, client_id: str) -> bool:
    gone = await connection.fetchval(
        "delete from openid_consents where person_id = $1 and client_id = $2 returning true",
        person_id,
        client_id,
    )
    return bool(gone)


async def insert_grant(connection: Connection, grant: Grant, code_hash: bytes) -> None:
    await connection.execute(
        f"""insert into openid_grants ({_GRANT}, code_hash)
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)""",  # noqa: S608
        grant.person_id, grant.grant_id, grant.client_id, grant.session_id, list(grant.scopes),
        grant.level, list(grant.modes), grant.proved_at, grant.nonce, grant.redirect_uri,
        grant.challenge, grant.code_expires_at, grant.code_used_at, grant.begun_at, grant.ends_at,
        grant.ended_at, code_hash,
    )  # fmt: skip


async def take_code(
    connection: Connection, person_id: int, grant_id: int, code_hash: bytes, at: datetime
) -> tuple[Grant, bool] | None:
    """The login of a code and whether its session is over; the code is used with this.

    None for a wrong or unknown one. `code_used_at` is what it was before: set where it was used.
    """
    row = await connection.fetchrow(
        f"""select {_OF_GRANT},
                   not exists (select from sessions s
                                where s.person_id = g.person_id and s.session_id = g.session_id
                                  and s.ended_at is null) as session_over
              from openid_grants g
             where g.person_id = $1 and g.grant_id = $2 and g.code_hash = $3
               for update of g""",  # noqa: S608
        person_id,
        grant_id,
        code_hash,
    )
    if row is None:
        return None
    if row["code_used_at"] is None:
        await connection.execute(
            "update openid_grants set code_used_at = $3 where person_id = $1 and grant_id = $2",
            person_id,
            grant_id,
            at,
        )
    return _grant(row), row["session_over"]


async def insert_token(
    connection: Connection,
    grant: Grant,
    token_id: int,
    kind: str,
    secret_hash: bytes,
    scopes: Sequence[Scope],
    made_at: datetime,
    expires_at: datetime,
) -> None:
    await connection.execute(
        """insert into openid_tokens
             (person_id, grant_id, token_id, kind, secret_hash, scopes, made_at, expires_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8)""",
        grant.person_id, grant.grant_id, token_id, kind, secret_hash, list(scopes), made_at,
        expires_at,
    )  # fmt: skip


async def token(
    connection: Connection,
    person_id: int,
    grant_id: int,
    token_id: int,
    secret_hash: bytes,
    *,
    lock: bool = False,
) -> LiveToken | None:
    """A token with its login; None for a wrong or unknown one. `lock`: two at once go one by one."""
    row = await connection.fetchrow(
        f"""select {_OF_GRANT}, t.token_id, t.kind, t.scopes as token_scopes, t.made_at,
                   t.expires_at, t.ended_at as token_ended_at, t.used_at, t.replaced_by,
                   not exists (select from sessions s
                                where s.person_id = g.person_id and s.session_id = g.session_id
                                  and s.ended_at is null) as session_over
              from openid_tokens t
              join openid_grants g on g.person_id = t.person_id and g.grant_id = t.grant_id
             where t.person_id = $1 and t.grant_id = $2 and t.token_id = $3 and t.secret_hash = $4
             {"for update of g, t" if lock else ""}""",  # noqa: S608
        person_id,
        grant_id,
        token_id,
        secret_hash,
    )
    if row is None:
        return None
    return LiveToken(
        grant=_grant(row),
        token_id=row["token_id"],
        kind=row["kind"],
        scopes=cast("tuple[Scope, ...]", tuple(row["token_scopes"])),
        made_at=row["made_at"],
        expires_at=row["expires_at"],
        ended_at=row["token_ended_at"],
        used_at=row["used_at"],
        replaced_by=row["replaced_by"],
        session_over=row["session_over"],
    )


async def count_look(connection: Connection, token: LiveToken, at_most: int) -> bool:
    """Count a look at the person by this access token; False where they are used up."""
    counted = await connection.fetchval(
        """update openid_tokens set looks = looks + 1
            where person_id = $1 and grant_id = $2 and token_id = $3 and looks < $4
        returning true""",
        token.grant.person_id,
        token.grant.grant_id,
        token.token_id,
        at_most,
    )
    return bool(counted)


async def replace_token(
    connection: Connection, grant: Grant, token_id: int, by: int, at: datetime
) -> None:
    """A refresh token was used; the moment of its first use stays."""
    await connection.execute(
        """update openid_tokens set used_at = coalesce(used_at, $4), replaced_by = $5
            where person_id = $1 and grant_id = $2 and token_id = $3""",
        grant.person_id,
        grant.grant_id,
        token_id,
        at,
        by,
    )


async def is_unused(connection: Connection, grant: Grant, token_id: int) -> bool:
    """Whether a refresh token is there, not used and not ended."""
    found = await connection.fetchval(
        """select true from openid_tokens
            where person_id = $1 and grant_id = $2 and token_id = $3 and used_at is null
              and ended_at is null""",
        grant.person_id,
        grant.grant_id,
        token_id,
    )
    return bool(found)


async def end_tokens(
    connection: Connection, grant: Grant, token_id: int | None, at: datetime
) -> None:
    """End one token of a login, or all."""
    await connection.execute(
        """update openid_tokens set ended_at = $4
            where person_id = $1 and grant_id = $2 and ended_at is null
              and ($3::bigint is null or token_id = $3)""",
        grant.person_id,
        grant.grant_id,
        token_id,
        at,
    )


async def end_grant(
    connection: Connection, person_id: int, grant_id: int, by: str, at: datetime
) -> bool:
    """End a login with all its tokens; False where it had ended."""
    ended = await connection.fetchval(
        """update openid_grants set ended_at = $4, ended_by = $3
            where person_id = $1 and grant_id = $2 and ended_at is null returning true""",
        person_id,
        grant_id,
        by,
        at,
    )
    return bool(ended)


async def end_grants(
    connection: Connection, person_id: int, client_id: str, by: str, at: datetime
) -> int:
    """End all logins of a person at a client; answers how many were live."""
    return await connection.fetchval(
        """with ended as (
             update openid_grants set ended_at = $4, ended_by = $3
              where person_id = $1 and client_id = $2 and ended_at is null and ends_at > $4
             returning 1)
           select count(*) from ended""",
        person_id,
        client_id,
        by,
        at,
    )


async def remember_assertion(connection: Connection, mark: bytes, expires_at: datetime) -> bool:
    """False where the assertion was used before."""
    new = await connection.fetchval(
        """insert into openid_assertions (assertion_hash, expires_at) values ($1, $2)
           on conflict do nothing returning true""",
        mark,
        expires_at,
    )
    return bool(new)


async def forget(connection: Connection, now: datetime, asked_before: datetime, limit: int) -> int:
    """Delete what is over: requests, assertions, logins and their tokens; answers how many rows."""
    done = 0
    for statement, at in (
        (
            """delete from openid_requests where handle_hash in
                 (select handle_hash from openid_requests where asked_at < $1 limit $2)""",
            asked_before,
        ),
        (
            """delete from openid_assertions where assertion_hash in
                 (select assertion_hash from openid_assertions where expires_at < $1 limit $2)""",
            now,
        ),
        (
            """delete from openid_tokens where (person_id, grant_id, token_id) in
                 (select person_id, grant_id, token_id from openid_tokens
                   where expires_at < $1 limit $2)""",
            now,
        ),
        (
            """delete from openid_grants where (person_id, grant_id) in
                 (select person_id, grant_id from openid_grants where ends_at < $1 limit $2)""",
            now,
        ),
    ):
        tag = await connection.execute(statement, at, limit)
        done += int(tag.split()[-1])
    return done
