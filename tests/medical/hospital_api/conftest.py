"""A hospital's client, signing as the national interface asks, before a desk that only notes."""

import asyncio
import base64
import hashlib
import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any

import httpx
import msgspec
import pytest

from tests.conftest import _with_database, drop_database, make_database
from yikatong.core.clock import SHANGHAI, FixedClock
from yikatong.core.database import Connection, Database
from yikatong.core.errors import InvalidInput, Text, YikatongError
from yikatong.core.platform import Platform
from yikatong.core.sealing import Vault
from yikatong.core.settings import Settings
from yikatong.medical.hospital_api import credentials
from yikatong.medical.hospital_api.context import Context, Transaction, amount
from yikatong.medical.hospital_api.credentials import Credential
from yikatong.medical.hospital_api.handler import hospital
from yikatong.medical.visits.errors import MessageReused
from yikatong.medical.visits.orders import (
    AskChronic,
    Certificate,
    ChronicFound,
    Identify,
    Order,
    Result,
    Sender,
)

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=SHANGHAI)
CHENGDU = "H51010400001"
BEIJING = "H11010100001"
PHARMACY = "P51010400001"
CALL = "/fsi/api/rsfComIfsService/callService"
_numbers = itertools.count(1)


async def add_providers(connection: Connection) -> None:
    """Two hospitals and a pharmacy."""
    rows = [
        (CHENGDU, "成都市第一人民医院", "Chengdu First", "hospital", "510104", "510100"),
        (BEIJING, "北京市中心医院", "Beijing Central", "hospital", "110101", "110000"),
        (PHARMACY, "成都康宁大药房", "Kangning", "pharmacy", "510104", "510100"),
    ]
    await connection.executemany(
        """insert into providers (provider_code, name, english, kind, level, region,
                  pooling_region, cares, cross_region_cares, address)
           values ($1, $2, $3, $4, 'tertiary', $5, $6, array['inpatient'], '{}', '人民路1号')""",
        rows,
    )


# ---- transactions about a person, as small as can be ----


def _read(raw: bytes, context: Context) -> Order:
    data = msgspec.json.decode(raw).get("data")
    if not isinstance(data, dict):
        raise InvalidInput("data", zh="缺少这个节点", en="this node is missing")
    person = data.get("psn_no")
    if not isinstance(person, str) or not person.isdigit():
        raise InvalidInput("data.psn_no", zh="缺少人员编号", en="the person number is missing")
    return AskChronic(person_id=int(person))


def _identify(raw: bytes, context: Context) -> Order:
    number = msgspec.json.decode(raw)["data"]["mdtrt_cert_no"]
    return Identify(certificate=Certificate("id_number", number))


def _show(result: Result, context: Context) -> Any:
    return {"setlinfo": {"medfee_sumamt": amount(99999), "psn_cash_pay": amount(1)}}


TRANSACTIONS = {
    "1101": Transaction("1101", Text("人员基本信息获取", "get insured person"), _identify, _show),
    "2207": Transaction("2207", Text("门诊结算", "outpatient settlement"), _read, _show),
    "5301": Transaction("5301", Text("慢特病备案查询", "registrations"), _read, _show),
}


class FakeDesk:
    """Keeps the desk's promise: each message once, the first answer again."""

    def __init__(self) -> None:
        self.orders: list[tuple[Sender, Order]] = []
        self.outcome: Result | YikatongError = ChronicFound(())
        self.failure: Exception | None = None
        self._answers: dict[tuple[str, str], tuple[bytes, bytes]] = {}

    async def answer(
        self, sender: Sender, order: Order, render: Callable[[Result | YikatongError], bytes]
    ) -> bytes:
        if self.failure is not None:
            raise self.failure
        key = sender.provider.provider_code, sender.message_id
        before = self._answers.get(key)
        if before is not None:
            same = before[0] == sender.content_hash
            return before[1] if same else render(MessageReused(sender.transaction_code))
        self.orders.append((sender, order))
        answer = render(self.outcome)
        self._answers[key] = sender.content_hash, answer
        return answer


class FakeOnce:
    """Keeps the same promise for what is about no person."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str], bytes] = {}

    async def __call__(
        self,
        platform: Platform,
        sender: Sender,
        work: Callable[[Connection], Awaitable[bytes]],
    ) -> bytes:
        key = sender.provider.provider_code, sender.message_id
        if key not in self._answers:
            async with platform.database.transaction() as connection:
                self._answers[key] = await work(connection)
        return self._answers[key]


# ---- the client ----


def message_id(provider: str) -> str:
    return f"{provider}20260301090000{next(_numbers) % 10000:04d}"


def envelope(provider: str, transaction: str, data: Any, /, **more: Any) -> dict[str, Any]:
    """A whole envelope; None leaves a field out."""
    region = f"{provider[1:7]}"
    whole = {
        "infno": transaction,
        "msgid": message_id(provider),
        "mdtrtarea_admvs": region,
        "insuplc_admdvs": "510100",
        "recer_sys_code": "YIKATONG",
        "dev_no": "",
        "dev_safe_info": None,
        "cainfo": "null",
        "signtype": "",
        "infver": "V1.0",
        "opter_type": "1",
        "opter": "op01",
        "opter_name": "张三",
        "inf_time": "2026-03-01 09:00:00",
        "fixmedins_code": provider,
        "fixmedins_name": "成都市第一人民医院",
        "sign_no": "",
        "input": data,
    } | more
    return {name: value for name, value in whole.items() if value is not None}


def hmac_sha1(secret: bytes, text: bytes) -> bytes:
    """HMAC by RFC 2104, written out, so that the platform's is not compared with itself."""
    key = (hashlib.sha1(secret).digest() if len(secret) > 64 else secret).ljust(64, b"\0")
    inner = hashlib.sha1(bytes(byte ^ 0x36 for byte in key) + text).digest()
    return hashlib.sha1(bytes(byte ^ 0x5C for byte in key) + inner).digest()


