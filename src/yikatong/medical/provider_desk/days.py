"""Day totals (日结) of a provider: sums, the cash to count, and its own notes against the platform's books."""

import asyncio
import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Final

import msgspec

from yikatong.core import pdf, regions, sheets
from yikatong.core.clock import SHANGHAI, today
from yikatong.core.database import Connection
from yikatong.core.errors import InvalidInput, Text
from yikatong.core.money import Fen, format_yuan, format_yuan_grouped
from yikatong.core.platform import Platform
from yikatong.medical.provider_desk import rules, store
from yikatong.medical.provider_desk.model import BookRow, Clerk, Entry
from yikatong.medical.receipts_shown import CARE_NAMES
from yikatong.medical.reconciliation import rules as reconciliation
from yikatong.medical.reconciliation.rules import Detail, Difference, Totals
from yikatong.medical.visits.model import CARE_OF, card_payment_key
from yikatong.money.ledger import service as ledger

DAYS_MAX: Final = 31
ROWS_MAX: Final = 5000
"""Settlements of one period."""


class Sums(msgspec.Struct):
    """Sums over settlements and reversals, in fen."""

    settled: int = 0
    reversed: int = 0
    total: Fen = 0
    funds: Fen = 0
    pooled: Fen = 0
    account: Fen = 0
    family: Fen = 0
    cash: Fen = 0
    by_card: Fen = 0
    """Of the cash part: what was paid from the bank side of cards."""

    @property
    def drawer(self) -> Fen:
        """What was taken in cash."""
        return self.cash - self.by_card

    @property
    def supplements(self) -> Fen:
        """What funds other than the pooled one pay."""
        return self.funds - self.pooled

    @property
    def count(self) -> int:
        return self.settled + self.reversed

    def add(self, row: BookRow, *, by_card: bool) -> None:
        """Add a settlement or reversal."""
        if row.reverses is None:
            self.settled += 1
        else:
            self.reversed += 1
        self.total += row.total
        self.funds += row.funds
        self.pooled += row.pooled
        self.account += row.account
        self.family += row.family
        self.cash += row.cash
        self.by_card += row.cash if by_card else 0


class Day(msgspec.Struct, frozen=True):
    """The settlements of a period (one day or several)."""

    since: date
    until: date
    rows: Sequence[BookRow]
    by_card: frozenset[int]
    """The settlements and reversals whose cash part went over a card."""
    all: Sums
    groups: Sequence[tuple[str, str, Sums]]
    """By insurance and kind of care."""
    noted: Sequence[Entry]
    """What the desk was told."""
    differences: Sequence[Difference]
    """Between both, explained."""


class Counted(msgspec.Struct, frozen=True):
    """What the provider counted itself; None: not said."""

    cash: Fen | None
    count: int | None
    total: Fen | None
    funds: Fen | None


async def of(platform: Platform, clerk: Clerk, since: date, until: date) -> Day:
    """The settlements of a period and how the desk's notes compare; raises InvalidInput naming
    `since` or `until`."""
    rules.check_days(since, until, today(platform.clock), DAYS_MAX)
    first, before = _bounds(since, until)
    code = clerk.provider.provider_code
    async with platform.database.transaction(readonly=True) as connection:
        rows = await store.book(connection, code, first, before, ROWS_MAX + 1)
        if len(rows) > ROWS_MAX:
            raise InvalidInput(
                "until",
                zh=f"这段时间的结算超过 {ROWS_MAX} 笔，请分段查看",
                en=f"more than {ROWS_MAX} settlements; look at a shorter time",
            )
        noted = await store.entries(connection, code, first, before, ROWS_MAX)
        by_card = await _by_card(connection, rows)
    sums, groups = Sums(), dict[tuple[str, str], Sums]()
    for row in rows:
        paid = row.settlement_id in by_card
        sums.add(row, by_card=paid)
        key = (row.insurance, CARE_OF[row.care_code][1])
        groups.setdefault(key, Sums()).add(row, by_card=paid)
    found = reconciliation.differences(
        [_ours(row) for row in rows], [_theirs(one) for one in noted]
    )
    return Day(
        since, until, rows, by_card, sums, [(*key, groups[key]) for key in sorted(groups)], noted,
        found,
    )  # fmt: skip


def compare(day: Day, counted: Counted) -> list[tuple[Text, bool]]:
    """What was counted against the books, sentence by sentence, and whether it agrees."""
    found: list[tuple[Text, bool]] = []
    if counted.cash is not None:
        rest = counted.cash - day.all.drawer
        agrees = rest == 0
        zh = (
            "一致"
            if agrees
            else f"{'多' if rest > 0 else '少'} {format_yuan_grouped(abs(rest))} 元"
        )
        en = (
            "agrees"
            if agrees
            else f"{format_yuan_grouped(abs(rest))} {'over' if rest > 0 else 'short'}"
        )
        found.append(
            (
                Text(
                    f"现金：清点 {format_yuan_grouped(counted.cash)}，应有"
                    f" {format_yuan_grouped(day.all.drawer)}，{zh}",
                    f"cash: {format_yuan_grouped(counted.cash)} counted,"
                    f" {format_yuan_grouped(day.all.drawer)} due: {en}",
                ),
                agrees,
            )
        )
    if (counted.count, counted.total, counted.funds) != (None, None, None):
        ours = Totals(day.all.total, day.all.funds, 0, day.all.count)
        stated = Totals(
            ours.total if counted.total is None else counted.total,
            ours.funds if counted.funds is None else counted.funds,
            0,
            ours.count if counted.count is None else counted.count,
        )
        done = reconciliation.compare_totals(ours, stated)
        found.append((done.text, done.agrees))
    return found


