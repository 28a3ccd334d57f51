"""Batches for JSON."""

from datetime import datetime

import msgspec

from yikatong.cards.production import wire
from yikatong.cards.production.model import (
    LINE_STATE_NAMES,
    STATE_NAMES,
    Batch,
    Line,
    LineFault,
    Maker,
    Summary,
    Taken,
)
from yikatong.cards.production.service import FAULTS_MAX
from yikatong.core.clock import SHANGHAI


class NameBody(msgspec.Struct):
    """A name in both languages."""

    zh: str
    en: str


class MakerBody(msgspec.Struct):
    """A maker and its public keys, base64url."""

    maker: str
    name: str
    result_key: str | None
    encryption_key: str | None


class BatchBody(msgspec.Struct):
    """A batch."""

    batch_id: str
    region: str
    bank: str
    maker: str
    state: str
    state_name: NameBody
    cards: int
    cards_max: int
    made_at: datetime
    made_by: str
    ordered_at: datetime | None
    done_at: datetime | None


class ExportBody(msgspec.Struct):
    """One time that a file was made, the order or its photos; without a hash it broke off."""

    file: str
    begun_at: datetime
    made_by: str
    encrypted: bool
    sha256: str | None


class SummaryBody(msgspec.Struct):
    """How a batch stands; cards = made + spoiled + missing + unwanted + outstanding."""

    batch: BatchBody
    made: int
    spoiled: int
    missing: int
    unwanted: int
    outstanding: int
    exports: list[ExportBody]


class LineBody(msgspec.Struct):
    """A card of a batch; the number of the card by its end."""

    seq: int
    person_id: str
    application_id: str
    card_number_tail: str
    state: str
    state_name: NameBody
    reason: str
    told_at: datetime | None


class TakenBody(msgspec.Struct):
    """What a result file came to; `faults` names the first thousand wrong lines."""

    made: int
    spoiled: int
    missing: int
    unwanted: int
    known: int
    wrong: int
    faults: list[LineFault]


def at_home(moment: datetime) -> datetime:
    """A moment in Shanghai, to be read by people."""
    return moment.astimezone(SHANGHAI)


def maker(one: Maker) -> MakerBody:
    return MakerBody(
        one.maker,
        one.name,
        None if one.result_key is None else wire.told(one.result_key),
        None if one.encryption_key is None else wire.told(one.encryption_key),
    )


def batch(one: Batch) -> BatchBody:
    name = STATE_NAMES[one.state]
    return BatchBody(
        str(one.batch_id), one.region, one.bank, one.maker, one.state, NameBody(name.zh, name.en),
        one.cards, one.cards_max, at_home(one.made_at), one.made_by,
        one.ordered_at and at_home(one.ordered_at), one.done_at and at_home(one.done_at),
    )  # fmt: skip


def summary(one: Summary) -> SummaryBody:
    exports = [
        ExportBody(each.file, at_home(each.begun_at), each.made_by, each.encrypted, each.sha256)
        for each in one.exports
    ]
    return SummaryBody(
        batch(one.batch), one.made, one.spoiled, one.missing, one.unwanted, one.outstanding, exports
    )


def line(one: Line) -> LineBody:
    name = LINE_STATE_NAMES[one.state]
    return LineBody(
        one.line, str(one.person_id), str(one.application_id), one.card_number[-4:], one.state,
        NameBody(name.zh, name.en), one.reason, one.told_at and at_home(one.told_at),
    )  # fmt: skip


def taken(one: Taken) -> TakenBody:
    return TakenBody(
        one.made, one.spoiled, one.missing, one.unwanted, one.known, len(one.faults),
        one.faults[:FAULTS_MAX],
    )  # fmt: skip
