"""Unemployment benefit from the claim to its end, with the payment runs that pay it."""

from datetime import date, datetime, timedelta

import pytest

from tests import fillings
from tests.benefits.conftest import told
from tests.conftest import Filling
from yikatong.benefits.runs import service as runs
from yikatong.benefits.runs import work
from yikatong.benefits.unemployment import due, service
from yikatong.benefits.unemployment.errors import ClaimRefused, NotDrawing, NotEntitled
from yikatong.benefits.unemployment.model import Claim, NewClaim
from yikatong.core.clock import SHANGHAI, FixedClock
from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform
from yikatong.money import verification
from yikatong.money.errors import KeyReused
from yikatong.trust.audit import Actor

CLERK = Actor("staff", "clerk-1", "unemployment benefit")
MARCH = date(2026, 3, 1)
CHENGDU, BEIJING, GUANGZHOU = "510100", "110000", "440100"


class Worker:
    """A person of 成都 who was dismissed at the end of February."""

    def __init__(self, platform: Platform, clock: FixedClock, person_id: int) -> None:
        self.platform = platform
        self.clock = clock
        self.person_id = person_id

    async def sql(self, statement: str, *values: object) -> object:
        async with self.platform.database.transaction() as connection:
            return await connection.fetchval(statement, *values)

    async def claim(self, key: str = "k", **more: object) -> Claim:
        wanted = NewClaim(
            **{"left_on": date(2026, 2, 27), "reason": "dismissed", "registered_on": MARCH, **more}  # type: ignore[arg-type]
        )
        return await service.claim(self.platform, self.person_id, wanted, CLERK, key)

    async def entitlement(self) -> tuple[object, ...]:
        async with self.platform.database.transaction() as connection:
            row = await connection.fetchrow(
                """select region, status, ends_on, monthly from benefit_entitlements
                    where person_id = $1 and benefit = 'unemployment' order by starts_on desc limit 1""",
                self.person_id,
            )
        assert row is not None
        return tuple(row)

    async def pay(self, region: str = CHENGDU) -> int:
        """The run of the running month; what the person got."""
        before = await self.balance()
        month = self.clock.now().date()
        one = await runs.prepare(self.platform, "unemployment", region, month, "fin-1")
        await work.go_on(self.platform, one.run_id)
        for step, who in (
            (runs.check, "fin-1"),
            (runs.approve, "fin-2"),
            (runs.pay, "fin-1"),
        ):
            await step(self.platform, one.run_id, who)
            await work.go_on(self.platform, one.run_id)
        assert (await runs.balance(self.platform, month)).agrees
        return await self.balance() - before

    async def balance(self) -> int:
        found = await self.sql(
            "select balance from money_accounts where person_id = $1 and kind = 'bank'",
            self.person_id,
        )
        assert isinstance(found, int)
        return found

    def go_to(self, day: date) -> None:
        at = datetime(day.year, day.month, day.day, 9, tzinfo=SHANGHAI)
        self.clock.advance(at - self.clock.now())


@pytest.fixture
def filling() -> Filling:
    return fillings.three_hundred_people


@pytest.fixture
async def worker(platform: Platform, clock: FixedClock) -> Worker:
    async with platform.database.transaction() as connection:
        for table in ("benefit_entitlements", "unemployment_claims", "job_seeker_months"):
            await connection.execute(f"delete from {table}")
        person_id = await connection.fetchval(
            """select e.person_id from enrolments e
                 join persons p using (person_id) join cards c using (person_id)
                 join enrolments m on m.person_id = e.person_id and m.insurance = '310'
                                  and m.status = 'insured' and m.category = 'active'
                where e.insurance = '210' and p.died_on is null and c.state = 'active'
                  and c.account_id is not null and p.birth_date between '1975-06-01' and '1995-01-01'
                  and p.sex = 1
                order by e.person_id limit 1"""
        )
        await connection.execute(
            """update enrolments set region = $2, months_paid = 72, covered_until = null
                where person_id = $1 and insurance in ('210', '310')""",
            person_id,
            CHENGDU,
        )
        await connection.execute(
            "update persons set residence_region = '440106' where person_id = $1", person_id
        )
    return Worker(platform, clock, person_id)


async def test_a_claim_gives_months_by_the_law_and_an_entitlement(worker: Worker) -> None:
    one = await worker.claim()
    assert (one.months_granted, one.starts_on, one.ends_on) == (18, MARCH, date(2027, 8, 31))
    assert await worker.entitlement() == (CHENGDU, "drawing", date(2027, 8, 31), 186_400)
    assert await worker.pay() == 186_400


