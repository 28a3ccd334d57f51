"""Each transaction's input, as a hospital sends it, becomes the order it means."""

from datetime import date, datetime
from typing import Any

import msgspec
import pytest

from tests.medical.hospital_api.samples import CARD_IDENTIFIER, CONTEXT, ID_NUMBER, order
from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import InvalidInput
from yikatong.medical.hospital_api.transactions import TRANSACTIONS
from yikatong.medical.visits import orders
from yikatong.medical.visits.model import Diagnosis, FeeLine
from yikatong.medical.visits.orders import Certificate

AT = datetime(2026, 3, 1, 9, 30, tzinfo=SHANGHAI)
BY_ID = Certificate("id_number", ID_NUMBER)


def refused(code: str, given: Any) -> tuple[str, str]:
    """The field that is refused, and why."""
    with pytest.raises(InvalidInput) as caught:
        order(code, given)
    assert caught.value.field is not None
    assert caught.value.text.zh != caught.value.text.en
    return caught.value.field, caught.value.text.en


# ---- looks ----


def test_a_person_is_asked_for_by_id_number_card_or_e_card() -> None:
    by_id = {
        "mdtrt_cert_type": "02",
        "mdtrt_cert_no": "51010419850505123x",
        "card_sn": "",
        "begntime": "null",
        "psn_cert_type": "01",
        "certno": "51010419850505123X",
        "psn_name": " 王芳 ",
    }
    assert order("1101", {"data": by_id}) == orders.Identify(
        certificate=Certificate("id_number", "51010419850505123X"),
        name="王芳",
        id_number="51010419850505123X",
    )
    card = {"mdtrt_cert_type": "03", "mdtrt_cert_no": "A00000001", "card_sn": CARD_IDENTIFIER}
    assert order("1101", {"data": card}) == orders.Identify(
        certificate=Certificate("card", "A00000001", CARD_IDENTIFIER)
    )
    for kind, compared in (("01", ID_NUMBER), ("06", None)):
        stated = card | {"certno": ID_NUMBER.lower(), "psn_cert_type": kind}
        asked = order("1101", {"data": stated})
        assert isinstance(asked, orders.Identify)
        assert asked.id_number == compared
    e_card = {"mdtrt_cert_type": "01", "mdtrt_cert_no": "TOKEN"}
    assert order("1101", {"data": e_card}) == orders.Identify(
        certificate=Certificate("e_card", "TOKEN")
    )


def test_a_card_needs_its_identifier_and_two_id_numbers_must_agree() -> None:
    card = {"mdtrt_cert_type": "03", "mdtrt_cert_no": "A00000001"}
    assert refused("1101", {"data": card}) == ("data.card_sn", "this is missing")
    differ = {"mdtrt_cert_type": "02", "mdtrt_cert_no": ID_NUMBER, "certno": "1101"}
    field, text = refused("1101", {"data": differ})
    assert field == "data.certno"
    assert ID_NUMBER not in text
    assert refused("1101", {"data": {"mdtrt_cert_no": "1"}})[0] == "data.mdtrt_cert_type"
    field, text = refused("1101", {"data": {"mdtrt_cert_type": "04", "mdtrt_cert_no": "1"}})
    assert field == "data.mdtrt_cert_type"
    assert text == "must be one of: 01 e-card, 02 id number, 03 card, not 04"


def test_entitlements_are_checked_for_a_kind_of_care_on_a_day() -> None:
    given = {
        "psn_no": "70001",
        "insutype": "310",
        "fixmedins_code": "H51010400012",
        "med_type": "14",
        "begntime": "2026-02-28 23:59:59",
        "dise_codg": "M03900",
    }
    assert order("2001", {"data": given}) == orders.CheckEntitlement(
        person_id=70001, care="chronic", on=date(2026, 2, 28), insurance="310", disease="高血压"
    )
    assert order("2001", {"data": {"psn_no": 70001, "med_type": 21}}) == orders.CheckEntitlement(
        person_id=70001, care="inpatient", on=date(2026, 3, 1)
    )
    other = {**given, "fixmedins_code": "H11010500001"}
    assert refused("2001", {"data": other})[0] == "data.fixmedins_code"
    assert refused("2001", {"data": {**given, "insutype": "510"}})[1] == (
        "must be one of: 310 employees' basic medical insurance, "
        "390 residents' basic medical insurance, not 510"
    )


