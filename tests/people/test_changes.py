"""Changes of a person's data: contact at once, identity by two persons, the directory always right."""

import asyncio
import random
from datetime import date
from typing import Any

import pytest

from tests.identity.people import Someone, somebody
from tests.trust.files import pdf, png
from yikatong.core import sending
from yikatong.core.clock import today
from yikatong.core.errors import KeyReused, NotFound, YikatongError
from yikatong.core.platform import Platform
from yikatong.people import service as people
from yikatong.people.changes import service
from yikatong.people.changes.model import (
    MATTER,
    Change,
    ChangedMeanwhile,
    ChangeRefused,
    ContactChange,
    DocumentsMissing,
    IdentityChange,
    IdNumberTaken,
    NoSuchChange,
    SecondPersonNeeded,
)
from yikatong.people.notices import service as notices
from yikatong.population.rows import id_number
from yikatong.trust import audit
from yikatong.trust.audit import Actor
from yikatong.trust.documents import service as documents
from yikatong.trust.documents.model import Matter

CLERK = Actor("staff", "clerk-7", "change of data")
REVIEWER = Actor("staff", "reviewer-1", "change of data")
_keys = iter(range(1, 1_000_000))


def key() -> str:
    return f"k{next(_keys)}"


@pytest.fixture
async def one(platform: Platform) -> Someone:
    return await somebody(platform)


async def told(platform: Platform, person_id: int) -> list[str]:
    """The kinds of what the person was told."""
    async with platform.database.transaction(readonly=True) as connection:
        return [each.kind for each in await notices.of_person(connection, person_id)]


async def person_of(platform: Platform, person_id: int) -> people.Person:
    async with platform.database.transaction(readonly=True) as connection:
        return await people.get(connection, person_id)


async def contact_of(platform: Platform, person_id: int) -> people.Contact:
    async with platform.database.transaction(readonly=True) as connection:
        return await people.contact(platform, connection, person_id)


async def change(
    platform: Platform, one: Someone, version: int | None = None, with_key: str = "", **new: str
) -> Change:
    if version is None:
        version = (await person_of(platform, one.person_id)).version
    return await service.change_contact(
        platform, one.person_id, ContactChange(**new), version, "counter", CLERK, with_key or key()
    )


async def take(
    platform: Platform, person_id: int, *, papers: bool = True, actor: Actor = CLERK, **new: str
) -> Change:
    version = (await person_of(platform, person_id)).version
    made = await service.take(platform, person_id, IdentityChange(**new), version, actor, key())
    if papers:
        await hand_in(platform, made, "id_document", png())
        await hand_in(platform, made, "household_register", pdf())
    return made


async def hand_in(platform: Platform, made: Change, kind: str, content: bytes) -> None:
    async with platform.database.transaction() as connection:
        await service.takes_documents(connection, made.person_id, made.change_id)
        await documents.add(
            platform, connection, made.person_id, Matter(MATTER, made.change_id), kind, content,
            "", CLERK,
        )  # fmt: skip


async def directory(platform: Platform) -> dict[bytes, int]:
    async with platform.database.transaction(readonly=True) as connection:
        rows = await connection.fetch("select id_number_hash, person_id from person_id_numbers")
    return {row[0]: row[1] for row in rows}


# ---- phone and address ----


async def test_a_phone_changes_at_once_and_the_history_shows_it(
    platform: Platform, one: Someone
) -> None:
    done = await change(platform, one, phone="13900001234")
    assert (done.state, done.fields, done.channel) == ("done", ("phone",), "counter")
    assert (await contact_of(platform, one.person_id)).phone == "13900001234"
    person = await person_of(platform, one.person_id)
    assert person.contact_confirmed_on == today(platform.clock)
    assert person.version == 2
    found = await service.on_file(platform, one.person_id, CLERK)
    assert [(each.fields, each.taken_by) for each in found.changes] == [(("phone",), "clerk-7")]
    assert found.changes[0].values["phone"].before == one.phone
    async with platform.database.transaction(readonly=True) as connection:
        events = await audit.of_person(connection, one.person_id)
        rows = await connection.fetch("select phone_hash from person_phones")
        row = await connection.fetchrow("select values_sealed from person_changes")
    assert "person.contact_changed" in {each.action for each in events}
    assert one.phone not in str([each.detail for each in events])
    assert [each[0] for each in rows] == [platform.vault.hash("phone", "13900001234")]
    assert row is not None
    assert b"1390000" not in row[0]


async def test_the_old_phone_hears_of_it(
    platform: Platform, one: Someone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "available", lambda _: True)
    await change(platform, one, phone="13900001234")
    async with platform.database.transaction(readonly=True) as connection:
        rows = await connection.fetch("select to_masked, purpose from outgoing_texts")
    assert [tuple(each) for each in rows] == [(f"138****{one.phone[-4:]}", "phone_changed")]


