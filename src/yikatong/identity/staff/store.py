"""SQL of staff and their sessions."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from yikatong.core.database import Connection, Record
from yikatong.identity.staff.model import Held, Member, StaffSession
from yikatong.trust.access import Grant

_GRANTS = """array(select array[g.role, g.region] from staff_grants g
                    where g.staff_number = s.staff_number order by g.role, g.region) as grants"""
_MEMBER = f"""select s.staff_number, s.name, s.region, s.state, s.sandbox, s.made_at, s.provider,
                     s.totp_sealed is not null as second_factor,
                     s.password_changed_at is null as must_change_password, {_GRANTS}
                from staff s"""  # noqa: S608 - our constants
_SESSION = f"""select s.staff_number, s.name, n.session_id, n.stage, n.device, n.begun_at,
                      n.seen_at, n.ends_at, s.password_changed_at is null as must_change_password,
                      n.secret_hash, n.candidate_sealed, s.provider, s.sandbox, {_GRANTS}
                 from staff_sessions n join staff s using (staff_number)
                where n.ended_at is null and n.ends_at > $1 and n.seen_at > $2
                  and s.state = 'active' and (not s.sandbox or $3)"""  # noqa: S608


def _made(kind: type[Any], row: Record) -> Any:
    facts = {name: row[name] for name in kind.__struct_fields__}
    facts["grants"] = tuple(Grant(what, region) for what, region in row["grants"])
    return kind(**facts)


async def insert(
    connection: Connection,
    number: str,
    name: str,
    region: str,
    verifier: bytes,
    at: datetime,
    *,
    sandbox: bool,
    totp_sealed: bytes | None,
    provider: str | None = None,
) -> bool:
    """Whether the number was free."""
    return bool(
        await connection.fetchval(
            """insert into staff (staff_number, name, region, password_verifier, sandbox, totp_sealed,
                                  password_changed_at, made_at, provider)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict do nothing returning true""",
            number,
            name,
            region,
            verifier,
            sandbox,
            totp_sealed,
            at if sandbox else None,
            at,
            provider,
        )
    )


async def members(connection: Connection, number: str | None = None) -> list[Member]:
    """All members of staff, or the one of this number."""
    rows = await connection.fetch(
        f"{_MEMBER} where $1::text is null or s.staff_number = $1 order by s.staff_number", number
    )
    return [_made(Member, row) for row in rows]


async def search(
    connection: Connection,
    areas: Sequence[str],
    place: str,
    words: str,
    role: str,
    state: str,
    after: str,
    limit: int,
) -> list[Member]:
    """Members by number: whose office lies in one of the areas and in the place, or who has a role
    there. Areas and the place are the digits that codes begin with; empty words, role, state: any."""
    rows = await connection.fetch(
        f"""{_MEMBER}
             where s.staff_number > $1
               and exists (
                 select from (select s.region union all
                              select g.region from staff_grants g
                               where g.staff_number = s.staff_number) as r (region)
                  where starts_with(r.region::text, $3)
                    and exists (select from unnest($2::text[]) as a (area)
                                 where starts_with(r.region::text, a.area)))
               and ($4 = '' or starts_with(s.staff_number, lower($4)) or strpos(s.name, $4) > 0)
               and ($5 = '' or exists (select from staff_grants g
                                        where g.staff_number = s.staff_number and g.role = $5))
               and ($6 = '' or s.state = $6)
             order by s.staff_number limit $7""",  # noqa: S608 - our constants
        after,
        areas,
        place,
        words,
        role,
        state,
        limit,
    )
    return [_made(Member, row) for row in rows]


async def held(connection: Connection, number: str) -> list[Held]:
    """The roles of a member, since when and by whom."""
    rows = await connection.fetch(
        """select role, region, granted_at, granted_by from staff_grants
            where staff_number = $1 order by role, region""",
        number,
    )
    return [Held(row[0], row[1], row[2], row[3]) for row in rows]


async def signed_in_at(connection: Connection, numbers: Sequence[str]) -> dict[str, datetime]:
    """When each of these began their last session, of those that are kept."""
    rows = await connection.fetch(
        """select staff_number, max(begun_at) from staff_sessions
            where staff_number = any($1::text[]) and stage = 'open' group by 1""",
        numbers,
    )
    return {row[0]: row[1] for row in rows}


async def grant(
    connection: Connection, number: str, grants: Sequence[Grant], at: datetime, by: str
) -> int:
    """How many of these the member did not have before."""
    rows = await connection.fetch(
        """insert into staff_grants (staff_number, role, region, granted_at, granted_by)
           select $1, n.role, n.region, $4, $5 from unnest($2::text[], $3::text[]) as n (role, region)
           on conflict do nothing returning 1""",
        number,
        [one.what for one in grants],
        [one.region for one in grants],
        at,
        by,
    )
    return len(rows)


async def revoke(connection: Connection, number: str, one: Grant) -> bool:
    return bool(
        await connection.fetchval(
            """delete from staff_grants where staff_number = $1 and role = $2 and region = $3
               returning true""",
            number,
            one.what,
            one.region,
        )
    )


async def set_state(connection: Connection, number: str, state: str) -> bool:
    """False for a member who left: that is for good."""
    return bool(
        await connection.fetchval(
            """update staff set state = $2 where staff_number = $1 and state <> 'left'
               returning true""",
            number,
            state,
        )
    )


async def secrets_of(
    connection: Connection, number: str, *, sandbox: bool
) -> tuple[bytes, bytes | None, int] | None:
    """Verifier, sealed second factor and last time step of an active member."""
    row = await connection.fetchrow(
        """select password_verifier, totp_sealed, totp_step from staff
            where staff_number = $1 and state = 'active' and (not sandbox or $2)""",
        number,
        sandbox,
    )
    return None if row is None else (row[0], row[1], row[2])


async def set_password(
    connection: Connection, number: str, verifier: bytes, changed_at: datetime | None
) -> None:
    await connection.execute(
        """update staff set password_verifier = $2, password_changed_at = $3
            where staff_number = $1""",
        number,
        verifier,
        changed_at,
    )


async def take_step(connection: Connection, number: str, step: int) -> bool:
    """Whether no code of this time step or a later one was taken before."""
    return bool(
        await connection.fetchval(
            """update staff set totp_step = $2 where staff_number = $1 and totp_step < $2
               returning true""",
            number,
            step,
        )
    )


async def set_second_factor(connection: Connection, number: str, sealed: bytes, step: int) -> bool:
    """Whether there was none: of two that enrol at once the first counts."""
    made = await connection.fetchval(
        """update staff set totp_sealed = $2, totp_step = $3
            where staff_number = $1 and totp_sealed is null returning true""",
        number,
        sealed,
        step,
    )
    if made:
        await connection.execute("delete from staff_recovery_codes where staff_number = $1", number)
    return bool(made)


async def drop_second_factor(connection: Connection, number: str) -> None:
    await connection.execute(
        "update staff set totp_sealed = null, totp_step = 0 where staff_number = $1", number
    )
    await connection.execute("delete from staff_recovery_codes where staff_number = $1", number)


async def insert_recovery_codes(
    connection: Connection, number: str, hashes: Sequence[bytes]
) -> None:
    await connection.execute(
        """insert into staff_recovery_codes (staff_number, code_hash)
           select $1, unnest($2::bytea[])""",
        number,
        hashes,
    )


async def take_recovery_code(
    connection: Connection, number: str, code_hash: bytes, at: datetime
) -> bool:
    return bool(
        await connection.fetchval(
            """update staff_recovery_codes set used_at = $3
                where staff_number = $1 and code_hash = $2 and used_at is null returning true""",
            number,
            code_hash,
            at,
        )
    )


async def recovery_codes_left(connection: Connection, number: str) -> int:
    return await connection.fetchval(
        "select count(*) from staff_recovery_codes where staff_number = $1 and used_at is null",
        number,
    )


async def insert_session(
    connection: Connection,
    number: str,
    session_id: int,
    secret_hash: bytes,
    stage: str,
    device: str,
    at: datetime,
    ends_at: datetime,
) -> None:
    await connection.execute(
        """insert into staff_sessions
             (staff_number, session_id, secret_hash, stage, device, begun_at, seen_at, ends_at)
           values ($1, $2, $3, $4, $5, $6, $6, $7)""",
        number, session_id, secret_hash, stage, device, at, ends_at,
    )  # fmt: skip


async def live(
    connection: Connection,
    number: str,
    session_id: int,
    at: datetime,
    seen_after: datetime,
    *,
    sandbox: bool,
) -> tuple[StaffSession, bytes, bytes | None] | None:
    """A live session, the hash of its secret, and what is being enrolled."""
    row = await connection.fetchrow(
        f"{_SESSION} and n.staff_number = $4 and n.session_id = $5",
        at,
        seen_after,
        sandbox,
        number,
        session_id,
    )
    if row is None:
        return None
    return _made(StaffSession, row), row["secret_hash"], row["candidate_sealed"]


async def secret_of_open(connection: Connection, number: str, session_id: int) -> bytes | None:
    """The hash of the secret of a session that nobody ended, whether or not it ran out."""
    return await connection.fetchval(
        """select secret_hash from staff_sessions
            where staff_number = $1 and session_id = $2 and stage = 'open' and ended_at is null""",
        number,
        session_id,
    )


async def sessions_of(
    connection: Connection, number: str, at: datetime, seen_after: datetime, *, sandbox: bool
) -> list[StaffSession]:
    """The member's open sessions, the last used first."""
    rows = await connection.fetch(
        f"{_SESSION} and n.staff_number = $4 and n.stage = 'open' order by n.seen_at desc",
        at,
        seen_after,
        sandbox,
        number,
    )
    return [_made(StaffSession, row) for row in rows]


