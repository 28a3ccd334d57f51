"""The desk: carries out what the table says, one command at a time for each person.

A command is one transaction: the facts are read, the table decides, the effects are written with the
event and the audit trail, and who listens acts. The same key and content answers what is there.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar, cast

import msgspec

from yikatong.cards import store as card_store
from yikatong.cards import telling
from yikatong.cards.counters import service as counters
from yikatong.cards.counters.model import Counter
from yikatong.cards.model import OPEN_STATES, Card, CardApplication
from yikatong.cards.office import fees, freezing, making, rules, store, table, terms
from yikatong.cards.office.errors import NoSuchApplication, NoSuchCard
from yikatong.cards.office.model import (
    MATTER,
    ApplicationMoved,
    CardMoved,
    Doing,
    Facts,
    NewApplication,
)
from yikatong.cards.office.table import RESTORED, ApplicationEvent, CardEventName, Effect
from yikatong.cards.office.terms import CardRules
from yikatong.cards.pins import service as pins
from yikatong.core import events
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, Unavailable
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.core.together import Conflict
from yikatong.money.bank import service as bank
from yikatong.money.errors import KeyReused
from yikatong.money.ledger import service as ledger
from yikatong.people import service as people
from yikatong.people.changes import service as changes
from yikatong.trust import audit
from yikatong.trust.audit import Actor
from yikatong.trust.documents import service as documents

_Answer = TypeVar("_Answer")
_DRAWS_MAX: Final = 20
SYSTEM: Final = Actor("system", "card office", "carried out when due")


Again = Callable[["Desk", int | None, int | None], _Answer]
"""Answers a command done before by the application and the card it was about."""


class Command(msgspec.Struct, frozen=True):
    """Who wants what, and the key that makes it happen once."""

    person_id: int
    name: str
    content: bytes
    doing: Doing
    actor: Actor
    key: str


def command(
    person_id: int, name: str, content: object, doing: Doing, actor: Actor, key: str
) -> Command:
    """A command whose content is compared by the values given."""
    return Command(person_id, name, ledger.digest([name, content, doing]), doing, actor, key)


class Desk:
    """One command in its transaction."""

    def __init__(self, platform: Platform, connection: Connection, mine: Command) -> None:
        self.platform = platform
        self.connection = connection
        self.mine = mine
        self.now: datetime = platform.clock.now()
        self.facts: Facts
        self.verifier: bytes | None = None
        """Of the PIN that was chosen."""
        self._key: str | None = mine.key

    async def read(self) -> None:
        """Read what decides."""
        person_id = self.mine.person_id
        day = today(self.platform.clock)
        person = await people.get(self.connection, person_id)
        here = await self.counter(self.mine.doing.counter, "counter")
        await self._check_who_acts()
        enrolments = await people.enrolments(self.connection, person_id)
        relations = await people.relations(self.connection, person_id)
        facts = Facts(
            person=person,
            enrolments=enrolments,
            relations=relations,
            cards=await card_store.cards(self.connection, person_id),
            applications=await card_store.applications(self.connection, person_id),
            now=self.now,
            today=day,
            doing=self.mine.doing,
            actor=self.mine.actor.name,
            rules=terms.load().find(terms.NATION, day),
            here=here,
        )
        self.facts = self._by_rules_of(facts, rules.home_region(facts))

    async def _check_who_acts(self) -> None:
        """Raise InvalidInput where an agent is said to be somebody whom nobody knows, or the holder; of a
        guardian the relation is looked up."""
        by_id = self.mine.doing.by_id
        if by_id is None or self.mine.doing.by not in ("agent", "kin"):
            return
        if by_id == self.mine.person_id:
            raise InvalidInput(
                "by_id",
                zh="代办人不能是本人；本人来办，请填本人（self）",
                en="an agent is another person; who comes in person is `self`",
            )
        if by_id not in await people.names(self.connection, [by_id]):
            raise InvalidInput(
                "by_id",
                zh="没有这个人员编号，请核对；代办人没有登记的，请不填",
                en="there is no such person; leave it out where the agent is not on record",
            )

    def rules_of(self, region: str) -> CardRules:
        """The rules of a region today."""
        return terms.load().find(region, self.facts.today)

    def _by_rules_of(self, facts: Facts, region: str) -> Facts:
        return msgspec.structs.replace(facts, rules=terms.load().find(region, facts.today))

    async def counter(self, code: str | None, field: str) -> Counter | None:
        """An open counter, where one is named; raises InvalidInput."""
        if code is None:
            return None
        return await counters.get(self.platform, self.connection, code, field)

    def application(self, application_id: int) -> CardApplication:
        """An application of the person; raises NoSuchApplication."""
        for one in self.facts.applications:
            if one.application_id == application_id:
                return one
        raise NoSuchApplication

    def card(self, card_id: int) -> Card:
        """A card of the person; raises NoSuchCard."""
        for one in self.facts.cards:
            if one.card_id == card_id:
                return one
        raise NoSuchCard

    # ---- applications ----

    async def apply(self, wanted: NewApplication) -> CardApplication:
        """Take an application in; raises what its line of the table refuses."""
        event = cast("ApplicationEvent", f"apply_{wanted.kind}")
        old = rules.card_to_replace(self.facts.cards)
        wanted = rules.completed(wanted, old, self.facts.here)
        region = rules.deciding_region(wanted, self.facts)
        facts = msgspec.structs.replace(
            self._by_rules_of(self.facts, region),
            wanted=wanted,
            pickup=await self.counter(wanted.pickup_place, "pickup_place"),
        )
        if wanted.why == "data_changed":
            changed_on = await changes.card_outdated_since(self.connection, self.mine.person_id)
            facts = msgspec.structs.replace(facts, identity_changed_on=changed_on)
        move = table.application_move(event, facts)
        made = making.application(wanted, facts, region)
        post_to = None
        if wanted.delivery == "post":
            address = "\n".join(filter(None, (wanted.post_to, wanted.post_phone)))
            post_to = self.platform.vault.seal("post_to", made.application_id, address)
        await store.insert_application(self.connection, made, post_to)
        self._keep(made)
        await self._happened(event, None, "applied", self._take_key(), application=made)
        if "stop_lost_card" in move.effects and old is not None and old.state in table.NOT_STOPPED:
            await self.move_card(old, "report_loss", provisional_until=None)
        await self._tell_of(made, event)
        return made

    async def move_application(
        self, one: CardApplication, event: ApplicationEvent, **changes: Any
    ) -> CardApplication:
        """Make a move of the table; `changes` are further facts that come to stand in it."""
        facts = msgspec.structs.replace(self._by_rules_of(self.facts, one.region), application=one)
        if event == "approve":
            photo_at_hand = await self._photo_at_hand(one, facts)
            facts = msgspec.structs.replace(facts, photo_at_hand=photo_at_hand)
        move = table.application_move(event, facts)
        key = self._take_key()
        moved = msgspec.structs.replace(
            one, state=move.after or one.state, version=one.version + 1, **changes
        )
        if moved.state != one.state:
            moved = msgspec.structs.replace(moved, state_since=self.now)
        for effect in move.effects:
            moved = await self._on_application(effect, moved)
        if not await store.update_application(self.connection, moved):
            raise Conflict
        self._keep(moved)
        await self._happened(event, one.state, moved.state, key, application=moved)
        await self._tell_of(moved, event)
        return moved

    async def _photo_at_hand(self, one: CardApplication, facts: Facts) -> bool:
        # With a list the employer hands the photos over, under the references the list names.
        if one.channel == "list" or not rules.photo_needed(facts):
            return True
        mine = [(one.person_id, one.application_id)]
        return bool(await documents.newest(self.connection, MATTER, mine, "photo"))

    async def _on_application(self, effect: Effect, one: CardApplication) -> CardApplication:
        if effect == "give_fee_back":
            return await self._give_fee_back(one)
        if effect == "number_card":
            return await self._number(one)
        if effect == "make_anew":
            found = self._by_rules_of(self.facts, one.region)
            return making.anew(one, found.rules, found.today)
        if effect == "replace_old_card":
            await self._replace_old(one)
        elif effect == "issue_card":
            await self._issue(one)
        else:
            raise AssertionError(effect)
        return one

    async def _give_fee_back(self, one: CardApplication) -> CardApplication:
        if one.fee_state == "due":
            return msgspec.structs.replace(one, fee_state="none")
        if one.fee_state == "paid":
            await fees.give_back(self.platform, self.connection, one, self.mine.actor)
            return msgspec.structs.replace(one, fee_state="given_back")
        return one

    async def _number(self, one: CardApplication) -> CardApplication:
        if one.card_number is not None:
            return one
        card_id = new_id(self.now)
        for _ in range(_DRAWS_MAX):
            number = making.number()
            if await store.insert_number(self.connection, number, one.person_id, card_id):
                return msgspec.structs.replace(
                    one, card_id=card_id, card_number=number, name_on_card=self.facts.person.name,
                    personalised_on=self.facts.today,
                )  # fmt: skip
        raise Unavailable(
            zh="没有取到空闲的卡号，没有任何改动，请重试",
            en="no free card number was drawn; nothing was changed, try again",
        )

    async def _replace_old(self, one: CardApplication) -> None:
        old = rules.card_to_replace(self.facts.cards)
        if old is None:
            return
        assert one.card_id is not None
        await self.move_card(old, "replace", replaced_by=one.card_id)

    async def _issue(self, one: CardApplication) -> None:
        old = next((card for card in self.facts.cards if card.replaced_by == one.card_id), None)
        account_id = await self._account_for(one.bank, old)
        card = making.card(one, account_id)
        await store.insert_card(self.connection, card)
        self.facts = msgspec.structs.replace(self.facts, cards=[card, *self.facts.cards])
        if old is not None:
            await telling.of_replacement(self.platform, self.connection, old, card)
        if self.mine.doing.by != "self":
            await telling.of_collection(self.platform, self.connection, card)
        await events.tell(
            self.platform, self.connection, CardMoved(card.person_id, card, None, "issue")
        )

    async def _account_for(self, bank_code: str, old: Card | None) -> int:
        """The account of the old card where it is open and at this bank, else one of the bank."""
        person_id = self.mine.person_id
        if old is not None and old.bank == bank_code and old.account_id is not None:
            account = await ledger.account(self.connection, person_id, old.account_id)
            if account.state == "open":
                return account.account_id
        account, _ = await bank.open_account_in(
            self.platform, self.connection, person_id, bank_code, self.mine.actor
        )
        return account.account_id

    # ---- cards ----

    async def move_card(self, one: Card, event: CardEventName, **changes: Any) -> Card:
        """Make a move of the table; `changes` are further facts that come to stand in the card."""
        facts = msgspec.structs.replace(self._by_rules_of(self.facts, one.region), card=one)
        move = table.card_move(event, facts)
        key = self._take_key()
        after = table.restored(one) if move.after == RESTORED else move.after or one.state
        moved = msgspec.structs.replace(one, state=after, version=one.version + 1, **changes)
        for effect in move.effects:
            moved = await self._on_card(effect, one, moved)
        if not await store.update_card(self.connection, moved):
            raise Conflict
        self._keep_card(moved)
        await self._happened(event, one.state, moved.state, key, card=moved)
        told = telling.WITHOUT_PIN if event == "activate" and self.verifier is None else event
        await telling.of_card(self.platform, self.connection, moved, told)
        await events.tell(
            self.platform, self.connection, CardMoved(moved.person_id, moved, one.state, event)
        )
        return moved

    async def _on_card(self, effect: Effect, one: Card, moved: Card) -> Card:
        if effect == "set_pin":
            # In a bulk activation nobody is there to choose one; the holder sets it at first use.
            if self.verifier is not None:
                await pins.put_first(
                    self.platform, self.connection, one, self.verifier, self.mine.actor
                )
            return msgspec.structs.replace(moved, social_security_app="active")
        if effect == "change_pin":
            assert self.verifier is not None
            await pins.put_changed(
                self.platform, self.connection, one, self.verifier, self.mine.actor
            )
            return moved
        if effect == "reset_pin":
            assert self.verifier is not None
            await pins.put_anew(
                self.platform, self.connection, one, self.verifier, self.mine.actor,
                self.mine.doing.channel,
            )  # fmt: skip
            return moved
        if effect == "end_applications":
            for application in self.facts.applications:
                if self.facts.person.died_on is not None and application.state in OPEN_STATES:
                    await self.move_application(
                        application, "end_with_person", reason="身故 · death"
                    )
            return moved
        return await freezing.carry_out(
            self.platform, self.connection, self.mine.actor, self.facts, effect, one, moved
        )

    # ---- what they share ----

    async def _tell_of(self, one: CardApplication, event: ApplicationEvent) -> None:
        await telling.of_application(self.platform, self.connection, one, event)
        moved = ApplicationMoved(one.person_id, one, event, self.mine.doing)
        await events.tell(self.platform, self.connection, moved)

    def _take_key(self) -> str | None:
        """The key stands on the event of the move that was asked for, not on those it leads to."""
        key, self._key = self._key, None
        return key

    def _keep(self, one: CardApplication) -> None:
        others = [
            other for other in self.facts.applications if other.application_id != one.application_id
        ]
        self.facts = msgspec.structs.replace(self.facts, applications=[one, *others])

    def _keep_card(self, one: Card) -> None:
        changed = [one if other.card_id == one.card_id else other for other in self.facts.cards]
        self.facts = msgspec.structs.replace(self.facts, cards=changed)

    async def _happened(
        self,
        event: str,
        before: str | None,
        after: str,
        key: str | None,
        *,
        application: CardApplication | None = None,
        card: Card | None = None,
    ) -> None:
        mine = self.mine
        happened = making.event(
            mine.doing, mine.actor, self.now, event, before, after, application, card
        )
        await store.insert_event(self.connection, happened, key, mine.content if key else None)
        await audit.record(
            self.connection, mine.actor, self.now, *making.trail(happened, of_card=card is not None)
        )


def provisional_until(now: datetime, days: int) -> datetime:
    """When a provisional loss report ends by itself."""
    return now + timedelta(days=days)


async def carry_out(
    platform: Platform,
    mine: Command,
    work: Callable[[Desk], Awaitable[_Answer]],
    again: Again[_Answer],
) -> _Answer:
    """Run a command once; with a key used before `again` answers what is there now, by the application
    and card it was about. Raises KeyReused for another content, Busy."""

    async def in_transaction(connection: Connection) -> _Answer:
        await store.lock(connection, mine.person_id)
        desk = Desk(platform, connection, mine)
        await desk.read()
        known = await store.event_of_key(connection, mine.person_id, mine.key)
        if known is not None:
            if known[0] != mine.content:
                raise KeyReused
            return again(desk, known[1], known[2])
        return await work(desk)

    return await ledger.carry_out(platform, in_transaction)


async def sent_before(platform: Platform, person_id: int, key: str) -> bool:
    """Whether this command was carried out before: sent again it uses up no try."""
    async with platform.database.transaction(readonly=True) as connection:
        return await store.event_of_key(connection, person_id, key) is not None


def application_again(
    desk: Desk, application_id: int | None, card_id: int | None
) -> CardApplication:
    """The application as it is now."""
    del card_id
    assert application_id is not None
    return desk.application(application_id)


def card_again(desk: Desk, application_id: int | None, card_id: int | None) -> Card:
    """The card as it is now."""
    del application_id
    assert card_id is not None
    return desk.card(card_id)
