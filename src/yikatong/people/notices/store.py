"""SQL of notices and of how people want to be told."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

import msgspec

from yikatong.core.clock import SHANGHAI
from yikatong.core.database import Connection, Record
from yikatong.core.together import Query
from yikatong.people.notices.model import Choices, Notice, Subject
from yikatong.people.notices.rules import Stored


class Recipient(msgspec.Struct, frozen=True):
    """Whom a notice is for, as far as telling them asks."""

    phone_sealed: bytes | None
    dead: bool
    choices: Choices


class New(msgspec.Struct, frozen=True):
    """A notice to be written, with its facts checked."""

    person_id: int
    notice_id: int
    kind: str
    once: str
    facts: Stored


def recipients(person_ids: Sequence[int]) -> Query[dict[int, Recipient]]:
    return Query(
        """select p.person_id, p.phone_sealed, p.died_on is not null, c.language, c.large_type,
                  c.texts
             from persons p left join notice_choices c on c.person_id = p.person_id
            where p.person_id = any($1::bigint[])""",
        (person_ids,),
        lambda rows: {
            row[0]: Recipient(
                row[1],
                row[2],
                Choices() if row[3] is None else Choices(row[3], row[4], tuple(row[5])),
            )
            for row in rows
        },
    )


def told_since(person_ids: Sequence[int], since: datetime) -> Query[dict[tuple[int, str], int]]:
    """How many notices of each kind these persons got since a moment."""
    return Query(
        """select person_id, kind, count(*) from notices
            where person_id = any($1::bigint[]) and at >= $2 group by person_id, kind""",
        (person_ids, since),
        lambda rows: {(row[0], row[1]): row[2] for row in rows},
    )


async def insert(connection: Connection, made: Sequence[New], at: datetime) -> set[int]:
    """Write notices that are not there yet; answers the ids of those that are new."""
    rows = await connection.fetch(
        """insert into notices (person_id, notice_id, kind, once, facts, at)
           select *, $6::timestamptz
             from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::jsonb[])
               on conflict (person_id, kind, once) do nothing
        returning notice_id""",
        [one.person_id for one in made],
        [one.notice_id for one in made],
        [one.kind for one in made],
        [one.once for one in made],
        [msgspec.json.encode(one.facts).decode() for one in made],
        at,
    )
    return {row[0] for row in rows}


async def note_texts(
    connection: Connection, texts: Sequence[tuple[int, int, str, int | None]]
) -> None:
    """Note what became of texts: person, notice, state, the text handed over."""
    await connection.execute(
        """update notices n set text_state = t.state, text_id = t.text_id
             from unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[])
               as t (person_id, notice_id, state, text_id)
            where n.person_id = t.person_id and n.notice_id = t.notice_id""",
        [one[0] for one in texts],
        [one[1] for one in texts],
        [one[2] for one in texts],
        [one[3] for one in texts],
    )


class Row(msgspec.Struct, frozen=True):
    """A notice, and the text that was handed over for it."""

    notice: Notice
    text_id: int | None


_COLUMNS = (*Notice.__struct_fields__, "text_id")
_READ = ", ".join(_COLUMNS)
_FACTS, _AT = _COLUMNS.index("facts"), _COLUMNS.index("at")


async def of_person(
    connection: Connection, person_id: int, kinds: Sequence[str], before: int | None, limit: int
) -> list[Row]:
    """A person's notices of these kinds, the newest first, older than `before`."""
    rows = await connection.fetch(
        f"""select {_READ} from notices
             where person_id = $1 and kind = any($2::text[])
               and ($3::bigint is null or notice_id < $3)
             order by notice_id desc limit $4""",  # noqa: S608 - our constant
        person_id,
        kinds,
        before,
        limit,
    )
    return [_row(row) for row in rows]


