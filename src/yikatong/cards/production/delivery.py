"""Finished cards on their way (配送): sheets to counters, parcels with their numbers in bulk."""

import csv
import io
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import timedelta
from typing import Final

from yikatong.cards.model import CardApplication
from yikatong.cards.office import applying
from yikatong.cards.office.errors import CardRefused
from yikatong.cards.office.many import CHUNK, ManyDesk
from yikatong.cards.office.model import ApplicationMoved, Doing
from yikatong.cards.production import service, store
from yikatong.cards.production import stock_store as stock
from yikatong.cards.production.model import Line, LineFault
from yikatong.cards.production.stock_model import Sheet, SheetCard, Shelf
from yikatong.core import sheets
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, NotFound
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.money.ledger import service as ledger
from yikatong.trust import audit
from yikatong.trust.audit import Actor

LIMIT_MAX: Final = 1000
_REASON_MAX: Final = 200
_SHEETS_SHOWN: Final = timedelta(days=365)
"""A card still on its way after a year is lost; its sheet is found by its number."""
_FOLLOWS: Final[dict[str, Shelf]] = {
    "hand_over": "handed_over",
    "deliver": "handed_over",
    "post": "posted",
    "come_back": "returned",
    "destroy": "destroyed",
}
_HEADINGS: Final = {
    "序号": "seq", "seq": "seq", "快递单号": "tracking", "tracking": "tracking",
}  # fmt: skip
_REQUIRED: Final = {"seq": "序号", "tracking": "快递单号"}
_POSTING: Final = Doing("system", reason="批量邮寄 · sent by post in a batch")


class NoSuchSheet(NotFound):
    """There is no such delivery sheet."""

    code = "no_such_card_sheet"

    def __init__(self) -> None:
        super().__init__(
            zh="没有这张配送单，请核对编号",
            en="there is no such delivery sheet; please compare its number",
            field="sheet_id",
        )


async def moved(
    platform: Platform, connection: Connection, events: Sequence[ApplicationMoved]
) -> None:
    """Finished cards go where their applications went: handed over, posted, come back, destroyed, lost
    in the post."""
    told = [
        (
            one.person_id,
            one.application.batch_id,
            one.application.application_id,
            _FOLLOWS[one.event],
        )
        for one in events
        if one.event in _FOLLOWS and one.application.batch_id is not None
    ]
    if told:
        await stock.follow(connection, told, platform.clock.now())
    lost = [one for one in events if one.event == "lose"]
    if lost:
        await stock.lose_posted(
            connection,
            [(one.person_id, one.application.application_id) for one in lost],
            platform.clock.now(),
        )


# ---- sheets ----


async def send(platform: Platform, batch_id: int, actor: Actor) -> list[Sheet]:
    """One sheet for each counter to which finished cards of a batch are to go (配送单).

    Sent twice, the second makes sheets of what was finished since. Raises NoSuchBatch.
    """
    batch = await service.find(platform, batch_id)
    made: list[Sheet] = []
    async with platform.database.transaction() as connection:
        # One after the other: a card is on one sheet.
        await store.batch(connection, batch_id, lock=True)
        now = platform.clock.now()
        for counter, _ in await stock.places_to_send(connection, batch_id):
            sheet_id = new_id(now)
            cards = await stock.put_on_sheet(connection, batch_id, counter, sheet_id, now)
            if cards:
                one = Sheet(
                    sheet_id, batch_id, batch.region, counter, cards, now, actor.name, None, None
                )
                await stock.insert_sheet(connection, one)
                made.append(one)
    return made


async def find(platform: Platform, sheet_id: int) -> Sheet:
    """The sheet; raises NoSuchSheet."""
    async with platform.database.transaction(readonly=True) as connection:
        return await _sheet(connection, sheet_id)


async def _sheet(connection: Connection, sheet_id: int, *, lock: bool = False) -> Sheet:
    found = await stock.sheet(connection, sheet_id, lock=lock)
    if found is None:
        raise NoSuchSheet
    return found


async def every(
    platform: Platform,
    *,
    batch_id: int | None = None,
    counter: str | None = None,
    limit: int = 100,
) -> list[Sheet]:
    """The newest first, of a batch or for a counter."""
    async with platform.database.transaction(readonly=True) as connection:
        return await stock.sheets(connection, batch_id, counter, max(1, min(limit, LIMIT_MAX)))


