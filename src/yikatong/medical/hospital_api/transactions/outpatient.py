"""Outpatient visits (门诊): 2201 to 2208."""

from typing import Final

import msgspec

from yikatong.core.errors import InvalidInput
from yikatong.medical.hospital_api.codes import OUTPATIENT_CARES
from yikatong.medical.hospital_api.context import Context
from yikatong.medical.hospital_api.forms import Form, Values, node
from yikatong.medical.hospital_api.transactions import parts, settlement
from yikatong.medical.hospital_api.transactions.settlement import FeeResult, SetlDetail, SetlInfo
from yikatong.medical.hospital_api.transactions.shape import Given, Output, shape, show_nothing
from yikatong.medical.visits.orders import (
    LINES_MAX,
    AddLines,
    CancelVisit,
    LinesDone,
    Register,
    Result,
    Reverse,
    See,
    Settle,
    VisitDone,
    WithdrawLines,
)

_CARES: Final = {"med_type": OUTPATIENT_CARES}
SETTLED: Final = (Output("setlinfo", SetlInfo), Output("setldetail", SetlDetail, many=True))


class _Registered(msgspec.Struct, frozen=True):
    mdtrt_id: str
    psn_no: str
    ipt_otp_no: str


_REGISTER: Final = Form(
    node(
        "data",
        "psn_no! insutype begntime! mdtrt_cert_type mdtrt_cert_no ipt_otp_no! atddr_no dr_name "
        "dept_code dept_name caty",
        kept="atddr_no dr_name dept_code dept_name caty",
    ),
    node(
        "psnbaseinfo",
        "psn_no psn_cert_type certno psn_name gend naty brdy age",
        needed=False,
    ),
)


def _register(given: Given, _: Context) -> Register:
    data: Values = given["data"]
    parts.same(given["psnbaseinfo"], "psnbaseinfo", "psn_no", data["psn_no"], "data.psn_no")
    certificate = parts.certificate(data, "data")
    return Register(
        person_id=data["psn_no"],
        number=data["ipt_otp_no"],
        begun_at=data["begntime"],
        certificate=certificate,
        insurance=data.get("insutype"),
        details=_REGISTER.nodes[0].details(data) | parts.shown(certificate),
    )


def _show_registered(result: Result, _: Context) -> dict[str, _Registered]:
    assert isinstance(result, VisitDone)
    visit = result.visit
    return {"data": _Registered(str(visit.visit_id), str(visit.person_id), visit.number)}


_CANCEL: Final = Form(node("data", "psn_no! mdtrt_id! ipt_otp_no"))


def _cancel(given: Given, _: Context) -> CancelVisit:
    data: Values = given["data"]
    return CancelVisit(
        person_id=data["psn_no"],
        visit_id=data["mdtrt_id"],
        setting="outpatient",
        number=data.get("ipt_otp_no"),
    )


_SEE: Final = Form(
    node(
        "mdtrtinfo",
        "mdtrt_id! psn_no! med_type! begntime! main_cond_dscr dise_codg dise_name birctrl_type "
        "birctrl_matn_date matn_type geso_val",
        codes=_CARES,
        kept="main_cond_dscr dise_codg birctrl_type birctrl_matn_date matn_type geso_val",
    ),
    node(
        "diseinfo",
        "diag_type! diag_srt_no diag_code! diag_name! diag_dept dise_dor_no dise_dor_name "
        "diag_time vali_flag",
        rows_max=parts.DIAGNOSES_MAX,
    ),
)


def _see(given: Given, _: Context) -> See:
    info: Values = given["mdtrtinfo"]
    return See(
        person_id=info["psn_no"],
        visit_id=info["mdtrt_id"],
        care_code=info["med_type"],
        begun_at=info["begntime"],
        diagnoses=parts.diagnoses(given["diseinfo"], "diseinfo", info, main_needed=True),
        disease=parts.disease(info),
        details=_SEE.nodes[0].details(info),
    )


_LINE: Final = (
    "feedetl_sn! mdtrt_id! psn_no! chrg_bchno! dise_codg rxno rx_circ_flag fee_ocur_time! "
    "med_list_codg! medins_list_codg det_item_fee_sumamt! cnt! pric! sin_dos_dscr used_frqu_dscr "
    "prd_days medc_way_dscr bilg_dept_codg bilg_dept_name bilg_dr_codg bilg_dr_name "
    "acord_dept_codg acord_dept_name orders_dr_code orders_dr_name hosp_appr_flag "
    "tcmdrug_used_way etip_flag etip_hosp_code dscg_tkdrug_flag matn_fee_flag init_feedetl_sn"
)
_ADD: Final = Form(
    node("feedetail", _LINE, rows_max=LINES_MAX, kept=parts.kept_of_line(_LINE)),
)


