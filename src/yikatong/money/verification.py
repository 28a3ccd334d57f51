"""Proving all money: the ledger itself, and what stands beside it against the ledger."""

from collections.abc import Callable
from typing import Final

from yikatong.core import due_work
from yikatong.core.database import Connection
from yikatong.core.errors import Text
from yikatong.core.platform import Platform
from yikatong.money.contributions import store as contributions
from yikatong.money.ledger import verification
from yikatong.money.ledger.verification import Verification
from yikatong.money.outside import store as outside
from yikatong.money.wealth import service as wealth

CHECK: Final = "ledger.verified"
"""Under which name `core.due_work` knows how it came out."""


async def verify(
    platform: Platform, progress: Callable[[int, int], None] = lambda _done, _all: None
) -> Verification:
    """Recompute every balance and prove the whole; `progress` hears ranges done and in all."""
    found = await verification.verify(platform, progress)
    async with platform.database.transaction() as connection:
        await connection.execute("set transaction isolation level repeatable read, read only")
        found.differ(
            "a paid bill was paid by a transaction of its amount",
            await contributions.unpaid_differences(connection),
        )
        found.differ(
            "what banks owe for wealth products is the sum of the holdings",
            await wealth.check_holdings(connection),
        )
        found.differ(
            "money on its way to other banks is the sum of the open orders",
            await outside.check_orders(connection),
        )
    reason = None
    if not found.proved:
        count = len(found.differences)
        reason = Text(
            f"{count} 处不符，见 yikatong money verify",
            f"{count} differences: `yikatong money verify`",
        )
    await due_work.note(platform, CHECK, reason)
    return found


async def last_proof(connection: Connection) -> dict[str, due_work.DueWork]:
    """How proving the ledger last came out, by `CHECK`; empty before the first time."""
    return {one.name: one for one in await due_work.every(connection) if one.name == CHECK}
