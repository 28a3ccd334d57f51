"""The work of one batch: everything its orders need, read at once; what they change, written at once.

Each person's order stands alone in a batch (`core.coalescing`, apart), so orders share nothing but
relatives' medical accounts.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

import msgspec

from yikatong.cards import service as cards
from yikatong.cards.model import Card
from yikatong.core import ids
from yikatong.core.database import Connection
from yikatong.core.money import Fen
from yikatong.core.platform import Platform
from yikatong.core.together import Change, Query, ask, ask_together
from yikatong.identity.ecards.errors import CodeRefused
from yikatong.identity.ecards.model import OpenedCode
from yikatong.identity.ecards.redeeming import Shown, redeem
from yikatong.medical.catalog_book import CatalogBook
from yikatong.medical.claims import store as claims_store
from yikatong.medical.claims.model import Claim, ClaimLine
from yikatong.medical.filings import rules as filing_rules
from yikatong.medical.filings import service as filings
from yikatong.medical.filings import store as filings_store
from yikatong.medical.filings.model import AtHome
from yikatong.medical.filings.terms import NoFilingRules
from yikatong.medical.model import ChronicRegistration, Filing
from yikatong.medical.visits import orders, store
from yikatong.medical.visits.coverage import CareFile
from yikatong.medical.visits.errors import CareRefused, NoSuchPerson
from yikatong.medical.visits.model import (
    CARE_OF,
    FeeBatch,
    Settlement,
    SplitLine,
    Visit,
    card_payment_key,
)
from yikatong.medical.visits.orders import Certificate, Order, Sender
from yikatong.medical.visits.store import Message
from yikatong.money import medical as medical_accounts
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.book import Book
from yikatong.money.ledger.model import Account, Transaction
from yikatong.money.medical import FamilyLink
from yikatong.people import service as people
from yikatong.people.model import Enrolment, Insured, Person, SpecialGroup
from yikatong.policies.model import YearToDate

Keep = Callable[[Connection, Any], Awaitable[None]]
"""What becomes of an answer."""
VisitKey = tuple[int, int]
YearKey = tuple[int, str, date]

_ONCE_A_CODE: Final = (orders.Identify, orders.Register, orders.Admit)
"""Orders that each take the code of an e-card once."""
_NEEDS_MONEY: Final = (orders.Settle, orders.Sell, orders.Reverse, orders.Identify)
_NEEDS_LINES: Final = (orders.AddLines, orders.WithdrawLines)
_NEEDS: Final[dict[type[Any], tuple[str, ...]]] = {
    # Those that decide about coverage ask for filings, diseases, chosen providers.
    orders.Register: ("deciding", "ill"),
    orders.Admit: ("deciding", "ill", "staying"),
    orders.Sell: ("deciding", "ill", "years", "money"),
    orders.CheckEntitlement: ("deciding", "ill", "years"),
    orders.Identify: ("deciding", "ill", "money"),
    orders.AskChronic: ("ill",),
    orders.AskAccumulated: ("years",),
    orders.Settle: ("years", "money"),
    # A reversal opens a settled stay again, and a person has one open stay at a time.
    orders.Reverse: ("years", "money", "staying"),
}
"""What is read of the person, by kind of order (the fields of `_Asked`)."""
_YEARS_BACK: Final = timedelta(days=1500)
"""A visit may have begun two years ago, in a policy year a year older, and be settled months later."""


class Job(msgspec.Struct, eq=False):
    """An order with who sent it, and what it came to."""

    sender: Sender
    order: Order
    acts_as: Order | None = None
    """What a reversal by message id comes down to; None: nothing is to be done."""
    shown: OpenedCode | CodeRefused | None = None
    """Of an order that shows an e-card: what its code says, or why it says nothing."""
    original: Message | None = None
    """Of a reversal by message id: the message it takes back, where it came."""

    @property
    def effective(self) -> Order:
        return self.acts_as or self.order


class _Asked(msgspec.Struct):
    """What to ask for: persons, and visits."""

    persons: dict[int, None] = {}
    visits: dict[VisitKey, None] = {}
    deciding: list[int] = []
    settling: list[int] = []
    shown: list[int] = []
    """Who showed the card itself."""
    ill: list[int] = []
    years: list[int] = []
    money: list[int] = []
    members: list[int] = []
    """Whose relatives' accounts may pay."""
    staying: list[int] = []
    uploads: list[VisitKey] = []


