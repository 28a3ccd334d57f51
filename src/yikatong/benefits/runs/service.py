"""Use cases of payment runs: prepare, check, approve by a second person, pay, correct, cancel, read.

A command here only changes where the run stands; `work.go_on` then does the work, in this process or
any other. Commands given twice do nothing the second time.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Final

import msgspec

from yikatong.benefits import service as benefits
from yikatong.benefits.model import Benefit, BenefitInsurance
from yikatong.benefits.runs import read_store, returned, store, work
from yikatong.benefits.runs.errors import (
    EarlierRunOpen,
    NothingToCorrect,
    SamePerson,
    TotalDiffers,
    WrongState,
)
from yikatong.benefits.runs.model import (
    BENEFITS,
    INSURANCES,
    WORKING,
    Finding,
    Line,
    Received,
    Returned,
    Run,
    Summary,
)
from yikatong.core import ids, regions
from yikatong.core.clock import today
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, Unavailable, one_of
from yikatong.core.money import Fen
from yikatong.core.months import add_months, month_of
from yikatong.core.platform import Platform
from yikatong.money.ledger import bulk
from yikatong.trust import audit
from yikatong.trust.access import NATION
from yikatong.trust.audit import Actor

LINES_MAX: Final = 1000
"""Lines of one page of a list."""
_SKEW_MAX: Final = timedelta(minutes=10)
"""Clocks of several machines are no further apart."""
_ACTOR: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,39}")


def check_actor(name: str, field: str = "actor") -> str:
    """The operator's staff number (经办人工号); raises InvalidInput."""
    if not _ACTOR.fullmatch(name):
        raise InvalidInput(
            field,
            zh="请填写经办人工号：2 至 40 个字母、数字、点、横线或下划线",
            en="give a staff number: 2 to 40 letters, digits, dots, hyphens or underscores",
        )
    return name


async def prepare(
    platform: Platform,
    benefit: str,
    region: str,
    month: date,
    actor: str,
    insurance: str | None = None,
) -> Run:
    """Begin the run of a month; where there is one already, that one as it stands.

    `insurance`: whose fund pays, of pensions 110 (职工, where nothing is said) or 150 (居民). Raises
    InvalidInput for an unknown benefit, insurance or region, or a month that is neither the next one,
    this one nor one of the last twelve; EarlierRunOpen.
    """
    check_actor(actor)
    known: Benefit = one_of(benefit, BENEFITS, "benefit")
    funds = INSURANCES[known]
    fund: BenefitInsurance = one_of(insurance or funds[0], funds, "insurance")
    code = regions.pooling_region(region).code
    first = month.replace(day=1)
    now = today(platform.clock)
    apart = (first.year - now.year) * 12 + first.month - now.month
    if not -12 <= apart <= 1:
        raise InvalidInput(
            "month",
            zh="只能发放下月、本月和过去 12 个月的待遇",
            en="a run is for the next month, this one, or one of the last twelve",
        )
    return await _begin(platform, known, fund, code, first, None, actor)


async def correct(platform: Platform, run_id: int, actor: str) -> Run:
    """Begin a run that pays the returned and stopped lines of a paid run that can be paid now
    (更正批次); where one is under way, that one. Raises NothingToCorrect, WrongState."""
    check_actor(actor)
    async with platform.database.transaction(readonly=True) as connection:
        one = await work.find(connection, run_id)
        if one.state != "paid":
            raise WrongState(one, "发放完成后才能更正", "it can be corrected once it is paid")
        under_way = await store.live_run(
            connection, one.benefit, one.insurance, one.region, one.month, run_id
        )
        if under_way is not None:
            return under_way
        if not await store.candidates(connection, run_id, -1, 1):
            raise NothingToCorrect
    return await _begin(platform, one.benefit, one.insurance, one.region, one.month, run_id, actor)


async def _begin(
    platform: Platform,
    benefit: Benefit,
    insurance: BenefitInsurance,
    region: str,
    month: date,
    corrects: int | None,
    actor: str,
) -> Run:
    now = platform.clock.now()
    made = Run(
        run_id=ids.new_id(now),
        benefit=benefit,
        insurance=insurance,
        region=region,
        month=month,
        corrects=corrects,
        state="preparing",
        prepared_through=-1,
        lines=0,
        check_round=0,
        prepared_by=actor,
        prepared_at=now,
        checked_by=None,
        checked_at=None,
        approved_by=None,
        approved_at=None,
        approved_lines=None,
        approved_amount=None,
        started_by=None,
        started_at=None,
        paid_at=None,
        cancelled_by=None,
        cancelled_at=None,
        version=1,
    )
    # Whose account is another one by now is paid again by this run.
    await returned.new_accounts(platform)
    async with platform.database.transaction() as connection:
        found = await store.live_run(connection, benefit, insurance, region, month, corrects)
        if found is not None:
            return found
        if corrects is None:
            earlier = await store.open_before(connection, benefit, insurance, region, month)
            if earlier is not None:
                raise EarlierRunOpen(earlier)
        if await store.insert_run(connection, made):
            return made
        found = await store.live_run(connection, benefit, insurance, region, month, corrects)
    if found is None:
        raise _changed()
    return found


