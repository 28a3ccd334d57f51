"""Quotes per second and core, in the process: parsed requests over all shipped policies.

Run: python -m benchmarks.quotes [--seconds N] [--json]
"""

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator

from benchmarks.machine import describe
from yikatong.policies import service
from yikatong.policies.model import (
    CARES,
    FILINGS,
    LEVELS,
    Bill,
    MedicalAccount,
    PersonFacts,
    Policy,
    QuoteRequest,
    VisitFacts,
    YearToDate,
)

PLACES = ("110000", "310000", "440100", "500103", "510100", "610100")


def mixed(policies: list[Policy], how_many: int) -> Iterator[QuoteRequest]:
    """Believable requests: all regions, kinds of care, levels, filings, ages, half-used years."""
    chance = random.Random(3)
    for _ in range(how_many):
        policy = chance.choice(policies)
        total = int(chance.lognormvariate(13, 1.6))
        self_paid = total * chance.randrange(0, 15) // 100
        first_pay = total * chance.randrange(0, 15) // 100
        retired = policy.insurance == "310" and chance.random() < 0.3
        yield QuoteRequest(
            PersonFacts(
                policy.insurance,
                policy.region,
                retired,
                chance.randrange(60, 95) if retired else chance.randrange(1, 60),
            ),
            VisitFacts(
                chance.choice([care for care in CARES if care in policy.care]),
                chance.choice((policy.region, *PLACES)),
                chance.choice(LEVELS),
                policy.starts_on,
                chance.choice(FILINGS),
            ),
            Bill(total, self_paid, 0, first_pay),
            YearToDate(
                chance.randrange(3), 0, chance.randrange(300_000), chance.randrange(9_000_000)
            ),
            MedicalAccount(chance.randrange(500_000), chance.random() < 0.5),
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    book = service.load()
    requests = list(mixed(book.policies(), 20_000))
    rates: list[float] = []
    for _ in range(3):
        done = 0
        begun = time.perf_counter()
        while (took := time.perf_counter() - begun) < options.seconds / 3:
            for request in requests:
                service.quote(request, book)
            done += len(requests)
        rates.append(done / took)
    rate = sorted(rates)[1]
    result = {
        "benchmark": "quotes in the process, one core",
        "quotes_per_second": round(rate),
        "microseconds_each": round(1e6 / rate, 1),
        "aim_per_second": 20_000,
        "ratio_to_aim": round(rate / 20_000, 2),
        "machine": describe(),
    }
    sys.stdout.write(json.dumps(result, indent=None if options.json else 2) + "\n")


if __name__ == "__main__":
    main()
