"""Standing orders (定期转账、代扣约定): arrange, change, pause, end, and carry out what is due."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Final, Literal

import msgspec

from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput
from yikatong.core.money import Fen, format_yuan
from yikatong.core.platform import Platform
from yikatong.money.bank import rules
from yikatong.money.bank import standing_store as store
from yikatong.money.bank.orders import MEMO_MAX
from yikatong.money.bank.service import command, find_account
from yikatong.money.bank.standing_rules import (
    Kind,
    NoSuchOrder,
    OrderEnded,
    Run,
    Schedule,
    StandingOrder,
    check_schedule,
    due_from,
    key_of,
    moved_on,
    resumed,
    run_of,
)
from yikatong.money.errors import (
    AccountClosed,
    NameDiffers,
    NoSuchAccount,
    StrongerCheckNeeded,
    printable,
)
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger import store as ledger_store
from yikatong.money.ledger.model import Account
from yikatong.people import service as people
from yikatong.trust.audit import Actor


class Arrangement(msgspec.Struct, frozen=True, kw_only=True):
    """What a person arranges."""

    account_id: int
    amount: Fen
    schedule: Schedule
    assurance: int
    memo: str = ""
    kind: Kind = "transfer"
    payee: str = ""
    """transfer: the payee's account number, and the name that belongs to it."""
    payee_name: str = ""
    target: str = ""
    """contribution: what is to be paid; `amount` is then the most that may go out at once."""


async def arrange(
    platform: Platform, person_id: int, wanted: Arrangement, actor: Actor, key: str
) -> StandingOrder:
    """Arrange a standing order; asked again with the same key it answers the one that is there.

    Raises as a transfer of the amount would today (funds aside): StrongerCheckNeeded, NameDiffers,
    LimitExceeded, AccountFrozen, NoSuchAccount …, and InvalidInput for the schedule.
    """
    if wanted.assurance < rules.PRESENT:
        # Before the payee is looked at: who has not shown the card learns nothing about others.
        raise StrongerCheckNeeded(
            zh="约定定期转账需要出示社保卡并输入密码",
            en="arranging a standing order asks for the card and its PIN",
            field="assurance",
        )
    _check_memo(wanted.memo)
    if wanted.kind == "contribution" and not wanted.target:
        raise InvalidInput("target", zh="请填写缴费项目", en="say what is to be paid")

    async def work(connection: Connection) -> StandingOrder:
        payee: Account | None = None
        if wanted.kind == "transfer":
            payee = await find_account(platform, connection, wanted.payee, "to.account")
        mine = command(
            person_id,
            key,
            "standing_arranged",
            actor,
            wanted.kind,
            wanted.account_id,
            None if payee is None else payee.key,
            wanted.target,
            wanted.amount,
            wanted.schedule,
            wanted.memo,
        )
        own = (person_id, wanted.account_id)
        book = await ledger.open_book(platform, connection, accounts=[own], keys=[(person_id, key)])
        if (done := book.done_before(mine)) is not None:
            return await _order(connection, person_id, done.transaction_id)
        if not book.has(own):
            raise NoSuchAccount("from.account")
        account, day = book.account(own), today(platform.clock)
        _check_amount(account, wanted.amount, wanted.assurance, day)
        if wanted.schedule.starts_on < day:
            raise InvalidInput(
                "schedule.starts_on", zh="开始日期不能早于今天", en="it cannot start in the past"
            )
        check_schedule(wanted.schedule, day)
        if payee is not None:
            await _check_payee(connection, account, payee, wanted.payee_name)
        tail = None if payee is None else payee.number_tail
        detail = {
            "amount": format_yuan(wanted.amount),
            "to_tail": tail,
            "target": wanted.target or None,
        }
        made = book.note(mine, account, detail)
        first = due_from(wanted.schedule, day)
        order = StandingOrder(
            person_id=person_id,
            order_id=made.transaction_id,
            kind=wanted.kind,
            account_id=wanted.account_id,
            payee_person_id=None if payee is None else payee.person_id,
            payee_account_id=None if payee is None else payee.account_id,
            payee_tail=tail,
            target=wanted.target if payee is None else None,
            amount=wanted.amount,
            memo=wanted.memo,
            every=wanted.schedule.every,
            day=wanted.schedule.day,
            starts_on=wanted.schedule.starts_on,
            ends_on=wanted.schedule.ends_on,
            level=wanted.assurance,
            state="active",
            next_due=first,
            try_on=first,
            tries=0,
            last_due=None,
            arranged_at=platform.clock.now(),
            version=1,
        )
        await ledger.write(connection, book)
        await store.insert(connection, order)
        return order

    return await ledger.carry_out(platform, work)


