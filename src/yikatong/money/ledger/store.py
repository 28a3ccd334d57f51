"""SQL of the ledger."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg
import msgspec

from yikatong.core.clock import SHANGHAI
from yikatong.core.database import Connection, Record
from yikatong.core.money import Fen
from yikatong.core.together import (
    Change,
    Conflict,
    Query,
    Rows,
    change_together,
    number_rows,
    numbers,
)
from yikatong.money.ledger.book import Book
from yikatong.money.ledger.model import Account, Hold, SharedAccount, StatementLine, Transaction

ACCOUNT_COLUMNS = """person_id, account_id, kind, class, bank, region, number_tail, currency, state,
    frozen, balance, held, floor, spent_day, spent_on_day, spent_in_year, last_transaction_id,
    version"""
TRANSACTION_COLUMNS = """person_id, transaction_id, key, content_hash, kind, at, actor_kind, actor,
    currency, persons, accounts, amounts, balances, reverses, detail"""
HOLD_COLUMNS = (
    "person_id, hold_id, account_id, amount, captured, state, reason, expires_at, closed_by"
)


_encode = msgspec.json.encode

SNAPSHOT_POSTINGS = 1000
"""So many postings are summed up quickly; more are worth a snapshot."""


def _account(row: Any) -> Account:
    # The columns stand in the order of the fields: this is read for every order at the desk.
    account = Account(*row)
    account.frozen = tuple(account.frozen)
    return account


def _transaction(row: Record) -> Transaction:
    facts = dict(row)
    facts["detail"] = msgspec.json.decode(facts["detail"])
    facts["at"] = facts["at"].astimezone(SHANGHAI)
    return Transaction(**facts)


async def find_numbers(
    connection: Connection, hashes: Sequence[bytes]
) -> dict[bytes, tuple[int, int]]:
    rows = await connection.fetch(
        """select number_hash, person_id, account_id from account_numbers
            where number_hash = any($1::bytea[])""",
        hashes,
    )
    return {row[0]: (row[1], row[2]) for row in rows}


async def accounts(connection: Connection, keys: Iterable[tuple[int, int]]) -> list[Account]:
    wanted = list(keys)
    rows = await connection.fetch(
        f"""select {ACCOUNT_COLUMNS} from money_accounts
             join unnest($1::bigint[], $2::bigint[]) as wanted (person_id, account_id)
            using (person_id, account_id)""",  # noqa: S608 - our constant
        [key[0] for key in wanted],
        [key[1] for key in wanted],
    )
    return [_account(row) for row in rows]


async def accounts_of(connection: Connection, person_ids: Sequence[int]) -> list[Account]:
    rows = await connection.fetch(
        f"""select {ACCOUNT_COLUMNS} from money_accounts where person_id = any($1::bigint[])
            order by person_id, state desc, kind, account_id""",  # noqa: S608
        person_ids,
    )
    return [_account(row) for row in rows]


async def owners(connection: Connection, account_ids: Sequence[int]) -> dict[int, int]:
    rows = await connection.fetch(
        "select account_id, person_id from money_accounts where account_id = any($1::bigint[])",
        account_ids,
    )
    return {row[0]: row[1] for row in rows}


def medical_accounts(person_ids: Sequence[int]) -> Query[list[Account]]:
    """The open medical accounts of persons."""
    return Query(
        f"""select {ACCOUNT_COLUMNS} from money_accounts
             where person_id = any($1::bigint[]) and kind = 'medical' and state = 'open'""",  # noqa: S608
        (person_ids,),
        _accounts,
    )


def _accounts(rows: Rows) -> list[Account]:
    return [_account(row) for row in rows]


async def sealed_number(connection: Connection, person_id: int, account_id: int) -> bytes | None:
    return await connection.fetchval(
        "select number_sealed from money_accounts where person_id = $1 and account_id = $2",
        person_id,
        account_id,
    )


async def sealed_numbers(
    connection: Connection, keys: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], bytes]:
    rows = await connection.fetch(
        """select person_id, account_id, number_sealed from money_accounts
             join unnest($1::bigint[], $2::bigint[]) as wanted (person_id, account_id)
            using (person_id, account_id)
            where number_sealed is not null""",
        [key[0] for key in keys],
        [key[1] for key in keys],
    )
    return {(row[0], row[1]): row[2] for row in rows}


async def transactions_by_key(
    connection: Connection, keys: Iterable[tuple[int, str]]
) -> list[Transaction]:
    wanted = list(keys)
    rows = await connection.fetch(
        f"""select {TRANSACTION_COLUMNS} from ledger_transactions
             join unnest($1::bigint[], $2::text[]) as wanted (person_id, key)
            using (person_id, key)""",  # noqa: S608
        [key[0] for key in wanted],
        [key[1] for key in wanted],
    )
    return [_transaction(row) for row in rows]


async def transactions(connection: Connection, ids: Iterable[tuple[int, int]]) -> list[Transaction]:
    wanted = list(ids)
    rows = await connection.fetch(
        f"""select {TRANSACTION_COLUMNS} from ledger_transactions
             join unnest($1::bigint[], $2::bigint[]) as wanted (person_id, transaction_id)
            using (person_id, transaction_id)""",  # noqa: S608
        [key[0] for key in wanted],
        [key[1] for key in wanted],
    )
    return [_transaction(row) for row in rows]


async def reversal_of(
    connection: Connection, person_id: int, transaction_id: int
) -> Transaction | None:
    row = await connection.fetchrow(
        f"""select {TRANSACTION_COLUMNS} from ledger_transactions
            where person_id = $1 and reverses = $2""",  # noqa: S608
        person_id,
        transaction_id,
    )
    return None if row is None else _transaction(row)


async def holds(connection: Connection, ids: Iterable[tuple[int, int]]) -> list[Hold]:
    wanted = list(ids)
    rows = await connection.fetch(
        f"""select {HOLD_COLUMNS} from money_holds
             join unnest($1::bigint[], $2::bigint[]) as wanted (person_id, hold_id)
            using (person_id, hold_id)""",  # noqa: S608
        [key[0] for key in wanted],
        [key[1] for key in wanted],
    )
    return [Hold(**dict(row)) for row in rows]


async def holds_of(connection: Connection, person_id: int) -> list[Hold]:
    rows = await connection.fetch(
        f"select {HOLD_COLUMNS} from money_holds where person_id = $1 order by hold_id desc limit 200",  # noqa: S608
        person_id,
    )
    return [Hold(**dict(row)) for row in rows]


async def due_holds(connection: Connection, now: Any, limit: int) -> list[Hold]:
    rows = await connection.fetch(
        f"""select {HOLD_COLUMNS} from money_holds
            where state = 'active' and expires_at <= $1 order by expires_at limit $2""",  # noqa: S608
        now,
        limit,
    )
    return [Hold(**dict(row)) for row in rows]


async def open_account(
    connection: Connection,
    account: Account,
    opened_at: Any,
    number_sealed: bytes | None,
    number_hash: bytes | None,
) -> None:
    """Add an empty account and the directory entry of its number."""
    try:
        await connection.execute(
            """insert into money_accounts
                 (person_id, account_id, kind, class, bank, region, number_sealed, number_tail,
                  opened_at)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9)""",
            account.person_id,
            account.account_id,
            account.kind,
            account.account_class,
            account.bank,
            account.region,
            number_sealed,
            account.number_tail,
            opened_at,
        )
        if number_hash is not None:
            await connection.execute(
                "insert into account_numbers (number_hash, person_id, account_id) values ($1, $2, $3)",
                number_hash,
                account.person_id,
                account.account_id,
            )
    except asyncpg.UniqueViolationError as error:
        raise Conflict from error


def openings(
    opened: Sequence[Account], at: datetime, sealed: Sequence[bytes], hashed: Sequence[bytes]
) -> list[Change]:
    """Add new bank accounts, each with its sealed number and the directory entry of it."""
    persons, accounts = (
        numbers(one.person_id for one in opened),
        numbers(one.account_id for one in opened),
    )
    return [
        Change(
            """insert into money_accounts
                 (person_id, account_id, kind, class, bank, number_sealed, number_tail,
                  last_transaction_id, opened_at)
               select n.person_id, n.account_id, 'bank', n.class, n.bank, n.sealed, n.tail, n.last, $8
                 from unnest($1::text::bigint[], $2::text::bigint[], $3::text::smallint[],
                             $4::text[], $5::bytea[], $6::text[], $7::text::bigint[])
                   as n (person_id, account_id, class, bank, sealed, tail, last)""",
            (
                persons,
                accounts,
                numbers(one.account_class for one in opened),
                [one.bank for one in opened],
                sealed,
                [one.number_tail for one in opened],
                numbers(one.last_transaction_id for one in opened),
                at,
            ),
        ),
        Change(
            """insert into account_numbers (number_hash, person_id, account_id)
               select * from unnest($1::bytea[], $2::text::bigint[], $3::text::bigint[])""",
            (hashed, persons, accounts),
        ),
    ]


def changes(book: Book) -> list[Change]:
    """What was decided in the book, to be written together."""
    found: list[Change] = []
    if book.touched:
        found.append(_account_changes(list(book.touched.values())))
    if book.transactions:
        found += _new_transactions(book.transactions)
    if book.holds:
        found.append(_hold_changes(list(book.holds.values())))
    return found


async def write(connection: Connection, book: Book) -> None:
    """Write what was decided in the book; raises Conflict where an account or key is no longer as
    it was read, and the caller's transaction is to be rolled back."""
    await change_together(connection, changes(book))


