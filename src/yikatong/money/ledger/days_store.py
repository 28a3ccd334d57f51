"""SQL of the sums of shared accounts by day."""

from collections.abc import Sequence
from datetime import date

from yikatong.core.database import Connection

Sums = tuple[int, int, int, int]
"""Account, onto it, off it (both positive, in fen), postings."""


async def lock_through(connection: Connection) -> int:
    """Through which transaction id the days are added up; nobody else adds meanwhile."""
    return await connection.fetchval("select through_id from shared_days_through for update")


async def through(connection: Connection) -> int:
    return await connection.fetchval("select through_id from shared_days_through")


async def move_through(connection: Connection, through_id: int) -> None:
    await connection.execute("update shared_days_through set through_id = $1", through_id)


async def account_ids(connection: Connection) -> list[int]:
    rows = await connection.fetch("select account_id from shared_accounts order by account_id")
    return [row[0] for row in rows]


async def first_posting(connection: Connection, accounts: Sequence[int]) -> int | None:
    """The smallest transaction id of any of these accounts; one look into the index for each."""
    return await connection.fetchval(
        """select min(first) from unnest($1::bigint[]) as a (id), lateral (
               select transaction_id as first from ledger_postings
                where account_id = a.id and balance_after is null
                order by transaction_id limit 1) p""",
        accounts,
    )


async def posted(
    connection: Connection, accounts: Sequence[int], first_id: int, behind_id: int
) -> list[Sums]:
    """What the postings from one transaction id to before another add up to, by account; from the
    index of shared postings alone."""
    rows = await connection.fetch(
        """select account_id, coalesce(sum(amount) filter (where amount > 0), 0)::bigint,
                  coalesce(-sum(amount) filter (where amount < 0), 0)::bigint, count(*)
             from ledger_postings
            where account_id = any($1) and balance_after is null
              and transaction_id >= $2 and transaction_id < $3
            group by account_id""",
        accounts,
        first_id,
        behind_id,
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


async def add(connection: Connection, day: date, sums: Sequence[Sums]) -> None:
    """Add to the sums of a day."""
    await connection.execute(
        """insert into shared_days as d (account_id, day, credits, debits, postings)
           select account_id, $1, credits, debits, postings
             from unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
               as n (account_id, credits, debits, postings)
           on conflict (account_id, day) do update
              set credits = d.credits + excluded.credits, debits = d.debits + excluded.debits,
                  postings = d.postings + excluded.postings""",
        day,
        *[[row[at] for row in sums] for at in range(4)],
    )


async def added_up(
    connection: Connection, accounts: Sequence[int], since: date, until: date
) -> list[Sums]:
    """The sums of the days from `since` to `until`, by account."""
    rows = await connection.fetch(
        """select account_id, sum(credits)::bigint, sum(debits)::bigint, sum(postings)::bigint
             from shared_days where account_id = any($1) and day between $2 and $3
            group by account_id""",
        accounts,
        since,
        until,
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]
