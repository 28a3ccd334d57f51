"""Transfers per second over HTTP: each authenticated, decided, posted, audited, durably committed.

Beside it, in the same run and on the same server, pgbench's TPC-B with as many clients, its scale no
smaller than their number so that its rows are not hot.
Run: python -m benchmarks.transfers [--people N] [--seconds N] [--clients N] [--json]
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.checks import load, pgbench, serving
from benchmarks.machine import describe
from yikatong.core import embedded, running
from yikatong.core.settings import Settings
from yikatong.money.bank import service as bank
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.verification import verify
from yikatong.people import service as people
from yikatong.trust.operator import token


async def bodies(data: Path, how_many: int) -> list[dict[str, Any]]:
    """Small transfers between random accounts that may pay and hold enough."""
    chance = random.Random(11)
    settings = Settings(data_dir=data)
    async with (
        running.platform(settings) as platform,
        platform.database.transaction(readonly=True) as connection,
    ):
        rows = await connection.fetch(
            """select person_id, account_id from money_accounts
                where kind = 'bank' and state = 'open' and frozen = '{}' and balance > 100000
                order by random() limit $1""",
            how_many,
        )
        numbers = [
            await bank.account_number(
                platform, connection, await ledger.account(connection, row[0], row[1])
            )
            for row in rows
        ]
        names = await people.names(connection, [row[0] for row in rows])
    told = [(number, names[row[0]]) for number, row in zip(numbers, rows, strict=True)]
    made: list[dict[str, Any]] = []
    for number, _ in told:
        payee = chance.choice(told)
        if payee[0] != number:
            made.append(
                {
                    "from": {"account": number},
                    "to": {"account": payee[0], "name": payee[1]},
                    "amount": f"0.{chance.randrange(1, 100):02d}",
                    "assurance": 2,
                    "memo": "bench",
                }
            )
    return made


async def proved(data: Path) -> bool:
    """Whether the ledger verifies after all of it."""
    async with running.platform(Settings(data_dir=data, statement_seconds_max=600)) as platform:
        return (await verify(platform)).proved


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="yikatong-bench-") as folder:
        data = Path(folder)
        path = "/api/v1/money/transfers"
        rounds: list[tuple[Any, float]] = []
        with serving(data, options.people) as (host, port):
            headers = {"Authorization": f"Bearer {token(Settings(data_dir=data))}"}
            requests = asyncio.run(bodies(data, 10_000))
            load(host, port, requests, options.clients, 2, path, headers)
            with embedded.running(Settings(data_dir=data)) as url:
                for turn in range(2):
                    first = (turn + 1) * 100_000_000
                    seconds = options.seconds / 2
                    figures = load(
                        host, port, requests, options.clients, seconds, path, headers, first
                    )
                    rate = pgbench(
                        url,
                        options.clients,
                        options.seconds // 2,
                        first=turn == 0,
                        scale=options.clients,
                    )
                    rounds.append((figures, rate))
        verified = asyncio.run(proved(data))
    transfers = sum(figures["per_second"] for figures, _ in rounds) / len(rounds)
    tpc_b = sum(rate for _, rate in rounds) / len(rounds)
    result = {
        "benchmark": "transfers over HTTP",
        "transfers_per_second": round(transfers, 1),
        "p50_ms": max(figures["p50_ms"] for figures, _ in rounds),
        "p99_ms": max(figures["p99_ms"] for figures, _ in rounds),
        "failed": sum(figures["failed"] for figures, _ in rounds),
        "pgbench_tpc_b_per_second": round(tpc_b, 1),
        "ratio": round(transfers / tpc_b, 2),
        "ledger_verified": verified,
        "people": options.people,
        "clients": options.clients,
        "machine": describe(),
    }
    sys.stdout.write(json.dumps(result, indent=None if options.json else 2) + "\n")


if __name__ == "__main__":
    main()
