"""Use cases of one-time codes (短信验证码): asked for in a browser, sent to the phone on file, typed
in the same browser, once, for the purpose they were asked for."""

import hashlib
import hmac
import secrets
import time
from typing import Final

import msgspec

from yikatong.core import sending
from yikatong.core.database import Connection, Record
from yikatong.core.platform import Platform
from yikatong.core.sealing import mask_phone
from yikatong.identity.sessions.model import Session
from yikatong.identity.signing_in import budgets, devices, rules, service, store
from yikatong.identity.signing_in.budgets import (
    CODE_DIGITS,
    CODE_LASTS,
    CODE_TRIES_MAX,
    LONG_CODE_DIGITS,
    Subjects,
)
from yikatong.identity.signing_in.model import (
    CodeNotRight,
    CodeOver,
    CodePurpose,
    NoPhone,
    SignedIn,
    Visitor,
)
from yikatong.identity.signing_in.rules import Typed
from yikatong.people import service as people
from yikatong.people.notices import service as notices
from yikatong.trust import audit, guessing
from yikatong.trust.audit import Actor
from yikatong.trust.guessing import TooManyTries

_TOKEN_BYTES: Final = 24
_MINUTES: Final = int(CODE_LASTS.total_seconds() // 60)


async def ask(platform: Platform, visitor: Visitor, number: str) -> str:
    """Send a code to whoever has this number, if there is such a person with a phone; answers the
    token the browser keeps, in any case.

    Raises InvalidInput (number), TooManyTries (by number or address), CannotSend.
    """
    begun = time.monotonic()
    _require_sender(platform)
    async with platform.database.transaction(readonly=True) as connection:
        found = await service.find(platform, connection, visitor, number)
    asker = budgets.asker_of(found.device, "one_time_code")
    await guessing.count(platform, budgets.send_gates(found.typed, visitor, asker))
    person_id = found.person_id
    try:
        of_person = None if person_id is None else budgets.send(person_id, asker)
        await guessing.count(platform, of_person or budgets.nobody(found.typed))
    except TooManyTries:
        if asker is not None:
            raise
        person_id = None
    token = await _send(platform, person_id, None, "sign_in", asker)
    await service.refuse_steadily(begun)
    sending.deliver_soon(platform)
    return token


async def ask_for_session(platform: Platform, visitor: Visitor, session: Session) -> str:
    """Send a code to the signed-in person, to confirm the session.

    Raises NoPhone, TooManyTries, CannotSend.
    """
    _require_sender(platform)
    person_id = session.person_id
    if await phone_of(platform, person_id) is None:
        raise NoPhone
    async with platform.database.transaction(readonly=True) as connection:
        device = await devices.find(platform, connection, person_id, visitor)
    asker = budgets.asker_of(device, "one_time_code")
    await guessing.count(platform, budgets.send(person_id, asker))
    token = await _send(platform, person_id, session, "step_up", asker)
    sending.deliver_soon(platform)
    return token


async def sign_in(
    platform: Platform, visitor: Visitor, token: str, code: str, before: Session | None = None
) -> SignedIn:
    """Sign in with the code that was sent; raises CodeNotRight, CodeOver."""
    begun = time.monotonic()
    try:
        person_id, counted = await _look(platform, visitor, token, code, "sign_in", None)
    except (CodeNotRight, CodeOver):
        await service.refuse_steadily(begun)
        raise
    async with platform.database.transaction() as connection:
        await _use(platform, connection, token, counted)
        return await service.begin(
            platform, connection, person_id, {"one_time_code"}, visitor, before
        )


async def step_up(
    platform: Platform, visitor: Visitor, session: Session, token: str, code: str
) -> SignedIn:
    """Confirm the session with the code that was sent; raises CodeNotRight, CodeOver."""
    _, counted = await _look(platform, visitor, token, code, "step_up", session)
    async with platform.database.transaction() as connection:
        await _use(platform, connection, token, counted)
        return await service.raise_session(platform, connection, session, "one_time_code", visitor)


async def phone_of(platform: Platform, person_id: int) -> str | None:
    """The masked phone codes are sent to, for the signed-in person."""
    async with platform.database.transaction(readonly=True) as connection:
        phone = (await people.contact(platform, connection, person_id)).phone
    return None if phone is None else mask_phone(phone)


async def _send(
    platform: Platform,
    person_id: int | None,
    session: Session | None,
    purpose: CodePurpose,
    asker: str | None,
) -> str:
    """Keep a new code and send it; to nobody where there is nobody, or no phone."""
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        phone = None
        if person_id is not None:
            phone = (await people.contact(platform, connection, person_id)).phone
        if phone is None:
            person_id = None
        digits = CODE_DIGITS
        for subject, limits in budgets.code(person_id or 0, asker):
            if await guessing.left(connection, platform, subject, limits) < CODE_TRIES_MAX:
                digits = LONG_CODE_DIGITS
        made = draw(platform, purpose, digits)
        await store.insert_code(
            connection, made.request, person_id, session.session_id if session else None,
            purpose, digits, made.hash, now, now + CODE_LASTS,
        )  # fmt: skip
        if person_id is not None and phone is not None:
            words = rules.code_text(made.code, purpose, _MINUTES)
            chosen = await notices.choices(connection, person_id)
            await sending.post(
                platform, connection, phone, words, purpose=purpose, valid_for=CODE_LASTS,
                language=chosen.language,
            )  # fmt: skip
            actor = Actor("visitor", "sign-in page", "one-time code")
            detail: dict[str, object] = {"purpose": purpose}
            await audit.record(connection, actor, now, person_id, "code.sent", detail)
    return made.token


async def _look(
    platform: Platform,
    visitor: Visitor,
    token: str,
    code: str,
    purpose: CodePurpose,
    session: Session | None,
) -> tuple[int, Subjects]:
    """Whose code it is, if it is right, and what was counted for the try."""
    request, now = request_of(token), platform.clock.now()
    session_id = session.session_id if session else None
    async with platform.database.transaction() as connection:
        row = await store.count_code(connection, request, purpose, session_id, CODE_TRIES_MAX, now)
        if row is None:
            found = device = None
        else:
            found = row["person_id"]
            device = await devices.find(platform, connection, found, visitor)
    if row is None:
        raise CodeOver
    asker = budgets.asker_of(device, "one_time_code")
    counted: Subjects = ()
    looked_at = True
    if found is None:
        await guessing.count(platform, budgets.nobody(Typed("id_number", request.hex())))
    elif row["digits"] == CODE_DIGITS:
        counted = budgets.code(found, asker)
        try:
            await guessing.count(platform, counted)
        except TooManyTries:
            # Answered like a wrong one: nobody's code has no such budget, and another answer would
            # tell that the number is somebody's. The next code will have more digits.
            looked_at = False
    right = is_code(platform, token, purpose, code, row)
    if right and looked_at and found is not None:
        return found, counted
    if found is not None:
        await service.note_refused(platform, found, visitor, "one_time_code")
    left = CODE_TRIES_MAX - row["tries"]
    raise CodeNotRight(left) if left > 0 else CodeOver


def is_code(platform: Platform, token: str, purpose: CodePurpose, typed: str, row: Record) -> bool:
    """Whether this is the code that was sent, in constant time."""
    made = _hashed(platform, token, purpose, "".join(typed.split()))
    return hmac.compare_digest(made, row["code_hash"])


async def _use(platform: Platform, connection: Connection, token: str, counted: Subjects) -> None:
    if not await store.use_code(connection, request_of(token), platform.clock.now()):
        raise CodeOver
    await guessing.take_back(connection, platform, counted)


def _require_sender(platform: Platform) -> None:
    if not sending.available(platform.settings):
        raise sending.CannotSend


class Drawn(msgspec.Struct, frozen=True):
    """A new code: what the browser keeps, what is sent, and what is stored of both."""

    token: str
    code: str
    request: bytes
    hash: bytes


def draw(platform: Platform, purpose: CodePurpose, digits: int) -> Drawn:
    """Draw a code for a purpose."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    code = f"{secrets.randbelow(10**digits):0{digits}d}"
    return Drawn(token, code, request_of(token), _hashed(platform, token, purpose, code))


def request_of(token: str) -> bytes:
    """Under which a code is stored, from what the browser keeps."""
    return hashlib.sha256(token.encode()).digest()


def _hashed(platform: Platform, token: str, purpose: CodePurpose, code: str) -> bytes:
    # Keyed: a million codes are tried in a second by whoever has the database alone.
    key = platform.vault.key("one-time codes 1")
    return hmac.digest(key, f"{token}:{purpose}:{code}".encode(), hashlib.sha256)
