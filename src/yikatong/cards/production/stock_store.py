"""SQL of stock: blanks, delivery sheets, finished cards."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from yikatong.cards.model import CardApplication
from yikatong.cards.office.store import APPLICATION, application_of
from yikatong.cards.production.stock_model import Movement, Sheet, SheetCard, ToPost
from yikatong.core.database import Connection
from yikatong.core.together import numbers

_MOVEMENT = tuple(Movement.__struct_fields__)
_SHEET = tuple(Sheet.__struct_fields__)


# ---- blanks ----


async def last(connection: Connection, counter: str, *, lock: bool = False) -> Movement | None:
    """The newest movement of a counter; with `lock` one transaction after the other moves its blanks."""
    if lock:
        await connection.execute("select pg_advisory_xact_lock(hashtextextended($1, 25))", counter)
    row = await connection.fetchrow(
        f"""select {", ".join(_MOVEMENT)} from card_blank_movements
             where counter = $1 order by movement_id desc limit 1""",  # noqa: S608
        counter,
    )
    return None if row is None else Movement(*row)


async def of_key(connection: Connection, counter: str, key: str) -> Movement | None:
    row = await connection.fetchrow(
        f"select {', '.join(_MOVEMENT)} from card_blank_movements where counter = $1 and key = $2",  # noqa: S608
        counter,
        key,
    )
    return None if row is None else Movement(*row)


async def insert(connection: Connection, one: Movement) -> None:
    marks = ", ".join(f"${number}" for number in range(1, len(_MOVEMENT) + 1))
    await connection.execute(
        f"insert into card_blank_movements ({', '.join(_MOVEMENT)}) values ({marks})",  # noqa: S608
        *msgspec.structs.astuple(one),
    )


async def movements(connection: Connection, counter: str, limit: int) -> list[Movement]:
    rows = await connection.fetch(
        f"""select {", ".join(_MOVEMENT)} from card_blank_movements
             where counter = $1 order by movement_id desc limit $2""",  # noqa: S608
        counter,
        limit,
    )
    return [Movement(*row) for row in rows]


# ---- delivery sheets ----


async def to_collect(connection: Connection, counter: str, limit: int) -> list[CardApplication]:
    """Finished cards that lie at a counter, the longest waiting first; not those still on their way."""
    rows = await connection.fetch(
        f"""select {", ".join(APPLICATION)} from card_applications a
             where pickup_place = $1 and state = 'ready'
               and not exists (select from card_batch_lines l
                                where l.person_id = a.person_id and l.batch_id = a.batch_id
                                  and l.application_id = a.application_id
                                  and l.shelf in ('on_the_way', 'returned'))
             order by state_since nulls first limit $2""",  # noqa: S608 - our constant
        counter,
        limit,
    )
    return [application_of(row) for row in rows]


async def places_to_send(connection: Connection, batch_id: int) -> list[tuple[str, int]]:
    """Where finished cards of a batch are to go, and how many to each."""
    rows = await connection.fetch(
        """select coalesce(a.pickup_place, ''), count(*) from card_batch_lines l
             join card_applications a using (person_id, application_id)
            where l.batch_id = $1 and l.state = 'made' and l.sheet_id is null and l.shelf is null
              and a.state = 'ready' and a.delivery = 'pickup'
            group by 1 order by 1""",
        batch_id,
    )
    return [(row[0], row[1]) for row in rows]


async def put_on_sheet(
    connection: Connection, batch_id: int, counter: str, sheet_id: int, at: datetime
) -> int:
    """Put all of a batch for one place on a sheet; answers how many."""
    done = await connection.fetch(
        """update card_batch_lines l set sheet_id = $3, shelf = 'on_the_way', shelf_at = $4
             from card_applications a
            where l.batch_id = $1 and l.state = 'made' and l.sheet_id is null and l.shelf is null
              and a.person_id = l.person_id and a.application_id = l.application_id
              and a.state = 'ready' and a.delivery = 'pickup'
              and coalesce(a.pickup_place, '') = $2
        returning 1""",
        batch_id,
        counter,
        sheet_id,
        at,
    )
    return len(done)


async def insert_sheet(connection: Connection, one: Sheet) -> None:
    marks = ", ".join(f"${number}" for number in range(1, len(_SHEET) + 1))
    await connection.execute(
        f"insert into card_sheets ({', '.join(_SHEET)}) values ({marks})",  # noqa: S608
        *msgspec.structs.astuple(one),
    )


async def sheet(connection: Connection, sheet_id: int, *, lock: bool = False) -> Sheet | None:
    behind = " for update" if lock else ""
    row = await connection.fetchrow(
        f"select {', '.join(_SHEET)} from card_sheets where sheet_id = $1{behind}",  # noqa: S608
        sheet_id,
    )
    return None if row is None else Sheet(*row)


async def sheets(
    connection: Connection, batch_id: int | None, counter: str | None, limit: int
) -> list[Sheet]:
    """The newest first."""
    rows = await connection.fetch(
        f"""select {", ".join(_SHEET)} from card_sheets
             where ($1::bigint is null or batch_id = $1) and ($2::text is null or counter = $2)
             order by sheet_id desc limit $3""",  # noqa: S608
        batch_id,
        counter,
        limit,
    )
    return [Sheet(*row) for row in rows]


async def sheets_on_the_way(
    connection: Connection, counter: str, since: datetime, limit: int
) -> list[tuple[Sheet, int]]:
    """Sheets sent to a counter since then of which cards are still on their way, with how many; the
    oldest first."""
    rows = await connection.fetch(
        f"""select {", ".join(f"s.{name}" for name in _SHEET)}, w.cards from card_sheets s
             cross join lateral (select count(*) as cards from card_batch_lines l
                                  where l.sheet_id = s.sheet_id and l.shelf = 'on_the_way') w
             where s.counter = $1 and s.sent_at > $2 and w.cards > 0
             order by s.sheet_id limit $3""",  # noqa: S608 - our constant
        counter,
        since,
        limit,
    )
    return [(Sheet(*row[:-1]), row[-1]) for row in rows]


async def sheet_cards(
    connection: Connection, sheet_id: int, after: int, limit: int
) -> list[SheetCard]:
    rows = await connection.fetch(
        """select l.line, l.person_id, coalesce(a.name_on_card, ''), l.card_number, l.shelf
             from card_batch_lines l join card_applications a using (person_id, application_id)
            where l.sheet_id = $1 and l.line > $2 order by l.line limit $3""",
        sheet_id,
        after,
        limit,
    )
    return [SheetCard(*row) for row in rows]


async def shelve(
    connection: Connection,
    sheet_id: int,
    before: str,
    after: str,
    at: datetime,
    *,
    only: Sequence[int] | None = None,
    but: Sequence[int] = (),
) -> int:
    """Cards of a sheet from one shelf to another: all, `only` some lines, or all `but` some."""
    done = await connection.fetch(
        """update card_batch_lines set shelf = $3, shelf_at = $4
            where sheet_id = $1 and shelf = $2
              and ($5::text is null or line = any($5::text::integer[]))
              and line <> all($6::text::integer[])
        returning 1""",
        sheet_id,
        before,
        after,
        at,
        None if only is None else numbers(only),
        numbers(but),
    )
    return len(done)


async def missing(
    connection: Connection, sheet_id: int, lines: Sequence[int]
) -> list[tuple[int, int, int]]:
    """Person, application and line of cards of a sheet that are still on their way."""
    rows = await connection.fetch(
        """select person_id, application_id, line from card_batch_lines
            where sheet_id = $1 and shelf = 'on_the_way' and line = any($2::text::integer[])
            order by line""",
        sheet_id,
        numbers(lines),
    )
    return [(row[0], row[1], row[2]) for row in rows]


async def note_received(connection: Connection, sheet_id: int, at: datetime, by: str) -> None:
    await connection.execute(
        "update card_sheets set received_at = $2, received_by = $3 where sheet_id = $1",
        sheet_id,
        at,
        by,
    )


async def follow(
    connection: Connection, moved: Sequence[tuple[int, int, int, str]], at: datetime
) -> None:
    """Finished cards went where their applications say: person, batch, application, shelf. Of an
    application whose card was made twice only the card of this batch."""
    await connection.execute(
        """update card_batch_lines l set shelf = n.shelf, shelf_at = $5
             from unnest($1::text::bigint[], $2::text::bigint[], $3::text::bigint[], $4::text[])
               as n (person_id, batch_id, application_id, shelf)
            where l.person_id = n.person_id and l.batch_id = n.batch_id
              and l.application_id = n.application_id and l.state = 'made'""",
        numbers(one[0] for one in moved),
        numbers(one[1] for one in moved),
        numbers(one[2] for one in moved),
        [one[3] for one in moved],
        at,
    )


async def lose_posted(
    connection: Connection, lost: Sequence[tuple[int, int]], at: datetime
) -> None:
    """Cards that were sent by post were lost there: person, application."""
    await connection.execute(
        """update card_batch_lines l set shelf = 'lost', shelf_at = $3
             from unnest($1::text::bigint[], $2::text::bigint[]) as n (person_id, application_id)
            where l.person_id = n.person_id and l.application_id = n.application_id
              and l.shelf = 'posted'""",
        numbers(one[0] for one in lost),
        numbers(one[1] for one in lost),
        at,
    )


async def shelves(connection: Connection, counter: str) -> dict[str, int]:
    """How many finished cards of a counter's sheets are where."""
    rows = await connection.fetch(
        """select l.shelf, count(*) from card_sheets s join card_batch_lines l using (sheet_id)
            where s.counter = $1 and l.shelf is not null group by 1 order by 1""",
        counter,
    )
    return {row[0]: row[1] for row in rows}


# ---- by post ----


async def to_post(connection: Connection, batch_id: int, after: int, limit: int) -> list[ToPost]:
    """Cards of a batch that are to be sent by post, in the order of its lines behind `after`."""
    rows = await connection.fetch(
        """select l.line, l.person_id, l.application_id, coalesce(a.name_on_card, ''),
                  a.post_to_sealed
             from card_batch_lines l join card_applications a using (person_id, application_id)
            where l.batch_id = $1 and l.state = 'made' and l.line > $2
              and a.state = 'ready' and a.delivery = 'post'
            order by l.line limit $3""",
        batch_id,
        after,
        limit,
    )
    return [ToPost(*row) for row in rows]
