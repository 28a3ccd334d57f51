"""Signatures: known answers, wrong ones, old ones, and the same one twice."""

import base64
import hashlib
import time
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.medical.hospital_api import sm2
from tests.medical.hospital_api.conftest import (
    CHENGDU,
    NOW,
    Client,
    Place,
    envelope,
    headers_a,
    headers_b,
)
from yikatong.core.errors import InvalidInput, NotFound
from yikatong.medical.hospital_api import credentials, signatures
from yikatong.medical.hospital_api.refusals import NotAuthenticated
from yikatong.medical.hospital_api.signatures import Nonces, Signature

ASK = {"data": {"psn_no": "1000001"}}
SECOND = int(NOW.timestamp())


async def said(client: Client, headers: dict[str, str], **more: Any) -> dict[str, Any]:
    """The answer to a call that must be refused as not authenticated."""
    body = envelope(client.credential.provider_code, "5301", ASK, **more)
    response = await client.post(body, headers=headers)
    assert response.status_code == 401
    answer = response.json()
    assert answer["infcode"] == -1
    return answer


@pytest.mark.parametrize("scheme", ["A", "B"])
async def test_a_rightly_signed_call_is_carried_out(place: Place, scheme: str) -> None:
    client = await place.client(scheme)
    assert (await client.call("5301", ASK))["infcode"] == 0


async def test_header_names_may_be_written_in_any_case(place: Place) -> None:
    for scheme, sign in (("A", headers_a), ("B", headers_b)):
        client = await place.client(scheme)
        headers = {name.title(): value for name, value in sign(client.credential).items()}
        response = await client.post(envelope(CHENGDU, "5301", ASK), headers=headers)
        assert response.json()["infcode"] == 0


async def test_a_call_without_a_signature_is_told_which_headers_to_send(client: Client) -> None:
    message = (await said(client, {}))["err_msg"]
    assert "_api_access_key" in message
    assert "x-tif-paasid" in message


@pytest.mark.parametrize("scheme", ["A", "B"])
async def test_each_missing_header_is_named(place: Place, scheme: str) -> None:
    client = await place.client(scheme)
    headers = headers_a(client.credential) if scheme == "A" else headers_b(client.credential)
    for name in headers:
        if name in ("_api_access_key", "x-tif-paasid"):
            continue
        for value in (None, ""):
            left = {key: text for key, text in headers.items() if key != name}
            if value is not None:
                left[name] = value
            assert (await said(client, left))["err_msg"].startswith(f"{name}：")


@pytest.mark.parametrize("scheme", ["A", "B"])
@pytest.mark.parametrize("seconds", [-301, 301, -86400])
async def test_a_time_more_than_five_minutes_off_is_refused(
    place: Place, scheme: str, seconds: int
) -> None:
    client = await place.client(scheme)
    sign = headers_a if scheme == "A" else headers_b
    message = await said(client, sign(client.credential, NOW + timedelta(seconds=seconds)))
    assert "timestamp" in message["err_msg"]
    assert f" {abs(seconds)} 秒" in message["err_msg"]


@pytest.mark.parametrize("scheme", ["A", "B"])
@pytest.mark.parametrize("seconds", [-299, 299])
async def test_a_time_within_five_minutes_is_taken(place: Place, scheme: str, seconds: int) -> None:
    client = await place.client(scheme)
    sign = headers_a if scheme == "A" else headers_b
    headers = sign(client.credential, NOW + timedelta(seconds=seconds))
    response = await client.post(envelope(CHENGDU, "5301", ASK), headers=headers)
    assert response.json()["infcode"] == 0


@pytest.mark.parametrize(
    "value", ["abc", "1772330400", "-177233040000", "１７７２３３０４０００００", ""]
)
async def test_a_time_of_the_wrong_form_is_refused_and_explained(
    client: Client, value: str
) -> None:
    headers = headers_a(client.credential)
    headers["_api_timestamp"] = value.encode()  # type: ignore[assignment]
    assert (await said(client, headers))["err_msg"].startswith("_api_timestamp：")


async def test_an_unknown_key_is_refused_without_saying_more(client: Client) -> None:
    for key in ("nobody", "x" * 500, "钥".encode()):
        message = await said(client, {**headers_a(client.credential), "_api_access_key": key})
        assert "访问密钥不存在或已停用" in message["err_msg"]


async def test_a_key_signs_by_its_own_scheme_only(place: Place) -> None:
    client = await place.client("A")
    assert "方式是 A" in (await said(client, headers_b(client.credential)))["err_msg"]
    client = await place.client("B")
    assert "方式是 B" in (await said(client, headers_a(client.credential)))["err_msg"]


