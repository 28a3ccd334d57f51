"""A settlement made at a provider's desk: the receipt to print, the cash part by card, its reversal."""

from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from yikatong.core.clock import today
from yikatong.core.errors import InvalidInput, NotFound, YikatongError
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.medical import card_payments, receipts
from yikatong.medical.provider_desk import service
from yikatong.medical.provider_desk.model import Entry
from yikatong.medical.provider_desk.service import Changed
from yikatong.medical.visits.desk import CareDesk
from yikatong.money.bank import rules as bank_rules
from yikatong.portals.clinic.desk import ClinicDesk, open_clinic
from yikatong.portals.clinic.pages import CLINIC, Typed, check_pin, kept, read
from yikatong.portals.counter.desk import FINE, Wrong
from yikatong.portals.receipts import as_pdf, explained
from yikatong.portals.sign_in import answer_wrong

_MAY: Final = "visit.handle"


@get(f"{CLINIC}/settlements/{{settlement_id:int}}", include_in_schema=False)
async def settlement(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    settlement_id: FromPath[int],
) -> Response[Any]:
    """The receipt, as page or PDF."""
    at = await open_clinic(request, platform, _MAY)
    entry = await service.entry_of(platform, at.clerk, settlement_id)
    if request.query_params.get("format") == "pdf":
        async with platform.database.transaction() as connection:
            found = await receipts.read(
                platform, connection, entry.person_id, settlement_id,
                at.clerk.actor("receipt printed"),
            )  # fmt: skip
        return await as_pdf(platform, found)
    typed = await kept(at)
    return await _show(at, entry, typed)


async def _show(at: ClinicDesk, entry: Entry, typed: Typed, wrong: Wrong = FINE) -> Response[Any]:
    desk, platform = at.desk, at.desk.platform
    address = f"{CLINIC}/settlements/{entry.settlement_id}"
    desk.view.path, desk.view.query = address, []
    async with platform.database.transaction() as connection:
        found = await receipts.read(
            platform, connection, entry.person_id, entry.settlement_id,
            at.clerk.actor("receipt at the desk"),
        )  # fmt: skip
    gone = found.reversed_by
    standing = gone is None and entry.reverses is None
    visit = await service.find(platform, at.clerk, entry.desk_id)
    return desk.respond(
        "clinic-settlement.html", wrong,
        current="clinic", provider=at.name, entry=entry, address=address, typed=typed,
        pharmacy=visit.told.care == "pharmacy", open=visit.state == "open",
        back=f"{CLINIC}/visits/{entry.desk_id}",
        by_card=found.card_payment is not None and not found.paid_back,
        reversed_by=gone.settlement_id if gone is not None else None,
        may_reverse=standing and entry.settled_at.date() == today(platform.clock),
        may_pay=standing and entry.cash > 0 and found.card_payment is None,
        key=new_id(platform.clock.now()), kept=bool(typed.form) and not wrong[0],
        **explained(desk.view, found),
    )  # fmt: skip


@post(f"{CLINIC}/settlements/{{settlement_id:int}}", include_in_schema=False)
async def act(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    care_desk: NamedDependency[CareDesk],
    settlement_id: FromPath[int],
) -> Response[Any]:
    """Pay the cash part by card, or take the settlement back for a reason."""
    at, typed = await read(request, platform, _MAY)
    entry = await service.entry_of(platform, at.clerk, settlement_id)
    pays = typed["act"] == "card"
    try:
        if pays:
            await check_pin(at, entry.person_id, typed["pin"])
            await card_payments.pay(
                platform, entry.person_id, settlement_id, at.clerk.actor("cash part by card"),
                f"desk:{typed.key(platform)}", bank_rules.PRESENT,
            )  # fmt: skip
            done = settlement_id
        else:
            made = await service.reverse(
                platform, care_desk, at.clerk, settlement_id, typed.key(platform), typed["reason"]
            )
            done = made.settlement_id
    except Changed:
        return Redirect(f"{CLINIC}/settlements/{settlement_id}", status_code=303)
    except YikatongError as error:
        if isinstance(error, NotFound):
            raise
        field = "pin" if pays else "reason"
        text = next(iter(answer_wrong(at.desk.view, error, field)[0].values()))
        status = 422 if error.status < 500 or isinstance(error, InvalidInput) else error.status
        return await _show(at, entry, typed, ({field: text}, status, {}))
    return Redirect(f"{CLINIC}/settlements/{done}", status_code=303)


routes: Final = [settlement, act]
