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
    "card": "M3 6h18v12H3zM3 10h18M7 15h4",
    "lost": "M3 6h18v12H3zM3 10h18M12 12v3M12 17v.01",
    "e_card": "M7 2h10v20H7zM10 6h1.500v1.500H10zM13 6h1.500v1.500H13zM10 9h1.500v1.500H10zM13 10h1.500M11 19h2",
    "check": "M10 4a6 6 0 1 0 0 12 6 6 0 0 0 0-12M15 15l5 5M7.500 10l2 2 3.500-4",
    "home": "M4 11l8-7 8 7v9H4zM10 20v-6h4v6",
    "plan": "M5 8h14v12H5zM9 8V5h6v3M5 13h14M9 20v1M15 20v1",
    "filings": "M6 3h9l4 4v14H6zM14 3v5h5M9 13h7M9 17h5",
    "settlements": "M6 3h12v18l-3-2-3 2-3-2-3 2zM9 8h6M9 12h6",
    "local": "M12 21s-7-6-7-11a7 7 0 0 1 14 0c0 5-7 11-7 11M12 7v6M9 10h6",
    "account": "M4 7h16v12H4zM4 7l3-3h10v3M15 13h2",
    "contributions": "M5 5h14v14H5zM9 9l3 3 3-3M9 13h6M12 12v5",
    "benefits": "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M8 8l4 5 4-5M8.500 13h7M8.500 16h7M12 13v5",
    "family": "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6M17 12a2 2 0 1 0 0-5 2 2 0 0 0 0 5M2 20c1-6 11-6 12 0M15 15q6-1 7 5",
    "acting": "M9 10a3.500 3.500 0 1 0 0-7 3.500 3.500 0 0 0 0 7M3 20c1-7 11-7 12 0M15 9l2 2 4-4",
    "applications": "M5 4h14v17H5zM9 2h6v4H9zM8 11l1 1 2-2M13 11h4M8 16l1 1 2-2M13 16h4",
    "inbox": "M12 3a6 6 0 0 1 6 6c0 6 2 7 2 7H4s2-1 2-7a6 6 0 0 1 6-6M10 20h4",
    "looks": "M2 12c5-8 15-8 20 0-5 8-15 8-20 0M12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6",
    "details": "M4 5h16v14H4zM8 12a2 2 0 1 0 0-4 2 2 0 0 0 0 4M5 16c1-3 5-3 6 0M14 9h4M14 13h4",
    "settings": "M4 7h9M17 7h3M15 5v4M4 12h3M11 12h9M9 10v4M4 17h9M17 17h3M15 15v4",
    "security": "M12 3l8 3v6c0 5-4 8-8 9-4-1-8-4-8-9V6zM9 12l2 2 4-4",
    "guide": "M4 5c3-1 6-1 8 1 2-2 5-2 8-1v14c-3-1-6-1-8 1-2-2-5-2-8-1zM12 6v14",
    "calculator": "M5 3h14v18H5zM8 6h8v3H8zM8 13h.01M12 13h.01M16 13h.01M8 17h.01M12 17h.01M16 17h.01",
    "questions": "M4 4h16v12H12l-4 4v-4H4zM10 8a2 2 0 1 1 2 3v1M12 14v.01",
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
