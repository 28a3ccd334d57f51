"""Errands about a person's data (个人信息变更): phone and address at once, name and id number by two
persons."""

from collections.abc import Sequence
from typing import Final

from yikatong.core.errors import Text
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
        *(
            Field(name=f"file_{kind}", kind="file", label=f"file_{kind}",
                  hint=words("counter_hint_file") if kind == "id_document" else None)
            for kind in _UPLOADS
        ),
    )  # fmt: skip


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
    async with case.platform.database.transaction() as connection:
        await service.takes_documents(connection, person_id, taken.change_id)
        for kind in _UPLOADS:
            for one in case.uploads.get(f"file_{kind}", ()):
                await documents.add(
                    case.platform, connection, person_id, Matter(MATTER, taken.change_id), kind,
                    one.content, one.name, actor, field=f"file_{kind}",
                )  # fmt: skip
    return _told(taken)


ERRANDS: Final = (
    Errand(
        name="contact_change", group="person", permission="person.change",
        steps=(_contact_fields,), carry_out=_contact, refused=dead, documents=identity,
        fields_of={"version": "phone"},
    ),
    Errand(
        name="identity_change", group="person", permission="person.change",
        steps=(_identity_fields,), carry_out=_identity, refused=dead,
        documents=lambda _: (
            words("doc_identity"), words("doc_household_or_police"),
        ),
        fields_of={"version": "name", "documents": "file_id_document"},
    ),
)  # fmt: skip
