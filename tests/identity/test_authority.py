"""Acting for others: guardians, agents, what the trail tells."""

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from yikatong.core.clock import FixedClock
from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform
from yikatong.identity.authority import rules, service
from yikatong.identity.authority.model import (
    SERVICES,
    Authority,
    AuthorityRefused,
    NoAuthority,
    NoSuchAuthority,
)
from yikatong.identity.model import Mode
from yikatong.identity.sessions import service as sessions
from yikatong.identity.sessions.model import Session
from yikatong.people import service as people
from yikatong.people.model import Person, Relation
from yikatong.population import service as population
from yikatong.trust import audit
from yikatong.trust.audit import Actor

DAY = date(2026, 3, 1)
CLERK = Actor("staff", "w1", "authority")


def person(person_id: int, born: date = date(1980, 1, 1), **more: object) -> Person:
    one = Person(person_id, f"人{person_id}", 1, born, "510100", None, True, False, None, True, 1)
    return msgspec.structs.replace(one, **more)


def relation(kind: str, since: date = date(2010, 1, 1), until: date | None = None) -> Relation:
    return msgspec.convert(
        {"person_id": 1, "other_person_id": 2, "kind": kind, "since": since, "until": until},
        Relation,
    )


def authority(**more: object) -> Authority:
    one = Authority(
        2, 9, 1, ("filing",), DAY, DAY + timedelta(days=30), "letter 7", "staff w1",
        _NOW.now(), None, None,
    )  # fmt: skip
    return msgspec.structs.replace(one, **more)


_NOW = FixedClock(datetime(2026, 3, 1, tzinfo=UTC))
MINOR = date(2008, 3, 2)
"""Eighteen on 2 March 2026."""


@pytest.mark.parametrize(
    ("kind", "other", "may"),
    [
        ("parent", person(2, MINOR), True),
        ("guardian_of", person(2, MINOR), True),
        ("parent", person(2, date(2008, 3, 1)), False),
        ("guardian_of", person(2, date(2008, 3, 1)), False),
        ("guardian_of", person(2, under_guardianship=True), True),
        ("parent", person(2, under_guardianship=True), False),
        ("spouse", person(2, MINOR), False),
        ("child", person(2, MINOR), False),
        ("ward_of", person(2, MINOR), False),
        ("parent", person(2, MINOR, died_on=date(2026, 2, 1)), False),
    ],
)
def test_a_guardian_acts_for_a_minor_or_a_ward(kind: str, other: Person, may: bool) -> None:
    found = rules.mandates(person(1), [relation(kind)], [], {2: other}, DAY)
    assert bool(found) is may
    if may:
        assert found[0].kind == "guardian"
        assert found[0].services == tuple(SERVICES)


@pytest.mark.parametrize(
    ("since", "until", "may"),
    [
        (DAY, None, True),
        (DAY + timedelta(days=1), None, False),
        (date(2020, 1, 1), DAY, True),
        (date(2020, 1, 1), DAY - timedelta(days=1), False),
    ],
)
def test_guardianship_counts_by_its_days(since: date, until: date | None, may: bool) -> None:
    one = relation("guardian_of", since, until)
    found = rules.mandates(person(1), [one], [], {2: person(2, under_guardianship=True)}, DAY)
    assert bool(found) is may


@pytest.mark.parametrize(
    ("changes", "day", "may"),
    [
        ({}, DAY, True),
        ({}, DAY + timedelta(days=30), True),
        ({}, DAY + timedelta(days=31), False),
        ({}, DAY - timedelta(days=1), False),
        ({"revoked_at": _NOW.now()}, DAY, False),
    ],
)
def test_an_agent_acts_while_the_authority_lasts(
    changes: dict[str, object], day: date, may: bool
) -> None:
    found = rules.mandates(person(1), [], [authority(**changes)], {2: person(2)}, day)
    assert bool(found) is may
    if may:
        assert (found[0].kind, found[0].services) == ("agent", ("filing",))


