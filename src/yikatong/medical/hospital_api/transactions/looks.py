"""Looking a person up: 1101 who is it, 2001 entitlements, 5206 accumulators, 5301 chronic diseases."""

from datetime import date, timedelta
from typing import Any, Final

import msgspec
from msgspec import Raw

from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import InvalidInput
from yikatong.core.money import format_percent, format_yuan_grouped
from yikatong.medical.hospital_api import codes
from yikatong.medical.hospital_api.context import Context, amount
from yikatong.medical.hospital_api.fields import MISSING
from yikatong.medical.hospital_api.forms import Form, Values, node
from yikatong.medical.hospital_api.transactions import parts
from yikatong.medical.hospital_api.transactions.shape import Given, Output, shape
from yikatong.medical.visits.orders import (
    Accumulated,
    AskAccumulated,
    AskChronic,
    CheckEntitlement,
    ChronicFound,
    Entitled,
    Identified,
    Identify,
    Result,
)
from yikatong.people.model import Enrolment

CHECK_RESULT_LENGTH_MAX: Final = 500

# ---- 1101 ----


class _BaseInfo(msgspec.Struct, frozen=True):
    psn_no: str
    psn_cert_type: str
    certno: str
    psn_name: str
    gend: str
    naty: str
    brdy: str
    age: int


class _InsuInfo(msgspec.Struct, frozen=True):
    balc: Raw
    insutype: str
    psn_type: str
    psn_insu_stas: str
    psn_insu_date: str
    paus_insu_date: str | None
    cvlserv_flag: str
    insuplc_admdvs: str
    emp_name: str | None


class _IdetInfo(msgspec.Struct, frozen=True):
    psn_idet_type: str
    psn_type_lv: str | None
    memo: str
    begntime: str
    endtime: str | None


class _Identified(msgspec.Struct, frozen=True):
    baseinfo: _BaseInfo
    insuinfo: list[_InsuInfo]
    idetinfo: list[_IdetInfo]


_WHO: Final = Form(
    node(
        "data",
        "mdtrt_cert_type! mdtrt_cert_no! card_sn begntime psn_cert_type certno psn_name",
    )
)


def _identify(given: Given, _: Context) -> Identify:
    data: Values = given["data"]
    certificate = parts.certificate(data, "data")
    assert certificate is not None
    if certificate.kind == "card" and certificate.card_identifier is None:
        raise InvalidInput("data.card_sn", *MISSING)
    stated: str | None = None
    # Another document's number is not kept here, so it cannot be compared.
    if "certno" in data and data.get("psn_cert_type", codes.RESIDENT_ID) == codes.RESIDENT_ID:
        stated = data["certno"].upper()
    if certificate.kind == "id_number" and stated not in (None, certificate.number):
        raise InvalidInput(
            "data.certno",
            zh="与 mdtrt_cert_no 不是同一个身份证号",
            en="is not the id number in mdtrt_cert_no",
        )
    return Identify(certificate=certificate, name=data.get("psn_name"), id_number=stated)


def _show_identified(result: Result, _: Context) -> _Identified:
    assert isinstance(result, Identified)
    person, enrolments = result.person, result.enrolments
    civil_servant = any(one.name == "civil_servant" for one in result.groups)
    # The account belongs to employees' insurance; a former employee's stays with what is left.
    account = next((one for one in enrolments if one.insurance == "310"), None)
    holder = account or (enrolments[0] if enrolments else None)
    return _Identified(
        _BaseInfo(
            str(person.person_id),
            codes.RESIDENT_ID,
            result.id_number,
            person.name,
            str(person.sex),
            person.ethnic_group,
            person.birth_date.isoformat(),
            result.age,
        ),
        [
            _insurance(one, result, civil_servant=civil_servant, holds=one is holder)
            for one in enrolments
        ],
        [
            _IdetInfo(
                codes.group_code(one.name),
                None,
                codes.GROUP_NAMES.get(one.name, one.name),
                f"{one.starts_on} 00:00:00",
                None if one.ends_on is None else f"{one.ends_on} 23:59:59",
            )
            for one in result.groups
        ],
    )


def _insurance(
    one: Enrolment, result: Identified, *, civil_servant: bool, holds: bool
) -> _InsuInfo:
    paused = one.suspended_on or (one.ends_on if one.status == "ended" else None)
    return _InsuInfo(
        amount(result.balance if holds else 0),
        one.insurance,
        codes.person_type(one.category, result.age, civil_servant=civil_servant),
        codes.INSURED_STATE_OF[one.status],
        one.starts_on.isoformat(),
        None if paused is None else paused.isoformat(),
        "1" if civil_servant else "0",
        one.region,
        None,
    )


# ---- 2001 ----


class _TrtInfo(msgspec.Struct, frozen=True):
    psn_no: str
    trt_chk_type: str
    fund_pay_type: str | None
    trt_enjymnt_flag: str
    begndate: str | None
    enddate: str | None
    trt_chk_rslt: str


_CHECK: Final = Form(
    node(
        "data",
        "psn_no! insutype fixmedins_code med_type! begntime endtime dise_codg dise_name "
        "oprn_oprt_code oprn_oprt_name matn_type birctrl_type",
    )
)


