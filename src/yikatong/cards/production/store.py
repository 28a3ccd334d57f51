"""SQL of production: makers, batches and their lines."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from yikatong.cards.office.many_store import insert
from yikatong.cards.production.model import Batch, Export, Line, Maker, ToMake
from yikatong.core.database import Connection
from yikatong.core.together import Change, numbers

_BATCH = ", ".join(Batch.__struct_fields__)
_LINE = tuple(Line.__struct_fields__)


# ---- makers ----


async def put_maker(connection: Connection, one: Maker, at: datetime, by: str) -> None:
    await connection.execute(
        """insert into card_makers (maker, name, result_key, encryption_key, changed_at, changed_by)
           values ($1, $2, $3, $4, $5, $6)
           on conflict (maker) do update
             set name = $2, result_key = $3, encryption_key = $4, changed_at = $5, changed_by = $6""",
        *msgspec.structs.astuple(one),
        at,
        by,
    )


async def makers(connection: Connection, maker: str | None = None) -> list[Maker]:
    rows = await connection.fetch(
        """select maker, name, result_key, encryption_key from card_makers
            where $1::text is null or maker = $1 order by maker""",
        maker,
    )
    return [Maker(*row) for row in rows]


# ---- batches ----


async def insert_batch(connection: Connection, one: Batch, key: str, content: bytes) -> bool:
    """Add a batch; False where the key was used."""
    values = [*msgspec.structs.astuple(one), key, content]
    marks = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    return bool(
        await connection.fetchval(
            f"""insert into card_batches ({_BATCH}, key, content) values ({marks})
                on conflict (key) do nothing returning 1""",  # noqa: S608
            *values,
        )
    )


async def batch_of_key(connection: Connection, key: str) -> tuple[int, bytes] | None:
    row = await connection.fetchrow(
        "select batch_id, content from card_batches where key = $1", key
    )
    return None if row is None else (row[0], row[1])


async def batch(connection: Connection, batch_id: int, *, lock: bool = False) -> Batch | None:
    """The batch; with `lock` one transaction after the other works on it."""
    behind = " for update" if lock else ""
    row = await connection.fetchrow(
        f"select {_BATCH} from card_batches where batch_id = $1{behind}",  # noqa: S608
        batch_id,
    )
    return None if row is None else Batch(**dict(row))


async def batches(
    connection: Connection, areas: Sequence[str] | None, open_only: bool, limit: int
) -> list[Batch]:
    """The newest first; `areas`: prefixes of region codes."""
    rows = await connection.fetch(
        f"""select {_BATCH} from card_batches
             where ($1::text[] is null
                    or exists (select from unnest($1::text[]) a where region like a || '%'))
               and (not $2 or state <> 'done')
             order by batch_id desc limit $3""",  # noqa: S608
        areas,
        open_only,
        limit,
    )
    return [Batch(**dict(row)) for row in rows]


async def waiting(
    connection: Connection,
    regions: Sequence[str],
    bank: str,
    until: datetime,
    today: datetime,
    after: tuple[datetime | None, int],
    limit: int,
) -> list[tuple[int, int, datetime]]:
    """Applications that are to be made: person, application, since when; the oldest first.

    Who applied at a counter today may still get the card printed there.
    """
    since, person_id = after
    rows = await connection.fetch(
        """select person_id, application_id, state_since from card_applications
            where state = 'in_production' and batch_id is null
              and region = any($1::text[]) and bank = $2 and state_since <= $3
              and not (channel in ('counter', 'bank') and state_since >= $4)
              and ($5::timestamptz is null or (state_since, person_id) > ($5, $6))
            order by state_since, person_id limit $7""",
        regions,
        bank,
        until,
        today,
        since,
        person_id,
        limit,
    )
    return [(row[0], row[1], row[2]) for row in rows]


async def collected(
    connection: Connection, batch_id: int, cards: int, since: datetime, person_id: int
) -> None:
    """Some more cards are ordered; collected through this application."""
    await connection.execute(
        """update card_batches set cards = $2, after_since = $3, after_person = $4
            where batch_id = $1""",
        batch_id,
        cards,
        since,
        person_id,
    )


async def finish_collecting(connection: Connection, batch_id: int, now: datetime) -> None:
    """All are collected; a batch of nothing is done."""
    await connection.execute(
        """update card_batches
              set state = case when cards > 0 then 'ordered' else 'done' end,
                  ordered_at = $2::timestamptz,
                  done_at = case when cards = 0 then $2::timestamptz end
            where batch_id = $1""",
        batch_id,
        now,
    )


async def at_maker(connection: Connection, batch_id: int) -> None:
    await connection.execute(
        "update card_batches set state = 'at_maker' where batch_id = $1 and state = 'ordered'",
        batch_id,
    )


async def finish(connection: Connection, batch_id: int, now: datetime) -> None:
    """Done, where nothing is outstanding any more."""
    await connection.execute(
        """update card_batches b set state = 'done', done_at = $2
            where b.batch_id = $1 and b.state = 'at_maker'
              and not exists (select from card_batch_lines l
                               where l.batch_id = b.batch_id and l.state = 'ordered')""",
        batch_id,
        now,
    )


async def counts(connection: Connection, batch_id: int) -> dict[str, int]:
    """How many lines there are by state."""
    rows = await connection.fetch(
        "select state, count(*) from card_batch_lines where batch_id = $1 group by state", batch_id
    )
    return {row[0]: row[1] for row in rows}


# ---- lines ----


async def insert_lines(connection: Connection, lines: Sequence[Line]) -> None:
    await insert(connection, "card_batch_lines", _LINE, map(msgspec.structs.astuple, lines))


async def lines(
    connection: Connection, batch_id: int, states: Sequence[str] | None, after: int, limit: int
) -> list[Line]:
    """Lines in their order behind `after`."""
    rows = await connection.fetch(
        f"""select {", ".join(_LINE)} from card_batch_lines
             where batch_id = $1 and line > $3 and ($2::text[] is null or state = any($2::text[]))
             order by line limit $4""",  # noqa: S608
        batch_id,
        states,
        after,
        limit,
    )
    return [Line(*row) for row in rows]


async def lines_by_number(
    connection: Connection, batch_id: int, wanted: Sequence[int]
) -> dict[int, Line]:
    rows = await connection.fetch(
        f"""select {", ".join(_LINE)} from card_batch_lines
             where batch_id = $1 and line = any($2::text::integer[])""",  # noqa: S608
        batch_id,
        numbers(wanted),
    )
    return {row[2]: Line(*row) for row in rows}


def line_changes(told: Sequence[Line]) -> Change:
    """What became of lines that were outstanding."""
    return Change(
        """update card_batch_lines l set state = n.state, reason = n.reason, told_at = n.told_at
             from unnest($1::text::bigint[], $2::text::bigint[], $3::text::bigint[], $4::text[],
                         $5::text[], $6::timestamptz[])
               as n (person_id, batch_id, application_id, state, reason, told_at)
            where l.person_id = n.person_id and l.batch_id = n.batch_id
              and l.application_id = n.application_id and l.state = 'ordered'""",
        (
            numbers(one.person_id for one in told),
            numbers(one.batch_id for one in told),
            numbers(one.application_id for one in told),
            [one.state for one in told],
            [one.reason for one in told],
            [one.told_at for one in told],
        ),
        len(told),
    )


async def drop_unwanted(connection: Connection, batch_id: int, reason: str, now: datetime) -> None:
    """Cards whose application ended before the batch went out are not made."""
    await connection.execute(
        """update card_batch_lines l set state = 'unwanted', reason = $2, told_at = $3
            where l.batch_id = $1 and l.state = 'ordered'
              and not exists (select from card_applications a
                               where a.person_id = l.person_id
                                 and a.application_id = l.application_id
                                 and a.state = 'in_production' and a.batch_id = l.batch_id)""",
        batch_id,
        reason,
        now,
    )


async def to_make(connection: Connection, batch_id: int, after: int, limit: int) -> list[ToMake]:
    """What goes onto the outstanding cards of a batch, in the order of its lines behind `after`."""
    rows = await connection.fetch(
        """select l.line, l.person_id, l.application_id, l.card_id, l.card_number, a.region, a.bank,
                  a.name_on_card, a.personalised_on, r.photo
             from card_batch_lines l
             join card_applications a using (person_id, application_id)
             left join card_list_rows r
                    on r.person_id = l.person_id and r.application_id = l.application_id
            where l.batch_id = $1 and l.state = 'ordered' and l.line > $2
              and a.batch_id = l.batch_id and a.state = 'in_production'
            order by l.line limit $3""",
        batch_id,
        after,
        limit,
    )
    return [ToMake(*row) for row in rows]


# ---- exports ----


async def begin_export(connection: Connection, batch_id: int, one: Export) -> None:
    await connection.execute(
        """insert into card_batch_exports (batch_id, export_id, file, begun_at, made_by, encrypted)
           values ($1, $2, $3, $4, $5, $6)""",
        batch_id,
        one.export_id,
        one.file,
        one.begun_at,
        one.made_by,
        one.encrypted,
    )


async def end_export(connection: Connection, batch_id: int, export_id: int, sha256: bytes) -> None:
    await connection.execute(
        "update card_batch_exports set sha256 = $3 where batch_id = $1 and export_id = $2",
        batch_id,
        export_id,
        sha256,
    )


async def exports(connection: Connection, batch_id: int) -> list[Export]:
    rows: list[Any] = await connection.fetch(
        """select export_id, file, begun_at, made_by, encrypted, encode(sha256, 'hex')
             from card_batch_exports where batch_id = $1 order by export_id""",
        batch_id,
    )
    return [Export(*row) for row in rows]