def headers_a(credential: Credential, at: datetime = NOW, **more: str) -> dict[str, str]:
    """The headers of scheme A."""
    signed = {
        "_api_name": "hssServives",
        "_api_version": "1.0.0",
        "_api_timestamp": str(int(at.timestamp() * 1000)),
        "_api_access_key": credential.access_key,
    } | more
    text = "&".join(f"{name}={signed[name]}" for name in sorted(signed))
    signature = base64.b64encode(hmac_sha1(credential.secret.encode(), text.encode()))
    return {**signed, "_api_signature": signature.decode()}


def headers_b(
    credential: Credential, at: datetime = NOW, nonce: str | None = None
) -> dict[str, str]:
    """The headers of scheme B."""
    when, drawn = str(int(at.timestamp())), nonce or f"nonce-{next(_numbers)}"
    text = f"{when}{credential.secret}{drawn}{when}"
    return {
        "x-tif-paasid": credential.access_key,
        "x-tif-timestamp": when,
        "x-tif-nonce": drawn,
        "x-tif-signature": hashlib.sha256(text.encode()).hexdigest().upper(),
    }


def signed(credential: Credential) -> dict[str, str]:
    return headers_a(credential) if credential.scheme == "A" else headers_b(credential)


class Client:
    """A hospital system: signs, sends, reads the envelope of the answer."""

    def __init__(self, http: httpx.AsyncClient, credential: Credential) -> None:
        self.http = http
        self.credential = credential

    async def post(
        self,
        body: Any,
        path: str = CALL,
        headers: dict[str, str] | None = None,
        **more: str,
    ) -> httpx.Response:
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        given = signed(self.credential) if headers is None else headers
        return await self.http.post(path, content=content, headers=given | more)

    async def call(
        self, transaction: str, data: Any, /, path: str = CALL, **more: Any
    ) -> dict[str, Any]:
        """Send one transaction; the answer, which must be one of HTTP 200."""
        body = envelope(self.credential.provider_code, transaction, data, **more)
        response = await self.post(body, path)
        assert response.status_code == 200, response.text
        return response.json()

    async def refused(self, transaction: str, data: Any, /, **more: Any) -> str:
        """The err_msg of a call that must be refused."""
        answer = await self.call(transaction, data, **more)
        assert answer["infcode"] == -1, answer
        assert answer["output"] is None
        assert 0 < len(answer["err_msg"]) <= 200
        return answer["err_msg"]


class Place:
    """The handler with everything around it."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.desk = FakeDesk()
        self.notes: list[tuple[str, int, float]] = []
        self.app = hospital(
            _elsewhere,
            self.desk,
            platform,
            lambda path, status, seconds, refused=False: self.notes.append((path, status, seconds)),
            once=FakeOnce(),
            transactions=TRANSACTIONS,
        )
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app, raise_app_exceptions=True),
            base_url="http://test",
        )

    async def client(
        self, scheme: Any = "A", provider: str = CHENGDU, *, sandbox: bool = False
    ) -> Client:
        async with self.platform.database.transaction() as connection:
            made = await credentials.create(
                self.platform, connection, provider, scheme, sandbox=sandbox
            )
        return Client(self.http, made)

    async def close(self) -> None:
        """Nothing is written to the journal behind a test, where the next one would find it."""
        await self.http.aclose()
        writing = self.app._journal._writing  # type: ignore[attr-defined]
        if writing is not None:
            writing.cancel()
            await asyncio.wait([writing])


async def _elsewhere(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 418, "headers": []})
    await send({"type": "http.response.body", "body": b"elsewhere", "more_body": False})


@pytest.fixture(scope="session")
async def shared_platform(
    server_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Platform]:
    """One database for all tests that leave nothing behind but credentials."""
    name = f"yikatong_hospital_{os.getpid()}"
    await make_database(server_url, name)
    database = await Database.connect(_with_database(server_url, name), connections_max=4)
    async with database.transaction() as connection:
        await add_providers(connection)
    settings = Settings(data_dir=tmp_path_factory.mktemp("hospital"))
    yield Platform(database, FixedClock(NOW), Vault(bytes(range(32))), settings)
    await database.close()
    await drop_database(server_url, name)


@pytest.fixture
async def place(shared_platform: Platform) -> AsyncIterator[Place]:
    """A handler as it starts, over the shared database."""
    place = Place(shared_platform)
    yield place
    await place.close()


@pytest.fixture
async def own_place(platform: Platform) -> AsyncIterator[Place]:
    """A handler over a database of this test alone."""
    async with platform.database.transaction() as connection:
        await add_providers(connection)
    place = Place(platform)
    yield place
    await place.close()


@pytest.fixture
async def client(place: Place) -> Client:
    """A hospital in Chengdu that signs by scheme A."""
    return await place.client()
