"""Errands about applications for a card (申领、补换卡): apply, pay, add, withdraw, hand out."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from yikatong.cards.counters.model import Counter
from yikatong.cards.model import Card, CardApplication, Kind, Why
from yikatong.cards.office import applying, living, rules, services, terms
from yikatong.cards.office.errors import STATE_NAMES
from yikatong.cards.office.model import (
    KIND_NAMES,
    MATERIAL_NAMES,
    WHY_NAMES,
    Material,
    Mended,
    NewApplication,
)
from yikatong.cards.pins import service as pins
from yikatong.core.errors import InvalidInput, Text, one_of
from yikatong.money.bank.banks import banks
from yikatong.portals.counter.card_errand import (
    CHANNELS,
    FIELDS,
    card_told,
    check_files,
    doing,
    files,
    guardian_proof,
    keep_files,
    materials,
    needs,
    pin_fields,
    pin_of,
    possible,
    told,
)
from yikatong.portals.counter.errand import Case, Done, Errand, Field, choose_one, dead, same
from yikatong.portals.counter.facts import Facts
from yikatong.portals.counter.words import words
from yikatong.trust.audit import Actor
from yikatong.trust.documents.model import DocumentKind

_ELSEWHERE: Final = services.ELSEWHERE
_COUNTERS_SHOWN: Final = 40
_TO_ADD: Final[tuple[DocumentKind, ...]] = (
    "photo", "id_document", "agent_id", "guardianship_proof", "household_register",
    "residence_permit", "labour_contract", "study_certificate",
)  # fmt: skip
"""What an application may lack."""


def own_card(facts: Facts) -> Card | None:
    """The live card, else the newest that ran out."""
    if facts.card is not None:
        return facts.card
    newest = next(iter(facts.cards), None)
    return newest if newest is not None and newest.state == "expired" else None


# ---- applying ----


def _apply_refused(facts: Facts) -> Text | None:
    if (why := dead(facts)) is not None:
        return why
    if not facts.person.identity_matched:
        return words("guest_mismatch" if facts.elsewhere else "alarm_mismatch")
    for one in facts.open_applications:
        return words(
            "refused_under_way", number=str(one.application_id), state=STATE_NAMES[one.state]
        )
    return None


def _whys(facts: Facts) -> list[Why]:
    """Reasons for a new card, the one that fits first."""
    card = own_card(facts)
    fits: list[Why] = []
    if card is not None:
        if card.state == "expired" or (card.valid_until - facts.day).days <= 90:
            fits.append("expired")
        if card.generation < 3:
            fits.append("old_generation")
        if card.name_on_card != facts.person.name:
            fits.append("data_changed")
    return [*fits, "damaged"]


def _shown(case: Case, kind: Kind, whys: Sequence[Why]) -> list[Material]:
    """What is ticked as shown besides the id document."""
    proof = guardian_proof(case)
    if kind == "first":
        # At a cross-province counter the insured place decides, which asks for no proof of living.
        return ["photo", *(() if case.facts.elsewhere else _ELSEWHERE), *proof]
    if kind == "renew":
        changed: list[Material] = ["household_register"] if "data_changed" in whys else []
        return ["old_card", *changed, *proof]
    return proof


def _kinds(case: Case, kind: Kind, whys: Sequence[Why]) -> list[DocumentKind]:
    """What can be handed in with it."""
    found: list[DocumentKind] = ["photo", "id_document", "agent_id"]
    if case.facts.guarded:
        found.append("guardianship_proof")
    if kind == "first" and not case.facts.elsewhere:
        found.extend(("residence_permit", "labour_contract", "study_certificate"))
    if "data_changed" in whys and kind == "renew":
        found.append("household_register")
    return found


def _apply_fields(case: Case, *, kind: Kind) -> Sequence[Field]:
    facts = case.facts
    card = own_card(facts)
    found: list[Field] = []
    whys = _whys(facts)
    if kind == "renew":
        found.append(
            Field(name="why", kind="radios", label="why", value=whys[0],
                  options=[(one, WHY_NAMES[one]) for one in whys])
        )  # fmt: skip
    if shown := _shown(case, kind, whys):
        found.append(materials(*shown))
    found += [
        Field(name="delivery", kind="radios", label="delivery", value="pickup",
              options=[(one, words(f"counter_delivery_{one}")) for one in ("pickup", "post")]),
        Field(name="pickup_place", kind="select", label="pickup_place",
              options=[(one.code, one.text) for one in facts.counters.values()][:_COUNTERS_SHOWN]),
        Field(name="bank", kind="select", label="card_bank",
              value=card.bank if card else "ICBC",
              options=[(one.code, one.name) for one in banks().values()]),
        Field(name="post_to", label="post_to", longest=200, hint=words("counter_hint_post")),
        Field(name="post_phone", label="post_phone", longest=20, hint=words("counter_hint_post")),
    ]  # fmt: skip
    if kind == "first" and not facts.elsewhere:
        found.append(
            Field(name="region", kind="place", label="card_region", optional=True,
                  hint=words("counter_hint_card_region"))
        )  # fmt: skip
    elif (
        kind != "first"
        and terms.load().find(rules.insured_place(facts.person, facts.enrolments), facts.day).fee
    ):
        found.append(
            Field(name="pay", kind="radios", label="pay_fee", value="cash",
                  options=[(one, words(f"counter_fee_{one}")) for one in ("cash", "later")])
        )  # fmt: skip
    found.append(files(*_kinds(case, kind, whys)))
    return found


async def _apply(case: Case, actor: Actor, *, kind: Kind) -> Done:
    why: Why | None = None
    if kind == "replace":
        why = "lost"
    elif kind == "renew":
        why = one_of(case.typed("why"), tuple(WHY_NAMES), "why")
    check_files(case)
    post = case.typed("delivery") == "post"
    wanted = NewApplication(
        kind=kind,
        why=why,
        region=case.place("region") or None,
        bank=case.typed("bank") or None,
        delivery="post" if post else "pickup",
        pickup_place=None if post else case.typed("pickup_place") or None,
        post_to=case.typed("post_to") or None if post else None,
        post_phone=case.typed("post_phone") or None if post else None,
    )
    key = case.idempotency_key
    person_id = case.facts.person_id
    made = await applying.apply(case.platform, person_id, wanted, doing(case), actor, key)
    kept = await keep_files(case, made.application_id, actor)
    if made.fee_state == "due" and case.typed("pay") == "cash":
        made = await applying.pay_fee(
            case.platform, person_id, made.application_id, None, doing(case), actor, f"{key}-fee"
        )
    return told(case, made, kept)


# ---- an application under way ----


def application_name(one: CardApplication) -> Text:
    """An application in one line."""
    kind, state = KIND_NAMES[one.kind], STATE_NAMES[one.state]
    return Text(
        f"{kind.zh}，{one.applied_on}，{state.zh}", f"{kind.en}, {one.applied_on}, {state.en}"
    )


def _which(applications: Sequence[CardApplication]) -> Sequence[Field]:
    """The choice of an application; one alone needs none."""
    if len(applications) < 2:
        return ()
    return (
        Field(
            name="application", kind="radios", label="application",
            options=[
                (str(one.application_id), application_name(one)) for one in applications
            ],
        ),
    )  # fmt: skip


def _the(case: Case, applications: Sequence[CardApplication]) -> CardApplication:
    if len(applications) == 1:
        return applications[0]
    number = case.number("application")
    for one in applications:
        if one.application_id == number:
            return one
    raise choose_one("application")


def _fee_due(facts: Facts) -> list[CardApplication]:
    return [one for one in facts.continued if one.fee_state == "due"]


def _fee_fields(case: Case) -> Sequence[Field]:
    return (
        *_which(_fee_due(case.facts)),
        Field(name="pay", kind="radios", label="pay_fee", value="cash",
              options=[("cash", words("counter_fee_cash"))]),
    )  # fmt: skip


async def _pay_fee(case: Case, actor: Actor) -> Done:
    one = _the(case, _fee_due(case.facts))
    paid = await applying.pay_fee(
        case.platform, case.facts.person_id, one.application_id, None, doing(case), actor,
        case.idempotency_key,
    )  # fmt: skip
    return told(case, paid)


def _withdraw_fields(case: Case) -> Sequence[Field]:
    return (
        *_which(case.facts.continued),
        Field(name="reason", label="why_withdrawn", longest=200),
    )


async def _withdraw(case: Case, actor: Actor) -> Done:
    one = _the(case, case.facts.continued)
    gone = await applying.withdraw(
        case.platform, case.facts.person_id, one.application_id, doing(case), actor,
        case.idempotency_key,
    )  # fmt: skip
    return told(case, gone)


def _asked(facts: Facts) -> list[CardApplication]:
    return [one for one in facts.continued if one.asked_for]


def _amend_fields(case: Case) -> Sequence[Field]:
    asked = _asked(case.facts)
    hint = same(asked[0].asked_for) if asked else None
    return (
        *_which(asked),
        Field(name="materials", kind="checks", label="shown", hint=hint,
              options=[(one, text) for one, text in MATERIAL_NAMES.items()
                       if one in ("photo", "household_register", "guardianship", *_ELSEWHERE)]),
        files(*_TO_ADD),
    )  # fmt: skip


async def _amend(case: Case, actor: Actor) -> Done:
    one = _the(case, _asked(case.facts))
    check_files(case)
    how = doing(case)
    mended = await applying.amend(
        case.platform, case.facts.person_id, one.application_id, Mended(how.materials), how, actor,
        case.idempotency_key,
    )  # fmt: skip
    return told(case, mended, await keep_files(case, one.application_id, actor))


def _to_add(facts: Facts) -> list[CardApplication]:
    """Applications under review, which take further documents."""
    return [one for one in facts.continued if one.state == "applied"]


async def _add_documents(case: Case, actor: Actor) -> Done:
    one = _the(case, _to_add(case.facts))
    check_files(case)
    async with case.platform.database.transaction(readonly=True) as connection:
        await applying.takes_documents(connection, case.facts.person_id, one.application_id)
    kept = await keep_files(case, one.application_id, actor)
    if not kept:
        raise InvalidInput("file_photo", zh="请选一个文件", en="choose a file")
    return told(case, one, kept)


# ---- handing out ----


def _printing(facts: Facts, one: CardApplication) -> list[Counter]:
    """The counters that can make this card at once: the member's own, where it is known."""
    if facts.elsewhere:
        return []
    found = [facts.here] if facts.here else list(facts.counters.values())
    return [each for each in found if each.prints_at_once and each.pooling_region == one.region]


