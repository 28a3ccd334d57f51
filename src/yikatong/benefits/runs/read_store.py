"""SQL of payment runs: sums, lines and findings to be looked at; files for outside banks."""

from collections.abc import Sequence
from datetime import datetime

from yikatong.benefits import store as benefits_store
from yikatong.benefits.model import Due
from yikatong.benefits.runs.model import (
    BankFile,
    Finding,
    GroupSum,
    Line,
    Progress,
    Received,
    Returned,
    Run,
)
from yikatong.benefits.runs.store import LINE, LINES, line_of
from yikatong.core.database import Connection
from yikatong.core.money import Fen
from yikatong.money.ledger.bulk import Payments


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
        f"""select {LINE} from benefit_run_lines
            where run_id = $1 and person_id > $2 and ($3::text[] is null or state = any($3))
              and ($4::text[] is null or change = any($4))
            order by person_id limit $5""",  # noqa: S608
        run_id,
        after,
        states,
        changes,
        limit,
    )
    return [line_of(row) for row in rows]


async def findings(
    connection: Connection, run_id: int, codes: Sequence[str] | None, after: int, limit: int
) -> list[tuple[Line, Finding]]:
    """Lines with what was found at them, behind a person."""
    rows = await connection.fetch(
        f"""select {LINES}, f.person_id, f.code, f.blocks
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


# ---- what came back, what is to be paid back ----


async def returned(
    connection: Connection,
    within: Sequence[str],
    after: int,
    limit: int,
    persons: Sequence[int] | None = None,
) -> list[Returned]:
    """Benefits held over a payment that came back, with the newest such line, behind a person;
    `persons`: of these alone."""
    rows = await connection.fetch(
        """select e.person_id, e.benefit,
                  coalesce(e.insurance, case e.benefit when 'pension' then '110' else '210' end),
                  e.region, e.starts_on, e.held_on, l.run_id, l.month, l.amount, l.account_id, a.bank, l.reason
             from benefit_entitlements e
             left join lateral (
                  select * from benefit_run_lines l
                   where l.person_id = e.person_id and l.benefit = e.benefit
                     and l.state in ('returned', 'corrected') and l.reason is not null
                   order by l.run_id desc limit 1) l on true
             left join money_accounts a on a.person_id = l.person_id and a.account_id = l.account_id
            where e.status = 'held' and e.held_reason = 'returned_payment' and e.person_id > $2
              and e.region like any($1::text[]) and ($4::bigint[] is null or e.person_id = any($4))
            order by e.person_id, e.benefit limit $3""",
        within,
        after,
        limit,
        persons,
    )
    return [Returned(*row) for row in rows]


async def received(connection: Connection, person_id: int, limit: int) -> list[Received]:
    """Payments of a person, the newest first."""
    rows = await connection.fetch(
        """select l.run_id, l.month, l.benefit, r.insurance, r.region, l.amount, l.arrears, l.recovery,
                  l.state, l.reason, r.paid_at
             from benefit_run_lines l join benefit_runs r using (run_id)
            where l.person_id = $1 and l.state in ('paid', 'sent', 'returned', 'corrected')
              and (l.transaction_id is not null or l.reason is not null)
            order by l.month desc, l.run_id desc limit $2""",
        person_id,
        limit,
    )
    return [Received(*row) for row in rows]


async def open_recoveries(
    connection: Connection, within: Sequence[str], after: int, limit: int
) -> list[Due]:
    """Recoveries that are still open, in the order of dues behind one."""
    rows = await connection.fetch(
        f"""select {benefits_store.DUE} from benefit_dues
             where kind = 'recovery' and state = 'open' and due_id > $2
               and region like any($1::text[])
             order by due_id limit $3""",  # noqa: S608 - our constant
        within,
        after,
        limit,
    )
    return [benefits_store.due_of(row) for row in rows]


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


async def states_by_via(
    connection: Connection, run_id: int
) -> dict[int, dict[str, tuple[int, Fen]]]:
    """Lines and sums that went through a bank's shared account, by that account and their state."""
    rows = await connection.fetch(
        """select via_id, state, count(*), sum(amount)::bigint from benefit_run_lines
            where run_id = $1 and via_id is not null and transaction_id is not null
            group by via_id, state order by via_id, state""",
        run_id,
    )
    found: dict[int, dict[str, tuple[int, Fen]]] = {}
    for row in rows:
        found.setdefault(row[0], {})[row[1]] = (row[2], row[3])
    return found


async def file_lines(
    connection: Connection, run_id: int, via_id: int, after: int, limit: int
) -> list[Line]:
    rows = await connection.fetch(
        f"""select {LINE} from benefit_run_lines
            where run_id = $1 and person_id > $2 and via_id = $3 and transaction_id is not null
            order by person_id limit $4""",  # noqa: S608
        run_id,
        after,
        via_id,
        limit,
    )
    return [line_of(row) for row in rows]


async def lines_by_number(
    connection: Connection, run_id: int, numbers: Sequence[int]
) -> list[Line]:
    rows = await connection.fetch(
        f"select {LINE} from benefit_run_lines where run_id = $1 and line = any($2::integer[])",  # noqa: S608
        run_id,
        numbers,
    )
    return [line_of(row) for row in rows]


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
