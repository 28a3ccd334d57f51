"""Claims decided by the policy: the same amounts, year and ledger as a direct settlement."""

import asyncio
from datetime import date
from typing import Any

import pytest

from tests.medical.claims.conftest import CLERK, Counter, bill, key, raw
from tests.medical.visits.conftest import Hospital, line
from tests.medical.visits.test_settling import settle
from yikatong.core.platform import Platform
from yikatong.medical.claims.errors import AlreadySettled, ClaimRefused, NoCardAccount
from yikatong.medical.visits import orders
from yikatong.medical.visits import store as visits_store
from yikatong.medical.visits.errors import ClaimedByHand, NoSuchSettlement, NotCovered
from yikatong.medical.visits.model import Settlement
from yikatong.money.bank import service as bank
from yikatong.money.errors import InsufficientFunds
from yikatong.money.ledger import service as ledger
from yikatong.money.verification import verify
from yikatong.policies import rules as policy_rules
from yikatong.policies import service as policies


async def balance(platform: Platform, person: int) -> int:
    async with platform.database.transaction(readonly=True) as connection:
        return next(
            one.balance
            for one in await ledger.accounts_of(connection, person)
            if one.kind == "bank"
        )


async def fund(platform: Platform, region: str, number: str) -> int:
    async with platform.database.transaction(readonly=True) as connection:
        for one, amount, _ in await ledger.shared_balances(connection):
            if (one.kind, one.owner, one.purpose) == ("fund", region, number):
                return amount
    return 0


async def stored(platform: Platform, person: int) -> list[Settlement]:
    async with platform.database.transaction(readonly=True) as connection:
        return await visits_store.settlements_of_person(connection, person, 10)


async def year_of(platform: Platform, person: int) -> dict[str, int]:
    async with platform.database.transaction(readonly=True) as connection:
        row = await connection.fetchrow(
            "select * from accumulators where person_id = $1 and insurance = '310'", person
        )
    assert row is not None
    facts: dict[str, Any] = dict(zip(row.keys(), row, strict=True))
    return {
        name: facts[name]
        for name in ("admissions", "pooled", "borne_in_scope", "inpatient_in_scope")
    }


async def test_a_stay_claimed_by_hand_pays_what_a_direct_settlement_would(
    counter: Counter, beijing: Hospital, people: dict[str, int], items: dict[str, str],
    platform: Platform,
) -> None:  # fmt: skip
    """30 000 yuan in 北京 with a long-term filing of 成都: 24 820.00, onto the card's account."""
    person = people["all_in_order"]
    before, of_fund = await balance(platform, person), await fund(platform, "510100", "310")
    one = await counter.approved(
        person, bill(beijing), raw(items["A"], 20_000), raw(items["A"], 10_000, 2)
    )
    assert (one.state, one.approved) == ("approved", 2_482_000)
    assert await balance(platform, person) == before
    one = await counter.pay(one)
    assert one.state == "paid"
    assert await balance(platform, person) == before + 2_482_000
    assert await fund(platform, "510100", "310") == of_fund - 2_482_000
    (found,) = await stored(platform, person)
    assert (found.channel, found.settlement_id) == ("claim", one.settlement_id)
    assert (found.cash, found.medical_account) == (518_000, 0)
    again = policies.quote(found.inputs)
    assert again.pooled == found.pooled
    assert policy_rules.added_to_year(found.inputs, again) == found.added
    assert (await year_of(platform, person))["admissions"] == 1
    assert (await verify(platform)).proved


async def test_a_claim_and_a_direct_settlement_share_the_accumulators(
    counter: Counter, beijing: Hospital, people: dict[str, int], items: dict[str, str],
    platform: Platform,
) -> None:  # fmt: skip
    person = people["all_in_order"]
    await counter.approved(person, bill(beijing), raw(items["A"], 20_000))
    visit = await beijing.stay(person, line(items["A"], 1_000_000))
    direct = (await beijing.do(settle(person, visit, "inpatient", 1_000_000))).settlement
    assert direct.inputs.year_to_date.admissions == 1
    assert direct.deductible < 80_000
    newest = await stored(platform, person)
    year = await year_of(platform, person)
    for name, amount in year.items():
        assert amount == sum(one.added.get(name, 0) for one in newest), name


