"""Use cases of notices: post one, exactly once; read and mark; choose how to be told; forget."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, time, timedelta
from typing import Final

import msgspec
import structlog

from yikatong.core import sending
from yikatong.core.clock import SHANGHAI, today
from yikatong.core.database import Connection
from yikatong.core.errors import NotFound, one_of
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.core.together import ask_together
from yikatong.people import service as people
from yikatong.people.notices import rules, store
from yikatong.people.notices.kinds import KINDS
from yikatong.people.notices.model import (
    LANGUAGES,
    SUBJECTS,
    TEXT_STATES,
    Choices,
    Facts,
    Kind,
    NoSuchNotice,
    Notice,
    Posting,
    Subject,
)
from yikatong.people.notices.store import New, Recipient, Row
from yikatong.trust import audit
from yikatong.trust.audit import Actor

ONCE_MAX: Final = 100
PER_DAY_MAX: Final = 10
"""Notices of one kind for one person a day: more come from a faulty caller and are left out."""
PAGE_MAX: Final = 100
UNREAD_MAX: Final = 100
"""Unread notices are counted so far."""
KEPT: Final = timedelta(days=2 * 365)
_TEXT_VALID: Final = timedelta(days=2)
_EVERYTHING: Final[frozenset[Subject]] = frozenset(SUBJECTS)

_log = structlog.stdlib.get_logger("yikatong.people.notices")


async def post(
    platform: Platform,
    connection: Connection,
    person_id: int,
    kind: str,
    facts: Facts,
    *,
    once: str,
) -> bool:
    """Record a notice inside the caller's transaction, exactly once for person, kind and `once`.

    `once` names the cause, such as "card-123-ready"; False: it was there already (or it is one too
    many of a day). `facts` are those of `kinds.KINDS[kind]`, anything else is an error of the program.
    A text message, where the person wants one, is recorded with it and goes out by itself. Raises
    NotFound where there is no such person.
    """
    return await post_many(platform, connection, [Posting(person_id, kind, facts, once)]) == 1


async def post_many(platform: Platform, connection: Connection, postings: Iterable[Posting]) -> int:
    """The same for many, in one go; answers how many were new."""
    now = platform.clock.now()
    # Always in the order of their keys: two callers that post the same wait and never deadlock.
    wanted = sorted(
        {(one.person_id, one.kind, one.once): one for one in postings}.items(),
        key=lambda item: item[0],
    )
    made = [_new(one, now) for _, one in wanted]
    if not made:
        return 0
    person_ids = sorted({one.person_id for one in made})
    midnight = datetime.combine(today(platform.clock), time(), SHANGHAI)
    recipients, told = await ask_together(
        connection, [store.recipients(person_ids), store.told_since(person_ids, midnight)]
    )
    made = [one for one in made if _within_limit(one, recipients, told)]
    new = await store.insert(connection, made, now)
    texts: list[tuple[int, int, str, int | None]] = []
    for one in made:
        if one.notice_id in new and _text_wanted(KINDS[one.kind], recipients[one.person_id]):
            state, text_id = await _text(platform, connection, one, recipients[one.person_id])
            texts.append((one.person_id, one.notice_id, state, text_id))
    if texts:
        await store.note_texts(connection, texts)
    return len(new)


def _new(one: Posting, now: datetime) -> New:
    assert 0 < len(one.once) <= ONCE_MAX, one.once
    facts = rules.stored(KINDS[one.kind], one.facts)
    return New(one.person_id, new_id(now), one.kind, one.once, facts)


def _within_limit(
    one: New, recipients: dict[int, Recipient], told: dict[tuple[int, str], int]
) -> bool:
    if one.person_id not in recipients:
        raise NotFound(zh="没有这个人", en="there is no such person", field="person_id")
    key = (one.person_id, one.kind)
    if told.get(key, 0) >= PER_DAY_MAX:
        _log.error("too many notices of one kind for one person", kind=one.kind, once=one.once)
        return False
    told[key] = told.get(key, 0) + 1
    return True


def _text_wanted(kind: Kind, to: Recipient) -> bool:
    return not to.dead and (kind.always_texted or kind.subject in to.choices.texts)


async def _text(
    platform: Platform, connection: Connection, one: New, to: Recipient
) -> tuple[str, int | None]:
    """Record the text message, where there is a way: what came of it, and its id."""
    if not sending.available(platform.settings):
        return "no_sender", None
    if to.phone_sealed is None:
        return "no_phone", None
    kind = KINDS[one.kind]
    text_id = await sending.post(
        platform,
        connection,
        platform.vault.open("phone", one.person_id, to.phone_sealed),
        rules.text_message(rules.body(kind, one.facts)),
        purpose=f"notice.{kind.name}",
        valid_for=_TEXT_VALID,
        not_before=rules.not_before(platform.clock.now(), security=kind.security),
        language=to.choices.language,
    )
    return "handed_over", text_id


# ---- reading ----


async def of_person(
    connection: Connection,
    person_id: int,
    *,
    subjects: Collection[Subject] = _EVERYTHING,
    before: int | None = None,
    limit: int = 20,
) -> list[Notice]:
    """A person's notices about these subjects, the newest first, from behind the one named `before`;
    at most `limit` (1-100). The caller records the look of anybody else."""
    limit = max(1, min(limit, PAGE_MAX))
    rows = await store.of_person(connection, person_id, _kinds(subjects), before, limit)
    return await _with_texts(connection, rows)


async def looked_up(
    platform: Platform, person_id: int, actor: Actor, *, before: int | None = None, limit: int = 20
) -> tuple[list[Notice], Choices]:
    """What a person was told and how they want to be told, for staff; the look is recorded and
    marks nothing as read. Raises NotFound."""
    async with platform.database.transaction() as connection:
        await people.get(connection, person_id)
        found = await of_person(connection, person_id, before=before, limit=limit)
        chosen = await choices(connection, person_id)
        await audit.record(connection, actor, platform.clock.now(), person_id, "notices.read")
    return found, chosen


async def opened(
    platform: Platform,
    connection: Connection,
    person_id: int,
    notice_id: int,
    *,
    subjects: Collection[Subject] = _EVERYTHING,
    mark: bool = True,
) -> Notice:
    """One notice, from now on read (unless somebody else looks: not `mark`); raises NoSuchNotice."""
    kinds = _kinds(subjects)
    if mark:
        now = platform.clock.now()
        await store.mark_read(connection, person_id, kinds, now, only=notice_id)
    row = await store.one(connection, person_id, notice_id, kinds)
    if row is None:
        raise NoSuchNotice
    return (await _with_texts(connection, [row]))[0]


async def mark_all_read(
    platform: Platform,
    connection: Connection,
    person_id: int,
    until: int,
    *,
    subjects: Collection[Subject] = _EVERYTHING,
) -> int:
    """Mark those as read that were there when `until` was the newest; answers how many."""
    now = platform.clock.now()
    return await store.mark_read(connection, person_id, _kinds(subjects), now, until=until)


async def unread(
    connection: Connection, person_id: int, *, subjects: Collection[Subject] = _EVERYTHING
) -> int:
    """How many notices nobody opened yet, counted to UNREAD_MAX."""
    return await store.unread(connection, person_id, _kinds(subjects), UNREAD_MAX)


def _kinds(subjects: Collection[Subject]) -> list[str]:
    return [one.name for one in KINDS.values() if one.subject in subjects]


async def _with_texts(connection: Connection, rows: Sequence[Row]) -> list[Notice]:
    """Notices with how far their texts came, as long as that is known."""
    states = await sending.states(connection, [row.text_id for row in rows if row.text_id])
    return [
        msgspec.structs.replace(
            row.notice, text_state=one_of(states[row.text_id], TEXT_STATES, "text_state")
        )
        if row.text_id in states
        else row.notice
        for row in rows
    ]


# ---- how a person wants to be told ----


async def chosen(connection: Connection, person_id: int) -> Choices | None:
    """What the person chose; None: nothing yet."""
    return await store.choices(connection, person_id)


async def choices(connection: Connection, person_id: int) -> Choices:
    """What the person chose, or what holds for who chose nothing."""
    return await chosen(connection, person_id) or Choices()


def choices_of(language: str, texts: Collection[str], *, large_type: bool) -> Choices:
    """Choices as they are typed; raises InvalidInput naming the field."""
    wanted = {one_of(one, tuple(SUBJECTS), "texts") for one in texts}
    return Choices(
        one_of(language, LANGUAGES, "language"),
        large_type,
        tuple(one for one in SUBJECTS if one in wanted),
    )


async def choose(platform: Platform, person_id: int, wanted: Choices, actor: Actor) -> Choices:
    """Keep what the person chose, all of it anew; chosen again it changes nothing. Raises NotFound."""
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        await people.get(connection, person_id)
        if await store.choose(connection, person_id, wanted, now):
            detail: dict[str, object] = msgspec.to_builtins(wanted)
            await audit.record(connection, actor, now, person_id, "notices.chosen", detail)
    return wanted


# ---- what is long past ----


async def forget_old(platform: Platform, limit: int = 10_000) -> int:
    """Delete notices of more than two years ago; answers how many."""
    async with platform.database.transaction() as connection:
        return await store.forget(connection, platform.clock.now() - KEPT, limit)
