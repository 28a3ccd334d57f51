"""Types of stock: movements of blanks, delivery sheets, finished cards."""

from datetime import datetime
from typing import Final, Literal

import msgspec

from yikatong.core.errors import Text

Kind = Literal["received", "used", "spoiled", "returned", "counted"]
KIND_NAMES: Final[dict[Kind, Text]] = {
    "received": Text("领入", "received"),
    "used": Text("制卡用去", "used"),
    "spoiled": Text("损坏作废", "spoiled"),
    "returned": Text("退回", "returned"),
    "counted": Text("盘点", "counted"),
}
Shelf = Literal["on_the_way", "received", "returned", "posted", "handed_over", "destroyed", "lost"]
SHELF_NAMES: Final[dict[Shelf, Text]] = {
    "on_the_way": Text("配送途中", "on the way"),
    "received": Text("网点待领", "at the counter, to be collected"),
    "returned": Text("已退回", "returned"),
    "posted": Text("已寄出", "sent by post"),
    "handed_over": Text("已领取", "handed over"),
    "destroyed": Text("已销毁", "destroyed"),
    "lost": Text("在途遗失", "lost on its way"),
}


class Movement(msgspec.Struct, frozen=True):
    """One movement of blanks."""

    counter: str
    movement_id: int
    kind: Kind
    quantity: int
    """What it changed; negative: fewer."""
    balance: int
    """How many there are behind it."""
    at: datetime
    actor: str
    note: str
    person_id: int | None = None
    application_id: int | None = None
    key: str = ""


class Sheet(msgspec.Struct, frozen=True):
    """A delivery sheet (配送单): finished cards that go to a counter together."""

    sheet_id: int
    batch_id: int
    region: str
    counter: str
    """Where they are collected; empty: at the agency's own."""
    cards: int
    sent_at: datetime
    sent_by: str
    received_at: datetime | None
    received_by: str | None


class SheetCard(msgspec.Struct, frozen=True):
    """A card on a sheet, as the counter finds it."""

    line: int
    """Its number in the batch, which stands on the envelope."""
    person_id: int
    name: str
    card_number: str
    shelf: Shelf | None


class ToPost(msgspec.Struct, frozen=True):
    """A card that goes by post."""

    line: int
    person_id: int
    application_id: int
    name: str
    address_sealed: bytes | None