async def test_a_paid_claim_is_reversed_with_money_and_year_and_can_be_claimed_again(
    counter: Counter, beijing: Hospital, people: dict[str, int], items: dict[str, str],
    platform: Platform,
) -> None:  # fmt: skip
    person, paid = people["all_in_order"], bill(beijing)
    before, of_fund = await balance(platform, person), await fund(platform, "510100", "310")
    one = await counter.paid(person, paid, raw(items["A"], 20_000))
    one = await counter.reverse(one)
    assert (one.state, one.reason) == ("reversed", "票据有误")
    assert await balance(platform, person) == before
    assert await fund(platform, "510100", "310") == of_fund
    assert set((await year_of(platform, person)).values()) == {0}
    reversal, first = await stored(platform, person)
    assert reversal.reverses == first.settlement_id
    assert reversal.total == -first.total
    again = await counter.paid(person, paid, raw(items["A"], 20_000))
    assert again.approved == first.funds
    with pytest.raises(ClaimRefused):
        await counter.reverse(one)
    assert (await verify(platform)).proved


async def test_an_approved_claim_is_reversed_before_it_is_paid(
    counter: Counter, beijing: Hospital, people: dict[str, int], items: dict[str, str],
    platform: Platform,
) -> None:  # fmt: skip
    one = await counter.approved(people["home"], bill(beijing), raw(items["A"], 20_000))
    assert (await counter.reverse(one)).state == "reversed"
    assert (await verify(platform)).proved


async def test_money_that_was_spent_cannot_be_taken_back_and_nothing_changes(
    counter: Counter, beijing: Hospital, people: dict[str, int], items: dict[str, str],
    platform: Platform,
) -> None:  # fmt: skip
    person = people["all_in_order"]
    one = await counter.paid(person, bill(beijing), raw(items["A"], 20_000))
    async with platform.database.transaction(readonly=True) as connection:
        account = next(a for a in await ledger.accounts_of(connection, person) if a.kind == "bank")
    await bank.hold(
        platform, *account.key, account.available - 1, CLERK, key(), reason="押金", assurance=3
    )
    with pytest.raises(InsufficientFunds):
        await counter.reverse(one)
    assert len(await stored(platform, person)) == 1
    file = await counter.office.file(person, one.claim_id, CLERK)
    assert (file.claim.state, file.claim.version) == ("paid", one.version)


async def test_a_bill_settled_directly_is_refused_naming_the_settlement(
    counter: Counter, beijing: Hospital, people: dict[str, int], items: dict[str, str]
) -> None:
    person = people["all_in_order"]
    visit = await beijing.stay(person, line(items["A"], 1_000_000), line(items["B"], 5_000))
    order = settle(person, visit, "inpatient", 1_005_000, invoice="I-77")
    done = (await beijing.do(order)).settlement
    days = {"begun_on": date(2026, 2, 25), "ended_on": date(2026, 3, 1)}
    for paid in (bill(beijing, invoice="I-77", **days), bill(beijing, invoice="", **days)):
        with pytest.raises(AlreadySettled, match=str(done.settlement_id)):
            await counter.submitted(person, paid, raw(items["A"], 10_000))
    other = await counter.taken(person, bill(beijing, **days), raw(items["A"], 10_001))
    assert (await counter.office.preview(person, other.claim_id, CLERK)).suspects == ()
    await beijing.do(
        orders.Reverse(person_id=person, settlement_id=done.settlement_id, visit_id=visit)
    )
    await counter.submitted(person, bill(beijing, invoice="I-77", **days), raw(items["A"], 10_000))