async def seen(connection: Connection, number: str, session_id: int, at: datetime) -> None:
    await connection.execute(
        """update staff_sessions set seen_at = $3
            where staff_number = $1 and session_id = $2 and seen_at < $3""",
        number,
        session_id,
        at,
    )


async def set_candidate(
    connection: Connection, number: str, session_id: int, sealed: bytes
) -> bytes:
    """What is being enrolled: the first that was set stays."""
    return await connection.fetchval(
        """update staff_sessions set candidate_sealed = coalesce(candidate_sealed, $3)
            where staff_number = $1 and session_id = $2 returning candidate_sealed""",
        number,
        session_id,
        sealed,
    )


async def end(
    connection: Connection,
    number: str,
    session_ids: Sequence[int] | None,
    at: datetime,
    *,
    but: int | None = None,
) -> int:
    """End these sessions, or all of the member's but one; answers how many were live."""
    rows = await connection.fetch(
        """update staff_sessions set ended_at = $3
            where staff_number = $1 and ended_at is null
              and ($2::bigint[] is null or session_id = any($2))
              and ($4::bigint is null or session_id <> $4)
           returning 1""",
        number,
        session_ids,
        at,
        but,
    )
    return len(rows)


async def forget(connection: Connection, before: datetime, limit: int) -> int:
    """Delete sessions that ended before a moment; answers how many."""
    return await connection.fetchval(
        """with gone as (
             delete from staff_sessions where (staff_number, session_id) in (
               select staff_number, session_id from staff_sessions
                where coalesce(ended_at, ends_at) < $1 limit $2)
             returning 1)
           select count(*) from gone""",
        before,
        limit,
    )