def _lies_here(facts: Facts, one: CardApplication) -> bool:
    """Whether a finished card waits at the member's counter, as far as that is known."""
    if facts.here is None:
        return True
    return one.pickup_place == facts.here.code or (one.pickup_place is None and not facts.elsewhere)


def _to_hand_over(facts: Facts) -> list[CardApplication]:
    """Cards that wait here, and those that can be printed at once."""
    return [
        one
        for one in facts.applications
        if (one.state == "ready" and _lies_here(facts, one))
        or (
            one.state == "in_production"
            and one.batch_id is None
            and one.delivery == "pickup"
            and _printing(facts, one)
        )
    ]


def _hand_over_refused(facts: Facts) -> Text | None:
    if (why := dead(facts)) is not None:
        return why
    if not _to_hand_over(facts):
        for one in facts.applications:
            if one.state == "ready":
                at = facts.place_of(one) or same(one.pickup_place)
                return words("refused_lies_elsewhere", place=at)
    return None


def _hand_over_fields(case: Case) -> Sequence[Field]:
    waiting = _to_hand_over(case.facts)
    found = list(_which(waiting))
    to_print = [one for one in waiting if one.state == "in_production"]
    if to_print and case.facts.here is None:
        found.append(
            Field(name="counter", kind="select", label="counter",
                  options=[(one.code, one.text) for one in _printing(case.facts, to_print[0])])
        )  # fmt: skip
    proof = guardian_proof(case)
    if proof:
        found.append(materials(*proof))
    return (*found, *pin_fields(optional=True))


