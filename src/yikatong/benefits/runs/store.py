"""SQL of payment runs."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final

import asyncpg
import msgspec

from yikatong.benefits import store as benefits_store
from yikatong.benefits.model import FUNDS, Due, Entitlement
from yikatong.benefits.runs.model import BankFile, Chunk, Finding, GroupSum, Line, Progress, Run
from yikatong.benefits.runs.rules import LastMonth
from yikatong.core.clock import SHANGHAI
from yikatong.core.database import Connection, Record
from yikatong.core.money import Fen
from yikatong.money.ledger.bulk import Payments

_RUN: Final = ", ".join(Run.__struct_fields__)
_LINE: Final = ", ".join(Line.__struct_fields__)
_LINES: Final = ", ".join(f"l.{name}" for name in Line.__struct_fields__)


class MonthTaken(Exception):
    """Another run took a person's month since it was looked at."""


def _run(row: Record) -> Run:
    facts: dict[str, Any] = dict(row)
    for name, value in facts.items():
        if isinstance(value, datetime):
            facts[name] = value.astimezone(SHANGHAI)
    return Run(**facts)


def _line(row: Record) -> Line:
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
) -> list[Run]:
    rows = await connection.fetch(
        f"""select {_RUN} from benefit_runs
            where ($1::text is null or benefit = $1) and ($2::text is null or region = $2)
              and ($3::date is null or month = $3) and ($4::text[] is null or state = any($4))
            order by run_id desc limit $5""",  # noqa: S608
        benefit,
        region,
        month,
        states,
        limit,
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
        f"""select {_LINE} from benefit_run_lines
            where run_id = $1 and person_id > $2 and state in ('returned', 'blocked')
            order by person_id limit $3""",  # noqa: S608
        run_id,
        after,
        limit,
    )
    return [_line(row) for row in rows]


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


async def dues_of(
    connection: Connection, chunk: Chunk, shift: int
) -> list[tuple[int, int, int, int]]:
    """Dues of the lines to be paid of a chunk: person, due, version that was read, transaction."""
    rows = await connection.fetch(
        """select d.person_id, d.due_id, d.version, $4::bigint + l.line from benefit_run_dues d
             join benefit_run_lines l using (person_id, run_id)
            where d.run_id = $1 and d.person_id between $2 and $3 and l.state = 'ready'""",
        chunk.run_id,
        chunk.first_person,
        chunk.last_person,
        shift,
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


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
        f"""select {_LINE} from benefit_run_lines
            where run_id = $1 and person_id between $2 and $3 and state = any($4::text[])
            order by person_id""",  # noqa: S608
        chunk.run_id,
        chunk.first_person,
        chunk.last_person,
        states,
    )
    return [_line(row) for row in rows]


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


async def set_returned(
    connection: Connection, run_id: int, person_ids: Sequence[int], reason: str
) -> None:
    """Lines that could not be paid as their accounts are closed."""
    await connection.execute(
        """update benefit_run_lines
              set state = 'returned', claims_month = false, reason = $3
            where run_id = $1 and person_id = any($2::bigint[]) and state = 'ready'""",
        run_id,
        person_ids,
        reason,
    )


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


# ---- paying ----

_TO_PAY: Final = """
    select person_id, {payee} as payee_id, payer_id, amount, line as number, null::bigint as reverses
      from benefit_run_lines
     where run_id = $1 and person_id between $2 and $3 and state = 'ready' and via_id is {null}"""


async def to_pay(connection: Connection, chunk: Chunk) -> tuple[Payments, Fen, Payments, Fen]:
    """The lines of a chunk still to be paid, onto accounts and by file, each with their sum."""
    row = await connection.fetchrow(
        """select count(*) filter (where via_id is null),
                  coalesce(sum(amount) filter (where via_id is null), 0)::bigint,
                  count(via_id), coalesce(sum(amount) filter (where via_id is not null), 0)::bigint,
                  coalesce(min(line), 0)
             from benefit_run_lines
            where run_id = $1 and person_id between $2 and $3 and state = 'ready'""",
        chunk.run_id,
        chunk.first_person,
        chunk.last_person,
    )
    assert row is not None
    own, own_sum, by_file, by_file_sum, first = row

    def payments(payee: str, null: str, count: int) -> Payments:
        return Payments(
            query=_TO_PAY.format(payee=payee, null=null),
            arguments=(chunk.run_id, chunk.first_person, chunk.last_person),
            first_person=chunk.first_person,
            last_person=chunk.last_person,
            count=count,
            first_number=first,
        )

    return (
        payments("account_id", "null", own),
        own_sum,
        payments("via_id", "not null", by_file),
        by_file_sum,
    )


