"""SQL of the room benefits: entitlements, dues, commands."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from yikatong.benefits.model import Due, Entitlement
from yikatong.benefits.months import Change
from yikatong.core.clock import SHANGHAI
from yikatong.core.database import Connection, Record

_ENTITLEMENT = tuple(Entitlement.__struct_fields__)
_DUE = tuple(Due.__struct_fields__)
DUE = ", ".join(_DUE)


async def lock(connection: Connection, person_id: int) -> None:
    """One after the other for each person: two commands of one moment must see each other."""
    await connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('benefits', $1))", person_id
    )


def entitlement_of(row: Record) -> Entitlement:
    facts = {name: row[name] for name in _ENTITLEMENT}
    if facts["parts"] is not None:
        facts["parts"] = msgspec.json.decode(facts["parts"])
    return Entitlement(**facts)


async def entitlements(connection: Connection, person_id: int) -> Sequence[Entitlement]:
    rows = await connection.fetch(
        f"""select {", ".join(_ENTITLEMENT)} from benefit_entitlements
             where person_id = $1 order by benefit, starts_on desc""",  # noqa: S608 - our constant
        person_id,
    )
    return [entitlement_of(row) for row in rows]


async def insert(connection: Connection, person_id: int, one: Entitlement) -> None:
    stored = msgspec.structs.asdict(one)
    if one.parts is not None:
        stored["parts"] = msgspec.json.encode(one.parts).decode()
    marks = ", ".join(f"${number}" for number in range(2, len(_ENTITLEMENT) + 2))
    await connection.execute(
        f"""insert into benefit_entitlements (person_id, {", ".join(_ENTITLEMENT)})
            values ($1, {marks})""",  # noqa: S608
        person_id,
        *(stored[name] for name in _ENTITLEMENT),
    )


async def update_many(
    connection: Connection, changed: Sequence[tuple[int, Entitlement]]
) -> set[tuple[int, str, object]]:
    """Write what may change over the versions that were read; answers those that were written."""
    rows = await connection.fetch(
        """update benefit_entitlements e
              set status = n.status, ends_on = n.ends_on, monthly = n.monthly,
                  proof_due_on = n.proof_due_on, held_reason = n.held_reason, held_on = n.held_on,
                  ended_reason = n.ended_reason, settled_month = n.settled_month,
                  version = e.version + 1
             from unnest($1::bigint[], $2::text[], $3::date[], $4::integer[], $5::text[],
                         $6::date[], $7::bigint[], $8::date[], $9::text[], $10::date[],
                         $11::text[], $12::date[])
               as n (person_id, benefit, starts_on, version, status, ends_on, monthly,
                     proof_due_on, held_reason, held_on, ended_reason, settled_month)
            where e.person_id = n.person_id and e.benefit = n.benefit
              and e.starts_on = n.starts_on and e.version = n.version
        returning e.person_id, e.benefit, e.starts_on""",
        [person_id for person_id, _ in changed],
        [one.benefit for _, one in changed],
        [one.starts_on for _, one in changed],
        [one.version for _, one in changed],
        [one.status for _, one in changed],
        [one.ends_on for _, one in changed],
        [one.monthly for _, one in changed],
        [one.proof_due_on for _, one in changed],
        [one.held_reason for _, one in changed],
        [one.held_on for _, one in changed],
        [one.ended_reason for _, one in changed],
        [one.settled_month for _, one in changed],
    )
    return {(row[0], row[1], row[2]) for row in rows}


async def changes(
    connection: Connection, benefit: str, person_ids: Sequence[int], behind: date
) -> dict[tuple[int, date], list[Change]]:
    """Changes of monthly sums that take effect behind a month, by person and start."""
    rows = await connection.fetch(
        """select person_id, starts_on, effective, before from benefit_adjustments
            where person_id = any($1::bigint[]) and benefit = $2 and effective > $3
            order by effective""",
        person_ids,
        benefit,
        behind,
    )
    found: dict[tuple[int, date], list[Change]] = {}
    for row in rows:
        found.setdefault((row[0], row[1]), []).append(Change(row[2], row[3]))
    return found


# ---- dues ----


def due_of(row: Record) -> Due:
    facts = dict(row)
    for name in ("created_at", "closed_at"):
        if facts[name]:
            facts[name] = facts[name].astimezone(SHANGHAI)
    return Due(**facts)


async def insert_dues(connection: Connection, made: Sequence[Due]) -> None:
    if made:
        await connection.copy_records_to_table(
            "benefit_dues",
            records=[tuple(getattr(one, name) for name in _DUE) for one in made],
            columns=_DUE,
        )


async def dues(
    connection: Connection, person_ids: Sequence[int], states: Sequence[str]
) -> list[Due]:
    rows = await connection.fetch(
        f"""select {DUE} from benefit_dues
             where person_id = any($1::bigint[]) and state = any($2::text[])
             order by person_id, due_id""",  # noqa: S608
        person_ids,
        states,
    )
    return [due_of(row) for row in rows]


async def open_dues(
    connection: Connection, benefit: str, insurance: str, region: str, after: int, through: int
) -> list[Due]:
    """Open dues of a region's fund, of persons behind `after` up to `through`, the oldest of each
    person first."""
    rows = await connection.fetch(
        f"""select {DUE} from benefit_dues
             where benefit = $1 and insurance = $2 and region = $3 and state = 'open'
               and person_id > $4 and person_id <= $5
             order by person_id, due_id""",  # noqa: S608
        benefit,
        insurance,
        region,
        after,
        through,
    )
    return [due_of(row) for row in rows]


async def pay_dues(
    connection: Connection, paid: Sequence[tuple[int, int, int, int]], at: datetime
) -> int:
    """Mark open dues (person, due, version that was read, transaction) as paid; answers how many."""
    done = await connection.execute(
        """update benefit_dues d
              set state = 'paid', closed_at = $5, transaction_id = n.transaction_id,
                  version = d.version + 1
             from unnest($1::bigint[], $2::bigint[], $3::integer[], $4::bigint[])
               as n (person_id, due_id, version, transaction_id)
            where d.person_id = n.person_id and d.due_id = n.due_id and d.version = n.version
              and d.state = 'open'""",
        *(list(column) for column in zip(*paid, strict=True)),
        at,
    )
    return int(done.split()[-1])


async def reopen_dues(connection: Connection, transactions: Sequence[tuple[int, int]]) -> None:
    """Open dues again that transactions (person, transaction) had paid."""
    await connection.execute(
        """update benefit_dues d
              set state = 'open', closed_at = null, transaction_id = null, version = d.version + 1
             from unnest($1::bigint[], $2::bigint[]) as n (person_id, transaction_id)
            where d.person_id = n.person_id and d.transaction_id = n.transaction_id
              and d.state = 'paid'""",
        [one[0] for one in transactions],
        [one[1] for one in transactions],
    )


async def cancel_dues(connection: Connection, cancelled: Sequence[Due], at: datetime) -> int:
    """Cancel open dues over the versions that were read; answers how many."""
    rows = await connection.fetch(
        """update benefit_dues d
              set state = 'cancelled', closed_at = $4, version = d.version + 1
             from unnest($1::bigint[], $2::bigint[], $3::integer[]) as n (person_id, due_id, version)
            where d.person_id = n.person_id and d.due_id = n.due_id and d.version = n.version
              and d.state = 'open'
        returning d.due_id""",
        [one.person_id for one in cancelled],
        [one.due_id for one in cancelled],
        [one.version for one in cancelled],
        at,
    )
    return len(rows)


# ---- commands ----


async def command(
    connection: Connection, person_id: int, key: str
) -> tuple[bytes, dict[str, Any]] | None:
    """What a key was used for, and its first answer."""
    row = await connection.fetchrow(
        "select content_hash, answer from benefit_commands where person_id = $1 and key = $2",
        person_id,
        key,
    )
    return None if row is None else (row[0], msgspec.json.decode(row[1], type=dict[str, Any]))


async def insert_command(
    connection: Connection,
    person_id: int,
    key: str,
    name: str,
    content_hash: bytes,
    answer: dict[str, Any],
    at: datetime,
) -> None:
    await connection.execute(
        """insert into benefit_commands (person_id, key, command, content_hash, answer, at)
           values ($1, $2, $3, $4, $5, $6)""",
        person_id,
        key,
        name,
        content_hash,
        msgspec.json.encode(answer).decode(),
        at,
    )


async def command_done(connection: Connection, person_id: int, name: str) -> bool:
    """Whether a command of this name was ever carried out for the person."""
    return await connection.fetchval(
        "select exists (select from benefit_commands where person_id = $1 and command = $2)",
        person_id,
        name,
    )
