"""Bills for JSON and people, the payment record, the certificate as PDF (缴费证明)."""

from datetime import date, datetime
from typing import Any

import msgspec

from yikatong.core import pdf, regions
from yikatong.core.errors import InvalidInput, Text
from yikatong.core.money import format_yuan_grouped
from yikatong.core.platform import Platform
from yikatong.core.sealing import mask_id_number
from yikatong.money.bodies import told
from yikatong.money.contributions import store
from yikatong.money.contributions.model import INSURANCE_NAMES, Bill, ListState
from yikatong.people import service as people
from yikatong.trust import audit
from yikatong.trust.audit import Actor

_AMOUNTS = "base employer_part personal_part account_part late_fee"


def bill_body(bill: Bill) -> dict[str, Any]:
    """A bill for JSON."""
    body = told(bill, _AMOUNTS, "bill_id paid_by account_id")
    body["total"] = format_yuan_grouped(bill.total).replace(",", "")
    del body["version"], body["paid_about"]
    return body


def list_body(one: ListState, due: int) -> dict[str, Any]:
    """A list for JSON; `due` is what is to be paid today (paid: what was)."""
    body = told(one, "total late_fee")
    del body["version"]
    return {**body, "due": format_yuan_grouped(due).replace(",", "")}


async def paid_between(
    platform: Platform, person_id: int, since: date, until: date, actor: Actor
) -> list[Bill]:
    """The paid bills of periods between two days; the look is recorded."""
    if since > until:
        raise InvalidInput(
            "since", zh="开始日期应不晚于结束日期", en="the first day is not behind the last day"
        )
    async with platform.database.transaction() as connection:
        await people.get(connection, person_id)
        await audit.record(connection, actor, platform.clock.now(), person_id, "contributions.read")
        return [
            one
            for one in await store.bills_of(connection, [person_id], ("paid",))
            if since <= one.period_from <= until
        ]


class Record(msgspec.Struct, frozen=True):
    """What a certificate says (缴费记录)."""

    bills: list[Bill]
    name: str
    id_number: str
    since: date
    until: date
    made_at: datetime


async def prepare(
    platform: Platform, person_id: int, since: date, until: date, actor: Actor
) -> Record:
    """The record of a person's paid contributions between two days; the look is recorded."""
    bills = await paid_between(platform, person_id, since, until, actor)
    async with platform.database.transaction(readonly=True) as connection:
        person = await people.get(connection, person_id)
        contact = await people.contact(platform, connection, person_id)
    return Record(bills, person.name, contact.id_number, since, until, platform.clock.now())


def as_pdf(record: Record) -> bytes:
    """The certificate; the id number is masked."""
    bills = record.bills
    rows = [
        [
            f"{one.period_from:%Y-%m}"
            if one.period_from.month == one.period_until.month
            else f"{one.period_from:%Y}",
            f"{INSURANCE_NAMES[one.insurance].zh} {INSURANCE_NAMES[one.insurance].en}",
            regions.short_name(one.region),
            format_yuan_grouped(one.base) if one.base else "",
            format_yuan_grouped(one.employer_part) if one.employer_part else "",
            format_yuan_grouped(one.personal_part),
            f"{one.paid_at:%Y-%m-%d}" if one.paid_at else "",
        ]
        for one in bills
    ]
    total = sum(one.total for one in bills)
    return pdf.document(
        title=Text("社会保险缴费证明", "Certificate of social insurance contributions"),
        facts=[
            (Text("姓名", "Name"), record.name),
            (Text("社会保障号码", "Social security number"), mask_id_number(record.id_number)),
            (Text("期间", "Period"), f"{record.since:%Y-%m} – {record.until:%Y-%m}"),
            (Text("缴费合计", "Paid in all"), f"{format_yuan_grouped(total)} 元 yuan"),
        ],
        header=[
            "期间 Period", "险种 Insurance", "统筹地 Region", "基数 Base", "单位 Employer",
            "个人 Person", "到账日 Paid on",
        ],
        rows=rows,
        right=(3, 4, 5),
        made_at=record.made_at,
        note=Text(
            "本证明列出本平台收到的缴费，已退费的不在其中。",
            "This lists the contributions this platform received; refunded ones are left out.",
        ),
    )  # fmt: skip
