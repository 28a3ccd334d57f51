"""Use cases of passwords (登录密码): chosen after signing in, instead of the PIN or beside it."""

from typing import Final

from yikatong.core.platform import Platform
from yikatong.identity.sessions import service as sessions
from yikatong.identity.sessions.model import Session
from yikatong.identity.signing_in import budgets, rules, store
from yikatong.identity.signing_in.model import LevelTooLow
from yikatong.people import service as people
from yikatong.trust import audit, guessing, verifiers
from yikatong.trust.guessing import TooManyTries

PURPOSE: Final = "password"


async def verify(platform: Platform, person_id: int, password: str, asker: str | None) -> bool:
    """Whether this is the person's password; takes the same time where there is none.

    Raises TooManyTries (to a stranger to be answered like a wrong one), Busy.
    """
    tried = budgets.password(person_id, asker)
    try:
        await guessing.count(platform, tried)
    except TooManyTries:
        await verifiers.check(platform, PURPOSE, "", password, None)
        raise
    async with platform.database.transaction(readonly=True) as connection:
        stored = await store.password(connection, person_id)
    chosen, subject = rules.normalized(password), str(person_id)
    if not await verifiers.check(platform, PURPOSE, subject, chosen, stored) or stored is None:
        return False
    renewed = None
    if verifiers.outdated(stored):
        renewed = await verifiers.make(platform, PURPOSE, subject, chosen)
    async with platform.database.transaction() as connection:
        await guessing.take_back(connection, platform, tried)
        if renewed is not None:
            await store.renew_password(connection, person_id, stored, renewed)
    return True


async def put(platform: Platform, session: Session, password: str, field: str = "new") -> None:
    """Choose a password, in place of the one there was; other sessions end.

    Raises LevelTooLow below level 2, InvalidInput, Busy.
    """
    _require(platform, session)
    person_id = session.person_id
    async with platform.database.transaction(readonly=True) as connection:
        person = await people.get(connection, person_id)
        contact = await people.contact(platform, connection, person_id)
    known = tuple(filter(None, (contact.id_number, contact.phone, person.name)))
    chosen = rules.check_password(password, known, field)
    verifier = await verifiers.make(platform, PURPOSE, str(person_id), chosen)
    now, actor = platform.clock.now(), session.actor("choose a password")
    async with platform.database.transaction() as connection:
        await store.put_password(connection, person_id, verifier, now)
        await sessions.end_others(platform, connection, session, actor)
        await audit.record(connection, actor, now, person_id, "password.set", {})


async def remove(platform: Platform, session: Session) -> None:
    """Do without a password again; harmless where there is none. Raises LevelTooLow below level 2."""
    _require(platform, session)
    now, actor = platform.clock.now(), session.actor("remove the password")
    async with platform.database.transaction() as connection:
        if await store.delete_password(connection, session.person_id):
            await audit.record(connection, actor, now, session.person_id, "password.removed", {})


async def is_set(platform: Platform, person_id: int) -> bool:
    """Whether the person has a password."""
    async with platform.database.transaction(readonly=True) as connection:
        return await store.password(connection, person_id) is not None


def _require(platform: Platform, session: Session) -> None:
    if session.level_at(platform.clock.now()) < 2:
        raise LevelTooLow(2)