def test_accumulators_and_chronic_registrations_are_asked_for() -> None:
    assert order("5206", {"data": {"psn_no": "70001", "cum_ym": "202603"}}) == (
        orders.AskAccumulated(person_id=70001, on=date(2026, 3, 1))
    )
    assert order("5206", {"data": {"psn_no": "70001"}}) == orders.AskAccumulated(person_id=70001)
    assert refused("5206", {"data": {"psn_no": "1", "cum_ym": "202613"}})[0] == "data.cum_ym"
    assert order("5301", {"data": {"psn_no": "70001"}}) == orders.AskChronic(person_id=70001)


# ---- outpatient ----

REGISTER = {
    "data": {
        "psn_no": "70001",
        "insutype": "310",
        "begntime": "2026-03-01 09:30:00",
        "mdtrt_cert_type": "02",
        "mdtrt_cert_no": ID_NUMBER,
        "ipt_otp_no": "MZ20260301001",
        "atddr_no": "D510104000123",
        "dr_name": "李医生",
        "dept_code": "A03",
        "dept_name": "内科",
        "caty": "A03",
    }
}


def test_a_registration_keeps_doctor_department_and_what_was_shown() -> None:
    assert order("2201", REGISTER) == orders.Register(
        person_id=70001,
        number="MZ20260301001",
        begun_at=AT,
        certificate=BY_ID,
        insurance="310",
        details={
            "doctor_code": "D510104000123",
            "doctor": "李医生",
            "department_code": "A03",
            "department": "内科",
            "specialty": "A03",
            "certificate": "id_number",
        },
    )


def test_the_base_information_of_a_registration_must_name_the_same_person() -> None:
    base = {"psn_no": "70001", "psn_name": "王芳", "gend": "2", "brdy": "1985-05-05", "age": 40}
    assert order("2201", {**REGISTER, "psnbaseinfo": base}) == order("2201", REGISTER)
    assert refused("2201", {**REGISTER, "psnbaseinfo": {**base, "psn_no": "70002"}}) == (
        "psnbaseinfo.psn_no",
        "does not agree with data.psn_no: 70002, 70001",
    )


def test_a_certificate_needs_its_kind_and_may_be_left_out() -> None:
    data = {**REGISTER["data"], "mdtrt_cert_type": ""}
    assert refused("2201", {"data": data})[0] == "data.mdtrt_cert_type"
    without = order("2201", {"data": {**data, "mdtrt_cert_no": None}})
    assert isinstance(without, orders.Register)
    assert without.certificate is None
    assert "certificate" not in without.details


def test_a_registration_is_taken_back() -> None:
    given = {"psn_no": "70001", "mdtrt_id": "9001", "ipt_otp_no": "MZ1"}
    assert order("2202", {"data": given}) == orders.CancelVisit(
        person_id=70001, visit_id=9001, setting="outpatient", number="MZ1"
    )


def diagnosis(code: str = "I10.x00x002", kind: str = "1", **more: Any) -> dict[str, Any]:
    return {"diag_type": kind, "diag_code": code, "diag_name": "高血压病", **more}


SEEN = {
    "mdtrt_id": "9001",
    "psn_no": "70001",
    "med_type": "14",
    "begntime": "2026-03-01 09:30:00",
    "main_cond_dscr": "头晕三天",
    "dise_codg": "M03900",
    "dise_name": "高血压",
    "birctrl_matn_date": "2026-02-01",
    "geso_val": "12",
}


def test_the_doctor_saw_the_person_and_says_what_it_is() -> None:
    rows = [
        diagnosis("BNG010", "2", diag_srt_no="2", diag_dept="内科", dise_dor_no="D1"),
        diagnosis(diag_srt_no=1, dise_dor_no="D1", dise_dor_name="李医生", vali_flag="1"),
        diagnosis("E11.900", diag_srt_no=3, vali_flag="0"),
    ]
    assert order("2203", {"mdtrtinfo": SEEN, "diseinfo": rows}) == orders.See(
        person_id=70001,
        visit_id=9001,
        care_code="14",
        begun_at=AT,
        diagnoses=(
            Diagnosis("1", "I10.x00x002", "高血压病", 1, True, "李医生", ""),
            Diagnosis("2", "BNG010", "高血压病", 2, False, "D1", "内科"),
        ),
        disease="高血压",
        details={
            "condition": "头晕三天",
            "disease_code": "M03900",
            "birth_or_operation_on": "2026-02-01",
            "weeks_of_pregnancy": 12,
        },
    )


