"""Settling: who pays what, the ledger, the year, and nothing twice."""

from typing import Any

import pytest

from tests.medical.visits.conftest import NOW, Hospital, line
from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform
from yikatong.medical.filings.errors import FilingInUse, NoSuchChoice
from yikatong.medical.visits import orders
from yikatong.medical.visits.errors import CareRefused, OutOfOrder, SumDiffers
from yikatong.medical.visits.orders import Settle, Settled
from yikatong.money.verification import verify
from yikatong.people.service import id_numbers


def settle(person_id: int, visit_id: int, setting: Any, total: int, **more: Any) -> Settle:
    return Settle(
        person_id=person_id, visit_id=visit_id, setting=setting, total=total,
        **{"commit": True, **more},
    )  # fmt: skip


async def test_a_stay_elsewhere_is_paid_by_the_policy_of_home(
    beijing: Hospital, people: dict[str, int], items: dict[str, str], platform: Platform
) -> None:
    """WE-10: 成都 active employee in 北京, long-term filing, 30 000 yuan: 24 820.00."""
    person = people["all_in_order"]
    visit = await beijing.stay(person, line(items["A"], 2_000_000), line(items["A"], 1_000_000))
    quoted: Settled = await beijing.do(settle(person, visit, "inpatient", 3_000_000, commit=False))
    done: Settled = await beijing.do(settle(person, visit, "inpatient", 3_000_000))
    assert (done.settlement.pooled, done.settlement.cash) == (2_482_000, 518_000)
    assert quoted.settlement.pooled == done.settlement.pooled
    assert (await verify(platform)).proved


async def test_a_stated_total_that_is_not_the_lines_is_refused_with_both(
    beijing: Hospital, people: dict[str, int], items: dict[str, str]
) -> None:
    person = people["all_in_order"]
    visit = await beijing.stay(person, line(items["A"], 1_000_000))
    with pytest.raises(SumDiffers, match=r"10000\.01.*10000\.00"):
        await beijing.do(settle(person, visit, "inpatient", 1_000_001))


async def test_who_has_another_insurance_or_another_id_number_is_told_so(
    beijing: Hospital, people: dict[str, int], platform: Platform
) -> None:
    person = people["all_in_order"]
    with pytest.raises(InvalidInput, match="310, not 390") as refused:
        await beijing.do(
            orders.Register(person_id=person, number="1", begun_at=NOW, insurance="390")
        )
    assert refused.value.field == "insurance"
    async with platform.database.transaction(readonly=True) as connection:
        numbers = await id_numbers(platform, connection, [person, people["home"]])
    shown = orders.Certificate("id_number", numbers[person])
    assert await beijing.do(orders.Identify(certificate=shown, id_number=numbers[person]))
    with pytest.raises(CareRefused) as other:
        await beijing.do(orders.Identify(certificate=shown, id_number=numbers[people["home"]]))
    assert other.value.field == "id_number"


async def test_the_same_message_gets_the_first_answer_and_nothing_happens_twice(
    beijing: Hospital, people: dict[str, int], items: dict[str, str], platform: Platform
) -> None:
    person = people["all_in_order"]
    visit = await beijing.stay(person, line(items["A"], 1_000_000))
    order = settle(person, visit, "inpatient", 1_000_000)
    await beijing.do(order, message_id="m1")
    first = beijing.answer
    await beijing.ask(order, message_id="m1")
    assert beijing.answer == first
    other = settle(person, visit, "inpatient", 1_000_000, invoice="other")
    with pytest.raises(CareRefused):
        await beijing.do(other, message_id="m1")
    async with platform.database.transaction(readonly=True) as connection:
        assert await connection.fetchval("select count(*) from settlements") == 1