@pytest.mark.parametrize("scheme", ["A", "B"])
async def test_a_wrong_signature_tells_nothing_to_a_real_provider(
    place: Place, scheme: str
) -> None:
    client = await place.client(scheme)
    sign, name = (headers_a, "_api_signature") if scheme == "A" else (headers_b, "x-tif-signature")
    answer = await said(client, {**sign(client.credential), name: "AAAA"})
    assert answer["err_msg"] == f"{name}：签名不正确 / the signature is wrong"
    assert answer["warn_msg"] == ""


async def test_a_wrong_signature_shows_a_sandbox_provider_what_was_signed(place: Place) -> None:
    client = await place.client("A", sandbox=True)
    headers = {**headers_a(client.credential), "_api_signature": "AAAA"}
    answer = await said(client, headers)
    assert "warn_msg" in answer["err_msg"]
    assert (
        f"_api_access_key={client.credential.access_key}&_api_name=hssServives"
        f"&_api_timestamp={SECOND}000&_api_version=1.0.0"
    ) in answer["warn_msg"]
    client = await place.client("B", sandbox=True)
    headers = {**headers_b(client.credential, nonce="n1"), "x-tif-signature": "AAAA"}
    answer = await said(client, headers)
    assert f"{SECOND}<token>n1{SECOND}" in answer["warn_msg"]
    assert client.credential.secret not in str(answer)


async def test_a_sandbox_provider_is_told_the_usual_mistakes(place: Place) -> None:
    client = await place.client("A", sandbox=True)
    headers = headers_a(client.credential)
    right = base64.b64decode(headers["_api_signature"])
    text = (await said(client, {**headers, "_api_signature": right.hex()}))["warn_msg"]
    assert "hex 而不是 Base64" in text
    client = await place.client("B", sandbox=True)
    headers = headers_b(client.credential)
    lower = headers["x-tif-signature"].lower()
    text = (await said(client, {**headers, "x-tif-signature": lower}))["warn_msg"]
    assert "应为大写" in text


async def test_a_signature_covers_each_of_its_headers(place: Place) -> None:
    for scheme, sign, names in (
        ("A", headers_a, ("_api_name", "_api_version", "_api_timestamp")),
        ("B", headers_b, ("x-tif-timestamp", "x-tif-nonce")),
    ):
        client = await place.client(scheme)
        headers = sign(client.credential)
        other = sign(client.credential, NOW + timedelta(seconds=1))
        for name in names:
            changed = other[name] if other[name] != headers[name] else f"{headers[name]}x"
            await said(client, {**headers, name: changed})


async def test_a_nonce_is_good_once(place: Place) -> None:
    client = await place.client("B")
    headers = headers_b(client.credential, nonce="once")
    body = envelope(CHENGDU, "5301", ASK)
    assert (await client.post(body, headers=headers)).status_code == 200
    assert (await said(client, headers))["err_msg"].startswith("x-tif-nonce：")
    later = headers_b(client.credential, NOW + timedelta(seconds=5), nonce="once")
    assert (await said(client, later))["err_msg"].startswith("x-tif-nonce：")
    other = await place.client("B")
    response = await other.post(body, headers=headers_b(other.credential, nonce="once"))
    assert response.status_code == 200


async def test_a_wrongly_signed_nonce_is_not_spent(place: Place) -> None:
    client = await place.client("B")
    headers = headers_b(client.credential, nonce="kept")
    await said(client, {**headers, "x-tif-signature": "0" * 64})
    response = await client.post(envelope(CHENGDU, "5301", ASK), headers=headers)
    assert response.status_code == 200


async def test_a_nonce_longer_than_64_characters_is_refused(place: Place) -> None:
    client = await place.client("B")
    message = (await said(client, headers_b(client.credential, nonce="n" * 65)))["err_msg"]
    assert message.startswith("x-tif-nonce：")


# ---- nonces ----


def _signature(key: str, second: int, nonce: object) -> Signature:
    return Signature("B", key, str(second).encode(), b"", nonce=str(nonce).encode())


def test_nonces_are_forgotten_when_their_time_is_too_old_anyway() -> None:
    nonces = Nonces()
    for number in range(100):
        nonces.spend(_signature("k", SECOND, number), SECOND)
    assert len(nonces) == 100
    nonces.spend(_signature("k", SECOND + 400, 0), SECOND + 400)
    assert len(nonces) == 1


