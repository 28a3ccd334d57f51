"""People with a pension, or about to have one."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

import pytest

from yikatong.benefits import service as benefits
from yikatong.benefits import store
from yikatong.benefits.model import Entitlement
from yikatong.core.platform import Platform
from yikatong.people.notices import service as notices
from yikatong.trust.audit import Actor

CLERK = Actor("staff", "0701", "pension desk")
REVIEWER = Actor("staff", "0801", "pension review")
MakePerson = Callable[..., Awaitable[int]]
MakePension = Callable[..., Awaitable[Entitlement]]


@pytest.fixture
def make_person(platform: Platform) -> MakePerson:
    """Somebody insured in 北京, born in January 1966, 300 months paid."""

    async def make(
        person_id: int = 1,
        *,
        birth: date = date(1966, 1, 10),
        sex: int = 1,
        insurance: str | None = "110",
        region: str = "110000",
        months: int = 300,
        died_on: date | None = None,
        account: bool = True,
    ) -> int:
        async with platform.database.transaction() as connection:
            await connection.execute(
                """insert into persons (person_id, id_number_sealed, name, sex, birth_date,
                                        residence_region, died_on, synthetic, created_at)
                   values ($1, '', '某人', $2, $3, $4, $5, true, now())""",
                person_id, sex, birth, region, died_on,
            )  # fmt: skip
            if insurance is not None:
                await connection.execute(
                    """insert into enrolments (person_id, insurance, starts_on, region, category,
                                               status, benefits_from, months_paid)
                       values ($1, $2, '2000-01-01', $3, 'active', 'insured', '2000-01-01', $4)""",
                    person_id, insurance, region, months,
                )  # fmt: skip
            if account:
                await connection.execute(
                    """insert into money_accounts (person_id, account_id, kind, class, bank,
                                                   number_tail, opened_at)
                       values ($1, $1, 'bank', 1, 'ICBC', '0001', now())""",
                    person_id,
                )
                await connection.execute(
                    """insert into cards (person_id, card_id, card_number, card_identifier, generation,
                                          region, state, social_security_app, bank_app, name_on_card,
                                          issued_on, valid_until, bank, account_id)
                       values ($1, $1, lpad($1::bigint::text, 9, '0'), repeat('0', 32), 3, $2, 'active',
                               'active', 'active', '某人', '2020-01-01', '2030-01-01', 'ICBC', $1)""",
                    person_id, region,
                )  # fmt: skip
        return person_id

    return make


@pytest.fixture
def make_pension(platform: Platform) -> MakePension:
    """A pension of 3 000 yuan since January 2024, paid through February 2026."""

    async def make(person_id: int = 1, **facts: Any) -> Entitlement:
        one = Entitlement(
            **{
                "benefit": "pension",
                "region": "110000",
                "status": "drawing",
                "starts_on": date(2024, 1, 1),
                "ends_on": None,
                "monthly": 300_000,
                "proof_due_on": date(2026, 12, 1),
                "held_reason": None,
                "insurance": "110",
                "months_paid": 300,
                "settled_month": date(2026, 2, 1),
                **facts,
            }
        )
        async with platform.database.transaction() as connection:
            await store.insert(connection, person_id, one)
        return one

    return make


async def pension_of(platform: Platform, person_id: int = 1) -> Entitlement:
    async with platform.database.transaction(readonly=True) as connection:
        return (await benefits.entitlements(connection, person_id))[0]


async def dues_of(
    platform: Platform, person_id: int = 1, state: str = "open"
) -> list[tuple[str, str, int]]:
    """Kind, reason and amount of a person's dues."""
    async with platform.database.transaction(readonly=True) as connection:
        found = await store.dues(connection, [person_id], [state])
    return [(one.kind, one.reason, one.amount) for one in found]


async def told(platform: Platform, person_id: int = 1) -> list[str]:
    """The kinds of notices a person got, the newest first."""
    async with platform.database.transaction(readonly=True) as connection:
        return [one.kind for one in await notices.of_person(connection, person_id, limit=100)]


async def actions_of(platform: Platform, person_id: int = 1) -> list[str]:
    async with platform.database.transaction(readonly=True) as connection:
        rows = await connection.fetch(
            "select action from audit_events where person_id = $1 order by event_id", person_id
        )
    return [row[0] for row in rows]
