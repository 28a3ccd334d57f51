"""Lists for JSON and as a table."""

import csv
import io
from collections.abc import Iterable
from datetime import datetime

import msgspec

from yikatong.cards.lists.model import (
    ROW_STATE_NAMES,
    CardList,
    Done,
    Progress,
    Refusal,
    Standing,
)
from yikatong.core.clock import SHANGHAI
from yikatong.core.sealing import mask_name
from yikatong.core.sheets import cell

REFUSALS_MAX = 1000


class NameBody(msgspec.Struct):
    """A text in both languages."""

    zh: str
    en: str


class ListBody(msgspec.Struct):
    """A list."""

    list_id: str
    employer: str
    employer_name: str
    region: str
    school: bool
    bank: str
    pickup_place: str
    people: int
    taken_by: str
    taken_at: datetime


class StateBody(msgspec.Struct):
    """How many rows stand there."""

    state: str
    name: NameBody
    rows: int


class ProgressBody(msgspec.Struct):
    """A list and how its rows stand."""

    about: ListBody
    states: list[StateBody]


class RowBody(msgspec.Struct):
    """One row; where it was refused, what is wrong and what to do."""

    row: int
    name: str
    id_number: str
    photo: str
    application_id: str | None
    state: str
    state_name: NameBody
    field: str | None
    code: str | None
    text: NameBody | None
    reason: str | None


class DoneBody(msgspec.Struct):
    """What a step came to, and the rows of which it was not done (the first thousand)."""

    done: int
    not_done: int
    refused: list[Refusal]
    states: list[StateBody]


def card_list(one: CardList) -> ListBody:
    return ListBody(
        str(one.list_id), one.employer_code, one.employer_name, one.region, one.school, one.bank,
        one.pickup_place, one.people, one.taken_by, one.taken_at.astimezone(SHANGHAI),
    )  # fmt: skip


def progress(one: Progress) -> ProgressBody:
    return ProgressBody(card_list(one.list), _states(one))


def _states(one: Progress) -> list[StateBody]:
    return [
        StateBody(state, NameBody(ROW_STATE_NAMES[state].zh, ROW_STATE_NAMES[state].en), count)
        for state, count in one.states.items()
    ]


def done(one: Done, now: Progress) -> DoneBody:
    return DoneBody(one.done, len(one.refused), one.refused[:REFUSALS_MAX], _states(now))


def row(one: Standing) -> RowBody:
    """Masked: the employer knows whom it named."""
    each, name = one.row, ROW_STATE_NAMES[one.state]
    return RowBody(
        each.row,
        mask_name(each.name) if each.name else "",
        each.id_number_masked,
        each.photo,
        None if each.application_id is None else str(each.application_id),
        one.state,
        NameBody(name.zh, name.en),
        each.field,
        each.code,
        None if each.zh is None or each.en is None else NameBody(each.zh, each.en),
        one.reason,
    )


def as_csv(rows: Iterable[Standing], *, head: bool) -> bytes:
    """Rows as a table that a spreadsheet opens, with the marks that say it is UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    if head:
        text.write("\ufeff")
        writer.writerow(
            ["行 row", "姓名 name", "身份证号 id number", "状态", "state", "说明", "what to do"]
        )
    for one in rows:
        body = row(one)
        zh, en = (body.text.zh, body.text.en) if body.text else (body.reason or "",) * 2
        cells = [body.name, body.id_number, body.state_name.zh, body.state_name.en, zh, en]
        writer.writerow([body.row, *map(cell, cells)])
    return text.getvalue().encode()
