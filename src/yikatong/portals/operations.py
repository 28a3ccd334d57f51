"""Payment runs for finance: all of the reader's regions, one as it goes on, its lines, its report.

Who may only look sees what may be done next, and no button.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Stream

from yikatong.benefits.runs import files, report, service, shown
from yikatong.benefits.runs.errors import NoSuchRun
from yikatong.benefits.runs.model import (
    FINDINGS,
    FUND_NAMES,
    GROUP_NAMES,
    INSURANCES,
    LINE_STATE_NAMES,
    STATE_NAMES,
    WORKING,
    Finding,
    Line,
    Run,
    Summary,
    WithBank,
)
from yikatong.benefits.runs.paydays import payday
from yikatong.core.clock import today
from yikatong.core.errors import InvalidInput, YikatongError
from yikatong.core.money import format_yuan, format_yuan_grouped, parse_yuan
from yikatong.core.months import parse_month
from yikatong.core.platform import Platform
from yikatong.core.regions import Region
from yikatong.core.sealing import mask_name
from yikatong.identity.staff.model import StaffSession
from yikatong.people import service as people_room
from yikatong.portals.check import place_of
from yikatong.portals.kept import plain
from yikatong.portals.sign_in import answer_wrong, read_form
from yikatong.portals.signed_in import same_site
from yikatong.portals.staff_frame import frame_of
from yikatong.portals.staff_sign_in import kept_form, require_staff
from yikatong.portals.view import SECURITY_HEADERS, View
from yikatong.trust.access import NATION, Caller

RUNS: Final = "/operations/runs"
_SHOWN: Final = 50
_REFRESH_SECONDS: Final = 2
_FUNDS: Final = tuple(
    (f"{benefit}-{insurance}", benefit, insurance)
    for benefit, insurances in INSURANCES.items()
    for insurance in insurances
)
_ACTS: Final[dict[str, tuple[str, ...]]] = {
    "preparing": ("cancel",),
    "prepared": ("check", "cancel"),
    "checked": ("approve", "check", "cancel"),
    "approved": ("pay", "cancel"),
    "paid": ("correct",),
}
"""What may be done with a run in a state, the usual first."""
_ONLY: Final = {
    "findings": "run_findings", "returned": "run_lines_returned", "sent": "bank_file_lines_open",
}  # fmt: skip
"""Which lines alone can be looked at, and what that page is called."""
_COMMANDS: Final[dict[str, Callable[[Platform, int, str], Awaitable[Run]]]] = {
    "check": service.check,
    "pay": service.pay,
    "cancel": service.cancel,
    "correct": service.correct,
}
Wrong = tuple[dict[str, str], int, dict[str, str]]
_RIGHT: Final[Wrong] = ({}, 200, {})


@get(RUNS, include_in_schema=False)
async def runs(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """The newest of the reader's regions, and the form for a new one."""
    session, caller = await require_staff(request, platform, "run.read")
    view = View.of(request)
    form = {
        "fund": _FUNDS[0][0],
        "region": _own_place(view, caller),
        "month": f"{today(platform.clock):%Y-%m}",
    }
    typed = await kept_form(request, platform, session.staff_number)
    form |= {name: text for name, text in plain(typed, *form).items() if text}
    return await _list(request, platform, session, caller, form)


def _own_place(view: View, caller: Caller) -> str:
    """The one region of a member of one; empty for several, or the nation."""
    areas = caller.regions("run.prepare")
    only = next(iter(areas)) if len(areas) == 1 else NATION
    return "" if only == NATION else view.place(only, short=True)


async def _list(
    request: Request[Any, Any, Any],
    platform: Platform,
    session: StaffSession,
    caller: Caller,
    form: dict[str, str],
    wrong: Wrong = _RIGHT,
    candidates: Sequence[Region] = (),
) -> Response[Any]:
    view = View.of(request)
    found = await service.runs(platform, areas=caller.regions("run.read"), limit=_SHOWN)
    rows = [
        {
            "address": f"{RUNS}/{one.run_id}",
            "title": shown.title(one, view.language),
            "state": STATE_NAMES[one.state].in_language(view.language),
            "day": view.day(one.prepared_at),
            "lines": f"{one.lines:,}",
            "amount": one.approved_amount,
        }
        for one in found
    ]
    funds = [(code, FUND_NAMES[fund].in_language(view.language)) for code, _, fund in _FUNDS]
    return _respond(
        request, view, "runs.html", session, wrong, RUNS, rows=rows, form=form, funds=funds,
        candidates=candidates, prepares=caller.may("run.prepare"),
    )  # fmt: skip


