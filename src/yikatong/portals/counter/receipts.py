"""Receipts of the counter (回执): what was done, kept sealed, shown and printed as often as wanted."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from yikatong.cards.model import By
from yikatong.core.clock import SHANGHAI
from yikatong.core.database import Connection
from yikatong.core.errors import NotFound, Text
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.core.sealing import mask_id_number
from yikatong.people import service as people
from yikatong.portals.counter import store
from yikatong.portals.counter.errand import Case, Done, Errand, same
from yikatong.portals.counter.words import words
from yikatong.portals.view import dated
from yikatong.trust import audit
from yikatong.trust.audit import Actor

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode
_encode: Final = msgspec.json.Encoder(order="deterministic").encode


class Receipt(msgspec.Struct, frozen=True):
    """A receipt, opened."""

    person_id: int
    receipt_id: int
    errand: str
    staff_number: str
    at: datetime
    told: Sequence[tuple[Text, Text]]
    note: Text | None
    counter: Text | None = None
    """Where it was done, as far as that is known."""
    by: By = "self"
    """Who was there."""

    @property
    def title(self) -> Text:
        return words(f"errand_{self.errand}")


def content_hash(case: Case) -> bytes:
    """What was asked for with a form, without its secrets: files by their hash."""
    form = {name: value for name, value in sorted(case.form.items()) if name not in ("step", "go")}
    files = [
        [name, hashlib.sha256(one.content).hexdigest()]
        for name, found in sorted(case.uploads.items())
        for one in found
    ]
    # Under the key of the vault: a PIN may stand in it.
    return case.platform.vault.hash("counter form", _encode([form, files]).decode())


async def before(case: Case) -> store.Kept | None:
    """The receipt this very form led to before, if it did."""
    async with case.platform.database.transaction(readonly=True) as connection:
        return await store.receipt_of_key(connection, case.facts.person_id, case.idempotency_key)


async def keep(case: Case, errand: Errand, done: Done, actor: Actor, present: str) -> int:
    """Keep the receipt of what was done; of the same form the one there is. Answers its number."""
    platform, person_id, now = case.platform, case.facts.person_id, case.platform.clock.now()
    receipt_id = new_id(now)
    told = {
        "told": [[name.as_dict(), value.as_dict()] for name, value in done.told],
        "note": done.note.as_dict() if done.note else None,
        "counter": case.facts.here.text.as_dict() if case.facts.here else None,
        "by": case.by,
    }
    made = store.Kept(
        person_id, receipt_id, case.idempotency_key, content_hash(case), errand.name,
        case.caller.name, now,
        platform.vault.seal(f"receipt:{receipt_id}", person_id, _encode(told).decode()),
    )  # fmt: skip
    async with platform.database.transaction() as connection:
        if await store.insert_receipt(connection, made):
            detail: dict[str, object] = {
                "errand": errand.name, "channel": case.channel, "present": present,
                "receipt": str(receipt_id),
            }  # fmt: skip
            await audit.record(connection, actor, now, person_id, "counter.errand", detail)
            return receipt_id
        found = await store.receipt_of_key(connection, person_id, case.idempotency_key)
    assert found is not None
    return found.receipt_id


def opened(platform: Platform, one: store.Kept) -> Receipt:
    """Open a receipt."""
    read = _decode(platform.vault.open(f"receipt:{one.receipt_id}", one.person_id, one.told_sealed))
    return Receipt(
        one.person_id, one.receipt_id, one.errand, one.staff_number, one.at.astimezone(SHANGHAI),
        [(Text(**name), Text(**value)) for name, value in read["told"]],
        Text(**read["note"]) if read["note"] else None,
        Text(**read["counter"]) if read.get("counter") else None,
        read.get("by", "self"),
    )  # fmt: skip


async def find(
    platform: Platform, connection: Connection, person_id: int, receipt_id: int
) -> Receipt:
    """A receipt; raises NotFound."""
    found = await store.receipt(connection, person_id, receipt_id)
    if found is None:
        raise no_such_receipt()
    return opened(platform, found)


def no_such_receipt() -> NotFound:
    """The error of a receipt that is not there, or not to be seen here."""
    return NotFound(zh="没有这张回执", en="there is no such receipt")


async def printable(
    platform: Platform, person_id: int, receipt_id: int, actor: Actor
) -> tuple[Receipt, str, str]:
    """A receipt with name and masked id number, to be printed; recorded."""
    async with platform.database.transaction() as connection:
        one = await find(platform, connection, person_id, receipt_id)
        person = await people.get(connection, person_id)
        contact = await people.contact(platform, connection, person_id)
        detail: dict[str, object] = {"receipt": str(receipt_id)}
        await audit.record(
            connection, actor, platform.clock.now(), person_id, "counter.receipt_printed", detail
        )
    return one, person.name, mask_id_number(contact.id_number)


def both(text: Text) -> str:
    """A text in both languages, days as each writes them; once where they are the same."""
    zh, en = dated(text.zh, "zh"), dated(text.en, "en")
    return zh if zh == en else f"{zh} {en}"


def as_pdf(one: Receipt, name: str, id_number: str, made_at: datetime) -> bytes:
    """The receipt as PDF, Chinese and English."""
    from yikatong.core import pdf  # noqa: PLC0415 - the typesetter is heavy; few need it

    note = words("receipt_note")
    if one.note is not None:
        note = Text(f"{one.note.zh}{note.zh}", f"{one.note.en} {note.en}")
    return pdf.document(
        title=Text(f"办理回执：{one.title.zh}", f"Receipt: {one.title.en}"),
        facts=[
            (Text("姓名", "Name"), name),
            (Text("社会保障号码", "Social security number"), id_number),
            (Text("回执编号", "Receipt"), str(one.receipt_id)),
            (Text("办理时间", "Time"), both(same(one.at))),
            (Text("经办人", "Clerk"), one.staff_number),
            *([(Text("受理网点", "Counter"), both(one.counter))] if one.counter else []),
        ],
        header=["事项 Item", "内容 Content"],
        rows=[[both(label), both(value)] for label, value in one.told],
        made_at=made_at,
        note=note,
        signatures=[Text("本人（代办人）签字", "Signature"), Text("日期", "Date")],
    )
