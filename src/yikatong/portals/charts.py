"""Charts as inline SVG: bars and levels, told apart by pattern, shape and label, never by colour alone.

Everything is an attribute or a class: the pages allow no style inside (`view.SECURITY_HEADERS`). Each
chart stands above a table with its numbers; to who hears the page the table is the chart.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from markupsafe import Markup, escape

_WIDTH: Final = 360
_HEIGHT: Final = 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 4, 8, 20
_MARKS: Final = ("dot", "box")


class Bar(msgspec.Struct, frozen=True):
    """One bar: what went well, and on top of it what did not."""

    label: str
    well: int
    badly: int = 0


def _nice(highest: int) -> int:
    """The end of an axis: 1, 2 or 5 times a power of ten, at least the highest bar."""
    step = 1
    while True:
        for times in (1, 2, 5):
            if step * times >= highest:
                return step * times
        step *= 10


def short_number(number: int) -> str:
    """A number as an axis has room for it."""
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if number >= size:
            return f"{number / size:g}{letter}"
    return str(number)


def _frame(name: str, title: str, marks: Sequence[tuple[float, str]], inside: str) -> Markup:
    lines = "".join(
        f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:g}" y2="{y:g}"/>'
        f'<text x="{_LEFT - 4}" y="{y + 4:g}" text-anchor="end">{escape(text)}</text>'
        for y, text in marks
    )
    # All texts are escaped here or made of numbers.
    return Markup(  # noqa: S704
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"'
        f' aria-labelledby="{name}-t"><title id="{name}-t">{escape(title)}</title>'
        f'<defs><pattern id="{name}-p" width="4" height="4" patternUnits="userSpaceOnUse">'
        '<rect class="bad" width="4" height="4"/><path class="stripe" d="M0 4 4 0"/></pattern></defs>'
        f"{lines}{inside}</svg>"
    )


def _below(labels: Sequence[str]) -> str:
    """The first, middle and last label under the axis."""
    shown = {0: "start", len(labels) // 2: "middle", len(labels) - 1: "end"}
    wide = (_WIDTH - _LEFT - _RIGHT) / len(labels)
    where = {"start": 0.0, "middle": 0.5, "end": 1.0}
    return "".join(
        f'<text x="{_LEFT + wide * (at + where[anchor]):g}" y="{_HEIGHT - 5}"'
        f' text-anchor="{anchor}">{escape(labels[at])}</text>'
        for at, anchor in shown.items()
    )


def bars(name: str, title: str, values: Sequence[Bar]) -> Markup:
    """Bars over time; what went badly is striped and stands on top. `name` is unique in the page."""
    end = _nice(max([1, *(one.well + one.badly for one in values)]))
    floor = _HEIGHT - _BOTTOM
    scale = (floor - _TOP) / end
    wide = (_WIDTH - _LEFT - _RIGHT) / len(values)
    parts: list[str] = []
    for at, one in enumerate(values):
        x = _LEFT + at * wide + wide * 0.1
        y = float(floor)
        for count, look in ((one.well, 'class="well"'), (one.badly, f'fill="url(#{name}-p)"')):
            if count:
                # Something is never drawn as nothing.
                high = max(1.5, count * scale)
                y -= high
                parts.append(
                    f'<rect {look} x="{x:.1f}" y="{y:.1f}" width="{wide * 0.8:.1f}"'
                    f' height="{high:.1f}"/>'
                )
    marks = [(float(floor), "0"), (float(_TOP), short_number(end))]
    if end % 2 == 0:
        marks.insert(1, ((floor + _TOP) / 2, short_number(end // 2)))
    labels = [one.label for one in values]
    return _frame(name, title, marks, "".join(parts) + _below(labels))


def levels(
    name: str,
    title: str,
    steps: Sequence[str],
    labels: Sequence[str],
    series: Sequence[tuple[str, Sequence[int | None]]],
) -> Markup:
    """Up to two series over time on an axis of named steps, the lowest first: one drawn with dots, the
    other with boxes and a dashed line, each named at its last point."""
    floor = _HEIGHT - _BOTTOM
    high = (floor - _TOP) / max(1, len(steps) - 1)
    wide = (_WIDTH - _LEFT - _RIGHT) / len(labels)
    parts: list[str] = []
    for (text, values), mark in zip(series, _MARKS, strict=False):
        points = [
            (_LEFT + (at + 0.5) * wide, floor - value * high)
            for at, value in enumerate(values)
            if value is not None
        ]
        if not points:
            continue
        way = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline class="line {mark}" points="{way}"/>')
        for x, y in points:
            parts.append(
                f'<circle class="{mark}" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>'
                if mark == "dot"
                else f'<rect class="{mark}" x="{x - 2.5:.1f}" y="{y - 2.5:.1f}" width="5" height="5"/>'
            )
        x, y = points[-1]
        # The first series lies below the second: its name stands under its line.
        y = y + 15 if mark == "dot" else max(y - 6, 10)
        parts.append(
            f'<text class="named" x="{x:.1f}" y="{y:.1f}" text-anchor="end">{escape(text)}</text>'
        )
    marks = [(floor - at * high, text) for at, text in enumerate(steps) if at % 2 == 0]
    return _frame(name, title, marks, "".join(parts) + _below(labels))
