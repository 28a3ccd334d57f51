"""The card office as time goes by: what ends, what is chased, and who is told, once."""

import asyncio
from datetime import date, timedelta
from typing import Any

from tests.cards.citizens import (
    CENTRE,
    CLERK,
    COUNTER,
    FIRST,
    LOST,
    ONLINE,
    PHONE,
    REVIEWER,
    SELF,
    citizen,
    with_card,
)
from yikatong.cards import service as cards
from yikatong.cards.model import CardApplication
from yikatong.cards.office import applying, due, living
from yikatong.cards.office import desk as office
from yikatong.cards.office.errors import CardRefused
from yikatong.cards.office.model import Doing, NewApplication
from yikatong.cards.office.table import ApplicationEvent
from yikatong.core.clock import FixedClock
from yikatong.core.platform import Platform
from yikatong.money.ledger.verification import verify
from yikatong.people.notices import service as notices

DAY = timedelta(days=1)


async def told(platform: Platform, person_id: int, kind: str) -> int:
    """How often somebody was told this."""
    async with platform.database.transaction(readonly=True) as connection:
        found = await notices.of_person(connection, person_id)
    return sum(one.kind == kind for one in found)


async def asked(platform: Platform, person_id: int) -> CardApplication:
    async with platform.database.transaction(readonly=True) as connection:
        return (await cards.applications(connection, person_id))[0]


async def lies_ready(platform: Platform, made: CardApplication) -> None:
    """The maker made the card and the counter has it."""

    async def move(event: ApplicationEvent, **changes: Any) -> None:
        async def work(desk: office.Desk) -> CardApplication:
            return await desk.move_application(
                desk.application(made.application_id), event, **changes
            )

        mine = office.command(made.person_id, event, made.application_id, COUNTER, CLERK, event)
        await office.carry_out(platform, mine, work, office.application_again)

    await move("order", batch_id=1)
    await move("make")


async def test_a_card_nobody_collects_is_asked_for_every_thirty_days_and_then_destroyed(
    platform: Platform, clock: FixedClock
) -> None:
    person_id = await citizen(platform)
    made = await applying.apply(platform, person_id, FIRST, COUNTER, CLERK, "a")
    await lies_ready(platform, made)
    chased = destroyed = 0
    for _ in range(366):
        clock.advance(DAY)
        done = await due.run(platform)
        chased += done.chased
        destroyed += done.destroyed
        assert (await asked(platform, person_id)).chased == chased
        if clock.now().date() in (date(2026, 3, 31), date(2026, 4, 30)):
            assert done.chased == 1
    assert (chased, destroyed) == (12, 1)
    ended = await asked(platform, person_id)
    assert (ended.state, ended.reason) == ("withdrawn", "逾期未领 · not collected")
    # Whoever comes later applies anew.
    assert await applying.apply(platform, person_id, FIRST, COUNTER, CLERK, "b")


async def test_who_waits_for_the_post_is_asked_for_the_fee_and_told_what_came_back(
    platform: Platform, clock: FixedClock
) -> None:
    card = await with_card(platform)
    person_id = card.person_id
    wanted = NewApplication("replace", "lost", delivery="post", post_to="成都市某街 1 号")
    made = await applying.apply(platform, person_id, wanted, ONLINE, SELF, "a")
    number = made.application_id
    await applying.approve(platform, person_id, number, COUNTER, REVIEWER, "b")
    await lies_ready(platform, made)
    assert await told(platform, person_id, "application.fee_due") == 1
    clock.advance(31 * DAY)
    assert (await due.run(platform)).chased == 1
    assert await told(platform, person_id, "application.fee_due") == 2
    await applying.pay_fee(platform, person_id, number, None, COUNTER, CLERK, "c")
    # It is the office's to send: nobody is asked to collect it, and it is not destroyed.
    clock.advance(400 * DAY)
    done = await due.run(platform)
    assert (done.chased, done.destroyed) == (0, 0)
    await applying.post(platform, person_id, number, "EB1", COUNTER, CLERK, "d")
    await applying.come_back(platform, person_id, number, COUNTER, CLERK, "e")
    assert await told(platform, person_id, "card.came_back") == 1
    clock.advance(31 * DAY)
    assert (await due.run(platform)).chased == 1
    assert await told(platform, person_id, "card.not_collected") == 1
    here = Doing("counter", materials=("identity",), counter=CENTRE)
    new = await applying.hand_over(platform, person_id, number, here, CLERK, "f")
    assert new.state == "issued"


async def test_a_provisional_report_ends_though_the_card_runs_out_meanwhile(
    platform: Platform, clock: FixedClock
) -> None:
    card = await with_card(platform)
    clock.advance(10 * 365 * DAY)
    lost = await living.report_loss_provisionally(
        platform, card.person_id, card.card_id, PHONE, CLERK, "l"
    )
    clock.advance(5 * DAY)
    assert lost.valid_until < clock.now().date()
    done = await due.run(platform)
    assert (done.reports_ended, done.expired, done.failed) == (0, 0, 0)
    clock.advance(3 * DAY)
    done = await due.run(platform)
    assert (done.reports_ended, done.expired) == (1, 1)
    async with platform.database.transaction(readonly=True) as connection:
        (ended,) = await cards.cards(connection, card.person_id)
    assert (ended.state, ended.account_frozen_by) == ("expired", None)


