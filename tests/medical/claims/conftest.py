"""An office for claims, and bills to claim."""

import itertools
from datetime import date
from typing import Any

import pytest

from tests.medical.visits.conftest import (  # noqa: F401 - fixtures
    Hospital,
    beijing,
    chengdu,
    desk,
    filling,
    items,
    people,
)
from yikatong.core.platform import Platform
from yikatong.medical.claims.model import Claim, PaidBill
from yikatong.medical.claims.service import ClaimOffice
from yikatong.medical.claims.sheet import RawLine
from yikatong.medical.visits.desk import CareDesk
from yikatong.trust.audit import Actor

CLERK = Actor("staff", "clerk-7", "claim by hand")
DAY = date(2026, 2, 20)
_numbers = itertools.count(1)


def key() -> str:
    return f"key-{next(_numbers)}"


def bill(hospital: Hospital | None = None, **more: Any) -> PaidBill:
    """A stay at a hospital of ours, or at one without a code in 北京."""
    facts: dict[str, Any] = {
        "provider_code": hospital.provider.provider_code if hospital else None,
        "provider_name": "" if hospital else "某民营医院",
        "region": "110000",
        "level": "tertiary",
        "care": "inpatient",
        "begun_on": date(2026, 2, 15),
        "ended_on": DAY,
        "emergency": False,
        "disease": None,
        "invoice": f"INV{next(_numbers):08d}",
    }
    return PaidBill(**{**facts, **more})


def raw(item: str, yuan: int, row: int = 1, **more: str) -> RawLine:
    """A line of one piece at this price."""
    facts = {
        "number": f"n{row}", "item": item, "quantity": "1", "price": str(yuan), "total": str(yuan),
    }  # fmt: skip
    return RawLine(row, **{**facts, **more})


class Counter:
    """Takes claims the way a counter does, each step on the newest version."""

    def __init__(self, office: ClaimOffice) -> None:
        self.office = office

    async def submitted(self, person: int, paid: PaidBill, *rows: RawLine) -> Claim:
        total = sum(round(float(row.total) * 100) for row in rows)
        return await self.office.submit(person, paid, rows, total, CLERK, key())

    async def taken(self, person: int, paid: PaidBill, *rows: RawLine) -> Claim:
        made = await self.submitted(person, paid, *rows)
        return await self.office.take(person, made.claim_id, made.version, CLERK, key())

    async def approved(self, person: int, paid: PaidBill, *rows: RawLine) -> Claim:
        one = await self.taken(person, paid, *rows)
        return await self.office.approve(person, one.claim_id, one.version, CLERK, key())

    async def paid(self, person: int, paid: PaidBill, *rows: RawLine) -> Claim:
        return await self.pay(await self.approved(person, paid, *rows))

    async def pay(self, one: Claim) -> Claim:
        return await self.office.pay(one.person_id, one.claim_id, one.version, CLERK, key())

    async def reverse(self, one: Claim) -> Claim:
        return await self.office.reverse(
            one.person_id, one.claim_id, one.version, "票据有误", CLERK, key()
        )


@pytest.fixture
async def counter(platform: Platform, desk: CareDesk) -> Counter:  # noqa: F811
    return Counter(ClaimOffice(platform))
