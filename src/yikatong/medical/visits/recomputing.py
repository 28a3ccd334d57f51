"""Recomputing settlements (重算): each computed again from what was stored, to the same fen.

One snapshot of the database, read by ranges of persons, so that memory stays bounded and the
platform may go on meanwhile.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import date, datetime, time
from typing import Final

import msgspec

from yikatong.core.clock import SHANGHAI
from yikatong.core.database import Connection
from yikatong.core.money import Fen
from yikatong.core.platform import Platform
from yikatong.medical.visits import lines
from yikatong.medical.visits import recomputing_store as store
from yikatong.medical.visits.model import FeeBatch, Settlement, SplitLine
from yikatong.medical.visits.recomputing_store import YearKey
from yikatong.medical.visits.reversing import AMOUNTS
from yikatong.medical.visits.settling import FUND_OF, FUNDS, OWED_BY
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.model import Transaction
from yikatong.policies import rules as policy_rules
from yikatong.policies import service as policies
from yikatong.policies.errors import NoPolicyOnFile
from yikatong.policies.model import Policy, YearToDate

RANGE: Final = 100
"""Persons of one range."""
SHOWN_MAX: Final = 20
"""Of each kind of difference so many are named; all are counted."""

PolicyKey = tuple[str, str, date]
_YEAR: Final = YearToDate.__struct_fields__
_KINDS: Final = {
    ("direct", False): "settlement",
    ("direct", True): "reversal",
    ("claim", False): "medical_claim",
    ("claim", True): "medical_claim_reversal",
}
"""How the ledger's transaction of a settlement is named, by channel and whether it is a reversal."""
_SAME_IN_A_REVERSAL: Final = (
    "visit_id", "provider_code", "channel", "interim", "setting", "care_code", "insurance",
    "insured_region", "treatment_region", "policy_from", "year_starts_on", "inputs", "batches",
)  # fmt: skip


class Difference(msgspec.Struct, frozen=True):
    """Something that is not as it is computed again."""

    check: str
    where: str
    expected: str
    found: str


class Recomputation(msgspec.Struct):
    """What was computed again and where it differs."""

    persons: int = 0
    settlements: int = 0
    reversals: int = 0
    lines: int = 0
    years: int = 0
    differences_count: int = 0
    differences: list[Difference] = msgspec.field(default_factory=list[Difference])

    @property
    def agrees(self) -> bool:
        return self.differences_count == 0

    def compare(self, check: str, where: str, expected: object, found: object) -> None:
        """Note a difference where there is one."""
        if expected == found:
            return
        self.differences_count += 1
        if sum(one.check == check for one in self.differences) < SHOWN_MAX:
            self.differences.append(Difference(check, where, str(expected), str(found)))


class _Facts(msgspec.Struct):
    """What does not change while the snapshot is read."""

    policies: dict[PolicyKey, Policy]
    shared: dict[int, str]
    """Names of the ledger's shared accounts."""
    pooling: dict[str, str]
    """The region that pays a provider."""


