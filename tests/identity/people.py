"""People for the tests of signing in: each with an id number, a phone, a card and a PIN."""

import contextlib
import hashlib
from collections.abc import Iterator
from datetime import date

import msgspec
import pytest

from yikatong.core.platform import Platform
from yikatong.population.rows import Rows, card_number, copy, id_number
from yikatong.trust import verifiers
from yikatong.trust.audit import Actor

PIN = "384957"
TESTER = Actor("system", "tests", "test")
BORN = date(1985, 3, 5)


class Someone(msgspec.Struct, frozen=True):
    person_id: int
    id_number: str
    card_number: str
    card_id: int
    phone: str
    name: str


async def somebody(
    platform: Platform,
    person_id: int = 1000001,
    *,
    pin: str | None = PIN,
    state: str = "active",
    social: str = "active",
    died_on: date | None = None,
    phone: bool = True,
) -> Someone:
    """A person with one card, in the database."""
    number = id_number("510104", BORN, person_id % 1000)
    tail = f"{person_id % 10000:04d}"
    one = Someone(
        person_id, number, card_number(person_id, 0), person_id * 10, f"1386172{tail}", "张三丰"
    )
    rows = Rows(platform.vault, platform.clock.now(), {}, 0, pin)
    rows.person(
        person_id, number, one.name, 1, BORN, "510104", one.phone if phone else None, None,
        None, died_on=died_on,
    )  # fmt: skip
    rows.card(
        person_id, 0, "510100", one.name, date(2024, 5, 1), state=state, social=social,
        account=False,
    )  # fmt: skip
    async with platform.database.transaction() as connection:
        await copy(connection, rows)
    return one


@contextlib.contextmanager
def quick_hashes() -> Iterator[list[str]]:
    """Hashes that cost nothing, for tests of many tries; answers the secrets that were hashed."""
    looked: list[str] = []

    def quick(secret: str, salt: bytes, *_: object) -> bytes:
        looked.append(secret)
        return hashlib.blake2b(secret.encode(), key=salt, digest_size=32).digest()

    with pytest.MonkeyPatch.context() as patch:
        verifiers._shared_hash.cache_clear()
        patch.setattr(verifiers, "_argon2", quick)
        yield looked
    verifiers._shared_hash.cache_clear()
