"""SQL of the counter: searches, receipts, people from elsewhere, where members work."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from yikatong.core.database import Connection


class Search(msgspec.Struct, frozen=True):
    """A search as it was recorded; its words are sealed."""

    search_id: int
    staff_number: str
    at: datetime
    form: str
    words_sealed: bytes | None
    found: int


class Kept(msgspec.Struct, frozen=True):
    """A receipt as it is stored."""

    person_id: int
    receipt_id: int
    key: str
    content_hash: bytes
    errand: str
    staff_number: str
    at: datetime
    told_sealed: bytes


async def insert_search(connection: Connection, one: Search, words_hash: bytes) -> None:
    await connection.execute(
        """insert into staff_searches (search_id, staff_number, at, form, words_hash, words_sealed,
                                       found)
           values ($1, $2, $3, $4, $5, $6, $7)""",
        one.search_id, one.staff_number, one.at, one.form, words_hash, one.words_sealed, one.found,
    )  # fmt: skip


async def search(connection: Connection, search_id: int, staff_number: str) -> Search | None:
    row = await connection.fetchrow(
        """select search_id, staff_number, at, form, words_sealed, found from staff_searches
            where search_id = $1 and staff_number = $2""",
        search_id,
        staff_number,
    )
    return None if row is None else Search(**dict(row))


async def forget_words(connection: Connection, before: datetime) -> None:
    await connection.execute(
        """update staff_searches set words_sealed = null
            where words_sealed is not null and at < $1""",
        before,
    )


async def insert_receipt(connection: Connection, one: Kept) -> bool:
    """Whether it is new: a form leads to one receipt."""
    done = await connection.fetchval(
        """insert into counter_receipts (person_id, receipt_id, key, content_hash, errand,
                                         staff_number, at, told_sealed)
           values ($1, $2, $3, $4, $5, $6, $7, $8)
           on conflict (person_id, key) do nothing returning true""",
        one.person_id, one.receipt_id, one.key, one.content_hash, one.errand, one.staff_number,
        one.at, one.told_sealed,
    )  # fmt: skip
    return bool(done)


_RECEIPT = "person_id, receipt_id, key, content_hash, errand, staff_number, at, told_sealed"


async def receipt(connection: Connection, person_id: int, receipt_id: int) -> Kept | None:
    row = await connection.fetchrow(
        f"""select {_RECEIPT} from counter_receipts
             where person_id = $1 and receipt_id = $2""",  # noqa: S608 - our constant
        person_id,
        receipt_id,
    )
    return None if row is None else Kept(**dict(row))


async def receipt_of_key(connection: Connection, person_id: int, key: str) -> Kept | None:
    row = await connection.fetchrow(
        f"select {_RECEIPT} from counter_receipts where person_id = $1 and key = $2",  # noqa: S608
        person_id,
        key,
    )
    return None if row is None else Kept(**dict(row))


async def receipts_of(connection: Connection, person_id: int, limit: int) -> Sequence[Kept]:
    """The newest of a person."""
    rows = await connection.fetch(
        f"""select {_RECEIPT} from counter_receipts
             where person_id = $1 order by receipt_id desc limit $2""",  # noqa: S608
        person_id,
        limit,
    )
    return [Kept(**dict(row)) for row in rows]


# ---- people from elsewhere ----


class Guest(msgspec.Struct, frozen=True):
    """Somebody from elsewhere who stands at a counter with the id document (跨省通办接待)."""

    person_id: int
    guest_id: int
    staff_number: str
    counter: str
    begun_at: datetime
    compared: list[str]
    ended_at: datetime | None = None


_GUEST = ", ".join(Guest.__struct_fields__)


async def insert_guest(connection: Connection, one: Guest) -> None:
    await connection.execute(
        f"insert into counter_guests ({_GUEST}) values ($1, $2, $3, $4, $5, $6, $7)",  # noqa: S608
        *msgspec.structs.astuple(one),
    )


async def guest(connection: Connection, person_id: int, guest_id: int) -> Guest | None:
    row = await connection.fetchrow(
        f"select {_GUEST} from counter_guests where person_id = $1 and guest_id = $2",  # noqa: S608
        person_id,
        guest_id,
    )
    return None if row is None else Guest(**dict(row))


async def end_guest(connection: Connection, person_id: int, guest_id: int, at: datetime) -> None:
    await connection.execute(
        """update counter_guests set ended_at = $3
            where person_id = $1 and guest_id = $2 and ended_at is null""",
        person_id,
        guest_id,
        at,
    )


# ---- where members work ----


async def counter_of(connection: Connection, staff_number: str) -> str | None:
    return await connection.fetchval(
        "select counter from staff_counters where staff_number = $1", staff_number
    )


async def put_counter(
    connection: Connection, staff_number: str, counter: str, at: datetime
) -> None:
    await connection.execute(
        """insert into staff_counters (staff_number, counter, chosen_at) values ($1, $2, $3)
           on conflict (staff_number) do update set counter = $2, chosen_at = $3""",
        staff_number,
        counter,
        at,
    )