_ENTRIES: Final = ("persons", "accounts", "amounts", "balances")
_INSERT_TRANSACTIONS: Final = f"""insert into ledger_transactions ({TRANSACTION_COLUMNS})
    select {
    ", ".join(
        f"n.{name}::bigint[]" if name in _ENTRIES else f"n.{name}"
        for name in TRANSACTION_COLUMNS.replace(",", " ").split()
    )
}
      from unnest($1::ledger_transactions[], $2::text::text[], $3::text::text[], $4::text::text[],
                  $5::text::text[])
        as n ({TRANSACTION_COLUMNS.replace("persons, accounts, amounts, balances", "p, c, a, b")},
              persons, accounts, amounts, balances)"""  # noqa: S608 - our constants


_INSERT_POSTINGS: Final = """insert into ledger_postings
      (person_id, account_id, transaction_id, about_person_id, amount, balance_after)
    select unnest(n.persons::bigint[]), unnest(n.accounts::bigint[]), n.transaction_id, n.about,
           unnest(n.amounts::bigint[]), unnest(n.balances::bigint[])
      from unnest($1::text::bigint[], $2::text::bigint[], $3::text::text[], $4::text::text[],
                  $5::text::text[], $6::text::text[])
        as n (about, transaction_id, persons, accounts, amounts, balances)"""


