"""What is done when due, and how it last went (到期业务).

The work itself is found by queries (docs/decisions/0009); this only notes whether it could be done.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime
from typing import Any

import msgspec
import structlog

from yikatong.core.clock import SHANGHAI
from yikatong.core.database import Connection
from yikatong.core.errors import Text, YikatongError
from yikatong.core.platform import Platform

_log = structlog.stdlib.get_logger("yikatong.due")


class DueWork(msgspec.Struct, frozen=True):
    """A kind of work, and how it went when it was last tried."""

    name: str
    last_at: datetime
    succeeded_at: datetime | None
    failed_since: datetime | None
    """Since when it fails; None: it went well the last time."""
    failures: int
    """How often since then."""
    reason: Text


async def carry_out(platform: Platform, name: str, work: Callable[[], Awaitable[Any]]) -> bool:
    """Do it and note how it went; whether it succeeded. Whatever it raises is told and noted."""
    reason: Text | None = None
    try:
        await work()
    except YikatongError as error:
        reason = error.text
        _log.warning("due work failed", work=name, reason=error.text.en)
    except Exception as error:
        # Its words may hold anything; the log has them.
        reason = Text(f"意外错误（{type(error).__name__}）", f"unexpected: {type(error).__name__}")
        _log.exception("due work failed", work=name)
    try:
        await note(platform, name, reason)
    except Exception:
        # The next turn notes it; the work itself goes on.
        _log.exception("due work was not noted", work=name)
    return reason is None


async def note(platform: Platform, name: str, reason: Text | None) -> None:
    """Note that it was done, or why not."""
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        await connection.execute(
            """insert into due_work as w (name, last_at, succeeded_at, failed_since, failures,
                                          reason_zh, reason_en)
               values ($1, $2::timestamptz, case when not $3::boolean then $2::timestamptz end,
                       case when $3 then $2::timestamptz end, case when $3 then 1 else 0 end, $4, $5)
               on conflict (name) do update
                  set last_at = excluded.last_at,
                      succeeded_at = coalesce(excluded.succeeded_at, w.succeeded_at),
                      failed_since = case when $3 then coalesce(w.failed_since, excluded.last_at) end,
                      failures = case when $3 then w.failures + 1 else 0 end,
                      reason_zh = excluded.reason_zh, reason_en = excluded.reason_en""",
            name,
            now,
            reason is not None,
            reason.zh if reason else "",
            reason.en if reason else "",
        )


async def succeeded_on(platform: Platform) -> dict[str, date]:
    """On which day each kind of work went well the last time, where it has not failed since."""
    async with platform.database.connection() as connection:
        return {
            one.name: one.succeeded_at.astimezone(SHANGHAI).date()
            for one in await every(connection)
            if one.succeeded_at is not None and one.failed_since is None
        }


async def every(connection: Connection) -> Sequence[DueWork]:
    """All kinds of work that were tried once."""
    rows = await connection.fetch(
        """select name, last_at, succeeded_at, failed_since, failures, reason_zh, reason_en
             from due_work order by name"""
    )
    return [
        DueWork(
            row["name"],
            row["last_at"],
            row["succeeded_at"],
            row["failed_since"],
            row["failures"],
            Text(row["reason_zh"], row["reason_en"]),
        )
        for row in rows
    ]
