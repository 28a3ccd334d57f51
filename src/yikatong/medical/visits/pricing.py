"""What a settlement is about, and what the policy makes of it (待遇计算). No I/O."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import msgspec

from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import Text
from yikatong.core.money import Fen
from yikatong.medical.filings import rules as filing_rules
from yikatong.medical.visits import coverage, orders
from yikatong.medical.visits.errors import (
    CareRefused,
    NotCovered,
)
from yikatong.medical.visits.model import (
    BEGAN_AS_EMERGENCY,
    CARE_OF,
    FeeBatch,
    Settlement,
    Visit,
)
from yikatong.medical.visits.orders import Refusal
from yikatong.medical.visits.visiting import (
    check_home,
    check_insured_region,
    enrolment_of,
    not_covered,
    policy_for,
)
from yikatong.medical.visits.work import Work
from yikatong.money.medical import FamilyLink
from yikatong.people.model import Enrolment, Person
from yikatong.policies import rules as policy_rules
from yikatong.policies.model import (
    Bill,
    Care,
    MedicalAccount,
    PersonFacts,
    Policy,
    QuoteRequest,
    StayToDate,
    VisitFacts,
)
from yikatong.policies.model import Filing as FilingKind


class Case(msgspec.Struct):
    """What a settlement is about, found and checked."""

    person: Person
    enrolment: Enrolment
    policy: Policy
    care: Care
    on: date
    bill: Bill
    visit: Visit
    batches: Sequence[FeeBatch] = ()
    stay: StayToDate = StayToDate()
    days: int = 0
    filing: FilingKind | None = None
    """How the person left, where it was decided elsewhere; None: as the filings say."""


def case_of(
    order: orders.Settle,
    work: Work,
    sender: orders.Sender,
    visit: Visit,
    person: Person,
    batches: Sequence[FeeBatch],
    bill: Bill,
) -> Case:
    """Find what holds on the day that counts; raises NotCovered with every reason."""
    care_code = (
        visit.care_code if visit.setting == "inpatient" else order.care_code or visit.care_code
    )
    care = CARE_OF[care_code][1]
    begun = visit.begun_at.astimezone(SHANGHAI).date()
    ended = visit.ended_at.astimezone(SHANGHAI).date() if visit.ended_at else work.today
    on = ended if visit.setting == "inpatient" else begun
    file = work.file(person)
    enrolment = enrolment_of(file, order.insurance or visit.insurance)
    policy = policy_for(enrolment, on)
    reasons: list[Refusal] = []
    reasons += coverage.of_person(file, begun)
    if order.certificate is not None and order.certificate.kind == "card":
        reasons += coverage.of_card(file, sender.provider, on, work.now)
    reasons += coverage.of_insurance(enrolment, on, care, policy)
    if care == "chronic":
        reasons += coverage.of_disease(file, sender.provider, on, visit.disease)
    if reasons:
        raise not_covered(reasons)
    assert enrolment is not None
    check_home(work, person, enrolment, sender.provider.pooling_region, on)
    check_insured_region(sender, enrolment)
    found = policy_of(enrolment, on)
    return Case(
        person=person,
        enrolment=enrolment,
        policy=found,
        care=care,
        on=on,
        bill=bill,
        visit=visit
        if visit.care_code == care_code
        else msgspec.structs.replace(visit, care_code=care_code),
        batches=batches,
        stay=_stay(work, visit, enrolment, found, on),
        days=max(0, (ended - begun).days),
    )


def policy_of(enrolment: Enrolment, on: date) -> Policy:
    """The policy in force; raises NotCovered where none is on file."""
    policy = policy_for(enrolment, on)
    if policy is None:
        raise NotCovered(
            "rates_not_on_file",
            Text(
                f"参保地 {enrolment.region} 没有 {on} 有效的政策文件，不能直接结算，可手工报销",
                f"no policy of {enrolment.region} is on file for {on}; claim the bill by hand",
            ),
        )
    return policy


def _stay(work: Work, visit: Visit, enrolment: Enrolment, policy: Policy, on: date) -> StayToDate:
    """What interim settlements of this stay took in the same policy year."""
    if visit.setting != "inpatient":
        return StayToDate()
    year = policy.year_start(on)
    earlier = [
        one
        for one in alive(work.settlements.get((visit.person_id, visit.visit_id), ()))
        if one.insurance == enrolment.insurance and one.year_starts_on == year
    ]
    return StayToDate(
        in_scope=sum(one.in_scope for one in earlier),
        deductible=sum(one.deductible for one in earlier),
        counted=bool(earlier),
    )


def alive(settlements: Sequence[Settlement]) -> list[Settlement]:
    """Those that are no reversals and were not reversed."""
    gone = {one.reverses for one in settlements if one.reverses is not None}
    return [one for one in settlements if one.reverses is None and one.settlement_id not in gone]


def _filing(case: Case, work: Work) -> Any:
    """A filing counts that held on any day of the stay, also one made until discharge (补办)."""
    found = filing_rules.kind_that_counts(
        work.filings.get(case.person.person_id, ()),
        case.enrolment.insurance,
        case.visit.treatment_region,
        case.care,
        case.on,
        emergency=case.visit.care_code == BEGAN_AS_EMERGENCY,
        since=case.visit.begun_at.astimezone(SHANGHAI).date(),
        insured_region=case.enrolment.region,
    )
    if found == "none" and case.policy.unfiled == "refused":
        refused = list(
            coverage.of_filing(case.enrolment, case.policy, case.visit.treatment_region, "none")
        )
        if refused:
            raise not_covered(refused)
    return found


def price(
    case: Case,
    sender: orders.Sender,
    work: Work,
    use_account: bool,
    invoice: str,
    interim: bool,
    *,
    commit: bool,
) -> Settlement:
    """Apply the policy; nothing is stored yet, and a mere quote gets no number."""
    person, enrolment, policy = case.person, case.enrolment, case.policy
    bill = case.bill
    if min(bill.total, bill.self_paid, bill.over_limit, bill.first_pay, bill.in_scope) < 0:
        raise CareRefused(
            "明细合计或其中一部分为负数，不能结算；退费明细请与原明细一并结算",
            "the lines, or a part of them, sum to a negative amount; settle what gives back together"
            " with the line it gives back",
            "total",
        )
    insurance = coverage.insurance_of(enrolment)
    year_starts_on = policy.year_start(case.on)
    year, _ = work.year((person.person_id, insurance, year_starts_on))
    account = work.medical.get(person.person_id)
    links = family_left(work, person.person_id) if use_account else []
    groups = work.groups_on(person.person_id, case.on)
    if enrolment.category == "student":
        groups |= {"student"}
    request = QuoteRequest(
        person=PersonFacts(
            insurance=insurance,
            region=enrolment.region,
            retired=enrolment.retired,
            age=person.age_on(case.on),
            groups=groups,
            insured_years=max(0, (case.on - enrolment.starts_on).days // 365),
        ),
        visit=VisitFacts(
            care=case.care,
            region=case.visit.treatment_region,
            level=sender.provider.level,
            on=case.on,
            filing=_filing(case, work) if case.filing is None else case.filing,
            days=case.days,
            home_filing=filing_rules.home_filing(
                work.at_home(person.person_id, enrolment, case.on)
            ),
        ),
        bill=case.bill,
        year_to_date=year,
        medical_account=MedicalAccount(
            balance=max(0, account.available) if account and use_account else 0,
            use=use_account,
            family=sum(left for _, left in links),
        ),
        stay=case.stay,
    )
    quote = policy_rules.quote(request, policy)
    own = quote.medical_account - quote.family_account
    return Settlement(
        person_id=person.person_id,
        settlement_id=work.new_id() if commit else 0,
        visit_id=case.visit.visit_id,
        provider_code=sender.provider.provider_code,
        message_id=sender.message_id,
        reverses=None,
        channel="direct",
        interim=interim,
        setting=case.visit.setting,
        care_code=case.visit.care_code,
        insurance=insurance,
        insured_region=enrolment.region,
        treatment_region=case.visit.treatment_region,
        settled_at=work.now,
        total=quote.total,
        self_paid=case.bill.self_paid,
        over_limit=case.bill.over_limit,
        first_pay=case.bill.first_pay,
        deductible=quote.deductible,
        pooled=quote.pooled,
        large_amount=quote.large_amount,
        serious_illness=quote.serious_illness,
        civil_servant=quote.civil_servant,
        assistance=quote.assistance,
        medical_account=own,
        family_account=quote.family_account,
        cash=quote.cash,
        balance_after=account.balance - own if account else 0,
        policy_from=policy.starts_on,
        year_starts_on=year_starts_on,
        inputs=request,
        added=policy_rules.added_to_year(request, quote),
        batches=[one.batch_id for one in case.batches],
        transaction_id=None,
        invoice=invoice,
        operator=sender.operator,
        quote=quote,
    )


def family_left(work: Work, person_id: int) -> list[tuple[FamilyLink, Fen]]:
    """The consents by which relatives pay for the person, and how much each may pay now."""
    found: list[tuple[FamilyLink, Fen]] = []
    for link in work.payers.get(person_id, ()):
        account = work.medical.get(link.person_id)
        if account is None:
            continue
        _, _, spent = work.spent.get((link.person_id, link.member_id), (link, 0, None))
        left = link.left(work.today) if spent is None else link.yearly_limit - spent
        available = min(left, account.available)
        if available > 0:
            found.append((link, available))
    return found
