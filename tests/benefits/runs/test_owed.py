"""What a run owes besides its month: months missed, dues, what came back; nothing twice, nothing lost."""

import asyncio
import copy
from datetime import date, datetime, timedelta

import pytest

from tests.benefits.runs.conftest import APRIL, FEBRUARY, MARCH, REGION, Pensioners
from yikatong.benefits.pension import adjust, ending, terms
from yikatong.benefits.pension.terms import Adjustment
from yikatong.benefits.proof_of_life import service as proofs
from yikatong.benefits.runs import pay_store, paying, service, work
from yikatong.benefits.runs.errors import EarlierRunOpen
from yikatong.benefits.runs.model import Run
from yikatong.core.clock import SHANGHAI, FixedClock
from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform
from yikatong.money import verification
from yikatong.trust.audit import Actor

CLERK = Actor("staff", "fin-1", "test")
MAY = date(2026, 5, 1)


def rule(effective: date) -> terms.Book:
    """A book whose one rule adds 100 yuan a month."""
    one = Adjustment(
        rule="more", region=REGION, insurance="110", effective=effective, retired_by=date(2025, 1, 1),
        fixed=10_000, a_year=0, at_least_years=0, percent=0, ages=(), reached_by=effective,
        source="document", origin=terms.load().adjustments[0].origin,
    )  # fmt: skip
    book = copy.copy(terms.load())
    book.adjustments = (one,)
    return book


async def proved(platform: Platform, month: date) -> int:
    found = await service.balance(platform, month)
    assert found.agrees, found
    assert (await verification.verify(platform)).proved
    return found.paid


async def codes(platform: Platform, run: Run) -> dict[str, int]:
    found = (await service.summary(platform, run.run_id)).findings
    return {code: count for code, (count, _) in found.items()}


async def test_a_month_paid_is_settled_and_is_no_arrears_for_anybody(
    pensioners: Pensioners, platform: Platform
) -> None:
    await pensioners.pay()
    assert await pensioners.settled(pensioners.ids[0]) == MARCH
    await adjust.adjust(platform, "more", CLERK, book=rule(FEBRUARY))
    amounts = await pensioners.sql(
        "select array_agg(distinct amounts) from benefit_dues where reason = 'adjusted'"
    )
    assert amounts == [[10_000, 10_000]]


async def test_a_month_without_a_run_is_paid_by_the_next_one_as_arrears(
    pensioners: Pensioners,
) -> None:
    person_id = pensioners.ids[0]
    run = await pensioners.pay(APRIL)
    assert await pensioners.line(run, person_id) == ("paid", "new", 600_000)
    total = 2 * sum(300_000 + n for n in range(20))
    assert await proved(pensioners.platform, APRIL) == total
    # The month passed over has nothing left to pay.
    late = await pensioners.prepare(MARCH)
    assert late.lines == 0
    assert await pensioners.settled(person_id) == date(2026, 4, 1)


async def test_the_sum_of_each_month_missed_is_that_of_the_month(
    pensioners: Pensioners, platform: Platform, clock: FixedClock
) -> None:
    await adjust.adjust(platform, "more", CLERK, book=rule(APRIL))
    clock.advance(timedelta(days=62))
    run = await pensioners.pay(MAY)
    # March as it was, April and May with 100 more.
    assert await pensioners.line(run, pensioners.ids[0]) == ("paid", "new", 920_000)


async def test_a_run_in_advance_of_an_adjustment_pays_the_sum_of_its_month(
    pensioners: Pensioners, platform: Platform
) -> None:
    await adjust.adjust(platform, "more", CLERK, book=rule(APRIL))
    run = await pensioners.pay(MARCH)
    assert await pensioners.line(run, pensioners.ids[0]) == ("paid", "new", 300_000)
    run = await pensioners.pay(APRIL)
    assert await pensioners.line(run, pensioners.ids[0]) == ("paid", "changed", 310_000)


async def test_a_later_month_waits_for_the_earlier_run(pensioners: Pensioners) -> None:
    run = await pensioners.prepare(MARCH)
    with pytest.raises(EarlierRunOpen):
        await pensioners.prepare(APRIL)
    await pensioners.step(service.cancel, run, "fin-1")
    assert (await pensioners.prepare(APRIL)).lines == 20


