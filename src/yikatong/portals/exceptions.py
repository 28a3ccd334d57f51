"""Exceptions to work on (待处理), for operator, finance and auditor; and as JSON."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.response import Redirect

from yikatong.core.clock import SHANGHAI
from yikatong.core.days import moment_in_words
from yikatong.core.errors import InvalidInput, NotFound, YikatongError
from yikatong.core.platform import Platform
from yikatong.identity import office
from yikatong.identity.approvals.service import Approvals
from yikatong.money.bodies import PROBLEMS
from yikatong.money.outside import reconciliation
from yikatong.money.outside.interface import BankConnector
from yikatong.portals import exceptions_found, exceptions_store
from yikatong.portals.exceptions_found import Found
from yikatong.portals.sign_in import answer_wrong, read_form
from yikatong.portals.signed_in import same_site
from yikatong.portals.staff_frame import frame_of
from yikatong.portals.staff_sign_in import require_staff
from yikatong.portals.view import View
from yikatong.trust.access import Caller

ADDRESS: Final = "/operations/exceptions"
_SHOWN: Final = 100
_KEPT: Final = timedelta(days=180)
_DONE: Final = ("taken", "agrees", "differs")
_Wrong = tuple[dict[str, str], int, dict[str, str]]


class NothingToTake(NotFound):
    """It was mended meanwhile, or is not the caller's to see."""

    code = "no_such_exception"

    def __init__(self) -> None:
        super().__init__(
            zh="这一项已经不在了：可能已处理好，请看最新列表",
            en="it is not there any more: it may have been mended; see the list",
            field="exceptions",
        )


async def forget_old(platform: Platform) -> None:
    """Delete who took on what long ago."""
    async with platform.database.transaction() as connection:
        await exceptions_store.forget(connection, platform.clock.now() - _KEPT)


async def _found(
    platform: Platform, caller: Caller, approvals: Approvals
) -> tuple[datetime, Sequence[Found]]:
    async with platform.database.transaction(readonly=True) as connection:
        found = await exceptions_found.find(platform, connection, caller, approvals)
    return platform.clock.now(), found


@get(ADDRESS, include_in_schema=False)
async def exceptions(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    approvals: NamedDependency[Approvals],
) -> Response[Any]:
    """All that waits for somebody, the oldest first."""
    return await _show(request, platform, approvals)


async def _show(
    request: Request[Any, Any, Any],
    platform: Platform,
    approvals: Approvals,
    wrong: _Wrong = ({}, 200, {}),
) -> Response[Any]:
    session, caller = await require_staff(request, platform, "operations.read")
    view, (errors, status, headers) = View.of(request), wrong
    if request.method == "POST":
        view.path, view.query = ADDRESS, []
    at, found = await _found(platform, caller, approvals)
    done = request.query_params.get("done", "")
    response = view.respond(
        request,
        "exceptions.html",
        status=status,
        member=session,
        frame=frame_of(view, session),
        current="exceptions",
        errors=errors,
        done=done if done in _DONE else "",
        at=moment_in_words(at, view.language, seconds=True),
        nation=caller.everywhere("operations.read"),
        hidden=len(found) - _SHOWN,
        rows=[_row(view, one, caller) for one in found[:_SHOWN]],
    )
    response.headers.update(headers)
    return response


def _since(view: View, at: datetime) -> str:
    """Since when; what is known by the day alone stands at its midnight."""
    midnight = at.astimezone(SHANGHAI).time() == time()
    return view.date(at) if midnight else view.day(at)


def _row(view: View, one: Found, caller: Caller) -> dict[str, Any]:
    return {
        "kind": one.kind,
        "subject": one.subject,
        "moment": one.since.isoformat(),
        "since": _since(view, one.since),
        "what": one.what.in_language(view.language),
        "why": one.why.in_language(view.language),
        "to_do": one.to_do.in_language(view.language),
        "link": one.link,
        "again": one.again if caller.may("bank.reconcile") else None,
        "taken": view.text(
            "exceptions_taken_by",
            by=one.taken_by,
            at=view.day(one.taken_at),
        )
        if one.taken_at
        else "",
        "may_take": not one.taken_by and caller.may("exception.take"),
    }


