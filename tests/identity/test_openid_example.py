"""The example of the guide runs: a person logs in to it, it refreshes, it logs them out."""

import asyncio
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import msgspec

from tests.identity.relying import LIBRARY, PERSON
from tests.identity.test_openid_independent import browse, served
from yikatong.core.platform import Platform
from yikatong.identity.openid import sandbox
from yikatong.identity.sessions import service as sessions
from yikatong.trust import audit

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/guides/relying-service.md").read_text(encoding="utf-8")


def start(issuer: str, client_id: str, secret: str, port: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            sys.executable, "examples/relying_service", "--issuer", issuer, "--client", client_id,
            "--port", str(port),
        ],
        cwd=ROOT,
        env={**os.environ, "CLIENT_SECRET": secret},
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip


async def test_a_person_logs_in_to_the_example_refreshes_and_logs_out(platform: Platform) -> None:
    async with served(platform) as town:
        issuer = town.platform.settings.public_url
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        home = f"http://127.0.0.1:{port}"
        await town.register(
            msgspec.structs.replace(
                LIBRARY,
                client_id="example",
                redirect_uris=(f"{home}/callback",),
                post_logout_uris=(f"{home}/",),
            )
        )
        process = start(issuer, "example", town.secrets["example"], port)
        try:
            assert process.stdout is not None
            assert home in await asyncio.to_thread(process.stdout.readline)
            _, token = await town.sign_in()
            async with httpx.AsyncClient(base_url=home) as web:
                begun = await web.get("/login")
                back = await browse(issuer, token, begun.headers["location"])

                # What was not begun in this browser is not taken, and leaves nobody logged in.
                async with httpx.AsyncClient(base_url=home) as stranger:
                    assert (await stranger.get(back)).status_code == 400
                    other = await stranger.get("/login")
                    assert other.status_code == 303
                    mixed = await stranger.get(back)
                    assert mixed.status_code == 400
                    assert "/login" in (await stranger.get("/")).text

                known_before = web.cookies["library_session"]
                done = await web.get(back)
                assert done.headers["location"] == "/"
                assert web.cookies["library_session"] != known_before
                page = await web.get("/")
                assert "欢迎" in page.text
                assert "*****" in page.text
                async with town.platform.database.transaction(readonly=True) as connection:
                    name = await connection.fetchval(
                        "select name from persons where person_id = $1", PERSON
                    )
                assert name not in page.text

                assert (await web.post("/refresh")).headers["location"] == "/"
                assert "欢迎" in (await web.get("/")).text

                left = await web.post("/logout")
                async with httpx.AsyncClient(cookies={"session": token}) as browser:
                    end = await browser.get(left.headers["location"])
                assert end.headers["location"] == f"{home}/"
                assert await sessions.find(town.platform, token) is None
                assert "/login" in (await web.get("/")).text

                # Refusing is told in words.
                _, token = await town.sign_in()
                begun = await web.get("/login")
                answer = dict(parse_qsl(urlsplit(begun.headers["location"]).query))
                refused = await web.get(
                    "/callback",
                    params={"error": "access_denied", "state": answer["state"], "iss": issuer},
                )
                assert "access_denied" in refused.text
            async with town.platform.database.transaction(readonly=True) as connection:
                events = await audit.of_person(connection, PERSON)
            assert [one.action for one in events].count("openid.userinfo") == 2
        finally:
            process.terminate()
            await asyncio.to_thread(process.communicate)


async def test_the_demo_client_is_there_while_the_sandbox_is_on(platform: Platform) -> None:
    off = msgspec.structs.replace(
        platform, settings=msgspec.structs.replace(platform.settings, sandbox=False)
    )
    await sandbox.prepare(off)
    assert await sandbox.relying_services(platform) == []
    for _ in range(2):
        await sandbox.prepare(platform)
    (shown,) = await sandbox.relying_services(platform)
    assert shown["client_id"] == "demo-library"
    assert len(shown["client_secret"]) > 40
    (again,) = await sandbox.relying_services(platform)
    assert again == shown


async def test_the_demo_client_is_nobody_in_production(platform: Platform) -> None:
    from yikatong.identity.openid import clients

    await sandbox.prepare(platform)
    off = msgspec.structs.replace(
        platform, settings=msgspec.structs.replace(platform.settings, sandbox=False)
    )
    async with platform.database.transaction(readonly=True) as connection:
        assert await clients.find(platform, connection, "demo-library") is not None
        assert await clients.find(off, connection, "demo-library") is None


def test_the_guide_names_what_is_there() -> None:
    source = (ROOT / "examples/relying_service/__main__.py").read_text(encoding="utf-8")
    assert re.search(r"python examples/relying_service$", GUIDE, re.MULTILINE)
    assert "relying_services" in GUIDE
    assert sandbox.DEMO.redirect_uris[0] in GUIDE
    scopes = re.search(r'SCOPES = "([^"]+)"', source)
    assert scopes
    assert set(scopes[1].split()) <= set(sandbox.DEMO.scopes)