async def test_each_fund_pays_its_own_by_a_run_of_its_own(
    pensioners: Pensioners, platform: Platform
) -> None:
    resident, heir = pensioners.ids[:2]
    await pensioners.sql("delete from benefit_entitlements where person_id = $1", heir)
    for person_id in (resident, heir):
        await pensioners.draw(person_id, 20_000, insurance="150", starts_on=date(2021, 1, 1))
    await pensioners.sql(
        "delete from benefit_entitlements where person_id = $1 and insurance = '110'", resident
    )
    await pensioners.owe(heir, 1, "lump_sum", 800_000)
    employees = await pensioners.pay()
    assert employees.lines == 19
    # Who draws a residents' pension gets a lump sum of the employees' fund beside it.
    assert await pensioners.line(employees, heir) == ("paid", "new", 800_000)
    one = await service.prepare(platform, "pension", REGION, MARCH, "fin-1", "150")
    residents = await pensioners.check(await work.go_on(platform, one.run_id))
    assert residents.lines == 2
    await pensioners.step(service.approve, residents, "fin-2")
    await pensioners.step(service.pay, residents, "fin-1")
    assert await pensioners.line(residents, heir) == ("paid", "new", 20_000)
    funds = await pensioners.sql(
        """select array_agg(distinct (s.purpose, l.amount)::text) from benefit_run_lines l
             join shared_accounts s on s.account_id = l.payer_id where l.person_id = $1""",
        heir,
    )
    assert sorted(funds) == ["(110,800000)", "(150,20000)"]
    assert await proved(platform, MARCH) == 800_000 + 40_000 + sum(
        300_000 + n for n in range(2, 20)
    )
    with pytest.raises(InvalidInput) as caught:
        await service.prepare(platform, "unemployment", REGION, MARCH, "fin-1", "110")
    assert caught.value.field == "insurance"


async def test_who_is_released_while_the_run_is_under_way_is_paid_once(
    pensioners: Pensioners, platform: Platform
) -> None:
    person_id = pensioners.ids[0]
    run = await pensioners.check(await pensioners.prepare())
    await service.approve(platform, run.run_id, "fin-2")
    # Held and proved again between approval and payment: March became arrears.
    await pensioners.sql(
        """update benefit_entitlements set status = 'held', held_reason = 'proof_of_life',
                  held_on = '2026-03-01', proof_due_on = '2026-02-20' where person_id = $1""",
        person_id,
    )
    now = platform.clock.now()
    await proofs.record(platform, person_id, "counter", now, "0701", CLERK)
    await pensioners.step(service.pay, run, "fin-1")
    assert await pensioners.line(run, person_id) == ("blocked", "new", 300_000)
    assert await codes(platform, run) == {"settled": 1}
    correction = await corrected(pensioners, run)
    assert await pensioners.line(correction, person_id) == ("paid", "made_good", 300_000)
    run = await pensioners.pay(APRIL)
    assert await pensioners.line(run, person_id) == ("paid", "same", 300_000)


async def corrected(pensioners: Pensioners, run: Run) -> Run:
    """The correction of a run, paid."""
    one = await service.correct(pensioners.platform, run.run_id, "fin-1")
    one = await pensioners.check(await work.go_on(pensioners.platform, one.run_id))
    await pensioners.step(service.approve, one, "fin-2")
    return await pensioners.step(service.pay, one, "fin-1")


async def test_a_sum_raised_while_the_run_is_under_way_is_stopped_and_corrected(
    pensioners: Pensioners, platform: Platform
) -> None:
    run = await pensioners.check(await pensioners.prepare())
    await service.approve(platform, run.run_id, "fin-2")
    await adjust.adjust(platform, "more", CLERK, book=rule(MARCH))
    run = await pensioners.step(service.pay, run, "fin-1")
    assert await codes(platform, run) == {"amount_changed": 20}
    assert await proved(platform, MARCH) == 0
    await corrected(pensioners, run)
    assert await proved(platform, MARCH) == sum(310_000 + n for n in range(20))
    await pensioners.pay(APRIL)
    assert await proved(platform, APRIL) == sum(310_000 + n for n in range(20))


async def test_a_due_cancelled_while_the_run_is_under_way_is_not_paid(
    pensioners: Pensioners, platform: Platform
) -> None:
    person_id = pensioners.ids[0]
    await pensioners.owe(person_id, 1, "arrears", 70_000)
    run = await pensioners.check(await pensioners.prepare())
    await service.approve(platform, run.run_id, "fin-2")
    await pensioners.sql(
        """update benefit_dues set state = 'cancelled', closed_at = now(), version = 2
            where person_id = $1""",
        person_id,
    )
    run = await pensioners.step(service.pay, run, "fin-1")
    assert await codes(platform, run) == {"dues_changed": 1}
    again = await corrected(pensioners, run)
    assert await pensioners.line(again, person_id) == ("paid", "made_good", 300_000)


