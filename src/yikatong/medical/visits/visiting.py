"""Deciding about visits: register, see, admit, amend, discharge, cancel. No I/O: everything was read
into the work, and what changes is noted there."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

import msgspec

from yikatong.core import regions
from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import InvalidInput, Text
from yikatong.medical.filings import rules as filing_rules
from yikatong.medical.visits import coverage, orders, states
from yikatong.medical.visits.errors import (
    CareRefused,
    NoSuchVisit,
    NotCovered,
    OutOfOrder,
)
from yikatong.medical.visits.model import (
    BEGAN_AS_EMERGENCY,
    CARE_OF,
    Setting,
    Visit,
)
from yikatong.medical.visits.orders import Certificate, VisitDone
from yikatong.medical.visits.work import Work
from yikatong.people.model import Enrolment, Person
from yikatong.policies import service as policies
from yikatong.policies.errors import NoPolicyOnFile
from yikatong.policies.model import Care, Policy
from yikatong.policies.model import Filing as FilingKind

AHEAD_MAX: Final = timedelta(minutes=10)
"""A hospital's clock may run ahead by so much."""
BACK_MAX: Final = timedelta(days=730)
_SETTINGS: Final[dict[Setting, Text]] = {
    "outpatient": Text("门诊", "outpatient care"),
    "inpatient": Text("住院", "a hospital stay"),
    "pharmacy": Text("药店购药", "a purchase at a pharmacy"),
}


def register(order: orders.Register, sender: orders.Sender, work: Work) -> VisitDone:
    """Begin an outpatient visit; raises NotCovered with the reason where nothing would be paid."""
    visit = _begin(
        work, sender, order, setting="outpatient", care_code="11", diagnoses=(), state="registered"
    )
    work.new_visits.append(visit)
    return VisitDone(visit)


def admit(order: orders.Admit, sender: orders.Sender, work: Work) -> VisitDone:
    """Begin a stay; a person is in one hospital at a time."""
    open_stay = work.stays.get(order.person_id)
    if open_stay is not None:
        here = open_stay.provider_code == sender.provider.provider_code
        since = open_stay.begun_at.astimezone(SHANGHAI).date()
        where = f"就诊编号 {open_stay.visit_id}" if here else f"机构 {open_stay.provider_code}"
        raise OutOfOrder(
            f"参保人自 {since} 起已在院未结算（{where}），请先办结或撤销原入院登记",
            f"the person is in hospital since {since} ("
            f"{f'visit {open_stay.visit_id}' if here else f'provider {open_stay.provider_code}'})"
            " and not settled; finish or cancel that stay first",
            "visit",
        )
    visit = _begin(
        work, sender, order, setting="inpatient", care_code=order.care_code,
        diagnoses=order.diagnoses, state="admitted",
    )  # fmt: skip
    work.new_visits.append(visit)
    return VisitDone(visit)


def _begin(
    work: Work,
    sender: orders.Sender,
    order: orders.Register | orders.Admit,
    *,
    setting: Setting,
    care_code: str,
    diagnoses: Any,
    state: Any,
) -> Visit:
    person = work.person(order.person_id, sender)
    check_time(order.begun_at, work.now, "begun_at")
    check_certificate(work, person, order.certificate)
    care = CARE_OF[care_code][1]
    emergency = care_code == BEGAN_AS_EMERGENCY
    enrolment = covered(work, sender, person, order.insurance, care, order.begun_at, emergency)
    return Visit(
        person_id=person.person_id,
        visit_id=work.new_id(),
        provider_code=sender.provider.provider_code,
        setting=setting,
        care_code=care_code,
        state=state,
        insurance=coverage.insurance_of(enrolment),
        insured_region=enrolment.region,
        treatment_region=sender.provider.region,
        number=order.number,
        begun_at=order.begun_at,
        ended_at=None,
        diagnoses=diagnoses,
        disease=None,
        details=order.details,
        version=1,
    )


def covered(
    work: Work,
    sender: orders.Sender,
    person: Person,
    insurance: str | None,
    care: Care,
    begun_at: datetime,
    emergency: bool,
    disease: str | None = None,
) -> Enrolment:
    """The enrolment that pays; raises NotCovered where nothing is settled directly.

    A chronic disease is not asked for yet where a visit is only registered.
    """
    on = begun_at.astimezone(SHANGHAI).date()
    file = work.file(person)
    enrolment = enrolment_of(file, insurance)
    policy = policy_for(enrolment, on)
    filing = filing_for(work, enrolment, person, sender.provider.region, care, on, emergency)
    reasons = list(
        coverage.refusals(
            file, enrolment, sender.provider, care, on, work.now, policy, filing, disease
        )
    )
    if reasons:
        raise not_covered(reasons)
    assert enrolment is not None
    check_home(work, person, enrolment, sender.provider.pooling_region, on)
    check_insured_region(sender, enrolment)
    return enrolment


