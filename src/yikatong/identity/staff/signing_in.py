"""How staff signs in: number and password, then a code of the second factor (RFC 6238).

Every try is counted before it is looked at, by number and by address; a right one is taken back. A browser
in which the member signed in before has tries of its own (a device cookie), so that nobody locks a member
out who only knows the number. A code counts once. A session lasts ten hours at most and ends after a
quarter of an hour without a request; at each step it gets a new token.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import pyotp

from yikatong.core.database import Connection
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.identity import office
from yikatong.identity.staff import rules, store
from yikatong.identity.staff.model import MustChangePassword, SignInRefused, StaffSession, Stage
from yikatong.identity.staff.service import PURPOSE, guessed
from yikatong.trust import guessing, verifiers
from yikatong.trust.access import Caller
from yikatong.trust.audit import Actor
from yikatong.trust.guessing import Limit

IDLE_MAX: Final = timedelta(minutes=15)
LASTS_MAX: Final = timedelta(hours=10)
STEP_MAX: Final = timedelta(minutes=10)
"""How long somebody may take between password and code."""
PASSWORD_LIMITS: Final = (Limit(5, timedelta(minutes=15)), Limit(20, timedelta(days=1)))
"""Per number, of all strangers together, and again of each browser the member signed in with before;
after the last an administrator unlocks, or a day passes."""
CODE_LIMITS: Final = (Limit(5, timedelta(minutes=15)), Limit(20, timedelta(days=1)))
"""Three codes of a million count at a moment: 20 tries a day guess one with 6 in 100 000, and only
who knows the password tries at all."""
ADDRESS_LIMITS: Final = (Limit(60, timedelta(minutes=15)), Limit(500, timedelta(days=1)))
"""Per address: an office with one address has many members."""
RECOVERY_CODES: Final = 10
DEVICE_LASTS: Final = timedelta(days=180)
"""A browser that was not used for so long is a stranger's again."""
_DEVICES_MAX: Final = 10
_TOKENS_MAX: Final = 5
"""Members who share a browser."""
_NOTED_EVERY: Final = timedelta(seconds=30)
_KEPT: Final = timedelta(days=90)
_SECRET_BYTES: Final = 24
_DEVICE_MAX: Final = 60
_MARK: Final = "_"
"""Tokens of staff begin with it, those of machines never do."""


async def begin(
    platform: Platform,
    number: str,
    password: str,
    address: str,
    device: str,
    known: Sequence[str] = (),
) -> tuple[StaffSession, str]:
    """Check number and password; answers a session that waits for the second factor, and its token.

    `known` are the tokens of the browser's device cookie. Raises TooManyTries, SignInRefused, Busy.
    """
    number = number.replace("\x00", "").strip().lower()[:30]
    own = await _own_device(platform, number, known)
    subject = guessed(number, own)[0]
    by_address = [] if own else [(f"staff address:{address}", ADDRESS_LIMITS)]
    await guessing.count(platform, [(subject, PASSWORD_LIMITS), *by_address])
    async with platform.database.transaction(readonly=True) as connection:
        found = await store.secrets_of(connection, number, sandbox=platform.settings.sandbox)
    stored = None if found is None else found[0]
    if not await verifiers.check(platform, PURPOSE, number, password, stored) or found is None:
        raise SignInRefused
    stage: Stage = "enrolment" if found[1] is None else "second_factor"
    async with platform.database.transaction() as connection:
        await guessing.take_back(connection, platform, [(subject, PASSWORD_LIMITS)])
        return await _new(platform, connection, number, stage, device, STEP_MAX)


async def second_factor(
    platform: Platform,
    session: StaffSession,
    code: str,
    device: str,
    known: Sequence[str] = (),
) -> tuple[StaffSession, str]:
    """Check a code, of the authenticator or for recovery; answers the open session and its token.

    Raises TooManyTries, SignInRefused.
    """
    number = session.staff_number
    subject = guessed(number, await _own_device(platform, number, known))[1]
    await guessing.count(platform, [(subject, CODE_LIMITS)])
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        found = await store.secrets_of(connection, number, sandbox=platform.settings.sandbox)
        if session.stage != "second_factor" or found is None or found[1] is None:
            raise SignInRefused("code")
        secret = platform.vault.open(_field(number), 0, found[1])
        step = rules.step_of(secret, code, now.timestamp(), found[2])
        by = "authenticator"
        if step is None or not await store.take_step(connection, number, step):
            by = "recovery code"
            hashed = _recovery_hash(platform, number, code)
            if not await store.take_recovery_code(connection, number, hashed, now):
                raise SignInRefused("code")
        await guessing.take_back(connection, platform, [(subject, CODE_LIMITS)])
        return await _open(platform, connection, session, device, {"by": by})