def _respond(
    request: Request[Any, Any, Any],
    view: View,
    template: str,
    session: StaffSession,
    wrong: Wrong,
    path: str,
    **facts: Any,
) -> Response[Any]:
    errors, status, headers = wrong
    # After a form that was wrong, language and type size are switched on the page it stands on.
    view.path, view.query = (path, []) if request.method == "POST" else (view.path, view.query)
    response = view.respond(
        request,
        template,
        status=status,
        member=session,
        errors=errors,
        current="runs",
        frame=frame_of(view, session),
        **facts,
    )
    response.headers.update(headers)
    return response


@post(RUNS, include_in_schema=False)
async def prepare(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """A new run, or the month's that is there."""
    same_site(request)
    session, caller = await require_staff(request, platform, "run.prepare")
    view = View.of(request)
    form = await read_form(request, "fund", "region", "region_code", "month")
    errors: dict[str, str] = {}
    place, candidates = place_of(view, form["region"], form["region_code"], "region", errors)
    fund = next((one for one in _FUNDS if one[0] == form["fund"]), _FUNDS[0])
    try:
        month = parse_month(form["month"], "month")
        if place is not None:
            caller.require("run.prepare", place.code)
            one = await service.prepare(platform, fund[1], place.code, month, caller.name, fund[2])
            return Redirect(f"{RUNS}/{one.run_id}", status_code=303)
    except YikatongError as error:
        errors |= answer_wrong(view, error, "region")[0]
    wrong: Wrong = (errors, 422, {})
    return await _list(request, platform, session, caller, form, wrong, candidates)


async def run_of(platform: Platform, run_id: int) -> Run:
    if not 0 < run_id < 2**63:
        raise NoSuchRun
    return await service.find(platform, run_id)


@get(f"{RUNS}/{{run_id:int}}", include_in_schema=False)
async def run(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform], run_id: FromPath[int]
) -> Response[Any]:
    """How a run stands and what comes next; loads itself again while something is under way."""
    session, caller = await require_staff(request, platform, "run.read")
    one = await run_of(platform, run_id)
    caller.require("run.read", one.region)
    return await show_run(request, platform, session, caller, run_id)


async def show_run(
    request: Request[Any, Any, Any],
    platform: Platform,
    session: StaffSession,
    caller: Caller,
    run_id: int,
    wrong: Wrong = _RIGHT,
) -> Response[Any]:
    view = View.of(request)
    found = await service.summary(platform, run_id)
    facts = _facts(view, found) | _next(view, found, caller)
    banks = await files.with_banks(platform, found.run)
    facts |= {
        "banks": [_with_bank(view, one) for one in banks],
        "prepares": caller.may("run.prepare", found.run.region),
        "taken": _taken(view, request.query_params.get("taken", "")),
    }
    return _respond(request, view, "run.html", session, wrong, f"{RUNS}/{run_id}", **facts)


def _with_bank(view: View, one: WithBank) -> dict[str, Any]:
    nothing = (0, 0)
    back = [one.states.get(name, nothing) for name in ("returned", "corrected")]
    return {
        "bank": one.bank,
        "lines": one.lines,
        "amount": one.amount,
        "credited": one.states.get("paid", nothing),
        "returned": tuple(map(sum, zip(*back, strict=True))),
        "open": one.states.get("sent", nothing),
        "made": view.day(one.file.made_at) if one.file else "",
        "made_by": one.file.made_by if one.file else "",
        "answered": view.day(one.file.answered_at) if one.file else "",
    }


def _taken(view: View, text: str) -> str:
    """What an answer file came to, as its upload told."""
    counts = text.split("-")
    if len(counts) != 3 or not all(one.isascii() and one.isdigit() for one in counts):
        return ""
    credited, returned, known = (f"{int(one[:9]):,}" for one in counts)
    return view.text("bank_file_taken", credited=credited, returned=returned, known=known)