async def test_the_same_claim_twice_is_one_and_another_with_its_key_is_refused(
    worker: Worker,
) -> None:
    one = await worker.claim()
    assert await worker.claim() == one
    with pytest.raises(KeyReused):
        await worker.claim(reason="insolvent")
    with pytest.raises(NotEntitled) as caught:
        await worker.claim(key="other")
    assert [miss.code for miss in caught.value.misses] == ["drawing"]


async def test_it_is_collected_where_one_lives(worker: Worker) -> None:
    one = await worker.claim(collect_in="residence")
    assert (one.insured_region, one.region) == (CHENGDU, GUANGZHOU)
    # 18 months by the place of insurance, 2 500.00 × 90 % by the place of residence.
    assert await worker.entitlement() == (GUANGZHOU, "drawing", date(2027, 8, 31), 225_000)
    assert await worker.pay(GUANGZHOU) == 225_000


async def test_everything_that_is_not_fulfilled_is_said_at_once(worker: Worker) -> None:
    await worker.sql(
        """update enrolments set months_paid = 11, covered_until = '2026-04-30'
            where person_id = $1 and insurance = '210' returning 1""",
        worker.person_id,
    )
    with pytest.raises(NotEntitled) as caught:
        await worker.claim(reason="resigned")
    assert [one.code for one in caught.value.misses] == ["months_short", "own_will", "employed"]
    await worker.sql(
        "delete from enrolments where person_id = $1 and insurance = '210' returning 1",
        worker.person_id,
    )
    with pytest.raises(NotEntitled) as caught:
        await worker.claim()
    assert [one.code for one in caught.value.misses] == ["not_insured"]
    for field, more in (
        ("registered_on", {"registered_on": date(2026, 3, 2)}),
        ("registered_on", {"left_on": date(2026, 3, 2)}),
    ):
        with pytest.raises(InvalidInput) as wrong:
            await worker.claim(**more)
        assert wrong.value.field == field


async def test_the_fund_pays_the_medical_contribution_of_each_month_drawn(worker: Worker) -> None:
    await worker.claim()
    await worker.pay()
    first = await due.run(worker.platform)
    again = await due.run(worker.platform)
    assert (first.contributions, again.contributions) == (1, 0)
    total = await worker.sql(
        """select employer_part + personal_part from contribution_bills
            where person_id = $1 and insurance = '310' and period_from = '2026-03-01'
              and state = 'paid'""",
        worker.person_id,
    )
    # 4 588.00, the lowest base of 成都, × (8.3 % + 2 %).
    assert total == 47_256
    assert (await verification.verify(worker.platform)).proved


async def test_an_unconfirmed_month_holds_it_and_a_confirmation_lets_it_go_on(
    worker: Worker,
) -> None:
    await worker.claim()
    assert await worker.pay() == 186_400
    worker.go_to(date(2026, 4, 10))
    await due.run(worker.platform)
    # March was confirmed by the registration.
    assert await worker.pay() == 186_400
    worker.go_to(date(2026, 5, 10))
    done = await due.run(worker.platform)
    assert done.held == 1
    assert await told(worker.platform, worker.person_id) == ["benefit.held"]
    assert await worker.pay() == 0
    worker.go_to(date(2026, 6, 10))
    one = await service.confirm_month(worker.platform, worker.person_id, CLERK)
    # Two of 18 months are drawn; 16 from June on.
    assert (one.state, one.ends_on) == ("drawing", date(2027, 9, 30))
    assert await worker.pay() == 186_400
    assert (await due.run(worker.platform)).held == 0


async def test_new_work_ends_it_keeps_the_rest_and_reclaims_what_was_paid_too_much(
    worker: Worker,
) -> None:
    await worker.claim()
    for month in (3, 4, 5):
        worker.go_to(date(2026, month, 10))
        await service.confirm_month(worker.platform, worker.person_id, CLERK)
        assert await worker.pay() == 186_400
    one = await service.end(worker.platform, worker.person_id, "work", date(2026, 4, 20), CLERK)
    # March and April were due; May is to be given back; 16 of 18 months are kept.
    assert (one.ended_on, one.overpaid, one.months_left) == (date(2026, 4, 30), 186_400, 16)
    again = await service.end(worker.platform, worker.person_id, "work", date(2026, 4, 20), CLERK)
    assert again.version == one.version
    # Thirty months later, after 24 more months paid: 12 + 16, 24 at most.
    await worker.sql(
        """update enrolments set months_paid = 96 where person_id = $1 and insurance = '210'
           returning 1""",
        worker.person_id,
    )
    worker.go_to(date(2028, 10, 3))
    new = await worker.claim(key="new", left_on=date(2028, 9, 30), registered_on=date(2028, 10, 1))
    assert (new.months_paid, new.months_carried, new.months_granted) == (24, 16, 24)


