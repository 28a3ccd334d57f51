"""SQL of payment runs."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

import asyncpg
import msgspec

from yikatong.benefits import store as benefits_store
from yikatong.benefits.model import FUNDS, Due, Entitlement
from yikatong.benefits.runs.model import Chunk, Finding, Line, Run
from yikatong.benefits.runs.rules import LastMonth
from yikatong.core.clock import SHANGHAI
from yikatong.core.database import Connection, Record

_RUN: Final = ", ".join(Run.__struct_fields__)
LINE: Final = ", ".join(Line.__struct_fields__)
LINES: Final = ", ".join(f"l.{name}" for name in Line.__struct_fields__)


class MonthTaken(Exception):
    """Another run took a person's month since it was looked at."""


def _run(row: Record) -> Run:
    facts: dict[str, Any] = dict(row)
    for name, value in facts.items():
        if isinstance(value, datetime):
            facts[name] = value.astimezone(SHANGHAI)
    return Run(**facts)


def line_of(row: Record) -> Line:
    return Line(**dict(zip(Line.__struct_fields__, row, strict=True)))


async def run(connection: Connection, run_id: int, *, lock: bool = False) -> Run | None:
    row = await connection.fetchrow(
        f"select {_RUN} from benefit_runs where run_id = $1 {'for update' if lock else ''}",  # noqa: S608 - our constants
        run_id,
    )
    return None if row is None else _run(row)


async def live_run(
    connection: Connection,
    benefit: str,
    insurance: str,
    region: str,
    month: date,
    corrects: int | None,
) -> Run | None:
    """The run that already stands for this month, or the correction under way."""
    row = await connection.fetchrow(
        f"""select {_RUN} from benefit_runs
            where case when $5::bigint is null
                       then benefit = $1 and insurance = $2 and region = $3 and month = $4
                            and corrects is null and state not in ('cancelling', 'cancelled')
                       else corrects = $5 and state not in ('paid', 'cancelled') end""",  # noqa: S608
        benefit,
        insurance,
        region,
        month,
        corrects,
    )
    return None if row is None else _run(row)


async def open_before(
    connection: Connection, benefit: str, insurance: str, region: str, month: date
) -> Run | None:
    """A run of an earlier month, or a correction of one, of which something is still to be paid."""
    row = await connection.fetchrow(
        f"""select {_RUN} from benefit_runs
            where benefit = $1 and insurance = $2 and region = $3 and month < $4
              and state not in ('paid', 'cancelling', 'cancelled')
            order by month limit 1""",  # noqa: S608
        benefit,
        insurance,
        region,
        month,
    )
    return None if row is None else _run(row)


async def runs(
    connection: Connection,
    benefit: str | None,
    region: str | None,
    month: date | None,
    states: Sequence[str] | None,
    limit: int,
    within: Sequence[str] = ("%",),
) -> list[Run]:
    rows = await connection.fetch(
        f"""select {_RUN} from benefit_runs
            where ($1::text is null or benefit = $1) and ($2::text is null or region = $2)
              and ($3::date is null or month = $3) and ($4::text[] is null or state = any($4))
              and region like any($6::text[])
            order by run_id desc limit $5""",  # noqa: S608
        benefit,
        region,
        month,
        states,
        limit,
        within,
    )
    return [_run(row) for row in rows]


async def insert_run(connection: Connection, one: Run) -> bool:
    """Add a run; False where one for the same month is there already."""
    names = Run.__struct_fields__
    done = await connection.execute(
        f"""insert into benefit_runs ({_RUN})
            values ({", ".join(f"${number + 1}" for number in range(len(names)))})
            on conflict do nothing""",  # noqa: S608
        *msgspec.structs.astuple(one),
    )
    return done.endswith(" 1")


async def update_run(connection: Connection, one: Run, **changed: Any) -> Run | None:
    """Write over the version that was read; None where there is another."""
    parts = ", ".join(f"{name} = ${number + 3}" for number, name in enumerate(changed))
    row = await connection.fetchrow(
        f"""update benefit_runs set version = version + 1{", " if parts else ""}{parts}
            where run_id = $1 and version = $2 returning {_RUN}""",  # noqa: S608
        one.run_id,
        one.version,
        *changed.values(),
    )
    return None if row is None else _run(row)


