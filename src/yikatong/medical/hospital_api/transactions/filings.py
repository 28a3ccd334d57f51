"""Filings and choices a provider makes for a person (备案): 2501, 2502, 2505, 2506."""

from datetime import date
from typing import Final

import msgspec

from yikatong.core.errors import InvalidInput
from yikatong.medical.hospital_api.context import Context
from yikatong.medical.hospital_api.forms import Form, Values, node
from yikatong.medical.hospital_api.transactions.shape import Given, Output, shape, show_nothing
from yikatong.medical.visits.orders import (
    ChoiceDone,
    ChooseProvider,
    DropProvider,
    FileTransfer,
    FilingDone,
    Result,
    WithdrawFiling,
)


class _Filed(msgspec.Struct, frozen=True):
    trt_dcla_detl_sn: str


_TRANSFER: Final = Form(
    node(
        "refmedin",
        "psn_no! insutype tel addr insu_optins diag_code diag_name dise_cond_dscr reflin_medins_no "
        "reflin_medins_name mdtrtarea_admdvs! hosp_agre_refl_flag refl_type refl_date refl_rea "
        "refl_opnn begndate! enddate",
        kept="diag_code diag_name dise_cond_dscr reflin_medins_name hosp_agre_refl_flag refl_type "
        "refl_date refl_opnn",
    )
)


def _check_period(starts_on: date, ends_on: date | None, where: str) -> None:
    if ends_on is not None and ends_on < starts_on:
        raise InvalidInput(
            f"{where}.enddate",
            zh=f"结束日期 {ends_on} 早于开始日期 {starts_on}",
            en=f"ends on {ends_on}, before it starts on {starts_on}",
        )


def _transfer(given: Given, _: Context) -> FileTransfer:
    info: Values = given["refmedin"]
    starts_on, ends_on = info["begndate"], info.get("enddate")
    _check_period(starts_on, ends_on, "refmedin")
    if info.get("hosp_agre_refl_flag") == "0":
        raise InvalidInput(
            "refmedin.hosp_agre_refl_flag",
            zh="医院不同意转院时不能办理转院备案",
            en="no transfer can be filed where the hospital does not agree",
        )
    return FileTransfer(
        person_id=info["psn_no"],
        destination=info["mdtrtarea_admdvs"],
        starts_on=starts_on,
        ends_on=ends_on,
        to_provider=info.get("reflin_medins_no"),
        insurance=info.get("insutype"),
        reason=info.get("refl_rea", ""),
        details=_TRANSFER.nodes[0].details(info),
    )


def _show_filing(result: Result, _: Context) -> dict[str, _Filed]:
    assert isinstance(result, FilingDone)
    return {"result": _Filed(str(result.filing.filing_id))}


_WITHDRAW: Final = Form(node("data", "trt_dcla_detl_sn! psn_no! memo"))


def _withdraw(given: Given, _: Context) -> WithdrawFiling:
    data: Values = given["data"]
    return WithdrawFiling(person_id=data["psn_no"], filing_id=data["trt_dcla_detl_sn"])


_APPLICATION: Final = (
    "tel addr biz_appy_type begndate{} enddate agnter_name agnter_cert_type agnter_certno agnter_tel "
    "agnter_addr agnter_rlts fix_srt_no fixmedins_code fixmedins_name memo"
)
_CHOOSE: Final = Form(node("data", "psn_no! " + _APPLICATION.format("!")))
_DROP: Final = Form(node("data", "trt_dcla_detl_sn psn_no! " + _APPLICATION.format("")))


def _choose(given: Given, context: Context) -> ChooseProvider:
    data: Values = given["data"]
    _check_period(data["begndate"], data.get("enddate"), "data")
    return ChooseProvider(
        person_id=data["psn_no"],
        provider_code=data.get("fixmedins_code", context.provider.provider_code),
        starts_on=data["begndate"],
    )


def _drop(given: Given, context: Context) -> DropProvider:
    data: Values = given["data"]
    return DropProvider(
        person_id=data["psn_no"],
        provider_code=data.get("fixmedins_code", context.provider.provider_code),
    )


def _show_choice(result: Result, _: Context) -> dict[str, _Filed | str]:
    assert isinstance(result, ChoiceDone)
    # Descriptions of the standard differ on whether there is a node around it: both are served.
    return {"result": _Filed(result.number), "trt_dcla_detl_sn": result.number}


SHAPES: Final = (
    shape(
        "2501", "转院备案", "transfer filing", _TRANSFER, _transfer, _show_filing,
        Output("result", _Filed),
    ),
    shape("2502", "转院备案撤销", "withdraw a transfer filing", _WITHDRAW, _withdraw, show_nothing),
    shape(
        "2505", "人员定点备案", "choose a provider", _CHOOSE, _choose, _show_choice,
        Output("result", _Filed),
    ),
    shape(
        "2506", "人员定点备案撤销", "give up a chosen provider", _DROP, _drop, _show_choice,
        Output("result", _Filed),
    ),
)  # fmt: skip
