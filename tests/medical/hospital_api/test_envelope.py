"""The envelope: what must be in it, what may be, and what comes back."""

import re
from datetime import timedelta
from typing import Any

import pytest

from tests.medical.hospital_api.conftest import (
    BEIJING,
    CHENGDU,
    NOW,
    Client,
    Place,
    envelope,
)  # fmt: skip
from yikatong.core.coalescing import Busy
from yikatong.core.errors import InvalidInput, Text, Unavailable, YikatongError
from yikatong.core.money import Fen
from yikatong.medical.hospital_api import envelope as envelopes
from yikatong.medical.hospital_api import refusals
from yikatong.medical.visits.errors import NoSuchVisit, NotCovered, SumDiffers
from yikatong.medical.visits.orders import AskChronic, Identify

ASK = {"data": {"psn_no": "1000001"}}


async def test_a_transaction_is_carried_out_and_answered_by_the_standard(
    place: Place, client: Client
) -> None:
    body = envelope(CHENGDU, "5301", ASK)
    response = await client.post(body)
    assert response.headers["content-type"] == "application/json;charset=UTF-8"
    answer = response.json()
    assert list(answer) == [
        "infcode", "inf_refmsgid", "refmsg_time", "respond_time", "err_msg", "warn_msg", "cainfo",
        "signtype", "output",
    ]  # fmt: skip
    assert answer["infcode"] == 0
    assert re.fullmatch(r"51010020260301090000[0-9]{10}", answer["inf_refmsgid"])
    assert answer["refmsg_time"] == "20260301090000000"
    assert re.fullmatch(r"[0-9]{17}", answer["respond_time"])
    assert b'"medfee_sumamt":999.99,' in response.content
    sender, order = place.desk.orders[0]
    assert order == AskChronic(person_id=1000001)
    assert sender.provider.provider_code == CHENGDU
    assert (sender.message_id, sender.transaction_code) == (body["msgid"], "5301")
    assert (sender.operator, sender.sandbox) == ("op01", False)
    assert place.notes[0][:2] == ("/fsi/api/5301", 200)


@pytest.mark.parametrize("name", envelopes.REQUIRED)
@pytest.mark.parametrize("value", [None, "", "null"])
async def test_a_missing_field_of_the_envelope_is_named(
    client: Client, name: str, value: str | None
) -> None:
    body = envelope(CHENGDU, "5301", ASK, **{name: value})
    answer = (await client.post(body)).json()
    assert answer["infcode"] == -1
    assert answer["err_msg"] == f"{name}：缺少这一项 / this is missing"


@pytest.mark.parametrize(
    ("name", "longest"),
    [
        ("infno", 4), ("msgid", 30), ("mdtrtarea_admvs", 6), ("insuplc_admdvs", 6),
        ("recer_sys_code", 10), ("dev_no", 100), ("dev_safe_info", 2000), ("cainfo", 1024),
        ("signtype", 10), ("infver", 6), ("opter_type", 4), ("opter", 30), ("opter_name", 50),
        ("inf_time", 19), ("fixmedins_code", 12), ("fixmedins_name", 200), ("sign_no", 30),
    ],
)  # fmt: skip
async def test_a_field_that_is_too_long_is_named(client: Client, name: str, longest: int) -> None:
    said = await client.refused("5301", ASK, **{name: "长" * (longest + 1)})
    assert said == f"{name}：不能超过 {longest} 个字符 / at most {longest} characters"


@pytest.mark.parametrize("name", envelopes.REQUIRED)
async def test_a_field_of_the_wrong_type_is_named(client: Client, name: str) -> None:
    assert (await client.refused("5301", ASK, **{name: 1101})).startswith(f"{name}：")


