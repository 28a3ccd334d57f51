"""JSON routes of receipts, and the payment of a settlement's cash part from the card."""

import asyncio
from typing import Any, Final

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from yikatong.core.bodies import attachment
from yikatong.core.platform import Platform
from yikatong.medical import card_payments, receipts, receipts_shown
from yikatong.money import shown
from yikatong.money.bodies import PROBLEMS, Identifier, Level
from yikatong.money.shown import TransactionBody
from yikatong.trust.access import Caller

_ONE: Final = "/api/v1/medical/settlements/{person_id:int}/{settlement_id:int}"
_PURPOSE: Final = "settlement receipt"


class CardBody(msgspec.Struct, forbid_unknown_fields=True):
    """How the person showed who they are: 2 card and PIN, 3 face or counter."""

    assurance: Level = 1


@get(
    "/api/v1/medical/settlements/{person_id:int}",
    summary="The settlements of a person",
    responses=PROBLEMS,
    tags=["settlements"],
    permission="settlement.read",
)
async def of_person(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
) -> list[dict[str, Any]]:
    """And reversals, the newest first, at most 200."""
    who = caller.actor(_PURPOSE)
    async with platform.database.transaction() as connection:
        found = await receipts.of_person(platform, connection, person_id, who)
    return [receipts_shown.summary_body(one, name) for one, name in found]


@get(
    _ONE,
    summary="A settlement with every step explained",
    responses=PROBLEMS,
    tags=["settlements"],
    permission="settlement.read",
)
async def show(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    settlement_id: FromPath[Identifier],
) -> dict[str, Any]:
    """Computed again from what was stored with it; `recomputed` says whether the amounts agree."""
    who = caller.actor(_PURPOSE)
    async with platform.database.transaction() as connection:
        found = await receipts.read(platform, connection, person_id, settlement_id, who)
    return receipts_shown.body(found)


@get(
    f"{_ONE}/pdf",
    summary="The receipt as PDF",
    responses=PROBLEMS,
    tags=["settlements"],
    permission="settlement.read",
)
async def as_pdf(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    settlement_id: FromPath[Identifier],
) -> Response[bytes]:
    """Chinese and English."""
    who = caller.actor(_PURPOSE)
    async with platform.database.transaction() as connection:
        found = await receipts.read(platform, connection, person_id, settlement_id, who)
    # Typesetting takes a tenth of a second; others are answered meanwhile.
    content = await asyncio.to_thread(receipts_shown.as_pdf, found, platform.clock.now())
    headers = attachment(f"settlement-{settlement_id}.pdf")
    return Response(content, media_type="application/pdf", headers=headers)


@post(
    f"{_ONE}/pay-by-card",
    status_code=200,
    summary="Pay the cash part from the card",
    responses=PROBLEMS,
    tags=["settlements"],
    permission="settlement.pay",
)
async def pay_by_card(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    settlement_id: FromPath[Identifier],
    data: CardBody,
    key: NamedDependency[str],
) -> TransactionBody:
    """Once per settlement, from the bank account of the card to the provider; goes back with a
    reversal."""
    who = caller.actor("cash part of care")
    return shown.transaction(
        await card_payments.pay(platform, person_id, settlement_id, who, key, data.assurance)
    )


routes: Final = [of_person, show, as_pdf, pay_by_card]
