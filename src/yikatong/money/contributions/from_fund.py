"""Contributions of the unemployed, paid by the unemployment fund: medical (社会保险法 第四十八条), and of who
has less than a year to the retirement age pension, too (人社部发〔2024〕76号)."""

from datetime import date
from typing import Final, Literal

import msgspec

from yikatong.core.database import Connection
from yikatong.core.platform import Platform
from yikatong.money import medical
from yikatong.money.bank.service import command
from yikatong.money.contributions import service, store
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.model import Entry, Transaction
from yikatong.trust import audit
from yikatong.trust.audit import Actor

PaidInsurance = Literal["310", "110"]
_AS: Final[dict[PaidInsurance, Literal["active", "flexible"]]] = {
    "310": "active",
    "110": "flexible",
}
"""By whose rates: employees' medical, both parts; pension as who pays it themselves."""


async def pay_month(
    platform: Platform,
    person_id: int,
    insurance: PaidInsurance,
    region: str,
    month: date,
    actor: Actor,
    key: str,
) -> Transaction:
    """Bill a month of an insurance at the lowest base and pay it from the unemployment fund of
    `region`, in one transaction; the person pays nothing.

    Raises NotEnrolled, BilledAlready where the month has a bill, NoTermsOnFile.
    """
    fund = ("fund", region, "210")
    mine = command(person_id, key, "contribution", actor, region, month)

    async def work(connection: Connection) -> Transaction:
        known = await ledger.open_book(platform, connection, keys=[(person_id, key)])
        if (done := known.done_before(mine)) is not None:
            return done
        enrolment = await service.enrolment_of(
            connection, person_id, insurance, ("active", "flexible")
        )
        if month in await service.billed(connection, person_id, insurance):
            raise service.billed_already()
        enrolled = msgspec.structs.replace(enrolment, category=_AS[insurance])
        bill = service.monthly(person_id, insurance, enrolled, month, None, platform)
        await store.insert_bills(connection, [bill], platform.clock.now())
        owners = [(person_id, bill.region)] if bill.account_part else []
        credited = await medical.ensure(platform, connection, owners)
        book = await ledger.open_book(
            platform, connection, accounts=list(credited.values()), keys=[(person_id, key)]
        )
        shared = await ledger.shared(platform, fund)
        detail: dict[str, object] = {
            "bills": [str(bill.bill_id)],
            "period": f"{month:%Y-%m}",
            "fund": region,
        }
        done = await service.settle(
            platform, connection, book, mine, Entry(person_id, shared[fund], -bill.total), [bill],
            [0], credited, account_id=None, detail=detail,
        )  # fmt: skip
        await audit.record(
            connection, actor, platform.clock.now(), person_id, "contributions.paid_by_fund",
            {"period": f"{month:%Y-%m}"},
        )  # fmt: skip
        return done

    return await ledger.carry_out(platform, work)
