"""Use cases of acting for others: who may, grant and record, revoke, begin and stop acting.

An act for another names both: the event stands in the trail of the person whose affairs it is, and
its actor is who acted.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime

import msgspec

from yikatong.core.clock import SHANGHAI, today
from yikatong.core.database import Connection
from yikatong.core.errors import YikatongError
from yikatong.core.ids import new_id
from yikatong.core.platform import Platform
from yikatong.identity.authority import rules, store
from yikatong.identity.authority.model import (
    Authority,
    AuthorityRefused,
    Mandate,
    NoAuthority,
    NoSuchAuthority,
    Service,
)
from yikatong.identity.model import Level
from yikatong.identity.sessions import service as sessions
from yikatong.identity.sessions.model import Session
from yikatong.people import service as people
from yikatong.trust import audit
from yikatong.trust.audit import Actor

GRANTS_FROM: Level = 2
"""The level a session needs to grant authority."""


class StrongerProofNeeded(YikatongError):
    """The session's level is too low for this."""

    code = "stronger_proof_needed"
    status = 403

    def __init__(self) -> None:
        super().__init__(
            zh="同意别人代办前，请先用短信验证码再确认一次身份",
            en="to grant authority, please prove once more who you are, by a code or the e-card",
        )


async def mandates(platform: Platform, connection: Connection, person_id: int) -> list[Mandate]:
    """For whom the person may act today."""
    relations = await people.relations(connection, person_id)
    held = await store.of_person(connection, person_id, "agent")
    ids = {one.other_person_id for one in relations} | {one.person_id for one in held}
    everybody = await people.persons(connection, [person_id, *ids])
    agent = everybody.pop(person_id, None)
    if agent is None:
        return []
    return rules.mandates(agent, relations, held, everybody, today(platform.clock))


async def agents(platform: Platform, connection: Connection, person_id: int) -> list[Mandate]:
    """Who may act for the person today; `person_id` of each is the agent's or guardian's."""
    day = today(platform.clock)
    known = [one.other_person_id for one in await people.relations(connection, person_id)]
    known += [
        one.agent_id
        for one in await store.of_person(connection, person_id, "principal")
        if rules.in_force(one, day)
    ]
    found: list[Mandate] = []
    for other in dict.fromkeys(known):
        found += [
            msgspec.structs.replace(one, person_id=other)
            for one in await mandates(platform, connection, other)
            if one.person_id == person_id
        ]
    return found


async def acting_for(
    platform: Platform,
    connection: Connection,
    session: Session,
    other: int,
    service: Service | None = None,
) -> Mandate:
    """The mandate by which the session's person may act for the other in a service (None: in any);
    raises NoAuthority."""
    for one in await mandates(platform, connection, session.person_id):
        if one.person_id == other and (service is None or service in one.services):
            return one
    raise NoAuthority(service)


async def subject(
    platform: Platform, connection: Connection, session: Session, service: Service
) -> int:
    """Whose affairs a page of this service is about: the person, or the one acted for.

    Asked anew at each page, so that an authority that was revoked ends at once; raises NoAuthority.
    """
    if session.acting_for is not None:
        await acting_for(platform, connection, session, session.acting_for, service)
    return session.subject_id


async def begin(platform: Platform, session: Session, other: int) -> Session:
    """Act for another from now on; raises NoAuthority."""
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        mandate = await acting_for(platform, connection, session, other)
        changed = await sessions.act_for(connection, session, other)
        detail: dict[str, object] = {
            "kind": mandate.kind, "agent": str(session.person_id), "principal": str(other),
        }  # fmt: skip
        for person_id in (other, session.person_id):
            await audit.record(
                connection, session.actor("act for another"), now, person_id, "acting.begun", detail
            )
    return changed


async def stop(platform: Platform, session: Session) -> Session:
    """Act for oneself again; no change where one does already."""
    other = session.acting_for
    if other is None:
        return session
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        changed = await sessions.act_for(connection, session, None)
        detail: dict[str, object] = {"agent": str(session.person_id), "principal": str(other)}
        for person_id in (other, session.person_id):
            await audit.record(
                connection, session.actor("act for another"), now, person_id, "acting.ended", detail
            )
    return changed


async def grant(
    platform: Platform,
    session: Session,
    agent_id: int,
    services: Collection[str],
    starts_on: date,
    ends_on: date,
    key: str,
) -> Authority:
    """Grant authority over one's own affairs; raises StrongerProofNeeded and what `record` raises.

    An agent grants none for the one acted for.
    """
    if session.level_at(platform.clock.now()) < GRANTS_FROM:
        raise StrongerProofNeeded
    if session.acting_for is not None:
        raise AuthorityRefused(
            zh="为他人办理时不能再授权，请先停止代办",
            en="while acting for another nothing is granted; stop acting first",
        )
    return await record(
        platform, session.person_id, agent_id, services, starts_on, ends_on,
        f"session {session.session_id}", session.actor("grant authority"), key,
    )  # fmt: skip


