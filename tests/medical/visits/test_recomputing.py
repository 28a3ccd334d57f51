"""Recomputing: what was settled is found as it was; whatever is changed afterwards is found out."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.medical.visits.conftest import Hospital, line
from tests.medical.visits.test_settling import settle
from yikatong.core.platform import Platform
from yikatong.medical.visits import orders, recomputing
from yikatong.medical.visits.model import FeeLine
from yikatong.medical.visits.recomputing import Recomputation
from yikatong.policies import service as policies
from yikatong.policies.service import PolicyBook


@pytest.fixture
async def carried(platform: Platform, beijing: Hospital) -> None:
    """What the people of the tests begin the year with is carried over."""
    async with platform.database.transaction() as connection:
        await connection.execute(
            """insert into accumulators_carried_over
               select person_id, insurance, year_starts_on,
                      to_jsonb(a) - '{person_id,insurance,year_starts_on,version}'::text[], 'made'
                 from accumulators a on conflict do nothing"""
        )


async def treat(hospital: Hospital, person: int, items: dict[str, str]) -> tuple[int, int]:
    """A stay settled twice (the first reversed), a line given back, an outpatient visit."""
    visit = await hospital.stay(
        person, line(items["A"], 900_000, number="first"), line(items["B"], 100_001, number="b"),
        line(items["C"], 5_000), discharged=False,
    )  # fmt: skip
    back = line(items["B"], -100_001, gives_back="b")
    await hospital.do(
        orders.AddLines(
            person_id=person, visit_id=visit, setting="inpatient", batch="",
            lines=(_negative(back),),
        )
    )  # fmt: skip
    await hospital.do(orders.Discharge(person_id=person, visit_id=visit, ended_at=back.at, way="1"))
    order = settle(person, visit, "inpatient", 905_000, use_account=True)
    done = await hospital.do(order)
    await hospital.do(
        orders.Reverse(
            person_id=person, settlement_id=done.settlement.settlement_id, visit_id=visit
        )
    )
    last = await hospital.do(order)
    return visit, last.settlement.settlement_id


def _negative(one: FeeLine) -> FeeLine:
    return msgspec.structs.replace(one, quantity="-1", price=str(Decimal(-one.total) / 100))


async def found(platform: Platform, **more: Any) -> Recomputation:
    return await recomputing.recompute(platform, **more)


async def test_what_was_settled_is_computed_again_to_the_fen(
    platform: Platform,
    beijing: Hospital,
    people: dict[str, int],
    items: dict[str, str],
    carried: None,
) -> None:
    for situation in ("all_in_order", "resident", "filing_none"):
        await treat(beijing, people[situation], items)
    progress: list[tuple[int, int]] = []
    told = await found(platform, progress=lambda done, of: progress.append((done, of)))
    assert told.differences == []
    assert (told.settlements, told.reversals) == (6, 3)
    assert told.lines == 12
    assert progress[-1][0] == progress[-1][1] == told.persons
    drawn = await found(platform, sample=2, since=platform.clock.now().date())
    assert (drawn.persons, drawn.settlements) == (2, 4)
    later = await found(platform, since=platform.clock.now().date() + timedelta(days=1))
    assert (later.persons, later.settlements) == (0, 0)


TAMPERED: Sequence[tuple[str, str]] = (
    (
        "update settlements set pooled = pooled - 1, cash = cash + 1 where reverses is null",
        "the policy gives the same",
    ),
    (
        """update settlements set added = jsonb_set(added::jsonb, '{pooled}', '1')
            where reverses is null""",
        "the policy adds the same to the year",
    ),
    ("update settlements set policy_from = '1999-01-01'", "the policy is on file"),
    (
        "update settlements set inputs = jsonb_set(inputs::jsonb, '{bill,total}', '1')",
        "the policy gives the same",
    ),
    (
        """update fee_batches set lines = jsonb_set(lines, '{1,first_pay}', '0')
            where lines_count = 3""",
        "a line's split follows from its terms",
    ),
    (
        "update fee_batches set total = total + 1",
        "an upload's sums are those of its lines",
    ),
    (
        "update fee_batches set lines = lines - 2, lines_count = 2 where lines_count = 3",
        "the bill is the sum of its lines",
    ),
    ("update fee_batches set settlement_id = null", "the uploads it took are its own"),
    (
        """update fee_batches set settlement_id =
             (select min(settlement_id) from settlements s where s.person_id = fee_batches.person_id)""",
        "an upload was taken by a settlement that stands",
    ),
    ("update settlements set deductible = -1 where reverses is not null", "a reversal negates"),
    (
        "update settlements set care_code = '22' where reverses is not null",
        "a reversal is of the same",
    ),
    (
        "update settlements set reverses = 1 where reverses is not null",
        "a reversal takes back a settlement",
    ),
    (
        "update settlements set self_paid = -self_paid where reverses is null",
        "no part has the wrong sign",
    ),
    (
        """update ledger_transactions set amounts[1] = amounts[1] + 1
            where kind = 'medical_settlement'""",
        "the ledger has the parts",
    ),
    ("update settlements set transaction_id = null", "the ledger has the parts"),
    (
        "update ledger_transactions set reverses = null where kind = 'medical_reversal'",
        "the ledger names what is reversed",
    ),
    (
        "update accumulators set pooled = pooled + 1",
        "the year is what was carried over and settled",
    ),
    ("delete from accumulators", "the year is what was carried over and settled"),
    (
        "update settlements set inputs = jsonb_set(inputs::jsonb, '{year_to_date,pooled}', '100')",
        "the year goes on from the settlements before",
    ),
    (
        """update accumulators_carried_over set amounts = amounts || '{"unheard_of": 1}'""",
        "what was carried over is known",
    ),
)


async def test_whatever_is_changed_afterwards_is_found_out(
    platform: Platform,
    beijing: Hospital,
    people: dict[str, int],
    items: dict[str, str],
    carried: None,
    database_url: str,
) -> None:
    await treat(beijing, people["all_in_order"], items)
    assert (await found(platform)).agrees
    for statement, check in TAMPERED:
        async with platform.database.transaction() as connection:
            for table in ("settlements", "fee_batches", "accumulators", "ledger_transactions",
                          "accumulators_carried_over"):  # fmt: skip
                await connection.execute(f"create table kept_{table} as table {table}")
            await connection.execute(statement)
        told = await found(platform)
        assert check in {one.check for one in told.differences}, (statement, told.differences)
        async with platform.database.transaction() as connection:
            for table in ("settlements", "fee_batches", "accumulators", "ledger_transactions",
                          "accumulators_carried_over"):  # fmt: skip
                await connection.execute(f"delete from {table}")
                await connection.execute(f"insert into {table} table kept_{table}")
                await connection.execute(f"drop table kept_{table}")
    assert (await found(platform)).agrees


async def test_a_policy_no_longer_on_file_is_a_difference_that_says_so(
    platform: Platform,
    beijing: Hospital,
    people: dict[str, int],
    items: dict[str, str],
    carried: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await treat(beijing, people["all_in_order"], items)
    rest = [one for one in policies.load().policies() if one.region != "510100"]
    monkeypatch.setattr(policies, "load", lambda: PolicyBook(rest))
    told = await found(platform)
    assert {one.check for one in told.differences} == {"the policy is on file"}
    assert told.differences_count == 2
    assert told.differences[0].expected == f"510100 310 {date(2023, 7, 1)}"


async def test_the_command_says_no_by_its_exit_code(
    platform: Platform,
    beijing: Hospital,
    people: dict[str, int],
    items: dict[str, str],
    carried: None,
    database_url: str,
    tmp_path: Path,
) -> None:
    await treat(beijing, people["all_in_order"], items)
    keys = tmp_path / "keys"
    keys.mkdir(mode=0o700)
    (keys / "personal-data.key").write_text(bytes(range(32)).hex())
    (keys / "personal-data.key").chmod(0o600)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "yikatong", "recompute", *words],
            capture_output=True,
            text=True,
            timeout=60,
            env={
                **os.environ,
                "YIKATONG_DATABASE_URL": database_url,
                "YIKATONG_DATA": str(tmp_path),
            },
        )

    done = run("--all", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["agrees"], told["settlements"], told["differences"]) == (True, 2, [])
    async with platform.database.transaction() as connection:
        await connection.execute("update accumulators set pooled = pooled + 1 where pooled > 0")
    done = run()
    assert done.returncode == 1
    assert "the year is what was carried over and settled" in done.stdout
    for words, field in (
        (("--all", "--sample", "3"), "--sample"),
        (("--since", "yesterday"), "--since"),
    ):
        done = run(*words)
        assert done.returncode == 2
        assert field in done.stderr
        assert done.stderr.count("\n") == 1
