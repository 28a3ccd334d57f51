"""Use cases of changes: confirm or change contact data at once; take, review and carry out a change of
identity data. Each once per key, in one transaction, recorded, and told to the rooms behind.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, timedelta
from typing import Any, Final

import msgspec

from yikatong.core import sending
from yikatong.core.clock import SHANGHAI, today
from yikatong.core.database import Connection
from yikatong.core.errors import KeyReused, Text
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.core.sealing import mask_phone
from yikatong.people import service as people
from yikatong.people import store as people_store
from yikatong.people.changes import rules, store
from yikatong.people.changes.model import (
    FIELD_NAMES,
    MATTER,
    ON_CARD,
    Change,
    ChangedMeanwhile,
    ChangeRefused,
    Channel,
    ContactChange,
    IdentityChange,
    IdNumberTaken,
    NoSuchChange,
    OnFile,
    State,
    Values,
)
from yikatong.people.guard import those_at_home
from yikatong.people.model import Contact, Person
from yikatong.people.notices import service as notices
from yikatong.people.notices.model import Facts
from yikatong.trust import audit
from yikatong.trust.access import Caller
from yikatong.trust.audit import Actor
from yikatong.trust.documents import service as documents
from yikatong.trust.documents.model import Document, Matter

HISTORY_MAX: Final = 50
_NOTICE_LASTS: Final = timedelta(days=1)


# ---- looking ----


async def on_file(
    platform: Platform, person_id: int, actor: Actor, *, reveal: bool = False
) -> OnFile:
    """What is on file, and the newest changes; the look is recorded. Raises NotFound."""
    async with platform.database.transaction() as connection:
        person = await people.get(connection, person_id)
        contact = await people.contact(platform, connection, person_id)
        rows = await store.of_person(connection, person_id, HISTORY_MAX)
        action = "person.revealed" if reveal else "person.read"
        await audit.record(connection, actor, platform.clock.now(), person_id, action)
    return OnFile(person, contact, tuple(_opened(platform, row) for row in rows))


async def one(
    platform: Platform, person_id: int, change_id: int, actor: Actor
) -> tuple[Change, list[Document]]:
    """A change with its values and its documents, for whoever reviews it; the look is recorded."""
    async with platform.database.transaction() as connection:
        change = await _get(platform, connection, person_id, change_id)
        found = await documents.list_of(platform, connection, person_id, _matter(change))
        await audit.record(
            connection, actor, platform.clock.now(), person_id, "person.revealed",
            {"change_id": str(change_id)},
        )  # fmt: skip
    return change, found


async def newest(connection: Connection, person_id: int, limit: int) -> list[Change]:
    """The newest changes of a person without their values; the caller records the look."""
    rows = await store.of_person(connection, person_id, max(1, min(limit, HISTORY_MAX)))
    return [row.opened({}) for row in rows]


async def waiting(platform: Platform, after: int = 0, limit: int = 100) -> list[Change]:
    """Everybody's changes that are to be reviewed, the oldest first."""
    async with platform.database.transaction(readonly=True) as connection:
        rows = await store.waiting(connection, after, max(1, min(limit, 500)))
    return [_opened(platform, row) for row in rows]


async def waiting_at_home(
    platform: Platform, caller: Caller, after: int = 0, limit: int = 100
) -> list[Change]:
    """The same, of those in the caller's regions."""
    kept: list[Change] = []
    while found := await waiting(platform, after, limit):
        async with platform.database.transaction(readonly=True) as connection:
            mine = await those_at_home(
                connection, caller, "person.decide", [one.person_id for one in found]
            )
        kept += [one for one in found if one.person_id in mine]
        after = found[-1].change_id
        if len(kept) >= limit or len(found) < limit:
            break
    return kept[:limit]


async def under_review(connection: Connection, person_id: int) -> int | None:
    """The number of the person's change that is to be reviewed, if any."""
    return await store.waiting_of(connection, person_id)


async def takes_documents(connection: Connection, person_id: int, change_id: int) -> None:
    """Raise NoSuchChange or ChangeRefused unless the change still takes documents."""
    row = await store.one(connection, person_id, change_id)
    if row is None:
        raise NoSuchChange
    rules.check_open(row.opened({}))


