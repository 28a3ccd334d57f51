"""JSON routes of stock: blanks at counters, delivery sheets, parcels."""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream

from yikatong.cards.production import blanks, delivery, service
from yikatong.cards.production.api import PROBLEMS, TAGS
from yikatong.cards.production.model import LineFault
from yikatong.cards.production.shown import NameBody, at_home
from yikatong.cards.production.stock_model import KIND_NAMES, SHELF_NAMES, Movement, Sheet
from yikatong.core.bodies import Identifier, attachment
from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform
from yikatong.core.problems import of_a_file
from yikatong.core.sealing import mask_name
from yikatong.core.sheets import FILE_BYTES_MAX
from yikatong.trust.access import Caller
from yikatong.trust.audit import Actor

_STOCK: Final = "cards.stock"
_PRODUCE: Final = "cards.produce"
_BLANKS: Final = "/api/v1/cards/stock/{counter:str}"
_SHEETS: Final = "/api/v1/cards/sheets"
_ONE: Final = _SHEETS + "/{sheet_id:int}"
_BATCH: Final = "/api/v1/cards/batches/{batch_id:int}"
_LINES_MAX: Final = 10_000
Lines = Annotated[
    list[Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]], msgspec.Meta(max_length=_LINES_MAX)
]


class MoveBody(msgspec.Struct, forbid_unknown_fields=True):
    """Blanks received, spoiled or returned; or how many were counted."""

    kind: Literal["received", "spoiled", "returned", "counted"]
    quantity: Annotated[int, msgspec.Meta(ge=0, le=blanks.QUANTITY_MAX)]
    note: Annotated[str, msgspec.Meta(max_length=blanks.NOTE_MAX)] = ""


class MovementBody(msgspec.Struct):
    """A movement; `quantity` is what it changed, `balance` how many there are behind it."""

    kind: str
    name: NameBody
    quantity: int
    balance: int
    at: datetime
    actor: str
    note: str
    application_id: str | None


class ShelfBody(msgspec.Struct):
    """How many finished cards are there."""

    shelf: str
    name: NameBody
    cards: int


class StockBody(msgspec.Struct):
    """What a counter has: blanks and their newest movements, finished cards."""

    counter: str
    blanks: int
    movements: list[MovementBody]
    finished: list[ShelfBody]


class SheetBody(msgspec.Struct):
    """A delivery sheet."""

    sheet_id: str
    batch_id: str
    region: str
    counter: str
    cards: int
    sent_at: datetime
    sent_by: str
    received_at: datetime | None
    received_by: str | None


class SheetCardBody(msgspec.Struct):
    """A card on a sheet: its number in the batch stands on the envelope."""

    seq: int
    name: str
    card_number_tail: str
    shelf: str | None


class ReceiveBody(msgspec.Struct, forbid_unknown_fields=True):
    """All of the sheet came but these."""

    missing: Lines = []


class GiveBackBody(msgspec.Struct, forbid_unknown_fields=True):
    """Which cards go back to the agency."""

    cards: Lines


class LostBody(msgspec.Struct, forbid_unknown_fields=True):
    """Which cards were lost, and how that was found out."""

    cards: Lines
    reason: Annotated[str, msgspec.Meta(max_length=200)]


class CountBody(msgspec.Struct):
    """How many cards it was."""

    cards: int


class TrackingBody(msgspec.Struct):
    """What a table of parcels came to."""

    sent: int
    known: int
    wrong: int
    faults: list[LineFault]


def movement(one: Movement) -> MovementBody:
    name = KIND_NAMES[one.kind]
    return MovementBody(
        one.kind, NameBody(name.zh, name.en), one.quantity, one.balance, at_home(one.at), one.actor, one.note,
        None if one.application_id is None else str(one.application_id),
    )  # fmt: skip


def sheet(one: Sheet) -> SheetBody:
    return SheetBody(
        str(one.sheet_id), str(one.batch_id), one.region, one.counter, one.cards,
        at_home(one.sent_at), one.sent_by, one.received_at and at_home(one.received_at),
        one.received_by,
    )  # fmt: skip