async def test_dues_and_month_are_one_transaction_with_the_payment(
    pensioners: Pensioners, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off at every place, what is settled and what is paid stay one."""

    class Killed(Exception):
        pass

    person_id = pensioners.ids[0]
    await pensioners.owe(person_id, 1, "arrears", 70_000)
    run = await pensioners.check(await pensioners.prepare())
    await service.approve(platform, run.run_id, "fin-2")
    await service.pay(platform, run.run_id, "fin-1")
    for name in ("settle", "dues_of", "mark_paid", "close_paid"):
        whole = getattr(pay_store, name)

        async def killed(*args: object, whole=whole) -> None:
            await whole(*args)
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(pay_store, name, killed)
            with pytest.raises(Killed):
                await paying.pay_chunk(platform, run.run_id)
        assert await pensioners.settled(person_id) == FEBRUARY
        assert await pensioners.dues() == {(person_id, 1): "open"}
    await work.go_on(platform, run.run_id)
    assert await pensioners.settled(person_id) == MARCH
    paid_by = await pensioners.sql("select transaction_id from benefit_dues")
    assert paid_by == await pensioners.sql(
        "select transaction_id from benefit_run_lines where person_id = $1", person_id
    )
    assert await proved(platform, MARCH) == 70_000 + sum(300_000 + n for n in range(20))


async def test_a_month_that_became_arrears_at_the_same_moment_is_paid_once(
    pensioners: Pensioners, platform: Platform
) -> None:
    """Somebody confirms deaths and proofs while chunks are paid."""
    run = await pensioners.check(await pensioners.prepare())
    await service.approve(platform, run.run_id, "fin-2")
    await service.pay(platform, run.run_id, "fin-1")

    async def stop(person_id: int) -> None:
        await ending.stop(platform, person_id, date(2026, 3, 1), CLERK, "stop")

    results = await asyncio.gather(
        work.go_on(platform, run.run_id),
        *(stop(person_id) for person_id in pensioners.ids[::2]),
        return_exceptions=True,
    )
    for person_id, result in zip(pensioners.ids[::2], results[1:], strict=True):
        if isinstance(result, BaseException):
            await stop(person_id)
    await work.go_on(platform, run.run_id)
    for number, person_id in enumerate(pensioners.ids):
        paid = await pensioners.sql(
            """select coalesce(sum(amount), 0)::bigint from benefit_run_lines
                where person_id = $1 and state = 'paid'""",
            person_id,
        )
        due = await pensioners.sql(
            """select coalesce(sum(amount), 0)::bigint from benefit_dues
                where person_id = $1 and state = 'open'""",
            person_id,
        )
        assert paid + due == 300_000 + number


async def test_what_was_owed_until_a_death_is_paid_and_the_month_behind_it_is_not(
    pensioners: Pensioners, platform: Platform, clock: FixedClock
) -> None:
    person_id = pensioners.ids[0]
    await pensioners.sql(
        "update benefit_entitlements set settled_month = '2025-12-01' where person_id = $1",
        person_id,
    )
    await ending.stop(platform, person_id, date(2026, 2, 3), CLERK, "stop")
    await pensioners.sql(
        "update persons set died_on = '2026-02-03' where person_id = $1", person_id
    )
    run = await pensioners.pay()
    assert await pensioners.line(run, person_id) == ("paid", "new", 600_000)
    clock.advance(timedelta(days=31))
    run = await pensioners.pay(APRIL)
    assert await pensioners.line(run, person_id) == ("ended", "ended", 0)


async def test_a_recovery_waits_a_month_and_spares_lump_sums(
    pensioners: Pensioners,
) -> None:
    now, heir = pensioners.ids[:2]
    found = datetime(2026, 3, 1, tzinfo=SHANGHAI)
    await pensioners.owe(now, 1, "recovery", 50_000, created_at=found)
    await pensioners.owe(heir, 2, "recovery", 400_000)
    await pensioners.owe(heir, 3, "lump_sum", 900_000)
    run = await pensioners.pay()
    assert await pensioners.line(run, now) == ("paid", "new", 300_000)
    assert await pensioners.line(run, heir) == ("paid", "new", 1_200_001)
    run = await pensioners.pay(APRIL)
    assert await pensioners.line(run, now) == ("paid", "recovered", 250_000)
