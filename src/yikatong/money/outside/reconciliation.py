"""Daily reconciliation (对账): a bank's statement of a day against our orders.

Everything that does not agree is listed. Only orders whose outcome we do not know are resolved, and
their money is returned only once the bank can no longer have carried them out: their validity ran
out, and they stand on none of the final statements of the days it touched.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final, Literal

import msgspec

from yikatong.core.database import Connection
from yikatong.core.errors import Text
from yikatong.core.money import format_yuan
from yikatong.core.platform import Platform
from yikatong.money.outside import store
from yikatong.money.outside.interface import (
    CLOCK_SKEW_MAX,
    BankConnector,
    BankStatement,
    Done,
    Outcome,
    OutcomeUnknown,
    Refused,
    StatementRow,
    day_of,
    day_start,
)
from yikatong.money.outside.service import fits
from yikatong.money.outside.settlement import settle
from yikatong.money.outside.store import BankOrder

Kind = Literal[
    "ours_only",
    "bank_only",
    "amount_differs",
    "direction_differs",
    "account_differs",
    "unknown_resolved_done",
    "unknown_resolved_refused",
]
RESOLVED: Final = frozenset(("unknown_resolved_done", "unknown_resolved_refused"))
_NOT_EXECUTED: Final = Refused(
    code="not_executed",
    text=Text("银行对账单无此笔，资金已退回", "not on the bank's statements; the money is back"),
)


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Something on which the bank and we do not agree, or did not (差异)."""

    order_id: str
    kind: Kind
    ours: str
    theirs: str


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    """A day of a bank as it stands after comparing."""

    bank: str
    day: date
    closed: bool
    """Whether the bank's statement was final; before, nothing missing from it is a difference."""
    bank_rows: int
    matched: int
    waiting: int
    """Orders that could have been carried out on the day and still have no outcome."""
    differences: list[Difference]
    """All of the day that stand or were resolved, also those of earlier runs."""


async def reconcile(platform: Platform, bank: BankConnector, day: date) -> Reconciliation:
    """Compare, list, and resolve what is safe; again it changes nothing that agrees.

    Raises OutcomeUnknown where the bank does not give the statement.
    """
    statements = {day: await bank.statement(day)}
    statement = statements[day]
    first, behind = day_start(day), day_start(day) + timedelta(days=1)
    named = [
        key for row in statement.rows if (key := store.parse_external_id(row.order_id)) is not None
    ]
    async with platform.database.transaction(readonly=True) as connection:
        ours = {one.external_id: one for one in await store.orders(connection, named)}
        executed = await store.executed_between(connection, bank.code, first, behind)
        unknown = await store.unknown_between(
            connection, bank.code, first - CLOCK_SKEW_MAX, behind + CLOCK_SKEW_MAX
        )
    ours = {name: one for name, one in ours.items() if one.bank == bank.code}
    found, carried_out, matched = compare(statement, ours, executed)
    for order, row in carried_out:
        await _resolve(platform, bank, day, order, _as_done(row), _shown_row(row))
    on_it = {row.order_id for row in statement.rows}
    resolved = {order.external_id for order, _ in carried_out}
    waiting = 0
    for order in unknown:
        if order.external_id in resolved:
            continue
        outcome = None
        if order.external_id not in on_it:
            outcome = await _outcome_missing(platform, bank, order, statements)
        if isinstance(outcome, Refused):
            await _resolve(platform, bank, day, order, outcome, "")
            continue
        waiting += 1
        if isinstance(outcome, Done):
            theirs = f"{outcome.reference}, on no statement"
            found.append(_difference(order, "ours_only", theirs))
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        changes = await _store_found(connection, bank.code, day, found, now)
        await store.write_reconciliation(
            connection,
            (bank.code, day, statement.closed, len(statement.rows), matched, waiting),
            now,
            changed=changes,
        )
        rows = await store.differences(connection, bank.code, day)
    return Reconciliation(
        bank=bank.code,
        day=day,
        closed=statement.closed,
        bank_rows=len(statement.rows),
        matched=matched,
        waiting=waiting,
        differences=[Difference(order_id=r[0], kind=r[1], ours=r[2], theirs=r[3]) for r in rows],
    )


async def open_differences(
    connection: Connection, limit: int = 100
) -> list[tuple[str, date, int, datetime]]:
    """Days of banks with differences that stand: bank, day, how many, since when; the oldest first."""
    return await store.open_differences(connection, sorted(RESOLVED), limit)


async def without_outcome(
    connection: Connection, before: datetime
) -> list[tuple[str, int, datetime, bool]]:
    """Orders made before a moment that have no outcome, by bank: how many, the oldest, and whether one
    of them is tried no more, so that only comparing with the bank's statement helps."""
    return await store.without_outcome(connection, before)


