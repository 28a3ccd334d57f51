"""Payment runs from the list to the money, and everything that may go wrong on the way."""

import asyncio
from datetime import date, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.benefits.runs.conftest import APRIL, MARCH, REGION, Pensioners
from yikatong.benefits.model import Due
from yikatong.benefits.runs import pay_store, paying, rules, service, work
from yikatong.benefits.runs.errors import NothingToCorrect, SamePerson, TotalDiffers, WrongState
from yikatong.benefits.runs.model import Run
from yikatong.benefits.runs.paydays import next_payday, payday
from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform
from yikatong.core.together import Conflict
from yikatong.money import verification
from yikatong.money.bank.orders import Deposit, Withdrawal
from yikatong.money.bank.teller import Teller
from yikatong.money.ledger import bulk
from yikatong.trust.audit import Actor

BEIJING = "110000"
FEBRUARY_1 = datetime(2026, 2, 1, tzinfo=SHANGHAI)
CLERK = Actor("staff", "fin-1", "test")


async def proved(platform: Platform, month: date = MARCH) -> int:
    """The sum paid in a month, after proving that all three sums are one and the ledger holds."""
    found = await service.balance(platform, month)
    assert found.agrees, found
    verified = await verification.verify(platform)
    assert verified.proved, verified.differences
    return found.paid


async def test_everybody_gets_exactly_the_monthly_amount(pensioners: Pensioners) -> None:
    before = {one: await pensioners.balance(one) for one in pensioners.ids}
    run = await pensioners.pay()
    assert run.state == "paid"
    for number, person_id in enumerate(pensioners.ids):
        assert await pensioners.balance(person_id) == before[person_id] + 300_000 + number
    assert await proved(pensioners.platform) == sum(300_000 + n for n in range(20))


async def test_paying_again_pays_nobody_twice(pensioners: Pensioners) -> None:
    run = await pensioners.pay()
    paid = await proved(pensioners.platform)
    await pensioners.step(service.pay, run, "fin-1")
    again = await pensioners.prepare()
    assert again.run_id == run.run_id
    assert await proved(pensioners.platform) == paid


async def test_the_preparer_can_never_approve(pensioners: Pensioners) -> None:
    run = await pensioners.check(await pensioners.prepare())
    for name in ("fin-1", "FIN-1"):
        with pytest.raises(SamePerson):
            await service.approve(pensioners.platform, run.run_id, name)
    done = await service.approve(pensioners.platform, run.run_id, "fin-2")
    assert (done.prepared_by, done.approved_by) == ("fin-1", "fin-2")


async def test_the_database_itself_refuses_one_person_in_both_roles(
    pensioners: Pensioners,
) -> None:
    run = await pensioners.check(await pensioners.prepare())
    with pytest.raises(Exception, match="benefit_runs_check"):
        await pensioners.sql(
            """update benefit_runs set state = 'approved', approved_by = prepared_by,
                      approved_at = now() where run_id = $1""",
            run.run_id,
        )


async def test_each_step_needs_the_one_before(pensioners: Pensioners) -> None:
    run = await pensioners.prepare()
    with pytest.raises(WrongState):
        await service.approve(pensioners.platform, run.run_id, "fin-2")
    with pytest.raises(WrongState):
        await service.pay(pensioners.platform, run.run_id, "fin-1")
    run = await pensioners.check(run)
    with pytest.raises(WrongState):
        await service.pay(pensioners.platform, run.run_id, "fin-1")
    with pytest.raises(TotalDiffers):
        await service.approve(pensioners.platform, run.run_id, "fin-2", 1)


