"""Limits on guessing (防猜测): every try at a secret is counted before it is looked at.

Counted first and committed, so that a thousand tries at once count a thousand. A window begins with
its first try; in any span of its length there are at most twice its tries, over many windows its
tries each.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from yikatong.core.database import Connection
from yikatong.core.errors import YikatongError
from yikatong.core.platform import Platform

_FIELD: Final = "guess"


class Limit(msgspec.Struct, frozen=True):
    """At most so many tries in so long."""

    tries: int
    within: timedelta

    @property
    def seconds(self) -> int:
        return int(self.within.total_seconds())


SIX_DIGITS: Final = (
    Limit(5, timedelta(minutes=15)),
    Limit(10, timedelta(days=1)),
    Limit(24, timedelta(days=365)),
)
"""Wrong tries at one secret of six digits: never more than 48 in a year, from wherever."""


class TooManyTries(YikatongError):
    """Tried too often; `retry_after` (seconds) says when the next try is looked at."""

    code = "too_many_tries"
    status = 429

    def __init__(self, retry_after: int) -> None:
        self.retry_after = max(1, retry_after)
        minutes = -(-self.retry_after // 60)
        if minutes <= 90:
            zh, en = f"{minutes} 分钟", "a minute" if minutes == 1 else f"{minutes} minutes"
        elif minutes <= 48 * 60:
            zh, en = f"{-(-minutes // 60)} 小时", f"{-(-minutes // 60)} hours"
        else:
            zh, en = f"{-(-minutes // 1440)} 天", f"{-(-minutes // 1440)} days"
        super().__init__(
            zh=f"试得太多了，请 {zh}后再试", en=f"tried too often; please try again in {en}"
        )


async def count(platform: Platform, subjects: Sequence[tuple[str, Sequence[Limit]]]) -> None:
    """Count one try against each subject and limit; raises TooManyTries and counts none of them
    where one is used up.

    A subject is what is tried ("pin:1000123") or from where ("address:192.0.2.7"); it is stored as a
    keyed hash.
    """
    rows = sorted(
        (platform.vault.hash(_FIELD, subject), limit.seconds, limit.tries)
        for subject, limits in subjects
        for limit in limits
    )
    now = platform.clock.now()
    async with platform.database.transaction() as connection:
        for subject_hash, seconds, tries in rows:
            # One row after the other in a fixed order: two processes never wait for each other.
            begun = await _count(connection, subject_hash, seconds, tries, now)
            if begun is not None:
                ends = begun + timedelta(seconds=seconds)
                raise TooManyTries(int((ends - now).total_seconds()) + 1)


async def left(
    connection: Connection, platform: Platform, subject: str, limits: Sequence[Limit]
) -> int:
    """How many tries against a subject would still be looked at now."""
    rows = await connection.fetch(
        "select seconds, begun_at, tries from guesses where subject_hash = $1",
        platform.vault.hash(_FIELD, subject),
    )
    now = platform.clock.now()
    used = {
        row["seconds"]: row["tries"]
        for row in rows
        if row["begun_at"] + timedelta(seconds=row["seconds"]) > now
    }
    return min(limit.tries - used.get(limit.seconds, 0) for limit in limits)


async def used_up(
    connection: Connection, platform: Platform, subjects: Sequence[tuple[str, Sequence[Limit]]]
) -> dict[str, datetime]:
    """Which of these subjects no try is looked at now, and until when."""
    limits = {
        (platform.vault.hash(_FIELD, subject), limit.seconds): (subject, limit.tries)
        for subject, found in subjects
        for limit in found
    }
    rows = await connection.fetch(
        """select subject_hash, seconds, tries, begun_at + make_interval(secs => seconds) as ends_at
             from guesses where subject_hash = any($1::bytea[])""",
        list({key[0] for key in limits}),
    )
    now, told = platform.clock.now(), dict[str, datetime]()
    for row in rows:
        known = limits.get((row["subject_hash"], row["seconds"]))
        if known is not None and row["tries"] >= known[1] and row["ends_at"] > now:
            told[known[0]] = max(row["ends_at"], told.get(known[0], row["ends_at"]))
    return told


async def take_back(
    connection: Connection, platform: Platform, subjects: Sequence[tuple[str, Sequence[Limit]]]
) -> None:
    """Take a counted try back: it was right, so it was no guess. The wrong ones before it stay."""
    rows = sorted(
        (platform.vault.hash(_FIELD, subject), limit.seconds)
        for subject, limits in subjects
        for limit in limits
    )
    for subject_hash, seconds in rows:
        await connection.execute(
            """update guesses set tries = tries - 1
                where subject_hash = $1 and seconds = $2 and tries > 0""",
            subject_hash,
            seconds,
        )


async def forgive(connection: Connection, platform: Platform, subject: str) -> None:
    """Forget the tries against a subject: its owner has come."""
    await connection.execute(
        "delete from guesses where subject_hash = $1", platform.vault.hash(_FIELD, subject)
    )


async def forget_old(platform: Platform, limit: int = 10_000) -> int:
    """Delete windows that are over."""
    async with platform.database.transaction() as connection:
        return await connection.fetchval(
            """with gone as (
                 delete from guesses where (subject_hash, seconds) in (
                   select subject_hash, seconds from guesses
                    where begun_at + make_interval(secs => seconds) <= $1 limit $2)
                 returning 1)
               select count(*) from gone""",
            platform.clock.now(),
            limit,
        )


async def _count(
    connection: Connection, subject_hash: bytes, seconds: int, tries: int, now: datetime
) -> datetime | None:
    """None where the try was counted, else when the window that is used up began."""
    counted = await connection.fetchval(
        """insert into guesses as g (subject_hash, seconds, begun_at, tries)
           values ($1, $2::integer, $3, 1)
           on conflict (subject_hash, seconds) do update
             set begun_at = case when g.begun_at + make_interval(secs => $2::integer) <= $3
                                 then $3 else g.begun_at end,
                 tries = case when g.begun_at + make_interval(secs => $2::integer) <= $3
                              then 1 else g.tries + 1 end
           where g.tries < $4 or g.begun_at + make_interval(secs => $2::integer) <= $3
           returning 1""",
        subject_hash,
        seconds,
        now,
        tries,
    )
    if counted is not None:
        return None
    return await connection.fetchval(
        "select begun_at from guesses where subject_hash = $1 and seconds = $2",
        subject_hash,
        seconds,
    )
