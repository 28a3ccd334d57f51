"""Use cases of the room: make people, list whom to try."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime
from multiprocessing import get_context
from typing import Any, Final, Literal, cast

import msgspec

from yikatong.core import regions
from yikatong.core.database import Connection, Database
from yikatong.core.errors import InvalidInput, Text
from yikatong.core.platform import Platform
from yikatong.core.sealing import Vault
from yikatong.money.bank import banks
from yikatong.money.ledger import service as ledger
from yikatong.population import chunk, demo
from yikatong.population.chunk import CHUNK, CHUNKS_MAX, FIRST_ID
from yikatong.population.rows import COLUMNS, SharedName, copy
from yikatong.population.sandbox_pin import of_sandbox
from yikatong.portability.model import Service

PEOPLE_MAX: Final = CHUNK * CHUNKS_MAX
"""In one database; each making begins a new chunk."""
_MANY: Final = 10_000
"""Of fewer the database's own upkeep comes soon enough."""
_TIDY_SECONDS_MAX: Final = 6 * 3600
_LOCK: Final = 0x50454F50
"""The advisory lock that keeps two makings from taking the same ids ("PEOP")."""


class DemoPerson(msgspec.Struct, frozen=True):
    """Somebody to try, and what to ask."""

    situation: str
    person_id: int
    name: str
    title: Text
    insured_region: str
    residence_region: str
    try_region: str
    try_service: Service
    expects: Literal["yes", "yes_but", "no"]


async def demo_persons(connection: Connection) -> Sequence[DemoPerson]:
    """Everybody to try, in a fixed order; empty where no people were made."""
    rows = await connection.fetch(
        """select d.situation, d.person_id, p.name, d.title_zh, d.title_en, p.residence_region,
                  d.try_region, d.try_service, d.expects,
                  (select min(region) from enrolments e where e.person_id = d.person_id)
                    as insured_region
             from demo_persons d join persons p using (person_id) order by d.position"""
    )
    return [
        DemoPerson(
            situation=row["situation"],
            person_id=row["person_id"],
            name=row["name"],
            title=Text(row["title_zh"], row["title_en"]),
            insured_region=row["insured_region"] or row["residence_region"],
            residence_region=row["residence_region"],
            try_region=row["try_region"],
            try_service=row["try_service"],
            expects=row["expects"],
        )
        for row in rows
    ]


async def make(
    platform: Platform,
    count: int,
    seed: int,
    progress: Callable[[int], None],
    *,
    processes: int = 1,
) -> int:
    """Add `count` synthetic people; the demo persons are the first of an empty database.

    Chunk by chunk, each whole or absent; a making that was killed is continued by another. The same
    seed gives the same people. `progress` hears how many are in. Answers the last person_id.
    """
    if not 1 <= count <= PEOPLE_MAX:
        raise InvalidInput(
            "N", zh=f"人数应为 1 到 {PEOPLE_MAX}", en=f"between 1 and {PEOPLE_MAX} people"
        )
    database, now = platform.database, platform.clock.now()
    shared = await shared_accounts(platform)
    pin = of_sandbox(platform)
    async with database.transaction() as connection:
        await connection.execute("select pg_advisory_xact_lock($1)", _LOCK)
        last = await connection.fetchval(
            "select case when is_called then last_value end from person_ids"
        )
        before = await connection.fetchval("select count(*) from persons")
        if last is None:
            await copy(connection, demo.make(platform.vault, shared, now, pin))
            before = len(demo.DEMOS)
            first = FIRST_ID + before
            count = max(1, count - before)
        else:
            # A chunk's order numbers of the id number are used once: go on with the next chunk.
            first = FIRST_ID + ((last - FIRST_ID) // CHUNK + 1) * CHUNK
        if (first + count - FIRST_ID) > PEOPLE_MAX:
            raise InvalidInput(
                "N",
                zh=f"虚拟人口总数不能超过 {PEOPLE_MAX}，请换一个新的数据目录",
                en=f"there cannot be more than {PEOPLE_MAX} people in all; use a new data directory",
            )
        # Reserved before they are made, so that a second making goes behind them.
        await connection.execute("select setval('person_ids', $1)", first + count - 1)
    done = before
    progress(done)
    jobs = list(_chunks(first, first + count - 1))
    if processes <= 1 or len(jobs) == 1:
        for number, low, high in jobs:
            async with database.transaction() as connection:
                rows = chunk.make(platform.vault, shared, seed, number, low, high, now, pin)
                await copy(connection, rows)
            done += high - low + 1
            progress(done)
    else:
        loop = asyncio.get_running_loop()
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            waiting = [
                loop.run_in_executor(
                    pool, _work, database.url, platform.vault, shared, seed, job, now, pin
                )
                for job in jobs
            ]
            for finished in asyncio.as_completed(waiting):
                done += await finished
                progress(done)
    if count >= _MANY:
        await _tidy_up(database)
    return first + count - 1


async def _tidy_up(database: Database) -> None:
    """Have the server look over what was loaded, as behind any load of many rows: else each page is
    written anew when it is read for the first time, and plans are made without statistics.

    The tables stay in the server's memory, as far as there is room: otherwise it reads them in again
    page by page, each into memory it has not used before, while people wait."""
    async with database.connection() as connection:
        # As long as it takes; whoever makes people has nobody waiting.
        await connection.execute("set statement_timeout = 0")
        try:
            tables = ", ".join(COLUMNS)
            driver = cast("Any", connection)
            await driver.execute(
                f"vacuum (freeze, analyze, buffer_usage_limit 0) {tables}",
                timeout=_TIDY_SECONDS_MAX,
            )
        finally:
            await connection.execute("reset statement_timeout")


async def shared_accounts(platform: Platform) -> Mapping[SharedName, int]:
    """The banks' and funds' accounts that opening balances come from."""
    return await ledger.shared(
        platform,
        *(("bank", code, "cash") for code in banks.banks()),
        *(("fund", one.code, "medical_accounts") for one in regions.pooling_regions()),
    )


def _chunks(first: int, last: int) -> list[tuple[int, int, int]]:
    """Number, first and last id of every chunk; a chunk's borders do not depend on the making."""
    jobs: list[tuple[int, int, int]] = []
    low = first
    while low <= last:
        number = (low - FIRST_ID) // CHUNK
        high = min(last, FIRST_ID + (number + 1) * CHUNK - 1)
        jobs.append((number, low, high))
        low = high + 1
    return jobs


def _work(
    url: str,
    vault: Vault,
    shared: Mapping[SharedName, int],
    seed: int,
    job: tuple[int, int, int],
    now: datetime,
    pin: str | None,
) -> int:
    """In a worker process: make one chunk and copy it in, in one transaction."""
    number, low, high = job

    async def run() -> None:
        rows = chunk.make(vault, shared, seed, number, low, high, now, pin)
        database = await Database.connect(url, connections_max=1, statement_seconds_max=300)
        try:
            async with database.transaction() as connection:
                await copy(connection, rows)
        finally:
            await database.close()

    asyncio.run(run())
    return high - low + 1
