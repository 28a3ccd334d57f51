"""The developer's help: calls that can be looked at, faults that can be switched on."""

import asyncio
import time
from typing import Any

import pytest

from tests.medical.hospital_api.conftest import (
    BEIJING,
    CHENGDU,
    Client,
    Place,
    envelope,
    headers_a,
)
from yikatong.core.errors import InvalidInput
from yikatong.medical.hospital_api import faults, journal
from yikatong.medical.hospital_api.journal import ProviderCall

ASK = {"data": {"psn_no": "1000001"}}


@pytest.fixture(autouse=True)
async def clean(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """No calls and no faults of another test; and no waiting between the journal's turns."""
    monkeypatch.setattr(journal, "_TURN_SECONDS", 0.01)
    async with place.platform.database.transaction() as connection:
        await connection.execute("delete from provider_calls")
        await connection.execute("delete from provider_faults")
        await connection.execute("delete from provider_credentials")


async def calls(place: Place, provider: str = CHENGDU) -> list[ProviderCall]:
    await place.app._journal.written()  # type: ignore[attr-defined]
    async with place.platform.database.transaction() as connection:
        return await journal.newest(connection, provider)


# ---- journal ----


async def test_calls_of_a_sandbox_provider_are_kept_as_they_came(place: Place) -> None:
    client = await place.client(sandbox=True)
    body = envelope(CHENGDU, "2207", ASK)
    right = await client.post(body)
    wrong = await client.post(envelope(CHENGDU, "2207", {"data": {}}))
    unsigned = await client.post(
        b"\xff\x00 not json", headers={**headers_a(client.credential), "_api_signature": "x"}
    )
    found = await calls(place)
    assert [(one.transaction_code, one.status, one.code) for one in found] == [
        ("", 401, "not_authenticated"),
        ("2207", 200, "invalid_input"),
        ("2207", 200, "0"),
    ]
    assert [one.answer for one in found] == [unsigned.text, wrong.text, right.text]
    assert found[2].message_id == body["msgid"]
    assert '"psn_no":"1000001"' in found[2].request
    assert found[0].request == "\ufffd not json"
    assert all(0 < one.milliseconds < 10_000 for one in found)


async def test_calls_of_real_providers_are_never_kept(place: Place) -> None:
    client = await place.client()
    await client.call("5301", ASK)
    assert await calls(place) == []


async def test_the_newest_calls_of_each_provider_stay(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "KEPT", 3)
    client = await place.client(sandbox=True)
    other = await place.client(provider=BEIJING, sandbox=True)
    await other.call("5301", ASK)
    for _ in range(3):
        for _ in range(3):
            await client.call("5301", ASK)
        await calls(place)
    found = await calls(place)
    assert len(found) == 3
    assert found == sorted(found, key=lambda one: -one.call_id)
    assert len(await calls(place, BEIJING)) == 1


async def test_more_calls_than_can_be_written_push_out_the_oldest(place: Place) -> None:
    keeper = journal.Journal(place.platform)
    for number in range(500):
        keeper.note(
            CHENGDU, place.platform.clock.now(), "5301", str(number), 1.0, 200, "0", b"", b""
        )
    await keeper.written()
    async with place.platform.database.transaction() as connection:
        found = await journal.newest(connection, CHENGDU)
    assert [one.message_id for one in found] == [str(number) for number in range(499, 299, -1)]


async def test_a_call_never_fails_for_the_journal(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("the journal is broken")

    client = await place.client(sandbox=True)
    with monkeypatch.context() as patch:
        patch.setattr(journal.store, "insert_calls", broken)
        assert (await client.call("5301", ASK))["infcode"] == 0
        assert await calls(place) == []
    await client.call("5301", ASK)
    assert len(await calls(place)) == 1


async def test_long_texts_are_cut(place: Place) -> None:
    client = await place.client(sandbox=True)
    await client.post(b" " * 300_000)
    (found,) = await calls(place)
    assert len(found.request) == 64 * 1024


async def test_a_file_stands_in_the_journal_by_its_size(place: Place) -> None:
    client = await place.client(sandbox=True)
    told = await client.call("9101", {"fsUploadIn": {"in": [1, 2, 3], "filename": "a"}})
    number = told["output"]["fsUploadOut"]["file_qury_no"]
    await client.post(envelope(CHENGDU, "9102", {"fsDownloadIn": {"file_qury_no": number}}))
    found = await calls(place)
    assert (found[0].answer, found[0].code) == ("(3 bytes)", "0")


# ---- faults ----


async def switch(place: Place, fault: str, **more: Any) -> None:
    async with place.platform.database.transaction() as connection:
        await faults.set_fault(place.platform, connection, CHENGDU, fault, **more)
    await asyncio.sleep(faults.SEEN_WITHIN_SECONDS)


async def switched(place: Place) -> list[tuple[str, str, int]]:
    async with place.platform.database.transaction() as connection:
        found = await faults.list_faults(connection, CHENGDU)
    return [(one.fault, one.transaction_code, one.times) for one in found]


@pytest.fixture
async def sandbox(place: Place) -> Client:
    return await place.client(sandbox=True)


async def test_refused_is_said_and_nothing_is_carried_out(place: Place, sandbox: Client) -> None:
    await switch(place, "refused", times=2)
    body = envelope(CHENGDU, "2207", ASK)
    for left in (1, 0):
        answer = (await sandbox.post(body)).json()
        assert answer["infcode"] == -1
        assert "沙箱" in answer["err_msg"]
        assert await switched(place) == ([("refused", "", left)] if left else [])
    assert place.desk.orders == []
    assert (await sandbox.post(body)).json()["infcode"] == 0


async def test_unavailable_is_a_503_that_may_be_repeated(place: Place, sandbox: Client) -> None:
    await switch(place, "unavailable")
    body = envelope(CHENGDU, "2207", ASK)
    response = await sandbox.post(body)
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    assert place.desk.orders == []
    assert (await sandbox.post(body)).json()["infcode"] == 0


async def test_a_wrong_total_is_off_by_one_fen_and_right_in_the_repeat(
    place: Place, sandbox: Client
) -> None:
    await switch(place, "wrong_total")
    # An answer that has none does not use the fault up.
    assert b"999.99" in (await sandbox.post(envelope(CHENGDU, "5301", ASK))).content
    body = envelope(CHENGDU, "2207", ASK)
    assert b'"medfee_sumamt":1000.00,' in (await sandbox.post(body)).content
    assert b'"medfee_sumamt":999.99,' in (await sandbox.post(body)).content
    assert len(place.desk.orders) == 2


async def test_slow_answers_come_late_and_are_right(
    place: Place, sandbox: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faults, "SLOW_SECONDS", 0.3)
    await switch(place, "slow", transaction_code="2207")
    begun = time.perf_counter()
    assert (await sandbox.call("5301", ASK))["infcode"] == 0
    assert time.perf_counter() - begun < 0.3
    assert (await sandbox.call("2207", ASK))["infcode"] == 0
    assert time.perf_counter() - begun >= 0.3


async def test_where_the_connection_cannot_be_cut_the_answer_never_becomes_whole(
    place: Place, sandbox: Client
) -> None:
    await switch(place, "lost")
    with pytest.raises(AssertionError):
        # httpx's own check that an answer was completed.
        await sandbox.post(envelope(CHENGDU, "2207", ASK))
    assert len(place.desk.orders) == 1


async def test_a_fault_of_one_transaction_comes_before_one_of_all(
    place: Place, sandbox: Client
) -> None:
    await switch(place, "refused")
    await switch(place, "unavailable", transaction_code="2207")
    assert (await sandbox.post(envelope(CHENGDU, "2207", ASK))).status_code == 503
    assert await switched(place) == [("refused", "", 1)]


async def test_faults_meet_sandbox_credentials_only(place: Place, sandbox: Client) -> None:
    real = await place.client()
    await switch(place, "refused")
    assert (await real.call("5301", ASK))["infcode"] == 0
    assert await switched(place) == [("refused", "", 1)]


async def test_faults_are_switched_off(place: Place, sandbox: Client) -> None:
    await switch(place, "refused")
    await switch(place, "slow", transaction_code="2207", times=5)
    async with place.platform.database.transaction() as connection:
        assert await faults.clear_faults(connection, CHENGDU, fault="slow") == 1
        assert await faults.clear_faults(connection, CHENGDU) == 1
        assert await faults.clear_faults(connection, CHENGDU) == 0
    await asyncio.sleep(faults.SEEN_WITHIN_SECONDS)
    assert (await sandbox.call("2207", ASK))["infcode"] == 0


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"fault": "explode"}, "fault"),
        ({"fault": "slow", "transaction_code": "22"}, "transaction"),
        ({"fault": "wrong_total", "transaction_code": "1101"}, "transaction"),
        ({"fault": "slow", "times": 0}, "times"),
        ({"fault": "slow", "times": 1001}, "times"),
        ({"fault": "slow", "provider_code": BEIJING}, "provider"),
        ({"fault": "slow", "provider_code": "nobody"}, "provider"),
    ],
)
async def test_a_wrong_switch_is_refused_by_name(
    place: Place, sandbox: Client, given: dict[str, Any], field: str
) -> None:
    async with place.platform.database.transaction() as connection:
        with pytest.raises(InvalidInput) as caught:
            await faults.set_fault(
                place.platform, connection, **{"provider_code": CHENGDU, **given}
            )
    assert caught.value.field == field
    assert await switched(place) == []


def test_a_total_grows_by_a_fen_wherever_it_lies() -> None:
    for before, after in (
        (b"0.00", b"0.01"), (b"9.99", b"10.00"), (b"-1.00", b"-1.01"), (b"12345.09", b"12345.10"),
    ):  # fmt: skip
        answer = b'{"infcode":0,"output":{"medfee_sumamt":%b,"x":{"medfee_sumamt":5.00}}}'
        assert faults.with_wrong_total(answer % before) == answer % after
