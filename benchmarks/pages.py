"""How long each page takes and how large it is: one of each kind, as each role, with the demo data.

The time is the middle one of several, over HTTP, one page at a time.
Run: python -m benchmarks.pages [--people N] [--times N] [--json]
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from pyotp.totp import TOTP
from tests.portals.reader import Reader, form_with, shape

from benchmarks.checks import serving
from benchmarks.machine import describe

_SHOWN: Final = 10
_LIMIT_MS: Final = 100


def readers(data: Path, site: str) -> dict[str, tuple[Reader, list[str]]]:
    """A visitor, a person, and each member of the demo staff, signed in, and where they begin."""
    done = subprocess.run(
        [sys.executable, "-m", "yikatong", "sandbox", "show", "--json", "--data", str(data)],
        capture_output=True,
        text=True,
        check=True,
    )
    shown: dict[str, Any] = json.loads(done.stdout)
    people = {one["situation"]: one for one in shown["persons"]}
    found = {"visitor": (Reader(site), ["/"])}
    for situation in ("all_in_order", "pension_in_order"):
        reader = Reader(site)
        reader.sign_in(people[situation]["id_number"], shown["pin"])
        found[situation] = (reader, ["/", "/me", "/security"])
    files = [f"/staff/people/{people['all_in_order']['person_id']}"]
    for one in shown["staff"]:
        reader = Reader(site)
        page = reader.open("/staff")
        page = reader.send(
            form_with(page, "password"), number=one["staff_number"], password=one["password"]
        )
        code = TOTP(one["totp_secret"]).now()
        reader.send(form_with(page, "code"), code=code)
        found[one["staff_number"]] = (reader, ["/staff", *files])
    return found


def measure(reader: Reader, address: str, times: int) -> tuple[float, int] | None:
    """Milliseconds and bytes of a page; None for what is no page, or not this reader's."""
    taken: list[float] = []
    size = 0
    for _ in range(times):
        began = time.perf_counter()
        answer = reader.http.get(address)
        taken.append((time.perf_counter() - began) * 1000)
        if answer.status_code != 200 or "html" not in answer.headers["content-type"]:
            return None
        size = len(answer.content)
    return statistics.median(taken), size


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=2000)
    parser.add_argument("--times", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found: dict[tuple[str, ...], tuple[float, int, str]] = {}
    with tempfile.TemporaryDirectory(prefix="yikatong-bench-") as folder:
        data = Path(folder)
        with serving(data, options.people) as (host, port):
            for role, (reader, starts) in readers(data, f"http://{host}:{port}").items():
                for address, _ in reader.walk(starts):
                    if shape(address) not in found and (
                        figures := measure(reader, address, options.times)
                    ):
                        found[shape(address)] = (*figures, f"{role} {address}")
    pages = sorted(found.values(), reverse=True)
    times = [one[0] for one in pages]
    result = {
        "benchmark": "pages",
        "pages": len(pages),
        "median_ms": round(statistics.median(times), 1),
        "slowest_ms": round(times[0], 1),
        "largest_bytes": max(one[1] for one in pages),
        f"over_{_LIMIT_MS}_ms": sum(one > _LIMIT_MS for one in times),
        "people": options.people,
        "machine": describe(),
    }
    if options.json:
        print(json.dumps(result, ensure_ascii=False))
        return
    for name, value in result.items():
        print(f"{name}: {value}")
    for taken, size, name in pages[:_SHOWN]:
        print(f"{taken:7.1f} ms {size:7} bytes  {name}")


if __name__ == "__main__":
    main()