def compare(
    statement: BankStatement, ours: dict[str, BankOrder], executed: Sequence[BankOrder]
) -> tuple[list[Difference], list[tuple[BankOrder, StatementRow]], int]:
    """What does not agree; the unknown orders the bank did carry out; how many rows agree (those
    orders among them). Pure.

    `ours` are our orders that the statement names, `executed` those we hold for carried out on
    that day.
    """
    found: list[Difference] = []
    carried_out: list[tuple[BankOrder, StatementRow]] = []
    matched = 0
    seen: set[str] = set()
    for row in statement.rows:
        order = ours.get(row.order_id)
        kind = _kind_of(order, row, again=row.order_id in seen)
        seen.add(row.order_id)
        if kind is not None:
            ours_shown = _shown_order(order) if order else ""
            found.append(
                Difference(
                    order_id=row.order_id, kind=kind, ours=ours_shown, theirs=_shown_row(row)
                )
            )
            continue
        matched += 1
        if order is not None and order.state == "unknown":
            carried_out.append((order, row))
    if statement.closed:
        found += [
            _difference(one, "ours_only", "") for one in executed if one.external_id not in seen
        ]
    return found, carried_out, matched


def _kind_of(order: BankOrder | None, row: StatementRow, *, again: bool) -> Kind | None:
    if order is None or again or order.state in ("pending", "refused"):
        # Never sent, or refused by then: the bank moved money that nobody told it to.
        return "bank_only"
    if order.direction != row.direction:
        return "direction_differs"
    if order.amount != row.amount:
        return "amount_differs"
    if order.number_tail != row.account_tail:
        return "account_differs"
    return None


async def _outcome_missing(
    platform: Platform,
    bank: BankConnector,
    order: BankOrder,
    statements: dict[date, BankStatement],
) -> Outcome | None:
    """What became of an order that is not on the day's statement; None while it may still happen.

    The bank could carry it out on every day from the first sending to the end of validity, by its
    own clock. It is asked last: where it tells of an outcome against its own statements, that is
    for people.
    """
    assert order.first_sent_at is not None
    assert order.valid_until is not None
    if platform.clock.now() <= order.valid_until + CLOCK_SKEW_MAX:
        return None
    day = day_of(order.first_sent_at - CLOCK_SKEW_MAX)
    last = day_of(order.valid_until + CLOCK_SKEW_MAX)
    while day <= last:
        if day not in statements:
            statements[day] = await bank.statement(day)
        statement = statements[day]
        if not statement.closed or any(row.order_id == order.external_id for row in statement.rows):
            return None
        day += timedelta(days=1)
    try:
        told = await bank.outcome_of(order.external_id)
    except OutcomeUnknown:
        return None
    return told or _NOT_EXECUTED


def _as_done(row: StatementRow) -> Done:
    return Done(direction=row.direction, amount=row.amount, reference=row.reference, at=row.at)


async def _resolve(
    platform: Platform,
    bank: BankConnector,
    day: date,
    order: BankOrder,
    outcome: Done | Refused,
    theirs: str,
) -> None:
    """Book an outcome, and list it in the same transaction; a worker may have been quicker."""
    assert fits(order, outcome)
    kind: Kind = (
        "unknown_resolved_done" if isinstance(outcome, Done) else "unknown_resolved_refused"
    )
    listed = _difference(order, kind, theirs)

    async def note(connection: Connection) -> None:
        await _store_found(connection, bank.code, day, [listed], platform.clock.now(), whole=False)

    await settle(platform, order, outcome, note)


async def _store_found(
    connection: Connection,
    bank: str,
    day: date,
    found: Sequence[Difference],
    now: datetime,
    *,
    whole: bool = True,
) -> bool:
    """Add what is new; where the list is the `whole` of a run, clear what it no longer holds."""
    rows = [(one.order_id, one.kind, one.ours, one.theirs) for one in found]
    added = await store.add_differences(connection, bank, day, rows, now)
    if not whole:
        return added
    return await store.clear_differences(connection, bank, day, rows, RESOLVED, now) or added


def _difference(order: BankOrder, kind: Kind, theirs: str) -> Difference:
    return Difference(
        order_id=order.external_id, kind=kind, ours=_shown_order(order), theirs=theirs
    )


def _shown_order(order: BankOrder) -> str:
    return f"{order.direction} {format_yuan(order.amount)} …{order.number_tail} {order.state}"


def _shown_row(row: StatementRow) -> str:
    return f"{row.direction} {format_yuan(row.amount)} …{row.account_tail} {row.reference}"
