"""Deciding about claims. Pure: no I/O, no clock."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, Literal

import msgspec

from yikatong.core import regions
from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import InvalidInput, Text
from yikatong.core.money import Fen
from yikatong.medical.catalog_book import CatalogBook
from yikatong.medical.claims import sheet
from yikatong.medical.claims.errors import ClaimOutOfOrder
from yikatong.medical.claims.model import (
    STATE_NAMES,
    UNDESIGNATED,
    ClaimLine,
    PaidBill,
    State,
)
from yikatong.medical.filings import rules as filing_rules
from yikatong.medical.model import ChronicRegistration, Filing, Provider
from yikatong.medical.visits import coverage
from yikatong.medical.visits import lines as visit_lines
from yikatong.medical.visits.model import FeeLine, Setting, SplitLine
from yikatong.medical.visits.orders import Refusal
from yikatong.money.errors import printable
from yikatong.people.model import MEDICAL, Enrolment, Person
from yikatong.policies.model import Care, Policy
from yikatong.policies.model import Filing as FilingKind

BACK_MAX: Final = timedelta(days=730)
"""A bill is claimed within two years."""

DOCUMENTS_MAX: Final = 10

CARE_CODES: Final[dict[Care, tuple[Setting, str]]] = {
    "outpatient": ("outpatient", "11"),
    "emergency": ("outpatient", "13"),
    "chronic": ("outpatient", "14"),
    "inpatient": ("inpatient", "21"),
    "pharmacy": ("pharmacy", "41"),
}
"""Setting and med_type of each kind of care."""
_STAY_FROM_EMERGENCY: Final = "24"

TABLE: Final[dict[State, dict[str, State]]] = {
    "submitted": {"take": "under_review", "withdraw": "withdrawn", "document": "submitted"},
    "under_review": {
        "cut": "under_review",
        "approve": "approved",
        "return": "returned",
        "refuse": "refused",
        "withdraw": "withdrawn",
    },
    "returned": {"resubmit": "submitted", "withdraw": "withdrawn", "document": "returned"},
    "approved": {"pay": "paid", "reverse": "reversed"},
    "paid": {"reverse": "reversed"},
    "refused": {},
    "withdrawn": {},
    "reversed": {},
}
"""State and action lead to a state, or are refused."""
ACTION_NAMES: Final[dict[str, Text]] = {
    "submit": Text("提交", "submit"),
    "take": Text("受理审核", "take for review"),
    "document": Text("补充材料", "add documents"),
    "cut": Text("核减", "cut lines"),
    "approve": Text("审核通过", "approve"),
    "return": Text("退回补正", "return"),
    "refuse": Text("不予报销", "refuse"),
    "resubmit": Text("重新提交", "submit again"),
    "withdraw": Text("撤回", "withdraw"),
    "pay": Text("拨付", "pay"),
    "reverse": Text("撤销", "reverse"),
}


def after(state: State, action: str) -> State:
    """The state an action leads to; raises ClaimOutOfOrder saying what is possible."""
    found = TABLE[state].get(action)
    if found is not None:
        return found
    name, what = STATE_NAMES[state], ACTION_NAMES[action]
    possible = [ACTION_NAMES[one] for one in TABLE[state]]
    zh = "、".join(one.zh for one in possible) or "无"
    en = ", ".join(one.en for one in possible) or "nothing"
    raise ClaimOutOfOrder(
        f"申请{name.zh}，不能{what.zh}；可办理：{zh}",
        f"the claim is {name.en}: it is not possible to {what.en}; possible: {en}",
        "claim",
    )


# ---- what is submitted ----


def check_bill(bill: PaidBill, today: date) -> None:
    """Raise InvalidInput where the facts of a bill cannot be right."""
    for field, text, longest in (
        ("provider.name", bill.provider_name, 100),
        ("disease", bill.disease or "", 100),
        ("invoice", bill.invoice, 40),
    ):
        printable(text, field)
        if len(text) > longest:
            raise InvalidInput(field, zh=f"最多 {longest} 字", en=f"at most {longest} characters")
    if bill.provider_code is None and not bill.provider_name.strip():
        raise InvalidInput(
            "provider.name",
            zh="请填写医疗机构编码或名称",
            en="give the provider's code or its name",
        )
    if bill.region is not None:
        regions.get(bill.region, "provider.region")
    if bill.ended_on < bill.begun_on:
        raise InvalidInput(
            "ended_on", zh="结束日期早于开始日期", en="the last day is before the first"
        )
    if bill.care != "inpatient" and bill.ended_on - bill.begun_on > timedelta(days=31):
        raise InvalidInput(
            "ended_on",
            zh="门诊和购药的一张票据最多跨 31 天",
            en="a bill of outpatient care spans 31 days at most",
        )
    if bill.ended_on > today:
        raise InvalidInput(
            "ended_on",
            zh="就医结束后才能申请报销，日期不能晚于今天",
            en="a bill is claimed once the care has ended; the day lies in the future",
        )
    if bill.ended_on < today - BACK_MAX:
        raise InvalidInput(
            "ended_on",
            zh=f"费用发生已超过 {BACK_MAX.days} 天，不再受理",
            en=f"the care ended more than {BACK_MAX.days} days ago; it can no longer be claimed",
        )
    if bill.care == "chronic" and not bill.disease:
        raise InvalidInput(
            "disease", zh="请填写门诊慢特病病种", en="name the chronic or special disease"
        )


def provider_of(bill: PaidBill) -> str:
    """What tells providers apart: the code, else place and name."""
    return bill.provider_code or f"{bill.region or 'abroad'} {''.join(bill.provider_name.split())}"


_LineKey = tuple[str, str, Fen]


def line_keys(lines: Sequence[ClaimLine] | Sequence[SplitLine]) -> Counter[_LineKey]:
    """What tells whether two bills have the same lines: item, quantity, amount."""
    return Counter(
        (one.item or one.name, f"{Decimal(one.quantity).normalize():f}", one.total) for one in lines
    )


def bill_key(bill: PaidBill, lines: Sequence[ClaimLine]) -> list[object]:
    """What a bill is known by: provider and invoice, or where there is none its days and lines."""
    if bill.invoice:
        return [provider_of(bill), bill.invoice]
    return [provider_of(bill), bill.begun_on, bill.ended_on, sorted(line_keys(lines).items())]


def alike(
    invoice: str,
    lines: Counter[_LineKey],
    other_invoice: str,
    other_lines: Counter[_LineKey],
) -> Literal["same", "some", "no"]:
    """How two bills of one provider and time compare: the same, some lines alike, or none."""
    if invoice and invoice == other_invoice:
        return "same"
    if lines <= other_lines or other_lines <= lines:
        return "same"
    return "some" if lines & other_lines else "no"


# ---- review ----


def cut(lines: Sequence[ClaimLine], cuts: Mapping[str, tuple[str, str]]) -> tuple[ClaimLine, ...]:
    """The lines with what the review recognises of them: by number, quantity and reason.

    A whole quantity takes an earlier cut back. Raises InvalidInput naming the line.
    """
    known = {one.number for one in lines}
    for number, (quantity, reason) in cuts.items():
        field = f"lines.{number[:30]}"
        if number not in known:
            raise InvalidInput(field, zh="没有这条明细", en="there is no such line")
        printable(reason, field)
        if not sheet.QUANTITY.fullmatch(quantity):
            raise InvalidInput(
                field, zh="认可数量应为数字，0 表示全部核减", en="a number; 0 cuts the whole line"
            )
    return tuple(one if one.number not in cuts else _cut(one, *cuts[one.number]) for one in lines)


def _cut(line: ClaimLine, quantity: str, reason: str) -> ClaimLine:
    recognised = Decimal(quantity)
    field = f"lines.{line.number}"
    if recognised > Decimal(line.quantity):
        raise InvalidInput(
            field,
            zh=f"认可数量不能超过 {line.quantity}",
            en=f"no more than {line.quantity} can be recognised",
        )
    if recognised == Decimal(line.quantity):
        return msgspec.structs.replace(line, recognised=None, cut_reason="")
    if not reason.strip():
        raise InvalidInput(field, zh="请填写核减原因", en="say why the line is cut")
    return msgspec.structs.replace(line, recognised=quantity, cut_reason=reason.strip())


def split(lines: Sequence[ClaimLine], catalog: CatalogBook, region: str) -> tuple[SplitLine, ...]:
    """The lines split by the catalog as a provider's are; what was cut or has no code is self-paid."""
    return tuple(
        part for at, line in enumerate(lines) for part in _split(at, line, catalog, region)
    )


