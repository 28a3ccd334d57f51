"""Reversing settlements: every amount negated, the ledger and the year put back. No I/O."""

from typing import Final

import msgspec

from yikatong.core import ids
from yikatong.core.clock import SHANGHAI
from yikatong.medical.visits import orders, states
from yikatong.medical.visits.errors import CareRefused, NoSuchSettlement, OutOfOrder
from yikatong.medical.visits.model import Settlement
from yikatong.medical.visits.orders import Settled
from yikatong.medical.visits.pricing import alive
from yikatong.medical.visits.settling import FUNDS, command_of, spend
from yikatong.medical.visits.work import Work
from yikatong.money.errors import AccountClosed
from yikatong.money.ledger.model import Entry, Transaction
from yikatong.people.model import Enrolment


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
        command_of(reversal, sender, "reversal"),
        entries,
        {"settlement_id": reversal.settlement_id, "provider": reversal.provider_code},
        reverses=done.transaction_id,
    )
    for link in work.payers.get(first.person_id, ()):
        paid = sum(one.amount for one in entries if one.person_id == link.person_id)
        if paid and ids.day_of(done.transaction_id).year == work.today.year:
            spend(work, link, -paid)


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
        command_of(reversal, sender, "card_refund"),
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