def _to_correct(found: Summary) -> int:
    return sum(found.states.get(name, (0, 0))[0] for name in ("returned", "blocked"))


def _next(view: View, found: Summary, caller: Caller) -> dict[str, Any]:
    """What comes next, and the reader's part in it."""
    one, done = found.run, found.progress
    prepares = caller.may("run.prepare", one.region)
    approves = caller.may("run.approve", one.region)
    second = caller.name.casefold() != one.prepared_by.casefold()
    may = {
        "check": prepares,
        "cancel": prepares,
        "pay": prepares and done.payable > 0,
        "approve": approves and second and done.payable > 0,
        "correct": prepares and _to_correct(found) > 0,
    }
    says: list[str] = []
    if one.state in ("prepared", "approved"):
        says.append(view.text(f"run_say_{one.state}"))
    elif one.state == "checked" and may["approve"]:
        amount, count = format_yuan_grouped(done.payable_amount), f"{done.payable:,}"
        says.append(view.text("run_say_approve", amount=amount, count=count))
    elif one.state == "checked":
        says.append(view.text("run_say_not_you" if approves and not second else "run_say_checked"))
    elif one.state == "paid" and _to_correct(found):
        says.append(view.text("run_say_correct", count=f"{_to_correct(found):,}"))
    acts = [name for name in _ACTS.get(one.state, ()) if may[name]]
    return {"says": says, "acts": acts, "total": format_yuan(done.payable_amount)}


@post(f"{RUNS}/{{run_id:int}}", include_in_schema=False)
async def carry_out(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform], run_id: FromPath[int]
) -> Response[Any]:
    """The next step of a run; pressed twice it does nothing the second time."""
    same_site(request)
    session, caller = await require_staff(request, platform, "run.read")
    one = await run_of(platform, run_id)
    caller.require("run.read", one.region)
    sent = await read_form(request, "do", "total")
    try:
        if sent["do"] == "approve":
            caller.require("run.approve", one.region)
            total = parse_yuan(sent["total"], "total")
            one = await service.approve(platform, run_id, caller.name, total)
        else:
            caller.require("run.prepare", one.region)
            command = _COMMANDS.get(sent["do"])
            if command is None:
                raise InvalidInput("do", zh="请选择要做的事", en="choose what is to be done")
            one = await command(platform, run_id, caller.name)
    except YikatongError as error:
        errors, status, headers = answer_wrong(View.of(request), error, "next")
        # Whichever field it is of, the form has but its buttons.
        wrong = ({"next": next(iter(errors.values()))}, status, headers)
        return await show_run(request, platform, session, caller, run_id, wrong)
    return Redirect(f"{RUNS}/{one.run_id}", status_code=303)


@get(f"{RUNS}/{{run_id:int}}/lines", include_in_schema=False)
async def lines(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform], run_id: FromPath[int]
) -> Response[Any]:
    """Line by line, or those with findings, or those that came back; each look is recorded."""
    session, caller = await require_staff(request, platform, "run.read")
    one = await run_of(platform, run_id)
    caller.require("run.read", one.region)
    view, only = View.of(request), request.query_params.get("only", "")
    behind = request.query_params.get("after", "")
    after = int(behind) if behind.isascii() and behind.isdigit() and len(behind) < 19 else -1
    who = caller.actor("payment run")
    told: list[tuple[Line, list[Finding]]] = []
    if only == "findings":
        found = await service.findings(platform, run_id, who, after=after, limit=_SHOWN)
        for line, finding in found:
            if told and told[-1][0].person_id == line.person_id:
                told[-1][1].append(finding)
            else:
                told.append((line, [finding]))
        full = len(found) == _SHOWN
        if full and len(told) > 1:
            # Of the last person some may be missing: on the next page there are all.
            told.pop()
    else:
        states = (only,) if only in ("returned", "sent") else None
        page = await service.lines(platform, run_id, who, after=after, limit=_SHOWN, states=states)
        told += [(line, []) for line in page]
        full = len(page) == _SHOWN
    async with platform.database.transaction(readonly=True) as connection:
        names = await people_room.names(connection, [line.person_id for line, _ in told])
    more = {"only": only} if only in _ONLY else {}
    return _respond(
        request, view, "run-lines.html", session, _RIGHT, "", run_id=run_id,
        title=shown.title(one, view.language),
        heading=view.text(_ONLY.get(only, "run_lines")),
        rows=[_row(view, line, found, names.get(line.person_id, "")) for line, found in told],
        more=f"?{urlencode({**more, 'after': told[-1][0].person_id})}" if full and told else "",
    )  # fmt: skip