def test_a_list_may_come_as_its_only_object() -> None:
    alone = order("2203", {"mdtrtinfo": SEEN, "diseinfo": diagnosis()})
    assert alone == order("2203", {"mdtrtinfo": SEEN, "diseinfo": [diagnosis()]})


def test_a_main_diagnosis_is_needed() -> None:
    syndrome = diagnosis("B04.02.01", "3")
    for rows in ([syndrome], [diagnosis(vali_flag="0")]):
        field, text = refused("2203", {"mdtrtinfo": SEEN, "diseinfo": rows})
        assert field == "diseinfo"
        assert text.startswith("at least one valid main diagnosis")
    assert refused("2203", {"mdtrtinfo": SEEN})[0] == "diseinfo"
    assert refused("2203", {"mdtrtinfo": SEEN, "diseinfo": []})[0] == "diseinfo"
    only_chinese = order(
        "2203", {"mdtrtinfo": SEEN, "diseinfo": [syndrome, diagnosis("A17.41", "2")]}
    )
    assert isinstance(only_chinese, orders.See)
    assert [one.main for one in only_chinese.diagnoses] == [False, True]


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("1", code)
        for code in (
            "J18.9", "J18.900", "I10", "I10.x00x002", "A01.000x001", "U07.1", "A17.000+G01*",
            "G63.2*", "M06.9",
        )
    ]
    + [("2", "BNG010"), ("2", "A17.41"), ("3", "B04.02.01.02"), ("3", "ZYV010"), ("2", "A04.01.01")],
)  # fmt: skip
def test_forms_of_diagnosis_codes_that_are_taken(kind: str, code: str) -> None:
    rows = [diagnosis(), diagnosis(code, kind)]
    found = order("2203", {"mdtrtinfo": SEEN, "diseinfo": rows})
    assert isinstance(found, orders.See)
    assert found.diagnoses[1].code == code


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("1", code)
        for code in (
            "高血压",
            "J1",
            "j18.9",
            "J18.",
            "J18.9.1",
            "118.9",
            "J18.90000",
            "BNG010",
            "J 18",
        )
    ]
    + [("2", "J18.900"), ("3", "B04.2"), ("2", "BN")],
)
def test_forms_of_diagnosis_codes_that_are_refused(kind: str, code: str) -> None:
    rows = [diagnosis(), diagnosis(code, kind)]
    field, text = refused("2203", {"mdtrtinfo": SEEN, "diseinfo": rows})
    assert field == "diseinfo[1].diag_code"
    assert code in text


def test_a_kind_of_care_that_does_not_fit_is_refused_with_those_that_do() -> None:
    field, text = refused(
        "2203", {"mdtrtinfo": {**SEEN, "med_type": "21"}, "diseinfo": diagnosis()}
    )
    assert field == "mdtrtinfo.med_type"
    assert text == (
        "must be one of: 11 outpatient, 12 outpatient registration, 13 emergency, "
        "14 chronic or special disease, outpatient, 51 maternity, outpatient, not 21"
    )


LINE = {
    "feedetl_sn": "L1",
    "mdtrt_id": "9001",
    "psn_no": "70001",
    "chrg_bchno": "B1",
    "fee_ocur_time": "2026-03-01 09:30:00",
    "med_list_codg": "XC08CAA321A0",
    "medins_list_codg": "OWN-1",
    "det_item_fee_sumamt": 11.20,
    "cnt": 2,
    "pric": "5.6",
    "bilg_dept_name": "内科",
    "prd_days": "14",
    "rx_circ_flag": "0",
    "exp_content": {"unknown": True},
}


