"""What regions owe each other for care elsewhere, and what went through the funds (资金往来).

All of it is the ledger's: a settlement elsewhere posts to the account of the region of treatment that
says what the insured region owes it. Read are sums by day (`money.ledger.days`), never settlements.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Final

import msgspec

from yikatong.core import regions
from yikatong.core.database import Connection
from yikatong.core.days import read_day
from yikatong.core.errors import InvalidInput, NotFound, Text
from yikatong.core.money import Fen
from yikatong.core.months import last_day, parse_month
from yikatong.core.platform import Platform
from yikatong.medical.visits.settling import OWED_BY
from yikatong.money.ledger import days
from yikatong.money.ledger import service as ledger
from yikatong.money.ledger.days import NOTHING, Sums
from yikatong.money.ledger.model import SharedAccount, StatementLine
from yikatong.trust import audit
from yikatong.trust.access import within
from yikatong.trust.audit import Actor

DAYS_MAX: Final = 366
PAGE: Final = 50
FUND_NAMES: Final[dict[str, Text]] = {
    "110": Text("职工养老保险基金", "employees' pension fund"),
    "150": Text("居民养老保险基金", "residents' pension fund"),
    "210": Text("失业保险基金", "unemployment fund"),
    "310": Text("职工医保统筹基金", "employees' pooled medical fund"),
    "320": Text("公务员医疗补助", "civil servants' medical subsidy"),
    "330": Text("大额医疗费用补助", "large-amount medical fund"),
    "390": Text("居民医保统筹基金", "residents' pooled medical fund"),
    "392": Text("大病保险", "serious-illness insurance"),
    "410": Text("工伤保险基金", "work injury fund"),
    "610": Text("医疗救助", "medical assistance"),
    "medical_accounts": Text("个人账户资金", "money of medical accounts"),
}
"""Funds by the purpose of their account."""


class NoSuchFlow(NotFound):
    """No region ever treated anybody of that other region."""

    code = "no_such_flow"

    def __init__(self) -> None:
        super().__init__(
            zh="这两个地区之间没有往来账户",
            en="there is no account between these two regions",
        )


class Flow(msgspec.Struct, frozen=True):
    """What one region's people were treated for in another, in some time."""

    treatment: str
    """The pooling region whose agency paid the provider and is owed."""
    insured: str
    """The pooling region that owes."""
    account_id: int
    sums: Sums
    """Credits: new claims; debits: taken back, or paid."""


class Matrix(msgspec.Struct, frozen=True):
    """Flows by province: rows where people were treated, columns where they are insured; in fen."""

    rows: list[str]
    columns: list[str]
    cells: dict[tuple[str, str], Fen]
    row_sums: dict[str, Fen]
    column_sums: dict[str, Fen]
    total: Fen


class Fund(msgspec.Struct, frozen=True):
    """A fund of a region, or several added up, in some time."""

    region: str
    purpose: str
    balance: Fen
    """At the end of the time."""
    sums: Sums


def province_of(region: str) -> str:
    """The province (省级) of a region, by its code."""
    return f"{region[:2]}0000"


def matrix(flows: Iterable[Flow]) -> Matrix:
    """Flows added up by province."""
    cells: dict[tuple[str, str], Fen] = {}
    for one in flows:
        key = (province_of(one.treatment), province_of(one.insured))
        cells[key] = cells.get(key, 0) + one.sums.net
    rows = sorted({row for row, _ in cells})
    columns = sorted({column for _, column in cells})
    row_sums = {row: sum(cells.get((row, column), 0) for column in columns) for row in rows}
    column_sums = {column: sum(cells.get((row, column), 0) for row in rows) for column in columns}
    total = sum(row_sums.values())
    assert total == sum(column_sums.values()), "both ways add up to the same"
    return Matrix(rows, columns, cells, row_sums, column_sums, total)


def span_of(month: str, since: str, until: str, today: date) -> tuple[date, date]:
    """The days asked for: a month, or from day to day; by default this month.

    Raises InvalidInput naming month, since or until.
    """
    if since or until:
        first, last = read_day(since or until, "since"), read_day(until or since, "until")
        if last < first:
            raise InvalidInput("until", zh="应不早于起始日", en="must not lie before the first day")
        if (last - first).days >= DAYS_MAX:
            raise InvalidInput("until", zh=f"最多 {DAYS_MAX} 天", en=f"{DAYS_MAX} days at most")
        return first, last
    if not month:
        month = f"{today:%Y-%m}"
    first = parse_month(month, "month")
    return first, last_day(first)


