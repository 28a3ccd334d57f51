"""SQL of payment runs: what is to be paid, what keeps it from being paid, what was paid."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from yikatong.benefits.model import FUNDS
from yikatong.benefits.runs.model import Chunk, Run
from yikatong.core.database import Connection
from yikatong.core.money import Fen
from yikatong.money.ledger.bulk import Payments

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


_HOLDS: Final = """e.person_id between $2 and $3 and e.benefit = $4 and e.region = $5
              and coalesce(e.insurance, $6) = $7"""
"""Of entitlements: of the chunk's persons and the run's fund."""
_FITS: Final = """e.status = 'drawing' and (e.ends_on is null or e.ends_on >= $8)
              and (e.settled_month is null or e.settled_month < $8)
              and (e.benefit = 'unemployment' or e.monthly = l.monthly or l.monthly =
                   (select a.before from benefit_adjustments a
                     where a.person_id = e.person_id and a.benefit = e.benefit
                       and a.starts_on = e.starts_on and a.effective > $8
                     order by a.effective limit 1))"""
"""Whether an entitlement still is as its line says."""


def _of_fund(one: Run, chunk: Chunk) -> tuple[object, ...]:
    return (
        chunk.run_id, chunk.first_person, chunk.last_person, one.benefit, one.region,
        FUNDS[one.benefit], one.insurance, one.month,
    )  # fmt: skip


async def unfit(connection: Connection, one: Run, chunk: Chunk) -> list[tuple[int, str]]:
    """Persons whose line must not be paid as it was checked, each with the finding that says why."""
    rows = await connection.fetch(
        f"""select l.person_id,
                  case when e.person_id is null or e.status = 'ended' or e.ends_on < $8 then 'ended'
                       when e.status = 'held' then 'held'
                       when e.settled_month >= $8 then 'settled'
                       else 'amount_changed' end
             from benefit_run_lines l left join benefit_entitlements e
               on e.person_id = l.person_id and e.starts_on = l.starts_on and {_HOLDS}
            where l.run_id = $1 and l.person_id between $2 and $3 and l.state = 'ready'
              and l.monthly > 0 and ({_FITS}) is not true
           union all
           select l.person_id, 'held' from benefit_run_lines l join benefit_entitlements e
               on e.person_id = l.person_id and e.status = 'held' and {_HOLDS}
            where l.run_id = $1 and l.person_id between $2 and $3 and l.state = 'ready'
              and l.monthly = 0
           union all
           select l.person_id, 'dues_changed' from benefit_run_lines l
             join benefit_run_dues d on d.person_id = l.person_id and d.run_id = l.run_id
             left join benefit_dues b on b.person_id = d.person_id and b.due_id = d.due_id
              and b.version = d.version and b.state = 'open'
            where l.run_id = $1 and l.person_id between $2 and $3 and l.state = 'ready'
              and b.due_id is null""",  # noqa: S608 - our texts
        *_of_fund(one, chunk),
    )
    return [(row[0], row[1]) for row in rows]


async def held_without_month(connection: Connection, one: Run, chunk: Chunk) -> bool:
    """Whether a line that pays dues only is of somebody whose benefit is held by now."""
    return await connection.fetchval(
        f"""select exists (
               select from benefit_run_lines l join benefit_entitlements e
                   on e.person_id = l.person_id and e.status = 'held' and {_HOLDS}
                where l.run_id = $1 and l.person_id between $2 and $3 and l.state = 'ready'
                  and l.monthly = 0)""",  # noqa: S608
        *_of_fund(one, chunk)[:-1],
    )


async def touch_each_page_once(connection: Connection) -> None:
    """Where the database lets us: no compressing of the page images of this transaction. A run writes
    over its pages one after the other, so nearly each is logged whole, and packing them costs more time
    than it saves."""
    await connection.execute(
        """select set_config('wal_compression', 'off', true)
            where has_parameter_privilege('wal_compression', 'set')"""
    )


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


async def settle(connection: Connection, one: Run, chunk: Chunk) -> bool:
    """Set the months of the entitlements that the chunk pays as settled; False where one no longer is
    as its line says: the caller's transaction is then to be rolled back."""
    done = await connection.execute(
        f"""update benefit_entitlements e set settled_month = $8, version = e.version + 1
             from benefit_run_lines l
            where l.run_id = $1 and l.person_id between $2 and $3 and l.state = 'ready'
              and l.monthly > 0 and e.person_id = l.person_id and e.starts_on = l.starts_on
              and {_HOLDS} and {_FITS}""",  # noqa: S608
        *_of_fund(one, chunk),
    )
    wanted = await connection.fetchval(
        """select count(*) from benefit_run_lines
            where run_id = $1 and person_id between $2 and $3 and state = 'ready' and monthly > 0""",
        chunk.run_id,
        chunk.first_person,
        chunk.last_person,
    )
    return int(done.split()[-1]) == wanted


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