def test_lines_are_taken_as_written() -> None:
    raw = msgspec.json.encode({"feedetail": [LINE, {**LINE, "feedetl_sn": "L2"}]})
    raw = raw.replace(b'"pric":"5.6","bilg', b'"pric":5.600000,"bilg', 1)
    raw = raw.replace(b'"cnt":2', b'"cnt":2.0000', 1)
    details = {
        "providers_own_code": "OWN-1",
        "ordering_department": "内科",
        "days": "14",
        "prescription_from_elsewhere": "0",
    }
    assert order("2204", raw) == orders.AddLines(
        person_id=70001,
        visit_id=9001,
        setting="outpatient",
        batch="B1",
        lines=(
            FeeLine("L1", "XC08CAA321A0", 11_20, "2.0000", "5.600000", AT, False, None, details),
            FeeLine("L2", "XC08CAA321A0", 11_20, "2", "5.6", AT, False, None, details),
        ),
    )


def lines_of(*changes: dict[str, Any], base: dict[str, Any] = LINE) -> dict[str, Any]:
    return {
        "feedetail": [
            {**base, "feedetl_sn": f"L{number}", **one} for number, one in enumerate(changes)
        ]
    }


def test_a_line_the_hospital_marks_as_self_paid_is_so() -> None:
    found = order("2204", lines_of({"hosp_appr_flag": "2"}, {"hosp_appr_flag": "1"}))
    assert isinstance(found, orders.AddLines)
    assert [one.self_pay for one in found.lines] == [True, False]


def test_quantity_times_price_must_be_the_total_within_five_fen() -> None:
    order("2204", lines_of({"det_item_fee_sumamt": "11.25"}))
    order("2204", lines_of({"det_item_fee_sumamt": "11.15"}))
    field, text = refused("2204", lines_of({}, {"det_item_fee_sumamt": "11.26"}))
    assert field == "feedetail[1].det_item_fee_sumamt"
    assert text == (
        "det_item_fee_sumamt 11.26 differs from cnt 2 × pric 5.6 = 11.2 by more than 0.05 yuan"
    )
    assert refused("2204", lines_of({"det_item_fee_sumamt": "-11.20"}))[0] == (
        "feedetail[0].det_item_fee_sumamt"
    )


def test_a_negative_line_names_the_line_it_gives_back() -> None:
    back = {"cnt": "-2", "det_item_fee_sumamt": "-11.20"}
    found = order("2301", lines_of({}, {**back, "init_feedetl_sn": "L0"}))
    assert isinstance(found, orders.AddLines)
    assert (found.lines[1].total, found.lines[1].gives_back) == (-11_20, "L0")
    assert refused("2301", lines_of({}, back))[0] == "feedetail[1].init_feedetl_sn"
    assert refused("2301", lines_of({"init_feedetl_sn": "L9"}))[0] == "feedetail[0].init_feedetl_sn"
    tiny = {"cnt": "-1", "pric": "0.01", "det_item_fee_sumamt": "0.01", "init_feedetl_sn": "L0"}
    assert refused("2301", lines_of({}, tiny))[0] == "feedetail[1].det_item_fee_sumamt"


def test_one_upload_is_of_one_person_visit_and_batch_with_each_line_once() -> None:
    for name, other in (("mdtrt_id", "9002"), ("psn_no", "70002"), ("chrg_bchno", "B2")):
        field, text = refused("2204", lines_of({}, {}, {name: other}))
        assert field == f"feedetail[2].{name}"
        assert f"feedetail[0].{name}" in text
    assert refused("2204", lines_of({}, {"feedetl_sn": "L0"})) == (
        "feedetail[1].feedetl_sn",
        "line number L0 already stands in feedetail[0]",
    )
    assert refused("2204", lines_of({"chrg_bchno": "0000"}))[0] == "feedetail[0].chrg_bchno"


def test_an_upload_has_at_most_so_many_lines() -> None:
    many: list[dict[str, Any]] = [{} for _ in range(orders.LINES_MAX)]
    order("2204", lines_of(*many))
    field, text = refused("2204", lines_of(*many, {}))
    assert field == "feedetail"
    assert text.startswith(f"at most {orders.LINES_MAX} at a time")


