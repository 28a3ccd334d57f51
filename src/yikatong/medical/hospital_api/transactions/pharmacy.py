"""Pharmacies (定点药店): 2101 to 2103."""

from typing import Final

from yikatong.medical.hospital_api.codes import PHARMACY_CARES
from yikatong.medical.hospital_api.context import Context
from yikatong.medical.hospital_api.forms import Form, Values, node
from yikatong.medical.hospital_api.transactions import parts, settlement
from yikatong.medical.hospital_api.transactions.outpatient import REVERSE, SETTLED
from yikatong.medical.hospital_api.transactions.settlement import FeeResult
from yikatong.medical.hospital_api.transactions.shape import Given, Output, shape
from yikatong.medical.visits.orders import LINES_MAX, Reverse, Sell

_LINE: Final = (
    "feedetl_sn! rxno rx_circ_flag fee_ocur_time! med_list_codg! medins_list_codg "
    "det_item_fee_sumamt! cnt! pric! sin_dos_dscr used_frqu_dscr prd_days medc_way_dscr "
    "bilg_dr_codg bilg_dr_name tcmdrug_used_way"
)
_SELL: Final = Form(
    node(
        "druginfo",
        "psn_no! mdtrt_cert_type mdtrt_cert_no begntime! medfee_sumamt! invono insutype dise_codg "
        "dise_name acct_used_flag med_type",
        codes={"med_type": PHARMACY_CARES},
    ),
    node("drugdetail", _LINE, rows_max=LINES_MAX, kept=parts.kept_of_line(_LINE)),
)


def _sell(given: Given, _: Context) -> Sell:
    return _sale(given, commit=True)


def _quote(given: Given, _: Context) -> Sell:
    return _sale(given, commit=False)


def _sale(given: Given, *, commit: bool) -> Sell:
    info: Values = given["druginfo"]
    return Sell(
        person_id=info["psn_no"],
        total=info["medfee_sumamt"],
        begun_at=info["begntime"],
        lines=parts.lines(_SELL.nodes[1], given["drugdetail"], alike=()),
        commit=commit,
        certificate=parts.certificate(info, "druginfo"),
        care_code=info.get("med_type", "41"),
        insurance=info.get("insutype"),
        disease=parts.disease(info),
        use_account=parts.flag(info, "acct_used_flag"),
        invoice=info.get("invono", ""),
    )


def _reverse(given: Given, _: Context) -> Reverse:
    data: Values = given["data"]
    return Reverse(
        person_id=data["psn_no"],
        settlement_id=data["setl_id"],
        visit_id=data.get("mdtrt_id"),
        setting="pharmacy",
    )


_SOLD: Final = (*SETTLED, Output("detlcutinfo", FeeResult, many=True))

SHAPES: Final = (
    shape(
        "2101", "药店预结算", "pharmacy quote", _SELL, _quote, settlement.show_sale_quote, *_SOLD
    ),
    shape("2102", "药店结算", "pharmacy settlement", _SELL, _sell, settlement.show_sale, *_SOLD),
    shape(
        "2103", "药店结算撤销", "reverse pharmacy settlement", REVERSE, _reverse,
        settlement.show_reversal, *SETTLED,
    ),
)  # fmt: skip
