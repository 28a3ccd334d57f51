"""A hospital, its desk, and people to treat."""

import itertools
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests import fillings
from tests.conftest import Filling
from yikatong.core.clock import SHANGHAI
from yikatong.core.errors import YikatongError
from yikatong.core.platform import Platform
from yikatong.medical import service as medical
from yikatong.medical.model import Provider
from yikatong.medical.visits import orders
from yikatong.medical.visits.desk import CareDesk
from yikatong.medical.visits.model import Diagnosis, FeeLine
from yikatong.medical.visits.orders import Order, Result, Sender

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=SHANGHAI)
DIAGNOSES = (Diagnosis(kind="1", code="I10.x00", name="高血压", main=True),)
_numbers = itertools.count(1)


class Hospital:
    """A provider's side of the desk: sends orders under message ids of its own."""

    def __init__(self, desk: CareDesk, provider: Provider) -> None:
        self.desk = desk
        self.provider = provider

    def sender(self, message_id: str, code: str, order: Order) -> Sender:
        return Sender(
            provider=self.provider,
            message_id=message_id,
            transaction_code=code,
            content_hash=msgspec.json.encode([type(order).__name__, repr(order)])[:400],
            operator="clerk",
        )

    def message_id(self) -> str:
        return f"{self.provider.provider_code}20260301{next(_numbers):010d}"

    async def ask(
        self, order: Order, message_id: str | None = None, code: str = "0000"
    ) -> Result | YikatongError:
        """What the desk decided; `answer` is what it answered, perhaps from an earlier time."""
        outcome: list[Any] = []

        def render(result: Result | YikatongError) -> bytes:
            outcome.append(result)
            return msgspec.json.encode(repr(result))

        sender = self.sender(message_id or self.message_id(), code, order)
        self.answer = await self.desk.answer(sender, order, render)
        return outcome[-1] if outcome else None

    async def do(self, order: Order, **more: Any) -> Any:
        """The result; raises the error."""
        result = await self.ask(order, **more)
        if isinstance(result, YikatongError):
            raise result
        return result

    async def outpatient(
        self, person_id: int, *lines: FeeLine, batch: str = "B1", care: str = "11", **more: Any
    ) -> int:
        """Register, see, upload; the visit's number."""
        done = await self.do(
            orders.Register(person_id=person_id, number="M1", begun_at=NOW, **more)
        )
        visit_id: int = done.visit.visit_id
        await self.do(
            orders.See(
                person_id=person_id, visit_id=visit_id, care_code=care, begun_at=NOW,
                diagnoses=DIAGNOSES,
            )
        )  # fmt: skip
        if lines:
            await self.do(
                orders.AddLines(
                    person_id=person_id, visit_id=visit_id, setting="outpatient", batch=batch,
                    lines=lines,
                )
            )  # fmt: skip
        return visit_id

    async def stay(
        self, person_id: int, *lines: FeeLine, days: int = 5, discharged: bool = True, **more: Any
    ) -> int:
        """Admit, upload, discharge; the visit's number."""
        begun = NOW - timedelta(days=days)
        done = await self.do(
            orders.Admit(
                person_id=person_id, number="Z1", begun_at=begun, care_code="21",
                diagnoses=DIAGNOSES, **more,
            )
        )  # fmt: skip
        visit_id: int = done.visit.visit_id
        await self.do(
            orders.AddLines(
                person_id=person_id, visit_id=visit_id, setting="inpatient", batch="", lines=lines
            )
        )
        if discharged:
            await self.do(
                orders.Discharge(
                    person_id=person_id, visit_id=visit_id, ended_at=NOW, way="1",
                    diagnoses=DIAGNOSES,
                )
            )  # fmt: skip
        return visit_id


def line(
    item: str, total: int, *, number: str | None = None, at: datetime = NOW, **more: Any
) -> FeeLine:
    """A fee line of one piece at this price, in fen."""
    return FeeLine(
        number=number or f"L{next(_numbers)}",
        item=item,
        total=total,
        quantity="1",
        price=str(Decimal(total) / 100),
        at=at,
        **more,
    )


@pytest.fixture
def filling() -> Filling:
    return fillings.providers_and_people


@pytest.fixture
def desk(platform: Platform) -> CareDesk:
    return CareDesk(platform)


async def provider_of(platform: Platform, region: str, level: str) -> Provider:
    async with platform.database.transaction(readonly=True) as connection:
        found = await medical.providers(
            connection, region=region, level=level, cross_region=True, limit=20
        )
    return next(
        one for one in found if one.suspended_on is None and "inpatient" in one.cross_region_cares
    )


@pytest.fixture
async def beijing(platform: Platform, desk: CareDesk) -> Hospital:
    """A tertiary hospital in 北京."""
    return Hospital(desk, await provider_of(platform, "110000", "tertiary"))


@pytest.fixture
async def chengdu(platform: Platform, desk: CareDesk) -> Hospital:
    """A tertiary hospital in 成都."""
    return Hospital(desk, await provider_of(platform, "510100", "tertiary"))


@pytest.fixture
async def people(platform: Platform, desk: CareDesk) -> dict[str, int]:
    """The demo persons by situation."""
    async with platform.database.transaction(readonly=True) as connection:
        rows = await connection.fetch("select situation, person_id from demo_persons")
    return {row[0]: row[1] for row in rows}


@pytest.fixture
async def items(platform: Platform, desk: CareDesk) -> dict[str, str]:
    """A code per class, without a price limit in 北京 and 四川 either."""
    async with platform.database.transaction(readonly=True) as connection:
        rows = await connection.fetch(
            """select distinct on (class) class, code from catalog_terms t
                where region = '000000' and price_limit is null
                  and not exists (select from catalog_terms o where o.code = t.code
                                   and o.region in ('110000', '510000')
                                   and (o.class <> t.class or o.price_limit is not null))
                order by class, code"""
        )
    return {row[0]: row[1] for row in rows}