@pytest.mark.parametrize(
    "name",
    [
        "feedetl_sn",
        "mdtrt_id",
        "psn_no",
        "chrg_bchno",
        "fee_ocur_time",
        "med_list_codg",
        "det_item_fee_sumamt",
        "cnt",
        "pric",
    ],
)
def test_what_a_line_cannot_be_without_is_named(name: str) -> None:
    assert refused("2204", lines_of({}, {name: None})) == (
        f"feedetail[1].{name}",
        "this is missing",
    )


def test_what_one_line_says_is_not_taken_over_by_the_next() -> None:
    changes: tuple[dict[str, Any], ...] = (
        {"rxno": "R1", "acord_dept_name": ""},
        {"rxno": None, "acord_dept_name": "检验科"},
        {"rxno": "", "acord_dept_name": "检验科"},
        {"rxno": "R1", "bilg_dept_name": " 外科 "},
    )
    found = order("2204", lines_of(*changes))
    assert isinstance(found, orders.AddLines)
    kept = [
        {
            name: one.details.get(name)
            for name in ("prescription", "performing_department", "ordering_department")
        }
        for one in found.lines
    ]
    assert [tuple(one.values()) for one in kept] == [
        ("R1", None, "内科"),
        (None, "检验科", "内科"),
        (None, "检验科", "内科"),
        ("R1", None, "外科"),
    ]


def test_lines_are_withdrawn_by_batch_or_all() -> None:
    for batch, meant in (("B1", "B1"), ("0000", None)):
        given = {"psn_no": "70001", "mdtrt_id": "9001", "chrg_bchno": batch}
        assert order("2205", {"data": given}) == orders.WithdrawLines(
            person_id=70001, visit_id=9001, setting="outpatient", batch=meant
        )


SETTLE: dict[str, Any] = {
    "psn_no": "70001",
    "mdtrt_cert_type": "02",
    "mdtrt_cert_no": ID_NUMBER,
    "med_type": "11",
    "medfee_sumamt": "112.50",
    "psn_setlway": "01",
    "mdtrt_id": "9001",
    "chrg_bchno": "B1",
    "insutype": "310",
    "acct_used_flag": "1",
    "invono": "INV-1",
    "fulamt_ownpay_amt": 0,
    "overlmt_selfpay": "0.00",
    "preselfpay_amt": 12.5,
    "inscp_scp_amt": "100.0",
}


def test_an_outpatient_bill_is_settled_or_quoted() -> None:
    expected = orders.Settle(
        person_id=70001,
        visit_id=9001,
        setting="outpatient",
        total=112_50,
        commit=True,
        certificate=BY_ID,
        care_code="11",
        insurance="310",
        batch="B1",
        use_account=True,
        split=orders.Split(0, 0, 12_50, 100_00),
        invoice="INV-1",
    )
    assert order("2207", {"data": SETTLE}) == expected
    quote = {name: value for name, value in SETTLE.items() if not name.endswith(("_amt", "lfpay"))}
    assert order("2206", {"data": {**quote, "invono": "ignored"}}) == msgspec.structs.replace(
        expected, commit=False, split=orders.Split(), invoice=""
    )


def test_a_settlement_needs_little_and_does_not_use_the_account_unasked() -> None:
    assert order(
        "2207", {"data": {"psn_no": "70001", "mdtrt_id": "9001", "medfee_sumamt": 1}}
    ) == orders.Settle(
        person_id=70001, visit_id=9001, setting="outpatient", total=1_00, commit=True
    )


@pytest.mark.parametrize(
    ("code", "setting"), [("2103", "pharmacy"), ("2208", "outpatient"), ("2305", "inpatient")]
)
def test_a_settlement_is_reversed_by_its_number(code: str, setting: Any) -> None:
    given = {"psn_no": "70001", "setl_id": "800001", "mdtrt_id": "9001"}
    assert order(code, {"data": given}) == orders.Reverse(
        person_id=70001, settlement_id=800001, visit_id=9001, setting=setting
    )
    assert refused(code, {"data": {**given, "setl_id": ""}}) == ("data.setl_id", "this is missing")
    assert refused(code, {"data": {**given, "setl_id": "S-1"}})[0] == "data.setl_id"


# ---- inpatient ----

