"""What staff see to around payment runs: payments that came back, and overpaid sums paid back by hand."""

import uuid
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect

from yikatong.benefits.model import Due
from yikatong.benefits.runs import paid_back, returned, shown
from yikatong.benefits.runs.model import FUND_NAMES
from yikatong.core.errors import YikatongError
from yikatong.core.money import parse_yuan
from yikatong.core.platform import Platform
from yikatong.core.sealing import mask_name
from yikatong.money.bank.banks import banks
from yikatong.money.bodies import check_key
from yikatong.money.contributions.service import Notice
from yikatong.people import service as people
from yikatong.portals.kept import plain
from yikatong.portals.sign_in import answer_wrong, read_form
from yikatong.portals.signed_in import same_site
from yikatong.portals.staff_frame import frame_of
from yikatong.portals.staff_sign_in import kept_form, require_staff
from yikatong.portals.view import View
from yikatong.trust.access import not_there, within

ADDRESS: Final = "/operations/by-hand"
_TAKEN: Final = ("bank", "reference", "amount", "key", "due")
_DONE: Final = ("right", "taken")
_SHOWN: Final = 100
_Wrong = tuple[dict[str, str], int, dict[str, str]]
_RIGHT: Final[_Wrong] = ({}, 200, {})


@get(ADDRESS, include_in_schema=False)
async def by_hand(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Both lists of the reader's regions, names masked; each look is recorded."""
    session, _ = await require_staff(request, platform, "benefit.read")
    typed = await kept_form(request, platform, session.staff_number)
    # Of the forms here one alone has something typed into it; it says of which amount it is.
    sent = plain(typed, *_TAKEN) if typed and typed.get("due") else None
    return await _show(request, platform, sent=sent)


async def _show(
    request: Request[Any, Any, Any],
    platform: Platform,
    wrong: _Wrong = _RIGHT,
    sent: dict[str, str] | None = None,
) -> Response[Any]:
    session, caller = await require_staff(request, platform, "benefit.read")
    view, (errors, status, headers) = View.of(request), wrong
    if request.method == "POST":
        view.path, view.query = ADDRESS, []
    areas = sorted(caller.regions("benefit.read"))
    who = caller.actor("payments returned, recoveries")
    back = await returned.listed(platform, who, areas, limit=_SHOWN)
    owed = await paid_back.open_recoveries(platform, who, areas, limit=_SHOWN)
    async with platform.database.transaction(readonly=True) as connection:
        names = await people.names(
            connection, [*{one.person_id for one in back} | {one.person_id for one in owed}]
        )
    done = request.query_params.get("done", "")
    language = view.language
    response = view.respond(
        request, "by-hand.html", status=status, member=session, current="by_hand", errors=errors,
        frame=frame_of(view, session),
        done=done if done in _DONE else "", sent=sent or {"due": ""}, key=uuid.uuid4().hex,
        banks=[(one.code, one.name.in_language(language)) for one in banks().values()],
        back=[
            {
                "person": str(one.person_id),
                "name": mask_name(names.get(one.person_id, "")),
                "benefit": FUND_NAMES[one.insurance].in_language(language),
                "place": view.place(one.region, short=True),
                "month": f"{one.month:%Y-%m}" if one.month else "",
                "amount": one.amount,
                "bank": one.bank or "",
                "reason": shown.reason_text(one.reason, language) or "",
                "may": caller.may("benefit.apply", one.region),
            }
            for one in back
        ],
        owed=[
            {
                **_owed(view, one),
                "name": mask_name(names.get(one.person_id, "")),
                "may": caller.may("benefit.recover", one.region),
            }
            for one in owed
        ],
    )  # fmt: skip
    response.headers.update(headers)
    return response


def _owed(view: View, one: Due) -> dict[str, Any]:
    months = f"{one.month_from:%Y-%m} – {one.month_until:%Y-%m}" if one.month_from else ""
    return {
        "person": str(one.person_id),
        "due": str(one.due_id),
        "benefit": FUND_NAMES[one.insurance].in_language(view.language),
        "place": view.place(one.region, short=True),
        "months": months,
        "why": view.text(f"by_hand_{one.reason}"),
        "amount": one.amount,
    }


@post(f"{ADDRESS}/returned/{{person_id:int}}", include_in_schema=False)
async def account_right(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform], person_id: FromPath[int]
) -> Response[Any]:
    """The account was put right: pay again."""
    same_site(request)
    _, caller = await require_staff(request, platform, "benefit.apply", form_at=ADDRESS)
    sent = await read_form(request, "key")
    try:
        async with platform.database.transaction(readonly=True) as connection:
            mine = await returned.of_person(connection, person_id)
        areas = caller.regions("benefit.apply")
        if mine and not any(within(one.region, area) for one in mine for area in areas):
            raise not_there("benefit.apply")
        who = caller.actor("payments returned")
        await returned.account_is_right(platform, person_id, who, check_key(sent["key"], "key"))
    except YikatongError as error:
        errors, status, headers = answer_wrong(View.of(request), error, "returned")
        wrong = ({"returned": next(iter(errors.values()))}, status, headers)
        return await _show(request, platform, wrong)
    return Redirect(f"{ADDRESS}?done=right", status_code=303)


@post(f"{ADDRESS}/recoveries/{{person_id:int}}/{{due_id:int}}", include_in_schema=False)
async def take(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    person_id: FromPath[int],
    due_id: FromPath[int],
) -> Response[Any]:
    """A bank took in all of it, or a part."""
    same_site(request)
    _, caller = await require_staff(request, platform, "benefit.recover", form_at=ADDRESS)
    sent = await read_form(request, *_TAKEN) | {"due": str(due_id)}
    try:
        due = await paid_back.find(platform, person_id, due_id)
        caller.require("benefit.recover", due.region)
        amount = parse_yuan(sent["amount"].replace(",", ""), "amount")
        notice = Notice(sent["bank"], sent["reference"], amount)
        who, key = caller.actor("recoveries"), check_key(sent["key"], "key")
        await paid_back.take(platform, person_id, due_id, notice, who, key)
    except YikatongError as error:
        told, status, headers = answer_wrong(View.of(request), error, "recoveries")
        known = ("bank", "reference", "amount")
        errors = {
            f"{name}-{due_id}" if name in known else "recoveries": text
            for name, text in told.items()
        }
        return await _show(request, platform, (errors, status, headers), sent)
    return Redirect(f"{ADDRESS}?done=taken", status_code=303)


routes: Final = [by_hand, account_right, take]
