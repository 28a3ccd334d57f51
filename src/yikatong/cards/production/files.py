"""The files of a batch: the order that goes to the maker with its photos, the results that come back."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from yikatong.cards.office import making, rules
from yikatong.cards.office.many import CHUNK, ManyDesk
from yikatong.cards.office.model import MATTER
from yikatong.cards.production import store, wire
from yikatong.cards.production.errors import BatchNotNow
from yikatong.cards.production.model import Export, File, Line, LineFault, Taken, ToMake
from yikatong.cards.production.service import (
    PRODUCING,
    Hear,
    find_batch,
    find_maker,
    record,
    silent,
)
from yikatong.cards.production.wire import (
    CardData,
    OrderHead,
    Photo,
    PhotoData,
    Result,
    Seal,
    Writer,
)
from yikatong.core.clock import SHANGHAI
from yikatong.core.database import Connection
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.money.ledger import service as ledger
from yikatong.people import service as people
from yikatong.trust.audit import Actor
from yikatong.trust.documents import service as documents
from yikatong.trust.documents.model import Held

PHOTO_BYTES_AT_ONCE: Final = 8 * 2**20
"""Photos in memory at one moment: so much, or a single one."""
VERSION: Final = "3.00"
"""规范版本 of a card of the third generation (recalled, not compared with the standard)."""

# ---- to the maker ----


async def export(platform: Platform, batch_id: int, actor: Actor) -> AsyncGenerator[bytes]:
    """The file of a batch for its maker, piece by piece: the cards that are outstanding.

    Made again it says the same cards. Each time it is recorded, and in the trail of each person.
    Raises NoSuchBatch, BatchNotNow while it is being collected or where it is done.
    """
    mine, writer = await _begin(platform, batch_id, actor, "order")
    yield writer.head()
    after = 0
    while True:
        async with platform.database.transaction() as connection:
            found = await store.to_make(connection, batch_id, after, CHUNK)
            cards = await _data(platform, connection, found)
            await record(platform, connection, actor, "card.sent_to_maker", batch_id, found)
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


async def photos(platform: Platform, batch_id: int, actor: Actor) -> AsyncGenerator[bytes]:
    """The photos that were handed in for the cards of a batch that are outstanding (照片文件), piece by
    piece; recorded as `export` is, and raises what it raises."""
    mine, writer = await _begin(platform, batch_id, actor, "photos")
    yield writer.head()
    after = 0
    while True:
        async with platform.database.transaction(readonly=True) as connection:
            found = await store.to_make(connection, batch_id, after, CHUNK)
            held = await _held(connection, found)
        if not found:
            break
        after = found[-1].line
        for part in _parts([one for one in found if one.application_id in held], held):
            async with platform.database.transaction() as connection:
                pictures = await _pictures(platform, connection, part, held)
                await record(
                    platform, connection, actor, "card.photo_sent_to_maker", batch_id, part
                )
            yield writer.cards(
                [
                    PhotoData(
                        one.line, str(one.application_id), held[one.application_id].media_type,
                        hashlib.sha256(picture).hexdigest(), wire.told(picture),
                    )
                    for one, picture in zip(part, pictures, strict=True)
                ]
            )  # fmt: skip
    tail, digest = writer.tail()
    async with platform.database.transaction() as connection:
        await store.end_export(connection, batch_id, mine.export_id, digest)
    yield tail


async def _begin(
    platform: Platform, batch_id: int, actor: Actor, file: File
) -> tuple[Export, Writer]:
    """Note that a file is made, and who makes it."""
    async with platform.database.transaction() as connection:
        one = await find_batch(connection, batch_id, lock=True)
        if one.state not in ("ordered", "at_maker"):
            raise BatchNotNow(
                one,
                "组批完成后、完成前才能生成文件",
                "the file is made once it is collected, until it is done",
            )
        maker = await find_maker(connection, one.maker)
        now = platform.clock.now()
        if one.state == "ordered":
            reason = "送厂前申请已终止 · the application ended before it was sent"
            await store.drop_unwanted(connection, batch_id, reason, now)
        sealed = maker.encryption_key is not None
        mine = Export(new_id(now), file, now, actor.name, sealed, None)
        await store.begin_export(connection, batch_id, mine)
    batch, form = str(batch_id), wire.ORDER if file == "order" else wire.PHOTOS
    seal = None if maker.encryption_key is None else Seal(maker.encryption_key, batch, form)
    head = OrderHead(
        form, batch, one.maker, one.region, one.bank, now.astimezone(SHANGHAI).isoformat(),
        None if seal is None else seal.told,
    )  # fmt: skip
    return mine, Writer(head, wire.signing_key(platform.vault), seal)


async def _held(connection: Connection, found: Sequence[ToMake]) -> dict[int, Held]:
    """The photos that were handed in, by application."""
    mine = [(one.person_id, one.application_id) for one in found]
    return await documents.newest(connection, MATTER, mine, "photo")


def _parts(found: Sequence[ToMake], held: Mapping[int, Held]) -> Iterator[list[ToMake]]:
    """As many at once as memory is to hold: photos have up to five megabytes each."""
    part: list[ToMake] = []
    size = 0
    for one in found:
        its = held[one.application_id].size
        if part and size + its > PHOTO_BYTES_AT_ONCE:
            yield part
            part, size = [], 0
        part.append(one)
        size += its
    if part:
        yield part


async def _pictures(
    platform: Platform, connection: Connection, part: Sequence[ToMake], held: Mapping[int, Held]
) -> list[bytes]:
    """The photos of these cards, in their order."""
    wanted = [held[one.application_id] for one in part]
    found = await documents.contents(platform, connection, wanted)
    return [found[one.document_id] for one in wanted]


async def _hashes(
    platform: Platform, connection: Connection, found: Sequence[ToMake]
) -> dict[int, str]:
    """The hash of each photo that was handed in, by application."""
    held = await _held(connection, found)
    hashes: dict[int, str] = {}
    for part in _parts([one for one in found if one.application_id in held], held):
        pictures = await _pictures(platform, connection, part, held)
        for one, picture in zip(part, pictures, strict=True):
            hashes[one.application_id] = hashlib.sha256(picture).hexdigest()
    return hashes


def _photo(one: ToMake, hashes: Mapping[int, str]) -> Photo:
    if one.application_id in hashes:
        return Photo("file", sha256=hashes[one.application_id])
    if one.list_photo is not None:
        return Photo("list", reference=one.list_photo)
    return Photo("population_base")


async def _data(
    platform: Platform, connection: Connection, found: Sequence[ToMake]
) -> list[CardData]:
    wanted = [one.person_id for one in found]
    persons = await people.persons(connection, wanted)
    opened = await people.id_numbers(platform, connection, wanted)
    hashes = await _hashes(platform, connection, found)
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
            photo=_photo(one, hashes),
        )
        for one in found
    ]


# ---- back from the maker ----


async def take_results(
    platform: Platform, batch_id: int, content: bytes, actor: Actor, hear: Hear = silent
) -> Taken:
    """Take in what the maker says became of the cards: each good line counts, each wrong one is
    explained. The same file again changes nothing; a mended one brings what was wrong.

    A spoiled or missing card is made again in a later batch under another number; its own number is
    dead for ever. Raises NoSuchBatch, BatchNotNow, FileWrong where the file as a whole is wrong.
    """
    async with platform.database.transaction(readonly=True) as connection:
        one = await find_batch(connection, batch_id)
        maker = await find_maker(connection, one.maker)
    if one.state not in ("at_maker", "done"):
        raise BatchNotNow(one, "还没有送厂", "it was not sent to the maker yet")
    # A large file takes a second; others are answered meanwhile.
    good, faults = await asyncio.to_thread(
        wire.read_results, content, str(batch_id), one.maker, maker.result_key
    )
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
    desk = ManyDesk(platform, connection, PRODUCING, actor)
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
        desk.move_application(one, "spoil")
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
