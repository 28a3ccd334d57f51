"""The page of those who write policies, asked too often."""

import httpx

from tests.application import serve
from yikatong.core.platform import Platform


async def test_drafts_of_one_address_are_limited_and_what_was_typed_stays(
    platform: Platform,
) -> None:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(serve(platform)), base_url="http://test",
        headers={"Sec-Fetch-Site": "same-origin"},
    ) as web:  # fmt: skip
        for _ in range(60):
            answer = await web.post("/policies/try", data={"draft": "- my draft"})
            assert answer.status_code == 422
        answer = await web.post("/policies/try", data={"draft": "- my draft"})
    assert answer.status_code == 429
    assert "Retry-After" in answer.headers
    assert "- my draft" in answer.text