def _split(at: int, line: ClaimLine, catalog: CatalogBook, region: str) -> Iterator[SplitLine]:
    if not line.item:
        yield _outside(line)
        return
    whole = sheet.fee_line(line)
    if line.recognised is None:
        yield visit_lines.one(at, whole, catalog, region, lambda _: None, {})
        return
    quantity, recognised = Decimal(line.quantity), Decimal(line.recognised)
    exact = Decimal(line.total) * recognised / quantity
    part = int(exact.quantize(Decimal(1), ROUND_HALF_UP))
    if part:
        yield _part(at, whole, part, recognised, catalog, region)
    if line.total - part:
        rest = _part(at, whole, line.total - part, quantity - recognised, catalog, region, cut=True)
        yield msgspec.structs.replace(
            rest, number=f"{line.number}-cut", details={"cut": line.cut_reason}
        )


def _part(
    at: int,
    whole: FeeLine,
    total: Fen,
    quantity: Decimal,
    catalog: CatalogBook,
    region: str,
    *,
    cut: bool = False,
) -> SplitLine:
    found = msgspec.structs.replace(whole, total=total, quantity=f"{quantity:f}", self_pay=cut)
    return visit_lines.one(at, found, catalog, region, lambda _: None, {})


def _outside(line: ClaimLine) -> SplitLine:
    """A line the catalog has no code for: wholly self-paid (目录外)."""
    return SplitLine(
        number=line.number, item="", total=line.total, quantity=line.quantity, price=line.price,
        at=f"{line.on} 12:00:00", self_paid=line.total, over_limit=0, first_pay=0, item_class="C",
        first_pay_share=None, price_limit=None, name=line.name,
    )  # fmt: skip