async def test_a_reversal_negates_everything_and_puts_the_year_back(
    beijing: Hospital, people: dict[str, int], items: dict[str, str], platform: Platform
) -> None:
    person = people["all_in_order"]
    visit = await beijing.stay(person, line(items["A"], 1_000_000), line(items["C"], 5_000))
    done: Settled = await beijing.do(
        settle(person, visit, "inpatient", 1_005_000, use_account=True)
    )
    one = done.settlement
    back: Settled = await beijing.do(
        orders.Reverse(person_id=person, settlement_id=one.settlement_id, visit_id=visit)
    )
    assert back.settlement.total == -one.total
    assert back.settlement.medical_account == -one.medical_account
    assert one.medical_account > 0
    async with platform.database.transaction(readonly=True) as connection:
        year = await connection.fetchrow(
            "select admissions, pooled, borne_in_scope from accumulators where person_id = $1",
            person,
        )
    assert year is not None
    assert tuple(year) == (0, 0, 0)
    assert (await verify(platform)).proved
    again: Settled = await beijing.do(
        settle(person, visit, "inpatient", 1_005_000, use_account=True)
    )
    assert again.settlement.pooled == one.pooled


async def test_a_lost_answer_is_taken_back_by_its_message_and_an_unseen_message_never_comes(
    beijing: Hospital, people: dict[str, int], items: dict[str, str]
) -> None:
    person = people["all_in_order"]
    visit = await beijing.stay(person, line(items["A"], 1_000_000))
    order = settle(person, visit, "inpatient", 1_000_000)
    await beijing.do(order, message_id="m1", code="2304")
    undone = await beijing.do(
        orders.Undo(person_id=person, message_id="m1", transaction_code="2304")
    )
    assert undone.found
    again = await beijing.do(
        orders.Undo(person_id=person, message_id="m1", transaction_code="2304")
    )
    assert not again.found
    unseen = await beijing.do(
        orders.Undo(person_id=person, message_id="m2", transaction_code="2304")
    )
    assert not unseen.found
    with pytest.raises(CareRefused, match="reversed"):
        await beijing.do(order, message_id="m2", code="2304")
    await beijing.do(order, message_id="m3", code="2304")


async def test_interim_settlements_of_a_stay_bear_the_deductible_once(
    beijing: Hospital, people: dict[str, int], items: dict[str, str]
) -> None:
    person = people["all_in_order"]
    visit = await beijing.stay(person, line(items["A"], 1_000_000), discharged=False)
    first = await beijing.do(settle(person, visit, "inpatient", 1_000_000, interim=True))
    assert first.settlement.deductible == 80_000
    await beijing.do(
        orders.AddLines(
            person_id=person, visit_id=visit, setting="inpatient", batch="",
            lines=(line(items["A"], 2_000_000),),
        )
    )  # fmt: skip
    with pytest.raises(OutOfOrder):
        await beijing.do(settle(person, visit, "inpatient", 2_000_000))
    await beijing.do(
        orders.Discharge(person_id=person, visit_id=visit, ended_at=first.settlement.settled_at)
    )
    last = await beijing.do(settle(person, visit, "inpatient", 2_000_000))
    assert last.settlement.deductible == 0
    assert first.settlement.pooled + last.settlement.pooled == 2_482_000
    with pytest.raises(OutOfOrder):
        await beijing.do(
            orders.Reverse(
                person_id=person, settlement_id=first.settlement.settlement_id, visit_id=visit
            )
        )


async def test_an_outpatient_visit_is_settled_by_batches(
    chengdu: Hospital, people: dict[str, int], items: dict[str, str]
) -> None:
    person = people["home"]
    visit = await chengdu.outpatient(person, line(items["A"], 50_000), batch="B1")
    await chengdu.do(
        orders.AddLines(
            person_id=person, visit_id=visit, setting="outpatient", batch="B2",
            lines=(line(items["B"], 30_000),),
        )
    )  # fmt: skip
    first = await chengdu.do(settle(person, visit, "outpatient", 50_000, batch="B1"))
    assert first.settlement.deductible == 20_000
    second = await chengdu.do(settle(person, visit, "outpatient", 30_000, batch="B2"))
    assert second.settlement.deductible == 0
    assert second.settlement.first_pay > 0


