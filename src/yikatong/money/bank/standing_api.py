"""JSON routes of standing orders."""

from datetime import date
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from yikatong.core.money import parse_yuan
from yikatong.core.platform import Platform
from yikatong.money.bank import standing
from yikatong.money.bank.standing import Arrangement
from yikatong.money.bank.standing_rules import Every, Schedule, StandingOrder
from yikatong.money.bodies import PROBLEMS, Amount, Identifier, Level, Memo, identifier, told
from yikatong.trust import audit
from yikatong.trust.access import Caller


class ScheduleBody(msgspec.Struct, forbid_unknown_fields=True):
    """month: day 1-31 (in shorter months the last); week: day 1-7; once: no day."""

    every: Every
    starts_on: date
    day: int | None = None
    ends_on: date | None = None

    def schedule(self) -> Schedule:
        return Schedule(
            every=self.every, day=self.day, starts_on=self.starts_on, ends_on=self.ends_on
        )


class ArrangeBody(msgspec.Struct, forbid_unknown_fields=True):
    """A regular transfer, or paying open contribution bills up to an amount."""

    account_id: str
    amount: Amount
    schedule: ScheduleBody
    assurance: Level
    kind: Literal["transfer", "contribution"] = "transfer"
    payee: Annotated[str, msgspec.Meta(max_length=30)] = ""
    payee_name: Annotated[str, msgspec.Meta(max_length=50)] = ""
    memo: Memo = ""


class ChangeBody(msgspec.Struct, forbid_unknown_fields=True):
    """What changes."""

    assurance: Level
    amount: Amount | None = None
    memo: Memo | None = None
    schedule: ScheduleBody | None = None


class StateBody(msgspec.Struct, forbid_unknown_fields=True):
    """Paused orders can be taken up again, ended ones cannot."""

    state: Literal["active", "paused", "ended"]


_PATH: Final = "/api/v1/money/standing-orders/{person_id:int}"


def _order(one: StandingOrder) -> dict[str, Any]:
    return told(one, "amount", "order_id account_id payee_account_id")


@post(
    _PATH,
    summary="Arrange a standing order",
    responses=PROBLEMS,
    tags=["standing orders"],
    permission="money.standing",
)
async def arrange(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    data: ArrangeBody,
    key: NamedDependency[str],
) -> dict[str, Any]:
    """Carried out by the platform when it is due, once."""
    who = caller.actor("standing order")
    wanted = Arrangement(
        account_id=identifier(data.account_id, "account_id"),
        amount=parse_yuan(data.amount, "amount"),
        schedule=data.schedule.schedule(),
        assurance=data.assurance,
        memo=data.memo,
        kind=data.kind,
        payee=data.payee,
        payee_name=data.payee_name,
        target="open bills" if data.kind == "contribution" else "",
    )
    return _order(await standing.arrange(platform, person_id, wanted, who, key))


@get(
    _PATH,
    summary="A person's standing orders",
    responses=PROBLEMS,
    tags=["standing orders"],
    permission="money.read",
)
async def show(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
) -> list[dict[str, Any]]:
    """Each with what became of its due dates."""
    who = caller.actor("standing orders")
    async with platform.database.transaction() as connection:
        found = await standing.orders_of(connection, person_id)
        runs = [await standing.history(connection, person_id, one.order_id) for one in found]
        if found:
            at = platform.clock.now()
            await audit.record(connection, who, at, person_id, "money.standing_orders_read")
    return [
        {
            **_order(one),
            "history": [told(run, "amount", "order_id transaction_id") for run in history],
        }
        for one, history in zip(found, runs, strict=True)
    ]


@post(
    _PATH + "/{order_id:int}/change",
    status_code=200,
    summary="Change a standing order",
    responses=PROBLEMS,
    tags=["standing orders"],
    permission="money.standing",
)
async def change(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    order_id: FromPath[Identifier],
    data: ChangeBody,
    key: NamedDependency[str],
) -> dict[str, Any]:
    """Amount, memo or schedule."""
    who = caller.actor("standing order")
    changed = await standing.change(
        platform, person_id, order_id, who, key,
        assurance=data.assurance,
        amount=None if data.amount is None else parse_yuan(data.amount, "amount"),
        memo=data.memo,
        schedule=None if data.schedule is None else data.schedule.schedule(),
    )  # fmt: skip
    return _order(changed)


@post(
    _PATH + "/{order_id:int}/state",
    status_code=200,
    summary="Pause, take up or end a standing order",
    responses=PROBLEMS,
    tags=["standing orders"],
    permission="money.standing",
)
async def set_state(
    platform: NamedDependency[Platform],
    caller: NamedDependency[Caller],
    person_id: FromPath[Identifier],
    order_id: FromPath[Identifier],
    data: StateBody,
    key: NamedDependency[str],
) -> dict[str, Any]:
    """At once."""
    who = caller.actor("standing order")
    return _order(await standing.set_state(platform, person_id, order_id, data.state, who, key))


routes: Final = [arrange, show, change, set_state]
