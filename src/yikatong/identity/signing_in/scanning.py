"""Use cases of signing in by another device (扫码登录).

A page shows a QR code with a short-lived request; a phone that is signed in, with its e-card as a
proof, sees where the request comes from and approves it; the page collects the session, once. The
code in the picture alone collects nothing: that takes the secret of the browser that asked.
"""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from yikatong.core.addresses import hint_of
from yikatong.core.platform import Platform
from yikatong.identity.model import Mode, level_of
from yikatong.identity.sessions import service as sessions
from yikatong.identity.sessions.model import Session
from yikatong.identity.signing_in import budgets, service, store
from yikatong.identity.signing_in.model import LevelTooLow, NoSuchScan, SignedIn, Visitor
from yikatong.trust import audit, guessing

LASTS: Final = timedelta(minutes=3)
_CODE_BYTES: Final = 16
_SECRET_BYTES: Final = 24
_LENGTH_MAX: Final = 64

_VOUCHED: Final[list[Mode]] = ["e_card", "card_present", "one_time_code", "card_pin", "password"]
"""What one device can vouch for to another, the strongest first."""

State = Literal["waiting", "approved", "refused", "over"]


class Begun(msgspec.Struct, frozen=True):
    """A request just made."""

    code: str
    """For the QR code."""
    secret: str
    """For the cookie of the browser that asks."""
    ends_at: datetime


class Asked(msgspec.Struct, frozen=True):
    """A request as the person who shall approve it sees it."""

    device: str
    network: str
    begun_at: datetime
    ends_at: datetime
    same_network: bool
    """Whether it comes from where the approving phone is, as far as addresses tell."""
    steps_up: bool
    """Whether it confirms a session instead of beginning one."""


async def begin(platform: Platform, visitor: Visitor, session: Session | None = None) -> Begun:
    """A new request: to sign in, or with a session to confirm it. Raises TooManyTries."""
    await guessing.count(platform, budgets.scan(visitor))
    now = platform.clock.now()
    made = Begun(
        secrets.token_urlsafe(_CODE_BYTES), secrets.token_urlsafe(_SECRET_BYTES), now + LASTS
    )
    async with platform.database.transaction() as connection:
        await store.insert_scan(
            connection, _hash(made.code), _hash(made.secret), visitor.device,
            hint_of(visitor.address), session.person_id if session else None,
            session.session_id if session else None, now, made.ends_at,
        )  # fmt: skip
    return made


async def look(platform: Platform, session: Session, visitor: Visitor, code: str) -> Asked:
    """What a scanned request asks, for the person to see before approving. Raises NoSuchScan."""
    async with platform.database.transaction(readonly=True) as connection:
        row = await store.scan(connection, _hash(code), platform.clock.now())
    answered = row is not None and (row["approved_at"] or row["refused_at"])
    if row is None or answered or row["person_id"] not in (None, session.person_id):
        raise NoSuchScan
    return Asked(
        device=row["device"],
        network=row["network"],
        begun_at=row["begun_at"],
        ends_at=row["ends_at"],
        same_network=row["network"] == hint_of(visitor.address),
        steps_up=row["session_id"] is not None,
    )


async def approve(platform: Platform, session: Session, code: str) -> None:
    """Approve a request, once, in a session of level 2 or more.

    What the session proved is vouched for: the new one has the same proofs, but those for which the
    person was seen. Raises LevelTooLow, NoSuchScan.
    """
    now = platform.clock.now()
    modes: list[Mode] = [one for one in _VOUCHED if one in session.modes_at(now)]
    if session.level_at(now) < 2 or level_of(set(modes)) < 2:
        raise LevelTooLow(2)
    await _answer(platform, session, code, modes)


async def refuse(platform: Platform, session: Session, code: str) -> None:
    """Refuse a request. Raises NoSuchScan."""
    await _answer(platform, session, code, None)


async def _answer(
    platform: Platform, session: Session, code: str, modes: Sequence[Mode] | None
) -> None:
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        row = await store.scan(connection, _hash(code), now)
        if row is None or not await store.answer_scan(
            connection, _hash(code), session.person_id, session.session_id, modes, now
        ):
            raise NoSuchScan
        detail: dict[str, object] = {"device": row["device"], "network": row["network"]}
        action = "scan.refused" if modes is None else "scan.approved"
        await audit.record(
            connection, session.actor("sign in on another device"), now, session.person_id,
            action, detail,
        )  # fmt: skip


async def state(platform: Platform, code: str) -> State:
    """Where a request stands, for the waiting page."""
    async with platform.database.transaction(readonly=True) as connection:
        row = await store.scan(connection, _hash(code), platform.clock.now())
    if row is None or row["collected_at"] is not None:
        return "over"
    if row["refused_at"] is not None:
        return "refused"
    return "approved" if row["approved_at"] is not None else "waiting"


async def collect(
    platform: Platform, visitor: Visitor, code: str, secret: str, before: Session | None = None
) -> SignedIn:
    """The session that was approved, once, in the browser that asked.

    A request begun to confirm a session confirms this one alone; whoever ended the session in which
    it was approved has ended this with it. Raises NoSuchScan.
    """
    async with platform.database.transaction() as connection:
        row = await store.collect_scan(connection, _hash(code), _hash(secret), platform.clock.now())
        if row is None or not await sessions.lives(
            platform, connection, row["person_id"], row["approved_in"]
        ):
            raise NoSuchScan
        if row["session_id"] is None:
            return await service.begin(
                platform, connection, row["person_id"], set(row["modes"]), visitor, before
            )
        if before is None or before.session_id != row["session_id"]:
            raise NoSuchScan
        assert before.person_id == row["person_id"]
        proofs: list[Mode] = [one for one in _VOUCHED if one in row["modes"]]
        return await service.raise_session(platform, connection, before, proofs[0], visitor)


def seconds_left(platform: Platform, ends_at: datetime) -> int:
    """Until a request is over."""
    return max(0, int((ends_at - platform.clock.now()).total_seconds()))


def _hash(text: str) -> bytes:
    return hashlib.sha256(text[:_LENGTH_MAX].encode("utf-8", "replace")).digest()
