"""Use cases of signing in with a PIN or password, and what all ways to sign in share.

Answers never tell whether a person, card or password exists, neither by their words nor by their
time: what is not there is looked at with the same work, and refusals leave at full quarter seconds.
"""

import asyncio
import time
from datetime import timedelta
from typing import Final

import msgspec

from yikatong.cards import service as cards
from yikatong.cards.pins import service as pins
from yikatong.cards.pins.rules import read_pin
from yikatong.core import sending
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, NotFound
from yikatong.core.platform import Platform
from yikatong.identity.model import Mode
from yikatong.identity.sessions import service as sessions
from yikatong.identity.sessions.model import Session
from yikatong.identity.signing_in import budgets, devices, passwords, rules, store
from yikatong.identity.signing_in.model import KnownDevice, NotRecognized, SignedIn, Visitor
from yikatong.identity.signing_in.rules import Typed
from yikatong.people import service as people
from yikatong.people.notices import service as notices
from yikatong.trust import audit, guessing, verifiers
from yikatong.trust.audit import Actor
from yikatong.trust.guessing import TooManyTries

REFUSED_AT_MULTIPLES_OF_SECONDS: Final = 0.25
_SECRET_LENGTH_MAX: Final = 256


class Found(msgspec.Struct, frozen=True):
    """Whom a number belongs to, if anybody, and in which browser it was given."""

    typed: Typed
    person_id: int | None
    card_id: int | None
    """The person's live card."""
    device: KnownDevice | None


async def find(platform: Platform, connection: Connection, visitor: Visitor, number: str) -> Found:
    """Whom a number belongs to; raises InvalidInput for one of a wrong form.

    A card that was replaced or cancelled, and a person who died, are nobody here.
    """
    typed = rules.read_number(number, today=today(platform.clock))
    person_id = card_id = None
    try:
        if typed.kind == "card":
            person_id, card_id = await cards.find_by_number(connection, typed.number, "number")
        else:
            person_id = await people.find_by_id_number(platform, connection, typed.number, "number")
    except NotFound:
        pass
    card = (await cards.current_cards(connection, [person_id or 0])).get(person_id or 0)
    person = (await people.persons(connection, [person_id or 0])).get(person_id or 0)
    held = typed.kind == "id_number" or (card is not None and card.card_id == card_id)
    if person is None or person.died_on is not None or not held:
        person_id = card = None
    device = await devices.find(platform, connection, person_id, visitor)
    return Found(typed, person_id, card.card_id if card else None, device)


async def by_secret(
    platform: Platform, visitor: Visitor, number: str, secret: str, before: Session | None = None
) -> SignedIn:
    """Sign in with a number and the card's PIN or a password; six digits are a PIN.

    `before` is the browser's session until now; it ends. Raises InvalidInput (number, secret),
    NotRecognized, TooManyTries (by number, address or known browser, whoever it is), Busy.
    """
    begun = time.monotonic()
    if not secret or len(secret) > _SECRET_LENGTH_MAX:
        raise InvalidInput(
            "secret", zh="请填写卡密码或登录密码", en="please give the card's PIN or your password"
        )
    async with platform.database.transaction(readonly=True) as connection:
        found = await find(platform, connection, visitor, number)
    mode = mode_of(secret)
    asker = budgets.asker_of(found.device, mode)
    counted = budgets.gates(found.typed, visitor, asker)
    await guessing.count(platform, counted)
    try:
        right = await _is_right(platform, found, secret, mode, asker)
    except TooManyTries:
        if asker is not None:
            raise
        right = False
    if not right or found.person_id is None:
        if found.person_id is not None:
            await note_refused(platform, found.person_id, visitor, mode)
        await refuse_steadily(begun)
        raise NotRecognized
    async with platform.database.transaction() as connection:
        await guessing.take_back(connection, platform, counted)
        signed_in = await begin(platform, connection, found.person_id, {mode}, visitor, before)
    sending.deliver_soon(platform)
    return signed_in


async def step_up_by_secret(
    platform: Platform, visitor: Visitor, session: Session, secret: str
) -> SignedIn:
    """Add PIN or password to a session; raises InvalidInput, NotRecognized, TooManyTries, Busy."""
    if not secret or len(secret) > _SECRET_LENGTH_MAX:
        raise InvalidInput(
            "secret", zh="请填写卡密码或登录密码", en="please give the card's PIN or your password"
        )
    person_id, mode = session.person_id, mode_of(secret)
    async with platform.database.transaction(readonly=True) as connection:
        card = (await cards.current_cards(connection, [person_id])).get(person_id)
        device = await devices.find(platform, connection, person_id, visitor)
    typed = Typed("id_number", str(person_id))
    found = Found(typed, person_id, card.card_id if card else None, device)
    # Here the person is known, so that too many tries can be told.
    right = await _is_right(platform, found, secret, mode, budgets.asker_of(device, mode))
    if not right:
        await note_refused(platform, person_id, visitor, mode)
        raise NotRecognized
    async with platform.database.transaction() as connection:
        return await raise_session(platform, connection, session, mode, visitor)


