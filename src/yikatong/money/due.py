"""What is due by the clock: holds that ran out, standing orders, interest, arrears, snapshots.

Everything here may run at any time, twice, or beside another process: each part finds what is due
and does it once.
"""

from collections.abc import Mapping

import msgspec
import structlog

from yikatong.core.clock import today
from yikatong.core.errors import YikatongError
from yikatong.core.platform import Platform
from yikatong.money.bank import service as bank
from yikatong.money.bank.standing_rules import StandingOrder
from yikatong.money.bank.standing_run import run_due
from yikatong.money.bank.teller import Teller
from yikatong.money.contributions import service as contributions
from yikatong.money.contributions import store as contribution_store
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.model import Transaction
from yikatong.money.outside.interface import BankConnector
from yikatong.money.outside.service import send_due
from yikatong.money.wealth import interest
from yikatong.money.wealth import service as wealth
from yikatong.trust.audit import Actor

_ACTOR = Actor("system", "due work", "carried out when due")
_log = structlog.stdlib.get_logger("yikatong.due")


class Done(msgspec.Struct):
    """What a run did, in numbers."""

    holds_released: int = 0
    interest_accrued: int = 0
    products_matured: int = 0
    standing_paid: int = 0
    standing_retrying: int = 0
    standing_skipped: int = 0
    bills_overdue: int = 0
    bank_orders_done: int = 0
    bank_orders_refused: int = 0
    bank_orders_unknown: int = 0
    snapshots: int = 0
    failed: list[str] = msgspec.field(default_factory=list[str])
    """Parts that could not be carried out; the next run takes them up."""


async def run(platform: Platform, teller: Teller, connectors: Mapping[str, BankConnector]) -> Done:
    """Do what is due now. One part that fails does not keep the others from being done."""
    done = Done()

    async def pay_bills(order: StandingOrder, key: str) -> Transaction | None:
        return await _pay_open_bills(platform, order, key)

    async def standing() -> None:
        ran = await run_due(platform, teller, payments={"contribution": pay_bills})
        done.standing_paid, done.standing_skipped = ran.paid, ran.skipped
        done.standing_retrying = ran.retrying

    async def holds() -> None:
        done.holds_released = await bank.release_due(platform, _ACTOR)

    async def accrue() -> None:
        done.interest_accrued = await interest.accrue_due(platform, today(platform.clock))

    async def mature() -> None:
        done.products_matured = await wealth.mature_due(platform)

    async def arrears() -> None:
        done.bills_overdue = await contributions.mark_overdue(platform)

    async def send() -> None:
        sent = await send_due(platform, connectors)
        done.bank_orders_done, done.bank_orders_refused = sent.done, sent.refused
        done.bank_orders_unknown = sent.unknown

    async def snapshots() -> None:
        done.snapshots = await ledger.take_snapshots(platform)

    for part in (holds, accrue, mature, standing, send, arrears, snapshots):
        try:
            await part()
        except YikatongError as error:
            done.failed.append(part.__name__)
            _log.warning("due work failed", part=part.__name__, reason=error.text.en)
    return done


async def _pay_open_bills(platform: Platform, order: StandingOrder, key: str) -> Transaction | None:
    """A standing order for contributions pays the person's open bills, the oldest first, as far as
    its amount goes."""
    async with platform.database.transaction(readonly=True) as connection:
        open_bills = await contribution_store.bills_of(connection, [order.person_id], ("open",))
    chosen: list[int] = []
    left = order.amount
    for bill in open_bills:
        if bill.payer == "self" and bill.total <= left:
            chosen.append(bill.bill_id)
            left -= bill.total
    if not chosen:
        return None
    return await contributions.pay(
        platform, order.person_id, chosen, (order.person_id, order.account_id), _ACTOR, key,
        assurance=order.level,
    )  # fmt: skip
