"""Use cases of sessions: begin, find by the cookie's token, raise, list, end.

The token names the person and the session and carries 24 random bytes; the database keeps only their
hash, so that a stolen database signs nobody in.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from yikatong.core.database import Connection
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.identity.model import Mode, level_of
from yikatong.identity.sessions import store
from yikatong.identity.sessions.model import Session
from yikatong.people import service as people
from yikatong.trust import audit

IDLE_MAX: Final = timedelta(minutes=30)
LASTS_MAX: Final = timedelta(hours=12)
RAISED_FOR: Final = timedelta(minutes=10)
"""A stronger proof is good for one errand, not for the day."""
_NOTED_EVERY: Final = timedelta(minutes=1)
_KEPT: Final = timedelta(days=90)
_SECRET_BYTES: Final = 24
_DEVICE_MAX: Final = 60


async def begin(
    platform: Platform, connection: Connection, person_id: int, modes: set[Mode], device: str
) -> tuple[Session, str]:
    """A new session and the token for its cookie, inside the caller's transaction."""
    now = platform.clock.now()
    session = Session(
        person_id=person_id,
        session_id=new_id(now),
        level=level_of(modes),
        begun_with=tuple(sorted(modes)),
        modes=tuple(sorted(modes)),
        proved_at=now,
        raised_level=None,
        raised_until=None,
        acting_for=None,
        device=device[:_DEVICE_MAX],
        begun_at=now,
        seen_at=now,
        ends_at=now + LASTS_MAX,
    )
    secret = secrets.token_bytes(_SECRET_BYTES)
    await store.insert(connection, session, _hash(secret))
    await audit.record(
        connection, session.actor("sign in"), now, person_id, "session.begun",
        {"modes": list(session.modes), "device": session.device},
    )  # fmt: skip
    return session, _token(session, secret)


async def find(platform: Platform, token: str) -> Session | None:
    """The live session of a token; None for one that is malformed, unknown, wrong or over, also by
    the death of its person."""
    parts = _parts(token)
    if parts is None:
        return None
    person_id, session_id, secret = parts
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        found = await store.live(connection, person_id, session_id, now, now - IDLE_MAX)
        if found is None or not hmac.compare_digest(found[1], _hash(secret)):
            return None
        session = found[0]
        person = (await people.persons(connection, [person_id])).get(person_id)
        if person is not None and person.died_on is not None:
            return None
        if now - session.seen_at >= _NOTED_EVERY:
            await store.seen(connection, person_id, session_id, now)
    return session


async def sender_of(platform: Platform, token: str) -> Session | None:
    """Whose session a token is of, also where it ran out since; None where it was ended, or is none.

    Lets nobody in: it tells for whom a form is kept that came too late.
    """
    parts = _parts(token)
    if parts is None:
        return None
    person_id, session_id, secret = parts
    async with platform.database.transaction(readonly=True) as connection:
        found = await store.not_ended(connection, person_id, session_id)
    if found is None or not hmac.compare_digest(found[1], _hash(secret)):
        return None
    return found[0]


async def lives(
    platform: Platform, connection: Connection, person_id: int, session_id: int
) -> bool:
    """Whether a session has not ended."""
    now = platform.clock.now()
    return await store.live(connection, person_id, session_id, now, now - IDLE_MAX) is not None


async def step_up(
    platform: Platform, connection: Connection, session: Session, proof: Mode
) -> Session:
    """Add a proof to a session; what it raises holds for ten minutes.

    It counts together with what holds now: a stronger proof that is over does not come back by
    giving the weaker one again.
    """
    now = platform.clock.now()
    modes: set[Mode] = {*session.modes_at(now), proof}
    raised = msgspec.structs.replace(
        session,
        modes=tuple(sorted(modes)),
        proved_at=now,
        raised_level=level_of(modes),
        raised_until=now + RAISED_FOR,
    )
    assert raised.raised_level is not None
    assert raised.raised_until is not None
    await store.raise_level(
        connection, session.person_id, session.session_id, raised.raised_level, raised.modes, now,
        raised.raised_until,
    )  # fmt: skip
    await audit.record(
        connection, session.actor("stronger proof"), now, session.person_id, "session.raised",
        {"proof": proof, "level": raised.raised_level},
    )  # fmt: skip
    return raised


async def rotate(connection: Connection, session: Session) -> str:
    """A new token for a session, after a proof; the one before is worth nothing any more.

    Whoever had learned the old one does not gain what the proof raised.
    """
    secret = secrets.token_bytes(_SECRET_BYTES)
    await store.set_secret(connection, session.person_id, session.session_id, _hash(secret))
    return _token(session, secret)


async def act_for(connection: Connection, session: Session, other: int | None) -> Session:
    """Let the session act for another person, or for its own again; the caller has checked the
    authority."""
    await store.act_for(connection, session.person_id, session.session_id, other)
    return msgspec.structs.replace(session, acting_for=other)


async def of_person(platform: Platform, person_id: int) -> Sequence[Session]:
    """The person's live sessions, the last used first."""
    now = platform.clock.now()
    async with platform.database.transaction(readonly=True) as connection:
        return await store.of_person(connection, person_id, now, now - IDLE_MAX)


async def end(
    platform: Platform,
    connection: Connection,
    person_id: int,
    session_ids: Sequence[int] | None,
    actor: audit.Actor,
) -> int:
    """End these sessions, or all of the person's; answers how many were live."""
    now = platform.clock.now()
    ended = await store.end(connection, person_id, session_ids, now)
    if ended:
        await audit.record(
            connection, actor, now, person_id, "session.ended", {"sessions": len(ended)}
        )
    return len(ended)


async def end_others(
    platform: Platform, connection: Connection, session: Session, actor: audit.Actor
) -> int:
    """End all of the person's sessions but this one; answers how many were live."""
    now = platform.clock.now()
    live = await store.of_person(connection, session.person_id, now, now - IDLE_MAX)
    others = [one.session_id for one in live if one.session_id != session.session_id]
    return await end(platform, connection, session.person_id, others, actor) if others else 0


async def forget_old(platform: Platform, limit: int = 10_000) -> int:
    """Delete sessions that ended long ago; the audit trail keeps that they were."""
    async with platform.database.transaction() as connection:
        return await store.forget(connection, platform.clock.now() - _KEPT, limit)


def _hash(secret: bytes) -> bytes:
    # 24 random bytes need no slow hash.
    return hashlib.sha256(secret).digest()


def _token(session: Session, secret: bytes) -> str:
    raw = session.person_id.to_bytes(8, "big") + session.session_id.to_bytes(8, "big") + secret
    return base64.urlsafe_b64encode(raw).decode()


def _parts(token: str) -> tuple[int, int, bytes] | None:
    try:
        raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return None
    if len(raw) != 16 + _SECRET_BYTES or (raw[0] | raw[8]) >= 128:
        return None
    return int.from_bytes(raw[:8], "big"), int.from_bytes(raw[8:16], "big"), raw[16:]


def seconds_left(session: Session, at: datetime) -> int:
    """Until the session ends at the latest."""
    return max(0, int((session.ends_at - at).total_seconds()))