class Work:
    """What was read for a batch, and what its orders have changed so far."""

    def __init__(self, platform: Platform, catalog: CatalogBook) -> None:
        self.platform = platform
        self.catalog = catalog
        self.now: datetime = platform.clock.now()
        self.today: date = self.now.date()
        self.persons: dict[int, Person] = {}
        self.id_numbers: dict[int, str] = {}
        self._sealed: dict[int, bytes] = {}
        self.certificates: dict[tuple[str, str], int] = {}
        """Persons by kind and number of what was shown; unknown ones are left out."""
        self.enrolments: dict[int, tuple[Enrolment, ...]] = {}
        self.cards: dict[int, Card] = {}
        self.refused_codes: dict[str, CodeRefused] = {}
        """Why codes of e-cards that were shown prove nothing."""
        self.shown_cards: dict[str, int] = {}
        """Card ids by number."""
        self.groups: dict[int, tuple[SpecialGroup, ...]] = {}
        self.filings: dict[int, list[Filing]] = {}
        self.chronic: dict[int, list[ChronicRegistration]] = {}
        self.selected: dict[int, list[str]] = {}
        self.visits: dict[VisitKey, Visit] = {}
        self.stays: dict[int, Visit] = {}
        self.batches: dict[VisitKey, list[FeeBatch]] = {}
        self.lines: dict[tuple[int, int, int], list[SplitLine]] = {}
        self.settlements: dict[VisitKey, list[Settlement]] = {}
        self.years: dict[YearKey, tuple[YearToDate, int]] = {}
        self.claimed: dict[int, list[tuple[Claim, tuple[ClaimLine, ...]]]] = {}
        """Bills that were claimed by hand and settled so, with their lines."""
        self.payers: dict[int, list[FamilyLink]] = {}
        self.reversed_transactions: dict[tuple[int, int], Transaction] = {}
        self.card_payments: dict[tuple[int, int], Transaction] = {}
        """How cash parts were paid from the card, by person and settlement; read for reversals."""
        self.shared: dict[tuple[str, str, str], int] = {}
        """Shared accounts that settlements post to, by kind, owner and purpose."""
        self.book = Book((), draw_id=self.new_id)
        self.medical: dict[int, Account] = {}
        """The open medical account by person."""
        self.new_visits: list[Visit] = []
        self.changed_visits: list[Visit] = []
        self.changed_states: list[Visit] = []
        self.new_batches: list[tuple[FeeBatch, Sequence[SplitLine]]] = []
        self.settled_batches: list[tuple[FeeBatch, int | None]] = []
        self.rewritten_batches: list[tuple[FeeBatch, Sequence[SplitLine]]] = []
        self.new_settlements: list[Settlement] = []
        self.changed_years: dict[YearKey, tuple[int, YearToDate]] = {}
        self.spent: dict[tuple[int, int], tuple[FamilyLink, int, Fen]] = {}
        self.undone: list[tuple[str, str, str]] = []
        self.new_messages: list[Message] = []
        self._claimants: set[int] = set()
        """Persons who have claims by hand that stand."""
        self._accounts: list[Account] = []

    def new_id(self) -> int:
        return ids.new_id(self.now)

    # ---- looking up ----

    def person(self, person_id: int, sender: Sender) -> Person:
        """The person; raises NoSuchPerson, also where a sandbox provider asks for somebody real."""
        found = self.persons.get(person_id)
        if found is None or (sender.sandbox and not found.synthetic):
            raise NoSuchPerson
        return found

    def file(self, person: Person) -> CareFile:
        """What is known of the person where care is concerned."""
        person_id = person.person_id
        return CareFile(
            person=person,
            enrolments=self.enrolments.get(person_id, ()),
            card=self.cards.get(person_id),
            filings=self.filings.get(person_id, ()),
            chronic=self.chronic.get(person_id, ()),
            selected_providers=self.selected.get(person_id, ()),
        )

    def groups_on(self, person_id: int, day: date) -> frozenset[str]:
        """The special groups a person belongs to on a day."""
        return frozenset(
            one.name
            for one in self.groups.get(person_id, ())
            if one.starts_on <= day and (one.ends_on is None or day <= one.ends_on)
        )

    def year(self, key: YearKey) -> tuple[YearToDate, int]:
        """The accumulators of a year and their version; zero and 0 before the first settlement."""
        if key[2] <= self.today - _YEARS_BACK:
            raise CareRefused(
                f"该医保年度（自 {key[2]} 起）早已结束，不能在线办理，请到参保地经办机构办理",
                f"the medical year that began on {key[2]} is long closed; the home agency helps",
            )
        return self.years.get(key, (YearToDate(), 0))

    def add_to_year(self, key: YearKey, added: dict[str, int], sign: int = 1) -> None:
        """Add what a settlement added, or take it back."""
        year, version = self.year(key)
        self.changed_years[key] = (
            version,
            msgspec.structs.replace(
                year,
                **{name: getattr(year, name) + sign * amount for name, amount in added.items()},
            ),
        )

    # ---- reading ----

    async def read(self, connection: Connection, jobs: Sequence[Job]) -> None:
        """Read what the orders need: what nearly all of them need at once, the rest where it is."""
        await self.catalog.refresh(connection)
        await self._read_certificates(connection, jobs)
        await self._redeem_codes(connection, jobs)
        wanted = [(job, job.effective) for job in jobs]
        queries, keep = self._first_queries(wanted)
        answers = await ask_together(connection, queries)
        for kept, answer in zip(keep, answers, strict=True):
            await kept(connection, answer)
        self._open_id_numbers(wanted)
        await self._read_further(connection, wanted)
        if self.settlements:
            await self._read_reversed(connection, wanted)

    def _first_queries(
        self, wanted: Sequence[tuple[Job, Order]]
    ) -> tuple[list[Query[Any]], list[Keep]]:
        """What to ask at once, and what becomes of each answer."""
        queries: list[Query[Any]] = []
        keep: list[Keep] = []

        def add(query: Query[Any], kept: Keep) -> None:
            queries.append(query)
            keep.append(kept)

        asked = self._asked_for(wanted)
        if asked.visits:
            add(store.visits(list(asked.visits)), self._keep_visits)
        if asked.persons:
            add(people.insured_query(list(asked.persons)), self._keep_persons)
        if asked.deciding or asked.shown:
            add(cards.current_query([*asked.deciding, *asked.shown]), self._keep("cards"))
        if asked.deciding:
            add(store.selected(asked.deciding), self._keep("selected"))
        if filers := [*asked.deciding, *asked.settling]:
            add(filings_store.of_persons(filers), self._keep("filings"))
        if asked.ill:
            add(store.chronic(asked.ill), self._keep("chronic"))
        if asked.years:
            # With the years: whoever decides a claim meanwhile writes the year too.
            add(store.accumulators(asked.years, self.today - _YEARS_BACK), self._keep_years)
        if asked.money:
            add(medical_accounts.accounts_query(asked.money), self._keep_accounts)
        if asked.members:
            add(medical_accounts.payers_query(asked.members), self._keep_payers)
        if asked.uploads:
            add(store.lines(asked.uploads), self._keep("lines"))
        if asked.staying:
            add(store.stays(asked.staying), self._keep("stays"))
        return queries, keep

    def _asked_for(self, wanted: Sequence[tuple[Job, Order]]) -> _Asked:
        """Of whom and of what the orders need to know, found in one pass: most are settlements."""
        asked = _Asked()
        for _, order in wanted:
            person_id = self._person_of(order)
            key = _visit_of(order)
            if key is not None:
                asked.visits[key] = None
            if person_id is None:
                continue
            asked.persons[person_id] = None
            kind = type(order)
            if isinstance(order, orders.Settle):
                asked.settling.append(person_id)
                if order.certificate is not None and order.certificate.kind == "card":
                    asked.shown.append(person_id)
            if isinstance(order, (orders.Settle, orders.Sell)) and order.use_account:
                asked.members.append(person_id)
            for name in _NEEDS.get(kind, ()):
                getattr(asked, name).append(person_id)
            if key is not None and kind in _NEEDS_LINES:
                asked.uploads.append(key)
        return asked

    def _keep(self, name: str) -> Keep:
        async def kept(_connection: Connection, answer: Any) -> None:
            setattr(self, name, answer)

        return kept

    async def _keep_visits(self, _connection: Connection, answer: store.Visits) -> None:
        self.visits, self.batches = answer

    async def _keep_persons(self, _connection: Connection, answer: dict[int, Insured]) -> None:
        for person_id, one in answer.items():
            self.persons[person_id] = one.person
            self.enrolments[person_id] = one.enrolments
            self.groups[person_id] = one.groups
            self._sealed[person_id] = one.id_number_sealed

    async def _keep_years(self, _connection: Connection, answer: store.Years) -> None:
        self.years, self._claimants = answer

    async def _keep_accounts(self, _connection: Connection, answer: Sequence[Account]) -> None:
        self._accounts = list(answer)
        self.book, self.medical = medical_accounts.book_of(self.platform, answer)

    async def _keep_payers(self, connection: Connection, answer: Sequence[tuple[int, int]]) -> None:
        self.payers = await medical_accounts.consents(connection, answer, self.today)

    async def _read_further(
        self, connection: Connection, wanted: Sequence[tuple[Job, Order]]
    ) -> None:
        """What few orders need, which shows only now."""
        settling = [order for _, order in wanted if isinstance(order, orders.Settle)]
        ill = [
            order.person_id
            for order in settling
            if (visit := self.visits.get((order.person_id, order.visit_id))) is not None
            and CARE_OF[order.care_code or visit.care_code][1] == "chronic"
        ]
        if ill:
            self.chronic |= await ask(connection, store.chronic(ill))
        # A visit none of whose lines was settled has no settlements to go on from.
        settled = [
            key
            for _, order in wanted
            if isinstance(order, (orders.Settle, orders.CancelVisit))
            and (key := _visit_of(order)) is not None
            and any(one.settlement_id is not None for one in self.batches.get(key, ()))
        ]
        reversed_visits = [
            key
            for _, order in wanted
            if isinstance(order, orders.Reverse) and (key := _visit_of(order)) is not None
        ]
        if keys := [*settled, *reversed_visits]:
            self.settlements = await store.settlements_of_visits(connection, keys)
        buyers = {
            order.person_id
            for _, order in wanted
            if isinstance(order, (orders.Settle, orders.Sell))
        }
        if bills := self._claimants & buyers:
            await self._read_claimed(connection, wanted, list(bills))
        if self.payers and (owners := await self._living_payers(connection)):
            await self._open_book(connection, {one.person_id for one in self._accounts} | owners)

    def _person_of(self, order: Order) -> int | None:
        if isinstance(order, orders.Identify):
            return self.certificates.get((order.certificate.kind, order.certificate.number))
        return order.person_id

    async def _read_certificates(self, connection: Connection, jobs: Sequence[Job]) -> None:
        """Whose the shown cards are, and the id numbers of persons who are to be found by them."""
        shown = [(job.effective, one) for job in jobs if (one := certificate_of(job.effective))]
        numbers = {
            one.number
            for order, one in shown
            if one.kind == "id_number" and isinstance(order, orders.Identify)
        }
        if numbers:
            found = await people.find_many(self.platform, connection, list(numbers))
            self.certificates |= {("id_number", number): one for number, one in found.items()}
            # What was shown need not be opened again.
            self.id_numbers |= {person_id: number for number, person_id in found.items()}
        card_numbers = {one.number for _, one in shown if one.kind == "card"}
        if card_numbers:
            cards_found = await cards.find_many(connection, list(card_numbers))
            self.certificates |= {("card", number): one[0] for number, one in cards_found.items()}
            self.shown_cards = {number: one[1] for number, one in cards_found.items()}

    async def _redeem_codes(self, connection: Connection, jobs: Sequence[Job]) -> None:
        """Redeem the codes that were shown: each once, by one provider. What that provider does next
        for the same person may name it again: to find out who it is, and to begin a visit, once."""
        asked: list[tuple[str, Shown]] = []
        for job in jobs:
            certificate = certificate_of(job.effective)
            if certificate is None or job.shown is None:
                continue
            if isinstance(job.shown, CodeRefused):
                self.refused_codes[certificate.number] = job.shown
                continue
            if self._person_of(job.effective) not in (None, job.shown.person_id):
                # Somebody else's: said so later, and not used up for it.
                continue
            asked.append(
                (
                    certificate.number,
                    Shown(
                        opened=job.shown,
                        asked_by=f"provider:{job.sender.provider.provider_code}",
                        use=type(job.effective).__name__,
                        again="other_use" if isinstance(job.effective, _ONCE_A_CODE) else "any_use",
                        synthetic_only=job.sender.sandbox,
                    ),
                )
            )
        if not asked:
            return
        redeemed = await redeem(connection, [one for _, one in asked], self.now)
        for (number, one), done in zip(asked, redeemed, strict=True):
            if done.refusal is not None:
                self.refused_codes[number] = done.refusal
            else:
                self.certificates["e_card", number] = one.opened.person_id

    def _open_id_numbers(self, wanted: Sequence[tuple[Job, Order]]) -> None:
        """Open the id numbers that are told or compared with what was shown."""
        for _, order in wanted:
            certificate = certificate_of(order)
            shown = certificate is not None and certificate.kind == "id_number"
            person_id = self._person_of(order)
            if person_id is None or person_id not in self.persons:
                continue
            if person_id not in self.id_numbers and (shown or isinstance(order, _NEEDS_MONEY)):
                self.id_numbers[person_id] = self.platform.vault.open(
                    "id_number", person_id, self._sealed[person_id]
                )
            # Compared here rather than looked up: the person is known, the number is at hand.
            if shown and certificate and self.id_numbers[person_id] == certificate.number:
                self.certificates["id_number", certificate.number] = person_id

    async def _read_claimed(
        self, connection: Connection, wanted: Sequence[tuple[Job, Order]], persons: list[int]
    ) -> None:
        """Few have claimed anything; only of them the lines are read, to compare them."""
        self.claimed = await claims_store.claimed_bills(connection, persons)
        keys = [
            (order.person_id, order.visit_id)
            for _, order in wanted
            if isinstance(order, orders.Settle) and order.person_id in self.claimed
        ]
        if keys:
            self.lines |= await ask(connection, store.lines(keys))

    async def _living_payers(self, connection: Connection) -> set[int]:
        """Whose accounts may pay for others; a consent ends with its owner's death."""
        owners = {link.person_id for links in self.payers.values() for link in links}
        known = await people.persons(connection, owners)
        alive = {one for one, person in known.items() if person.died_on is None}
        self.payers = {
            member: [link for link in links if link.person_id in alive]
            for member, links in self.payers.items()
        }
        return alive

    def at_home(self, person_id: int, enrolment: Enrolment, on: date) -> AtHome:
        """What a person gets at home, who may have filed for living elsewhere."""
        mine = self.filings.get(person_id)
        if not mine:
            return "home_rates"
        # Rules are on file from some day on; care of before follows today's.
        try:
            rules = filings.rules_of(enrolment.region, on)
        except NoFilingRules:
            rules = filings.rules_of(enrolment.region, self.today)
        rule = rules.kinds["long_term"]
        return filing_rules.at_home(mine, enrolment.insurance, enrolment.region, on, rule)

    async def _open_book(self, connection: Connection, persons: Iterable[int]) -> None:
        self.book, self.medical = await medical_accounts.open_book(
            self.platform, connection, list(persons)
        )

    async def _read_reversed(
        self, connection: Connection, wanted: Sequence[tuple[Job, Order]]
    ) -> None:
        """The ledger transactions that reversals take back, and all accounts they touched."""
        taken_back = [
            one
            for _, order in wanted
            if isinstance(order, orders.Reverse)
            for one in self.settlements.get((order.person_id, order.visit_id or 0), ())
            if one.settlement_id == order.settlement_id
        ]
        keys = [
            (one.person_id, one.transaction_id)
            for one in taken_back
            if one.transaction_id is not None
        ]
        if keys:
            await self._read_transactions(connection, keys)
        if taken_back:
            await self._read_card_payments(connection, taken_back)

    async def _read_transactions(
        self, connection: Connection, keys: Sequence[tuple[int, int]]
    ) -> None:
        for one in await ledger.transactions(connection, keys):
            self.reversed_transactions[one.person_id, one.transaction_id] = one
        owners = {
            person_id
            for one in self.reversed_transactions.values()
            for person_id, balance in zip(one.persons, one.balances, strict=True)
            if balance is not None
        }
        await self._open_book(connection, owners | set(self.medical))
        members = {one.person_id for one in self.reversed_transactions.values()}
        self.payers |= await medical_accounts.payers_of(connection, list(members), self.today)

    async def _read_card_payments(
        self, connection: Connection, taken_back: Sequence[Settlement]
    ) -> None:
        keys = {
            (one.person_id, card_payment_key(one.settlement_id)): one.settlement_id
            for one in taken_back
        }
        paid = await ledger.transactions_by_key(connection, list(keys))
        for one in paid:
            self.card_payments[one.person_id, keys[one.person_id, one.key]] = one
        if paid:
            accounts = [(one.persons[0], one.accounts[0]) for one in paid]
            for account in await ledger.accounts(connection, accounts):
                self.book.give_account(account)

    # ---- writing ----

    def changes(self) -> list[Change]:
        """All changes, to be written together: a Conflict says that somebody else was quicker."""
        found: list[Change] = []
        if self.new_messages:
            found.append(store.insert_messages(self.new_messages))
        if self.undone:
            found.append(store.mark_undone(self.undone))
        found += ledger.changes(self.book)
        if self.new_visits:
            found.append(store.insert_visits(self.new_visits))
        if self.changed_states:
            found.append(store.set_states(self.changed_states))
        if self.changed_visits:
            found.append(store.update_visits(self.changed_visits))
        if self.new_batches:
            found.append(store.insert_batches(self.new_batches, self.now))
        if self.settled_batches:
            found.append(store.settle_batches(self.settled_batches))
        if self.rewritten_batches:
            found.append(store.rewrite_batches(self.rewritten_batches))
        if self.new_settlements:
            found.append(store.insert_settlements(self.new_settlements))
        if self.changed_years:
            found.append(
                store.write_years([(*key, *value) for key, value in self.changed_years.items()])
            )
        if self.spent:
            found.append(medical_accounts.spent_changes(list(self.spent.values())))
        return found


def _visit_of(order: Order) -> VisitKey | None:
    visit_id = getattr(order, "visit_id", None)
    if visit_id is None or isinstance(order, orders.Identify):
        return None
    return order.person_id, visit_id


def certificate_of(order: Order) -> Certificate | None:
    """What the person showed with an order, where it asks for that."""
    return getattr(order, "certificate", None)
