"""The verification API over HTTP, and the face check it may ask."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import httpx
import msgspec
import pytest

from tests.conftest import OPERATOR_TOKEN
from tests.identity.conftest import Wallet, client_of
from yikatong.core.platform import Platform
from yikatong.core.settings import Settings
from yikatong.identity.ecards.codes import Codes
from yikatong.identity.verification.api import BODY_BYTES_MAX, VERIFICATIONS, Counter, lean_routes
from yikatong.identity.verification.desk import VerificationDesk
from yikatong.identity.verification.faces import HttpFaceCheck, NoFaceCheck
from yikatong.identity.verification.service import permit
from yikatong.population.rows import id_number
from yikatong.trust.access import Caller, Gate, Grant
from yikatong.trust.operator import NotSignedIn, Operator

NOBODYS = id_number("510104", date(1990, 1, 1), 19)
HEADERS = {"Authorization": f"Bearer {OPERATOR_TOKEN}", "Idempotency-Key": "k1"}


@pytest.fixture
def platform(platform: Platform, tmp_path: Any) -> Platform:
    settings = Settings(data_dir=tmp_path, operator_token=OPERATOR_TOKEN)
    return msgspec.structs.replace(platform, settings=settings)


@pytest.fixture
async def client(platform: Platform) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(platform) as made:
        yield made


def body(code: str, **more: Any) -> dict[str, Any]:
    return {"mode": "e_card", "code": code, "purpose": "culture", "region": "510100", **more}


async def test_the_operator_verifies_a_code_over_http(
    client: httpx.AsyncClient, wallet: Wallet
) -> None:
    code = (await wallet.code()).text
    first = await client.post(VERIFICATIONS, json=body(code), headers=HEADERS)
    assert first.status_code == 200
    assert (first.json()["match"], first.json()["level"]) == (True, 2)
    again = await client.post(VERIFICATIONS, json=body(code), headers=HEADERS)
    assert again.json() == first.json()
    other = await client.post(
        VERIFICATIONS, json=body(code), headers={**HEADERS, "Idempotency-Key": "k2"}
    )
    assert other.json()["reason"] == "code_used"


async def test_whoever_shows_no_token_is_turned_away_before_anything_is_read(
    client: httpx.AsyncClient,
) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": OPERATOR_TOKEN}):
        answer = await client.post(VERIFICATIONS, content=b"not json", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")


@pytest.mark.parametrize(
    ("sent", "status", "field"),
    [
        (body("A", purpose="fun"), 422, "purpose"),
        (body("A", region="51"), 422, "region"),
        (body("A", level=3), 422, "level"),
        (body("A", level=4), 422, "level"),
        (body("A", extra=1), 422, "extra"),
        (body("A", mode="face"), 422, "mode"),
        ({"purpose": "culture", "region": "510100"}, 422, "mode"),
        ({**body("A"), "mode": "two_facts"}, 422, None),
        (body("A" * 601), 422, "code"),
        ([], 422, None),
        ("x", 422, None),
    ],
)
async def test_what_is_wrong_is_named(
    client: httpx.AsyncClient, sent: Any, status: int, field: str | None
) -> None:
    answer = await client.post(VERIFICATIONS, json=sent, headers=HEADERS)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    if field is not None:
        assert answer.json()["field"] == field


async def test_a_code_needs_an_idempotency_key_and_facts_do_not(
    client: httpx.AsyncClient, wallet: Wallet
) -> None:
    headers = {"Authorization": HEADERS["Authorization"]}
    answer = await client.post(VERIFICATIONS, json=body("A"), headers=headers)
    assert (answer.status_code, answer.json()["field"]) == (422, "Idempotency-Key")
    facts = {
        "mode": "two_facts", "name": "没有人", "id_number": NOBODYS,
        "purpose": "culture", "region": "510100",
    }  # fmt: skip
    answer = await client.post(VERIFICATIONS, json=facts, headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (200, "no_match")


async def test_a_picture_fits_and_nothing_much_larger(client: httpx.AsyncClient) -> None:
    large = {**body("A"), "mode": "e_card_face", "image": "A" * 200_000}
    answer = await client.post(VERIFICATIONS, json=large, headers=HEADERS)
    assert answer.json()["reason"] == "code_invalid"
    large["image"] = "A" * BODY_BYTES_MAX
    answer = await client.post(VERIFICATIONS, json=large, headers=HEADERS)
    assert answer.status_code == 413


async def test_a_machine_with_a_permission_verifies_in_its_region(
    platform: Platform, codes: Codes, wallet: Wallet
) -> None:
    async def machines(token: str) -> Caller | None:
        found = Caller("service", "library", (Grant("identity.verify", "510000"),))
        return found if token == "secret" else None

    await permit(platform, "service", "library", ["culture"], per_minute=2)
    desk = VerificationDesk(platform, codes, NoFaceCheck())
    gate = Gate(Operator(OPERATOR_TOKEN), machines)
    handle = lean_routes(Counter(gate, desk))[VERIFICATIONS]
    headers = {b"authorization": b"Bearer secret", b"idempotency-key": b"k"}
    answer = await handle(headers, json.dumps(body((await wallet.code()).text)).encode())
    assert answer.match
    with pytest.raises(NotSignedIn):
        await handle({b"authorization": b"Bearer other"}, b"{}")


async def test_the_service_that_asks_too_much_hears_when_to_come_back(
    platform: Platform, client: httpx.AsyncClient, wallet: Wallet
) -> None:
    facts = {
        "mode": "two_facts", "name": "没有人", "id_number": NOBODYS, "purpose": "culture",
        "region": "510100",
    }  # fmt: skip
    answers = [await client.post(VERIFICATIONS, json=facts, headers=HEADERS) for _ in range(11)]
    assert answers[0].json()["reason"] == "no_match"
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) > 0


# ---- the face check of somebody else ----


class FaceService:
    """Answers as it is told to, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answer = b'{"same": true}'
        self.status = "200 OK"
        self.wait = 0.0
        self.asked: list[Any] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        self.asked.append(json.loads(await reader.readexactly(length)))
        await asyncio.sleep(self.wait)
        writer.write(
            f"HTTP/1.1 {self.status}\r\nContent-Length: {len(self.answer)}\r\n"
            "Connection: close\r\n\r\n".encode()
            + self.answer
        )
        await writer.drain()
        writer.close()


async def test_a_face_service_is_asked_and_only_a_clear_answer_in_time_counts(
    platform: Platform, people: dict[str, int]
) -> None:
    service = FaceService()
    server = await asyncio.start_server(service.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    check = HttpFaceCheck(platform, f"http://127.0.0.1:{port}/face", seconds_max=0.5)
    person_id = people["all_in_order"]
    assert await check.check(person_id, "aGk=") == "same"
    assert service.asked[0]["name"] == "王小明"
    assert service.asked[0]["image"] == "aGk="
    for answer, said in (
        (b'{"same": false}', "different"), (b'{"same": 1}', "not_available"),
        (b"{}", "not_available"), (b"[]", "not_available"), (b"oops", "not_available"),
        (b"\xff", "not_available"),
    ):  # fmt: skip
        service.answer = answer
        assert await check.check(person_id, "aGk=") == said
    service.answer, service.status = b'{"same": true}', "500 Oops"
    assert await check.check(person_id, "aGk=") == "not_available"
    service.status, service.wait = "200 OK", 2.0
    assert await check.check(person_id, "aGk=") == "not_available"
    assert await check.check(1, "aGk=") == "not_available"
    server.close()
    assert await check.check(person_id, "aGk=") == "not_available"
