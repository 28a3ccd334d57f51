"""Receipts as others see them: JSON, and the words for page and PDF."""

from datetime import datetime
from typing import Any, Final

import msgspec

from yikatong.core import regions
from yikatong.core.clock import SHANGHAI
from yikatong.core.days import day_in_words, moment_in_words
from yikatong.core.errors import Text
from yikatong.core.money import (
    Fen,
    format_percent,
    format_yuan,
    format_yuan_grouped,
)
from yikatong.medical.receipts import Receipt
from yikatong.medical.visits.model import CARE_OF, Settlement, SplitLine
from yikatong.policies import shown as policies_shown
from yikatong.policies.model import Care

AMOUNTS: Final = (
    "total", "self_paid", "over_limit", "first_pay", "in_scope", "deductible", "pooled",
    "large_amount", "serious_illness", "civil_servant", "assistance", "medical_account",
    "family_account", "cash", "funds", "person",
)  # fmt: skip
CARE_NAMES: Final[dict[Care, Text]] = {
    "outpatient": Text("普通门诊", "outpatient care"),
    "emergency": Text("急诊", "emergency care"),
    "chronic": Text("门诊慢特病", "chronic-disease care"),
    "inpatient": Text("住院", "hospital stay"),
    "pharmacy": Text("药店购药", "pharmacy"),
}
CLASS_NAMES: Final = {
    "A": Text("甲类", "class A"), "B": Text("乙类", "class B"), "C": Text("自费", "self-paid"),
}  # fmt: skip
YEAR_NAMES: Final[dict[str, Text]] = {
    "admissions": Text("住院次数", "hospital stays"),
    "outpatient_deductible": Text("门诊起付线已付", "outpatient deductible borne"),
    "outpatient_pooled": Text("门诊统筹已付", "pooled fund, outpatient"),
    "pooled": Text("住院统筹已付", "pooled fund, hospital stays"),
    "large_amount": Text("大额已付", "large-amount fund"),
    "serious_illness": Text("大病已付", "serious-illness insurance"),
    "borne_in_scope": Text("政策范围内个人负担", "in scope, borne by the person"),
    "outpatient_in_scope": Text("门诊范围内费用", "outpatient amount in scope"),
    "inpatient_in_scope": Text("住院范围内费用", "hospital amount in scope"),
    "civil_servant": Text("公务员补助已付", "civil-servant supplement"),
    "assistance": Text("医疗救助已付", "medical assistance"),
    "chronic_deductible": Text("慢特病起付线已付", "chronic-disease deductible borne"),
    "chronic_pooled": Text("慢特病统筹已付", "pooled fund, chronic diseases"),
    "chronic_in_scope": Text("慢特病范围内费用", "chronic-disease amount in scope"),
    "over_cap": Text("超封顶线部分", "amount over the cap"),
}
_PARTS: Final = (
    ("pooled", policies_shown.LAYER_NAMES["pooled"]),
    ("large_amount", policies_shown.LAYER_NAMES["large_amount"]),
    ("serious_illness", policies_shown.LAYER_NAMES["serious_illness"]),
    ("civil_servant", policies_shown.LAYER_NAMES["civil_servant"]),
    ("assistance", policies_shown.LAYER_NAMES["assistance"]),
    ("medical_account", policies_shown.LAYER_NAMES["medical_account"]),
    ("family_account", policies_shown.LAYER_NAMES["family_account"]),
    ("cash", policies_shown.LAYER_NAMES["cash"]),
)
_SPLIT: Final = (
    ("in_scope", Text("政策范围内", "in scope")),
    ("first_pay", Text("乙类先行自付", "first-pay share of class B")),
    ("over_limit", Text("超过限价", "above price limits")),
    ("self_paid", Text("目录外全自费", "outside the catalog")),
)
RECOMPUTED: Final[dict[str, Text]] = {
    "agrees": Text(
        "已按当时的政策重新计算，金额一致。",
        "Computed again by the policy of then: the amounts agree.",
    ),
    "differs": Text(
        "按政策重新计算的金额与本单不一致，请联系参保地医保经办机构核对。",
        "Computed again, the amounts differ; please ask the home agency to compare them.",
    ),
    "policy_missing": Text(
        "当时的政策文件已不在案，无法列出计算步骤。",
        "The policy of then is no longer on file; the steps cannot be shown.",
    ),
}


