"""Use cases of the ledger: carry out commands, statements, trial balance, snapshots."""

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import ClassVar, Final, TypeVar
from weakref import WeakKeyDictionary

import msgspec
from asyncpg import DeadlockDetectedError

from yikatong.core import ids
from yikatong.core.clock import SHANGHAI
from yikatong.core.coalescing import Busy
from yikatong.core.database import Connection, Database
from yikatong.core.money import Fen
from yikatong.core.platform import Platform
from yikatong.core.together import Change, Conflict
from yikatong.money.errors import NoSuchAccount, NoSuchTransaction
from yikatong.money.ledger import store
from yikatong.money.ledger.book import Book
from yikatong.money.ledger.model import (
    Account,
    Hold,
    SharedAccount,
    Statement,
    Transaction,
)

_Answer = TypeVar("_Answer")

TRIES_MAX: Final = 12
SNAPSHOT_BEHIND: Final = timedelta(minutes=10)
"""A snapshot takes postings no younger than this: a transaction decided earlier has long been
committed or cut off by the statement and idle limits of its connection."""


def digest(content: object) -> bytes:
    """What the content of a command is compared by: 16 bytes over its canonical JSON."""
    return hashlib.blake2b(msgspec.json.encode(content, order="sorted"), digest_size=16).digest()


async def carry_out(
    platform: Platform, work: Callable[[Connection], Awaitable[_Answer]]
) -> _Answer:
    """Run `work` in a transaction, again where somebody else changed an account meanwhile.

    Raises Busy after too many tries, and what `work` raises.
    """
    for attempt in range(TRIES_MAX):
        try:
            async with platform.database.transaction() as connection:
                return await work(connection)
        except (Conflict, DeadlockDetectedError):
            # Apart by chance, so that the same two do not meet again.
            await asyncio.sleep(random.random() * 0.002 * 2 ** min(attempt, 6))  # noqa: S311
    raise Busy(
        zh="这个账户正在办理很多业务，没有任何改动，请稍后用同一个幂等键重试",
        en="too much happens on this account; nothing was changed, try again with the same key",
    )


async def open_book(
    platform: Platform,
    connection: Connection,
    *,
    accounts: Iterable[tuple[int, int]] = (),
    persons: Sequence[int] = (),
    keys: Sequence[tuple[int, str]] = (),
    holds: Sequence[tuple[int, int]] = (),
) -> Book:
    """A book over the accounts named, all accounts of `persons`, and the keys used before."""
    read: dict[tuple[int, int], Account] = {}
    wanted = list(accounts)
    if wanted:
        read |= {one.key: one for one in await store.accounts(connection, wanted)}
    if persons:
        read |= {one.key: one for one in await store.accounts_of(connection, persons)}
    known = await store.transactions_by_key(connection, keys) if keys else []
    now = platform.clock.now()
    book = Book(read.values(), known, draw_id=lambda: ids.new_id(now))
    if holds:
        for hold in await store.holds(connection, holds):
            book.give_hold(hold)
    return book


async def write(connection: Connection, book: Book) -> None:
    """Write what was decided; raises Conflict.

    No audit event beside it: a transaction names who did what of whom and when, is never changed,
    and stands in the person's trail as it is.
    """
    await store.write(connection, book)


def changes(book: Book) -> list[Change]:
    """What was decided, to be written together with other changes (`core.together`)."""
    return store.changes(book)


class _Shared:
    """Ids of shared accounts, which never change; one table per database of this process."""

    known: ClassVar[WeakKeyDictionary[Database, dict[tuple[str, str, str], int]]] = (
        WeakKeyDictionary()
    )


async def shared(
    platform: Platform, *wanted: tuple[str, str, str]
) -> dict[tuple[str, str, str], int]:
    """The ids of shared accounts by (kind, owner, purpose); made where they are missing."""
    known = _Shared.known.setdefault(platform.database, {})
    missing = [one for one in wanted if one not in known]
    if missing:
        # Sorted, so that two processes that make the same ones do not wait in a circle.
        async with platform.database.transaction() as connection:
            known |= await store.ensure_shared(connection, sorted(set(missing)))
    return {one: known[one] for one in wanted}


async def account(connection: Connection, person_id: int, account_id: int) -> Account:
    """One account of a person; raises NoSuchAccount."""
    found = await store.accounts(connection, [(person_id, account_id)])
    if not found:
        raise NoSuchAccount("account")
    return found[0]