async def one(
    connection: Connection, person_id: int, notice_id: int, kinds: Sequence[str]
) -> Row | None:
    row = await connection.fetchrow(
        f"""select {_READ} from notices
             where person_id = $1 and notice_id = $2 and kind = any($3::text[])""",  # noqa: S608
        person_id,
        notice_id,
        kinds,
    )
    return None if row is None else _row(row)


def _row(row: Record) -> Row:
    *facts, text_id = row
    facts[_FACTS] = msgspec.json.decode(facts[_FACTS])
    facts[_AT] = facts[_AT].astimezone(SHANGHAI)
    return Row(Notice(*facts), text_id)


async def mark_read(
    connection: Connection,
    person_id: int,
    kinds: Sequence[str],
    at: datetime,
    *,
    only: int | None = None,
    until: int | None = None,
) -> int:
    """Mark unread notices as read: one, or all up to one; answers how many."""
    done = await connection.execute(
        """update notices set read_at = $3
            where person_id = $1 and read_at is null and kind = any($2::text[])
              and ($4::bigint is null or notice_id = $4)
              and ($5::bigint is null or notice_id <= $5)""",
        person_id,
        kinds,
        at,
        only,
        until,
    )
    return int(done.rpartition(" ")[2])


async def unread(connection: Connection, person_id: int, kinds: Sequence[str], most: int) -> int:
    return await connection.fetchval(
        """select count(*) from (
             select from notices
              where person_id = $1 and read_at is null and kind = any($2::text[]) limit $3) n""",
        person_id,
        kinds,
        most,
    )


async def choices(connection: Connection, person_id: int) -> Choices | None:
    row = await connection.fetchrow(
        "select language, large_type, texts from notice_choices where person_id = $1", person_id
    )
    return None if row is None else Choices(row[0], row[1], tuple(row[2]))


async def choose(connection: Connection, person_id: int, wanted: Choices, at: datetime) -> bool:
    """Keep what a person chose; False where nothing changed."""
    done = await connection.execute(
        """insert into notice_choices as c (person_id, language, large_type, texts, changed_at)
           values ($1, $2, $3, $4, $5)
               on conflict (person_id) do update
              set language = excluded.language, large_type = excluded.large_type,
                  texts = excluded.texts, changed_at = excluded.changed_at
            where (c.language, c.large_type, c.texts)
                  is distinct from (excluded.language, excluded.large_type, excluded.texts)""",
        person_id,
        wanted.language,
        wanted.large_type,
        list[Subject](wanted.texts),
        at,
    )
    return done == "INSERT 0 1"


_LAST_ASKED: Final = "greatest(contact_confirmed_on, contact_asked_on, date '2000-01-01')"
_TO_ASK: Final = f"died_on is null and {_LAST_ASKED} <= $1"


async def count_unconfirmed(connection: Connection, until: date) -> int:
    """How many living persons neither confirmed their contact data nor were asked to since a day."""
    return await connection.fetchval(
        f"select count(*) from persons where {_TO_ASK}",  # noqa: S608
        until,
    )


async def take_unconfirmed(
    connection: Connection, until: date, asked_on: date, limit: int
) -> list[tuple[int, date]]:
    """Persons who neither confirmed their contact data nor were asked to since a day, the longest ago
    first, and when they confirmed it (never: 2000-01-01); from now on they were asked."""
    rows = await connection.fetch(
        f"""update persons p set contact_asked_on = $2
              from (select person_id from persons
                     where {_TO_ASK}
                     order by {_LAST_ASKED}, person_id limit $3) n
             where p.person_id = n.person_id
         returning p.person_id, coalesce(p.contact_confirmed_on, date '2000-01-01')""",  # noqa: S608
        until,
        asked_on,
        limit,
    )
    return [(row[0], row[1]) for row in rows]


async def forget(connection: Connection, before: datetime, limit: int) -> int:
    """Delete notices of long ago."""
    return await connection.fetchval(
        """with gone as (
             delete from notices where (person_id, notice_id) in (
               select person_id, notice_id from notices where at < $1 limit $2)
             returning 1)
           select count(*) from gone""",
        before,
        limit,
    )
