"""Use cases of a new phone: a code goes to the number that shall be on file, and only with that code it
counts. Asked for in a session, typed in the same session.
"""

from datetime import timedelta
from typing import Final

from yikatong.core import sending
from yikatong.core.platform import Platform
from yikatong.identity.sessions.model import Session
from yikatong.identity.signing_in import budgets, codes, rules, store
from yikatong.identity.signing_in.budgets import CODE_DIGITS, CODE_LASTS, CODE_TRIES_MAX
from yikatong.identity.signing_in.model import CodeNotRight, CodeOver, LevelTooLow
from yikatong.people.changes import rules as change_rules
from yikatong.people.changes import service as changes
from yikatong.people.changes.model import Change, ContactChange
from yikatong.trust import audit, guessing
from yikatong.trust.guessing import Limit

LEVEL: Final = 2
"""Whoever holds the phone gets the codes: it takes more than something known to change it."""
_FIELD: Final = "new_phone"
_TO_ONE: Final = (Limit(3, timedelta(hours=1)), Limit(6, timedelta(days=1)))
"""Texts to one number, whoever asks: it may be a stranger's."""
_MINUTES: Final = int(CODE_LASTS.total_seconds() // 60)


async def ask(platform: Platform, session: Session, person_id: int, phone: str) -> str:
    """Send a code to a new phone for this person; answers the token the browser keeps.

    The caller has found out that the session may do this for the person. Raises LevelTooLow,
    InvalidInput (phone), TooManyTries, CannotSend.
    """
    _require(platform, session)
    number = change_rules.read_phone(phone)
    if not sending.available(platform.settings):
        raise sending.CannotSend
    gates = (
        *budgets.send(person_id, f"session of {session.person_id}"),
        (f"send-to:{number}", _TO_ONE),
    )
    await guessing.count(platform, gates)
    now = platform.clock.now()
    made = codes.draw(platform, "new_phone", CODE_DIGITS)
    async with platform.database.transaction() as connection:
        await store.insert_code(
            connection, made.request, person_id, session.session_id, "new_phone", CODE_DIGITS,
            made.hash, now, now + CODE_LASTS, platform.vault.seal(_FIELD, person_id, number),
        )  # fmt: skip
        words = rules.code_text(made.code, "new_phone", _MINUTES)
        await sending.post(
            platform, connection, number, words, purpose="new_phone", valid_for=CODE_LASTS
        )
        detail: dict[str, object] = {"purpose": "new_phone"}
        await audit.record(
            connection, session.actor("a new phone"), now, person_id, "code.sent", detail
        )
    sending.deliver_soon(platform)
    return made.token


async def confirm(
    platform: Platform,
    session: Session,
    person_id: int,
    token: str,
    code: str,
    version: int,
) -> Change:
    """Put the phone that got this code on file.

    Raises LevelTooLow, CodeNotRight, CodeOver, and what a change of contact data raises.
    """
    _require(platform, session)
    request, now = codes.request_of(token), platform.clock.now()
    async with platform.database.transaction() as connection:
        row = await store.count_code(
            connection, request, "new_phone", session.session_id, CODE_TRIES_MAX, now
        )
    if row is None or row["person_id"] != person_id or row["phone_sealed"] is None:
        raise CodeOver
    if not codes.is_code(platform, token, "new_phone", code, row):
        left = CODE_TRIES_MAX - row["tries"]
        raise CodeNotRight(left) if left > 0 else CodeOver
    number = platform.vault.open(_FIELD, person_id, row["phone_sealed"])
    async with platform.database.transaction() as connection:
        if not await store.use_code(connection, request, now):
            raise CodeOver
        change = await changes.change_contact_within(
            platform, connection, person_id, ContactChange(phone=number), version, "online",
            session.actor("change of data"), f"phone-{request.hex()[:40]}",
        )  # fmt: skip
    sending.deliver_soon(platform)
    return change


def _require(platform: Platform, session: Session) -> None:
    if session.level_at(platform.clock.now()) < LEVEL:
        raise LevelTooLow(LEVEL)