async def _of_batch(platform: Platform, caller: Caller, batch_id: int) -> Actor:
    caller.require(_PRODUCE, (await service.find(platform, batch_id)).region)
    return caller.actor("card production")


async def _of_sheet(platform: Platform, caller: Caller, sheet_id: int) -> Actor:
    """The counter's own staff, where the sheet names a counter; else that of the region."""
    one = await delivery.find(platform, sheet_id)
    try:
        region = blanks.region_of(one.counter)
    except InvalidInput:
        region = one.region
    caller.require(_STOCK, region)
    return caller.actor("stock of cards")


@get(_BLANKS, summary="What a counter has", responses=PROBLEMS, tags=TAGS, permission=_STOCK)
async def stock(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    counter: FromPath[str],
    limit: Annotated[int, QueryParameter(name="limit", ge=1, le=blanks.LIMIT_MAX)] = 20,
) -> StockBody:
    """Blank cards and finished ones."""
    caller.require(_STOCK, blanks.region_of(counter))
    found = await blanks.movements(platform, counter, limit)
    shelves = await delivery.shelves(platform, counter)
    return StockBody(
        counter,
        found[0].balance if found else 0,
        [movement(one) for one in found],
        [
            ShelfBody(shelf, NameBody(name.zh, name.en), shelves.get(shelf, 0))
            for shelf, name in SHELF_NAMES.items()
        ],
    )


@post(_BLANKS, summary="Move blank cards", responses=PROBLEMS, tags=TAGS, permission=_STOCK)
async def move(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    counter: FromPath[str],
    data: MoveBody,
    key: NamedDependency[str],
) -> MovementBody:
    """What a printed card uses is recorded by printing it."""
    caller.require(_STOCK, blanks.region_of(counter))
    who = caller.actor("stock of cards")
    return movement(
        await blanks.move(platform, counter, data.kind, data.quantity, data.note, who, key)
    )


@post(_BATCH + "/sheets", summary="Send a batch's cards to counters", responses=PROBLEMS, tags=TAGS,
      permission=_PRODUCE)  # fmt: skip
async def send(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    batch_id: FromPath[Identifier],
) -> list[SheetBody]:
    """A delivery sheet for each counter to which finished cards are to go; sent twice, of what was
    finished since."""
    who = await _of_batch(platform, caller, batch_id)
    return [sheet(one) for one in await delivery.send(platform, batch_id, who)]


@get(_BATCH + "/sheets", summary="Delivery sheets of a batch", responses=PROBLEMS, tags=TAGS,
     permission=_PRODUCE)  # fmt: skip
async def of_batch(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    batch_id: FromPath[Identifier],
    limit: Annotated[int, QueryParameter(name="limit", ge=1, le=delivery.LIMIT_MAX)] = 100,
) -> list[SheetBody]:
    """The newest first."""
    await _of_batch(platform, caller, batch_id)
    found = await delivery.every(platform, batch_id=batch_id, limit=limit)
    return [sheet(one) for one in found]


@get(_BLANKS + "/sheets", summary="Delivery sheets for a counter", responses=PROBLEMS, tags=TAGS,
     permission=_STOCK)  # fmt: skip
async def of_counter(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    counter: FromPath[str],
    limit: Annotated[int, QueryParameter(name="limit", ge=1, le=delivery.LIMIT_MAX)] = 100,
) -> list[SheetBody]:
    """The newest first."""
    caller.require(_STOCK, blanks.region_of(counter))
    found = await delivery.every(platform, counter=counter, limit=limit)
    return [sheet(one) for one in found]


@get(_ONE + "/cards", summary="Cards of a delivery sheet", responses=PROBLEMS, tags=TAGS,
     permission=_STOCK)  # fmt: skip
async def cards(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    sheet_id: FromPath[Identifier],
    after: Annotated[int, QueryParameter(name="after", ge=0, le=2**31 - 1)] = 0,
    limit: Annotated[int, QueryParameter(name="limit", ge=1, le=delivery.LIMIT_MAX)] = 100,
) -> list[SheetCardBody]:
    """In their order behind `after`, masked; the look is recorded with each person."""
    who = await _of_sheet(platform, caller, sheet_id)
    found = await delivery.cards(platform, sheet_id, who, after=after, limit=limit)
    return [
        SheetCardBody(
            one.line, mask_name(one.name) if one.name else "", one.card_number[-4:], one.shelf
        )
        for one in found
    ]


