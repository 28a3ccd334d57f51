"""Payment runs for operations: all of them, and one as it goes on; totals only, nobody's data.

Until staff sign in here, the pages are there where the sandbox is switched on, and nowhere else.
"""

from typing import Any, Final

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from yikatong.benefits.runs import service, shown
from yikatong.benefits.runs.errors import NoSuchRun
from yikatong.benefits.runs.model import (
    FINDINGS,
    GROUP_NAMES,
    LINE_STATE_NAMES,
    STATE_NAMES,
    WORKING,
    Summary,
)
from yikatong.core.platform import Platform
from yikatong.portals.view import View

_SHOWN: Final = 50
_REFRESH_SECONDS: Final = 2


@get("/operations/runs", include_in_schema=False)
async def runs(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[str]:
    """The newest first."""
    _require_sandbox(platform)
    view = View.of(request)
    found = await service.runs(platform, limit=_SHOWN)
    rows = [
        {
            "address": f"/operations/runs/{one.run_id}",
            "title": shown.title(one, view.language),
            "state": STATE_NAMES[one.state].in_language(view.language),
            "day": f"{one.prepared_at:%Y-%m-%d %H:%M}",
            "lines": f"{one.lines:,}",
            "amount": one.approved_amount,
        }
        for one in found
    ]
    return view.respond(request, "runs.html", rows=rows)


@get("/operations/runs/{run_id:int}", include_in_schema=False)
async def run(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform], run_id: FromPath[int]
) -> Response[str]:
    """How a run stands; loads itself again while something is under way."""
    _require_sandbox(platform)
    view = View.of(request)
    if not 0 < run_id < 2**63:
        raise NoSuchRun
    found = await service.summary(platform, run_id)
    response = view.respond(request, "run.html", **_facts(view, found))
    return response


def _require_sandbox(platform: Platform) -> None:
    if not platform.settings.sandbox:
        raise NoSuchRun


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
        "refresh": _REFRESH_SECONDS if one.state in WORKING else 0,
        "state": STATE_NAMES[one.state].in_language(language),
        "good": one.state == "paid",
        "done": done,
        "count": count,
        "of": of,
        "share": round(100 * count / of) if of else 0,
        "people": [
            (view.text(name), who, f"{at:%Y-%m-%d %H:%M}" if at else "")
            for name, who, at in people
            if who
        ],
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


routes: Final = [runs, run]
