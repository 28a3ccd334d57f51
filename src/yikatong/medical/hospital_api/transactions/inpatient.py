"""Stays in hospital (住院): 2301 to 2305 and 2401 to 2405."""

from typing import Final

import msgspec

from yikatong.medical.hospital_api.codes import DISCHARGE_WAY, INPATIENT_CARES
from yikatong.medical.hospital_api.context import Context
from yikatong.medical.hospital_api.forms import Form, Values, node
from yikatong.medical.hospital_api.transactions import parts, settlement
from yikatong.medical.hospital_api.transactions.outpatient import REVERSE, SETTLED, show_lines
from yikatong.medical.hospital_api.transactions.settlement import FeeResult
from yikatong.medical.hospital_api.transactions.shape import Given, Output, shape, show_nothing
from yikatong.medical.visits.orders import (
    LINES_MAX,
    AddLines,
    Admit,
    Amend,
    CancelDischarge,
    CancelVisit,
    Discharge,
    Result,
    Reverse,
    Settle,
    VisitDone,
    WithdrawLines,
)

_CARES: Final = {"med_type": INPATIENT_CARES}

# ---- the stay ----

_BIRTH: Final = (
    "oprn_oprt_code oprn_oprt_name fpsc_no matn_type birctrl_type latechb_flag geso_val fetts "
    "fetus_cnt pret_flag birctrl_matn_date"
)
_ADMISSION: Final = (
    "medrcdno atddr_no chfpdr_name adm_diag_dscr adm_dept_codg adm_dept_name adm_bed "
    "dscg_maindiag_code dscg_maindiag_name main_cond_dscr dise_codg dise_name " + _BIRTH
)
_DIAGNOSIS: Final = "diag_srt_no diag_code! diag_name!"
_DIAGNOSED: Final = "diag_dept dise_dor_no dise_dor_name diag_time"


class _Admitted(msgspec.Struct, frozen=True):
    mdtrt_id: str


_ADMIT: Final = Form(
    node(
        "mdtrtinfo",
        "psn_no! insutype coner_name tel begntime! mdtrt_cert_type mdtrt_cert_no med_type! ipt_no! "
        f"{_ADMISSION} dise_type_code",
        codes=_CARES,
        kept=f"{_ADMISSION} dise_type_code",
    ),
    node(
        "diseinfo",
        f"psn_no diag_type! maindiag_flag {_DIAGNOSIS} adm_cond {_DIAGNOSED}",
        rows_max=parts.DIAGNOSES_MAX,
        needed=False,
    ),
)


def _admit(given: Given, _: Context) -> Admit:
    info: Values = given["mdtrtinfo"]
    certificate = parts.certificate(info, "mdtrtinfo")
    return Admit(
        person_id=info["psn_no"],
        number=info["ipt_no"],
        begun_at=info["begntime"],
        care_code=info["med_type"],
        diagnoses=parts.diagnoses(given["diseinfo"], "diseinfo", info, main_needed=False),
        certificate=certificate,
        insurance=info.get("insutype"),
        details=_ADMIT.nodes[0].details(info) | parts.shown(certificate),
    )


def _show_admitted(result: Result, _: Context) -> dict[str, _Admitted]:
    assert isinstance(result, VisitDone)
    return {"result": _Admitted(str(result.visit.visit_id))}


_DISCHARGED: Final = f"dise_codg dise_name {_BIRTH} cop_flag dscg_dept_codg dscg_dept_name dscg_bed"
_DISCHARGE: Final = Form(
    node(
        "dscginfo",
        f"mdtrt_id! psn_no! insutype endtime! {_DISCHARGED} dscg_way die_date",
        kept=f"{_DISCHARGED} die_date",
    ),
    node(
        "diseinfo",
        f"mdtrt_id psn_no diag_type! maindiag_flag {_DIAGNOSIS} {_DIAGNOSED}",
        rows_max=parts.DIAGNOSES_MAX,
    ),
)


def _discharge(given: Given, _: Context) -> Discharge:
    info: Values = given["dscginfo"]
    way = info.get("dscg_way")
    return Discharge(
        person_id=info["psn_no"],
        visit_id=info["mdtrt_id"],
        ended_at=info["endtime"],
        way=None if way is None else DISCHARGE_WAY[way],
        diagnoses=parts.diagnoses(given["diseinfo"], "diseinfo", info, main_needed=True),
        details=_DISCHARGE.nodes[0].details(info),
    )


_AMEND: Final = Form(
    node(
        "adminfo",
        "mdtrt_id! psn_no! coner_name tel begntime endtime mdtrt_cert_type med_type ipt_otp_no "
        f"{_ADMISSION} dise_type_code",
        codes=_CARES,
        kept=f"endtime {_ADMISSION} dise_type_code",
    ),
    node(
        "diseinfo",
        f"mdtrt_id psn_no diag_type! maindiag_flag {_DIAGNOSIS} adm_cond {_DIAGNOSED}",
        rows_max=parts.DIAGNOSES_MAX,
        needed=False,
    ),
)


def _amend(given: Given, _: Context) -> Amend:
    info: Values = given["adminfo"]
    rows: list[Values] = given["diseinfo"]
    return Amend(
        person_id=info["psn_no"],
        visit_id=info["mdtrt_id"],
        begun_at=info.get("begntime"),
        care_code=info.get("med_type"),
        number=info.get("ipt_otp_no"),
        diagnoses=parts.diagnoses(rows, "diseinfo", info, main_needed=True) if rows else None,
        details=_AMEND.nodes[0].details(info),
    )