async def test_confirming_changes_nothing_but_the_day(platform: Platform, one: Someone) -> None:
    done = await change(platform, one)
    again = await change(platform, one, phone=one.phone)
    assert done.fields == again.fields == ()
    assert (await person_of(platform, one.person_id)).contact_confirmed_on == date(2026, 3, 1)
    assert not await told(platform, one.person_id)


async def test_a_lost_update_is_refused_and_told(platform: Platform, one: Someone) -> None:
    await change(platform, one, version=1, phone="13900001234")
    with pytest.raises(ChangedMeanwhile, match="load the page again"):
        await change(platform, one, version=1, phone="13700001234")
    assert (await contact_of(platform, one.person_id)).phone == "13900001234"


async def test_of_many_at_once_one_is_carried_out(platform: Platform, one: Someone) -> None:
    done = await asyncio.gather(
        *(change(platform, one, 1, phone=f"1390000{at:04d}") for at in range(6)),
        return_exceptions=True,
    )
    assert len([each for each in done if isinstance(each, Change)]) == 1
    assert len([each for each in done if isinstance(each, ChangedMeanwhile)]) == 5
    async with platform.database.transaction(readonly=True) as connection:
        assert await connection.fetchval("select count(*) from person_phones") == 1


async def test_the_same_key_is_carried_out_once(platform: Platform, one: Someone) -> None:
    sent = [change(platform, one, 1, "same", phone="13900001234") for _ in range(4)]
    done = await asyncio.gather(*sent)
    assert len({each.change_id for each in done}) == 1
    with pytest.raises(KeyReused):
        await change(platform, one, 1, "same", phone="13700001234")


async def test_the_dead_and_nobody_are_not_changed(platform: Platform) -> None:
    dead = await somebody(platform, 1_000_002, died_on=date(2025, 1, 1))
    with pytest.raises(ChangeRefused, match="death"):
        await change(platform, dead, phone="13900001234")
    with pytest.raises(NotFound):
        await service.change_contact(platform, 7, ContactChange(), 1, "counter", CLERK, key())


# ---- name and id number ----


async def test_a_name_changes_once_another_person_has_seen_the_documents(
    platform: Platform, one: Someone
) -> None:
    made = await take(platform, one.person_id, papers=False, name="张君宝")
    assert made.state == "taken"
    assert (await person_of(platform, one.person_id)).name == "张三丰"
    with pytest.raises(DocumentsMissing, match="id document"):
        await service.approve(platform, one.person_id, made.change_id, REVIEWER)
    await hand_in(platform, made, "id_document", png())
    await hand_in(platform, made, "change_certificate", pdf())
    with pytest.raises(SecondPersonNeeded):
        await service.approve(platform, one.person_id, made.change_id, CLERK)
    assert [each.change_id for each in await service.waiting(platform)] == [made.change_id]
    done = await service.approve(platform, one.person_id, made.change_id, REVIEWER)
    assert (done.state, done.decided_by) == ("done", "reviewer-1")
    assert (await person_of(platform, one.person_id)).name == "张君宝"
    assert await service.approve(platform, one.person_id, made.change_id, REVIEWER) == done
    assert await told(platform, one.person_id) == ["data.changed"]
    assert await service.waiting(platform) == []
    async with platform.database.transaction(readonly=True) as connection:
        ends = await connection.fetch("select distinct delete_on from documents")
    assert [each[0] for each in ends] == [date(2028, 2, 29)]


async def test_an_id_number_moves_with_birth_date_and_sex(platform: Platform, one: Someone) -> None:
    number = id_number("510104", date(1986, 4, 6), 2)
    made = await take(platform, one.person_id, id_number=number)
    await service.approve(platform, one.person_id, made.change_id, REVIEWER)
    person = await person_of(platform, one.person_id)
    assert (person.birth_date, person.sex, person.identity_matched) == (date(1986, 4, 6), 2, True)
    async with platform.database.transaction(readonly=True) as connection:
        assert await people.find_by_id_number(platform, connection, number) == one.person_id
        with pytest.raises(NotFound):
            await people.find_by_id_number(platform, connection, one.id_number)


async def test_cards_of_before_are_outdated_by_what_stands_on_them(
    platform: Platform, one: Someone
) -> None:
    async def since() -> date | None:
        async with platform.database.transaction(readonly=True) as connection:
            return await service.card_outdated_since(connection, one.person_id)

    await change(platform, one, phone="13900001234")
    made = await take(platform, one.person_id, id_number=id_number("510104", date(1985, 3, 5), 5))
    assert await since() is None
    await service.approve(platform, one.person_id, made.change_id, REVIEWER)
    assert await since() == date(2026, 3, 1)


async def test_the_person_is_told_what_became_of_it(platform: Platform, one: Someone) -> None:
    await change(platform, one, phone="13900001234")
    refused = await take(platform, one.person_id, name="张无忌")
    await service.refuse(platform, one.person_id, refused.change_id, "照片不清楚", REVIEWER)
    made = await take(platform, one.person_id, name="张君宝")
    await service.approve(platform, one.person_id, made.change_id, REVIEWER)
    async with platform.database.transaction(readonly=True) as connection:
        found = await notices.of_person(connection, one.person_id)
    assert [each.kind for each in found] == ["data.changed", "data.refused", "phone.changed"]
    assert "13900001234" not in str([each.facts for each in found])


