"""The whole room over months: pensions, unemployment, proofs, deaths, adjustments, returns, kills.

Whatever happens in whatever order, a person got exactly what was owed, and lines, funds and banks say
the same of every month.
"""

import copy
import csv
import hashlib
import hmac
import io
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from yikatong.benefits import due
from yikatong.benefits.pension import adjust, ending, terms
from yikatong.benefits.pension.errors import NoPension
from yikatong.benefits.pension.terms import Adjustment
from yikatong.benefits.proof_of_life import service as proofs
from yikatong.benefits.runs import files, paid_back, pay_store, returned, service, work
from yikatong.benefits.runs.errors import NothingToCorrect
from yikatong.benefits.runs.model import Run
from yikatong.benefits.runs.returned import NothingReturned
from yikatong.benefits.unemployment import due as unemployment_due
from yikatong.benefits.unemployment import service as unemployment
from yikatong.benefits.unemployment.errors import NotDrawing
from yikatong.benefits.unemployment.model import NewClaim
from yikatong.core.clock import SHANGHAI, FixedClock
from yikatong.core.months import add_months, last_day, month_of, months_between
from yikatong.core.platform import Platform
from yikatong.money import verification
from yikatong.money.contributions.service import Notice
from yikatong.population import service as population
from yikatong.trust.audit import Actor

CLERK = Actor("staff", "0701", "test")
SECRET = "a-secret-of-these-tests-only-0123456789"
REGION = "510100"
MONTHS = 4
PENSIONERS, WORKERS = 6, 2
STANDARD = 186_400
"""2 330.00 × 80 %, of 成都 through all months of these tests."""
MORE = 10_000
KILLED_IN = ("settle", "dues_of", "mark_paid", "close_paid")

EVENT = st.one_of(
    st.tuples(st.sampled_from(("die", "prove", "close", "reopen")), st.integers(0, PENSIONERS - 1)),
    st.tuples(st.sampled_from(("confirm", "work")), st.integers(0, WORKERS - 1)),
    st.tuples(st.sampled_from(("adjust",)), st.integers(0, 2)),
    st.tuples(st.sampled_from(("skip",)), st.sampled_from(("110", "150", "210"))),
    st.tuples(st.sampled_from(("return", "late")), st.just(0)),
    st.tuples(st.sampled_from(("kill",)), st.sampled_from(KILLED_IN)),
    st.tuples(st.sampled_from(("release",)), st.integers(0, PENSIONERS - 1)),
    st.tuples(st.sampled_from(("mend", "pay_back")), st.integers(0, PENSIONERS + WORKERS - 1)),
)
STORY = st.lists(st.lists(EVENT, max_size=5), min_size=MONTHS, max_size=MONTHS)


class Killed(Exception):
    pass


class Owed:
    """What the law owes a person, kept beside the platform: month by month, in fen."""

    def __init__(self, since: date, monthly: int) -> None:
        self.since = since
        self.monthly = monthly
        self.rises: list[date] = []
        self.last: date | None = None
        self.passed: set[date] = set()

    def until(self, month: date | None) -> int:
        if month is None:
            return 0
        last = month if self.last is None else min(month, self.last)
        return sum(
            self.monthly + MORE * sum(each >= rise for rise in self.rises)
            for each in months_between(self.since, last)
            if each not in self.passed
        )


