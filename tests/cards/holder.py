"""Cardholders at their browser: signed in, with the pages of the card before them."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.counter.desk import hidden, text_of
from yikatong.app import create_app
from yikatong.core.platform import Platform
from yikatong.identity.model import Mode
from yikatong.identity.sessions import service as sessions
from yikatong.portals.signed_in import COOKIE

STRONG: set[Mode] = {"card_pin", "one_time_code"}
"""What a session of level 2 begins with."""


class Holder:
    """A cardholder at their browser."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def get(self, path: str) -> str:
        answer = await self.client.get(path)
        assert answer.status_code == 200, (path, answer.status_code, text_of(answer.text)[:400])
        assert len(answer.content) < 100_000
        return answer.text

    async def text(self, path: str) -> str:
        """What stands on a page, without its tags."""
        return text_of(await self.get(path))

    async def post(self, path: str, form: dict[str, Any], **more: Any) -> httpx.Response:
        return await self.client.post(
            path, data=form, headers={"Sec-Fetch-Site": "same-origin"}, **more
        )

    async def send(self, path: str, form: dict[str, Any], **more: Any) -> httpx.Response:
        """Fill in the form of a page and send it."""
        return await self.post(path, {**hidden(await self.get(path)), **form}, **more)


async def token_of(platform: Platform, person_id: int, modes: set[Mode] | None = None) -> str:
    """A session for its cookie."""
    async with platform.database.transaction() as connection:
        _, token = await sessions.begin(
            platform, connection, person_id, modes or STRONG, "Firefox · Windows"
        )
    return token


_last: list[tuple[Platform, Any]] = []
"""The application of the platform at hand: making one takes a second."""


@asynccontextmanager
async def at_home(
    platform: Platform, person_id: int, modes: set[Mode] | None = None
) -> AsyncGenerator[Holder]:
    """Somebody signed in, by `modes` where not in the stronger way."""
    if not _last or _last[0][0] is not platform:
        _last[:] = [(platform, create_app(platform))]
    transport = httpx.ASGITransport(_last[0][1])
    async with httpx.AsyncClient(
        transport=transport,
        base_url="http://test",
        cookies={COOKIE: await token_of(platform, person_id, modes)},
    ) as client:
        yield Holder(client)
