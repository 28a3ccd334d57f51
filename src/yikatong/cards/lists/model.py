"""Types of lists: the list, its rows, how they stand."""

from datetime import datetime
from typing import Final, Literal

import msgspec

from yikatong.cards.office.errors import STATE_NAMES
from yikatong.core.errors import Text

RowState = Literal["open", "applied", "refused"]
ROW_STATE_NAMES: Final[dict[str, Text]] = {
    "open": Text("待受理", "to be taken in"),
    "refused": Text("未受理", "not taken in"),
    **STATE_NAMES,
}
"""A row that was taken in stands where its application stands, and then its card."""


class NewList(msgspec.Struct, frozen=True):
    """What is said of the whole list."""

    bank: str
    pickup_place: str
    school: bool = False
    """A school's pupils and students; else an employer's staff."""


class CardList(msgspec.Struct, frozen=True):
    """A list by which an employer or a school applies (批量申领名单)."""

    list_id: int
    employer_code: str
    employer_name: str
    region: str
    school: bool
    bank: str
    pickup_place: str
    people: int
    taken_by: str
    taken_at: datetime


class Row(msgspec.Struct, frozen=True):
    """One row of a list."""

    person_id: int
    """0: matched with nobody."""
    list_id: int
    row: int
    name: str
    id_number_masked: str
    photo: str
    state: RowState
    application_id: int | None = None
    field: str | None = None
    code: str | None = None
    zh: str | None = None
    en: str | None = None


class Standing(msgspec.Struct, frozen=True):
    """A row and where it stands now."""

    row: Row
    state: str
    """Of the row while it is open or refused, then of the application, then of the card."""
    reason: str | None
    """Why the application was refused, withdrawn, or what is to be added."""


class Progress(msgspec.Struct, frozen=True):
    """How a list stands: its rows by state."""

    list: CardList
    states: dict[str, int]


class TakenIn(msgspec.Struct, frozen=True):
    """A row that was taken in, and its application."""

    row: int
    person_id: int
    application_id: int


class Refusal(msgspec.Struct, frozen=True):
    """A row of which it was not done, and why."""

    row: int
    field: str | None
    code: str
    zh: str
    en: str


class Done(msgspec.Struct):
    """What a step over a whole list came to."""

    done: int = 0
    refused: list[Refusal] = []