async def card_outdated_since(connection: Connection, person_id: int) -> date | None:
    """The day on which something that stands on a card last changed: cards issued before it are
    outdated, and those of that day may be."""
    at = await store.last_decided(connection, person_id, sorted(ON_CARD))
    return None if at is None else at.astimezone(SHANGHAI).date()


async def shared_phones(
    platform: Platform, connection: Connection, phones: Sequence[str], more_than: int
) -> dict[str, int]:
    """Of these phones those that more than so many persons gave, and how many did."""
    hashes = {platform.vault.hash("phone", phone): phone for phone in phones}
    found = await store.shared_phones(connection, list(hashes), more_than)
    return {hashes[phone_hash]: count for phone_hash, count in found.items()}


# ---- phone and address: at once ----


async def change_contact(
    platform: Platform,
    person_id: int,
    wanted: ContactChange,
    version: int,
    channel: Channel,
    actor: Actor,
    key: str,
) -> Change:
    """Change phone, address or place of residence, or confirm that all is right, at once.

    `version` is that of the person as they were looked at. The same key and content is one change.
    Raises InvalidInput, NotFound, ChangeRefused, ChangedMeanwhile, KeyReused.
    """
    async with platform.database.transaction() as connection:
        change = await change_contact_within(
            platform, connection, person_id, wanted, version, channel, actor, key
        )
    sending.deliver_soon(platform)
    return change


async def change_contact_within(
    platform: Platform,
    connection: Connection,
    person_id: int,
    wanted: ContactChange,
    version: int,
    channel: Channel,
    actor: Actor,
    key: str,
) -> Change:
    """The same inside the caller's transaction, who calls `sending.deliver_soon` behind it."""

    async def work(person: Person, on_file: Contact) -> Change:
        values = rules.contact_values(person, on_file, wanted)
        change = _new(platform, person_id, values, channel, actor, "done")
        await _write_contact(platform, connection, person, values)
        if "phone" in values and on_file.phone is not None:
            await _tell_old_phone(platform, connection, on_file.phone, values["phone"].after or "")
        return change

    content: list[Any] = ["contact", msgspec.to_builtins(wanted), version]
    change, fresh = await _command(platform, connection, person_id, content, version, key, work)
    if fresh:
        action = "person.contact_changed" if change.fields else "person.contact_confirmed"
        await _note(platform, connection, actor, change, action)
        if "phone" in change.values:
            facts = {"phone": (change.values["phone"].after or "")[-4:]}
            await _tell_person(platform, connection, change, "phone.changed", facts)
    return change


async def _tell_person(
    platform: Platform, connection: Connection, change: Change, kind: str, facts: Facts
) -> None:
    await notices.post(
        platform, connection, change.person_id, kind, facts, once=f"change-{change.change_id}"
    )


async def _write_contact(
    platform: Platform, connection: Connection, person: Person, values: Values
) -> None:
    vault, person_id = platform.vault, person.person_id
    sealed = {
        name: vault.seal(name, person_id, value.after or "")
        for name, value in values.items()
        if name in ("phone", "address")
    }
    region = values["residence_region"].after if "residence_region" in values else None
    day = today(platform.clock)
    if not await store.write_contact(connection, person_id, person.version, sealed, region, day):
        raise ChangedMeanwhile
    if "phone" in values:
        before, after = values["phone"].before, values["phone"].after or ""
        await store.move_phone(
            connection,
            person_id,
            None if before is None else vault.hash("phone", before),
            vault.hash("phone", after),
        )


async def _tell_old_phone(platform: Platform, connection: Connection, old: str, new: str) -> None:
    """So that nobody's notices go elsewhere unnoticed."""
    if not sending.available(platform.settings):
        return
    words = Text(
        f"【一卡通】您登记的手机号已改为 {mask_phone(new)}，本号码不再接收通知。"
        "不是您本人办理的，请立即拨打 12333。",
        f"[Yikatong] Your phone on file is now {mask_phone(new)}; this one gets no more notices. If "
        "this was not you, call 12333 at once.",
    )
    await sending.post(
        platform, connection, old, words, purpose="phone_changed", valid_for=_NOTICE_LASTS
    )