def _new_transactions(made: Sequence[Transaction]) -> list[Change]:
    """Transactions with their entries, and the entries once more by account."""
    # The entries go as text: as arrays in a row the driver looks at each number's type three times.
    entries = (
        number_rows(one.persons for one in made),
        number_rows(one.accounts for one in made),
        number_rows(one.amounts for one in made),
        number_rows(one.balances for one in made),
    )
    found = [Change(_INSERT_TRANSACTIONS, ([_row(one) for one in made], *entries))]
    # A hold or a freeze moves nothing.
    if any(one.accounts for one in made):
        found.append(
            Change(
                _INSERT_POSTINGS,
                (
                    numbers(one.person_id for one in made),
                    numbers(one.transaction_id for one in made),
                    *entries,
                ),
            )
        )
    return found


def _account_changes(touched: list[Account]) -> Change:
    # In one order everywhere, so that two batches rarely wait for each other in a circle.
    touched.sort(key=lambda account: account.key)
    return Change(
        """update money_accounts a
              set balance = n.balance, held = n.held, frozen = n.frozen::text[], state = n.state,
                  closed_at = case when n.state = 'closed' then coalesce(a.closed_at, now()) end,
                  spent_day = n.spent_day, spent_on_day = n.spent_on_day,
                  spent_in_year = n.spent_in_year,
                  last_transaction_id = n.last_transaction_id, version = a.version + 1
             from unnest($1::text::bigint[], $2::text::bigint[], $3::text::bigint[],
                         $4::text::bigint[], $5::text::bigint[], $6::text[], $7::text[],
                         $8::text::date[], $9::text::bigint[], $10::text::bigint[],
                         $11::text::bigint[])
               as n (person_id, account_id, version, balance, held, frozen, state, spent_day,
                     spent_on_day, spent_in_year, last_transaction_id)
            where a.person_id = n.person_id and a.account_id = n.account_id
              and a.version = n.version""",
        (
            numbers(one.person_id for one in touched),
            numbers(one.account_id for one in touched),
            numbers(one.version for one in touched),
            numbers(one.balance for one in touched),
            numbers(one.held for one in touched),
            ["{" + ",".join(one.frozen) + "}" for one in touched],
            [one.state for one in touched],
            numbers(one.spent_day for one in touched),
            numbers(one.spent_on_day for one in touched),
            numbers(one.spent_in_year for one in touched),
            numbers(one.last_transaction_id for one in touched),
        ),
        len(touched),
    )