async def change(
    platform: Platform,
    person_id: int,
    order_id: int,
    actor: Actor,
    key: str,
    *,
    assurance: int,
    amount: Fen | None = None,
    memo: str | None = None,
    schedule: Schedule | None = None,
) -> StandingOrder:
    """Change amount, memo or schedule; another payee is another standing order.

    A higher amount is arranged anew, at the level given. A new schedule drops a retry.
    """
    if assurance < rules.PRESENT:
        raise StrongerCheckNeeded(
            zh="变更约定需要出示社保卡并输入密码",
            en="changing a standing order asks for the card and its PIN",
            field="assurance",
        )
    _check_memo(memo or "")

    async def changed(
        connection: Connection, order: StandingOrder, account: Account
    ) -> StandingOrder:
        day = today(platform.clock)
        if amount is not None:
            rules.positive(amount)
            if amount > order.amount:
                _check_amount(account, amount, assurance, day)
                order = msgspec.structs.replace(order, level=assurance)
            order = msgspec.structs.replace(order, amount=amount)
        if memo is not None:
            order = msgspec.structs.replace(order, memo=memo)
        if schedule is not None and schedule != order.schedule:
            check_schedule(schedule, day)
            order = await _drop_retry(connection, order, "changed", platform.clock.now())
            order = resumed(
                msgspec.structs.replace(
                    order,
                    every=schedule.every,
                    day=schedule.day,
                    starts_on=schedule.starts_on,
                    ends_on=schedule.ends_on,
                ),
                day,
            )
        return order

    content = (amount, memo, schedule)
    return await _command(
        platform, person_id, order_id, actor, key, "standing_changed", content, changed
    )


async def set_state(
    platform: Platform,
    person_id: int,
    order_id: int,
    state: Literal["active", "paused", "ended"],
    actor: Actor,
    key: str,
) -> StandingOrder:
    """Pause (暂停), take up again (恢复) or end (终止) a standing order.

    Taken up again it goes on with the next due date; what fell into the pause is not made up for.
    """

    async def changed(
        connection: Connection, order: StandingOrder, _account: Account
    ) -> StandingOrder:
        if state == order.state:
            return order
        if state == "active":
            return resumed(msgspec.structs.replace(order, state="active"), today(platform.clock))
        order = await _drop_retry(connection, order, state, platform.clock.now())
        return msgspec.structs.replace(order, state=state, next_due=None, try_on=None, tries=0)

    return await _command(
        platform, person_id, order_id, actor, key, f"standing_{state}", (), changed
    )


async def _command(
    platform: Platform,
    person_id: int,
    order_id: int,
    actor: Actor,
    key: str,
    kind: str,
    content: tuple[object, ...],
    changed: Callable[[Connection, StandingOrder, Account], Awaitable[StandingOrder]],
) -> StandingOrder:
    mine = command(person_id, key, kind, actor, order_id, *content)

    async def work(connection: Connection) -> StandingOrder:
        order = (await store.locked(connection, [(person_id, order_id)])).get((person_id, order_id))
        if order is None:
            raise NoSuchOrder
        own, keys = (person_id, order.account_id), [(person_id, key)]
        book = await ledger.open_book(platform, connection, accounts=[own], keys=keys)
        if book.done_before(mine) is not None:
            return order
        now = platform.clock.now()
        # A payment whose outcome was not recorded before a crash comes first.
        paid_as = [(person_id, key_of(order))] if order.next_due else []
        for paid in await ledger_store.transactions_by_key(connection, paid_as):
            await store.write_run(connection, run_of(order, paid, now))
            order = moved_on(order)
        if order.state == "ended":
            raise OrderEnded
        account = book.account(own)
        book.note(mine, account, {"order_id": str(order_id)})
        order = await changed(connection, order, account)
        await ledger.write(connection, book)
        await store.update(connection, order)
        return await _order(connection, person_id, order_id)

    return await ledger.carry_out(platform, work)


_DROPPED: Final = {
    "changed": ("重试期间约定已变更", "changed while it was being retried"),
    "paused": ("重试期间约定已暂停", "paused while it was being retried"),
    "ended": ("重试期间约定已终止", "ended while it was being retried"),
}


async def _drop_retry(
    connection: Connection, order: StandingOrder, why: str, now: datetime
) -> StandingOrder:
    if not order.tries:
        return order
    zh, en = _DROPPED[why]
    run = msgspec.structs.replace(
        run_of(order, None, now), tries=order.tries, reason=why, reason_zh=zh, reason_en=en
    )
    await store.write_run(connection, run)
    return msgspec.structs.replace(order, tries=0, last_due=order.next_due)


def _check_memo(memo: str) -> None:
    if len(memo) > MEMO_MAX:
        raise InvalidInput(
            "memo", zh=f"附言最多 {MEMO_MAX} 个字", en=f"a memo has at most {MEMO_MAX} characters"
        )
    printable(memo, "memo")


def _check_amount(account: Account, amount: Fen, level: int, day: date) -> None:
    # As if nothing had gone out today: the sum of the day counts when money goes out.
    rules.check_level(level)
    fresh = msgspec.structs.replace(account, spent_day=None, held=0)
    rules.check_outgoing(fresh, amount, day, level)


async def _check_payee(connection: Connection, payer: Account, payee: Account, name: str) -> None:
    if payee.kind != "bank":
        raise NoSuchAccount("to.account")
    if payee.key == payer.key:
        raise rules.same_account()
    if (await people.names(connection, [payee.person_id]))[payee.person_id] != name:
        raise NameDiffers("to.name")
    if payee.state == "closed":
        raise AccountClosed("to.account")


async def _order(connection: Connection, person_id: int, order_id: int) -> StandingOrder:
    found = await store.order(connection, person_id, order_id)
    if found is None:
        raise NoSuchOrder
    return found


async def orders_of(connection: Connection, person_id: int) -> list[StandingOrder]:
    """All standing orders of a person, those that go on first."""
    return await store.orders_of(connection, person_id)


async def history(
    connection: Connection, person_id: int, order_id: int, limit: int = 100
) -> list[Run]:
    """What became of the due dates of a standing order, the newest first; raises NoSuchOrder."""
    await _order(connection, person_id, order_id)
    return await store.runs(connection, person_id, order_id, limit)