# ---- name, id number, ethnic group: taken, reviewed, done ----


async def take(
    platform: Platform,
    person_id: int,
    wanted: IdentityChange,
    version: int,
    actor: Actor,
    key: str,
) -> Change:
    """Take a change of identity data at a counter; documents are added to it, and another person
    reviews it. Nothing changes yet.

    Raises InvalidInput, NotFound, ChangeRefused, IdNumberTaken, ChangedMeanwhile, KeyReused.
    """
    async with platform.database.transaction() as connection:

        async def work(person: Person, on_file: Contact) -> Change:
            open_one = await store.waiting_of(connection, person_id)
            if open_one is not None:
                raise ChangeRefused(
                    zh=f"已有一项变更待审核（编号 {open_one}），办结后再受理新的",
                    en=f"change {open_one} is to be reviewed; the next one is taken after it",
                )
            values = rules.identity_values(person, on_file, wanted, today(platform.clock))
            if "id_number" in values:
                await _check_free(platform, connection, values["id_number"].after or "")
            return _new(platform, person_id, values, "counter", actor, "taken")

        content: list[Any] = ["identity", msgspec.to_builtins(wanted), version]
        change, fresh = await _command(platform, connection, person_id, content, version, key, work)
        if fresh:
            await _note(platform, connection, actor, change, "person.change_taken")
    return change


async def _check_free(platform: Platform, connection: Connection, id_number: str) -> None:
    number_hash = platform.vault.hash("id_number", id_number)
    if await people_store.person_id_of_hash(connection, number_hash) is not None:
        raise IdNumberTaken


async def approve(platform: Platform, person_id: int, change_id: int, actor: Actor) -> Change:
    """Carry a change out: the person's data, the directory of id numbers, and what listens to it.

    Approved again by the same person it is answered the same. Raises NoSuchChange, ChangeRefused,
    SecondPersonNeeded, DocumentsMissing, IdNumberTaken, ChangedMeanwhile.
    """

    async def work(connection: Connection, change: Change) -> None:
        person = await people.get(connection, person_id)
        on_file = await people.contact(platform, connection, person_id)
        rules.check_person(person)
        rules.check_still_so(change, person, on_file)
        rules.check_documents(await documents.kinds_of(connection, person_id, _matter(change)))
        await _write_identity(platform, connection, person, change.values)

    return await _decide(platform, person_id, change_id, "done", "", actor, work)


async def refuse(
    platform: Platform, person_id: int, change_id: int, reason: str, actor: Actor
) -> Change:
    """Refuse a change, saying why; raises as `approve` does."""
    why = rules.read_reason(reason)
    return await _decide(platform, person_id, change_id, "refused", why, actor, None)


async def withdraw(
    platform: Platform, person_id: int, change_id: int, reason: str, actor: Actor
) -> Change:
    """Take a change back before it is decided; whoever took it may."""
    why = rules.read_reason(reason)
    return await _decide(platform, person_id, change_id, "withdrawn", why, actor, None)


async def _write_identity(
    platform: Platform, connection: Connection, person: Person, values: Values
) -> None:
    vault, person_id = platform.vault, person.person_id
    new = {name: value.after for name, value in values.items()}
    number = new.get("id_number")
    if number is not None:
        before = vault.hash("id_number", values["id_number"].before or "")
        if not await store.move_id_number(
            connection, person_id, before, vault.hash("id_number", number)
        ):
            raise IdNumberTaken
    born, sex = new.get("birth_date"), new.get("sex")
    written = await store.write_identity(
        connection,
        person_id,
        person.version,
        new.get("name"),
        None if number is None else vault.seal("id_number", person_id, number),
        None if born is None else date.fromisoformat(born),
        None if sex is None else int(sex),
        new.get("ethnic_group"),
    )
    if not written:
        raise ChangedMeanwhile


# ---- what they share ----


