"""The pages of logging in to services, in the real browser."""

import asyncio
import http.server
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from playwright.sync_api import BrowserContext, Page, sync_playwright

from tests.identity.relying import EVERYTHING, LIBRARY, MUSEUM, Service, Town, agree
from tests.identity.test_openid_independent import served
from tests.portals.axe import serious
from tests.portals.conftest import CHROMIUM_ARGUMENTS, SCREENSHOTS
from tests.portals.test_pages import LOOKS, with_query
from yikatong.core.platform import Platform

pytestmark = pytest.mark.browser


@contextmanager
def relying_site() -> Iterator[tuple[str, list[str], list[str]]]:
    """A service at an address of its own: its home, what came to it, and from where."""
    came: list[str] = []
    referrers: list[str] = []

    class Site(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/favicon.ico":
                came.append(self.path)
                referrers.append(self.headers.get("Referer", ""))
            body = b"<!doctype html><title>service</title><p>here</p>"
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", came, referrers
    finally:
        server.shutdown()


@contextmanager
def browser(town: Town, token: str | None, **more: Any) -> Iterator[BrowserContext]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=CHROMIUM_ARGUMENTS)
        context = found.new_context(
            viewport={"width": 360, "height": 780}, locale="zh-CN",
            base_url=town.platform.settings.public_url, **more,
        )  # fmt: skip
        if token is not None:
            context.add_cookies(
                [{"name": "session", "value": token, "url": town.platform.settings.public_url}]
            )
        yield context
        found.close()


async def _client(town: Town, home: str) -> Service:
    new = msgspec.structs.replace(
        LIBRARY, client_id="site", redirect_uris=(f"{home}/cb",), post_logout_uris=(f"{home}/",)
    )
    await town.register(new)
    return town.service(new)


@pytest.mark.parametrize("javascript", [True, False])
async def test_chrome_lets_the_consent_form_lead_back_to_the_service(
    platform: Platform, javascript: bool
) -> None:
    async with served(platform) as town:
        _, token = await town.sign_in()
        with relying_site() as (home, came, referrers):
            service = await _client(town, home)

            def log_in() -> None:
                with browser(town, token, java_script_enabled=javascript) as context:
                    page = context.new_page()
                    page.goto(service.address())
                    page.get_by_role("button", name="同意并登录").click()
                    page.wait_for_url(f"{home}/cb**")

            def log_out() -> None:
                with browser(town, token, java_script_enabled=javascript) as context:
                    page = context.new_page()
                    # Without proof, so that the person is asked, then led back too.
                    page.goto(f"/openid/logout?client_id=site&post_logout_redirect_uri={home}/")
                    page.get_by_role("main").get_by_role("button", name="退出").click()
                    page.wait_for_url(f"{home}/")

            await asyncio.to_thread(log_in)
            answer = dict(parse_qsl(urlsplit(came[0]).query))
            assert answer["state"] == service.state
            assert (await service.exchange(answer["code"])).status_code == 200
            await asyncio.to_thread(log_out)
        assert came[-1] == "/"
        # Where the person came from is told to nobody.
        assert set(referrers) == {""}


async def test_after_the_sign_in_form_the_way_back_is_not_stopped_by_its_policy(
    platform: Platform,
) -> None:
    """The sign-in page's form may lead to this site only, redirects and all: a page lies between."""
    async with served(platform) as town:
        _, token = await town.sign_in()
        with relying_site() as (home, came, _):
            service = await _client(town, home)
            await service.tokens(token)
            asked = await service.authorize(None)
            waiting = asked.headers["location"].partition("next=")[2].replace("%2F", "/")
            parts = urlsplit(service.address())

            def use() -> None:
                with browser(town, token) as context:
                    page = context.new_page()
                    # A page with the strict policy of the sign-in page, and a form that ends at the
                    # service by redirects alone: Chrome stops it.
                    page.goto("/consents")
                    _send_form(page, parts.path, dict(parse_qsl(parts.query)))
                    page.wait_for_timeout(700)
                    assert came == []
                    # The way that is taken after signing in.
                    page.goto(waiting)
                    page.wait_for_url(f"{home}/cb**")

            await asyncio.to_thread(use)
        assert len(came) == 1
        assert "code=" in came[0]


def _send_form(page: Page, action: str, fields: dict[str, str]) -> None:
    page.evaluate(
        """([action, fields]) => {
             const form = document.createElement('form');
             form.method = 'post'; form.action = action;
             for (const [name, value] of Object.entries(fields)) {
               const field = document.createElement('input');
               field.type = 'hidden'; field.name = name; field.value = value; form.append(field);
             }
             document.body.append(form); form.submit();
           }""",
        [action, fields],
    )


async def test_every_page_fits_and_is_kept_as_a_picture_and_axe_finds_nothing_serious(
    platform: Platform,
) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    async with served(platform) as town:
        _, token = await town.sign_in()
        scope = " ".join(("openid", *EVERYTHING))
        consent = (await town.service().authorize(token, scope=scope)).headers["location"]
        stronger = await town.service().authorize(token, acr_values="urn:yikatong:acr:2")
        waiting = stronger.headers["location"].partition("next=")[2].partition("&")[0]
        museum = await town.service(MUSEUM).authorize(token)
        await agree(town, token, museum.headers["location"])
        pages = {
            "consent": consent,
            "consent-stronger": waiting.replace("%2F", "/"),
            "consents": "/consents?withdrawn=1",
            "openid-logout": "/openid/logout?client_id=library",
            "openid-untrusted": "/openid/authorize?client_id=nobody",
            "openid-over": "/openid/authorize/nothing",
        }
        found: list[str] = []

        def look() -> None:
            with browser(town, token) as context:
                page = context.new_page()
                for name, look in LOOKS.items():
                    page.set_viewport_size({"width": look["width"], "height": 800})
                    context.clear_cookies(name="lang")
                    context.clear_cookies(name="type")
                    for what, address in pages.items():
                        page.goto(with_query(address, look["query"]))
                        found.extend(f"{name}-{what}: {one}" for one in _poor(page))
                        page.screenshot(path=SCREENSHOTS / f"{name}-{what}.png", full_page=True)
            with browser(town, None) as context:
                page = context.new_page()
                page.goto("/openid/logout")
                found.extend(f"logged-out: {one}" for one in _poor(page))

        await asyncio.to_thread(look)
        assert found == []


def _poor(page: Page) -> list[str]:
    wide = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    small = page.evaluate(
        """[...document.querySelectorAll('main a.button, main button')]
           .filter(e => e.getBoundingClientRect().height < 43.5).map(e => e.textContent)"""
    )
    return [*([f"{wide} px too wide"] if wide > 0 else []), *small, *serious(page)]