def test_memory_is_bounded_and_nothing_forgotten_comes_again() -> None:
    nonces = Nonces(most=1000)
    spent = [_signature("k", SECOND + number // 20, number) for number in range(5000)]
    for one in spent:
        nonces.spend(one, SECOND + 250)
        assert len(nonces) <= 1000
    for one in spent:
        with pytest.raises(NotAuthenticated):
            nonces.spend(one, SECOND + 250)


def test_who_sends_much_does_not_shut_out_the_others() -> None:
    nonces = Nonces(most=1000)
    nonces.spend(_signature("small", SECOND - 200, 1), SECOND)
    for number in range(3000):
        # All at the far end of the window: those before it are refused from then on.
        try:
            nonces.spend(_signature("large", SECOND + 300, number), SECOND)
        except NotAuthenticated:
            break
    nonces.spend(_signature("small", SECOND - 200, 2), SECOND)
    with pytest.raises(NotAuthenticated):
        nonces.spend(_signature("small", SECOND - 200, 1), SECOND)


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 20), st.integers(0, 8)), max_size=60)
)
def test_nonces_agree_with_a_plain_memory(events: list[tuple[str, int, int]]) -> None:
    nonces, seen = Nonces(), set[tuple[str, int]]()
    for key, second, nonce in events:
        before = (key, nonce) in seen
        seen.add((key, nonce))
        try:
            nonces.spend(_signature(key, SECOND + second, nonce), SECOND)
        except NotAuthenticated:
            assert before
        else:
            assert not before


# ---- known answers ----


def test_the_known_answer_of_scheme_a() -> None:
    # RFC 2202, test case 1 and 2 of HMAC-SHA-1.
    assert base64.b64decode(signatures.sign_a(b"\x0b" * 20, b"Hi There")).hex() == (
        "b617318655057264e28bc0b6fb378c8ef146be00"
    )
    assert base64.b64decode(signatures.sign_a(b"Jefe", b"what do ya want for nothing?")).hex() == (
        "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
    )


def test_the_known_answer_of_scheme_b() -> None:
    # NIST's example of SHA-256, of "abc" and of the empty text.
    assert signatures.sign_b(b"abc", b"", b"").decode() == (
        "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"
    )
    assert signatures.sign_b(b"", b"", b"").decode() == (
        "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"
    )
    plain = hashlib.sha256(b"1772330400tokennonce1772330400").hexdigest()
    assert signatures.sign_b(b"token", b"1772330400", b"nonce").decode() == plain.upper()


# ---- SM2 ----

PRIVATE = 0x3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8


@pytest.mark.parametrize(
    "text",
    ["", "04", "zz" * 64, "00" * 64, "ff" * 64, "05" + "11" * 64, "11" * 63],
)
def test_a_public_key_must_be_a_point_of_the_curve(text: str) -> None:
    with pytest.raises(InvalidInput):
        signatures.read_public_key(text)


def test_a_public_key_is_read_with_and_without_its_prefix() -> None:
    key = sm2.public_key(PRIVATE)
    assert signatures.read_public_key(key.hex()) == key
    assert signatures.read_public_key(f"04{key.hex().upper()}") == key


async def sm2_client(place: Place) -> Client:
    client = await place.client("A")
    async with place.platform.database.transaction() as connection:
        await credentials.register_sm2(
            place.platform, connection, client.credential.access_key,
            sm2.public_key(PRIVATE).hex(),
        )  # fmt: skip
    return client


async def test_a_provider_with_an_sm2_key_must_sign_the_input(place: Place) -> None:
    client = await sm2_client(place)
    assert (await said(client, headers_a(client.credential)))["err_msg"].startswith("signtype：")
    answer = await said(client, headers_a(client.credential), signtype="SM3", cainfo="AAAA")
    assert answer["err_msg"].startswith("signtype：")
    for value in ("", "not base64!", "AAAA", "签名"):
        answer = await said(client, headers_a(client.credential), signtype="SM2", cainfo=value)
        assert answer["err_msg"].startswith("cainfo：")


async def test_an_sm2_signature_over_the_input_is_verified(place: Place) -> None:
    client = await sm2_client(place)
    # With the spaces as they are sent: the bytes count, not what they mean.
    raw = b'{ "data": {"psn_no": "1000001", "name": "\xe5\xbc\xa0"} }'
    pair = sm2.sign(PRIVATE, raw)
    for value in (pair, sm2.der(pair)):
        body = envelope(
            CHENGDU, "5301", "HERE", signtype="sm2", cainfo=base64.b64encode(value).decode()
        )
        content = sm2.encode(body).replace(b'"HERE"', raw)
        response = await client.post(content)
        assert response.json()["infcode"] == 0, response.text
        response = await client.post(content.replace(b"1000001", b"1000002"))
        assert response.status_code == 401
        assert response.json()["err_msg"].startswith("cainfo：")


def test_random_bytes_are_no_sm2_signature() -> None:
    key = sm2.public_key(PRIVATE)
    for value in (b"\0" * 64, b"\xff" * 64, b"\x30\x00", b"\x30" * 70, b"x" * 64):
        with pytest.raises(NotAuthenticated):
            signatures.verify_sm2(key, b"{}", "SM2", base64.b64encode(value).decode())


