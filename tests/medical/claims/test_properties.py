"""Random bills, cuts, claims and reversals: the sums, the year and the ledger always agree."""

import random
from datetime import timedelta

import pytest

from tests.medical.claims.conftest import CLERK, DAY, Counter, bill, key, raw
from tests.medical.visits.conftest import Hospital, line
from tests.medical.visits.test_settling import settle
from yikatong.core.platform import Platform
from yikatong.core.together import ask
from yikatong.medical import receipts
from yikatong.medical.visits import orders, recomputing
from yikatong.medical.visits import store as visits_store
from yikatong.money.verification import verify
from yikatong.policies.model import YearToDate


@pytest.mark.parametrize("seed", range(4))
async def test_any_sequence_of_claims_and_settlements_adds_up(
    counter: Counter, beijing: Hospital, people: dict[str, int], items: dict[str, str],
    platform: Platform, seed: int,
) -> None:  # fmt: skip
    chance = random.Random(seed)
    office, person = counter.office, people[chance.choice(["all_in_order", "resident"])]
    paid, direct = [], []
    for turn in range(12):
        choice = chance.random()
        if choice < 0.55:
            ended = DAY - timedelta(days=turn)
            care = chance.choice(["inpatient", "outpatient", "emergency"])
            days = timedelta(days=chance.randrange(1, 9) if care == "inpatient" else 0)
            rows = [
                raw(items[chance.choice("AABBC")], 0, at, quantity=str(count), price=price,
                    total=f"{count * round(float(price) * 100) / 100:.2f}")
                for at in range(1, chance.randrange(2, 6))
                for count, price in [(chance.randrange(1, 5), f"{chance.randrange(1, 900_000) / 100:.2f}")]
            ]  # fmt: skip
            one = await counter.taken(
                person, bill(beijing, care=care, begun_on=ended - days, ended_on=ended), *rows
            )
            cuts = {
                row.number: (str(chance.randrange(0, int(row.quantity) + 1)), "核减")
                for row in rows
                if chance.random() < 0.3
            }
            if cuts:
                one = await office.cut(person, one.claim_id, one.version, cuts, CLERK, key())
            one = await office.approve(person, one.claim_id, one.version, CLERK, key())
            paid.append(await counter.pay(one) if chance.random() < 0.7 else one)
        elif choice < 0.8 or not paid:
            total = chance.randrange(1_000, 3_000_000)
            visit = await beijing.stay(person, line(items[chance.choice("AB")], total))
            done = await beijing.do(
                settle(person, visit, "inpatient", total, use_account=chance.random() < 0.5)
            )
            direct.append(done.settlement)
        elif direct and choice < 0.9:
            one = direct.pop(chance.randrange(len(direct)))
            await beijing.do(
                orders.Reverse(
                    person_id=person, settlement_id=one.settlement_id, visit_id=one.visit_id
                )
            )
            for undo in (
                orders.CancelDischarge(person_id=person, visit_id=one.visit_id),
                orders.WithdrawLines(person_id=person, visit_id=one.visit_id),
                orders.CancelVisit(person_id=person, visit_id=one.visit_id),
            ):
                await beijing.do(undo)
        else:
            await counter.reverse(paid.pop(chance.randrange(len(paid))))
    async with platform.database.transaction(readonly=True) as connection:
        found = await visits_store.settlements_of_person(connection, person, 100)
        years, _ = await ask(
            connection, visits_store.accumulators([person], DAY - timedelta(days=800))
        )
    assert found
    for one in found:
        assert one.funds + one.medical_account + one.family_account + one.cash == one.total
        assert one.self_paid + one.over_limit + one.first_pay + one.in_scope == one.total
        assert receipts.recompute(one)[1] == "agrees"
    for (_, insurance, starts_on), (year, _) in years.items():
        mine = [
            one for one in found if (one.insurance, one.year_starts_on) == (insurance, starts_on)
        ]
        for name in YearToDate.__struct_fields__:
            assert getattr(year, name) == sum(one.added.get(name, 0) for one in mine), name
    assert (await verify(platform)).proved
    assert (await recomputing.recompute(platform)).differences == []
