"""Use cases of documents: add to a matter, list, open, and delete in time.

They are called inside the transaction of the room whose matter it is. Who added or saw a document
stands in the person's trail.
"""

import hashlib
from collections.abc import Sequence
from typing import Final, cast

from yikatong.core.clock import SHANGHAI, today
from yikatong.core.database import Connection, Record
from yikatong.core.errors import one_of
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.trust import audit
from yikatong.trust.audit import Actor
from yikatong.trust.documents import rules, store
from yikatong.trust.documents.model import (
    KINDS,
    Document,
    DocumentKind,
    Held,
    Matter,
    NoSuchDocument,
    Opened,
    TooManyDocuments,
)

_BATCH: Final = 500
_ACTOR: Final = Actor("system", "due work", "documents whose time is over")


async def add(
    platform: Platform,
    connection: Connection,
    person_id: int,
    matter: Matter,
    kind: str,
    content: bytes,
    filename: str,
    actor: Actor,
    *,
    field: str = "document",
) -> Document:
    """Keep a document of a matter, sealed; the same one is kept once, and answered again.

    Raises InvalidInput naming `field` (or `kind`), TooManyDocuments. Whether the matter exists and
    still takes documents, the caller has found out.
    """
    known_kind: DocumentKind = one_of(kind, KINDS, "kind")
    form = rules.read(content, field)
    vault, now = platform.vault, platform.clock.now()
    content_hash = vault.hash("document", hashlib.sha256(content).hexdigest())
    await store.lock(connection, person_id)
    if (before := await store.known(connection, person_id, matter, content_hash)) is not None:
        return _document(platform, person_id, before)
    of_matter, of_person = await store.counts(connection, person_id, matter)
    if of_matter >= rules.PER_MATTER_MAX:
        raise TooManyDocuments(rules.PER_MATTER_MAX, field)
    if of_person >= rules.PER_PERSON_MAX:
        raise TooManyDocuments(rules.PER_PERSON_MAX, field)
    made = Document(
        person_id=person_id,
        document_id=new_id(now),
        matter=matter,
        kind=known_kind,
        media_type=form.media_type,
        size=len(content),
        filename=rules.clean_filename(filename),
        added_at=now,
        added_by_kind=actor.kind,
        added_by=actor.name,
        delete_on=None,
    )
    await store.insert(
        connection,
        made,
        vault.seal(_name_field(made.document_id), person_id, made.filename),
        content_hash,
        vault.seal_bytes(_field(made.document_id), person_id, content),
    )
    await _note(platform, connection, actor, made, "document.added")
    return made


async def list_of(
    platform: Platform, connection: Connection, person_id: int, matter: Matter
) -> list[Document]:
    """The documents of a matter, the oldest first; the caller records why it looked."""
    rows = await store.of_matter(connection, person_id, matter)
    return [_document(platform, person_id, row) for row in rows]


async def kinds_of(
    connection: Connection, person_id: int, matter: Matter
) -> frozenset[DocumentKind]:
    """Which kinds of documents a matter has: what a decision needs to know."""
    return frozenset(cast("list[DocumentKind]", await store.kinds(connection, person_id, matter)))


async def newest(
    connection: Connection, matter: str, matters: Sequence[tuple[int, int]], kind: DocumentKind
) -> dict[int, Held]:
    """The newest picture of a kind in each of these matters (person_id, matter_id), by matter_id; a PDF is
    no picture."""
    return {one.matter_id: one for one in await store.newest(connection, matter, matters, kind)}


async def contents(
    platform: Platform, connection: Connection, wanted: Sequence[Held]
) -> dict[int, bytes]:
    """What they hold, by document_id; the caller records for whom, and asks for no more at once than
    memory is to hold. Raises SealBroken."""
    found = await store.contents(connection, wanted)
    return {
        one.document_id: platform.vault.open_bytes(
            _field(one.document_id), one.person_id, found[one.document_id]
        )
        for one in wanted
        if one.document_id in found
    }


async def open_one(
    platform: Platform, connection: Connection, person_id: int, document_id: int, actor: Actor
) -> Opened:
    """A document with its content; who saw it is recorded. Raises NoSuchDocument, SealBroken."""
    found = await store.one(connection, person_id, document_id)
    if found is None:
        raise NoSuchDocument
    row, sealed = found
    document = _document(platform, person_id, row)
    await _note(platform, connection, actor, document, "document.read")
    content = platform.vault.open_bytes(_field(document_id), person_id, sealed)
    return Opened(document, content)


async def end(platform: Platform, connection: Connection, person_id: int, matter: Matter) -> None:
    """The matter ended: its documents are kept as long as rules say, then deleted."""
    await end_many(platform, connection, [(person_id, matter)])


async def end_many(
    platform: Platform, connection: Connection, ended: Sequence[tuple[int, Matter]]
) -> None:
    """The same for the matters of many persons."""
    await store.end(connection, ended, rules.delete_on(today(platform.clock)))


async def forget_old(platform: Platform) -> int:
    """Delete documents whose time is over, and record it; answers how many."""
    deleted = 0
    while True:
        async with platform.database.transaction() as connection:
            gone = await store.delete_old(connection, today(platform.clock), _BATCH)
            events: list[tuple[int, str, dict[str, object]]] = [
                (person_id, "document.deleted", {"matter": matter}) for person_id, matter in gone
            ]
            if events:
                actors = [_ACTOR] * len(events)
                await audit.record_many(connection, actors, platform.clock.now(), events)
        deleted += len(gone)
        if len(gone) < _BATCH:
            return deleted


def _field(document_id: int) -> str:
    return f"document.{document_id}"


def _name_field(document_id: int) -> str:
    return f"document_name.{document_id}"


def _document(platform: Platform, person_id: int, row: Record) -> Document:
    document_id: int = row["document_id"]
    return Document(
        person_id=person_id,
        document_id=document_id,
        matter=Matter(row["matter"], row["matter_id"]),
        kind=row["kind"],
        media_type=row["media_type"],
        size=row["size"],
        filename=platform.vault.open(_name_field(document_id), person_id, row["filename_sealed"]),
        added_at=row["added_at"].astimezone(SHANGHAI),
        added_by_kind=row["added_by_kind"],
        added_by=row["added_by"],
        delete_on=row["delete_on"],
    )


async def _note(
    platform: Platform, connection: Connection, actor: Actor, one: Document, action: str
) -> None:
    detail: dict[str, object] = {
        "document_id": str(one.document_id), "kind": one.kind, "matter": one.matter.kind,
        "matter_id": str(one.matter.matter_id),
    }  # fmt: skip
    await audit.record(connection, actor, platform.clock.now(), one.person_id, action, detail)
