"""A served platform with its demo staff, and how a browser signs in there."""

import contextlib
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyotp
from playwright.sync_api import Page

from tests.portals.axe import violations
from tests.portals.conftest import SCREENSHOTS
from tests.serving.server import Server


class Site(NamedTuple):
    """A served platform and its demo staff by number."""

    server: Server
    staff: dict[str, dict[str, Any]]
    pin: str
    persons: list[dict[str, Any]]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    def api(self, method: str, path: str, body: Any = None, key: str = "k") -> tuple[int, Any]:
        request = urllib.request.Request(
            self.address + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.server.token}",
                "Idempotency-Key": key,
                "Content-Type": "application/json",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())


@contextlib.contextmanager
def served(data: Path) -> Iterator[Site]:
    """A platform of one's own, for tests to which it matters what others did before."""
    server = Server(data)
    shown = json.loads(server.command("sandbox", "show", "--json").stdout)
    staff = {one["staff_number"]: one for one in shown["staff"]}
    try:
        yield Site(server, staff, shown["pin"], shown["persons"])
    finally:
        server.stop()


_shown: Final[dict[str, int]] = {}


def next_code(secret: str) -> str:
    """A code that was not shown before: each counts once, and the next may be asked for soon."""
    step = max(int(time.time()) // 30, _shown.get(secret, 0) + 1)
    while step > int(time.time()) // 30 + 1:
        time.sleep(1)
    _shown[secret] = step
    return pyotp.TOTP(secret).generate_otp(step)


def sign_in(page: Page, place: Site, number: str) -> None:
    one = place.staff[number]
    page.goto(f"{place.address}/staff")
    page.fill("#number", number)
    page.fill("#password", one["password"])
    page.keyboard.press("Enter")
    page.fill("#code", next_code(one["totp_secret"]))
    page.keyboard.press("Enter")
    page.wait_for_selector("#may")


def shoot(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def assert_accessible(page: Page) -> None:
    assert violations(page, runOnly=["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]) == []
