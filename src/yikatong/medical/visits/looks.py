"""Answering a provider's questions about a person. No I/O."""

from yikatong.core import regions
from yikatong.medical.visits import coverage, orders
from yikatong.medical.visits.errors import CareRefused, NoSuchPerson
from yikatong.medical.visits.orders import Accumulated, ChronicFound, Entitled, Identified
from yikatong.medical.visits.visiting import (
    check_certificate,
    check_code,
    filing_for,
    policy_for,
)
from yikatong.medical.visits.work import Work
from yikatong.policies import service as policies
from yikatong.policies.model import PersonFacts, VisitFacts


def identify(order: orders.Identify, sender: orders.Sender, work: Work) -> Identified:
    """Who is this; the name, where given, must be the person's."""
    shown = order.certificate
    person_id = work.certificates.get((shown.kind, shown.number))
    check_code(work, shown)
    person = None if person_id is None else work.persons.get(person_id)
    if person is None or (sender.sandbox and not person.synthetic):
        # Said alike of nobody and of somebody real, so that the sandbox does not tell who exists.
        raise NoSuchPerson("certificate")
    if order.name is not None and order.name != person.name:
        raise CareRefused(
            "姓名与证件号码不一致，请核对证件",
            "the name does not belong to this number; compare the document",
            "name",
        )
    if order.id_number not in (None, work.id_numbers[person.person_id]):
        raise CareRefused(
            "与所出示的凭证不是同一人，请核对证件",
            "is not the id number of the person whose card was shown; compare the documents",
            "id_number",
        )
    if shown.kind == "card":
        work_card = work.cards.get(person.person_id)
        if work_card is not None and work_card.card_id == work.shown_cards.get(shown.number):
            check_certificate(work, person, shown)
    account = work.medical.get(person.person_id)
    return Identified(
        person=person,
        id_number=work.id_numbers[person.person_id],
        enrolments=work.enrolments[person.person_id],
        balance=account.balance if account else 0,
        groups=work.groups[person.person_id],
        age=person.age_on(work.today),
    )


def check_entitlement(
    order: orders.CheckEntitlement, sender: orders.Sender, work: Work
) -> Entitled:
    """Whether the pooled fund pays for this care here, with every reason where it does not."""
    person = work.person(order.person_id, sender)
    file = work.file(person)
    provider = sender.provider
    enrolment = coverage.enrolment_for(file, order.insurance)
    policy = policy_for(enrolment, order.on)
    filing = filing_for(
        work, enrolment, person, provider.region, order.care, order.on, emergency=False
    )
    reasons = tuple(
        coverage.refusals(
            file, enrolment, provider, order.care, order.on, work.now, policy, filing, order.disease
        )
    )
    rate = deductible = 0
    cap_left = None
    if enrolment is not None and policy is not None and policy.care.get(order.care) is not None:
        insurance = coverage.insurance_of(enrolment)
        year, _ = work.year((person.person_id, insurance, policy.year_start(order.on)))
        expected = policies.expected(
            policy,
            PersonFacts(
                insurance,
                enrolment.region,
                enrolment.retired,
                person.age_on(order.on),
                work.groups_on(person.person_id, order.on),
            ),
            VisitFacts(order.care, provider.region, provider.level, order.on, filing),
            year,
        )
        rate = expected.rates[0].rate if expected.rates and not reasons else 0
        deductible, cap_left = expected.deductible, expected.cap_left
    return Entitled(
        person_id=person.person_id,
        insurance=enrolment.insurance if enrolment else None,
        refusals=reasons,
        rate=rate,
        deductible=deductible,
        cap_left=cap_left,
        on_file=policy is not None and order.care in policy.care,
        starts_on=enrolment.benefits_from if enrolment else None,
        ends_on=enrolment.ends_on if enrolment else None,
    )


def ask_accumulated(order: orders.AskAccumulated, sender: orders.Sender, work: Work) -> Accumulated:
    """The accumulators of the policy year that a day lies in, by default today."""
    person = work.person(order.person_id, sender)
    enrolment = coverage.enrolment_for(work.file(person), None)
    if enrolment is None:
        raise CareRefused(
            "没有有效的基本医疗保险参保信息，无年度累计",
            "there is no current medical insurance, so nothing adds up",
            "person",
        )
    on = order.on or work.today
    policy = policy_for(enrolment, on)
    if policy is None:
        name = regions.short_name(enrolment.region)
        raise CareRefused(
            f"{name}没有 {on} 有效的政策文件，无法确定医保年度",
            f"no policy of {regions.short_name(enrolment.region, 'en')} is on file for {on}",
            "date",
        )
    insurance = coverage.insurance_of(enrolment)
    starts_on = policy.year_start(on)
    year, _ = work.year((person.person_id, insurance, starts_on))
    return Accumulated(person.person_id, insurance, starts_on, year)


def ask_chronic(order: orders.AskChronic, sender: orders.Sender, work: Work) -> ChronicFound:
    """The person's chronic and special disease registrations."""
    person = work.person(order.person_id, sender)
    return ChronicFound(tuple(work.chronic.get(person.person_id, ())))
