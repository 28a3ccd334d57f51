"""What axe finds wrong with a page."""

from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page


def violations(page: Page, **options: Any) -> list[dict[str, Any]]:
    """Of all rules, or of those that the options name; what is in order is not carried over."""
    page.evaluate(AXE_SCRIPT)
    return page.evaluate(
        "options => axe.run(document, options).then(found => found.violations)",
        {"resultTypes": ["violations"], **options},
    )


def serious(page: Page) -> list[str]:
    """What is serious or critical, a line each."""
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:120]}"
        for one in violations(page)
        if one["impact"] in ("serious", "critical")
    ]
