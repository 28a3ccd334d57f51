"""The use case of a yearly adjustment: applied to all who draw in a region, once for each.

In batches, each one transaction; run twice, beside itself, or killed on the way, nobody is raised
twice and the next run goes on.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final

import msgspec

from yikatong.benefits import dues
from yikatong.benefits import service as benefits
from yikatong.benefits import store as benefits_store
from yikatong.benefits.model import Due, Entitlement
from yikatong.benefits.pension import store, terms
from yikatong.benefits.pension.adjusting import Added, Adjusted, added
from yikatong.benefits.pension.terms import Adjustment
from yikatong.core.database import Connection
from yikatong.core.money import Fen
from yikatong.core.months import month_of, months_between
from yikatong.core.platform import Platform
from yikatong.people import service as people
from yikatong.trust import audit
from yikatong.trust.audit import Actor

BATCH: Final = 500


class Total(msgspec.Struct):
    """What a run did."""

    adjusted: int = 0
    added: Fen = 0
    """A month, for all of them."""
    arrears: Fen = 0
    """For the months since it holds."""
    more: bool = False
    """Whether `limit` left some for the next run."""


async def adjust(
    platform: Platform,
    rule: str,
    actor: Actor,
    *,
    limit: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
    book: terms.Book | None = None,
) -> Total:
    """Raise all pensions the rule applies to and that it did not raise yet, `limit` at most.

    Raises NoPensionTerms for an unknown rule.
    """
    book = book or terms.load()
    wanted, total, after = book.adjustment(rule), Total(), 0
    while True:
        size = BATCH if limit is None else min(BATCH, limit - total.adjusted)
        if size <= 0:
            total.more = bool((await _batch(platform, book, wanted, after, 1, None))[0])
            return total
        last, made = await _batch(platform, book, wanted, after, size, actor)
        if last is None:
            return total
        after = last
        for one, due in made:
            total.adjusted += 1
            total.added += one.total
            total.arrears += due.amount if due else 0
        progress(total.adjusted)


async def _batch(
    platform: Platform,
    book: terms.Book,
    rule: Adjustment,
    after: int,
    size: int,
    actor: Actor | None,
) -> tuple[int | None, list[tuple[Added, Due | None]]]:
    """One transaction: the last person looked at, and what was added; without an actor, look only."""
    async with platform.database.transaction() as connection:
        found = await store.to_adjust(
            connection,
            rule=rule.rule,
            within=benefits.within(rule.region),
            but_within=[benefits.within(code) for code in book.narrower(rule)],
            insurance=rule.insurance,
            # Who retired by a day draws from the first of the month behind.
            starts_until=rule.retired_by + timedelta(days=1),
            effective=rule.effective,
            after=after,
            limit=size,
        )
        if not found:
            return None, []
        if actor is None:
            return found[-1][0], []
        return found[-1][0], await _raise(platform, connection, rule, found, actor)


async def _raise(
    platform: Platform,
    connection: Connection,
    rule: Adjustment,
    found: list[tuple[int, Entitlement]],
    actor: Actor,
) -> list[tuple[Added, Due | None]]:
    ids = [person_id for person_id, _ in found]
    persons = await people.persons(connection, ids)
    enrolled = await people.current_enrolments(connection, ids)
    now = platform.clock.now()
    made: list[tuple[int, Entitlement, Entitlement, Added, dict[str, Any]]] = []
    for person_id, one in found:
        months_paid = one.months_paid
        if months_paid is None:
            months_paid = sum(
                each.months_paid
                for each in enrolled.get(person_id, [])
                if each.insurance == rule.insurance
            )
        facts = Adjusted(one.monthly, months_paid, persons[person_id].birth_date)
        more = added(rule, facts)
        if more.total > 0:
            raised = msgspec.structs.replace(one, monthly=one.monthly + more.total)
            made.append((person_id, one, raised, more, {"months_paid": months_paid}))
    written = await benefits_store.update_many(
        connection, [(person_id, new) for person_id, _, new, _, _ in made]
    )
    # Who changed meanwhile is found by the next run.
    made = [one for one in made if (one[0], "pension", one[1].starts_on) in written]
    await store.insert_adjustments(connection, made, rule.rule, rule.effective, now)
    answers: list[tuple[Added, Due | None]] = []
    for person_id, _, new, more, _ in made:
        answers.append((more, _difference(person_id, new, more.total, rule, now)))
    await benefits_store.insert_dues(connection, [due for _, due in answers if due])
    events: list[tuple[int, str, dict[str, object]]] = [
        (person_id, "pension.adjusted", {"rule": rule.rule}) for person_id, *_ in made
    ]
    if events:
        await audit.record_many(connection, [actor] * len(events), now, events)
    return answers


def _difference(
    person_id: int, one: Entitlement, more: Fen, rule: Adjustment, now: Any
) -> Due | None:
    """What the settled months since the rule holds lack."""
    if one.settled_month is None:
        return None
    first = max(rule.effective, month_of(one.starts_on))
    since = months_between(first, one.settled_month)
    if not since:
        return None
    amounts = [more] * len(since)
    return dues.of_months(person_id, one, "arrears", "adjusted", since[0], amounts, now)