async def _hand_over(case: Case, actor: Actor) -> Done:
    one = _the(case, _to_hand_over(case.facts))
    pin = pin_of(case)
    person_id, key = case.facts.person_id, case.idempotency_key
    if pin and case.by == "agent":
        raise InvalidInput(
            "new",
            zh="启用要本人或监护人来，代办人只能领卡，请把密码空着",
            en="only the person or a guardian activates; somebody else collects, so leave the PIN empty",
        )
    if pin:
        # A PIN that may not be chosen is told before the card is out of the hand.
        await pins.check(case.platform, person_id, one.card_number, pin, "new")
    card = await applying.hand_over(
        case.platform, person_id, one.application_id, doing(case), actor, key,
        event="hand_over" if one.state == "ready" else "print",
    )  # fmt: skip
    if not pin:
        return card_told(case, card, words("counter_note_activate_later"))
    active = await living.activate(
        case.platform, person_id, card.card_id, pin, doing(case), actor, f"{key}-activate"
    )
    return card_told(case, active, words("counter_note_bank_side"))


HAND_OVER: Final = Errand(
    name="card_hand_over", group="card", permission="cards.issue", service="card",
    who=("agent", "guardian"), steps=(_hand_over_fields,), carry_out=_hand_over,
    refused=_hand_over_refused, documents=needs("collect"), channels=CHANNELS,
    shown=lambda facts: bool(_to_hand_over(facts))
    or any(one.state == "ready" for one in facts.applications),
    fields_of={**FIELDS, "pin": "new"},
)  # fmt: skip
FIRST: Final = Errand(
    name="card_first", group="card", permission="cards.apply", service="card",
    who=("agent", "guardian"), steps=(partial(_apply_fields, kind="first"),), channels=CHANNELS,
    carry_out=partial(_apply, kind="first"), refused=_apply_refused, documents=needs("apply"),
    shown=lambda facts: own_card(facts) is None, fields_of=FIELDS,
)  # fmt: skip
UNDER_WAY: Final = (
    Errand(
        name="card_replace", group="card", permission="cards.apply", service="card",
        who=("agent", "guardian"), steps=(partial(_apply_fields, kind="replace"),),
        channels=CHANNELS, carry_out=partial(_apply, kind="replace"), refused=_apply_refused,
        documents=needs("replace"), shown=lambda facts: own_card(facts) is not None,
        fields_of=FIELDS,
    ),
    Errand(
        name="card_renew", group="card", permission="cards.apply", service="card",
        who=("agent", "guardian"), steps=(partial(_apply_fields, kind="renew"),),
        channels=CHANNELS, carry_out=partial(_apply, kind="renew"), refused=_apply_refused,
        documents=needs("renew"), shown=lambda facts: own_card(facts) is not None,
        fields_of=FIELDS,
    ),
    Errand(
        name="card_fee", group="card", permission="cards.apply", steps=(_fee_fields,),
        channels=CHANNELS, carry_out=_pay_fee, refused=possible, documents=lambda _: (),
        anyone=True, shown=lambda facts: bool(_fee_due(facts)), fields_of=FIELDS,
    ),
    Errand(
        name="card_amend", group="card", permission="cards.apply", service="card",
        who=("agent", "guardian"), steps=(_amend_fields,), channels=CHANNELS, carry_out=_amend,
        refused=possible, documents=lambda facts: [same(one.asked_for) for one in _asked(facts)],
        shown=lambda facts: bool(_asked(facts)), fields_of=FIELDS,
    ),
    Errand(
        name="card_documents", group="card", permission="document.add", channels=CHANNELS,
        steps=(lambda case: (*_which(_to_add(case.facts)), files(*_TO_ADD)),),
        carry_out=_add_documents, refused=dead, documents=needs("apply"), anyone=True,
        shown=lambda facts: bool(_to_add(facts)) and not _asked(facts), fields_of=FIELDS,
    ),
    Errand(
        name="card_withdraw", group="card", permission="cards.apply", service="card",
        who=("agent", "guardian"), steps=(_withdraw_fields,), channels=CHANNELS,
        carry_out=_withdraw, refused=possible, documents=needs("collect"),
        shown=lambda facts: bool(facts.continued), fields_of=FIELDS,
    ),
)  # fmt: skip
