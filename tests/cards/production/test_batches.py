"""Batches: collected once, killed on the way, sent to the maker, and what comes back."""

import asyncio
from datetime import date, timedelta

import msgspec
import pytest

from tests.cards.citizens import CLERK, COUNTER, HOME, citizen
from tests.cards.citizens import FIRST as FIRST_CARD
from tests.cards.production.crowd import (
    BY_LIST,
    MAKER,
    MAKING,
    approved,
    batch,
    crowd,
    exported,
    number_of,
)
from yikatong.cards import service as cards
from yikatong.cards.office import applying
from yikatong.cards.office.errors import CardRefused
from yikatong.cards.office.many import ManyDesk
from yikatong.cards.production import files, service, store, wire
from yikatong.cards.production.errors import BatchNotNow, FileWrong, NoSuchMaker
from yikatong.cards.production.model import Taken
from yikatong.cards.production.wire import CardData, Result
from yikatong.core.clock import FixedClock, today
from yikatong.core.errors import KeyReused
from yikatong.core.platform import Platform
from yikatong.people.notices import service as notices
from yikatong.trust.audit import Actor


def read_order(content: bytes) -> list[CardData]:
    lines = wire.proved(content, wire.ORDER, None)
    return [msgspec.json.decode(line, type=CardData) for line in lines[1:]]


async def made_all(platform: Platform, batch_id: int, spoiled: int = 0) -> tuple[bytes, Taken]:
    """The maker made all, but the first few."""
    cards_in = read_order(await exported(platform, batch_id))
    results = [
        Result(one.seq, one.card_number, "spoiled", "芯片坏")
        if one.seq <= spoiled
        else Result(one.seq, one.card_number, "made")
        for one in cards_in
    ]
    content = wire.write_results(str(batch_id), MAKER, results, None)
    return content, await files.take_results(platform, batch_id, content, MAKING)


async def test_a_batch_orders_each_waiting_card_and_its_file_has_what_goes_onto_it(
    platform: Platform,
) -> None:
    persons = await crowd(platform, 5)
    await approved(platform, persons)
    one = await batch(platform)
    assert (one.state, one.cards) == ("ordered", 5)
    first = await exported(platform, one.batch_id)
    cards_in = read_order(first)
    assert [card.seq for card in cards_in] == [1, 2, 3, 4, 5]
    card = cards_in[0]
    assert (card.social_security_number, card.region, card.bank) == (
        number_of(persons[0]), HOME, "ICBC",
    )  # fmt: skip
    assert (card.issued_on, card.valid_until) == ("2026-03-01", "2036-03-01")
    assert len(card.card_identifier) == 32
    assert len({one.card_number for one in cards_in}) == 5
    again = await exported(platform, one.batch_id)
    assert read_order(again) == cards_in
    found = await service.summary(platform, one.batch_id)
    assert (found.batch.state, found.outstanding, len(found.exports)) == ("at_maker", 5, 2)
    async with platform.database.transaction(readonly=True) as connection:
        seen = await connection.fetchval(
            "select count(*) from audit_events where action = 'card.sent_to_maker' and actor = 'p-1'"
        )
    assert seen == 10


async def test_the_card_that_is_handed_over_is_the_one_that_was_written(
    platform: Platform, clock: FixedClock
) -> None:
    (person_id,) = persons = await crowd(platform, 1)
    (made,) = await approved(platform, persons)
    one = await batch(platform)
    (written,) = read_order(await exported(platform, one.batch_id))
    content = wire.write_results(
        str(one.batch_id), MAKER, [Result(1, written.card_number, "made")], None
    )
    await files.take_results(platform, one.batch_id, content, MAKING)
    clock.advance(timedelta(days=20))
    card = await applying.hand_over(
        platform, person_id, made.application_id, COUNTER, CLERK, "hand-over"
    )
    assert card.card_number == written.card_number
    assert card.card_identifier == written.card_identifier
    assert (card.issued_on, card.valid_until) == (date(2026, 3, 1), date(2036, 3, 1))
    assert card.name_on_card == written.name


async def test_two_batches_at_once_never_take_the_same_application(platform: Platform) -> None:
    persons = await crowd(platform, 60)
    await approved(platform, persons)
    await service.put_maker(platform, MAKER, "制卡一厂", None, None, MAKING)
    begun = [
        await service.begin(platform, HOME, "ICBC", MAKER, 40, MAKING, key) for key in ("a", "b")
    ]
    done = await asyncio.gather(
        *(service.collect(platform, one.batch_id, MAKING) for one in (*begun, *begun))
    )
    # Each was worked on by two at once, too.
    assert sum(one.cards for one in done[:2]) == 60
    async with platform.database.transaction(readonly=True) as connection:
        rows = await connection.fetch(
            """select count(*), count(distinct person_id), count(distinct card_number)
                 from card_batch_lines"""
        )
        gaps = await connection.fetchval(
            """select count(*) from (select batch_id, max(line) - count(*) as gap
                                       from card_batch_lines group by 1) g where gap <> 0"""
        )
    assert tuple(rows[0]) == (60, 60, 60)
    assert gaps == 0


