"""How the platform runs (运行总览): what all processes answered, how fast, what waits; and as JSON."""

from typing import Any, Final

from litestar import Request, Response, get
from litestar.di import NamedDependency

from yikatong.core import due_work, pulse
from yikatong.core.clock import SHANGHAI
from yikatong.core.days import moment_in_words
from yikatong.core.platform import Platform
from yikatong.core.pulse import Counts, Overview
from yikatong.core.tally import BOUNDS
from yikatong.money.bodies import PROBLEMS
from yikatong.portals import charts
from yikatong.portals.staff_frame import frame_of
from yikatong.portals.staff_sign_in import require_staff
from yikatong.portals.view import View

ADDRESS: Final = "/operations"
KINDS: Final = ("settlement", "verification", "payment", "hospital", "page", "api")
"""What is told apart; texts `ops_kind_<name>`."""
_DRAWN: Final = ("settlement", "verification", "payment")
_TIMED: Final = ("settlement", "page")
REFRESH: Final = {"10": 10, "60": 60}
"""Seconds after which the page loads itself again, where the reader chose so."""
_NONE: Final = Counts()


def duration(seconds: float | None, language: str) -> str:
    """A bound of time as people read it; "–" of nothing."""
    if seconds is None:
        return "–"
    if seconds == float("inf"):
        return f"> {BOUNDS[-1]:g} s"
    text = f"{seconds * 1000:g} ms" if seconds < 1 else f"{seconds:g} s"
    return f"≤ {text}" if language == "en" else f"≤{text}"


@get(ADDRESS, include_in_schema=False)
async def overview(
    request: Request[Any, Any, Any], platform: NamedDependency[Platform]
) -> Response[Any]:
    """Numbers of the last minute, hour and day. Loads itself again only for who asks for it."""
    session, _ = await require_staff(request, platform, "operations.read")
    view = View.of(request)
    async with platform.database.transaction(readonly=True) as connection:
        found = await pulse.overview(connection, platform.clock.now())
        work = await due_work.every(connection)
    chosen = request.query_params.get("refresh", "")
    facts = _rows(view, found) | _charts(view, found)
    quiet = found.at - pulse.QUIET_AFTER
    response = view.respond(
        request,
        "operations.html",
        member=session,
        frame=frame_of(view, session),
        current="operations",
        at=moment_in_words(found.at, view.language, seconds=True),
        refresh=chosen if chosen in REFRESH else "",
        choices=list(REFRESH),
        failing=sum(one.failed_since is not None for one in work),
        processes=[
            {
                "name": one.name,
                "since": view.day(one.started_at),
                "seen": f"{one.seen_at.astimezone(SHANGHAI):%H:%M:%S}",
                "lost": one.seen_at < quiet,
                "waiting": [
                    (view.text(f"ops_kind_{kind}"), count) for kind, count in one.waiting.items()
                ],
            }
            for one in found.processes
        ],
        **facts,
    )
    if chosen in REFRESH:
        # Not a meta element: nothing on the page says so to who did not choose it.
        response.headers["Refresh"] = str(REFRESH[chosen])
    return response


def _times(counts: Counts, language: str) -> dict[str, str]:
    return {
        "half": duration(counts.within(0.5), language),
        "most": duration(counts.within(0.99), language),
    }


def _rows(view: View, found: Overview) -> dict[str, Any]:
    hour = Counts()
    for counts in found.hour.values():
        hour.add(counts)
    settled = found.hour.get("settlement", _NONE)
    return {
        "rows": [
            {
                "name": view.text(f"ops_kind_{kind}"),
                "spans": [span.get(kind, _NONE) for span in (found.minute, found.hour, found.day)],
                **_times(found.hour.get(kind, _NONE), view.language),
            }
            for kind in KINDS
        ],
        "settled_minute": f"{found.minute.get('settlement', _NONE).done:,}",
        "settled_day": f"{found.day.get('settlement', _NONE).done:,}",
        "failed_hour": f"{hour.failed:,}",
        "all_hour": f"{hour.all:,}",
        "settled_most": duration(settled.within(0.99), view.language),
        "waiting": sum(sum(one.waiting.values()) for one in found.processes),
    }


