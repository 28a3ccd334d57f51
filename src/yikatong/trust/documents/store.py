"""SQL of documents."""

from collections.abc import Sequence
from datetime import date

from yikatong.core.database import Connection, Record
from yikatong.trust.documents.model import Document, Held, Matter

_COLUMNS = """document_id, matter, matter_id, kind, media_type, size, filename_sealed, added_at,
    added_by_kind, added_by, delete_on"""


async def lock(connection: Connection, person_id: int) -> None:
    """One after the other for each person: two of one moment must see each other."""
    await connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('documents', $1))", person_id
    )


async def known(
    connection: Connection, person_id: int, matter: Matter, content_hash: bytes
) -> Record | None:
    return await connection.fetchrow(
        f"""select {_COLUMNS} from documents
             where person_id = $1 and matter = $2 and matter_id = $3 and content_hash = $4""",  # noqa: S608 - our constant
        person_id,
        matter.kind,
        matter.matter_id,
        content_hash,
    )


async def counts(connection: Connection, person_id: int, matter: Matter) -> tuple[int, int]:
    """How many documents the matter has, and how many the person."""
    row = await connection.fetchrow(
        """select count(*) filter (where matter = $2 and matter_id = $3), count(*)
             from documents where person_id = $1""",
        person_id,
        matter.kind,
        matter.matter_id,
    )
    assert row is not None
    return row[0], row[1]


async def insert(
    connection: Connection, one: Document, filename: bytes, content_hash: bytes, sealed: bytes
) -> None:
    await connection.execute(
        """insert into documents
             (person_id, document_id, matter, matter_id, kind, media_type, size, filename_sealed,
              content_hash, sealed, added_at, added_by_kind, added_by)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)""",
        one.person_id, one.document_id, one.matter.kind, one.matter.matter_id, one.kind,
        one.media_type, one.size, filename, content_hash, sealed, one.added_at, one.added_by_kind,
        one.added_by,
    )  # fmt: skip


async def of_matter(connection: Connection, person_id: int, matter: Matter) -> Sequence[Record]:
    return await connection.fetch(
        f"""select {_COLUMNS} from documents
             where person_id = $1 and matter = $2 and matter_id = $3 order by document_id""",  # noqa: S608 - our constant
        person_id,
        matter.kind,
        matter.matter_id,
    )


async def kinds(connection: Connection, person_id: int, matter: Matter) -> list[str]:
    rows = await connection.fetch(
        """select distinct kind from documents
            where person_id = $1 and matter = $2 and matter_id = $3""",
        person_id,
        matter.kind,
        matter.matter_id,
    )
    return [row[0] for row in rows]


async def one(
    connection: Connection, person_id: int, document_id: int
) -> tuple[Record, bytes] | None:
    """A document and its sealed content."""
    row = await connection.fetchrow(
        f"select {_COLUMNS}, sealed from documents where person_id = $1 and document_id = $2",  # noqa: S608 - our constant
        person_id,
        document_id,
    )
    return None if row is None else (row, row["sealed"])


async def newest(
    connection: Connection, matter: str, matters: Sequence[tuple[int, int]], kind: str
) -> list[Held]:
    """Of each matter the picture that was handed in last."""
    rows = await connection.fetch(
        """select distinct on (d.person_id, d.matter_id)
                  d.person_id, d.document_id, d.matter_id, d.media_type, d.size
             from unnest($2::bigint[], $3::bigint[]) as n (person_id, matter_id)
             join documents d on d.person_id = n.person_id and d.matter = $1
                             and d.matter_id = n.matter_id
            where d.kind = $4 and d.media_type like 'image/%'
            order by d.person_id, d.matter_id, d.document_id desc""",
        matter,
        [person_id for person_id, _ in matters],
        [matter_id for _, matter_id in matters],
        kind,
    )
    return [Held(*row) for row in rows]


async def contents(connection: Connection, wanted: Sequence[Held]) -> dict[int, bytes]:
    """The sealed contents by number."""
    rows = await connection.fetch(
        """select d.document_id, d.sealed
             from unnest($1::bigint[], $2::bigint[]) as n (person_id, document_id)
             join documents d using (person_id, document_id)""",
        [one.person_id for one in wanted],
        [one.document_id for one in wanted],
    )
    return {row[0]: row[1] for row in rows}


async def end(connection: Connection, ended: Sequence[tuple[int, Matter]], delete_on: date) -> None:
    await connection.execute(
        """update documents d set delete_on = $4
             from unnest($1::bigint[], $2::text[], $3::bigint[]) as n (person_id, matter, matter_id)
            where d.person_id = n.person_id and d.matter = n.matter and d.matter_id = n.matter_id
              and d.delete_on is null""",
        [person_id for person_id, _ in ended],
        [matter.kind for _, matter in ended],
        [matter.matter_id for _, matter in ended],
        delete_on,
    )


async def delete_old(connection: Connection, on: date, limit: int) -> list[tuple[int, str]]:
    """Delete what is over; answers whose, and of which matter."""
    rows = await connection.fetch(
        """delete from documents where (person_id, document_id) in (
             select person_id, document_id from documents where delete_on <= $1 limit $2)
        returning person_id, matter""",
        on,
        limit,
    )
    return [(row[0], row[1]) for row in rows]
