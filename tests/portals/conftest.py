"""A real browser for the pages."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

if TYPE_CHECKING:
    from tests.portals.staff_site import Site

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Another worker's tests may have the machine for a while.
expect.set_options(timeout=20_000)
SCREENSHOTS = Path(__file__).parents[2] / "test-output" / "screenshots"


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; a machine without it fails with what to install.

    Closed behind the last page test: while Playwright's loop runs, no asynchronous test can.
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program, "the page tests need Chromium: sudo apt-get install chromium fonts-noto-cjk"
    # Playwright's own loop must not meet the loop of the asynchronous tests.
    asyncio.set_event_loop(None)
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=CHROMIUM_ARGUMENTS)
        yield found
        found.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A phone-sized page in a context of its own."""
    context = browser.new_context(viewport={"width": 360, "height": 780}, locale="zh-CN")
    yield context.new_page()
    context.close()


@pytest.fixture(scope="package")
def place(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Site]":
    from tests.portals.staff_site import served

    with served(tmp_path_factory.mktemp("staff") / "data") as site:
        yield site


@pytest.fixture
def wide(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    yield context
    context.close()