async def _by_card(connection: Connection, rows: Sequence[BookRow]) -> frozenset[int]:
    """Whose cash part was paid from the card; that of a reversal went back to it."""
    keys = {
        (row.person_id, card_payment_key(row.reverses or row.settlement_id))
        for row in rows
        if row.cash
    }
    paid = {
        (one.person_id, one.key) for one in await ledger.transactions_by_key(connection, list(keys))
    }
    return frozenset(
        row.settlement_id
        for row in rows
        if (row.person_id, card_payment_key(row.reverses or row.settlement_id)) in paid
    )


def _ours(row: BookRow) -> Detail:
    return Detail(
        str(row.settlement_id), str(row.visit_id), str(row.person_id), row.message_id, row.total,
        row.funds, row.account + row.family, row.reverses is not None,
    )  # fmt: skip


def _theirs(one: Entry) -> Detail:
    return Detail(
        str(one.settlement_id), str(one.visit_id), str(one.person_id), one.message_id, one.total,
        one.funds, one.account, one.reverses is not None,
    )  # fmt: skip


def _bounds(since: date, until: date) -> tuple[datetime, datetime]:
    first = datetime.combine(since, time(), SHANGHAI)
    return first, datetime.combine(until + timedelta(days=1), time(), SHANGHAI)


# ---- to keep and to sign ----

_HEADINGS: Final = (
    "时间 time", "结算编号 settlement", "撤销 reverses", "看病方式 care", "险种 insurance",
    "参保地 insured region", "总额 total", "基金 funds", "个人账户 account", "共济 family account",
    "现金 cash", "其中刷卡 of it by card", "经办 clerk",
)  # fmt: skip


def as_csv(day: Day) -> bytes:
    """Every settlement and reversal, for a spreadsheet (UTF-8 with its mark)."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_HEADINGS)
    for row in day.rows:
        # Numbers are longer than a spreadsheet keeps: as text they stay whole.
        writer.writerow(
            [
                f"{row.settled_at:%Y-%m-%d %H:%M:%S}", f"\t{row.settlement_id}",
                f"\t{row.reverses}" if row.reverses else "", CARE_NAMES[CARE_OF[row.care_code][1]].zh,
                row.insurance, row.insured_region,
                *(
                    format_yuan(one)
                    for one in (
                        row.total, row.funds, row.account, row.family, row.cash,
                        row.cash if row.settlement_id in day.by_card else 0,
                    )
                ),
                sheets.cell(row.operator),
            ]
        )  # fmt: skip
    return b"\xef\xbb\xbf" + out.getvalue().encode()


INSURANCE_SHORT: Final = {
    "310": Text("职工医保", "employees"), "390": Text("居民医保", "residents"),
}  # fmt: skip


def group_name(insurance: str, care: str) -> Text:
    """What a group of sums is of."""
    of_care, of_insurance = CARE_NAMES[care], INSURANCE_SHORT[insurance]  # pyright: ignore[reportArgumentType]
    return Text(f"{of_insurance.zh} {of_care.zh}", f"{of_insurance.en}, {of_care.en}")


async def as_pdf(day: Day, clerk: Clerk, made_at: datetime) -> bytes:
    """The day on a page to be signed."""
    provider = clerk.provider

    def both(text: Text) -> str:
        return f"{text.zh} {text.en}"

    def row(name: str, one: Sums) -> list[str]:
        amounts = (one.total, one.funds, one.account + one.family, one.drawer, one.by_card)
        return [name, f"{one.settled} / {one.reversed}", *map(format_yuan_grouped, amounts)]

    period = f"{day.since}" if day.since == day.until else f"{day.since} – {day.until}"
    agrees = (
        Text("一致", "agree")
        if not day.differences
        else Text(f"{len(day.differences)} 处不一致", f"{len(day.differences)} differences")
    )
    facts: list[tuple[Text, str]] = [
        (Text("医药机构", "Provider"), f"{provider.name} {provider.provider_code}"),
        (Text("地区", "Place"), regions.full_name(provider.region)),
        (Text("日期", "Days"), period),
        (Text("应有现金", "Cash to count"), format_yuan_grouped(day.all.drawer)),
        (Text("工作台与平台", "Desk and platform"), both(agrees)),
    ]
    return await asyncio.to_thread(
        pdf.document,
        title=Text("医保结算日报", "Day totals"),
        facts=facts,
        header=["项目 Item", "结算/撤销 Settled/reversed", "总额 Total", "基金 Funds",
                "账户 Accounts", "现金 Cash", "刷卡 Card"],
        rows=[
            *[row(both(group_name(insurance, care)), one) for insurance, care, one in day.groups],
            row("合计 All", day.all),
            ["清点人签字 Signature", "", "", "", "", "", ""],
        ],
        right=(1, 2, 3, 4, 5, 6),
        made_at=made_at,
        note=Text(
            "基金和个人账户部分由医保经办机构与本机构结算；撤销的金额为负，计在撤销当天。",
            "Funds and accounts are paid by the agency; a reversal counts negative, on its own day.",
        ),
    )  # fmt: skip


def shown(rows: Iterable[BookRow], page: int, size: int) -> list[BookRow]:
    """The newest first, a page of them."""
    newest = list(rows)[::-1]
    return newest[page * size : (page + 1) * size]