def _row(view: View, line: Line, found: Sequence[Finding], name: str) -> dict[str, Any]:
    language = view.language
    known = FINDINGS.get(line.reason or "")
    return {
        "person": str(line.person_id),
        "name": mask_name(name),
        "change": GROUP_NAMES[line.change].in_language(language),
        "state": LINE_STATE_NAMES[line.state].in_language(language),
        "reason": known.text.in_language(language) if known else line.reason or "",
        "amount": line.amount,
        "before": line.before,
        "findings": [
            (
                FINDINGS[one.code].text.in_language(language),
                FINDINGS[one.code].remedy.in_language(language),
            )
            for one in found
        ],
    }


@get(f"{RUNS}/{{run_id:int}}/report/{{kind:str}}", include_in_schema=False)
async def as_file(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    run_id: FromPath[int],
    kind: FromPath[str],
) -> Response[Any] | Stream:
    """The report: one page of PDF, or every line as CSV."""
    _, caller = await require_staff(request, platform, "run.read")
    one = await run_of(platform, run_id)
    caller.require("run.read", one.region)
    if kind not in ("csv", "pdf"):
        raise NoSuchRun
    headers = {
        **SECURITY_HEADERS,
        "Content-Disposition": f'attachment; filename="run-{run_id}.{kind}"',
    }
    if kind == "csv":
        content = report.as_csv(platform, run_id, caller.actor("payment run"))
        return Stream(content, media_type="text/csv; charset=utf-8", headers=headers)
    found = await service.summary(platform, run_id)
    # Typesetting takes a tenth of a second; others are answered meanwhile.
    page = await asyncio.to_thread(report.as_pdf, found, platform.clock.now())
    return Response(page, media_type="application/pdf", headers=headers)


def _facts(view: View, found: Summary) -> dict[str, Any]:
    one, done = found.run, found.progress
    language = view.language
    count, of = {
        "checking": (done.checked, done.lines),
        "paying": (done.paid, done.payable),
    }.get(one.state, (0, 0))
    people = [
        ("run_prepared", one.prepared_by, one.prepared_at),
        ("run_checked", one.checked_by, one.checked_at),
        ("run_approved", one.approved_by, one.approved_at),
        ("run_paid", one.started_by, one.paid_at),
        ("run_cancelled", one.cancelled_by, one.cancelled_at),
    ]
    return {
        "title": shown.title(one, language),
        "one": one,
        "payday": payday(one.region, one.month),
        "refresh": _REFRESH_SECONDS if one.state in WORKING else 0,
        "state": STATE_NAMES[one.state].in_language(language),
        "good": one.state == "paid",
        "done": done,
        "count": count,
        "of": of,
        "share": round(100 * count / of) if of else 0,
        "people": [(view.text(name), who, view.day(at)) for name, who, at in people if who],
        "returned": found.states.get("returned", (0, 0))[0],
        "before": found.before,
        "amount": found.amount,
        "groups": [
            (GROUP_NAMES[each.group].in_language(language), each)
            for each in sorted(found.groups, key=lambda each: list(GROUP_NAMES).index(each.group))
        ],
        "states": [
            (LINE_STATE_NAMES[name].in_language(language), lines, amount)
            for name, (lines, amount) in found.states.items()
        ],
        "findings": [
            (
                FINDINGS[code].text.in_language(language),
                FINDINGS[code].remedy.in_language(language),
                lines,
                blocks,
            )
            for code, (lines, blocks) in found.findings.items()
        ],
    }


routes: Final = [runs, prepare, run, carry_out, lines, as_file]
