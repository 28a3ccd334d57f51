"""The icons of the pages: our own, drawn with a few strokes each, hidden from screen readers."""

from typing import Final

from markupsafe import Markup

_PATHS: Final = {
    "inpatient": "M3 19v-8h12a4 4 0 0 1 4 4v4M3 15h16M3 19v-13M7 11a2 2 0 1 0 0-4 2 2 0 0 0 0 4",
    "outpatient": "M6 4v5a4 4 0 0 0 8 0V4M10 13v2a4 4 0 0 0 8 0v-2M18 13a2 2 0 1 0 0-4 2 2 0 0 0 0 4",
    "chronic": "M3 12h4l2-5 4 10 2-5h6",
    "pharmacy": "M8 3h8v4H8zM6 7h12v14H6zM12 10v6M9 13h6",
    "identity": "M3 6h18v13H3zM8 13a2 2 0 1 0 0-4 2 2 0 0 0 0 4M5 17c1-3 5-3 6 0M14 10h4M14 14h4",
    "pension": "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M8 8l4 5 4-5M8.500 13h7M8.500 16h7M12 13v5",
    "unemployment": "M4 8h16v11H4zM9 8V5h6v3M4 13h16M12 12v2",
    "cash": "M3 6h18v12H3zM12 15a3 3 0 1 0 0-6 3 3 0 0 0 0 6M6 9v6M18 9v6",
    "transit": "M5 4h14v12H5zM5 10h14M8 20l1.500-4M16 20l-1.500-4M8.500 13h.01M15.500 13h.01",
    "culture": "M4 20h16M5 17h14M4 9l8-5 8 5zM7 9v8M12 9v8M17 9v8",
    "yes": "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20M7 12.500l3.500 3.500L17 9",
    "yes_but": "M12 3l10 18H2zM12 10v5M12 18v.01",
    "no": "M12 2a10 10 0 1 0 0 20 10 10 0 0 0 0-20M8 8l8 8M16 8l-8 8",
}


def icon(name: str) -> Markup:
    """An inline SVG in the colour of the text around it."""
    return Markup(  # noqa: S704 - constants of ours
        '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.8" '
        'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">'
        f'<path d="{_PATHS[name]}"/></svg>'
    )
