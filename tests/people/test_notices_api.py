"""What staff see of a person's notices, by the API and the command line."""

from collections.abc import AsyncIterator
from typing import Any, cast

import httpx
import pytest

from tests.application import create_app
from tests.identity import offices
from tests.people.notices_at_hand import make_person
from yikatong.core.platform import Platform
from yikatong.people.notices import service
from yikatong.trust import audit

HERE, ELSEWHERE = "510100", "110000"


@pytest.fixture
async def web(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    await make_person(platform)
    async with platform.database.transaction() as connection:
        await service.post(
            platform, connection, 1, "card.ready", {"place": "天府支行"}, once="card-1-ready"
        )
        await service.post(platform, connection, 1, "pin.changed", {"card": "5678"}, once="p")
    transport = httpx.ASGITransport(cast("Any", create_app(platform)))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def test_staff_of_the_region_read_them_recorded_and_leave_them_unread(
    platform: Platform, web: httpx.AsyncClient
) -> None:
    token = await offices.signed_in(platform, "h-1", ("hotline", HERE))
    asked = {"headers": offices.bearer(token)}
    told = (await web.get("/api/v1/people/1/notices?limit=1", **asked)).json()
    assert told["choices"] == {"language": "zh", "large_type": False, "texts": []}
    (one,) = told["notices"]
    assert (one["kind"], one["subject"], one["read_at"]) == ("pin.changed", "security", None)
    assert one["title"] == {"zh": "卡密码已修改", "en": "Your PIN was changed"}
    assert "5678" in one["body"]["zh"]
    assert one["text_message"] is None
    rest = (await web.get(f"/api/v1/people/1/notices?before={told['next']}", **asked)).json()
    assert [one["kind"] for one in rest["notices"]] == ["card.ready"]
    assert rest["next"] is None
    async with platform.database.transaction(readonly=True) as connection:
        events = await audit.of_person(connection, 1)
        assert await service.unread(connection, 1) == 2
    assert [(one.action, one.actor.name) for one in events] == [("notices.read", "h-1")] * 2


async def test_choices_are_changed_by_counter_and_hotline_only_in_their_region(
    platform: Platform, web: httpx.AsyncClient
) -> None:
    path, wanted = "/api/v1/people/1/notices/choices", {"language": "en", "texts": ["card"]}
    for number, role, region, status in (
        ("aud-1", "auditor", HERE, 403),
        ("cou-1", "counter", ELSEWHERE, 403),
        ("cou-2", "counter", HERE, 200),
        ("hot-1", "hotline", HERE, 200),
    ):
        token = await offices.signed_in(platform, number, (role, region))
        answer = await web.put(path, json=wanted, headers=offices.bearer(token))
        assert answer.status_code == status, answer.text
    assert answer.json() == {"language": "en", "large_type": False, "texts": ["card"]}
    for wrong in (
        {"language": "fr"},
        {"texts": ["card"]},
        {"language": "en", "texts": ["weather"]},
        {"language": "en", "more": 1},
    ):
        answer = await web.put(path, json=wrong, headers=offices.bearer(token))
        assert answer.status_code == 422, answer.text
    missing = "/api/v1/people/77/notices"
    nation = await offices.signed_in(platform, "hot-2", ("hotline", "000000"))
    answer = await web.get(missing, headers=offices.bearer(nation))
    assert answer.status_code == 404
