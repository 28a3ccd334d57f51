"""What errands about the card share: how they reach the office, documents by kind, what the receipt tells."""

from collections.abc import Callable, Sequence
from typing import Final

from yikatong.cards.model import Card, CardApplication
from yikatong.cards.office import services
from yikatong.cards.office import words as card_words
from yikatong.cards.office.errors import STATE_NAMES
from yikatong.cards.office.model import KIND_NAMES, MATERIAL_NAMES, MATTER, Doing, Material
from yikatong.core.errors import InvalidInput, Text, one_of
from yikatong.core.money import format_yuan_grouped
from yikatong.portals.counter.errand import Case, Channel, Done, Field, same
from yikatong.portals.counter.facts import Facts
from yikatong.portals.counter.handed import field_of, handed_in
from yikatong.portals.counter.words import place, words
from yikatong.trust.audit import Actor
from yikatong.trust.documents import service as documents
from yikatong.trust.documents.model import KINDS, DocumentKind, Matter

CHANNELS: Final[tuple[Channel, ...]] = ("counter", "cross_province")
FIELDS: Final = {
    "applicant": "present", "why": "why", "kind": "why", "bank": "bank", "region": "region",
    "application_id": "application", "card_id": "card", "account_id": "pay", "document": "file",
}  # fmt: skip
"""The field of the form for what an error of the office names."""

SHOWN_BY: Final[dict[DocumentKind, Material]] = {
    "id_document": "identity", "photo": "photo", "agent_id": "agent_identity",
    "guardianship_proof": "guardianship", "household_register": "household_register",
    "residence_permit": "residence_permit", "labour_contract": "labour_contract",
    "study_certificate": "study_certificate", "old_card": "old_card",
    "death_certificate": "death_certificate",
}  # fmt: skip
"""What was shown, where its scan is handed in."""


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
    shown.extend(SHOWN_BY[kind] for kind in handed_in(case) if kind in SHOWN_BY)
    here = case.facts.here
    return Doing(
        channel=case.channel, by=case.by, by_id=case.by_id,
        counter=case.typed("counter") or (here.code if here else None),
        materials=tuple(dict.fromkeys(shown)), reason=case.typed("reason"),
    )  # fmt: skip


def materials(*wanted: Material) -> Field:
    """What the clerk ticks as shown."""
    return Field(
        name="materials", kind="checks", label="shown",
        options=[(one, MATERIAL_NAMES[one]) for one in wanted],
    )  # fmt: skip


def needs(name: services.Name) -> Callable[[Facts], Sequence[Text]]:
    """What a service asks for, from its table."""
    service = services.SERVICES[name]

    def documents_of(facts: Facts) -> Sequence[Text]:
        found = [MATERIAL_NAMES[one] for one in service.needs]
        if facts.elsewhere:
            return found
        return [*found, service.note] if service.note.zh else found

    return documents_of


def guardian_proof(case: Case) -> list[Material]:
    """What a guardian shows, where one may act."""
    return ["guardianship"] if case.facts.guarded else []


def possible(_: Facts) -> Text | None:
    """Always."""
    return None


# ---- documents by kind ----


async def keep_files(case: Case, application_id: int, actor: Actor) -> list[Text]:
    """Keep what was handed in with the application; answers what it was."""
    kept = handed_in(case)
    if not kept:
        return []
    matter = Matter(MATTER, application_id)
    async with case.platform.database.transaction() as connection:
        for kind in kept:
            for one in case.uploads[field_of(kind)]:
                await documents.add(
                    case.platform, connection, case.facts.person_id, matter, kind, one.content,
                    one.name, actor, field=field_of(kind),
                )  # fmt: skip
    return [KINDS[kind] for kind in kept]


# ---- what the receipt tells ----


def told(case: Case, one: CardApplication, kept: Sequence[Text] = ()) -> Done:
    """An application and where it stands."""
    lines = [
        (words("told_application"), KIND_NAMES[one.kind]),
        (words("told_state"), STATE_NAMES[one.state]),
        (words("told_card_region"), place(one.region)),
        (words("told_number"), same(one.application_id)),
    ]
    if one.expected_on is not None and one.state in ("applied", "in_production"):
        lines.append((words("told_expected"), same(one.expected_on)))
    if one.delivery == "pickup" and one.pickup_place:
        at = case.facts.place_of(one) or same(one.pickup_place)
        lines.append((words("told_pickup"), at))
    if one.fee:
        lines.append((words("told_fee"), same(format_yuan_grouped(one.fee))))
        lines.append((words("told_fee_state"), words(f"counter_fee_is_{one.fee_state}")))
    if kept:
        lines.append((words("told_handed_in"), joined(kept)))
    note = None
    if one.state == "applied":
        note = words("guest_note_review", place=place(one.region))
        if not case.facts.elsewhere:
            note = words("counter_note_review")
    return Done(lines, note)


def joined(texts: Sequence[Text]) -> Text:
    """Several in one line."""
    return Text("、".join(one.zh for one in texts), "; ".join(one.en for one in texts))


def card_told(case: Case, card: Card, note: Text | None = None) -> Done:
    """A card and how it stands."""
    return Done(
        [
            (words("told_card"), same(f"…{card.card_number[-4:]}")),
            (words("told_state"), card_words.of_card(card, case.facts.day)),
        ],
        note,
    )


# ---- the PIN ----


def pin_fields(*, optional: bool = False) -> Sequence[Field]:
    """The new PIN, twice."""
    hint = words("counter_hint_pin_now") if optional else words("counter_hint_pin")
    return (
        Field(name="new", kind="secret", label="pin", hint=hint, digits=True),
        Field(name="again", kind="secret", label="pin_again", digits=True),
    )


def pin_of(case: Case) -> str:
    """The new PIN; raises InvalidInput where the two differ."""
    new = case.typed("new")
    if new != case.typed("again"):
        raise InvalidInput("again", zh="两次输入的不一样", en="the two are not the same")
    return new
