"""The medical account: monthly sums, care, a family member's part, inheritance, moving."""

import itertools
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.money.conftest import CLERK, Customer
from yikatong.core.errors import InvalidInput
from yikatong.core.platform import Platform
from yikatong.money import errors, medical, verification
from yikatong.money.contributions import rules
from yikatong.money.ledger import service as ledger

PROVIDER = "H51010000001"


async def sql(platform: Platform, query: str, *values: Any) -> list[Any]:
    async with platform.database.transaction() as connection:
        return await connection.fetch(query, *values)


async def proved(platform: Platform) -> None:
    found = await verification.verify(platform)
    assert found.differences == []


@pytest.fixture
async def retired(platform: Platform, customers: list[Customer]) -> list[Customer]:
    """Two retired people insured in Beijing, without a medical account yet."""
    for one in customers[:2]:
        await sql(platform, "delete from enrolments where person_id = $1", one.person_id)
        await sql(
            platform,
            "update money_accounts set region = '110000' where person_id = $1 and kind = 'medical'",
            one.person_id,
        )
        await sql(
            platform,
            """insert into enrolments (person_id, insurance, starts_on, region, category, status,
                                       benefits_from, months_paid)
               values ($1, '310', '2000-01-01', '110000', 'retired', 'insured', '2000-01-01', 300)""",
            one.person_id,
        )
    await sql(
        platform,
        "update enrolments set region = '120000' where region = '110000' and person_id <> all ($1::bigint[])",
        [one.person_id for one in customers[:2]],
    )
    await sql(
        platform,
        "update persons set birth_date = '1950-01-01' where person_id = $1",
        customers[0].person_id,
    )
    await sql(
        platform,
        "update persons set birth_date = '1965-01-01' where person_id = $1",
        customers[1].person_id,
    )
    return customers[:2]


async def balance(platform: Platform, person_id: int) -> int:
    async with platform.database.transaction(readonly=True) as connection:
        found = await medical.find(connection, person_id)
    return found.balance if found else 0


async def credited(platform: Platform, retired: list[Customer]) -> list[int]:
    before = [await balance(platform, one.person_id) for one in retired]
    await medical.credit_retired(platform, "110000", date(2026, 3, 1), CLERK)
    return [
        await balance(platform, one.person_id) - was
        for one, was in zip(retired, before, strict=True)
    ]


async def test_the_retired_get_their_monthly_sum_once(
    platform: Platform, retired: list[Customer]
) -> None:
    # Beijing: 110 yuan from 70 years, 100 before.
    assert await credited(platform, retired) == [11_000, 10_000]
    assert await medical.credit_retired(platform, "110000", date(2026, 3, 15), CLERK) == (0, 0)
    for month in (date(2026, 4, 1), date(2025, 2, 1)):
        with pytest.raises(InvalidInput):
            await medical.credit_retired(platform, "110000", month, CLERK)
    assert await medical.credit_retired(platform, "110000", date(2026, 2, 1), CLERK) == (2, 21_000)
    await proved(platform)


async def test_care_is_paid_but_nothing_is_drawn(
    platform: Platform, retired: list[Customer]
) -> None:
    await credited(platform, retired)
    one = retired[0]
    had = await balance(platform, one.person_id)
    done = await medical.pay_care(platform, one.person_id, PROVIDER, 4_000, CLERK, "k")
    assert done == await medical.pay_care(platform, one.person_id, PROVIDER, 4_000, CLERK, "k")
    assert await balance(platform, one.person_id) == had - 4_000
    with pytest.raises(errors.InsufficientFunds):
        await medical.pay_care(platform, one.person_id, PROVIDER, had, CLERK, "k2")
    await proved(platform)


