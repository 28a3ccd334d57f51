"""Carrying out the standing orders (定期转账、代扣约定) that are due."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime
from typing import Final

import msgspec

from yikatong.core.clock import today
from yikatong.core.errors import Unavailable, YikatongError
from yikatong.core.platform import Platform
from yikatong.money.bank import standing_store as store
from yikatong.money.bank.orders import Transfer
from yikatong.money.bank.standing_rules import (
    DAY,
    Missed,
    Run,
    StandingOrder,
    following,
    is_final,
    key_of,
    moved_on,
    run_of,
)
from yikatong.money.bank.teller import Teller
from yikatong.money.ledger import store as ledger_store
from yikatong.money.ledger.model import Transaction
from yikatong.people import service as people
from yikatong.trust import audit
from yikatong.trust.audit import Actor

ACTOR: Final = Actor("system", "standing-orders", "standing order")
_CHUNK: Final = 200

Payment = Callable[[StandingOrder, str], Awaitable[Transaction | None]]
"""Pays a standing order of another kind under the idempotency key given; None: nothing to pay."""


class Ran(msgspec.Struct):
    """What a run did; `left` are still due, such as when the database did not answer."""

    paid: int = 0
    retrying: int = 0
    skipped: int = 0
    left: int = 0


async def run_due(
    platform: Platform,
    teller: Teller,
    limit: int = 1000,
    payments: Mapping[str, Payment] | None = None,
) -> Ran:
    """Carry out what is due today, at most `limit` orders; kinds nobody pays here stay due.

    The payment itself is the teller's and has a key of its order and due date; its outcome is
    recorded behind it. A crash in between, or a second run at the same time, pays nothing twice.
    An error of the program in one payment is raised after all others were carried out.
    """
    payments = payments or {}
    kinds = ["transfer", *payments]
    ran, left, seen = Ran(), set[tuple[int, int]](), 0
    unexpected: BaseException | None = None
    while seen < limit:
        day, now = today(platform.clock), platform.clock.now()
        async with platform.database.transaction(readonly=True) as connection:
            wanted = min(_CHUNK, limit - seen) + len(left)
            due = [
                one
                for one in await store.due(connection, day, kinds, wanted)
                if one.key not in left
            ]
            paid_before = await ledger_store.transactions_by_key(
                connection, [(one.person_id, key_of(one)) for one in due]
            )
            payees = {one.payee_person_id for one in due if one.payee_person_id is not None}
            names = await people.names(connection, payees)
        if not due:
            break
        seen += len(due)
        known = {(one.person_id, one.key): one for one in paid_before}
        answers = await asyncio.gather(
            *(_pay(teller, one, known, names, day, payments) for one in due),
            return_exceptions=True,
        )
        results: list[tuple[StandingOrder, Run, bool]] = []
        for one, answer in zip(due, answers, strict=True):
            if isinstance(answer, YikatongError) and not isinstance(answer, Unavailable):
                results.append((one, run_of(one, answer, now), is_final(answer)))
            elif isinstance(answer, BaseException):
                left.add(one.key)
                unexpected = unexpected or answer
            else:
                results.append((one, run_of(one, answer, now), False))
        await _record(platform, results, day, now)
        ran.paid += sum(run.outcome == "paid" for _, run, _ in results)
        ran.retrying += sum(run.outcome == "retrying" for _, run, _ in results)
        ran.skipped += sum(run.outcome == "skipped" for _, run, _ in results)
    ran.left = len(left)
    if unexpected is not None and not isinstance(unexpected, Unavailable):
        raise unexpected
    return ran


async def _pay(
    teller: Teller,
    order: StandingOrder,
    known: Mapping[tuple[int, str], Transaction],
    names: Mapping[int, str],
    day: date,
    payments: Mapping[str, Payment],
) -> Transaction | None:
    key = key_of(order)
    if (done := known.get((order.person_id, key))) is not None:
        return done
    if (ahead := following(order)) is not None and ahead <= day:
        raise Missed
    if order.kind != "transfer":
        return await payments[order.kind](order, key)
    assert order.payee_person_id is not None
    assert order.payee_account_id is not None
    return await teller.carry_out(
        Transfer(
            key=key,
            actor=ACTOR,
            payer=(order.person_id, order.account_id),
            payee=(order.payee_person_id, order.payee_account_id),
            # The name was compared when it was arranged; a changed name does not stop the rent.
            payee_name=names.get(order.payee_person_id, ""),
            amount=order.amount,
            assurance=order.level,
            memo=order.memo,
        )
    )


async def _record(
    platform: Platform,
    results: list[tuple[StandingOrder, Run, bool]],
    day: date,
    now: datetime,
) -> None:
    """Write down what became of due dates, and move the orders on."""
    told: list[tuple[int, str, dict[str, object]]] = []
    async with platform.database.transaction() as connection:
        rows = await store.locked(connection, [one.key for one, _, _ in results])
        for read, run, final in results:
            order = rows[read.key]
            if run.outcome != "paid":
                if order.version != read.version:
                    continue  # changed, or dealt with by another run, meanwhile
                detail: dict[str, object] = {"order_id": run.order_id, "reason": run.reason}
                told.append((run.person_id, f"money.standing_{run.outcome}", detail))
            await store.write_run(connection, run)
            if order.next_due != run.due_on:
                continue
            if run.outcome == "retrying":
                order = msgspec.structs.replace(order, tries=run.tries, try_on=day + DAY)
            else:
                order = moved_on(order, final=final)
            await store.update(connection, order)
        if told:
            await audit.record_many(connection, [ACTOR] * len(told), now, told)
