"""Cards of one batch day: applied for, reviewed, made, handed over and activated, per second.

Employers send lists in, a reviewer decides them, all cards are ordered in one batch, its file is
written, the maker's result file is read, the employers' contacts collect, and the cards are activated:
every row, event and line of the audit trail of the real path. Beside it, on the same server, psql copies
the rows that it came to into empty tables of the same columns and indexes, in one transaction.
Activation at the counter, where each holder chooses a PIN, is measured apart.
Run: python -m benchmarks.cards [--people N] [--json]
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil

from benchmarks.machine import describe
from benchmarks.people import psql
from yikatong import subscriptions
from yikatong.cards import service as cards
from yikatong.cards.counters import making
from yikatong.cards.counters import service as counters
from yikatong.cards.lists import service as lists
from yikatong.cards.lists.model import CardList, NewList
from yikatong.cards.office import living
from yikatong.cards.office.model import Doing
from yikatong.cards.production import files, wire
from yikatong.cards.production import service as production
from yikatong.cards.production.wire import CardData, Result
from yikatong.core import embedded, events, running
from yikatong.core.platform import Platform
from yikatong.core.settings import Settings
from yikatong.core.tuning import settle_memory
from yikatong.money import verification
from yikatong.money.contributions import lists as employers
from yikatong.population.rows import Rows, copy, id_number
from yikatong.trust.audit import Actor

REGION: Final = "510100"
EMPLOYER: Final = "91510100MA6C123401"
MAKER: Final = "MAKER-1"
LIST: Final = 10_000
FIRST: Final = 2_000_001
AT_ONCE: Final = 2
WITH_PIN: Final = 200
"""Cards that are activated one by one with a PIN."""
CLERK: Final = Actor("staff", "bench-1", "bench")
REVIEWER: Final = Actor("staff", "bench-2", "bench")
TABLES: Final = (
    "card_applications", "card_events", "cards", "card_numbers", "card_batch_lines",
    "card_list_rows", "notices", "money_accounts", "account_numbers", "ledger_transactions",
    "audit_events",
)  # fmt: skip


def _number(person_id: int) -> str:
    at = person_id - FIRST
    return id_number("510104", date(1960, 1, 1) + timedelta(days=at // 900), at % 900)


async def set_up(platform: Platform, people: int) -> None:
    """People who are insured and have no card."""
    for first in range(FIRST, FIRST + people, 5000):
        rows = Rows(platform.vault, platform.clock.now(), {}, 0, None)
        for person_id in range(first, min(first + 5000, FIRST + people)):
            born = date(1960, 1, 1) + timedelta(days=(person_id - FIRST) // 900)
            rows.person(
                person_id, _number(person_id), "张三丰", 1, born, "510104", None, None, None
            )
            rows.add(
                "enrolments", person_id, "310", date(2010, 1, 1), REGION, "active", "insured",
                None, None, None, date(2010, 1, 1), True, 120,
            )  # fmt: skip
        async with platform.database.transaction() as connection:
            await copy(connection, rows)
    await counters.prepare(platform)
    await employers.register(platform, EMPLOYER, "单位", REGION, 1)
    await production.put_maker(platform, MAKER, "制卡厂", None, None, CLERK)


def employers_lists(people: int) -> list[bytes]:
    """The lists that employers send in."""
    found: list[bytes] = []
    for first in range(FIRST, FIRST + people, LIST):
        rows = [
            f"张三丰,{_number(person_id)},,{person_id}.jpg"
            for person_id in range(first, min(first + LIST, FIRST + people))
        ]
        found.append(("姓名,身份证号,手机号,照片编号\n" + "\n".join(rows) + "\n").encode())
    return found


async def side_by_side(work: Sequence[Callable[[], Awaitable[Any]]]) -> list[Any]:
    """All of it, two at once, so that one decides while the server writes for the other."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(do: Callable[[], Awaitable[Any]]) -> Any:
        async with gate:
            return await do()

    return await asyncio.gather(*(one(do) for do in work))