async def unfit(connection: Connection, one: Run, chunk: Chunk) -> list[tuple[int, str]]:
    """Persons whose line must not be paid as it was checked, each with the finding that says why."""
    rows = await connection.fetch(
        """with l as (
               select person_id, starts_on, monthly from benefit_run_lines
                where run_id = $1 and person_id between $2 and $3 and state = 'ready'),
           e as (
               select * from benefit_entitlements
                where person_id between $2 and $3 and benefit = $4 and region = $5
                  and coalesce(insurance, $7) = $6 and status <> 'ended')
           select l.person_id, case when e.person_id is null or e.ends_on < $8 then 'ended'
                                    when e.status = 'held' then 'held'
                                    when e.settled_month >= $8 then 'settled'
                                    else 'amount_changed' end
             from l left join e using (person_id, starts_on)
            where l.monthly > 0
              and (e.status = 'drawing' and (e.ends_on is null or e.ends_on >= $8)
                   and (e.settled_month is null or e.settled_month < $8)
                   and (e.benefit = 'unemployment' or e.monthly = l.monthly or l.monthly =
                        (select a.before from benefit_adjustments a
                          where a.person_id = e.person_id and a.benefit = e.benefit
                            and a.starts_on = e.starts_on and a.effective > $8
                          order by a.effective limit 1))) is not true
           union all
           select l.person_id, 'held' from l
            where l.monthly = 0 and exists (select from e where e.person_id = l.person_id
                                                            and e.status = 'held')
           union all
           select l.person_id, 'dues_changed' from l
             join benefit_run_dues d on d.person_id = l.person_id and d.run_id = $1
            where not exists (select from benefit_dues b
                               where b.person_id = d.person_id and b.due_id = d.due_id
                                 and b.version = d.version and b.state = 'open')""",
        chunk.run_id,
        chunk.first_person,
        chunk.last_person,
        one.benefit,
        one.region,
        one.insurance,
        FUNDS[one.benefit],
        one.month,
    )
    return [(row[0], row[1]) for row in rows]


async def draws_still(
    connection: Connection, one: Run, person_ids: Sequence[int], run_id: int
) -> list[int]:
    """Of persons those whose line pays the month, or whose benefit has not ended."""
    rows = await connection.fetch(
        """select l.person_id from benefit_run_lines l
            where l.run_id = $2 and l.person_id = any($1::bigint[]) and l.state = 'ready'
              and (l.monthly > 0 or exists (
                   select from benefit_entitlements e
                    where e.person_id = l.person_id and e.benefit = $3 and e.region = $4
                      and coalesce(e.insurance, $6) = $5 and e.status <> 'ended'))""",
        person_ids,
        run_id,
        one.benefit,
        one.region,
        one.insurance,
        FUNDS[one.benefit],
    )
    return [row[0] for row in rows]


async def stop(connection: Connection, run_id: int, person_ids: Sequence[int]) -> set[int]:
    """Stop lines that are to be paid; answers whose."""
    rows = await connection.fetch(
        """update benefit_run_lines set state = 'blocked', claims_month = false
            where run_id = $1 and person_id = any($2::bigint[]) and state = 'ready'
           returning person_id""",
        run_id,
        person_ids,
    )
    return {row[0] for row in rows}


async def settle(connection: Connection, chunk: Chunk, month: date) -> tuple[int, int]:
    """Set the months of the entitlements that the chunk pays as settled; answers how many lines pay
    a month and how many entitlements were written. They are one where nobody was quicker."""
    lines = await connection.fetchval(
        """select count(*) from benefit_run_lines
            where run_id = $1 and person_id between $2 and $3 and state = 'ready' and monthly > 0""",
        chunk.run_id,
        chunk.first_person,
        chunk.last_person,
    )
    done = await connection.execute(
        """update benefit_entitlements e set settled_month = $4, version = e.version + 1
             from benefit_run_lines l
            where l.run_id = $1 and l.person_id between $2 and $3 and l.state = 'ready'
              and l.monthly > 0 and e.person_id between $2 and $3 and e.person_id = l.person_id
              and e.benefit = l.benefit and e.starts_on = l.starts_on and e.status = 'drawing'
              and (e.settled_month is null or e.settled_month < $4)
              and (e.ends_on is null or e.ends_on >= $4)""",
        chunk.run_id,
        chunk.first_person,
        chunk.last_person,
        month,
    )
    return lines, int(done.split()[-1])


async def add_findings(
    connection: Connection, run_id: int, found: Sequence[tuple[int, str]]
) -> None:
    await connection.execute(
        """insert into benefit_run_findings (person_id, run_id, code, blocks)
           select distinct person_id, $1::bigint, code, true
             from unnest($2::bigint[], $3::text[]) as n (person_id, code)
           on conflict (person_id, run_id, code) do update set blocks = true""",
        run_id,
        [one[0] for one in found],
        [one[1] for one in found],
    )


