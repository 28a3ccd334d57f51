"""What does not agree is found, by chunks, for those who may see it, and nothing of it is told."""

import json
from collections.abc import Collection, Sequence
from datetime import date, timedelta

import msgspec
import pytest

from tests.identity.people import BORN, Someone, somebody
from yikatong.cards.consistency import rules, service
from yikatong.cards.consistency.api import body
from yikatong.cards.consistency.model import CHECKS, Code, File, Finding
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.platform import Platform
from yikatong.people.model import Enrolment, Person, Relation
from yikatong.people.service import PersonFilter
from yikatong.population import service as population
from yikatong.population.rows import id_number
from yikatong.trust import audit
from yikatong.trust.audit import Actor

DAY = date(2026, 3, 1)
REVIEWER = Actor("staff", "reviewer-1", "consistency of data")
ALL: tuple[Code, ...] = tuple(CHECKS)
PERSON = Person(
    person_id=1, name="张三丰", sex=1, birth_date=BORN, residence_region="510104",
    contact_confirmed_on=DAY, identity_matched=True, under_guardianship=False, died_on=None,
    synthetic=True, version=1,
)  # fmt: skip
FILE = File(
    person=PERSON, id_number=id_number("510104", BORN, 1), leads_to=1, phone="13800001234",
    phone_of=0, card=None, enrolments=(), relations=(),
)  # fmt: skip


def enrolment(starts_on: date, status: str = "insured") -> Enrolment:
    return Enrolment(
        "310", "510100", "active", status, starts_on, None, None, None, starts_on, True, 12  # pyright: ignore[reportArgumentType]
    )  # fmt: skip


def found(person: dict[str, object] | None = None, **more: object) -> list[Code]:
    changed = msgspec.structs.replace(PERSON, **(person or {}))
    return list(rules.codes(msgspec.structs.replace(FILE, person=changed, **more), DAY))


def test_a_file_that_agrees_has_no_findings() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("person", "more", "codes"),
    [
        ({"birth_date": date(1985, 3, 6)}, {}, ["birth_date_differs"]),
        ({"sex": 2}, {}, ["sex_differs"]),
        ({}, {"id_number": "510104198503050010"}, ["id_number_invalid"]),
        ({}, {"leads_to": None}, ["id_number_not_found"]),
        ({}, {"leads_to": 2}, ["id_number_not_found"]),
        ({"identity_matched": False}, {}, ["identity_unmatched"]),
        ({"under_guardianship": True}, {}, ["guardian_missing"]),
        ({"contact_confirmed_on": None}, {}, ["contact_stale"]),
        ({"contact_confirmed_on": DAY - timedelta(days=366)}, {}, ["contact_stale"]),
        ({}, {"phone": None}, ["phone_missing"]),
        ({}, {"phone_of": 6}, ["phone_shared"]),
        ({"died_on": date(2026, 2, 1)}, {"enrolments": (enrolment(date(2020, 1, 1)),)}, []),
        (
            {"died_on": date(2025, 2, 1)}, {"enrolments": (enrolment(date(2020, 1, 1)),)},
            ["insured_after_death"],
        ),
        (
            {"died_on": date(2026, 2, 1)}, {"enrolments": (enrolment(date(2026, 2, 2)),)},
            ["insured_after_death"],
        ),
        ({"died_on": date(2025, 2, 1), "contact_confirmed_on": None}, {"phone": None}, []),
    ],
)  # fmt: skip
def test_each_thing_that_does_not_agree_is_found(
    person: dict[str, object], more: dict[str, object], codes: list[str]
) -> None:
    assert found(person, **more) == codes


@pytest.mark.parametrize(
    ("kind", "until", "right"),
    [("ward_of", None, True), ("ward_of", DAY - timedelta(days=1), False), ("child", None, False)],
)
def test_a_guardian_counts_while_the_guardianship_lasts(
    kind: str, until: date | None, right: bool
) -> None:
    one = Relation(1, 2, kind, date(2020, 1, 1), until)  # pyright: ignore[reportArgumentType]
    codes = found({"under_guardianship": True}, relations=(one,))
    assert (codes == []) is right


