"""Use cases of reconciliation: compare a period's totals, then its details, with a provider's.

A settlement belongs to the day, in Shanghai, on which it was made; a reversal to its own day.
"""

import secrets
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Final

import msgspec

from yikatong.core.clock import SHANGHAI
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, NotFound
from yikatong.core.platform import Platform
from yikatong.medical.model import Provider
from yikatong.medical.reconciliation import rules, store
from yikatong.medical.reconciliation.rules import Detail, Difference, Totals, TotalsCompared
from yikatong.medical.visits.model import Setting

KEPT: Final = timedelta(days=7)
"""How long a file of differences may be fetched."""


class FileMade(msgspec.Struct, frozen=True):
    """A file for the provider to fetch (9102), and how many settlements differ."""

    number: str
    """文件查询号: nobody can guess it."""
    name: str
    kept_until: datetime
    count: int


async def compare_totals(
    connection: Connection,
    provider: Provider,
    insurance: str,
    clearing_type: Setting | None,
    since: date,
    until: date,
    stated: Totals,
) -> TotalsCompared:
    """Compare sums over a period (对总账); `clearing_type` None: of a kind nothing is settled in.

    Raises InvalidInput naming `until`.
    """
    rules.check_period(since, until, rules.TOTALS_DAYS_MAX, "until")
    ours = Totals()
    if clearing_type is not None:
        ours = await store.totals(
            connection, provider.provider_code, *_bounds(since, until), insurance, clearing_type
        )
    return rules.compare_totals(ours, stated)


async def compare_details(
    platform: Platform,
    connection: Connection,
    provider: Provider,
    since: date,
    until: date,
    theirs: Sequence[Detail],
    write: Callable[[str, Sequence[Difference]], bytes],
) -> FileMade:
    """Compare settlement by settlement (对明细账) and keep a file of the differences; `write` makes
    it, under a name, in the words of whoever asked.

    Raises InvalidInput naming `until`.
    """
    rules.check_period(since, until, rules.DETAILS_DAYS_MAX, "until")
    ours = await store.details(
        connection, provider.provider_code, *_bounds(since, until), rules.DETAILS_MAX + 1
    )
    if len(ours) > rules.DETAILS_MAX:
        raise InvalidInput(
            "until",
            zh=f"本期结算超过 {rules.DETAILS_MAX} 笔，请分段对账",
            en=f"the period has more than {rules.DETAILS_MAX} settlements; compare it in parts",
        )
    found = rules.differences(ours, theirs)
    name = f"3202_{provider.provider_code}_{since:%Y%m%d}_{until:%Y%m%d}"
    now = platform.clock.now()
    made = FileMade(secrets.token_hex(15), f"{name}.zip", now + KEPT, len(found))
    content = write(f"{name}.txt", found)
    await store.insert_file(
        connection, made.number, provider.provider_code, made.name, content, now, made.kept_until
    )
    return made


async def uploaded(
    platform: Platform, connection: Connection, provider: Provider, number: str
) -> bytes:
    """The file a provider uploaded before (9101); raises NotFound naming `file_number`."""
    found = await store.file(connection, number, provider.provider_code, platform.clock.now())
    if found is None:
        raise NotFound(
            zh="没有这个文件查询号，或文件已过期，请先用 9101 上传明细文件",
            en="there is no such file any more; upload the details first (9101)",
            field="file_number",
        )
    return found


def _bounds(since: date, until: date) -> tuple[datetime, datetime]:
    first = datetime.combine(since, time(), SHANGHAI)
    return first, datetime.combine(until + timedelta(days=1), time(), SHANGHAI)
