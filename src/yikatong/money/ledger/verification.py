"""Proving the ledger (总账核验): every balance recomputed from the entries, everything cross-checked.

One snapshot of the database, read range by range, so that memory stays bounded and the platform may
go on meanwhile.
"""

import itertools
from collections.abc import Callable
from typing import Any, Final

import msgspec

from yikatong.core.database import Connection
from yikatong.core.platform import Platform

RANGE: Final = 20_000
"""Persons of one range."""
SHOWN_MAX: Final = 20
"""Of each kind of difference so many are named; all are counted."""


class Difference(msgspec.Struct, frozen=True):
    """Something that does not agree."""

    check: str
    where: str
    expected: str
    found: str


class Verification(msgspec.Struct):
    """What was checked and what does not agree."""

    transactions: int = 0
    postings: int = 0
    accounts: int = 0
    holds: int = 0
    shared_accounts: int = 0
    sum_of_all: int = 0
    persons_balance: int = 0
    shared_balance: int = 0
    differences_count: int = 0
    differences: list[Difference] = msgspec.field(default_factory=list[Difference])

    @property
    def proved(self) -> bool:
        return self.differences_count == 0 and self.sum_of_all == 0

    def differ(self, check: str, rows: list[Any]) -> None:
        """Take in rows of (where, expected, found)."""
        self.differences_count += len(rows)
        shown = sum(one.check == check for one in self.differences)
        for row in rows[: max(0, SHOWN_MAX - shown)]:
            self.differences.append(Difference(check, str(row[0]), str(row[1]), str(row[2])))


# Each check finds what does not agree among the persons in [$1, $2): where, expected, found.
CHECKS: Final[dict[str, str]] = {
    "a transaction's entries sum to zero": """
        select t.person_id || '/' || t.transaction_id, '0', s.total::text
          from ledger_transactions t
          cross join lateral (select coalesce(sum(a), 0) as total from unnest(t.amounts) a) s
         where t.person_id >= $1 and t.person_id < $2 and s.total <> 0""",
    "a transaction's postings are its entries": """
        with entries as (
            select t.transaction_id, t.person_id as about, e.person_id, e.account_id, e.amount, e.balance
              from ledger_transactions t
              cross join lateral unnest(t.persons, t.accounts, t.amounts, t.balances)
                   as e (person_id, account_id, amount, balance)
             where t.person_id >= $1 and t.person_id < $2)
        select e.about || '/' || e.transaction_id || ' ' || e.account_id,
               e.amount || ' → ' || coalesce(e.balance::text, '-'),
               coalesce(p.amount || ' → ' || coalesce(p.balance_after::text, '-'), 'missing')
          from entries e left join ledger_postings p using (person_id, account_id, transaction_id)
         where p.amount is distinct from e.amount or p.balance_after is distinct from e.balance
            or p.about_person_id is distinct from e.about""",
    "a posting belongs to a transaction": """
        select p.person_id || '/' || p.transaction_id || ' ' || p.account_id, 'a transaction', 'none'
          from ledger_postings p
          left join ledger_transactions t
                 on t.person_id = p.about_person_id and t.transaction_id = p.transaction_id
         where p.person_id >= $1 and p.person_id < $2
           and not (t.transaction_id is not null and p.account_id = any (t.accounts))""",
    "each balance follows from the one before": """
        select person_id || '/' || account_id || ' ' || transaction_id, running::text, balance_after::text
          from (select person_id, account_id, transaction_id, balance_after,
                       sum(amount) over (partition by person_id, account_id
                                         order by transaction_id) as running
                  from ledger_postings
                 where person_id >= $1 and person_id < $2 and balance_after is not null) p
         where running <> balance_after""",
    "an account's balance is the sum of its postings": """
        select a.person_id || '/' || a.account_id, coalesce(p.total, 0)::text, a.balance::text
          from money_accounts a
          left join (select person_id, account_id, sum(amount) as total from ledger_postings
                      where person_id >= $1 and person_id < $2 and balance_after is not null
                      group by person_id, account_id) p using (person_id, account_id)
         where a.person_id >= $1 and a.person_id < $2 and a.balance <> coalesce(p.total, 0)""",
    "a posting of a person belongs to an account": """
        select p.person_id || '/' || p.account_id, 'an account', 'none'
          from ledger_postings p left join money_accounts a using (person_id, account_id)
         where p.person_id >= $1 and p.person_id < $2 and p.balance_after is not null
           and a.account_id is null""",
    "what is held on an account is the sum of its active holds": """
        select a.person_id || '/' || a.account_id, coalesce(h.total, 0)::text, a.held::text
          from money_accounts a
          left join (select person_id, account_id, sum(amount) as total from money_holds
                      where person_id >= $1 and person_id < $2 and state = 'active'
                      group by person_id, account_id) h using (person_id, account_id)
         where a.person_id >= $1 and a.person_id < $2 and a.held <> coalesce(h.total, 0)""",
    "no balance is below its floor": """
        select person_id || '/' || account_id, '>= ' || floor, (balance - held)::text
          from money_accounts
         where person_id >= $1 and person_id < $2 and balance - held < floor""",
    "a hold was closed by a transaction that took what it says": """
        select h.person_id || '/' || h.hold_id, h.captured::text,
               coalesce((select -e.amount from unnest(t.accounts, t.amounts) as e (account_id, amount)
                          where e.account_id = h.account_id), 0)::text
          from money_holds h
          left join ledger_transactions t
                 on t.person_id = h.person_id and t.transaction_id = h.closed_by
         where h.person_id >= $1 and h.person_id < $2 and h.state <> 'active'
           and (t.transaction_id is null
                or h.captured <> coalesce(
                   (select -e.amount from unnest(t.accounts, t.amounts) as e (account_id, amount)
                     where e.account_id = h.account_id), 0))""",
    "a reversal takes back exactly what it points to": """
        select r.person_id || '/' || r.transaction_id, coalesce(t.amounts::text, 'no such transaction'),
               r.amounts::text
          from ledger_transactions r
          left join ledger_transactions t
                 on t.person_id = r.person_id and t.transaction_id = r.reverses
         where r.person_id >= $1 and r.person_id < $2 and r.reverses is not null
           and (t.transaction_id is null or t.accounts <> r.accounts or t.persons <> r.persons
                or exists (select from unnest(t.amounts, r.amounts) as e (was, is_now)
                            where was <> -is_now))""",
}