async def test_the_check_stops_what_must_not_be_paid_and_says_why(pensioners: Pensioners) -> None:
    dead, other, none, closed, wrong, overdue, both = pensioners.ids[:7]
    await pensioners.sql("update persons set died_on = '2026-02-20' where person_id = $1", dead)
    await pensioners.sql(
        "update cards set account_id = $2 where person_id = $1", other, pensioners.ids[19] * 10
    )
    await pensioners.sql("update cards set account_id = null where person_id = $1", none)
    await _close(pensioners, closed)
    await pensioners.draw(wrong, 9_000_000)
    await pensioners.draw(overdue, 300_000, proof_due_on=date(2026, 2, 27))
    await pensioners.draw(both, 250_000, region=BEIJING, starts_on=date(2019, 1, 1))
    elsewhere = await pensioners.prepare(region=BEIJING)
    run = await pensioners.check(await pensioners.prepare())
    found = {
        (line.person_id, finding.code): finding.blocks
        for line, finding in await service.findings(
            pensioners.platform, run.run_id, CLERK, limit=100
        )
    }
    assert found == {
        (dead, "dead"): True,
        (other, "account_of_another"): True,
        (none, "account_missing"): True,
        (closed, "account_closed"): True,
        (wrong, "amount_out_of_range"): True,
        (overdue, "proof_overdue"): True,
        (both, "double"): True,
    }
    await pensioners.step(service.approve, run, "fin-2")
    await pensioners.step(service.pay, run, "fin-1")
    assert (await service.summary(pensioners.platform, run.run_id)).progress.paid == 13
    # Beijing pays the one who draws in both regions: nobody is left with nothing.
    await pensioners.check(elsewhere)
    await pensioners.step(service.approve, elsewhere, "fin-2")
    await pensioners.step(service.pay, elsewhere, "fin-1")
    assert await pensioners.line(elsewhere, both) == ("paid", "new", 250_000)
    assert await pensioners.line(run, both) == ("blocked", "new", 300_006)
    await proved(pensioners.platform)


async def test_two_regions_cannot_both_pay_one_person_even_at_the_same_moment(
    pensioners: Pensioners,
) -> None:
    for person_id in pensioners.ids:
        await pensioners.draw(person_id, 200_000, region=BEIJING, starts_on=date(2019, 1, 1))
    first, second = await asyncio.gather(pensioners.pay(), pensioners.pay(region=BEIJING))
    both = await pensioners.sql(
        """select count(*) from benefit_run_lines where state = 'paid'
            and run_id in ($1, $2)""",
        first.run_id,
        second.run_id,
    )
    assert both == 20
    assert (
        await pensioners.sql("select count(*) from ledger_transactions where kind = 'benefit'")
        == 20
    )
    await proved(pensioners.platform)


async def test_a_loss_report_or_a_court_never_keeps_a_pension_from_arriving(
    pensioners: Pensioners,
) -> None:
    await pensioners.sql(
        """update money_accounts set frozen = '{court,loss_report}' where person_id = $1
             and kind = 'bank'""",
        pensioners.ids[0],
    )
    run = await pensioners.pay()
    assert (await pensioners.line(run, pensioners.ids[0]))[0] == "paid"


async def _close(pensioners: Pensioners, person_id: int) -> None:
    """Take what is on the account away and close it, as the bank would."""
    number = await pensioners.sql(
        "select number_sealed from money_accounts where person_id = $1 and kind = 'bank'", person_id
    )
    vault = pensioners.platform.vault
    text = vault.open("account", person_id, number)
    balance = await pensioners.balance(person_id)
    teller = Teller(pensioners.platform)
    while balance:
        part = min(balance, 4_000_000)
        await teller.carry_out(
            Withdrawal(key=f"all-{balance}", actor=CLERK, account=text, amount=part, assurance=3)
        )
        balance -= part
    await pensioners.sql(
        """update money_accounts set state = 'closed', closed_at = now(), version = version + 1
            where person_id = $1 and kind = 'bank'""",
        person_id,
    )


async def test_an_account_closed_since_the_check_comes_back_and_a_correction_pays_it(
    pensioners: Pensioners,
) -> None:
    person_id = pensioners.ids[3]
    run = await pensioners.check(await pensioners.prepare())
    await service.approve(pensioners.platform, run.run_id, "fin-2")
    await _close(pensioners, person_id)
    run = await pensioners.step(service.pay, run, "fin-1")
    assert (await pensioners.line(run, person_id))[0] == "returned"
    assert (await service.summary(pensioners.platform, run.run_id)).progress.paid == 19
    # Nothing is put right yet.
    empty = await service.correct(pensioners.platform, run.run_id, "fin-1")
    empty = await work.go_on(pensioners.platform, empty.run_id)
    assert empty.lines == 0
    await pensioners.step(service.cancel, empty, "fin-1")
    await pensioners.sql(
        """update money_accounts set state = 'open', closed_at = null, version = version + 1
            where person_id = $1 and kind = 'bank'""",
        person_id,
    )
    correction = await service.correct(pensioners.platform, run.run_id, "fin-1")
    correction = await work.go_on(pensioners.platform, correction.run_id)
    assert correction.lines == 1
    await pensioners.check(correction)
    await pensioners.step(service.approve, correction, "fin-2")
    await pensioners.step(service.pay, correction, "fin-1")
    assert (await pensioners.line(correction, person_id))[0] == "paid"
    assert (await pensioners.line(run, person_id))[0] == "corrected"
    assert await pensioners.balance(person_id) == 300_003
    with pytest.raises(NothingToCorrect):
        await service.correct(pensioners.platform, run.run_id, "fin-1")
    await proved(pensioners.platform)


