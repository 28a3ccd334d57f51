"""The handler before the desk that carries orders out: each message once, in the database too."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest

from tests.medical.hospital_api.conftest import (
    Client,
    FakeOnce,
    _elsewhere,
    envelope,
)
from yikatong.core.errors import InvalidInput, Text
from yikatong.core.platform import Platform
from yikatong.medical import reference
from yikatong.medical.hospital_api import credentials
from yikatong.medical.hospital_api.context import Context, Transaction
from yikatong.medical.hospital_api.handler import hospital
from yikatong.medical.visits.desk import CareDesk
from yikatong.medical.visits.orders import (
    AskAccumulated,
    Certificate,
    Identified,
    Identify,
    Order,
    Result,
)
from yikatong.population import service as population


def _identify(raw: bytes, _context: Context) -> Order:
    data = msgspec.json.decode(raw)["data"]
    return Identify(certificate=Certificate("id_number", data["mdtrt_cert_no"]))


def _accumulated(raw: bytes, _context: Context) -> Order:
    text = msgspec.json.decode(raw)["data"]["psn_no"]
    if not text.isdigit():
        raise InvalidInput("data.psn_no", zh="应为数字", en="must be digits")
    return AskAccumulated(person_id=int(text))


def _show(result: Result, _context: Context) -> Any:
    assert isinstance(result, Identified)
    return {"baseinfo": {"psn_no": str(result.person.person_id), "certno": result.id_number}}


_TRANSACTIONS = {
    "1101": Transaction("1101", Text("人员基本信息获取", "get insured person"), _identify, _show),
    "5206": Transaction("5206", Text("人员累计信息查询", "accumulators"), _accumulated, _show),
}


@pytest.fixture
async def http(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    await reference.load_reference(platform)
    await population.make(platform, 20, 3, lambda _: None)
    app = hospital(
        _elsewhere,
        CareDesk(platform),
        platform,
        lambda _path, _status, _seconds, refused=False: None,
        once=FakeOnce(),
        transactions=_TRANSACTIONS,
    )
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://test"
    ) as client:
        yield client


async def test_a_person_is_identified_once_and_a_refusal_is_an_answer_too(
    platform: Platform, http: httpx.AsyncClient
) -> None:
    async with platform.database.transaction() as connection:
        row = await connection.fetchrow(
            "select provider_code, region from providers where pooling_region = '510100' limit 1"
        )
        assert row is not None
        sealed = await connection.fetchrow(
            "select person_id, id_number_sealed from persons order by person_id limit 1"
        )
        assert sealed is not None
        made = await credentials.create(platform, connection, row[0], "B", sandbox=True)
    number = platform.vault.open("id_number", sealed[0], sealed[1])
    client = Client(http, made)
    body = envelope(row[0], "1101", {"data": {"mdtrt_cert_no": number}}, mdtrtarea_admvs=row[1])
    first = await client.post(body)
    assert first.json()["output"]["baseinfo"] == {"psn_no": str(sealed[0]), "certno": number}
    again = await client.post(body)
    assert again.content == first.content

    lost = envelope(row[0], "5206", {"data": {"psn_no": "999"}}, mdtrtarea_admvs=row[1])
    refused = await client.post(lost)
    assert refused.status_code == 200
    assert refused.json()["err_msg"].startswith("psn_no：没有找到参保人")
    assert (await client.post(lost)).content == refused.content

    other = await client.post(body | {"input": {"data": {"mdtrt_cert_no": "another"}}})
    assert other.json()["err_msg"].startswith("msgid：报文编号已用于另一笔内容不同的交易")

    async with platform.database.transaction() as connection:
        rows = await connection.fetch(
            "select message_id, succeeded, answer from provider_messages order by message_id"
        )
    assert [(row[0], row[1], row[2]) for row in rows] == [
        (body["msgid"], True, first.content),
        (lost["msgid"], False, refused.content),
    ]