async def _command(
    platform: Platform,
    connection: Connection,
    person_id: int,
    content: list[Any],
    version: int,
    key: str,
    work: Callable[[Person, Contact], Awaitable[Change]],
) -> tuple[Change, bool]:
    """The change of this key: an earlier one's, else what `work` makes, and whether it is new."""
    said = msgspec.json.encode(content, order="sorted").decode()
    # Keyed: a phone or an id number would be found by trying from an open hash.
    content_hash = platform.vault.hash("person_change", said)
    await store.lock(connection, person_id)
    known = await store.by_key(connection, person_id, key)
    if known is not None:
        if known[1] != content_hash:
            raise KeyReused
        return _opened(platform, known[0]), False
    person = await people.get(connection, person_id)
    rules.check_person(person)
    if person.version != version:
        raise ChangedMeanwhile
    change = await work(person, await people.contact(platform, connection, person_id))
    values = msgspec.json.encode(change.values).decode()
    sealed = platform.vault.seal(_field(change.change_id), person_id, values)
    await store.insert(connection, change, sealed, key, content_hash)
    return change, True


async def _decide(
    platform: Platform,
    person_id: int,
    change_id: int,
    state: State,
    reason: str,
    actor: Actor,
    work: Callable[[Connection, Change], Awaitable[None]] | None,
) -> Change:
    async with platform.database.transaction() as connection:
        await store.lock(connection, person_id)
        change = await _get(platform, connection, person_id, change_id)
        if change.state == state and (change.decided_by_kind, change.decided_by) == (
            actor.kind,
            actor.name,
        ):
            return change
        rules.check_open(change)
        if state != "withdrawn":
            rules.check_second_person(change, actor.kind, actor.name)
        if work is not None:
            await work(connection, change)
        change = msgspec.structs.replace(
            change,
            state=state,
            reason=reason,
            decided_at=platform.clock.now(),
            decided_by_kind=actor.kind,
            decided_by=actor.name,
        )
        if not await store.decide(connection, change):
            raise ChangedMeanwhile
        await documents.end(platform, connection, person_id, _matter(change))
        await _note(platform, connection, actor, change, _DECIDED[state])
        names = _names(change)
        if state == "refused":
            facts: Facts = {"fields": names, "reason": reason}
            await _tell_person(platform, connection, change, "data.refused", facts)
        if state == "done":
            await _tell_person(platform, connection, change, "data.changed", {"fields": names})
    sending.deliver_soon(platform)
    return change


_DECIDED: Final[dict[State, str]] = {
    "done": "person.identity_changed",
    "refused": "person.change_refused",
    "withdrawn": "person.change_withdrawn",
}


def _names(change: Change) -> Text:
    names = [FIELD_NAMES[field] for field in change.fields]
    return Text("、".join(one.zh for one in names), ", ".join(one.en for one in names))


def _new(
    platform: Platform,
    person_id: int,
    values: Values,
    channel: Channel,
    actor: Actor,
    state: State,
) -> Change:
    now = platform.clock.now()
    done = state == "done"
    return Change(
        person_id=person_id,
        change_id=new_id(now),
        state=state,
        fields=tuple(values),
        values=values,
        channel=channel,
        reason="",
        taken_at=now,
        taken_by_kind=actor.kind,
        taken_by=actor.name,
        decided_at=now if done else None,
        decided_by_kind=actor.kind if done else None,
        decided_by=actor.name if done else None,
    )


def _field(change_id: int) -> str:
    return f"person_change.{change_id}"


def _matter(change: Change) -> Matter:
    return Matter(MATTER, change.change_id)


def _opened(platform: Platform, row: store.Row) -> Change:
    values = platform.vault.open(_field(row.change_id), row.person_id, row.sealed)
    return row.opened(msgspec.json.decode(values, type=Values))


async def _get(
    platform: Platform, connection: Connection, person_id: int, change_id: int
) -> Change:
    row = await store.one(connection, person_id, change_id)
    if row is None:
        raise NoSuchChange
    return _opened(platform, row)


async def _note(
    platform: Platform, connection: Connection, actor: Actor, change: Change, action: str
) -> None:
    detail: dict[str, object] = {
        "change_id": str(change.change_id),
        "fields": list(change.fields),
        "channel": change.channel,
    }
    await audit.record(connection, actor, platform.clock.now(), change.person_id, action, detail)