@pytest.mark.parametrize(
    "more",
    [
        {"dev_no": "null", "sign_no": "null", "cainfo": "", "signtype": "null"},
        {"unheard_of": {"a": [1, 2.5]}, "another": None},
        {"infver": "1.0.0"},
        {"infver": "1.0"},
        {"mdtrtarea_admvs": "510104"},
        {"mdtrtarea_admvs": "510100"},
        {"mdtrtarea_admvs": "510000"},
        {"insuplc_admdvs": "440300"},
        {"insuplc_admdvs": "510000"},
        {"opter_type": "3"},
    ],
)
async def test_what_clients_send_in_the_field_is_taken(
    client: Client, more: dict[str, Any]
) -> None:
    assert (await client.call("5301", ASK, **more))["infcode"] == 0


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"infver": "V9.9"}, "infver"),
        ({"opter_type": "4"}, "opter_type"),
        ({"inf_time": "2026-03-01T09:00:00"}, "inf_time"),
        ({"inf_time": "2026-02-30 09:00:00"}, "inf_time"),
        ({"inf_time": "2026-03-01 09:00"}, "inf_time"),
        ({"fixmedins_code": BEIJING}, "fixmedins_code"),
        ({"mdtrtarea_admvs": "510105"}, "mdtrtarea_admvs"),
        ({"mdtrtarea_admvs": "110000"}, "mdtrtarea_admvs"),
        ({"insuplc_admdvs": "999999"}, "insuplc_admdvs"),
        ({"insuplc_admdvs": ""}, "insuplc_admdvs"),
        ({"insuplc_admdvs": "null"}, "insuplc_admdvs"),
        ({"infno": "0000"}, "infno"),
        ({"input": None}, "input"),
        ({"input": "null"}, "input"),
        ({"input": [1]}, "input"),
        ({"msgid": f"{BEIJING}202603010900000001"}, "msgid"),
        ({"msgid": f"{CHENGDU}202602300900000001"}, "msgid"),
        ({"msgid": f"{CHENGDU}20260301090000"}, "msgid"),
        ({"msgid": f"{CHENGDU}20260301090000000x"}, "msgid"),
        ({"msgid": f"{CHENGDU}２０２６0301090000000"}, "msgid"),
        ({"opter": "a\0b"}, "input"),
    ],
)
async def test_what_does_not_fit_is_refused_by_name(
    place: Place, client: Client, more: dict[str, Any], field: str
) -> None:
    said = await client.refused("5301", ASK, **more)
    assert said.startswith(f"{field}：")
    assert " / " in said
    assert place.desk.orders == []


async def test_the_transaction_that_tells_the_insured_place_does_not_need_it(
    place: Place, client: Client
) -> None:
    data = {"data": {"mdtrt_cert_no": "510104199001011234"}}
    assert (await client.call("1101", data, insuplc_admdvs=None))["infcode"] == 0
    assert isinstance(place.desk.orders[0][1], Identify)


async def test_a_provider_of_a_municipality_may_give_its_old_city_code(place: Place) -> None:
    client = await place.client(provider=BEIJING)
    for code in ("110101", "110100", "110000"):
        assert (await client.call("5301", ASK, mdtrtarea_admvs=code))["infcode"] == 0


async def test_a_wrong_input_is_named_by_the_standard(client: Client) -> None:
    assert (await client.refused("5301", {"data": {}})).startswith("data.psn_no：缺少人员编号 / ")
    assert (await client.refused("5301", {})).startswith("data：")


async def test_the_same_message_gets_the_first_answer(place: Place, client: Client) -> None:
    body = envelope(CHENGDU, "2207", ASK)
    first = await client.post(body)
    # The clock, the operator and the sign-in may differ in a repeat.
    again = await client.post(body | {"inf_time": "2026-03-01 09:05:00", "opter": "op02"})
    assert first.content == again.content
    assert len(place.desk.orders) == 1
    other = (await client.post(body | {"input": {"data": {"psn_no": "2"}}})).json()
    assert other["infcode"] == -1
    assert other["err_msg"].startswith("msgid：")
    for change in ({"infno": "5301"}, {"insuplc_admdvs": "510000"}):
        assert (await client.post(body | change)).json()["infcode"] == -1
    assert len(place.desk.orders) == 1


async def test_an_absent_region_is_the_same_however_it_is_written(
    place: Place, client: Client
) -> None:
    body = envelope(CHENGDU, "1101", {"data": {"mdtrt_cert_no": "1"}}, insuplc_admdvs="")
    first = await client.post(body)
    assert (await client.post(body | {"insuplc_admdvs": "null"})).content == first.content
    assert (await client.post(body | {"insuplc_admdvs": None})).content == first.content
    assert len(place.desk.orders) == 1


async def test_a_malformed_message_does_not_use_its_id_up(place: Place, client: Client) -> None:
    body = envelope(CHENGDU, "2207", {"data": {"psn_no": ""}})
    assert (await client.post(body)).json()["infcode"] == -1
    assert (await client.post(body | {"input": ASK})).json()["infcode"] == 0


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            SumDiffers(
                "total", Text("费用总额", "the total"), Fen(100), Fen(200), Text("请核对", "compare")
            ),
            "medfee_sumamt：上传的费用总额 1.00 元与明细合计 2.00 元不一致，请核对 / "
            "the total 1.00 differs from the lines' 2.00; compare",
        ),
        (NotCovered("arrears", Text("欠费", "in arrears")), "欠费 / in arrears"),
        (InvalidInput("lines[3].at", zh="太早", en="too early"), "feedetail[3].fee_ocur_time：太早 / too early"),
    ],
)  # fmt: skip
async def test_what_the_desk_refuses_speaks_the_standards_names(
    place: Place, client: Client, error: YikatongError, said: str
) -> None:
    place.desk.outcome = error
    assert await client.refused("2207", ASK) == said


