"""Several statements in one round trip.

A batch of the busiest paths reads a handful of tables and writes a dozen. Each statement of its own
costs both sides a round trip, which is more than its rows cost; so the rooms hand out their statements
and how to read the rows, and they are sent as one. The SQL stays where its tables are known.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, Final, Generic, TypeVar, cast

import asyncpg
import msgspec

from yikatong.core.database import Connection

_T = TypeVar("_T")
Rows = Sequence[Sequence[Any]]
"""Rows by position: a record of a statement alone, a tuple of one sent with others."""

_encode: Final = msgspec.json.encode
_PARAMETER: Final = re.compile(r"\$(\d+)")


class Conflict(Exception):
    """Somebody else changed a row, or used a key, since it was read."""


class Query(msgspec.Struct, Generic[_T], frozen=True, eq=False):
    """A question and how its rows are read."""

    sql: str
    args: Sequence[Any]
    read: Callable[[Rows], _T]


class Change(msgspec.Struct, frozen=True, eq=False):
    """A statement that changes exactly `rows` rows, or somebody else was quicker."""

    sql: str
    args: Sequence[Any]
    rows: int | None = None
    """None: it adds all rows it is given or fails, so that none need be counted."""


async def ask(connection: Connection, query: Query[_T]) -> _T:
    """The answer to one question."""
    rows = await connection.fetch(query.sql, *query.args)
    return query.read(cast("Rows", rows))


async def ask_together(connection: Connection, queries: Sequence[Query[Any]]) -> list[Any]:
    """The answers to several questions, in their order, all of one moment."""
    if len(queries) < 2:
        return [await ask(connection, one) for one in queries]
    text = _asked(tuple((one.sql, len(one.args)) for one in queries))
    row = await connection.fetchrow(text, *(arg for one in queries for arg in one.args))
    assert row is not None
    return [one.read(rows or ()) for one, rows in zip(queries, row, strict=True)]


async def change_together(connection: Connection, changes: Sequence[Change]) -> None:
    """Carry out several changes of different tables; raises Conflict, and the caller's transaction is
    to be rolled back. Alone it is a transaction of its own: all of them or none."""
    if not changes:
        return
    text = _changed(tuple((one.sql, len(one.args), one.rows is not None) for one in changes))
    try:
        await connection.fetchrow(
            text,
            *(arg for one in changes for arg in one.args),
            *(one.rows for one in changes if one.rows is not None),
        )
    except (
        asyncpg.UniqueViolationError,
        asyncpg.SerializationError,
        asyncpg.DeadlockDetectedError,
    ) as error:
        raise Conflict from error


def insertion(table: str, rows: Sequence[tuple[Any, ...]], columns: str = "") -> Change:
    """Add rows, each with every column of the table in the table's order. `columns`: those that are
    given, where the server makes the others (None stands for them in the rows)."""
    # As rows rather than as columns: measured, the server then takes a third less.
    into = f"{table} ({columns})" if columns else table
    return Change(
        f"insert into {into} select {columns or 'r.*'} from unnest($1::{table}[]) r",  # noqa: S608 - our tables
        (rows,),
    )


def numbers(values: Iterable[int | date | None]) -> str:
    """An array of numbers, truth values or days as PostgreSQL reads it, for `$1::text::bigint[]`.

    Written out here: an array's elements cost the driver ten times as much.
    """
    return "{" + _encode(list(values))[1:-1].decode() + "}"


def number_rows(rows: Iterable[Sequence[int | None]]) -> str:
    """Arrays of numbers, one for each row, for `$1::text::text[]`, each then `::bigint[]`."""
    return '{"{' + _encode(list(rows))[2:-2].decode().replace("],[", '}","{') + '}"}'


@lru_cache(maxsize=512)
def _asked(parts: tuple[tuple[str, int], ...]) -> str:
    columns = ", ".join(
        f"(select array_agg(q{at}) from ({sql}) q{at})"  # noqa: S608
        for at, sql in enumerate(_renumbered(parts))
    )
    return f"select {columns}"


@lru_cache(maxsize=512)
def _changed(parts: tuple[tuple[str, int, bool], ...]) -> str:
    texts = _renumbered([(sql, args) for sql, args, _ in parts])
    steps = ", ".join(
        f"c{at} as ({sql} returning 1)" if counted else f"c{at} as ({sql})"
        for at, (sql, (_, _, counted)) in enumerate(zip(texts, parts, strict=True))
    )
    # Counting costs the server a twentieth of its time: only what may come short is counted.
    before = sum(args for _, args, _ in parts)
    counts = [at for at, (_, _, counted) in enumerate(parts) if counted]
    checks = ", ".join(
        f"expect_rows((select count(*) from c{at}), ${before + number})"  # noqa: S608
        for number, at in enumerate(counts, 1)
    )
    return f"with {steps} select {checks or 'true'}"


def _renumbered(parts: Sequence[tuple[str, int]]) -> list[str]:
    """The statements with their parameters numbered one behind the other."""
    found: list[str] = []
    before = 0
    for sql, args in parts:
        found.append(_PARAMETER.sub(lambda match, by=before: f"${int(match[1]) + by}", sql))
        before += args
    return found
