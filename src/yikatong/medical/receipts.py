"""Receipts (结算单): a settlement with every step, computed again from what was stored with it."""

from typing import Literal

import msgspec

from yikatong.core.database import Connection
from yikatong.core.money import Fen
from yikatong.core.platform import Platform
from yikatong.core.together import ask
from yikatong.medical import store as medical_store
from yikatong.medical.visits import lines as visit_lines
from yikatong.medical.visits import store as visits_store
from yikatong.medical.visits.errors import NoSuchSettlement
from yikatong.medical.visits.model import Settlement, SplitLine, Visit, card_payment_key
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.model import Transaction
from yikatong.people import service as people
from yikatong.policies import rules as policy_rules
from yikatong.policies import service as policies
from yikatong.policies.errors import NoPolicyOnFile
from yikatong.policies.model import Quote, YearToDate
from yikatong.trust import audit
from yikatong.trust.audit import Actor

Recomputed = Literal["agrees", "differs", "policy_missing"]
"""Whether the stored amounts come out again; policy_missing: the policy is no longer on file."""

RECEIPTS_MAX = 200


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a receipt tells."""

    settlement: Settlement
    """Of a reversal every amount is negative."""
    name: str
    provider_name: str
    visit: Visit
    quote: Quote | None
    """Computed again; of a reversal, the quote of what was taken back."""
    recomputed: Recomputed
    lines: tuple[SplitLine, ...]
    """Empty where they were changed since, as lines of a reversed settlement may be."""
    reversed_by: Settlement | None
    card_payment: Transaction | None
    """How the cash part was paid from the card, where it was."""
    paid_back: bool
    """Whether that went back to the account."""

    def accumulated(self) -> list[tuple[str, int, int]]:
        """The year before and after the settlement, by name; nothing of a reversal, which stores
        only what it took back."""
        added = self.settlement.added
        if self.settlement.reverses is not None:
            return []
        before = self.settlement.inputs.year_to_date
        return [
            (name, getattr(before, name), getattr(before, name) + added.get(name, 0))
            for name in YearToDate.__struct_fields__
            if added.get(name) or getattr(before, name)
        ]


async def read(
    platform: Platform, connection: Connection, person_id: int, settlement_id: int, actor: Actor
) -> Receipt:
    """A receipt; the look is recorded. Raises NoSuchSettlement."""
    key = (person_id, settlement_id)
    found = (await visits_store.settlements(connection, [key])).get(key)
    if found is None:
        raise NoSuchSettlement
    visit_key = (person_id, found.visit_id)
    visits, _ = await ask(connection, visits_store.visits([visit_key]))
    of_visit = (await visits_store.settlements_of_visits(connection, [visit_key]))[visit_key]
    paid, paid_back = await _card_payment(connection, found)
    quote, recomputed = recompute(found)
    provider = await medical_store.provider(connection, found.provider_code)
    person = await people.get(connection, person_id)
    await audit.record(
        connection, actor, platform.clock.now(), person_id, "settlement.read",
        {"settlement_id": str(settlement_id)},
    )  # fmt: skip
    visit = visits[visit_key]
    return Receipt(
        settlement=found,
        name=person.name,
        provider_name=provider.name if provider else str(visit.details.get("provider_name", "")),
        visit=visit,
        quote=quote,
        recomputed=recomputed,
        lines=await _lines(connection, found),
        reversed_by=next((one for one in of_visit if one.reverses == settlement_id), None),
        card_payment=paid,
        paid_back=paid_back,
    )


async def of_person(
    platform: Platform,
    connection: Connection,
    person_id: int,
    actor: Actor,
    limit: int = RECEIPTS_MAX,
) -> list[tuple[Settlement, str]]:
    """The newest settlements and reversals of a person, each with the provider's name; the look is
    recorded. Raises NotFound for nobody."""
    await people.get(connection, person_id)
    found = await visits_store.settlements_of_person(connection, person_id, limit)
    await audit.record(connection, actor, platform.clock.now(), person_id, "settlement.list_read")
    if not found:
        return []
    keys = list({(person_id, one.visit_id) for one in found})
    visits, _ = await ask(connection, visits_store.visits(keys))
    codes = sorted({one.provider_code for one in found})
    names = await medical_store.provider_names(connection, codes)
    return [
        (
            one,
            names.get(one.provider_code)
            or str(visits[person_id, one.visit_id].details.get("provider_name", "")),
        )
        for one in found
    ]


async def _card_payment(connection: Connection, one: Settlement) -> tuple[Transaction | None, bool]:
    settlement_id = one.reverses or one.settlement_id
    key = (one.person_id, card_payment_key(settlement_id))
    for paid in await ledger.transactions_by_key(connection, [key]):
        _, back = await ledger.transaction(connection, one.person_id, paid.transaction_id)
        return paid, back is not None
    return None, False


async def _lines(connection: Connection, one: Settlement) -> tuple[SplitLine, ...]:
    by_batch = await ask(connection, visits_store.lines([(one.person_id, one.visit_id)]))
    found = tuple(
        line
        for (_, _, batch_id), lines in by_batch.items()
        if batch_id in one.batches
        for line in lines
    )
    mine = (one.total, one.self_paid, one.over_limit, one.first_pay)
    return found if visit_lines.sums(found) == tuple(abs(part) for part in mine) else ()


def recompute(one: Settlement) -> tuple[Quote | None, Recomputed]:
    """The quote of what was stored, by the policy of then, and whether its amounts are the stored."""
    facts = one.inputs.person
    try:
        policy = policies.load().find(facts.region, facts.insurance, one.policy_from)
    except NoPolicyOnFile:
        return None, "policy_missing"
    quote = policy_rules.quote(one.inputs, policy)
    sign = 1 if one.reverses is None else -1
    pairs: list[tuple[Fen, Fen]] = [
        (getattr(quote, name), sign * getattr(one, name))
        for name in (
            "total", "in_scope", "deductible", "pooled", "large_amount", "serious_illness",
            "civil_servant", "assistance", "cash",
        )
    ]  # fmt: skip
    pairs.append((quote.medical_account, sign * (one.medical_account + one.family_account)))
    return quote, "agrees" if all(mine == theirs for mine, theirs in pairs) else "differs"
