"""Errands about a person's data (个人信息变更): phone and address at once, name and id number by two
persons."""

from collections.abc import Sequence
from typing import Final

from yikatong.core.errors import InvalidInput, Text
from yikatong.people.changes import service
from yikatong.people.changes.model import (
    FIELD_NAMES,
    MATTER,
    STATE_NAMES,
    Change,
    ContactChange,
    IdentityChange,
)
from yikatong.people.changes.rules import masked
from yikatong.people.ethnic_groups import ETHNIC_GROUPS
from yikatong.portals.counter.errand import Case, Done, Errand, Field, dead, identity, same
from yikatong.portals.counter.facts import Facts
from yikatong.portals.counter.words import words
from yikatong.trust.audit import Actor
from yikatong.trust.documents import rules as document_rules
from yikatong.trust.documents import service as documents
from yikatong.trust.documents.model import DocumentKind, Matter

_UPLOADS: Final[tuple[DocumentKind, ...]] = (
    "id_document", "household_register", "change_certificate",
)  # fmt: skip


def _contact_fields(_: Case) -> Sequence[Field]:
    return (
        Field(name="phone", label="phone", longest=20, hint=words("counter_hint_keep")),
        Field(name="address", label="address", longest=100, hint=words("counter_hint_keep")),
        Field(name="residence_region", kind="place", label="residence", optional=True,
              hint=words("counter_hint_residence")),
    )  # fmt: skip


async def _contact(case: Case, actor: Actor) -> Done:
    wanted = ContactChange(
        case.typed("phone") or None, case.typed("address") or None,
        case.place("residence_region") or None,
    )  # fmt: skip
    done = await service.change_contact(
        case.platform, case.facts.person_id, wanted, case.facts.person.version, "counter", actor,
        case.idempotency_key,
    )  # fmt: skip
    return _told(done)


def _told(one: Change) -> Done:
    told = [
        (
            FIELD_NAMES[name],
            Text(*(masked(name, one.values[name].after, language) for language in ("zh", "en"))),
        )
        for name in one.fields
    ]
    if not told:
        return Done([(words("told_state"), words("told_confirmed"))])
    state = (words("told_state"), STATE_NAMES[one.state])
    number = (words("told_number"), same(one.change_id))
    note = words("counter_note_change") if one.state == "taken" else None
    return Done([*told, state, number], note)


def _identity_fields(case: Case) -> Sequence[Field]:
    groups = [("", words("counter_unchanged")), *sorted(ETHNIC_GROUPS.items())]
    return (
        Field(name="name", label="new_name", longest=50, hint=words("counter_hint_keep")),
        Field(name="id_number", label="new_id_number", longest=18, hint=words("counter_hint_keep")),
        Field(name="ethnic_group", kind="select", label="ethnic_group", options=groups),
        *_file_fields(case),
    )  # fmt: skip


def _file_fields(_: Case) -> Sequence[Field]:
    return [
        Field(name=f"file_{kind}", kind="file", label=f"file_{kind}",
              hint=words("counter_hint_file") if kind == "id_document" else None)
        for kind in _UPLOADS
    ]  # fmt: skip


async def _identity(case: Case, actor: Actor) -> Done:
    for kind in _UPLOADS:
        for one in case.uploads.get(f"file_{kind}", ()):
            document_rules.read(one.content, f"file_{kind}")
    wanted = IdentityChange(
        case.typed("name") or None, case.typed("id_number") or None,
        case.typed("ethnic_group") or None,
    )  # fmt: skip
    person_id = case.facts.person_id
    taken = await service.take(
        case.platform, person_id, wanted, case.facts.person.version, actor, case.idempotency_key
    )
    await _keep(case, taken.change_id, actor)
    return _told(taken)


async def _keep(case: Case, change_id: int, actor: Actor) -> int:
    """Keep what was handed in with the change; answers how many documents."""
    person_id, kept = case.facts.person_id, 0
    async with case.platform.database.transaction() as connection:
        await service.takes_documents(connection, person_id, change_id)
        for kind in _UPLOADS:
            for one in case.uploads.get(f"file_{kind}", ()):
                await documents.add(
                    case.platform, connection, person_id, Matter(MATTER, change_id), kind,
                    one.content, one.name, actor, field=f"file_{kind}",
                )  # fmt: skip
                kept += 1
    return kept


async def _add(case: Case, actor: Actor) -> Done:
    assert case.facts.change is not None
    kept = await _keep(case, case.facts.change, actor)
    if not kept:
        raise InvalidInput("file_id_document", zh="请选一个文件", en="choose a file")
    return Done([
        (words("told_documents"), same(kept)), (words("told_number"), same(case.facts.change)),
    ])  # fmt: skip


async def _take_back(case: Case, actor: Actor) -> Done:
    assert case.facts.change is not None
    return _told(
        await service.withdraw(
            case.platform, case.facts.person_id, case.facts.change, case.typed("reason"), actor
        )
    )


def _refused(facts: Facts) -> Text | None:
    if (why := dead(facts)) is not None:
        return why
    return None if facts.change is None else words("refused_change_under_way")


def _waits(facts: Facts) -> bool:
    return facts.change is not None


ERRANDS: Final = (
    Errand(
        name="contact_change", group="person", permission="person.change",
        steps=(_contact_fields,), carry_out=_contact, refused=dead, documents=identity,
        fields_of={"version": "phone"},
    ),
    Errand(
        name="identity_change", group="person", permission="person.change",
        steps=(_identity_fields,), carry_out=_identity, refused=_refused,
        documents=lambda _: (
            words("doc_identity"), words("doc_household_or_police"),
        ),
        fields_of={"version": "name", "documents": "file_id_document"},
    ),
    Errand(
        name="change_documents", group="person", permission="document.add",
        steps=(_file_fields,), carry_out=_add, refused=dead, shown=_waits, anyone=True,
        documents=lambda _: (words("doc_identity"), words("doc_household_or_police")),
        fields_of={"document": "file_id_document"},
    ),
    Errand(
        name="change_withdraw", group="person", permission="person.change",
        steps=(lambda _: (Field(name="reason", label="why_withdrawn", longest=200),),),
        carry_out=_take_back, refused=lambda _: None, shown=_waits, documents=identity,
    ),
)  # fmt: skip