async def test_the_month_of_the_end_is_still_paid(worker: Worker) -> None:
    await worker.claim()
    await service.end(worker.platform, worker.person_id, "work", MARCH, CLERK)
    assert await worker.pay() == 186_400
    worker.go_to(date(2026, 4, 10))
    await due.run(worker.platform)
    assert (await worker.entitlement())[1] == "ended"
    assert await worker.pay() == 0


async def test_months_without_a_run_are_owed_at_their_own_standard_when_it_has_ended(
    worker: Worker,
) -> None:
    worker.go_to(date(2025, 8, 20))
    await worker.sql(
        "update enrolments set region = $2 where person_id = $1 and insurance = '210' returning 1",
        worker.person_id,
        BEIJING,
    )
    await worker.claim(left_on=date(2025, 8, 1), registered_on=date(2025, 8, 20))
    worker.go_to(date(2025, 9, 20))
    await service.confirm_month(worker.platform, worker.person_id, CLERK)
    await due.run(worker.platform)
    worker.go_to(date(2025, 10, 8))
    await service.end(worker.platform, worker.person_id, "work", date(2025, 9, 30), CLERK)
    # August at the old minimum wage, September at the new one; October is nobody's.
    found = await worker.sql(
        "select (kind, reason, amounts)::text from benefit_dues where person_id = $1",
        worker.person_id,
    )
    assert found == '(arrears,until_end,"{217800,228600}")'


async def test_what_was_paid_too_much_becomes_a_recovery_of_the_same_months(worker: Worker) -> None:
    await worker.claim()
    for month in (3, 4):
        worker.go_to(date(2026, month, 10))
        await service.confirm_month(worker.platform, worker.person_id, CLERK)
        await worker.pay()
    await service.end(worker.platform, worker.person_id, "military", date(2026, 3, 20), CLERK)
    found = await worker.sql(
        """select (kind, reason, amount, month_from, month_until)::text from benefit_dues
            where person_id = $1""",
        worker.person_id,
    )
    assert found == "(recovery,paid_after_end,186400,2026-04-01,2026-04-01)"


async def test_a_claim_in_the_month_of_an_earlier_ones_end_begins_with_the_next(
    worker: Worker,
) -> None:
    await worker.claim()
    await service.end(worker.platform, worker.person_id, "work", MARCH, CLERK)
    worker.go_to(date(2026, 3, 20))
    again = await worker.claim(
        key="again", left_on=date(2026, 3, 18), registered_on=date(2026, 3, 19)
    )
    assert (again.starts_on, again.months_granted) == (date(2026, 4, 1), 17)
    assert await worker.pay() == 186_400
    worker.go_to(date(2026, 4, 10))
    assert await worker.pay() == 186_400


async def test_a_month_that_was_paid_and_is_asked_back_is_not_lost_to_the_next_claim(
    worker: Worker,
) -> None:
    await worker.claim()
    for month in (3, 4):
        worker.go_to(date(2026, month, 10))
        await service.confirm_month(worker.platform, worker.person_id, CLERK)
        await worker.pay()
    one = await service.end(worker.platform, worker.person_id, "work", date(2026, 3, 20), CLERK)
    assert (one.months_left, one.overpaid) == (17, 186_400)
    again = await worker.claim(
        key="again", left_on=date(2026, 4, 3), registered_on=date(2026, 4, 7)
    )
    # April was paid: it is given back, and all 17 months follow from May on.
    assert (again.starts_on, again.months_granted) == (date(2026, 5, 1), 17)
    worker.go_to(date(2026, 5, 10))
    # What is asked back is set off whole, where something is left.
    assert await worker.pay() == 186_400


