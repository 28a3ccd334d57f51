"""Settlements per second over the signed hospital interface, against a million people.

Half are outpatient settlements (2207), half discharges (2304), each of a visit of 12 uploaded lines,
with every posting, record and audit of a real one, durably committed. Beside them, alternating in the
same run on the same server, pgbench's TPC-B (prepared, as many clients). Then quotes (2303) and whole
visits (register, see, lines, quote, settle) per second.
Run: python -m benchmarks.settlement [--people N] [--seconds N] [--clients N] [--data DIR] [--json]
"""

import argparse
import asyncio
import itertools
import json
import pickle
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import psutil
import uvloop

from benchmarks.checks import pgbench, serving
from benchmarks.hospital import Figures, Hospital
from benchmarks.machine import describe
from yikatong.core import embedded, running
from yikatong.core.errors import YikatongError
from yikatong.core.platform import Platform
from yikatong.core.settings import Settings
from yikatong.medical import service as medical
from yikatong.medical.hospital_api import credentials
from yikatong.medical.model import Provider
from yikatong.medical.visits import orders
from yikatong.medical.visits.desk import CareDesk
from yikatong.medical.visits.model import Diagnosis, FeeLine
from yikatong.medical.visits.orders import Order, Result, Sender
from yikatong.money.verification import verify
from yikatong.people import service as people

LINES = 12
ROUNDS = 4
"""Each of settlements and then of pgbench: a shared machine is fast and slow by turns."""
REGIONS = ("110000", "310000", "440100", "500000", "510100", "320100", "330100", "410100")
"""Insured regions; people are treated at home or, one in four, in another of these."""
_DIAGNOSES = (Diagnosis(kind="1", code="I10.x00", name="原发性高血压", main=True),)


class Patient(msgspec.Struct):
    """Somebody who may be treated, and where."""

    person_id: int
    id_number: str
    region: str
    hospital: int


