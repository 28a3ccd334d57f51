"""SQL of changes of a person's data."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final

from yikatong.core.clock import SHANGHAI
from yikatong.core.database import Connection, Record
from yikatong.people.changes.model import Change, Values

_COLUMNS: Final = """person_id, change_id, state, fields, values_sealed, channel, reason, taken_at,
    taken_by_kind, taken_by, decided_at, decided_by_kind, decided_by"""


class Row:
    """A change whose values are sealed still."""

    def __init__(self, row: Record) -> None:
        self.sealed: bytes = row["values_sealed"]
        self.facts = {
            name: row[name]
            for name in Change.__struct_fields__
            if name not in ("fields", "values", "taken_at", "decided_at")
        }
        decided: datetime | None = row["decided_at"]
        self.facts |= {
            "fields": tuple(row["fields"]),
            "taken_at": row["taken_at"].astimezone(SHANGHAI),
            "decided_at": decided.astimezone(SHANGHAI) if decided else None,
        }
        self.person_id: int = row["person_id"]
        self.change_id: int = row["change_id"]

    def opened(self, values: Values) -> Change:
        return Change(**self.facts, values=values)


async def lock(connection: Connection, person_id: int) -> None:
    """One after the other for each person: a key seen twice at once is carried out once."""
    await connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('person_changes', $1))", person_id
    )


async def by_key(connection: Connection, person_id: int, key: str) -> tuple[Row, bytes] | None:
    """The change an earlier command of this key made, and what that command said."""
    row = await connection.fetchrow(
        f"""select {_COLUMNS}, content_hash from person_changes
             where person_id = $1 and key = $2""",  # noqa: S608 - our constant
        person_id,
        key,
    )
    return None if row is None else (Row(row), row["content_hash"])


async def one(connection: Connection, person_id: int, change_id: int) -> Row | None:
    row = await connection.fetchrow(
        f"select {_COLUMNS} from person_changes where person_id = $1 and change_id = $2",  # noqa: S608 - our constant
        person_id,
        change_id,
    )
    return None if row is None else Row(row)


async def of_person(connection: Connection, person_id: int, limit: int) -> Sequence[Row]:
    rows = await connection.fetch(
        f"""select {_COLUMNS} from person_changes where person_id = $1
             order by change_id desc limit $2""",  # noqa: S608 - our constant
        person_id,
        limit,
    )
    return [Row(row) for row in rows]


async def waiting_of(connection: Connection, person_id: int) -> int | None:
    return await connection.fetchval(
        "select change_id from person_changes where person_id = $1 and state = 'taken'", person_id
    )


async def waiting(connection: Connection, after: int, limit: int) -> Sequence[Row]:
    """Everybody's that are to be reviewed, the oldest first."""
    rows = await connection.fetch(
        f"""select {_COLUMNS} from person_changes where state = 'taken' and change_id > $1
             order by change_id limit $2""",  # noqa: S608 - our constant
        after,
        limit,
    )
    return [Row(row) for row in rows]


async def last_decided(
    connection: Connection, person_id: int, fields: Sequence[str]
) -> datetime | None:
    """When one of these fields was last changed."""
    return await connection.fetchval(
        """select max(decided_at) from person_changes
            where person_id = $1 and state = 'done' and fields && $2::text[]""",
        person_id,
        fields,
    )


async def insert(
    connection: Connection, change: Change, sealed: bytes, key: str, content_hash: bytes
) -> None:
    await connection.execute(
        """insert into person_changes
             (person_id, change_id, state, fields, values_sealed, channel, reason, taken_at,
              taken_by_kind, taken_by, decided_at, decided_by_kind, decided_by, key, content_hash)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)""",
        change.person_id, change.change_id, change.state, list(change.fields), sealed,
        change.channel, change.reason, change.taken_at, change.taken_by_kind, change.taken_by,
        change.decided_at, change.decided_by_kind, change.decided_by, key, content_hash,
    )  # fmt: skip


async def decide(connection: Connection, change: Change) -> bool:
    """Write a decision; False where somebody decided before."""
    done = await connection.execute(
        """update person_changes
              set state = $3, reason = $4, decided_at = $5, decided_by_kind = $6, decided_by = $7
            where person_id = $1 and change_id = $2 and state = 'taken'""",
        change.person_id,
        change.change_id,
        change.state,
        change.reason,
        change.decided_at,
        change.decided_by_kind,
        change.decided_by,
    )
    return done == "UPDATE 1"


# ---- the person's row and the directories that lead to it ----


async def write_contact(
    connection: Connection,
    person_id: int,
    version: int,
    sealed: Mapping[str, bytes],
    residence_region: str | None,
    confirmed_on: date,
) -> bool:
    """Write what is new of phone and address; False where the version is another by now."""
    done = await connection.execute(
        """update persons
              set phone_sealed = coalesce($3, phone_sealed),
                  address_sealed = coalesce($4, address_sealed),
                  residence_region = coalesce($5, residence_region),
                  contact_confirmed_on = $6, version = version + 1
            where person_id = $1 and version = $2""",
        person_id,
        version,
        sealed.get("phone"),
        sealed.get("address"),
        residence_region,
        confirmed_on,
    )
    return done == "UPDATE 1"


async def move_phone(
    connection: Connection, person_id: int, before: bytes | None, after: bytes
) -> None:
    """Let the directory of phones lead from the new one to the person."""
    if before is not None:
        await connection.execute(
            "delete from person_phones where phone_hash = $1 and person_id = $2", before, person_id
        )
    await connection.execute(
        "insert into person_phones (phone_hash, person_id) values ($1, $2) on conflict do nothing",
        after,
        person_id,
    )


async def write_identity(
    connection: Connection,
    person_id: int,
    version: int,
    name: str | None,
    id_number: bytes | None,
    birth_date: date | None,
    sex: int | None,
    ethnic_group: str | None,
) -> bool:
    """Write what is new of the identity data; False where the version is another by now."""
    done = await connection.execute(
        """update persons
              set name = coalesce($3, name), id_number_sealed = coalesce($4, id_number_sealed),
                  birth_date = coalesce($5, birth_date), sex = coalesce($6, sex),
                  ethnic_group = coalesce($7, ethnic_group), identity_matched = true,
                  version = version + 1
            where person_id = $1 and version = $2""",
        person_id,
        version,
        name,
        id_number,
        birth_date,
        sex,
        ethnic_group,
    )
    return done == "UPDATE 1"


async def move_id_number(
    connection: Connection, person_id: int, before: bytes, after: bytes
) -> bool:
    """Let the directory lead from the new id number to the person, and from the old one to nobody.

    False where the new one is somebody's already.
    """
    inserted = await connection.execute(
        """insert into person_id_numbers (id_number_hash, person_id) values ($1, $2)
           on conflict do nothing""",
        after,
        person_id,
    )
    if inserted != "INSERT 0 1":
        return False
    await connection.execute(
        "delete from person_id_numbers where id_number_hash = $1 and person_id = $2",
        before,
        person_id,
    )
    return True


async def shared_phones(
    connection: Connection, phone_hashes: Sequence[bytes], more_than: int
) -> dict[bytes, int]:
    """Phones that more than so many persons gave, and how many did."""
    rows = await connection.fetch(
        """select phone_hash, count(*) from person_phones where phone_hash = any($1::bytea[])
            group by phone_hash having count(*) > $2""",
        phone_hashes,
        more_than,
    )
    return {row[0]: row[1] for row in rows}