# ---- the list ----


async def next_persons(connection: Connection, one: Run, after: int, limit: int) -> list[int]:
    """Whose benefit the run's fund pays or holds, in the order of persons behind `after`."""
    rows = await connection.fetch(
        """select distinct person_id from benefit_entitlements
            where benefit = $1 and region = $2 and status <> 'ended' and person_id > $3
              and coalesce(insurance, $5) = $4
            order by person_id limit $6""",
        one.benefit,
        one.region,
        after,
        one.insurance,
        FUNDS[one.benefit],
        limit,
    )
    return [row[0] for row in rows]


async def next_with_dues(connection: Connection, one: Run, after: int, limit: int) -> list[int]:
    """Who has open dues of the run's fund."""
    rows = await connection.fetch(
        """select distinct person_id from benefit_dues
            where benefit = $1 and region = $2 and insurance = $3 and state = 'open'
              and person_id > $4
            order by person_id limit $5""",
        one.benefit,
        one.region,
        one.insurance,
        after,
        limit,
    )
    return [row[0] for row in rows]


_ENTITLEMENT: Final = ", ".join(Entitlement.__struct_fields__)


async def entitlements(
    connection: Connection, benefit: str, person_ids: Sequence[int]
) -> dict[int, list[Entitlement]]:
    """Of all regions, ended ones too."""
    rows = await connection.fetch(
        f"""select person_id, {_ENTITLEMENT} from benefit_entitlements
             where person_id = any($1::bigint[]) and benefit = $2""",  # noqa: S608
        person_ids,
        benefit,
    )
    found: dict[int, list[Entitlement]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(benefits_store.entitlement_of(row))
    return found


async def last_month(
    connection: Connection, one: Run, month: date, after: int, limit: int
) -> dict[int, LastMonth]:
    """What became of persons in the fund's runs of a month, in the order of persons behind
    `after`."""
    rows = await connection.fetch(
        """select l.person_id,
                  coalesce(sum(l.amount) filter (where l.claims_month), 0)::bigint,
                  coalesce(sum(l.arrears) filter (where l.claims_month), 0)::bigint,
                  coalesce(sum(l.recovery) filter (where l.claims_month), 0)::bigint,
                  bool_or(l.state in ('held', 'blocked', 'returned'))
             from benefit_run_lines l
            where l.run_id = any(array(select run_id from benefit_runs
                                        where benefit = $1 and region = $2 and month = $3
                                          and insurance = $6
                                          and state not in ('cancelling', 'cancelled')))
              and l.person_id > $4
            group by l.person_id order by l.person_id limit $5""",
        one.benefit,
        one.region,
        month,
        after,
        limit,
        one.insurance,
    )
    return {row[0]: LastMonth(row[1], row[2], row[3], row[4]) for row in rows}


async def claimed(
    connection: Connection, benefit: str, month: date, run_id: int, person_ids: Sequence[int]
) -> set[int]:
    """Persons whose month another run pays."""
    rows = await connection.fetch(
        """select person_id from benefit_run_lines
            where person_id = any($1::bigint[]) and benefit = $2 and month = $3 and claims_month
              and monthly > 0 and run_id <> $4""",
        person_ids,
        benefit,
        month,
        run_id,
    )
    return {row[0] for row in rows}


async def months_claimed(
    connection: Connection, benefit: str, person_ids: Sequence[int], before: date
) -> dict[int, set[date]]:
    """Months before one that some run paid or is about to pay."""
    rows = await connection.fetch(
        """select person_id, month from benefit_run_lines
            where person_id = any($1::bigint[]) and benefit = $2 and month < $3 and claims_month
              and monthly > 0""",
        person_ids,
        benefit,
        before,
    )
    found: dict[int, set[date]] = {}
    for row in rows:
        found.setdefault(row[0], set()).add(row[1])
    return found


async def dues_taken(connection: Connection, person_ids: Sequence[int]) -> set[tuple[int, int]]:
    """Dues that a line that is paid or to be paid has taken."""
    rows = await connection.fetch(
        """select d.person_id, d.due_id from benefit_run_dues d
             join benefit_run_lines l using (person_id, run_id)
            where d.person_id = any($1::bigint[]) and l.claims_month""",
        person_ids,
    )
    return {(row[0], row[1]) for row in rows}


async def insert_lines(
    connection: Connection, one: Run, lines: Sequence[Line], dues: Sequence[Due]
) -> None:
    """Add lines; raises MonthTaken where another run took a person's month meanwhile."""
    names = (*Line.__struct_fields__, "benefit", "month", "claims_month")
    try:
        await connection.copy_records_to_table(
            "benefit_run_lines",
            records=[
                (*msgspec.structs.astuple(line), one.benefit, one.month, line.claims_month)
                for line in lines
            ],
            columns=names,
        )
    except asyncpg.UniqueViolationError as error:
        raise MonthTaken from error
    if dues:
        await connection.copy_records_to_table(
            "benefit_run_dues",
            records=[(due.person_id, one.run_id, due.due_id, due.version) for due in dues],
            columns=("person_id", "run_id", "due_id", "version"),
        )


async def analyse_lines(connection: Connection) -> None:
    """Let the planner know of the new list before it is checked and paid."""
    await connection.execute("analyze benefit_run_lines")


async def insert_chunk(
    connection: Connection,
    run_id: int,
    number: int,
    after: int,
    through: int,
    lines: Sequence[Line],
) -> None:
    payable = [line.amount for line in lines if line.state == "ready"]
    await connection.execute(
        """insert into benefit_run_chunks
             (run_id, chunk, first_person, last_person, lines, payable, payable_amount)
           values ($1, $2, $3, $4, $5, $6, $7)""",
        run_id,
        number,
        after + 1,
        through,
        len(lines),
        len(payable),
        sum(payable),
    )


async def chunk_count(connection: Connection, run_id: int) -> int:
    return await connection.fetchval(
        "select count(*) from benefit_run_chunks where run_id = $1", run_id
    )


async def candidates(connection: Connection, run_id: int, after: int, limit: int) -> list[Line]:
    """Returned and stopped lines of a run, that a correction may pay."""
    rows = await connection.fetch(
        f"""select {LINE} from benefit_run_lines
            where run_id = $1 and person_id > $2 and state in ('returned', 'blocked')
            order by person_id limit $3""",  # noqa: S608
        run_id,
        after,
        limit,
    )
    return [line_of(row) for row in rows]


async def mark_corrected(connection: Connection, run_id: int, person_ids: Sequence[int]) -> int:
    done = await connection.execute(
        """update benefit_run_lines set state = 'corrected'
            where run_id = $1 and person_id = any($2::bigint[]) and state in ('returned', 'blocked')""",
        run_id,
        person_ids,
    )
    return int(done.split()[-1])


async def give_back(connection: Connection, run_id: int, corrects: int, chunk: Chunk) -> None:
    """Lines taken into a correction that is cancelled stand again as they were."""
    await connection.execute(
        """update benefit_run_lines o
              set state = case when o.reason is null then 'blocked' else 'returned' end
             from benefit_run_lines l
            where l.run_id = $1 and l.person_id between $3 and $4 and l.state <> 'cancelled'
              and o.person_id = l.person_id and o.run_id = $2 and o.state = 'corrected'""",
        run_id,
        corrects,
        chunk.first_person,
        chunk.last_person,
    )


async def dues_changed(connection: Connection, run_id: int, person_ids: Sequence[int]) -> set[int]:
    """Persons whose line takes a due that is no longer open as it was read."""
    rows = await connection.fetch(
        """select d.person_id from benefit_run_dues d left join benefit_dues b
               on b.person_id = d.person_id and b.due_id = d.due_id and b.version = d.version
              and b.state = 'open'
            where d.run_id = $1 and d.person_id = any($2::bigint[]) and b.due_id is null""",
        run_id,
        person_ids,
    )
    return {row[0] for row in rows}


# ---- chunks ----

_CHUNK: Final = ", ".join(Chunk.__struct_fields__)


async def claim(
    connection: Connection, run_id: int, *, check_round: int | None = None
) -> Chunk | None:
    """A chunk that is still to be done and that nobody else works on, ours until the transaction
    ends: of a check those behind in their round, else the open ones."""
    row = await connection.fetchrow(
        f"""select {_CHUNK} from benefit_run_chunks
            where run_id = $1 and state = 'open'
              and ($2::integer is null or check_round < $2)
            order by chunk limit 1 for update skip locked""",  # noqa: S608
        run_id,
        check_round,
    )
    return None if row is None else Chunk(*row)


async def chunks_left(
    connection: Connection, run_id: int, *, check_round: int | None = None
) -> int:
    return await connection.fetchval(
        """select count(*) from benefit_run_chunks
            where run_id = $1 and state = 'open' and ($2::integer is null or check_round < $2)""",
        run_id,
        check_round,
    )


async def lines_of_chunk(connection: Connection, chunk: Chunk, states: Sequence[str]) -> list[Line]:
    rows = await connection.fetch(
        f"""select {LINE} from benefit_run_lines
            where run_id = $1 and person_id between $2 and $3 and state = any($4::text[])
            order by person_id""",  # noqa: S608
        chunk.run_id,
        chunk.first_person,
        chunk.last_person,
        states,
    )
    return [line_of(row) for row in rows]


async def replace_findings(connection: Connection, chunk: Chunk, found: Sequence[Finding]) -> None:
    await connection.execute(
        """delete from benefit_run_findings
            where run_id = $1 and person_id between $2 and $3""",
        chunk.run_id,
        chunk.first_person,
        chunk.last_person,
    )
    if found:
        await connection.copy_records_to_table(
            "benefit_run_findings",
            records=[(one.person_id, chunk.run_id, one.code, one.blocks) for one in found],
            columns=("person_id", "run_id", "code", "blocks"),
        )


async def set_checked(connection: Connection, run_id: int, lines: Sequence[Line]) -> None:
    """Write state and account of lines after a check; raises MonthTaken."""
    try:
        await connection.execute(
            """update benefit_run_lines l
                  set state = n.state, claims_month = n.state = 'ready', account_id = n.account_id,
                      via_id = n.via_id
                 from unnest($2::bigint[], $3::text[], $4::bigint[], $5::bigint[])
                   as n (person_id, state, account_id, via_id)
                where l.run_id = $1 and l.person_id = n.person_id
                  and l.state in ('ready', 'blocked')""",
            run_id,
            [line.person_id for line in lines],
            [line.state for line in lines],
            [line.account_id for line in lines],
            [line.via_id for line in lines],
        )
    except asyncpg.UniqueViolationError as error:
        raise MonthTaken from error


async def close_check(connection: Connection, chunk: Chunk, check_round: int) -> None:
    await connection.execute(
        """update benefit_run_chunks c
              set check_round = $3, payable = s.lines, payable_amount = s.amount
             from (select count(*) as lines, coalesce(sum(amount), 0)::bigint as amount
                     from benefit_run_lines
                    where run_id = $1 and person_id between $4 and $5 and state = 'ready') s
            where c.run_id = $1 and c.chunk = $2""",
        chunk.run_id,
        chunk.chunk,
        check_round,
        chunk.first_person,
        chunk.last_person,
    )


async def cancel_chunk(connection: Connection, chunk: Chunk) -> None:
    await connection.execute(
        """update benefit_run_lines set state = 'cancelled', claims_month = false
            where run_id = $1 and person_id between $2 and $3""",
        chunk.run_id,
        chunk.first_person,
        chunk.last_person,
    )
    await connection.execute(
        "update benefit_run_chunks set state = 'cancelled' where run_id = $1 and chunk = $2",
        chunk.run_id,
        chunk.chunk,
    )
