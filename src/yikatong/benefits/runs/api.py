"""JSON routes of payment runs.

Commands are harmless when sent twice, so they need no Idempotency-Key. What takes long is begun and
gone on with by the platform: ask the run for its state.
"""

import asyncio
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream

from yikatong.benefits.model import Benefit, BenefitInsurance
from yikatong.benefits.runs import files, report, service, shown
from yikatong.benefits.runs.model import CHANGES, CODES, LINE_STATES, WORKING, Run
from yikatong.benefits.runs.shown import FindingBody, LineBody, RunBody, SummaryBody
from yikatong.core.bodies import attachment
from yikatong.core.errors import one_of
from yikatong.core.money import format_yuan, parse_yuan
from yikatong.core.months import parse_month
from yikatong.core.platform import Platform
from yikatong.core.problems import Problem, of_a_file
from yikatong.money.bodies import Amount, Identifier
from yikatong.trust.access import Caller
from yikatong.trust.audit import Actor

PROBLEMS: Final = {
    401: ResponseSpec(Problem, description="No valid token."),
    404: ResponseSpec(Problem, description="No such run."),
    409: ResponseSpec(
        Problem,
        description="Understood and refused, without any change; `code` says why: run_state,"
        " same_person, total_differs, nothing_to_correct, earlier_run_open.",
    ),
    422: ResponseSpec(Problem, description="A field is wrong; `field` names it."),
    503: ResponseSpec(Problem, description="Try again: nothing is done twice."),
}
_TAGS: Final = ["payment runs"]
_PATH: Final = "/api/v1/benefits/runs"
_ONE: Final = _PATH + "/{run_id:int}"

Month = Annotated[
    str,
    msgspec.Meta(
        max_length=10, description="Such as 2026-03.", extra_json_schema={"examples": ["2026-03"]}
    ),
]


class PrepareBody(msgspec.Struct, forbid_unknown_fields=True):
    """A region's benefit of a month."""

    benefit: Benefit
    region: Annotated[str, msgspec.Meta(max_length=6, description="GB/T 2260.")]
    month: Month
    insurance: Annotated[
        BenefitInsurance | None,
        msgspec.Meta(description="Whose fund pays: of pensions 110 (the default) or 150."),
    ] = None


class ApproveBody(msgspec.Struct, forbid_unknown_fields=True):
    """What is approved: `total` is the sum to be paid that the approver saw."""

    total: Amount


class TakenBody(msgspec.Struct):
    """What a bank's answer came to."""

    credited: int
    returned: int
    known: int


class BalanceBody(msgspec.Struct):
    """Three sums that must be one, in yuan."""

    month: str
    runs: int
    paid: str
    fund: str
    banks: str
    agrees: bool


async def _at_home(platform: Platform, caller: Caller, permission: str, run_id: int) -> Actor:
    """Who asks, where they may do this in the run's region; raises NotAllowed, NotFound."""
    one = await service.find(platform, run_id)
    caller.require(permission, one.region)
    return caller.actor("payment run")


def _answer(one: Run) -> Response[RunBody]:
    """202 while something is under way."""
    return Response(shown.run(one), status_code=202 if one.state in WORKING else 200)


@get(_PATH, summary="Payment runs", responses=PROBLEMS, tags=_TAGS, permission="run.read")
async def every(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    benefit: Annotated[Benefit | None, QueryParameter(name="benefit")] = None,
    region: Annotated[str | None, QueryParameter(name="region", max_length=6)] = None,
    month: Annotated[str | None, QueryParameter(name="month", max_length=10)] = None,
    limit: Annotated[int, QueryParameter(name="limit", ge=1, le=1000)] = 100,
) -> list[RunBody]:
    """The newest first."""
    first = None if month is None else parse_month(month, "month")
    areas = caller.regions("run.read")
    found = await service.runs(platform, benefit, region, first, limit, areas=areas)
    return [shown.run(one) for one in found]


@post(
    _PATH,
    status_code=202,
    summary="Prepare a run",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="run.prepare",
)
async def prepare(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    data: PrepareBody,
) -> Response[RunBody]:
    """Where the month has a run already, that one."""
    caller.require("run.prepare", data.region)
    month = parse_month(data.month, "month")
    return _answer(
        await service.prepare(
            platform, data.benefit, data.region, month, caller.name, data.insurance
        )
    )


@get(_ONE, summary="How a run stands", responses=PROBLEMS, tags=_TAGS, permission="run.read")
async def show(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    run_id: FromPath[Identifier],
) -> SummaryBody:
    """Sums, differences to last month by group, findings."""
    await _at_home(platform, caller, "run.read", run_id)
    return shown.summary(await service.summary(platform, run_id))


_COMMANDS: Final = {
    "check": service.check,
    "pay": service.pay,
    "cancel": service.cancel,
    "correct": service.correct,
}


@post(
    _ONE + "/{command:str}",
    status_code=202,
    summary="Check, pay, cancel or correct a run",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="run.prepare",
)
async def carry_out(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    run_id: FromPath[Identifier],
    command: FromPath[str],
) -> Response[RunBody]:
    """`correct` answers the new run that pays returned and stopped lines."""
    one_of(command, _COMMANDS, "command")
    await _at_home(platform, caller, "run.prepare", run_id)
    return _answer(await _COMMANDS[command](platform, run_id, caller.name))


