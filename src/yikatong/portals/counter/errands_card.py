"""Errands about the card (社保卡): apply, hand out, activate, PIN, loss, cancel. The office decides."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

from yikatong.cards.counters.model import Counter
from yikatong.cards.model import Card, CardApplication, Kind, Why
from yikatong.cards.office import applying, living, services, terms
from yikatong.cards.office import words as card_words
from yikatong.cards.office.errors import STATE_NAMES
from yikatong.cards.office.model import (
    KIND_NAMES,
    MATERIAL_NAMES,
    MATTER,
    WHY_NAMES,
    Doing,
    Material,
    Mended,
    NewApplication,
)
from yikatong.core.errors import InvalidInput, Text, one_of
from yikatong.core.money import format_yuan_grouped
from yikatong.money.bank.banks import banks
from yikatong.portals.counter.errand import (
    Case,
    Done,
    Errand,
    Field,
    choose_one,
    dead,
    same,
)
from yikatong.portals.counter.facts import Facts
from yikatong.portals.counter.words import place, words
from yikatong.trust.audit import Actor
from yikatong.trust.documents import service as documents
from yikatong.trust.documents.model import DocumentKind, Matter

_FIELDS: Final = {
    "applicant": "present", "why": "why", "kind": "why", "bank": "bank", "region": "region",
    "application_id": "application", "card_id": "card", "account_id": "pay",
}  # fmt: skip
_UPLOADS: Final[tuple[DocumentKind, ...]] = ("photo", "id_document", "other")
_ELSEWHERE: Final = services.ELSEWHERE
_COUNTERS_SHOWN: Final = 40


def doing(case: Case, *more: str) -> Doing:
    """How the errand reaches the office: the clerk compared the id documents of who is there."""
    shown: list[Material] = ["identity"]
    if case.by in ("agent", "guardian", "kin"):
        shown.append("agent_identity")
    if case.by == "guardian" and case.by_id is not None:
        # The guardianship is on record here.
        shown.append("guardianship")
    for one in (*case.chosen("materials"), *more):
        shown.append(one_of(one, tuple(MATERIAL_NAMES), "materials"))
    return Doing(
        channel=case.channel, by=case.by, by_id=case.by_id, counter=case.typed("counter") or None,
        materials=tuple(dict.fromkeys(shown)), reason=case.typed("reason"),
    )  # fmt: skip


def _materials(*wanted: Material) -> Field:
    return Field(
        name="materials", kind="checks", label="shown",
        options=[(one, MATERIAL_NAMES[one]) for one in wanted],
    )  # fmt: skip


def _needs(name: services.Name) -> Callable[[Facts], Sequence[Text]]:
    """What a service asks for, from its table."""
    service = services.SERVICES[name]

    def documents_of(_: Facts) -> Sequence[Text]:
        found = [MATERIAL_NAMES[one] for one in service.needs]
        return [*found, service.note] if service.note.zh else found

    return documents_of


# ---- applying ----


def _own_card(facts: Facts) -> Card | None:
    """The live card, else the newest that ran out."""
    if facts.card is not None:
        return facts.card
    newest = next(iter(facts.cards), None)
    return newest if newest is not None and newest.state == "expired" else None


def _apply_refused(facts: Facts) -> Text | None:
    if (why := dead(facts)) is not None:
        return why
    if not facts.person.identity_matched:
        return words("alarm_mismatch")
    for one in facts.open_applications:
        return words(
            "refused_under_way", number=str(one.application_id), state=STATE_NAMES[one.state]
        )
    return None


def _guardian_proof(case: Case) -> list[Material]:
    return ["guardianship"] if case.facts.guarded else []


def _whys(facts: Facts) -> list[Why]:
    """Reasons for a new card, the one that fits first."""
    card = _own_card(facts)
    fits: list[Why] = []
    if card is not None:
        if card.state == "expired" or (card.valid_until - facts.day).days <= 90:
            fits.append("expired")
        if card.generation < 3:
            fits.append("old_generation")
        if card.name_on_card != facts.person.name:
            fits.append("data_changed")
    return [*fits, "damaged"]


def _apply_fields(case: Case, *, kind: Kind) -> Sequence[Field]:
    facts = case.facts
    card = _own_card(facts)
    found: list[Field] = []
    whys = _whys(facts)
    if kind == "renew":
        found.append(
            Field(name="why", kind="radios", label="why", value=whys[0],
                  options=[(one, WHY_NAMES[one]) for one in whys])
        )  # fmt: skip
    shown: list[Material] = list(_guardian_proof(case))
    if kind == "first":
        shown = ["photo", *_ELSEWHERE, *shown]
    elif kind == "renew":
        proof: list[Material] = ["household_register"] if "data_changed" in whys else []
        shown = ["old_card", *proof, *shown]
    if shown:
        found.append(_materials(*shown))
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
    if kind == "first":
        found.append(
            Field(name="region", kind="place", label="card_region", optional=True,
                  hint=words("counter_hint_card_region"))
        )  # fmt: skip
    elif terms.load().find(_home(facts), facts.day).fee:
        found.append(
            Field(name="pay", kind="radios", label="pay_fee", value="cash",
                  options=[(one, words(f"counter_fee_{one}")) for one in ("cash", "later")])
        )  # fmt: skip
    found += [
        _photo_field(),
        Field(name="file", kind="file", label="card_files", hint=words("counter_hint_file")),
    ]
    return found


def _home(facts: Facts) -> str:
    """Where the card is issued: the insured place."""
    current = [one for one in facts.enrolments if one.status != "ended"]
    return (
        min(
            current, key=lambda one: ("310", "390", "110", "150", "210").index(one.insurance)
        ).region
        if current
        else facts.person.residence_region
    )


async def _apply(case: Case, actor: Actor, *, kind: Kind) -> Done:
    why: Why | None = None
    if kind == "replace":
        why = "lost"
    elif kind == "renew":
        why = one_of(case.typed("why"), tuple(WHY_NAMES), "why")
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
    await _keep_files(case, made.application_id, actor)
    if made.fee_state == "due" and case.typed("pay") == "cash":
        made = await applying.pay_fee(
            case.platform, person_id, made.application_id, None, doing(case), actor, f"{key}-fee"
        )
    return _told(case, made)


_FILES: Final[dict[str, DocumentKind]] = {"file": "application_form", "file_photo": "photo"}
"""Fields with files, and what they are."""


async def _keep_files(case: Case, application_id: int, actor: Actor) -> None:
    files = [(field, one) for field in _FILES for one in case.uploads.get(field, ())]
    if not files:
        return
    matter = Matter(MATTER, application_id)
    async with case.platform.database.transaction() as connection:
        for field, one in files:
            await documents.add(
                case.platform, connection, case.facts.person_id, matter, _FILES[field], one.content,
                one.name, actor, field=field,
            )  # fmt: skip


def _photo_field() -> Field:
    return Field(
        name="file_photo", kind="file", label="card_photo", hint=words("counter_hint_photo")
    )


def _told(case: Case, one: CardApplication) -> Done:
    told = [
        (words("told_application"), KIND_NAMES[one.kind]),
        (words("told_state"), STATE_NAMES[one.state]),
        (words("told_card_region"), place(one.region)),
        (words("told_number"), same(one.application_id)),
    ]
    if one.expected_on is not None and one.state in ("applied", "in_production"):
        told.append((words("told_expected"), same(one.expected_on)))
    if one.delivery == "pickup" and one.pickup_place:
        at = case.facts.place_of(one) or same(one.pickup_place)
        told.append((words("told_pickup"), at))
    if one.fee:
        told.append((words("told_fee"), same(format_yuan_grouped(one.fee))))
        told.append((words("told_fee_state"), words(f"counter_fee_is_{one.fee_state}")))
    note = words("counter_note_review") if one.state == "applied" else None
    return Done(told, note)


# ---- an application under way ----


def _which(case: Case, applications: Sequence[CardApplication]) -> Sequence[Field]:
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


def application_name(one: CardApplication) -> Text:
    """An application in one line."""
    kind, state = KIND_NAMES[one.kind], STATE_NAMES[one.state]
    return Text(
        f"{kind.zh}，{one.applied_on}，{state.zh}", f"{kind.en}, {one.applied_on}, {state.en}"
    )


def _the(case: Case, applications: Sequence[CardApplication]) -> CardApplication:
    if len(applications) == 1:
        return applications[0]
    number = case.number("application")
    for one in applications:
        if one.application_id == number:
            return one
    raise choose_one("application")


def _fee_due(facts: Facts) -> list[CardApplication]:
    return [one for one in facts.open_applications if one.fee_state == "due"]


def _fee_fields(case: Case) -> Sequence[Field]:
    return (
        *_which(case, _fee_due(case.facts)),
        Field(name="pay", kind="radios", label="pay_fee", value="cash",
              options=[("cash", words("counter_fee_cash"))]),
    )  # fmt: skip


async def _pay_fee(case: Case, actor: Actor) -> Done:
    one = _the(case, _fee_due(case.facts))
    paid = await applying.pay_fee(
        case.platform, case.facts.person_id, one.application_id, None, doing(case), actor,
        case.idempotency_key,
    )  # fmt: skip
    return _told(case, paid)


def _printing(facts: Facts, one: CardApplication) -> list[Counter]:
    """The counters that can make this card at once."""
    return [
        each
        for each in facts.counters.values()
        if each.prints_at_once and each.pooling_region == one.region
    ]


def _to_hand_over(facts: Facts) -> list[CardApplication]:
    """Cards that wait here, and those that can be printed at once."""
    return [
        one
        for one in facts.applications
        if one.state == "ready"
        or (
            one.state == "in_production"
            and one.batch_id is None
            and one.delivery == "pickup"
            and _printing(facts, one)
        )
    ]


def _hand_over_fields(case: Case) -> Sequence[Field]:
    waiting = _to_hand_over(case.facts)
    found = list(_which(case, waiting))
    to_print = [one for one in waiting if one.state == "in_production"]
    if to_print:
        found.append(
            Field(name="counter", kind="select", label="counter",
                  options=[(one.code, one.text) for one in _printing(case.facts, to_print[0])])
        )  # fmt: skip
    proof = _guardian_proof(case)
    if proof:
        found.append(_materials(*proof))
    return (*found, *_pin_fields(optional=True))


def _pin_fields(*, optional: bool = False) -> Sequence[Field]:
    hint = words("counter_hint_pin_now") if optional else words("counter_hint_pin")
    return (
        Field(name="new", kind="secret", label="pin", hint=hint, digits=True),
        Field(name="again", kind="secret", label="pin_again", digits=True),
    )


def _pin(case: Case) -> str:
    new = case.typed("new")
    if new != case.typed("again"):
        raise InvalidInput("again", zh="两次输入的不一样", en="the two are not the same")
    return new


async def _hand_over(case: Case, actor: Actor) -> Done:
    one = _the(case, _to_hand_over(case.facts))
    pin = _pin(case)
    person_id, key = case.facts.person_id, case.idempotency_key
    if pin and case.by == "agent":
        raise InvalidInput(
            "new",
            zh="启用要本人或监护人来，代办人只能领卡，请把密码空着",
            en="only the person or a guardian activates; somebody else collects, so leave the PIN empty",
        )
    card = await applying.hand_over(
        case.platform, person_id, one.application_id, doing(case), actor, key,
        event="hand_over" if one.state == "ready" else "print",
    )  # fmt: skip
    if not pin:
        return _card_told(case, card, words("counter_note_activate_later"))
    active = await living.activate(
        case.platform, person_id, card.card_id, pin, doing(case), actor, f"{key}-activate"
    )
    return _card_told(case, active, words("counter_note_bank_side"))


def _withdraw_fields(case: Case) -> Sequence[Field]:
    return (
        *_which(case, case.facts.open_applications),
        Field(name="reason", label="why_withdrawn", longest=200),
    )


async def _withdraw(case: Case, actor: Actor) -> Done:
    one = _the(case, case.facts.open_applications)
    gone = await applying.withdraw(
        case.platform, case.facts.person_id, one.application_id, doing(case), actor,
        case.idempotency_key,
    )  # fmt: skip
    return _told(case, gone)


def _asked(facts: Facts) -> list[CardApplication]:
    return [one for one in facts.open_applications if one.asked_for]


def _amend_fields(case: Case) -> Sequence[Field]:
    asked = _asked(case.facts)
    hint = same(asked[0].asked_for) if asked else None
    return (
        *_which(case, asked),
        Field(name="materials", kind="checks", label="shown", hint=hint,
              options=[(one, text) for one, text in MATERIAL_NAMES.items()
                       if one in ("photo", "household_register", "guardianship", *_ELSEWHERE)]),
        _photo_field(),
        Field(name="file", kind="file", label="card_files", hint=words("counter_hint_file")),
    )  # fmt: skip


async def _amend(case: Case, actor: Actor) -> Done:
    one = _the(case, _asked(case.facts))
    how = doing(case)
    mended = await applying.amend(
        case.platform, case.facts.person_id, one.application_id, Mended(how.materials), how, actor,
        case.idempotency_key,
    )  # fmt: skip
    await _keep_files(case, one.application_id, actor)
    return _told(case, mended)


# ---- the card in hand ----

_Do = Callable[..., Awaitable[Card]]


def _card_told(case: Case, card: Card, note: Text | None = None) -> Done:
    return Done(
        [
            (words("told_card"), same(f"…{card.card_number[-4:]}")),
            (words("told_state"), card_words.of_card(card, case.facts.day)),
        ],
        note,
    )


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
    return _card_told(case, done, words(note) if note else None)


async def _activate(case: Case, actor: Actor) -> Done:
    done = await living.activate(
        case.platform, case.facts.person_id, _card(case).card_id, _pin(case), doing(case), actor,
        case.idempotency_key,
    )  # fmt: skip
    return _card_told(case, done, words("counter_note_bank_side"))


async def _reset_pin(case: Case, actor: Actor) -> Done:
    done = await living.reset_pin(
        case.platform, case.facts.person_id, _card(case).card_id, _pin(case), doing(case), actor,
        case.idempotency_key,
    )  # fmt: skip
    return _card_told(case, done, words("counter_note_pin"))


async def _found(case: Case, actor: Actor) -> Done:
    return await _simple(case, actor, do=living.withdraw_loss)


def _cancel_fields(_: Case) -> Sequence[Field]:
    return (
        _materials("old_card", "death_certificate", "kinship", "emigration"),
        Field(name="died_on", kind="date", label="died_on", hint=words("counter_hint_died_on")),
        Field(name="reason", label="why_cancelled", longest=200),
    )


async def _cancel(case: Case, actor: Actor) -> Done:
    card = _own_card(case.facts)
    if card is None:
        raise InvalidInput("errand", zh="没有可注销的卡", en="there is no card to cancel")
    gone, remaining = await living.cancel(
        case.platform, case.facts.person_id, card.card_id, case.day_or_none("died_on"),
        doing(case), actor, case.idempotency_key,
    )  # fmt: skip
    done = _card_told(case, gone)
    rest = [
        (words(f"told_left_{kind}"), same(format_yuan_grouped(balance)))
        for _, kind, balance in remaining.accounts
    ]
    note = words("counter_note_remaining") if rest else None
    return Done([*done.told, *rest], note)


def _state_is(*states: str) -> Callable[[Facts], bool]:
    def shown(facts: Facts) -> bool:
        return facts.card is not None and facts.card.state in states

    return shown


def _possible(_: Facts) -> Text | None:
    return None


def _proof(*materials: Material) -> Callable[[Case], Sequence[Field]]:
    """What is shown beside the id document, ticked by the clerk."""

    def fields(case: Case) -> Sequence[Field]:
        wanted: list[Material] = [*materials, *_guardian_proof(case)]
        return (_materials(*wanted),) if wanted else ()

    return fields


def _with_pin(case: Case) -> Sequence[Field]:
    return (*_proof()(case), *_pin_fields())


ERRANDS: Final = (
    Errand(
        name="card_hand_over", group="card", permission="cards.issue", service="card",
        who=("agent", "guardian"), steps=(_hand_over_fields,), carry_out=_hand_over, refused=dead,
        documents=_needs("collect"), shown=lambda facts: bool(_to_hand_over(facts)),
        fields_of={**_FIELDS, "pin": "new"},
    ),
    Errand(
        name="card_activate", group="card", permission="cards.issue", who=("guardian",),
        steps=(_with_pin,), carry_out=_activate, refused=dead, documents=_needs("activate"),
        shown=_state_is("issued"), fields_of={**_FIELDS, "pin": "new"},
    ),
    Errand(
        name="card_first", group="card", permission="cards.apply", service="card",
        who=("agent", "guardian"), steps=(partial(_apply_fields, kind="first"),),
        carry_out=partial(_apply, kind="first"), refused=_apply_refused, documents=_needs("apply"),
        shown=lambda facts: _own_card(facts) is None, fields_of=_FIELDS,
    ),
    Errand(
        name="loss_provisional", group="card", permission="cards.report_loss", service="card",
        who=("agent", "guardian", "kin"), channels=("counter", "phone"), at_once=True,
        steps=(lambda _: (),),
        carry_out=partial(
            _simple, do=living.report_loss_provisionally, note="counter_note_provisional"
        ),
        refused=_possible, documents=_needs("report_loss_provisionally"),
        shown=_state_is("issued", "active", "locked"), fields_of=_FIELDS,
    ),
    Errand(
        name="loss", group="card", permission="cards.report_loss", service="card",
        who=("agent", "guardian"), steps=(_proof(),),
        carry_out=partial(_simple, do=living.report_loss, note="counter_note_loss"),
        refused=_possible, documents=_needs("report_loss"),
        shown=_state_is("issued", "active", "locked", "loss_reported_provisionally"),
        fields_of=_FIELDS,
    ),
    Errand(
        name="loss_withdraw", group="card", permission="cards.withdraw_loss", who=("guardian",),
        steps=(_proof("old_card"),), carry_out=_found, refused=dead,
        documents=_needs("withdraw_loss"),
        shown=_state_is("loss_reported_provisionally", "loss_reported"), fields_of=_FIELDS,
    ),
    Errand(
        name="card_replace", group="card", permission="cards.apply", service="card",
        who=("agent", "guardian"), steps=(partial(_apply_fields, kind="replace"),),
        carry_out=partial(_apply, kind="replace"), refused=_apply_refused,
        documents=_needs("replace"), shown=lambda facts: _own_card(facts) is not None,
        fields_of=_FIELDS,
    ),
    Errand(
        name="card_renew", group="card", permission="cards.apply", service="card",
        who=("agent", "guardian"), steps=(partial(_apply_fields, kind="renew"),),
        carry_out=partial(_apply, kind="renew"), refused=_apply_refused, documents=_needs("renew"),
        shown=lambda facts: _own_card(facts) is not None, fields_of=_FIELDS,
    ),
    Errand(
        name="card_fee", group="card", permission="cards.apply", steps=(_fee_fields,),
        carry_out=_pay_fee, refused=_possible, documents=lambda _: (), anyone=True,
        shown=lambda facts: bool(_fee_due(facts)), fields_of=_FIELDS,
    ),
    Errand(
        name="card_amend", group="card", permission="cards.apply", service="card",
        who=("agent", "guardian"), steps=(_amend_fields,), carry_out=_amend, refused=_possible,
        documents=lambda facts: [same(one.asked_for) for one in _asked(facts)],
        shown=lambda facts: bool(_asked(facts)), fields_of=_FIELDS,
    ),
    Errand(
        name="card_withdraw", group="card", permission="cards.apply", service="card",
        who=("agent", "guardian"), steps=(_withdraw_fields,), carry_out=_withdraw,
        refused=_possible, documents=_needs("collect"),
        shown=lambda facts: bool(facts.open_applications), fields_of=_FIELDS,
    ),
    Errand(
        name="pin_reset", group="card", permission="cards.unlock", who=("guardian",),
        steps=(_with_pin,), carry_out=_reset_pin, refused=dead, documents=_needs("reset_pin"),
        shown=_state_is("active", "locked"), fields_of={**_FIELDS, "pin": "new"},
    ),
    Errand(
        name="unlock", group="card", permission="cards.unlock", who=("guardian",),
        steps=(_proof(),),
        carry_out=partial(_simple, do=living.unlock, note="counter_note_unlocked"), refused=dead,
        documents=_needs("unlock"), shown=_state_is("locked"), fields_of=_FIELDS,
    ),
    Errand(
        name="card_cancel", group="card", permission="cards.cancel", who=("guardian", "kin"),
        steps=(_cancel_fields,), carry_out=_cancel, refused=_possible, documents=_needs("cancel"),
        shown=lambda facts: _own_card(facts) is not None, fields_of=_FIELDS,
    ),
)  # fmt: skip