def _charts(view: View, found: Overview) -> dict[str, Any]:
    drawn = {"hour": found.by_minute, "day": found.by_hour}
    names = {kind: view.text(f"ops_kind_{kind}") for kind in KINDS}
    steps = ["", *(duration(bound, view.language)[1:].strip() for bound in BOUNDS), ">"]
    places: dict[float | None, int] = {bound: at + 1 for at, bound in enumerate(BOUNDS)}
    places[float("inf")] = len(BOUNDS) + 1
    labels = [f"{start:%H:%M}" for start, _ in found.by_hour]
    return {
        "drawn": [names[kind] for kind in _DRAWN],
        "charts": {
            span: [
                (
                    names[kind],
                    charts.bars(
                        f"{span}-{kind}",
                        view.text(f"ops_chart_{span}", kind=names[kind]),
                        [
                            charts.Bar(
                                f"{start:%H:%M}",
                                counts.get(kind, _NONE).done,
                                counts.get(kind, _NONE).refused + counts.get(kind, _NONE).failed,
                            )
                            for start, counts in parts
                        ],
                    ),
                )
                for kind in _DRAWN
            ]
            for span, parts in drawn.items()
        },
        "numbers": {
            span: [
                (f"{start:%H:%M}", [counts.get(kind, _NONE) for kind in _DRAWN])
                for start, counts in reversed(parts)
                if any(kind in counts for kind in _DRAWN)
            ]
            for span, parts in drawn.items()
        },
        "timed": [names[kind] for kind in _TIMED],
        "time_charts": [
            (
                names[kind],
                charts.levels(
                    f"time-{kind}",
                    view.text("ops_chart_time", kind=names[kind]),
                    steps,
                    labels,
                    [
                        (
                            view.text(text),
                            [
                                places.get(counts.get(kind, _NONE).within(share))
                                for _, counts in found.by_hour
                            ],
                        )
                        for text, share in (("ops_half", 0.5), ("ops_most", 0.99))
                    ],
                ),
            )
            for kind in _TIMED
        ],
        "times": [
            (f"{start:%H:%M}", [_times(counts.get(kind, _NONE), view.language) for kind in _TIMED])
            for start, counts in reversed(found.by_hour)
            if any(kind in counts for kind in _TIMED)
        ],
    }


@get(
    "/api/v1/operations/overview",
    summary="What all processes answered, how fast, and what waits",
    responses=PROBLEMS,
    tags=["operations"],
    permission="operations.read",
)
async def as_json(platform: NamedDependency[Platform]) -> dict[str, Any]:
    """Counts of the last minute, hour and day by kind; times are upper bounds in milliseconds."""
    async with platform.database.transaction(readonly=True) as connection:
        found = await pulse.overview(connection, platform.clock.now())
        work = await due_work.every(connection)
    return {
        "at": found.at.isoformat(),
        "minute": _bodies(found.minute),
        "hour": _bodies(found.hour),
        "day": _bodies(found.day),
        "processes": [
            {
                "name": one.name,
                "started_at": one.started_at.isoformat(),
                "seen_at": one.seen_at.isoformat(),
                "waiting": one.waiting,
            }
            for one in found.processes
        ],
        "due_work": [
            {
                "name": one.name,
                "last_at": one.last_at.isoformat(),
                "failed_since": one.failed_since.isoformat() if one.failed_since else None,
                "failures": one.failures,
                "reason": one.reason.as_dict() if one.failed_since else None,
            }
            for one in work
        ],
    }


def _bodies(counts: dict[str, Counts]) -> dict[str, Any]:
    return {
        kind: {
            "done": one.done,
            "refused": one.refused,
            "failed": one.failed,
            "p50_ms_at_most": _milliseconds(one.within(0.5)),
            "p99_ms_at_most": _milliseconds(one.within(0.99)),
        }
        for kind in KINDS
        for one in (counts.get(kind, _NONE),)
    }


def _milliseconds(seconds: float | None) -> float | None:
    # Beyond the last bound there is none to tell.
    return None if seconds is None or seconds == float("inf") else seconds * 1000


routes: Final = [overview]
api_routes: Final = [as_json]