@post(_ONE + "/receive", status_code=200, summary="Confirm a delivery", responses=PROBLEMS,
      tags=TAGS, permission=_STOCK)  # fmt: skip
async def receive(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    sheet_id: FromPath[Identifier],
    data: ReceiveBody,
) -> CountBody:
    """What is missing stays on the way and can be confirmed later; sent twice, the second counts none."""
    who = await _of_sheet(platform, caller, sheet_id)
    return CountBody(await delivery.receive(platform, sheet_id, data.missing, who))


@post(_ONE + "/give-back", status_code=200, summary="Return cards to the agency",
      responses=PROBLEMS, tags=TAGS, permission=_STOCK)  # fmt: skip
async def give_back(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    sheet_id: FromPath[Identifier],
    data: GiveBackBody,
) -> CountBody:
    """Those of them that the counter has."""
    await _of_sheet(platform, caller, sheet_id)
    return CountBody(await delivery.give_back(platform, sheet_id, data.cards))


@post(_ONE + "/lost", status_code=200, summary="Cards of a delivery were lost on their way",
      responses=PROBLEMS, tags=TAGS, permission=_STOCK)  # fmt: skip
async def lost(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    sheet_id: FromPath[Identifier],
    data: LostBody,
) -> CountBody:
    """Those of them that are still on their way: their cards are void, their applications are made
    again; sent twice, the second counts none."""
    who = await _of_sheet(platform, caller, sheet_id)
    return CountBody(await delivery.lose(platform, sheet_id, data.cards, data.reason, who))


@post(_BATCH + "/sheets/{sheet_id:int}/lost", status_code=200,
      summary="Cards of a batch were lost on their way", responses=PROBLEMS, tags=TAGS,
      permission=_PRODUCE)  # fmt: skip
async def lost_of_batch(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    batch_id: FromPath[Identifier],
    sheet_id: FromPath[Identifier],
    data: LostBody,
) -> CountBody:
    """The same, by who sent them."""
    who = await _of_batch(platform, caller, batch_id)
    if (await delivery.find(platform, sheet_id)).batch_id != batch_id:
        raise delivery.NoSuchSheet
    return CountBody(await delivery.lose(platform, sheet_id, data.cards, data.reason, who))


@post(_BATCH + "/addresses", status_code=200, summary="The table for the post", responses=PROBLEMS,
      tags=TAGS, permission=_PRODUCE)  # fmt: skip
async def addresses(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    batch_id: FromPath[Identifier],
) -> Stream:
    """CSV with an empty column for the parcels' numbers; recorded with each person."""
    who = await _of_batch(platform, caller, batch_id)
    return Stream(
        delivery.addresses(platform, batch_id, who),
        media_type="text/csv; charset=utf-8",
        headers=attachment(f"post-{batch_id}.csv"),
    )


@post(_BATCH + "/tracking", status_code=200, summary="Take in the parcels' numbers",
      responses=PROBLEMS, request_max_body_size=FILE_BYTES_MAX + 64 * 1024, tags=TAGS,
      permission=_PRODUCE)  # fmt: skip
async def tracking(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    batch_id: FromPath[Identifier],
) -> Response[TrackingBody]:
    """The table for the post with its last column filled in, CSV or XLSX; 207 where rows are wrong."""
    who = await _of_batch(platform, caller, batch_id)
    content = await of_a_file(request.body())
    sent, known, faults = await delivery.take_tracking(platform, batch_id, content, who)
    body = TrackingBody(sent, known, len(faults), faults[: service.FAULTS_MAX])
    return Response(body, status_code=207 if faults else 200)


routes: Final = [
    stock, move, send, of_batch, of_counter, cards, receive, give_back, lost, lost_of_batch,
    addresses, tracking,
]  # fmt: skip