def _check(given: Given, context: Context) -> CheckEntitlement:
    data: Values = given["data"]
    parts.same(data, "data", "fixmedins_code", context.provider.provider_code, "fixmedins_code")
    begun_at = data.get("begntime", context.now)
    return CheckEntitlement(
        person_id=data["psn_no"],
        care=codes.CARE_OF[data["med_type"]],
        on=begun_at.astimezone(SHANGHAI).date(),
        insurance=data.get("insutype"),
        disease=parts.disease(data),
    )


def _show_entitled(result: Result, _: Context) -> dict[str, list[_TrtInfo]]:
    assert isinstance(result, Entitled)
    fund = None if result.insurance is None else codes.FUND_OF["pooled", result.insurance]
    enjoyed = not result.refusals and result.rate > 0 and result.cap_left != 0
    return {
        "trtinfo": [
            _TrtInfo(
                str(result.person_id),
                "01",
                fund,
                "1" if enjoyed else "0",
                None if result.starts_on is None else result.starts_on.isoformat(),
                None if result.ends_on is None else result.ends_on.isoformat(),
                _expected(result) if enjoyed else _refused(result),
            )
        ]
    }


def _expected(result: Entitled) -> str:
    text = (
        f"可享受，起付线 {format_yuan_grouped(result.deductible)} 元，"
        f"支付比例 {format_percent(result.rate)}%"
    )
    if result.cap_left is not None:
        text += f"，本年度还可支付 {format_yuan_grouped(result.cap_left)} 元"
    return text


def _refused(result: Entitled) -> str:
    reasons = "；".join(one.text.zh for one in result.refusals)
    if not reasons and result.rate > 0:
        return (
            "统筹基金本年度封顶线已用完，下一年度重新计算；"
            "超出部分由参保地规定的大额补助、大病保险或个人支付，见预结算"
        )
    otherwise = (
        "按参保地政策，统筹基金不支付此类费用；可用个人账户或现金支付"
        if result.on_file
        else "参保地没有此类费用的政策文件，不能直接结算，可手工报销"
    )
    return (reasons or otherwise)[:CHECK_RESULT_LENGTH_MAX]


# ---- 5206 ----


class _CumInfo(msgspec.Struct, frozen=True):
    cum_type_code: str
    year: str
    cum: Raw
    cum_ym: str
    insutype: str


_ACCUMULATORS: Final = Form(node("data", "psn_no! cum_ym"))


def _ask_accumulated(given: Given, _: Context) -> AskAccumulated:
    data: Values = given["data"]
    return AskAccumulated(person_id=data["psn_no"], on=data.get("cum_ym"))


def _show_accumulated(result: Result, context: Context) -> dict[str, list[_CumInfo]]:
    assert isinstance(result, Accumulated)
    starts_on = result.year_starts_on
    last_day = date(starts_on.year + 1, starts_on.month, starts_on.day) - timedelta(days=1)
    upto = min(last_day, context.now.astimezone(SHANGHAI).date())
    year: dict[str, Any] = msgspec.structs.asdict(result.year)
    return {
        "cuminfo": [
            _CumInfo(
                codes.accumulated_code(name, result.insurance),
                str(starts_on.year),
                Raw(str(value)) if name == "admissions" else amount(value),
                f"{upto:%Y%m}",
                result.insurance,
            )
            for name, value in year.items()
        ]
    }


# ---- 5301 ----


class _Chronic(msgspec.Struct, frozen=True):
    opsp_dise_code: str
    opsp_dise_name: str
    begndate: str
    enddate: str | None


_CHRONIC: Final = Form(node("data", "psn_no!"))


def _ask_chronic(given: Given, _: Context) -> AskChronic:
    return AskChronic(person_id=given["data"]["psn_no"])


def _show_chronic(result: Result, _: Context) -> dict[str, list[_Chronic]]:
    assert isinstance(result, ChronicFound)
    return {
        "feedetail": [
            _Chronic(
                codes.DISEASE_CODE.get(one.disease, one.disease),
                one.disease,
                one.starts_on.isoformat(),
                None if one.ends_on is None else one.ends_on.isoformat(),
            )
            for one in result.registrations
        ]
    }


SHAPES: Final = (
    shape(
        "1101", "人员基本信息获取", "get insured person", _WHO, _identify, _show_identified,
        Output("baseinfo", _BaseInfo), Output("insuinfo", _InsuInfo, many=True),
        Output("idetinfo", _IdetInfo, many=True),
    ),
    shape(
        "2001", "待遇检查", "check entitlements", _CHECK, _check, _show_entitled,
        Output("trtinfo", _TrtInfo, many=True),
    ),
    shape(
        "5206", "人员累计信息查询", "accumulators", _ACCUMULATORS, _ask_accumulated,
        _show_accumulated, Output("cuminfo", _CumInfo, many=True),
    ),
    shape(
        "5301", "慢特病备案查询", "chronic-disease registrations", _CHRONIC, _ask_chronic,
        _show_chronic, Output("feedetail", _Chronic, many=True),
    ),
)  # fmt: skip
