"""Deciding a claim: by the policy exactly as a direct settlement, with the same accumulators.

The approval settles: the funds owe the person the sum, the year counts it. The payment moves it to
the bank account of the card. A reversal takes both back.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import msgspec

from yikatong.cards import service as cards
from yikatong.core.database import Connection
from yikatong.core.errors import Text
from yikatong.core.platform import Platform
from yikatong.core.together import ask, change_together
from yikatong.medical import service as medical
from yikatong.medical import store as medical_store
from yikatong.medical.catalog_book import CatalogBook
from yikatong.medical.claims import rules, store
from yikatong.medical.claims.errors import AlreadySettled, ClaimRefused, NoCardAccount
from yikatong.medical.claims.model import Claim, ClaimLine, PaidBill
from yikatong.medical.visits import coverage, pricing, reversing, settling, visiting
from yikatong.medical.visits import lines as visit_lines
from yikatong.medical.visits import store as visits_store
from yikatong.medical.visits.errors import NoSuchPerson
from yikatong.medical.visits.model import FeeBatch, Settlement, SplitLine, Visit
from yikatong.medical.visits.orders import Sender
from yikatong.medical.visits.work import Work
from yikatong.money import medical as medical_accounts
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.book import Command
from yikatong.money.ledger.model import Account, Entry, Transaction
from yikatong.people import service as people
from yikatong.policies.model import Bill
from yikatong.trust.audit import Actor

_PAYABLE: Final = "claims to be paid"
_YEAR_BACK: Final = timedelta(days=800)


class Decision(msgspec.Struct, frozen=True):
    """What the policy makes of a claim; the settlement has no number before it is approved."""

    settlement: Settlement
    lines: tuple[SplitLine, ...]
    suspects: tuple[str, ...]
    """Settlements and claims of the same provider and days that share some lines: look at them."""


class Decided(msgspec.Struct):
    """A decision with what writing it needs."""

    decision: Decision
    case: pricing.Case
    sender: Sender
    work: Work


def _sender(claim: Claim, provider: medical_store.Provider, actor: Actor) -> Sender:
    return Sender(
        provider=provider,
        message_id=f"claim:{claim.claim_id}",
        transaction_code="claim",
        content_hash=ledger.digest(["claim", claim.claim_id]),
        operator=actor.name,
    )


async def doubles(
    connection: Connection,
    person_id: int,
    claim_id: int | None,
    bill: PaidBill,
    lines: Sequence[ClaimLine],
    bill_hash: bytes,
) -> tuple[str, ...]:
    """Raise AlreadySettled where the bill was settled directly or is claimed already; else what
    shares some lines with it."""
    keys = rules.line_keys(lines)
    some: list[str] = []
    if bill.provider_code is not None:
        for one in await store.settled_bills(
            connection, person_id, bill.provider_code, bill.begun_on, bill.ended_on
        ):
            found = rules.alike(bill.invoice, keys, one.invoice, rules.line_keys(one.lines))
            if found == "same":
                raise _settled_directly(one.settlement_id)
            if found == "some":
                some.append(f"settlement {one.settlement_id}")
    for other, other_lines in await store.live_claims(
        connection, person_id, bill.begun_on, bill.ended_on
    ):
        if other.claim_id == claim_id or rules.provider_of(other.bill) != rules.provider_of(bill):
            continue
        found = rules.alike(bill.invoice, keys, other.bill.invoice, rules.line_keys(other_lines))
        if found == "same":
            raise _claimed(other.claim_id, other.settlement_id)
        if found == "some":
            some.append(f"claim {other.claim_id}")
    # The same invoice with other days.
    known = await store.claim_of_bill(connection, person_id, bill_hash)
    if known not in (None, claim_id):
        raise _claimed(known)
    return tuple(some)


def _settled_directly(settlement_id: int) -> AlreadySettled:
    return AlreadySettled(
        f"这张票据已在医院直接结算（结算编号 {settlement_id}），不能再手工报销；如结算有误，"
        "请先由医院撤销结算",
        f"this bill was settled directly (settlement {settlement_id}) and cannot be claimed again;"
        " where that was wrong, the provider reverses it first",
        "bill",
    )


def _claimed(claim_id: int | None, settlement_id: int | None = None) -> AlreadySettled:
    zh = f"，结算编号 {settlement_id}" if settlement_id else ""
    en = f", settlement {settlement_id}" if settlement_id else ""
    return AlreadySettled(
        f"这张票据已申请过报销（申请编号 {claim_id}{zh}），不用重复提交",
        f"this bill is claimed already (claim {claim_id}{en}); there is no need to submit it again",
        "bill",
    )


async def decide(
    platform: Platform,
    catalog: CatalogBook,
    connection: Connection,
    claim: Claim,
    lines: Sequence[ClaimLine],
    bill_hash: bytes,
    actor: Actor,
) -> Decided:
    """What the funds pay of a claim; raises NotCovered with every reason, AlreadySettled."""
    bill, person_id = claim.bill, claim.person_id
    work = Work(platform, catalog)
    await catalog.refresh(connection)
    on = rules.day_of(bill)
    # Before the doubles are looked for: whoever settles the bill meanwhile writes the year too.
    work.years, _ = await ask(connection, visits_store.accumulators([person_id], on - _YEAR_BACK))
    suspects = await doubles(connection, person_id, claim.claim_id, bill, lines, bill_hash)
    insured = (await people.insured(connection, [person_id])).get(person_id)
    if insured is None:
        raise NoSuchPerson
    work.persons[person_id], work.groups[person_id] = insured.person, insured.groups
    enrolment = rules.enrolment_on(await people.enrolments(connection, person_id), on)
    policy = visiting.policy_for(enrolment, on)
    known = None
    if bill.provider_code is not None:
        known = await medical.provider(connection, bill.provider_code)
    chronic = await medical.chronic_registrations(connection, person_id)
    reasons = list(rules.refusals(bill, insured.person, enrolment, known, chronic, policy))
    if reasons:
        raise visiting.not_covered(reasons)
    assert enrolment is not None
    assert policy is not None
    provider = known or rules.made_up_provider(bill, enrolment.region)
    filings = await medical.filings(connection, person_id)
    work.book, work.medical = await medical_accounts.open_book(platform, connection, [person_id])
    split = rules.split(lines, catalog, provider.region)
    total, self_paid, over_limit, first_pay = visit_lines.sums(split)
    assert total == claim.total, "the parts of the lines sum to the bill"
    setting, code = rules.care_code(bill)
    visit = Visit(
        person_id=person_id,
        visit_id=work.new_id(),
        provider_code=provider.provider_code,
        setting=setting,
        care_code=code,
        state="settled",
        insurance=coverage.insurance_of(enrolment),
        insured_region=enrolment.region,
        treatment_region=provider.region,
        number=bill.invoice,
        begun_at=rules.noon(bill.begun_on),
        ended_at=rules.noon(bill.ended_on),
        diagnoses=(),
        disease=bill.disease,
        details={"claim_id": str(claim.claim_id), "provider_name": bill.provider_name},
        version=1,
    )
    case = pricing.Case(
        person=insured.person,
        enrolment=enrolment,
        policy=policy,
        care=bill.care,
        on=on,
        bill=Bill(total, self_paid, over_limit, first_pay),
        visit=visit,
        days=(bill.ended_on - bill.begun_on).days if setting == "inpatient" else 0,
        filing=rules.filing_of(bill, filings, enrolment),
    )
    sender = _sender(claim, provider, actor)
    quoted = pricing.price(case, sender, work, False, bill.invoice, False, commit=False)
    decision = Decision(msgspec.structs.replace(quoted, channel="claim"), split, suspects)
    return Decided(decision, case, sender, work)


Shared = dict[tuple[str, str, str], int]


async def shared_accounts(platform: Platform, person_id: int) -> Shared:
    """The shared accounts a claim of the person may post to. Asked for before the transaction that
    posts, so that none waits for a second connection while it holds one."""
    async with platform.database.transaction(readonly=True) as connection:
        enrolments = await people.enrolments(connection, person_id)
    names = {("agency", one.region, _PAYABLE) for one in enrolments}
    names |= {
        ("fund", one.region, fund)
        for one in enrolments
        if one.insurance in settling.FUND_OF
        for fund in settling.FUND_OF[one.insurance].values()
    }
    return await ledger.shared(platform, *names)


async def approve(
    connection: Connection, decided: Decided, shared: Shared, actor: Actor
) -> Settlement:
    """Write the settlement: the funds owe the person what they pay, the year counts it."""
    work, case, quoted = decided.work, decided.case, decided.decision.settlement
    settling.assert_sums(quoted)
    batch = FeeBatch(
        quoted.person_id, quoted.visit_id, work.new_id(), "", None, len(decided.decision.lines),
        quoted.total, quoted.self_paid, quoted.over_limit, quoted.first_pay, 1,
    )  # fmt: skip
    settlement = msgspec.structs.replace(
        quoted, settlement_id=work.new_id(), batches=[batch.batch_id]
    )
    if settlement.funds:
        funds = settling.FUND_OF[settlement.insurance]
        parts = [(funds[layer], getattr(settlement, layer)) for layer in settling.FUNDS]
        payable = ("agency", settlement.insured_region, _PAYABLE)
        person_id = settlement.person_id
        entries = [
            Entry(person_id, shared["fund", settlement.insured_region, fund], -amount)
            for fund, amount in parts
            if amount
        ]
        entries.append(Entry(person_id, shared[payable], settlement.funds))
        done = work.book.post(
            _command(settlement, "medical_claim", actor), entries, _detail(settlement)
        )
        settlement = msgspec.structs.replace(settlement, transaction_id=done.transaction_id)
    work.add_to_year(
        (settlement.person_id, settlement.insurance, settlement.year_starts_on), settlement.added
    )
    work.new_settlements.append(settlement)
    work.new_visits.append(case.visit)
    work.new_batches.append(
        (
            msgspec.structs.replace(batch, settlement_id=settlement.settlement_id),
            decided.decision.lines,
        )
    )
    await change_together(connection, work.changes())
    return settlement


def _command(settlement: Settlement, kind: str, actor: Actor) -> Command:
    return Command(
        person_id=settlement.person_id,
        key=f"{kind}:{settlement.settlement_id}",
        content_hash=ledger.digest([kind, settlement.settlement_id]),
        kind=kind,
        actor=actor,
    )


def _detail(settlement: Settlement) -> dict[str, object]:
    return {"settlement_id": str(settlement.settlement_id), "claim": settlement.message_id}


async def card_account(connection: Connection, person_id: int) -> Account:
    """The open bank account of the person's card; raises NoCardAccount."""
    card = (await cards.current_cards(connection, [person_id])).get(person_id)
    if card is None or card.account_id is None:
        raise NoCardAccount(
            "社保卡没有绑定银行账户，不能打款；请先到发卡银行激活或绑定账户",
            "no bank account is bound to the person's card, so nothing can be paid to it; the issuing"
            " bank opens one",
            "account",
        )
    found = await ledger.account(connection, person_id, card.account_id)
    if found.state == "closed":
        raise NoCardAccount(
            f"社保卡绑定的银行账户（尾号 {found.number_tail}）已销户，请先到发卡银行重新绑定",
            f"the bank account of the card (ending {found.number_tail}) is closed; the issuing bank"
            " binds another",
            "account",
        )
    return found