async def test_the_desk_says_no_with_the_fields_of_the_interface(
    place: Place, client: Client
) -> None:
    place.desk.outcome = NoSuchVisit()
    assert (await client.refused("2207", ASK)).startswith("mdtrt_id：没有这次就诊")


def test_a_pharmacys_lines_have_their_own_name() -> None:
    error = InvalidInput("lines[0]", zh="错", en="wrong")
    assert refusals.field_of(error, "2102") == "drugdetail[0]"
    assert refusals.field_of(error, "2204") == "feedetail[0]"
    assert refusals.field_of(YikatongError("错", "wrong"), "2204") is None


@pytest.mark.parametrize(
    ("column", "named"),
    [
        ("item", "med_list_codg"),
        ("total", "det_item_fee_sumamt"),
        ("number", "feedetl_sn"),
        ("gives_back", "init_feedetl_sn"),
        ("quantity", "cnt"),
    ],
)
def test_a_column_of_a_line_is_named_as_the_standard_names_it(column: str, named: str) -> None:
    error = InvalidInput(f"lines[2].{column}", zh="错", en="wrong")
    assert refusals.field_of(error, "2204") == f"feedetail[2].{named}"
    assert refusals.field_of(error, "2102") == f"drugdetail[2].{named}"


@pytest.mark.parametrize(
    ("field", "code", "named"),
    [
        ("visit.care", "2206", "med_type"),
        ("filing_id", "2502", "trt_dcla_detl_sn"),
        ("kind", "2501", "mdtrtarea_admdvs"),
    ],
)
def test_what_policies_and_filings_refuse_is_named_as_the_standard_does(
    field: str, code: str, named: str
) -> None:
    assert refusals.field_of(InvalidInput(field, zh="错", en="wrong"), code) == named


def test_a_message_is_cut_at_200_characters_and_keeps_the_chinese() -> None:
    short, long = "简短", "很长" * 150
    assert refusals.message_of(YikatongErrorOf(short, "x" * 300), "", "") == short
    cut = refusals.message_of(YikatongErrorOf(long, "x"), "", "")
    assert len(cut) == 200
    assert cut.endswith("…")


class YikatongErrorOf(YikatongError):
    """One that is the caller's own."""

    status = 409


@pytest.mark.parametrize("failure", [Busy("忙", "busy"), Unavailable("不可用", "unavailable")])
async def test_what_may_be_sent_again_is_a_503_with_the_envelope(
    place: Place, client: Client, failure: YikatongError
) -> None:
    place.desk.failure = failure
    body = envelope(CHENGDU, "2207", ASK)
    response = await client.post(body)
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    assert response.json()["infcode"] == -1
    place.desk.failure = None
    assert (await client.post(body)).json()["infcode"] == 0


async def test_a_programming_error_shows_a_reference_and_no_traceback(
    place: Place,
    client: Client,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    place.desk.failure = RuntimeError("boom of the test")
    response = await client.post(envelope(CHENGDU, "2207", ASK))
    assert response.status_code == 500
    answer = response.json()
    assert answer["inf_refmsgid"] in answer["err_msg"]
    assert "boom" not in response.text
    assert "Traceback" not in response.text
    logged = capsys.readouterr()
    # On stderr, or in the log where an earlier test has set it up.
    assert answer["inf_refmsgid"] in logged.out + logged.err + caplog.text


async def test_references_are_never_given_twice(client: Client) -> None:
    answers = [await client.call("5301", ASK) for _ in range(20)]
    assert len({answer["inf_refmsgid"] for answer in answers}) == 20


def test_a_moment_is_written_to_the_millisecond() -> None:
    at = NOW + timedelta(microseconds=7999)
    assert envelopes.time17(at) == "20260301090000007"
    assert envelopes.time17(NOW) == "20260301090000000"
    reference = envelopes.new_reference("510100", envelopes.time17(at))
    assert re.fullmatch("51010020260301090000[0-9]{10}", reference)


async def test_what_lies_elsewhere_is_not_touched(place: Place) -> None:
    assert (await place.http.get("/health/live")).status_code == 418
    assert (await place.http.post("/fsi")).status_code == 418
    assert place.notes == []