ADMIT: dict[str, Any] = {
    "psn_no": "70001",
    "insutype": "310",
    "coner_name": "王强",
    "tel": "13800138000",
    "begntime": "2026-03-01 09:30:00",
    "mdtrt_cert_type": "02",
    "mdtrt_cert_no": ID_NUMBER,
    "med_type": "24",
    "ipt_no": "ZY0001",
    "adm_dept_name": "呼吸内科",
    "dscg_maindiag_code": "J18.900",
    "pret_flag": "0",
    "fetus_cnt": 1,
}


def test_an_admission_keeps_the_kind_of_care_and_no_phone() -> None:
    rows = [
        {"psn_no": "70001", "maindiag_flag": "0", **diagnosis("E11.900", diag_srt_no=1)},
        {"psn_no": "70001", "maindiag_flag": "1", **diagnosis("J18.900", diag_srt_no=2)},
    ]
    assert order("2401", {"mdtrtinfo": ADMIT, "diseinfo": rows}) == orders.Admit(
        person_id=70001,
        number="ZY0001",
        begun_at=AT,
        care_code="24",
        diagnoses=(
            Diagnosis("1", "E11.900", "高血压病", 1, False),
            Diagnosis("1", "J18.900", "高血压病", 2, True),
        ),
        certificate=BY_ID,
        insurance="310",
        details={
            "department": "呼吸内科",
            "main_diagnosis_code": "J18.900",
            "premature": "0",
            "foetuses": 1,
            "certificate": "id_number",
        },
    )
    without = order("2401", {"mdtrtinfo": ADMIT})
    assert isinstance(without, orders.Admit)
    assert without.diagnoses == ()


def test_an_admission_with_an_outpatient_kind_of_care_or_anothers_diagnosis_is_refused() -> None:
    assert refused("2401", {"mdtrtinfo": {**ADMIT, "med_type": "11"}})[0] == "mdtrtinfo.med_type"
    rows = [{"psn_no": "70002", **diagnosis()}]
    assert refused("2401", {"mdtrtinfo": ADMIT, "diseinfo": rows})[0] == "diseinfo[0].psn_no"
    wrong = {**ADMIT, "dscg_maindiag_code": "肺炎"}
    assert refused("2401", {"mdtrtinfo": wrong})[0] == "mdtrtinfo.dscg_maindiag_code"


DISCHARGE = {
    "mdtrt_id": "9001",
    "psn_no": "70001",
    "insutype": "310",
    "endtime": "2026-03-01 09:30:00",
    "cop_flag": "0",
    "dscg_dept_name": "呼吸内科",
    "dscg_way": "5",
    "die_date": "2026-03-01",
}


def test_a_discharge_says_how_the_person_left() -> None:
    rows = [{"mdtrt_id": "9001", "psn_no": "70001", "maindiag_flag": "1", **diagnosis()}]
    assert order("2402", {"dscginfo": DISCHARGE, "diseinfo": rows}) == orders.Discharge(
        person_id=70001,
        visit_id=9001,
        ended_at=AT,
        way="death",
        diagnoses=(Diagnosis("1", "I10.x00x002", "高血压病", 1, True),),
        details={
            "complications": "0",
            "discharging_department": "呼吸内科",
            "died_on": "2026-03-01",
        },
    )


def test_a_discharge_needs_a_main_diagnosis_and_its_time() -> None:
    other = [{"maindiag_flag": "0", **diagnosis()}]
    assert refused("2402", {"dscginfo": DISCHARGE, "diseinfo": other})[0] == "diseinfo"
    assert refused("2402", {"dscginfo": DISCHARGE})[0] == "diseinfo"
    late = {**DISCHARGE, "endtime": None}
    assert refused("2402", {"dscginfo": late, "diseinfo": diagnosis()}) == (
        "dscginfo.endtime",
        "this is missing",
    )


def test_an_amendment_changes_only_what_it_says() -> None:
    assert order("2403", {"adminfo": {"mdtrt_id": "9001", "psn_no": "70001"}}) == orders.Amend(
        person_id=70001, visit_id=9001
    )
    given = {
        "mdtrt_id": "9001",
        "psn_no": "70001",
        "begntime": "2026-03-01 09:30:00",
        "endtime": "2026-03-09 09:30:00",
        "med_type": "23",
        "ipt_otp_no": "ZY0002",
        "adm_bed": "12",
    }
    assert order("2403", {"adminfo": given, "diseinfo": [diagnosis()]}) == orders.Amend(
        person_id=70001,
        visit_id=9001,
        begun_at=AT,
        care_code="23",
        number="ZY0002",
        diagnoses=(Diagnosis("1", "I10.x00x002", "高血压病", 1, True),),
        details={"ended_at": "2026-03-09T09:30:00+08:00", "bed": "12"},
    )


