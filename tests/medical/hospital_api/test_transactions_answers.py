"""Each result is shown with all fields of its output; what must add up does, to the fen."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.medical.hospital_api import samples
from tests.medical.hospital_api.samples import (
    CONTEXT,
    ENROLMENT,
    ID_NUMBER,
    NOW,
    PERSON,
    REQUEST,
    VISIT,
    YEAR,
    output,
    settled,
    settlement,
)
from tests.policies.cases import BOOK, requests
from yikatong.core.errors import Text
from yikatong.core.money import format_yuan
from yikatong.medical.hospital_api.context import amount, rate
from yikatong.medical.hospital_api.transactions import SHAPES, TRANSACTIONS
from yikatong.medical.model import ChronicRegistration, Filing
from yikatong.medical.visits import orders
from yikatong.medical.visits.model import Settlement, SplitLine
from yikatong.people.model import SpecialGroup
from yikatong.policies import service as policies
from yikatong.policies.model import Bill, PersonFacts, QuoteRequest, VisitFacts

replace = msgspec.structs.replace


# ---- settlement ----


def test_a_settlement_is_shown_in_full() -> None:
    shown = output("2304", settled(settlement()))
    info = shown["setlinfo"]
    assert info == {
        "mdtrt_id": "9001",
        "setl_id": "800001",
        "psn_no": "70001",
        "psn_name": "王芳",
        "psn_cert_type": "01",
        "certno": ID_NUMBER,
        "gend": "2",
        "naty": "01",
        "brdy": "1985-05-05",
        "age": 40,
        "insutype": "310",
        "psn_type": "1102",
        "cvlserv_flag": "1",
        "setl_time": "2026-03-01 09:30:00",
        "mdtrt_cert_type": "03",
        "med_type": "21",
        "medfee_sumamt": "30000.00",
        "fulamt_ownpay_amt": "1000.00",
        "overlmt_selfpay": "200.00",
        "preselfpay_amt": "800.00",
        "inscp_scp_amt": "28000.00",
        "act_pay_dedc": "800.00",
        "hifp_pay": "23120.00",
        "pool_prop_selfpay": "0.85",
        "cvlserv_pay": "0.00",
        "hifes_pay": "0.00",
        "hifmi_pay": "0.00",
        "hifob_pay": "0.00",
        "maf_pay": "0.00",
        "hosp_part_amt": "0.00",
        "oth_pay": "0.00",
        "fund_pay_sumamt": "23120.00",
        "psn_part_amt": "6880.00",
        "acct_pay": "500.00",
        "psn_cash_pay": "6080.00",
        "balc": "0.00",
        "acct_mulaid_pay": "300.00",
        "medins_setl_id": "H51010400012202603010930000001",
        "clr_optins": "510100",
        "clr_way": "1",
        "clr_type": "21",
        "hifdm_pay": "0.00",
    }
    assert shown["setldetail"] == [
        {
            "fund_pay_type": "310100",
            "inscp_scp_amt": "28000.00",
            "crt_payb_lmt_amt": "450000.00",
            "fund_payamt": "23120.00",
            "fund_pay_type_name": "职工基本医疗保险统筹基金",
            "setl_proc_info": "2,000.00 元不在报销范围，由个人承担（目录外、超限价和先行自付部分不进入"
            "报销范围）；起付线 800.00 元由个人承担；27,200.00 元 × 85%，基本统筹基金支付 23,120.00 元",
        }
    ]


AMOUNTS = [name for name in SHAPES["2304"].outputs[0].body.__struct_fields__ if name.endswith(
    ("_pay", "amt", "lfpay", "dedc")
)]  # fmt: skip


def paid_by_each_layer() -> Settlement:
    """Every layer pays another amount, so that a swapped field shows."""
    return replace(
        settlement(),
        total=1111_11 + 5_37,
        self_paid=1_01,
        over_limit=2_02,
        first_pay=3_03,
        deductible=40_04,
        pooled=500_05,
        large_amount=60_06,
        serious_illness=70_07,
        civil_servant=80_08,
        assistance=90_09,
        medical_account=100_10,
        family_account=110_11,
        cash=105_92,
        balance_after=12_12,
    )


def test_each_layer_goes_to_its_own_field_and_fund() -> None:
    shown = output("2207", settled(paid_by_each_layer()))
    info = shown["setlinfo"]
    assert {name: info[name] for name in AMOUNTS} == {
        "medfee_sumamt": "1116.48",
        "fulamt_ownpay_amt": "1.01",
        "overlmt_selfpay": "2.02",
        "preselfpay_amt": "3.03",
        "inscp_scp_amt": "1110.42",
        "act_pay_dedc": "40.04",
        "hifp_pay": "500.05",
        "pool_prop_selfpay": "0.85",
        "cvlserv_pay": "80.08",
        "hifes_pay": "0.00",
        "hifmi_pay": "70.07",
        "hifob_pay": "60.06",
        "maf_pay": "90.09",
        "hosp_part_amt": "0.00",
        "oth_pay": "0.00",
        "fund_pay_sumamt": "800.35",
        "psn_part_amt": "316.13",
        "acct_pay": "100.10",
        "psn_cash_pay": "105.92",
        "acct_mulaid_pay": "110.11",
        "hifdm_pay": "0.00",
    }
    assert info["balc"] == "12.12"
    assert [(one["fund_pay_type"], one["fund_payamt"]) for one in shown["setldetail"]] == [
        ("310100", "500.05"),
        ("330100", "60.06"),
        ("310300", "70.07"),
        ("320100", "80.08"),
        ("610100", "90.09"),
    ]
    resident = replace(paid_by_each_layer(), insurance="390")
    assert [one["fund_pay_type"] for one in output("2207", settled(resident))["setldetail"]] == [
        "390100",
        "330100",
        "390200",
        "320100",
        "610100",
    ]


def test_a_settlement_that_does_not_add_up_is_never_sent() -> None:
    for name in ("pooled", "cash", "family_account"):
        wrong = replace(settlement(), **{name: getattr(settlement(), name) + 1})
        with pytest.raises(AssertionError):
            output("2304", settled(wrong))


def test_a_quote_has_no_number_yet() -> None:
    for code in ("2206", "2303"):
        info = output(code, settled(replace(settlement(), settlement_id=0)))["setlinfo"]
        assert info["setl_id"] is None
        assert info["mdtrt_id"] == "9001"


def test_only_settlements_and_quotes_explain_themselves() -> None:
    assert output("2303", settled(settlement()))["setldetail"][0]["setl_proc_info"]
    reversal = output("2305", settled(samples.reversed_(settlement())))
    assert reversal["setldetail"][0]["setl_proc_info"] is None


def test_the_explanation_stays_short() -> None:
    quote = policies.quote(REQUEST)
    long = replace(quote, steps=quote.steps * 40)
    shown = output("2304", settled(replace(settlement(), quote=long)))
    assert len(shown["setldetail"][0]["setl_proc_info"]) == 500


def test_a_bill_that_no_fund_pays_has_no_fund_details() -> None:
    request = QuoteRequest(
        PersonFacts("310", "510100", age=40),
        VisitFacts("inpatient", "510100", "tertiary", date(2026, 3, 1)),
        Bill(500_00),
    )
    shown = output("2304", settled(settlement(request)))
    assert shown["setldetail"] == []
    assert shown["setlinfo"]["pool_prop_selfpay"] == 0
    assert shown["setlinfo"]["psn_cash_pay"] == "500.00"


def test_a_reversal_is_the_settlement_with_every_amount_negated() -> None:
    one = settlement()
    before, after = output("2304", settled(one)), output("2305", settled(samples.reversed_(one)))
    for name, value in before["setlinfo"].items():
        shown = after["setlinfo"][name]
        if name in AMOUNTS and name != "pool_prop_selfpay":
            assert Decimal(shown) == -Decimal(value), name
        elif name == "balc":
            assert shown == "500.00"  # the account has its money back
        else:
            assert name == "setl_id" or shown == value, name
    for was, now in zip(before["setldetail"], after["setldetail"], strict=True):
        for name in ("inscp_scp_amt", "crt_payb_lmt_amt", "fund_payamt"):
            assert Decimal(now[name]) == -Decimal(was[name])


def test_where_the_policy_has_gone_a_reversal_is_still_shown() -> None:
    gone = replace(REQUEST, person=replace(REQUEST.person, region="999999"))
    shown = output("2305", settled(samples.reversed_(replace(settlement(), inputs=gone))))
    assert shown["setlinfo"]["pool_prop_selfpay"] is None
    assert shown["setldetail"][0]["crt_payb_lmt_amt"] == "-23120.00"


def test_what_was_shown_and_the_time_are_told_where_known() -> None:
    plain = replace(settled(settlement()), visit=replace(VISIT, details={}))
    assert output("2304", plain)["setlinfo"]["mdtrt_cert_type"] is None
    utc = replace(settlement(), settled_at=datetime.fromisoformat("2026-02-28T17:00:00.5+00:00"))
    assert output("2304", settled(utc))["setlinfo"]["setl_time"] == "2026-03-01 01:00:00"


def _fen(value: str) -> int:
    scaled = Decimal(value) * 100
    assert scaled == int(scaled)
    return int(scaled)


def _check_sums(shown: dict[str, Any]) -> None:
    """The four sums of the interface, on what is sent."""
    info = {name: _fen(shown["setlinfo"][name]) for name in AMOUNTS if name != "pool_prop_selfpay"}
    assert info["medfee_sumamt"] == (
        info["fulamt_ownpay_amt"] + info["overlmt_selfpay"] + info["preselfpay_amt"]
        + info["inscp_scp_amt"]
    )  # fmt: skip
    assert info["fund_pay_sumamt"] == sum(
        info[name]
        for name in (
            "hifp_pay", "cvlserv_pay", "hifes_pay", "hifmi_pay", "hifob_pay", "maf_pay", "oth_pay",
            "hifdm_pay",
        )
    )  # fmt: skip
    assert info["fund_pay_sumamt"] == sum(_fen(one["fund_payamt"]) for one in shown["setldetail"])
    assert info["psn_part_amt"] == (
        info["acct_pay"] + info["acct_mulaid_pay"] + info["psn_cash_pay"]
    )
    assert info["medfee_sumamt"] == (
        info["fund_pay_sumamt"] + info["psn_part_amt"] + info["hosp_part_amt"]
    )


@given(requests())
def test_the_sums_hold_for_any_settlement_and_its_reversal(request: QuoteRequest) -> None:
    one = settlement(request, policies.quote(request, BOOK))
    _check_sums(output("2304", settled(one)))
    _check_sums(output("2305", settled(samples.reversed_(one))))


@st.composite
def split_lines(draw: st.DrawFn) -> SplitLine:
    total = draw(st.integers(0, 100_000_00))
    self_paid = draw(st.integers(0, total))
    over_limit = draw(st.integers(0, total - self_paid))
    first_pay = draw(st.integers(0, total - self_paid - over_limit))
    return samples.line(
        number=draw(st.text("0123456789", min_size=1, max_size=30)),
        total=total,
        self_paid=self_paid,
        over_limit=over_limit,
        first_pay=first_pay,
        item_class=draw(st.sampled_from("ABC")),
        first_pay_share=draw(st.one_of(st.none(), st.integers(0, 1_000_000))),
    )


@given(st.lists(split_lines(), min_size=1, max_size=6))
def test_the_lines_of_a_sale_sum_to_it(found: list[SplitLine]) -> None:
    sums = {
        name: sum(getattr(one, name) for one in found)
        for name in ("total", "self_paid", "over_limit", "first_pay")
    }
    bill = Bill(**sums)
    request = replace(REQUEST, bill=bill)
    one = replace(settlement(request), setting="pharmacy", care_code="41")
    for code in ("2101", "2102"):
        shown = output(code, settled(one, tuple(found)))
        assert (shown["setlinfo"]["mdtrt_id"] is None) == (code == "2101")
        _check_sums(shown)
        for total, name in (
            ("medfee_sumamt", "det_item_fee_sumamt"),
            ("fulamt_ownpay_amt", "fulamt_ownpay_amt"),
            ("overlmt_selfpay", "overlmt_amt"),
            ("preselfpay_amt", "preselfpay_amt"),
            ("inscp_scp_amt", "inscp_scp_amt"),
        ):
            lines = sum(_fen(line[name]) for line in shown["detlcutinfo"])
            assert _fen(shown["setlinfo"][total]) == lines, name
        assert shown["setlinfo"]["clr_type"] == "41"


def test_a_sale_whose_lines_miss_its_total_is_never_sent() -> None:
    one = replace(settlement(), setting="pharmacy")
    with pytest.raises(AssertionError):
        output("2102", settled(one, (samples.line(),)))


# ---- lines ----


def test_each_line_is_answered_with_its_split() -> None:
    found = (
        samples.line(marks="en"),
        samples.line(
            "2", quantity="-1", price="69.00", total=-69_00, over_limit=-9_00, first_pay=-6_00,
            gives_back="1",
        ),
        samples.line(
            "3", item="001109000010000", item_class="C", first_pay_share=None, price_limit=None,
            self_paid=138_00, over_limit=0, first_pay=0, self_pay=True, quantity="1.5",
        ),
    )  # fmt: skip
    for code in ("2204", "2301"):
        shown = output(code, orders.LinesDone(9001, 1, found))["result"]
        assert shown[0] == {
            "feedetl_sn": "1",
            "det_item_fee_sumamt": "138.00",
            "cnt": 2,
            "pric": "69.00",
            "pric_uplmt_amt": "60.00",
            "selfpay_prop": "0.1",
            "fulamt_ownpay_amt": "0.00",
            "overlmt_amt": "18.00",
            "preselfpay_amt": "12.00",
            "inscp_scp_amt": "108.00",
            "chrgitm_lv": "02",
            "med_chrgitm_type": "09",
            "bas_medn_flag": "1",
            "hi_nego_drug_flag": "1",
            "chld_medc_flag": "0",
            "list_sp_item_flag": None,
            "lmt_used_flag": None,
            "drt_reim_flag": None,
            "memo": None,
        }
        assert (shown[1]["cnt"], shown[1]["inscp_scp_amt"]) == (-1, "-54.00")
        third = shown[2]
        assert (third["cnt"], third["selfpay_prop"], third["pric_uplmt_amt"]) == ("1.5", 1, None)
        assert (third["chrgitm_lv"], third["med_chrgitm_type"]) == ("03", "01")
        assert third["memo"] == "医院标记为自费"


# ---- visits and the rest ----


def test_a_registration_and_an_admission_are_answered_with_the_visit() -> None:
    done = orders.VisitDone(VISIT)
    assert output("2201", done) == {
        "data": {"mdtrt_id": "9001", "psn_no": "70001", "ipt_otp_no": "ZY0001"}
    }
    assert output("2401", done) == {"result": {"mdtrt_id": "9001"}}
    for code in ("2202", "2203", "2402", "2403", "2404", "2405"):
        assert output(code, done) == {}, code
    for code in ("2205", "2302"):
        assert output(code, orders.LinesWithdrawn(3)) == {}, code


def test_a_person_is_shown_with_every_insurance_and_group() -> None:
    resident = replace(
        ENROLMENT, insurance="390", category="adult", status="suspended",
        suspended_on=date(2025, 6, 1),
    )  # fmt: skip
    found = orders.Identified(
        person=PERSON,
        id_number=ID_NUMBER,
        enrolments=(resident, ENROLMENT),
        balance=1234_56,
        groups=(
            SpecialGroup("low_income", date(2025, 1, 1), date(2026, 12, 31)),
            SpecialGroup("tier_one", date(2025, 1, 1), None),
        ),
        age=40,
    )
    assert output("1101", found) == {
        "baseinfo": {
            "psn_no": "70001",
            "psn_cert_type": "01",
            "certno": ID_NUMBER,
            "psn_name": "王芳",
            "gend": "2",
            "naty": "01",
            "brdy": "1985-05-05",
            "age": 40,
        },
        "insuinfo": [
            {
                "balc": "0.00",
                "insutype": "390",
                "psn_type": "1501",
                "psn_insu_stas": "2",
                "psn_insu_date": "2020-01-01",
                "paus_insu_date": "2025-06-01",
                "cvlserv_flag": "0",
                "insuplc_admdvs": "510100",
                "emp_name": None,
            },
            {
                "balc": "1234.56",
                "insutype": "310",
                "psn_type": "1101",
                "psn_insu_stas": "1",
                "psn_insu_date": "2020-01-01",
                "paus_insu_date": None,
                "cvlserv_flag": "0",
                "insuplc_admdvs": "510100",
                "emp_name": None,
            },
        ],
        "idetinfo": [
            {
                "psn_idet_type": "2303",
                "psn_type_lv": None,
                "memo": "低保、低收入",
                "begntime": "2025-01-01 00:00:00",
                "endtime": "2026-12-31 23:59:59",
            },
            {
                "psn_idet_type": "60",
                "psn_type_lv": None,
                "memo": "一档缴费",
                "begntime": "2025-01-01 00:00:00",
                "endtime": None,
            },
        ],
    }


@pytest.mark.parametrize(
    ("category", "age", "civil_servant", "shown"),
    [
        ("active", 40, False, "1101"),
        ("active", 40, True, "1102"),
        ("flexible", 40, True, "1103"),
        ("retired", 70, False, "1201"),
        ("retired", 70, True, "1202"),
        ("minor", 3, False, "1405"),
        ("student", 12, False, "1403"),
        ("student", 20, False, "1404"),
        ("adult", 40, False, "1501"),
        ("elderly", 70, False, "1600"),
    ],
)
def test_the_category_of_the_insured(
    category: Any, age: int, civil_servant: bool, shown: str
) -> None:
    groups = (SpecialGroup("civil_servant", date(2020, 1, 1), None),) if civil_servant else ()
    enrolment = replace(ENROLMENT, category=category)
    found = orders.Identified(PERSON, ID_NUMBER, (enrolment,), 0, groups, age)
    assert output("1101", found)["insuinfo"][0]["psn_type"] == shown


def test_entitlement_is_told_with_what_the_fund_pays() -> None:
    found = orders.Entitled(
        70001, "310", (), 850_000, 800_00, 450000_00, starts_on=date(2024, 5, 1)
    )
    assert output("2001", found)["trtinfo"] == [
        {
            "psn_no": "70001",
            "trt_chk_type": "01",
            "fund_pay_type": "310100",
            "trt_enjymnt_flag": "1",
            "begndate": "2024-05-01",
            "enddate": None,
            "trt_chk_rslt": "可享受，起付线 800.00 元，支付比例 85%，本年度还可支付 450,000.00 元",
        }
    ]


def test_no_entitlement_is_told_with_each_reason() -> None:
    refusals = (
        orders.Refusal("arrears", Text("欠费，待遇已暂停", "in arrears")),
        orders.Refusal("filing_none", Text("没有异地就医备案", "no filing")),
    )
    found = orders.Entitled(70001, "390", refusals, 0, 0, None)
    row = output("2001", found)["trtinfo"][0]
    assert (row["fund_pay_type"], row["trt_enjymnt_flag"]) == ("390100", "0")
    assert row["trt_chk_rslt"] == "欠费，待遇已暂停；没有异地就医备案"
    nothing = output("2001", orders.Entitled(70001, "390", (), 0, 0, None))["trtinfo"][0]
    assert (nothing["trt_enjymnt_flag"], nothing["trt_chk_rslt"]) == (
        "0",
        "按参保地政策，统筹基金不支付此类费用；可用个人账户或现金支付",
    )
    used_up = output("2001", orders.Entitled(70001, "310", (), 850_000, 0, 0))["trtinfo"][0]
    assert used_up["trt_enjymnt_flag"] == "0"
    assert "封顶线已用完" in used_up["trt_chk_rslt"]
    uninsured = output("2001", orders.Entitled(70001, None, refusals, 0, 0, None))["trtinfo"][0]
    assert uninsured["fund_pay_type"] is None


def test_accumulators_are_told_one_by_one() -> None:
    found = orders.Accumulated(70001, "310", date(2026, 1, 1), YEAR)
    rows = output("5206", found)["cuminfo"]
    assert len(rows) == len(YEAR.__struct_fields__)
    assert len({row["cum_type_code"] for row in rows}) == len(rows)
    told = {row["cum_type_code"]: row["cum"] for row in rows}
    assert (told["C0000"], told["D310101"], told["TS310301"]) == (2, "10000.00", "1234.56")
    assert {(row["year"], row["cum_ym"], row["insutype"]) for row in rows} == {
        ("2026", "202603", "310")
    }
    last = orders.Accumulated(70001, "390", date(2024, 7, 1), YEAR)
    rows = output("5206", last)["cuminfo"]
    assert {(row["year"], row["cum_ym"]) for row in rows} == {("2024", "202506")}
    assert "D390101" in {row["cum_type_code"] for row in rows}


def test_chronic_registrations_are_told_with_their_codes() -> None:
    found = orders.ChronicFound(
        (
            ChronicRegistration("高血压", date(2025, 1, 1), None),
            ChronicRegistration("罕见病", date(2025, 1, 1), date(2026, 12, 31)),
        )
    )
    assert output("5301", found)["feedetail"] == [
        {
            "opsp_dise_code": "M03900",
            "opsp_dise_name": "高血压",
            "begndate": "2025-01-01",
            "enddate": None,
        },
        {
            "opsp_dise_code": "罕见病",
            "opsp_dise_name": "罕见病",
            "begndate": "2025-01-01",
            "enddate": "2026-12-31",
        },
    ]


def test_an_undoing_says_whether_there_was_anything() -> None:
    for found, told in ((True, "1"), (False, "0")):
        done = orders.Undone(found, Text("已冲正", "undone"))
        assert output("2601", done) == {"result": {"rvs_flag": told, "memo": "已冲正"}}


def test_filings_and_choices_are_answered_with_their_number() -> None:
    filing = Filing(
        77,
        "transfer",
        "310",
        "510100",
        "110000",
        date(2026, 3, 1),
        None,
        None,
        None,
        "hospital",
        NOW,
    )
    assert output("2501", orders.FilingDone(filing)) == {"result": {"trt_dcla_detl_sn": "77"}}
    assert output("2502", orders.FilingDone(filing)) == {}
    for code in ("2505", "2506"):
        assert output(code, orders.ChoiceDone("78")) == {
            "result": {"trt_dcla_detl_sn": "78"}, "trt_dcla_detl_sn": "78",
        }  # fmt: skip


def test_a_result_of_another_transaction_is_never_shown() -> None:
    for code in set(TRANSACTIONS) - {
        "2202",
        "2203",
        "2205",
        "2302",
        "2402",
        "2403",
        "2404",
        "2405",
    }:
        if code == "2502":
            continue
        wrong = orders.LinesWithdrawn(1)
        with pytest.raises(AssertionError):
            TRANSACTIONS[code].show(wrong, CONTEXT)


# ---- numbers ----


@given(st.integers(-(10**13), 10**13))
def test_an_amount_is_a_number_with_two_decimals(fen: int) -> None:
    assert bytes(cast("Any", amount(fen))) == format_yuan(fen).encode()


@given(st.integers(0, 1_000_000))
def test_a_rate_is_a_number_from_0_to_1(ppm: int) -> None:
    shown = bytes(cast("Any", rate(ppm))).decode()
    assert Decimal(shown) * 1_000_000 == ppm
    assert len(shown) <= 8