def enrolment_of(file: coverage.CareFile, insurance: str | None) -> Enrolment | None:
    """The current enrolment, the one named where one is; None where there is none at all. Raises
    InvalidInput where the person has another insurance than the one named."""
    found = coverage.enrolment_for(file, insurance)
    if found is None and insurance is not None:
        other = coverage.enrolment_for(file, None)
        if other is not None:
            raise InvalidInput(
                "insurance",
                zh=f"参保人没有 {insurance} 险种的有效参保，现参加的是 {other.insurance}，请按 1101 的应答填写",
                en=f"the person is insured under {other.insurance}, not {insurance}; see 1101's answer",
            )
    return found


def check_home(
    work: Work, person: Person, enrolment: Enrolment, pooling_region: str, on: date
) -> None:
    """Raise where somebody who filed for living elsewhere gets nothing at home for now."""
    if (
        pooling_region == enrolment.region
        and work.at_home(person.person_id, enrolment, on) == "after_materials"
    ):
        raise NotCovered(
            "filing_home_after_materials",
            Text(
                "参保人已办理异地长期备案且承诺的材料未补齐，补齐后恢复参保地直接结算",
                "the person filed for living elsewhere; care at home is paid once the documents"
                " promised are handed in",
            ),
        )


def check_insured_region(sender: orders.Sender, enrolment: Enrolment) -> None:
    """Raise where the provider names another insured place than the person's."""
    given = sender.insured_region
    if given is None:
        return
    if not (
        given == enrolment.region
        or regions.is_within(given, enrolment.region)
        or regions.is_within(enrolment.region, given)
    ):
        raise InvalidInput(
            "insured_region",
            zh=f"参保地 {given} 与参保人的参保地 {enrolment.region} 不一致，请按 1101 的应答填写",
            en=f"the person is insured in {enrolment.region}, not in {given}; see 1101's answer",
        )


def not_covered(reasons: Sequence[orders.Refusal]) -> NotCovered:
    """One error with every reason, the gravest first."""
    return NotCovered(
        reasons[0].code,
        Text("；".join(one.text.zh for one in reasons), "; ".join(one.text.en for one in reasons)),
    )


def policy_for(enrolment: Enrolment | None, on: Any) -> Policy | None:
    """The policy in force, or None where none is on file."""
    if enrolment is None:
        return None
    try:
        return policies.load().find(enrolment.region, enrolment.insurance, on)
    except NoPolicyOnFile:
        return None


def filing_for(
    work: Work,
    enrolment: Enrolment | None,
    person: Person,
    region: str,
    care: Care,
    on: Any,
    emergency: bool,
) -> FilingKind:
    """The kind of filing that counts there on that day."""
    if enrolment is None:
        return "none"
    return filing_rules.kind_that_counts(
        work.filings.get(person.person_id, ()), enrolment.insurance, region, care, on,
        emergency=emergency, insured_region=enrolment.region,
    )  # fmt: skip


def check_certificate(work: Work, person: Person, shown: Certificate | None) -> None:
    """Raise where what was shown is another person's, a dead card, or cannot be checked here."""
    if shown is None:
        return
    check_code(work, shown)
    owner = work.certificates.get((shown.kind, shown.number))
    if owner != person.person_id:
        raise CareRefused(
            "出示的证件与人员编号不是同一人，请核对",
            "what was shown does not belong to this person; compare both numbers",
            "certificate",
        )
    card = work.cards.get(person.person_id)
    if shown.kind == "card" and card is not None:
        if work.shown_cards.get(shown.number) != card.card_id:
            raise NotCovered("card_replaced", coverage.CARD_TEXTS["replaced"])
        if shown.card_identifier not in (None, card.card_identifier):
            raise CareRefused(
                "卡识别码与卡号不符，请重新读卡",
                "the card's identifier does not belong to its number; read the card again",
                "certificate",
            )


def check_code(work: Work, shown: Certificate) -> None:
    """Raise where an e-card was shown and its code proves nothing; what the provider may know of why."""
    refused = work.refused_codes.get(shown.number) if shown.kind == "e_card" else None
    if refused is not None:
        raise CareRefused(refused.text.zh, refused.text.en, "certificate")


def check_time(at: datetime, now: datetime, field: str) -> None:
    """Raise where a time lies in the future or long ago."""
    if at > now + AHEAD_MAX:
        raise InvalidInput(
            field,
            zh=f"时间 {at:%Y-%m-%d %H:%M:%S} 晚于当前时间，请检查系统时钟",
            en=f"{at:%Y-%m-%d %H:%M:%S} lies in the future; check your system's clock",
        )
    if at < now - BACK_MAX:
        raise InvalidInput(
            field,
            zh=f"时间 {at:%Y-%m-%d} 距今超过两年，请办理手工报销",
            en=f"{at:%Y-%m-%d} is more than two years ago; claim it by hand",
        )