# ---- credentials ----


async def test_a_revoked_credential_works_no_more(place: Place, monkeypatch: Any) -> None:
    client = await place.client()
    assert (await client.call("5301", ASK))["infcode"] == 0
    async with place.platform.database.transaction() as connection:
        await credentials.revoke(place.platform, connection, client.credential.access_key)
    _let_pass(monkeypatch, credentials.SEEN_WITHIN_SECONDS)
    assert "已停用" in (await said(client, headers_a(client.credential)))["err_msg"]


async def test_after_a_rotation_old_and_new_work_side_by_side(
    place: Place, monkeypatch: Any
) -> None:
    client = await place.client("B", sandbox=True)
    assert (await client.call("5301", ASK))["infcode"] == 0
    async with place.platform.database.transaction() as connection:
        made = await credentials.rotate(place.platform, connection, client.credential.access_key)
    assert (made.scheme, made.sandbox, made.provider_code) == ("B", True, CHENGDU)
    assert made.access_key != client.credential.access_key
    _let_pass(monkeypatch, credentials.SEEN_WITHIN_SECONDS)
    assert (await client.call("5301", ASK))["infcode"] == 0
    assert (await Client(client.http, made).call("5301", ASK))["infcode"] == 0


async def test_a_rotation_that_keeps_nothing_ends_the_old_one(
    place: Place, monkeypatch: Any
) -> None:
    client = await place.client()
    assert (await client.call("5301", ASK))["infcode"] == 0
    async with place.platform.database.transaction() as connection:
        await credentials.rotate(
            place.platform, connection, client.credential.access_key, keep=timedelta()
        )
    _let_pass(monkeypatch, credentials.SEEN_WITHIN_SECONDS)
    await said(client, headers_a(client.credential))


async def test_what_changes_about_a_provider_is_taken_over(
    own_place: Place, monkeypatch: Any
) -> None:
    client = await own_place.client()
    assert (await client.call("5301", ASK))["infcode"] == 0
    async with own_place.platform.database.transaction() as connection:
        await connection.execute(
            "update providers set suspended_on = '2026-02-01' where provider_code = $1", CHENGDU
        )
    _let_pass(monkeypatch, credentials.SEEN_WITHIN_SECONDS)
    assert (await client.call("5301", ASK))["infcode"] == 0
    before, after = (sender.provider for sender, _ in own_place.desk.orders)
    assert before.suspended_on is None
    assert after.suspended_on == date(2026, 2, 1)


async def test_secrets_lie_sealed_and_are_not_shown_by_accident(place: Place) -> None:
    client = await place.client(sandbox=True)
    secret = client.credential.secret
    assert secret not in repr(client.credential)
    async with place.platform.database.transaction() as connection:
        sealed = await connection.fetchval(
            "select secret_sealed from provider_credentials where access_key = $1",
            client.credential.access_key,
        )
        listed = await credentials.of_sandbox(place.platform, connection)
    assert secret.encode() not in sealed
    assert client.credential in listed
    real = await place.client()
    async with place.platform.database.transaction() as connection:
        assert real.credential not in await credentials.of_sandbox(place.platform, connection)


async def test_many_unknown_keys_are_not_all_looked_up(place: Place, monkeypatch: Any) -> None:
    monkeypatch.setattr(credentials, "_MISSES_A_SECOND_MAX", 3)
    monkeypatch.setattr("time.monotonic", lambda: 1000.5)
    callers = credentials.Callers(place.platform)
    for number in range(3):
        assert await callers.find(f"unknown-{number}") is None
    with pytest.raises(credentials.Busy):
        await callers.find("unknown-3")
    # Those already known to be unknown cost nothing.
    assert await callers.find("unknown-0") is None


async def test_a_credential_needs_a_provider_and_a_scheme(place: Place) -> None:
    async with place.platform.database.transaction() as connection:
        with pytest.raises(NotFound, match="provider"):
            await credentials.create(place.platform, connection, "H00000000000", "A", sandbox=True)
        scheme: Any = "C"
        with pytest.raises(InvalidInput, match="scheme"):
            await credentials.create(place.platform, connection, CHENGDU, scheme, sandbox=True)
        for work in (
            credentials.revoke(place.platform, connection, "nobody"),
            credentials.rotate(place.platform, connection, "nobody"),
            credentials.register_sm2(place.platform, connection, "nobody", None),
        ):
            with pytest.raises(NotFound, match="access_key"):
                await work


def _let_pass(monkeypatch: Any, seconds: float) -> None:
    now = time.monotonic() + seconds + 1
    monkeypatch.setattr("time.monotonic", lambda: now)