async def test_killed_on_the_way_the_batch_goes_on_where_it_was(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "CHUNK", 10)
    persons = await crowd(platform, 35)
    await approved(platform, persons)
    await service.put_maker(platform, MAKER, "制卡一厂", None, None, MAKING)
    begun = await service.begin(platform, HOME, "ICBC", MAKER, 100, MAKING, "k")

    def killed(done: int) -> None:
        if done >= 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await service.collect(platform, begun.batch_id, MAKING, killed)
    half = await service.find(platform, begun.batch_id)
    assert (half.state, half.cards) == ("collecting", 20)
    with pytest.raises(BatchNotNow):
        await exported(platform, begun.batch_id)
    done = await service.collect(platform, begun.batch_id, MAKING)
    assert (done.state, done.cards) == ("ordered", 35)
    assert [one.seq for one in read_order(await exported(platform, done.batch_id))] == list(
        range(1, 36)
    )


async def test_whoever_applied_at_a_counter_today_may_have_it_printed_there(
    platform: Platform, clock: FixedClock
) -> None:
    person_id = await citizen(platform)
    await applying.apply(platform, person_id, FIRST_CARD, COUNTER, CLERK, "k")
    assert (await batch(platform)).cards == 0
    clock.advance(timedelta(days=1))
    assert (await batch(platform, key="b2")).cards == 1
    async with platform.database.transaction(readonly=True) as connection:
        (made,) = await cards.applications(connection, person_id)
    with pytest.raises(CardRefused, match="maker"):
        await applying.hand_over(
            platform, person_id, made.application_id, COUNTER, CLERK, "p", event="print"
        )


async def test_a_spoiled_card_is_made_again_with_a_new_number_and_the_old_one_is_dead(
    platform: Platform, clock: FixedClock
) -> None:
    persons = await crowd(platform, 3)
    await approved(platform, persons)
    one = await batch(platform)
    old = {card.seq: card for card in read_order(await exported(platform, one.batch_id))}
    clock.advance(timedelta(days=60))
    content, taken = await made_all(platform, one.batch_id, spoiled=1)
    assert (taken.made, taken.spoiled, taken.faults) == (2, 1, [])
    again = await files.take_results(platform, one.batch_id, content, MAKING)
    assert (again.made, again.spoiled, again.known) == (0, 0, 3)
    found = await service.summary(platform, one.batch_id)
    assert (found.batch.state, found.made, found.spoiled) == ("done", 2, 1)
    second = await batch(platform, key="b2")
    (new,) = read_order(await exported(platform, second.batch_id))
    assert new.application == old[1].application
    assert new.card_number != old[1].card_number
    assert new.card_identifier != old[1].card_identifier
    async with platform.database.transaction(readonly=True) as connection:
        # It leads to the person, and to no card: nobody else ever gets it, and it opens nothing.
        person_id, card_id = await cards.find_by_number(connection, old[1].card_number)
        expected = (await cards.applications(connection, person_id))[0].expected_on
        # Nobody is told to wait until a day that is past.
        assert expected is not None
        assert expected > today(clock)
        assert card_id not in [card.card_id for card in await cards.cards(connection, person_id)]
        (told, *_) = await notices.of_person(connection, person_id)
    assert (told.kind, told.facts["expected"]) == ("application.in_production", f"{expected}")


async def test_each_wrong_line_is_explained_and_the_others_count(platform: Platform) -> None:
    await approved(platform, await crowd(platform, 4))
    one = await batch(platform)
    cards_in = read_order(await exported(platform, one.batch_id))
    number = {card.seq: card.card_number for card in cards_in}
    lines = [
        {"seq": 1, "card_number": number[1], "result": "made"},
        {"seq": 2, "card_number": number[1], "result": "made"},
        {"seq": 9, "card_number": number[2], "result": "made"},
        {"seq": 3, "card_number": number[3], "result": "spoiled"},
        {"seq": 1, "card_number": number[1], "result": "spoiled", "reason": "x"},
        {"seq": "4", "card_number": number[4], "result": "made"},
        {"seq": 4, "card_number": number[4], "result": "lost"},
    ]
    body = msgspec.json.encode(wire.ResultHead(wire.RESULT, str(one.batch_id), MAKER)) + b"\n"
    body += b"".join(msgspec.json.encode(line) + b"\n" for line in lines) + b"{no json\n"
    content = (
        body + msgspec.json.encode(wire.Tail(8, wire.hashlib.sha256(body).hexdigest())) + b"\n"
    )
    taken = await files.take_results(platform, one.batch_id, content, MAKING)
    assert taken.made == 1
    assert [(fault.line, fault.field) for fault in taken.faults] == [
        (3, "card_number"), (4, "seq"), (5, "reason"), (6, "seq"), (7, "seq"), (8, "result"), (9, "line"),
    ]  # fmt: skip
    assert all(fault.zh and fault.en.isascii() for fault in taken.faults)
    wrong = [Result(1, number[1], "missing"), Result(2, number[2], "missing")]
    content = wire.write_results(str(one.batch_id), MAKER, wrong, None)
    taken = await files.take_results(platform, one.batch_id, content, MAKING)
    assert (taken.missing, [fault.code for fault in taken.faults]) == (1, ["told_otherwise"])
    found = await service.summary(platform, one.batch_id)
    assert (found.made, found.missing, found.outstanding) == (1, 1, 2)