class Room:
    """People of 成都, some with an outside bank, and the steps of a month."""

    def __init__(self, platform: Platform, clock: FixedClock, ids: list[int]) -> None:
        self.platform, self.clock, self.ids = platform, clock, ids
        self.pensioners: list[int] = ids[:PENSIONERS]
        self.workers: list[int] = ids[PENSIONERS:]
        self.owed: dict[int, Owed] = {}
        self.unanswered: list[Run] = []
        self.kill: str | None = None
        self.skipped: set[str] = set()
        self.back = False
        self.late = False
        self.keys = 0
        self.first = date.min
        self.paid_before: dict[int, int] = {}

    async def sql(self, statement: str, *values: Any) -> Any:
        async with self.platform.database.transaction() as connection:
            return await connection.fetchval(statement, *values)

    @property
    def month(self) -> date:
        return month_of(self.clock.now().date())

    def key(self) -> str:
        self.keys += 1
        return f"k{self.month}-{self.keys}"

    def go_to(self, day: date) -> None:
        at = datetime(day.year, day.month, day.day, 9, tzinfo=SHANGHAI)
        self.clock.advance(at - self.clock.now())

    async def begin(self) -> None:
        """A new story in the next month; what was paid before stays in the ledger."""
        await self.sql(
            """truncate benefit_runs, benefit_run_chunks, benefit_run_lines, benefit_run_dues,
                        benefit_run_findings, benefit_run_files, benefit_entitlements, benefit_dues,
                        benefit_adjustments, benefit_commands, proofs_of_life, proof_reminders,
                        unemployment_claims, job_seeker_months, job_refusals"""
        )
        await self.sql("update persons set died_on = null where died_on is not null")
        await self.sql("update cards set account_id = person_id * 10 where account_id is null")
        self.go_to(add_months(self.month, 1))
        first, before = self.month, add_months(self.month, -1)
        self.first = first
        self.unanswered = []
        self.owed = {}
        for number, person_id in enumerate(self.pensioners):
            monthly = 300_000 + number
            self.owed[person_id] = Owed(first, monthly)
            await self.sql(
                """insert into benefit_entitlements (person_id, benefit, insurance, region, status,
                       starts_on, monthly, proof_due_on, months_paid, settled_month)
                   values ($1, 'pension', $2, $3, 'drawing', $4, $5, $6, 300, $7)""",
                person_id, "150" if number % 3 == 2 else "110", REGION, date(2020, 1, 1), monthly,
                last_day(add_months(first, number % 3)), before,
            )  # fmt: skip
        for person_id in self.workers:
            wanted = NewClaim(
                left_on=add_months(first, -1), reason="dismissed", registered_on=first
            )
            claim = await unemployment.claim(self.platform, person_id, wanted, CLERK, self.key())
            assert claim.starts_on == first
            self.owed[person_id] = Owed(first, STANDARD)
        self.paid_before = {person_id: await self.paid(person_id) for person_id in self.ids}

    async def happen(self, what: str, which: Any) -> None:
        """One event of a month."""
        if what == "skip":
            self.skipped.add(which)
        elif what == "kill":
            self.kill = which
        elif what == "return":
            self.back = True
        elif what == "late":
            self.late = True
        elif what == "adjust":
            await self.adjust(max(self.first, add_months(self.month, which - 1)))
        elif what in ("confirm", "work"):
            await self.of_worker(what, self.workers[which])
        elif what == "mend":
            await self.mend(self.ids[which])
        elif what == "pay_back":
            await self.pay_back(self.ids[which])
        else:
            await self.of_pensioner(what, self.pensioners[which])

    async def of_pensioner(self, what: str, person_id: int) -> None:
        owed = self.owed[person_id]
        if what == "die":
            if owed.last is not None:
                return
            died_on = add_months(self.month, -1)
            try:
                await ending.stop(self.platform, person_id, died_on, CLERK, self.key())
            except NoPension:
                return
            owed.last = died_on
            await self.sql(
                "update persons set died_on = $2 where person_id = $1", person_id, died_on
            )
        elif what == "prove" and owed.last is None:
            now = self.platform.clock.now()
            await proofs.record(self.platform, person_id, "counter", now, self.key(), CLERK)
        elif what == "close":
            await self.sql(
                "update cards set account_id = null where person_id = $1 and state = 'active'",
                person_id,
            )
        elif what == "reopen":
            await self.sql(
                """update cards set account_id = person_id * 10
                    where person_id = $1 and state = 'active'""",
                person_id,
            )
        elif what == "release":
            # By hand, and made good by nobody.
            await self.sql(
                """update benefit_entitlements set status = 'drawing', held_reason = null,
                          held_on = null, version = version + 1,
                          proof_due_on = (proof_due_on + interval '12 months')::date
                    where person_id = $1 and status = 'held'""",
                person_id,
            )

    async def mend(self, person_id: int) -> None:
        """The account was put right after the bank sent a payment back."""
        try:
            await returned.account_is_right(self.platform, person_id, CLERK, self.key())
        except NothingReturned:
            return

    async def pay_back(self, person_id: int) -> None:
        """All of what was paid too much, or two thirds of it, through a bank."""
        for one in await paid_back.open_recoveries(self.platform, CLERK):
            if one.person_id == person_id:
                key = self.key()
                amount = one.amount if one.due_id % 2 else one.amount * 2 // 3
                notice = Notice("BOC", key, amount)
                await paid_back.take(self.platform, person_id, one.due_id, notice, CLERK, key)

    async def of_worker(self, what: str, person_id: int) -> None:
        owed = self.owed[person_id]
        day = self.clock.now().date()
        try:
            if what == "confirm":
                await unemployment.confirm_month(self.platform, person_id, CLERK)
                owed.passed.discard(self.month)
                return
            one = await unemployment.end(self.platform, person_id, "work", day, CLERK)
        except NotDrawing:
            return
        assert one.ended_on is not None
        owed.last = min(month_of(one.ended_on), self.month)

    async def adjust(self, effective: date) -> None:
        """100 yuan more for whoever draws of the employees' fund."""
        name = self.key()
        one = Adjustment(
            rule=name, region=REGION, insurance="110", effective=effective,
            retired_by=date(2025, 1, 1), fixed=MORE, a_year=0, at_least_years=0, percent=0, ages=(),
            reached_by=effective, source="", origin="given",
        )  # fmt: skip
        book = copy.copy(terms.load())
        book.adjustments = (one,)
        await adjust.adjust(self.platform, name, CLERK, book=book)
        async with self.platform.database.transaction() as connection:
            rows = await connection.fetch(
                "select person_id from benefit_adjustments where rule = $1", name
            )
        for row in rows:
            self.owed[row[0]].rises.append(effective)

    async def watch_holds(self) -> None:
        """The due work of the day; the months that nobody confirmed are not owed."""
        await due.run(self.platform)
        held_before = await self.held_workers()
        await unemployment_due.run(self.platform)
        held = await self.held_workers()
        for person_id in held | held_before:
            self.owed[person_id].passed.add(self.month)

    async def held_workers(self) -> set[int]:
        async with self.platform.database.transaction() as connection:
            rows = await connection.fetch(
                "select person_id from unemployment_claims where state = 'held'"
            )
        return {row[0] for row in rows}

    async def run(self, benefit: str, insurance: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """All steps of a run of the month, killed on the way where that is told, and a correction."""
        platform = self.platform
        one = await service.prepare(platform, benefit, REGION, self.month, "fin-1", insurance)
        one = await work.go_on(platform, one.run_id)
        await self.pay(one, monkeypatch)
        try:
            more = await service.correct(platform, one.run_id, "fin-1")
        except NothingToCorrect:
            return
        await self.pay(await work.go_on(platform, more.run_id), monkeypatch)

    async def pay(self, one: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        platform, run_id = self.platform, one.run_id
        await service.check(platform, run_id, "fin-1")
        await work.go_on(platform, run_id)
        await service.approve(platform, run_id, "fin-2")
        await service.pay(platform, run_id, "fin-1")
        if self.kill is not None:
            whole = getattr(pay_store, self.kill)

            async def killed(*args: object) -> None:
                await whole(*args)
                raise Killed

            with monkeypatch.context() as patch:
                patch.setattr(pay_store, self.kill, killed)
                with pytest.raises(Killed):
                    await work.go_on(platform, run_id, workers=1)
            self.kill = None
        await work.go_on(platform, run_id)
        self.unanswered.append(one)
        if not self.late:
            await self.answer()

    async def answer(self) -> None:
        """The outside bank says what became of its lines, maybe months later."""
        for one in self.unanswered:
            parts = [part async for part in files.make(self.platform, one.run_id, "ICBC", "fin-1")]
            lines = list(csv.reader(io.StringIO(b"".join(parts).decode())))[1:-1]
            rows = [
                ("D", line[1], line[4], *(("returned", "x") if self.back else ("done", "")))
                for line in lines
            ]
            told = [("H", "YKT-RESULTS-1", str(one.run_id), "ICBC", str(len(rows))), *rows]
            body = "".join(",".join(row) + "\n" for row in told).encode()
            hashed = hashlib.sha256(body).hexdigest()
            signed = f"file\nresults\n{hashed}".encode()
            signature = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
            content = body + f"T,{hashed},{signature}\n".encode()
            await files.take_answer(self.platform, one.run_id, "ICBC", content, "fin-1")
        self.unanswered = []

    async def paid(self, person_id: int) -> int:
        """By the ledger alone: what the funds paid of benefits, less what came back."""
        return await self.sql(
            """select coalesce(-sum(p.amount), 0)::bigint from ledger_postings p
                 join shared_accounts s on s.account_id = p.account_id and s.kind = 'fund'
                 join ledger_transactions t on t.person_id = p.about_person_id
                                           and t.transaction_id = p.transaction_id
                where p.about_person_id = $1 and (t.kind like 'benefit%' or t.kind = 'recovery')""",
            person_id,
        )

    async def prove(self) -> None:
        """What every person got is what was owed until the month that is settled."""
        for person_id in self.ids:
            settled = await self.sql(
                """select max(settled_month) from benefit_entitlements where person_id = $1""",
                person_id,
            )
            open_dues = await self.sql(
                """select coalesce(sum(case when kind = 'recovery' then -amount else amount end), 0)
                          ::bigint
                     from benefit_dues where person_id = $1 and state = 'open'""",
                person_id,
            )
            paid = await self.paid(person_id) - self.paid_before[person_id]
            owed = self.owed[person_id].until(settled)
            assert paid + open_dues == owed, (person_id, paid, open_dues, owed, settled)
        for month in months_between(add_months(self.month, -MONTHS - 3), self.month):
            assert (await service.balance(self.platform, month)).agrees, month


@pytest.fixture
async def room(
    platform: Platform, clock: FixedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Room:
    (tmp_path / "secret").write_text(SECRET)
    banks = tmp_path / "banks.yaml"
    banks.write_text("- {code: ICBC, url: 'https://bank.example', secret_file: secret}\n")
    platform = msgspec.structs.replace(
        platform, settings=msgspec.structs.replace(platform.settings, outside_banks=banks)
    )
    monkeypatch.setattr(work, "CHUNK", 2)
    await population.make(platform, 300, 3, lambda _: None)
    async with platform.database.transaction() as connection:
        await connection.execute("delete from benefit_entitlements")
        rows = await connection.fetch(
            """select p.person_id from persons p
                 join cards c on c.person_id = p.person_id and c.state = 'active'
                 join money_accounts a on a.person_id = c.person_id and a.account_id = c.account_id
                 left join enrolments u on u.person_id = p.person_id and u.insurance = '210'
                 left join enrolments m on m.person_id = p.person_id and m.insurance = '310'
                                       and m.status = 'insured' and m.category = 'active'
                where p.died_on is null and a.frozen = '{}' and a.state = 'open' and p.sex = 1
                order by u.person_id is not null and m.person_id is not null
                         and p.birth_date between '1985-06-01' and '1999-01-01' desc, p.person_id
                limit $1""",
            PENSIONERS + WORKERS,
        )
        ids = [row[0] for row in reversed(rows)]
        await connection.execute(
            """update enrolments set region = $2, months_paid = 72, covered_until = null
                where person_id = any($1::bigint[]) and insurance in ('210', '310')""",
            ids,
            REGION,
        )
        await connection.execute(
            """update money_accounts set bank = case when person_id % 2 = 0 then 'ICBC' else 'BOC' end
                where kind = 'bank'"""
        )
    return Room(platform, clock, ids)


@given(story=STORY)
@settings(
    max_examples=12,
    deadline=None,
    # A story goes on where the one before ended, so that none can be told again.
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_over_all_months_everybody_gets_what_is_owed_and_never_twice(
    room: Room, monkeypatch: pytest.MonkeyPatch, story: list[list[tuple[str, Any]]]
) -> None:
    await room.begin()
    for number, events in enumerate(story):
        if number:
            room.go_to(add_months(room.month, 1))
        room.skipped, room.kill, room.back, room.late = set(), None, False, False
        await room.watch_holds()
        await room.prove()
        for what, which in events:
            await room.happen(what, which)
            await room.prove()
        for benefit, insurance in (("pension", "110"), ("pension", "150"), ("unemployment", "210")):
            if insurance not in room.skipped:
                await room.run(benefit, insurance, monkeypatch)
        await room.prove()
    await settle_everything(room, monkeypatch)
    assert (await verification.verify(room.platform)).proved


async def settle_everything(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once all accounts are open, all proofs given and all banks heard, nothing but what was paid too
    much is left open, and every month is paid."""
    room.back = room.late = False
    await room.answer()
    for person_id in room.pensioners:
        await room.of_pensioner("reopen", person_id)
        await room.of_pensioner("prove", person_id)
    for person_id in room.ids:
        await room.mend(person_id)
    for _ in range(2):
        room.go_to(add_months(room.month, 1))
        await room.watch_holds()
        for person_id in room.pensioners:
            await room.of_pensioner("prove", person_id)
        for person_id in room.workers:
            await room.of_worker("confirm", person_id)
        for benefit, insurance in (("pension", "110"), ("pension", "150"), ("unemployment", "210")):
            await room.run(benefit, insurance, monkeypatch)
        await room.prove()
    kinds = await room.sql("select array_agg(distinct kind) from benefit_dues where state = 'open'")
    assert kinds in (None, ["recovery"])
    for person_id in room.pensioners:
        settled = await room.sql(
            "select settled_month from benefit_entitlements where person_id = $1", person_id
        )
        last = room.owed[person_id].last
        assert settled == room.month or (last is not None and settled >= last)