async def pay(
    platform: Platform, connection: Connection, claim: Claim, shared: Shared, actor: Actor
) -> int | None:
    """Pay what was approved to the card's bank account; social money: no limit and no freeze stops
    it. The transaction, or None where the funds pay nothing."""
    settlement = await _settlement(connection, claim)
    if not settlement.funds:
        return None
    account = await card_account(connection, claim.person_id)
    payable = ("agency", settlement.insured_region, _PAYABLE)
    book = await ledger.open_book(platform, connection, accounts=[account.key])
    done = book.post(
        _command(settlement, "medical_claim_payment", actor),
        [
            Entry(*account.key, settlement.funds),
            Entry(claim.person_id, shared[payable], -settlement.funds),
        ],
        _detail(settlement),
    )
    await ledger.write(connection, book)
    return done.transaction_id


async def _settlement(connection: Connection, claim: Claim) -> Settlement:
    assert claim.settlement_id is not None, "an approved claim has a settlement"
    key = (claim.person_id, claim.settlement_id)
    return (await visits_store.settlements(connection, [key]))[key]


async def reverse(
    platform: Platform, connection: Connection, claim: Claim, actor: Actor
) -> Settlement:
    """Take the settlement back, and what was paid from the account it was paid to.

    Raises ClaimRefused where that account is closed, InsufficientFunds where the money is gone.
    """
    first = await _settlement(connection, claim)
    work = Work(platform, CatalogBook())
    year_key = (first.person_id, first.insurance, first.year_starts_on)
    work.years, _ = await ask(
        connection,
        visits_store.accumulators([first.person_id], first.year_starts_on - timedelta(days=1)),
    )
    visits, _ = await ask(connection, visits_store.visits([(first.person_id, first.visit_id)]))
    (visit,) = visits.values()
    work.book, work.medical = await medical_accounts.open_book(
        platform, connection, [first.person_id]
    )
    provider = await medical_store.provider(connection, first.provider_code)
    sender = _sender(claim, provider or rules.made_up_provider(claim.bill, ""), actor)
    reversal = reversing.negated(first, work.new_id(), sender, work)
    taken_back = [one for one in (claim.payment_id, first.transaction_id) if one is not None]
    done = {
        one.transaction_id: one
        for one in await ledger.transactions(
            connection, [(first.person_id, one) for one in taken_back]
        )
    }
    if claim.payment_id is not None:
        await _recover(connection, work, done[claim.payment_id], reversal, actor)
    if first.transaction_id is not None:
        back = work.book.post(
            _command(reversal, "medical_claim_reversal", actor),
            _negated(done[first.transaction_id]),
            _detail(reversal),
            reverses=first.transaction_id,
        )
        reversal = msgspec.structs.replace(reversal, transaction_id=back.transaction_id)
    own = work.medical.get(first.person_id)
    work.new_settlements.append(
        msgspec.structs.replace(reversal, balance_after=own.balance if own else 0)
    )
    work.add_to_year(year_key, first.added, -1)
    work.changed_states.append(msgspec.structs.replace(visit, state="cancelled"))
    await change_together(connection, work.changes())
    return reversal


async def _recover(
    connection: Connection, work: Work, paid: Transaction, reversal: Settlement, actor: Actor
) -> None:
    account = await ledger.account(connection, paid.persons[0], paid.accounts[0])
    if account.state == "closed":
        text = Text(
            f"报销款已打入的银行账户（尾号 {account.number_tail}）已销户，不能从中收回，"
            "请先与本人联系退款",
            f"the account that was paid (ending {account.number_tail}) is closed; nothing can be"
            " taken back from it, arrange it with the person first",
        )
        raise ClaimRefused(text.zh, text.en, "account")
    work.book.give_account(account)
    work.book.post(
        _command(reversal, "medical_claim_recovery", actor),
        _negated(paid),
        _detail(reversal),
        reverses=paid.transaction_id,
    )


def _negated(one: Transaction) -> list[Entry]:
    return [Entry(entry.person_id, entry.account_id, -entry.amount) for entry in one.entries()]
