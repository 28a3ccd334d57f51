"""Use cases of production: makers, batches collected, sent to the maker, and what came back."""

import re
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime
from typing import Final

import msgspec

from yikatong.cards.model import CardApplication
from yikatong.cards.office import making, rules
from yikatong.cards.office.errors import CardRefused
from yikatong.cards.office.many import CHUNK, ManyDesk
from yikatong.cards.office.model import Doing
from yikatong.cards.production import store, wire
from yikatong.cards.production.errors import BatchNotNow, NoSuchBatch, NoSuchMaker
from yikatong.cards.production.model import (
    Batch,
    Export,
    Line,
    LineFault,
    Maker,
    Summary,
    Taken,
    ToMake,
)
from yikatong.cards.production.wire import CardData, OrderHead, Result, Seal, Writer
from yikatong.core import regions
from yikatong.core.clock import SHANGHAI, today
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, KeyReused
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.money.bank import banks
from yikatong.money.errors import printable
from yikatong.money.ledger import service as ledger
from yikatong.people import service as people
from yikatong.trust import audit
from yikatong.trust.audit import Actor

BATCH_MAX: Final = 200_000
"""Cards of one batch, and of one file."""
VERSION: Final = "3.00"
"""规范版本 of a card of the third generation (recalled, not compared with the standard)."""
LINES_MAX: Final = 1000
FAULTS_MAX: Final = 1000
_PRODUCING: Final = Doing("system", reason="批量制卡 · made in a batch")
_MAKER: Final = re.compile(r"[A-Z0-9-]{2,20}")
_KEY_BYTES: Final = 32

Hear = Callable[[int], None]
"""How many are done so far."""


def _silent(_done: int) -> None:
    return None


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


async def _maker(connection: Connection, maker: str) -> Maker:
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
        await _maker(connection, maker)
        if await store.insert_batch(connection, made, key, content):
            return made
        known = await store.batch_of_key(connection, key)
        assert known is not None
        if known[1] != content:
            raise KeyReused
        return await _batch(connection, known[0])


async def _batch(connection: Connection, batch_id: int, *, lock: bool = False) -> Batch:
    found = await store.batch(connection, batch_id, lock=lock)
    if found is None:
        raise NoSuchBatch
    return found


async def find(platform: Platform, batch_id: int) -> Batch:
    """The batch; raises NoSuchBatch."""
    async with platform.database.transaction(readonly=True) as connection:
        return await _batch(connection, batch_id)


async def collect(platform: Platform, batch_id: int, actor: Actor, hear: Hear = _silent) -> Batch:
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
    one = await _batch(connection, batch_id, lock=True)
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
        return await _batch(connection, batch_id)
    desk = ManyDesk(platform, connection, _PRODUCING, actor)
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
        one = await _batch(connection, batch_id)
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
        await _batch(connection, batch_id)
        found = await store.lines(
            connection, batch_id, states, after, max(1, min(limit, LINES_MAX))
        )
        await _record(platform, connection, actor, "card.batch_looked_at", batch_id, found)
    return found


async def _record(
    platform: Platform,
    connection: Connection,
    actor: Actor,
    action: str,
    batch_id: int,
    persons: Sequence[Line] | Sequence[ToMake],
) -> None:
    if persons:
        seen: list[tuple[int, str, dict[str, object]]] = [
            (one.person_id, action, {"batch_id": str(batch_id)}) for one in persons
        ]
        await audit.copy_many(connection, actor, platform.clock.now(), seen)


# ---- to the maker ----


async def export(platform: Platform, batch_id: int, actor: Actor) -> AsyncGenerator[bytes]:
    """The file of a batch for its maker, piece by piece: the cards that are outstanding.

    Made again it says the same cards. Each time it is recorded, and in the trail of each person.
    Raises NoSuchBatch, BatchNotNow while it is being collected or where it is done.
    """
    async with platform.database.transaction() as connection:
        one = await _batch(connection, batch_id, lock=True)
        if one.state not in ("ordered", "at_maker"):
            raise BatchNotNow(
                one,
                "组批完成后、完成前才能生成文件",
                "the file is made once it is collected, until it is done",
            )
        maker = await _maker(connection, one.maker)
        now = platform.clock.now()
        if one.state == "ordered":
            reason = "送厂前申请已终止 · the application ended before it was sent"
            await store.drop_unwanted(connection, batch_id, reason, now)
        sealed = maker.encryption_key is not None
        mine = Export(new_id(now), now, actor.name, sealed, None)
        await store.begin_export(connection, batch_id, mine)
    batch = str(batch_id)
    seal = None if maker.encryption_key is None else Seal(maker.encryption_key, batch)
    head = OrderHead(
        wire.ORDER, batch, one.maker, one.region, one.bank, now.astimezone(SHANGHAI).isoformat(),
        None if seal is None else seal.told,
    )  # fmt: skip
    writer = Writer(head, wire.signing_key(platform.vault), seal)
    yield writer.head()
    after = 0
    while True:
        async with platform.database.transaction() as connection:
            found = await store.to_make(connection, batch_id, after, CHUNK)
            cards = await _data(platform, connection, found)
            await _record(platform, connection, actor, "card.sent_to_maker", batch_id, found)
        if not found:
            break
        after = found[-1].line
        yield writer.cards(cards)
    tail, digest = writer.tail()
    async with platform.database.transaction() as connection:
        await store.end_export(connection, batch_id, mine.export_id, digest)
        await store.at_maker(connection, batch_id)
        await store.finish(connection, batch_id, platform.clock.now())
    yield tail