@post(f"{ADDRESS}/taken", include_in_schema=False)
async def take(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    approvals: NamedDependency[Approvals],
) -> Response[Any]:
    """The reader takes an exception on; pressed twice, or by two, it is the first one's."""
    same_site(request)
    _, caller = await require_staff(request, platform, "exception.take", form_at=ADDRESS)
    sent = await read_form(request, "kind", "subject", "since")
    try:
        _, found = await _found(platform, caller, approvals)
        chosen = [
            one
            for one in found
            if (one.kind, one.subject, one.since.isoformat())
            == (sent["kind"], sent["subject"], sent["since"])
        ]
        if not chosen:
            raise NothingToTake
        await _take(platform, caller, chosen[0])
    except YikatongError as error:
        errors, status, headers = answer_wrong(View.of(request), error, "exceptions")
        status = error.status if isinstance(error, NothingToTake) else status
        return await _show(request, platform, approvals, (errors, status, headers))
    return Redirect(f"{ADDRESS}?done=taken", status_code=303)


async def _take(platform: Platform, caller: Caller, one: Found) -> None:
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        if await exceptions_store.take(connection, one.key, caller.name, now):
            await office.record(
                connection, caller.actor("exceptions"), now, "exception.taken",
                f"{one.kind} {one.subject}"[:100], {"since": one.since.isoformat()},
            )  # fmt: skip


@post(f"{ADDRESS}/reconciled", include_in_schema=False)
async def compare_again(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    approvals: NamedDependency[Approvals],
    connectors: NamedDependency[dict[str, Any]],
) -> Response[Any]:
    """Compare a day with a bank once more; done twice it changes nothing that agrees."""
    same_site(request)
    _, caller = await require_staff(request, platform, "bank.reconcile", form_at=ADDRESS)
    sent = await read_form(request, "bank", "day")
    try:
        caller.require("bank.reconcile")
        result = await _compare(platform, caller, connectors, sent)
    except YikatongError as error:
        errors, status, headers = answer_wrong(View.of(request), error, "exceptions")
        # Whichever field it is of, the form has but its button.
        wrong = ({"exceptions": next(iter(errors.values()))}, status, headers)
        return await _show(request, platform, approvals, wrong)
    return Redirect(f"{ADDRESS}?done={result}", status_code=303)


async def _compare(
    platform: Platform,
    caller: Caller,
    connectors: Mapping[str, BankConnector],
    sent: dict[str, str],
) -> str:
    bank = connectors.get(sent["bank"])
    if bank is None:
        raise InvalidInput(
            "bank", zh="没有这家银行的接口", en="there is no connection to this bank"
        )
    try:
        day = date.fromisoformat(sent["day"])
    except ValueError:
        raise InvalidInput("day", zh="应为日期", en="must be a date") from None
    compared = await reconciliation.reconcile(platform, bank, day)
    stands = any(one.kind not in reconciliation.RESOLVED for one in compared.differences)
    async with platform.database.transaction() as connection:
        await office.record(
            connection, caller.actor("exceptions"), platform.clock.now(), "bank.reconciled",
            bank.code, {"day": f"{day}", "differs": stands},
        )  # fmt: skip
    return "differs" if stands else "agrees"


@get(
    "/api/v1/operations/exceptions",
    summary="What waits for somebody: failed work, differences, what is late or held",
    responses=PROBLEMS,
    tags=["operations"],
    permission="operations.read",
)
async def as_json(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    approvals: NamedDependency[Approvals],
) -> dict[str, Any]:
    """The oldest first, at most 1 000; an empty list says that all is well. `at`: when it was looked."""
    at, found = await _found(platform, caller, approvals)
    return {
        "at": at.isoformat(),
        "exceptions": [
            {
                "kind": one.kind,
                "subject": one.subject,
                "region": one.region,
                "since": one.since.isoformat(),
                "what": one.what.as_dict(),
                "why": one.why.as_dict(),
                "to_do": one.to_do.as_dict(),
                "page": one.link or None,
                "taken_by": one.taken_by or None,
            }
            for one in found[:1000]
        ],
    }


routes: Final = [exceptions, take, compare_again]
api_routes: Final = [as_json]
