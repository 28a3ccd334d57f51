"""Addresses, methods, bodies: what comes in, however it comes, is answered with the envelope."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.medical.hospital_api.conftest import (
    CALL,
    CHENGDU,
    Client,
    Place,
    envelope,
    headers_a,
    signed,
)
from yikatong.medical.hospital_api import faults, wire

ASK = {"data": {"psn_no": "1000001"}}
SIGN_IN = "/fsi/api/signInSignOutService/signIn"
SIGN_OUT = "/fsi/api/signInSignOutService/signOut"


@pytest.mark.parametrize("path", [CALL, f"{CALL}/", f"{CALL}/5301"])
async def test_both_forms_of_the_address_are_answered(client: Client, path: str) -> None:
    assert (await client.call("5301", ASK, path=path))["infcode"] == 0


@pytest.mark.parametrize(
    ("path", "infno"),
    [
        (f"{CALL}/2207", "5301"),
        (f"{CALL}/9999", "5301"),
        (SIGN_IN, "9002"),
        (SIGN_OUT, "9001"),
        ("/fsi/api/fileupload/upload", "9102"),
        ("/fsi/api/fileupload/download", "9101"),
    ],
)
async def test_a_path_that_contradicts_the_message_is_an_error(
    place: Place, client: Client, path: str, infno: str
) -> None:
    said = await client.refused(infno, ASK, path=path)
    assert said.startswith(f"infno：报文中的交易编号 {infno} 与地址中的 ")
    assert place.desk.orders == []


@pytest.mark.parametrize(
    "path",
    [
        "/fsi/api/", "/fsi/api/rsfComIfsService", f"{CALL}/5301/", f"{CALL}/5301/more",
        "/fsi/api/signInSignOutService/", "/fsi/api/other",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_an_address_that_is_none_is_a_404_with_the_envelope(
    client: Client, path: str, method: str
) -> None:
    response = await client.http.request(method, path)
    assert response.status_code == 404
    assert CALL in response.json()["err_msg"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_another_method_is_told_what_to_send(client: Client, method: str) -> None:
    response = await client.http.request(method, CALL)
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    answer = response.json()
    assert answer["infcode"] == -1
    assert "POST" in answer["err_msg"]


@pytest.mark.parametrize(
    "kind",
    [
        "application/json", "application/json;charset=UTF-8", "text/plain; charset=utf-8",
        "text/plain", "application/x-www-form-urlencoded", "",
    ],
)  # fmt: skip
async def test_json_counts_whatever_it_is_called(client: Client, kind: str) -> None:
    body = envelope(CHENGDU, "5301", ASK)
    response = await client.post(body, **{"content-type": kind})
    assert response.json()["infcode"] == 0


async def test_a_byte_order_mark_is_passed_over(client: Client) -> None:
    content = b"\xef\xbb\xbf" + msgspec.json.encode(envelope(CHENGDU, "5301", ASK))
    assert (await client.post(content)).json()["infcode"] == 0


@pytest.mark.parametrize(
    "content",
    [
        b"", b" ", b"{", b"nonsense", b"<xml/>", b'{"infno": "5301"} more',
        json.dumps(envelope(CHENGDU, "5301", ASK), ensure_ascii=False).encode("gbk"),
        b'{"input":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"opter": "\\ud800"}', b'{"opter": "a\x01"}', b'{"infno": 01}', b'{"infno": NaN}',
    ],
)  # fmt: skip
async def test_what_is_not_json_in_utf_8_is_a_400(client: Client, content: bytes) -> None:
    response = await client.post(content)
    assert response.status_code == 400
    answer = response.json()
    assert answer["infcode"] == -1
    assert answer["err_msg"].startswith("报文")


async def test_deep_nesting_of_the_input_is_refused(place: Place, client: Client) -> None:
    body = msgspec.json.encode(envelope(CHENGDU, "5301", "HERE"))
    deep = b'{"data":' + b"[" * 900 + b"]" * 900 + b"}"
    response = await client.post(body.replace(b'"HERE"', deep))
    assert response.status_code in (200, 400)
    assert response.json()["infcode"] == -1
    assert place.desk.orders == []


@pytest.mark.parametrize("content", [b"[]", b'"text"', b"1", b"null", b"true"])
async def test_json_that_is_no_object_is_refused(client: Client, content: bytes) -> None:
    response = await client.post(content)
    assert response.json()["infcode"] == -1
    assert response.status_code == 200


async def test_a_body_of_512_kib_is_the_most(place: Place, client: Client) -> None:
    body = msgspec.json.encode(envelope(CHENGDU, "5301", ASK))
    whole = body + b" " * (wire.BODY_BYTES_MAX - len(body))
    assert (await client.post(whole)).json()["infcode"] == 0
    response = await client.post(whole + b" ")
    assert response.status_code == 413
    assert "512 KiB" in response.json()["err_msg"]


async def test_an_endless_body_is_cut(place: Place, client: Client) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield b" " * 65536

    # httpx reads a chunked body as the handler asks for it.
    response = await client.http.post(CALL, content=endless(), headers=signed(client.credential))
    assert response.status_code == 413
    assert sent <= 12


async def test_a_compressed_body_is_refused(client: Client) -> None:
    response = await client.post(b"\x1f\x8b", **{"content-encoding": "gzip"})
    assert response.status_code == 400
    assert "Content-Encoding" in response.json()["err_msg"]


async def test_a_caller_that_leaves_gets_nothing_and_changes_nothing(
    place: Place, client: Client
) -> None:
    messages = iter(
        [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    )
    sent: list[Any] = []

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        sent.append(message)

    scope: Any = {"type": "http", "method": "POST", "path": CALL, "headers": []}
    await place.app(scope, receive, send)
    assert sent == []
    assert place.desk.orders == []


# ---- anything at all ----

_field = st.one_of(
    st.none(), st.text(max_size=40), st.integers(), st.floats(), st.booleans(),
    st.lists(st.text(max_size=5), max_size=3),
)  # fmt: skip
_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=20)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)
_fuzz = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def is_an_answer(response: httpx.Response, statuses: set[int]) -> dict[str, Any]:
    assert response.status_code in statuses, response.text
    assert "Traceback" not in response.text
    answer = response.json()
    assert answer["infcode"] in (0, -1)
    assert len(answer["inf_refmsgid"]) == 30
    if answer["infcode"] == -1:
        assert 0 < len(answer["err_msg"]) <= 200
        assert answer["output"] is None
    return answer


@_fuzz
@given(content=st.binary(max_size=300))
async def test_any_bytes_get_an_envelope(client: Client, content: bytes) -> None:
    is_an_answer(await client.post(content), {200, 400})


@_fuzz
@given(body=_json)
async def test_any_json_gets_an_envelope(client: Client, body: Any) -> None:
    answer = is_an_answer(await client.post(body), {200, 400})
    assert answer["infcode"] == -1


@_fuzz
@given(name=st.sampled_from([*envelope(CHENGDU, "5301", {})]), value=_field)
async def test_any_value_of_any_field_gets_an_envelope(
    client: Client, name: str, value: Any
) -> None:
    body = envelope(CHENGDU, "5301", ASK) | {name: value}
    is_an_answer(await client.post(body), {200, 400})


@_fuzz
@given(
    infno=st.sampled_from(["1201", "1301", "1303", "9001", "9002", "9101", "9102", "x"]),
    data=_json,
)
async def test_any_input_of_any_transaction_gets_an_envelope(
    client: Client, infno: str, data: Any
) -> None:
    answer = is_an_answer(await client.post(envelope(CHENGDU, infno, data)), {200, 400})
    assert answer["infcode"] == -1


@_fuzz
@given(
    node=st.sampled_from(
        [
            ("1201", "medinsinfo", ("fixmedins_type", "fixmedins_name", "fixmedins_code")),
            ("1301", "data", ("ver",)),
            ("9001", "signIn", ("opter_no", "mac", "ip")),
            ("9002", "signOut", ("sign_no", "opter_no")),
            ("9101", "fsUploadIn", ("in", "filename", "fixmedins_code")),
            ("9102", "fsDownloadIn", ("file_qury_no", "filename", "fixmedins_code")),
        ]
    ),
    values=st.lists(_field, min_size=3, max_size=3),
)
async def test_any_value_in_a_known_node_gets_an_envelope(
    client: Client, node: tuple[str, str, tuple[str, ...]], values: list[Any]
) -> None:
    infno, name, fields = node
    data = {name: dict(zip(fields, values, strict=False))}
    is_an_answer(await client.post(envelope(CHENGDU, infno, data)), {200, 400})


_header = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)


@_fuzz
@given(
    names=st.lists(
        st.sampled_from(
            [
                "_api_access_key", "_api_name", "_api_timestamp", "_api_version",
                "_api_signature", "x-tif-paasid", "x-tif-timestamp", "x-tif-nonce",
                "x-tif-signature",
            ]
        ),
        unique=True,
    ),
    value=_header,
    right=st.booleans(),
)  # fmt: skip
async def test_any_headers_get_an_envelope(
    client: Client, names: list[str], value: str, right: bool
) -> None:
    headers = (headers_a(client.credential) if right else {}) | dict.fromkeys(names, value)
    answer = is_an_answer(
        await client.post(envelope(CHENGDU, "5301", ASK), headers=headers), {200, 401, 503}
    )
    if not right or set(names) & set(headers_a(client.credential)):
        assert answer["infcode"] == -1


@_fuzz
@given(rest=st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30))
async def test_any_address_gets_an_envelope(place: Place, rest: str) -> None:
    scope: Any = {"type": "http", "method": "POST", "path": f"/fsi/api/{rest}", "headers": []}
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await place.app(scope, receive, send)
    assert sent[0]["status"] in (401, 404)
    assert json.loads(sent[1]["body"])["infcode"] == -1


# ---- a real server ----


@pytest.fixture
async def served(place: Place) -> AsyncIterator[tuple[str, int]]:
    """The handler on a real port."""
    config = uvicorn.Config(place.app, port=0, lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    # From here on a connection waits until it is taken.
    task = asyncio.create_task(server.serve(sockets=[listener]))
    yield listener.getsockname()
    server.should_exit = True
    await task


async def test_a_lost_answer_is_a_connection_that_closes_without_a_byte(
    place: Place, served: tuple[str, int]
) -> None:
    client = await place.client(sandbox=True)
    async with place.platform.database.transaction() as connection:
        await faults.set_fault(place.platform, connection, CHENGDU, "lost")
    body = msgspec.json.encode(envelope(CHENGDU, "2207", ASK))
    first = await _raw(served, client, body)
    assert first == b""
    assert len(place.desk.orders) == 1
    second = await _raw(served, client, body)
    assert second.startswith(b"HTTP/1.1 200 ")
    assert b'"infcode":0' in second
    assert len(place.desk.orders) == 1


async def _raw(address: tuple[str, int], client: Client, body: bytes) -> bytes:
    """All bytes that come back before the connection closes."""
    reader, writer = await asyncio.open_connection(*address)
    lines = [
        f"POST {CALL} HTTP/1.1",
        "host: test",
        "connection: close",
        f"content-length: {len(body)}",
    ]
    lines += [f"{name}: {value}" for name, value in headers_a(client.credential).items()]
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    content = await asyncio.wait_for(reader.read(-1), timeout=10)
    writer.close()
    return content