async def check(platform: Platform, run_id: int, actor: str) -> Run:
    """Begin a check, also a second one after something was put right; raises WrongState."""
    check_actor(actor)
    async with platform.database.transaction() as connection:
        one = await _locked(connection, run_id)
        if one.state == "checking":
            return one
        if one.state not in ("prepared", "checked"):
            raise WrongState(one, "现在不能核对", "it cannot be checked now")
        return await _step(
            connection, one, state="checking", check_round=one.check_round + 1, checked_by=actor,
            checked_at=None,
        )  # fmt: skip


async def approve(platform: Platform, run_id: int, actor: str, total: Fen | None = None) -> Run:
    """Approve what the check left to be paid (复核批准), by another person than the one who prepared
    it. `total`: what the approver saw. Raises SamePerson, TotalDiffers, WrongState."""
    check_actor(actor)
    async with platform.database.transaction() as connection:
        one = await _locked(connection, run_id)
        if actor.casefold() == one.prepared_by.casefold():
            raise SamePerson
        if one.approved_by == actor and one.state in ("approved", "paying", "paid"):
            return one
        if one.state != "checked":
            raise WrongState(one, "核对完成后才能批准", "it can be approved once it is checked")
        sums = await read_store.progress(connection, one)
        if total is not None and total != sums.payable_amount:
            raise TotalDiffers(sums.payable_amount)
        return await _step(
            connection, one, state="approved", approved_by=actor,
            approved_at=platform.clock.now(), approved_lines=sums.payable,
            approved_amount=sums.payable_amount,
        )  # fmt: skip


async def pay(platform: Platform, run_id: int, actor: str) -> Run:
    """Begin to pay an approved run, or answer that it is under way or done; raises WrongState."""
    check_actor(actor)
    async with platform.database.transaction() as connection:
        one = await _locked(connection, run_id)
        if one.state in ("paying", "paid"):
            return one
        if one.state != "approved":
            raise WrongState(one, "批准后才能发放", "it can be paid once it is approved")
        return await _step(
            connection, one, state="paying", started_by=actor, started_at=platform.clock.now()
        )


async def cancel(platform: Platform, run_id: int, actor: str) -> Run:
    """Cancel a run of which nothing was paid (作废); its month may be prepared anew. Raises
    WrongState."""
    check_actor(actor)
    async with platform.database.transaction() as connection:
        one = await _locked(connection, run_id)
        if one.state in ("cancelling", "cancelled"):
            return one
        if one.state not in ("preparing", "prepared", "checked", "approved"):
            raise WrongState(one, "不能作废", "it cannot be cancelled")
        return await _step(
            connection, one, state="cancelling", cancelled_by=actor,
            cancelled_at=platform.clock.now(),
        )  # fmt: skip


async def _locked(connection: Connection, run_id: int) -> Run:
    await work.find(connection, run_id)
    one = await store.run(connection, run_id, lock=True)
    assert one is not None
    return one


async def _step(connection: Connection, one: Run, **changed: object) -> Run:
    done = await store.update_run(connection, one, **changed)
    if done is None:
        raise _changed()
    return done


def _changed() -> Unavailable:
    return Unavailable(
        zh="批次刚被修改，没有任何改动，请重试",
        en="the run was just changed; nothing was done, please try again",
    )


async def go_on_with_all(platform: Platform) -> int:
    """Go on with every run that something is under way of; for the platform's due work."""
    async with platform.database.transaction(readonly=True) as connection:
        found = await store.runs(connection, None, None, None, sorted(WORKING), 100)
    for one in found:
        await work.go_on(platform, one.run_id, workers=1)
    return len(found)


# ---- reading ----


async def runs(
    platform: Platform,
    benefit: str | None = None,
    region: str | None = None,
    month: date | None = None,
    limit: int = 100,
    *,
    areas: Iterable[str] = (NATION,),
) -> list[Run]:
    """Runs of regions that lie in one of these areas, the newest first."""
    async with platform.database.transaction(readonly=True) as connection:
        first = None if month is None else month.replace(day=1)
        return await store.runs(
            connection, benefit, region, first, None, limit, [benefits.within(one) for one in areas]
        )


