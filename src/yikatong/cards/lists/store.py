"""SQL of lists."""

from collections.abc import Sequence

import msgspec

from yikatong.cards.lists.model import CardList, Row, Standing, TakenIn
from yikatong.cards.office.many_store import insert
from yikatong.core.database import Connection
from yikatong.core.together import Change, numbers

_LIST = ", ".join(CardList.__struct_fields__)
_ROW = tuple(Row.__struct_fields__)


async def insert_list(connection: Connection, one: CardList, key: str, content: bytes) -> bool:
    """Add a list; False where the employer used the key before."""
    values = [*msgspec.structs.astuple(one), key, content]
    marks = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    return bool(
        await connection.fetchval(
            f"""insert into card_lists ({_LIST}, key, content) values ({marks})
                on conflict (employer_code, key) do nothing returning 1""",  # noqa: S608
            *values,
        )
    )


async def list_of_key(
    connection: Connection, employer_code: str, key: str
) -> tuple[int, bytes] | None:
    row = await connection.fetchrow(
        "select list_id, content from card_lists where employer_code = $1 and key = $2",
        employer_code,
        key,
    )
    return None if row is None else (row[0], row[1])


async def list_of(connection: Connection, list_id: int) -> CardList | None:
    row = await connection.fetchrow(
        f"select {_LIST} from card_lists where list_id = $1",  # noqa: S608
        list_id,
    )
    return None if row is None else CardList(**dict(row))


async def lists(
    connection: Connection, areas: Sequence[str] | None, employer_code: str | None, limit: int
) -> list[CardList]:
    """The newest first; `areas`: prefixes of region codes."""
    rows = await connection.fetch(
        f"""select {_LIST} from card_lists
             where ($1::text[] is null
                    or exists (select from unnest($1::text[]) a where region like a || '%'))
               and ($2::text is null or employer_code = $2)
             order by list_id desc limit $3""",  # noqa: S608
        areas,
        employer_code,
        limit,
    )
    return [CardList(**dict(row)) for row in rows]


async def insert_rows(connection: Connection, rows: Sequence[Row]) -> None:
    await insert(connection, "card_list_rows", _ROW, map(msgspec.structs.astuple, rows))


async def open_rows(connection: Connection, list_id: int, limit: int) -> list[Row]:
    """Rows that are still to be taken in, in their order."""
    rows = await connection.fetch(
        f"""select {", ".join(_ROW)} from card_list_rows
             where list_id = $1 and state = 'open' order by row limit $2""",  # noqa: S608
        list_id,
        limit,
    )
    return [Row(*row) for row in rows]


def row_changes(rows: Sequence[Row]) -> Change:
    """What became of open rows."""
    return Change(
        """update card_list_rows r
              set state = n.state, application_id = n.application_id, field = n.field,
                  code = n.code, zh = n.zh, en = n.en
             from unnest($1::text::bigint[], $2::text::bigint[], $3::text::integer[], $4::text[],
                         $5::text::bigint[], $6::text[], $7::text[], $8::text[], $9::text[])
               as n (person_id, list_id, row, state, application_id, field, code, zh, en)
            where r.person_id = n.person_id and r.list_id = n.list_id and r.row = n.row
              and r.state = 'open'""",
        (
            numbers(one.person_id for one in rows),
            numbers(one.list_id for one in rows),
            numbers(one.row for one in rows),
            [one.state for one in rows],
            numbers(one.application_id for one in rows),
            [one.field for one in rows],
            [one.code for one in rows],
            [one.zh for one in rows],
            [one.en for one in rows],
        ),
        len(rows),
    )


_STANDING = """case when r.state <> 'applied' then r.state
                    when a.state = 'issued' then coalesce(c.state, a.state) else a.state end"""
_JOINED = """card_list_rows r
             left join card_applications a
                    on a.person_id = r.person_id and a.application_id = r.application_id
             left join cards c on c.person_id = a.person_id and c.card_id = a.card_id"""


async def progress(connection: Connection, list_id: int) -> dict[str, int]:
    """How many rows stand where."""
    rows = await connection.fetch(
        f"select {_STANDING}, count(*) from {_JOINED} where r.list_id = $1 group by 1 order by 1",  # noqa: S608
        list_id,
    )
    return {row[0]: row[1] for row in rows}


async def rows(
    connection: Connection, list_id: int, states: Sequence[str] | None, after: int, limit: int
) -> list[Standing]:
    """Rows in their order behind `after`, with where they stand."""
    names = ", ".join(f"r.{name}" for name in _ROW)
    found = await connection.fetch(
        f"""select {names}, {_STANDING}, coalesce(a.reason, a.asked_for) from {_JOINED}
             where r.list_id = $1 and r.row > $3
               and ($2::text[] is null or {_STANDING} = any($2::text[]))
             order by r.row limit $4""",  # noqa: S608
        list_id,
        states,
        after,
        limit,
    )
    size = len(_ROW)
    standing: list[Standing] = []
    for each in found:
        facts = tuple(each)
        standing.append(Standing(Row(*facts[:size]), facts[size], facts[size + 1]))
    return standing


async def taken_in(connection: Connection, list_id: int, after: int, limit: int) -> list[TakenIn]:
    """Rows behind `after` that were taken in, in their order."""
    found = await connection.fetch(
        """select row, person_id, application_id from card_list_rows
            where list_id = $1 and row > $2 and state = 'applied' order by row limit $3""",
        list_id,
        after,
        limit,
    )
    return [TakenIn(*row) for row in found]