async def cards(
    platform: Platform, sheet_id: int, actor: Actor, *, after: int = 0, limit: int = 100
) -> list[SheetCard]:
    """Cards of a sheet in their order behind `after`; the look is recorded with each person."""
    async with platform.database.transaction() as connection:
        await _sheet(connection, sheet_id)
        found = await stock.sheet_cards(connection, sheet_id, after, max(1, min(limit, LIMIT_MAX)))
        detail: dict[str, object] = {"sheet_id": str(sheet_id)}
        seen = [(one.person_id, "card.sheet_looked_at", detail) for one in found]
        await audit.copy_many(connection, actor, platform.clock.now(), seen)
    return found


async def receive(
    platform: Platform,
    sheet_id: int,
    missing: Sequence[int],
    actor: Actor,
    *,
    only: Sequence[int] | None = None,
) -> int:
    """The counter confirms what came: all of a sheet, or `only` these numbers of the batch, but for the
    `missing` ones; answers how many came.

    What was missing stays on the way, and can be confirmed later, or recorded as lost.
    """
    async with platform.database.transaction() as connection:
        await _sheet(connection, sheet_id, lock=True)
        now = platform.clock.now()
        count = await stock.shelve(
            connection, sheet_id, "on_the_way", "received", now, only=only, but=missing
        )
        await stock.note_received(connection, sheet_id, now, actor.name)
    return count


async def give_back(platform: Platform, sheet_id: int, lines: Sequence[int]) -> int:
    """The counter returned some of a sheet's cards to the agency; answers how many it had."""
    async with platform.database.transaction() as connection:
        await _sheet(connection, sheet_id, lock=True)
        now = platform.clock.now()
        return await stock.shelve(connection, sheet_id, "received", "returned", now, only=lines)


async def lose(
    platform: Platform, sheet_id: int, lines: Sequence[int], reason: str, actor: Actor
) -> int:
    """Cards of a sheet were lost between maker and counter (在途遗失): answers how many were recorded.

    The card's number is dead for ever, and the application goes back to production. Only what is still
    on its way can be lost; recorded twice it counts once. Raises InvalidInput, NoSuchSheet.
    """
    if not 1 <= len(reason.strip()) <= _REASON_MAX or not reason.strip().isprintable():
        raise InvalidInput(
            "reason",
            zh=f"请写明怎样发现遗失、怎样查过（1 至 {_REASON_MAX} 字）",
            en=f"say how it was found out and where it was looked for (1 to {_REASON_MAX} characters)",
        )
    if not 1 <= len(lines) <= LIMIT_MAX:
        raise InvalidInput(
            "cards",
            zh=f"请选出遗失的卡，一次最多 {LIMIT_MAX} 张",
            en=f"choose the cards that were lost, at most {LIMIT_MAX} at once",
        )
    doing = Doing("system", reason=reason.strip())

    async def work(connection: Connection) -> int:
        await _sheet(connection, sheet_id, lock=True)
        found = await stock.missing(connection, sheet_id, lines)
        if not found:
            return 0
        desk = ManyDesk(platform, connection, doing, actor)
        await desk.read([person_id for person_id, _, _ in found])
        for person_id, application_id, _ in found:
            one = desk.application(person_id, application_id)
            # Of who died since, the card is lost all the same and nothing is made again.
            if one.state == "ready":
                desk.move_application(one, "lose")
        await desk.write()
        gone = [line for _, _, line in found]
        return await stock.shelve(connection, sheet_id, "on_the_way", "lost", desk.now, only=gone)

    return await ledger.carry_out(platform, work)


async def waiting_at(
    platform: Platform, connection: Connection, counter: str, limit: int = 50
) -> tuple[list[CardApplication], list[tuple[Sheet, int]]]:
    """The day's work of a counter: finished cards that lie there to be collected, and sheets with how
    many of their cards are still on their way."""
    most, since = max(1, min(limit, LIMIT_MAX)), platform.clock.now() - _SHEETS_SHOWN
    collect = await stock.to_collect(connection, counter, most)
    return collect, await stock.sheets_on_the_way(connection, counter, since, most)


