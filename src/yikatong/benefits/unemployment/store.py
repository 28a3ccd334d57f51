"""SQL of unemployment benefit."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

import msgspec

from yikatong.benefits.unemployment.model import Claim
from yikatong.core.clock import SHANGHAI
from yikatong.core.database import Connection, Record
from yikatong.core.money import Fen

_CLAIM: Final = ", ".join(Claim.__struct_fields__)


def _claim(row: Record) -> Claim:
    facts: dict[str, Any] = dict(row)
    facts["made_at"] = facts["made_at"].astimezone(SHANGHAI)
    return Claim(**facts)


async def lock(connection: Connection, person_id: int) -> None:
    """One after the other for each person."""
    await connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('unemployment', $1))", person_id
    )


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
                  ends_on = $8, version = version + 1
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
    )
    assert done == "UPDATE 1", done


async def put_entitlement(connection: Connection, one: Claim, monthly: Fen, day: date) -> None:
    """The entitlement that payment runs read: drawn to the end of its last month, also where it is
    known already that it ends; one that never began leaves no trace."""
    last = one.ended_on or one.ends_on
    status = one.state
    if status == "ended" and last >= day:
        status = "drawing"
    if last < one.starts_on:
        await connection.execute(
            """delete from benefit_entitlements
                where person_id = $1 and benefit = 'unemployment' and starts_on = $2""",
            one.person_id,
            one.starts_on,
        )
        return
    await connection.execute(
        """insert into benefit_entitlements
             (person_id, benefit, region, status, starts_on, ends_on, monthly, held_reason)
           values ($1, 'unemployment', $2, $3, $4, $5, $6, $7)
           on conflict (person_id, benefit, starts_on) do update
              set region = $2, status = $3, ends_on = $5, monthly = $6, held_reason = $7,
                  version = benefit_entitlements.version + 1""",
        one.person_id,
        one.region,
        status,
        one.starts_on,
        last,
        monthly,
        "job_seeker_month" if status == "held" else None,
    )


async def close_passed(connection: Connection, day: date) -> int:
    """End the entitlements whose last day is past."""
    done = await connection.execute(
        """update benefit_entitlements set status = 'ended', version = version + 1
            where benefit = 'unemployment' and status <> 'ended' and ends_on < $1""",
        day,
    )
    return int(done.split()[-1])


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


async def current(connection: Connection, after: int, limit: int) -> list[int]:
    """Persons with a claim that has not ended, in their order behind `after`."""
    rows = await connection.fetch(
        """select person_id from unemployment_claims where state <> 'ended' and person_id > $1
            order by person_id limit $2""",
        after,
        limit,
    )
    return [row[0] for row in rows]


async def paid_behind(
    connection: Connection, person_id: int, months: Sequence[date]
) -> dict[date, Fen]:
    """What payment runs paid for these months."""
    rows = await connection.fetch(
        """select month, monthly from benefit_run_lines
            where person_id = $1 and benefit = 'unemployment' and month = any($2::date[])
              and state in ('paid', 'sent')""",
        person_id,
        months,
    )
    return {row[0]: row[1] for row in rows}


async def months_paid(
    connection: Connection, person_id: int, since: date
) -> list[tuple[date, str]]:
    """Months for which the benefit was paid since a day, with the region of the run."""
    rows = await connection.fetch(
        """select l.month, r.region from benefit_run_lines l join benefit_runs r using (run_id)
            where l.person_id = $1 and l.benefit = 'unemployment' and l.month >= $2
              and l.state in ('paid', 'sent') order by l.month""",
        person_id,
        since,
    )
    return [(row[0], row[1]) for row in rows]
