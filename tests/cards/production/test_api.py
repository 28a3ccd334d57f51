"""Production and lists as other programs and staff of an office meet them."""

from collections.abc import AsyncIterator
from typing import Any, cast

import httpx
import msgspec
import pytest

from tests.application import create_app
from tests.cards.citizens import CENTRE, HOME
from tests.cards.lists.test_lists import EMPLOYER, file, row
from tests.cards.production.crowd import MAKER, approved, crowd
from tests.cards.production.test_batches import read_order
from tests.conftest import OPERATOR_TOKEN
from tests.identity import offices
from yikatong.cards.production import wire
from yikatong.cards.production.wire import Result
from yikatong.core.platform import Platform
from yikatong.money.contributions import lists as employers

BATCHES, LISTS = "/api/v1/cards/batches", "/api/v1/cards/lists"
Client = httpx.AsyncClient


@pytest.fixture
async def client(platform: Platform) -> AsyncIterator[Client]:
    platform.settings.operator_token_path.parent.mkdir(parents=True, exist_ok=True)
    platform.settings.operator_token_path.write_text(OPERATOR_TOKEN)
    transport = httpx.ASGITransport(cast("Any", create_app(platform)))
    headers = {**offices.bearer(OPERATOR_TOKEN), "Idempotency-Key": "k"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://test", headers=headers
    ) as client:
        yield client