async def test_a_cancelled_correction_leaves_the_line_as_it_was(pensioners: Pensioners) -> None:
    person_id = pensioners.ids[0]
    await pensioners.sql("update cards set account_id = null where person_id = $1", person_id)
    run = await pensioners.pay()
    await pensioners.sql(
        "update cards set account_id = person_id * 10 where person_id = $1", person_id
    )
    correction = await service.correct(pensioners.platform, run.run_id, "fin-1")
    await work.go_on(pensioners.platform, correction.run_id)
    assert (await pensioners.line(run, person_id))[0] == "corrected"
    await pensioners.step(service.cancel, correction, "fin-1")
    assert (await pensioners.line(run, person_id))[0] == "blocked"


async def test_a_death_or_a_hold_between_approval_and_payment_is_not_paid(
    pensioners: Pensioners,
) -> None:
    dead, held = pensioners.ids[5:7]
    run = await pensioners.check(await pensioners.prepare())
    await service.approve(pensioners.platform, run.run_id, "fin-2")
    await pensioners.sql("update persons set died_on = '2026-02-01' where person_id = $1", dead)
    await pensioners.draw(held, 300_006, status="held")
    await pensioners.step(service.pay, run, "fin-1")
    assert (await pensioners.line(run, dead))[0] == "blocked"
    assert (await pensioners.line(run, held))[0] == "blocked"
    codes = (await service.summary(pensioners.platform, run.run_id)).findings
    assert {code: count for code, (count, _) in codes.items()} == {"dead": 1, "held": 1}
    await proved(pensioners.platform)


async def test_who_dies_in_the_month_is_paid_for_it(pensioners: Pensioners) -> None:
    await pensioners.sql(
        "update persons set died_on = '2026-03-01' where person_id = $1", pensioners.ids[0]
    )
    run = await pensioners.pay()
    assert (await pensioners.line(run, pensioners.ids[0]))[0] == "paid"


async def test_differences_to_last_month_are_explained_and_add_up(
    pensioners: Pensioners,
) -> None:
    same, changed, held, ended, back, good, less, new = pensioners.ids[:8]
    await pensioners.draw(back, 300_004, status="held")
    await pensioners.draw(new, 1, starts_on=date(2020, 1, 1), status="ended")
    last = await pensioners.pay()
    paid_last = (await service.balance(pensioners.platform, MARCH)).paid
    await pensioners.draw(changed, 310_000)
    await pensioners.draw(held, 300_002, status="held")
    await pensioners.draw(ended, 300_003, status="ended")
    await pensioners.draw(back, 300_004)
    await pensioners.draw(new, 222_222, starts_on=APRIL, settled=None)

    await pensioners.owe(good, 1, "arrears", 50_000)
    await pensioners.owe(less, 2, "recovery", 100_000)
    await pensioners.owe(less, 3, "recovery", 900_000)
    run = await pensioners.pay(APRIL)
    changes = {one: (await pensioners.line(run, one))[1:] for one in pensioners.ids[:8]}
    assert changes == {
        same: ("same", 300_000),
        changed: ("changed", 310_000),
        held: ("held", 0),
        ended: ("ended", 0),
        # March with it: released by nobody who made it good.
        back: ("back_from_hold", 600_008),
        good: ("made_good", 350_005),
        # What would leave nothing waits for a later month.
        less: ("recovered", 200_006),
        new: ("new", 222_222),
    }
    summary = await service.summary(pensioners.platform, run.run_id)
    assert summary.before == paid_last
    assert summary.amount == await proved(pensioners.platform, APRIL)
    assert summary.amount - summary.before == sum(one.difference for one in summary.groups)
    states = await pensioners.dues()
    assert [states[good, 1], states[less, 2], states[less, 3]] == ["paid", "paid", "open"]
    assert last.run_id != run.run_id