async def recompute(
    platform: Platform,
    *,
    sample: int | None = None,
    since: date | None = None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> Recomputation:
    """Compute settlements again: of all persons, or of `sample` persons drawn by chance; with
    `since`, those made from that day on. `progress` hears persons done and in all."""
    found = Recomputation()
    moment = None if since is None else datetime.combine(since, time(), SHANGHAI)
    async with platform.database.transaction() as connection:
        await connection.execute("set transaction isolation level repeatable read, read only")
        await connection.execute("set local statement_timeout = 0")
        await connection.execute("set local idle_in_transaction_session_timeout = 0")
        facts = await _facts(connection)
        count = await store.count_persons(connection, moment)
        count = count if sample is None else min(sample, count)
        async for persons in _ranges(connection, sample, moment):
            await _check(connection, persons, moment, facts, found)
            progress(found.persons, count)
    return found


async def _ranges(
    connection: Connection, sample: int | None, since: datetime | None
) -> AsyncIterator[Sequence[int]]:
    if sample is not None:
        drawn = await store.drawn_persons(connection, since, sample)
        for at in range(0, len(drawn), RANGE):
            yield drawn[at : at + RANGE]
        return
    after = -1
    while persons := await store.persons_after(connection, after, since, RANGE):
        yield persons
        after = persons[-1]


async def _facts(connection: Connection) -> _Facts:
    return _Facts(
        policies={
            (one.region, one.insurance, one.starts_on): one for one in policies.load().policies()
        },
        shared={
            one.account_id: _name(one.kind, one.owner, one.purpose)
            for one in await ledger.shared_accounts(connection)
        },
        pooling=await store.pooling_regions(connection),
    )


async def _check(
    connection: Connection,
    persons: Sequence[int],
    since: datetime | None,
    facts: _Facts,
    found: Recomputation,
) -> None:
    """Everything of a range of persons; what is older than `since` only counts into sums."""
    all_of_them = await store.settlements_of_persons(connection, persons)
    by_key = {(one.person_id, one.settlement_id): one for one in all_of_them}
    asked = [one for one in all_of_them if since is None or one.settled_at >= since]
    reversals: dict[tuple[int, int], list[Settlement]] = defaultdict(list)
    for one in all_of_them:
        if one.reverses is not None:
            reversals[one.person_id, one.reverses].append(one)

    uploads: dict[tuple[int, int], dict[int, tuple[FeeBatch, list[SplitLine]]]] = defaultdict(dict)
    visits = list({(one.person_id, one.visit_id) for one in asked})
    for batch, held in await store.batches(connection, visits):
        uploads[batch.person_id, batch.visit_id][batch.batch_id] = (batch, held)
        _check_upload(batch, held, by_key, reversals, found)

    keys = [(one.person_id, one.transaction_id) for one in asked if one.transaction_id is not None]
    posted = {
        (one.person_id, one.transaction_id): one
        for one in await ledger.transactions(connection, keys)
    }
    for one in asked:
        if one.reverses is None:
            found.settlements += 1
            _check_amounts(one, facts, found)
            if (one.person_id, one.settlement_id) not in reversals:
                _check_bill(one, uploads[one.person_id, one.visit_id], found)
        else:
            found.reversals += 1
            _check_reversal(one, by_key, reversals, found)
        _check_sums(one, found)
        _check_ledger(one, by_key, posted, facts, found)
    await _check_years(connection, persons, all_of_them, found)
    found.persons += len(persons)


def _where(one: Settlement) -> str:
    return f"{one.person_id}/{one.settlement_id}"


# ---- a settlement ----


def _check_amounts(one: Settlement, facts: _Facts, found: Recomputation) -> None:
    """The policy, applied again to what it was applied to, pays the same parts."""
    where, facts_of = _where(one), one.inputs
    key = (one.insured_region, one.insurance, one.policy_from)
    policy = facts.policies.get(key)
    if policy is None:
        found.compare("the policy is on file", where, " ".join(map(str, key)), "no longer on file")
        return
    try:
        quote = policy_rules.quote(facts_of, policy)
    except (NoPolicyOnFile, AssertionError) as error:
        # The file says nothing on this care any more, or what it was applied to makes no sense.
        found.compare("the policy gives the same", where, "an amount", repr(error)[:200])
        return
    own = sum(step.pays for step in quote.steps if step.layer == "medical_account")
    expected: dict[str, object] = {
        "total": quote.total,
        "self_paid": facts_of.bill.self_paid,
        "over_limit": facts_of.bill.over_limit,
        "first_pay": facts_of.bill.first_pay,
        "deductible": quote.deductible,
        **{fund: getattr(quote, fund) for fund in FUNDS},
        "medical_account": own,
        "family_account": quote.medical_account - own,
        "cash": quote.cash,
        "insured_region": facts_of.person.region,
        "insurance": facts_of.person.insurance,
        "treatment_region": facts_of.visit.region,
        "year_starts_on": policy.year_start(facts_of.visit.on),
    }
    for name, value in expected.items():
        found.compare("the policy gives the same", f"{where} {name}", value, getattr(one, name))
    added = policy_rules.added_to_year(facts_of, quote)
    found.compare("the policy adds the same to the year", where, added, one.added)


def _check_sums(one: Settlement, found: Recomputation) -> None:
    """Funds, accounts and cash are the total; no part has another sign than the whole."""
    where = _where(one)
    found.compare("the parts sum to the total", where, one.total, one.funds + one.person)
    parts = (
        one.self_paid, one.over_limit, one.first_pay, one.in_scope, one.medical_account,
        one.family_account, one.cash, *(getattr(one, name) for name in FUNDS),
    )  # fmt: skip
    sign = 1 if one.reverses is None else -1
    wrong = [part for part in (one.total, *parts) if part * sign < 0]
    found.compare("no part has the wrong sign", where, [], wrong)


def _check_bill(
    one: Settlement,
    uploads: dict[int, tuple[FeeBatch, list[SplitLine]]],
    found: Recomputation,
) -> None:
    """The bill of a settlement that stands is the sum of the lines it took."""
    where = _where(one)
    taken = sorted(
        batch.batch_id for batch, _ in uploads.values() if batch.settlement_id == one.settlement_id
    )
    found.compare("the uploads it took are its own", where, sorted(one.batches), taken)
    if one.channel == "claim" and not one.batches:
        return
    sums = [lines.sums(uploads[batch][1]) for batch in one.batches if batch in uploads]
    found.compare(
        "the bill is the sum of its lines",
        where,
        tuple(map(sum, zip(*sums, strict=True))) if sums else (0, 0, 0, 0),
        (one.total, one.self_paid, one.over_limit, one.first_pay),
    )


def _check_upload(
    batch: FeeBatch,
    held: list[SplitLine],
    settlements: dict[tuple[int, int], Settlement],
    reversals: dict[tuple[int, int], list[Settlement]],
    found: Recomputation,
) -> None:
    where = f"{batch.person_id}/{batch.visit_id}/{batch.batch_id}"
    found.lines += len(held)
    for line in held:
        found.compare(
            "a line's split follows from its terms",
            f"{where} {line.number}",
            lines.again(line),
            (line.self_paid, line.over_limit, line.first_pay),
        )
    found.compare(
        "an upload's sums are those of its lines",
        where,
        (len(held), *lines.sums(held)),
        (batch.lines_count, batch.total, batch.self_paid, batch.over_limit, batch.first_pay),
    )
    if batch.settlement_id is not None:
        key = (batch.person_id, batch.settlement_id)
        by = settlements.get(key)
        # A sale at a pharmacy and a claim keep their lines where they are reversed; nothing settles
        # them again.
        stands = by is not None and (
            by.setting == "pharmacy" or by.channel == "claim" or key not in reversals
        )
        found.compare("an upload was taken by a settlement that stands", where, True, stands)


def _check_reversal(
    one: Settlement,
    settlements: dict[tuple[int, int], Settlement],
    reversals: dict[tuple[int, int], list[Settlement]],
    found: Recomputation,
) -> None:
    where, key = _where(one), (one.person_id, one.reverses or 0)
    first = settlements.get(key)
    if first is None or first.reverses is not None:
        found.compare("a reversal takes back a settlement", where, one.reverses, first)
        return
    found.compare("a settlement is reversed once", where, 1, len(reversals[key]))
    for name in AMOUNTS:
        found.compare(
            "a reversal negates",
            f"{where} {name}",
            -getattr(first, name),
            getattr(one, name),
        )
    added = {name: -amount for name, amount in first.added.items()}
    found.compare("a reversal negates", f"{where} added", added, one.added)
    for name in _SAME_IN_A_REVERSAL:
        found.compare(
            "a reversal is of the same", f"{where} {name}", getattr(first, name), getattr(one, name)
        )


# ---- the ledger ----


def _name(kind: str, owner: str, purpose: str) -> str:
    return f"{kind} {owner} {purpose}"


def _check_ledger(
    one: Settlement,
    settlements: dict[tuple[int, int], Settlement],
    posted: dict[tuple[int, int], Transaction],
    facts: _Facts,
    found: Recomputation,
) -> None:
    """The transaction of a settlement has its parts, and nothing else."""
    where, done = _where(one), posted.get((one.person_id, one.transaction_id or 0))
    expected = _entries(one, facts)
    found.compare(
        "the ledger has the parts",
        where,
        expected,
        {} if done is None else _as_posted(one, done, facts),
    )
    if done is not None:
        kind = _KINDS[one.channel, one.reverses is not None]
        found.compare(
            "the ledger names the settlement", where, f"{kind}:{one.settlement_id}", done.key
        )
        first = settlements.get((one.person_id, one.reverses or 0))
        reversed_one = None if first is None else first.transaction_id
        found.compare("the ledger names what is reversed", where, reversed_one, done.reverses)


def _entries(one: Settlement, facts: _Facts) -> dict[str, Fen]:
    """What the ledger should hold, by account."""
    parts: dict[str, Fen] = defaultdict(int)
    funds = FUND_OF[one.insurance]
    for layer in FUNDS:
        parts[_name("fund", one.insured_region, funds[layer])] -= getattr(one, layer)
    if one.channel == "direct":
        parts["the person's account"] -= one.medical_account
        parts["relatives' accounts"] -= one.family_account
        due = one.funds + one.medical_account + one.family_account
        parts[_name("provider", one.provider_code, "due")] += due
        treated = facts.pooling.get(one.provider_code, one.treatment_region)
        if treated != one.insured_region:
            parts[_name("agency", treated, f"{OWED_BY}{one.insured_region}")] += due
            parts[_name("agency", treated, "owed to providers for others")] -= due
    return {name: amount for name, amount in parts.items() if amount}


def _as_posted(one: Settlement, done: Transaction, facts: _Facts) -> dict[str, Fen]:
    parts: dict[str, Fen] = defaultdict(int)
    for entry, balance in zip(done.entries(), done.balances, strict=True):
        if balance is None:
            name = facts.shared.get(entry.account_id, f"account {entry.account_id}")
        elif entry.person_id == one.person_id:
            name = "the person's account"
        else:
            name = "relatives' accounts"
        # Of a claim by hand the ledger pays the card; here its funds are compared.
        if one.channel == "direct" or name.startswith("fund "):
            parts[name] += entry.amount
    return {name: amount for name, amount in parts.items() if amount}


# ---- the years ----


async def _check_years(
    connection: Connection,
    persons: Sequence[int],
    settlements: Sequence[Settlement],
    found: Recomputation,
) -> None:
    """Each year: what was carried over, then settlement after settlement, is what it adds up to."""
    stored, carried = await store.years(connection, persons)
    of_year: dict[YearKey, list[Settlement]] = defaultdict(list)
    for one in settlements:
        of_year[one.person_id, one.insurance, one.year_starts_on].append(one)
    for key in sorted({*stored, *carried, *of_year}):
        found.years += 1
        where = " ".join(map(str, key))
        begun = carried.get(key, {})
        state = {name: begun.get(name, 0) for name in _YEAR}
        found.compare("what was carried over is known", where, [], sorted({*begun} - {*_YEAR}))
        _go_through(of_year.get(key, ()), state, found)
        year = stored.get(key, YearToDate())
        found.compare(
            "the year is what was carried over and settled",
            where,
            {name: amount for name, amount in state.items() if amount},
            {name: amount for name in _YEAR if (amount := getattr(year, name))},
        )


def _go_through(
    settlements: Sequence[Settlement], state: dict[str, int], found: Recomputation
) -> None:
    """Each settlement started from what those before it left.

    Two processes may draw numbers in one order and commit in the other: the next is the first that
    starts from where the year stands.
    """
    waiting = list(settlements)
    while waiting:
        year = YearToDate(**state)
        at = next(
            (
                at
                for at, one in enumerate(waiting)
                if one.reverses is not None or one.inputs.year_to_date == year
            ),
            None,
        )
        one = waiting.pop(at or 0)
        if at is None:
            found.compare(
                "the year goes on from the settlements before",
                _where(one),
                {name: amount for name, amount in state.items() if amount},
                {name: n for name in _YEAR if (n := getattr(one.inputs.year_to_date, name))},
            )
        for name, amount in one.added.items():
            state[name] = state.get(name, 0) + amount
