"""SQL of signing keys."""

from collections.abc import Sequence
from datetime import datetime

from yikatong.core.database import Connection, Record

_KEY = """purpose, key_id, algorithm, public_key, private_sealed, signs_from, signs_until,
    published_until"""


async def published(connection: Connection, purpose: str, at: datetime) -> Sequence[Record]:
    """The published keys of a purpose, the newest first."""
    return await connection.fetch(
        f"""select {_KEY} from signing_keys
             where purpose = $1 and (published_until is null or published_until > $2)
             order by signs_from desc, key_id""",  # noqa: S608
        purpose,
        at,
    )


async def told(connection: Connection, at: datetime) -> Sequence[Record]:
    """What is published of all purposes, without private keys, the newest of each first."""
    return await connection.fetch(
        """select purpose, key_id, algorithm, signs_from, signs_until, published_until
             from signing_keys where published_until is null or published_until > $1
            order by purpose, signs_from desc, key_id""",
        at,
    )


async def lock(connection: Connection, purpose: str) -> None:
    """One process at a time makes a key of a purpose; held until the transaction ends."""
    await connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('signing key ' || $1, 0))", purpose
    )


async def insert(
    connection: Connection,
    purpose: str,
    key_id: str,
    algorithm: str,
    public_key: bytes,
    private_sealed: bytes,
    signs_from: datetime,
) -> None:
    await connection.execute(
        """insert into signing_keys
             (purpose, key_id, algorithm, public_key, private_sealed, signs_from)
           values ($1, $2, $3, $4, $5, $6)""",
        purpose, key_id, algorithm, public_key, private_sealed, signs_from,
    )  # fmt: skip


async def retire(
    connection: Connection, purpose: str, key_id: str, until: datetime, published_until: datetime
) -> None:
    """The keys of a purpose other than this one sign until a moment."""
    await connection.execute(
        """update signing_keys set signs_until = $3, published_until = $4
            where purpose = $1 and key_id <> $2 and signs_until is null""",
        purpose, key_id, until, published_until,
    )  # fmt: skip
