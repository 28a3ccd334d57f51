"""The sandbox page: keys, people, switches, last calls; closed to other sites and in production."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest

from tests import fillings
from tests.application import serve
from tests.conftest import Filling
from yikatong.core.platform import Platform
from yikatong.medical.hospital_api import faults
from yikatong.medical.hospital_api import store as interface_store
from yikatong.medical.sandbox import service

HOST = "http://127.0.0.1:8000"
PROVIDER = "H51011200001"
FORM = {"provider": PROVIDER, "fault": "lost", "transaction": "2207", "times": "2"}
OURS = {"Origin": HOST, "Sec-Fetch-Site": "same-origin"}


def visitor(platform: Platform) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(serve(platform)), base_url=HOST)


@pytest.fixture
def filling() -> Filling:
    return fillings.whole_sandbox


@pytest.fixture
def prepared(platform: Platform) -> Platform:
    return platform


@pytest.fixture
async def web(prepared: Platform) -> AsyncIterator[httpx.AsyncClient]:
    async with visitor(prepared) as client:
        yield client


async def switched_on(platform: Platform) -> list[Any]:
    async with platform.database.transaction(readonly=True) as connection:
        return [msgspec.structs.astuple(one) for one in await faults.list_faults(connection)]


async def call(platform: Platform, request: str, answer: str, **more: Any) -> None:
    facts = {"infno": "2207", "message_id": "m1", "status": 200, "code": "0", **more}
    async with platform.database.transaction() as connection:
        row = (
            PROVIDER, more.get("call_id", 1), platform.clock.now(), facts["infno"],
            facts["message_id"], 12.3, facts["status"], facts["code"], request, answer,
        )  # fmt: skip
        await interface_store.insert_calls(connection, [row])


async def test_the_page_shows_keys_people_and_an_example_for_each_scheme(
    web: httpx.AsyncClient, prepared: Platform
) -> None:
    async with prepared.database.transaction(readonly=True) as connection:
        providers = await service.providers(prepared, connection)
    body = (await web.get("/sandbox")).text
    for one in providers:
        assert one.code in body
        assert one.access_key in body
        assert one.secret in body
    assert "openssl dgst -sha1 -hmac" in body
    assert "openssl dgst -sha256" in body
    assert f"{HOST}/fsi/api/rsfComIfsService/callService" in body
    assert body.count('class="hint">all_in_order<') == 1
    english = (await web.get("/sandbox?lang=en")).text
    assert "Test providers" in english
    assert "Chengdu First People" in english


async def test_loading_the_page_again_and_again_opens_the_people_once(
    web: httpx.AsyncClient, prepared: Platform
) -> None:
    for _ in range(4):
        assert (await web.get("/sandbox")).status_code == 200
    async with prepared.database.transaction(readonly=True) as connection:
        looks = await connection.fetch(
            """select person_id, count(*) from audit_events
                where action = 'person.revealed' and actor_kind = 'visitor' group by 1"""
        )
    assert len(looks) > 90
    assert {row[1] for row in looks} == {1}


async def test_a_fault_is_switched_on_and_off_on_the_page(
    web: httpx.AsyncClient, prepared: Platform
) -> None:
    done = await web.post("/sandbox/faults", data=FORM, headers=OURS)
    assert (done.status_code, done.headers["location"]) == (303, "/sandbox#faults")
    assert await switched_on(prepared) == [(PROVIDER, "lost", "2207", 2)]
    assert 'name="clear"' in (await web.get("/sandbox")).text
    await web.post("/sandbox/faults", data={**FORM, "clear": "1"}, headers=OURS)
    assert await switched_on(prepared) == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": HOST, "Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_no_other_site_presses_the_switches(
    web: httpx.AsyncClient, prepared: Platform, headers: dict[str, str]
) -> None:
    done = await web.post("/sandbox/faults", data=FORM, headers=headers)
    assert done.status_code == 403
    assert "yikatong sandbox fault" in done.text
    assert await switched_on(prepared) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("provider", "H00000000000"),
        ("provider", ""),
        ("fault", "broken"),
        ("fault", "<script>alert(1)</script>"),
        ("transaction", "22"),
        ("transaction", "１１０１"),
        ("times", "0"),
        ("times", "-1"),
        ("times", "99999999999999999999"),
        ("times", "一"),
    ],
)
async def test_a_wrong_switch_is_told_at_its_field_and_changes_nothing(
    web: httpx.AsyncClient, prepared: Platform, field: str, value: str
) -> None:
    done = await web.post("/sandbox/faults", data={**FORM, field: value}, headers=OURS)
    assert done.status_code == 422
    assert f'href="#{field}"' in done.text
    assert "<script>alert" not in done.text
    assert 'href="/sandbox?lang=en"' in done.text
    assert await switched_on(prepared) == []


async def test_what_is_no_form_is_refused(web: httpx.AsyncClient, prepared: Platform) -> None:
    for content, kind in (
        (b"{", "application/json"),
        (b"\xff=%zz", "application/x-www-form-urlencoded"),
    ):
        done = await web.post(
            "/sandbox/faults", content=content, headers={**OURS, "Content-Type": kind}
        )
        assert done.status_code in (400, 422)
    assert await switched_on(prepared) == []


async def test_last_calls_are_shown_newest_first_with_request_answer_and_meaning(
    web: httpx.AsyncClient, prepared: Platform
) -> None:
    settled = {
        "infcode": 0,
        "output": {
            "setlinfo": {"medfee_sumamt": 0, "fund_pay_sumamt": 0, "acct_pay": 0,
                         "acct_mulaid_pay": 0, "psn_cash_pay": 0}
        },
    }  # fmt: skip
    answer = json.dumps(settled).replace('"medfee_sumamt": 0', '"medfee_sumamt": 112.50')
    await call(prepared, '{"infno":"2207","input":{"data":{"medfee_sumamt":112.50}}}', answer)
    refused = '{"infcode":-1,"err_msg":"金额不一致 / amounts differ","output":null}'
    await call(prepared, "{}", refused, call_id=2, code="sum_differs", message_id="m2")
    await call(prepared, "not json <b>&", "", call_id=3, status=0, infno="", message_id="")
    page = (await web.get(f"/sandbox/{PROVIDER}")).text
    assert page.index("没有收到应答") < page.index("金额不一致") < page.index("总费用 112.50 元")
    assert "&#34;medfee_sumamt&#34;: 112.50" in page
    assert "not json &lt;b&gt;&amp;" in page
    assert "2601" in page
    english = (await web.get(f"/sandbox/{PROVIDER}?lang=en")).text
    assert "amounts differ" in english
    assert "What to do:" in english


async def test_huge_or_broken_calls_do_not_break_the_page(
    web: httpx.AsyncClient, prepared: Platform
) -> None:
    await call(prepared, "[" * 60_000, "x" * 60_000)
    await call(prepared, '{"a":"\\ud800"}', '{"infcode":-1,"err_msg":"\\ud800"}', call_id=2)
    answer = await web.get(f"/sandbox/{PROVIDER}")
    assert answer.status_code == 200
    assert len(answer.text) < 30_000


@pytest.mark.parametrize("code", ["H51010000001", "%00", "x" * 3000, "H51011200001%20"])
async def test_only_test_providers_have_a_page(web: httpx.AsyncClient, code: str) -> None:
    assert (await web.get(f"/sandbox/{code}")).status_code == 404


async def test_in_production_there_is_no_sandbox(prepared: Platform) -> None:
    quiet = msgspec.structs.replace(prepared.settings, sandbox=False)
    async with visitor(msgspec.structs.replace(prepared, settings=quiet)) as web:
        assert (await web.get("/sandbox")).status_code == 404
        assert (await web.get(f"/sandbox/{PROVIDER}")).status_code == 404
        assert (await web.post("/sandbox/faults", data=FORM, headers=OURS)).status_code == 404
        assert "/sandbox" not in (await web.get("/")).text
    assert await switched_on(prepared) == []


@pytest.mark.parametrize("filling", [None])
async def test_an_empty_platform_says_what_to_do(platform: Platform) -> None:
    async with visitor(platform) as web:
        assert "yikatong up" in (await web.get("/sandbox")).text