_COUNTS: Final = """
    select (select count(*) from ledger_transactions where person_id >= $1 and person_id < $2),
           (select count(*) from ledger_postings where person_id >= $1 and person_id < $2),
           (select count(*) from money_accounts where person_id >= $1 and person_id < $2),
           (select count(*) from money_holds where person_id >= $1 and person_id < $2),
           (select coalesce(sum(amount), 0)::bigint from ledger_postings
             where person_id >= $1 and person_id < $2),
           (select coalesce(sum(balance), 0)::bigint from money_accounts
             where person_id >= $1 and person_id < $2)"""

_SHARED: Final = """
    select s.account_id || ' through ' || s.through_id, coalesce(sum(p.amount), 0)::text || ' of ' || count(p.amount),
           s.balance || ' of ' || s.postings
      from shared_balances s
      left join ledger_postings p
             on p.account_id = s.account_id and p.balance_after is null
            and p.transaction_id <= s.through_id
     group by s.account_id, s.through_id, s.balance, s.postings
    having coalesce(sum(p.amount), 0) <> s.balance or count(p.amount) <> s.postings"""

_STRAY: Final = """
    select p.account_id::text, 'a shared account', 'none'
      from (select distinct account_id from ledger_postings where balance_after is null) p
      left join shared_accounts a using (account_id) where a.account_id is null"""


async def verify(
    platform: Platform, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> Verification:
    """Recompute every balance and prove the whole; `progress` hears ranges done and in all."""
    found = Verification()
    async with platform.database.transaction() as connection:
        await connection.execute("set transaction isolation level repeatable read, read only")
        await connection.execute("set local statement_timeout = 0")
        await connection.execute("set local idle_in_transaction_session_timeout = 0")
        ranges = await _ranges(connection)
        for number, (low, high) in enumerate(ranges):
            for check, query in CHECKS.items():
                found.differ(check, await connection.fetch(query, low, high))
            row = await connection.fetchrow(_COUNTS, low, high)
            assert row is not None
            found.transactions += row[0]
            found.postings += row[1]
            found.accounts += row[2]
            found.holds += row[3]
            found.sum_of_all += row[4]
            found.persons_balance += row[5]
            progress(number + 1, len(ranges))
        found.differ(
            "a snapshot is the sum of the postings up to it", await connection.fetch(_SHARED)
        )
        found.differ("a shared posting belongs to a shared account", await connection.fetch(_STRAY))
        row = await connection.fetchrow(
            """select count(distinct account_id), coalesce(sum(amount), 0)::bigint
                 from ledger_postings where balance_after is null"""
        )
        assert row is not None
        found.shared_accounts, found.shared_balance = row[0], row[1]
    if found.persons_balance + found.shared_balance != 0:
        found.differ(
            "all accounts together are zero",
            [("all", "0", str(found.persons_balance + found.shared_balance))],
        )
    if found.sum_of_all != 0:
        found.differ("all postings together are zero", [("all", "0", str(found.sum_of_all))])
    return found


async def _ranges(connection: Connection) -> list[tuple[int, int]]:
    """Ranges of person ids that have about as many persons each; NOBODY is in the first."""
    rows = await connection.fetch(
        """select person_id from (
               select person_id, row_number() over (order by person_id) as number
                 from (select distinct person_id from money_accounts) a) n
            where number % $1 = 0 order by person_id""",
        RANGE,
    )
    borders = [-(2**62), *(row[0] for row in rows), 2**62]
    return list(itertools.pairwise(borders))
