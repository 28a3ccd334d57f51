"""Quoting and settling. No I/O: everything was read into the work.

The catalog of the place of treatment split the lines; the policy of the insured region says who pays
what of the sums (参保地政策、就医地目录); the ledger gets every part of it.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import Text
from yikatong.core.money import Fen
from yikatong.medical.claims import rules as claim_rules
from yikatong.medical.visits import coverage, lines, orders, states
from yikatong.medical.visits.errors import (
    ClaimedByHand,
    LineRefused,
    OutOfOrder,
    SumDiffers,
)
from yikatong.medical.visits.model import (
    FeeBatch,
    Settlement,
    Visit,
)
from yikatong.medical.visits.orders import Settled
from yikatong.medical.visits.pricing import Case, case_of, family_left, policy_of, price
from yikatong.medical.visits.visiting import (
    check_certificate,
    check_time,
    covered,
    own_visit,
)
from yikatong.medical.visits.work import Work
from yikatong.money.ledger.book import Command
from yikatong.money.ledger.model import Entry
from yikatong.money.medical import FamilyLink
from yikatong.policies.model import (
    Bill,
)
from yikatong.trust.audit import Actor

OWED_BY: Final = "owed by "
"""How the purpose of an agency's account begins that says what a region (its code behind) owes it."""
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
    case = case_of(order, work, sender, visit, person, batches, bill)
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
                f"lines[{at}].{'number' if line.number in numbers else 'total'}",
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
        policy=policy_of(enrolment, on),
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


def _commit(settlement: Settlement, sender: orders.Sender, work: Work) -> Settlement:
    """Post the ledger, add to the year and note the settlement."""
    assert_sums(settlement)
    entries, spent = _entries(settlement, sender, work)
    if entries:
        done = work.book.post(
            command_of(settlement, sender, "settlement"),
            entries,
            {"settlement_id": settlement.settlement_id, "provider": settlement.provider_code},
        )
        settlement = msgspec.structs.replace(settlement, transaction_id=done.transaction_id)
    for link, amount in spent:
        spend(work, link, amount)
    key = (settlement.person_id, settlement.insurance, settlement.year_starts_on)
    work.add_to_year(key, settlement.added)
    work.new_settlements.append(settlement)
    return settlement


def spend(work: Work, link: FamilyLink, amount: Fen) -> None:
    year = work.today.year
    key = (link.person_id, link.member_id)
    before = link.spent if link.spent_year == year else 0
    before = work.spent[key][2] if key in work.spent else before
    work.spent[key] = (link, year, max(0, before + amount))


def command_of(settlement: Settlement, sender: orders.Sender, kind: str) -> Command:
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
    for link, left in family_left(work, person_id) if rest else ():
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
            owed = work.shared["agency", treated, f"{OWED_BY}{insured}"]
            owes = work.shared["agency", treated, "owed to providers for others"]
            entries += [Entry(person_id, owed, due), Entry(person_id, owes, -due)]
    return entries, spent


def shared_names(of: Iterable[tuple[str, str, str, str]]) -> set[tuple[str, str, str]]:
    """The shared accounts that settlements post to: of (provider, its pooling region, insured region,
    insurance)."""
    names: set[tuple[str, str, str]] = set()
    for provider_code, treated, insured, insurance in of:
        names.add(("provider", provider_code, "due"))
        names |= {("fund", insured, fund) for fund in FUND_OF[insurance].values()}
        if treated != insured:
            names.add(("agency", treated, f"{OWED_BY}{insured}"))
            names.add(("agency", treated, "owed to providers for others"))
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