async def mark_paid(connection: Connection, chunk: Chunk, shift: int) -> int:
    """Lines whose transactions were just written: on the account, or with the bank."""
    done = await connection.execute(
        """update benefit_run_lines
              set state = case when via_id is null then 'paid' else 'sent' end,
                  transaction_id = $4::bigint + line
            where run_id = $1 and person_id between $2 and $3 and state = 'ready'""",
        chunk.run_id,
        chunk.first_person,
        chunk.last_person,
        shift,
    )
    return int(done.split()[-1])


async def close_paid(
    connection: Connection, chunk: Chunk, lines: int, amount: Fen, at: datetime
) -> None:
    await connection.execute(
        """update benefit_run_chunks
              set state = 'paid', paid = $3, paid_amount = $4, paid_at = $5
            where run_id = $1 and chunk = $2""",
        chunk.run_id,
        chunk.chunk,
        lines,
        amount,
        at,
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


# ---- reading ----


async def progress(connection: Connection, one: Run) -> Progress:
    row = await connection.fetchrow(
        """select coalesce(sum(lines), 0)::bigint,
                  coalesce(sum(lines) filter (where check_round >= $2), 0)::bigint,
                  coalesce(sum(payable), 0)::bigint, coalesce(sum(payable_amount), 0)::bigint,
                  coalesce(sum(paid), 0)::bigint, coalesce(sum(paid_amount), 0)::bigint
             from benefit_run_chunks where run_id = $1""",
        one.run_id,
        max(1, one.check_round),
    )
    assert row is not None
    return Progress(*row)


async def groups(connection: Connection, run_id: int) -> list[GroupSum]:
    rows = await connection.fetch(
        """select case when state = 'blocked' then 'blocked' else change end, count(*),
                  sum(before)::bigint,
                  coalesce(sum(amount) filter (where state in
                      ('ready', 'paid', 'sent', 'returned', 'corrected')), 0)::bigint
             from benefit_run_lines where run_id = $1 group by 1""",
        run_id,
    )
    return [GroupSum(*row) for row in rows]


async def states(connection: Connection, run_id: int) -> dict[str, tuple[int, Fen]]:
    rows = await connection.fetch(
        """select state, count(*), sum(amount)::bigint from benefit_run_lines where run_id = $1
            group by state order by state""",
        run_id,
    )
    return {row[0]: (row[1], row[2]) for row in rows}


async def finding_counts(connection: Connection, run_id: int) -> dict[str, tuple[int, bool]]:
    rows = await connection.fetch(
        """select code, count(*), bool_or(blocks) from benefit_run_findings where run_id = $1
            group by code order by 3 desc, 2 desc, 1""",
        run_id,
    )
    return {row[0]: (row[1], row[2]) for row in rows}


async def lines(
    connection: Connection,
    run_id: int,
    states: Sequence[str] | None,
    changes: Sequence[str] | None,
    after: int,
    limit: int,
) -> list[Line]:
    rows = await connection.fetch(
        f"""select {_LINE} from benefit_run_lines
            where run_id = $1 and person_id > $2 and ($3::text[] is null or state = any($3))
              and ($4::text[] is null or change = any($4))
            order by person_id limit $5""",  # noqa: S608
        run_id,
        after,
        states,
        changes,
        limit,
    )
    return [_line(row) for row in rows]


async def findings(
    connection: Connection, run_id: int, codes: Sequence[str] | None, after: int, limit: int
) -> list[tuple[Line, Finding]]:
    """Lines with what was found at them, behind a person."""
    rows = await connection.fetch(
        f"""select {_LINES}, f.person_id, f.code, f.blocks
              from benefit_run_findings f join benefit_run_lines l using (person_id, run_id)
             where f.run_id = $1 and f.person_id > $2 and ($3::text[] is null or f.code = any($3))
             order by f.person_id, f.code limit $4""",  # noqa: S608
        run_id,
        after,
        codes,
        limit,
    )
    width = len(Line.__struct_fields__)
    told = [tuple(row) for row in rows]
    return [
        (Line(**dict(zip(Line.__struct_fields__, row[:width], strict=True))), Finding(*row[width:]))
        for row in told
    ]


async def findings_of(
    connection: Connection, run_id: int, person_ids: Sequence[int]
) -> dict[int, list[Finding]]:
    rows = await connection.fetch(
        """select person_id, code, blocks from benefit_run_findings
            where run_id = $1 and person_id = any($2::bigint[])""",
        run_id,
        person_ids,
    )
    found: dict[int, list[Finding]] = {}
    for row in rows:
        found.setdefault(row[0], []).append(Finding(*row))
    return found


async def files(connection: Connection, run_id: int) -> list[BankFile]:
    rows = await connection.fetch(
        f"""select {", ".join(BankFile.__struct_fields__)} from benefit_run_files where run_id = $1
            order by bank""",  # noqa: S608
        run_id,
    )
    return [BankFile(*row) for row in rows]


async def paid_of_run(connection: Connection, run_id: int) -> Fen:
    return await connection.fetchval(
        """select coalesce(sum(amount), 0)::bigint from benefit_run_lines
            where run_id = $1 and state in ('paid', 'sent')""",
        run_id,
    )


async def payers_of_run(connection: Connection, run_id: int) -> list[int]:
    rows = await connection.fetch(
        "select distinct payer_id from benefit_run_lines where run_id = $1 order by 1", run_id
    )
    return [row[0] for row in rows]


# ---- files for outside banks ----


async def put_file(
    connection: Connection, run_id: int, bank: str, via_id: int, at: datetime, by: str
) -> BankFile:
    """Note that a file is made; the first time what it comes to is kept."""
    await connection.execute(
        """insert into benefit_run_files (run_id, bank, via_id, lines, amount, made_at, made_by)
           select $1, $2, $3, count(*), coalesce(sum(amount), 0), $4, $5
             from benefit_run_lines
            where run_id = $1 and via_id = $3 and transaction_id is not null
           on conflict (run_id, bank) do nothing""",
        run_id,
        bank,
        via_id,
        at,
        by,
    )
    return next(one for one in await files(connection, run_id) if one.bank == bank)


async def file_lines(
    connection: Connection, run_id: int, via_id: int, after: int, limit: int
) -> list[Line]:
    rows = await connection.fetch(
        f"""select {_LINE} from benefit_run_lines
            where run_id = $1 and person_id > $2 and via_id = $3 and transaction_id is not null
            order by person_id limit $4""",  # noqa: S608
        run_id,
        after,
        via_id,
        limit,
    )
    return [_line(row) for row in rows]


async def lines_by_number(
    connection: Connection, run_id: int, numbers: Sequence[int]
) -> list[Line]:
    rows = await connection.fetch(
        f"select {_LINE} from benefit_run_lines where run_id = $1 and line = any($2::integer[])",  # noqa: S608
        run_id,
        numbers,
    )
    return [_line(row) for row in rows]


async def mark_credited(
    connection: Connection, run_id: int, numbers: Sequence[int]
) -> list[tuple[int, int]]:
    """Lines with the bank that it credited; answers (person_id, line) of those not told before."""
    rows = await connection.fetch(
        """update benefit_run_lines set state = 'paid'
            where run_id = $1 and line = any($2::integer[]) and state = 'sent'
           returning person_id, line""",
        run_id,
        numbers,
    )
    return [(row[0], row[1]) for row in rows]


async def mark_returned(
    connection: Connection, run_id: int, told: Sequence[tuple[int, str]]
) -> list[tuple[int, int]]:
    """Lines that the bank sent back; answers (person_id, line) of those not told before."""
    rows = await connection.fetch(
        """update benefit_run_lines l
              set state = 'returned', claims_month = false, reason = n.reason
             from unnest($2::integer[], $3::text[]) as n (line, reason)
            where l.run_id = $1 and l.line = n.line and l.state = 'sent'
           returning l.person_id, l.line""",
        run_id,
        [one[0] for one in told],
        [one[1] for one in told],
    )
    return [(row[0], row[1]) for row in rows]


def list_of_file(
    run_id: int, lines: Sequence[tuple[int, int]], payer: str, payee_id: int
) -> Payments:
    """Lines (person_id, line) as payments to `payee_id` from the column `payer`; what came back names
    the transaction it takes back."""
    back = "l.transaction_id" if payer == "l.payer_id" else "null::bigint"
    return Payments(
        query=f"""select l.person_id, $4::bigint as payee_id, {payer} as payer_id, l.amount,
                         l.line as number, {back} as reverses
                    from benefit_run_lines l
                    join unnest($2::bigint[], $3::integer[]) as n (person_id, line)
                   using (person_id, line)
                   where l.run_id = $1""",  # noqa: S608 - our columns
        arguments=(run_id, [one[0] for one in lines], [one[1] for one in lines], payee_id),
        first_person=min(one[0] for one in lines),
        last_person=max(one[0] for one in lines),
        count=len(lines),
        first_number=min(one[1] for one in lines),
    )


async def answered(connection: Connection, run_id: int, bank: str, at: datetime) -> None:
    await connection.execute(
        """update benefit_run_files set answered_at = $3 where run_id = $1 and bank = $2""",
        run_id,
        bank,
        at,
    )