class Bench:
    """A platform's database seen from beside the running server: who to treat, and visits made ready
    through the same desk the interface uses."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.desk = CareDesk(platform)
        self.chance = random.Random(20260301)
        self.hospitals: list[Hospital] = []
        self.providers: list[Provider] = []
        self.patients: list[Patient] = []
        self.items: list[tuple[str, int]] = []
        # Behind those of earlier runs over the same data.
        self._messages = itertools.count(int(time.time()) * 10**8)
        self._turn = itertools.count()
        self._in_hospital: set[int] = set()
        self.ready: list[tuple[str, int, Any]] = []
        """Visits with their lines uploaded: transaction, patient and the visit's part of the call."""

    async def open(self, patients: int) -> None:
        """Keys for tertiary hospitals, and people in good standing in the regions."""
        async with self.platform.database.transaction() as connection:
            for region in REGIONS:
                found = await medical.providers(
                    connection, region=region, level="tertiary", cross_region=True, limit=20
                )
                for one in found:
                    if one.suspended_on or not {"inpatient", "outpatient"} <= {
                        *one.cross_region_cares
                    }:
                        continue
                    key = await credentials.create(
                        self.platform, connection, one.provider_code, "A", sandbox=False
                    )
                    self.providers.append(one)
                    self.hospitals.append(
                        Hospital(
                            one.provider_code, one.name, one.region, key.access_key, key.secret
                        )
                    )
            rows = await connection.fetch(
                """select p.person_id, e.region from persons p
                     join enrolments e using (person_id) join cards c using (person_id)
                    where e.insurance = '310' and e.status = 'insured' and e.arrears_since is null
                      and e.region = any($1::text[]) and e.benefits_from < now() - interval '1 month'
                      and e.retirement_confirmed and p.died_on is null and p.identity_matched
                      and c.state = 'active' and c.social_security_app = 'active'
                      and c.generation > 1 and c.name_on_card = p.name and c.valid_until > now()
                      and not exists (select from selected_providers s
                                       where s.person_id = p.person_id)
                      and not exists (select from visits v where v.person_id = p.person_id
                                       and v.staying)
                    order by p.person_id limit $2""",
                list(REGIONS),
                patients,
            )
            ids: list[int] = [row[0] for row in rows]
            numbers: dict[int, str] = {}
            for part in (ids[at : at + 1000] for at in range(0, len(ids), 1000)):
                numbers |= await people.id_numbers(self.platform, connection, part)
            prices = await connection.fetch(
                "select code, usual_price from catalog_items where usual_price > 0 order by code"
            )
        self.items = [(row[0], row[1]) for row in prices]
        by_region: dict[str, list[int]] = {}
        for at, one in enumerate(self.providers):
            by_region.setdefault(one.pooling_region, []).append(at)
        for person_id, region in rows:
            home = self.chance.random() < 0.75
            where = region if home else self.chance.choice(REGIONS)
            self.patients.append(
                Patient(
                    person_id, numbers[person_id], region,
                    self.chance.choice(by_region.get(where) or [0]),
                )
            )  # fmt: skip

    def lines(self) -> list[tuple[str, int]]:
        """Codes and totals of a bill's lines."""
        return [self.chance.choice(self.items) for _ in range(LINES)]

    async def make_ready(self, how_many: int, clients: int = 64) -> None:
        """Have so many visits ready, half of them stays; a person is in one hospital at a time."""

        async def work() -> None:
            while len(self.ready) + working[0] < how_many:
                working[0] += 1
                turn = next(self._turn)
                at = turn % len(self.patients)
                inpatient = turn % 2 == 1 and at not in self._in_hospital
                if inpatient:
                    self._in_hospital.add(at)
                one = await self._one(at, inpatient=inpatient)
                self.ready.append(one)
                working[0] -= 1

        working = [0]
        await asyncio.gather(*(work() for _ in range(clients)))

    def settled(self, how_many: int) -> None:
        """The first so many were sent."""
        self._in_hospital -= {at for code, at, _ in self.ready[:how_many] if code == "2304"}
        del self.ready[:how_many]

    async def _one(self, at: int, *, inpatient: bool) -> tuple[str, int, Any]:
        patient = self.patients[at]
        now = self.platform.clock.now()
        person_id = patient.person_id
        total = 0
        fee_lines: list[FeeLine] = []
        for number, (item, price) in enumerate(self.lines()):
            total += price
            fee_lines.append(
                FeeLine(f"L{number}", item, price, "1", f"{price // 100}.{price % 100:02d}", now)
            )
        if inpatient:
            begun: Order = orders.Admit(
                person_id=person_id, number="Z", begun_at=now - timedelta(days=3), care_code="21",
                diagnoses=_DIAGNOSES,
            )  # fmt: skip
        else:
            begun = orders.Register(person_id=person_id, number="M", begun_at=now)
        visit_id = (await self._do(patient, begun)).visit.visit_id
        if not inpatient:
            await self._do(
                patient,
                orders.See(
                    person_id=person_id, visit_id=visit_id, care_code="11", begun_at=now,
                    diagnoses=_DIAGNOSES,
                ),
            )  # fmt: skip
        await self._do(
            patient,
            orders.AddLines(
                person_id=person_id, visit_id=visit_id,
                setting="inpatient" if inpatient else "outpatient",
                batch="" if inpatient else "1", lines=tuple(fee_lines),
            ),
        )  # fmt: skip
        if inpatient:
            await self._do(
                patient,
                orders.Discharge(
                    person_id=person_id, visit_id=visit_id, ended_at=now, way="1",
                    diagnoses=_DIAGNOSES,
                ),
            )  # fmt: skip
        data = {
            "psn_no": str(person_id), "mdtrt_cert_type": "02", "mdtrt_cert_no": patient.id_number,
            "medfee_sumamt": f"{total / 100:.2f}", "psn_setlway": "01", "mdtrt_id": str(visit_id),
            "acct_used_flag": "1", "insutype": "310", "invono": str(visit_id),
        }  # fmt: skip
        if inpatient:
            return "2304", at, {"data": {**data, "mid_setl_flag": "0"}}
        return "2207", at, {"data": {**data, "med_type": "11", "chrg_bchno": "1"}}

    async def _do(self, patient: Patient, order: Order) -> Any:
        outcome: list[Result | YikatongError] = []

        def render(result: Result | YikatongError) -> bytes:
            outcome.append(result)
            return b"{}"

        provider = self.providers[patient.hospital]
        message = f"{provider.provider_code}{next(self._messages):018d}"
        await self.desk.answer(
            Sender(provider, message, "0000", message.encode(), "bench"), order, render
        )
        result = outcome[-1]
        if isinstance(result, YikatongError):
            raise result
        return result