async def test_the_fee_of_a_destroyed_card_is_given_back(
    platform: Platform, clock: FixedClock
) -> None:
    old = await with_card(platform)
    made = await applying.apply(platform, old.person_id, LOST, COUNTER, CLERK, "a")
    await applying.pay_fee(platform, old.person_id, made.application_id, None, COUNTER, CLERK, "f")
    await lies_ready(platform, made)
    clock.advance(365 * DAY)
    assert (await due.run(platform)).destroyed == 1
    assert (await asked(platform, old.person_id)).fee_state == "given_back"
    assert (await verify(platform)).proved


async def test_holders_are_told_once_ninety_days_before_the_card_expires(
    platform: Platform, clock: FixedClock
) -> None:
    card = await with_card(platform)
    dead = await citizen(platform, 1000002, card_from=date(2026, 3, 1), died_on=date(2026, 3, 1))
    clock.advance((card.valid_until - date(2026, 3, 1)) - 91 * DAY)
    assert (await due.run(platform)).told_of_expiry == 0
    for days in (1, 1, 30, 58):
        clock.advance(days * DAY)
        await asyncio.gather(due.by_the_day(platform), due.by_the_day(platform))
    assert await told(platform, card.person_id, "card.expiring") == 1
    assert await told(platform, dead, "card.expiring") == 0
    clock.advance(2 * DAY)
    assert (await due.run(platform)).expired == 2


async def test_the_day_before_a_provisional_report_ends_its_holder_is_told_once(
    platform: Platform, clock: FixedClock
) -> None:
    card = await with_card(platform)
    for number in range(2):
        await living.report_loss_provisionally(
            platform, card.person_id, card.card_id, PHONE, CLERK, f"l{number}"
        )
        clock.advance(6 * DAY - timedelta(seconds=1))
        assert (await due.run(platform)).told_of_report == 0
        clock.advance(timedelta(seconds=1))
        await asyncio.gather(due.by_the_moment(platform), due.by_the_moment(platform))
        assert (await due.run(platform)).told_of_report == 0
        # The report of another loss is another report.
        assert await told(platform, card.person_id, "loss.ending") == number + 1
        clock.advance(DAY)
        assert (await due.run(platform)).reports_ended == 1


async def test_two_runs_at_once_do_everything_once(platform: Platform, clock: FixedClock) -> None:
    lost = await with_card(platform)
    await living.report_loss_provisionally(
        platform, lost.person_id, lost.card_id, PHONE, CLERK, "l"
    )
    waiting = await citizen(platform, 1000002)
    made = await applying.apply(platform, waiting, FIRST, COUNTER, CLERK, "a")
    await lies_ready(platform, made)
    clock.advance(31 * DAY)
    runs = await asyncio.gather(*(due.run(platform) for _ in range(3)))
    assert sum(one.reports_ended for one in runs) == 1
    assert sum(one.chased for one in runs) == 1
    assert sum(one.failed for one in runs) == 0


async def test_a_card_that_fails_holds_nobody_else_up(
    platform: Platform, clock: FixedClock
) -> None:
    for person_id in (1000001, 1000002):
        card = await with_card(platform, person_id)
        await living.report_loss_provisionally(platform, person_id, card.card_id, PHONE, CLERK, "l")
    async with platform.database.transaction() as connection:
        # Its account is gone from the books.
        await connection.execute("update cards set account_id = 1 where person_id = 1000001")
    clock.advance(8 * DAY)
    done = await due.run(platform)
    assert (done.reports_ended, done.failed) == (1, 1)


async def test_approved_and_withdrawn_at_once_an_application_ends_in_one_of_the_two(
    platform: Platform,
) -> None:
    for number in range(6):
        person_id = await citizen(platform, 1000001 + number)
        made = await applying.apply(platform, person_id, FIRST, ONLINE, SELF, "a")
        mine = (platform, person_id, made.application_id)
        answers = await asyncio.gather(
            applying.approve(*mine, COUNTER, REVIEWER, "ok"),
            applying.withdraw(*mine, ONLINE, SELF, "no"),
            return_exceptions=True,
        )
        ended = await asked(platform, person_id)
        refused = [one for one in answers if isinstance(one, CardRefused)]
        # Approved first, it could still be withdrawn; withdrawn first, it could not be approved.
        assert ended.state == "withdrawn"
        assert len(refused) == (isinstance(answers[0], CardRefused))


async def test_printed_and_withdrawn_at_once_there_is_a_card_or_there_is_none(
    platform: Platform,
) -> None:
    for number in range(6):
        person_id = await citizen(platform, 1000001 + number)
        made = await applying.apply(platform, person_id, FIRST, COUNTER, CLERK, "a")
        mine = (platform, person_id, made.application_id)
        answers = await asyncio.gather(
            applying.hand_over(*mine, COUNTER, CLERK, "p", event="print"),
            applying.withdraw(*mine, COUNTER, CLERK, "no"),
            return_exceptions=True,
        )
        assert sum(isinstance(one, CardRefused) for one in answers) == 1
        async with platform.database.transaction(readonly=True) as connection:
            held = await cards.cards(connection, person_id)
        state = (await asked(platform, person_id)).state
        assert (len(held), state) in ((1, "issued"), (0, "withdrawn"))