def test_admission_and_discharge_are_taken_back() -> None:
    given = {"data": {"mdtrt_id": "9001", "psn_no": "70001"}}
    assert order("2404", given) == orders.CancelVisit(
        person_id=70001, visit_id=9001, setting="inpatient"
    )
    assert order("2405", given) == orders.CancelDischarge(person_id=70001, visit_id=9001)


def test_inpatient_lines_have_no_batch() -> None:
    line = {name: value for name, value in LINE.items() if name != "chrg_bchno"}
    found = order("2301", {"feedetail": {**line, "med_type": "21", "drord_no": "Y1"}})
    assert isinstance(found, orders.AddLines)
    assert (found.batch, found.setting) == ("", "inpatient")
    assert found.lines[0].details["doctors_order"] == "Y1"
    assert refused("2301", {"feedetail": {**line, "med_type": "11"}})[0] == "feedetail[0].med_type"


def test_an_inpatient_line_is_withdrawn_by_its_number_or_all() -> None:
    for line, meant in (("L1", "L1"), ("0000", None)):
        given = {"psn_no": "70001", "mdtrt_id": "9001", "feedetl_sn": line}
        assert order("2302", {"data": given}) == orders.WithdrawLines(
            person_id=70001, visit_id=9001, setting="inpatient", line=meant
        )


def test_a_stay_is_settled_or_quoted_also_in_between() -> None:
    given = {
        **{name: value for name, value in SETTLE.items() if name not in ("med_type", "chrg_bchno")},
        "mid_setl_flag": "1",
        "dscgTime": "2026-03-01 09:30:00",
    }
    expected = orders.Settle(
        person_id=70001,
        visit_id=9001,
        setting="inpatient",
        total=112_50,
        commit=True,
        certificate=BY_ID,
        insurance="310",
        use_account=True,
        interim=True,
        split=orders.Split(0, 0, 12_50, 100_00),
        invoice="INV-1",
    )
    assert order("2304", {"data": given}) == expected
    assert order("2303", {"data": given}) == msgspec.structs.replace(expected, commit=False)
    assert refused("2304", {"data": {**given, "mid_setl_flag": "2"}})[0] == "data.mid_setl_flag"


# ---- pharmacy ----

SALE = {
    "druginfo": {
        "psn_no": "70001",
        "mdtrt_cert_type": "02",
        "mdtrt_cert_no": ID_NUMBER,
        "begntime": "2026-03-01 09:30:00",
        "medfee_sumamt": "11.20",
        "invono": "INV-2",
        "insutype": "310",
        "acct_used_flag": "1",
        "med_type": "41",
    },
    "drugdetail": [
        {
            "feedetl_sn": "L1",
            "fee_ocur_time": "2026-03-01 09:30:00",
            "med_list_codg": "XC08CAA321A0",
            "det_item_fee_sumamt": "11.20",
            "cnt": "2",
            "pric": "5.60",
            "rxno": "RX1",
        }
    ],
}


def test_a_sale_is_made_or_quoted() -> None:
    expected = orders.Sell(
        person_id=70001,
        total=11_20,
        begun_at=AT,
        lines=(
            FeeLine("L1", "XC08CAA321A0", 11_20, "2", "5.60", AT, details={"prescription": "RX1"}),
        ),
        commit=True,
        certificate=BY_ID,
        insurance="310",
        use_account=True,
        invoice="INV-2",
    )
    assert order("2102", SALE) == expected
    assert order("2101", SALE) == msgspec.structs.replace(expected, commit=False)