async def _data(
    platform: Platform, connection: Connection, found: Sequence[ToMake]
) -> list[CardData]:
    wanted = [one.person_id for one in found]
    persons = await people.persons(connection, wanted)
    opened = await people.id_numbers(platform, connection, wanted)
    return [
        CardData(
            seq=one.line,
            application=str(one.application_id),
            card_identifier=making.identifier(one.region, one.card_id),
            card_number=one.card_number,
            generation=rules.GENERATION,
            version=VERSION,
            region=one.region,
            issued_on=one.personalised_on.isoformat(),
            valid_until=making.valid_until(one.region, one.personalised_on).isoformat(),
            bank=one.bank,
            social_security_number=opened[one.person_id],
            name=one.name,
            sex=persons[one.person_id].sex,
            ethnic_group=persons[one.person_id].ethnic_group,
            birth_place=opened[one.person_id][:6],
            birth_date=persons[one.person_id].birth_date.isoformat(),
        )
        for one in found
    ]


# ---- back from the maker ----


async def take_results(
    platform: Platform, batch_id: int, content: bytes, actor: Actor, hear: Hear = _silent
) -> Taken:
    """Take in what the maker says became of the cards: each good line counts, each wrong one is
    explained. The same file again changes nothing; a mended one brings what was wrong.

    A spoiled or missing card is made again in a later batch under another number; its own number is
    dead for ever. Raises NoSuchBatch, BatchNotNow, FileWrong where the file as a whole is wrong.
    """
    async with platform.database.transaction(readonly=True) as connection:
        one = await _batch(connection, batch_id)
        maker = await _maker(connection, one.maker)
    if one.state not in ("at_maker", "done"):
        raise BatchNotNow(one, "还没有送厂", "it was not sent to the maker yet")
    good, faults = wire.read_results(content, str(batch_id), one.maker, maker.result_key)
    taken = Taken(faults=faults)
    for start in range(0, len(good), CHUNK):
        part = good[start : start + CHUNK]
        done = await ledger.carry_out(
            platform,
            lambda connection, part=part: _take(platform, connection, batch_id, part, actor),
        )
        taken.made += done.made
        taken.spoiled += done.spoiled
        taken.missing += done.missing
        taken.unwanted += done.unwanted
        taken.known += done.known
        taken.faults += done.faults
        hear(start + len(part))
    async with platform.database.transaction() as connection:
        await store.finish(connection, batch_id, platform.clock.now())
    taken.faults.sort(key=lambda fault: fault.line)
    return taken


async def _take(
    platform: Platform,
    connection: Connection,
    batch_id: int,
    part: Sequence[tuple[int, Result]],
    actor: Actor,
) -> Taken:
    taken = Taken()
    lines = await store.lines_by_number(connection, batch_id, [one.seq for _, one in part])
    desk = ManyDesk(platform, connection, _PRODUCING, actor)
    await desk.read([line.person_id for line in lines.values()])
    # Read again behind the lock: another file may have told of the same cards meanwhile.
    lines = await store.lines_by_number(connection, batch_id, [one.seq for _, one in part])
    told: list[Line] = []
    for number, result in part:
        line = lines.get(result.seq)
        if line is None or line.card_number != result.card_number:
            taken.faults.append(_unknown(number, line))
        elif line.state == "ordered":
            told.append(_became(desk, line, result))
        elif line.state == result.result or (line.state, result.result) == ("unwanted", "made"):
            taken.known += 1
        else:
            taken.faults.append(_told_otherwise(number, line))
    if told:
        await desk.write(store.line_changes(told))
    for line in told:
        setattr(taken, line.state, getattr(taken, line.state) + 1)
    return taken


def _became(desk: ManyDesk, line: Line, result: Result) -> Line:
    told = msgspec.structs.replace(
        line, state=result.result, reason=result.reason, told_at=desk.now
    )
    one = desk.application(line.person_id, line.application_id)
    if one.state != "in_production" or one.batch_id != line.batch_id:
        # The person died since; what the maker made is to be destroyed, what it did not is no loss.
        return msgspec.structs.replace(told, state="unwanted") if result.result == "made" else told
    if result.result == "made":
        desk.move_application(one, "make")
    else:
        desk.move_application(
            one, "spoil", batch_id=None, card_id=None, card_number=None, personalised_on=None,
            name_on_card=None,
        )  # fmt: skip
    return told


def _unknown(number: int, line: Line | None) -> LineFault:
    if line is None:
        return LineFault(
            number, "seq", "unknown", "这个批次没有这个序号，请核对是不是别的批次的卡",
            "the batch has no card of this seq; is it of another batch?",
        )  # fmt: skip
    return LineFault(
        number, "card_number", "differs", "卡号与制卡文件里这个序号的卡号不符，请逐位核对",
        "the order file has another card number for this seq; compare character by character",
    )  # fmt: skip


def _told_otherwise(number: int, line: Line) -> LineFault:
    names = {
        "made": ("已制好", "made"),
        "spoiled": ("制废", "spoiled"),
        "missing": ("短少", "missing"),
    }
    zh, en = names.get(line.state, ("已不需要", "no longer wanted"))
    return LineFault(
        number, "result", "told_otherwise",
        f"以前的回盘文件说这张卡{zh}，结果不能改；确有错误请联系发卡机构",
        f"an earlier file told that this card is {en}, and that stands; if it is wrong, call the office",
    )  # fmt: skip
