"""Documents of an application for a pension (申领材料): what the rules ask for, taken in with it."""

from collections.abc import Sequence
from typing import Final

import msgspec

from yikatong.benefits.pension import store
from yikatong.benefits.pension.errors import NoSuchApplication, NotOpen
from yikatong.benefits.pension.model import Career, Finding
from yikatong.core.database import Connection
from yikatong.core.platform import Platform
from yikatong.trust.audit import Actor
from yikatong.trust.documents import rules
from yikatong.trust.documents import service as documents
from yikatong.trust.documents.model import DocumentKind, Matter, TooManyDocuments

MATTER: Final = "pension_application"
OFFERED: Final[tuple[DocumentKind, ...]] = (
    "work_record", "employer_letter", "id_document", "household_register", "letter_of_authority",
    "other",
)  # fmt: skip
"""What may be handed in with an application."""


class Paper(msgspec.Struct, frozen=True):
    """A document as it is handed in; `field` is where its sender chose it."""

    kind: DocumentKind
    content: bytes
    filename: str = ""
    field: str = "document"


def asked(career: Career, found: Sequence[Finding]) -> tuple[DocumentKind, ...]:
    """What the rules want to see: deemed years stand in the work file (视同缴费以档案认定), months that
    are not on record in receipts. Pure."""
    differs = any(one.code == "months_differ" for one in found)
    return ("work_record",) if career.deemed_months or differs else ()


def check(papers: Sequence[Paper]) -> None:
    """Raise InvalidInput or TooManyDocuments, naming the field, before anything is taken in. Pure."""
    for one in papers:
        rules.read(one.content, one.field)
    if len(papers) > rules.PER_MATTER_MAX:
        raise TooManyDocuments(rules.PER_MATTER_MAX, papers[rules.PER_MATTER_MAX].field)


async def keep(
    platform: Platform,
    connection: Connection,
    person_id: int,
    application_id: int,
    papers: Sequence[Paper],
    actor: Actor,
) -> None:
    """Keep them with the application, sealed, in its transaction."""
    matter = Matter(MATTER, application_id)
    for one in papers:
        await documents.add(
            platform, connection, person_id, matter, one.kind, one.content, one.filename, actor,
            field=one.field,
        )  # fmt: skip


async def takes_documents(connection: Connection, person_id: int, application_id: int) -> None:
    """Raise NoSuchApplication, or NotOpen where it takes no more documents."""
    for one in await store.applications(connection, person_id):
        if one.application_id == application_id:
            if one.state != "applied":
                raise NotOpen(one.state)
            return
    raise NoSuchApplication


async def end(
    platform: Platform, connection: Connection, person_id: int, application_id: int
) -> None:
    """The application was decided or withdrawn: its documents are deleted in time."""
    await documents.end(platform, connection, person_id, Matter(MATTER, application_id))