def processor_seconds(data: Path) -> tuple[float, float]:
    """What this process and the server have taken so far."""
    postmaster = psutil.Process(int((data / "postgres" / "postmaster.pid").read_text().split()[0]))
    server = 0.0
    for one in (postmaster, *postmaster.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            used = one.cpu_times()
            server += used.user + used.system
    return time.process_time(), server


class Day:
    """The steps of the day, each timed."""

    def __init__(self, platform: Platform, people: int, folder: Path) -> None:
        self.platform = platform
        self.people = people
        self.folder = folder
        self.seconds: dict[str, float] = {}

    async def run(self) -> None:
        taken: list[CardList] = await self._timed(
            "application", self._apply(employers_lists(self.people))
        )
        await self._timed("review", self._lists(taken, self._approve))
        batch_id = await self._timed("order", self._order())
        await self._timed("export", self._export(batch_id))
        results = self._made(batch_id)
        await self._timed("import", self._import(batch_id, results))
        await self._timed("hand_over", self._lists(taken, self._hand_over))
        await self._timed("activation", self._lists(taken, self._activate))

    async def _timed(self, name: str, work: Awaitable[Any]) -> Any:
        begun = time.perf_counter()
        done = await work
        self.seconds[name] = time.perf_counter() - begun
        return done

    async def _apply(self, contents: list[bytes]) -> list[CardList]:
        wanted = NewList("ICBC", making.centre(REGION).code)
        return await side_by_side(
            [
                lambda content=content, at=at: lists.take(
                    self.platform, EMPLOYER, content, wanted, CLERK, f"list-{at}"
                )
                for at, content in enumerate(contents)
            ]
        )

    async def _lists(
        self, taken: Sequence[CardList], do: Callable[[CardList], Awaitable[int]]
    ) -> None:
        done = await side_by_side([lambda one=one: do(one) for one in taken])
        assert sum(done) == self.people, done

    async def _approve(self, one: CardList) -> int:
        return (await lists.approve(self.platform, one.list_id, REVIEWER)).done

    async def _hand_over(self, one: CardList) -> int:
        return (await lists.hand_over(self.platform, one.list_id, "王芳", CLERK)).done

    async def _activate(self, one: CardList) -> int:
        return (await lists.activate(self.platform, one.list_id, CLERK)).done

    async def _order(self) -> int:
        begun = await production.begin(
            self.platform, REGION, "ICBC", MAKER, production.BATCH_MAX, CLERK, "batch"
        )
        done = await production.collect(self.platform, begun.batch_id, CLERK)
        assert done.cards == self.people
        return done.batch_id

    async def _export(self, batch_id: int) -> None:
        with (self.folder / "order").open("wb") as file:
            async for piece in files.export(self.platform, batch_id, CLERK):
                file.write(piece)

    def _made(self, batch_id: int) -> Path:
        """The maker's part, which is not measured: every card is made."""
        body, digest = self.folder / "results", hashlib.sha256()
        with (self.folder / "order").open("rb") as order, body.open("wb") as file:

            def told(line: bytes) -> None:
                digest.update(line + b"\n")
                file.write(line + b"\n")

            head = msgspec.json.encode(wire.ResultHead(wire.RESULT, str(batch_id), MAKER))
            told(head)
            count = 0
            for line in order:
                if line.startswith(b'{"seq"'):
                    card = msgspec.json.decode(line, type=CardData)
                    told(msgspec.json.encode(Result(card.seq, card.card_number, "made")))
                    count += 1
            assert count == self.people
            file.write(msgspec.json.encode(wire.Tail(count, digest.hexdigest())) + b"\n")
        return body

    async def _import(self, batch_id: int, results: Path) -> None:
        content = await asyncio.to_thread(results.read_bytes)
        taken = await files.take_results(self.platform, batch_id, content, CLERK)
        assert (taken.made, taken.faults) == (self.people, [])
        found = await production.summary(self.platform, batch_id)
        assert (found.batch.state, found.outstanding) == ("done", 0)


async def one_by_one(platform: Platform, people: int) -> float:
    """Cards that were activated at the counter with a PIN, a second."""
    async with platform.database.transaction() as connection:
        persons = list(range(FIRST, FIRST + people))
        await connection.execute(
            """update cards set state = 'issued', social_security_app = 'inactive',
                      version = version + 1 where person_id = any($1::bigint[])""",
            persons,
        )
        held = await cards.current_cards(connection, persons)
    counter = Doing("counter", materials=("identity",))
    begun = time.perf_counter()
    await side_by_side(
        [
            lambda card=card: living.activate(
                platform, card.person_id, card.card_id, "384957", counter, CLERK,
                f"pin-{card.person_id}",
            )
            for card in held.values()
        ]
    )  # fmt: skip
    return people / (time.perf_counter() - begun)


async def check(platform: Platform, people: int) -> dict[str, int]:
    """That every card came all the way, and how many rows it took."""
    async with platform.database.transaction(readonly=True) as connection:
        await connection.execute("set local statement_timeout = 0")
        active = await connection.fetchval("select count(*) from cards where state = 'active'")
        assert active == people
        by_event = dict(
            tuple(row)
            for row in await connection.fetch("select event, count(*) from card_events group by 1")
        )
        assert by_event == dict.fromkeys(
            ("apply_first", "approve", "order", "make", "hand_over", "activate"), people
        ), by_event
        return {name: await connection.fetchval(f"select count(*) from {name}") for name in TABLES}


def bare_copy(url: str, folder: Path) -> float:
    """Dump the rows and time copying them into empty tables of the same kind."""
    dumps = [
        rf"\copy (select * from {name}) to '{folder / name}' (format binary)" for name in TABLES
    ]
    tables = [f"create table copy_{name} (like {name} including all)" for name in TABLES]
    psql(url, "set statement_timeout = 0", *dumps, *tables, "checkpoint")
    begun = time.perf_counter()
    copies = [rf"\copy copy_{name} from '{folder / name}' (format binary)" for name in TABLES]
    psql(url, "set statement_timeout = 0", "begin", *copies, "commit")
    return time.perf_counter() - begun


async def measure(settings: Settings, people: int, folder: Path) -> dict[str, Any]:
    """All of it; the figures."""
    events.follow(subscriptions.listeners)
    settle_memory()
    async with running.platform(settings) as platform:
        await set_up(platform, people)
        url = platform.database.url
        psql(
            url,
            "delete from audit_events where action = 'person.made'",
            "vacuum analyze",
            "checkpoint",
        )
        day = Day(platform, people, folder)
        before = processor_seconds(settings.data_dir)
        await day.run()
        after = processor_seconds(settings.data_dir)
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        rows = await check(platform, people)
        copied = await asyncio.to_thread(bare_copy, url, folder)
        with_pin = await one_by_one(platform, min(WITH_PIN, people))
        proved = (await verification.verify(platform)).proved
    whole = sum(day.seconds.values())
    return {
        "benchmark": "cards of one batch day",
        "people": people,
        "cards_per_second": round(people / whole),
        "seconds": round(whole, 1),
        "cards_per_second_by_step": {
            name: round(people / seconds) for name, seconds in day.seconds.items()
        },
        "rows_per_card": round(sum(rows.values()) / people, 1),
        "bare_copy_per_second": round(people / copied),
        "ratio": round(copied / whole, 2),
        "app_cpu_us_per_card": round((after[0] - before[0]) / people * 1e6),
        "database_cpu_us_per_card": round((after[1] - before[1]) / people * 1e6),
        "resident_mib": resident,
        "with_pin_per_second": round(with_pin, 1),
        "ledger_verified": proved,
        "machine": describe(),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="yikatong-bench-") as name:
        folder = Path(name)
        settings = Settings(data_dir=folder / "data", statement_seconds_max=900)
        with embedded.running(settings):
            result = asyncio.run(measure(settings, options.people, folder))
    sys.stdout.write(json.dumps(result, indent=None if options.json else 2) + "\n")


if __name__ == "__main__":
    main()