async def devices(connection: Connection, number: str) -> list[bytes]:
    """The hashes of the browsers in which a member signed in."""
    rows = await connection.fetch(
        "select device_hash from staff_devices where staff_number = $1", number
    )
    return [row[0] for row in rows]


async def device(
    connection: Connection, number: str, hashes: Sequence[bytes], used_after: datetime
) -> bytes | None:
    """That of these in which the member signed in before."""
    return await connection.fetchval(
        """select device_hash from staff_devices
            where staff_number = $1 and device_hash = any($2::bytea[]) and used_at > $3 limit 1""",
        number,
        hashes,
        used_after,
    )


async def note_device(
    connection: Connection, number: str, device_hash: bytes, at: datetime, kept_max: int
) -> None:
    """Remember a browser; the longest unused goes where there are too many."""
    await connection.execute(
        """insert into staff_devices (staff_number, device_hash, made_at, used_at)
           values ($1, $2, $3, $3)
           on conflict (staff_number, device_hash) do update set used_at = excluded.used_at""",
        number,
        device_hash,
        at,
    )
    await connection.execute(
        """delete from staff_devices where staff_number = $1 and device_hash in (
             select device_hash from staff_devices where staff_number = $1
              order by used_at desc, device_hash offset $2)""",
        number,
        kept_max,
    )
