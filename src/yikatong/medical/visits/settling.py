"""Quoting, settling and reversing. No I/O: everything was read into the work.

The catalog of the place of treatment split the lines; the policy of the insured region says who pays
what of the sums (参保地政策、就医地目录); the ledger gets every part of it.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

import msgspec

from yikatong.core import ids
from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import Text
from yikatong.core.money import Fen
from yikatong.medical.claims import rules as claim_rules
from yikatong.medical.filings import rules as filing_rules
from yikatong.medical.visits import coverage, lines, orders, states
from yikatong.medical.visits.errors import (
    CareRefused,
    ClaimedByHand,
    LineRefused,
    NoSuchSettlement,
    NotCovered,
    OutOfOrder,
    SumDiffers,
)
from yikatong.medical.visits.model import (
    BEGAN_AS_EMERGENCY,
    CARE_OF,
    FeeBatch,
    Settlement,
    Visit,
)
from yikatong.medical.visits.orders import Refusal, Settled
from yikatong.medical.visits.visiting import (
    check_certificate,
    check_home,
    check_insured_region,
    check_time,
    covered,
    not_covered,
    own_visit,
    policy_for,
)
from yikatong.medical.visits.work import Work
from yikatong.money.errors import AccountClosed
from yikatong.money.ledger.book import Command
from yikatong.money.ledger.model import Entry, Transaction
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
from yikatong.trust.audit import Actor

FUNDS: Final = ("pooled", "large_amount", "serious_illness", "civil_servant", "assistance")
FUND_OF: Final[dict[str, dict[str, str]]] = {
    "310": {
        "pooled": "310",
        "large_amount": "330",
        "serious_illness": "392",
        "civil_servant": "320",
        "assistance": "610",
    },
    "390": {
        "pooled": "390",
        "large_amount": "330",
        "serious_illness": "392",
        "civil_servant": "320",
        "assistance": "610",
    },
}
"""Which fund of the insured region pays a layer, by insurance."""

_TOTAL: Final = Text("总费用", "the total")


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


def settle(order: orders.Settle, sender: orders.Sender, work: Work) -> Settled:
    """Settle, or quote, the unsettled lines of a visit."""
    visit = own_visit(work, sender, order.person_id, order.visit_id, order.setting)
    person = work.persons[order.person_id]
    state = _state_after(order, visit)
    batches = _unsettled(order, work, visit)
    bill = _bill(order, batches)
    check_certificate(work, person, order.certificate)
    _check_claimed(
        visit,
        [
            line
            for one in batches
            for line in work.lines.get((visit.person_id, visit.visit_id, one.batch_id), ())
        ],
        order.invoice,
        work,
    )
    case = _case(order, work, sender, visit, person, batches, bill)
    settlement = price(
        case, sender, work, order.use_account, order.invoice, order.interim, commit=order.commit
    )
    if order.commit:
        settlement = _commit(settlement, sender, work)
        if state != visit.state:
            work.changed_states.append(msgspec.structs.replace(visit, state=state))
        work.settled_batches.extend((one, settlement.settlement_id) for one in batches)
    return _answer(settlement, case, work)


def sell(order: orders.Sell, sender: orders.Sender, work: Work) -> Settled:
    """Settle, or quote, a purchase at a pharmacy: visit, lines and settlement in one."""
    person = work.person(order.person_id, sender)
    check_time(order.begun_at, work.now, "begun_at")
    check_certificate(work, person, order.certificate)
    enrolment = covered(
        work, sender, person, order.insurance, "pharmacy", order.begun_at, emergency=False
    )
    region = sender.provider.region
    numbers: set[str] = set()
    for at, line in enumerate(order.lines):
        check_time(line.at, work.now, f"lines[{at}].at")
        if line.number in numbers or line.total < 0:
            raise LineRefused(
                f"lines[{at}]",
                f"第 {at + 1} 条明细流水号重复或金额为负",
                f"line {at + 1}: its number stands twice or its total is negative",
            )
        numbers.add(line.number)
    split = lines.split(order.lines, work.catalog, region, lambda _number: None)
    total, self_paid, over_limit, first_pay = lines.sums(split)
    if total != order.total:
        raise SumDiffers("total", _TOTAL, order.total, total, _LINES_HINT)
    visit = Visit(
        person_id=person.person_id,
        visit_id=work.new_id(),
        provider_code=sender.provider.provider_code,
        setting="pharmacy",
        care_code=order.care_code,
        state="settled",
        insurance=coverage.insurance_of(enrolment),
        insured_region=enrolment.region,
        treatment_region=region,
        number=order.invoice,
        begun_at=order.begun_at,
        ended_at=order.begun_at,
        diagnoses=(),
        disease=order.disease,
        details={},
        version=1,
    )
    _check_claimed(visit, split, order.invoice, work)
    on = order.begun_at.astimezone(SHANGHAI).date()
    case = Case(
        person=person,
        enrolment=enrolment,
        policy=_policy(enrolment, on),
        care="pharmacy",
        on=on,
        bill=Bill(total, self_paid, over_limit, first_pay),
        visit=visit,
    )
    batch = FeeBatch(
        person.person_id, visit.visit_id, work.new_id(), "", None, len(split), total, self_paid,
        over_limit, first_pay, 1,
    )  # fmt: skip
    case.batches = (batch,)
    settlement = price(
        case, sender, work, order.use_account, order.invoice, interim=False, commit=order.commit
    )
    if order.commit:
        settlement = _commit(settlement, sender, work)
        work.new_visits.append(visit)
        work.new_batches.append(
            (msgspec.structs.replace(batch, settlement_id=settlement.settlement_id), split)
        )
    return _answer(settlement, case, work, split)


def _check_claimed(
    visit: Visit, split: Sequence[orders.SplitLine], invoice: str, work: Work
) -> None:
    """Raise where the person claimed this bill by hand and the funds paid it so."""
    if not split:
        return
    begun = visit.begun_at.astimezone(SHANGHAI).date()
    ended = visit.ended_at.astimezone(SHANGHAI).date() if visit.ended_at else work.today
    keys = claim_rules.line_keys(split)
    for claim, claimed in work.claimed.get(visit.person_id, ()):
        bill = claim.bill
        if (
            bill.provider_code == visit.provider_code
            and bill.begun_on <= ended
            and bill.ended_on >= begun
            and claim_rules.alike(invoice, keys, bill.invoice, claim_rules.line_keys(claimed))
            == "same"
        ):
            raise ClaimedByHand(claim.claim_id, claim.settlement_id)


_LINES_HINT: Final = Text(
    "请核对已上传的明细或重新上传", "compare the uploaded lines or upload them again"
)


def _state_after(order: orders.Settle, visit: Visit) -> Any:
    if not order.commit and visit.state in ("seen", "admitted", "discharged"):
        return visit.state  # a quote is given at any time of a visit
    event = "settle_interim" if order.interim and visit.setting == "inpatient" else "settle"
    return states.after(visit.setting, visit.state, event)


def _unsettled(order: orders.Settle, work: Work, visit: Visit) -> list[FeeBatch]:
    open_ones = [
        one
        for one in work.batches.get((visit.person_id, visit.visit_id), ())
        if one.settlement_id is None and one.lines_count
    ]
    found = [one for one in open_ones if order.batch in (None, one.batch)]
    if not found and _all_taken_before(order, work, visit):
        return []
    if not found:
        known = "、".join(sorted({one.batch for one in open_ones if one.batch}))
        raise OutOfOrder(
            f"没有未结算的明细（批次 {order.batch}；未结算批次：{known}）"
            if order.batch and known
            else "没有未结算的明细，请先上传明细",
            f"the batch {order.batch} has no unsettled lines (unsettled: {known})"
            if order.batch and known
            else "there are no unsettled lines; upload lines first",
            "lines",
        )
    return found


def _all_taken_before(order: orders.Settle, work: Work, visit: Visit) -> bool:
    """A stay whose lines interim settlements took is closed by a settlement of nothing."""
    return (
        visit.state == "discharged"
        and not order.interim
        and order.batch is None
        and any(
            one.settlement_id is not None
            for one in work.batches.get((visit.person_id, visit.visit_id), ())
        )
    )


def _bill(order: orders.Settle, batches: Sequence[FeeBatch]) -> Bill:
    total, self_paid, over_limit, first_pay = lines.sums(batches)
    bill = Bill(total, self_paid, over_limit, first_pay)
    if order.total != total:
        raise SumDiffers("total", _TOTAL, order.total, total, _LINES_HINT)
    stated = order.split
    if stated == orders.Split():
        return bill
    for field, name, mine, found in (
        ("self_paid", Text("全自费金额", "the self-paid part"), stated.self_paid, bill.self_paid),
        (
            "over_limit",
            Text("超限价金额", "the part over limits"),
            stated.over_limit,
            bill.over_limit,
        ),
        (
            "first_pay",
            Text("先行自付金额", "the first-pay share"),
            stated.first_pay,
            bill.first_pay,
        ),
        ("in_scope", Text("政策范围内金额", "the part in scope"), stated.in_scope, bill.in_scope),
    ):
        if mine is not None and mine != found:
            raise SumDiffers(field, name, mine, found, _LINES_HINT)
    return bill


def _case(
    order: orders.Settle,
    work: Work,
    sender: orders.Sender,
    visit: Visit,
    person: Person,
    batches: Sequence[FeeBatch],
    bill: Bill,
) -> Case:
    care_code = (
        visit.care_code if visit.setting == "inpatient" else order.care_code or visit.care_code
    )
    care = CARE_OF[care_code][1]
    begun = visit.begun_at.astimezone(SHANGHAI).date()
    ended = visit.ended_at.astimezone(SHANGHAI).date() if visit.ended_at else work.today
    on = ended if visit.setting == "inpatient" else begun
    file = work.file(person)
    enrolment = coverage.enrolment_for(file, order.insurance or visit.insurance)
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
    found = _policy(enrolment, on)
    return Case(
        person=person,
        enrolment=enrolment,
        policy=found,
        care=care,
        on=on,
        bill=bill,
        visit=msgspec.structs.replace(visit, care_code=care_code),
        batches=batches,
        stay=_stay(work, visit, enrolment, found, on),
        days=max(0, (ended - begun).days),
    )


def _policy(enrolment: Enrolment, on: date) -> Policy:
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
    links = _family(work, person.person_id) if use_account else []
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


def _family(work: Work, person_id: int) -> list[tuple[FamilyLink, Fen]]:
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


def _commit(settlement: Settlement, sender: orders.Sender, work: Work) -> Settlement:
    """Post the ledger, add to the year and note the settlement."""
    assert_sums(settlement)
    entries, spent = _entries(settlement, sender, work)
    if entries:
        done = work.book.post(
            _command(settlement, sender, "settlement"),
            entries,
            {"settlement_id": settlement.settlement_id, "provider": settlement.provider_code},
        )
        settlement = msgspec.structs.replace(settlement, transaction_id=done.transaction_id)
    for link, amount in spent:
        _spend(work, link, amount)
    key = (settlement.person_id, settlement.insurance, settlement.year_starts_on)
    work.add_to_year(key, settlement.added)
    work.new_settlements.append(settlement)
    return settlement


def _spend(work: Work, link: FamilyLink, amount: Fen) -> None:
    year = work.today.year
    key = (link.person_id, link.member_id)
    before = link.spent if link.spent_year == year else 0
    before = work.spent[key][2] if key in work.spent else before
    work.spent[key] = (link, year, max(0, before + amount))


def _command(settlement: Settlement, sender: orders.Sender, kind: str) -> Command:
    return Command(
        person_id=settlement.person_id,
        key=f"{kind}:{settlement.settlement_id}",
        content_hash=sender.content_hash,
        kind=f"medical_{kind}",
        actor=Actor("provider", sender.provider.provider_code, "care"),
    )


def _entries(
    settlement: Settlement, sender: orders.Sender, work: Work
) -> tuple[list[Entry], list[tuple[FamilyLink, Fen]]]:
    """Who owes the provider which part: the person's account first, then relatives', then funds.

    Elsewhere the provider is paid by its own region's agency, which is owed by the insured region.
    """
    person_id = settlement.person_id
    entries: list[Entry] = []
    spent: list[tuple[FamilyLink, Fen]] = []
    if settlement.medical_account:
        account = work.medical[person_id]
        entries.append(Entry(person_id, account.account_id, -settlement.medical_account))
    rest = settlement.family_account
    for link, left in _family(work, person_id) if rest else ():
        part = min(rest, left)
        if part:
            account = work.medical[link.person_id]
            entries.append(Entry(link.person_id, account.account_id, -part))
            spent.append((link, part))
            rest -= part
    assert rest == 0, "relatives pay what the quote says"
    insured = settlement.insured_region
    funds = FUND_OF[settlement.insurance]
    for layer in FUNDS:
        amount: Fen = getattr(settlement, layer)
        if amount:
            fund = work.shared["fund", insured, funds[layer]]
            entries.append(Entry(person_id, fund, -amount))
    due = -sum(entry.amount for entry in entries)
    if due:
        provider = sender.provider
        entries.append(
            Entry(person_id, work.shared["provider", provider.provider_code, "due"], due)
        )
        treated = provider.pooling_region
        if treated != insured:
            owed = work.shared["agency", treated, f"owed by {insured}"]
            owes = work.shared["agency", treated, "owed to providers for others"]
            entries += [Entry(person_id, owed, due), Entry(person_id, owes, -due)]
    return entries, spent


def shared_names(job_orders: Sequence[tuple[orders.Sender, str, str]]) -> set[tuple[str, str, str]]:
    """The shared accounts that settlements at these providers for these regions post to."""
    names: set[tuple[str, str, str]] = set()
    for sender, insured, insurance in job_orders:
        provider = sender.provider
        names.add(("provider", provider.provider_code, "due"))
        names |= {("fund", insured, fund) for fund in FUND_OF[insurance].values()}
        if provider.pooling_region != insured:
            names.add(("agency", provider.pooling_region, f"owed by {insured}"))
            names.add(("agency", provider.pooling_region, "owed to providers for others"))
    return names


def assert_sums(one: Settlement) -> None:
    """What must add up, once more where it becomes money: the quote is not the settlement."""
    assert one.funds + one.person == one.total, one
    assert one.self_paid + one.over_limit + one.first_pay + one.in_scope == one.total, one
    assert one.medical_account >= 0, one
    assert one.family_account >= 0, one
    assert one.cash >= 0, one


def _answer(
    settlement: Settlement, case: Case, work: Work, split: Sequence[orders.SplitLine] = ()
) -> Settled:
    return Settled(
        settlement=settlement,
        person=case.person,
        id_number=work.id_numbers.get(case.person.person_id),
        enrolment=case.enrolment,
        visit=case.visit,
        lines=tuple(split),
    )


# ---- reversal ----


def reverse(order: orders.Reverse, sender: orders.Sender, work: Work) -> Settled:
    """Take a settlement back: every amount negated, the ledger and the year put back."""
    person = work.person(order.person_id, sender)
    key = (order.person_id, order.visit_id or 0)
    visit = work.visits.get(key)
    found = work.settlements.get(key, [])
    first = next((one for one in found if one.settlement_id == order.settlement_id), None)
    if (
        visit is None
        or first is None
        or order.setting not in (None, visit.setting)
        or first.provider_code != sender.provider.provider_code
        or first.channel != "direct"
    ):
        raise NoSuchSettlement
    if first.reverses is not None:
        raise CareRefused(
            "这是一笔撤销记录，不能再撤销", "this is a reversal itself; it stays", "settlement"
        )
    standing = alive(found)
    if first not in standing:
        by = next(one for one in found if one.reverses == first.settlement_id)
        raise CareRefused(
            f"该结算已于 {by.settled_at:%Y-%m-%d %H:%M:%S} 撤销（{by.settlement_id}）",
            f"the settlement was reversed at {by.settled_at:%Y-%m-%d %H:%M:%S} by"
            f" {by.settlement_id}",
            "settlement",
        )
    if visit.setting == "inpatient" and standing[-1] is not first:
        raise OutOfOrder(
            f"本次住院之后还有结算 {standing[-1].settlement_id}，请先撤销它",
            f"the stay has a later settlement {standing[-1].settlement_id}; reverse it first",
            "settlement",
        )
    state = states.after(visit.setting, visit.state, "reverse")
    stay = work.stays.get(person.person_id)
    if visit.setting == "inpatient" and state != visit.state and stay is not None:
        raise OutOfOrder(
            f"参保人自 {stay.begun_at.astimezone(SHANGHAI).date()} 起又在院，本次撤销会使原住院重新"
            "打开；请先办结或撤销后一次住院",
            f"the person is in hospital again since {stay.begun_at.astimezone(SHANGHAI).date()}, and"
            " the reversal would open this stay anew; finish or cancel the later one first",
            "visit",
        )
    transaction_id = None
    reversal = negated(first, work.new_id(), sender, work)
    if first.transaction_id is not None:
        _reverse_money(first, reversal, sender, work)
        transaction_id = work.book.transactions[-1].transaction_id
    account = work.medical.get(person.person_id)
    reversal = msgspec.structs.replace(
        reversal,
        transaction_id=transaction_id,
        balance_after=account.balance if account else 0,
    )
    payment = work.card_payments.get((first.person_id, first.settlement_id))
    if payment is not None:
        _return_card_payment(payment, reversal, sender, work)
    year_key = (first.person_id, first.insurance, first.year_starts_on)
    work.add_to_year(year_key, first.added, -1)
    if state != visit.state:
        work.changed_states.append(msgspec.structs.replace(visit, state=state))
    if visit.setting != "pharmacy":
        work.settled_batches.extend(
            (one, None)
            for one in work.batches.get(key, ())
            if one.settlement_id == first.settlement_id
        )
    work.new_settlements.append(reversal)
    return Settled(
        settlement=reversal,
        person=person,
        id_number=work.id_numbers.get(person.person_id),
        enrolment=_enrolment_of(first, work),
        visit=visit,
    )


AMOUNTS: Final = (
    "total", "self_paid", "over_limit", "first_pay", "deductible", *FUNDS, "medical_account",
    "family_account", "cash",
)  # fmt: skip


def negated(first: Settlement, settlement_id: int, sender: orders.Sender, work: Work) -> Settlement:
    """The reversal of a settlement, not posted yet."""
    return msgspec.structs.replace(
        first,
        settlement_id=settlement_id,
        message_id=sender.message_id,
        reverses=first.settlement_id,
        settled_at=work.now,
        added={name: -amount for name, amount in first.added.items()},
        transaction_id=None,
        operator=sender.operator,
        quote=None,
        **{name: -getattr(first, name) for name in AMOUNTS},
    )


def _reverse_money(
    first: Settlement, reversal: Settlement, sender: orders.Sender, work: Work
) -> None:
    done = work.reversed_transactions[first.person_id, first.transaction_id or 0]
    entries: list[Entry] = []
    for entry, balance in zip(done.entries(), done.balances, strict=True):
        if balance is not None and not work.book.has((entry.person_id, entry.account_id)):
            raise AccountClosed("account")
        entries.append(Entry(entry.person_id, entry.account_id, -entry.amount))
    work.book.post(
        _command(reversal, sender, "reversal"),
        entries,
        {"settlement_id": reversal.settlement_id, "provider": reversal.provider_code},
        reverses=done.transaction_id,
    )
    for link in work.payers.get(first.person_id, ()):
        paid = sum(one.amount for one in entries if one.person_id == link.person_id)
        if paid and ids.day_of(done.transaction_id).year == work.today.year:
            _spend(work, link, -paid)


def _return_card_payment(
    payment: Transaction, reversal: Settlement, sender: orders.Sender, work: Work
) -> None:
    """What was paid from the bank side of the card goes back to that account; no freeze and no limit
    stops it."""
    own = (payment.persons[0], payment.accounts[0])
    if not work.book.has(own) or work.book.account(own).state == "closed":
        raise CareRefused(
            "现金部分由社保卡银行账户支付，该账户已销户，不能退回；请参保人先到银行恢复账户",
            "the cash part was paid from a bank account that is closed by now, so it cannot go back;"
            " the person asks the bank first",
            "settlement",
        )
    work.book.post(
        _command(reversal, sender, "card_refund"),
        [Entry(one.person_id, one.account_id, -one.amount) for one in payment.entries()],
        {"settlement_id": reversal.settlement_id, "provider": reversal.provider_code},
        reverses=payment.transaction_id,
    )


def _enrolment_of(first: Settlement, work: Work) -> Enrolment:
    """The enrolment the settlement was made under, as far as it is still known."""
    for one in work.enrolments.get(first.person_id, ()):
        if one.insurance == first.insurance:
            return one
    facts = first.inputs.person
    return Enrolment(
        insurance=first.insurance,
        region=first.insured_region,
        category="retired" if facts.retired else "adult" if first.insurance == "390" else "active",
        status="ended",
        starts_on=first.year_starts_on,
        ends_on=None,
        suspended_on=None,
        arrears_since=None,
        benefits_from=first.year_starts_on,
        retirement_confirmed=True,
        months_paid=0,
    )
