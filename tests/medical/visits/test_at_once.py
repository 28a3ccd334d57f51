"""What happens at the same moment in two processes: each has a desk of its own."""

import asyncio
from datetime import date
from typing import Any

import msgspec
import pytest

from tests.medical.visits.conftest import Hospital, line
from tests.medical.visits.test_settling import settle
from yikatong.core.errors import YikatongError
from yikatong.core.platform import Platform
from yikatong.medical import card_payments
from yikatong.medical.model import Provider
from yikatong.medical.visits import orders
from yikatong.medical.visits.desk import CareDesk
from yikatong.medical.visits.errors import CareRefused, NoSuchPerson
from yikatong.medical.visits.orders import Certificate
from yikatong.medical.visits.recomputing import recompute
from yikatong.money.ledger import service as ledger
from yikatong.money.verification import verify
from yikatong.trust.audit import Actor

PERSON = Actor("person", "self", "care")


@pytest.fixture
def other(platform: Platform, chengdu: Hospital) -> Hospital:
    """The same hospital, answered by another process."""
    return Hospital(CareDesk(platform), chengdu.provider)


async def proved(platform: Platform) -> None:
    assert (await verify(platform)).proved
    assert (await recompute(platform)).agrees


async def balance(platform: Platform, person: int, kind: str) -> int:
    async with platform.database.transaction(readonly=True) as connection:
        return next(
            one.balance for one in await ledger.accounts_of(connection, person) if one.kind == kind
        )


async def test_a_visit_is_settled_once_whoever_asks(
    chengdu: Hospital, other: Hospital, people: dict[str, int], items: dict[str, str],
    platform: Platform,
) -> None:  # fmt: skip
    person = people["all_in_order"]
    visit = await chengdu.outpatient(person, line(items["A"], 30_000))
    outcomes = await asyncio.gather(
        *(
            (chengdu, other)[number % 2].ask(settle(person, visit, "outpatient", 30_000))
            for number in range(50)
        )
    )
    assert sum(isinstance(one, orders.Settled) for one in outcomes) == 1
    assert sum(isinstance(one, YikatongError) for one in outcomes) == 49
    await proved(platform)


async def test_two_bills_at_once_share_one_deductible(
    chengdu: Hospital, other: Hospital, people: dict[str, int], items: dict[str, str],
    platform: Platform,
) -> None:  # fmt: skip
    person = people["all_in_order"]
    visits = [await chengdu.outpatient(person, line(items["A"], 15_000)) for _ in range(6)]
    done = await asyncio.gather(
        *(
            (chengdu, other)[number % 2].do(settle(person, visit, "outpatient", 15_000))
            for number, visit in enumerate(visits)
        )
    )
    one_by_one = sum(each.settlement.deductible for each in done)
    again = 0
    for each in reversed(done):
        await chengdu.do(
            orders.Reverse(
                person_id=person, settlement_id=each.settlement.settlement_id,
                visit_id=each.settlement.visit_id,
            )
        )  # fmt: skip
    for visit in visits:
        settled = await chengdu.do(settle(person, visit, "outpatient", 15_000))
        again += settled.settlement.deductible
    assert one_by_one == again
    await proved(platform)


async def test_a_settlement_and_the_reversal_of_its_message_at_once_leave_all_or_nothing(
    chengdu: Hospital, other: Hospital, people: dict[str, int], items: dict[str, str],
    platform: Platform,
) -> None:  # fmt: skip
    person = people["all_in_order"]
    for _ in range(10):
        visit = await chengdu.outpatient(person, line(items["A"], 20_000))
        message = chengdu.message_id()
        undo = orders.Undo(person_id=person, message_id=message, transaction_code="2207")
        await asyncio.gather(
            chengdu.ask(settle(person, visit, "outpatient", 20_000), message, "2207"),
            other.ask(undo, code="2601"),
        )
        # Whichever came first: the message does nothing any more, and the lines are free.
        late = await other.ask(settle(person, visit, "outpatient", 20_000), message, "2207")
        assert isinstance(late, CareRefused)
        done = await chengdu.do(settle(person, visit, "outpatient", 20_000))
        assert done.settlement.total == 20_000
    await proved(platform)