def _row(one: Transaction) -> tuple[Any, ...]:
    return (
        one.person_id, one.transaction_id, one.key, one.content_hash, one.kind, one.at,
        one.actor_kind, one.actor, one.currency, None, None, None, None, one.reverses,
        _encode(one.detail).decode(),
    )  # fmt: skip


def _hold_changes(holds: list[Hold]) -> Change:
    return Change(
        """insert into money_holds
             (person_id, hold_id, account_id, amount, captured, state, reason, expires_at, closed_by)
           select * from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[],
                                $5::bigint[], $6::text[], $7::text[], $8::timestamptz[],
                                $9::bigint[])
           on conflict (person_id, hold_id) do update
              set captured = excluded.captured, state = excluded.state,
                  closed_by = excluded.closed_by
            where money_holds.state = 'active'""",
        [
            list(column)
            for column in zip(*(msgspec.structs.astuple(one) for one in holds), strict=True)
        ],
        len(holds),
    )


async def shared_accounts(connection: Connection, kind: str | None = None) -> list[SharedAccount]:
    rows = await connection.fetch(
        """select account_id, kind, owner, purpose, currency from shared_accounts
            where $1::text is null or kind = $1 order by account_id""",
        kind,
    )
    return [SharedAccount(**dict(row)) for row in rows]


async def ensure_shared(
    connection: Connection, wanted: Sequence[tuple[str, str, str]]
) -> dict[tuple[str, str, str], int]:
    """The ids of shared accounts by kind, owner and purpose; those that are missing are made."""
    columns = [list(column) for column in zip(*wanted, strict=True)]
    await connection.execute(
        """insert into shared_accounts (kind, owner, purpose)
           select * from unnest($1::text[], $2::text[], $3::text[])
           on conflict (kind, owner, purpose) do nothing""",
        *columns,
    )
    rows = await connection.fetch(
        """select kind, owner, purpose, account_id from shared_accounts
             join unnest($1::text[], $2::text[], $3::text[]) as n (kind, owner, purpose)
            using (kind, owner, purpose)""",
        *columns,
    )
    return {(row[0], row[1], row[2]): row[3] for row in rows}


async def shared_balances(
    connection: Connection, account_ids: Sequence[int], before: int | None = None
) -> dict[int, tuple[Fen, int]]:
    """Balance and number of postings of shared accounts, before a transaction id or now: of each its
    last snapshot, and what the index of shared postings has since."""
    rows = await connection.fetch(
        """select a.id, coalesce(t.balance, 0)::bigint + p.amount,
                  (coalesce(t.postings, 0) + p.postings)::bigint
             from unnest($1::bigint[]) as a (id)
             left join lateral (
                  select through_id, balance, postings from shared_balances
                   where account_id = a.id and ($2::bigint is null or through_id < $2)
                   order by through_id desc limit 1) t on true
            cross join lateral (
                  select coalesce(sum(amount), 0)::bigint as amount, count(*) as postings
                    from ledger_postings
                   where account_id = a.id and balance_after is null
                     and transaction_id > coalesce(t.through_id, -1)
                     and ($2::bigint is null or transaction_id < $2)) p""",
        account_ids,
        before,
    )
    return {row[0]: (row[1], row[2]) for row in rows}