def care_name(one: Settlement) -> Text:
    return CARE_NAMES[CARE_OF[one.care_code][1]]


def who_pays(one: Settlement) -> list[tuple[Text, Fen]]:
    """Each payer that pays something; cash always."""
    return [
        (name, getattr(one, field))
        for field, name in _PARTS
        if getattr(one, field) or field == "cash"
    ]


def bill_parts(one: Settlement) -> list[tuple[Text, Fen]]:
    """How the bill splits by the catalog."""
    return [
        (name, getattr(one, field))
        for field, name in _SPLIT
        if getattr(one, field) or field == "in_scope"
    ]


def year_amount(name: str, amount: int, *, grouped: bool = True) -> str:
    """An accumulator as text: admissions are a number, all else yuan."""
    if name == "admissions":
        return str(amount)
    return (format_yuan_grouped if grouped else format_yuan)(amount)


def line_note(line: SplitLine) -> Text:
    """Class, first-pay share, limit and what of the line is not in scope."""
    name = CLASS_NAMES["C" if line.self_pay else line.item_class]
    zh, en = [name.zh], [name.en]
    if line.first_pay_share and not line.self_pay:
        share = format_percent(line.first_pay_share)
        zh.append(f"先行自付 {share}%")
        en.append(f"first-pay share {share} %")
    if line.price_limit is not None and not line.self_pay:
        limit = format_yuan_grouped(line.price_limit)
        zh.append(f"限价 {limit}")
        en.append(f"price limit {limit}")
    if line.details.get("cut"):
        zh.append(f"核减：{line.details['cut']}")
        en.append(f"cut: {line.details['cut']}")
    return Text("，".join(zh), ", ".join(en))


def split_body(line: SplitLine) -> dict[str, Any]:
    """A line with its split for JSON."""
    share = line.first_pay_share
    return {
        "number": line.number,
        "item": line.item,
        "name": line.name,
        "quantity": line.quantity,
        "price": line.price,
        "at": line.at,
        "class": "C" if line.self_pay else line.item_class,
        "first_pay_share": None if share is None else format_percent(share),
        "price_limit": None if line.price_limit is None else format_yuan(line.price_limit),
        **{
            name: format_yuan(getattr(line, name))
            for name in ("total", "self_paid", "over_limit", "first_pay", "in_scope")
        },
        "cut": line.details.get("cut"),
    }


def _moment(at: datetime) -> str:
    return at.astimezone(SHANGHAI).isoformat(timespec="seconds")


def summary_body(one: Settlement, provider_name: str) -> dict[str, Any]:
    """A settlement for a list."""
    return {
        "person_id": one.person_id,
        "settlement_id": str(one.settlement_id),
        "visit_id": str(one.visit_id),
        "channel": one.channel,
        "interim": one.interim,
        "reverses": None if one.reverses is None else str(one.reverses),
        "settled_at": one.settled_at.isoformat(timespec="seconds"),
        "provider": {"code": one.provider_code, "name": provider_name},
        "care": CARE_OF[one.care_code][1],
        "care_code": one.care_code,
        "insurance": one.insurance,
        "insured_region": one.insured_region,
        "treatment_region": one.treatment_region,
        "invoice": one.invoice,
        **{name: format_yuan(getattr(one, name)) for name in AMOUNTS},
    }