def test_a_sale_takes_nothing_back_and_has_no_other_kind_of_care() -> None:
    back = {**SALE["drugdetail"][0], "cnt": "-2", "det_item_fee_sumamt": "-11.20"}  # type: ignore[index]
    field, text = refused("2102", {**SALE, "drugdetail": back})
    assert field == "drugdetail[0].init_feedetl_sn"
    assert "2103" in text
    other = {**SALE["druginfo"], "med_type": "11"}  # type: ignore[dict-item]
    assert refused("2102", {**SALE, "druginfo": other})[0] == "druginfo.med_type"
    assert refused("2102", {"druginfo": SALE["druginfo"]})[0] == "drugdetail"


# ---- reversal and filings ----


def test_a_message_is_undone_also_one_that_never_came() -> None:
    given = {"psn_no": "70001", "omsgid": "H51010400012202603010930000001", "oinfno": "2207"}
    assert order("2601", {"data": given}) == orders.Undo(
        person_id=70001, message_id="H51010400012202603010930000001", transaction_code="2207"
    )
    assert refused("2601", {"data": {**given, "oinfno": "settle"}})[0] == "data.oinfno"
    assert refused("2601", {"data": {**given, "omsgid": "x" * 31}}) == (
        "data.omsgid",
        "at most 30 characters, but 31 came",
    )


TRANSFER = {
    "psn_no": "70001",
    "insutype": "310",
    "tel": "13800138000",
    "diag_code": "C34.900",
    "diag_name": "肺癌",
    "reflin_medins_no": "H11010500001",
    "reflin_medins_name": "北京医院",
    "mdtrtarea_admdvs": "110000",
    "hosp_agre_refl_flag": "1",
    "refl_rea": "需进一步治疗",
    "begndate": "2026-03-01",
    "enddate": "2026-09-01",
}


def test_a_hospital_refers_a_person_elsewhere() -> None:
    assert order("2501", {"refmedin": TRANSFER}) == orders.FileTransfer(
        person_id=70001,
        destination="110000",
        starts_on=date(2026, 3, 1),
        ends_on=date(2026, 9, 1),
        to_provider="H11010500001",
        insurance="310",
        reason="需进一步治疗",
        details={
            "diagnosis_code": "C34.900",
            "diagnosis": "肺癌",
            "to_provider_name": "北京医院",
            "hospital_agrees": "1",
        },
    )


def test_a_transfer_goes_to_a_place_in_a_period_with_the_hospitals_consent() -> None:
    for name, value in (
        ("mdtrtarea_admdvs", "999999"),
        ("mdtrtarea_admdvs", ""),
        ("enddate", "2026-02-01"),
        ("hosp_agre_refl_flag", "0"),
        ("begndate", "2026-13-01"),
    ):
        assert refused("2501", {"refmedin": {**TRANSFER, name: value}})[0] == f"refmedin.{name}"


def test_a_filing_is_withdrawn() -> None:
    given = {"trt_dcla_detl_sn": "77", "psn_no": "70001", "memo": "取消"}
    assert order("2502", {"data": given}) == orders.WithdrawFiling(person_id=70001, filing_id=77)


def test_a_person_chooses_a_provider_and_gives_it_up_again() -> None:
    given = {"psn_no": "70001", "begndate": "2026-03-01", "fixmedins_code": "H51010400013"}
    assert order("2505", {"data": given}) == orders.ChooseProvider(
        person_id=70001, provider_code="H51010400013", starts_on=date(2026, 3, 1)
    )
    del given["fixmedins_code"]
    own = CONTEXT.provider.provider_code
    assert order("2505", {"data": given}) == orders.ChooseProvider(
        person_id=70001, provider_code=own, starts_on=date(2026, 3, 1)
    )
    assert order("2506", {"data": {"psn_no": "70001", "trt_dcla_detl_sn": "77"}}) == (
        orders.DropProvider(person_id=70001, provider_code=own)
    )
    wrong = {**given, "enddate": "2026-02-01"}
    assert refused("2505", {"data": wrong})[0] == "data.enddate"


def test_every_transaction_names_the_node_that_is_missing() -> None:
    for code, one in TRANSACTIONS.items():
        with pytest.raises(InvalidInput) as caught:
            one.read(b"{}", CONTEXT)
        assert caught.value.field in (
            "data", "druginfo", "mdtrtinfo", "feedetail", "dscginfo", "adminfo", "refmedin",
        ), code  # fmt: skip