@pytest.mark.parametrize(
    "agent",
    [
        person(1, MINOR),
        person(1, under_guardianship=True),
        person(1, died_on=date(2026, 1, 1)),
    ],
)
def test_a_minor_a_ward_and_the_dead_act_for_nobody(agent: Person) -> None:
    others = {2: person(2, MINOR)}
    assert rules.mandates(agent, [relation("parent")], [authority()], others, DAY) == []


def test_guardianship_goes_before_an_authority_of_the_same_person() -> None:
    others = {2: person(2, MINOR)}
    (found,) = rules.mandates(person(1), [relation("parent")], [authority()], others, DAY)
    assert found.kind == "guardian"


async def somebody(platform: Platform, count: int = 3) -> list[int]:
    await population.make(platform, 120, 3, lambda _: None)
    async with platform.database.transaction(readonly=True) as connection:
        rows = await connection.fetch(
            """select person_id from persons p
                where died_on is null and not under_guardianship and birth_date < '1995-01-01'
                  and not exists (select from relations r where r.person_id = p.person_id)
                order by 1 limit $1""",
            count,
        )
    return [row[0] for row in rows]


async def session_of(platform: Platform, person_id: int, *modes: Mode) -> Session:
    async with platform.database.transaction() as connection:
        made, _ = await sessions.begin(
            platform, connection, person_id, set(modes or ("e_card",)), "Firefox"
        )
    return made


async def grant(platform: Platform, session: Session, agent: int, key: str = "k") -> Authority:
    until = DAY + timedelta(days=90)
    return await service.grant(platform, session, agent, ["filing", "card"], DAY, until, key)


async def test_an_agent_acts_in_what_was_granted_and_the_trail_names_both(
    platform: Platform,
) -> None:
    principal, agent, _ = await somebody(platform)
    made = await grant(platform, await session_of(platform, principal), agent)
    session = await session_of(platform, agent, "password")
    async with platform.database.transaction() as connection:
        mandate = await service.acting_for(platform, connection, session, principal, "filing")
        assert mandate.authority_id == made.authority_id
        with pytest.raises(NoAuthority):
            await service.acting_for(platform, connection, session, principal, "account")
    acting = await service.begin(platform, session, principal)
    assert (acting.person_id, acting.subject_id) == (agent, principal)
    async with platform.database.transaction() as connection:
        assert await service.subject(platform, connection, acting, "card") == principal
        with pytest.raises(NoAuthority):
            await service.subject(platform, connection, acting, "account")
        events = await audit.of_person(connection, principal)
    begun = next(one for one in events if one.action == "acting.begun")
    assert (begun.actor.kind, begun.actor.name) == ("person", str(agent))
    assert begun.detail["principal"] == str(principal)
    assert await service.stop(platform, acting) == session
    assert await service.stop(platform, session) == session


async def test_a_revoked_authority_ends_also_while_it_is_used(platform: Platform) -> None:
    principal, agent, stranger = await somebody(platform)
    owner = await session_of(platform, principal)
    made = await grant(platform, owner, agent)
    acting = await service.begin(platform, await session_of(platform, agent), principal)
    who = owner.actor("authority")
    with pytest.raises(NoSuchAuthority):
        await service.revoke(platform, stranger, made.authority_id, who)
    with pytest.raises(NoSuchAuthority):
        await service.revoke(platform, agent, made.authority_id, who)
    ended = await service.revoke(platform, principal, made.authority_id, who)
    assert ended == await service.revoke(platform, principal, made.authority_id, who)
    async with platform.database.transaction() as connection:
        with pytest.raises(NoAuthority):
            await service.subject(platform, connection, acting, "filing")
        assert (await service.held(connection, agent))[0].revoked_at is not None


async def test_nobody_acts_for_a_stranger(platform: Platform) -> None:
    principal, agent, _ = await somebody(platform)
    with pytest.raises(NoAuthority):
        await service.begin(platform, await session_of(platform, agent), principal)