def body(receipt: Receipt) -> dict[str, Any]:
    """A receipt for JSON."""
    one, quote = receipt.settlement, receipt.quote
    back, paid = receipt.reversed_by, receipt.card_payment
    told: dict[str, Any] = msgspec.to_builtins(policies_shown.quote_body(quote)) if quote else {}
    return {
        **summary_body(one, receipt.provider_name),
        "name": receipt.name,
        "begun_at": _moment(receipt.visit.begun_at),
        "ended_at": _moment(receipt.visit.ended_at) if receipt.visit.ended_at else None,
        "balance_after": format_yuan(one.balance_after),
        "recomputed": receipt.recomputed,
        "policy": told.get("policy"),
        "steps": told.get("steps", []),
        "lines": [split_body(line) for line in receipt.lines],
        "accumulators": [
            {
                "name": name,
                "before": year_amount(name, before, grouped=False),
                "after": year_amount(name, after, grouped=False),
            }
            for name, before, after in receipt.accumulated()
        ],
        "added": {
            name: year_amount(name, one.added[name], grouped=False)
            for name in YEAR_NAMES
            if name in one.added
        },
        "reversed_by": back and {
            "settlement_id": str(back.settlement_id),
            "at": back.settled_at.isoformat(timespec="seconds"),
        },
        "card_payment": paid and {
            "transaction_id": str(paid.transaction_id),
            "at": paid.at.isoformat(timespec="seconds"),
            "amount": format_yuan(-paid.amounts[0]),
            "paid_back": receipt.paid_back,
        },
    }  # fmt: skip


def mark(receipt: Receipt) -> Text | None:
    """What must stand at the head: that this was reversed, or is a reversal."""
    one, back = receipt.settlement, receipt.reversed_by
    if one.reverses is not None:
        return Text(
            f"撤销单：撤销了结算 {one.reverses}，金额均为负数",
            f"a reversal: it takes settlement {one.reverses} back; all amounts are negative",
        )
    if back is not None:
        return Text(
            f"已于{moment_in_words(back.settled_at, 'zh')}撤销（撤销编号 {back.settlement_id}），本单无效",
            f"reversed on {moment_in_words(back.settled_at, 'en')} by {back.settlement_id}: no longer valid",
        )
    return None


def card_note(receipt: Receipt) -> Text | None:
    """How the cash part was paid, where the card paid it; of a claim, where the money goes."""
    paid, one = receipt.card_payment, receipt.settlement
    if one.channel == "claim" and one.reverses is None and receipt.reversed_by is None:
        amount = format_yuan_grouped(one.funds)
        return Text(
            f"账单已由本人付清，基金支付的 {amount} 元打到社保卡银行账户",
            f"the bill was paid by the person; the funds' {amount} yuan go to the card's bank account",
        )
    if paid is None:
        return None
    amount = format_yuan_grouped(-paid.amounts[0])
    if receipt.paid_back:
        return Text(
            f"现金部分 {amount} 元曾由社保卡银行账户支付，已原路退回",
            f"the cash part of {amount} yuan was paid from the card and went back to its account",
        )
    return Text(
        f"现金部分 {amount} 元已于{moment_in_words(paid.at, 'zh')}由社保卡银行账户支付",
        f"the cash part of {amount} yuan was paid from the card on {moment_in_words(paid.at, 'en')}",
    )


def insurance_name(one: Settlement) -> Text:
    zh, en = ("职工医保", "employees") if one.insurance == "310" else ("居民医保", "residents")
    place = regions.short_name
    return Text(f"{place(one.insured_region)} {zh}", f"{place(one.insured_region, 'en')}, {en}")


def _days(receipt: Receipt, language: str) -> str:
    """The days of the care."""
    visit = receipt.visit
    begun, ended = (
        day_in_words(at.astimezone(SHANGHAI).date(), language)
        for at in (visit.begun_at, visit.ended_at or visit.begun_at)
    )
    return begun if begun == ended else f"{begun} – {ended}"


