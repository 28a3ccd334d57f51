"""The settlement record in the standard's shape: setlinfo, setldetail, and the split of each line."""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Raw

from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import YikatongError
from yikatong.core.money import WHOLE, Fen, Ppm
from yikatong.medical.catalog_book import MARKS
from yikatong.medical.hospital_api import codes
from yikatong.medical.hospital_api.context import Context, amount, rate
from yikatong.medical.visits.model import Settlement, SplitLine
from yikatong.medical.visits.orders import Result, Settled
from yikatong.policies import service as policies
from yikatong.policies.model import Quote
from yikatong.policies.shown import step_said

PROCESS_LENGTH_MAX: Final = 500


class SetlInfo(msgspec.Struct, frozen=True):
    """The settlement (结算信息), its fields in the standard's order."""

    mdtrt_id: str | None
    setl_id: str | None
    psn_no: str
    psn_name: str
    psn_cert_type: str
    certno: str | None
    gend: str
    naty: str
    brdy: str
    age: int
    insutype: str
    psn_type: str
    cvlserv_flag: str
    setl_time: str
    mdtrt_cert_type: str | None
    med_type: str
    medfee_sumamt: Raw
    fulamt_ownpay_amt: Raw
    overlmt_selfpay: Raw
    preselfpay_amt: Raw
    inscp_scp_amt: Raw
    act_pay_dedc: Raw
    hifp_pay: Raw
    pool_prop_selfpay: Raw | None
    cvlserv_pay: Raw
    hifes_pay: Raw
    hifmi_pay: Raw
    hifob_pay: Raw
    maf_pay: Raw
    hosp_part_amt: Raw
    oth_pay: Raw
    fund_pay_sumamt: Raw
    psn_part_amt: Raw
    acct_pay: Raw
    psn_cash_pay: Raw
    balc: Raw
    acct_mulaid_pay: Raw
    medins_setl_id: str
    clr_optins: str
    clr_way: str
    clr_type: str
    hifdm_pay: Raw


class SetlDetail(msgspec.Struct, frozen=True):
    """What one fund pays (结算基金分项信息)."""

    fund_pay_type: str
    inscp_scp_amt: Raw
    crt_payb_lmt_amt: Raw
    fund_payamt: Raw
    fund_pay_type_name: str
    setl_proc_info: str | None


class FeeResult(msgspec.Struct, frozen=True):
    """The split of a line (费用明细分割信息). What the catalog does not tell is null."""

    feedetl_sn: str
    det_item_fee_sumamt: Raw
    cnt: Raw
    pric: Raw
    pric_uplmt_amt: Raw | None
    selfpay_prop: Raw
    fulamt_ownpay_amt: Raw
    overlmt_amt: Raw
    preselfpay_amt: Raw
    inscp_scp_amt: Raw
    chrgitm_lv: str
    med_chrgitm_type: str
    bas_medn_flag: str | None
    hi_nego_drug_flag: str | None
    chld_medc_flag: str | None
    list_sp_item_flag: str | None
    lmt_used_flag: str | None
    drt_reim_flag: str | None
    memo: str | None


class SettlementOutput(msgspec.Struct, frozen=True):
    """A settlement, a quote or a reversal of a visit."""

    setlinfo: SetlInfo
    setldetail: list[SetlDetail]


class SaleOutput(msgspec.Struct, frozen=True):
    """A sale at a pharmacy, or its quote."""

    setlinfo: SetlInfo
    setldetail: list[SetlDetail]
    detlcutinfo: list[FeeResult]


_NOTHING: Final = amount(0)


def show_settlement(result: Result, context: Context) -> SettlementOutput:
    """The output of 2207 and 2304."""
    assert isinstance(result, Settled)
    return SettlementOutput(*_shown(result, context, explained=True))


def show_quote(result: Result, context: Context) -> SettlementOutput:
    """The output of 2206 and 2303: as a settlement, without its number."""
    assert isinstance(result, Settled)
    return SettlementOutput(*_shown(result, context, explained=True, numbered=False))


def show_reversal(result: Result, context: Context) -> SettlementOutput:
    """The output of 2103, 2208 and 2305: the settlement with every amount negated."""
    assert isinstance(result, Settled)
    return SettlementOutput(*_shown(result, context, explained=False))


def show_sale(result: Result, context: Context) -> SaleOutput:
    """The output of 2102."""
    assert isinstance(result, Settled)
    return SaleOutput(*_shown(result, context, explained=True), _sold(result))


def show_sale_quote(result: Result, context: Context) -> SaleOutput:
    """The output of 2101."""
    assert isinstance(result, Settled)
    shown = _shown(result, context, explained=True, numbered=False)
    return SaleOutput(*shown, _sold(result))


