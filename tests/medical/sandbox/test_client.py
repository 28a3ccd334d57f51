"""The reference client: how it signs, repeats, gives up, and adds up."""

import base64
import hashlib
import hmac
import re
import subprocess
import time
from decimal import Decimal
from typing import Any

import pytest

from tests.medical.sandbox.conftest import ACCOUNTS, FakePlatform, done, refused
from yikatong.core.errors import Text
from yikatong.medical.sandbox import client, examples
from yikatong.medical.sandbox.client import Exchange, Refused, Unknown, WrongSums
from yikatong.medical.sandbox.model import SandboxProvider

SETTLED: dict[str, Any] = {
    "setl_id": "9", "medfee_sumamt": 100.10, "fulamt_ownpay_amt": 10.00, "overlmt_selfpay": 0.00,
    "preselfpay_amt": 5.05, "inscp_scp_amt": 85.05, "hifp_pay": 40.00, "fund_pay_sumamt": 40.00,
    "psn_part_amt": 60.10, "acct_pay": 20.00, "acct_mulaid_pay": 0.10, "psn_cash_pay": 40.00,
    "hosp_part_amt": 0.00,
}  # fmt: skip
BILL = {"data": {"psn_no": "1000001", "medfee_sumamt": "100.10"}}


def test_scheme_a_signs_the_four_headers_in_the_order_of_their_names() -> None:
    headers = client.sign_a("KEY", "SECRET", 1772326800.123)
    assert headers == {
        "_api_access_key": "KEY",
        "_api_name": "hssServives",
        "_api_timestamp": "1772326800123",
        "_api_version": "1.0.0",
        # printf %s '_api_access_key=KEY&…' | openssl dgst -sha1 -hmac SECRET -binary | openssl base64
        "_api_signature": "a1kpz5+3F4SdvJgnUVYrBl9z0Mk=",
    }


def test_scheme_b_signs_time_token_nonce_time_in_capitals() -> None:
    headers = client.sign_b("PAAS", "TOKEN", 1772326800.9, "n0nce")
    assert headers == {
        "x-tif-paasid": "PAAS",
        "x-tif-timestamp": "1772326800",
        "x-tif-nonce": "n0nce",
        # printf %s 1772326800TOKENn0nce1772326800 | openssl dgst -sha256 -r | tr a-f A-F
        "x-tif-signature": "19D3D5F323A42A1CD9A9EF6CEC7A3EB9297823411FCD56D5F4207CA1FD85D142",
    }


@pytest.mark.parametrize("scheme", ["A", "B"])
def test_a_call_is_signed_numbered_and_whole(fake: FakePlatform, scheme: str) -> None:
    fake.replies = [done({"baseinfo": {"psn_no": "1"}})]
    output = fake.hospital(scheme).call("1101", {"data": {}}, insured_region="510100")
    assert output == {"baseinfo": {"psn_no": "1"}}
    headers, _ = fake.received[0]
    message = fake.messages[0]
    account = ACCOUNTS[scheme]
    assert re.fullmatch(rf"{account.provider_code}\d{{18}}", message["msgid"])
    required = (
        "infno", "msgid", "mdtrtarea_admvs", "recer_sys_code", "infver", "opter_type", "opter",
        "opter_name", "inf_time", "fixmedins_code", "fixmedins_name", "input",
    )  # fmt: skip
    assert all(message[name] for name in required)
    assert message["insuplc_admdvs"] == "510100"
    check_signature(headers, scheme)


def check_signature(headers: dict[str, str], scheme: str) -> None:
    secret = ACCOUNTS[scheme].secret.encode()
    if scheme == "A":
        text = "&".join(
            f"{name}={headers[name]}"
            for name in ("_api_access_key", "_api_name", "_api_timestamp", "_api_version")
        )
        right = base64.b64encode(hmac.new(secret, text.encode(), hashlib.sha1).digest()).decode()
        assert headers["_api_signature"] == right
        assert abs(int(headers["_api_timestamp"]) / 1000 - time.time()) < 60
    else:
        when = headers["x-tif-timestamp"].encode()
        text = when + secret + headers["x-tif-nonce"].encode() + when
        assert headers["x-tif-signature"] == hashlib.sha256(text).hexdigest().upper()


@pytest.mark.parametrize("trouble", [None, (503, {"infcode": -1}), (500, {}), (200, b"<html>")])
def test_what_got_no_certain_answer_is_sent_again_unchanged_and_newly_signed(
    fake: FakePlatform, trouble: Any
) -> None:
    fake.replies = [trouble, trouble, done({"result": {}})]
    fake.hospital("B").call("2203", {"data": {}})
    bodies = [body for _, body in fake.received]
    assert len(bodies) == 3
    assert len(set(bodies)) == 1
    assert len({headers["x-tif-nonce"] for headers, _ in fake.received}) == 3


