"""Blank cards at counters that make cards at once (空白卡): a ledger of movements for each counter.

The balance is the sum of all movements and is never negative. A card that is printed uses one blank
in the same transaction; where none is left nothing is printed. A counter that never received any
keeps no stock here.
"""

import re
from typing import Final

from yikatong.cards.office.model import ApplicationMoved
from yikatong.cards.production import stock_store as store
from yikatong.cards.production.stock_model import Kind, Movement
from yikatong.core import ids
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, KeyReused, YikatongError
from yikatong.core.platform import Platform
from yikatong.money.errors import printable
from yikatong.trust.audit import Actor

QUANTITY_MAX: Final = 100_000
NOTE_MAX: Final = 200
LIMIT_MAX: Final = 1000
_COUNTER: Final = re.compile(r"[SB][0-9]{11}")


class NoBlanks(YikatongError):
    """There are not so many blank cards at the counter."""

    code = "no_blank_cards"
    status = 409

    def __init__(self, counter: str, balance: int) -> None:
        super().__init__(
            zh=f"网点 {counter} 的空白卡账面只有 {balance} 张，请先领入，或先盘点更正",
            en=f"counter {counter} has {balance} blank cards on the books; receive some first, or "
            "count and put the books right",
            field="quantity",
        )


def region_of(counter: str, field: str = "counter") -> str:
    """The county in which a counter stands, as its code says; raises InvalidInput."""
    if not _COUNTER.fullmatch(counter):
        raise InvalidInput(
            field,
            zh="网点代码为 S 或 B 和 11 位数字",
            en="a counter's code is S or B and eleven digits",
        )
    return counter[1:7]


async def move(
    platform: Platform,
    counter: str,
    kind: Kind,
    quantity: int,
    note: str,
    actor: Actor,
    key: str,
) -> Movement:
    """Record blanks received, spoiled, returned, or how many were counted (盘点).

    The same key and content answers the same movement. Raises InvalidInput, NoBlanks, KeyReused.
    """
    region_of(counter)
    printable(note, "note")
    if len(note) > NOTE_MAX:
        raise InvalidInput("note", zh=f"最多 {NOTE_MAX} 字", en=f"at most {NOTE_MAX} characters")
    if kind == "used":
        raise InvalidInput(
            "kind",
            zh="制卡用去的由制卡登记，这里不填",
            en="what is used is recorded by making the card, not here",
        )
    if not (0 if kind == "counted" else 1) <= quantity <= QUANTITY_MAX:
        raise InvalidInput(
            "quantity",
            zh=f"数量应为 1 至 {QUANTITY_MAX}，盘点可以是 0",
            en=f"from 1 to {QUANTITY_MAX}; what was counted may be 0",
        )
    if kind in ("spoiled", "counted") and not note.strip():
        raise InvalidInput("note", zh="请写明原因或盘点人", en="say why, or who counted")
    async with platform.database.transaction() as connection:
        last = await store.last(connection, counter, lock=True)
        known = await store.of_key(connection, counter, key)
        if known is not None:
            same = (known.kind, known.note) == (kind, note.strip())
            told = known.balance if kind == "counted" else abs(known.quantity)
            if not same or told != quantity:
                raise KeyReused
            return known
        balance = last.balance if last else 0
        change = {"received": quantity, "counted": quantity - balance}.get(kind, -quantity)
        return await _insert(
            platform, connection, last, counter, kind, change, note.strip(), actor, key
        )


async def _insert(
    platform: Platform,
    connection: Connection,
    last: Movement | None,
    counter: str,
    kind: Kind,
    change: int,
    note: str,
    actor: Actor,
    key: str,
    of: ApplicationMoved | None = None,
) -> Movement:
    balance = last.balance if last else 0
    if balance + change < 0:
        raise NoBlanks(counter, balance)
    now = platform.clock.now()
    # In the order of the books, whichever process' clock is ahead.
    number = max(ids.new_id(now), last.movement_id + 1 if last else 0)
    made = Movement(
        counter, number, kind, change, balance + change, now, actor.name, note,
        of.person_id if of else None, of.application.application_id if of else None, key,
    )  # fmt: skip
    await store.insert(connection, made)
    return made


async def printed(platform: Platform, connection: Connection, event: ApplicationMoved) -> None:
    """A card was printed at a counter: one blank less there. Raises NoBlanks, and nothing is printed."""
    counter = event.doing.counter
    if event.event != "print" or counter is None:
        return
    last = await store.last(connection, counter, lock=True)
    if last is None:
        return
    one = event.application
    # Who prints stands in the history of the card; here it is the counter's stock that moves.
    who = Actor("system", "card office", "card printed")
    await _insert(
        platform,
        connection,
        last,
        counter,
        "used",
        -1,
        "",
        who,
        f"print:{one.application_id}",
        event,
    )


async def balance(platform: Platform, counter: str) -> int:
    """How many blanks there are at a counter."""
    region_of(counter)
    async with platform.database.transaction(readonly=True) as connection:
        last = await store.last(connection, counter)
    return last.balance if last else 0


async def movements(platform: Platform, counter: str, limit: int = 100) -> list[Movement]:
    """The newest first."""
    region_of(counter)
    async with platform.database.transaction(readonly=True) as connection:
        return await store.movements(connection, counter, max(1, min(limit, LIMIT_MAX)))