async def test_a_family_member_is_paid_for_with_consent_and_up_to_the_limit(
    platform: Platform, retired: list[Customer]
) -> None:
    await credited(platform, retired)
    owner, member = retired
    pay = (platform, member.person_id, PROVIDER, 3_000, CLERK)
    with pytest.raises(medical.NoConsent):
        await medical.pay_care(*pay, "1", owner_id=owner.person_id)
    with pytest.raises(errors.MoneyRefused) as raised:
        await medical.allow_family(platform, owner.person_id, member.person_id, 5_000, CLERK)
    assert raised.value.field == "member_id"
    await sql(
        platform,
        """insert into relations values ($1, $2, 'spouse', '1990-01-01', null),
                  ($2, $1, 'spouse', '1990-01-01', null) on conflict do nothing""",
        owner.person_id,
        member.person_id,
    )
    await medical.allow_family(platform, owner.person_id, member.person_id, 5_000, CLERK)
    had = await balance(platform, owner.person_id)
    done = await medical.pay_care(*pay, "1", owner_id=owner.person_id)
    assert done == await medical.pay_care(*pay, "1", owner_id=owner.person_id)
    assert await balance(platform, owner.person_id) == had - 3_000
    with pytest.raises(errors.LimitExceeded):
        await medical.pay_care(*pay, "2", owner_id=owner.person_id)
    await medical.end_family(platform, owner.person_id, member.person_id, CLERK)
    with pytest.raises(medical.NoConsent):
        await medical.pay_care(*pay, "3", owner_id=owner.person_id)
    # Agreed again on the same day: what was spent this year stays counted.
    link = await medical.allow_family(platform, owner.person_id, member.person_id, 6_000, CLERK)
    assert link.left(date(2026, 3, 1)) == 3_000
    await sql(
        platform, "update persons set died_on = '2026-03-01' where person_id = $1", owner.person_id
    )
    with pytest.raises(medical.NoConsent):
        await medical.pay_care(*pay, "4", owner_id=owner.person_id)
    await proved(platform)


async def test_heirs_get_the_account_to_the_fen(
    platform: Platform, retired: list[Customer], customers: list[Customer]
) -> None:
    await credited(platform, retired)
    dead, heir, other = retired[0], customers[2], customers[3]
    shares = [(heir.number, 333_333), (other.number, 666_667)]
    with pytest.raises(medical.NotDead):
        await medical.inherit(platform, dead.person_id, shares, "公证书 1", CLERK, "k")
    await sql(
        platform, "update persons set died_on = '2026-02-01' where person_id = $1", dead.person_id
    )
    with pytest.raises(InvalidInput) as raised:
        await medical.inherit(platform, dead.person_id, shares[:1], "公证书 1", CLERK, "k")
    assert raised.value.field == "heirs"
    had = await balance(platform, dead.person_id)
    done = await medical.inherit(platform, dead.person_id, shares, "公证书 1", CLERK, "k")
    assert done == await medical.inherit(platform, dead.person_id, shares, "公证书 1", CLERK, "k")
    assert -done.amounts[0] == had == sum(done.amounts[1:])
    async with platform.database.transaction(readonly=True) as connection:
        states = [
            one.state
            for one in await ledger.accounts_of(connection, dead.person_id)
            if one.kind == "medical"
        ]
    assert states == ["closed"]
    await proved(platform)


async def test_the_account_moves_with_the_insured_region(
    platform: Platform, retired: list[Customer]
) -> None:
    await credited(platform, retired)
    one = retired[0]
    had = await balance(platform, one.person_id)
    done = await medical.move(platform, one.person_id, "510100", CLERK, "k")
    assert done == await medical.move(platform, one.person_id, "510100", CLERK, "k")
    async with platform.database.transaction(readonly=True) as connection:
        found = await medical.find(connection, one.person_id)
    assert found is not None
    assert (found.region, found.balance) == ("510100", had)
    with pytest.raises(InvalidInput):
        await medical.move(platform, one.person_id, "510100", CLERK, "k2")
    await proved(platform)


@given(
    amount=st.integers(1, 10**12),
    cuts=st.lists(st.integers(1, 999_999), max_size=6, unique=True),
)
def test_shares_sum_to_the_whole(amount: int, cuts: list[int]) -> None:
    borders = [0, *sorted(cuts), 1_000_000]
    weights = [high - low for low, high in itertools.pairwise(borders)]
    assert sum(rules.shares_of(amount, weights)) == amount