async def test_a_number_of_somebody_else_is_refused_when_taken_and_when_approved(
    platform: Platform, one: Someone
) -> None:
    two = await somebody(platform, 1_000_002)
    with pytest.raises(IdNumberTaken):
        await take(platform, one.person_id, id_number=two.id_number)
    number = id_number("510104", date(1985, 3, 5), 777)
    first = await take(platform, one.person_id, id_number=number)
    second = await take(platform, two.person_id, id_number=number)
    done: list[Any] = await asyncio.gather(
        *(service.approve(platform, each.person_id, each.change_id, REVIEWER) for each in (first, second)),
        return_exceptions=True,
    )  # fmt: skip
    assert sorted(type(each).__name__ for each in done) == ["Change", "IdNumberTaken"]
    found = await directory(platform)
    assert len(found) == 2
    winner = next(each for each in done if isinstance(each, Change))
    assert found[platform.vault.hash("id_number", number)] == winner.person_id


async def test_one_change_waits_at_a_time_and_what_is_over_stays_over(
    platform: Platform, one: Someone
) -> None:
    made = await take(platform, one.person_id, name="张君宝")
    with pytest.raises(ChangeRefused, match=str(made.change_id)):
        await take(platform, one.person_id, name="张无忌")
    refused = await service.refuse(
        platform, one.person_id, made.change_id, "照片不清楚，请重拍", REVIEWER
    )
    assert (refused.state, refused.reason) == ("refused", "照片不清楚，请重拍")
    for decide in (service.approve(platform, one.person_id, made.change_id, REVIEWER),
                   service.withdraw(platform, one.person_id, made.change_id, "x", CLERK)):  # fmt: skip
        with pytest.raises(ChangeRefused):
            await decide
    with pytest.raises(ChangeRefused):
        await hand_in(platform, made, "photo", png(3, 3))
    again = await take(platform, one.person_id, name="张无忌")
    gone = await service.withdraw(platform, one.person_id, again.change_id, "填错了", CLERK)
    assert gone.state == "withdrawn"
    assert (await person_of(platform, one.person_id)).name == "张三丰"


async def test_a_phone_may_change_while_a_name_waits(platform: Platform, one: Someone) -> None:
    made = await take(platform, one.person_id, name="张君宝")
    await change(platform, one, phone="13900001234")
    done = await service.approve(platform, one.person_id, made.change_id, REVIEWER)
    assert done.state == "done"
    assert (await contact_of(platform, one.person_id)).phone == "13900001234"


async def test_a_change_of_another_person_is_not_found(platform: Platform, one: Someone) -> None:
    two = await somebody(platform, 1_000_002)
    made = await take(platform, one.person_id, name="张君宝")
    with pytest.raises(NoSuchChange):
        await service.approve(platform, two.person_id, made.change_id, REVIEWER)


async def test_what_fails_on_the_way_undoes_all(
    platform: Platform, one: Someone, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("on the way")

    monkeypatch.setattr(notices, "post", fail)
    made = await take(platform, one.person_id, id_number=id_number("510104", date(1985, 3, 5), 5))
    before = await directory(platform)
    with pytest.raises(RuntimeError):
        await service.approve(platform, one.person_id, made.change_id, REVIEWER)
    assert await directory(platform) == before
    assert (await service.waiting(platform))[0].state == "taken"


@pytest.mark.parametrize("seed", range(3))
async def test_after_any_changes_the_directory_leads_from_the_current_numbers_and_no_others(
    platform: Platform, seed: int
) -> None:
    chance = random.Random(seed)
    persons = [(await somebody(platform, 1_000_001 + at)).person_id for at in range(4)]
    numbers = [id_number("510104", date(1985, 3, 5), 900 + at) for at in range(6)]
    waiting: dict[int, int] = {}

    async def step() -> None:
        person_id = chance.choice(persons)
        if person_id not in waiting:
            made = await take(platform, person_id, id_number=chance.choice(numbers))
            waiting[person_id] = made.change_id
            return
        act = chance.choice(["approve", "approve", "approve", "refuse", "withdraw"])
        change_id = waiting[person_id]
        if act == "approve":
            await service.approve(platform, person_id, change_id, REVIEWER)
        elif act == "refuse":
            await service.refuse(platform, person_id, change_id, "不符", REVIEWER)
        else:
            await service.withdraw(platform, person_id, change_id, "撤回", CLERK)
        del waiting[person_id]

    refused = 0
    for _ in range(40):
        try:
            await step()
        except YikatongError as error:
            assert error.status in (409, 422)  # noqa: PT017
            refused += 1
        current = {}
        async with platform.database.transaction(readonly=True) as connection:
            opened = await people.id_numbers(platform, connection, persons)
        for person_id, number in opened.items():
            current[platform.vault.hash("id_number", number)] = person_id
        assert await directory(platform) == current
    assert refused
