"""People with cards, a wallet that shows their e-cards, and a service that asks."""

import base64
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Any, cast

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.application import serve
from yikatong.core.platform import Platform
from yikatong.identity.ecards import service
from yikatong.identity.ecards.codes import Codes
from yikatong.identity.ecards.model import Code, Device
from yikatong.money.bank.banks import banks
from yikatong.money.ledger import service as ledger
from yikatong.population.rows import Rows, copy, id_number
from yikatong.trust.audit import Actor

HOLDER = Actor("person", "self", "e-card")


def client_of(platform: Platform) -> httpx.AsyncClient:
    """A client of the platform as it is served, in this process."""
    transport = httpx.ASGITransport(app=cast("Any", serve(platform)))
    return httpx.AsyncClient(transport=transport, base_url="http://test")


class Wallet:
    """A phone with a key of its own."""

    def __init__(self, platform: Platform, codes: Codes, person_id: int) -> None:
        self.platform = platform
        self.codes = codes
        self.person_id = person_id
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.public_key = self.key.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        self.device: Device | None = None

    async def bind(self, level: int = 2, name: str = "phone") -> Device:
        async with self.platform.database.transaction() as connection:
            self.device = await service.bind(
                self.platform, connection, self.codes, self.person_id, level,
                service.by_key(self.public_key), name, HOLDER,
            )  # fmt: skip
        return self.device

    def proof(self, asked_ms: int, issuer: str | None = None) -> bytes:
        assert self.device is not None
        text = service.request_text(
            issuer or self.platform.settings.public_url, self.device.device_id, asked_ms
        )
        r, s = decode_dss_signature(self.key.sign(text, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    async def code(self, asked_ms: int | None = None, proof: bytes | None = None) -> Code:
        if self.device is None:
            await self.bind()
        assert self.device is not None
        if asked_ms is None:
            last = await self.last_asked_ms()
            asked_ms = max(int(self.platform.clock.now().timestamp() * 1000), last + 1)
        return await service.code_for_key(
            self.platform, self.codes, self.person_id, self.device.device_id, asked_ms,
            self.proof(asked_ms) if proof is None else proof,
        )  # fmt: skip

    async def last_asked_ms(self) -> int:
        assert self.device is not None
        async with self.platform.database.transaction(readonly=True) as connection:
            at = await connection.fetchval(
                "select asked_at from e_card_devices where person_id = $1 and device_id = $2",
                self.person_id,
                self.device.device_id,
            )
        return int(at.timestamp() * 1000)

    def base64url(self) -> str:
        return base64.urlsafe_b64encode(self.public_key).rstrip(b"=").decode()


@pytest.fixture
async def people(platform: Platform) -> dict[str, int]:
    """Two people with cards in use."""
    now = platform.clock.now()
    shared = await ledger.shared(platform, *(("bank", code, "cash") for code in banks()))
    rows = Rows(platform.vault, now, shared, 0)
    found = {"all_in_order": 7_000_001, "other": 7_000_002}
    for name, person_id in (("王小明", 7_000_001), ("李四", 7_000_002)):
        birth = date(1985, 3, person_id % 28 + 1)
        rows.person(
            person_id, id_number("510104", birth, person_id % 1000), name, 1, birth, "510104",
            f"1980000{person_id % 10000:04d}", "测试路1号", now.date(),
        )  # fmt: skip
        rows.card(person_id, 0, "510100", name, now.date() - timedelta(days=700))
    rows.finish()
    async with platform.database.transaction() as connection:
        await copy(connection, rows)
    return found


@pytest.fixture
def codes(platform: Platform) -> Codes:
    return Codes(platform)


@pytest.fixture
def wallet(platform: Platform, codes: Codes, people: dict[str, int]) -> Wallet:
    """The phone of somebody with whom all is well."""
    return Wallet(platform, codes, people["all_in_order"])


Execute = Callable[..., Awaitable[Any]]


@pytest.fixture
def execute(platform: Platform) -> Execute:
    """Run one statement."""

    async def run(statement: str, *facts: Any) -> Any:
        async with platform.database.transaction() as connection:
            return await connection.fetchval(statement, *facts)

    return run
