"""A counter at hand: members of staff with a browser each, and people before them."""

import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx

from tests.application import at_hand
from tests.identity import offices
from yikatong.core.platform import Platform
from yikatong.portals.staff_sign_in import COOKIE

HERE, ELSEWHERE = "510100", "110000"


class Clerk:
    """A member of staff at their browser."""

    def __init__(self, platform: Platform, client: httpx.AsyncClient, number: str) -> None:
        self.platform = platform
        self.client = client
        self.number = number

    async def get(self, path: str, status: int = 200) -> str:
        answer = await self.client.get(path)
        assert answer.status_code == status, (path, answer.status_code, text_of(answer.text)[:400])
        assert len(answer.content) < 100_000
        return answer.text

    async def post(self, path: str, form: dict[str, Any], **more: Any) -> httpx.Response:
        return await self.client.post(
            path, data=form, headers={"Sec-Fetch-Site": "same-origin"}, **more
        )

    async def find(self, words: str) -> httpx.Response:
        """Search, and follow to where it leads."""
        answer = await self.post("/staff/search", {"words": words})
        if answer.status_code == 303:
            return await self.client.get(answer.headers["location"])
        return answer

    async def errand(
        self, person_id: int, name: str, *steps: dict[str, Any], files: Any = None, base: str = ""
    ) -> httpx.Response:
        """Go through the form of an errand, step by step; answers the last page, or the receipt."""
        address = f"{base or f'/staff/people/{person_id}'}/errands/{name}"
        page, answer = await self.get(address), None
        for at, step in enumerate(steps):
            form = {**hidden(page), **step}
            last = files if at + 1 == len(steps) else None
            answer = await self.post(address, form, files=last)
            page = answer.text
        assert answer is not None
        if answer.status_code == 303:
            return await self.client.get(answer.headers["location"])
        return answer


@asynccontextmanager
async def at_work(
    platform: Platform, number: str, *grants: tuple[str, str]
) -> AsyncIterator[Clerk]:
    """A signed-in member with these roles."""
    token = await offices.signed_in(platform, number, *grants)
    transport = httpx.ASGITransport(cast("Any", at_hand(platform)))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://test", cookies={COOKIE: token}
    ) as client:
        yield Clerk(platform, client, number)


def hidden(page: str) -> dict[str, Any]:
    """The hidden fields of a page's last form."""
    found: dict[str, Any] = {}
    for name, value in re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page):
        before = found.get(name)
        text = html.unescape(value)
        found[name] = (
            text if before is None else [*([before] if isinstance(before, str) else before), text]
        )
    return found


def text_of(page: str) -> str:
    """What stands on a page, without its tags."""
    main = re.search(r"<main.*</main>", page, re.S)
    plain = re.sub(r"<[^>]+>", " ", main[0] if main else page)
    return re.sub(r"\s+", " ", html.unescape(plain))
