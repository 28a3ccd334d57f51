"""The real application on a real port, over a small population, for pages and browsers."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SCREENSHOTS = Path(__file__).parents[2] / "test-output" / "screenshots"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a served platform with 300 people."""
    data = tmp_path_factory.mktemp("site")
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "yikatong",
            "up",
            "--data",
            str(data),
            "--port",
            "0",
            "--people",
            "300",
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "YIKATONG_DATABASE_URL": ""},
    )
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"http://[0-9.]+:[0-9]+", line):
            yield found[0]
            break
    else:
        raise AssertionError("the platform did not start")
    process.terminate()
    process.communicate(timeout=30)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; a machine without it fails with what to install."""
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