def facts(receipt: Receipt) -> list[tuple[Text, Text]]:
    """What stands at the head of a receipt."""
    one = receipt.settlement

    def same(text: str) -> Text:
        return Text(text, text)

    place = Text(
        regions.full_name(one.treatment_region), regions.full_name(one.treatment_region, "en")
    )
    channel = (
        Text("手工报销", "claim by hand")
        if one.channel == "claim"
        else Text("中途结算", "interim settlement")
        if one.interim
        else Text("直接结算", "direct settlement")
    )
    found = [
        (Text("姓名", "Name"), same(receipt.name)),
        (Text("医疗机构", "Provider"), same(receipt.provider_name)),
        (Text("就医地", "Place"), place),
        (Text("看病方式", "Care"), care_name(one)),
        (Text("就医日期", "Days"), Text(_days(receipt, "zh"), _days(receipt, "en"))),
        (Text("参保", "Insured"), insurance_name(one)),
        (Text("结算方式", "Settled"), channel),
        (
            Text("结算时间", "Time"),
            Text(*(moment_in_words(one.settled_at, each, seconds=True) for each in ("zh", "en"))),
        ),
        (Text("结算编号", "Number"), same(str(one.settlement_id))),
    ]
    if one.invoice:
        found.append((Text("票据号", "Invoice"), same(one.invoice)))
    return found


def as_pdf(receipt: Receipt, made_at: datetime) -> bytes:
    """The receipt as PDF, Chinese and English."""
    from yikatong.core import pdf  # noqa: PLC0415 - the typesetter is heavy; few need it

    one, quote = receipt.settlement, receipt.quote

    def both(text: Text) -> str:
        return text.zh if text.zh == text.en else f"{text.zh} {text.en}"

    def amounts(rows: list[tuple[Text, Fen]]) -> list[list[str]]:
        return [[both(name), format_yuan_grouped(amount)] for name, amount in rows]

    head = [(name, both(value)) for name, value in facts(receipt)]
    for told in (mark(receipt), card_note(receipt)):
        if told is not None:
            head.append((Text("注意", "Note"), both(told)))
    sections = [
        pdf.Section(
            Text("谁付多少", "Who pays what"),
            [],
            [
                [both(Text("账单总额", "total bill")), format_yuan_grouped(one.total)],
                *amounts(who_pays(one)),
                [both(Text("基金支付合计", "the funds' part")), format_yuan_grouped(one.funds)],
                [both(Text("个人负担合计", "the person's part")), format_yuan_grouped(one.person)],
            ],
            right=(1,),
            widths=("1fr", "auto"),
        ),
        pdf.Section(
            Text("账单怎么拆分", "How the bill splits"),
            [],
            amounts(bill_parts(one)),
            right=(1,),
            widths=("1fr", "auto"),
        ),
    ]
    if quote is not None:
        sections.append(
            pdf.Section(
                Text("计算步骤和依据", "Steps and clauses"),
                ["步骤 Step", "依据 Clause"],
                [
                    [f"{text.zh}\n{text.en}", step.clause]
                    for step in quote.steps
                    for text in (policies_shown.step_text(step),)
                ],
                widths=("3fr", "2fr"),
            )
        )
    if receipt.lines:
        sections.append(
            pdf.Section(
                Text("费用明细", "Fee lines"),
                ["项目 Item", "数量×单价 Quantity × price", "金额 Total", "范围内 In scope"],
                [
                    [
                        f"{line.name or line.item}\n{line_note(line).zh} {line_note(line).en}",
                        f"{line.quantity} × {line.price}",
                        format_yuan_grouped(line.total),
                        format_yuan_grouped(line.in_scope),
                    ]
                    for line in receipt.lines
                ],
                right=(1, 2, 3),
                widths=("1fr", "auto", "auto", "auto"),
            )
        )
    year = receipt.accumulated()
    if year:
        sections.append(
            pdf.Section(
                Text("年度累计", "The year"),
                ["项目 Item", "结算前 Before", "结算后 After"],
                [
                    [both(YEAR_NAMES[name]), year_amount(name, before), year_amount(name, after)]
                    for name, before, after in year
                ],
                right=(1, 2),
                widths=("1fr", "auto", "auto"),
            )
        )
    return pdf.document(
        title=Text("医疗费用结算单", "Settlement receipt"),
        facts=head,
        sections=sections,
        made_at=made_at,
        note=RECOMPUTED[receipt.recomputed],
    )
