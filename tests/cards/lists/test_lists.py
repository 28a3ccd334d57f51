"""Lists: who applies by one, what is wrong with the others, and the way of the whole list."""

import asyncio
from datetime import date

import pytest

from tests.cards.citizens import CENTRE, COUNTERS, HOME, PIN, SELF, citizen
from tests.cards.production.crowd import (
    FIRST,
    batch,
    crowd,
    name_of,
    number_of,
)
from tests.cards.production.test_batches import made_all
from yikatong.cards import service as cards
from yikatong.cards.lists import service, sheets
from yikatong.cards.lists.model import CardList, NewList
from yikatong.cards.office import applying, living
from yikatong.cards.office.errors import NotYours, SamePerson
from yikatong.cards.office.model import Doing, NewApplication
from yikatong.cards.pins import service as pins
from yikatong.core.errors import InvalidInput, KeyReused
from yikatong.core.platform import Platform
from yikatong.money.contributions import lists as employers
from yikatong.money.contributions.lists import NoSuchEmployer
from yikatong.population.rows import id_number
from yikatong.trust.audit import Actor

EMPLOYER = "91510100MA6C123401"
TAKER = Actor("staff", "t-1", "list")
REVIEWER = Actor("staff", "r-1", "list")
WANTED = NewList("ICBC", CENTRE)


def row(person_id: int, name: str | None = None, phone: str = "", photo: str = "p.jpg") -> str:
    return f"{name or name_of(person_id)},{number_of(person_id)},{phone},{photo}"


def file(*rows: str) -> bytes:
    return ("姓名,身份证号,手机号,照片编号\n" + "\n".join(rows) + "\n").encode()


async def taken(
    platform: Platform, content: bytes, key: str = "k", wanted: NewList = WANTED
) -> CardList:
    await employers.register(platform, EMPLOYER, "某某公司", HOME, 1)
    return await service.take(platform, EMPLOYER, content, wanted, TAKER, key)


async def states(platform: Platform, one: CardList) -> dict[str, int]:
    return (await service.progress(platform, one.list_id)).states


async def test_a_list_goes_all_the_way_to_cards_that_work(platform: Platform) -> None:
    persons = await crowd(platform, 6)
    one = await taken(platform, file(*(row(person_id) for person_id in persons)))
    assert await states(platform, one) == {"applied": 6}
    done = await service.approve(platform, one.list_id, REVIEWER, {4: "照片不合格"})
    assert (done.done, done.refused) == (5, [])
    assert await states(platform, one) == {"in_production": 5, "rejected": 1}
    made = await batch(platform)
    await made_all(platform, made.batch_id)
    assert (await service.hand_over(platform, one.list_id, "王芳", TAKER)).done == 5
    assert await states(platform, one) == {"issued": 5, "rejected": 1}
    assert (await service.activate(platform, one.list_id, TAKER)).done == 5
    assert await states(platform, one) == {"active": 5, "rejected": 1}
    # Sent twice: nothing is left to be done.
    for again in (
        service.approve(platform, one.list_id, REVIEWER),
        service.hand_over(platform, one.list_id, "王芳", TAKER),
        service.activate(platform, one.list_id, TAKER),
    ):
        assert (await again).done == 0
    async with platform.database.transaction(readonly=True) as connection:
        (card,) = await cards.cards(connection, persons[0])
        history = await living.history(connection, persons[0])
    assert (card.state, card.social_security_app, card.bank_app) == ("active", "active", "inactive")
    assert card.account_id is not None
    assert [event.event for event in reversed(history)] == [
        "apply_first", "approve", "order", "make", "hand_over", "activate",
    ]  # fmt: skip
    standing = await service.rows(platform, one.list_id, TAKER)
    assert [(each.row.row, each.state) for each in standing if each.state != "active"] == [
        (4, "rejected")
    ]
    assert next(each.reason for each in standing if each.row.row == 4) == "照片不合格"


async def test_a_card_activated_by_list_has_no_pin_until_its_holder_chooses_one(
    platform: Platform,
) -> None:
    (person_id,) = persons = await crowd(platform, 1)
    one = await taken(platform, file(row(person_id)))
    await service.approve(platform, one.list_id, REVIEWER)
    await made_all(platform, (await batch(platform)).batch_id)
    await service.hand_over(platform, one.list_id, "王芳", TAKER)
    await service.activate(platform, one.list_id, TAKER)
    async with platform.database.transaction(readonly=True) as connection:
        card = (await cards.current_cards(connection, persons))[person_id]
    assert not await pins.verify(platform, person_id, card.card_id, PIN)
    await pins.set_first(platform, person_id, card.card_id, PIN, SELF)
    assert await pins.verify(platform, person_id, card.card_id, PIN)


