"""SQL of e-cards."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from yikatong.core.database import Connection, Record
from yikatong.core.together import Query
from yikatong.identity.ecards.model import Device

_DEVICE = """person_id, device_id, card_id, kind, key_hash, public_key, listed_hash, name, bound_at,
    ends_at, asked_at, revoked_at, revoked_because"""
_DEVICE_OF = ", ".join(f"d.{name.strip()}" for name in _DEVICE.split(","))

Key = tuple[int, bytes]
"""A code: the person and its cti."""


class Redemption(msgspec.Struct, frozen=True):
    """What became of a code."""

    person_id: int
    code: bytes
    device_id: int
    redeemed_by: str
    uses: tuple[str, ...]
    at: datetime
    verification_id: int
    level: int
    reason: str | None


def _device(row: Record) -> Device:
    return Device(*row)


async def lock(connection: Connection, person_id: int, card_id: int) -> None:
    """One binding or revocation of a person at a time; held until the transaction ends."""
    await connection.execute(
        """insert into e_cards as e (person_id, card_id) values ($1, $2)
           on conflict (person_id) do update set card_id = $2, version = e.version + 1""",
        person_id,
        card_id,
    )


async def devices_of(connection: Connection, person_id: int, at: datetime) -> list[Device]:
    """The person's live devices, the last used first."""
    rows = await connection.fetch(
        f"""select {_DEVICE} from e_card_devices
             where person_id = $1 and revoked_at is null and (ends_at is null or ends_at > $2)
             order by asked_at desc, device_id desc""",  # noqa: S608
        person_id,
        at,
    )
    return [_device(row) for row in rows]


def devices(
    person_ids: Sequence[int], device_ids: Sequence[int]
) -> Query[dict[tuple[int, int], Device]]:
    """Devices, revoked ones too, by person and device."""
    return Query(
        f"""select {_DEVICE_OF}
              from unnest($1::bigint[], $2::bigint[]) as w (person_id, device_id)
              join e_card_devices d on d.person_id = w.person_id and d.device_id = w.device_id""",  # noqa: S608
        (person_ids, device_ids),
        lambda rows: {(row[0], row[1]): Device(*row) for row in rows},
    )


async def insert_devices(connection: Connection, made: Sequence[Device]) -> None:
    await connection.executemany(
        f"""insert into e_card_devices ({_DEVICE})
            values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)""",  # noqa: S608
        [msgspec.structs.astuple(one) for one in made],
    )


async def end_over(connection: Connection, person_id: int, key_hash: bytes, at: datetime) -> None:
    """Note as revoked a binding to the same that ran out by itself, so that it can be bound anew."""
    await connection.execute(
        """update e_card_devices set revoked_at = $3, revoked_because = 'replaced'
            where person_id = $1 and key_hash = $2 and revoked_at is null""",
        person_id,
        key_hash,
        at,
    )


async def asked(connection: Connection, person_id: int, device_id: int, at: datetime) -> bool:
    """Note that a device asks for a code; False where it asked as late or later before, or is not
    live."""
    return bool(
        await connection.fetchval(
            """update e_card_devices set asked_at = $3
                where person_id = $1 and device_id = $2 and revoked_at is null and asked_at < $3
            returning true""",
            person_id,
            device_id,
            at,
        )
    )


async def revoke(
    connection: Connection,
    person_id: int,
    at: datetime,
    because: str,
    *,
    device_id: int | None = None,
    card_id: int | None = None,
) -> list[int]:
    """Revoke one device, those of a card, or all; put them on the list; answers which were live."""
    rows = await connection.fetch(
        """update e_card_devices set revoked_at = $2, revoked_because = $3
            where person_id = $1 and revoked_at is null
              and ($4::bigint is null or device_id = $4) and ($5::bigint is null or card_id = $5)
        returning device_id, listed_hash""",
        person_id,
        at,
        because,
        device_id,
        card_id,
    )
    # A hash is so short that another e-card's may be the same: then it stays listed a while longer.
    await connection.executemany(
        """insert into e_card_revocations as r (listed_hash, listed_at) values ($1, $2)
           on conflict (listed_hash) do update set listed_at = greatest(r.listed_at, $2)""",
        [(row[1], at) for row in rows],
    )
    return [row[0] for row in rows]


# ---- codes that were used ----