async def begun(client: Client) -> dict[str, Any]:
    maker = await client.put(f"/api/v1/cards/makers/{MAKER}", json={"name": "制卡一厂"})
    assert maker.status_code == 200, maker.text
    body = {"region": HOME, "bank": "ICBC", "maker": MAKER}
    answer = await client.post(BATCHES, json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_batch_over_http_from_collecting_to_the_last_result(
    client: Client, platform: Platform
) -> None:
    await approved(platform, await crowd(platform, 3))
    one = await begun(client)
    assert (one["batch"]["state"], one["outstanding"]) == ("ordered", 3)
    assert await begun(client) == one, "the same key is the same batch"
    path = f"{BATCHES}/{one['batch']['batch_id']}"
    early = await client.post(f"{path}/results", content=b"x")
    assert (early.status_code, early.json()["code"]) == (409, "card_batch_state")
    order = await client.post(f"{path}/order")
    assert order.headers["content-type"].startswith("application/x-ndjson")
    key = (await client.get("/api/v1/cards/makers/key", headers={"Authorization": ""})).json()
    assert len(wire.proved(order.content, wire.ORDER, wire.untold(key["key"]))) == 4
    cards = read_order(order.content)
    results = [Result(1, cards[0].card_number, "made"), Result(2, "WRONGCARD", "made")]
    content = wire.write_results(one["batch"]["batch_id"], MAKER, results, None)
    answer = await client.post(f"{path}/results", content=content)
    assert (answer.status_code, answer.json()["made"], answer.json()["wrong"]) == (207, 1, 1)
    assert answer.json()["faults"][0]["line"] == 3
    broken = await client.post(f"{path}/results", content=content[:-30])
    assert (broken.status_code, broken.json()["code"]) == (422, "card_file_wrong")
    listed = (await client.get(f"{path}/cards", params={"state": "ordered"})).json()
    assert [each["seq"] for each in listed] == [2, 3]
    assert cards[1].card_number not in str(listed)
    wrong = await client.get(f"{path}/cards", params={"state": "lost"})
    assert (wrong.status_code, wrong.json()["field"]) == (422, "state")
    shown = (await client.get(path)).json()
    assert (shown["made"], shown["outstanding"], len(shown["exports"])) == (1, 2, 1)
    assert len((await client.get(BATCHES, params={"open": "true"})).json()) == 1


async def test_who_makes_cards_in_one_region_does_not_in_another(
    client: Client, platform: Platform
) -> None:
    await approved(platform, await crowd(platform, 1))
    one = await begun(client)
    path = f"{BATCHES}/{one['batch']['batch_id']}"
    here = await offices.signed_in(platform, "here", ("operator", HOME))
    there = await offices.signed_in(platform, "there", ("operator", "110000"))
    for method, address in (("GET", path), ("POST", f"{path}/order"), ("GET", f"{path}/cards")):
        answer = await client.request(method, address, headers=offices.bearer(there))
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
        assert (await client.request(method, address, headers=offices.bearer(here))).is_success
    assert (await client.get(BATCHES, headers=offices.bearer(there))).json() == []
    assert len((await client.get(BATCHES, headers=offices.bearer(here))).json()) == 1
    refused = await client.put(
        f"/api/v1/cards/makers/{MAKER}", json={"name": "x"}, headers=offices.bearer(here)
    )
    assert refused.status_code == 403, "who gets personal data is decided for the whole nation"


async def test_a_maker_with_a_wrong_key_is_told_which(client: Client) -> None:
    for field in ("result_key", "encryption_key"):
        answer = await client.put(
            f"/api/v1/cards/makers/{MAKER}", json={"name": "厂", field: "AAAA"}
        )
        assert (answer.status_code, answer.json()["field"]) == (422, field)
    answer = await client.put("/api/v1/cards/makers/x", json={"name": "厂"})
    assert answer.status_code == 422


async def test_a_list_over_http_and_what_the_employer_sees_of_it(
    client: Client, platform: Platform
) -> None:
    persons = await crowd(platform, 2)
    await employers.register(platform, EMPLOYER, "某某公司", HOME, 1)
    content = file(row(persons[0]), row(persons[1]), row(persons[1], name="=别人"))
    path = f"{LISTS}/employers/{EMPLOYER}"
    missing = await client.post(path, content=content)
    assert (missing.status_code, missing.json()["field"]) == (422, "pickup_place")
    where = {"pickup_place": CENTRE}
    taken = await client.post(path, content=content, params=where)
    assert taken.status_code == 201, taken.text
    assert {one["state"]: one["rows"] for one in taken.json()["states"]} == {
        "applied": 2,
        "refused": 1,
    }
    assert (await client.post(path, content=content, params=where)).json() == taken.json()
    one = f"{LISTS}/{taken.json()['about']['list_id']}"
    reviewer = await offices.signed_in(platform, "rev", ("reviewer", HOME))
    unknown = await client.post(
        f"{one}/review",
        json={"refuse": [{"row": 77, "reason": "x"}]},
        headers=offices.bearer(reviewer),
    )
    assert (unknown.status_code, unknown.json()["field"]) == (422, "refuse")
    done = await client.post(f"{one}/review", json={}, headers=offices.bearer(reviewer))
    assert (done.status_code, done.json()["done"]) == (200, 2)
    for step, body in (("hand-over", {"contact": "王芳"}), ("activate", {})):
        nothing = await client.post(f"{one}/{step}", json=body)
        assert (nothing.status_code, nothing.json()["done"]) == (200, 0)
    refused = (await client.get(f"{one}/rows", params={"state": "refused"})).json()
    assert [(each["row"], each["code"]) for each in refused] == [(4, "duplicate")]
    table = await client.get(f"{one}/rows/csv")
    lines = table.content.decode("utf-8-sig").splitlines()
    assert len(lines) == 4
    assert "'=" in lines[3], "no cell is a formula"
    template = await client.get(f"{LISTS}/template", params={"language": "en"})
    assert template.text.lstrip("\ufeff").startswith("name,")
    assert len((await client.get(LISTS, params={"employer": EMPLOYER})).json()) == 1
    there = await offices.signed_in(platform, "there", ("counter", "110000"))
    assert (await client.get(one, headers=offices.bearer(there))).status_code == 403


def test_what_is_told_of_a_file_is_what_the_documents_say() -> None:
    assert msgspec.json.decode(msgspec.json.encode(Result(1, "ABC", "made"))) == {
        "seq": 1, "card_number": "ABC", "result": "made", "reason": "",
    }  # fmt: skip
