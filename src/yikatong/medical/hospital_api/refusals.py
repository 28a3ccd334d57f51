"""What is said no to, in the standard's way: `err_msg` of at most 200 characters, with its fields."""

import re
from typing import Final

from yikatong.core.errors import Malformed, Unavailable, YikatongError

MESSAGE_LENGTH_MAX: Final = 200


class NotAuthenticated(YikatongError):
    """Nobody we know has signed this; `hint` says what was signed, to a sandbox provider alone."""

    code = "not_authenticated"
    status = 401

    def __init__(self, zh: str, en: str, field: str | None = None, hint: str = "") -> None:
        super().__init__(zh, en, field)
        self.hint = hint


class NoSuchAddress(Malformed):
    """The interface has no such address."""

    code = "no_such_address"
    status = 404


class NoData(YikatongError):
    """The transaction is known, and what it asks for is not kept here."""

    code = "no_data"
    status = 404


class Fault(YikatongError):
    """A fault that was switched on for this sandbox provider."""

    code = "sandbox_fault"
    status = 409


# The desk's words for what an order holds, in the standard's.
_STANDARD: Final = {
    "at": "fee_ocur_time",
    "batch": "chrg_bchno",
    "begun_at": "begntime",
    "care_code": "med_type",
    "certificate": "mdtrt_cert_no",
    "date": "cum_ym",
    "destination": "mdtrtarea_admdvs",
    "diagnoses": "diseinfo",
    "disease": "dise_codg",
    "ended_at": "endtime",
    "ends_on": "enddate",
    "filing": "trt_dcla_detl_sn",
    "filing_id": "trt_dcla_detl_sn",
    "first_pay": "preselfpay_amt",
    "id_number": "certno",
    "in_scope": "inscp_scp_amt",
    "insurance": "insutype",
    "insured_region": "insuplc_admdvs",
    "invoice": "invono",
    "item": "med_list_codg",
    "kind": "mdtrtarea_admdvs",
    "line": "feedetl_sn",
    "lines": "feedetail",
    "message": "msgid",
    "message_id": "omsgid",
    "name": "psn_name",
    "number": "ipt_otp_no",
    "over_limit": "overlmt_selfpay",
    "person": "psn_no",
    "person_id": "psn_no",
    "price": "pric",
    "provider": "fixmedins_code",
    "quantity": "cnt",
    "reason": "refl_rea",
    "self_paid": "fulamt_ownpay_amt",
    "settlement": "setl_id",
    "starts_on": "begndate",
    "to_provider": "reflin_medins_no",
    "total": "medfee_sumamt",
    "transaction_code": "oinfno",
    "visit": "mdtrt_id",
}
_COLUMNS: Final = {
    "gives_back": "init_feedetl_sn",
    "number": "feedetl_sn",
    "total": "det_item_fee_sumamt",
}
"""Those that a fee line calls otherwise than a visit or a bill."""
_PHARMACY: Final = _STANDARD | {"lines": "drugdetail", "date": "begntime"}
_WORD: Final = re.compile(r"[a-z_]+")


def field_of(error: YikatongError, transaction_code: str) -> str | None:
    """The wrong field by the standard's name, "lines[3].at" → "feedetail[3].fee_ocur_time"."""
    if error.field is None:
        return None
    if error.field == "visit.care":
        return "med_type"
    names = _PHARMACY if transaction_code.startswith("21") else _STANDARD
    row, inside, column = error.field.partition("].")
    if inside and column in _COLUMNS:
        return f"{names['lines']}{row.removeprefix('lines')}].{_COLUMNS[column]}"
    return _WORD.sub(lambda found: names.get(found[0], found[0]), error.field)


def message_of(error: YikatongError, transaction_code: str, reference: str) -> str:
    """`err_msg`: the field, Chinese, and English where it fits; a reference where it is our fault."""
    field = field_of(error, transaction_code)
    zh, en = error.text.zh, error.text.en
    if field is not None:
        zh = f"{field}：{zh}"
    if error.status >= 500 and not isinstance(error, Unavailable):
        zh = f"{zh}（编号 {reference}）"
    both = f"{zh} / {en}"
    if len(both) <= MESSAGE_LENGTH_MAX:
        return both
    return zh if len(zh) <= MESSAGE_LENGTH_MAX else f"{zh[: MESSAGE_LENGTH_MAX - 1]}…"


def status_of(error: YikatongError) -> int:
    """200 for what was understood and refused; 4xx for what could not be read or is not signed;
    5xx for what is no fault of the caller."""
    if error.status >= 500 or isinstance(error, (Malformed, NotAuthenticated)):
        return error.status
    return 200


def unforeseen() -> YikatongError:
    """What a programming error is answered with; the outcome is not known."""
    return YikatongError(
        zh="系统意外错误，已记录；结果未知，请用同一 msgid 重发查询结果",
        en="an unexpected error was recorded; the outcome is unknown, send the same msgid again",
    )
