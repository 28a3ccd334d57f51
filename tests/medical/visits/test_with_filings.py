"""Filings and care together: a filing made in hospital counts in its settlement, and is then in use."""

from typing import Any

import pytest

from tests.medical.visits.conftest import Hospital, line
from yikatong.core.platform import Platform
from yikatong.medical.filings import errors, service
from yikatong.medical.filings.model import NewFiling
from yikatong.medical.model import Filing
from yikatong.medical.visits import orders
from yikatong.trust.audit import Actor

CLERK = Actor("staff", "clerk-1", "filing")
TEMPORARY = NewFiling(
    kind="temporary", destination="110000", channel="online", materials=("identity",)
)


async def settle(hospital: Hospital, person_id: int, visit_id: int, total: int) -> Any:
    done = await hospital.do(
        orders.Settle(
            person_id=person_id, visit_id=visit_id, setting="inpatient", total=total, commit=True
        )
    )
    return done.settlement


async def transfer(platform: Platform, by: Hospital, person_id: int) -> Filing:
    order = orders.FileTransfer(
        person_id=person_id,
        destination="110000",
        starts_on=platform.clock.now().date(),
        ends_on=None,
        to_provider=None,
    )
    async with platform.database.transaction() as connection:
        return await service.file_transfer(platform, connection, by.provider, order)


async def withdraw(platform: Platform, by: Hospital, person_id: int, filing_id: int) -> Filing:
    order = orders.WithdrawFiling(person_id=person_id, filing_id=filing_id)
    async with platform.database.transaction() as connection:
        return await service.withdraw_transfer(platform, connection, by.provider, order)


async def test_a_filing_made_in_hospital_counts_in_the_settlement(
    platform: Platform, beijing: Hospital, people: dict[str, int], items: dict[str, str]
) -> None:
    person_id = people["filing_none"]
    visit_id = await beijing.stay(person_id, line(items["A"], 2_000_000), discharged=False)
    filed = await service.file(platform, person_id, TEMPORARY, CLERK, "f")
    assert (platform.clock.now().date() - filed.starts_on).days == 5
    with pytest.raises(errors.FilingInUse):
        await service.withdraw(platform, person_id, filed.filing_id, CLERK, "w")
    await beijing.do(
        orders.Discharge(
            person_id=person_id, visit_id=visit_id, ended_at=platform.clock.now(), way="1"
        )
    )
    settled = await settle(beijing, person_id, visit_id, 2_000_000)
    assert settled.inputs.visit.filing == "temporary"
    await service.withdraw(platform, person_id, filed.filing_id, CLERK, "w")


async def test_a_transfer_that_was_settled_with_is_taken_back_after_the_reversal_only(
    platform: Platform,
    beijing: Hospital,
    chengdu: Hospital,
    people: dict[str, int],
    items: dict[str, str],
) -> None:
    person_id = people["filing_none"]
    filed = await transfer(platform, chengdu, person_id)
    visit_id = await beijing.stay(person_id, line(items["A"], 2_000_000), days=0)
    settled = await settle(beijing, person_id, visit_id, 2_000_000)
    assert settled.inputs.visit.filing == "transfer"
    with pytest.raises(errors.FilingInUse):
        await withdraw(platform, chengdu, person_id, filed.filing_id)
    await beijing.do(
        orders.Reverse(person_id=person_id, settlement_id=settled.settlement_id, visit_id=visit_id)
    )
    with pytest.raises(errors.FilingInUse):
        await withdraw(platform, chengdu, person_id, filed.filing_id)
    await beijing.do(orders.CancelDischarge(person_id=person_id, visit_id=visit_id))
    await beijing.do(orders.WithdrawLines(person_id=person_id, visit_id=visit_id))
    await beijing.do(orders.CancelVisit(person_id=person_id, visit_id=visit_id))
    gone = await withdraw(platform, chengdu, person_id, filed.filing_id)
    assert gone.ended_by == "withdrawal"