async def test_a_bill_that_was_claimed_is_not_settled_directly_as_well(
    counter: Counter, beijing: Hospital, people: dict[str, int], items: dict[str, str],
    platform: Platform,
) -> None:  # fmt: skip
    person = people["all_in_order"]
    visit = await beijing.stay(person, line(items["A"], 1_000_000), line(items["B"], 50_000))
    paid = bill(beijing, begun_on=date(2026, 2, 24), ended_on=date(2026, 3, 1))
    rows = (raw(items["A"], 10_000), raw(items["B"], 500, 2))
    one = await counter.approved(person, paid, *rows)
    for commit in (False, True):
        with pytest.raises(ClaimedByHand, match=str(one.claim_id)):
            await beijing.do(settle(person, visit, "inpatient", 1_050_000, commit=commit))
    other = await beijing.outpatient(person, line(items["A"], 3_000))
    await beijing.do(settle(person, other, "outpatient", 3_000))
    await counter.reverse(await counter.pay(one))
    await beijing.do(settle(person, visit, "inpatient", 1_050_000))
    assert (await verify(platform)).proved


async def test_a_bill_claimed_and_settled_at_once_is_paid_once(
    counter: Counter, beijing: Hospital, people: dict[str, int], items: dict[str, str],
    platform: Platform,
) -> None:  # fmt: skip
    person = people["all_in_order"]
    for number in range(6):
        total = 100_000 + number * 100
        visit = await beijing.stay(person, line(items["A"], total))
        paid = bill(beijing, begun_on=date(2026, 2, 24), ended_on=date(2026, 3, 1))
        taken = await counter.taken(person, paid, raw(items["A"], total // 100))
        outcomes = await asyncio.gather(
            counter.office.approve(person, taken.claim_id, taken.version, CLERK, key()),
            beijing.do(settle(person, visit, "inpatient", total)),
            return_exceptions=True,
        )
        refused = [one for one in outcomes if isinstance(one, (AlreadySettled, ClaimedByHand))]
        assert len(refused) == 1, outcomes
        if isinstance(outcomes[1], ClaimedByHand):
            await beijing.do(orders.WithdrawLines(person_id=person, visit_id=visit))
            await beijing.do(orders.CancelDischarge(person_id=person, visit_id=visit))
            await beijing.do(orders.CancelVisit(person_id=person, visit_id=visit))
    assert (await verify(platform)).proved


async def test_a_bill_settled_directly_while_it_was_reviewed_is_refused_at_the_decision(
    counter: Counter, beijing: Hospital, people: dict[str, int], items: dict[str, str]
) -> None:
    person = people["all_in_order"]
    days = {"begun_on": date(2026, 2, 25), "ended_on": date(2026, 3, 1)}
    one = await counter.taken(person, bill(beijing, **days), raw(items["A"], 10_000))
    visit = await beijing.stay(person, line(items["A"], 1_000_000))
    await beijing.do(settle(person, visit, "inpatient", 1_000_000))
    with pytest.raises(AlreadySettled):
        await counter.office.approve(person, one.claim_id, one.version, CLERK, key())


async def test_a_provider_cannot_reverse_a_claim(
    counter: Counter, beijing: Hospital, people: dict[str, int], items: dict[str, str],
    platform: Platform,
) -> None:  # fmt: skip
    person = people["all_in_order"]
    await counter.paid(person, bill(beijing), raw(items["A"], 20_000))
    (found,) = await stored(platform, person)
    with pytest.raises(NoSuchSettlement):
        await beijing.do(
            orders.Reverse(
                person_id=person, settlement_id=found.settlement_id, visit_id=found.visit_id
            )
        )


@pytest.mark.parametrize(
    ("situation", "more", "reason"),
    [
        ("all_in_order", {"region": None}, "care_abroad"),
        ("all_in_order", {}, "provider_not_designated"),
        ("not_insured", {"emergency": True}, "not_insured"),
        ("arrears", {"emergency": True}, "arrears"),
        ("waiting", {"emergency": True}, "in_waiting_period"),
        ("no_policy_on_file", {"emergency": True}, "rates_not_on_file"),
        ("all_in_order", {"care": "chronic", "disease": "糖尿病", "emergency": True}, "chronic_not_registered"),
    ],
)  # fmt: skip
async def test_what_no_fund_pays_is_not_approved(
    counter: Counter, people: dict[str, int], items: dict[str, str], platform: Platform,
    situation: str, more: dict[str, Any], reason: str,
) -> None:  # fmt: skip
    person = people[situation]
    one = await counter.taken(person, bill(**more), raw(items["A"], 5_000))
    with pytest.raises(NotCovered) as caught:
        await counter.office.approve(person, one.claim_id, one.version, CLERK, key())
    assert caught.value.reason == reason
    assert await stored(platform, person) == []


async def test_an_emergency_at_a_hospital_without_a_code_is_paid(
    counter: Counter, people: dict[str, int], items: dict[str, str], platform: Platform
) -> None:
    person = people["filing_none"]
    one = await counter.paid(person, bill(emergency=True), raw(items["A"], 20_000))
    (found,) = await stored(platform, person)
    assert found.provider_code == "000000000000"
    assert found.inputs.visit.filing == "emergency"
    assert one.approved == found.funds > 0
    assert (await verify(platform)).proved


async def test_who_was_suspended_after_the_care_is_still_paid(
    counter: Counter, beijing: Hospital, people: dict[str, int], items: dict[str, str],
    platform: Platform,
) -> None:  # fmt: skip
    person = people["suspended"]
    early = bill(beijing, begun_on=date(2026, 1, 5), ended_on=date(2026, 1, 9))
    assert (await counter.approved(person, early, raw(items["A"], 20_000))).approved
    late = await counter.taken(person, bill(beijing), raw(items["A"], 9_000))
    with pytest.raises(NotCovered):
        await counter.office.approve(person, late.claim_id, late.version, CLERK, key())


async def test_without_an_account_a_claim_is_approved_and_waits_to_be_paid(
    counter: Counter, beijing: Hospital, people: dict[str, int], items: dict[str, str],
    platform: Platform,
) -> None:  # fmt: skip
    for situation in ("account_missing", "card_none"):
        person = people[situation]
        one = await counter.approved(person, bill(beijing), raw(items["A"], 20_000))
        with pytest.raises(NoCardAccount):
            await counter.pay(one)
    assert (await verify(platform)).proved


async def test_a_closed_account_is_named_and_a_frozen_one_gets_its_money(
    counter: Counter, beijing: Hospital, people: dict[str, int], items: dict[str, str],
    platform: Platform,
) -> None:  # fmt: skip
    frozen = await counter.paid(people["account_frozen"], bill(beijing), raw(items["A"], 20_000))
    assert frozen.state == "paid"
    one = await counter.approved(people["home"], bill(beijing), raw(items["A"], 20_000))
    async with platform.database.transaction() as connection:
        await connection.execute(
            """update money_accounts set state = 'closed', closed_at = now(), balance = 0
                where person_id = $1 and kind = 'bank'""",
            people["home"],
        )
    with pytest.raises(NoCardAccount, match="closed"):
        await counter.pay(one)


async def test_a_bill_below_the_deductible_is_paid_with_nothing(
    counter: Counter, beijing: Hospital, people: dict[str, int], items: dict[str, str],
    platform: Platform,
) -> None:  # fmt: skip
    one = await counter.paid(people["all_in_order"], bill(beijing), raw(items["A"], 100))
    assert (one.state, one.approved, one.payment_id) == ("paid", 0, None)
    assert (await counter.reverse(one)).state == "reversed"
    assert (await verify(platform)).proved


async def test_of_two_approvals_at_the_same_moment_one_settles(
    counter: Counter, beijing: Hospital, people: dict[str, int], items: dict[str, str],
    platform: Platform,
) -> None:  # fmt: skip
    person = people["all_in_order"]
    one = await counter.taken(person, bill(beijing), raw(items["A"], 20_000))
    outcomes = await asyncio.gather(
        *(
            counter.office.approve(person, one.claim_id, one.version, CLERK, key())
            for _ in range(4)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(each, ClaimRefused) for each in outcomes) == 3
    assert len(await stored(platform, person)) == 1
