"""Cards, applications, tables and rules as others see them: the public JSON shapes.

Numbers are masked to their last four characters; identifiers are texts (a 63-bit number would lose
digits in some languages); amounts are in yuan.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import msgspec

from yikatong.cards.counters.model import Counter
from yikatong.cards.model import Card, CardApplication
from yikatong.cards.office import services, table, words
from yikatong.cards.office.errors import STATE_NAMES
from yikatong.cards.office.guards import Guard
from yikatong.cards.office.hotline import Standing
from yikatong.cards.office.model import (
    BY_NAMES,
    CHANNEL_NAMES,
    KIND_NAMES,
    MATERIAL_NAMES,
    WHY_NAMES,
    CardEvent,
    Remaining,
)
from yikatong.cards.office.services import Service
from yikatong.cards.office.table import EFFECTS, Move
from yikatong.cards.office.terms import CardRules
from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import Text
from yikatong.core.money import format_yuan
from yikatong.core.regions import short_name
from yikatong.core.sealing import mask_name


class TextBody(msgspec.Struct):
    """A text in both languages."""

    zh: str
    en: str


class NamedBody(msgspec.Struct):
    """A code and what it is called."""

    code: str
    name: TextBody


class CounterBody(msgspec.Struct):
    """A counter (社保卡服务网点)."""

    code: str
    name: TextBody
    kind: str
    region: str
    address: str
    hours: TextBody
    prints_at_once: bool
    bank: str | None


class CardBody(msgspec.Struct):
    """A card, its number masked."""

    card_id: str
    card_number: str
    generation: int
    region: NamedBody
    state: NamedBody
    said: TextBody
    """What it can do now, and what to do where it cannot."""
    social_security_app: str
    bank_app: str
    name_on_card: str
    issued_on: date
    valid_until: date
    provisional_until: datetime | None
    bank: str
    account_frozen_by: str | None
    replaced_by: str | None
    possible: list[NamedBody]
    """What can happen next, by the state alone."""


class ApplicationBody(msgspec.Struct):
    """An application (申领、补换卡)."""

    application_id: str
    person_id: str
    kind: NamedBody
    why: NamedBody | None
    state: NamedBody
    said: TextBody
    """How far it is, and what comes next."""
    region: NamedBody
    """The region that decides and issues."""
    accepted_in: NamedBody | None
    channel: str
    applicant: str
    applied_on: date
    expected_on: date | None
    state_since: datetime | None
    materials: list[NamedBody]
    asked_for: str | None
    asked_until: date | None
    reason: str | None
    bank: str
    delivery: str
    pickup: CounterBody | None
    tracking: str | None
    fee: str
    fee_state: str
    card_id: str | None
    chased: int
    possible: list[NamedBody]


class CardsBody(msgspec.Struct):
    """A person's cards and applications, the newest first."""

    cards: list[CardBody]
    applications: list[ApplicationBody]


class EventBody(msgspec.Struct):
    """One thing that happened to a card or an application (卡务流水)."""

    at: datetime
    event: NamedBody
    application_id: str | None
    card_id: str | None
    before: NamedBody | None
    after: NamedBody
    channel: NamedBody
    applicant: NamedBody
    actor_kind: str
    actor: str
    reason: str


class CancelledBody(msgspec.Struct):
    """A cancelled card, and what remains to be settled."""

    card: CardBody
    remaining: list[dict[str, str]]
    """`kind` bank, medical (with the `account_id`), wealth, or contributions (owed); `balance` in yuan."""


class StandingBody(msgspec.Struct, omit_defaults=True):
    """Whether three facts agree; if they do, how the card stands."""

    matched: bool
    person_id: str | None = None
    card_id: str | None = None
    application_id: str | None = None
    said: list[TextBody] = []


class ServiceBody(msgspec.Struct):
    """A service of the office (办理事项)."""

    name: str
    text: TextBody
    who: list[NamedBody]
    channels: list[NamedBody]
    needs: list[NamedBody]
    note: TextBody


class MoveBody(msgspec.Struct):
    """A line of the state table."""

    event: str
    text: TextBody
    before: list[NamedBody]
    after: NamedBody | None
    """null: the state stays."""
    guards: list[TextBody]
    effects: list[TextBody]


class TablesBody(msgspec.Struct):
    """The state table (状态表): of applications and of cards."""

    applications: list[MoveBody]
    cards: list[MoveBody]


class RulesBody(msgspec.Struct):
    """The rules of a region on a day."""

    region: NamedBody
    date: date
    review: str
    provisional_days: int
    valid_years: int
    review_days: int
    amend_days: int
    production_days: int
    fee: str
    free: list[NamedBody]
    collect_days: int
    photo: str
    keep_days: int
    remind_days: int
    sources: list[str]
    notes: list[str]
    recalled: bool


def text(one: Text) -> TextBody:
    """A text of the program."""
    return TextBody(one.zh, one.en)


def named(code: str, names: Mapping[Any, Text]) -> NamedBody:
    """A word of the program with its name."""
    return NamedBody(code, text(names[code]))


def place(code: str) -> NamedBody:
    """A region."""
    return NamedBody(code, TextBody(short_name(code), short_name(code, "en")))


def masked(number: str) -> str:
    """A card number of which four characters are shown."""
    return f"{'*' * (len(number) - 4)}{number[-4:]}"


def counter(one: Counter) -> CounterBody:
    """A counter."""
    return CounterBody(
        one.code, text(one.text), one.kind, one.region, one.address,
        TextBody(one.hours, one.hours_english), one.prints_at_once, one.bank,
    )  # fmt: skip