async def change_pin(
    platform: Platform, visitor: Visitor, session: Session, old: str, new: str
) -> None:
    """Change the PIN of the person's card with the old one; other sessions end.

    Raises InvalidInput (new), PinNotAccepted (old), NoCardForPin, TooManyTries, Busy.
    """
    person_id, actor = session.person_id, session.actor("change the PIN")
    async with platform.database.transaction(readonly=True) as connection:
        device = await devices.find(platform, connection, person_id, visitor)
    asker = budgets.asker_of(device, "card_pin")
    await pins.change(platform, person_id, old, new, actor, asker=asker)
    async with platform.database.transaction() as connection:
        await sessions.end_others(platform, connection, session, actor)


def mode_of(secret: str) -> Mode:
    """Six digits are a card's PIN; passwords are longer."""
    return "card_pin" if read_pin(secret) else "password"


async def _is_right(
    platform: Platform, found: Found, secret: str, mode: Mode, asker: str | None
) -> bool:
    person_id = found.person_id
    if person_id is None or (mode == "card_pin" and found.card_id is None):
        await guessing.count(platform, budgets.nobody(found.typed))
        async with platform.database.transaction(readonly=True) as connection:
            await store.password(connection, 0)
        return await verifiers.check(platform, mode, "", secret, None)
    if mode == "password":
        return await passwords.verify(platform, person_id, secret, asker)
    assert found.card_id is not None
    return await pins.verify(platform, person_id, found.card_id, secret, asker=asker)


async def begin(
    platform: Platform,
    connection: Connection,
    person_id: int,
    modes: set[Mode],
    visitor: Visitor,
    before: Session | None,
) -> SignedIn:
    """A new session after a proof, in the caller's transaction; never the one there was.

    A sign-in on a new browser is told, also to the phone unless a code sent there was the proof; the
    caller calls `sending.deliver_soon` after the commit.
    """
    if before is not None:
        await sessions.end(
            platform, connection, before.person_id, [before.session_id], before.actor("sign in")
        )
    session, token = await sessions.begin(platform, connection, person_id, modes, visitor.device)
    tokens, is_new = await devices.note(platform, connection, person_id, visitor, modes)
    if is_new:
        await notices.post(
            platform,
            connection,
            person_id,
            "device.new_by_code" if "one_time_code" in modes else "device.new",
            {"device": visitor.device, "at": session.begun_at},
            once=f"session-{session.session_id}",
        )
    return SignedIn(session, token, tokens)


async def raise_session(
    platform: Platform, connection: Connection, session: Session, mode: Mode, visitor: Visitor
) -> SignedIn:
    """Add a proof to a session, in the caller's transaction; its token is a new one."""
    raised = await sessions.step_up(platform, connection, session, mode)
    token = await sessions.rotate(connection, raised)
    tokens, _ = await devices.note(platform, connection, session.person_id, visitor, {mode})
    return SignedIn(raised, token, tokens)


async def note_refused(platform: Platform, person_id: int, visitor: Visitor, mode: Mode) -> None:
    """Let the person see that somebody tried."""
    actor = Actor("visitor", "sign-in page", "sign in")
    detail: dict[str, object] = {"mode": mode, "device": visitor.device}
    async with platform.database.transaction() as connection:
        await audit.record(
            connection, actor, platform.clock.now(), person_id, "session.refused", detail
        )


async def refuse_steadily(begun: float) -> None:
    """Wait for the next full quarter second since `begun` (time.monotonic)."""
    step = REFUSED_AT_MULTIPLES_OF_SECONDS
    if step:
        await asyncio.sleep(step - (time.monotonic() - begun) % step)


async def tidy(platform: Platform) -> None:
    """Delete what is long over: codes, requests, sessions, windows of tries, texts."""
    async with platform.database.transaction() as connection:
        await store.forget(connection, platform.clock.now() - timedelta(days=1), 10_000)
    await sessions.forget_old(platform)
    await guessing.forget_old(platform)
    await sending.forget_old(platform)
