"""Use cases of production: makers, batches collected, sent to the maker, and what came back."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from yikatong.cards.model import CardApplication
from yikatong.cards.office.errors import CardRefused
from yikatong.cards.office.many import CHUNK, ManyDesk
from yikatong.cards.office.model import Doing
from yikatong.cards.production import store, wire
from yikatong.cards.production.errors import NoSuchBatch, NoSuchMaker
from yikatong.cards.production.model import (
    Batch,
    Line,
    Maker,
    Summary,
    ToMake,
)
from yikatong.core import regions
from yikatong.core.clock import SHANGHAI, today
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, KeyReused
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.money.bank import banks
from yikatong.money.errors import printable
from yikatong.money.ledger import service as ledger
from yikatong.trust import audit
from yikatong.trust.audit import Actor

BATCH_MAX: Final = 200_000
"""Cards of one batch, and of one file."""
LINES_MAX: Final = 1000
FAULTS_MAX: Final = 1000
PRODUCING: Final = Doing("system")
_MAKER: Final = re.compile(r"[A-Z0-9-]{2,20}")
_KEY_BYTES: Final = 32

Hear = Callable[[int], None]
"""How many are done so far."""


def silent(_done: int) -> None:
    """Hears nothing."""


# ---- makers ----


async def put_maker(
    platform: Platform,
    maker: str,
    name: str,
    result_key: str | None,
    encryption_key: str | None,
    actor: Actor,
) -> Maker:
    """Register a maker, or change its name and keys (base64url of 32 bytes).

    Without a key its result files are taken unsigned, or the cards leave unsealed.
    """
    if not _MAKER.fullmatch(maker):
        raise InvalidInput(
            "maker",
            zh="厂商代码为 2 至 20 位大写字母、数字或横线",
            en="a maker's code has 2 to 20 capital letters, digits or hyphens",
        )
    if not 1 <= len(name.strip()) <= 100:
        raise InvalidInput("name", zh="名称应为 1 至 100 字", en="a name of 1 to 100 characters")
    printable(name.strip(), "name")
    one = Maker(
        maker,
        name.strip(),
        _public_key(result_key, "result_key"),
        _public_key(encryption_key, "encryption_key"),
    )
    async with platform.database.transaction() as connection:
        await store.put_maker(connection, one, platform.clock.now(), actor.name)
    return one


def _public_key(text: str | None, field: str) -> bytes | None:
    if not text:
        return None
    try:
        raw = wire.untold(text)
    except ValueError:
        raw = b""
    if len(raw) != _KEY_BYTES:
        raise InvalidInput(
            field,
            zh="公钥应为 32 字节的 base64url（43 个字符）",
            en="a public key is 32 bytes in base64url, 43 characters",
        )
    return raw


async def makers(platform: Platform) -> list[Maker]:
    """All makers."""
    async with platform.database.transaction(readonly=True) as connection:
        return await store.makers(connection)


async def find_maker(connection: Connection, maker: str) -> Maker:
    """The maker; raises NoSuchMaker."""
    found = await store.makers(connection, maker)
    if not found:
        raise NoSuchMaker
    return found[0]


# ---- batches ----


async def begin(
    platform: Platform,
    region: str,
    bank: str,
    maker: str,
    cards_max: int,
    actor: Actor,
    key: str,
) -> Batch:
    """Begin a batch of a region's cards of one bank; `collect` fills it.

    The same key and content answers the same batch. Raises InvalidInput, NoSuchMaker, KeyReused.
    """
    regions.get(region, "region")
    banks.bank(bank)
    if not 1 <= cards_max <= BATCH_MAX:
        raise InvalidInput(
            "cards_max", zh=f"一批 1 至 {BATCH_MAX} 张", en=f"a batch has 1 to {BATCH_MAX} cards"
        )
    now = platform.clock.now()
    made = Batch(
        new_id(now), region, bank, maker, "collecting", cards_max, 0, now, actor.name, None, 0, None,
        None,
    )  # fmt: skip
    content = ledger.digest([region, bank, maker, cards_max])
    async with platform.database.transaction() as connection:
        await find_maker(connection, maker)
        if await store.insert_batch(connection, made, key, content):
            return made
        known = await store.batch_of_key(connection, key)
        assert known is not None
        if known[1] != content:
            raise KeyReused
        return await find_batch(connection, known[0])


async def find_batch(connection: Connection, batch_id: int, *, lock: bool = False) -> Batch:
    """The batch; raises NoSuchBatch."""
    found = await store.batch(connection, batch_id, lock=lock)
    if found is None:
        raise NoSuchBatch
    return found


async def find(platform: Platform, batch_id: int) -> Batch:
    """The batch; raises NoSuchBatch."""
    async with platform.database.transaction(readonly=True) as connection:
        return await find_batch(connection, batch_id)


async def collect(platform: Platform, batch_id: int, actor: Actor, hear: Hear = silent) -> Batch:
    """Order the cards that wait, chunk by chunk, until the batch is full or nothing waits.

    Killed at any moment, the same call goes on where it was. An application is in one batch at most:
    the table says so.
    """
    while True:
        one = await ledger.carry_out(
            platform, lambda connection: _collect(platform, connection, batch_id, actor)
        )
        hear(one.cards)
        if one.state != "collecting":
            return one


async def _collect(
    platform: Platform, connection: Connection, batch_id: int, actor: Actor
) -> Batch:
    one = await find_batch(connection, batch_id, lock=True)
    if one.state != "collecting":
        return one
    now, day = platform.clock.now(), today(platform.clock)
    inside = [each.code for each in regions.every() if _within(each.code, one.region)]
    found = await store.waiting(
        connection,
        inside,
        one.bank,
        one.made_at,
        datetime(day.year, day.month, day.day, tzinfo=SHANGHAI),
        (one.after_since, one.after_person),
        min(CHUNK, one.cards_max - one.cards),
    )
    if not found:
        await store.finish_collecting(connection, batch_id, now)
        return await find_batch(connection, batch_id)
    desk = ManyDesk(platform, connection, PRODUCING, actor)
    await desk.read([person_id for person_id, _, _ in found])
    lines: list[Line] = []
    for person_id, application_id, _ in found:
        try:
            ordered = desk.move_application(
                desk.application(person_id, application_id), "order", batch_id=batch_id
            )
        except CardRefused:
            # Dead, withdrawn or in another batch since it was found.
            continue
        lines.append(_line(ordered, one.cards + len(lines) + 1))
    await desk.write()
    await store.insert_lines(connection, lines)
    last = found[-1]
    await store.collected(connection, batch_id, one.cards + len(lines), last[2], last[0])
    return msgspec.structs.replace(one, cards=one.cards + len(lines))


def _within(code: str, area: str) -> bool:
    return code.startswith(area.removesuffix("00").removesuffix("00"))


def _line(one: CardApplication, number: int) -> Line:
    assert one.batch_id is not None
    assert one.card_id is not None
    assert one.card_number is not None
    return Line(
        one.person_id, one.batch_id, number, one.application_id, one.card_id, one.card_number,
        "ordered", "", None,
    )  # fmt: skip


async def summary(platform: Platform, batch_id: int) -> Summary:
    """How a batch stands; what was ordered is what came back and what is outstanding."""
    async with platform.database.transaction(readonly=True) as connection:
        one = await find_batch(connection, batch_id)
        counts = await store.counts(connection, batch_id)
        exports = await store.exports(connection, batch_id)
    found = Summary(
        batch=one,
        made=counts.get("made", 0),
        spoiled=counts.get("spoiled", 0),
        missing=counts.get("missing", 0),
        unwanted=counts.get("unwanted", 0),
        outstanding=counts.get("ordered", 0),
        exports=tuple(exports),
    )
    assert one.cards == sum(counts.values()), "no card of a batch is lost"
    return found


async def batches(
    platform: Platform, areas: Sequence[str] | None, *, open_only: bool = False, limit: int = 100
) -> list[Batch]:
    """The newest first, within some areas (prefixes of region codes; None: everywhere)."""
    async with platform.database.transaction(readonly=True) as connection:
        return await store.batches(connection, areas, open_only, max(1, min(limit, LINES_MAX)))


async def lines(
    platform: Platform,
    batch_id: int,
    actor: Actor,
    *,
    states: Sequence[str] | None = None,
    after: int = 0,
    limit: int = 100,
) -> list[Line]:
    """Lines in their order behind `after`; the look is recorded with each person."""
    async with platform.database.transaction() as connection:
        await find_batch(connection, batch_id)
        found = await store.lines(
            connection, batch_id, states, after, max(1, min(limit, LINES_MAX))
        )
        await record(platform, connection, actor, "card.batch_looked_at", batch_id, found)
    return found


async def record(
    platform: Platform,
    connection: Connection,
    actor: Actor,
    action: str,
    batch_id: int,
    persons: Sequence[Line] | Sequence[ToMake],
) -> None:
    """Note a look at each of these persons."""
    if persons:
        seen: list[tuple[int, str, dict[str, object]]] = [
            (one.person_id, action, {"batch_id": str(batch_id)}) for one in persons
        ]
        await audit.copy_many(connection, actor, platform.clock.now(), seen)