async def page(platform: Platform, *codes: Code, **more: int) -> list[tuple[int, str]]:
    got = await service.page(
        platform, PersonFilter(), REVIEWER, codes=codes or ALL, after=more.get("after", 0)
    )
    return [(one.person_id, one.code) for one in got.findings]


async def execute(platform: Platform, statement: str, *facts: object) -> None:
    async with platform.database.transaction() as connection:
        await connection.execute(statement, *facts)


@pytest.fixture
async def one(platform: Platform) -> Someone:
    one = await somebody(platform)
    await execute(platform, "update persons set contact_confirmed_on = $1", today(platform.clock))
    return one


async def test_cards_are_compared_with_persons(platform: Platform, one: Someone) -> None:
    assert await page(platform) == []
    await execute(platform, "update persons set name = '张君宝'")
    assert await page(platform) == [(one.person_id, "card_name_differs")]
    await execute(platform, "update persons set died_on = '2026-02-01'")
    assert await page(platform) == [(one.person_id, "dead_with_live_card")]
    await execute(platform, "update cards set state = 'cancelled'")
    assert await page(platform) == []


async def test_a_phone_of_many_is_found_and_never_told(platform: Platform, one: Someone) -> None:
    for at in range(2, 9):
        await somebody(platform, 1_000_000 + at)
    assert await page(platform, "phone_shared") == []
    number = platform.vault.hash("phone", one.phone)
    await execute(
        platform, "insert into person_phones select $1, 1000000 + n from generate_series(2, 8) n",
        number,
    )  # fmt: skip
    assert await page(platform, "phone_shared") == [(one.person_id, "phone_shared")]
    told = json.dumps(body(Finding(one.person_id, "phone_shared")), ensure_ascii=False)
    assert one.phone not in told
    async with platform.database.transaction(readonly=True) as connection:
        events = await audit.of_person(connection, one.person_id)
    assert (events[0].action, events[0].detail) == ("person.checked", {"found": ["phone_shared"]})


async def test_pages_go_on_behind_one_another_and_name_everybody_once(platform: Platform) -> None:
    ids = [(await somebody(platform, 1_000_001 + at)).person_id for at in range(7)]
    named, after = [], 0
    for _ in range(20):
        got = await service.page(
            platform, PersonFilter(), REVIEWER, codes=["contact_stale"], after=after, limit=2
        )
        named += [one.person_id for one in got.findings]
        if got.next_after is None:
            break
        assert len(got.findings) == 2
        after = got.next_after
    assert named == ids


async def test_who_may_see_some_is_told_of_those_alone(platform: Platform) -> None:
    one, two = await somebody(platform), await somebody(platform, 1_000_002)

    async def mine(_: Connection, person_ids: Sequence[int]) -> Collection[int]:
        return [one for one in person_ids if one == two.person_id]

    got = await service.page(platform, PersonFilter(), REVIEWER, codes=ALL, mine=mine)
    assert {each.person_id for each in got.findings} == {two.person_id}
    assert got.checked == 1
    async with platform.database.transaction(readonly=True) as connection:
        events = await audit.of_person(connection, one.person_id)
    assert "person.checked" not in {each.action for each in events}


async def test_a_synthetic_population_agrees_but_for_the_situations_made_to_fail(
    platform: Platform,
) -> None:
    await population.make(platform, 200, 1, lambda _: None)
    wrong = [(one, code) for one, code in await page(platform) if CHECKS[code].wrong]  # pyright: ignore[reportArgumentType]
    assert {code for _, code in wrong} <= {
        "identity_unmatched", "card_name_differs", "dead_with_live_card", "guardian_missing",
    }  # fmt: skip
    assert len(wrong) < 20