async def test_granting_asks_for_a_strong_proof_and_ones_own_affairs(platform: Platform) -> None:
    principal, agent, third = await somebody(platform)
    with pytest.raises(service.StrongerProofNeeded):
        await grant(platform, await session_of(platform, principal, "password"), agent)
    await grant(platform, await session_of(platform, principal), agent)
    acting = await service.begin(platform, await session_of(platform, agent), principal)
    with pytest.raises(AuthorityRefused):
        await grant(platform, acting, third)


async def test_the_same_key_is_the_same_authority(platform: Platform) -> None:
    principal, agent, third = await somebody(platform)
    owner = await session_of(platform, principal)
    assert await grant(platform, owner, agent) == await grant(platform, owner, agent)
    with pytest.raises(AuthorityRefused):
        await grant(platform, owner, third)
    async with platform.database.transaction(readonly=True) as connection:
        assert len(await service.granted(connection, principal)) == 1
        assert len(await service.held(connection, agent)) == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"services": []}, "services"),
        ({"services": ["filing", "everything"]}, "services"),
        ({"starts_on": DAY - timedelta(days=1)}, "starts_on"),
        ({"starts_on": DAY + timedelta(days=91)}, "starts_on"),
        ({"ends_on": DAY - timedelta(days=1)}, "ends_on"),
        ({"ends_on": DAY + timedelta(days=3 * 366 + 1)}, "ends_on"),
        ({"evidence": "  "}, "evidence"),
        ({"evidence": "a\nb"}, "evidence"),
        ({"agent": person(1)}, "agent_id"),
    ],
)
def test_wrong_input_is_named(changes: dict[str, object], field: str) -> None:
    facts = {
        "principal": person(1), "agent": person(2), "services": ["filing"], "starts_on": DAY,
        "ends_on": DAY + timedelta(days=30), "evidence": "letter 7", "active": 0, "today": DAY,
        **changes,
    }  # fmt: skip
    with pytest.raises(InvalidInput) as caught:
        rules.check_new(**facts)  # type: ignore[arg-type]
    assert caught.value.field == field


@pytest.mark.parametrize(
    "changes",
    [
        {"principal": person(1, MINOR)},
        {"principal": person(1, under_guardianship=True)},
        {"principal": person(1, died_on=DAY)},
        {"agent": person(2, MINOR)},
        {"agent": person(2, under_guardianship=True)},
        {"agent": person(2, died_on=DAY)},
        {"active": rules.ACTIVE_MAX},
    ],
)
def test_an_authority_that_cannot_be_is_refused(changes: dict[str, object]) -> None:
    facts = {
        "principal": person(1), "agent": person(2), "services": ["filing"], "starts_on": DAY,
        "ends_on": DAY + timedelta(days=30), "evidence": "letter 7", "active": 0, "today": DAY,
        **changes,
    }  # fmt: skip
    with pytest.raises(AuthorityRefused):
        rules.check_new(**facts)  # type: ignore[arg-type]


async def test_a_clerk_sees_both_directions_and_the_look_is_recorded(platform: Platform) -> None:
    principal, agent, _ = await somebody(platform)
    made = await service.record(
        platform, principal, agent, ["filing"], DAY, DAY, "letter 7", CLERK, "k"
    )
    told = await service.looked_up(platform, principal, CLERK)
    assert told["may_act_for"] == []
    (granted,) = told["granted"]  # type: ignore[misc]
    assert (granted["agent_id"], granted["authority_id"]) == (str(agent), str(made.authority_id))
    other = await service.looked_up(platform, agent, CLERK)
    assert [one["person_id"] for one in other["may_act_for"]] == [str(principal)]  # type: ignore[attr-defined]
    async with platform.database.transaction(readonly=True) as connection:
        actions = [one.action for one in await audit.of_person(connection, principal)]
        assert await people.names(connection, [principal])
    assert actions[:2] == ["authority.read", "authority.granted"]