def card(one: Card, day: date) -> CardBody:
    """A card."""
    until = one.provisional_until
    return CardBody(
        card_id=str(one.card_id),
        card_number=masked(one.card_number),
        generation=one.generation,
        region=place(one.region),
        state=named(one.state, STATE_NAMES),
        said=text(words.of_card(one, day)),
        social_security_app=one.social_security_app,
        bank_app=one.bank_app,
        name_on_card=mask_name(one.name_on_card),
        issued_on=one.issued_on,
        valid_until=one.valid_until,
        provisional_until=until and until.astimezone(SHANGHAI),
        bank=one.bank,
        account_frozen_by=one.account_frozen_by,
        replaced_by=None if one.replaced_by is None else str(one.replaced_by),
        possible=_possible(table.CARD, one.state),
    )


def application(one: CardApplication, at: Mapping[str, Counter]) -> ApplicationBody:
    """An application; `at`: the counters that are named."""
    pickup = at.get(one.pickup_place or "")
    return ApplicationBody(
        application_id=str(one.application_id),
        person_id=str(one.person_id),
        kind=named(one.kind, KIND_NAMES),
        why=None if one.why is None else named(one.why, WHY_NAMES),
        state=named(one.state, STATE_NAMES),
        said=text(words.of_application(one, pickup and pickup.text)),
        region=place(one.region),
        accepted_in=None if one.accepted_in is None else place(one.accepted_in),
        channel=one.channel,
        applicant=one.applicant,
        applied_on=one.applied_on,
        expected_on=one.expected_on,
        state_since=one.state_since and one.state_since.astimezone(SHANGHAI),
        materials=[named(name, MATERIAL_NAMES) for name in one.materials],
        asked_for=one.asked_for,
        asked_until=one.asked_until,
        reason=one.reason,
        bank=one.bank,
        delivery=one.delivery,
        pickup=None if pickup is None else counter(pickup),
        tracking=one.tracking,
        fee=format_yuan(one.fee),
        fee_state=one.fee_state,
        card_id=None if one.card_id is None else str(one.card_id),
        chased=one.chased,
        possible=_possible(table.APPLICATION, one.state),
    )


def _possible(moves: Sequence[Move], state: Any) -> list[NamedBody]:
    return [NamedBody(one.event, text(one.text)) for one in table.possible(moves, state)]


_EVENT_NAMES = {one.event: one.text for one in (*table.APPLICATION, *table.CARD)}


def event(one: CardEvent) -> EventBody:
    """A line of the history."""
    return EventBody(
        at=one.at.astimezone(SHANGHAI),
        event=named(one.event, _EVENT_NAMES),
        application_id=None if one.application_id is None else str(one.application_id),
        card_id=None if one.card_id is None else str(one.card_id),
        before=None if one.before is None else named(one.before, STATE_NAMES),
        after=named(one.after, STATE_NAMES),
        channel=named(one.channel, CHANNEL_NAMES),
        applicant=named(one.applicant, BY_NAMES),
        actor_kind=one.actor_kind,
        actor=one.actor,
        reason=one.reason,
    )


def cancelled(one: Card, rest: Remaining, day: date) -> CancelledBody:
    """A cancelled card with what remains."""
    rows = [
        {"account_id": str(account_id), "kind": kind, "balance": format_yuan(balance)}
        for account_id, kind, balance in rest.accounts
    ]
    others = (("wealth", rest.wealth), ("contributions", rest.contributions))
    rows += [{"kind": kind, "balance": format_yuan(amount)} for kind, amount in others if amount]
    return CancelledBody(card(one, day), rows)


def standing(person_id: int, one: Standing) -> StandingBody:
    """What a caller whose facts agree is told."""
    return StandingBody(
        matched=True,
        person_id=str(person_id),
        card_id=str(one.card.card_id) if one.card else None,
        application_id=str(one.application.application_id) if one.application else None,
        said=[text(sentence) for sentence in one.said],
    )


def service(one: Service) -> ServiceBody:
    """A line of the services table."""
    return ServiceBody(
        name=one.name,
        text=text(one.text),
        who=[named(by, BY_NAMES) for by in one.who],
        channels=[named(channel, CHANNEL_NAMES) for channel in one.channels],
        needs=[named(need, MATERIAL_NAMES) for need in one.needs],
        note=text(one.note),
    )


def all_services() -> list[ServiceBody]:
    """The services table."""
    return [service(one) for one in services.SERVICES.values()]


_AFTER = {**STATE_NAMES, table.RESTORED: Text("挂失前的状态", "what it was before the report")}


def move(one: Move) -> MoveBody:
    """A line of the state table."""
    guards: Sequence[Guard] = one.guards
    return MoveBody(
        event=one.event,
        text=text(one.text),
        before=[named(state, STATE_NAMES) for state in one.before],
        after=None if one.after is None else named(one.after, _AFTER),
        guards=[text(guard.text) for guard in guards],
        effects=[text(EFFECTS[effect]) for effect in one.effects],
    )


def tables() -> TablesBody:
    """Both state tables."""
    return TablesBody([move(one) for one in table.APPLICATION], [move(one) for one in table.CARD])


def rules(one: CardRules, day: date, review: str) -> RulesBody:
    """A region's rules."""
    return RulesBody(
        region=place(one.region),
        date=day,
        review=review,
        provisional_days=one.provisional_days,
        valid_years=one.valid_years,
        review_days=one.review_days,
        amend_days=one.amend_days,
        production_days=one.production_days,
        fee=format_yuan(one.fee),
        free=[named(why, WHY_NAMES) for why in one.free],
        collect_days=one.collect_days,
        photo=one.photo,
        keep_days=one.keep_days,
        remind_days=one.remind_days,
        sources=list(one.sources),
        notes=list(one.notes),
        recalled=one.recalled,
    )
