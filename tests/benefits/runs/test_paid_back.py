"""Overpaid benefits that come back by hand, and nothing of them counts twice."""

from datetime import date

import pytest

from tests.benefits.runs.conftest import Pensioners
from yikatong.benefits.pension import ending
from yikatong.benefits.runs import paid_back, service
from yikatong.benefits.runs.errors import NoSuchRecovery, RecoveryClosed
from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform
from yikatong.money import verification
from yikatong.money.contributions.service import Notice, NoticeUsed
from yikatong.money.errors import KeyReused
from yikatong.trust.audit import Actor

CLERK = Actor("staff", "0801", "test")
TODAY_MONTH = date(2026, 3, 1)


@pytest.fixture
async def owing(pensioners: Pensioners, platform: Platform) -> tuple[int, int]:
    """Who died in January and was paid for February and March."""
    person_id = pensioners.ids[0]
    await pensioners.pay()
    await ending.stop(platform, person_id, date(2026, 1, 9), CLERK, "stop")
    (one,) = await paid_back.open_recoveries(platform, CLERK)
    assert (one.person_id, one.amount, one.amounts) == (person_id, 600_000, [300_000, 300_000])
    return person_id, one.due_id


async def fund(pensioners: Pensioners) -> int:
    return await pensioners.sql(
        """select sum(p.amount)::bigint from ledger_postings p join shared_accounts s
               on s.account_id = p.account_id and s.kind = 'fund' and s.purpose = '110'"""
    )


async def test_heirs_pay_back_in_parts_and_the_fund_has_it_once(
    pensioners: Pensioners, platform: Platform, owing: tuple[int, int]
) -> None:
    person_id, due_id = owing
    before = await fund(pensioners)
    notice = Notice("ICBC", "20260310-1", 450_000)
    done = await paid_back.take(platform, person_id, due_id, notice, CLERK, "k1")
    assert (done["paid_back"], done["left"]) == ("4500.00", "1500.00")
    assert await paid_back.take(platform, person_id, due_id, notice, CLERK, "k1") == done
    assert await fund(pensioners) == before + 450_000
    (rest,) = await paid_back.open_recoveries(platform, CLERK)
    assert (rest.amount, rest.amounts, rest.month_from) == (150_000, [150_000], date(2026, 3, 1))
    assert str(rest.due_id) == done["left_due_id"]
    last = Notice("ICBC", "20260311-1", 150_000)
    done = await paid_back.take(platform, person_id, rest.due_id, last, CLERK, "k2")
    assert (done["left"], done["left_due_id"]) == ("0.00", None)
    assert await paid_back.open_recoveries(platform, CLERK) == []
    assert await fund(pensioners) == before + 600_000
    assert (await verification.verify(platform)).proved
    assert (await service.balance(platform, TODAY_MONTH)).agrees
    with pytest.raises(RecoveryClosed):
        await paid_back.take(
            platform, person_id, rest.due_id, Notice("ICBC", "3", 100), CLERK, "k3"
        )


async def test_a_banks_payment_counts_once_and_a_key_stands_for_one_content(
    pensioners: Pensioners, platform: Platform, owing: tuple[int, int]
) -> None:
    person_id, due_id = owing
    done = await paid_back.take(
        platform, person_id, due_id, Notice("ICBC", "one", 100_000), CLERK, "k1"
    )
    rest = int(done["left_due_id"])
    with pytest.raises(NoticeUsed):
        await paid_back.take(platform, person_id, rest, Notice("ICBC", "one", 100), CLERK, "k2")
    with pytest.raises(KeyReused):
        await paid_back.take(platform, person_id, rest, Notice("ICBC", "two", 100), CLERK, "k1")
    (left,) = await paid_back.open_recoveries(platform, CLERK)
    assert (left.due_id, left.amount) == (rest, 500_000)


@pytest.mark.parametrize(
    ("bank", "reference", "amount", "field"),
    [("ICBC", "x", 600_001, "amount"), ("ICBC", "x", 0, "amount"), ("ICBC", " ", 1, "reference"),
     ("NOBANK", "x", 1, "bank")],
)  # fmt: skip
async def test_what_is_wrong_is_named_and_nothing_is_taken(
    platform: Platform, owing: tuple[int, int], bank: str, reference: str, amount: int, field: str
) -> None:
    person_id, due_id = owing
    with pytest.raises(InvalidInput) as caught:
        await paid_back.take(
            platform, person_id, due_id, Notice(bank, reference, amount), CLERK, "k1"
        )
    assert caught.value.field == field
    (left,) = await paid_back.open_recoveries(platform, CLERK)
    assert left.amount == 600_000


async def test_a_list_that_took_it_is_stopped_when_it_is_paid_back_meanwhile(
    pensioners: Pensioners, platform: Platform
) -> None:
    person_id = pensioners.ids[3]
    await pensioners.owe(person_id, 5, "recovery", 20_000)
    run = await pensioners.check(await pensioners.prepare())
    notice = Notice("ICBC", "in between", 20_000)
    await paid_back.take(platform, person_id, 5, notice, CLERK, "k1")
    await pensioners.step(service.approve, run, "fin-2")
    await pensioners.step(service.pay, run, "fin-1")
    assert (await pensioners.line(run, person_id))[0] == "blocked"
    findings = (await service.summary(platform, run.run_id)).findings
    assert findings["dues_changed"] == (1, True)


async def test_nobody_else_has_it(platform: Platform, owing: tuple[int, int]) -> None:
    with pytest.raises(NoSuchRecovery):
        await paid_back.take(platform, owing[0] + 1, owing[1], Notice("ICBC", "x", 1), CLERK, "k1")
    assert await paid_back.open_recoveries(platform, CLERK, ("110000",)) == []