async def test_a_card_of_somebody_who_died_meanwhile_is_to_be_destroyed(platform: Platform) -> None:
    persons = await crowd(platform, 2)
    made = await approved(platform, persons)
    one = await batch(platform)
    cards_in = read_order(await exported(platform, one.batch_id))
    actor = Actor("system", "tests", "tests")
    async with platform.database.transaction() as connection:
        desk = ManyDesk(platform, connection, BY_LIST, actor)
        await desk.read(persons)
        # What cancelling a dead person's card does to an application.
        await connection.execute(
            """update card_applications set state = 'withdrawn', version = version + 1
                where application_id = $1""",
            made[0].application_id,
        )
    results = [Result(card.seq, card.card_number, "made") for card in cards_in]
    content = wire.write_results(str(one.batch_id), MAKER, results, None)
    taken = await files.take_results(platform, one.batch_id, content, MAKING)
    assert (taken.made, taken.unwanted) == (1, 1)
    again = await files.take_results(platform, one.batch_id, content, MAKING)
    assert (again.known, again.faults) == (2, [])
    assert (await service.summary(platform, one.batch_id)).batch.state == "done"


async def test_where_a_key_is_registered_unsigned_results_are_refused_whole(
    platform: Platform,
) -> None:
    await approved(platform, await crowd(platform, 1))
    one = await batch(platform)
    key = wire.Ed25519PrivateKey.generate()
    told = wire.told(wire.public_bytes(key))
    await service.put_maker(platform, MAKER, "制卡一厂", told, None, MAKING)
    (card,) = read_order(await exported(platform, one.batch_id))
    results = [Result(1, card.card_number, "made")]
    for wrong in (None, wire.Ed25519PrivateKey.generate()):
        content = wire.write_results(str(one.batch_id), MAKER, results, wrong)
        with pytest.raises(FileWrong):
            await files.take_results(platform, one.batch_id, content, MAKING)
    assert (await service.summary(platform, one.batch_id)).outstanding == 1
    content = wire.write_results(str(one.batch_id), MAKER, results, key)
    assert (await files.take_results(platform, one.batch_id, content, MAKING)).made == 1


async def test_for_a_maker_with_a_key_the_cards_leave_sealed(platform: Platform) -> None:
    await approved(platform, await crowd(platform, 2))
    private = wire.X25519PrivateKey.generate()
    one = await batch(platform)
    told = wire.told(wire.public_bytes(private))
    await service.put_maker(platform, MAKER, "制卡一厂", None, told, MAKING)
    content = await exported(platform, one.batch_id)
    public = wire.public_bytes(wire.signing_key(platform.vault))
    lines = wire.proved(content, wire.ORDER, public)
    assert b"510104" not in content
    opener = wire.Opener(private, msgspec.json.decode(lines[0], type=wire.OrderHead))
    cards_in = [msgspec.json.decode(opener.line(line), type=CardData) for line in lines[1:]]
    assert [card.seq for card in cards_in] == [1, 2]
    with pytest.raises(ValueError, match="open"):
        opener.line(lines[1].replace(b'"seq":1', b'"seq":2'))


async def test_the_same_key_is_the_same_batch(platform: Platform) -> None:
    with pytest.raises(NoSuchMaker):
        await service.begin(platform, HOME, "ICBC", "NOBODY", 10, MAKING, "k")
    first = await batch(platform, key="k")
    again = await service.begin(platform, HOME, "ICBC", MAKER, 10_000, MAKING, "k")
    assert first.batch_id == again.batch_id
    with pytest.raises(KeyReused):
        await service.begin(platform, HOME, "ICBC", MAKER, 5, MAKING, "k")
    assert first.state == "done", "a batch of nothing is done"


async def test_a_number_that_somebody_has_is_drawn_anew(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    await approved(platform, await crowd(platform, 2))
    drawn = iter(["AAAAAAAA1", "AAAAAAAA1", "AAAAAAAA2", "AAAAAAAA3"])
    monkeypatch.setattr("yikatong.cards.office.making.number", lambda: next(drawn))
    one = await batch(platform)
    async with platform.database.transaction(readonly=True) as connection:
        lines = await store.lines(connection, one.batch_id, None, 0, 10)
    assert sorted(line.card_number for line in lines) == ["AAAAAAAA2", "AAAAAAAA3"]
