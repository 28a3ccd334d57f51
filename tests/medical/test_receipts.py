# ruff: noqa: F811 - fixtures of the rooms beside are imported and asked for by name
"""Receipts computed again from what was stored, and the cash part paid from the card."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.medical.claims.conftest import (  # noqa: F401 - fixtures
    CLERK,
    Counter,
    bill,
    counter,
    key,
    raw,
)
from tests.medical.visits.conftest import (  # noqa: F401 - fixtures
    DIAGNOSES,
    NOW,
    Hospital,
    beijing,
    chengdu,
    desk,
    filling,
    items,
    line,
    people,
)
from tests.medical.visits.test_settling import settle
from yikatong.core.platform import Platform
from yikatong.medical import card_payments, receipts, receipts_shown
from yikatong.medical.receipts import Receipt
from yikatong.medical.visits import orders
from yikatong.medical.visits.errors import CareRefused, NoSuchSettlement
from yikatong.medical.visits.model import Settlement
from yikatong.money.bank import service as bank
from yikatong.money.errors import AccountFrozen, StrongerCheckNeeded
from yikatong.money.ledger import service as ledger
from yikatong.money.verification import verify
from yikatong.trust import audit


async def receipt(platform: Platform, one: Settlement) -> Receipt:
    async with platform.database.transaction() as connection:
        return await receipts.read(platform, connection, one.person_id, one.settlement_id, CLERK)


async def bank_balance(platform: Platform, person: int) -> int:
    async with platform.database.transaction(readonly=True) as connection:
        return next(
            one.balance
            for one in await ledger.accounts_of(connection, person)
            if one.kind == "bank"
        )


async def settled(
    hospital: Hospital, person: int, *codes: tuple[str, int], **more: Any
) -> Settlement:
    visit = await hospital.stay(person, *(line(code, amount) for code, amount in codes))
    total = sum(amount for _, amount in codes)
    done = await hospital.do(settle(person, visit, "inpatient", total, **more))
    found: Settlement = done.settlement
    return found


async def reversed_one(hospital: Hospital, one: Settlement) -> Settlement:
    done = await hospital.do(
        orders.Reverse(
            person_id=one.person_id, settlement_id=one.settlement_id, visit_id=one.visit_id
        )
    )
    found: Settlement = done.settlement
    return found


async def test_a_receipt_tells_every_step_line_and_accumulator_of_what_was_stored(
    beijing: Hospital, people: dict[str, int], items: dict[str, str], platform: Platform
) -> None:  # fmt: skip
    one = await settled(
        beijing, people["all_in_order"], (items["A"], 2_000_000), (items["B"], 500_000),
        (items["C"], 10_000), use_account=True, invoice="I-1",
    )  # fmt: skip
    found = await receipt(platform, one)
    assert found.recomputed == "agrees"
    body = receipts_shown.body(found)
    assert [step["layer"] for step in body["steps"]][:3] == ["scope", "deductible", "pooled"]
    assert all(step["text"]["zh"] and step["text"]["en"] for step in body["steps"])
    assert [each["class"] for each in body["lines"]] == ["A", "B", "C"]
    assert sum(each.total for each in found.lines) == one.total
    assert sum(amount for _, amount in receipts_shown.bill_parts(one)) == one.total
    assert sum(amount for _, amount in receipts_shown.who_pays(one)) == one.total
    admissions = body["accumulators"][0]
    assert admissions == {"name": "admissions", "before": "0", "after": "1"}
    assert body["reversed_by"] is None
    async with platform.database.transaction(readonly=True) as connection:
        (event,) = await audit.of_person(connection, one.person_id, 1)
    assert (event.action, event.actor.name) == ("settlement.read", "clerk-7")


async def test_a_changed_amount_shows_as_a_difference(
    beijing: Hospital, people: dict[str, int], items: dict[str, str], platform: Platform
) -> None:
    one = await settled(beijing, people["all_in_order"], (items["A"], 2_000_000))
    async with platform.database.transaction() as connection:
        await connection.execute("update settlements set pooled = pooled - 1, cash = cash + 1")
    assert (await receipt(platform, one)).recomputed == "differs"


async def test_a_reversed_settlement_and_its_reversal_say_so(
    beijing: Hospital, people: dict[str, int], items: dict[str, str], platform: Platform
) -> None:
    one = await settled(beijing, people["all_in_order"], (items["A"], 2_000_000))
    back = await reversed_one(beijing, one)
    first, second = await receipt(platform, one), await receipt(platform, back)
    assert first.reversed_by is not None
    assert first.reversed_by.settlement_id == back.settlement_id
    assert second.recomputed == "agrees"
    body = receipts_shown.body(second)
    assert body["reverses"] == str(one.settlement_id)
    assert body["pooled"].startswith("-")
    assert str(back.settlement_id) in getattr(receipts_shown.mark(first), "zh", "")
    assert second.accumulated() == []
    assert body["added"]["admissions"] == "-1"
    async with platform.database.transaction() as connection:
        found = await receipts.of_person(platform, connection, one.person_id, CLERK)
    assert [each.settlement_id for each, _ in found] == [back.settlement_id, one.settlement_id]
    assert {name for _, name in found} == {beijing.provider.name}


async def test_lines_changed_after_a_reversal_are_not_shown_as_those_of_the_receipt(
    chengdu: Hospital, people: dict[str, int], items: dict[str, str], platform: Platform
) -> None:
    person = people["home"]
    first = line(items["A"], 50_000)
    visit = await chengdu.outpatient(person, first, line(items["A"], 20_000), batch="B1")
    done = await chengdu.do(settle(person, visit, "outpatient", 70_000, batch="B1"))
    assert len((await receipt(platform, done.settlement)).lines) == 2
    await reversed_one(chengdu, done.settlement)
    await chengdu.do(orders.WithdrawLines(person_id=person, visit_id=visit, line=first.number))
    assert (await receipt(platform, done.settlement)).lines == ()


async def test_a_claim_has_a_receipt_with_what_was_cut(
    counter: Counter, beijing: Hospital, people: dict[str, int], items: dict[str, str],
    platform: Platform,
) -> None:  # fmt: skip
    person = people["all_in_order"]
    one = await counter.taken(
        person, bill(beijing), raw(items["A"], 20_000), raw(items["A"], 300, 2)
    )
    cuts = {"n2": ("0", "与病情无关")}
    one = await counter.office.cut(person, one.claim_id, one.version, cuts, CLERK, key())
    await counter.office.approve(person, one.claim_id, one.version, CLERK, key())
    async with platform.database.transaction() as connection:
        ((found, _),) = await receipts.of_person(platform, connection, person, CLERK)
    told = await receipt(platform, found)
    assert told.recomputed == "agrees"
    assert [each["cut"] for each in receipts_shown.body(told)["lines"]] == [None, "与病情无关"]


async def test_the_pdf_is_one_and_holds_hostile_names_as_they_are(
    counter: Counter, people: dict[str, int], items: dict[str, str], platform: Platform
) -> None:
    person = people["all_in_order"]
    await counter.approved(
        person,
        bill(emergency=True, provider_name='#panic("x") $1$ *医院* <a>'),
        raw(items["A"], 20_000), raw("", 5, 2, name="[#raw] _x_ \\ @"),
    )  # fmt: skip
    async with platform.database.transaction() as connection:
        ((found, name),) = await receipts.of_person(platform, connection, person, CLERK)
    assert name == '#panic("x") $1$ *医院* <a>'
    made = await asyncio.to_thread(
        receipts_shown.as_pdf, await receipt(platform, found), platform.clock.now()
    )
    assert made.startswith(b"%PDF-")


async def test_another_persons_receipt_is_not_found(
    beijing: Hospital, people: dict[str, int], items: dict[str, str], platform: Platform
) -> None:
    one = await settled(beijing, people["all_in_order"], (items["A"], 2_000_000))
    async with platform.database.transaction() as connection:
        with pytest.raises(NoSuchSettlement):
            await receipts.read(platform, connection, people["home"], one.settlement_id, CLERK)


# ---- the cash part from the card ----


async def pay(platform: Platform, one: Settlement, key: str, assurance: int = 2) -> Any:
    return await card_payments.pay(
        platform, one.person_id, one.settlement_id, CLERK, key, assurance
    )


async def test_the_cash_part_is_paid_once_and_goes_back_with_the_reversal(
    beijing: Hospital, people: dict[str, int], items: dict[str, str], platform: Platform
) -> None:
    person = people["all_in_order"]
    before = await bank_balance(platform, person)
    one = await settled(beijing, person, (items["A"], 200_000))
    first = await pay(platform, one, "k-1")
    assert (await pay(platform, one, "k-1")).transaction_id == first.transaction_id
    with pytest.raises(card_payments.CashPaid):
        await pay(platform, one, "k-2")
    assert await bank_balance(platform, person) == before - one.cash
    assert receipts_shown.body(await receipt(platform, one))["card_payment"]["paid_back"] is False
    async with platform.database.transaction(readonly=True) as connection:
        account = next(
            each for each in await ledger.accounts_of(connection, person) if each.kind == "bank"
        )
    await bank.freeze(platform, *account.key, "court", CLERK, key(), document="法院文书")
    await reversed_one(beijing, one)
    assert await bank_balance(platform, person) == before
    assert receipts_shown.body(await receipt(platform, one))["card_payment"]["paid_back"] is True
    with pytest.raises(card_payments.CashPaid):
        await pay(platform, one, "k-3")
    assert (await verify(platform)).proved


async def test_nothing_is_paid_for_what_was_reversed_or_claimed(
    counter: Counter, beijing: Hospital, people: dict[str, int], items: dict[str, str],
    platform: Platform,
) -> None:  # fmt: skip
    person = people["all_in_order"]
    one = await settled(beijing, person, (items["A"], 200_000))
    back = await reversed_one(beijing, one)
    for gone in (one, back):
        with pytest.raises(CareRefused, match="reversed"):
            await pay(platform, gone, key())
    await counter.approved(person, bill(beijing), raw(items["A"], 20_000))
    async with platform.database.transaction() as connection:
        found = await receipts.of_person(platform, connection, person, CLERK)
    with pytest.raises(CareRefused, match="by hand"):
        await pay(platform, found[0][0], key())


async def test_a_payment_and_a_reversal_at_the_same_moment_never_leave_the_money_with_the_provider(
    beijing: Hospital, people: dict[str, int], items: dict[str, str], platform: Platform
) -> None:
    person = people["all_in_order"]
    before = await bank_balance(platform, person)
    for turn in range(5):
        one = await settled(beijing, person, (items["A"], 200_000 + turn))
        await asyncio.gather(
            pay(platform, one, key()), reversed_one(beijing, one), return_exceptions=True
        )
        async with platform.database.transaction() as connection:
            found = await receipts.of_person(platform, connection, person, CLERK)
        assert found[0][0].reverses == one.settlement_id
        assert await bank_balance(platform, person) == before
        await beijing.do(orders.CancelDischarge(person_id=person, visit_id=one.visit_id))
        await beijing.do(orders.WithdrawLines(person_id=person, visit_id=one.visit_id))
        await beijing.do(orders.CancelVisit(person_id=person, visit_id=one.visit_id))
    assert (await verify(platform)).proved


async def test_the_card_pays_only_as_a_card_may(
    beijing: Hospital, people: dict[str, int], items: dict[str, str], platform: Platform
) -> None:
    one = await settled(beijing, people["all_in_order"], (items["A"], 200_000))
    with pytest.raises(StrongerCheckNeeded):
        await pay(platform, one, key(), assurance=1)
    for situation, refusal in (
        ("bank_app_inactive", card_payments.CardCannotPay),
        ("account_frozen", AccountFrozen),
        ("account_missing", card_payments.CardCannotPay),
    ):
        one = await settled(beijing, people[situation], (items["A"], 200_000))
        with pytest.raises(refusal):
            await pay(platform, one, key())


async def test_a_reversal_says_why_where_the_account_is_closed_and_changes_nothing(
    beijing: Hospital, people: dict[str, int], items: dict[str, str], platform: Platform
) -> None:
    person = people["all_in_order"]
    one = await settled(beijing, person, (items["A"], 200_000))
    await pay(platform, one, key())
    async with platform.database.transaction() as connection:
        await connection.execute(
            """update money_accounts set state = 'closed', closed_at = now(), balance = 0
                where person_id = $1 and kind = 'bank'""",
            person,
        )
    with pytest.raises(CareRefused, match="closed"):
        await reversed_one(beijing, one)
    assert (await receipt(platform, one)).reversed_by is None


async def test_a_receipt_tells_days_and_moments_as_they_were_in_china(
    platform: Platform, chengdu: Hospital, people: dict[str, int], items: dict[str, str]
) -> None:
    # Before eight in the morning it is the day before in UTC, which the database answers in.
    early = NOW.replace(day=1, hour=5)
    person = people["home"]
    admitted = await chengdu.do(
        orders.Admit(
            person_id=person, number="Z1", begun_at=early - timedelta(days=1), care_code="21",
            diagnoses=DIAGNOSES,
        )
    )  # fmt: skip
    visit_id: int = admitted.visit.visit_id
    await chengdu.do(
        orders.AddLines(
            person_id=person, visit_id=visit_id, setting="inpatient", batch="",
            lines=(line(items["A"], 5000_00, at=early - timedelta(hours=4)),),
        )
    )  # fmt: skip
    await chengdu.do(
        orders.Discharge(
            person_id=person, visit_id=visit_id, ended_at=early, way="1", diagnoses=DIAGNOSES
        )
    )
    done = await chengdu.do(settle(person, visit_id, "inpatient", 5000_00))
    told = receipts_shown.body(await receipt(platform, done.settlement))
    assert (told["begun_at"], told["ended_at"]) == (
        "2026-02-28T05:00:00+08:00",
        "2026-03-01T05:00:00+08:00",
    )
    facts = [
        value.zh for _, value in receipts_shown.facts(await receipt(platform, done.settlement))
    ]
    assert "2026年2月28日 – 2026年3月1日" in facts
