"""SQL of the provider's desk."""

from datetime import datetime
from typing import Any, Final

import msgspec

from yikatong.core.clock import SHANGHAI
from yikatong.core.database import Connection
from yikatong.core.sealing import Vault
from yikatong.medical.provider_desk.model import BookRow, DeskVisit, Entry, Told

_VISIT: Final = """provider_code, desk_id, person_id, visit_id, state, staff_number, begun_at,
    told_sealed, pending, version"""
_ENTRY: Final = ", ".join(Entry.__struct_fields__)
_encode: Final = msgspec.json.encode
_read_told: Final = msgspec.json.Decoder(Told).decode


def _field(desk_id: int) -> str:
    return f"desk_visit:{desk_id}"


def _opened(vault: Vault, row: Any) -> DeskVisit:
    facts: dict[str, Any] = dict(row)
    sealed = facts.pop("told_sealed")
    told = vault.open(_field(facts["desk_id"]), facts["person_id"], sealed)
    facts["begun_at"] = facts["begun_at"].astimezone(SHANGHAI)
    return DeskVisit(told=_read_told(told), **facts)


def _sealed(vault: Vault, one: DeskVisit) -> bytes:
    return vault.seal(_field(one.desk_id), one.person_id, _encode(one.told).decode())


async def insert(connection: Connection, vault: Vault, one: DeskVisit) -> None:
    """A new visit; of a number that is there nothing is changed."""
    await connection.execute(
        f"""insert into desk_visits ({_VISIT}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            on conflict do nothing""",  # noqa: S608 - our constant
        one.provider_code, one.desk_id, one.person_id, one.visit_id, one.state, one.staff_number,
        one.begun_at, _sealed(vault, one), one.pending, one.version,
    )  # fmt: skip


async def update(connection: Connection, vault: Vault, one: DeskVisit) -> bool:
    """Whether nobody else was quicker; the version is the one read."""
    return bool(
        await connection.fetchval(
            """update desk_visits set visit_id = $4, state = $5, told_sealed = $6, pending = $7,
                      version = version + 1
                where provider_code = $1 and desk_id = $2 and version = $3 returning true""",
            one.provider_code,
            one.desk_id,
            one.version,
            one.visit_id,
            one.state,
            _sealed(vault, one),
            one.pending,
        )
    )


async def find(
    connection: Connection, vault: Vault, provider_code: str, desk_id: int
) -> DeskVisit | None:
    row = await connection.fetchrow(
        f"select {_VISIT} from desk_visits where provider_code = $1 and desk_id = $2",  # noqa: S608
        provider_code,
        desk_id,
    )
    return None if row is None else _opened(vault, row)


async def open_ones(
    connection: Connection, vault: Vault, provider_code: str, limit: int
) -> list[DeskVisit]:
    """The visits that are worked on, the newest first."""
    rows = await connection.fetch(
        f"""select {_VISIT} from desk_visits where provider_code = $1 and state = 'open'
            order by desk_id desc limit $2""",  # noqa: S608
        provider_code,
        limit,
    )
    return [_opened(vault, row) for row in rows]


async def insert_entry(connection: Connection, one: Entry) -> None:
    """Note what the desk was told; the same settlement is noted once."""
    await connection.execute(
        f"""insert into desk_settlements ({_ENTRY})
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
            on conflict do nothing""",  # noqa: S608
        *msgspec.structs.astuple(one),
    )


async def entries(
    connection: Connection, provider_code: str, since: datetime, before: datetime, limit: int
) -> list[Entry]:
    """What the desk was told in a time, in that order."""
    rows = await connection.fetch(
        f"""select {_ENTRY} from desk_settlements
             where provider_code = $1 and settled_at >= $2 and settled_at < $3
             order by settled_at, settlement_id limit $4""",  # noqa: S608
        provider_code,
        since,
        before,
        limit,
    )
    return [_entry(row) for row in rows]


async def entries_of(
    connection: Connection, provider_code: str, desk_id: int, since: datetime
) -> list[Entry]:
    """What the desk was told of one visit, in that order."""
    rows = await connection.fetch(
        f"""select {_ENTRY} from desk_settlements
             where provider_code = $1 and desk_id = $2 and settled_at >= $3
             order by settlement_id""",  # noqa: S608
        provider_code,
        desk_id,
        since,
    )
    return [_entry(row) for row in rows]


async def entry(connection: Connection, provider_code: str, settlement_id: int) -> Entry | None:
    """What the desk was told of a settlement."""
    row = await connection.fetchrow(
        f"""select {_ENTRY} from desk_settlements
             where provider_code = $1 and settlement_id = $2""",  # noqa: S608
        provider_code,
        settlement_id,
    )
    return None if row is None else _entry(row)


def _entry(row: Any) -> Entry:
    facts: dict[str, Any] = dict(row)
    facts["settled_at"] = facts["settled_at"].astimezone(SHANGHAI)
    return Entry(**facts)


async def book(
    connection: Connection, provider_code: str, since: datetime, before: datetime, limit: int
) -> list[BookRow]:
    """The settlements and reversals that a provider sent in a time, in that order."""
    rows = await connection.fetch(
        """select settlement_id, person_id, visit_id, message_id, reverses, settled_at, care_code,
                  insurance, insured_region, total, pooled,
                  pooled + large_amount + serious_illness + civil_servant + assistance,
                  medical_account, family_account, cash, operator
             from settlements
            where provider_code = $1 and settled_at >= $2 and settled_at < $3 and channel = 'direct'
            order by settled_at, settlement_id limit $4""",
        provider_code,
        since,
        before,
        limit,
    )
    return [_book_row(list(row)) for row in rows]


async def forget(connection: Connection, before: datetime, limit: int) -> int:
    """Delete visits that began before a moment and are not open with a visit of their own."""
    rows = await connection.fetch(
        """delete from desk_visits where (provider_code, desk_id) in (
             select provider_code, desk_id from desk_visits
              where begun_at < $1 and (state <> 'open' or visit_id is null) limit $2)
           returning 1""",
        before,
        limit,
    )
    return len(rows)


def _book_row(facts: list[Any]) -> BookRow:
    facts[5] = facts[5].astimezone(SHANGHAI)
    return BookRow(*facts)
