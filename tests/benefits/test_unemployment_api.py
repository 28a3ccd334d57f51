"""Unemployment benefit as another program and a visitor of the page meet it."""

from collections.abc import AsyncIterator
from typing import Any, cast

import httpx
import pytest

from tests.application import create_app
from tests.benefits.test_unemployment import Worker, filling, worker
from tests.conftest import OPERATOR_TOKEN
from yikatong.core.platform import Platform

__all__ = ["filling", "worker"]
SIGNED_IN = {"Authorization": f"Bearer {OPERATOR_TOKEN}"}
ROOT = "/api/v1/benefits/unemployment"
CLAIM = {"left_on": "2026-02-27", "reason": "dismissed", "registered_on": "2026-03-01"}
Client = httpx.AsyncClient


@pytest.fixture
async def client(platform: Platform) -> AsyncIterator[Client]:
    platform.settings.operator_token_path.parent.mkdir(parents=True, exist_ok=True)
    platform.settings.operator_token_path.write_text(OPERATOR_TOKEN)
    transport = httpx.ASGITransport(cast("Any", create_app(platform)))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


async def test_anybody_may_ask_for_an_estimate(client: Client) -> None:
    body = {"region": "510107", "months_paid": 60, "reason": "dismissed"}
    answer = (await client.post(f"{ROOT}/estimate", json=body)).json()
    assert (answer["entitled"], answer["months"], answer["monthly"]) == (True, 18, "1864.00")
    assert answer["recalled"] is True
    wrong = await client.post(f"{ROOT}/estimate", json={**body, "months_paid": -1})
    assert (wrong.status_code, wrong.json()["field"]) == (422, "months_paid")
    missing = await client.post(f"{ROOT}/estimate", json={**body, "region": "540100"})
    assert (missing.status_code, missing.json()["code"]) == (404, "no_unemployment_standard")


async def test_a_claim_from_the_first_day_to_the_last(client: Client, worker: Worker) -> None:
    path = f"{ROOT}/{worker.person_id}"
    headers = {**SIGNED_IN, "Idempotency-Key": "k"}
    made = await client.post(f"{path}/claim", json=CLAIM, headers=headers)
    assert (made.status_code, made.json()["months_granted"]) == (201, 18)
    again = await client.post(f"{path}/claim", json=CLAIM, headers=headers)
    assert again.json() == made.json()
    other = await client.post(
        f"{path}/claim", json=CLAIM, headers={**headers, "Idempotency-Key": "other"}
    )
    assert (other.status_code, other.json()["code"]) == (409, "not_entitled")
    confirmed = await client.post(f"{path}/confirm", json={"channel": "online"}, headers=SIGNED_IN)
    assert confirmed.json()["state"] == "drawing"
    ended = await client.post(
        f"{path}/end", json={"reason": "work", "on": "2026-03-01"}, headers=SIGNED_IN
    )
    assert (ended.json()["ended_on"], ended.json()["months_left"]) == ("2026-03-31", 17)
    listed = (await client.get(path, headers=SIGNED_IN)).json()
    assert [one["state"] for one in listed] == ["ended"]


async def test_nobody_without_a_token_claims_or_reads(client: Client) -> None:
    assert (await client.get(f"{ROOT}/1000001")).status_code == 401
    answer = await client.post(
        f"{ROOT}/1000001/claim", json=CLAIM, headers={"Idempotency-Key": "k"}
    )
    assert answer.status_code == 401


async def test_the_page_answers_and_loses_nothing_that_was_typed(client: Client) -> None:
    assert (await client.get("/unemployment")).status_code == 200
    asked = {"go": "1", "region": "310000", "months_paid": "200", "reason": "dismissed",
             "registered": "yes"}  # fmt: skip
    good = (await client.get("/unemployment", params=asked)).text
    for shown in ("53,265.60", "2,466.00", "1,972.80", "24"):
        assert shown in good
    english = (await client.get("/unemployment", params={**asked, "lang": "en"})).text
    assert "You collect it in Shanghai" in english
    for wrong in (
        {"months_paid": "many"},
        {"months_paid": "²"},
        {"reason": ""},
        {"birth": "2026-02-30"},
        {"birth": "1980-01-01"},
        {"region": "999999"},
        {"region": "<script>"},
    ):
        answer = await client.get("/unemployment", params={**asked, **wrong})
        assert answer.status_code == 422
        assert "<script>" not in answer.text.replace("<script src", "")
    kept = (await client.get("/unemployment", params={**asked, "months_paid": "many"})).text
    assert 'value="many"' in kept