def own_visit(
    work: Work,
    sender: orders.Sender,
    person_id: int,
    visit_id: int,
    setting: Setting | None,
) -> Visit:
    """The visit of this person at this provider; raises NoSuchVisit."""
    work.person(person_id, sender)
    visit = work.visits.get((person_id, visit_id))
    if visit is None or visit.provider_code != sender.provider.provider_code:
        raise NoSuchVisit
    if setting is not None and setting != visit.setting:
        is_one, not_one = _SETTINGS[visit.setting], _SETTINGS[setting]
        raise CareRefused(
            f"这次就诊是{is_one.zh}，本交易只办{not_one.zh}，请改用{is_one.zh}的交易",
            f"this visit is {is_one.en}, this transaction for {not_one.en}; use that of the visit",
            "visit",
        )
    return visit


def see(order: orders.See, sender: orders.Sender, work: Work) -> VisitDone:
    """Note kind of care and diagnoses; sent again, the newer replaces the older."""
    visit = own_visit(work, sender, order.person_id, order.visit_id, "outpatient")
    check_time(order.begun_at, work.now, "begun_at")
    changed = msgspec.structs.replace(
        visit,
        state=states.after("outpatient", visit.state, "see"),
        care_code=order.care_code,
        begun_at=order.begun_at,
        diagnoses=order.diagnoses,
        disease=order.disease,
        details={**visit.details, **order.details},
    )
    work.changed_visits.append(changed)
    return VisitDone(changed)


def amend(order: orders.Amend, sender: orders.Sender, work: Work) -> VisitDone:
    """Change what was said at the admission."""
    visit = own_visit(work, sender, order.person_id, order.visit_id, "inpatient")
    state = states.after("inpatient", visit.state, "amend")
    if order.begun_at is not None:
        check_time(order.begun_at, work.now, "begun_at")
    changed = msgspec.structs.replace(
        visit,
        state=state,
        begun_at=order.begun_at or visit.begun_at,
        care_code=order.care_code or visit.care_code,
        number=order.number or visit.number,
        diagnoses=visit.diagnoses if order.diagnoses is None else order.diagnoses,
        details={**visit.details, **order.details},
    )
    if changed.ended_at is not None and changed.ended_at < changed.begun_at:
        raise _ends_before_it_begins()
    work.changed_visits.append(changed)
    return VisitDone(changed)


def discharge(order: orders.Discharge, sender: orders.Sender, work: Work) -> VisitDone:
    """End a stay; the day chooses the policy its settlement follows."""
    visit = own_visit(work, sender, order.person_id, order.visit_id, "inpatient")
    state = states.after("inpatient", visit.state, "discharge")
    check_time(order.ended_at, work.now, "ended_at")
    if order.ended_at < visit.begun_at:
        raise _ends_before_it_begins()
    changed = msgspec.structs.replace(
        visit,
        state=state,
        ended_at=order.ended_at,
        diagnoses=order.diagnoses or visit.diagnoses,
        details={**visit.details, **order.details, "discharge_way": order.way},
    )
    work.changed_visits.append(changed)
    return VisitDone(changed)


def cancel_discharge(order: orders.CancelDischarge, sender: orders.Sender, work: Work) -> VisitDone:
    """Take a discharge back."""
    visit = own_visit(work, sender, order.person_id, order.visit_id, "inpatient")
    changed = msgspec.structs.replace(
        visit, state=states.after("inpatient", visit.state, "cancel_discharge"), ended_at=None
    )
    work.changed_visits.append(changed)
    return VisitDone(changed)


def cancel(order: orders.CancelVisit, sender: orders.Sender, work: Work) -> VisitDone:
    """Take a registration or admission back; lines and settlements are taken back first."""
    visit = own_visit(work, sender, order.person_id, order.visit_id, order.setting)
    if order.number not in (None, "", visit.number):
        raise InvalidInput(
            "number",
            zh=f"门诊号或住院号与登记的 {visit.number} 不一致",
            en=f"the number differs from the registered {visit.number}",
        )
    state = states.after(visit.setting, visit.state, "cancel")
    batches = work.batches.get((visit.person_id, visit.visit_id), ())
    if any(one.settlement_id is not None for one in batches):
        raise OutOfOrder(
            "本次就诊已有结算，请先撤销结算", "settlements exist; reverse them first", "visit"
        )
    if any(one.lines_count for one in batches):
        raise OutOfOrder(
            "本次就诊已上传明细，请先撤销明细", "lines were uploaded; withdraw them first", "visit"
        )
    changed = msgspec.structs.replace(visit, state=state)
    work.changed_visits.append(changed)
    return VisitDone(changed)


def _ends_before_it_begins() -> InvalidInput:
    return InvalidInput(
        "ended_at", zh="出院时间早于入院时间", en="the discharge is before the admission"
    )