async def persons_balances(
    connection: Connection, before: int | None = None
) -> list[tuple[str, Fen, int]]:
    """Sum and number of postings of all persons' accounts by kind, before an id or now."""
    rows = await connection.fetch(
        """select a.kind, coalesce(sum(p.amount), 0)::bigint, count(p.amount)
             from money_accounts a join ledger_postings p using (person_id, account_id)
            where p.balance_after is not null and ($1::bigint is null or p.transaction_id < $1)
            group by a.kind order by a.kind""",
        before,
    )
    return [(row[0], row[1], row[2]) for row in rows]


async def take_snapshots(connection: Connection, through_id: int, taken_at: Any) -> int:
    """A snapshot of every shared account with many postings since its last one, or a day without."""
    # Account by account: all postings there ever were would be read otherwise, every time.
    done = await connection.execute(
        """insert into shared_balances (account_id, through_id, balance, postings, taken_at)
           select a.account_id, $1, coalesce(t.balance, 0) + s.amount,
                  coalesce(t.postings, 0) + s.postings, $2
             from shared_accounts a
             left join lateral (
                  select through_id, balance, postings, taken_at from shared_balances
                   where account_id = a.account_id order by through_id desc limit 1) t on true
            cross join lateral (
                  select sum(amount) as amount, count(*) as postings from ledger_postings
                   where account_id = a.account_id and balance_after is null
                     and transaction_id > coalesce(t.through_id, -1) and transaction_id <= $1) s
            where s.postings >= $3
               or s.postings > 0 and (t.taken_at is null
                                      or t.taken_at < $2::timestamptz - interval '1 day')
           on conflict do nothing""",
        through_id,
        taken_at,
        SNAPSHOT_POSTINGS,
    )
    return int(done.split()[-1])


async def statement_lines(
    connection: Connection,
    key: tuple[int, int],
    first_id: int,
    before_id: int,
    limit: int,
) -> list[tuple[int, int, Fen, Fen | None]]:
    """The newest postings of a person's account in a range of ids: id, about, amount, balance."""
    rows = await connection.fetch(
        """select transaction_id, about_person_id, amount, balance_after from ledger_postings
            where person_id = $1 and account_id = $2 and transaction_id >= $3
              and transaction_id < $4
            order by transaction_id desc limit $5""",
        key[0],
        key[1],
        first_id,
        before_id,
        limit,
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


async def shared_lines(
    connection: Connection, account_id: int, first_id: int, before_id: int, limit: int
) -> list[tuple[int, int, Fen]]:
    rows = await connection.fetch(
        """select transaction_id, about_person_id, amount from ledger_postings
            where account_id = $1 and balance_after is null and transaction_id >= $2
              and transaction_id < $3
            order by transaction_id desc limit $4""",
        account_id,
        first_id,
        before_id,
        limit,
    )
    return [(row[0], row[1], row[2]) for row in rows]


async def balance_before(connection: Connection, key: tuple[int, int], before_id: int) -> Fen:
    """The balance of a person's account before a transaction id."""
    found = await connection.fetchval(
        """select balance_after from ledger_postings
            where person_id = $1 and account_id = $2 and transaction_id < $3
            order by transaction_id desc limit 1""",
        key[0],
        key[1],
        before_id,
    )
    return found or 0


async def explained(
    connection: Connection, ids: Iterable[tuple[int, int]]
) -> dict[int, StatementLine]:
    """Kind and detail of transactions, by id; amounts are the caller's to fill in."""
    return {
        one.transaction_id: StatementLine(
            transaction_id=one.transaction_id,
            at=one.at,
            kind=one.kind,
            amount=0,
            balance_after=None,
            detail=one.detail,
            about_person_id=one.person_id,
        )
        for one in await transactions(connection, ids)
    }
