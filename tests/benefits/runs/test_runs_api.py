"""Payment runs as another program meets them."""

from collections.abc import AsyncIterator
from typing import Any, cast

import httpx
import pytest

from tests.application import create_app
from tests.benefits.runs.conftest import Pensioners
from tests.conftest import OPERATOR_TOKEN
from yikatong.benefits.runs import service
from yikatong.core.platform import Platform
from yikatong.identity.machines import service as machines
from yikatong.trust.access import Grant
from yikatong.trust.audit import Actor

SIGNED_IN = {"Authorization": f"Bearer {OPERATOR_TOKEN}"}
RUNS = "/api/v1/benefits/runs"
Client = httpx.AsyncClient


@pytest.fixture
async def client(platform: Platform, pensioners: Pensioners) -> AsyncIterator[Client]:
    platform.settings.operator_token_path.parent.mkdir(parents=True, exist_ok=True)
    platform.settings.operator_token_path.write_text(OPERATOR_TOKEN)
    transport = httpx.ASGITransport(cast("Any", create_app(platform)))
    async with httpx.AsyncClient(
        transport=transport, base_url="http://test", headers=SIGNED_IN
    ) as client:
        yield client


BODY = {"benefit": "pension", "region": "510100", "month": "2026-03"}


async def machine(platform: Platform, name: str, region: str, *permissions: str) -> dict[str, str]:
    """The header of a machine that may do this there."""
    _, token = await machines.add(
        platform, name, name, "service", [Grant(one, region) for one in permissions],
        Actor("staff", "tests", "tests"),
    )  # fmt: skip
    return {"Authorization": f"Bearer {token}"}


async def test_a_run_from_the_list_to_the_report(client: Client, platform: Platform) -> None:
    made = await client.post(RUNS, json=BODY)
    assert (made.status_code, made.json()["state"]) == (202, "preparing")
    run = f"{RUNS}/{made.json()['run_id']}"
    assert (await client.post(RUNS, json=BODY)).json()["run_id"] == made.json()["run_id"]
    await service.go_on_with_all(platform)
    assert (await client.post(f"{run}/check", json={})).status_code == 202
    await service.go_on_with_all(platform)
    seen = (await client.get(run)).json()
    assert seen["run"]["state"] == "checked"
    total = seen["progress"]["payable_amount"]
    own = await client.post(f"{run}/approve", json={"total": total})
    assert (own.status_code, own.json()["code"]) == (409, "same_person")
    second = await machine(platform, "finance-2", "510000", "run.approve")
    other = await client.post(f"{run}/approve", json={"total": "1.00"}, headers=second)
    assert (other.status_code, other.json()["code"]) == (409, "total_differs")
    good = await client.post(f"{run}/approve", json={"total": total}, headers=second)
    assert (good.status_code, good.json()["approved_amount"]) == (200, total)
    assert (await client.post(f"{run}/pay", json={})).json()["state"] == "paying"
    await service.go_on_with_all(platform)
    assert (await client.get(run)).json()["progress"]["paid_amount"] == total
    lines = (await client.get(f"{run}/lines", params={"state": "paid", "limit": 3})).json()
    assert [one["line"] for one in lines] == [1, 2, 3]
    more = await client.get(f"{run}/lines", params={"after": lines[-1]["person_id"]})
    assert len(more.json()) == 17
    balance = (await client.get("/api/v1/benefits/balance/2026-03")).json()
    assert (balance["agrees"], balance["paid"], balance["fund"]) == (True, total, total)
    csv = (await client.get(f"{run}/report/csv")).text.splitlines()
    assert len(csv) == 21
    assert (await client.get(f"{run}/report/pdf")).content.startswith(b"%PDF")


async def test_a_look_at_lines_stands_in_each_persons_trail(
    client: Client, platform: Platform, pensioners: Pensioners
) -> None:
    run = await pensioners.pay()
    await client.get(f"{RUNS}/{run.run_id}/lines")
    person_id = pensioners.ids[0]
    actions = await pensioners.sql(
        """select array_agg(action order by event_id) from audit_events where person_id = $1
             and action like 'benefit.%'""",
        person_id,
    )
    assert actions == ["benefit.paid", "benefit.run_read"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field"),
    [
        ("POST", RUNS, {**BODY, "month": "2026-13"}, 422, "month"),
        ("POST", RUNS, {**BODY, "actor": "fin-1"}, 422, "actor"),
        ("POST", RUNS, {**BODY, "region": "51"}, 422, "region"),
        ("POST", RUNS, {**BODY, "benefit": "x"}, 422, "benefit"),
        ("GET", f"{RUNS}/7", None, 404, "run"),
        ("POST", f"{RUNS}/7/check", {}, 404, "run"),
        ("POST", f"{RUNS}/7/explode", {}, 422, "command"),
        ("POST", f"{RUNS}/7/files/ICBC", {}, 404, "run"),
        ("GET", f"{RUNS}?limit=0", None, 422, "limit"),
    ],
)
async def test_what_is_wrong_is_named(
    client: Client, method: str, path: str, body: Any, status: int, field: str
) -> None:
    answer = await client.request(method, path, json=body)
    assert answer.status_code == status
    assert answer.json()["field"] == field


async def test_who_may_do_it_elsewhere_sees_and_does_nothing_here(
    client: Client, platform: Platform, pensioners: Pensioners
) -> None:
    run = await pensioners.check(await pensioners.prepare())
    all_of_it = ("run.read", "run.prepare", "run.approve")
    away = await machine(platform, "beijing", "110000", *all_of_it)
    assert (await client.get(RUNS, headers=away)).json() == []
    for method, path in (
        ("GET", f"{RUNS}/{run.run_id}"),
        ("GET", f"{RUNS}/{run.run_id}/lines"),
        ("GET", f"{RUNS}/{run.run_id}/report/csv"),
        ("POST", f"{RUNS}/{run.run_id}/pay"),
        ("POST", f"{RUNS}/{run.run_id}/files/ICBC"),
        ("GET", "/api/v1/benefits/balance/2026-03"),
    ):
        answer = await client.request(method, path, headers=away, json={})
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed"), path
    total = {"total": "1.00"}
    answer = await client.post(f"{RUNS}/{run.run_id}/approve", headers=away, json=total)
    assert answer.status_code == 403
    assert (await client.post(RUNS, headers=away, json=BODY)).status_code == 403
    home = await machine(platform, "chengdu", "510100", "run.read")
    assert len((await client.get(RUNS, headers=home)).json()) == 1
    answer = await client.post(f"{RUNS}/{run.run_id}/pay", headers=home, json={})
    assert answer.status_code == 403


async def test_nobody_without_a_token_sees_or_does_anything(client: Client) -> None:
    for method, path in (("GET", RUNS), ("POST", RUNS), ("GET", f"{RUNS}/1/lines")):
        answer = await client.request(method, path, headers={"Authorization": ""}, json=BODY)
        assert answer.status_code == 401
