"""Stock: blanks at counters, finished cards on their way, parcels."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cards.citizens import CENTRE, CLERK, COUNTER, FIRST, citizen, print_now
from tests.cards.production.crowd import MAKING, approved, batch, crowd
from tests.cards.production.test_batches import made_all
from yikatong.cards import service as cards
from yikatong.cards.model import CardApplication
from yikatong.cards.office import applying, due
from yikatong.cards.office.errors import CardRefused
from yikatong.cards.office.model import Doing, NewApplication
from yikatong.cards.production import blanks, delivery
from yikatong.cards.production.blanks import NoBlanks
from yikatong.cards.production.stock_model import Kind
from yikatong.core.clock import FixedClock, today
from yikatong.core.errors import InvalidInput, KeyReused
from yikatong.core.platform import Platform
from yikatong.core.sheets import cell

HERE = CENTRE


async def application(platform: Platform, person_id: int) -> CardApplication:
    async with platform.database.transaction(readonly=True) as connection:
        return (await cards.applications(connection, person_id))[0]


async def moved(platform: Platform, kind: Kind, quantity: int, key: str, note: str = "x") -> int:
    return (await blanks.move(platform, HERE, kind, quantity, note, CLERK, key)).balance


async def test_a_printed_card_uses_one_blank_and_without_any_nothing_is_printed(
    platform: Platform,
) -> None:
    persons = [await citizen(platform, person_id) for person_id in (1000001, 1000002, 1000003)]
    made = [
        await applying.apply(platform, one, FIRST, COUNTER, CLERK, f"a{one}") for one in persons
    ]
    # A counter that keeps no stock here prints as ever.
    await print_now(platform, made[0])
    assert await moved(platform, "received", 1, "k1") == 1
    for _ in range(2):
        await print_now(platform, made[1])
    assert await blanks.balance(platform, HERE) == 0
    with pytest.raises(NoBlanks):
        await print_now(platform, made[2])
    assert (await application(platform, persons[2])).state == "in_production"
    used = [one for one in await blanks.movements(platform, HERE) if one.kind == "used"]
    assert [(one.person_id, one.quantity) for one in used] == [(persons[1], -1)]


async def test_the_balance_is_the_sum_and_never_negative_however_many_move_at_once(
    platform: Platform,
) -> None:
    await moved(platform, "received", 20, "k")
    done = await asyncio.gather(
        *(moved(platform, "spoiled", 3, f"s{number}") for number in range(10)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, NoBlanks) for one in done) == 4
    found = await blanks.movements(platform, HERE)
    assert found[0].balance == sum(one.quantity for one in found) == 2
    assert await moved(platform, "counted", 5, "c", "盘点 张") == 5
    assert (await blanks.movements(platform, HERE))[0].quantity == 3
    assert await moved(platform, "counted", 5, "c", "盘点 张") == 5
    assert await moved(platform, "returned", 5, "r") == 0
    with pytest.raises(KeyReused):
        await moved(platform, "returned", 4, "r")


async def test_wrong_movements_name_the_field(platform: Platform) -> None:
    for counter, kind, quantity, note, field in (
        ("X", "received", 1, "", "counter"),
        (HERE, "used", 1, "", "kind"),
        (HERE, "received", 0, "", "quantity"),
        (HERE, "spoiled", 1, "", "note"),
        (HERE, "received", 1, "x" * 201, "note"),
    ):
        with pytest.raises(InvalidInput) as refused:
            await blanks.move(platform, counter, kind, quantity, note, CLERK, "k")  # type: ignore[arg-type]
        assert refused.value.field == field
    assert await blanks.movements(platform, HERE) == []


async def test_a_card_lost_on_its_way_is_void_and_made_again_and_the_stock_stays_right(
    platform: Platform, clock: FixedClock
) -> None:
    persons = await crowd(platform, 2)
    online = Doing("online", materials=("identity", "photo"))
    for person_id in persons:
        wanted = NewApplication("first", pickup_place=HERE)
        made = await applying.apply(platform, person_id, wanted, online, CLERK, f"a{person_id}")
        await applying.approve(
            platform, person_id, made.application_id, online, MAKING, f"r{person_id}"
        )
    one = await batch(platform)
    await made_all(platform, one.batch_id)
    sheet = (await delivery.send(platform, one.batch_id, MAKING))[0]
    listed = await delivery.cards(platform, sheet.sheet_id, CLERK)
    gone, came = listed
    before = await application(platform, gone.person_id)
    for lines, reason, field in (([], "找不到", "cards"), ([gone.line], " ", "reason")):
        with pytest.raises(InvalidInput) as refused:
            await delivery.lose(platform, sheet.sheet_id, lines, reason, CLERK)
        assert refused.value.field == field
    assert await delivery.receive(platform, sheet.sheet_id, [gone.line], CLERK) == 1
    # The holder was asked to collect it all the same; a month later it is looked for.
    clock.advance(timedelta(days=50))
    assert (await due.run(platform)).chased == 2
    both = [gone.line, came.line]
    # What has come cannot be lost on its way; recorded by two at once it counts once.
    counted = await asyncio.gather(
        *(delivery.lose(platform, sheet.sheet_id, both, "少一件", CLERK) for _ in range(2))
    )
    assert sorted(counted) == [0, 1]
    assert await delivery.shelves(platform, HERE) == {"lost": 1, "received": 1}
    again = await application(platform, gone.person_id)
    assert (again.state, again.batch_id, again.card_number) == ("in_production", None, None)
    # It is waited for as for the first.
    assert again.chased == 0
    assert again.expected_on is not None
    assert before.expected_on is not None
    assert before.expected_on < today(clock) < again.expected_on
    async with platform.database.transaction(readonly=True) as connection:
        told = await connection.fetch(
            "select kind from notices where person_id = $1 and kind = 'card.lost_on_the_way'",
            gone.person_id,
        )
        kept = await connection.fetchval(
            "select count(*) from card_numbers where card_number = $1", before.card_number
        )
    # The number of the lost card stays taken for ever, and no card has it.
    assert (len(told), kept) == (1, 1)
    # It turns up: nobody can take it in any more.
    assert await delivery.receive(platform, sheet.sheet_id, [], CLERK) == 0
    second = await batch(platform, key="b2")
    await made_all(platform, second.batch_id)
    after = await application(platform, gone.person_id)
    assert after.state == "ready"
    assert after.card_number not in (None, before.card_number)
    sent = (await delivery.send(platform, second.batch_id, MAKING))[0]
    assert await delivery.receive(platform, sent.sheet_id, [], CLERK) == 1
    await applying.hand_over(platform, gone.person_id, after.application_id, COUNTER, CLERK, "h")
    # The card that was handed over is the second; the lost one stays lost.
    assert await delivery.shelves(platform, HERE) == {"handed_over": 1, "lost": 1, "received": 1}


async def test_finished_cards_go_to_their_counters_and_over_the_desk(
    platform: Platform, clock: FixedClock
) -> None:
    persons = await crowd(platform, 3)
    online = Doing("online", materials=("identity", "photo"))
    for person_id, place in zip(persons, (HERE, HERE, None), strict=True):
        wanted = NewApplication("first", pickup_place=place)
        made = await applying.apply(platform, person_id, wanted, online, CLERK, f"a{person_id}")
        await applying.approve(
            platform, person_id, made.application_id, online, MAKING, f"r{person_id}"
        )
    one = await batch(platform)
    await made_all(platform, one.batch_id)
    sent = {sheet.counter: sheet for sheet in await delivery.send(platform, one.batch_id, MAKING)}
    assert {counter: sheet.cards for counter, sheet in sent.items()} == {HERE: 2, "": 1}
    assert await delivery.send(platform, one.batch_id, MAKING) == []
    sheet = sent[HERE]
    listed = await delivery.cards(platform, sheet.sheet_id, CLERK)
    assert [each.shelf for each in listed] == ["on_the_way"] * 2
    missing = [listed[1].line]
    assert await delivery.receive(platform, sheet.sheet_id, missing, CLERK) == 1
    assert await delivery.receive(platform, sheet.sheet_id, missing, CLERK) == 0
    assert await delivery.shelves(platform, HERE) == {"on_the_way": 1, "received": 1}
    assert await delivery.receive(platform, sheet.sheet_id, [], CLERK) == 1
    first, second = (each.person_id for each in listed)
    collected = await application(platform, first)
    await applying.hand_over(platform, first, collected.application_id, COUNTER, CLERK, "h")
    assert await delivery.shelves(platform, HERE) == {"handed_over": 1, "received": 1}
    clock.advance(timedelta(days=400))
    await due.run(platform)
    assert (await application(platform, second)).state == "withdrawn"
    assert await delivery.shelves(platform, HERE) == {"destroyed": 1, "handed_over": 1}
    assert await delivery.give_back(platform, sheet.sheet_id, [each.line for each in listed]) == 0


async def posted(platform: Platform, count: int) -> tuple[int, list[int]]:
    """A batch of finished cards that go by post."""
    persons = await crowd(platform, count)
    online = Doing("online", materials=("identity", "photo"))
    for person_id in persons:
        wanted = NewApplication(
            "first", delivery="post", post_to=f"=成都市路{person_id}号", post_phone="13812345678"
        )
        made = await applying.apply(platform, person_id, wanted, online, CLERK, f"a{person_id}")
        await applying.approve(
            platform, person_id, made.application_id, online, MAKING, f"r{person_id}"
        )
    one = await batch(platform)
    await made_all(platform, one.batch_id)
    return one.batch_id, persons


async def test_parcels_numbers_come_back_in_the_table_that_went_to_the_post(
    platform: Platform,
) -> None:
    batch_id, persons = await posted(platform, 4)
    assert await delivery.send(platform, batch_id, MAKING) == []
    table = b"".join([piece async for piece in delivery.addresses(platform, batch_id, MAKING)])
    lines = table.decode("utf-8-sig").splitlines()
    # An address is two lines in one cell: where, and the phone.
    assert lines[0].startswith("序号,")
    assert table.decode().count("'=成都市路") == 4
    filled = "序号,快递单号\n1,SF001\n2,SF002\n2,SF003\n9,SF009\nx,SF010\n3,\n4," + "9" * 300 + "\n"
    sent, known, faults = await delivery.take_tracking(platform, batch_id, filled.encode(), MAKING)
    assert (sent, known) == (2, 0)
    assert [(each.line, each.field) for each in faults] == [
        (4, "seq"), (5, "seq"), (6, "seq"), (8, "tracking"),
    ]  # fmt: skip
    sent, known, faults = await delivery.take_tracking(
        platform, batch_id, b"seq,tracking\n1,SF001\n2,SF777\n", MAKING
    )
    assert (sent, known, [each.line for each in faults]) == (0, 1, [3])
    gone = await application(platform, persons[0])
    assert (gone.state, gone.tracking) == ("sent", "SF001")
    async with platform.database.transaction(readonly=True) as connection:
        shelf = await connection.fetchval(
            "select shelf from card_batch_lines where person_id = $1", persons[0]
        )
        seen = await connection.fetchval(
            "select count(*) from audit_events where action = 'card.address_to_post'"
        )
    assert (shelf, seen) == ("posted", 4)


async def test_a_parcel_lost_in_the_post_is_made_again_once_and_tells_the_holder(
    platform: Platform, clock: FixedClock
) -> None:
    batch_id, (person_id, waits) = await posted(platform, 2)
    await delivery.take_tracking(platform, batch_id, b"seq,tracking\n1,SF001\n", MAKING)
    gone, ready = await application(platform, person_id), await application(platform, waits)
    clock.advance(timedelta(days=40))
    looked = Doing("counter", reason="邮政查询：丢失")

    async def lose(one: CardApplication, doing: Doing, key: str) -> CardApplication:
        return await applying.lose(platform, one.person_id, one.application_id, doing, MAKING, key)

    with pytest.raises(InvalidInput) as refused:
        await lose(gone, Doing("counter"), "k0")
    assert refused.value.field == "reason"
    with pytest.raises(CardRefused):
        await lose(ready, looked, "k1")
    found = {(await lose(gone, looked, "k2")).version for _ in range(2)}
    with pytest.raises(CardRefused):
        await lose(gone, looked, "k3")
    again = await application(platform, person_id)
    assert found == {again.version}
    assert (again.state, again.tracking, again.card_number) == ("in_production", None, None)
    assert again.expected_on is not None
    assert again.expected_on > today(clock)
    async with platform.database.transaction(readonly=True) as connection:
        shelf = await connection.fetchval(
            "select shelf from card_batch_lines where person_id = $1", person_id
        )
        told = await connection.fetchval(
            "select count(*) from notices where person_id = $1 and kind = 'card.lost_on_the_way'",
            person_id,
        )
    assert (shelf, told) == ("lost", 1)
    second = await batch(platform, key="b2")
    await made_all(platform, second.batch_id)
    after = await application(platform, person_id)
    assert (after.state, after.card_number != gone.card_number) == ("ready", True)


async def test_a_card_collected_and_not_posted_is_explained(platform: Platform) -> None:
    persons = await crowd(platform, 1)
    await approved(platform, persons)
    one = await batch(platform)
    await made_all(platform, one.batch_id)
    sent, _, faults = await delivery.take_tracking(
        platform, one.batch_id, b"seq,tracking\n1,SF1\n", MAKING
    )
    assert (sent, [each.code for each in faults]) == (0, ["card_refused"])


@given(st.text(max_size=10))
def test_no_cell_of_a_table_is_a_formula(text: str) -> None:
    assert cell(text)[:1] not in ("=", "+", "-", "@", "\t", "\r")