async def test_a_held_month_is_not_due_when_it_ends(worker: Worker) -> None:
    await worker.claim()
    worker.go_to(date(2026, 5, 10))
    assert (await due.run(worker.platform)).held == 1
    one = await service.end(worker.platform, worker.person_id, "work", date(2026, 5, 10), CLERK)
    assert (one.ended_on, one.months_left) == (date(2026, 4, 30), 16)
    # March and April, which no run paid.
    assert await worker.pay() == 2 * 186_400
    assert (await due.run(worker.platform)).contributions == 2
    assert (await due.run(worker.platform)).contributions == 0
    assert (await verification.verify(worker.platform)).proved


async def test_death_and_a_pension_end_it_by_themselves(worker: Worker) -> None:
    await worker.claim()
    await worker.sql(
        "update persons set died_on = '2026-03-01' where person_id = $1 returning 1",
        worker.person_id,
    )
    assert (await due.run(worker.platform)).ended == 1
    one = (await service.of_person(worker.platform, worker.person_id, CLERK))[0]
    assert (one.ended_by, one.ended_on, one.months_left) == ("death", date(2026, 3, 31), 0)


async def test_all_months_drawn_is_the_end(worker: Worker) -> None:
    await worker.claim()
    worker.go_to(date(2027, 9, 1))
    await due.run(worker.platform)
    one = (await service.of_person(worker.platform, worker.person_id, CLERK))[0]
    assert (one.ended_by, one.ended_on, one.months_left) == ("used_up", date(2027, 8, 31), 0)


async def test_the_second_refusal_ends_it_and_a_doubled_note_is_one(worker: Worker) -> None:
    await worker.claim()
    for key in ("a", "a"):
        one = await service.refuse_job(worker.platform, worker.person_id, MARCH, CLERK, key)
        assert one.state == "drawing"
    one = await service.refuse_job(worker.platform, worker.person_id, MARCH, CLERK, "b")
    assert (one.state, one.ended_by) == ("ended", "refused_twice")


async def test_what_ended_is_claimed_again_after_new_work_only(worker: Worker) -> None:
    await worker.claim()
    for key in ("a", "b"):
        await service.refuse_job(worker.platform, worker.person_id, MARCH, CLERK, key)
    worker.go_to(date(2026, 4, 10))
    with pytest.raises(NotEntitled) as caught:
        await worker.claim(key="again", registered_on=date(2026, 4, 10))
    assert [miss.code for miss in caught.value.misses] == ["same_loss"]
    # Five months of new work: too few for months of their own, they count the next time.
    await worker.sql(
        """update enrolments set months_paid = 77 where person_id = $1 and insurance = '210'
           returning 1""",
        worker.person_id,
    )
    worker.go_to(date(2026, 9, 10))
    work = {"left_on": date(2026, 8, 31), "registered_on": date(2026, 9, 1)}
    one = await worker.claim(key="second", **work)
    assert (one.months_paid, one.months_carried, one.months_granted) == (5, 17, 17)
    await service.end(worker.platform, worker.person_id, "work", date(2026, 9, 10), CLERK)
    await worker.sql(
        """update enrolments set months_paid = 85 where person_id = $1 and insurance = '210'
           returning 1""",
        worker.person_id,
    )
    worker.go_to(date(2027, 6, 10))
    work = {"left_on": date(2027, 5, 31), "registered_on": date(2027, 6, 1)}
    one = await worker.claim(key="third", **work)
    # Five and eight months are 13: a year of their own beside the 16 that were left.
    assert (one.months_paid, one.months_carried, one.months_granted) == (13, 16, 24)


async def test_months_held_are_not_moved_into_the_month_of_the_retirement_age(
    worker: Worker,
) -> None:
    # 60 in February 2026 and 4 months more: July 2026.
    await worker.sql(
        "update persons set birth_date = '1966-03-20' where person_id = $1 returning 1",
        worker.person_id,
    )
    assert (await worker.claim()).ends_on == date(2026, 6, 30)
    worker.go_to(date(2026, 5, 10))
    assert (await due.run(worker.platform)).held == 1
    one = await service.transfer(worker.platform, worker.person_id, BEIJING, CLERK, "t")
    # March and April were drawn; of two months left one lies before the retirement age.
    assert (one.starts_on, one.ends_on, one.months_granted) == (
        date(2026, 6, 1), date(2026, 6, 30), 1,
    )  # fmt: skip
    worker.go_to(date(2026, 7, 1))
    assert (await due.run(worker.platform)).ended == 1
    one = (await service.of_person(worker.platform, worker.person_id, CLERK))[0]
    assert (one.ended_by, one.ended_on) == ("retirement_age", date(2026, 6, 30))