def _add(given: Given, _: Context) -> AddLines:
    rows: list[Values] = given["feedetail"]
    lines = parts.lines(_ADD.nodes[0], rows, alike=("mdtrt_id", "psn_no", "chrg_bchno"))
    first = rows[0]
    if first["chrg_bchno"] == parts.ALL_LINES:
        raise InvalidInput(
            "feedetail[0].chrg_bchno",
            zh="批次号不能为 0000，撤销时它表示全部未结算明细",
            en="a batch cannot be named 0000: when withdrawing, that means all unsettled lines",
        )
    return AddLines(
        person_id=first["psn_no"],
        visit_id=first["mdtrt_id"],
        setting="outpatient",
        batch=first["chrg_bchno"],
        lines=lines,
    )


def show_lines(result: Result, _: Context) -> dict[str, list[FeeResult]]:
    """The split of each uploaded line; also of an inpatient's."""
    assert isinstance(result, LinesDone)
    return {"result": settlement.fee_results(result.lines)}


_WITHDRAW: Final = Form(node("data", "mdtrt_id! chrg_bchno! psn_no!"))


def _withdraw(given: Given, _: Context) -> WithdrawLines:
    data: Values = given["data"]
    batch = data["chrg_bchno"]
    return WithdrawLines(
        person_id=data["psn_no"],
        visit_id=data["mdtrt_id"],
        setting="outpatient",
        batch=None if batch == parts.ALL_LINES else batch,
    )


_QUOTE: Final = Form(
    node(
        "data",
        "psn_no! mdtrt_cert_type mdtrt_cert_no med_type medfee_sumamt! psn_setlway mdtrt_id! "
        "chrg_bchno acct_used_flag insutype",
        codes=_CARES,
    )
)
_SETTLE: Final = Form(
    node(
        "data",
        "psn_no! mdtrt_cert_type mdtrt_cert_no med_type medfee_sumamt! psn_setlway mdtrt_id! "
        "chrg_bchno insutype acct_used_flag invono fulamt_ownpay_amt overlmt_selfpay "
        "preselfpay_amt inscp_scp_amt",
        codes=_CARES,
    )
)


def _settle(given: Given, _: Context) -> Settle:
    return _settlement(given["data"], commit=True)


def _quote(given: Given, _: Context) -> Settle:
    return _settlement(given["data"], commit=False)


def _settlement(data: Values, *, commit: bool) -> Settle:
    get = data.get
    return Settle(
        person_id=data["psn_no"],
        visit_id=data["mdtrt_id"],
        setting="outpatient",
        total=data["medfee_sumamt"],
        commit=commit,
        certificate=parts.certificate(data, "data"),
        care_code=get("med_type"),
        insurance=get("insutype"),
        batch=get("chrg_bchno"),
        use_account=parts.flag(data, "acct_used_flag"),
        split=parts.split(data),
        invoice=get("invono", ""),
    )


REVERSE: Final = Form(node("data", "setl_id! mdtrt_id psn_no!"))


def _reverse(given: Given, _: Context) -> Reverse:
    data: Values = given["data"]
    return Reverse(
        person_id=data["psn_no"],
        settlement_id=data["setl_id"],
        visit_id=data.get("mdtrt_id"),
        setting="outpatient",
    )


SHAPES: Final = (
    shape(
        "2201", "门诊挂号", "outpatient registration", _REGISTER, _register, _show_registered,
        Output("data", _Registered),
    ),
    shape("2202", "门诊挂号撤销", "cancel registration", _CANCEL, _cancel, show_nothing),
    shape(
        "2203", "门诊就诊信息上传", "outpatient visit and diagnoses", _SEE, _see, show_nothing,
    ),
    shape(
        "2204", "门诊费用明细上传", "outpatient fee lines", _ADD, _add, show_lines,
        Output("result", FeeResult, many=True),
    ),
    shape("2205", "门诊费用明细撤销", "withdraw fee lines", _WITHDRAW, _withdraw, show_nothing),
    shape(
        "2206", "门诊预结算", "outpatient quote", _QUOTE, _quote, settlement.show_quote, *SETTLED,
    ),
    shape(
        "2207", "门诊结算", "outpatient settlement", _SETTLE, _settle,
        settlement.show_settlement, *SETTLED,
    ),
    shape(
        "2208", "门诊结算撤销", "reverse outpatient settlement", REVERSE, _reverse,
        settlement.show_reversal, *SETTLED,
    ),
)  # fmt: skip