async def test_a_cancelled_run_leaves_the_month_free(pensioners: Pensioners) -> None:
    run = await pensioners.check(await pensioners.prepare())
    run = await pensioners.step(service.cancel, run, "fin-1")
    assert run.state == "cancelled"
    again = await pensioners.pay()
    assert again.run_id != run.run_id
    assert await proved(pensioners.platform) == sum(300_000 + n for n in range(20))
    with pytest.raises(WrongState):
        await service.cancel(pensioners.platform, again.run_id, "fin-1")


async def test_a_run_stopped_after_any_statement_goes_on_where_it_was(
    pensioners: Pensioners, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every place where paying may be cut off, one after the other."""

    class Killed(Exception):
        pass

    platform = pensioners.platform
    run = await pensioners.check(await pensioners.prepare())
    await service.approve(platform, run.run_id, "fin-2")
    await service.pay(platform, run.run_id, "fin-1")
    places = (
        (bulk, "credit"),
        (bulk, "_write"),
        (pay_store, "mark_paid"),
        (pay_store, "close_paid"),
    )
    for module, name in places:
        whole = getattr(module, name)

        async def killed(*args: object, whole=whole, **more: object) -> None:
            await whole(*args, **more)
            raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(module, name, killed)
            with pytest.raises(Killed):
                await paying.pay_chunk(platform, run.run_id)
        assert (
            await pensioners.sql("select count(*) from ledger_transactions where kind = 'benefit'")
            == 0
        )
    await paying.pay_chunk(platform, run.run_id)
    assert (await service.summary(platform, run.run_id)).progress.paid == 7
    assert (await service.balance(platform, MARCH)).agrees
    await work.go_on(platform, run.run_id)
    assert await proved(platform) == sum(300_000 + n for n in range(20))


async def test_several_workers_pay_different_chunks(pensioners: Pensioners) -> None:
    platform = pensioners.platform
    run = await pensioners.check(await pensioners.prepare())
    await service.approve(platform, run.run_id, "fin-2")
    await service.pay(platform, run.run_id, "fin-1")
    await asyncio.gather(*(work.go_on(platform, run.run_id, workers=1) for _ in range(3)))
    assert (await service.summary(platform, run.run_id)).progress.paid == 20
    assert await proved(platform) == sum(300_000 + n for n in range(20))


async def test_money_moving_meanwhile_is_neither_lost_nor_blocked(pensioners: Pensioners) -> None:
    platform = pensioners.platform
    person_id = pensioners.ids[0]
    sealed = await pensioners.sql(
        "select number_sealed from money_accounts where person_id = $1 and kind = 'bank'", person_id
    )
    number = platform.vault.open("account", person_id, sealed)
    before = await pensioners.balance(person_id)
    run = await pensioners.check(await pensioners.prepare())
    await service.approve(platform, run.run_id, "fin-2")
    await service.pay(platform, run.run_id, "fin-1")
    teller = Teller(platform)

    async def deposits() -> None:
        for turn in range(10):
            await teller.carry_out(Deposit(key=f"d{turn}", actor=CLERK, account=number, amount=100))

    await asyncio.gather(deposits(), work.go_on(platform, run.run_id))
    assert await pensioners.balance(person_id) == before + 1000 + 300_000
    await proved(platform)


async def test_an_id_drawn_ahead_of_ours_makes_the_chunk_try_again(pensioners: Pensioners) -> None:
    run = await pensioners.check(await pensioners.prepare())
    await service.approve(pensioners.platform, run.run_id, "fin-2")
    await service.pay(pensioners.platform, run.run_id, "fin-1")
    await pensioners.sql(
        "update money_accounts set last_transaction_id = $2 where person_id = $1 and kind = 'bank'",
        pensioners.ids[0],
        2**62,
    )
    with pytest.raises(Conflict):
        await paying.pay_chunk(pensioners.platform, run.run_id)
    # It was not taken for a closed account.
    assert (await pensioners.line(run, pensioners.ids[0]))[0] == "ready"


def test_a_region_pays_on_its_day_and_before_a_weekend() -> None:
    # 15 March 2026 is a Sunday, 18 April a Saturday.
    assert payday("510100", date(2026, 3, 1)) == date(2026, 3, 13)
    assert payday("310000", date(2026, 4, 1)) == date(2026, 4, 17)
    assert payday("440300", date(2026, 5, 20)) == date(2026, 5, 12)
    today = date(2026, 5, 20)
    since = date(2025, 1, 1)
    assert next_payday("440300", since, date(2026, 4, 1), today) == date(2026, 5, 12)
    assert next_payday("440300", since, date(2026, 5, 1), today) == date(2026, 6, 12)
    # Granted behind the payday, it comes with the next; in advance, in its first month.
    assert next_payday("440300", date(2026, 5, 18), None, today) == date(2026, 6, 12)
    assert next_payday("440300", date(2026, 7, 1), None, today) == date(2026, 7, 10)


async def test_wrong_input_names_the_field(platform: Platform) -> None:
    for field, call in (
        ("actor", service.prepare(platform, "pension", REGION, MARCH, "")),
        ("benefit", service.prepare(platform, "bonus", REGION, MARCH, "fin-1")),
        ("region", service.prepare(platform, "pension", "999999", MARCH, "fin-1")),
        ("month", service.prepare(platform, "pension", REGION, date(2020, 1, 1), "fin-1")),
    ):
        with pytest.raises(InvalidInput) as caught:
            await call
        assert caught.value.field == field


DUES = st.lists(
    st.builds(
        Due,
        person_id=st.just(1),
        due_id=st.integers(1, 99),
        benefit=st.just("pension"),
        insurance=st.just("110"),
        region=st.just(REGION),
        kind=st.sampled_from(("arrears", "lump_sum", "recovery")),
        amount=st.integers(1, 500_000),
        reason=st.just(""),
        created_at=st.sampled_from((FEBRUARY_1, datetime(2026, 3, 2, tzinfo=SHANGHAI))),
    ),
    max_size=6,
)


@given(monthly=st.integers(0, 1_000_000), open_dues=DUES)
def test_what_is_due_is_paid_and_a_recovery_leaves_something_and_all_of_a_lump_sum(
    monthly: int, open_dues: list[Due]
) -> None:
    arrears, recovery, taken = rules.take_dues(monthly, open_dues, MARCH)
    lump_sums = sum(one.amount for one in open_dues if one.kind == "lump_sum")
    assert arrears == sum(one.amount for one in open_dues if one.kind != "recovery")
    assert recovery == sum(one.amount for one in taken if one.kind == "recovery")
    assert all(one.created_at == FEBRUARY_1 for one in taken if one.kind == "recovery")
    assert recovery == 0 or monthly + arrears - recovery > lump_sums


@given(
    st.lists(
        st.tuples(
            st.sampled_from(("drawing", "held", "ended")),
            st.integers(1, 900_000),
            st.sampled_from(("", "dead", "no_account", "frozen")),
            st.booleans(),
        ),
        min_size=20,
        max_size=20,
    )
)
@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_for_any_month_lines_funds_and_banks_say_the_same(
    pensioners: Pensioners, drawn: list[tuple[str, int, str, bool]]
) -> None:
    """Whatever is true of the people, and wherever the run is interrupted."""
    # What the example before left: its money stays in the ledger, its runs are no longer there.
    await pensioners.sql("truncate benefit_runs, benefit_run_chunks, benefit_run_lines")
    await pensioners.sql("delete from benefit_entitlements")
    for person_id, (status, monthly, fate, elsewhere) in zip(pensioners.ids, drawn, strict=True):
        await pensioners.draw(person_id, monthly, status=status)
        await pensioners.sql(
            "update persons set died_on = $2 where person_id = $1",
            person_id,
            date(2026, 1, 1) if fate == "dead" else None,
        )
        await pensioners.sql(
            "update cards set account_id = $2 where person_id = $1 and state = 'active'",
            person_id,
            None if fate == "no_account" else person_id * 10,
        )
        await pensioners.draw(
            person_id, monthly + 1, region=BEIJING, starts_on=date(2019, 1, 1),
            status="drawing" if elsewhere else "ended",
        )  # fmt: skip
    runs: list[Run] = []
    for region in (REGION, BEIJING):
        run = await pensioners.check(await pensioners.prepare(region=region))
        await service.approve(pensioners.platform, run.run_id, "fin-2")
        await service.pay(pensioners.platform, run.run_id, "fin-1")
        await paying.pay_chunk(pensioners.platform, run.run_id)
        assert (await service.balance(pensioners.platform, MARCH)).agrees
        runs.append(await work.go_on(pensioners.platform, run.run_id))
    may = [
        monthly if status == "drawing" else monthly + 1
        for status, monthly, fate, elsewhere in drawn
        if fate not in ("dead", "no_account") and (status == "drawing" or elsewhere)
    ]
    assert (await service.balance(pensioners.platform, MARCH)).paid == sum(may)
    await proved(pensioners.platform)
