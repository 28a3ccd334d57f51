"""The receipt pages: the signed-in person's settlements, and one with every step; also as PDF. To
visitors they answer for the demo persons only."""

import asyncio
from collections.abc import Sequence
from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from yikatong.core.platform import Platform
from yikatong.medical import receipts, receipts_shown
from yikatong.medical.receipts import Receipt
from yikatong.medical.visits.errors import NoSuchSettlement
from yikatong.medical.visits.model import Settlement, SplitLine
from yikatong.policies import shown as policies_shown
from yikatong.population import service as population
from yikatong.population.service import DemoPerson
from yikatong.portals.check import grouped
from yikatong.portals.view import SECURITY_HEADERS, View
from yikatong.portals.whose import whose
from yikatong.trust.audit import Actor

_VISITOR = Actor("visitor", "receipt page", "settlement receipt")


@get("/settlements", include_in_schema=False)
async def settlements(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[str]:
    """The form; with a person chosen, the person's settlements."""
    view = View.of(request)
    query = request.query_params
    mine = await whose(request, platform, "settlements", _VISITOR.purpose)
    people: Sequence[DemoPerson] = ()
    if mine is None:
        async with platform.database.transaction(readonly=True) as connection:
            people = await population.demo_persons(connection)
    chosen = query.get("person", "")[:30]
    errors: dict[str, str] = {}
    facts: dict[str, Any] = {
        "current": "settlements", "people": grouped(people), "errors": errors, "chosen": chosen,
        "person": None, "rows": (), "mine": mine,
    }  # fmt: skip
    if mine is None and "person" not in query:
        return view.respond(request, "settlements.html", **facts)
    person = mine or next((one for one in people if str(one.person_id) == chosen), None)
    if person is None:
        errors["person"] = view.text("error_person")
        return view.respond(request, "settlements.html", status=422, **facts)
    async with platform.database.transaction() as connection:
        actor = mine.actor if mine else _VISITOR
        found = await receipts.of_person(platform, connection, person.person_id, actor)
    gone = {one.reverses for one, _ in found if one.reverses is not None}
    facts |= {"person": person, "rows": [_row(view, one, name, gone) for one, name in found]}
    return view.respond(request, "settlements.html", **facts)


def _row(view: View, one: Settlement, provider: str, gone: set[int]) -> dict[str, Any]:
    notes: list[str] = []
    if one.channel == "claim":
        notes.append(view.text("receipt_claim"))
    if one.reverses is not None:
        notes.append(view.text("receipt_is_reversal"))
    elif one.settlement_id in gone:
        notes.append(view.text("receipt_was_reversed"))
    return {
        "address": f"/settlements/{one.person_id}/{one.settlement_id}",
        "provider": provider,
        "care": receipts_shown.care_name(one).in_language(view.language),
        "day": f"{one.settled_at:%Y-%m-%d}",
        "total": one.total,
        "funds": one.funds,
        "own": one.person,
        "notes": notes,
    }


@get("/settlements/{person_id:int}/{settlement_id:int}", include_in_schema=False)
async def settlement(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    person_id: FromPath[int],
    settlement_id: FromPath[int],
) -> Response[Any]:
    """One receipt."""
    view = View.of(request)
    mine = await whose(request, platform, "settlements", _VISITOR.purpose)
    async with platform.database.transaction() as connection:
        allowed = (
            {mine.person_id}
            if mine
            else {one.person_id for one in await population.demo_persons(connection)}
        )
        if person_id not in allowed:
            raise NoSuchSettlement
        actor = mine.actor if mine else _VISITOR
        found = await receipts.read(platform, connection, person_id, settlement_id, actor)
    if request.query_params.get("format") == "pdf":
        return await as_pdf(platform, found)
    return view.respond(request, "settlement.html", current="settlements", **explained(view, found))


async def as_pdf(platform: Platform, receipt: Receipt) -> Response[bytes]:
    """The receipt as PDF."""
    # Typesetting takes a tenth of a second; others are answered meanwhile.
    content = await asyncio.to_thread(receipts_shown.as_pdf, receipt, platform.clock.now())
    name = f'attachment; filename="settlement-{receipt.settlement.settlement_id}.pdf"'
    headers = {**SECURITY_HEADERS, "Content-Disposition": name}
    return Response(content, media_type="application/pdf", headers=headers)


def explained(view: View, receipt: Receipt) -> dict[str, Any]:
    """What the page of a receipt tells."""
    one, quote, language = receipt.settlement, receipt.quote, view.language

    def said(text: Any) -> str:
        return "" if text is None else text.in_language(language)

    return {
        "receipt": receipt,
        "one": one,
        "mark": said(receipts_shown.mark(receipt)),
        "card": said(receipts_shown.card_note(receipt)),
        "facts": [(said(name), said(value)) for name, value in receipts_shown.facts(receipt)],
        "pays": [(said(name), amount) for name, amount in receipts_shown.who_pays(one)],
        "parts": [(said(name), amount) for name, amount in receipts_shown.bill_parts(one)],
        "steps": [
            (said(policies_shown.step_text(step)), step.clause)
            for step in (quote.steps if quote else ())
        ],
        "documents": quote.policy.documents if quote else (),
        "unverified": quote is not None and quote.policy.review == "unverified",
        "lines": [
            (line, said(receipts_shown.line_note(line)), _split(view, line))
            for line in receipt.lines
        ],
        "year": [
            (
                said(receipts_shown.YEAR_NAMES[name]),
                receipts_shown.year_amount(name, before),
                receipts_shown.year_amount(name, after),
            )
            for name, before, after in receipt.accumulated()
        ],
        "recomputed": said(receipts_shown.RECOMPUTED[receipt.recomputed]),
    }


def _split(view: View, line: SplitLine) -> list[tuple[str, int]]:
    """What of a line is not in scope."""
    parts = (
        (view.text("receipt_first_pay"), line.first_pay),
        (view.text("receipt_over_limit"), line.over_limit),
        (view.text("receipt_self_paid"), line.self_paid),
    )
    return [(name, amount) for name, amount in parts if amount]


routes = [settlements, settlement]