async def accounts(connection: Connection, keys: Sequence[tuple[int, int]]) -> list[Account]:
    """Accounts by person and number; unknown ones are left out."""
    return await store.accounts(connection, keys)


async def sealed_numbers(
    connection: Connection, keys: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], bytes]:
    """The sealed numbers of bank accounts; the caller records why it opens them."""
    return await store.sealed_numbers(connection, keys)


async def owners(connection: Connection, account_ids: Sequence[int]) -> dict[int, int]:
    """Whose accounts these are; reads through all accounts, so only for a few that are astray."""
    return await store.owners(connection, account_ids)


async def accounts_of(connection: Connection, person_id: int) -> list[Account]:
    """All accounts of a person, open ones first."""
    return await store.accounts_of(connection, [person_id])


async def transaction(
    connection: Connection, person_id: int, transaction_id: int
) -> tuple[Transaction, Transaction | None]:
    """A transaction and the one that reversed it; raises NoSuchTransaction."""
    found = await store.transactions(connection, [(person_id, transaction_id)])
    if not found:
        raise NoSuchTransaction
    return found[0], await store.reversal_of(connection, person_id, transaction_id)


async def transactions(
    connection: Connection, keys: Sequence[tuple[int, int]]
) -> list[Transaction]:
    """Transactions by person and number; unknown ones are left out."""
    return await store.transactions(connection, keys)


async def transactions_by_key(
    connection: Connection, keys: Sequence[tuple[int, str]]
) -> list[Transaction]:
    """Transactions by person and idempotency key; unknown ones are left out."""
    return await store.transactions_by_key(connection, keys)


async def holds_of(connection: Connection, person_id: int) -> list[Hold]:
    """The newest holds of a person."""
    return await store.holds_of(connection, person_id)


def id_range(since: date, until: date) -> tuple[int, int]:
    """The ids drawn from the start of `since` to the end of `until`, in Shanghai: [first, behind)."""
    start = datetime(since.year, since.month, since.day, tzinfo=SHANGHAI)
    end = datetime(until.year, until.month, until.day, tzinfo=SHANGHAI) + timedelta(days=1)
    return ids.first_of(start), ids.first_of(end)


async def statement(
    connection: Connection,
    person_id: int,
    account_id: int,
    since: date,
    until: date,
    limit: int = 5000,
) -> Statement:
    """The statement of a person's account from the start of `since` to the end of `until`.

    Opening balance + all amounts = closing balance, asserted. At most `limit` newest lines.
    """
    read = await account(connection, person_id, account_id)
    first, behind = id_range(since, until)
    lines = await store.statement_lines(connection, read.key, first, behind, limit + 1)
    more = len(lines) > limit
    lines = lines[:limit]
    explained = await store.explained(connection, [(line[1], line[0]) for line in lines])
    if more:
        oldest = lines[-1]
        assert oldest[3] is not None
        opening = oldest[3] - oldest[2]
    else:
        opening = await store.balance_before(connection, read.key, first)
    closing = lines[0][3] if lines else opening
    assert closing is not None
    assert opening + sum(line[2] for line in lines) == closing, "the statement adds up"
    return Statement(
        account=read,
        since=since,
        until=until,
        opening=opening,
        closing=closing,
        lines=[
            msgspec.structs.replace(explained[line[0]], amount=line[2], balance_after=line[3])
            for line in reversed(lines)
        ],
        more=more,
    )


async def shared_accounts(connection: Connection) -> list[SharedAccount]:
    """Every shared account, without its balance."""
    return await store.shared_accounts(connection)


async def shared_balances(
    connection: Connection, before: int | None = None
) -> list[tuple[SharedAccount, Fen, int]]:
    """Every shared account with its balance and number of postings, now or before an id."""
    return [
        (one, *await store.shared_balance(connection, one.account_id, before))
        for one in await store.shared_accounts(connection)
    ]


async def persons_balances(
    connection: Connection, before: int | None = None
) -> list[tuple[str, Fen, int]]:
    """Sum and number of postings of all persons' accounts by kind, now or before an id."""
    return await store.persons_balances(connection, before)


async def take_snapshots(platform: Platform) -> int:
    """Snapshots of the shared accounts' balances; answers how many were taken."""
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        return await store.take_snapshots(connection, ids.first_of(now - SNAPSHOT_BEHIND), now)
