"""The work of one batch: everything its orders need, read at once; what they change, written at once.

Each person's order stands alone in a batch (`core.coalescing`, apart), so orders share nothing but
relatives' medical accounts.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Final

import msgspec

from yikatong.cards import service as cards
from yikatong.cards.model import Card
from yikatong.core import ids
from yikatong.core.database import Connection
from yikatong.core.money import Fen
from yikatong.core.platform import Platform
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
from yikatong.people.model import Enrolment, Person, SpecialGroup
from yikatong.policies.model import YearToDate

VisitKey = tuple[int, int]
YearKey = tuple[int, str, date]

_NEEDS_RULES: Final = (
    orders.Register, orders.Admit, orders.Sell, orders.CheckEntitlement, orders.Identify,
)  # fmt: skip
"""Orders that decide about coverage: filings, diseases, chosen providers."""
_ONCE_A_CODE: Final = (orders.Identify, orders.Register, orders.Admit)
"""Orders that each take the code of an e-card once."""
_NEEDS_MONEY: Final = (orders.Settle, orders.Sell, orders.Reverse, orders.Identify)
_NEEDS_YEAR: Final = (
    orders.Settle, orders.Sell, orders.Reverse, orders.CheckEntitlement, orders.AskAccumulated,
)  # fmt: skip
_NEEDS_LINES: Final = (orders.AddLines, orders.WithdrawLines)
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
        """Read what the orders need, each table once."""
        await self.catalog.refresh(connection)
        await self._read_certificates(connection, jobs)
        await self._redeem_codes(connection, jobs)
        wanted = [(job, job.effective) for job in jobs]
        persons = {
            person_id for _, order in wanted if (person_id := self._person_of(order)) is not None
        }
        visits = {key for _, order in wanted if (key := _visit_of(order)) is not None}
        if visits:
            await self._read_visits(connection, wanted, list(visits))
        if persons:
            await self._read_persons(connection, wanted, list(persons))
        if self.settlements:
            await self._read_reversed(connection, wanted)
        # A reversal opens a settled stay again, and a person has one open stay at a time.
        if staying := [
            order.person_id
            for _, order in wanted
            if isinstance(order, (orders.Admit, orders.Reverse))
        ]:
            self.stays = await store.stays(connection, staying)

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

    async def _read_persons(
        self, connection: Connection, wanted: Sequence[tuple[Job, Order]], persons: list[int]
    ) -> None:
        def of(*kinds: type) -> list[int]:
            return [
                person_id
                for _, order in wanted
                if isinstance(order, kinds) and (person_id := self._person_of(order)) is not None
            ]

        for person_id, one in (await people.insured(connection, persons)).items():
            self.persons[person_id] = one.person
            self.enrolments[person_id] = one.enrolments
            self.groups[person_id] = one.groups
            self._sealed[person_id] = one.id_number_sealed
        self._open_id_numbers(wanted)
        await self._read_rules(connection, wanted, of(*_NEEDS_RULES))
        if years := of(*_NEEDS_YEAR):
            since = self.today - _YEARS_BACK
            # With the years: whoever decides a claim meanwhile writes the year too.
            self.years, claimed = await store.accumulators(connection, years, since)
            bills = claimed.intersection(of(orders.Settle, orders.Sell))
            if bills:
                await self._read_claimed(connection, wanted, list(bills))
        if money := of(*_NEEDS_MONEY):
            members = [
                order.person_id
                for _, order in wanted
                if isinstance(order, (orders.Settle, orders.Sell)) and order.use_account
            ]
            if members:
                self.payers = await medical_accounts.payers_of(connection, members, self.today)
            owners = await self._living_payers(connection) if self.payers else set[int]()
            await self._open_book(connection, [*money, *owners])

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
            self.lines |= await store.lines(connection, keys)

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

    async def _read_rules(
        self, connection: Connection, wanted: Sequence[tuple[Job, Order]], persons: list[int]
    ) -> None:
        """Cards, filings, diseases and choices, as far as the orders look at them.

        A settlement looks at the card only where it was shown, at filings only elsewhere.
        """
        cards_of, filings_of, chronic_of = list(persons), list(persons), list(persons)
        for job, order in wanted:
            if isinstance(order, orders.AskChronic):
                chronic_of.append(order.person_id)
            if not isinstance(order, orders.Settle):
                continue
            visit = self.visits.get((order.person_id, order.visit_id))
            if order.certificate is not None and order.certificate.kind == "card":
                cards_of.append(order.person_id)
            if visit is None:
                continue
            pooling = job.sender.provider.pooling_region
            if any(
                pooling != one.region or self._cuts_at_home(one.region)
                for one in self.enrolments.get(order.person_id, ())
            ):
                filings_of.append(order.person_id)
            if CARE_OF[order.care_code or visit.care_code][1] == "chronic":
                chronic_of.append(order.person_id)
        if cards_of:
            self.cards = await cards.current_cards(connection, cards_of)
        if filings_of:
            self.filings = await filings_store.of_persons(connection, filings_of)
        if chronic_of:
            self.chronic = await store.chronic(connection, chronic_of)
        if persons:
            self.selected = await store.selected(connection, persons)

    def _cuts_at_home(self, region: str) -> bool:
        """Whether a long-term filing changes what its holder gets at home."""
        rule = filings.rules_of(region, self.today).kinds["long_term"]
        return (rule.at_home, rule.declared_at_home) != ("home_rates", "home_rates")

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

    async def _read_visits(
        self, connection: Connection, wanted: Sequence[tuple[Job, Order]], visits: list[VisitKey]
    ) -> None:
        def of(*kinds: type) -> list[VisitKey]:
            return [
                key
                for _, order in wanted
                if isinstance(order, kinds) and (key := _visit_of(order)) is not None
            ]

        self.visits, self.batches = await store.visits(connection, visits)
        if keys := [key for key in of(*_NEEDS_LINES) if key in self.batches]:
            self.lines = await store.lines(connection, keys)
        # A visit none of whose lines was settled has no settlements to go on from.
        settled = [
            key
            for key in of(orders.Settle, orders.CancelVisit)
            if any(one.settlement_id is not None for one in self.batches.get(key, ()))
        ]
        if keys := [*settled, *of(orders.Reverse)]:
            self.settlements = await store.settlements_of_visits(connection, keys)

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

    async def write(self, connection: Connection) -> None:
        """Write all changes; raises Conflict where somebody else was quicker."""
        if self.new_messages:
            await store.insert_messages(connection, self.new_messages)
        if self.undone:
            await store.mark_undone(connection, self.undone)
        if self.book.transactions:
            await ledger.write(connection, self.book)
        if self.new_visits:
            await store.insert_visits(connection, self.new_visits)
        if self.changed_states:
            await store.set_states(connection, self.changed_states)
        if self.changed_visits:
            await store.update_visits(connection, self.changed_visits)
        if self.new_batches:
            await store.insert_batches(connection, self.new_batches, self.now)
        if self.settled_batches:
            await store.settle_batches(connection, self.settled_batches)
        if self.rewritten_batches:
            await store.rewrite_batches(connection, self.rewritten_batches)
        if self.new_settlements:
            await store.insert_settlements(connection, self.new_settlements)
        if self.changed_years:
            await store.write_years(
                connection, [(*key, *value) for key, value in self.changed_years.items()]
            )
        if self.spent:
            await medical_accounts.write_spent(connection, list(self.spent.values()))


def _visit_of(order: Order) -> VisitKey | None:
    visit_id = getattr(order, "visit_id", None)
    if visit_id is None or isinstance(order, orders.Identify):
        return None
    return order.person_id, visit_id


def certificate_of(order: Order) -> Certificate | None:
    """What the person showed with an order, where it asks for that."""
    return getattr(order, "certificate", None)