async def test_a_message_whose_settlement_was_reversed_by_number_leaves_nothing_to_reverse(
    beijing: Hospital, people: dict[str, int], items: dict[str, str]
) -> None:
    person = people["all_in_order"]
    visit = await beijing.stay(person, line(items["A"], 1_000_000))
    order = settle(person, visit, "inpatient", 1_000_000)
    done = await beijing.do(order, message_id="m1", code="2304")
    number = done.settlement.settlement_id
    # The visit need not be named: the settlement tells it.
    await beijing.do(orders.Reverse(person_id=person, settlement_id=number, visit_id=None))
    undone = await beijing.do(
        orders.Undo(person_id=person, message_id="m1", transaction_code="2304")
    )
    assert not undone.found


async def test_what_was_taken_back_by_its_own_transaction_leaves_nothing_to_reverse(
    chengdu: Hospital, people: dict[str, int], items: dict[str, str]
) -> None:
    person = people["home"]

    async def undo(message_id: str, code: str) -> bool:
        asked = orders.Undo(person_id=person, message_id=message_id, transaction_code=code)
        return (await chengdu.do(asked)).found

    begun = await chengdu.do(
        orders.Register(person_id=person, number="1", begun_at=NOW), message_id="r", code="2201"
    )
    visit = begun.visit.visit_id
    await chengdu.do(
        orders.See(
            person_id=person, visit_id=visit, care_code="11", begun_at=NOW, diagnoses=()
        )
    )  # fmt: skip
    lines = orders.AddLines(
        person_id=person, visit_id=visit, setting="outpatient", batch="1",
        lines=(line(items["A"], 1_000),),
    )  # fmt: skip
    await chengdu.do(lines, message_id="l", code="2204")
    with pytest.raises(OutOfOrder):
        await undo("r", "2201")
    await chengdu.do(orders.WithdrawLines(person_id=person, visit_id=visit))
    assert not await undo("l", "2204")
    await chengdu.do(orders.CancelVisit(person_id=person, visit_id=visit))
    assert not await undo("r", "2201")
    choice = orders.ChooseProvider(
        person_id=person, provider_code=chengdu.provider.provider_code, starts_on=NOW.date()
    )
    await chengdu.do(choice, message_id="c", code="2505")
    await chengdu.do(choice, message_id="again", code="2505")
    assert not await undo("again", "2505")
    assert await undo("c", "2505")
    drop = orders.DropProvider(person_id=person, provider_code=chengdu.provider.provider_code)
    with pytest.raises(NoSuchChoice):
        await chengdu.do(drop)
    await chengdu.do(choice, message_id="c2", code="2505")
    await chengdu.do(drop)
    assert not await undo("c2", "2505")


async def test_a_transaction_of_the_wrong_setting_says_what_the_visit_is(
    chengdu: Hospital, people: dict[str, int], items: dict[str, str]
) -> None:
    visit = await chengdu.outpatient(people["home"], line(items["A"], 100_00))
    refused = await chengdu.ask(settle(people["home"], visit, "inpatient", 100_00))
    assert isinstance(refused, CareRefused)
    assert refused.field == "visit"
    assert refused.text.zh.startswith("这次就诊是门诊，本交易只办住院")


async def test_a_transfer_is_not_withdrawn_once_care_was_begun_with_it_also_early_in_the_morning(
    chengdu: Hospital, beijing: Hospital, people: dict[str, int]
) -> None:
    person = people["filing_none"]
    made = await chengdu.do(
        orders.FileTransfer(
            person_id=person, destination="110000", starts_on=NOW.date(), ends_on=None,
            to_provider=None, reason="肺癌",
        )
    )  # fmt: skip
    withdrawal = orders.WithdrawFiling(person_id=person, filing_id=made.filing.filing_id)
    # Before eight in the morning it is the day before in UTC.
    begun = await beijing.do(
        orders.Register(person_id=person, number="M1", begun_at=NOW.replace(hour=1))
    )
    assert isinstance(await chengdu.ask(withdrawal), FilingInUse)
    await beijing.do(orders.CancelVisit(person_id=person, visit_id=begun.visit.visit_id))
    done = await chengdu.do(withdrawal)
    assert done.filing.ended_by == "withdrawal"
