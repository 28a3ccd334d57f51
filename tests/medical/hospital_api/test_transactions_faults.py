"""Whatever a hospital sends, it hears which field is wrong and why; nothing else is raised."""

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.medical.hospital_api.samples import CONTEXT, order
from yikatong.core.errors import InvalidInput, Malformed
from yikatong.medical.hospital_api.transactions import SHAPES, TRANSACTIONS
from yikatong.medical.visits import orders


def settle(amount: str, name: str = "medfee_sumamt") -> bytes:
    """A settlement with an amount as it stands in the JSON."""
    others = {"psn_no": "70001", "mdtrt_id": "9001", "medfee_sumamt": 1}
    others.pop(name, None)
    rest = msgspec.json.encode(others)[1:]
    return b'{"data":{"%s":%s,%s}' % (name.encode(), amount.encode(), rest)


@pytest.mark.parametrize(
    ("written", "fen"),
    [
        ("112.50", 112_50),
        ('"112.50"', 112_50),
        ("112.5", 112_50),
        ('"112.5"', 112_50),
        ("112", 112_00),
        ('"112"', 112_00),
        ("0", 0),
        ('"0.00"', 0),
        ("112.5000", 112_50),  # a database column of four decimals
        ('" 112.50 "', 112_50),
        ("0.29", 29),  # 0.29 * 100 is 28.999… in binary
        ("1.10", 1_10),
        ("9999999999.99", 9_999_999_999_99),
        ("-0", 0),
    ],
)
def test_amounts_are_read_exactly(written: str, fen: int) -> None:
    found = order("2207", settle(written))
    assert isinstance(found, orders.Settle)
    assert found.total == fen


@pytest.mark.parametrize(
    "written",
    [
        "1e3", '"1e3"', "1E-2", "112.505", '"112.505"', "-0.01", '"-1"', '"NaN"', '"Infinity"', '"1,000.00"',
        '"￥5"', '"５.00"', '".5"', '"5."', '"+5"', '"00.5"', "true", "[1]", "{}", "99999999999999999999",
        "1" * 5000, "12345678901.00", '"12345678901.00"', '"0x10"',
    ],
)  # fmt: skip
def test_amounts_that_are_refused(written: str) -> None:
    for name in ("medfee_sumamt", "preselfpay_amt"):
        with pytest.raises(InvalidInput) as caught:
            order("2207", settle(written, name))
        assert caught.value.field == f"data.{name}"


@pytest.mark.parametrize(
    "raw",
    [b"NaN", b'{"data":NaN}', settle("NaN"), settle("Infinity"), b"{", b"\xff", b'{"data":{"psn_no":"\xff"}}',
     b'{"data":{}', b'{"data":{"psn_no":"\\ud800"}}', b"{}x"],
)  # fmt: skip
def test_what_is_no_json_is_said_to_be_so(raw: bytes) -> None:
    with pytest.raises(Malformed):
        order("2207", raw)