def calls_of(
    bench: Bench, ready: list[tuple[str, int, Any]], infno: str | None = None
) -> list[Any]:
    """What the load sends: hospital, transaction, input, insured region."""
    return [
        (
            bench.patients[at].hospital,
            infno or code,
            msgspec.json.encode(content),
            bench.patients[at].region,
        )
        for code, at, content in ready
    ]


def whole_visits(bench: Bench, how_many: int) -> list[dict[str, Any]]:
    """What clients of whole visits need."""
    now = bench.platform.clock.now().strftime("%Y-%m-%d %H:%M:%S")
    found: list[dict[str, Any]] = []
    for at in range(how_many):
        patient = bench.patients[at % len(bench.patients)]
        lines = [
            {
                "feedetl_sn": f"L{number}", "chrg_bchno": "1", "fee_ocur_time": now,
                "med_list_codg": item, "medins_list_codg": item,
                "det_item_fee_sumamt": f"{price / 100:.2f}", "cnt": "1",
                "pric": f"{price / 100:.2f}", "bilg_dept_codg": "01", "bilg_dept_name": "内科",
                "bilg_dr_codg": "D1", "bilg_dr_name": "张医生", "hosp_appr_flag": "1",
            }
            for number, (item, price) in enumerate(bench.lines())
        ]  # fmt: skip
        total = sum(round(float(line["det_item_fee_sumamt"]) * 100) for line in lines)
        found.append(
            {
                "hospital": patient.hospital,
                "insured": patient.region,
                "psn_no": str(patient.person_id),
                "shown": {"mdtrt_cert_type": "02", "mdtrt_cert_no": patient.id_number},
                "register": {
                    "insutype": "310", "begntime": now, "ipt_otp_no": f"M{at}", "atddr_no": "D1",
                    "dr_name": "张医生", "dept_code": "01", "dept_name": "内科", "caty": "A03",
                },
                "see": {"med_type": "11", "begntime": now, "main_cond_dscr": "头晕"},
                "diagnoses": [
                    {
                        "diag_type": "1", "diag_srt_no": "1", "diag_code": "I10.x00",
                        "diag_name": "原发性高血压", "diag_dept": "内科", "dise_dor_no": "D1",
                        "dise_dor_name": "张医生", "diag_time": now, "vali_flag": "1",
                    }
                ],
                "lines": lines,
                "bill": {
                    "med_type": "11", "medfee_sumamt": f"{total / 100:.2f}", "psn_setlway": "01",
                    "chrg_bchno": "1", "acct_used_flag": "1", "insutype": "310",
                },
            }
        )  # fmt: skip
    return found


def load(job: dict[str, Any]) -> Figures:
    """Figures of one load, driven from a process of its own."""
    with tempfile.NamedTemporaryFile(suffix=".job") as file:
        pickle.dump(job, file)
        file.flush()
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.hospital", file.name],
            stdout=subprocess.PIPE,
            check=True,
        )
    return msgspec.json.decode(done.stdout, type=Figures)


class Processes:
    """The app's processes and PostgreSQL's, and what they take."""

    def __init__(self, data: Path) -> None:
        self._data = str(data)
        self._cluster = data / "postgres"

    def _split(self) -> tuple[list[psutil.Process], list[psutil.Process]]:
        for process in psutil.process_iter(["cmdline"]):
            words: list[str] = process.info["cmdline"] or []
            if "up" in words and self._data in words:
                family = [process, *process.children(recursive=True)]
                return [one for one in family if one.name() != "postgres"], self._database()
        raise SystemExit("the platform is gone")

    def _database(self) -> list[psutil.Process]:
        """The server of this data alone: others may run beside it."""
        for process in psutil.process_iter(["name", "cmdline"]):
            words: list[str] = process.info["cmdline"] or []
            if process.info["name"] == "postgres" and self._cluster in map(Path, words):
                return [process, *process.children()]
        raise SystemExit("the database is gone")

    def resident_mib(self) -> float:
        """Resident memory of the app, all its processes together."""
        return round(sum(one.memory_info().rss for one in self._split()[0]) / 2**20, 1)

    def seconds(self) -> tuple[float, float]:
        """Processor time so far: of the app, of PostgreSQL."""
        app, database = (
            sum(used.user + used.system for one in group for used in [one.cpu_times()])
            for group in self._split()
        )
        return app, database