@post(
    _ONE + "/approve",
    status_code=200,
    summary="Approve a run",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="run.approve",
)
async def approve(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    run_id: FromPath[Identifier],
    data: ApproveBody,
) -> RunBody:
    """By another person than the one who prepared it."""
    await _at_home(platform, caller, "run.approve", run_id)
    total = parse_yuan(data.total, "total")
    return shown.run(await service.approve(platform, run_id, caller.name, total))


def _known(values: list[str] | None, allowed: tuple[str, ...], field: str) -> list[str] | None:
    for value in values or ():
        one_of(value, allowed, field)
    return values


After = Annotated[int, QueryParameter(name="after", ge=-1, le=2**62)]
Limit = Annotated[int, QueryParameter(name="limit", ge=1, le=service.LINES_MAX)]
Words = list[str] | None


@get(
    _ONE + "/lines", summary="Lines of a run", responses=PROBLEMS, tags=_TAGS, permission="run.read"
)
async def lines(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    run_id: FromPath[Identifier],
    states: Annotated[Words, QueryParameter(name="state", max_items=9)] = None,
    change: Annotated[Words, QueryParameter(name="change", max_items=9)] = None,
    after: After = -1,
    limit: Limit = 100,
) -> list[LineBody]:
    """In the order of persons, behind `after`; the look is recorded with each person."""
    who = await _at_home(platform, caller, "run.read", run_id)
    found = await service.lines(
        platform, run_id, who, after=after, limit=limit,
        states=_known(states, LINE_STATES, "state"), changes=_known(change, CHANGES, "change"),
    )  # fmt: skip
    return [shown.line(one) for one in found]


@get(
    _ONE + "/findings",
    summary="What the check found",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="run.read",
)
async def findings(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    run_id: FromPath[Identifier],
    code: Annotated[Words, QueryParameter(name="code", max_items=20)] = None,
    after: After = -1,
    limit: Limit = 100,
) -> list[FindingBody]:
    """Line by line, with what to do; the look is recorded with each person."""
    who = await _at_home(platform, caller, "run.read", run_id)
    found = await service.findings(
        platform, run_id, who, after=after, limit=limit,
        codes=_known(code, CODES, "code"),
    )  # fmt: skip
    return [shown.finding(one) for one in found]


@get(
    _ONE + "/report/pdf",
    summary="The report as PDF",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="run.read",
)
async def as_pdf(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    run_id: FromPath[Identifier],
) -> Response[bytes]:
    """One page."""
    await _at_home(platform, caller, "run.read", run_id)
    found = await service.summary(platform, run_id)
    # Typesetting takes a tenth of a second; others are answered meanwhile.
    content = await asyncio.to_thread(report.as_pdf, found, platform.clock.now())
    return Response(content, media_type="application/pdf", headers=attachment(f"run-{run_id}.pdf"))


@get(
    _ONE + "/report/csv",
    summary="Every line as CSV",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="run.read",
)
async def as_csv(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    run_id: FromPath[Identifier],
) -> Stream:
    """With the difference to last month; the look is recorded with each person."""
    who = await _at_home(platform, caller, "run.read", run_id)
    await service.summary(platform, run_id)
    content = report.as_csv(platform, run_id, who)
    return Stream(
        content, media_type="text/csv; charset=utf-8", headers=attachment(f"run-{run_id}.csv")
    )


@post(_ONE + "/files/{bank:str}", status_code=200, summary="The file for an outside bank",
      responses=PROBLEMS, tags=_TAGS, permission="run.prepare")  # fmt: skip
async def bank_file(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    run_id: FromPath[Identifier],
    bank: FromPath[str],
) -> Stream:
    """With hash and signature; asked again it says the same lines."""
    await _at_home(platform, caller, "run.prepare", run_id)
    content = await files.begin(platform, run_id, bank, caller.name)
    return Stream(
        content,
        media_type="text/csv; charset=utf-8",
        headers=attachment(f"run-{run_id}-{bank}.csv"),
    )


@post(
    _ONE + "/files/{bank:str}/answer",
    status_code=200,
    summary="Take in an outside bank's answer",
    responses=PROBLEMS,
    tags=_TAGS,
    request_max_body_size=files.ANSWER_BYTES_MAX,
    permission="run.prepare",
)
async def bank_answer(
    request: Request[Any, Any, Any],
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    run_id: FromPath[Identifier],
    bank: FromPath[str],
) -> TakenBody:
    """The signed file as the body; the same file twice does nothing the second time."""
    await _at_home(platform, caller, "run.prepare", run_id)
    content = await of_a_file(request.body())
    taken = await files.take_answer(platform, run_id, bank, content, caller.name)
    return TakenBody(taken.credited, taken.returned, taken.known)


@get(
    "/api/v1/benefits/balance/{month:str}",
    summary="Sum paid, the funds' outgoings, the banks' incoming",
    responses=PROBLEMS,
    tags=_TAGS,
    permission="ledger.verify",
)
async def balance(platform: NamedDependency[Platform], month: FromPath[str]) -> BalanceBody:
    """Of a month's runs of all regions; they must be one."""
    found = await service.balance(platform, parse_month(month, "month"))
    return BalanceBody(
        f"{found.month:%Y-%m}", found.runs, format_yuan(found.paid), format_yuan(found.fund),
        format_yuan(found.banks), found.agrees,
    )  # fmt: skip


routes: Final = [
    every, prepare, show, approve, carry_out, lines, findings, as_pdf, as_csv, bank_file, bank_answer,
    balance,
]  # fmt: skip
