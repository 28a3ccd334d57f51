"""The desk for many (批量办理): one event of the table for a chunk of persons, in one transaction.

The table decides for each person alone, in memory, by the same lines as for one; whoever is refused
is left out and the others go on. Everything is then written together: of each person and step one
event and one line of the audit trail, as ever.

What only a single person is asked (fees that were paid, PINs, freezing an account) is not done here.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, cast

import msgspec

from yikatong.cards import telling
from yikatong.cards.counters import service as counters
from yikatong.cards.counters.model import Counter
from yikatong.cards.model import Card, CardApplication
from yikatong.cards.office import making, many_store, rules, table, terms
from yikatong.cards.office.errors import NoSuchApplication, NoSuchCard
from yikatong.cards.office.model import (
    ApplicationMoved,
    CardEvent,
    CardMoved,
    Doing,
    Facts,
    NewApplication,
)
from yikatong.cards.office.table import ApplicationEvent, CardEventName
from yikatong.cards.office.terms import CardRules
from yikatong.core import events
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.core.together import Change, ask_together, change_together
from yikatong.money.bank import opening
from yikatong.money.ledger import service as ledger
from yikatong.people import service as people
from yikatong.people.model import Enrolment
from yikatong.trust import audit
from yikatong.trust.audit import Actor

CHUNK: Final = 1000
"""Persons of one transaction: a fifth of a second of work, and so many locks at the server."""


class ManyDesk:
    """A chunk of persons in one transaction: read, decide for each, write."""

    def __init__(
        self, platform: Platform, connection: Connection, doing: Doing, actor: Actor
    ) -> None:
        assert doing.by_id is None, "a guardian acts for one person"
        self.platform = platform
        self.connection = connection
        self.doing = doing
        self.actor = actor
        self.now: datetime = platform.clock.now()
        self._today = today(platform.clock)
        self._facts: dict[int, Facts] = {}
        self._rules: dict[str, CardRules] = {}
        self._made: list[CardApplication] = []
        self._moved: list[CardApplication] = []
        self._cards: list[Card] = []
        self._to_issue: list[CardApplication] = []
        self._numbers: list[tuple[str, int, int]] = []
        self._happened: list[tuple[CardEvent, str | None, bytes | None]] = []
        self._trail: list[tuple[int, str, dict[str, object]]] = []
        self._told: list[ApplicationMoved] = []
        self._cards_told: list[CardMoved] = []

    async def read(self, person_ids: Sequence[int], *, applying: bool = False) -> None:
        """Lock these persons and read what decides; where they are insured only for applications."""
        await many_store.lock(self.connection, person_ids)
        here = await self.counter(self.doing.counter, "counter")
        persons, cards, applications = await ask_together(
            self.connection,
            [
                people.persons_query(person_ids),
                many_store.cards(person_ids),
                many_store.applications(person_ids),
            ],
        )
        enrolled: dict[int, list[Enrolment]] = {}
        if applying:
            enrolled = await people.current_enrolments(self.connection, person_ids)
        nation = self.rules_of(terms.NATION)
        for person_id, person in persons.items():
            self._facts[person_id] = Facts(
                person=person,
                enrolments=enrolled.get(person_id, ()),
                relations=(),
                cards=cards.get(person_id, ()),
                applications=applications.get(person_id, ()),
                now=self.now,
                today=self._today,
                doing=self.doing,
                actor=self.actor.name,
                rules=nation,
                here=here,
            )

    async def counter(self, code: str | None, field: str) -> Counter | None:
        """An open counter, where one is named; raises InvalidInput."""
        if code is None:
            return None
        return await counters.get(self.platform, self.connection, code, field)

    def rules_of(self, region: str) -> CardRules:
        """The rules of a region today."""
        if region not in self._rules:
            self._rules[region] = terms.load().find(region, self._today)
        return self._rules[region]

    def application(self, person_id: int, application_id: int) -> CardApplication:
        """An application as it was read; raises NoSuchApplication."""
        facts = self._facts.get(person_id)
        for one in facts.applications if facts else ():
            if one.application_id == application_id:
                return one
        raise NoSuchApplication

    def card(self, person_id: int, card_id: int) -> Card:
        """A card as it was read; raises NoSuchCard."""
        facts = self._facts.get(person_id)
        for one in facts.cards if facts else ():
            if one.card_id == card_id:
                return one
        raise NoSuchCard

    def apply(
        self, person_id: int, wanted: NewApplication, pickup: Counter | None, key: str
    ) -> CardApplication:
        """Take an application for a first card in; raises what its line of the table refuses.

        `pickup` is the counter that `wanted` names. With the same key it is written once: a second
        time Conflict is raised when it is written.
        """
        assert wanted.kind == "first"
        assert wanted.delivery == "pickup"
        event = cast("ApplicationEvent", f"apply_{wanted.kind}")
        known = self._facts[person_id]
        wanted = rules.completed(wanted, rules.card_to_replace(known.cards), known.here)
        region = rules.deciding_region(wanted, known)
        facts = msgspec.structs.replace(
            known, wanted=wanted, rules=self.rules_of(region), pickup=pickup
        )
        table.application_move(event, facts)
        made = making.application(wanted, facts, region)
        self._facts[person_id] = msgspec.structs.replace(
            known, applications=[made, *known.applications]
        )
        self._made.append(made)
        self._note(event, None, "applied", key=key, content=[event, wanted], application=made)
        self._told.append(ApplicationMoved(person_id, made, event, self.doing))
        return made

    def move_application(
        self, one: CardApplication, event: ApplicationEvent, **changes: Any
    ) -> CardApplication:
        """Make a move of the table; raises what it refuses, before anything of it is kept."""
        facts = msgspec.structs.replace(
            self._facts[one.person_id], application=one, rules=self.rules_of(one.region)
        )
        move = table.application_move(event, facts)
        moved = msgspec.structs.replace(
            one, state=move.after or one.state, version=one.version + 1, **changes
        )
        if moved.state != one.state:
            moved = msgspec.structs.replace(moved, state_since=self.now)
        for effect in move.effects:
            if effect == "number_card":
                moved = self._number(moved)
            elif effect == "make_anew":
                moved = making.anew(moved, facts.rules, facts.today)
            elif effect == "replace_old_card":
                self._replace_old(moved)
            elif effect == "issue_card":
                self._to_issue.append(moved)
            else:
                raise AssertionError(effect)
        self._moved.append(moved)
        self._note(event, one.state, moved.state, application=moved)
        self._told.append(ApplicationMoved(moved.person_id, moved, event, self.doing))
        return moved

    def move_card(self, one: Card, event: CardEventName, **changes: Any) -> Card:
        """Make a move of the table; raises what it refuses, before anything of it is kept."""
        facts = msgspec.structs.replace(
            self._facts[one.person_id], card=one, rules=self.rules_of(one.region)
        )
        move = table.card_move(event, facts)
        assert move.after != table.RESTORED
        moved = msgspec.structs.replace(
            one, state=move.after or one.state, version=one.version + 1, **changes
        )
        for effect in move.effects:
            # Nobody is there to choose a PIN; the holder sets it at first use.
            assert effect == "set_pin", effect
            moved = msgspec.structs.replace(moved, social_security_app="active")
        self._cards.append(moved)
        self._note(event, one.state, moved.state, card=moved)
        self._cards_told.append(CardMoved(moved.person_id, moved, one.state, event))
        return moved

    async def write(self, *others: Change) -> None:
        """Write everything decided, and `others` with it; raises Conflict where somebody was quicker."""
        issued = await self._issued()
        # The old cards first: of two live cards of a person the database takes neither.
        changes = [
            *([many_store.card_changes(self._cards)] if self._cards else ()),
            *([many_store.application_changes(self._moved)] if self._moved else ()),
            *others,
        ]  # fmt: skip
        await change_together(self.connection, changes)
        if self._made:
            await many_store.insert_applications(self.connection, self._made)
        if self._numbers:
            await many_store.insert_numbers(self.connection, self._numbers)
        if issued:
            await many_store.insert_cards(self.connection, issued)
        if self._happened:
            await many_store.insert_events(self.connection, self._happened)
        if self._trail:
            await audit.copy_many(self.connection, self.actor, self.now, self._trail)
        await self._tell(issued)

    async def _issued(self) -> list[Card]:
        """The new cards, with the account of the old one or one that is opened now."""
        olds = {card.replaced_by: card for card in self._cards if card.replaced_by is not None}
        kept = await self._open_accounts(list(olds.values()))
        wanted: dict[int, str] = {}
        accounts: dict[int, int] = {}
        for one in self._to_issue:
            old = olds.get(one.card_id or 0)
            if old is not None and old.bank == one.bank and old.account_id in kept:
                accounts[one.person_id] = old.account_id or 0
            else:
                wanted[one.person_id] = one.bank
        if wanted:
            accounts |= await opening.open_many(self.platform, self.connection, wanted, self.actor)
        return [making.card(one, accounts[one.person_id]) for one in self._to_issue]

    async def _open_accounts(self, olds: Sequence[Card]) -> set[int | None]:
        keys = [(one.person_id, one.account_id) for one in olds if one.account_id is not None]
        if not keys:
            return set()
        found = await ledger.accounts(self.connection, keys)
        return {one.account_id for one in found if one.state == "open"}

    async def _tell(self, issued: Sequence[Card]) -> None:
        platform, connection = self.platform, self.connection
        new = {card.card_id: card for card in issued}
        pairs = [(card, new[card.replaced_by]) for card in self._cards if card.replaced_by in new]
        handed_over = [CardMoved(card.person_id, card, None, "issue") for card in issued]
        await telling.of_replacements(platform, connection, pairs)
        await telling.of_many(
            platform,
            connection,
            [
                # Nobody was there to choose a PIN.
                *(
                    (one.card, telling.WITHOUT_PIN if one.event == "activate" else one.event)
                    for one in self._cards_told
                ),
                *((told.application, told.event) for told in self._told),
            ],
        )
        await events.tell_all(platform, connection, self._cards_told)
        await events.tell_all(platform, connection, handed_over)
        await events.tell_all(platform, connection, self._told)

    def _number(self, one: CardApplication) -> CardApplication:
        if one.card_number is not None:
            return one
        card_id, number = new_id(self.now), making.number()
        # Where somebody has that number, the chunk is written with other ones.
        self._numbers.append((number, one.person_id, card_id))
        return msgspec.structs.replace(
            one,
            card_id=card_id,
            card_number=number,
            personalised_on=self._today,
            name_on_card=self._facts[one.person_id].person.name,
        )

    def _replace_old(self, one: CardApplication) -> None:
        old = rules.card_to_replace(self._facts[one.person_id].cards)
        if old is not None:
            assert one.card_id is not None
            self.move_card(old, "replace", replaced_by=one.card_id)

    def _note(
        self,
        event: str,
        before: str | None,
        after: str,
        *,
        key: str | None = None,
        content: object = None,
        application: CardApplication | None = None,
        card: Card | None = None,
    ) -> None:
        happened = making.event(
            self.doing, self.actor, self.now, event, before, after, application, card
        )
        self._happened.append(
            (happened, key, ledger.digest([content, self.doing]) if key else None)
        )
        self._trail.append(making.trail(happened, of_card=card is not None))