async def test_each_refused_row_says_what_is_wrong_and_what_to_do(platform: Platform) -> None:
    persons = await crowd(platform, 3)
    child = await citizen(platform, 3_000_001, born=date(2015, 5, 5))
    holder = await citizen(platform, 3_000_002, card_from=date(2024, 1, 1))
    dead = await citizen(platform, 3_000_003, died_on=date(2026, 1, 1))
    unclear = await citizen(platform, 3_000_004, matched=False)
    asked = await citizen(platform, 3_000_005)
    online = Doing("online", materials=("identity", "photo"))
    made = await applying.apply(platform, asked, NewApplication("first"), online, SELF, "own")

    def of(person_id: int, born: date = date(1985, 3, 5)) -> str:
        return f"张三丰,{id_number('510104', born, person_id % 1000)},13812345678,p.jpg"

    content = file(
        row(persons[0]),
        row(persons[0]),
        row(persons[1], name="别人"),
        row(persons[1], phone="12345"),
        f"谁,{number_of(persons[1])[:-1]}A,,p.jpg",
        f"无名,{id_number('510104', date(1931, 1, 2), 999)},,p.jpg",
        row(persons[2], photo=""),
        of(child, date(2015, 5, 5)),
        of(holder),
        of(dead),
        of(unclear),
        of(asked),
    )
    one = await taken(platform, content)
    told = {each.row.row: each.row for each in await service.rows(platform, one.list_id, TAKER)}
    assert {number: (each.state, each.field, each.code) for number, each in told.items()} == {
        2: ("applied", None, None),
        3: ("refused", "id_number", "duplicate"),
        4: ("refused", "name", "not_matched"),
        5: ("refused", "phone", "invalid"),
        6: ("refused", "id_number", "invalid"),
        7: ("refused", "name", "not_matched"),
        8: ("refused", "photo", "missing"),
        9: ("refused", "applicant", "card_applicant_not_allowed"),
        10: ("refused", "kind", "card_exists"),
        11: ("refused", None, "card_person_dead"),
        12: ("refused", None, "card_identity_mismatch"),
        13: ("refused", None, "card_application_under_way"),
    }
    assert str(made.application_id) in (told[13].zh or "")
    assert all(each.zh and each.en and each.en.isascii() for each in told.values() if each.code)
    assert number_of(persons[0]) not in repr(told), "numbers are masked"
    # The same words for a number of nobody and for another name.
    assert told[4].zh == told[7].zh


async def test_the_same_list_again_is_the_same_list(platform: Platform) -> None:
    persons = await crowd(platform, 4)
    content = file(*(row(person_id) for person_id in persons))
    await employers.register(platform, EMPLOYER, "某某公司", HOME, 1)
    first, second = await asyncio.gather(
        *(service.take(platform, EMPLOYER, content, WANTED, TAKER, "k") for _ in range(2))
    )
    assert first == second
    assert await states(platform, first) == {"applied": 4}
    with pytest.raises(KeyReused):
        await taken(platform, file(row(persons[0])))
    # Sent in by another key, each row says that an application is under way.
    again = await taken(platform, content, "other")
    assert await states(platform, again) == {"refused": 4}


async def test_broken_off_on_the_way_the_list_goes_on(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "CHUNK", 3)
    persons = await crowd(platform, 8)
    content = file(*(row(person_id) for person_id in persons))
    await employers.register(platform, EMPLOYER, "某某公司", HOME, 1)

    def killed(done: int) -> None:
        if done >= 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await service.take(platform, EMPLOYER, content, WANTED, TAKER, "k", killed)
    (half,) = await service.lists(platform, None, EMPLOYER)
    assert await states(platform, half) == {"applied": 3, "open": 5}
    one = await taken(platform, content)
    assert one == half
    with pytest.raises(KeyboardInterrupt):
        await service.approve(platform, one.list_id, REVIEWER, None, killed)
    assert (await service.approve(platform, one.list_id, REVIEWER)).done == 5
    assert await states(platform, one) == {"in_production": 8}


async def test_whoever_took_the_list_in_does_not_review_it(platform: Platform) -> None:
    persons = await crowd(platform, 2)
    one = await taken(platform, file(*(row(person_id) for person_id in persons)))
    with pytest.raises(SamePerson):
        await service.approve(platform, one.list_id, TAKER)
    with pytest.raises(InvalidInput):
        await service.approve(platform, one.list_id, REVIEWER, {9: "没有"})
    assert await states(platform, one) == {"applied": 2}


async def test_an_employer_acts_by_list_only_and_nobody_else_does(platform: Platform) -> None:
    (person_id,) = await crowd(platform, 1)
    shown = ("identity", "photo")
    for doing in (Doing("counter", "employer", materials=shown), Doing("list", materials=shown)):
        with pytest.raises(NotYours):
            await applying.apply(
                platform, person_id, NewApplication("first"), doing, TAKER, doing.channel
            )


async def test_a_school_applies_for_students_insured_elsewhere(platform: Platform) -> None:
    (person_id,) = await crowd(platform, 1, region="110000")
    school = NewList("ICBC", CENTRE, school=True)
    one = await taken(platform, file(row(person_id)), wanted=school)
    async with platform.database.transaction(readonly=True) as connection:
        (made,) = await cards.applications(connection, person_id)
    assert (made.region, made.materials[-1], made.channel, made.applicant) == (
        HOME, "study_certificate", "list", "employer",
    )  # fmt: skip
    assert one.school


async def test_a_list_of_nobody_known_is_refused_whole(platform: Platform) -> None:
    await crowd(platform, 1)
    with pytest.raises(NoSuchEmployer):
        await service.take(platform, EMPLOYER, file("a,b,,c"), WANTED, TAKER, "k")
    for content in (b"", "姓名,身份证号\n张,1\n".encode(), sheets.template("zh"), b"\x00\x01"):
        with pytest.raises(InvalidInput) as refused:
            await taken(platform, content)
        assert refused.value.field == "file"
    for place in ("", "S00000000000", next(one.code for one in COUNTERS if one.bank == "BOC")):
        with pytest.raises(InvalidInput) as refused:
            await taken(platform, file("a,b,,c"), wanted=NewList("ICBC", place))
        assert refused.value.field == "pickup_place"
    with pytest.raises(InvalidInput):
        await taken(platform, file("a,b,,c"), wanted=NewList("NOBANK", CENTRE))


def test_the_template_has_the_headings_that_are_read() -> None:
    for language in ("zh", "en"):
        content = sheets.template(language) + f"李,{number_of(FIRST)},,p\r\n".encode()
        assert [each.photo for each in sheets.read(content)] == ["p"]
