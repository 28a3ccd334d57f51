"""Use cases of notices: post one, exactly once; read and mark; choose how to be told; forget."""

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from typing import Final, get_args

import structlog

from yikatong.core import sending
from yikatong.core.clock import SHANGHAI, today
from yikatong.core.database import Connection
from yikatong.core.errors import NotFound
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.core.together import ask_together
from yikatong.people.notices import rules, store
from yikatong.people.notices.kinds import KINDS
from yikatong.people.notices.model import (
    Facts,
    Kind,
    Posting,
    TextState,
)
from yikatong.people.notices.store import New, Recipient

ONCE_MAX: Final = 100
PER_DAY_MAX: Final = 10
"""Notices of one kind for one person a day: more come from a faulty caller and are left out."""
PAGE_MAX: Final = 100
UNREAD_MAX: Final = 100
"""Unread notices are counted so far."""
KEPT: Final = timedelta(days=2 * 365)
_TEXT_VALID: Final = timedelta(days=2)
_TEXT_STATES: Final[tuple[TextState, ...]] = get_args(TextState)

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