def seen(areas: Collection[str], *places: str) -> bool:
    """Whether one of the places lies in what a caller may see."""
    return any(within(place, area) for place in places for area in areas)


def _owed(accounts: Sequence[SharedAccount], areas: Collection[str]) -> list[SharedAccount]:
    return [
        one
        for one in accounts
        if one.purpose.startswith(OWED_BY)
        and seen(areas, one.owner, one.purpose.removeprefix(OWED_BY))
    ]


async def flows(
    connection: Connection, areas: Collection[str], since: date, until: date
) -> list[Flow]:
    """The flows of these days that end or begin in one of the areas, the largest first; those without
    a posting are left out."""
    accounts = _owed(await ledger.shared_accounts(connection, "agency"), areas)
    sums = await days.of_accounts(connection, [one.account_id for one in accounts], since, until)
    found = [
        Flow(one.owner, one.purpose.removeprefix(OWED_BY), one.account_id, sums[one.account_id])
        for one in accounts
        if one.account_id in sums
    ]
    return sorted(found, key=lambda one: (-one.sums.net, one.treatment, one.insured))


async def funds(
    connection: Connection, areas: Collection[str], since: date, until: date
) -> list[Fund]:
    """The funds of the areas that ever had a posting, by region: their balance at the end of the time,
    and what went in and out."""
    accounts = [
        one for one in await ledger.shared_accounts(connection, "fund") if seen(areas, one.owner)
    ]
    numbers = [one.account_id for one in accounts]
    sums = await days.of_accounts(connection, numbers, since, until)
    _, behind = ledger.id_range(until, until)
    balances = await ledger.balances_of(connection, numbers, behind)
    found = [
        Fund(
            one.owner,
            one.purpose,
            balances[one.account_id],
            sums.get(one.account_id, NOTHING),
        )
        for one in accounts
    ]
    return sorted(
        (one for one in found if one.balance or one.sums.postings),
        key=lambda one: (one.region, one.purpose),
    )


def by_purpose(found: Iterable[Fund]) -> list[Fund]:
    """Funds of several regions added up by what they are for."""
    sums: dict[str, Fund] = {}
    for one in found:
        was = sums.get(one.purpose, Fund("", one.purpose, 0, NOTHING))
        both = (was.sums, one.sums)
        sums[one.purpose] = Fund(
            "",
            one.purpose,
            was.balance + one.balance,
            Sums(
                sum(each.credits for each in both),
                sum(each.debits for each in both),
                sum(each.postings for each in both),
            ),
        )
    return [sums[purpose] for purpose in sorted(sums)]


class Posting(msgspec.Struct, frozen=True):
    """One posting between two regions, with whom it is about."""

    line: StatementLine
    settlement_id: int | None
    provider: str


async def postings(
    platform: Platform,
    account: tuple[str, str],
    since: date,
    until: date,
    actor: Actor,
    before: int | None = None,
) -> list[Posting]:
    """The postings between a region of treatment and an insured region, the newest first, a page of
    them before a transaction id; the look is recorded with each person. Raises NoSuchFlow."""
    first, behind = ledger.id_range(since, until)
    treatment, insured = account
    async with platform.database.transaction() as connection:
        known = [
            one
            for one in await ledger.shared_accounts(connection, "agency")
            if (one.owner, one.purpose) == (treatment, f"{OWED_BY}{insured}")
        ]
        if not known:
            raise NoSuchFlow
        behind = behind if before is None else min(behind, before)
        lines = await ledger.shared_page(connection, known[0].account_id, first, behind, PAGE)
        now = platform.clock.now()
        persons = sorted({line.about_person_id for line in lines} - {0})
        await audit.record_many(
            connection,
            [actor] * len(persons),
            now,
            [
                (person, "flow.read", {"treatment": treatment, "insured": insured})
                for person in persons
            ],
        )
    return [
        Posting(
            line, _number(line.detail.get("settlement_id")), str(line.detail.get("provider", ""))
        )
        for line in lines
    ]


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def places_named(flow: str) -> tuple[str, str]:
    """Region of treatment and insured region of "510000-110000"; raises NoSuchFlow."""
    treatment, _, insured = flow.partition("-")
    if regions.find(treatment) is None or regions.find(insured) is None:
        raise NoSuchFlow
    return treatment, insured