# ---- decision ----


def care_code(bill: PaidBill) -> tuple[Setting, str]:
    setting, code = CARE_CODES[bill.care]
    if bill.care == "inpatient" and bill.emergency:
        code = _STAY_FROM_EMERGENCY
    return setting, code


def day_of(bill: PaidBill) -> date:
    """The day that chooses the policy: of discharge, else the first."""
    return bill.ended_on if bill.care == "inpatient" else bill.begun_on


def noon(day: date) -> datetime:
    return datetime.combine(day, time(12), SHANGHAI)


def made_up_provider(bill: PaidBill, insured_region: str) -> Provider:
    """A provider without a code as the settlement sees it."""
    region = bill.region or insured_region
    return Provider(
        provider_code=UNDESIGNATED, name=bill.provider_name, english=bill.provider_name,
        kind="pharmacy" if bill.care == "pharmacy" else "hospital", level=bill.level, region=region,
        pooling_region=region, cares=[], cross_region_cares=[], chronic_diseases=[],
        suspended_on=None, address="",
    )  # fmt: skip


def enrolment_on(enrolments: Sequence[Enrolment], day: date) -> Enrolment | None:
    """The medical enrolment of a day, an ended one too; employees' before residents'."""
    found = [
        one
        for one in enrolments
        if one.insurance in MEDICAL
        and one.starts_on <= day
        and (one.ends_on is None or day <= one.ends_on)
    ]
    return min(found, key=lambda one: (one.insurance, one.status == "ended"), default=None)


def filing_of(bill: PaidBill, filings: Sequence[Filing], enrolment: Enrolment) -> FilingKind:
    """The filing that counts on the day of the decision or the first day of the care."""
    found: FilingKind = "none"
    for day in dict.fromkeys((day_of(bill), bill.begun_on)):
        found = filing_rules.kind_that_counts(
            filings, enrolment.insurance, bill.region or "", bill.care, day,
            emergency=bill.emergency,
        )  # fmt: skip
        if found != "none":
            break
    return found


def refusals(
    bill: PaidBill,
    person: Person,
    enrolment: Enrolment | None,
    provider: Provider | None,
    chronic: Sequence[ChronicRegistration],
    policy: Policy | None,
) -> Iterator[Refusal]:
    """Every reason why the funds pay nothing of a bill, the gravest first."""
    on = day_of(bill)
    if bill.region is None:
        yield _refusal(
            "care_abroad",
            "境外就医的费用不纳入医保基金支付（社会保险法第三十条）",
            "the funds do not pay for care abroad (Social Insurance Law, article 30)",
        )
    yield from coverage.of_person(coverage.CareFile(person), bill.begun_on)
    yield from coverage.of_insurance(_as_of(enrolment, on), on, bill.care, policy)
    if enrolment is not None and policy is None:
        yield _refusal(
            "rates_not_on_file",
            f"参保地 {enrolment.region} 没有 {on} 有效的政策文件，请先补录政策",
            f"no policy of {enrolment.region} is on file for {on}; it has to be entered first",
        )
    urgent = bill.emergency or bill.care == "emergency"
    if not urgent and bill.region is not None and not _designated(provider, bill):
        yield _refusal(
            "provider_not_designated",
            "不是开展此类服务的定点医疗机构，非急诊抢救的费用基金不支付"
            "（实施《社会保险法》若干规定第八条）",
            "the provider is not designated for this kind of care; the funds pay emergencies only"
            " (rules on the Social Insurance Law, article 8)",
        )
    if bill.care == "chronic" and not any(
        one.starts_on <= on
        and (one.ends_on is None or on <= one.ends_on)
        and bill.disease in (one.disease, None)
        for one in chronic
    ):
        yield _refusal(
            "chronic_not_registered",
            "就医当日没有该病种的门诊慢特病登记",
            "the disease was not registered as chronic on that day",
        )


def _as_of(enrolment: Enrolment | None, on: date) -> Enrolment | None:
    """The enrolment as it stood: what was suspended later covers the day."""
    if enrolment is None:
        return None
    later = (
        enrolment.status == "suspended"
        and enrolment.suspended_on is not None
        and enrolment.suspended_on > on
    )
    return msgspec.structs.replace(enrolment, status="insured") if later else enrolment


def _designated(provider: Provider | None, bill: PaidBill) -> bool:
    return (
        provider is not None
        and bill.care in provider.cares
        and (provider.suspended_on is None or provider.suspended_on > bill.begun_on)
    )


def _refusal(code: str, zh: str, en: str) -> Refusal:
    return Refusal(code, Text(zh, en))
