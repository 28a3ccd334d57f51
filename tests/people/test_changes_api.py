"""Changes and their documents over HTTP, as counters and reviewers use them."""

from collections.abc import AsyncIterator
from typing import Any, cast

import httpx
import pytest

from tests.application import serve
from tests.identity import offices
from tests.identity.people import Someone, somebody
from tests.trust.files import jpeg, pdf, png
from yikatong.core.platform import Platform
from yikatong.trust import audit
from yikatong.trust.documents import rules

HOME, ELSEWHERE = "510100", "110000"


@pytest.fixture
async def one(platform: Platform) -> Someone:
    return await somebody(platform)


@pytest.fixture
async def web(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(cast("Any", serve(platform)))
    async with httpx.AsyncClient(transport=transport, base_url="http://test/api/v1") as client:
        yield client


async def test_a_clerk_takes_a_name_with_documents_and_a_reviewer_carries_it_out(
    platform: Platform, web: httpx.AsyncClient, one: Someone
) -> None:
    clerk = offices.bearer(await offices.signed_in(platform, "clerk", ("counter", HOME)))
    reviewer = offices.bearer(await offices.signed_in(platform, "rev", ("reviewer", HOME)))
    stranger = offices.bearer(await offices.signed_in(platform, "far", ("reviewer", ELSEWHERE)))
    path = f"/people/{one.person_id}"
    found = (await web.get(f"{path}/changes", headers=clerk)).json()
    assert one.phone not in str(found)
    key = {"Idempotency-Key": "k-1"}
    body = {"version": found["version"], "name": "张君宝"}
    made = await web.post(f"{path}/changes/identity", json=body, headers={**clerk, **key})
    again = await web.post(f"{path}/changes/identity", json=body, headers={**clerk, **key})
    assert (made.status_code, again.json()) == (201, made.json())
    number = made.json()["change_id"]
    papers = f"{path}/documents/person_change/{number}"
    raw = await web.post(f"{papers}/id_document?filename=a.png", content=png(), headers=clerk)
    form = await web.post(
        f"{papers}/household_register", files={"document": ("户口簿.pdf", pdf())}, headers=clerk
    )
    assert [each.json()["filename"] for each in (raw, form)] == ["a.png", "户口簿.pdf"]
    refused = await web.post(f"{papers}/other", files={"file": ("x", jpeg())}, headers=clerk)
    assert (refused.status_code, refused.json()["field"]) == (422, "document")
    large = await web.post(f"{papers}/other", content=b"\0" * (rules.BYTES_MAX + 1), headers=clerk)
    assert (large.status_code, large.json()["field"]) == (422, "document")
    assert "5 MB" in large.json()["detail"]["zh"]

    assert (await web.get("/people/changes", headers=stranger)).json() == []
    waiting = (await web.get("/people/changes", headers=reviewer)).json()
    assert [each["change_id"] for each in waiting] == [number]
    assert "张君宝" not in str(waiting)
    shown = (await web.get(f"{path}/changes/{number}", headers=reviewer)).json()
    assert shown["fields"][0]["after"]["zh"] == "张君宝"
    picture = shown["documents"][0]["document_id"]
    answer = await web.get(f"{path}/documents/{picture}?inline=true", headers=reviewer)
    assert answer.content == png()
    assert answer.headers["content-disposition"].startswith("inline")
    assert (await web.get(f"{path}/documents/{picture}", headers=stranger)).status_code == 403
    far = await web.post(f"{path}/changes/{number}/approve", headers=stranger)
    assert far.json()["code"] == "not_allowed"
    done = [await web.post(f"{path}/changes/{number}/approve", headers=reviewer) for _ in range(2)]
    assert [(each.status_code, each.json()["state"]) for each in done] == [(200, "done")] * 2
    late = await web.post(f"{papers}/photo", content=png(9, 9), headers=clerk)
    assert late.json()["code"] == "change_refused"
    async with platform.database.transaction(readonly=True) as connection:
        events = await audit.of_person(connection, one.person_id)
    seen = [(each.action, each.actor.name) for each in events]
    for expected in (
        ("person.identity_changed", "rev"), ("document.read", "rev"), ("document.added", "clerk"),
        ("person.change_taken", "clerk"),
    ):  # fmt: skip
        assert expected in seen


async def test_wrong_requests_name_their_field(
    platform: Platform, web: httpx.AsyncClient, one: Someone
) -> None:
    clerk = offices.bearer(await offices.signed_in(platform, "clerk", ("counter", HOME)))
    path = f"/people/{one.person_id}/changes"
    for address, body, field in (
        ("contact", {"version": 1, "phone": "12"}, "phone"),
        ("contact", {"version": 1, "residence_region": "999999"}, "residence_region"),
        ("contact", {"phone": "13900001234"}, "version"),
        ("identity", {"version": 1, "id_number": "1"}, "id_number"),
        ("identity", {"version": 1, "nom": "x"}, "nom"),
        ("identity", {"version": 9, "name": "张君宝"}, "version"),
    ):
        headers = {**clerk, "Idempotency-Key": "k"}
        answer = await web.post(f"{path}/{address}", json=body, headers=headers)
        assert answer.status_code in (409, 422)
        assert answer.json()["field"].endswith(field), answer.text
