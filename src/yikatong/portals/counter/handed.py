"""Scans of documents handed in with an errand, each under its kind."""

from typing import Final

from yikatong.portals.counter.errand import Case, Field
from yikatong.portals.counter.words import words
from yikatong.trust.documents import rules as document_rules
from yikatong.trust.documents.model import KINDS, DocumentKind

FIELD: Final = "file"


def files(*kinds: DocumentKind) -> Field:
    """A field for each kind; the signed form and whatever else there is come last."""
    wanted: tuple[DocumentKind, ...] = (*kinds, "application_form", "other")
    return Field(
        name=FIELD, kind="files", label="card_files", hint=words("counter_hint_file"),
        options=[(one, KINDS[one]) for one in dict.fromkeys(wanted)],
    )  # fmt: skip


def field_of(kind: DocumentKind) -> str:
    """The name of a kind's field."""
    return f"{FIELD}_{kind}"


def handed_in(case: Case) -> list[DocumentKind]:
    """The kinds of which something was chosen."""
    return [kind for kind in KINDS if case.uploads.get(field_of(kind))]


def check_files(case: Case) -> None:
    """Raise InvalidInput for a file that cannot be kept, before anything is carried out."""
    for kind in handed_in(case):
        for one in case.uploads[field_of(kind)]:
            document_rules.read(one.content, field_of(kind))