async def record(
    platform: Platform,
    person_id: int,
    agent_id: int,
    services: Collection[str],
    starts_on: date,
    ends_on: date,
    evidence: str,
    actor: Actor,
    key: str,
) -> Authority:
    """Record that the agent may act for the person. The same key and content is the same authority.

    Raises InvalidInput, NotFound, AuthorityRefused.
    """
    now, day = platform.clock.now(), today(platform.clock)
    async with platform.database.transaction() as connection:
        # Both ends in one order, so that two who grant one another authority never wait crosswise.
        for one in sorted({person_id, agent_id}):
            await store.lock(connection, one)
        before = await store.by_key(connection, person_id, key)
        if before is not None:
            same = (
                before.agent_id == agent_id
                and set(before.services) == set(services)
                and (before.starts_on, before.ends_on) == (starts_on, ends_on)
            )
            if not same:
                raise AuthorityRefused(
                    zh="这个幂等键已用于另一项授权",
                    en="this key was used for another authority",
                    field="Idempotency-Key",
                )
            return before
        principal = await people.get(connection, person_id)
        agent = await people.get(connection, agent_id, "agent_id")
        held = await store.of_person(connection, agent_id, "agent")
        active = {
            one.person_id for one in held if one.revoked_at is None and one.ends_on >= day
        } - {person_id}
        chosen = rules.check_new(
            principal, agent, services, starts_on, ends_on, evidence, len(active), day
        )
        made = Authority(
            person_id=person_id,
            authority_id=new_id(now),
            agent_id=agent_id,
            services=chosen,
            starts_on=starts_on,
            ends_on=ends_on,
            evidence=evidence.strip(),
            recorded_by=f"{actor.kind} {actor.name}",
            recorded_at=now,
            revoked_at=None,
            revoked_by=None,
        )
        await store.insert(connection, made, key)
        detail: dict[str, object] = {
            "authority": str(made.authority_id),
            "principal": str(person_id),
            "agent": str(agent_id),
            "services": list(chosen),
            "until": ends_on.isoformat(),
        }
        for one in (person_id, agent_id):
            await audit.record(connection, actor, now, one, "authority.granted", detail)
    return made


async def revoke(platform: Platform, person_id: int, authority_id: int, actor: Actor) -> Authority:
    """End an authority at once; asked again, the one that was revoked. Raises NoSuchAuthority."""
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        ended = await store.revoke(
            connection, person_id, authority_id, now, f"{actor.kind} {actor.name}"
        )
        if ended is None:
            for one in await store.of_person(connection, person_id, "principal"):
                if one.authority_id == authority_id:
                    return one
            raise NoSuchAuthority
        detail: dict[str, object] = {
            "authority": str(authority_id),
            "principal": str(person_id),
            "agent": str(ended.agent_id),
        }
        for one in (person_id, ended.agent_id):
            await audit.record(connection, actor, now, one, "authority.revoked", detail)
    return ended


async def granted(connection: Connection, person_id: int) -> Sequence[Authority]:
    """What the person granted, also what is over, the newest first."""
    return await store.of_person(connection, person_id, "principal")


async def held(connection: Connection, person_id: int) -> Sequence[Authority]:
    """What others granted the person, also what is over, the newest first."""
    return await store.of_person(connection, person_id, "agent")


async def looked_up(platform: Platform, person_id: int, actor: Actor) -> dict[str, object]:
    """For a clerk: for whom the person may act, and who may act for the person; the look is
    recorded. Raises NotFound."""
    async with platform.database.transaction() as connection:
        await people.get(connection, person_id)
        found = await mandates(platform, connection, person_id)
        mine = await granted(connection, person_id)
        at = platform.clock.now()
        await audit.record(connection, actor, at, person_id, "authority.read")
    return {
        "may_act_for": [
            {
                **msgspec.to_builtins(one),
                "person_id": str(one.person_id),
                "authority_id": None if one.authority_id is None else str(one.authority_id),
            }
            for one in found
        ],
        "granted": [body(one) for one in mine],
    }


def body(one: Authority) -> dict[str, object]:
    """An authority for JSON; ids as texts."""
    told = msgspec.to_builtins(one)
    for name in ("person_id", "authority_id", "agent_id"):
        told[name] = str(told[name])
    for name in ("recorded_at", "revoked_at"):
        moment: datetime | None = getattr(one, name)
        told[name] = moment and moment.astimezone(SHANGHAI).isoformat()
    return told