async def candidate(platform: Platform, session: StaffSession) -> str:
    """The second factor to be enrolled in this session: the text key; stays the same until then."""
    number = session.staff_number
    if session.stage != "enrolment":
        raise SignInRefused("code")
    made = platform.vault.seal(_field(number), 0, pyotp.random_base32())
    async with platform.database.transaction() as connection:
        sealed = await store.set_candidate(connection, number, session.session_id, made)
    return platform.vault.open(_field(number), 0, sealed)


async def enrol(
    platform: Platform, session: StaffSession, code: str, device: str
) -> tuple[StaffSession, str, list[str]]:
    """Enrol the candidate, proved by its code; answers the open session, its token, and codes for
    recovery that are shown this once. Raises TooManyTries, SignInRefused."""
    number = session.staff_number
    await guessing.count(platform, [(guessed(number)[1], CODE_LIMITS)])
    secret = await candidate(platform, session)
    now = platform.clock.now()
    step = rules.step_of(secret, code, now.timestamp(), 0)
    if step is None:
        raise SignInRefused("code")
    codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
    async with platform.database.transaction() as connection:
        sealed = platform.vault.seal(_field(number), 0, secret)
        if not await store.set_second_factor(connection, number, sealed, step):
            # Somebody else with the same password enrolled meanwhile.
            raise SignInRefused("code")
        await guessing.take_back(connection, platform, [(guessed(number)[1], CODE_LIMITS)])
        hashes = [_recovery_hash(platform, number, one) for one in codes]
        await store.insert_recovery_codes(connection, number, hashes)
        who = session.actor("second factor")
        await office.record(connection, who, now, "staff.second_factor_enrolled", number)
        opened, token = await _open(platform, connection, session, device, {"by": "enrolment"})
    return opened, token, codes


async def remember(
    platform: Platform, session: StaffSession, known: Sequence[str]
) -> tuple[str, ...]:
    """Know this browser again at the member's next sign-in; answers the tokens of its cookie."""
    assert session.stage == "open"
    now, number = platform.clock.now(), session.staff_number
    own = await _own_device(platform, number, known)
    token = "" if own else secrets.token_urlsafe(_SECRET_BYTES)
    async with platform.database.transaction() as connection:
        await store.note_device(connection, number, own or _device_hash(token), now, _DEVICES_MAX)
    return tuple(known) if own else (token, *known)[:_TOKENS_MAX]


async def _own_device(platform: Platform, number: str, known: Sequence[str]) -> bytes | None:
    """The browser, where the member signed in with it before; asked also for a number of nobody."""
    hashes = [_device_hash(one) for one in known[:_TOKENS_MAX]]
    async with platform.database.transaction(readonly=True) as connection:
        after = platform.clock.now() - DEVICE_LASTS
        return await store.device(connection, number, hashes, after)


async def sign_in(
    platform: Platform, number: str, password: str, code: str, address: str, device: str
) -> tuple[StaffSession, str]:
    """Both factors at once, for programs; raises MustChangePassword where the page must be seen
    first, and what the steps raise."""
    session, _ = await begin(platform, number, password, address, device)
    if session.stage == "enrolment":
        raise MustChangePassword
    opened, token = await second_factor(platform, session, code, device)
    if opened.must_change_password:
        raise MustChangePassword
    return opened, token


async def find(platform: Platform, token: str) -> StaffSession | None:
    """The live session of a token, in whatever stage; None for any other text."""
    parts = _parts(token)
    if parts is None:
        return None
    number, session_id, secret = parts
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        found = await store.live(
            connection, number, session_id, now, now - IDLE_MAX, sandbox=platform.settings.sandbox
        )
        if found is None or not hmac.compare_digest(found[1], _hash(secret)):
            return None
        session = found[0]
        if now - session.seen_at >= _NOTED_EVERY:
            await store.seen(connection, number, session_id, now)
    return session


async def sender_of(platform: Platform, token: str) -> str | None:
    """Whose session a token was of, also where it ran out since; None where it was ended, or is none.

    Lets nobody in: it tells for whom a form is kept that came too late.
    """
    parts = _parts(token)
    if parts is None:
        return None
    number, session_id, secret = parts
    async with platform.database.transaction(readonly=True) as connection:
        stored = await store.secret_of_open(connection, number, session_id)
    known = stored is not None and hmac.compare_digest(stored, _hash(secret))
    return number if known else None


async def caller(platform: Platform, token: str) -> Caller | None:
    """Who shows a token of staff; None for a text that is none, or a session not yet settled."""
    if not token.startswith(_MARK):
        return None
    session = await find(platform, token)
    return session.caller() if session is not None and session.settled else None


