"""Errands about the card in hand (社保卡): activate, PIN, loss, cancel. The office decides."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

from yikatong.cards.model import Card
from yikatong.cards.office import living
from yikatong.cards.office.model import Material
from yikatong.core.errors import InvalidInput
from yikatong.core.money import format_yuan_grouped
from yikatong.portals.counter import errands_application as applications
from yikatong.portals.counter.card_errand import (
    CHANNELS,
    FIELDS,
    card_told,
    doing,
    guardian_proof,
    materials,
    needs,
    pin_fields,
    pin_of,
    possible,
)
from yikatong.portals.counter.errand import Case, Done, Errand, Field, dead, same
from yikatong.portals.counter.errands_application import own_card
from yikatong.portals.counter.facts import Facts
from yikatong.portals.counter.words import words
from yikatong.trust.audit import Actor

_Do = Callable[..., Awaitable[Card]]


def _card(case: Case) -> Card:
    card = case.facts.card
    if card is None:
        raise InvalidInput("errand", zh="没有能办这项业务的卡", en="there is no card for this")
    return card


async def _simple(case: Case, actor: Actor, *, do: _Do, note: str = "") -> Done:
    done = await do(
        case.platform, case.facts.person_id, _card(case).card_id, doing(case), actor,
        case.idempotency_key,
    )  # fmt: skip
    return card_told(case, done, words(note) if note else None)


async def _activate(case: Case, actor: Actor) -> Done:
    done = await living.activate(
        case.platform, case.facts.person_id, _card(case).card_id, pin_of(case), doing(case), actor,
        case.idempotency_key,
    )  # fmt: skip
    return card_told(case, done, words("counter_note_bank_side"))


async def _activate_by_phone(case: Case, actor: Actor) -> Done:
    done = await living.activate_by_phone(
        case.platform, case.facts.person_id, _card(case).card_id, case.typed("tail"), doing(case),
        actor, case.idempotency_key,
    )  # fmt: skip
    return card_told(case, done, words("call_note_activated"))


def _tail_field(_: Case) -> Sequence[Field]:
    return (Field(name="tail", label="card_tail", longest=9, hint=words("call_hint_card_tail")),)


async def _reset_pin(case: Case, actor: Actor) -> Done:
    done = await living.reset_pin(
        case.platform, case.facts.person_id, _card(case).card_id, pin_of(case), doing(case), actor,
        case.idempotency_key,
    )  # fmt: skip
    return card_told(case, done, words("counter_note_pin"))


async def _found(case: Case, actor: Actor) -> Done:
    return await _simple(case, actor, do=living.withdraw_loss)


def _cancel_fields(_: Case) -> Sequence[Field]:
    return (
        materials("old_card", "death_certificate", "kinship", "emigration"),
        Field(name="died_on", kind="date", label="died_on", hint=words("counter_hint_died_on")),
        Field(name="reason", label="why_cancelled", longest=200),
    )


async def _cancel(case: Case, actor: Actor) -> Done:
    card = own_card(case.facts)
    if card is None:
        raise InvalidInput("errand", zh="没有可注销的卡", en="there is no card to cancel")
    gone, remaining = await living.cancel(
        case.platform, case.facts.person_id, card.card_id, case.day_or_none("died_on"),
        doing(case), actor, case.idempotency_key,
    )  # fmt: skip
    done = card_told(case, gone)
    left = [
        *((kind, balance) for _, kind, balance in remaining.accounts),
        ("wealth", remaining.wealth),
        ("contributions", remaining.contributions),
    ]
    rest = [
        (words(f"told_left_{kind}"), same(format_yuan_grouped(amount)))
        for kind, amount in left
        if amount
    ]
    note = words("counter_note_remaining") if rest else None
    return Done([*done.told, *rest], note)


def _state_is(*states: str) -> Callable[[Facts], bool]:
    def shown(facts: Facts) -> bool:
        return facts.card is not None and facts.card.state in states

    return shown


def _proof(*wanted: Material) -> Callable[[Case], Sequence[Field]]:
    """What is shown beside the id document, ticked by the clerk."""

    def fields(case: Case) -> Sequence[Field]:
        shown: list[Material] = [*wanted, *guardian_proof(case)]
        return (materials(*shown),) if shown else ()

    return fields


def _with_pin(case: Case) -> Sequence[Field]:
    return (*_proof()(case), *pin_fields())


ERRANDS: Final = (
    applications.HAND_OVER,
    Errand(
        name="card_activate", group="card", permission="cards.issue", who=("guardian",),
        steps=(_with_pin,), channels=CHANNELS, carry_out=_activate, refused=dead,
        documents=needs("activate"), shown=_state_is("issued"),
        fields_of={**FIELDS, "pin": "new"},
    ),
    Errand(
        name="card_activate_phone", group="card", permission="cards.activate_by_phone",
        who=("guardian",), steps=(_tail_field,), channels=("phone",),
        carry_out=_activate_by_phone, refused=dead, documents=lambda _: (),
        shown=_state_is("issued"), fields_of=FIELDS,
    ),
    applications.FIRST,
    Errand(
        name="loss_provisional", group="card", permission="cards.report_loss", service="card",
        who=("agent", "guardian", "kin"), channels=("counter", "phone", "cross_province"),
        at_once=True, steps=(lambda _: (),),
        carry_out=partial(
            _simple, do=living.report_loss_provisionally, note="counter_note_provisional"
        ),
        refused=possible, documents=needs("report_loss_provisionally"),
        shown=_state_is("issued", "active", "locked"), fields_of=FIELDS,
    ),
    Errand(
        name="loss", group="card", permission="cards.report_loss", service="card",
        who=("agent", "guardian"), steps=(_proof(),), channels=CHANNELS,
        carry_out=partial(_simple, do=living.report_loss, note="counter_note_loss"),
        refused=possible, documents=needs("report_loss"),
        shown=_state_is("issued", "active", "locked", "loss_reported_provisionally"),
        fields_of=FIELDS,
    ),
    Errand(
        name="loss_withdraw", group="card", permission="cards.withdraw_loss", who=("guardian",),
        steps=(_proof("old_card"),), channels=CHANNELS, carry_out=_found, refused=dead,
        documents=needs("withdraw_loss"),
        shown=_state_is("loss_reported_provisionally", "loss_reported"), fields_of=FIELDS,
    ),
    *applications.UNDER_WAY,
    Errand(
        name="pin_reset", group="card", permission="cards.unlock", who=("guardian",),
        steps=(_with_pin,), channels=CHANNELS, carry_out=_reset_pin, refused=dead,
        documents=needs("reset_pin"), shown=_state_is("active", "locked"),
        fields_of={**FIELDS, "pin": "new"},
    ),
    Errand(
        name="unlock", group="card", permission="cards.unlock", who=("guardian",),
        steps=(_proof(),), channels=CHANNELS,
        carry_out=partial(_simple, do=living.unlock, note="counter_note_unlocked"), refused=dead,
        documents=needs("unlock"), shown=_state_is("locked"), fields_of=FIELDS,
    ),
    Errand(
        name="card_cancel", group="card", permission="cards.cancel", who=("guardian", "kin"),
        steps=(_cancel_fields,), carry_out=_cancel, refused=possible, documents=needs("cancel"),
        shown=lambda facts: own_card(facts) is not None, fields_of=FIELDS,
    ),
)  # fmt: skip