def test_a_refusal_is_told_and_not_repeated(fake: FakePlatform) -> None:
    fake.replies = [refused("没有这次就诊")]
    with pytest.raises(Refused, match="没有这次就诊"):
        fake.hospital().call("2203", {"data": {}})
    assert len(fake.received) == 1


@pytest.mark.parametrize("status", [400, 401, 413])
def test_what_the_program_does_wrong_is_not_repeated(fake: FakePlatform, status: int) -> None:
    fake.replies = [(status, {"infcode": -1, "err_msg": "wrong"})]
    with pytest.raises(Refused, match="wrong"):
        fake.hospital().call("2203", {"data": {}})


def test_a_settlement_that_never_gets_an_answer_is_reversed_by_its_message(
    fake: FakePlatform,
) -> None:
    fake.replies = [None, None, done({"result": {}})]
    with pytest.raises(Unknown) as caught:
        fake.hospital(tries_max=2).settle("2207", BILL, insured_region="510100")
    first, again, undo = fake.messages
    assert first == again
    assert undo["infno"] == "2601"
    assert undo["insuplc_admdvs"] == "510100"
    assert undo["msgid"] != first["msgid"]
    assert undo["input"]["data"] == {
        "psn_no": "1000001", "omsgid": first["msgid"], "oinfno": "2207",
    }  # fmt: skip
    assert caught.value.message_id == first["msgid"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"medfee_sumamt": 100.11},
        {"inscp_scp_amt": 85.06},
        {"hifp_pay": 39.99},
        {"psn_cash_pay": 40.01},
        {"fund_pay_sumamt": 41.00, "hifp_pay": 41.00},
    ],
)
def test_a_settlement_that_does_not_add_up_is_reversed(
    fake: FakePlatform, wrong: dict[str, float]
) -> None:
    fake.replies = [done({"setlinfo": SETTLED | wrong}), done({"result": {}})]
    with pytest.raises(WrongSums):
        fake.hospital().settle("2207", BILL)
    assert [one["infno"] for one in fake.messages] == ["2207", "2601"]


def test_a_settlement_that_adds_up_stands_and_its_amounts_are_exact(fake: FakePlatform) -> None:
    fake.replies = [done({"setlinfo": SETTLED})]
    output = fake.hospital().settle("2207", BILL)
    assert output["setlinfo"]["medfee_sumamt"] == Decimal("100.1")
    assert len(fake.received) == 1


def test_where_even_the_reversal_gets_no_answer_the_error_names_it(fake: FakePlatform) -> None:
    fake.replies = [None, None]
    with pytest.raises(Unknown) as caught:
        fake.hospital(tries_max=1).settle("2207", BILL)
    assert caught.value.infno == "2601"


def test_message_ids_do_not_repeat(fake: FakePlatform) -> None:
    hospital = fake.hospital()
    assert len({hospital.new_message_id() for _ in range(2000)}) == 2000


def test_every_exchange_is_heard_also_the_one_without_answer(fake: FakePlatform) -> None:
    heard: list[Exchange] = []
    fake.replies = [None, done({})]
    fake.hospital(listen=heard.append).call("1101", {"data": {}})
    assert [one.status for one in heard] == [0, 200]
    assert heard[0].trouble
    assert heard[0].message_id == heard[1].message_id


def test_nobody_listening_is_unknown_and_not_refused() -> None:
    hospital = client.Hospital("http://127.0.0.1:9", ACCOUNTS["A"], tries_max=1)
    with pytest.raises(Unknown):
        hospital.call("1101", {"data": {}})


@pytest.mark.parametrize("scheme", ["A", "B"])
def test_the_example_for_the_shell_runs_and_is_signed_right(
    fake: FakePlatform, scheme: str
) -> None:
    account = ACCOUNTS[scheme]
    provider = SandboxProvider(
        code=account.provider_code,
        name='成都"$(id)`id`\\医院',
        english="",
        kind="hospital",
        region="510112",
        pooling_region="510100",
        level="tertiary",
        scheme="A" if scheme == "A" else "B",
        access_key=account.access_key,
        secret=account.secret,
        note=Text("", ""),
    )
    fake.replies = [done({"baseinfo": {}})]
    script = examples.curl(provider, fake.url, "510101198512319807", "王芳")
    ran = subprocess.run(["sh", "-eu", "-c", script], capture_output=True, text=True, timeout=60)
    assert '"infcode": 0' in ran.stdout, ran.stderr
    headers, _ = fake.received[0]
    message = fake.messages[0]
    check_signature(headers, scheme)
    assert message["fixmedins_name"] == provider.name
    assert message["input"]["data"]["mdtrt_cert_no"] == "510101198512319807"
    assert re.fullmatch(rf"{account.provider_code}\d{{18}}", message["msgid"])