async def redeem(connection: Connection, made: Sequence[Redemption]) -> set[Key]:
    """Write redemptions; answers those codes that nobody had redeemed before. The caller keeps the
    order of persons and codes, so that two processes wait for each other, but never in a circle."""
    rows = await connection.fetch(
        """insert into e_card_redemptions
             (person_id, code, device_id, redeemed_by, uses, at, verification_id, level, reason)
           select person_id, code, device_id, redeemed_by, array[used], at, verification_id, level,
                  reason
             from unnest($1::bigint[], $2::bytea[], $3::bigint[], $4::text[], $5::text[],
                         $6::timestamptz[], $7::bigint[], $8::smallint[], $9::text[])
               as n (person_id, code, device_id, redeemed_by, used, at, verification_id, level, reason)
           on conflict (person_id, code) do nothing
           returning person_id, code""",
        [one.person_id for one in made],
        [one.code for one in made],
        [one.device_id for one in made],
        [one.redeemed_by for one in made],
        [one.uses[0] for one in made],
        [one.at for one in made],
        [one.verification_id for one in made],
        [one.level for one in made],
        [one.reason for one in made],
    )
    return {(row[0], row[1]) for row in rows}


async def redeemed(connection: Connection, keys: Sequence[Key]) -> dict[Key, Redemption]:
    """What became of codes; those that nobody redeemed are left out."""
    rows = await connection.fetch(
        """select r.person_id, r.code, r.device_id, r.redeemed_by, r.uses, r.at, r.verification_id,
                  r.level, r.reason
             from unnest($1::bigint[], $2::bytea[]) as w (person_id, code)
             join e_card_redemptions r on r.person_id = w.person_id and r.code = w.code""",
        [one[0] for one in keys],
        [one[1] for one in keys],
    )
    found: dict[Key, Redemption] = {}
    for row in rows:
        facts: list[Any] = list(row)
        facts[4] = tuple(facts[4])
        found[facts[0], facts[1]] = Redemption(*facts)
    return found


async def use_again(connection: Connection, key: Key, redeemed_by: str, used: str) -> bool:
    """Note another use by whoever redeemed a code; False where it had this use before."""
    return bool(
        await connection.fetchval(
            """update e_card_redemptions set uses = uses || $4::text
                where person_id = $1 and code = $2 and redeemed_by = $3 and not $4 = any(uses)
            returning true""",
            key[0],
            key[1],
            redeemed_by,
            used,
        )
    )


async def forget(connection: Connection, before: datetime, limit: int) -> int:
    """Delete redemptions of before a moment; answers how many."""
    return await connection.fetchval(
        """with gone as (
             delete from e_card_redemptions where (person_id, code) in (
               select person_id, code from e_card_redemptions where at < $1 limit $2)
             returning 1)
           select count(*) from gone""",
        before,
        limit,
    )


# ---- the revocation list ----


async def listed(connection: Connection, since: datetime) -> bytes:
    """All hashes listed since a moment, sorted, one behind the other."""
    return await connection.fetchval(
        """select coalesce(string_agg(listed_hash, ''::bytea order by listed_hash), ''::bytea)
             from e_card_revocations where listed_at >= $1""",
        since,
    )


async def listed_since(connection: Connection, since: datetime) -> list[bytes]:
    rows = await connection.fetch(
        "select listed_hash from e_card_revocations where listed_at >= $1", since
    )
    return [row[0] for row in rows]


async def unlist(connection: Connection, before: datetime) -> None:
    await connection.execute("delete from e_card_revocations where listed_at < $1", before)


# ---- cards that terminals without a network must refuse ----


async def list_card(
    connection: Connection, listed: bytes, card_id: int, at: datetime, valid_until: date
) -> None:
    await connection.execute(
        """insert into card_revocations (listed_hash, card_id, listed_at, valid_until)
           values ($1, $2, $3, $4) on conflict (listed_hash, card_id) do nothing""",
        listed,
        card_id,
        at,
        valid_until,
    )


async def unlist_card(connection: Connection, listed: bytes, card_id: int) -> None:
    await connection.execute(
        "delete from card_revocations where listed_hash = $1 and card_id = $2", listed, card_id
    )


async def cards_listed(connection: Connection, on: date) -> bytes:
    """All hashes of cards whose own date has not passed, sorted, one behind the other."""
    return await connection.fetchval(
        """select coalesce(string_agg(listed_hash, ''::bytea order by listed_hash), ''::bytea)
             from (select distinct listed_hash from card_revocations where valid_until >= $1) l""",
        on,
    )


async def cards_listed_since(connection: Connection, since: datetime) -> list[bytes]:
    rows = await connection.fetch(
        "select listed_hash from card_revocations where listed_at >= $1", since
    )
    return [row[0] for row in rows]


async def forget_cards(connection: Connection, before: date) -> None:
    await connection.execute("delete from card_revocations where valid_until < $1", before)
