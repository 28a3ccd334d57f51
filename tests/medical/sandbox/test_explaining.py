"""What a call means, in words: never a blank, whatever was sent or answered."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yikatong.medical.sandbox import explaining

SETTLED = {
    "medfee_sumamt": "821.44", "fund_pay_sumamt": "246.61", "acct_pay": "0.00",
    "acct_mulaid_pay": "0.00", "psn_cash_pay": "574.83",
}  # fmt: skip


def explained(code: str, output: Any, infno: str = "2207") -> explaining.Meaning:
    return explaining.explain(infno, 200, code, {"infcode": 0, "output": output})


def test_a_settlement_is_told_with_who_pays_what() -> None:
    meaning = explained("0", {"setlinfo": SETTLED})
    assert meaning.good
    assert meaning.title.zh == "门诊结算"
    assert "821.44" in meaning.outcome.zh
    assert "基金支付 246.61" in meaning.outcome.zh
    assert "cash 574.83" in meaning.outcome.en


def test_a_quote_says_that_nothing_was_changed_and_a_reversal_that_it_is_one() -> None:
    assert "未改动" in explained("0", {"setlinfo": SETTLED}, "2206").outcome.zh
    negative = {name: f"-{amount}" for name, amount in SETTLED.items()}
    assert explained("0", {"setlinfo": negative}, "2208").outcome.en.startswith("reversed")


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (0, "0", "2601"),
        (503, "unavailable", "msgid"),
        (500, "error", "msgid"),
        (401, "not_authenticated", "key"),
        (413, "too_large", "program"),
        (200, "message_reused", "msgid of its own"),
        (200, "out_of_order", "missing step"),
        (200, "whatever", "new msgid"),
    ],
)
def test_each_kind_of_failure_says_what_to_do(status: int, code: str, says: str) -> None:
    envelope = {"infcode": -1, "err_msg": "金额不符 / amounts differ", "output": None}
    meaning = explaining.explain("2207", status, code, envelope)
    assert not meaning.good
    assert meaning.advice is not None
    assert says in meaning.advice.en
    if status:
        assert (meaning.outcome.zh, meaning.outcome.en) == ("金额不符", "amounts differ")


def test_amounts_are_shown_as_they_were_written() -> None:
    envelope = explaining.read('{"infcode":0,"output":{"setlinfo":{"medfee_sumamt":100.10}}}')
    assert "100.10" in explaining.explain("2207", 200, "0", envelope).outcome.zh


def test_hostile_answers_are_no_envelope() -> None:
    for text in ("", "[]", "1" * 5000, "[" * 100_000, '{"output":"\\ud800"}', "NaN"):
        assert explaining.read(text) == {}


def test_every_transaction_of_the_interface_has_a_name() -> None:
    codes = (
        "1101 1201 1301 1319 2001 2101 2102 2103 2201 2202 2203 2204 2205 2206 2207 2208 2301 2302"
        " 2303 2304 2305 2401 2402 2403 2404 2405 2501 2502 2505 2506 2601 3201 3202 5206 5301 9001"
        " 9002 9101 9102"
    )
    names = [explaining.title(code) for code in codes.split()]
    assert explaining.title("0000") not in names
    assert explaining.title("") not in names


@given(
    st.text(max_size=6),
    st.sampled_from([0, 200, 400, 401, 503]),
    st.text(max_size=20),
    st.one_of(
        st.text(),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["infcode", "err_msg", "output", "setlinfo", "result", "baseinfo", "trtinfo",
                     "data", "mdtrt_id", "medfee_sumamt", "psn_no", "psn_name", "memo"]
                ),
                inner,
                max_size=4,
            ),
        ).map(json.dumps),
    ),
)  # fmt: skip
def test_any_answer_is_explained_somehow(infno: str, status: int, code: str, answer: str) -> None:
    meaning = explaining.explain(infno, status, code, explaining.read(answer))
    assert meaning.title.zh
    assert meaning.outcome.en
    assert meaning.good == (meaning.advice is None)


def test_a_refusal_names_its_field_in_both_languages() -> None:
    envelope = {"infcode": -1, "err_msg": "data.psn_no：缺少这一项 / this is missing"}
    outcome = explaining.explain("2207", 200, "invalid_input", envelope).outcome
    assert (outcome.zh, outcome.en) == ("data.psn_no：缺少这一项", "data.psn_no: this is missing")
