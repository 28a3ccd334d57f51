"""Paying a run, chunk by chunk, each in one transaction: it never happened, or it is done."""

import msgspec

from yikatong.benefits import dues
from yikatong.benefits.runs import pay_store, store
from yikatong.benefits.runs.model import FUND_NAMES, Chunk, Run
from yikatong.core import ids
from yikatong.core.database import Connection
from yikatong.core.platform import Platform
from yikatong.core.together import Conflict
from yikatong.money.ledger import bulk
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.bulk import Heading
from yikatong.people import service as people
from yikatong.trust.audit import Actor


async def pay_chunk(platform: Platform, run_id: int) -> bool:
    """Pay the next chunk: its postings, marks and trails are one transaction. False where none is
    left to take."""
    try:
        return await _pay_chunk(platform, run_id)
    except Conflict:
        await _set_aside(platform, run_id)
        raise


async def _run(connection: Connection, run_id: int) -> Run:
    one = await store.run(connection, run_id)
    assert one is not None, "whoever works on a run has found it"
    return one


async def _pay_chunk(platform: Platform, run_id: int) -> bool:
    async with platform.database.transaction() as connection:
        one = await _run(connection, run_id)
        if one.state != "paying":
            return False
        chunk = await store.claim(connection, run_id)
        if chunk is None:
            if await store.chunks_left(connection, run_id) == 0:
                await store.update_run(connection, one, state="paid", paid_at=platform.clock.now())
            return False
        if await _newly_stopped(connection, one, chunk):
            raise Conflict
        await pay_store.touch_each_page_once(connection)
        now = platform.clock.now()
        first_id = ids.new_id(now)
        own, own_sum, by_file, by_file_sum = await pay_store.to_pay(connection, chunk)
        if not await pay_store.settle(connection, one, chunk):
            raise Conflict
        heading = _heading(one)
        if own.count:
            await bulk.credit(connection, own, heading, first_id)
        if by_file.count:
            sent = msgspec.structs.replace(heading, kind="benefit_file")
            await bulk.move(connection, by_file, sent, first_id)
        shift = first_id - own.first_number
        await dues.mark_paid(connection, await pay_store.dues_of(connection, chunk, shift), now)
        paid = await pay_store.mark_paid(connection, chunk, shift)
        assert paid == own.count + by_file.count, "every transaction has its line"
        await pay_store.close_paid(connection, chunk, paid, own_sum + by_file_sum, now)
        return True


def _heading(one: Run) -> Heading:
    assert one.started_by is not None
    return Heading(
        kind="benefit",
        actor=Actor("staff", one.started_by, "payment run"),
        key_prefix=f"run:{one.run_id}:",
        detail={
            "memo": f"{FUND_NAMES[one.insurance].zh} {one.month:%Y-%m}",
            "run_id": str(one.run_id),
        },
        action="benefit.paid",
    )


async def _newly_stopped(connection: Connection, one: Run, chunk: Chunk) -> bool:
    """Whether a line must not be paid any more, as far as settling the months will not show it."""
    dead = await people.dead_among(connection, chunk.first_person, chunk.last_person, one.month)
    if dead and await pay_store.draws_still(connection, one, dead, chunk.run_id):
        return True
    return await pay_store.held_without_month(connection, one, chunk)


async def _set_aside(platform: Platform, run_id: int) -> None:
    """Take out of the next chunk what cannot be paid any more, so that the others are paid: lines that
    changed since the check (deaths, holds, ends, sums, dues) are stopped, those whose account was closed
    come back."""
    async with platform.database.transaction() as connection:
        one = await _run(connection, run_id)
        chunk = await store.claim(connection, run_id)
        if one.state != "paying" or chunk is None:
            return
        dead = await people.dead_among(connection, chunk.first_person, chunk.last_person, one.month)
        found = await pay_store.unfit(connection, one, chunk)
        if dead:
            still = await pay_store.draws_still(connection, one, dead, chunk.run_id)
            found += [(person_id, "dead") for person_id in still]
        if found:
            stopped = await pay_store.stop(connection, run_id, [each[0] for each in found])
            told = [(person_id, code) for person_id, code in found if person_id in stopped]
            await pay_store.add_findings(connection, run_id, told)
        lines = await store.lines_of_chunk(connection, chunk, ("ready",))
        own = [(line.person_id, line.account_id or 0) for line in lines if line.via_id is None]
        payable = {
            each.key
            for each in await ledger.accounts(connection, own)
            if each.kind == "bank" and each.state == "open"
        }
        closed = [key[0] for key in own if key not in payable]
        if closed:
            await pay_store.set_returned(connection, run_id, closed, "account_closed")