async def shelves(platform: Platform, counter: str) -> dict[str, int]:
    """How many finished cards that went to a counter are where."""
    async with platform.database.transaction(readonly=True) as connection:
        return await stock.shelves(connection, counter)


# ---- by post ----


async def addresses(platform: Platform, batch_id: int, actor: Actor) -> AsyncGenerator[bytes]:
    """The table for the post (邮寄清单): number, application, name, address, and an empty column for
    the parcel's number. Personal data goes out: it is recorded with each person."""
    await service.find(platform, batch_id)
    yield "\ufeff序号,申请编号,姓名,收件地址和电话,快递单号\r\n".encode()
    after = 0
    while True:
        async with platform.database.transaction() as connection:
            found = await stock.to_post(connection, batch_id, after, CHUNK)
            detail: dict[str, object] = {"batch_id": str(batch_id)}
            seen = [(one.person_id, "card.address_to_post", detail) for one in found]
            await audit.copy_many(connection, actor, platform.clock.now(), seen)
        if not found:
            return
        after = found[-1].line
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\r\n")
        for one in found:
            sealed, number = one.address_sealed, one.application_id
            address = "" if sealed is None else platform.vault.open("post_to", number, sealed)
            writer.writerow([one.line, number, sheets.cell(one.name), sheets.cell(address), ""])
        yield text.getvalue().encode()


async def take_tracking(
    platform: Platform,
    batch_id: int,
    content: bytes,
    actor: Actor,
    hear: Callable[[int], None] = lambda _done: None,
) -> tuple[int, int, list[LineFault]]:
    """Take in the table with the parcels' numbers: answers how many cards were sent now, how many
    were known, and every row that was not taken. Rows without a number are left out.

    Raises InvalidInput for what is no such table, NoSuchBatch.
    """
    await service.find(platform, batch_id)
    faults: list[LineFault] = []
    wanted: dict[int, tuple[int, str]] = {}
    for number, cells in sheets.read(content, _HEADINGS, _REQUIRED):
        if not cells["tracking"]:
            continue
        try:
            tracking = applying.parcel_number(cells["tracking"])
        except InvalidInput as error:
            faults.append(LineFault(number, "tracking", error.code, error.text.zh, error.text.en))
            continue
        seq = cells["seq"]
        if not (seq.isascii() and seq.isdigit() and len(seq) < 10) or int(seq) in wanted:
            zh = "序号应为邮寄清单里的序号，每张卡一行"
            en = "seq is the number in the table for the post, each card once"
            faults.append(LineFault(number, "seq", "invalid", zh, en))
            continue
        wanted[int(seq)] = (number, tracking)
    sent = known = 0
    lines = sorted(wanted)
    for start in range(0, len(lines), CHUNK):
        part = {seq: wanted[seq] for seq in lines[start : start + CHUNK]}
        done = await ledger.carry_out(
            platform,
            lambda connection, part=part: _post(platform, connection, batch_id, part, actor),
        )
        sent += done[0]
        known += done[1]
        faults += done[2]
        hear(sent)
    return sent, known, sorted(faults, key=lambda fault: fault.line)


async def _post(
    platform: Platform,
    connection: Connection,
    batch_id: int,
    part: dict[int, tuple[int, str]],
    actor: Actor,
) -> tuple[int, int, list[LineFault]]:
    lines = await store.lines_by_number(connection, batch_id, list(part))
    desk = ManyDesk(platform, connection, _POSTING, actor)
    await desk.read([line.person_id for line in lines.values()])
    sent = known = 0
    faults: list[LineFault] = []
    for seq, (number, tracking) in part.items():
        line: Line | None = lines.get(seq)
        if line is None or line.state != "made":
            zh, en = "这个批次没有这张制好的卡", "the batch has no finished card of this number"
            faults.append(LineFault(number, "seq", "unknown", zh, en))
            continue
        one = desk.application(line.person_id, line.application_id)
        if one.state in ("sent", "issued") and one.tracking == tracking:
            known += 1
            continue
        try:
            desk.move_application(one, "post", tracking=tracking)
        except CardRefused as error:
            faults.append(LineFault(number, "seq", error.code, error.text.zh, error.text.en))
        else:
            sent += 1
    await desk.write()
    return sent, known, faults