async def test_a_relatives_account_gives_no_more_than_it_has_and_than_was_allowed(
    chengdu: Hospital, other: Hospital, people: dict[str, int], items: dict[str, str],
    platform: Platform,
) -> None:  # fmt: skip
    payer = people["all_in_order"]
    members = [people["home"], people["exempt_pair"]]
    limit = 5_000
    async with platform.database.transaction() as connection:
        for member in members:
            await connection.execute(
                """insert into medical_family (person_id, member_id, yearly_limit, since)
                   values ($1, $2, $3, $4)""",
                payer, member, limit, date(2026, 1, 1),
            )  # fmt: skip
            await connection.execute(
                "insert into medical_family_payers values ($1, $2)", member, payer
            )
            await connection.execute(
                """update money_accounts set balance = 0
                    where person_id = $1 and kind = 'medical'""",
                member,
            )
    before = await balance(platform, payer, "medical")
    visits = [
        (member, await chengdu.outpatient(member, line(items["A"], 3_000)))
        for member in members * 4
    ]
    outcomes: list[Any] = await asyncio.gather(
        *(
            (chengdu, other)[number % 2].do(
                settle(member, visit, "outpatient", 3_000, use_account=True)
            )
            for number, (member, visit) in enumerate(visits)
        )
    )
    given = sum(one.settlement.family_account for one in outcomes)
    assert given == min(before, limit * len(members))
    assert await balance(platform, payer, "medical") == before - given


async def test_a_cash_part_paid_while_the_bill_is_reversed_comes_back_or_is_not_taken(
    chengdu: Hospital, people: dict[str, int], items: dict[str, str], platform: Platform
) -> None:
    person = people["all_in_order"]
    before = await balance(platform, person, "bank")
    for number in range(10):
        visit = await chengdu.outpatient(person, line(items["C"], 1_000))
        done = await chengdu.do(settle(person, visit, "outpatient", 1_000))
        one = done.settlement
        outcomes = await asyncio.gather(
            card_payments.pay(platform, person, one.settlement_id, PERSON, f"k{number}", 2),
            card_payments.pay(platform, person, one.settlement_id, PERSON, f"j{number}", 2),
            chengdu.do(
                orders.Reverse(
                    person_id=person, settlement_id=one.settlement_id, visit_id=one.visit_id
                )
            ),
            return_exceptions=True,
        )  # fmt: skip
        assert isinstance(outcomes[2], orders.Settled), outcomes
        assert sum(not isinstance(each, BaseException) for each in outcomes[:2]) <= 1
        assert await balance(platform, person, "bank") == before
    await proved(platform)


async def test_a_sandbox_hears_of_somebody_real_what_it_hears_of_nobody(
    chengdu: Hospital, people: dict[str, int], platform: Platform
) -> None:
    person = people["all_in_order"]
    async with platform.database.transaction() as connection:
        sealed = await connection.fetchval(
            "update persons set synthetic = false where person_id = $1 returning id_number_sealed",
            person,
        )
    number = platform.vault.open("id_number", person, sealed)

    def heard(shown: str) -> orders.Identify:
        return orders.Identify(certificate=Certificate("id_number", shown), name="王芳")

    test = _Sandbox(chengdu.desk, chengdu.provider)
    real, nobody = await test.ask(heard(number)), await test.ask(heard("510101190001010000"))
    assert isinstance(real, NoSuchPerson)
    assert (str(real), real.field) == (str(nobody), getattr(nobody, "field", None))


class _Sandbox(Hospital):
    def __init__(self, desk: CareDesk, provider: Provider) -> None:
        super().__init__(desk, provider)

    def sender(self, *args: Any) -> orders.Sender:
        return msgspec.structs.replace(super().sender(*args), sandbox=True)
