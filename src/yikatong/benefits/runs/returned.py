"""Payments that a bank sent back (退回): the benefit is held until the account is put right (改正账户),
then what was held is paid by a correction or by the next run.

Without the hold the next run would send the money to the same account again, and again.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from yikatong.benefits import dues, service
from yikatong.benefits import store as benefits_store
from yikatong.benefits.model import Due, Entitlement
from yikatong.benefits.proof_of_life import rules as proof_rules
from yikatong.benefits.runs import read_store, sums
from yikatong.benefits.runs.model import Returned, Run
from yikatong.cards import service as cards
from yikatong.cards.model import LIVE_STATES
from yikatong.cards.office.model import CardMoved
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import NotFound
from yikatong.core.money import format_yuan
from yikatong.core.months import month_of
from yikatong.core.platform import Platform
from yikatong.core.together import Conflict
from yikatong.trust import audit
from yikatong.trust.access import NATION
from yikatong.trust.audit import Actor

REASON: Final = "returned_payment"
LIST_MAX: Final = 500
_ACTOR: Final = Actor("system", "payment runs", "new account of the card")
_BATCH: Final = 500


class NothingReturned(NotFound):
    """No benefit of the person is held over a payment that came back."""

    code = "nothing_returned"

    def __init__(self) -> None:
        super().__init__(
            zh="这个人没有因银行退回而暂停的待遇",
            en="no benefit of this person is held over a payment that came back",
            field="person_id",
        )


async def hold(
    connection: Connection,
    one: Run,
    held: dict[int, list[Entitlement]],
    at: datetime,
    actor: Actor,
) -> None:
    """Hold what the run's fund pays these persons, whose locks are held; raises Conflict."""
    day = at.date()
    changed = [
        (person_id, proof_rules.held(each, REASON, day))
        for person_id, entitlements in held.items()
        for each in entitlements
        if each.status == "drawing" and (each.region, each.fund) == (one.region, one.insurance)
    ]
    if not changed:
        return
    if len(await benefits_store.update_many(connection, changed)) != len(changed):
        raise Conflict
    events: list[tuple[int, str, dict[str, object]]] = [
        (person_id, "benefit.held", {"reason": REASON, "run_id": str(one.run_id)})
        for person_id, _ in changed
    ]
    await audit.record_many(connection, [actor] * len(events), at, events)


async def account_is_right(
    platform: Platform, person_id: int, actor: Actor, key: str
) -> dict[str, Any]:
    """The account was put right at the bank, or another one is bound: pay again (恢复发放).

    The months held become arrears, paid with what came back. Raises NothingReturned, KeyReused.
    """

    async def work(connection: Connection) -> tuple[dict[str, Any], dict[str, object]]:
        mine = [
            one
            for one in await service.entitlements(connection, person_id)
            if one.status == "held" and one.held_reason == REASON
        ]
        if not mine:
            raise NothingReturned
        made: list[Due] = []
        for one in mine:
            changed, due = await _released(platform, connection, person_id, one)
            await service.update(connection, person_id, changed)
            made += [due] if due else []
        await benefits_store.insert_dues(connection, made)
        answer = {
            "person_id": person_id,
            "benefits": [one.benefit for one in mine],
            "arrears": format_yuan(sum(due.amount for due in made)),
        }
        return answer, {"benefits": [one.benefit for one in mine]}

    return await service.command(
        platform, person_id, "benefit.account_right", None, actor, key, work
    )


async def _released(
    platform: Platform, connection: Connection, person_id: int, one: Entitlement
) -> tuple[Entitlement, Due | None]:
    """No longer held over the payment; where the proof of life is overdue, held for that."""
    day, now = today(platform.clock), platform.clock.now()
    if proof_rules.overdue(one, day):
        return proof_rules.held(one, "proof_of_life", day), None
    changed = proof_rules.released(one)
    behind = one.settled_month or month_of(one.starts_on)
    changes = await sums.changes_behind(connection, {person_id: one}, behind, month_of(day))
    return dues.arrears(person_id, changed, day, changes.get(person_id, ()), "held", now)


async def cards_moved(
    platform: Platform, connection: Connection, events: Sequence[CardMoved]
) -> None:
    """A card with another account is there: pay again at once, in the transaction that issues it."""
    live = [one.card for one in events if one.card.state in LIVE_STATES]
    persons = sorted({one.person_id for one in live if one.account_id is not None})
    if not persons:
        return
    found = await read_store.returned(connection, ("%",), -1, len(persons) * 10, persons)
    for person_id in await _moved(connection, found):
        await _release(platform, connection, person_id)


async def new_accounts(platform: Platform) -> int:
    """Release whose card points to another account by now; before lists are made, and daily.

    The rest that `cards_moved` does not see: who had the new card before the payment came back.
    """
    done, after = 0, -1
    while True:
        async with platform.database.transaction(readonly=True) as connection:
            found = await read_store.returned(connection, ("%",), after, _BATCH)
            moved = await _moved(connection, found)
        for person_id in moved:
            async with platform.database.transaction() as connection:
                done += await _release(platform, connection, person_id)
        if len(found) < _BATCH:
            return done
        after = found[-1].person_id


async def _moved(connection: Connection, found: Sequence[Returned]) -> list[int]:
    """Persons whose card points to another account than the one it came back from."""
    held = await cards.current_cards(connection, [one.person_id for one in found])
    return sorted(
        {
            one.person_id
            for one in found
            if one.account_id is not None
            and (card := held.get(one.person_id)) is not None
            and card.account_id not in (None, one.account_id)
        }
    )


async def _release(platform: Platform, connection: Connection, person_id: int) -> int:
    await benefits_store.lock(connection, person_id)
    now, count = platform.clock.now(), 0
    for one in await service.entitlements(connection, person_id):
        if one.status != "held" or one.held_reason != REASON:
            continue
        changed, due = await _released(platform, connection, person_id, one)
        await service.update(connection, person_id, changed)
        await benefits_store.insert_dues(connection, [due] if due else [])
        detail: dict[str, object] = {"reason": "new_account"}
        await audit.record(connection, _ACTOR, now, person_id, "benefit.released", detail)
        count += 1
    return count


async def listed(
    platform: Platform,
    actor: Actor,
    areas: Sequence[str] = (NATION,),
    *,
    after: int = -1,
    limit: int = 100,
) -> list[Returned]:
    """Whose benefit is held over a payment that came back, in the order of persons; the look is
    recorded with each."""
    within = [service.within(one) for one in areas]
    async with platform.database.transaction() as connection:
        found = await read_store.returned(connection, within, after, max(1, min(limit, LIST_MAX)))
        events: list[tuple[int, str, dict[str, object]]] = [
            (person_id, "benefit.returned_read", {})
            for person_id in sorted({one.person_id for one in found})
        ]
        if events:
            await audit.record_many(connection, [actor] * len(events), platform.clock.now(), events)
    return found


async def of_person(connection: Connection, person_id: int) -> list[Returned]:
    """Of one person; the caller records the look."""
    return await read_store.returned(connection, ("%",), -1, 10, [person_id])