async def find(platform: Platform, run_id: int) -> Run:
    """A run as it stands; raises NoSuchRun."""
    async with platform.database.transaction(readonly=True) as connection:
        return await work.find(connection, run_id)


async def summary(platform: Platform, run_id: int) -> Summary:
    """A run with its sums, groups and findings; raises NoSuchRun.

    The groups explain the difference to the month before; before an approval is given they are what
    would be paid, after it what was approved less what was stopped since.
    """
    async with platform.database.transaction() as connection:
        await connection.execute("set transaction isolation level repeatable read, read only")
        one = await work.find(connection, run_id)
        return Summary(
            run=one,
            progress=await read_store.progress(connection, one),
            groups=await read_store.groups(connection, run_id),
            states=await read_store.states(connection, run_id),
            findings=await read_store.finding_counts(connection, run_id),
            files=await read_store.files(connection, run_id),
        )


async def lines(
    platform: Platform,
    run_id: int,
    actor: Actor,
    *,
    states: Sequence[str] | None = None,
    changes: Sequence[str] | None = None,
    after: int = -1,
    limit: int = 100,
) -> list[Line]:
    """Lines behind a person, in the order of persons; the look is recorded with each of them."""
    async with platform.database.transaction() as connection:
        await work.find(connection, run_id)
        found = await read_store.lines(
            connection, run_id, states, changes, after, max(1, min(limit, LINES_MAX))
        )
        await _record(platform, connection, actor, run_id, found)
    return found


async def findings(
    platform: Platform,
    run_id: int,
    actor: Actor,
    *,
    codes: Sequence[str] | None = None,
    after: int = -1,
    limit: int = 100,
) -> list[tuple[Line, Finding]]:
    """What the check found, line by line; the look is recorded with each person."""
    async with platform.database.transaction() as connection:
        await work.find(connection, run_id)
        found = await read_store.findings(
            connection, run_id, codes, after, max(1, min(limit, LINES_MAX))
        )
        once = {line.person_id: line for line, _ in found}
        await _record(platform, connection, actor, run_id, list(once.values()))
    return found


async def _record(
    platform: Platform, connection: Connection, actor: Actor, run_id: int, found: Sequence[Line]
) -> None:
    events: list[tuple[int, str, dict[str, object]]] = [
        (line.person_id, "benefit.run_read", {"run_id": str(run_id)}) for line in found
    ]
    if events:
        await audit.record_many(connection, [actor] * len(events), platform.clock.now(), events)


async def received(
    platform: Platform, person_id: int, actor: Actor, limit: int = 24
) -> tuple[list[Received], list[Returned]]:
    """A person's payments, the newest first, and what is held as one came back; the look is recorded."""
    async with platform.database.transaction() as connection:
        found = await read_store.received(connection, person_id, limit)
        back = await returned.of_person(connection, person_id)
        await audit.record(
            connection, actor, platform.clock.now(), person_id, "benefit.payments_read"
        )
    return found, back


class Balance(msgspec.Struct, frozen=True):
    """The three sums of a month that must be one (三方核对), in fen."""

    month: date
    runs: int
    paid: Fen
    """By the lines of the runs."""
    fund: Fen
    """By the postings of the funds, going out."""
    banks: Fen
    """By the postings of bank accounts and bank files, coming in."""

    @property
    def agrees(self) -> bool:
        return self.paid == self.fund == self.banks


async def balance(platform: Platform, month: date, benefit: str | None = None) -> Balance:
    """Sum paid, the funds' outgoings and the banks' incoming of a month's runs, each read from a
    table of its own, of one moment."""
    first = month.replace(day=1)
    paid = fund = banks = 0
    async with platform.database.transaction() as connection:
        await connection.execute("set transaction isolation level repeatable read, read only")
        await connection.execute("set local statement_timeout = 0")
        found = await store.runs(connection, benefit, None, first, None, 10_000)
        begun = [one for one in found if one.started_at is not None]
        for one in begun:
            assert one.started_at is not None
            paid += await read_store.paid_of_run(connection, one.run_id)
            for payer in await read_store.payers_of_run(connection, one.run_id):
                flow = await bulk.outgoings(
                    connection, payer, ids.first_of(one.started_at - _SKEW_MAX), str(one.run_id)
                )
                fund += flow[0]
                banks += flow[1]
    return Balance(first, len(begun), paid, fund, banks)


async def months_that_differ(platform: Platform) -> list[Balance]:
    """Of this month and the two before those whose three sums are not one; for the daily work."""
    month = month_of(today(platform.clock))
    told = [await balance(platform, add_months(month, -back)) for back in range(3)]
    return [one for one in told if not one.agrees]
