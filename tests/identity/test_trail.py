"""Searching the audit trail: within one's regions, paged, each search recorded."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests import fillings
from tests.application import serve
from tests.cards.citizens import citizen
from tests.conftest import Filling
from tests.counter.desk import at_work, text_of
from tests.identity import offices
from tests.identity.people import BORN, quick_hashes
from yikatong.core.clock import FixedClock, today
from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform
from yikatong.identity.trail import service
from yikatong.people import service as people
from yikatong.population.rows import id_number
from yikatong.trust import audit
from yikatong.trust.access import NATION, Caller, Grant, NotAllowed
from yikatong.trust.audit import Actor


@pytest.fixture
def filling() -> Filling:
    return fillings.providers_and_people


def auditor(region: str = NATION) -> Caller:
    return Caller("staff", "auditor-1", (Grant("auditor", region),))


async def homes(platform: Platform) -> dict[int, tuple[str, ...]]:
    async with platform.database.transaction(readonly=True) as connection:
        rows = await connection.fetch("select person_id from persons")
        return await people.regions_of(connection, [row[0] for row in rows])


async def act(platform: Platform, person: int, kind: str, actor: str, action: str) -> None:
    who = Actor(kind, actor, "tests")  # pyright: ignore[reportArgumentType]
    async with platform.database.transaction() as connection:
        await audit.record(connection, who, platform.clock.now(), person, action)


async def search(platform: Platform, caller: Caller, **asked: Any) -> service.Page:
    return await service.search(platform, caller, service.wanted(today(platform.clock), **asked))


async def test_found_by_person_by_actor_by_action_and_by_time(
    platform: Platform, clock: FixedClock
) -> None:
    one, other = list(await homes(platform))[:2]
    await act(platform, one, "staff", "clerk-1", "person.read")
    await act(platform, one, "provider", "H1", "visit.changed")
    clock.advance(timedelta(days=2))
    await act(platform, other, "staff", "clerk-1", "cards.read")
    await act(platform, other, "staff", "clerk-2", "cards.read")

    async def actions(**asked: Any) -> list[str]:
        found = await search(platform, auditor(), **asked)
        return [one.action for one in found.events if one.action != "person.made"]

    assert await actions(person_id=other) == ["cards.read", "cards.read"]
    assert await actions(actor_kind="staff", actor="clerk-1") == ["cards.read", "person.read"]
    assert await actions(actor_kind="provider") == ["visit.changed"]
    assert await actions(action="person.read") == ["person.read"]
    day = f"{today(clock)}"
    assert await actions(since=day, until=day) == ["cards.read", "cards.read"]


async def test_an_auditor_of_a_region_sees_people_of_that_region_only(
    platform: Platform,
) -> None:
    where = await homes(platform)
    inside = {one for one, home in where.items() if any(code.startswith("51") for code in home)}
    outside = next(one for one in where if one not in inside)
    assert inside
    for one in where:
        await act(platform, one, "staff", "clerk-1", "person.read")
    sichuan = auditor("510000")
    told = await search(platform, sichuan, action="person.read")
    assert {one.person_id for one in told.events} <= inside
    if len(inside) <= service.PAGE:
        assert {one.person_id for one in told.events} == inside
    with pytest.raises(NotAllowed):
        await search(platform, sichuan, person_id=outside)
    with pytest.raises(NotAllowed):
        # Nobody at all is answered the same.
        await search(platform, sichuan, person_id=999)
    with pytest.raises(NotAllowed):
        await search(platform, sichuan, region="110000")
    narrowed = await search(platform, auditor(), action="person.read", region="510000")
    assert {one.person_id for one in narrowed.events} <= inside


async def test_pages_go_on_where_the_one_before_ended_and_miss_nothing(
    platform: Platform, clock: FixedClock
) -> None:
    people_there = list(await homes(platform))
    for number in range(service.PAGE * 2 + 7):
        person = people_there[number % len(people_there)]
        await act(platform, person, "provider", "H1", "visit.changed")
        clock.advance(timedelta(minutes=37))
    seen: list[int] = []
    before: int | None = None
    for _ in range(200):
        page = await search(platform, auditor(), actor_kind="provider", before=before)
        seen += [one.event_id for one in page.events]
        before = page.before
        if before is None:
            break
    assert len(seen) == len(set(seen)) == service.PAGE * 2 + 7
    assert seen == sorted(seen, reverse=True)


async def test_each_search_is_recorded_with_the_people_it_showed(platform: Platform) -> None:
    one = next(iter(await homes(platform)))
    await act(platform, one, "staff", "clerk-1", "person.read")
    told = await search(platform, auditor(), person_id=one, action="person.read")
    assert len(told.events) == 1
    async with platform.database.transaction(readonly=True) as connection:
        events = await audit.of_person(connection, one, 1)
        noted = await connection.fetchval(
            "select detail->>'person_id' from office_events where action = 'audit.searched'"
        )
    assert (events[0].action, events[0].actor.name) == (service.OWN, "auditor-1")
    assert noted == str(one)
    # Its own traces stay out of the way, and are there for who asks.
    assert service.OWN not in {
        each.action for each in (await search(platform, auditor(), person_id=one)).events
    }
    asked = await search(platform, auditor(), person_id=one, action=service.OWN)
    assert len(asked.events) == 2


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"since": "yesterday"}, "since"),
        ({"until": "9999-12-31"}, "until"),
        ({"until": "0001-01-01"}, "until"),
        ({"since": "2026-03-02", "until": "2026-03-01"}, "until"),
        ({"since": "2020-01-01", "until": "2026-03-01"}, "until"),
        ({"actor": "clerk-1"}, "actor_kind"),
        ({"actor_kind": "robot"}, "actor_kind"),
        ({"region": "999999"}, "region"),
        ({"action": "x" * 61}, "action"),
    ],
)
def test_what_cannot_be_searched_for_names_its_field(words: dict[str, str], field: str) -> None:
    from datetime import date

    with pytest.raises(InvalidInput) as error:
        service.wanted(date(2026, 3, 5), **words)  # pyright: ignore[reportArgumentType]
    assert error.value.field == field


async def test_the_api_answers_auditors_alone(platform: Platform) -> None:
    one = next(iter(await homes(platform)))
    await act(platform, one, "staff", "clerk-1", "person.read")
    reads = await offices.signed_in(platform, "auditor-2", ("auditor", NATION))
    clerk = await offices.signed_in(platform, "clerk-3", ("counter", NATION))
    app = httpx.ASGITransport(app=serve(platform))
    async with httpx.AsyncClient(transport=app, base_url="http://test") as client:
        path = f"/api/v1/audit/events?person_id={one}&action=person.read"
        answer = await client.get(path, headers=offices.bearer(reads))
        assert answer.status_code == 200
        (event,) = answer.json()["events"]
        assert (event["actor"], event["person_id"]) == ("clerk-1", str(one))
        assert (await client.get(path, headers=offices.bearer(clerk))).status_code == 403
        wrong = await client.get(f"{path}&since=x", headers=offices.bearer(reads))
        assert (wrong.status_code, wrong.json()["field"]) == (422, "since")
        for page in ("overview", "exceptions"):
            seen = await client.get(f"/api/v1/operations/{page}", headers=offices.bearer(reads))
            assert seen.status_code == 200
            refused = await client.get(f"/api/v1/operations/{page}", headers=offices.bearer(clerk))
            assert refused.status_code == 403


async def test_the_page_tells_an_auditor_of_a_region_nothing_of_whose_number_it_is_elsewhere(
    platform: Platform,
) -> None:
    await citizen(platform, 9_000_777)
    known, nobody = (id_number("510104", BORN, number) for number in (777, 999))
    told = set[tuple[int, str]]()
    with quick_hashes():
        async with at_work(platform, "a-bj", ("auditor", "110000")) as elsewhere:
            for number in (known, nobody):
                answer = await elsewhere.post("/operations/audit", {"person": number})
                told.add((answer.status_code, text_of(answer.text).replace(number, "")))
        assert len(told) == 1
        async with at_work(platform, "a-cd", ("auditor", "510100")) as at_home:
            answer = await at_home.post("/operations/audit", {"person": known})
            assert answer.headers["location"].endswith("person=9000777")
