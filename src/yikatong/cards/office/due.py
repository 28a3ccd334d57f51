"""What is due by the clock: provisional reports end, cards expire, uncollected cards are chased.

May run at any time, twice, or beside another process: each part finds what is due and does it once.
"""

from datetime import timedelta
from typing import Final

import msgspec
import structlog

from yikatong.cards.model import CardApplication
from yikatong.cards.office import desk as office
from yikatong.cards.office import store, terms
from yikatong.cards.office.desk import SYSTEM, Desk
from yikatong.cards.office.errors import CardRefused
from yikatong.cards.office.model import Doing
from yikatong.cards.office.table import CardEventName
from yikatong.core.clock import today
from yikatong.core.platform import Platform

_AT_ONCE: Final = 500
_ITSELF: Final = Doing("system", reason="到期自动办理 · when due")
_log = structlog.stdlib.get_logger("yikatong.cards")


class Done(msgspec.Struct):
    """What a run did, in numbers."""

    reports_ended: int = 0
    expired: int = 0
    chased: int = 0
    destroyed: int = 0


async def run(platform: Platform) -> Done:
    """Do what is due now."""
    done = Done()
    now, day = platform.clock.now(), today(platform.clock)
    async with platform.database.transaction(readonly=True) as connection:
        reports = await store.provisional_reports_over(connection, now, _AT_ONCE)
        run_out = await store.cards_run_out(connection, day, _AT_ONCE)
    for person_id, card_id in reports:
        done.reports_ended += await _card(platform, person_id, card_id, "provisional_report_ends")
    for person_id, card_id in run_out:
        done.expired += await _card(platform, person_id, card_id, "expire")
    await _uncollected(platform, done)
    return done


def _nothing_new(desk: Desk, application_id: int | None, card_id: int | None) -> bool:
    del desk, application_id, card_id
    return False


async def _card(platform: Platform, person_id: int, card_id: int, event: CardEventName) -> bool:
    async def work(desk: Desk) -> bool:
        try:
            await desk.move_card(desk.card(card_id), event)
        except CardRefused:
            # Somebody was quicker since it was found due.
            return False
        return True

    key = f"due:{event}:{card_id}:{platform.clock.now().isoformat()}"
    mine = office.command(person_id, event, card_id, _ITSELF, SYSTEM, key)
    return await office.carry_out(platform, mine, work, _nothing_new)


async def _uncollected(platform: Platform, done: Done) -> None:
    now, day, after = platform.clock.now(), today(platform.clock), (0, 0)
    while True:
        async with platform.database.transaction(readonly=True) as connection:
            found = await store.uncollected(connection, now, after, _AT_ONCE)
        for one in found:
            rules = terms.load().find(one.region, day)
            assert one.state_since is not None
            waited = now - one.state_since
            if waited >= timedelta(days=rules.keep_days):
                done.destroyed += await _application(platform, one, "destroy")
            elif waited >= timedelta(days=rules.collect_days) * (one.chased + 1):
                done.chased += await _application(platform, one, "chase")
        if len(found) < _AT_ONCE:
            return
        after = (found[-1].person_id, found[-1].application_id)


async def _application(platform: Platform, one: CardApplication, event: str) -> bool:
    async def work(desk: Desk) -> bool:
        current = desk.application(one.application_id)
        if current.version != one.version:
            return False
        if event == "destroy":
            await desk.move_application(current, "destroy", reason="逾期未领 · not collected")
        else:
            await desk.move_application(current, "chase", chased=current.chased + 1)
        return True

    key = f"due:{event}:{one.application_id}:{one.version}"
    mine = office.command(one.person_id, event, one.application_id, _ITSELF, SYSTEM, key)
    return await office.carry_out(platform, mine, work, _nothing_new)