async def test_less_than_a_year_before_the_retirement_age_it_goes_on_until_then(
    worker: Worker,
) -> None:
    # 60 in February 2027 and 7 months more: September 2027. 12 months would end in February.
    await worker.sql(
        "update persons set birth_date = '1967-02-10' where person_id = $1 returning 1",
        worker.person_id,
    )
    await worker.sql(
        "update enrolments set months_paid = 24, region = $2 where person_id = $1 returning 1",
        worker.person_id, CHENGDU,
    )  # fmt: skip
    assert (await worker.claim()).ends_on == date(2027, 2, 28)
    worker.go_to(date(2026, 9, 10))
    await service.confirm_month(worker.platform, worker.person_id, CLERK)
    await due.run(worker.platform)
    assert (await worker.entitlement())[2] == date(2027, 2, 28)
    worker.go_to(date(2026, 10, 10))
    await service.confirm_month(worker.platform, worker.person_id, CLERK)
    await due.run(worker.platform)
    assert (await worker.entitlement())[2] == date(2027, 8, 31)
    # March to September, which no run paid, and October, the first within a year.
    assert await worker.pay() == 8 * 186_400
    assert (await due.run(worker.platform)).contributions == 8 + 1
    assert (await due.run(worker.platform)).contributions == 0
    found = await worker.sql(
        """select (insurance, period_from, personal_part > 0, account_part)::text
             from contribution_bills where person_id = $1 and insurance = '110'""",
        worker.person_id,
    )
    assert found == "(110,2026-10-01,t,0)"
    assert (await verification.verify(worker.platform)).proved
    one = await service.end(worker.platform, worker.person_id, "work", date(2026, 10, 10), CLERK)
    # Eight of twelve months were drawn; what was added is not kept.
    assert (one.months_extended, one.months_left) == (6, 4)


async def test_months_that_were_held_to_the_end_are_kept(worker: Worker) -> None:
    await worker.claim()
    worker.go_to(date(2026, 5, 10))
    assert (await due.run(worker.platform)).held == 1
    worker.go_to(date(2027, 9, 1))
    await due.run(worker.platform)
    one = (await service.of_person(worker.platform, worker.person_id, CLERK))[0]
    assert (one.ended_by, one.ended_on, one.months_left) == ("used_up", date(2026, 4, 30), 16)


async def test_the_rest_moves_to_another_region_at_its_standard(worker: Worker) -> None:
    await worker.claim()
    assert await worker.pay() == 186_400
    one = await service.transfer(worker.platform, worker.person_id, BEIJING, CLERK, "t")
    assert (one.region, one.starts_on, one.months_granted) == (BEIJING, date(2026, 4, 1), 17)
    assert one == await service.transfer(worker.platform, worker.person_id, BEIJING, CLERK, "t")
    assert await worker.entitlement() == (BEIJING, "drawing", date(2027, 8, 31), 228_600)
    with pytest.raises(ClaimRefused):
        await service.transfer(worker.platform, worker.person_id, BEIJING, CLERK, "u")
    worker.go_to(date(2026, 4, 10))
    await due.run(worker.platform)
    assert await worker.pay(CHENGDU) == 0
    assert await worker.pay(BEIJING) == 228_600


async def test_a_new_standard_changes_the_monthly_amount(worker: Worker) -> None:
    worker.go_to(date(2025, 8, 20))
    await worker.sql(
        "update enrolments set region = $2 where person_id = $1 and insurance = '210' returning 1",
        worker.person_id,
        BEIJING,
    )
    await worker.claim(left_on=date(2025, 8, 1), registered_on=date(2025, 8, 20))
    assert (await worker.entitlement())[3] == 217_800
    worker.clock.advance(timedelta(days=20))
    assert (await due.run(worker.platform)).adjusted == 1
    assert (await worker.entitlement())[3] == 228_600


async def test_nobody_who_draws_nothing_can_confirm_or_end(worker: Worker) -> None:
    for call in (
        service.confirm_month(worker.platform, worker.person_id, CLERK),
        service.end(worker.platform, worker.person_id, "work", MARCH, CLERK),
        service.transfer(worker.platform, worker.person_id, BEIJING, CLERK, "t"),
    ):
        with pytest.raises(NotDrawing):
            await call