@pytest.mark.parametrize("absent", ["null", '"null"', '""', '"   "', '" null "'])
def test_null_the_text_null_and_nothing_are_absent(absent: str) -> None:
    found = order("2207", settle(absent, "preselfpay_amt"))
    assert isinstance(found, orders.Settle)
    assert found.split.first_pay is None
    with pytest.raises(InvalidInput) as caught:
        order("2207", settle(absent))
    assert caught.value.field == "data.medfee_sumamt"
    assert caught.value.text.zh == "缺少这一项"
    for code, name in (("2207", "data"), ("2204", "feedetail")):
        with pytest.raises(InvalidInput) as caught:
            order(code, f'{{"{name}":{absent}}}'.encode())
        assert caught.value.field == name


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        (b"", "input"),
        (b"null", "input"),
        (b"[]", "input"),
        (b'"x"', "input"),
        (b"{}", "data"),
        (b'{"data":"x"}', "data"),
        (b'{"data":7}', "data"),
        (b'{"data":[7]}', "data[0]"),
        (b'{"data":[{}]}', "data"),
        (b'{"data":[]}', "data"),
        (b'{"data":{"psn_no":"1\\u0000"}}', "input"),
        (b'{"data":' + b"[" * 100_000, "data[0]"),
    ],
)
def test_a_wrong_structure_is_named(raw: bytes, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        order("2207", raw)
    assert caught.value.field == field


def test_endless_nesting_inside_a_field_is_no_json() -> None:
    with pytest.raises(Malformed):
        order("2207", b'{"data":{"psn_no":' + b"[" * 100_000)


@pytest.mark.parametrize(
    "written",
    ['"7000l"', '"-1"', '"0"', "1.5", "-7", '"9223372036854775808"', '"７"', "true", "[7]"],
)
@pytest.mark.parametrize("name", ["psn_no", "mdtrt_id"])
def test_a_number_this_platform_never_gave_out_is_named(name: str, written: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        order("2207", settle(written, name))
    assert caught.value.field == f"data.{name}"


@pytest.mark.parametrize(
    "written",
    ["2026-03-01", "2026-03-01T09:30:00", "2026-3-1 9:30:00", "2026-02-30 09:30:00", "20260301093000",
     "2026-03-01 24:00:00", "2026-03-01 09:30", "0001-01-01 00:00:00", "9999-12-31 23:59:59", "2026-01-01 10:00+08",
     "2026-W01-1 10:00:00", 20260301, 1.5, True, {}],
)  # fmt: skip
def test_a_time_has_one_form(written: Any) -> None:
    given = {"psn_no": "70001", "ipt_otp_no": "MZ1", "begntime": written}
    with pytest.raises(InvalidInput) as caught:
        order("2201", {"data": given})
    assert caught.value.field == "data.begntime"
    assert "2026-03-01 09:30:00" in caught.value.text.zh


@pytest.mark.parametrize(
    "written", ["0", "-0.0", "1.23456", "1e2", "abc", True, "1/2", [1], "1" * 17]
)
def test_a_quantity_has_at_most_four_decimals_and_is_not_nothing(written: Any) -> None:
    line = {
        "feedetl_sn": "L1", "mdtrt_id": "9001", "psn_no": "70001", "chrg_bchno": "B1",
        "fee_ocur_time": "2026-03-01 09:30:00", "med_list_codg": "X", "det_item_fee_sumamt": "0",
        "cnt": written, "pric": "0",
    }  # fmt: skip
    with pytest.raises(InvalidInput) as caught:
        order("2204", {"feedetail": [line]})
    assert caught.value.field == "feedetail[0].cnt"
    with pytest.raises(InvalidInput) as caught:
        order("2204", {"feedetail": [{**line, "cnt": "1", "pric": "-1"}]})
    assert caught.value.field == "feedetail[0].pric"


def test_a_text_that_is_too_long_is_named_with_both_lengths() -> None:
    given = {"psn_no": "70001", "ipt_otp_no": "号" * 31, "begntime": "2026-03-01 09:30:00"}
    with pytest.raises(InvalidInput) as caught:
        order("2201", {"data": given})
    assert caught.value.field == "data.ipt_otp_no"
    assert caught.value.text.zh == "最多 30 个字符，收到 31 个"


def test_a_whole_number_is_taken_for_a_text_and_a_code() -> None:
    given = {
        "psn_no": 70001,
        "mdtrt_id": 9001,
        "medfee_sumamt": 1,
        "invono": 77,
        "acct_used_flag": 1,
    }
    found = order("2207", {"data": given})
    assert isinstance(found, orders.Settle)
    assert (found.person_id, found.invoice, found.use_account) == (70001, "77", True)


# ---- anything at all ----

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=40),
    st.sampled_from(["1", "0", "01", "02", "310", "11", "21", "2026-03-01", "2026-03-01 09:30:00",
                     "-1", "1.5", "null", "A01", "BNG010", "0000", "70001"]),
)  # fmt: skip
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner)
)


@st.composite
def inputs(draw: st.DrawFn) -> tuple[str, Any]:
    """A transaction, and nodes of the right names that hold anything."""
    code = draw(st.sampled_from(sorted(TRANSACTIONS)))
    nodes: dict[str, Any] = {}
    for node in SHAPES[code].form.nodes:
        fields = {field.name: st.one_of(scalars, anything) for field in node.fields}
        row = st.fixed_dictionaries({}, optional=fields)
        nodes[node.name] = draw(st.one_of(row, st.lists(row, max_size=3), anything))
    return code, nodes


def check(code: str, raw: bytes) -> None:
    """Any other error fails the test."""
    with contextlib.suppress(InvalidInput, Malformed):
        TRANSACTIONS[code].read(raw, CONTEXT)


@given(inputs())
def test_any_json_is_understood_or_refused(given_: tuple[str, Any]) -> None:
    code, nodes = given_
    check(code, msgspec.json.encode(nodes))


@given(st.sampled_from(sorted(TRANSACTIONS)), st.binary(max_size=200))
@example("2204", b'{"feedetail":{"cnt":1e999999}}')
@example("2204", b'{"feedetail":"feedetail"}')
def test_any_bytes_are_understood_or_refused(code: str, raw: bytes) -> None:
    check(code, raw)
