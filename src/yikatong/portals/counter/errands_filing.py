"""Errands about filings for care elsewhere (异地就医备案)."""

from collections.abc import Sequence
from typing import Final

from yikatong.core.errors import InvalidInput, Text, one_of
from yikatong.medical.filings import service as filings
from yikatong.medical.filings.model import (
    KIND_NAMES,
    KINDS,
    MATERIAL_NAMES,
    SUBKIND_NAMES,
    SUBKINDS,
    FilingChange,
    KindRule,
    NewFiling,
)
from yikatong.medical.model import Filing, FilingKind, Subkind
from yikatong.portals.counter.errand import (
    Case,
    Done,
    Errand,
    Field,
    choose_one,
    dead,
    identity,
    same,
)
from yikatong.portals.counter.facts import Facts
from yikatong.portals.counter.words import filing as filing_words
from yikatong.portals.counter.words import place, words
from yikatong.trust.audit import Actor

_FIELDS: Final = {"channel": "kind", "insurance": "kind", "person_id": "kind"}


def _rules(facts: Facts) -> dict[FilingKind, KindRule]:
    assert facts.medical is not None
    return filings.rules_of(facts.medical.region, facts.day).kinds


def _refused(facts: Facts) -> Text | None:
    if (why := dead(facts)) is not None:
        return why
    return words("refused_not_insured") if facts.medical is None else None


def _what(case: Case) -> Sequence[Field]:
    """Kind, place, days."""
    facts = case.facts
    kinds = [
        (kind, KIND_NAMES[kind])
        for kind, rule in _rules(facts).items()
        if case.channel in rule.channels
    ]
    assert facts.medical is not None
    usual = (
        "retired_settler"
        if facts.medical.category in ("retired", "elderly")
        else "long_term_resident"
    )
    return (
        Field(name="kind", kind="radios", label="filing_kind", options=kinds, value="temporary"),
        Field(
            name="subkind", kind="select", label="filing_subkind", value=usual,
            options=[(one, SUBKIND_NAMES[one]) for one in SUBKINDS],
            hint=words("counter_hint_subkind"),
        ),
        Field(name="destination", kind="place", label="destination",
              hint=words("counter_hint_destination")),
        Field(name="starts_on", kind="date", label="starts_on", value=f"{facts.day}"),
        Field(name="ends_on", kind="date", label="ends_on", hint=words("counter_hint_ends_on")),
    )  # fmt: skip


def _kind(case: Case) -> tuple[FilingKind, Subkind | None]:
    kind: FilingKind = one_of(case.typed("kind"), KINDS, "kind")
    if kind != "long_term":
        return kind, None
    return kind, one_of(case.typed("subkind"), SUBKINDS, "subkind")


def _materials(case: Case) -> Sequence[Field]:
    """What is shown for this kind."""
    try:
        kind, subkind = _kind(case)
    except InvalidInput:
        return ()
    return _material_fields(_rules(case.facts)[kind], subkind)


def _material_fields(rule: KindRule, subkind: str | None) -> Sequence[Field]:
    """What is shown beside the id document, which was compared; nothing: no further step."""
    needed = [one for one in rule.needs.get(subkind or "", ()) if one != "identity"]
    if not needed:
        return ()
    shown = Field(
        name="materials", kind="checks", label="shown",
        options=[(one, MATERIAL_NAMES[one]) for one in needed],
    )  # fmt: skip
    if not rule.declaration:
        return (shown,)
    declared = Field(
        name="declared", kind="checks", label="declared",
        options=[("1", words("counter_declared"))],
    )  # fmt: skip
    return (shown, declared)


def _shown(case: Case) -> tuple[str, ...]:
    """At the counter the document was compared, on the phone three facts; that is the identity."""
    return ("identity", *case.chosen("materials"))


