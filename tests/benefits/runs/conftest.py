"""Pensioners of 成都, and the steps of a run in few words."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Any

import pytest

from tests import fillings
from tests.conftest import Filling
from yikatong.benefits.runs import service, work
from yikatong.benefits.runs.model import Run
from yikatong.core.clock import SHANGHAI
from yikatong.core.platform import Platform

REGION = "510100"
FEBRUARY = date(2026, 2, 1)
MARCH = date(2026, 3, 1)
APRIL = date(2026, 4, 1)


class Pensioners:
    """Persons with an open account of their card, all of them drawing a pension here."""

    def __init__(self, platform: Platform, person_ids: list[int]) -> None:
        self.platform = platform
        self.ids = person_ids

    async def sql(self, statement: str, *values: Any) -> Any:
        async with self.platform.database.transaction() as connection:
            return await connection.fetchval(statement, *values)

    async def draw(
        self,
        person_id: int,
        monthly: int,
        *,
        region: str = REGION,
        status: str = "drawing",
        starts_on: date = date(2020, 1, 1),
        benefit: str = "pension",
        proof_due_on: date | None = None,
        insurance: str = "110",
        settled: date | None = FEBRUARY,
    ) -> None:
        """An entitlement settled through February; one that is there keeps what it has settled."""
        await self.sql(
            """insert into benefit_entitlements
                 (person_id, benefit, region, status, starts_on, monthly, proof_due_on, insurance,
                  settled_month)
               values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
               on conflict (person_id, benefit, starts_on) do update
                  set region = $3, status = $4, monthly = $6, proof_due_on = $7, insurance = $8""",
            person_id, benefit, region, status, starts_on, monthly, proof_due_on, insurance, settled,
        )  # fmt: skip

    async def owe(
        self,
        person_id: int,
        due_id: int,
        kind: str,
        amount: int,
        *,
        insurance: str = "110",
        month: date | None = None,
        created_at: datetime = datetime(2026, 2, 1, tzinfo=SHANGHAI),
    ) -> None:
        """A due of REGION's fund."""
        await self.sql(
            """insert into benefit_dues (person_id, due_id, benefit, insurance, region, kind, amount,
                                         reason, state, created_at, month_from, month_until, amounts)
               values ($1, $2, 'pension', $3, $4, $5, $6, 'held', 'open', $7, $8, $8, $9)""",
            person_id, due_id, insurance, REGION, kind, amount, created_at, month,
            [amount] if month else None,
        )  # fmt: skip

    async def dues(self) -> dict[tuple[int, int], str]:
        """The state of every due."""
        async with self.platform.database.transaction() as connection:
            rows = await connection.fetch("select person_id, due_id, state from benefit_dues")
        return {(row[0], row[1]): row[2] for row in rows}

    async def settled(self, person_id: int) -> date | None:
        """The last month of the newest entitlement that is settled."""
        return await self.sql(
            """select settled_month from benefit_entitlements where person_id = $1
                order by starts_on desc limit 1""",
            person_id,
        )

    async def balance(self, person_id: int) -> int:
        return await self.sql(
            "select balance from money_accounts where person_id = $1 and kind = 'bank'", person_id
        )

    async def line(self, run: Run, person_id: int) -> tuple[str, str, int]:
        """State, change and amount of a person's line."""
        async with self.platform.database.transaction() as connection:
            row = await connection.fetchrow(
                "select state, change, amount from benefit_run_lines where run_id = $1 and person_id = $2",
                run.run_id,
                person_id,
            )
        assert row is not None
        return row[0], row[1], row[2]

    async def prepare(
        self, month: date = MARCH, region: str = REGION, benefit: str = "pension"
    ) -> Run:
        one = await service.prepare(self.platform, benefit, region, month, "fin-1")
        return await work.go_on(self.platform, one.run_id)

    async def step(self, begin: Callable[..., Awaitable[Run]], run: Run, actor: str) -> Run:
        await begin(self.platform, run.run_id, actor)
        return await work.go_on(self.platform, run.run_id)

    async def check(self, run: Run) -> Run:
        return await self.step(service.check, run, "fin-1")

    async def pay(self, month: date = MARCH, region: str = REGION) -> Run:
        """All steps."""
        run = await self.check(await self.prepare(month, region))
        await self.step(service.approve, run, "fin-2")
        return await self.step(service.pay, run, "fin-1")


@pytest.fixture
def filling() -> Filling:
    return fillings.three_hundred_people


@pytest.fixture
async def pensioners(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Pensioners:
    """Twenty; a chunk holds seven, so that a run has several."""
    monkeypatch.setattr(work, "CHUNK", 7)
    async with platform.database.transaction() as connection:
        await connection.execute("delete from benefit_entitlements")
        rows = await connection.fetch(
            """select p.person_id from persons p
                 join cards c on c.person_id = p.person_id and c.state = 'active'
                 join money_accounts a on a.person_id = c.person_id and a.account_id = c.account_id
                where p.died_on is null and a.frozen = '{}' and a.state = 'open'
                  and p.person_id not in (select person_id from enrolments where insurance = '150')
                order by p.person_id limit 20"""
        )
    found = Pensioners(platform, [row[0] for row in rows])
    for number, person_id in enumerate(found.ids):
        await found.draw(person_id, 300_000 + number)
    return found
