"""SQL of unemployment benefit."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec

from yikatong.benefits.unemployment.model import Claim
from yikatong.core.clock import SHANGHAI
from yikatong.core.database import Connection, Record

_CLAIM: Final = ", ".join(Claim.__struct_fields__)


def _claim(row: Record) -> Claim:
    facts: dict[str, Any] = dict(row)
    facts["made_at"] = facts["made_at"].astimezone(SHANGHAI)
    return Claim(**facts)


async def claims(connection: Connection, person_id: int) -> list[Claim]:
    """All claims of a person, the newest first."""
    rows = await connection.fetch(
        f"select {_CLAIM} from unemployment_claims where person_id = $1 order by claim_id desc",  # noqa: S608 - our constant
        person_id,
    )
    return [_claim(row) for row in rows]


async def insert(connection: Connection, one: Claim) -> None:
    names = Claim.__struct_fields__
    await connection.execute(
        f"""insert into unemployment_claims ({_CLAIM})
            values ({", ".join(f"${number + 1}" for number in range(len(names)))})""",  # noqa: S608
        *msgspec.structs.astuple(one),
    )


async def update(connection: Connection, one: Claim) -> None:
    """Write state and end; the caller holds the person's lock."""
    done = await connection.execute(
        """update unemployment_claims
              set state = $3, ended_on = $4, ended_by = $5, months_left = $6, overpaid = $7,
                  ends_on = $8, months_extended = $10, version = version + 1
            where person_id = $1 and claim_id = $2 and version = $9""",
        one.person_id,
        one.claim_id,
        one.state,
        one.ended_on,
        one.ended_by,
        one.months_left,
        one.overpaid,
        one.ends_on,
        one.version,
        one.months_extended,
    )
    assert done == "UPDATE 1", done


async def delete_entitlement(connection: Connection, person_id: int, starts_on: date) -> None:
    """Of a benefit that ended before it began, and of which nothing was paid."""
    await connection.execute(
        """delete from benefit_entitlements
            where person_id = $1 and benefit = 'unemployment' and starts_on = $2
              and settled_month is null""",
        person_id,
        starts_on,
    )


async def confirm(
    connection: Connection, person_id: int, month: date, at: datetime, channel: str
) -> bool:
    """Note a month's confirmation; False where it was there."""
    done = await connection.execute(
        """insert into job_seeker_months (person_id, month, confirmed_at, channel)
           values ($1, $2, $3, $4) on conflict do nothing""",
        person_id,
        month,
        at,
        channel,
    )
    return done.endswith(" 1")


async def confirmed(connection: Connection, person_id: int) -> set[date]:
    rows = await connection.fetch(
        "select month from job_seeker_months where person_id = $1", person_id
    )
    return {row[0] for row in rows}


async def refuse(connection: Connection, person_id: int, key: str, on: date, at: datetime) -> None:
    await connection.execute(
        """insert into job_refusals (person_id, key, refused_on, noted_at) values ($1, $2, $3, $4)
           on conflict do nothing""",
        person_id,
        key,
        on,
        at,
    )


async def refusals(connection: Connection, person_id: int, since: date) -> int:
    return await connection.fetchval(
        "select count(*) from job_refusals where person_id = $1 and refused_on >= $2",
        person_id,
        since,
    )


async def current(connection: Connection, ended_since: date, after: int, limit: int) -> list[int]:
    """Persons with a claim that has not ended, or ended since a day, in their order behind
    `after`."""
    rows = await connection.fetch(
        """select distinct person_id from unemployment_claims
            where (state <> 'ended' or ended_on >= $1) and person_id > $2
            order by person_id limit $3""",
        ended_since,
        after,
        limit,
    )
    return [row[0] for row in rows]


async def months_drawn(
    connection: Connection, person_id: int, since: date, due_states: Sequence[str]
) -> list[tuple[date, str]]:
    """Months since one for which the benefit was paid, by a run or by arrears in these states, with
    the region that paid."""
    rows = await connection.fetch(
        """select l.month, r.region from benefit_run_lines l join benefit_runs r using (run_id)
            where l.person_id = $1 and l.benefit = 'unemployment' and l.month >= $2
              and l.monthly > 0 and l.state in ('paid', 'sent')
           union
           select m.month::date, d.region
             from benefit_dues d,
                  generate_series(d.month_from, d.month_until, interval '1 month') as m (month)
            where d.person_id = $1 and d.benefit = 'unemployment' and d.kind = 'arrears'
              and d.state = any($3::text[]) and m.month >= $2
            order by 1""",
        person_id,
        since,
        due_states,
    )
    return [(row[0], row[1]) for row in rows]