async def change_password(
    platform: Platform, session: StaffSession, current: str, new: str
) -> None:
    """Change one's own password; all other sessions end.

    Raises TooManyTries, SignInRefused, InvalidInput.
    """
    number, now = session.staff_number, platform.clock.now()
    # Counted by session: who signed in is not stopped by strangers.
    subject = f"staff password:{number}:session {session.session_id}"
    await guessing.count(platform, [(subject, PASSWORD_LIMITS)])
    async with platform.database.transaction(readonly=True) as connection:
        found = await store.secrets_of(connection, number, sandbox=platform.settings.sandbox)
    stored = None if found is None else found[0]
    if not await verifiers.check(platform, PURPOSE, number, current, stored):
        raise SignInRefused("current")
    rules.check_password(new, number)
    if hmac.compare_digest(current.encode("utf-8", "replace"), new.encode("utf-8", "replace")):
        rules.same_password()
    verifier = await verifiers.make(platform, PURPOSE, number, new)
    async with platform.database.transaction() as connection:
        await store.set_password(connection, number, verifier, now)
        await store.end(connection, number, None, now, but=session.session_id)
        await guessing.forgive(connection, platform, subject)
        who = session.actor("own password")
        await office.record(connection, who, now, "staff.password_changed", number)


async def sessions_of(platform: Platform, number: str) -> list[StaffSession]:
    """The member's open sessions, the last used first."""
    now = platform.clock.now()
    async with platform.database.transaction(readonly=True) as connection:
        return await store.sessions_of(
            connection, number, now, now - IDLE_MAX, sandbox=platform.settings.sandbox
        )


async def recovery_codes_left(platform: Platform, number: str) -> int:
    """How many codes for recovery the member has not used."""
    async with platform.database.transaction(readonly=True) as connection:
        return await store.recovery_codes_left(connection, number)


async def end(platform: Platform, session: StaffSession, session_ids: list[int] | None) -> int:
    """End these of one's own sessions, or all; answers how many were live."""
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        ended = await store.end(connection, session.staff_number, session_ids, now)
        if ended:
            await office.record(
                connection, session.actor("own sessions"), now, "staff.sessions_ended",
                session.staff_number, {"sessions": ended},
            )  # fmt: skip
    return ended


async def forget_old(platform: Platform, limit: int = 10_000) -> int:
    """Delete sessions that ended long ago."""
    async with platform.database.transaction() as connection:
        return await store.forget(connection, platform.clock.now() - _KEPT, limit)


async def _open(
    platform: Platform,
    connection: Connection,
    session: StaffSession,
    device: str,
    detail: dict[str, object],
) -> tuple[StaffSession, str]:
    number, now = session.staff_number, platform.clock.now()
    # The step's session ends with it: of two that show the same right code one gets in.
    if not await store.end(connection, number, [session.session_id], now):
        raise SignInRefused("code")
    who = Actor("staff", number, "sign in")
    await office.record(connection, who, now, "staff.signed_in", number, detail)
    return await _new(platform, connection, number, "open", device, LASTS_MAX)


async def _new(
    platform: Platform,
    connection: Connection,
    number: str,
    stage: Stage,
    device: str,
    lasts: timedelta,
) -> tuple[StaffSession, str]:
    now = platform.clock.now()
    session_id, secret = new_id(now), secrets.token_bytes(_SECRET_BYTES)
    await store.insert_session(
        connection, number, session_id, _hash(secret), stage, device[:_DEVICE_MAX], now, now + lasts
    )
    found = await store.live(
        connection, number, session_id, now, now - IDLE_MAX, sandbox=platform.settings.sandbox
    )
    if found is None:
        raise SignInRefused
    raw = session_id.to_bytes(8, "big") + secret
    return found[0], f"{_MARK}{number}.{base64.urlsafe_b64encode(raw).decode().rstrip('=')}"


def _parts(token: str) -> tuple[str, int, bytes] | None:
    number, _, text = token.removeprefix(_MARK).partition(".")
    if not token.startswith(_MARK) or not number or len(number) > 30 or len(text) != 43:
        return None
    try:
        raw = base64.b64decode(f"{text}=".encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return None
    if len(raw) != 8 + _SECRET_BYTES or raw[0] >= 128 or "\x00" in number:
        return None
    return number, int.from_bytes(raw[:8], "big"), raw[8:]


def _device_hash(token: str) -> bytes:
    # 24 random bytes need no slow hash.
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def _hash(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


def _field(number: str) -> str:
    return f"staff_totp:{number}"


def _recovery_code() -> str:
    text = base64.b32encode(secrets.token_bytes(10)).decode().lower()
    return "-".join((text[:4], text[4:8], text[8:12], text[12:]))


def _recovery_hash(platform: Platform, number: str, code: str) -> bytes:
    plain = "".join(letter for letter in code.lower() if letter.isalnum())[:32]
    return platform.vault.hash("staff_recovery_code", f"{number}:{plain}")
