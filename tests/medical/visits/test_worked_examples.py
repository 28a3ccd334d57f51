"""The worked examples end to end through the desk, with the catalog and the policies as shipped."""

from typing import NamedTuple

import pytest

from tests.medical.visits.conftest import Hospital, line, provider_of
from yikatong.core.platform import Platform
from yikatong.medical.visits import orders
from yikatong.medical.visits.desk import CareDesk
from yikatong.medical.visits.model import Settlement
from yikatong.money.verification import verify


class Example(NamedTuple):
    """A case and who must pay what, in fen; the rest of the bill is the person's."""

    id: str
    situation: str
    region: str
    level: str
    bill: int
    deductible: int
    pooled: int
    person: int
    large: int = 0
    serious: int = 0
    class_c: int = 0
    class_b: int = 0
    outpatient: bool = False


# A table.
# fmt: off
EXAMPLES = (
    Example("WE-01", "beijing_active", "110000", "tertiary", 10_000_00, 1300_00, 7395_00, 2605_00),
    Example("WE-02", "beijing_active", "110000", "tertiary", 60_000_00, 1300_00, 52_395_00, 7605_00),
    Example("WE-03", "beijing_retired", "110000", "tertiary", 60_000_00, 1300_00, 54_917_00, 5083_00),
    Example("WE-04", "beijing_second_admission", "110000", "secondary", 20_000_00, 650_00, 15_790_50, 4209_50,
            class_c=1000_00, class_b=2000_00),
    Example("WE-05", "xianyang_resident", "610400", "secondary", 8000_00, 550_00, 5587_50, 2412_50),
    Example("WE-06", "xianyang_resident", "610400", "tertiary", 10_000_00, 1500_00, 5100_00, 4900_00),
    Example("WE-07", "chongqing_active", "500000", "secondary", 1000_00, 200_00, 480_00, 520_00, outpatient=True),
    Example("WE-08", "chongqing_retired", "500000", "tertiary", 100_000_00, 880_00, 47_000_00, 3353_68,
            large=49_646_32),
    Example("WE-09", "chengdu_aged_63", "510100", "tertiary", 30_000_00, 800_00, 25_988_00, 4012_00),
    Example("WE-10, no filing", "filing_none", "110000", "tertiary", 30_000_00, 800_00, 17_374_00, 12_626_00),
    Example("WE-10, long-term filing", "all_in_order", "110000", "tertiary", 30_000_00, 800_00, 24_820_00, 5180_00),
    Example("WE-11", "guangzhou_retired", "440100", "tertiary", 50_000_00, 1000_00, 42_140_00, 7860_00),
    Example("WE-12", "resident_home", "510100", "tertiary", 120_000_00, 500_00, 81_260_00, 26_296_00,
            serious=12_444_00),
)
# fmt: on


async def _item(platform: Platform, region: str, item_class: str, share: int) -> str:
    """An item of a class that the province's catalog sets no price limit for."""
    async with platform.database.transaction(readonly=True) as connection:
        code = await connection.fetchval(
            """select t.code from catalog_terms t
                where t.region = '000000' and t.class = $1 and t.price_limit is null
                  and coalesce(t.first_pay, 0) = $3
                  and not exists (select from catalog_terms o where o.code = t.code
                                   and o.region <> '000000' and left(o.region, 2) = left($2, 2))
                order by t.code limit 1""",
            item_class, region, share,
        )  # fmt: skip
    assert isinstance(code, str), (region, item_class)
    return code


async def _settle(platform: Platform, hospital: Hospital, person: int, one: Example) -> Settlement:
    lines = [
        line(await _item(platform, one.region, item_class, share), total)
        for item_class, share, total in (
            ("A", 0, one.bill - one.class_b - one.class_c),
            ("B", 100_000, one.class_b),
            ("C", 0, one.class_c),
        )
        if total
    ]
    if one.outpatient:
        visit_id = await hospital.outpatient(person, *lines)
        setting, batch = "outpatient", "B1"
    else:
        visit_id = await hospital.stay(person, *lines)
        setting, batch = "inpatient", ""
    done = await hospital.do(
        orders.Settle(
            person_id=person, visit_id=visit_id, setting=setting, total=one.bill, batch=batch or None,
            commit=True,
        )
    )  # fmt: skip
    settlement: Settlement = done.settlement
    return settlement


@pytest.mark.parametrize("one", EXAMPLES, ids=lambda one: one.id)
async def test_the_desk_settles_every_worked_example_to_the_fen(
    platform: Platform, desk: CareDesk, one: Example
) -> None:
    async with platform.database.transaction(readonly=True) as connection:
        person = await connection.fetchval(
            "select person_id from demo_persons where situation = $1", one.situation
        )
    hospital = Hospital(desk, await provider_of(platform, one.region, one.level))
    done = await _settle(platform, hospital, person, one)
    assert (done.deductible, done.pooled, done.person) == (one.deductible, one.pooled, one.person)
    assert (done.large_amount, done.serious_illness) == (one.large, one.serious)
    assert (done.civil_servant, done.assistance) == (0, 0)
    assert (done.self_paid, done.first_pay) == (one.class_c, one.class_b // 10)
    assert done.in_scope == one.bill - one.class_c - one.class_b // 10
    assert done.funds + done.person == one.bill
    assert done.cash == one.person
    async with platform.database.transaction(readonly=True) as connection:
        posted = await connection.fetchval(
            """select sum(p.amount) from ledger_postings p join shared_accounts s using (account_id)
                where p.about_person_id = $1 and s.kind = 'provider' and s.owner = $2
                  and p.transaction_id = $3""",
            person, hospital.provider.provider_code, done.transaction_id,
        )  # fmt: skip
    assert posted == done.funds, "the provider is due what the funds pay"
    assert (await verify(platform)).proved
