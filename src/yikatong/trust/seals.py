"""Seals over the audit trail (审计封条): what was changed, added or taken out later shows.

Each seal is a keyed hash over the events of five minutes and the seal before; the key lies outside the
database. They follow an hour behind, by which time every transaction of then has ended, so no act waits
for them. `yikatong audit verify` computes them again.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Final

import msgspec

from yikatong.core import due_work, ids
from yikatong.core.clock import SHANGHAI, today
from yikatong.core.database import Connection
from yikatong.core.errors import YikatongError
from yikatong.core.platform import Platform

WHOLE: Final = "audit.verified"
LATELY: Final = "audit.verified_lately"
"""Under which names `core.due_work` knows how proving came out: of all of it, which somebody asks for,
and of the last two days, which happens every day."""
BEHIND: Final = timedelta(hours=1)
STEP: Final = timedelta(minutes=5)
_AT_ONCE: Final = 500
_PAGE: Final = 1000
_LATELY: Final = timedelta(days=2)


class TrailDiffers(YikatongError):
    """The audit trail is not what was sealed."""

    code = "trail_differs"
    status = 500

    def __init__(self, found: "Proof") -> None:
        first = ids.time_of(found.wrong[0])
        super().__init__(
            zh=f"{len(found.wrong)} 处与封条不符，最早在 {first:%Y-%m-%d %H:%M} 前",
            en=f"{len(found.wrong)} seals do not fit, the first before {first:%Y-%m-%d %H:%M}",
        )


class Seal(msgspec.Struct, frozen=True):
    """One seal: over the events from one number to before another."""

    from_id: int
    through_id: int
    events: int
    seal: bytes


class Proof(msgspec.Struct):
    """What proving the trail came to."""

    seals: int
    events: int
    through: datetime | None
    """Until when it is sealed."""
    wrong: list[int]
    """Seals that do not fit, by the number they end at."""

    @property
    def proved(self) -> bool:
        return not self.wrong


async def seal(platform: Platform) -> int:
    """Seal what is an hour old; answers how many seals were added. Twice or beside another process
    each stretch is sealed once."""
    behind = ids.first_of(platform.clock.now() - BEHIND)
    added = 0
    while added < _AT_ONCE:
        async with platform.database.transaction() as connection:
            # One process at a time; the others find it done.
            await connection.execute("select pg_advisory_xact_lock(hashtext('audit_seals'))")
            if not await _seal_next(platform, connection, behind):
                break
        added += 1
    return added


async def _seal_next(platform: Platform, connection: Connection, behind: int) -> bool:
    last = await connection.fetchrow(
        "select through_id, seal from audit_seals order by through_id desc limit 1"
    )
    if last is None:
        # Until something is an hour old there is nothing: found by the numbers' index, not by a look
        # at all events.
        first = await connection.fetchval(
            "select min(event_id) from audit_events where event_id < $1", behind
        )
        if first is None:
            return False
        before, from_id = b"", first
    else:
        before, from_id = last["seal"], last["through_id"]
    through = _step_behind(from_id)
    if through > behind:
        return False
    count, made = await _made(platform, connection, from_id, through, before)
    await connection.execute(
        """insert into audit_seals (from_id, through_id, events, seal, sealed_at)
           values ($1, $2, $3, $4, $5)""",
        from_id,
        through,
        count,
        made,
        platform.clock.now(),
    )
    return True


def _step_behind(identifier: int) -> int:
    """The end of the five minutes in which a number was drawn."""
    seconds = int(ids.time_of(identifier).timestamp())
    step = int(STEP.total_seconds())
    return ids.first_of(datetime.fromtimestamp(seconds - seconds % step + step, SHANGHAI))


async def _made(
    platform: Platform, connection: Connection, from_id: int, through: int, before: bytes
) -> tuple[int, bytes]:
    """How many events a stretch has, and its seal."""
    row = await connection.fetchrow(
        """select count(*),
                  sha256(convert_to(coalesce(string_agg(concat_ws('|', person_id, event_id,
                      extract(epoch from at), actor_kind, actor, action, purpose, detail), e'\\n'
                      order by event_id, person_id), ''), 'UTF8'))
             from audit_events where event_id >= $1 and event_id < $2""",
        from_id,
        through,
    )
    assert row is not None
    text = f"{from_id}:{through}:{row[0]}:{row[1].hex()}:{before.hex()}"
    return row[0], platform.vault.hash("audit seal", text)


async def verify(
    platform: Platform,
    since: date | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Proof:
    """Compute the seals again, all or those since a day; how all of them came out is noted. `progress`
    hears how many are done."""
    found = Proof(0, 0, None, [])
    after = 0 if since is None else ids.first_of(datetime.combine(since, time(), SHANGHAI))
    async with platform.database.transaction(readonly=True) as connection:
        before = await connection.fetchrow(
            """select through_id, seal from audit_seals where through_id <= $1
                order by through_id desc limit 1""",
            after,
        )
    chained = (0, b"") if before is None else (before["through_id"], before["seal"])
    while page := await _page(platform, chained[0]):
        for one in page:
            async with platform.database.transaction(readonly=True) as connection:
                made = await _made(platform, connection, one.from_id, one.through_id, chained[1])
            # The first begins where the trail does; every other where the one before ends.
            whole = chained[0] in (0, one.from_id)
            if made != (one.events, one.seal) or not whole:
                found.wrong.append(one.through_id)
            found.seals, found.events = found.seals + 1, found.events + one.events
            found.through = ids.time_of(one.through_id)
            # On from what stands there: one change is told once.
            chained = (one.through_id, one.seal)
        progress(found.seals)
    if since is None:
        reason = None if found.proved else TrailDiffers(found).text
        await due_work.note(platform, WHOLE, reason)
    return found


async def _page(platform: Platform, after: int) -> Sequence[Seal]:
    async with platform.database.transaction(readonly=True) as connection:
        rows = await connection.fetch(
            """select from_id, through_id, events, seal from audit_seals
                where through_id > $1 order by through_id limit $2""",
            after,
            _PAGE,
        )
    return [Seal(row[0], row[1], row[2], row[3]) for row in rows]


async def prove_lately(platform: Platform) -> None:
    """Prove the last two days; raises TrailDiffers."""
    found = await verify(platform, today(platform.clock) - _LATELY)
    if not found.proved:
        raise TrailDiffers(found)


async def last_proofs(
    connection: Connection,
) -> tuple[dict[str, due_work.DueWork], datetime | None]:
    """How proving the trail last came out, by `WHOLE` and `LATELY`, and until when it is sealed."""
    known = {one.name: one for one in await due_work.every(connection)}
    through = await connection.fetchval("select max(through_id) from audit_seals")
    return (
        {name: known[name] for name in (WHOLE, LATELY) if name in known},
        None if through is None else ids.time_of(through),
    )
