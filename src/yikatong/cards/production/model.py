"""Types of production: maker, batch, line, what a result file came to."""

from datetime import date, datetime
from typing import Final, Literal

import msgspec

from yikatong.core.errors import Text

BatchState = Literal["collecting", "ordered", "at_maker", "done"]
STATE_NAMES: Final[dict[BatchState, Text]] = {
    "collecting": Text("正在组批", "being collected"),
    "ordered": Text("已组批，待送厂", "collected, to be sent to the maker"),
    "at_maker": Text("制卡厂制作中", "at the maker"),
    "done": Text("已完成", "done"),
}
LineState = Literal["ordered", "made", "spoiled", "missing", "unwanted"]
LINE_STATE_NAMES: Final[dict[LineState, Text]] = {
    "ordered": Text("未回盘", "outstanding"),
    "made": Text("已制好", "made"),
    "spoiled": Text("制废", "spoiled"),
    "missing": Text("短少", "missing"),
    "unwanted": Text("已不需要（申请已终止），待销毁", "no longer wanted, to be destroyed"),
}


class Maker(msgspec.Struct, frozen=True):
    """A maker of cards (制卡厂商) with the public keys it gave us."""

    maker: str
    name: str
    result_key: bytes | None = None
    """Ed25519: result files must be signed with its private part."""
    encryption_key: bytes | None = None
    """X25519: the cards in order files are sealed for it."""


class Batch(msgspec.Struct, frozen=True):
    """A batch of cards at a maker (制卡批次)."""

    batch_id: int
    region: str
    bank: str
    maker: str
    state: BatchState
    cards_max: int
    cards: int
    """How many were ordered."""
    made_at: datetime
    made_by: str
    after_since: datetime | None
    after_person: int
    ordered_at: datetime | None
    done_at: datetime | None


class Line(msgspec.Struct, frozen=True):
    """One card of a batch and what became of it."""

    person_id: int
    batch_id: int
    line: int
    application_id: int
    card_id: int
    card_number: str
    state: LineState
    reason: str
    told_at: datetime | None


class ToMake(msgspec.Struct, frozen=True):
    """What of an application goes onto its card."""

    line: int
    person_id: int
    application_id: int
    card_id: int
    card_number: str
    region: str
    bank: str
    name: str
    personalised_on: date
    list_photo: str | None
    """The reference of the photo, where an employer's or a school's list names one."""


File = Literal["order", "photos"]
"""What goes to the maker: 制卡文件, 照片文件."""
FILE_NAMES: dict[File, Text] = {
    "order": Text("制卡文件", "order file"),
    "photos": Text("照片文件", "photo file"),
}


class Export(msgspec.Struct, frozen=True):
    """One time that a file of a batch was made; without a hash it broke off on the way."""

    export_id: int
    file: File
    begun_at: datetime
    made_by: str
    encrypted: bool
    sha256: str | None


class Summary(msgspec.Struct, frozen=True):
    """How a batch stands: ordered = made + spoiled + missing + unwanted + outstanding."""

    batch: Batch
    made: int
    spoiled: int
    missing: int
    unwanted: int
    outstanding: int
    exports: tuple[Export, ...]


class LineFault(msgspec.Struct, frozen=True):
    """What is wrong with one line of a file, and what to do."""

    line: int
    """As an editor counts: the first line of the file is 1."""
    field: str
    code: str
    zh: str
    en: str


class Taken(msgspec.Struct):
    """What a result file came to."""

    made: int = 0
    spoiled: int = 0
    missing: int = 0
    unwanted: int = 0
    known: int = 0
    """Lines that an earlier file had told already."""
    faults: list[LineFault] = []
    """Lines that were not taken; mended, the same file can be sent again."""