def _shown(
    result: Settled, context: Context, *, explained: bool, numbered: bool = True
) -> tuple[SetlInfo, list[SetlDetail]]:
    one, person = result.settlement, result.person
    quote = one.quote or _quoted_again(one)
    at = one.settled_at.astimezone(SHANGHAI)
    age = person.age_on(at.date())
    civil_servant = "civil_servant" in one.inputs.person.groups

    # Named as they are answered, so that what must add up is checked on what is sent.
    medfee_sumamt, fulamt_ownpay_amt, overlmt_selfpay = one.total, one.self_paid, one.over_limit
    preselfpay_amt, inscp_scp_amt = one.first_pay, one.in_scope
    hifp_pay, hifob_pay, hifmi_pay = one.pooled, one.large_amount, one.serious_illness
    cvlserv_pay, maf_pay = one.civil_servant, one.assistance
    fund_pay_sumamt = hifp_pay + hifob_pay + hifmi_pay + cvlserv_pay + maf_pay
    acct_pay, acct_mulaid_pay, psn_cash_pay = one.medical_account, one.family_account, one.cash
    psn_part_amt = acct_pay + acct_mulaid_pay + psn_cash_pay
    paid = [
        (layer, pays)
        for layer, pays in (
            ("pooled", hifp_pay),
            ("large_amount", hifob_pay),
            ("serious_illness", hifmi_pay),
            ("civil_servant", cvlserv_pay),
            ("assistance", maf_pay),
        )
        if pays
    ]
    assert medfee_sumamt == fulamt_ownpay_amt + overlmt_selfpay + preselfpay_amt + inscp_scp_amt, (
        one
    )
    assert fund_pay_sumamt == sum(pays for _, pays in paid) == one.funds, one
    assert psn_part_amt == one.person, one
    assert medfee_sumamt == fund_pay_sumamt + psn_part_amt, one

    scope = amount(inscp_scp_amt)
    info = SetlInfo(
        # What a pharmacy only asks for leaves no visit behind.
        str(one.visit_id) if one.visit_id and (numbered or one.setting != "pharmacy") else None,
        str(one.settlement_id) if numbered else None,
        str(one.person_id),
        person.name,
        codes.RESIDENT_ID,
        result.id_number,
        str(person.sex),
        person.ethnic_group,
        person.birth_date.isoformat(),
        age,
        one.insurance,
        codes.person_type(result.enrolment.category, age, civil_servant=civil_servant),
        "1" if civil_servant else "0",
        at.isoformat(" ")[:19],
        codes.CERTIFICATE_CODE.get(result.visit.details.get("certificate", "")),
        one.care_code,
        amount(medfee_sumamt),
        amount(fulamt_ownpay_amt),
        amount(overlmt_selfpay),
        amount(preselfpay_amt),
        scope,
        amount(one.deductible),
        amount(hifp_pay),
        None if quote is None else rate(_pooled_rate(quote)),
        amount(cvlserv_pay),
        _NOTHING,
        amount(hifmi_pay),
        amount(hifob_pay),
        amount(maf_pay),
        _NOTHING,
        _NOTHING,
        amount(fund_pay_sumamt),
        amount(psn_part_amt),
        amount(acct_pay),
        amount(psn_cash_pay),
        amount(one.balance_after),
        amount(acct_mulaid_pay),
        one.message_id,
        context.provider.pooling_region,
        codes.CLEARED_BY_ITEM,
        codes.CLEARING_TYPE_OF[one.setting],
        _NOTHING,
    )
    details: list[SetlDetail] = []
    for layer, pays in paid:
        fund = codes.FUND_OF[layer, one.insurance]
        limit = _left_under_cap(one, quote) if layer == "pooled" else None
        details.append(
            SetlDetail(
                fund,
                scope,
                amount(pays if limit is None else limit),
                amount(pays),
                codes.FUNDS.entries[fund].zh,
                _process(quote, layer) if explained and quote else None,
            )
        )
    return info, details


def _quoted_again(one: Settlement) -> Quote | None:
    """The quote of a stored settlement; None where the policy on file gives another one today."""
    try:
        quote = policies.quote(one.inputs)
    except YikatongError:
        return None
    same = (quote.total, quote.pooled) == (abs(one.total), abs(one.pooled))
    return quote if same else None


def _pooled_rate(quote: Quote) -> Ppm:
    """The rate of the first band the pooled fund paid; 0 where it paid nothing."""
    for step in quote.steps:
        if step.layer == "pooled" and step.pays:
            return step.rate
    return 0


def _left_under_cap(one: Settlement, quote: Quote | None) -> Fen | None:
    """What the pooled fund might have paid before; negated in a reversal. None: not known."""
    if quote is None:
        return None
    asked = one.inputs
    left = policies.cap_left(quote.policy, asked.person, asked.visit, asked.year_to_date)
    return left if left is None or one.total >= 0 else -left


def _process(quote: Quote, layer: str) -> str:
    """How a fund's amount came about, in words; with the pooled fund's, what came before it."""
    layers = ("scope", "deductible", "pooled") if layer == "pooled" else (layer,)
    text = "；".join(step_said(step, "zh") for step in quote.steps if step.layer in layers)
    return text[:PROCESS_LENGTH_MAX]


def fee_result(line: SplitLine) -> FeeResult:
    """The split of a line in the standard's shape."""
    in_scope, marks = line.in_scope, line.marks
    share = WHOLE if line.first_pay_share is None else line.first_pay_share
    return FeeResult(
        line.number,
        amount(line.total),
        Raw(line.quantity),
        Raw(line.price),
        None if line.price_limit is None else amount(line.price_limit),
        rate(share),
        amount(line.self_paid),
        amount(line.over_limit),
        amount(line.first_pay),
        amount(in_scope),
        codes.ITEM_CLASS_CODE[line.item_class],
        codes.charge_kind(line.item),
        "1" if MARKS["essential"] in marks else "0",
        "1" if MARKS["negotiated"] in marks else "0",
        "1" if MARKS["child_only"] in marks else "0",
        None,
        None,
        None,
        "医院标记为自费" if line.self_pay else None,
    )


def fee_results(found: Sequence[SplitLine]) -> list[FeeResult]:
    """The split of each line."""
    return [fee_result(line) for line in found]


def _sold(result: Settled) -> list[FeeResult]:
    one, sold = result.settlement, result.lines
    assert sum(line.total for line in sold) == one.total, one
    assert sum(line.in_scope for line in sold) == one.in_scope, one
    return fee_results(sold)