_VISIT: Final = Form(node("data", "mdtrt_id! psn_no!"))


def _cancel_admission(given: Given, _: Context) -> CancelVisit:
    data: Values = given["data"]
    return CancelVisit(person_id=data["psn_no"], visit_id=data["mdtrt_id"], setting="inpatient")


def _cancel_discharge(given: Given, _: Context) -> CancelDischarge:
    data: Values = given["data"]
    return CancelDischarge(person_id=data["psn_no"], visit_id=data["mdtrt_id"])


# ---- lines ----

_LINE: Final = (
    "feedetl_sn! init_feedetl_sn mdtrt_id! drord_no psn_no! med_type fee_ocur_time! med_list_codg! "
    "medins_list_codg det_item_fee_sumamt! cnt! pric! bilg_dept_codg bilg_dept_name bilg_dr_codg "
    "bilg_dr_name acord_dept_codg acord_dept_name orders_dr_code orders_dr_name hosp_appr_flag "
    "tcmdrug_used_way etip_flag etip_hosp_code dscg_tkdrug_flag matn_fee_flag memo"
)
_ADD: Final = Form(
    node("feedetail", _LINE, rows_max=LINES_MAX, codes=_CARES, kept=parts.kept_of_line(_LINE))
)


def _add(given: Given, _: Context) -> AddLines:
    rows: list[Values] = given["feedetail"]
    lines = parts.lines(_ADD.nodes[0], rows, alike=("mdtrt_id", "psn_no"))
    return AddLines(
        person_id=rows[0]["psn_no"],
        visit_id=rows[0]["mdtrt_id"],
        setting="inpatient",
        batch="",
        lines=lines,
    )


_WITHDRAW: Final = Form(node("data", "feedetl_sn! mdtrt_id! psn_no!"))


def _withdraw(given: Given, _: Context) -> WithdrawLines:
    data: Values = given["data"]
    line = data["feedetl_sn"]
    return WithdrawLines(
        person_id=data["psn_no"],
        visit_id=data["mdtrt_id"],
        setting="inpatient",
        line=None if line == parts.ALL_LINES else line,
    )


# ---- money ----


def _bill(order_of_fields: str) -> Form:
    return Form(node("data", order_of_fields))


_QUOTE: Final = _bill(
    "psn_no! mdtrt_cert_type mdtrt_cert_no medfee_sumamt! psn_setlway mdtrt_id! acct_used_flag "
    "insutype invono mid_setl_flag fulamt_ownpay_amt overlmt_selfpay preselfpay_amt "
    "inscp_scp_amt dscgTime"
)
_SETTLE: Final = _bill(
    "psn_no! mdtrt_cert_type mdtrt_cert_no medfee_sumamt! psn_setlway mdtrt_id! insutype "
    "acct_used_flag invono mid_setl_flag fulamt_ownpay_amt overlmt_selfpay preselfpay_amt "
    "inscp_scp_amt dscgTime"
)


def _settle(given: Given, _: Context) -> Settle:
    return _settlement(given["data"], commit=True)


def _quote(given: Given, _: Context) -> Settle:
    return _settlement(given["data"], commit=False)


def _settlement(data: Values, *, commit: bool) -> Settle:
    return Settle(
        person_id=data["psn_no"],
        visit_id=data["mdtrt_id"],
        setting="inpatient",
        total=data["medfee_sumamt"],
        commit=commit,
        certificate=parts.certificate(data, "data"),
        insurance=data.get("insutype"),
        use_account=parts.flag(data, "acct_used_flag"),
        interim=parts.flag(data, "mid_setl_flag"),
        split=parts.split(data),
        invoice=data.get("invono", ""),
    )


def _reverse(given: Given, _: Context) -> Reverse:
    data: Values = given["data"]
    return Reverse(
        person_id=data["psn_no"],
        settlement_id=data["setl_id"],
        visit_id=data.get("mdtrt_id"),
        setting="inpatient",
    )


SHAPES: Final = (
    shape(
        "2301", "住院费用明细上传", "inpatient fee lines", _ADD, _add, show_lines,
        Output("result", FeeResult, many=True),
    ),
    shape(
        "2302", "住院费用明细撤销", "withdraw inpatient fee lines", _WITHDRAW, _withdraw,
        show_nothing,
    ),
    shape("2303", "住院预结算", "inpatient quote", _QUOTE, _quote, settlement.show_quote, *SETTLED),
    shape(
        "2304", "住院结算", "inpatient settlement", _SETTLE, _settle,
        settlement.show_settlement, *SETTLED,
    ),
    shape(
        "2305", "住院结算撤销", "reverse inpatient settlement", REVERSE, _reverse,
        settlement.show_reversal, *SETTLED,
    ),
    shape(
        "2401", "入院办理", "admission", _ADMIT, _admit, _show_admitted,
        Output("result", _Admitted),
    ),
    shape("2402", "出院办理", "discharge", _DISCHARGE, _discharge, show_nothing),
    shape("2403", "住院信息变更", "amend admission", _AMEND, _amend, show_nothing),
    shape("2404", "入院撤销", "cancel admission", _VISIT, _cancel_admission, show_nothing),
    shape("2405", "出院撤销", "cancel discharge", _VISIT, _cancel_discharge, show_nothing),
)  # fmt: skip