async def _file(case: Case, actor: Actor) -> Done:
    kind, subkind = _kind(case)
    wanted = NewFiling(
        kind=kind,
        destination=case.place("destination"),
        channel="phone" if case.channel == "phone" else "counter",
        subkind=subkind,
        starts_on=case.day_or_none("starts_on"),
        ends_on=case.day_or_none("ends_on"),
        declared=bool(case.chosen("declared")),
        materials=_shown(case),
    )
    made = await filings.file(
        case.platform, case.facts.person_id, wanted, actor, case.idempotency_key
    )
    return _told(made, case)


def _told(made: Filing, case: Case) -> Done:
    told = [
        (words("told_filing"), filing_words(made, case.facts.day)),
        (words("told_insured_region"), place(made.region)),
        (words("told_number"), same(made.filing_id)),
    ]
    if made.materials:
        zh = "、".join(MATERIAL_NAMES[one].zh for one in made.materials if one in MATERIAL_NAMES)
        en = "; ".join(MATERIAL_NAMES[one].en for one in made.materials if one in MATERIAL_NAMES)
        told.append((words("told_materials"), Text(zh, en)))
    return Done(told, words("counter_note_declared") if made.declared else None)


def _options(facts: Facts) -> list[tuple[str, Text]]:
    return [
        (str(one.filing_id), filing_words(one, facts.day))
        for one in facts.open_filings
        if one.provider_code is None
    ]


def _which(case: Case) -> Field:
    options = _options(case.facts)
    return Field(
        name="filing", kind="radios", label="filing", options=options,
        value=options[0][0] if len(options) == 1 else "",
    )  # fmt: skip


def _has_one(facts: Facts) -> bool:
    return bool(_options(facts))


def _own(case: Case) -> Filing:
    number = case.number("filing")
    for one in case.facts.open_filings:
        if one.filing_id == number:
            return one
    raise choose_one("filing")


def _change_what(case: Case) -> Sequence[Field]:
    return (
        _which(case),
        Field(name="destination", kind="place", label="new_destination",
              hint=words("counter_hint_new_destination")),
        Field(name="ends_on", kind="date", label="new_ends_on",
              hint=words("counter_hint_new_ends_on")),
    )  # fmt: skip


def _change_materials(case: Case) -> Sequence[Field]:
    try:
        one = _own(case)
    except InvalidInput:
        return ()
    return _material_fields(_rules(case.facts)[one.kind], one.subkind)


async def _change(case: Case, actor: Actor) -> Done:
    one = _own(case)
    wanted = FilingChange(
        channel="phone" if case.channel == "phone" else "counter",
        destination=case.place("destination") or None,
        ends_on=case.day_or_none("ends_on"),
        declared=bool(case.chosen("declared")),
        materials=_shown(case),
    )
    made = await filings.change(
        case.platform, case.facts.person_id, one.filing_id, wanted, actor, case.idempotency_key
    )
    return _told(made, case)


async def _withdraw(case: Case, actor: Actor) -> Done:
    made = await filings.withdraw(
        case.platform, case.facts.person_id, _own(case).filing_id, actor, case.idempotency_key
    )
    return _told(made, case)


ERRANDS: Final = (
    Errand(
        name="filing", group="care", permission="filing.make", service="filing",
        channels=("counter", "phone"), refused=_refused, documents=identity,
        steps=(_what, _materials), carry_out=_file, fields_of=_FIELDS,
    ),
    Errand(
        name="filing_change", group="care", permission="filing.make", service="filing",
        channels=("counter", "phone"), refused=_refused, documents=identity, shown=_has_one,
        steps=(_change_what, _change_materials), carry_out=_change,
        fields_of={"filing_id": "filing", "channel": "filing", "starts_on": "destination"},
    ),
    Errand(
        name="filing_withdraw", group="care", permission="filing.make", service="filing",
        channels=("counter", "phone"), refused=dead, documents=identity, shown=_has_one,
        steps=(lambda case: (_which(case),),), carry_out=_withdraw,
        fields_of={"filing_id": "filing"},
    ),
)  # fmt: skip