def _numbered() -> Iterator[int]:
    """Where each load's message numbers begin."""
    return itertools.count(10_000_000, 10_000_000)


async def measure(options: argparse.Namespace, data: Path, port: int, url: str) -> dict[str, Any]:
    """All loads, one after the other."""
    settings = Settings(data_dir=data, statement_seconds_max=600)
    firsts = _numbered()
    async with running.platform(settings) as platform:
        bench = Bench(platform)
        await bench.open(min(options.people // 10, 60_000))
        common = {"hospitals": bench.hospitals, "port": port, "clients": options.clients}

        def run(kind: str, seconds: float, **more: Any) -> Figures:
            return load({**common, "kind": kind, "seconds": seconds, "first": next(firsts), **more})

        half, part = options.seconds / 2, options.seconds / ROUNDS
        await bench.make_ready(2_000)
        bench.settled(run("prepared", 5, calls=calls_of(bench, bench.ready)).done)
        rounds: list[tuple[Figures, float]] = []
        processes = Processes(data)
        used = (0.0, 0.0)
        for turn in range(ROUNDS):
            await bench.make_ready(int(part * options.rate_max))
            before = processes.seconds()
            figures = run("prepared", part, calls=calls_of(bench, bench.ready))
            behind = processes.seconds()
            used = (used[0] + behind[0] - before[0], used[1] + behind[1] - before[1])
            bench.settled(figures.done)
            tpc_b = pgbench(
                url, options.clients, max(1, int(part)), first=turn == 0, scale=options.clients
            )
            rounds.append((figures, tpc_b))
        await bench.make_ready(4_000)
        stays = [one for one in bench.ready if one[0] == "2304"]
        quotes = calls_of(bench, stays * (1 + int(half * options.rate_max / len(stays))), "2303")
        quoted = run("prepared", half, calls=quotes)
        made = whole_visits(bench, int(half * options.rate_max / 3))
        visited = run("visits", half, people=made)
        memory = processes.resident_mib()
        proved = (await verify(platform)).proved
    rate = sum(one.per_second for one, _ in rounds) / len(rounds)
    tpc_b = sum(one for _, one in rounds) / len(rounds)
    settled = sum(one.done for one, _ in rounds)
    return {
        "benchmark": "settlements over the hospital interface",
        "settlements_per_second": round(rate, 1),
        "pgbench_tpc_b_per_second": round(tpc_b, 1),
        "ratio": round(rate / tpc_b, 2),
        "p50_ms": max(one.p50_ms for one, _ in rounds),
        "p99_ms": max(one.p99_ms for one, _ in rounds),
        "app_resident_mib": memory,
        "quotes_per_second": quoted.per_second,
        "visits_per_second": visited.per_second,
        "visit_p50_ms": visited.p50_ms,
        "failed": sum(one.failed for one, _ in rounds) + quoted.failed + visited.failed,
        "first_failure": next(
            (one.first_failure for one in (*(r[0] for r in rounds), quoted, visited) if one.failed),
            "",
        ),
        "settled": settled,
        "app_cpu_us": round(used[0] / settled * 1e6),
        "database_cpu_us": round(used[1] / settled * 1e6),
        "load_cpu_us": round(sum(one.cpu_seconds for one, _ in rounds) / settled * 1e6),
        "ledger_verified": proved,
        "rounds": [[one.per_second, round(other, 1)] for one, other in rounds],
        "people": options.people,
        "workers": options.workers,
        "clients": options.clients,
        "machine": describe(),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rate-max", type=int, default=7_000, help="visits made ready per second")
    parser.add_argument("--data", type=Path, help="keep the population here between runs")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="yikatong-bench-") as folder:
        data: Path = options.data or Path(folder)
        with (
            serving(data, options.people, options.workers) as (_, port),
            embedded.running(Settings(data_dir=data)) as url,
        ):
            result = uvloop.run(measure(options, data, port, url))
    sys.stdout.write(
        json.dumps(result, ensure_ascii=False, indent=None if options.json else 2) + "\n"
    )


if __name__ == "__main__":
    main()
